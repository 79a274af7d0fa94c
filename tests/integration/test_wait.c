/*
 * Calls that wait: what a host language may do around them (hooks), how they are cancelled, and that waiting costs nothing.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* What a host language would note. */
struct host {
    int before;
    int after;
    int asked;
    int asks_until_stop; /* 0: never stops */
    bool asleep;
    bool wrong; /* asked, or asleep twice, while asleep */
};

static void note_before(void *arg)
{
    struct host *host = arg;
    host->wrong = host->wrong || host->asleep;
    host->asleep = true;
    host->before++;
}

static void note_after(void *arg)
{
    struct host *host = arg;
    host->wrong = host->wrong || !host->asleep;
    host->asleep = false;
    host->after++;
}

static int note_interrupted(void *arg)
{
    struct host *host = arg;
    host->wrong = host->wrong || host->asleep;
    return ++host->asked == host->asks_until_stop;
}

static ipc_wait_hooks hooks_of(struct host *host, int asks_until_stop)
{
    *host = (struct host){.asks_until_stop = asks_until_stop};
    return (ipc_wait_hooks){note_before, note_after, note_interrupted, host};
}

static void expect_well(const struct host *host)
{
    CHECK(!host->wrong && !host->asleep);
    CHECK_INT(host->before, host->after);
}

/* ---- hooks ---- */

static void test_wait__hooks_stand_around_every_sleep(void **state)
{
    struct host host;
    ipc_wait_hooks hooks = hooks_of(&host, 0);
    CHECK(ipc_set_wait_hooks(&hooks) == NULL);
    user me = user_of(*state, "jobs", true, 5);
    CHECK(host.before > 0); /* connecting waits */
    expect_well(&host);
    put_numbers(me.queue, 1, 3);
    expect_numbers(me.queue, 1, 3);
    int64_t number;
    int asked = host.asked;
    CHECK_ERR(get_number(me.queue, 350, &number), IPC_EEMPTY);
    CHECK(host.asked - asked >= 2); /* at least every 100 ms */
    CHECK_ERR(ipc_queue_join(me.queue, 50), IPC_ETIMEOUT);
    user_leave(&me);
    expect_well(&host);
    CHECK(ipc_set_wait_hooks(NULL) == &hooks);
}

static void test_wait__a_call_that_need_not_sleep_asks_nobody(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    put_numbers(me.queue, 1, 2);
    expect_numbers(me.queue, 1, 1);
    EVENTUALLY(size_of(me.queue) == 1);
    struct host host;
    ipc_wait_hooks hooks = hooks_of(&host, 0);
    ipc_set_wait_hooks(&hooks);
    CHECK_OK(put_number(me.queue, 3, 0)); /* unbounded: on its way */
    CHECK_INT(host.before, 0);
    ipc_set_wait_hooks(NULL);
    user_leave(&me);
}

/* ---- cancelled calls ---- */

static void test_wait__a_cancelled_call_returns_soon(void **state)
{
    user me = user_of(*state, "jobs", true, 1);
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(ipc_pipe_pair(&a, &b, me.conn, NULL));
    put_numbers(me.queue, 1, 1);
    for (int way = 0; way < 5; way++) {
        struct host host;
        ipc_wait_hooks hooks = hooks_of(&host, 1);
        ipc_set_wait_hooks(&hooks);
        int64_t begin = now_ms();
        ipc_queue *empty = way == 0 ? queue_named(me.conn, "empty", false, 0) : NULL;
        host.asked = 0;
        int64_t number;
        ipc_msg *msg;
        bool ready;
        ipc_err err = way == 0   ? get_number(empty, IPC_FOREVER, &number)
                      : way == 1 ? put_number(me.queue, 2, IPC_FOREVER)
                      : way == 2 ? ipc_queue_join(me.queue, IPC_FOREVER)
                      : way == 3 ? ipc_pipe_recv(a, IPC_FOREVER, &msg)
                                 : ipc_pipe_poll(a, IPC_FOREVER, &ready);
        ipc_set_wait_hooks(NULL);
        CHECK_INT(err, IPC_EINTR);
        CHECK(now_ms() - begin < 200 + PROMPT_MS);
        expect_well(&host);
        ipc_queue_free(empty);
    }
    CHECK_INT(size_of(me.queue), 1); /* the put that was cancelled did not get in, and will not */
    expect_numbers(me.queue, 1, 1);
    CHECK_INT(size_of(me.queue), 0);
    put_numbers(me.queue, 3, 3);
    expect_numbers(me.queue, 3, 3);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    user_leave(&me);
}

enum { ITEMS = 300 };

static int always(void *arg)
{
    (void)arg;
    return 1;
}

/* Gets that are cancelled as soon as they sleep: what comes at that moment must not get lost. */
static void test_wait__a_cancelled_get_loses_nothing(void **state)
{
    user producer = user_of(*state, "jobs", false, 0);
    user consumer = user_of(*state, "jobs", false, 0);
    ipc_wait_hooks hooks = {.interrupted = always};
    int64_t taken = 0;
    for (int64_t put = 1; put <= ITEMS; put++) {
        CHECK_OK(put_number(producer.queue, put, 0));
        ipc_set_wait_hooks(&hooks);
        int64_t number;
        ipc_err err = get_number(consumer.queue, put % 3 ? IPC_FOREVER : 1, &number);
        ipc_set_wait_hooks(NULL);
        if (err == IPC_OK) {
            CHECK_INT(number, ++taken);
        } else {
            CHECK(err == IPC_EINTR || err == IPC_EEMPTY);
        }
    }
    expect_numbers(consumer.queue, taken + 1, ITEMS);
    int64_t number;
    CHECK_ERR(get_number(consumer.queue, 0, &number), IPC_EEMPTY);
    user_leave(&producer);
    user_leave(&consumer);
}

/* Puts that wait for room, and are cancelled: each is in, or is not, as its return says. */
static void test_wait__a_cancelled_put_is_in_or_not(void **state)
{
    enum { PUTS = 24 }; /* every other one waits until it is asked, a tenth of a second */
    user producer = user_of(*state, "jobs", false, 1);
    user consumer = user_of(*state, "jobs", false, 1);
    ipc_wait_hooks hooks = {.interrupted = always};
    bool in[PUTS + 1] = {false};
    bool out[PUTS + 1] = {false};
    for (int64_t number = 1; number <= PUTS; number++) {
        ipc_set_wait_hooks(&hooks);
        ipc_err err = put_number(producer.queue, number, IPC_FOREVER);
        ipc_set_wait_hooks(NULL);
        CHECK(err == IPC_OK || err == IPC_EINTR);
        in[number] = err == IPC_OK;
        int64_t got;
        if (number % 2 && get_number(consumer.queue, 0, &got) == IPC_OK) {
            out[got] = true;
        }
    }
    int64_t got;
    while (get_number(consumer.queue, 0, &got) == IPC_OK) {
        out[got] = true;
    }
    CHECK(memcmp(in, out, sizeof in) == 0);
    user_leave(&producer);
    user_leave(&consumer);
}

/* ---- waiting costs nothing ---- */

static double cpu_seconds(pid_t pid)
{
    char path[64];
    unsigned long user_ticks = 0;
    unsigned long system_ticks = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    CHECK(file);
    CHECK(fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user_ticks,
                 &system_ticks) == 2);
    fclose(file);
    return (double)(user_ticks + system_ticks) / (double)sysconf(_SC_CLK_TCK);
}

static void test_wait__idle_sessions_and_hubs_sleep(void **state)
{
    enum { IDLE_MS = 1000 };
    const place *where = *state;
    user waiting = user_of(where, "empty", false, 0);
    user idle = user_of(where, "jobs", false, 0);
    call get;
    call_start_and_block(&get, get_for_ever, waiting.queue);
    put_numbers(idle.queue, 1, 100);
    expect_numbers(idle.queue, 1, 30); /* and has some ahead */
    pid_t hub = place_hub_pid(where);
    double mine = cpu_seconds(getpid());
    double its = hub > 0 ? cpu_seconds(hub) : 0;
    int64_t begin = now_ms();
    struct timespec second = {.tv_sec = IDLE_MS / 1000};
    nanosleep(&second, NULL); /* this thread must not be what costs */
    CHECK(now_ms() - begin >= IDLE_MS);
    CHECK(cpu_seconds(getpid()) - mine < 0.1);
    CHECK((hub > 0 ? cpu_seconds(hub) : 0) - its < 0.1);
    put_numbers(waiting.queue, 1, 1);
    CHECK_OK(call_result(&get, PROMPT_MS));
    user_leave(&waiting);
    user_leave(&idle);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_wait__hooks_stand_around_every_sleep),
        ON_EVERY_LANE(test_wait__a_call_that_need_not_sleep_asks_nobody),
        ON_EVERY_LANE(test_wait__a_cancelled_call_returns_soon),
        ON_EVERY_LANE(test_wait__a_cancelled_get_loses_nothing),
        ON_EVERY_LANE(test_wait__a_cancelled_put_is_in_or_not),
        ON_EVERY_LANE(test_wait__idle_sessions_and_hubs_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
