/*
 * Producers and consumers that are killed at random instructions, by the thousand, and what that leaves: every put that
 * returned is delivered, whole, and once, but for what is flagged; and nothing of the dead stays in the hub. A victim is a fork
 * of a worker that never used the library; it is killed by a timer of its own, or after some single steps.
 * $LIBIPC_FAULT_KILLS is how many, for each test; without it, a test also ends when it has had its time.
 * Touches its victims, and a hub of its own for every test.
 */
#include "support/items.h"
#include "support/os.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { NURSERIES = 4, MAXSIZE = 100, SIZE_MAX_BYTES = 20000, FLUSH_EVERY = 4, KEPT_MAX = 4, LIMIT_MS = 80 * 1000 };

/* Of the lane that needs neither threads nor sockets for a session many more fit into the time. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { KILLS_SHM = 300, KILLS_ZMQ = 200, SLOWNESS = 8 };
#else
enum { KILLS_SHM = 7000, KILLS_ZMQ = 500, SLOWNESS = 1 };
#endif

/* What a hub may have opened for itself meanwhile, once: far less than one thing for each of the dead. */
enum { HUBS_OWN = 4 };

/* So many items may be put in a run. */
enum { IDS = 1 << 23 };

/* How far a call of a victim came: it was begun, it returned, and a flush behind it came back. */
enum stage { NEVER, BEGUN, RETURNED, FLUSHED };

struct record {
    atomic_uchar put;
    atomic_uchar done;
    atomic_uchar takes;
    atomic_uchar first; /* takes with attempt 1 */
};

/* Whose queue it is. */
struct cast {
    bool joinable;
    bool consumers_live; /* producers alone are killed; the test takes */
};

struct scene {
    char address[160];
    struct cast cast;
    bool exact; /* what returned is the hub's: no flush is needed */
    unsigned kills_wanted;
    atomic_uint kills;
    atomic_uint stepped; /* of them by steps */
    atomic_uint hands;   /* consumers that died in a get, or before they had noted what it gave */
    atomic_uint next_id;
    atomic_uint unflagged; /* taken again with attempt 1 */
    atomic_uint undead;    /* taken again although done() had returned */
    atomic_uint torn;      /* not as it was put, or never put */
    atomic_bool in_get[NURSERIES];
    struct record records[IDS];
};

/* ---- what is put: bytes that follow from the item's number ---- */

static uint64_t mix(uint64_t number)
{
    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

/* Mostly small ones; some about 1 KiB, where the way changes that a value goes; some large. */
static size_t size_for(uint64_t id)
{
    uint64_t dice = mix(id);
    size_t rest = (size_t)(dice >> 8);
    switch (dice % 8) {
    case 0:
        return rest % (SIZE_MAX_BYTES + 1);
    case 1:
        return 950 + rest % 150;
    case 2:
    case 3:
        return rest % 950;
    default:
        return rest % 64;
    }
}

static void fill(unsigned char *bytes, uint64_t id)
{
    size_t size = size_for(id);
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        uint64_t word = mix((id << 16) + at);
        memcpy(bytes + at, &word, size - at < sizeof word ? size - at : sizeof word);
    }
}

/* ---- victims ---- */

static void producer_works(struct scene *on, ipc_queue *queue)
{
    static unsigned char bytes[SIZE_MAX_BYTES];
    unsigned mine[FLUSH_EVERY];
    unsigned count = 0;
    for (unsigned id; (id = atomic_fetch_add(&on->next_id, 1)) < IDS;) {
        struct record *record = &on->records[id];
        fill(bytes, id);
        ipc_msg *msg;
        CHECK_OK(ipc_pack(&msg, "[U,B]", (uint64_t)id, bytes, size_for(id)));
        atomic_store(&record->put, BEGUN);
        CHECK_OK(ipc_queue_put(queue, msg, IPC_FOREVER));
        atomic_store(&record->put, RETURNED);
        ipc_msg_free(msg);
        mine[count++] = id;
        if (count == FLUSH_EVERY) {
            CHECK_OK(ipc_queue_flush(queue, DEADLINE_MS));
            while (count > 0) {
                atomic_store(&on->records[mine[--count]].put, FLUSHED);
            }
        }
    }
}

/* The item's record; NULL: it is none that was put. */
static struct record *note_take(struct scene *on, const ipc_msg *item)
{
    static unsigned char expected[SIZE_MAX_BYTES];
    uint64_t id = IDS;
    const void *bytes;
    size_t size;
    bool whole = !ipc_unpack(item, "[U,B!]", &id, &bytes, &size) && id < IDS && size == size_for(id) &&
                 atomic_load(&on->records[id].put) != NEVER;
    if (whole) {
        fill(expected, id);
        whole = memcmp(bytes, expected, size) == 0;
    }
    if (!whole) {
        atomic_fetch_add(&on->torn, 1);
        return NULL;
    }
    struct record *record = &on->records[id];
    bool again = atomic_fetch_add(&record->takes, 1) > 0;
    if (ipc_msg_attempt(item) == 1) {
        bool twice = atomic_fetch_add(&record->first, 1) > 0;
        atomic_fetch_add(&on->unflagged, again || twice);
    }
    atomic_fetch_add(&on->undead, atomic_load(&record->done) >= (on->exact ? RETURNED : FLUSHED));
    return record;
}

static void finish(ipc_queue *queue, struct record *record, ipc_msg *item)
{
    atomic_store(&record->done, BEGUN);
    CHECK_OK(ipc_queue_done(queue, item));
    atomic_store(&record->done, RETURNED);
    ipc_msg_free(item);
}

/* Who sleeps in a get has taken nothing. */
static void falls_asleep(void *in_get)
{
    atomic_store((atomic_bool *)in_get, false);
}

static void wakes_up(void *in_get)
{
    atomic_store((atomic_bool *)in_get, true);
}

/* Finishes some at once, and keeps others for a while: a death finds items of both kinds, and more that are ahead. */
static void consumer_works(struct scene *on, ipc_queue *queue, atomic_bool *in_get)
{
    struct {
        struct record *record;
        ipc_msg *item;
    } kept[KEPT_MAX];
    unsigned count = 0;
    ipc_set_wait_hooks(&(ipc_wait_hooks){.before = falls_asleep, .after = wakes_up, .arg = in_get});
    for (;;) {
        atomic_store(in_get, true);
        ipc_msg *item;
        CHECK_OK(ipc_queue_get(queue, IPC_FOREVER, &item));
        struct record *record = note_take(on, item);
        atomic_store(in_get, false);
        if (!record || !on->cast.joinable) {
            ipc_msg_free(item);
            continue;
        }
        kept[count].record = record;
        kept[count++].item = item;
        while (count == KEPT_MAX || (count > 0 && mix((uintptr_t)record) % 2)) {
            count--;
            finish(queue, kept[count].record, kept[count].item);
        }
    }
}

/* How a victim ends. */
struct fate {
    bool producer;
    bool stepped;
    bool early; /* its timer runs while it connects */
    unsigned steps;
    long nanoseconds;
};

static void arm(const struct fate *fate)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    timer_t timer;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &(struct itimerspec){.it_value.tv_nsec = fate->nanoseconds}, NULL) == 0);
}

/* Ends by SIGKILL; by anything else it has failed: the alarm is for one that hangs. */
static _Noreturn void victim(struct scene *on, int nursery, const struct fate *fate)
{
    alarm(2 * DEADLINE_MS / 1000);
    if (fate->early) {
        arm(fate);
    }
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, on->address, NULL));
    ipc_queue *queue = queue_named(conn, "jobs", on->cast.joinable, MAXSIZE);
    if (fate->stepped && ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0) {
        raise(SIGSTOP);
    } else if (!fate->early) {
        arm(fate);
    }
    if (fate->producer) {
        producer_works(on, queue);
    } else {
        consumer_works(on, queue, &on->in_get[nursery]);
    }
    for (;;) {
        pause();
    }
}

/* ---- nurseries ---- */

/* Some microseconds to some milliseconds, each magnitude as often as the others. */
static struct fate draw_fate(const struct scene *on, unsigned *seed)
{
    unsigned magnitude = 2 + (unsigned)rand_r(seed) % 11;
    long dice = rand_r(seed);
    struct fate fate = {.producer = on->cast.consumers_live || rand_r(seed) % 2, .stepped = rand_r(seed) % 8 == 0};
    fate.early = !fate.stepped && rand_r(seed) % 8 == 0;
    fate.steps = 1 + (unsigned)(dice % (1L << magnitude));
    fate.nanoseconds = 1 + dice % (SLOWNESS * 1000L << magnitude);
    return fate;
}

/* Whether it has stopped, or ended: some calls sleep, and are not waited for. */
static bool comes_to_a_stop(pid_t pid, int *status)
{
    enum { LOOKS = 2000 };
    for (int i = 0; i < LOOKS; i++) {
        pid_t got = waitpid(pid, status, WNOHANG);
        CHECK(got >= 0);
        if (got == pid) {
            return true;
        }
        sched_yield();
    }
    return false;
}

/* Let a stopped victim go so many instructions further, or until it sleeps, and kill it there. Its status. */
static int step_and_kill(pid_t pid, unsigned steps)
{
    int status = 0;
    for (unsigned i = 0; i < steps; i++) {
        CHECK(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0);
        if (!comes_to_a_stop(pid, &status)) {
            break;
        }
        if (!WIFSTOPPED(status)) {
            return status;
        }
    }
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return status;
}

static void rear_and_kill(struct scene *on, int nursery, unsigned *seed)
{
    struct fate fate = draw_fate(on, seed);
    atomic_store(&on->in_get[nursery], false);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        victim(on, nursery, &fate);
    }
    int status = 0;
    CHECK_INT(waitpid(pid, &status, WUNTRACED), pid);
    if (WIFSTOPPED(status)) {
        atomic_fetch_add(&on->stepped, 1);
        status = step_and_kill(pid, fate.steps);
    }
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        check_fail(__FILE__, __LINE__, "a %s ended with status %#x", fate.producer ? "producer" : "consumer", status);
    }
    atomic_fetch_add(&on->hands, atomic_load(&on->in_get[nursery]));
}

/* SCENE INDEX SEED: rears and kills, as long as the scene wants more. */
static int nursery_role(char **args)
{
    struct scene *on = shared_file(args[0], sizeof *on);
    unsigned seed = (unsigned)strtoul(args[2], NULL, 10);
    bool limited = !getenv("LIBIPC_FAULT_KILLS");
    int64_t end = now_ms() + LIMIT_MS;
    while (atomic_fetch_add(&on->kills, 1) < on->kills_wanted && (!limited || now_ms() < end)) {
        rear_and_kill(on, atoi(args[1]), &seed);
    }
    atomic_fetch_sub(&on->kills, 1);
    say("through");
    return 0;
}

/* ---- the test ---- */

static bool on_shm(void)
{
    const char *set = getenv("LIBIPC_LANE");
    return set && strcmp(set, "shm") == 0;
}

static unsigned kills_wanted(void)
{
    const char *wanted = getenv("LIBIPC_FAULT_KILLS");
    return wanted ? (unsigned)strtoul(wanted, NULL, 10) : on_shm() ? KILLS_SHM : KILLS_ZMQ;
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

/* How many the hub ever took in. */
static int64_t accepted_by(ipc_conn *conn)
{
    ipc_msg *info;
    CHECK_OK(ipc_info(conn, "jobs", &info));
    int64_t number = -1;
    CHECK_OK(ipc_unpack(info, "{s:{s:I}}", "state", "accepted", &number));
    ipc_msg_free(info);
    return number;
}

/* Take what is there; then wait for more, so long. */
static void take_some(struct scene *on, ipc_queue *queue, int64_t timeout_ms)
{
    ipc_msg *item;
    ipc_err err;
    while ((err = ipc_queue_get(queue, timeout_ms, &item)) == IPC_OK) {
        struct record *record = note_take(on, item);
        if (record && on->cast.joinable) {
            finish(queue, record, item);
        } else {
            ipc_msg_free(item);
        }
    }
    CHECK_ERR(err, IPC_EEMPTY);
}

static void start_nurseries(worker **nurseries, const char *path)
{
    unsigned seed = (unsigned)getpid() + (unsigned)now_ms();
    print_message("seed %u\n", seed);
    for (int i = 0; i < NURSERIES; i++) {
        char numbers[2][16];
        snprintf(numbers[0], sizeof numbers[0], "%d", i);
        snprintf(numbers[1], sizeof numbers[1], "%u", seed + 1000 * (unsigned)i);
        nurseries[i] = worker_start("nursery", path, numbers[0], numbers[1], NULL);
    }
}

/* Until as many were killed as shall be, or the time is over; it may not be without a kill for long. */
static void await_nurseries(struct scene *on, worker **nurseries, const user *watcher)
{
    unsigned before = 0;
    int64_t begin = now_ms();
    int64_t moved = begin;
    bool limited = !getenv("LIBIPC_FAULT_KILLS");
    while (atomic_load(&on->kills) < on->kills_wanted && (!limited || now_ms() - begin < LIMIT_MS)) {
        unsigned now = atomic_load(&on->kills);
        moved = now != before ? now_ms() : moved;
        before = now;
        CHECK(now_ms() - moved < 3 * DEADLINE_MS);
        if (on->cast.consumers_live) {
            take_some(on, watcher->queue, 2);
        } else {
            pause_briefly();
        }
    }
    for (int i = 0; i < NURSERIES; i++) {
        worker_expect(nurseries[i], "through");
        worker_end(nurseries[i]);
    }
}

/* What the dead left in the queue comes here. */
static void take_what_is_left(struct scene *on, const user *watcher)
{
    EVENTUALLY(stat_of(watcher->conn, "sessions") == 1);
    take_some(on, watcher->queue, 0);
    CHECK_OK(ipc_queue_flush(watcher->queue, DEADLINE_MS));
    CHECK_INT(size_of(watcher->queue), 0);
    CHECK_INT(unfinished_of(watcher->queue), 0);
}

/* The dead keep no room: the bound is as wide as ever. */
static void expect_room(ipc_queue *queue)
{
    for (int64_t number = 1; number <= MAXSIZE; number++) {
        CHECK_OK(put_number(queue, number, DEADLINE_MS));
    }
    CHECK_ERR(put_number(queue, 0, 0), IPC_EFULL);
    for (int64_t number = 1; number <= MAXSIZE; number++) {
        ipc_msg *item = take(queue);
        CHECK_INT(number_of(item), number);
        CHECK_INT(ipc_msg_attempt(item), 1);
        ipc_queue_done(queue, item); /* an error where the queue is not joinable */
        ipc_msg_free(item);
    }
}

static void judge(struct scene *on, int64_t accepted)
{
    unsigned put = atomic_load(&on->next_id) < IDS ? atomic_load(&on->next_id) : IDS;
    unsigned begun = 0;
    unsigned owned = 0;
    unsigned lost = 0;
    unsigned again = 0;
    for (unsigned id = 0; id < put; id++) {
        const struct record *record = &on->records[id];
        bool sure = record->put >= (on->exact ? RETURNED : FLUSHED);
        begun += record->put != NEVER;
        owned += sure;
        lost += sure && !record->takes;
        again += record->takes > 1;
    }
    unsigned hands = atomic_load(&on->hands);
    print_message("%u killed, %u of them while they were stepped; %u put, %u owned by the hub, which says %lld; "
                  "%u handed out again\n",
                  atomic_load(&on->kills), atomic_load(&on->stepped), begun, owned, (long long)accepted, again);
    print_message("%u not seen (%u died in a get), %u again without a flag, %u after they were done, %u torn\n", lost,
                  hands, atomic_load(&on->unflagged), atomic_load(&on->undead), atomic_load(&on->torn));
    /* What a plain queue's consumer had taken is gone with it: at most one item, as it notes each. */
    CHECK(lost <= (on->cast.joinable || on->cast.consumers_live ? 0 : hands));
    CHECK(accepted >= owned && accepted <= begun);
    CHECK_INT(atomic_load(&on->unflagged), 0);
    CHECK_INT(atomic_load(&on->undead), 0);
    CHECK_INT(atomic_load(&on->torn), 0);
    CHECK(owned > 0);
    CHECK(again > 0 || !on->cast.joinable);
}

static void kill_many(struct cast cast)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    place *where = place_open(LANE_NAMED, &options);
    pid_t hub = place_hub_pid(where);
    char path[128];
    snprintf(path, sizeof path, "%s/%s", getenv("XDG_RUNTIME_DIR"), fresh_name("scene"));
    struct scene *on = shared_file(path, sizeof *on);
    memcpy(on->address, where->address, sizeof on->address);
    on->cast = cast;
    on->exact = on_shm();
    on->kills_wanted = kills_wanted();
    user watcher = user_of(where, "jobs", cast.joinable, MAXSIZE);
    CHECK_INT(size_of(watcher.queue), 0);
    unsigned fds = fds_of(hub);
    unsigned mappings = mappings_of(hub, "memfd:libipc");
    worker *nurseries[NURSERIES];
    start_nurseries(nurseries, path);
    await_nurseries(on, nurseries, &watcher);
    take_what_is_left(on, &watcher);
    judge(on, accepted_by(watcher.conn));
    expect_room(watcher.queue);
    EVENTUALLY(stat_of(watcher.conn, "memory") == 0);
    EVENTUALLY(fds_of(hub) <= fds + HUBS_OWN);
    EVENTUALLY(mappings_of(hub, "memfd:libipc") <= mappings + HUBS_OWN);
    user_leave(&watcher);
    munmap(on, sizeof *on);
    unlink(path);
    place_close(where);
}

static void test_lane_kill__a_joinable_queue(void **state)
{
    (void)state;
    kill_many((struct cast){.joinable = true});
}

static void test_lane_kill__a_plain_queue(void **state)
{
    (void)state;
    kill_many((struct cast){.joinable = false});
}

static void test_lane_kill__producers_alone(void **state)
{
    (void)state;
    kill_many((struct cast){.consumers_live = true});
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"nursery", nursery_role}};
    worker_begin(argc, argv, roles, 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lane_kill__a_joinable_queue),
        cmocka_unit_test(test_lane_kill__a_plain_queue),
        cmocka_unit_test(test_lane_kill__producers_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
