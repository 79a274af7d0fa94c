/*
 * Clients that lie of segments, of places in them and of what they were lent, or send descriptors of anything for one: each harms
 * itself alone.
 * Touches raw sessions, and a hub of its own for every test.
 */
#include "fault/hostile.h"
#include "support/call.h"
#include "support/os.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- places of large values ---- */

enum { PLACE_MAX = IPC__SHM_SEGMENT_SIZE / 4 };

/* A piece that is whole, and puts values that lie at places; more operations may follow. Nothing is published. */
static void write_puts(raw_lane *self, const ipc__shm_where *places, uint16_t count, const raw_bytes *more)
{
    raw_bytes ops = {.length = count * sizeof *places};
    memcpy(ops.data, places, ops.length);
    for (uint16_t i = 0; i < count; i++) {
        raw_pack(&ops, "[i,i,U,n]", 16, 1, ++self->seq);
    }
    if (more) {
        memcpy(ops.data + ops.length, more->data, more->length);
        ops.length += more->length;
    }
    raw_lane_piece(self, (ipc__shm_piece){.length = (uint32_t)ops.length, .places = count}, ops.data, ops.length);
}

static void put_at(raw_lane *self, uint32_t segment, uint32_t offset, uint32_t length)
{
    ipc__shm_where where = {.segment = segment, .offset = offset, .length = length};
    write_puts(self, &where, 1, NULL);
    raw_lane_publish(self);
}

/* An honest session up to here, with a segment of number 0 whose first pages are the value 7. */
static void prepare_segment(raw_lane *self)
{
    unsigned char *base;
    int fd = raw_segment(&base);
    for (size_t page = 0; page < 64; page++) {
        memset(base + page * IPC__SHM_PAGE, 0xc0, IPC__SHM_PAGE);
        base[page * IPC__SHM_PAGE] = 0xc5; /* bin 16 */
        base[page * IPC__SHM_PAGE + 1] = (IPC__SHM_PAGE - 3) >> 8;
        base[page * IPC__SHM_PAGE + 2] = (IPC__SHM_PAGE - 3) & 0xff;
    }
    raw_lane_queue(self, 1, "mine", 0);
    raw_say_segment(self, 0, IPC__SHM_SEGMENT_SIZE, fd);
    munmap(base, IPC__SHM_SEGMENT_SIZE);
    close(fd);
}

static void a_place_of_no_segment(raw_lane *self)
{
    raw_lane_queue(self, 1, "mine", 0);
    put_at(self, 7, 0, 4096);
}

static void a_place_outside(raw_lane *self)
{
    prepare_segment(self);
    put_at(self, 0, IPC__SHM_SEGMENT_SIZE, 4096);
}

static void a_place_that_reaches_out(raw_lane *self)
{
    prepare_segment(self);
    put_at(self, 0, IPC__SHM_SEGMENT_SIZE - 4096, 4097);
}

static void a_place_that_wraps(raw_lane *self)
{
    prepare_segment(self);
    put_at(self, 0, UINT32_MAX - 4095, UINT32_MAX);
}

static void a_place_between_pages(raw_lane *self)
{
    prepare_segment(self);
    put_at(self, 0, 8, 4096);
}

static void a_place_of_nothing(raw_lane *self)
{
    prepare_segment(self);
    put_at(self, 0, 0, 0);
}

static void a_place_twice(raw_lane *self)
{
    prepare_segment(self);
    const ipc__shm_where places[] = {{.length = 8192}, {.offset = 4096, .length = 4096}};
    write_puts(self, places, 2, NULL);
    raw_lane_publish(self);
}

static void a_place_twice_later(raw_lane *self)
{
    prepare_segment(self);
    put_at(self, 0, 4096, 65537);
    put_at(self, 0, 0, 8192);
}

/* What is larger has a segment of its own: from this one the hub might have to copy it, all at once. */
static void a_place_of_too_much(raw_lane *self)
{
    prepare_segment(self);
    put_at(self, 0, 0, PLACE_MAX + 1);
}

static void a_place_for_no_value(raw_lane *self)
{
    prepare_segment(self);
    raw_bytes ops = {.length = 0};
    raw_pack(&ops, "[i,i,U,n]", 16, 1, ++self->seq); /* and a value without a place */
    raw_lane_say(self, &ops);
}

/* More values than go through the core at once, of which one of the first is nonsense. */
static void nonsense_before_the_rest(raw_lane *self)
{
    prepare_segment(self);
    raw_bytes ops = {.data = {0xc1}, .length = 1};
    raw_lane_piece(self, (ipc__shm_piece){.length = 1}, ops.data, 1);
    for (uint32_t page = 0; page < 60; page++) {
        ipc__shm_where where = {.offset = page * IPC__SHM_PAGE, .length = IPC__SHM_PAGE};
        write_puts(self, &where, 1, NULL);
    }
    raw_lane_publish(self);
}

static void a_segment_that_the_hub_cannot_fill(raw_lane *self)
{
    unsigned char *base;
    char path[64];
    int fd = raw_segment(&base);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int narrow = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(narrow >= 0);
    raw_lane_queue(self, 1, "mine", 0);
    raw_say_segment(self, 0, IPC__SHM_SEGMENT_SIZE, narrow);
    put_at(self, 0, 0, 4096); /* a hole */
    munmap(base, IPC__SHM_SEGMENT_SIZE);
    close(narrow);
    close(fd);
}

/* What the crimes come near to is none: so they are dropped for what they are. */
static void test_hostile_segments__places_that_are_right(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    ipc_queue *queue = queue_named(witness.user.conn, "mine", false, 0);
    raw_lane raw = raw_lane_open(where);
    prepare_segment(&raw);
    for (uint32_t page = 0; page < 60; page++) {
        ipc__shm_where there = {.offset = page * IPC__SHM_PAGE, .length = IPC__SHM_PAGE};
        write_puts(&raw, &there, 1, NULL);
    }
    raw_lane_publish(&raw);
    for (uint32_t page = 0; page < 60; page++) {
        ipc_msg *item = take(queue);
        size_t length;
        ipc_msg_bytes(item, &length);
        CHECK_INT(length, IPC__SHM_PAGE);
        ipc_msg_free(item);
    }
    put_at(&raw, 0, 63 * IPC__SHM_PAGE, IPC__SHM_PAGE);
    ipc_msg_free(take(queue));
    put_at(&raw, 0, IPC__SHM_SEGMENT_SIZE - PLACE_MAX, PLACE_MAX);
    say_ping(&raw);
    CHECK_INT(raw_lane_answer(&raw, raw.seq), 0);
    raw_lane_close(&raw);
    ipc_queue_free(queue);
    leaves(&witness, where);
}

static void test_hostile_segments__places(void **state)
{
    static const struct crime crimes[] = {
        CRIME(a_place_of_no_segment), CRIME(a_place_outside),          CRIME(a_place_that_reaches_out),
        CRIME(a_place_that_wraps),    CRIME(a_place_between_pages),    CRIME(a_place_of_nothing),
        CRIME(a_place_twice),         CRIME(a_place_twice_later),      CRIME(a_place_of_too_much),
        CRIME(a_place_for_no_value),  CRIME(nonsense_before_the_rest), CRIME(a_segment_that_the_hub_cannot_fill),
    };
    const place *where = *state;
    struct witness witness = witness_of(where);
    PUNISH(&witness, where, crimes);
    leaves(&witness, where);
}

/* ---- segments ---- */

enum { MEMFD_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static int memfd_of(size_t size, int seals)
{
    int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

static void send_and_close(const raw_lane *self, uint64_t size, int fd)
{
    raw_say_segment(self, 0, size, fd);
    close(fd);
}

static void segment_pipe(raw_lane *self)
{
    int fds[2];
    CHECK(pipe(fds) == 0);
    send_and_close(self, IPC__SHM_SEGMENT_SIZE, fds[0]);
    close(fds[1]);
}

static void segment_file(raw_lane *self)
{
    send_and_close(self, IPC__SHM_SEGMENT_SIZE, file_of(IPC__SHM_SEGMENT_SIZE));
}

static void segment_folder(raw_lane *self)
{
    send_and_close(self, 4096, open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void segment_path(raw_lane *self)
{
    send_and_close(self, 4096, open("/tmp", O_PATH | O_CLOEXEC));
}

static void segment_device(raw_lane *self)
{
    send_and_close(self, 4096, open("/dev/zero", O_RDWR | O_CLOEXEC));
}

static void segment_socket(raw_lane *self)
{
    raw_say_segment(self, 0, 4096, self->control);
}

static void segment_session(raw_lane *self)
{
    raw_say_segment(self, 0, IPC__SHM_SIZE, self->fd); /* its own memory */
}

static void segment_unsealed(raw_lane *self)
{
    send_and_close(self, IPC__SHM_SEGMENT_SIZE, memfd_of(IPC__SHM_SEGMENT_SIZE, 0));
}

static void segment_that_can_shrink(raw_lane *self)
{
    send_and_close(self, 4096, memfd_of(4096, F_SEAL_GROW | F_SEAL_WRITE));
}

static void segment_smaller(raw_lane *self)
{
    send_and_close(self, IPC__SHM_SEGMENT_SIZE, memfd_of(4096, MEMFD_SEALS));
}

static void segment_larger(raw_lane *self)
{
    send_and_close(self, 4096, memfd_of(8192, MEMFD_SEALS));
}

static void segment_empty(raw_lane *self)
{
    send_and_close(self, 0, memfd_of(0, MEMFD_SEALS));
}

static void segment_without_end(raw_lane *self)
{
    send_and_close(self, UINT64_MAX, memfd_of(4096, MEMFD_SEALS));
}

static void segment_without_descriptor(raw_lane *self)
{
    raw_bytes packet = {.length = 0};
    raw_pack(&packet, "[i,i,i]", 8, 0, 4096);
    raw_send_fds(self->control, &packet, NULL, 0);
}

static void segments_without_number(raw_lane *self)
{
    int fd = memfd_of(4096, MEMFD_SEALS);
    for (uint32_t i = 1; i < 5000; i++) { /* far less than a hub may have descriptors */
        raw_say_segment(self, i, 4096, fd);
    }
    close(fd);
}

static void say_writable(const raw_lane *self, uint32_t local)
{
    unsigned char *base;
    int fd = raw_segment(&base);
    raw_say_segment(self, local, IPC__SHM_SEGMENT_SIZE, fd);
    munmap(base, IPC__SHM_SEGMENT_SIZE);
    close(fd);
}

static void segment_writable_twice(raw_lane *self)
{
    say_writable(self, 0);
    say_writable(self, 0);
}

/* Each would have the flags of the first one's pages. */
static void segment_writable_besides(raw_lane *self)
{
    say_writable(self, 0);
    say_writable(self, 1);
}

static void segment_writable_of_another_number(raw_lane *self)
{
    say_writable(self, 1);
}

static void test_hostile_segments__segments(void **state)
{
    static const struct crime crimes[] = {
        CRIME(segment_pipe),
        CRIME(segment_file),
        CRIME(segment_folder),
        CRIME(segment_path),
        CRIME(segment_device),
        CRIME(segment_socket),
        CRIME(segment_session),
        CRIME(segment_unsealed),
        CRIME(segment_that_can_shrink),
        CRIME(segment_smaller),
        CRIME(segment_larger),
        CRIME(segment_empty),
        CRIME(segment_without_end),
        CRIME(segment_without_descriptor),
        CRIME(segments_without_number),
        CRIME(segment_writable_twice),
        CRIME(segment_writable_besides),
        CRIME(segment_writable_of_another_number),
    };
    const place *where = *state;
    struct witness witness = witness_of(where);
    PUNISH(&witness, where, crimes);
    leaves(&witness, where);
}

/* Sealed memory of which nothing was ever written is a value of zeros: which is the number 0, and then some. */
static void test_hostile_segments__a_segment_of_holes(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    raw_lane raw = raw_lane_open(where);
    raw_lane_queue(&raw, 1, "mine", 0);
    int fd = memfd_of(32 << 20, MEMFD_SEALS);
    raw_say_segment(&raw, 1, 32 << 20, fd);
    put_at(&raw, 1, 0, 32 << 20);
    close(fd);
    say_ping(&raw);
    CHECK_INT(raw_lane_answer(&raw, raw.seq), 0);
    is_well(&witness, where);
    raw_lane_close(&raw);
    ipc_queue *queue = queue_named(witness.user.conn, "mine", false, 0);
    ipc_msg *item = NULL;
    (void)ipc_queue_get(queue, 1000, &item); /* whatever it is to who takes it */
    ipc_msg_free(item);
    ipc_queue_free(queue);
    leaves(&witness, where);
}

/* Values of a segment each, which nobody takes: descriptors do not run out. */
static void test_hostile_segments__small_values_alone(void **state)
{
    enum { VALUES = 500, LARGE = IPC__INLINE_MAX + 1 };
    const place *where = *state;
    struct witness witness = witness_of(where);
    raw_lane raw = raw_lane_open(where);
    raw_lane_queue(&raw, 1, "alone", 0);
    for (uint32_t i = 1; i <= VALUES; i++) {
        int fd = memfd_of(LARGE, MEMFD_SEALS);
        raw_say_segment(&raw, i, LARGE, fd);
        close(fd);
        put_at(&raw, i, 0, LARGE);
    }
    say_ping(&raw);
    CHECK_INT(raw_lane_answer(&raw, raw.seq), 0);
    CHECK(fds_of(witness.hub) < witness.fds + 100);
    is_well(&witness, where);
    raw_lane_close(&raw);
    leaves(&witness, where);
}

/* ---- loans ---- */

static void lend_all(struct witness *witness, const place *where, bool same)
{
    int64_t before = stat_of(witness->user.conn, "rejected");
    raw_lane raw = raw_lane_open(where);
    raw_lane_queue(&raw, 1, "mine", 0);
    raw_lane_flow(&raw, 1, 0, 4);
    ipc_queue *queue = queue_named(witness->user.conn, "mine", false, 0);
    for (unsigned i = 0; i < 4; i++) {
        ipc_msg *large = pattern(5000, i);
        CHECK_OK(ipc_queue_put(queue, large, DEADLINE_MS));
        ipc_msg_free(large);
    }
    raw_lane_await(&raw, 1, 4);
    for (uint64_t position = 1; position <= 4; position++) {
        raw_lane_slot(&raw, 1, position)->segment = same ? 1 : IPC__SHM_LOANS_MAX + (uint32_t)position;
        set_state(&raw, position, ipc__shm_word(position, IPC__SHM_LENT));
    }
    raw_lane_wake(&raw);
    (void)size_of(queue);
    expect_dropped(witness, where, &raw, before, same ? "a loan twice" : "a loan beyond all");
    ipc_queue_free(queue);
}

static void test_hostile_segments__loans(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    lend_all(&witness, where, true);
    lend_all(&witness, where, false);
    leaves(&witness, where);
}

/* A session that is lent one value of a witness's, as its loan 0; and has a segment, see prepare_segment(). */
static raw_lane borrower_of(struct witness *witness, const place *where, ipc_queue *queue)
{
    raw_lane raw = raw_lane_open(where);
    prepare_segment(&raw);
    raw_lane_flow(&raw, 1, 0, 1);
    ipc_msg *large = pattern(5000, 1);
    CHECK_OK(ipc_queue_put(queue, large, DEADLINE_MS));
    ipc_msg_free(large);
    ipc__shm_slot *slot = raw_lane_await(&raw, 1, 1);
    raw.memory[IPC__SHM_LOANS] = IPC__SHM_LOAN_OUT;
    slot->segment = 0;
    atomic_store(&slot->state, ipc__shm_word(1, IPC__SHM_LENT));
    is_well(witness, where);
    return raw;
}

static void give_back(const raw_lane *raw)
{
    raw->memory[IPC__SHM_LOANS] = IPC__SHM_LOAN_BACK;
    atomic_fetch_add(&raw_header(raw)->loans_back, 1);
    raw_lane_wake(raw);
}

/*
 * Two records with so many values that the hub works on them before it looks at the next one. The goodbye is in the second, the
 * session stays for what it is lent, and its ring with it: nobody is there for what is behind.
 */
static void say_goodbye_and_more(raw_lane *raw)
{
    ipc__shm_where places[2 * IPC__SHM_PLACES_MAX];
    for (uint32_t page = 0; page < 2 * IPC__SHM_PLACES_MAX; page++) {
        places[page] = (ipc__shm_where){.offset = page * IPC__SHM_PAGE, .length = IPC__SHM_PAGE};
    }
    raw_bytes goodbye = {.length = 0};
    raw_bytes behind = {.length = 0};
    write_puts(raw, places, IPC__SHM_PLACES_MAX, NULL);
    raw_pack(&goodbye, "[i,i,U]", 7, 0, raw->seq + IPC__SHM_PLACES_MAX + 1);
    write_puts(raw, places + IPC__SHM_PLACES_MAX, IPC__SHM_PLACES_MAX, &goodbye);
    raw->seq++;
    raw_pack(&behind, "[i,i,U,B]", 16, 1, ++raw->seq, "\x01", (size_t)1);
    raw_lane_say(raw, &behind); /* all of it is published by that */
}

static void test_hostile_segments__a_goodbye_and_more_behind_it(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    for (int round = 0; round < 10; round++) {
        ipc_queue *queue = queue_named(witness.user.conn, "mine", false, 0); /* which wants nothing yet */
        raw_lane raw = borrower_of(&witness, where, queue);
        say_goodbye_and_more(&raw);
        for (int i = 0; i < 2 * IPC__SHM_PLACES_MAX; i++) {
            ipc_msg_free(take(queue));
        }
        EVENTUALLY(stat_of(witness.user.conn, "sessions") == 1);
        CHECK_INT(size_of(queue), 0);
        is_well(&witness, where);
        give_back(&raw);
        CHECK(raw_dropped(raw.control, DEADLINE_MS));
        raw_lane_close(&raw);
        ipc_queue_free(queue);
    }
    leaves(&witness, where);
}

/* An operation without more, said as an honest client does: the hub is woken where it has armed itself. */
static void say_quietly(raw_lane *raw, int op)
{
    raw_bytes ops = {.length = 0};
    raw_pack(&ops, "[i,i,U]", op, 0, ++raw->seq);
    raw_lane_piece(raw, (ipc__shm_piece){.length = (uint32_t)ops.length}, ops.data, ops.length);
    atomic_store(&raw_header(raw)->up_head, raw->written);
    if (atomic_exchange(&raw_header(raw)->hub_armed, 0)) {
        raw_lane_wake(raw);
    }
}

struct chatter {
    user user;
    atomic_bool stop;
};

/* Keeps the hub awake. */
static ipc_err chat(void *arg)
{
    struct chatter *self = arg;
    while (!atomic_load(&self->stop)) {
        put_numbers(self->user.queue, 1, 1);
        expect_numbers(self->user.queue, 1, 1);
    }
    return IPC_OK;
}

/*
 * As one that is slow between taking and saying LENT, and then closes at once. A hub that is woken by it would look at what is lent
 * first; one that is awake finds the goodbye by itself.
 */
static void lend_and_leave(raw_lane *raw, ipc__shm_slot *slot)
{
    say_quietly(raw, 8);
    for (int64_t end = now_ms() + DEADLINE_MS; atomic_load(&raw_header(raw)->up_tail) < raw->written;) {
        CHECK(now_ms() < end);
    }
    raw->memory[IPC__SHM_LOANS] = IPC__SHM_LOAN_OUT;
    slot->segment = 0;
    atomic_store(&slot->state, ipc__shm_word(1, IPC__SHM_LENT));
    say_quietly(raw, 7);
    CHECK_INT(raw_lane_answer(raw, raw->seq), 0);
}

/* The queue was deleted before the hub knew of the loan: nothing but the session remembers it. */
static void test_hostile_segments__a_loan_of_a_queue_that_is_gone(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    struct chatter chatter = {.user = user_of(where, "chat", false, 0)};
    call chatting;
    call_start(&chatting, chat, &chatter);
    for (unsigned round = 0; round < 50; round++) {
        raw_lane raw = raw_lane_open(where);
        raw_lane_queue(&raw, 1, "mine", 0);
        raw_lane_flow(&raw, 1, 0, 1);
        ipc_queue *queue = queue_named(witness.user.conn, "mine", false, 0);
        ipc_msg *large = pattern(5000, round);
        CHECK_OK(ipc_queue_put(queue, large, DEADLINE_MS));
        ipc_msg_free(large);
        ipc__shm_slot *slot = raw_lane_await(&raw, 1, 1);
        atomic_store(&slot->state, ipc__shm_word(1, IPC__SHM_TAKEN));
        CHECK_OK(ipc_unlink(witness.user.conn, "mine"));
        ipc_queue_free(queue);
        lend_and_leave(&raw, slot);
        CHECK(!raw_dropped(raw.control, 5));
        give_back(&raw);
        CHECK(raw_dropped(raw.control, DEADLINE_MS));
        raw_lane_close(&raw);
    }
    atomic_store(&chatter.stop, true);
    CHECK_OK(call_result(&chatting, DEADLINE_MS));
    user_leave(&chatter.user);
    leaves(&witness, where);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_LANE(test_hostile_segments__places_that_are_right, named),
        ON_LANE(test_hostile_segments__places, named),
        ON_LANE(test_hostile_segments__segments, named),
        ON_LANE(test_hostile_segments__a_segment_of_holes, named),
        ON_LANE(test_hostile_segments__small_values_alone, named),
        ON_LANE(test_hostile_segments__loans, named),
        ON_LANE(test_hostile_segments__a_goodbye_and_more_behind_it, named),
        ON_LANE(test_hostile_segments__a_loan_of_a_queue_that_is_gone, named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
