/*
 * Clients that break the rules of a session over shared memory: its control socket, its memory, who waits and who wakes; and all of
 * it at once. Each harms itself alone. Of rings: test_hostile_rings; of large values: test_hostile_segments.
 * Touches raw sessions, and a hub of its own for every test.
 */
#include "fault/hostile.h"
#include "support/call.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SCRIBBLE_MS = 3000 };

/* ---- the control socket ---- */

static void mapped_twice(raw_lane *self)
{
    raw_say_mapped(self, true);
}

static void mapped_and_not(raw_lane *self)
{
    raw_say_mapped(self, false);
}

static void lane_twice(raw_lane *self)
{
    raw_bytes packet = {.length = 0};
    raw_pack(&packet, "[i,i]", 5, IPC__SHM_VERSION);
    raw_send_fds(self->control, &packet, NULL, 0);
}

static void lane_with_descriptors(raw_lane *self)
{
    raw_bytes packet = {.length = 0};
    raw_pack(&packet, "[i,i]", 5, IPC__SHM_VERSION);
    raw_send_fds(self->control, &packet, (int[]){self->fd, self->wake}, 2);
}

static void memory_of_the_clients_own(raw_lane *self)
{
    raw_bytes packet = {.length = 0};
    raw_pack(&packet, "[i,i,s]", 6, 0, "");
    raw_send_fds(self->control, &packet, (int[]){self->fd, self->wake}, 2);
}

static void watch_of_a_handle_that_cannot_be(raw_lane *self)
{
    raw_say_watch(self, IPC__HANDLES_MAX, (int[]){self->fd, self->wake}, 2);
}

static void watch_with_one_descriptor(raw_lane *self)
{
    raw_lane_queue(self, 1, "mine", 0);
    raw_say_watch(self, 1, &self->fd, 1);
}

static void watch_with_none(raw_lane *self)
{
    raw_say_watch(self, 1, NULL, 0);
}

static void test_hostile_lane__the_control_socket(void **state)
{
    static const struct crime crimes[] = {
        CRIME(mapped_twice),
        CRIME(mapped_and_not),
        CRIME(lane_twice),
        CRIME(lane_with_descriptors),
        CRIME(memory_of_the_clients_own),
        CRIME(watch_of_a_handle_that_cannot_be),
        CRIME(watch_with_one_descriptor),
        CRIME(watch_with_none),
    };
    const place *where = *state;
    struct witness witness = witness_of(where);
    PUNISH(&witness, where, crimes);
    leaves(&witness, where);
}

/* Without memory: MAPPED, SEGMENT, WATCH; and LANE where the session is ZeroMQ's already. */
static void test_hostile_lane__without_memory(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    for (int which = 0; which < 4; which++) {
        int64_t before = stat_of(witness.user.conn, "rejected");
        int control = raw_control(where);
        raw_welcome welcome;
        raw_hello(control, &welcome);
        void *context = which == 3 ? zmq_ctx_new() : NULL;
        void *dealer = context ? raw_dealer(context, welcome.endpoint) : NULL;
        if (dealer) {
            raw_bytes bytes;
            raw_envelope(&bytes, welcome.epoch);
            raw_pack(&bytes, "[i,i,i,B]", 1, 0, 1, welcome.token, sizeof welcome.token);
            raw_send_frame(dealer, bytes.data, bytes.length, 0);
            CHECK(raw_answered(dealer, DEADLINE_MS));
        }
        raw_bytes packet = {.length = 0};
        int fds[2] = {control, control};
        switch (which) {
        case 0:
            raw_pack(&packet, "[i,b]", 7, 1);
            break;
        case 1:
            raw_pack(&packet, "[i,i,i]", 8, 0, 4096);
            break;
        case 2:
            raw_pack(&packet, "[i,i]", 9, 1);
            break;
        default:
            raw_pack(&packet, "[i,i]", 5, IPC__SHM_VERSION);
        }
        raw_send_fds(control, &packet, fds, which == 1 || which == 2 ? 2 : 0);
        CHECK(raw_dropped(control, DEADLINE_MS));
        CHECK_INT(stat_of(witness.user.conn, "rejected"), before + 1);
        close(control);
        if (dealer) {
            zmq_close(dealer);
            zmq_ctx_term(context);
        }
        is_well(&witness, where);
    }
    leaves(&witness, where);
}

/* What is written before MAPPED is there when it comes, not earlier; also what is nonsense. */
static void test_hostile_lane__writes_before_mapped(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    raw_lane raw = raw_lane_asked(where);
    say_ping(&raw);
    is_well(&witness, where);
    CHECK_INT(atomic_load(&raw_header(&raw)->up_tail), 0);
    raw_say_mapped(&raw, true);
    CHECK_INT(raw_lane_answer(&raw, raw.seq), 0);
    raw_lane_close(&raw);
    int64_t before = stat_of(witness.user.conn, "rejected");
    raw = raw_lane_asked(where);
    memset(raw.memory, 0xff, IPC__SHM_RINGS);
    raw_lane_wake(&raw);
    is_well(&witness, where);
    raw_say_mapped(&raw, true);
    expect_dropped(&witness, where, &raw, before, "memory of ones");
    leaves(&witness, where);
}

static void test_hostile_lane__holes_in_the_memory(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    raw_lane raw = raw_lane_asked(where);
    CHECK(fallocate(raw.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, IPC__SHM_SIZE) == 0);
    CHECK(ftruncate(raw.fd, 0) != 0);
    CHECK(ftruncate(raw.fd, (off_t)2 * IPC__SHM_SIZE) != 0);
    raw_say_mapped(&raw, true);
    raw_lane_queue(&raw, 1, "mine", 0);
    CHECK(fallocate(raw.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, IPC__SHM_SIZE) != 0);
    CHECK(madvise(raw.memory, IPC__SHM_SIZE, MADV_REMOVE) != 0);
    CHECK(ftruncate(raw.fd, 0) != 0);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, raw.fd, 0) == MAP_FAILED);
    say_ping(&raw);
    CHECK_INT(raw_lane_answer(&raw, raw.seq), 0);
    raw_lane_close(&raw);
    int64_t before = stat_of(witness.user.conn, "rejected");
    raw = raw_lane_asked(where);
    CHECK(fcntl(raw.fd, F_ADD_SEALS, F_SEAL_SEAL) == 0); /* the hub can't seal it any more */
    raw_say_mapped(&raw, true);
    expect_dropped(&witness, where, &raw, before, "memory that cannot be sealed");
    leaves(&witness, where);
}

/* ---- descriptors that somebody waits on ---- */

/* Something comes for the handle, is taken back, and comes again. */
static void stir(struct witness *witness, const place *where, const raw_lane *raw)
{
    ipc_queue *queue = queue_named(witness->user.conn, "mine", false, 0);
    raw_lane copy = *raw;
    raw_lane_flow(&copy, 1, 0, 4);
    for (int round = 0; round < 3; round++) {
        put_numbers(queue, 1, 4);
        for (int64_t number = 1; number <= 4; number++) {
            int64_t got;
            CHECK_OK(get_number(queue, DEADLINE_MS, &got)); /* the hub takes it back from the other one */
        }
        is_well(witness, where);
    }
    ipc_queue_free(queue);
}

static void watch_by(struct witness *witness, const place *where, int first, int second)
{
    raw_lane raw = raw_lane_open(where);
    raw_lane_queue(&raw, 1, "mine", 0);
    raw_say_watch(&raw, 1, (int[]){first, second}, 2);
    raw_say_watch(&raw, 1, (int[]){first, second}, 2);
    raw_say_watch(&raw, 77, (int[]){first, second}, 2); /* which is closed, or never was */
    stir(witness, where, &raw);
    raw_lane_close(&raw);
}

static ipc_err flood(void *arg)
{
    static const char bytes[64 * 1024];
    const int *socket = arg;
    while (send(*socket, bytes, sizeof bytes, MSG_NOSIGNAL) > 0) {
    }
    return IPC_OK;
}

static void test_hostile_lane__watches(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    int ends[2];
    CHECK(pipe(ends) == 0);
    watch_by(&witness, where, ends[0], ends[1]);
    watch_by(&witness, where, ends[1], ends[0]);
    close(ends[0]);
    close(ends[1]);
    int file = file_of(4096);
    watch_by(&witness, where, file, file);
    close(file);
    int event = eventfd(0, EFD_CLOEXEC); /* which blocks */
    watch_by(&witness, where, event, event);
    close(event);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    char bytes[4096] = {0};
    while (send(ends[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    watch_by(&witness, where, ends[0], ends[1]); /* full, and it blocks */
    close(ends[0]);
    close(ends[1]);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    call flooding;
    call_start(&flooding, flood, &ends[0]); /* never empty */
    watch_by(&witness, where, ends[0], ends[1]);
    shutdown(ends[0], SHUT_RDWR);
    shutdown(ends[1], SHUT_RDWR);
    CHECK_OK(call_result(&flooding, DEADLINE_MS));
    close(ends[0]);
    close(ends[1]);
    leaves(&witness, where);
}

/* ---- waking ---- */

static void test_hostile_lane__armed_words_and_eventfds(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    raw_lane raw = raw_lane_open(where);
    raw_lane_queue(&raw, 1, "mine", 0);
    unsigned seed = 20251120;
    for (int round = 0; round < 2000; round++) {
        ipc__shm_header *header = raw_header(&raw);
        atomic_store(&header->hub_armed, (unsigned)rand_r(&seed) % 3);
        atomic_store(&header->client_armed, (unsigned)rand_r(&seed) % 3);
        atomic_store(&header->wants_room, (unsigned)rand_r(&seed) % 3);
        atomic_store(&header->wants_down, (unsigned)rand_r(&seed) % 3);
        atomic_store(&header->loans_back, (unsigned)rand_r(&seed));
        atomic_store(&header->news, (unsigned)rand_r(&seed));
        atomic_store(&raw_cell(&raw, 1)->tell_at, (unsigned)rand_r(&seed));
        atomic_store(&raw_cell(&raw, 1)->rings, (unsigned)rand_r(&seed));
        say_ping(&raw);
        CHECK_INT(raw_lane_answer(&raw, raw.seq), 0);
        if (round % 500 == 0) {
            is_well(&witness, where);
        }
    }
    int flags = fcntl(raw.wake, F_GETFL);
    uint64_t most = UINT64_MAX - 1;
    CHECK(fcntl(raw.wake, F_SETFL, flags & ~O_NONBLOCK) == 0);
    uint64_t count;
    CHECK(read(raw.wake, &count, sizeof count) == sizeof count); /* it is full, and blocks who writes */
    CHECK(write(raw.wake, &most, sizeof most) == sizeof most);
    is_well(&witness, where);
    long ticks = hub_ticks(witness.hub);
    usleep(300 * 1000);
    CHECK(hub_ticks(witness.hub) - ticks <= sysconf(_SC_CLK_TCK) / 10);
    raw_lane_close(&raw);
    leaves(&witness, where);
}

/* ---- who never stops ---- */

struct talker {
    int control;
    raw_lane raw;
    atomic_bool stop;
};

/* Packets without end on the control socket. */
static ipc_err talk(void *arg)
{
    struct talker *self = arg;
    raw_bytes packet = {.length = 0};
    raw_pack(&packet, "[i,i]", 9, 77);
    while (!atomic_load(&self->stop)) {
        raw_send_fds(self->control, &packet, (int[]){0, 0}, 2);
    }
    return IPC_OK;
}

static void test_hostile_lane__packets_without_end(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    struct talker talker = {.raw = raw_lane_open(where)};
    talker.control = talker.raw.control;
    call calls[3];
    for (int i = 0; i < 3; i++) {
        call_start(&calls[i], talk, &talker);
    }
    for (int64_t end = now_ms() + 500; now_ms() < end;) {
        is_well(&witness, where);
    }
    atomic_store(&talker.stop, true);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(call_result(&calls[i], DEADLINE_MS));
    }
    raw_lane_close(&talker.raw);
    leaves(&witness, where);
}

/* Its control socket is closed, its memory is not: the hub takes what was published, and no more. */
static ipc_err publish_for_ever(void *arg)
{
    struct talker *self = arg;
    ipc__shm_header *header = raw_header(&self->raw);
    while (!atomic_load(&self->stop)) {
        atomic_store(&header->up_head, atomic_load(&header->up_tail) + IPC__SHM_UP_SIZE);
    }
    return IPC_OK;
}

static void test_hostile_lane__records_without_end(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    struct talker talker = {.raw = raw_lane_open(where)};
    memset(talker.raw.memory + IPC__SHM_UP, 0, IPC__SHM_UP_SIZE); /* empty pieces, anywhere */
    call calls[2];
    for (int i = 0; i < 2; i++) {
        call_start(&calls[i], publish_for_ever, &talker);
    }
    raw_lane_wake(&talker.raw);
    for (int64_t end = now_ms() + 200; now_ms() < end;) {
        is_well(&witness, where);
    }
    shutdown(talker.raw.control, SHUT_RDWR);
    for (int64_t end = now_ms() + 200; now_ms() < end;) {
        is_well(&witness, where);
    }
    EVENTUALLY(stat_of(witness.user.conn, "sessions") == 1);
    atomic_store(&talker.stop, true);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(call_result(&calls[i], DEADLINE_MS));
    }
    raw_lane_close(&talker.raw);
    leaves(&witness, where);
}

/* ---- all at once ---- */

struct madness {
    const place *where;
    atomic_bool stop;
    atomic_uint sessions;
};

static void scribble_somewhere(const raw_lane *raw, unsigned *seed)
{
    static const uint32_t from[] = {
        0, IPC__SHM_UP, IPC__SHM_DOWN, IPC__SHM_CELLS, IPC__SHM_CHUNKS, IPC__SHM_LOANS, IPC__SHM_RINGS, IPC__SHM_RINGS};
    static const uint32_t span[] = {512, 4096, 4096, 4096, 4096, 1024, 4096, 65536};
    unsigned which = (unsigned)rand_r(seed) % 8;
    uint64_t *at = (uint64_t *)(void *)(raw->memory + from[which]) + (unsigned)rand_r(seed) % (span[which] / 8);
    uint64_t values[] = {0, 1, UINT64_MAX, (uint64_t)rand_r(seed), *at + 1, *at - 1, *at ^ 7, *at + 256};
    *(volatile uint64_t *)at = values[(unsigned)rand_r(seed) % 8];
}

/* One session after the other, each scribbled over until it is dropped. */
static ipc_err rave(void *arg)
{
    struct madness *self = arg;
    unsigned seed = 4711;
    while (!atomic_load(&self->stop)) {
        raw_lane raw = raw_lane_open(self->where);
        raw_bytes ops = {.length = 0};
        raw_open_queue(&raw, &ops, 1, "shared", 0);
        raw_open_queue(&raw, &ops, 2, "bounded", 50);
        raw_pack(&ops, "[i,i,i,i,i,i]", 18, 1, 99, 0, 100, -1);
        raw_lane_say(&raw, &ops);
        unsigned calm = (unsigned)rand_r(&seed) % 1000;
        atomic_fetch_add(&self->sessions, 1);
        for (unsigned i = 0; !atomic_load(&self->stop) && i < 1000 * 1000; i++) {
            if (i > calm) {
                scribble_somewhere(&raw, &seed);
            }
            if (i % 64 == 0) {
                raw_lane_wake(&raw);
            }
            if (i % 1024 == 0 && raw_dropped(raw.control, 1)) {
                break;
            }
        }
        raw_lane_close(&raw);
    }
    return IPC_OK;
}

struct stream {
    ipc_queue *queue;
    const atomic_bool *stop;
    int64_t put;
};

static ipc_err produce(void *arg)
{
    struct stream *self = arg;
    while (!atomic_load(self->stop)) {
        CHECK_OK(put_number(self->queue, self->put, DEADLINE_MS));
        self->put++;
        if (self->put % 64 == 0) {
            CHECK_OK(ipc_queue_flush(self->queue, DEADLINE_MS));
            pause_briefly();
        }
    }
    return IPC_OK;
}

static void test_hostile_lane__madness_beside_honest_work(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    struct madness madness = {.where = where};
    user producers[2] = {user_of(where, "shared", false, 0), user_of(where, "sane", false, 0)};
    user consumers[2] = {user_of(where, "shared", false, 0), user_of(where, "sane", false, 0)};
    ipc_queue *bounded = queue_named(witness.user.conn, "bounded", false, 50);
    struct stream streams[2] = {{producers[0].queue, &madness.stop, 0}, {producers[1].queue, &madness.stop, 0}};
    call mad;
    call working[2];
    call_start(&mad, rave, &madness);
    call_start(&working[0], produce, &streams[0]);
    call_start(&working[1], produce, &streams[1]);
    int64_t expected = 0;
    int64_t shared = 0;
    static unsigned char seen[1 << 22];
    for (int64_t end = now_ms() + SCRIBBLE_MS; now_ms() < end;) {
        int64_t got;
        if (get_number(consumers[1].queue, 10, &got) == IPC_OK) {
            CHECK_INT(got, expected);
            expected++;
        }
        while (get_number(consumers[0].queue, 0, &got) == IPC_OK) {
            CHECK(got >= 0 && got < (int64_t)sizeof seen && !seen[got]);
            seen[got] = 1;
            shared++;
        }
        CHECK(size_of(bounded) <= 50);
    }
    atomic_store(&madness.stop, true);
    CHECK_OK(call_result(&mad, DEADLINE_MS));
    CHECK_OK(call_result(&working[0], DEADLINE_MS));
    CHECK_OK(call_result(&working[1], DEADLINE_MS));
    expect_numbers(consumers[1].queue, expected, streams[1].put - 1); /* all, and in order */
    CHECK(expected > 500 && shared > 100 && atomic_load(&madness.sessions) > 3);
    for (int i = 0; i < 2; i++) {
        user_leave(&producers[i]);
        user_leave(&consumers[i]);
    }
    ipc_queue_free(bounded);
    leaves(&witness, where);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_LANE(test_hostile_lane__the_control_socket, named),
        ON_LANE(test_hostile_lane__without_memory, named),
        ON_LANE(test_hostile_lane__writes_before_mapped, named),
        ON_LANE(test_hostile_lane__holes_in_the_memory, named),
        ON_LANE(test_hostile_lane__watches, named),
        ON_LANE(test_hostile_lane__armed_words_and_eventfds, named),
        ON_LANE(test_hostile_lane__packets_without_end, named),
        ON_LANE(test_hostile_lane__records_without_end, named),
        ON_LANE(test_hostile_lane__madness_beside_honest_work, named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
