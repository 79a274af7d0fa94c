/*
 * Clients that write nonsense into their rings, credits and state words: each harms itself alone. The hub drops it (rejected
 * grows), others lose nothing, and what it had in the hub goes with it.
 * Touches raw sessions, and a hub of its own for every test.
 */
#include "fault/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { ITEMS = 8 };

/* ---- the ring ---- */

static void piece_of(raw_lane *self, uint32_t length, uint16_t places, uint16_t more, size_t written)
{
    static unsigned char nothing[64 * 1024];
    raw_lane_piece(self, (ipc__shm_piece){.length = length, .places = places, .more = more}, nothing, written);
    raw_lane_publish(self);
}

static void head_beyond_the_ring(raw_lane *self)
{
    self->written = IPC__SHM_UP_SIZE + 8;
    raw_lane_publish(self);
}

static void head_backwards(raw_lane *self)
{
    say_ping(self);
    CHECK_INT(raw_lane_answer(self, self->seq), 0);
    self->written -= 8;
    raw_lane_publish(self);
}

static void head_at_the_end_of_numbers(raw_lane *self)
{
    self->written = UINT64_MAX;
    raw_lane_publish(self);
}

static void half_a_piece(raw_lane *self)
{
    self->written += 4;
    raw_lane_publish(self);
}

static void length_beyond_the_head(raw_lane *self)
{
    piece_of(self, 100, 0, 0, 16);
}

static void length_beyond_all_numbers(raw_lane *self)
{
    piece_of(self, UINT32_MAX, 0, 0, 16);
}

static void places_beyond_the_length(raw_lane *self)
{
    piece_of(self, 8, 2, 0, 64);
}

static void too_many_places(raw_lane *self)
{
    piece_of(self, 31 * 16, 31, 0, 31 * 16);
}

static void all_the_places_there_are(raw_lane *self)
{
    piece_of(self, 64 * 16, UINT16_MAX, 0, 64 * 16);
}

static void places_in_every_piece(raw_lane *self)
{
    for (int i = 0; i < 4; i++) {
        piece_of(self, 10 * 16, 10, 1, 10 * 16);
    }
}

static void endless_more(raw_lane *self)
{
    for (int i = 0; i <= 4 * 1024 / 64; i++) {
        piece_of(self, 64 * 1024, 0, 1, 64 * 1024);
    }
    piece_of(self, 64 * 1024, 0, 1, 64 * 1024);
}

static void operations_that_are_none(raw_lane *self)
{
    raw_bytes ops = {.data = {0xc1}, .length = 1};
    raw_lane_say(self, &ops);
}

static void a_number_of_a_handle_that_cannot_be(raw_lane *self)
{
    raw_bytes ops = {.length = 0};
    raw_open_queue(self, &ops, IPC__HANDLES_MAX, "mine", 0);
    raw_pack(&ops, "[i,i,i]", 99, 0, 1);
    raw_lane_say(self, &ops);
}

static void test_hostile_rings__the_ring(void **state)
{
    static const struct crime crimes[] = {
        CRIME(head_beyond_the_ring),
        CRIME(head_backwards),
        CRIME(head_at_the_end_of_numbers),
        CRIME(half_a_piece),
        CRIME(length_beyond_the_head),
        CRIME(length_beyond_all_numbers),
        CRIME(places_beyond_the_length),
        CRIME(too_many_places),
        CRIME(all_the_places_there_are),
        CRIME(places_in_every_piece),
        CRIME(endless_more),
        CRIME(operations_that_are_none),
        CRIME(a_number_of_a_handle_that_cannot_be),
    };
    const place *where = *state;
    struct witness witness = witness_of(where);
    PUNISH(&witness, where, crimes);
    leaves(&witness, where);
}

/* ---- credits ---- */

static void test_hostile_rings__credits_that_were_not_given(void **state)
{
    enum { MAXSIZE = 100, PUTS = 1000 };
    const place *where = *state;
    struct witness witness = witness_of(where);
    ipc_queue *queue = queue_named(witness.user.conn, "narrow", false, MAXSIZE);
    raw_lane raw = raw_lane_open(where);
    raw_lane_queue(&raw, 1, "narrow", MAXSIZE);
    for (int i = 0; i < PUTS; i++) {
        raw_bytes ops = {.length = 0};
        atomic_store(&raw_cell(&raw, 1)->credits, UINT64_MAX - (i % 3 ? 0 : 1));
        if (i < 4) {
            raw_pack(&ops, "[i,i,U,i,B]", 17, 1, ++raw.seq, -1, "\x01", (size_t)1); /* steadily: it gets some */
        } else {
            raw_pack(&ops, "[i,i,U,B]", 16, 1, ++raw.seq, "\x01", (size_t)1);
        }
        raw_lane_say(&raw, &ops);
        if (i % 50 == 0) {
            CHECK(size_of(queue) <= MAXSIZE);
        }
    }
    say_ping(&raw);
    CHECK_INT(raw_lane_answer(&raw, raw.seq), 0);
    CHECK_INT(size_of(queue), MAXSIZE);
    CHECK_ERR(put_number(queue, 2, 0), IPC_EFULL);
    for (int i = 0; i < PUTS; i++) {
        int64_t got;
        CHECK_OK(get_number(queue, DEADLINE_MS, &got));
        CHECK_INT(got, 1);
        if (i % 50 == 0) {
            atomic_store(&raw_cell(&raw, 1)->credits, UINT64_MAX);
            CHECK(size_of(queue) <= MAXSIZE);
        }
    }
    for (int64_t i = 0; i < MAXSIZE; i++) {
        CHECK_OK(put_number(queue, i, DEADLINE_MS));
    }
    CHECK_ERR(put_number(queue, 2, 0), IPC_EFULL);
    raw_lane_close(&raw);
    expect_numbers(queue, 0, MAXSIZE - 1);
    ipc_queue_free(queue);
    leaves(&witness, where);
}

/* ---- state words ---- */

struct scribble {
    const char *name;
    void (*write)(const raw_lane *self);
    int64_t first; /* of what others get afterwards, once each; */
    int64_t last;
    bool crime;
};

static void taken_out_of_order(const raw_lane *self)
{
    set_state(self, 5, ipc__shm_word(5, IPC__SHM_TAKEN));
}

static void free_without_taking(const raw_lane *self)
{
    for (uint64_t position = 1; position <= 4; position++) {
        set_state(self, position, ipc__shm_word(position, IPC__SHM_FREE));
    }
}

static void recalled_by_itself(const raw_lane *self)
{
    set_state(self, 1, ipc__shm_word(1, IPC__SHM_RECALLED));
}

static void of_another_time(const raw_lane *self)
{
    set_state(self, 1, ipc__shm_word(129, IPC__SHM_READY));
}

static void of_nothing(const raw_lane *self)
{
    set_state(self, 1, 0);
}

static void of_a_state_that_is_none(const raw_lane *self)
{
    set_state(self, 1, 1 << 8 | 99);
}

static void all_ones(const raw_lane *self)
{
    for (uint64_t position = 1; position <= ITEMS; position++) {
        set_state(self, position, UINT64_MAX);
    }
}

static void ones_at_the_end(const raw_lane *self)
{
    set_state(self, ITEMS, UINT64_MAX);
}

static void lent_a_small_one(const raw_lane *self)
{
    set_state(self, 1, ipc__shm_word(1, IPC__SHM_LENT));
}

/* Somebody else wants all: the hub takes back what this one has not taken. */
static void scribble_and_look(struct witness *witness, const place *where, const struct scribble *one)
{
    int64_t before = stat_of(witness->user.conn, "rejected");
    raw_lane raw = raw_lane_open(where);
    raw_lane_queue(&raw, 1, "mine", 0);
    raw_lane_flow(&raw, 1, 0, ITEMS);
    say_ping(&raw);
    CHECK_INT(raw_lane_answer(&raw, raw.seq), 0);
    ipc_queue *queue = queue_named(witness->user.conn, "mine", false, 0);
    put_numbers(queue, 1, ITEMS);
    raw_lane_await(&raw, 1, ITEMS);
    one->write(&raw);
    expect_each(queue, one->first, one->last, DEADLINE_MS);
    if (one->crime) {
        expect_dropped(witness, where, &raw, before, one->name);
    } else {
        raw_lane_close(&raw);
        EVENTUALLY(stat_of(witness->user.conn, "sessions") == 1);
        CHECK_INT(stat_of(witness->user.conn, "rejected"), before);
    }
    CHECK_INT(size_of(queue), 0);
    ipc_queue_free(queue);
}

static void test_hostile_rings__state_words(void **state)
{
    static const struct scribble scribbles[] = {
        {"taken out of order", taken_out_of_order, 1, ITEMS, true}, /* it is not believed */
        {"free without taking", free_without_taking, 5, ITEMS, false},
        {"recalled by itself", recalled_by_itself, 1, ITEMS, true},
        {"of another time", of_another_time, 1, ITEMS, true},
        {"of nothing", of_nothing, 1, ITEMS, true},
        {"of a state that is none", of_a_state_that_is_none, 1, ITEMS, true},
        {"ones at the end", ones_at_the_end, 1, ITEMS, true},
        {"lent a small one", lent_a_small_one, 2, ITEMS, false},
    };
    const place *where = *state;
    struct witness witness = witness_of(where);
    for (size_t i = 0; i < sizeof scribbles / sizeof scribbles[0]; i++) {
        scribble_and_look(&witness, where, &scribbles[i]);
    }
    leaves(&witness, where);
}

/* Nobody else wants anything, and the one that wrote it sleeps. */
static void test_hostile_rings__state_words_are_seen(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    int64_t before = stat_of(witness.user.conn, "rejected");
    raw_lane raw = raw_lane_open(where);
    raw_lane_queue(&raw, 1, "mine", 0);
    raw_lane_flow(&raw, 1, 0, ITEMS);
    ipc_queue *queue = queue_named(witness.user.conn, "mine", false, 0);
    put_numbers(queue, 1, ITEMS);
    raw_lane_await(&raw, 1, ITEMS);
    usleep(50 * 1000); /* the hub sleeps */
    all_ones(&raw);
    (void)size_of(queue);
    expect_dropped(&witness, where, &raw, before, "all ones");
    ipc_queue_free(queue);
    leaves(&witness, where);
}

/* ---- down ---- */

static void tail_beyond_the_head(raw_lane *self)
{
    atomic_store(&raw_header(self)->down_tail, UINT64_C(1) << 40);
    for (int i = 0; i < IPC__SHM_DOWN_SIZE && !raw_dropped(self->control, 1);
         i += 50) { /* an answer is a byte at least */
        raw_bytes ops = {.length = 0};
        for (int j = 0; j < 50; j++) {
            raw_pack(&ops, "[i,i,U]", 8, 0, ++self->seq);
        }
        raw_lane_say(self, &ops);
    }
}

static void test_hostile_rings__a_tail_beyond_the_head(void **state)
{
    static const struct crime crimes[] = {CRIME(tail_beyond_the_head)};
    const place *where = *state;
    struct witness witness = witness_of(where);
    PUNISH(&witness, where, crimes);
    leaves(&witness, where);
}

/* A hundred thousand STATs, in records as large as they may be; of the answers is read at most so much each time. */
static void ask_and_read(struct witness *witness, const place *where, uint64_t reads)
{
    raw_bytes ops = {.length = 0};
    while (ops.length < 8000) {
        raw_pack(&ops, "[i,i,i]", 11, 0, 1);
    }
    raw_lane raw = raw_lane_open(where);
    for (size_t asked = 0; asked < 100 * 1000; asked += ops.length / 4) {
        uint64_t tail = atomic_load(&raw_header(&raw)->up_tail);
        for (int64_t end = now_ms() + 300; raw.written + ops.length + 64 - tail > IPC__SHM_UP_SIZE && now_ms() < end;) {
            tail = atomic_load(&raw_header(&raw)->up_tail);
            uint64_t head = atomic_load(&raw_header(&raw)->down_head);
            raw.read = head - raw.read > reads ? raw.read + reads : raw.read;
            atomic_store(&raw_header(&raw)->down_tail, raw.read);
            raw_lane_wake(&raw);
        }
        if (raw.written + ops.length + 64 - tail > IPC__SHM_UP_SIZE) {
            break; /* the hub does not listen any more */
        }
        raw_lane_say(&raw, &ops);
    }
    is_well(witness, where);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(hub_kib(witness->hub) <= witness->kib + SLACK_KIB);
#endif
    raw_lane_close(&raw);
    is_well(witness, where);
}

static void test_hostile_rings__answers_that_nobody_reads(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    ask_and_read(&witness, where, 0);
    ask_and_read(&witness, where, 8192); /* never all */
    leaves(&witness, where);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_LANE(test_hostile_rings__the_ring, named),
        ON_LANE(test_hostile_rings__credits_that_were_not_given, named),
        ON_LANE(test_hostile_rings__state_words, named),
        ON_LANE(test_hostile_rings__state_words_are_seen, named),
        ON_LANE(test_hostile_rings__a_tail_beyond_the_head, named),
        ON_LANE(test_hostile_rings__answers_that_nobody_reads, named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
