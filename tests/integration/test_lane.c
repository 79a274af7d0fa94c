/*
 * Lanes: which one a session has, who chooses, what it costs a client, and what is left of it after forks, other programs
 * and deaths. These tests choose lanes themselves, whatever LIBIPC_LANE said.
 * Touches LIBIPC_LANE, hubs of its own, and workers, which it kills.
 */
#include "support/call.h"
#include "support/items.h"
#include "support/os.h"
#include "support/refuse.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* What a session of shared memory may keep open: its control socket, and descriptors to wake and to be woken. */
enum { SESSION_FDS = 8 };

enum { LARGE = 5000 };

static const char session_memory[] = "memfd:libipc-session";
static const char segment_memory[] = "memfd:libipc-segment";
static const char any_memory[] = "memfd:libipc";

/* NULL: as if nobody had chosen. */
static void choose(const char *name)
{
    if (name) {
        setenv("LIBIPC_LANE", name, 1);
    } else {
        unsetenv("LIBIPC_LANE");
    }
}

static user user_on(const char *name, const place *where, const char *queue, bool joinable)
{
    choose(name);
    return user_of(where, queue, joinable, 0);
}

static int64_t stat_of(ipc_conn *conn, const char *key)
{
    ipc_msg *stat;
    CHECK_OK(ipc_stat(conn, &stat));
    int64_t number = -1;
    CHECK_OK(ipc_unpack(stat, "{s:I}", key, &number));
    ipc_msg_free(stat);
    return number;
}

/* The one session that the hub has goes over this lane. */
static void expect_lane(ipc_conn *conn, const char *name)
{
    EVENTUALLY(stat_of(conn, "sessions") == 1);
    ipc_msg *stat;
    CHECK_OK(ipc_stat(conn, &stat));
    const char *got;
    CHECK_OK(ipc_unpack(stat, "{s:[{s:s}]}", "who", "lane", &got));
    if (strcmp(got, name) != 0) {
        check_fail(__FILE__, __LINE__, "the session has the lane %s, not %s", got, name);
    }
    ipc_msg_free(stat);
}

static void put_large(ipc_queue *queue)
{
    ipc_msg *large = pattern(LARGE, 1);
    CHECK_OK(ipc_queue_put(queue, large, DEADLINE_MS));
    ipc_msg_free(large);
}

/* Small and large values, there and back; in any order, as some may have been on their way to others. */
static void expect_to_work(ipc_queue *queue)
{
    put_numbers(queue, 1, 100);
    expect_each(queue, 1, 100, DEADLINE_MS);
    put_large(queue);
    ipc_msg *item = take(queue);
    CHECK(is_pattern(item, LARGE, 1));
    ipc_msg_free(item);
}

static void await_end(void)
{
    while (listen_for_line()) {
    }
}

/* How much a process has open that could outlive it. */
static unsigned files_with_names(pid_t pid)
{
    return fds_named(pid, "/tmp/") + fds_named(pid, "/dev/shm/") + mappings_of(pid, "/dev/shm/");
}

/* ---- what it costs ---- */

/* ADDRESS: a client that has done everything once. Its threads, descriptors and mappings are looked at from inside. */
static int client_role(char **args)
{
    enum { MORE = 50 };
    unsigned threads = running_threads();
    unsigned fds = open_fds();
    unsigned names = files_with_names(getpid());
    choose("shm");
    user me;
    CHECK_OK(ipc_connect(&me.conn, args[0], NULL));
    me.queue = queue_named(me.conn, "jobs", false, 0);
    expect_to_work(me.queue);
    CHECK_INT(files_with_names(getpid()), names);
    CHECK_INT(running_threads(), threads);
    unsigned with_session = open_fds();
    CHECK(with_session > fds && with_session <= fds + SESSION_FDS);
    for (int i = 0; i < MORE; i++) {
        ipc_queue *more;
        CHECK_OK(ipc_queue_open(&more, me.conn, NULL, NULL));
        put_numbers(more, 1, 1);
        expect_numbers(more, 1, 1);
    }
    CHECK_INT(open_fds(), with_session);
    CHECK_INT(running_threads(), threads);
    CHECK(mappings_of(getpid(), session_memory) > 0 && mappings_of(getpid(), segment_memory) > 0);
    say("done");
    await_end();
    return 0;
}

static void test_lane__shm_costs_no_thread_and_few_descriptors(void **state)
{
    const place *where = *state;
    worker *client = worker_start("client", where->address, NULL);
    worker_expect(client, "done");
    pid_t hub = place_hub_pid(where);
    CHECK(hub > 0 && hub != worker_pid(client) && hub != getpid());
    CHECK(mappings_of(hub, session_memory) > 0);
    worker_end(client);
}

/* ---- who chooses, and who is told ---- */

static void test_lane__is_shm_where_nobody_chose(void **state)
{
    user me = user_on(NULL, *state, "jobs", false);
    expect_lane(me.conn, "shm");
    user_leave(&me);
    me = user_on("auto", *state, "jobs", false);
    expect_lane(me.conn, "shm");
    user_leave(&me);
}

static void test_lane__is_the_one_that_was_chosen(void **state)
{
    for (int i = 0; i < 4; i++) {
        const char *name = i % 2 ? "shm" : "zmq";
        user me = user_on(name, *state, "jobs", false);
        expect_to_work(me.queue);
        expect_lane(me.conn, name);
        user_leave(&me);
    }
}

static void test_lane__is_shown_to_those_who_look(void **state)
{
    user one = user_on("shm", *state, "jobs", false);
    user two = user_on("zmq", *state, "jobs", false);
    ipc_msg *looked;
    const char *lanes[2];
    CHECK_OK(ipc_stat(one.conn, &looked));
    CHECK_OK(ipc_unpack(looked, "{s:[{s:s},{s:s}]}", "who", "lane", &lanes[0], "lane", &lanes[1]));
    CHECK(strcmp(lanes[0], "shm") == 0 && strcmp(lanes[1], "zmq") == 0);
    ipc_msg_free(looked);
    CHECK_OK(ipc_info(two.conn, "jobs", &looked));
    CHECK_OK(ipc_unpack(looked, "{s:[{s:s},{s:s}]}", "holders", "lane", &lanes[0], "lane", &lanes[1]));
    CHECK(strcmp(lanes[0], lanes[1]) != 0);
    ipc_msg_free(looked);
    user_leave(&one);
    user_leave(&two);
}

static void test_lane__sessions_are_counted(void **state)
{
    user one = user_on("shm", *state, "jobs", false);
    user two = user_on("shm", *state, "jobs", false);
    user three = user_on("zmq", *state, "jobs", false);
    CHECK_INT(stat_of(one.conn, "shm_sessions"), 2);
    CHECK_INT(stat_of(three.conn, "zmq_sessions"), 1);
    user_leave(&two);
    EVENTUALLY(stat_of(one.conn, "shm_sessions") == 1);
    user_leave(&one);
    user_leave(&three);
}

/* The lanes of two sessions make no difference to what passes between them. */
static void test_lane__both_meet_in_a_queue(void **state)
{
    user one = user_on("shm", *state, "jobs", false);
    user two = user_on("zmq", *state, "jobs", false);
    for (int round = 0; round < 2; round++) {
        ipc_queue *from = round ? two.queue : one.queue;
        ipc_queue *to = round ? one.queue : two.queue;
        put_numbers(from, 1, 1000);
        expect_each(to, 1, 1000, DEADLINE_MS);
        put_large(from);
        ipc_msg *item = take(to);
        CHECK(is_pattern(item, LARGE, 1));
        ipc_msg_free(item);
    }
    user_leave(&one);
    user_leave(&two);
}

/* It has memory of its own, which is as large as memory that is written again and again: the hub tells them apart. */
static void test_lane__a_value_of_the_size_of_a_segment(void **state)
{
    enum { SEGMENT = 64 * 1024 * 1024, HEAD = 5 };
    user me = user_on("shm", *state, "jobs", false);
    ipc_msg *huge = pattern(SEGMENT - HEAD, 1);
    size_t length;
    ipc_msg_bytes(huge, &length);
    CHECK_INT(length, SEGMENT);
    CHECK_OK(ipc_queue_put(me.queue, huge, DEADLINE_MS));
    ipc_msg_free(huge);
    ipc_msg *item = take(me.queue);
    CHECK(is_pattern(item, SEGMENT - HEAD, 1));
    ipc_msg_free(item);
    expect_to_work(me.queue);
    user_leave(&me);
}

static void test_lane__a_name_that_is_none(void **state)
{
    const place *where = *state;
    ipc_conn *conn;
    choose("bogus");
    CHECK_ERR(ipc_connect(&conn, where->address, NULL), IPC_EINVAL);
    CHECK_WORDS("LIBIPC_LANE");
    CHECK_WORDS("bogus");
    choose(NULL);
}

static void test_lane__shm_does_not_leave_its_host(void **state)
{
    const place *where = *state; /* over TCP */
    ipc_conn *conn;
    choose("shm");
    CHECK_ERR(ipc_connect(&conn, where->address, NULL), IPC_ELANE);
    CHECK(*ipc_last_error());
    user me = user_on(NULL, where, "jobs", false);
    expect_lane(me.conn, "zmq");
    user_leave(&me);
}

/* ---- where there is no memory ---- */

/* PROGRAM ARG...: becomes a hub that can't make memory files. */
static int poor_hub_role(char **args)
{
    refuse_memfd();
    execv(args[0], args);
    return CHILD_FAILED;
}

/* ADDRESS: a client that can't map them. */
static int poor_client_role(char **args)
{
    refuse_shared_mappings();
    choose("shm");
    ipc_conn *conn;
    CHECK_ERR(ipc_connect(&conn, args[0], NULL), IPC_ELANE);
    choose(NULL);
    CHECK_OK(ipc_connect(&conn, args[0], NULL));
    ipc_queue *queue = queue_named(conn, "jobs", false, 0);
    expect_to_work(queue);
    expect_lane(conn, "zmq");
    ipc_queue_free(queue);
    ipc_conn_free(conn);
    return 0;
}

/* A script that starts the hub program as a poor one. The program that it was before is the caller's to free. */
static char *use_poor_hub(void)
{
    char *real = strdup(getenv("LIBIPC_HUB"));
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(real && length > 0);
    self[length] = '\0';
    char path[128];
    snprintf(path, sizeof path, "%s/poor-hub", getenv("XDG_RUNTIME_DIR"));
    FILE *script = fopen(path, "w");
    CHECK(script);
    fprintf(script, "#!/bin/sh\nexec '%s' --worker 'poor hub' '%s' \"$@\"\n", self, real);
    fclose(script);
    CHECK(chmod(path, 0700) == 0);
    setenv("LIBIPC_HUB", path, 1);
    return real;
}

static void test_lane__a_hub_without_memory_files(void **state)
{
    const place *where = *state; /* nobody has started it yet */
    char *real = use_poor_hub();
    user me = user_on(NULL, where, "jobs", false);
    unlink(getenv("LIBIPC_HUB"));
    setenv("LIBIPC_HUB", real, 1);
    free(real);
    expect_to_work(me.queue);
    expect_lane(me.conn, "zmq");
    ipc_conn *conn;
    choose("shm");
    CHECK_ERR(ipc_connect(&conn, where->address, NULL), IPC_ELANE);
    CHECK(*ipc_last_error());
    EVENTUALLY(stat_of(me.conn, "sessions") == 1);
    CHECK_INT(mappings_of(place_hub_pid(where), any_memory), 0);
    user_leave(&me);
}

static void test_lane__a_client_that_cannot_map(void **state)
{
    const place *where = *state;
    worker *client = worker_start("poor client", where->address, NULL);
    worker_end(client);
}

/* ---- what is left ---- */

static unsigned entries_of(const char *path)
{
    DIR *dir = opendir(path);
    CHECK(dir);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        count += *entry->d_name != '.';
    }
    closedir(dir);
    return count;
}

static void test_lane__nothing_is_left_where_all_are_killed(void **state)
{
    const place *where = *state;
    const char *base = getenv("XDG_RUNTIME_DIR");
    worker *client = worker_start("client", where->address, NULL);
    worker_expect(client, "done");
    pid_t hub = place_hub_pid(where);
    CHECK_INT(files_with_names(hub), fds_named(hub, base)); /* nowhere else */
    unsigned entries = entries_of(base);
    unsigned files = run_directory_files(NULL);
    CHECK_INT(files, run_directory_files(where->address)); /* the hub's own, of any lane */
    CHECK_INT(kill(hub, SIGKILL), 0);
    worker_kill(client);
    EVENTUALLY(place_hub_pid(where) == 0);
    CHECK_INT(entries_of(base), entries);
    CHECK(run_directory_files(NULL) <= files);
    user me = user_on("shm", where, "jobs", false); /* and it is in nobody's way */
    expect_to_work(me.queue);
    user_leave(&me);
}

static void test_lane__a_hub_keeps_nothing_of_killed_clients(void **state)
{
    enum { CLIENTS = 10, HUBS_OWN = 4 }; /* that it may have opened for itself, once */
    const place *where = *state;
    user me = user_on("shm", where, "jobs", false);
    expect_to_work(me.queue);
    pid_t hub = place_hub_pid(where);
    unsigned fds = fds_of(hub);
    unsigned mappings = mappings_of(hub, any_memory);
    for (int i = 0; i < CLIENTS; i++) {
        worker *client = worker_start("client", where->address, NULL);
        worker_expect(client, "done");
        CHECK(mappings_of(hub, any_memory) > mappings);
        worker_kill(client);
    }
    EVENTUALLY(mappings_of(hub, any_memory) <= mappings + HUBS_OWN && fds_of(hub) <= fds + HUBS_OWN);
    expect_to_work(me.queue);
    user_leave(&me);
}

/* ADDRESS: takes an item, and says how many descriptors it had before; when told, becomes another program. */
static int changeling_role(char **args)
{
    unsigned fds = open_fds();
    choose("shm");
    user me;
    CHECK_OK(ipc_connect(&me.conn, args[0], NULL));
    me.queue = queue_named(me.conn, "jobs", true, 0);
    put_large(me.queue);
    ipc_msg_free(take(me.queue));
    size_of(me.queue); /* now the hub knows that it was taken */
    say("taken %u", fds);
    listen_for_line();
    execlp("sleep", "sleep", "60", (char *)NULL);
    return CHILD_FAILED;
}

static void test_lane__another_program_has_nothing_of_it(void **state)
{
    const place *where = *state;
    user me = user_on("shm", where, "jobs", true);
    worker *changeling = worker_start("changeling", where->address, NULL);
    long long fds = worker_expect_number(changeling, "taken");
    pid_t pid = worker_pid(changeling);
    CHECK(mappings_of(pid, session_memory) > 0 && mappings_of(pid, segment_memory) > 0);
    CHECK_INT(stat_of(me.conn, "sessions"), 2);
    worker_tell(changeling, "go");
    EVENTUALLY(mappings_of(pid, "/sleep") > 0);
    CHECK_INT(mappings_of(pid, any_memory), 0);
    EVENTUALLY(fds_of(pid) == fds); /* the loader has its libraries open, for a moment */
    EVENTUALLY_WITHIN(PROMPT_MS, stat_of(me.conn, "sessions") == 1);
    ipc_msg *item = take(me.queue); /* what it held comes back, whole */
    CHECK(is_pattern(item, LARGE, 1));
    CHECK_INT(ipc_msg_attempt(item), 2);
    CHECK_OK(ipc_queue_done(me.queue, item));
    ipc_msg_free(item);
    CHECK_INT(kill(pid, 0), 0); /* it was there all the time */
    worker_kill(changeling);
    user_leave(&me);
}

/* ---- forks ---- */

struct family {
    user user;
    ipc_queue *words;
    ipc_queue *answers;
};

static int child_answers(void *arg)
{
    struct family *my = arg;
    CHECK_INT(mappings_of(getpid(), any_memory), 0);
    int64_t word;
    CHECK_OK(get_number(my->words, DEADLINE_MS, &word));
    CHECK_OK(put_number(my->answers, -word, DEADLINE_MS));
    put_large(my->answers);
    CHECK_OK(ipc_queue_flush(my->answers, DEADLINE_MS));
    CHECK(mappings_of(getpid(), session_memory) > 0); /* of its own */
    return 0;
}

static struct family family_on_shm(const place *where)
{
    struct family self = {.user = user_on("shm", where, "jobs", false)};
    self.words = queue_named(self.user.conn, "words", false, 0);
    self.answers = queue_named(self.user.conn, "answers", false, 0);
    expect_to_work(self.user.queue); /* it has memory of every kind */
    return self;
}

static void family_leave(struct family *self)
{
    ipc_queue_free(self->words);
    ipc_queue_free(self->answers);
    user_leave(&self->user);
}

static void ask_children(struct family *self)
{
    enum { CHILDREN = 50 };
    for (int64_t word = 1; word <= CHILDREN; word++) {
        pid_t child = fork_child(child_answers, self);
        put_numbers(self->words, word, word);
        expect_numbers(self->answers, -word, -word);
        ipc_msg *item = take(self->answers);
        CHECK(is_pattern(item, LARGE, 1));
        ipc_msg_free(item);
        child_succeeds(child);
    }
    EVENTUALLY(stat_of(self->user.conn, "sessions") == 1);
}

static void test_lane__parent_and_child_have_one_each(void **state)
{
    struct family my = family_on_shm(*state);
    ask_children(&my);
    expect_to_work(my.user.queue);
    family_leave(&my);
}

struct flood {
    ipc_queue *queue;
    atomic_bool stop;
    int64_t put;
};

static ipc_err flood(void *arg)
{
    struct flood *self = arg;
    while (!atomic_load(&self->stop)) {
        ipc_err err = put_number(self->queue, ++self->put, IPC_FOREVER);
        if (err) {
            return err;
        }
    }
    return IPC_OK;
}

static void test_lane__forks_while_another_thread_puts(void **state)
{
    struct family my = family_on_shm(*state);
    struct flood load = {.queue = my.user.queue};
    call flooding;
    call_start(&flooding, flood, &load);
    ask_children(&my);
    atomic_store(&load.stop, true);
    CHECK_OK(call_result(&flooding, DEADLINE_MS));
    CHECK_INT(size_of(my.user.queue), load.put); /* none lost, none twice */
    expect_numbers(my.user.queue, 1, load.put);
    family_leave(&my);
}

/* What processes that share nothing with a hub yet tell each other. */
struct signs {
    const place *where;
    atomic_bool go;
    atomic_int child;
};

static int child_stays(void *arg)
{
    (void)arg;
    while (pause() != 0) { /* until it is killed */
    }
    return 0;
}

/* Is lent a value beyond the end of its connection, and has a child. */
static int parent_borrows(void *arg)
{
    struct signs *signs = arg;
    EVENTUALLY(atomic_load(&signs->go));
    user me = user_of(signs->where, "jobs", false, 0);
    ipc_msg *item;
    CHECK_OK(ipc_queue_get_borrowed(me.queue, DEADLINE_MS, &item));
    ipc_conn_close(me.conn);
    atomic_store(&signs->child, fork_child(child_stays, NULL));
    return child_stays(NULL);
}

/* The hub keeps a session's memory until all that it was lent is given back, or nobody is there who could. */
static void test_lane__a_child_is_lent_nothing(void **state)
{
    const place *where = *state;
    struct signs *signs = shared_memory(sizeof *signs);
    signs->where = where;
    choose("shm");
    pid_t parent = fork_child(parent_borrows, signs);
    user me = user_of(where, "jobs", false, 0);
    ipc_msg *large = pattern(10 * LARGE, 1); /* a smaller one would be copied */
    CHECK_OK(ipc_queue_put(me.queue, large, DEADLINE_MS));
    ipc_msg_free(large);
    CHECK_INT(size_of(me.queue), 1); /* now the hub has all that it needs for that */
    pid_t hub = place_hub_pid(where);
    unsigned sessions = mappings_of(hub, session_memory);
    unsigned fds = fds_of(hub);
    atomic_store(&signs->go, true);
    EVENTUALLY(atomic_load(&signs->child));
    CHECK_INT(mappings_of(hub, session_memory), sessions + 1);
    kill(parent, SIGKILL);
    CHECK_INT(child_status(parent), 128 + SIGKILL);
    EVENTUALLY_WITHIN(PROMPT_MS, mappings_of(hub, session_memory) == sessions && fds_of(hub) == fds);
    CHECK_INT(kill(atomic_load(&signs->child), SIGKILL), 0); /* it was there all the time */
    user_leave(&me);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE,
                                 {"client", client_role},
                                 {"poor hub", poor_hub_role},
                                 {"poor client", poor_client_role},
                                 {"changeling", changeling_role}};
    choose(NULL);
    worker_begin(argc, argv, roles, sizeof roles / sizeof roles[0]);
    const struct CMUnitTest quiet[] = {
        ON_LANE(test_lane__shm_costs_no_thread_and_few_descriptors, named),
        ON_LANE(test_lane__is_shm_where_nobody_chose, named),
        ON_LANE(test_lane__is_the_one_that_was_chosen, named),
        ON_LANE(test_lane__is_shown_to_those_who_look, named),
        ON_LANE(test_lane__sessions_are_counted, named),
        ON_LANE(test_lane__both_meet_in_a_queue, named),
        ON_LANE(test_lane__a_value_of_the_size_of_a_segment, named),
        ON_LANE(test_lane__a_name_that_is_none, named),
        ON_LANE(test_lane__shm_does_not_leave_its_host, tcp),
        ON_LANE(test_lane__a_hub_without_memory_files, named),
        ON_LANE(test_lane__a_client_that_cannot_map, named),
        ON_LANE(test_lane__nothing_is_left_where_all_are_killed, named),
        ON_LANE(test_lane__a_hub_keeps_nothing_of_killed_clients, named),
        ON_LANE(test_lane__another_program_has_nothing_of_it, named),
    };
    const struct CMUnitTest busy[] = {
        ON_LANE(test_lane__parent_and_child_have_one_each, named),
        ON_LANE(test_lane__forks_while_another_thread_puts, named),
        ON_LANE(test_lane__a_child_is_lent_nothing, named),
    };
    int failed = cmocka_run_group_tests(quiet, NULL, NULL);
    return FORKS_WORK ? failed + cmocka_run_group_tests(busy, NULL, NULL) : failed;
}
