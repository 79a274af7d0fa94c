/*
 * Descriptors of handles, and waiting for one of several things.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static int fd_of(ipc_queue *queue)
{
    int fd;
    CHECK_OK(ipc_queue_fd(queue, &fd));
    CHECK(fd >= 0);
    return fd;
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, timeout_ms) == 1;
}

/* ---- descriptors ---- */

static void test_fd__tells_of_items_until_they_are_taken(void **state)
{
    user producer = user_of(*state, "q", false, 0);
    user consumer = user_of(*state, "q", false, 0);
    int fd = fd_of(consumer.queue);
    CHECK_INT(fd, fd_of(consumer.queue));
    CHECK(!readable(fd, 50));
    for (int64_t number = 1; number <= 20; number++) {
        CHECK_OK(put_number(producer.queue, number, 0));
        CHECK(readable(fd, DEADLINE_MS));
        CHECK(readable(fd, 0)); /* by level, not by edge */
        expect_numbers(consumer.queue, number, number);
        EVENTUALLY(!readable(fd, 0));
    }
    user_leave(&producer);
    user_leave(&consumer);
}

struct feeder {
    ipc_queue *queue;
    int64_t last;
    atomic_int_least64_t wanted;
};

/* One item after the other, each when it is wanted. */
static ipc_err feed(void *arg)
{
    struct feeder *self = arg;
    for (int64_t number = 1; number <= self->last; number++) {
        while (atomic_load(&self->wanted) < number) {
            sched_yield();
        }
        ipc_err err = put_number(self->queue, number, IPC_FOREVER);
        if (err) {
            return err;
        }
    }
    return IPC_OK;
}

/* Who takes at once is often faster than the hub, which then says of what is gone that it is there. */
static void test_fd__is_not_readable_where_nothing_was_found(void **state)
{
    user producer = user_of(*state, "q", false, 0);
    user consumer = user_of(*state, "q", false, 0);
    int fd = fd_of(consumer.queue);
    struct feeder feeder = {.queue = producer.queue, .last = 2000};
    call feeding;
    call_start(&feeding, feed, &feeder);
    for (int64_t number = 1; number <= feeder.last; number++) {
        int64_t none;
        atomic_store(&feeder.wanted, number);
        expect_numbers(consumer.queue, number, number);
        CHECK_ERR(get_number(consumer.queue, 0, &none), IPC_EEMPTY);
        CHECK(!readable(fd, 0));
    }
    CHECK_OK(call_result(&feeding, DEADLINE_MS));
    user_leave(&producer);
    user_leave(&consumer);
}

static void test_fd__who_only_waits_keeps_nothing_from_others(void **state)
{
    user watcher = user_of(*state, "q", false, 0);
    user other = user_of(*state, "q", false, 0);
    int fd = fd_of(watcher.queue);
    CHECK_OK(put_number(other.queue, 1, 0));
    CHECK(readable(fd, DEADLINE_MS));
    int64_t number;
    CHECK_OK(get_number(other.queue, 0, &number)); /* recalled */
    EVENTUALLY(!readable(fd, 0));
    CHECK_ERR(get_number(watcher.queue, 0, &number), IPC_EEMPTY);
    CHECK_OK(put_number(other.queue, 2, 0)); /* it waits on */
    CHECK(readable(fd, DEADLINE_MS));
    user_leave(&watcher);
    user_leave(&other);
}

static void test_fd__what_lies_longer_than_its_validity_still_shows(void **state)
{
    user me = user_of(*state, "q", false, 0);
    int fd = fd_of(me.queue);
    CHECK_OK(put_number(me.queue, 1, 0));
    CHECK(readable(fd, DEADLINE_MS));
    int64_t end = now_ms() + 2500;
    while (now_ms() < end) {
        CHECK(readable(fd, DEADLINE_MS));
        pause_briefly();
    }
    expect_numbers(me.queue, 1, 1);
    user_leave(&me);
}

static void test_fd__tells_of_ends(void **state)
{
    user me = user_of(*state, "q", false, 0);
    user shut = user_of(*state, "shut", false, 0);
    int fd = fd_of(me.queue);
    int shut_fd = fd_of(shut.queue);
    CHECK(!readable(fd, 0));
    CHECK_OK(ipc_queue_shutdown(shut.queue, IPC_SHUTDOWN_DRAIN));
    CHECK(readable(shut_fd, DEADLINE_MS));
    int64_t number;
    CHECK_ERR(get_number(shut.queue, 0, &number), IPC_ESHUTDOWN);
    CHECK_OK(ipc_unlink(me.conn, "q"));
    CHECK(readable(fd, DEADLINE_MS));
    CHECK_ERR(get_number(me.queue, 0, &number), IPC_EDELETED);
    user_leave(&me);
    user_leave(&shut);
}

static void test_fd__a_lost_hub_shows_and_a_new_one_is_waited_on(void **state)
{
    place *where = *state;
    user me = user_of(where, "q", false, 0);
    int fd = fd_of(me.queue);
    kill(place_hub_pid(where), SIGKILL);
    CHECK(readable(fd, DEADLINE_MS));
    int64_t number;
    CHECK_ERR(get_number(me.queue, 0, &number), IPC_ELOST);
    CHECK_ERR(get_number(me.queue, 0, &number), IPC_EEMPTY); /* connected anew, to a new hub */
    EVENTUALLY(!readable(fd, 0));
    user other = user_of(where, "q", false, 0);
    CHECK_OK(put_number(other.queue, 3, 0));
    CHECK(readable(fd, DEADLINE_MS));
    expect_numbers(me.queue, 3, 3);
    user_leave(&me);
    user_leave(&other);
}

static int child_waits(void *arg)
{
    ipc_queue *queue = arg;
    int fd = fd_of(queue);
    CHECK(readable(fd, DEADLINE_MS));
    expect_numbers(queue, 1, 1);
    CHECK_INT(size_of(queue), 0); /* and the hub knows that it was taken */
    return 0;
}

static void test_fd__a_forked_child_has_its_own(void **state)
{
    if (!FORKS_WORK) {
        skip();
    }
    user me = user_of(*state, "q", false, 0);
    int fd = fd_of(me.queue);
    pid_t child = fork_child(child_waits, me.queue);
    user other = user_of(*state, "q", false, 0);
    EVENTUALLY(put_number(other.queue, 1, 0) == IPC_OK);
    child_succeeds(child);
    EVENTUALLY(!readable(fd, 0));
    user_leave(&me);
    user_leave(&other);
}

/* ---- several ---- */

static void test_wait__finds_what_is_ready(void **state)
{
    user one = user_of(*state, "one", false, 0);
    user two = user_of(*state, "two", false, 0);
    ipc_pipe *a;
    ipc_pipe *b;
    int ends[2];
    CHECK_OK(ipc_pipe_pair(&a, &b, one.conn, NULL));
    CHECK_INT(pipe(ends), 0);
    ipc_waitable things[] = {{.queue = one.queue}, {.queue = two.queue}, {.pipe = a}, {.fd = ends[0]}};
    size_t ready = 9;
    CHECK_OK(ipc_wait(things, 4, 0, &ready));
    CHECK_INT(ready, 0);
    int64_t before = now_ms();
    CHECK_OK(ipc_wait(things, 4, 60, &ready));
    CHECK(ready == 0 && now_ms() - before >= 59);

    CHECK_OK(put_number(two.queue, 1, 0));
    CHECK_OK(ipc_wait(things, 4, DEADLINE_MS, &ready));
    CHECK(ready == 1 && things[1].ready && !things[0].ready && !things[2].ready && !things[3].ready);
    expect_numbers(two.queue, 1, 1);

    CHECK_OK(send_number(b, 2));
    CHECK_OK(ipc_wait(things, 4, DEADLINE_MS, NULL));
    CHECK(things[2].ready && !things[1].ready);
    expect_received(a, 2);
    CHECK_INT(write(ends[1], "x", 1), 1);
    CHECK_OK(ipc_wait(things, 4, DEADLINE_MS, &ready));
    CHECK(ready == 1 && things[3].ready);
    ipc_pipe_close(b); /* the end is something, too */
    CHECK_OK(ipc_wait(things, 3, DEADLINE_MS, &ready));
    CHECK(ready == 1 && things[2].ready);
    close(ends[0]);
    close(ends[1]);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    user_leave(&one);
    user_leave(&two);
}

static void test_wait__what_cannot_be_waited_for(void **state)
{
    user me = user_of(*state, "q", false, 0);
    ipc_pipe *a;
    ipc_pipe *b;
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.simplex = true;
    CHECK_OK(ipc_pipe_pair(&a, &b, me.conn, &options));
    size_t ready;
    CHECK_ERR(ipc_wait(&(ipc_waitable){.pipe = b}, 1, 0, &ready), IPC_EPERM);
    CHECK_ERR(ipc_wait(&(ipc_waitable){.fd = -1}, 1, 0, &ready), IPC_EINVAL);
    CHECK_ERR(ipc_wait(&(ipc_waitable){.fd = 987654}, 1, 0, &ready), IPC_EINVAL);
    CHECK_WORDS("987654");
    CHECK_ERR(ipc_wait(NULL, 1, 0, &ready), IPC_EINVAL);
    CHECK_OK(ipc_wait(NULL, 0, 0, &ready));
    ipc_queue_close(me.queue);
    CHECK_ERR(ipc_wait(&(ipc_waitable){.queue = me.queue}, 1, 0, &ready), IPC_ECLOSED);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    user_leave(&me);
}

static void test_wait__an_earlier_puts_error_is_left_to_the_handle(void **state)
{
    (void)state;
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.max_memory = 1000;
    place *where = place_open(LANE_NAMED, &options);
    user me = user_of(where, "q", false, 0);
    user idle = user_of(where, "idle", false, 0);
    ipc_msg *big = pattern(2000, 1);
    CHECK_OK(ipc_queue_put(me.queue, big, 0));
    ipc_msg_free(big);
    ipc_waitable things[] = {{.queue = idle.queue}, {.queue = me.queue}};
    size_t ready;
    CHECK_OK(ipc_wait(things, 2, DEADLINE_MS, &ready));
    CHECK(ready == 1 && things[1].ready);
    CHECK_ERR(ipc_queue_flush(me.queue, DEADLINE_MS), IPC_EMEMORY);
    CHECK_OK(ipc_wait(things, 2, 0, &ready));
    CHECK_INT(ready, 0);
    user_leave(&me);
    user_leave(&idle);
    place_close(where);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_fd__tells_of_items_until_they_are_taken),
        ON_EVERY_LANE(test_fd__is_not_readable_where_nothing_was_found),
        ON_EVERY_LANE(test_fd__who_only_waits_keeps_nothing_from_others),
        ON_LANE(test_fd__what_lies_longer_than_its_validity_still_shows, named),
        ON_EVERY_LANE(test_fd__tells_of_ends),
        ON_LANE(test_fd__a_lost_hub_shows_and_a_new_one_is_waited_on, named),
        ON_LANE(test_fd__a_forked_child_has_its_own, named),
        ON_EVERY_LANE(test_wait__finds_what_is_ready),
        ON_LANE(test_wait__what_cannot_be_waited_for, named),
        cmocka_unit_test(test_wait__an_earlier_puts_error_is_left_to_the_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
