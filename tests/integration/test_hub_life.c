/*
 * The lives of hubs that programs start when they need them: one for all, as long as it is needed, and nothing left of it.
 * Touches the run directory of the test, and hub programs.
 */
#include "support/items.h"

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

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { PROGRAMS = 16 };
#else
enum { PROGRAMS = 50 };
#endif

/* ---- workers ---- */

/* ADDRESS ("": the default): connects when told, puts one item, says under which address; leaves when its input ends. */
static int program_role(char **args)
{
    say("ready");
    CHECK(listen_for_line());
    ipc_conn *conn;
    CHECK_OK(*args[0] ? ipc_connect(&conn, args[0], NULL) : ipc_conn_default(&conn));
    ipc_queue *queue = queue_named(conn, "jobs", false, 0);
    CHECK_OK(put_number(queue, getpid(), 0));
    CHECK_OK(ipc_queue_flush(queue, DEADLINE_MS));
    say("%s", ipc_conn_address(conn));
    while (listen_for_line()) {
    }
    return 0;
}

/* Its address, into a place of 128 bytes. */
static worker *program_start(const char *address, char *became)
{
    worker *self = worker_start("program", address, NULL);
    worker_expect(self, "ready");
    worker_tell(self, "go");
    const char *heard = worker_hear(self);
    CHECK(heard);
    snprintf(became, 128, "%s", heard);
    return self;
}

/* How many hub programs of an address run. */
static unsigned hub_programs(const char *address)
{
    DIR *proc = opendir("/proc");
    CHECK(proc);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(proc));) {
        char path[300];
        char line[512] = "";
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        FILE *file = atoi(entry->d_name) > 0 ? fopen(path, "r") : NULL;
        size_t length = file ? fread(line, 1, sizeof line - 1, file) : 0;
        if (file) {
            fclose(file);
        }
        const char *second = memchr(line, '\0', length);
        count += second && strcmp(line, "ipc-hub") == 0 && strcmp(second + 1, "--address") == 0 &&
                 strcmp(second + 1 + sizeof "--address", address) == 0;
    }
    closedir(proc);
    return count;
}

/* ---- one for all ---- */

static void test_life__programs_at_once_start_one_hub(void **state)
{
    place *where = *state;
    worker *programs[PROGRAMS];
    for (int i = 0; i < PROGRAMS; i++) {
        programs[i] = worker_start("program", where->address, NULL);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        worker_expect(programs[i], "ready");
    }
    for (int i = 0; i < PROGRAMS; i++) {
        worker_tell(programs[i], "go");
    }
    for (int i = 0; i < PROGRAMS; i++) {
        worker_expect(programs[i], where->address);
    }
    user me = user_of(where, "jobs", false, 0);
    CHECK_INT(size_of(me.queue), PROGRAMS); /* all met in one place */
    EVENTUALLY(hub_programs(where->address) == 1);
    CHECK_INT(run_directory_files(NULL), 3);
    for (int i = 0; i < PROGRAMS; i++) {
        worker_end(programs[i]);
    }
    user_leave(&me);
}

static void test_life__a_named_hub_is_nobodys_child(void **state)
{
    place *where = *state;
    char address[128];
    worker *starter = program_start(where->address, address);
    pid_t hub = hub_pid(where->address);
    CHECK(hub > 0);
    CHECK_INT(getsid(hub), hub); /* Ctrl-C in the starter's terminal is not for it */
    user me = user_of(where, "jobs", false, 0);
    worker_signal(starter, SIGTERM);
    CHECK(worker_hear(starter) == NULL); /* the hub has none of its descriptors: its output ends with it */
    worker_kill(starter);
    CHECK_INT(size_of(me.queue), 1);
    CHECK_INT(hub_pid(where->address), hub);
    user_leave(&me);
}

/* ---- as long as it is needed ---- */

/* A hub program with a short grace, for those who are started from here on. */
static char *use_short_grace(void)
{
    char *real = strdup(getenv("LIBIPC_HUB"));
    char path[128];
    snprintf(path, sizeof path, "%s/hub-with-grace", getenv("XDG_RUNTIME_DIR"));
    FILE *script = fopen(path, "w");
    CHECK(script);
    fprintf(script, "#!/bin/sh\nexec '%s' \"$@\" --grace 200\n", real);
    fclose(script);
    CHECK(chmod(path, 0700) == 0);
    setenv("LIBIPC_HUB", path, 1);
    return real;
}

static void use_long_grace(char *real)
{
    unlink(getenv("LIBIPC_HUB"));
    setenv("LIBIPC_HUB", real, 1);
    free(real);
}

static void test_life__a_named_hub_ends_after_its_grace(void **state)
{
    (void)state;
    char *real = use_short_grace();
    place *where = place_open(LANE_NAMED, NULL);
    user me = user_of(where, "jobs", false, 0);
    put_numbers(me.queue, 1, 3);
    expect_numbers(me.queue, 1, 3);
    pid_t hub = hub_pid(where->address);
    CHECK(hub > 0);
    int64_t begin = now_ms();
    EVENTUALLY(now_ms() - begin > 400); /* longer than its grace: it has a session */
    CHECK_INT(hub_pid(where->address), hub);
    user_leave(&me);
    EVENTUALLY_WITHIN(200 + PROMPT_MS, hub_pid(where->address) == 0 && run_directory_files(NULL) == 0);
    me = user_of(where, "jobs", false, 0); /* a new one for the next who comes */
    CHECK_INT(size_of(me.queue), 0);
    user_leave(&me);
    EVENTUALLY_WITHIN(200 + PROMPT_MS, run_directory_files(NULL) == 0);
    place_close(where);
    use_long_grace(real);
}

static void test_life__a_named_hub_stays_for_what_is_unread(void **state)
{
    (void)state;
    char *real = use_short_grace();
    place *where = place_open(LANE_NAMED, NULL);
    user me = user_of(where, "jobs", false, 0);
    put_numbers(me.queue, 1, 3);
    user_leave(&me);
    pid_t hub = hub_pid(where->address);
    int64_t begin = now_ms();
    EVENTUALLY(now_ms() - begin > 600);
    CHECK_INT(hub_pid(where->address), hub);
    me = user_of(where, "jobs", false, 0);
    expect_numbers(me.queue, 1, 3);
    user_leave(&me);
    EVENTUALLY_WITHIN(200 + PROMPT_MS, hub_pid(where->address) == 0);
    EVENTUALLY_WITHIN(PROMPT_MS, run_directory_files(NULL) == 0);
    place_close(where);
    use_long_grace(real);
}

static void test_life__an_embedded_hub_ends_as_it_was_told(void **state)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.life = IPC_HUB_WHILE_NEEDED;
    options.grace_ms = 100;
    const place *asked = *state;
    place *where = place_open(asked->which, &options);
    user me = user_of(where, "jobs", false, 0);
    user_leave(&me);
    CHECK(worker_hear(where->process) == NULL); /* it ends by itself */
    place_close(where);
}

/* ---- private hubs ---- */

static void test_life__each_program_has_a_hub_of_its_own(void **state)
{
    (void)state;
    char one[128];
    char two[128];
    worker *first = program_start("", one);
    worker *second = program_start("", two);
    CHECK(strcmp(one, two) != 0);
    CHECK_INT(hub_programs(one), 1);
    CHECK_INT(hub_programs(two), 1);
    ipc_conn *guest;
    CHECK_OK(ipc_connect(&guest, two, NULL)); /* others may come, who know the address */
    ipc_conn_free(guest);
    worker_end(first);
    EVENTUALLY_WITHIN(200 + PROMPT_MS, hub_programs(one) == 0);
    CHECK_INT(hub_programs(two), 1);
    worker_end(second);
    EVENTUALLY_WITHIN(200 + PROMPT_MS, run_directory_files(NULL) == 0);
}

static void test_life__a_private_hub_ends_with_a_killed_program(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        char address[128];
        worker *program = program_start("", address);
        CHECK(hub_pid(address) > 0);
        worker_kill(program);
        EVENTUALLY_WITHIN(200 + PROMPT_MS, hub_programs(address) == 0 && run_directory_files(NULL) == 0);
    }
}

struct orphan {
    ipc_queue *queue;
    pid_t parent;
};

static int child_outlives_its_parent(void *arg)
{
    const struct orphan *self = arg;
    ipc_queue *queue = self->queue;
    EVENTUALLY(getppid() != self->parent);
    int64_t begin = now_ms();
    EVENTUALLY(now_ms() - begin > 400); /* longer than a private hub waits without sessions */
    CHECK_OK(put_number(queue, 1, 0));  /* on the hub that its parent started */
    expect_numbers(queue, 1, 1);
    FILE *note = fopen(getenv("ORPHANS_NOTE"), "w");
    CHECK(note);
    fclose(note);
    return 0;
}

/* Leaves a child behind, which uses the parent's private hub. */
static int parent_role(char **args)
{
    (void)args;
    ipc_queue *queue;
    CHECK_OK(ipc_queue_open(&queue, NULL, NULL, NULL));
    struct orphan orphan = {queue, getpid()};
    pid_t child = fork_child(child_outlives_its_parent, &orphan);
    CHECK(child > 0);
    say("forked");
    CHECK(listen_for_line());
    return 0;
}

static void test_life__a_private_hub_stays_for_a_forked_child(void **state)
{
    (void)state;
    if (!FORKS_WORK) {
        skip();
    }
    char note[128];
    snprintf(note, sizeof note, "%s/orphans-note", getenv("XDG_RUNTIME_DIR"));
    setenv("ORPHANS_NOTE", note, 1);
    worker *parent = worker_start("parent", NULL);
    worker_expect(parent, "forked");
    worker_tell(parent, "leave");
    worker_end(parent);
    EVENTUALLY(access(note, F_OK) == 0); /* the child came through */
    EVENTUALLY_WITHIN(200 + PROMPT_MS, run_directory_files(NULL) == 0);
    unlink(note);
}

static void test_life__the_default_address_is_taken_from_the_environment(void **state)
{
    place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    setenv("LIBIPC_ADDRESS", where->address, 1);
    char address[128];
    worker *program = program_start("", address);
    unsetenv("LIBIPC_ADDRESS");
    CHECK(strcmp(address, where->address) == 0);
    CHECK_INT(size_of(me.queue), 1);
    worker_end(program);
    user_leave(&me);
}

static void test_life__the_default_connection_is_one(void **state)
{
    (void)state;
    ipc_conn *one;
    ipc_conn *two;
    CHECK_OK(ipc_conn_default(&one));
    CHECK_OK(ipc_conn_default(&two));
    CHECK(one == two);
    ipc_queue *queue;
    CHECK_OK(ipc_queue_open(&queue, NULL, "jobs", NULL));
    put_numbers(queue, 1, 3);
    ipc_conn_close(one); /* by somebody: the next gets a new one, on the same hub or a new one */
    CHECK_ERR(put_number(queue, 1, 0), IPC_ECLOSED);
    ipc_queue_free(queue);
    ipc_conn_free(one);
    ipc_conn_free(two);
    CHECK_OK(ipc_queue_open(&queue, NULL, "jobs", NULL));
    put_numbers(queue, 7, 7);
    ipc_queue_free(queue);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"program", program_role}, {"parent", parent_role}};
    worker_begin(argc, argv, roles, 3);
    const struct CMUnitTest tests[] = {
        ON_LANE(test_life__programs_at_once_start_one_hub, named),
        ON_LANE(test_life__a_named_hub_is_nobodys_child, named),
        cmocka_unit_test(test_life__a_named_hub_ends_after_its_grace),
        cmocka_unit_test(test_life__a_named_hub_stays_for_what_is_unread),
        BETWEEN_PROCESSES(test_life__an_embedded_hub_ends_as_it_was_told),
        cmocka_unit_test(test_life__each_program_has_a_hub_of_its_own),
        cmocka_unit_test(test_life__a_private_hub_ends_with_a_killed_program),
        cmocka_unit_test(test_life__a_private_hub_stays_for_a_forked_child),
        BETWEEN_PROCESSES(test_life__the_default_address_is_taken_from_the_environment),
        cmocka_unit_test(test_life__the_default_connection_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
