/*
 * Connecting and serving: addresses, their errors, the run directory, one hub an address, hubs that come and go.
 * Touches the run directory of the test.
 */
#include "support/items.h"
#include "support/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static ipc_err try_connect(const char *address)
{
    ipc_conn *conn;
    ipc_err err = ipc_connect(&conn, address, NULL);
    if (err) {
        CHECK(conn == NULL);
    }
    ipc_conn_free(conn);
    return err;
}

static ipc_err try_serve(const char *address)
{
    ipc_hub *hub;
    ipc_err err = ipc_hub_start(&hub, address, NULL);
    if (err) {
        CHECK(hub == NULL);
    }
    ipc_hub_free(hub);
    return err;
}

/* ---- addresses ---- */

static void test_connect__what_is_no_address(void **state)
{
    (void)state;
    char long_name[80];
    memset(long_name, 'x', sizeof long_name);
    long_name[65] = '\0';
    const char *const wrong[] = {
        "with space",
        "a/b",
        ".hidden",
        "..",
        "ipc://relative",
        "ipc://",
        "tcp://127.0.0.1",
        "tcp://:5000",
        "tcp://127.0.0.1:port",
        "inproc://",
        "http://127.0.0.1:80",
        long_name,
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_ERR(try_connect(wrong[i]), IPC_EADDRESS);
        CHECK(*ipc_last_error());
        CHECK_ERR(try_serve(wrong[i]), IPC_EADDRESS);
    }
    char long_path[200] = "ipc:///";
    memset(long_path + 7, 'x', 150);
    CHECK_ERR(try_connect(long_path), IPC_EADDRESS);
    CHECK_WORDS("too long for a Unix socket");
    CHECK_ERR(try_serve(""), IPC_EINVAL);
    CHECK_ERR(try_serve(NULL), IPC_EINVAL);
    CHECK_ERR(ipc_connect(NULL, "x", NULL), IPC_EINVAL);
}

static void test_connect__beyond_this_host_is_not_allowed(void **state)
{
    (void)state;
    const char *const far[] = {"tcp://0.0.0.0:5000",     "tcp://192.168.0.1:5000",
                               "tcp://example.org:5000", "tcp://127.0.0.1.example.org:5000",
                               "tcp://*:5000",           "tcp://[::]:5000"};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        CHECK_ERR(try_connect(far[i]), IPC_EPERM);
        CHECK_WORDS("127.0.0.1");
        CHECK_ERR(try_serve(far[i]), IPC_EPERM);
    }
}

static void test_connect__where_nobody_is(void **state)
{
    (void)state;
    const char *const nobody[] = {"inproc://nobody", "ipc:///tmp/nobody/at/all", "ipc:///tmp/nobody",
                                  "tcp://127.0.0.1:1"};
    size_t count = sizeof nobody / sizeof nobody[0] - !tcp_allowed();
    for (size_t i = 0; i < count; i++) {
        ipc_conn *conn;
        ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
        options.connect_timeout_ms = 200;
        int64_t before = now_ms();
        CHECK_ERR(ipc_connect(&conn, nobody[i], &options), IPC_ENOHUB);
        CHECK_WORDS(nobody[i]);
        CHECK(now_ms() - before < 200 + PROMPT_MS);
    }
}

static void test_connect__something_else_listens_there(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage name = {.ss_family = AF_INET};
    socklen_t size = sizeof name;
    CHECK(listen(fd, 5) == 0 && getsockname(fd, (struct sockaddr *)&name, &size) == 0);
    char address[64];
    const unsigned char *port = (const unsigned char *)&name + 2;
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port[0] * 256 + port[1]);
    ipc_conn *conn;
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.connect_timeout_ms = 200;
    int64_t before = now_ms();
    CHECK_ERR(ipc_connect(&conn, address, &options), IPC_ENOHUB);
    CHECK(now_ms() - before < 200 + PROMPT_MS);
    CHECK_ERR(try_serve(address), IPC_EADDRINUSE);
    close(fd);
}

static void test_connect__options_that_are_none(void **state)
{
    (void)state;
    ipc_conn *conn;
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.size = 0;
    CHECK_ERR(ipc_connect(&conn, "x", &options), IPC_EINVAL);
    CHECK_WORDS("IPC_CONN_OPTIONS_INIT");
    ipc_hub *hub;
    ipc_hub_options serve = IPC_HUB_OPTIONS_INIT;
    serve.max_sessions = 0;
    CHECK_ERR(ipc_hub_start(&hub, "x", &serve), IPC_EINVAL);
    serve = (ipc_hub_options)IPC_HUB_OPTIONS_INIT;
    serve.life = (ipc_hub_life)7;
    CHECK_ERR(ipc_hub_start(&hub, "x", &serve), IPC_EINVAL);
    serve.size = sizeof serve + 8;
    CHECK_ERR(ipc_hub_start(&hub, "x", &serve), IPC_EINVAL);
}

/* ---- the hub program ---- */

static void test_connect__a_hub_program_that_cannot_be_run(void **state)
{
    (void)state;
    char *real = strdup(getenv("LIBIPC_HUB"));
    unsigned fds = open_fds();
    setenv("LIBIPC_HUB", "/nowhere/ipc-hub", 1);
    CHECK_ERR(try_connect(fresh_name("hub")), IPC_EHUBPROG);
    CHECK_WORDS("/nowhere/ipc-hub");
    setenv("LIBIPC_HUB", "/bin/true", 1);
    CHECK_ERR(try_connect(fresh_name("hub")), IPC_EHUBPROG);
    CHECK_WORDS("/bin/true");
    setenv("LIBIPC_HUB", "/bin/echo", 1);
    CHECK_ERR(try_connect(fresh_name("hub")), IPC_EHUBPROG);
    setenv("LIBIPC_HUB", real, 1);
    free(real);
    CHECK_INT(run_directory_files(NULL), 0);
    CHECK_INT(open_fds(), fds);
}

/* ---- the run directory ---- */

/* With another run directory, whose libipc is made by hand. */
static ipc_err connect_in(const char *base)
{
    char *real = strdup(getenv("XDG_RUNTIME_DIR"));
    setenv("XDG_RUNTIME_DIR", base, 1);
    ipc_err err = try_connect("demo");
    if (!err) {
        err = try_serve("demo");
    }
    setenv("XDG_RUNTIME_DIR", real, 1);
    free(real);
    return err;
}

static void test_connect__a_run_directory_that_others_could_use(void **state)
{
    (void)state;
    char base[128];
    char dir[160];
    snprintf(base, sizeof base, "%s/other", getenv("XDG_RUNTIME_DIR"));
    snprintf(dir, sizeof dir, "%s/libipc", base);
    CHECK(mkdir(base, 0700) == 0);
    CHECK(mkdir(dir, 0700) == 0);
    static const mode_t open_modes[] = {0755, 0710, 0707, 0777, 01777};
    for (int i = 0; i < 5; i++) {
        CHECK(chmod(dir, open_modes[i]) == 0);
        CHECK_ERR(connect_in(base), IPC_EPERM);
        CHECK_WORDS(dir);
    }
    CHECK(rmdir(dir) == 0);
    CHECK(symlink("/tmp", dir) == 0);
    CHECK_ERR(connect_in(base), IPC_EPERM);
    CHECK(unlink(dir) == 0);
    if (getuid() == 0) {
        CHECK(mkdir(dir, 0700) == 0 && chown(dir, 12345, 12345) == 0);
        CHECK_ERR(connect_in(base), IPC_EPERM);
        CHECK(rmdir(dir) == 0);
    }
    CHECK(rmdir(base) == 0);
}

/* ---- one hub an address ---- */

static void test_hub__a_second_one_is_refused(void **state)
{
    place *first = *state;
    user me = user_of(first, "jobs", false, 0);
    CHECK_ERR(try_serve(first->address), IPC_EADDRINUSE);
    put_numbers(me.queue, 1, 3); /* and the first one took no harm */
    expect_numbers(me.queue, 1, 3);
    ipc_conn *more = connect_to(first);
    ipc_conn_free(more);
    user_leave(&me);
}

static void test_hub__in_this_program_is_found_by_others(void **state)
{
    (void)state;
    const char *name = fresh_name("hub");
    ipc_hub *hub;
    CHECK_OK(ipc_hub_start(&hub, name, NULL));
    CHECK(strcmp(ipc_hub_address(hub), name) == 0);
    CHECK_INT(run_directory_files(name), 3);
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, name, NULL));
    CHECK(strcmp(ipc_conn_address(conn), name) == 0);
    CHECK_INT(hub_pid(name), 0); /* fcntl shows nobody his own locks: it is this process that has it */
    CHECK_ERR(try_serve(name), IPC_EADDRINUSE);
    ipc_conn_free(conn);
    ipc_hub_stop(hub);
    ipc_hub_stop(hub);
    CHECK_INT(run_directory_files(NULL), 0);
    ipc_hub_free(hub);
}

static void test_hub__by_a_path(void **state)
{
    (void)state;
    char address[160];
    snprintf(address, sizeof address, "ipc://%s/by-path", getenv("XDG_RUNTIME_DIR"));
    CHECK_ERR(try_connect(address), IPC_ENOHUB); /* never started by a connect */
    ipc_hub *hub;
    CHECK_OK(ipc_hub_start(&hub, address, NULL));
    CHECK(strcmp(ipc_hub_address(hub), address) == 0);
    CHECK_OK(try_connect(address));
    CHECK_ERR(try_serve(address), IPC_EADDRINUSE);
    ipc_hub_free(hub);
    CHECK_ERR(try_connect(address), IPC_ENOHUB);
    CHECK(access(address + 6, F_OK) != 0);
}

static void test_hub__tcp_takes_a_free_port(void **state)
{
    (void)state;
    ipc_hub *one;
    ipc_hub *two;
    CHECK_OK(ipc_hub_start(&one, "tcp://127.0.0.1:*", NULL));
    CHECK_OK(ipc_hub_start(&two, "tcp://127.0.0.1:*", NULL));
    CHECK(strcmp(ipc_hub_address(one), ipc_hub_address(two)) != 0);
    CHECK(!strchr(ipc_hub_address(one), '*'));
    CHECK_OK(try_connect(ipc_hub_address(one)));
    CHECK_OK(try_connect(ipc_hub_address(two)));
    CHECK_ERR(try_serve(ipc_hub_address(one)), IPC_EADDRINUSE);
    ipc_hub_free(one);
    ipc_hub_free(two);
}

/* An address is free the moment that its hub was stopped, also while libzmq is busy with other connections. */
static void come_and_go(const char *address)
{
    char other_address[64];
    snprintf(other_address, sizeof other_address, "inproc://%s", fresh_name("other"));
    ipc_hub *other;
    CHECK_OK(ipc_hub_start(&other, other_address, NULL));
    ipc_conn *keep;
    CHECK_OK(ipc_connect(&keep, other_address, NULL)); /* libzmq's threads live on */
    for (int round = 0; round < 20; round++) {
        ipc_hub *hub;
        CHECK_OK(ipc_hub_start(&hub, address, NULL));
        ipc_conn *conn;
        int64_t before = now_ms();
        CHECK_OK(ipc_connect(&conn, address, NULL));
        ipc_queue *queue = queue_named(conn, "jobs", false, 0);
        CHECK_INT(size_of(queue), 0); /* a fresh one */
        put_numbers(queue, 1, 10);
        expect_numbers(queue, 1, 5);
        CHECK(now_ms() - before < PROMPT_MS);
        ipc_queue_free(queue);
        ipc_conn_free(conn);
        ipc_hub_free(hub);
    }
    ipc_conn_free(keep);
    ipc_hub_free(other);
}

static void test_hub__comes_and_goes_by_name(void **state)
{
    (void)state;
    come_and_go(fresh_name("hub"));
    CHECK_INT(run_directory_files(NULL), 0);
}

static void test_hub__comes_and_goes_inproc(void **state)
{
    (void)state;
    come_and_go("inproc://comes-and-goes");
}

static void test_hub__comes_and_goes_on_a_port(void **state)
{
    (void)state;
    ipc_hub *hub;
    char address[64];
    CHECK_OK(ipc_hub_start(&hub, "tcp://127.0.0.1:*", NULL));
    snprintf(address, sizeof address, "%s", ipc_hub_address(hub));
    ipc_hub_free(hub);
    come_and_go(address);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect__what_is_no_address),
        cmocka_unit_test(test_connect__beyond_this_host_is_not_allowed),
        cmocka_unit_test(test_connect__where_nobody_is),
        OVER_TCP(test_connect__something_else_listens_there),
        cmocka_unit_test(test_connect__options_that_are_none),
        cmocka_unit_test(test_connect__a_hub_program_that_cannot_be_run),
        cmocka_unit_test(test_connect__a_run_directory_that_others_could_use),
        ON_EVERY_LANE(test_hub__a_second_one_is_refused),
        cmocka_unit_test(test_hub__in_this_program_is_found_by_others),
        cmocka_unit_test(test_hub__by_a_path),
        OVER_TCP(test_hub__tcp_takes_a_free_port),
        cmocka_unit_test(test_hub__comes_and_goes_by_name),
        cmocka_unit_test(test_hub__comes_and_goes_inproc),
        OVER_TCP(test_hub__comes_and_goes_on_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
