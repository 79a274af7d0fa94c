/*
 * Clients that write nonsense into their session's memory, or send the hub descriptors of anything: each harms itself alone. The
 * hub drops it (rejected grows), others lose nothing, and what it had in the hub goes with it.
 * Touches raw sessions, and a hub of its own for every test.
 */
#include "fault/raw_lane.h"
#include "support/call.h"
#include "support/items.h"
#include "support/os.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SCRIBBLE_MS = 3000,
    SLACK_FDS = 6,         /* what a hub may open for itself, once */
    SLACK_KIB = 96 * 1024, /* what a session's backlog may take of the hub's memory, and what stays of it */
    ITEMS = 8,
};

/* ---- who works all the while ---- */

struct witness {
    user user;
    pid_t hub;
    int64_t number;
    unsigned fds;
    long kib;
};

static int64_t stat_of(ipc_conn *conn, const char *key)
{
    ipc_msg *stat;
    int64_t number = -1;
    CHECK_OK(ipc_stat(conn, &stat));
    CHECK_OK(ipc_unpack(stat, "{s:I}", key, &number));
    ipc_msg_free(stat);
    return number;
}

static long hub_kib(pid_t hub)
{
    char path[64];
    char line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)hub);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        (void)sscanf(line, "RssAnon: %ld", &kib);
    }
    if (file) {
        fclose(file);
    }
    return kib;
}

/* Ticks of the clock that the hub has used. */
static long hub_ticks(pid_t hub)
{
    char path[64];
    char line[1024] = "";
    unsigned long in_user = 0;
    unsigned long in_system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)hub);
    FILE *file = fopen(path, "re");
    CHECK(file && fgets(line, sizeof line, file));
    fclose(file);
    const char *at = strrchr(line, ')');
    CHECK(at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &in_user, &in_system) == 2);
    return (long)(in_user + in_system);
}

static void is_well(struct witness *self, const place *where)
{
    put_numbers(self->user.queue, self->number, self->number);
    expect_numbers(self->user.queue, self->number, self->number);
    self->number++;
    CHECK_INT(place_hub_pid(where), self->hub);
    CHECK_INT(kill(self->hub, 0), 0);
}

static struct witness witness_of(const place *where)
{
    struct witness self = {.user = user_of(where, "jobs", false, 0)};
    self.hub = place_hub_pid(where);
    CHECK(self.hub > 0);
    is_well(&self, where);
    raw_lane first = raw_lane_open(where); /* what a hub opens once is open */
    raw_lane_queue(&first, 1, "mine", 0);
    raw_lane_close(&first);
    EVENTUALLY(stat_of(self.user.conn, "sessions") == 1);
    self.fds = fds_of(self.hub);
    self.kib = hub_kib(self.hub);
    return self;
}

/* The hub sleeps, and has what it had before. */
static void leaves(struct witness *self, const place *where)
{
    is_well(self, where);
    EVENTUALLY(stat_of(self->user.conn, "sessions") == 1);
    EVENTUALLY(fds_of(self->hub) <= self->fds + SLACK_FDS);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(hub_kib(self->hub) <= self->kib + SLACK_KIB);
#endif
    long ticks = hub_ticks(self->hub);
    usleep(200 * 1000);
    CHECK(hub_ticks(self->hub) - ticks <= sysconf(_SC_CLK_TCK) / 10);
    user_leave(&self->user);
}

/* ---- crimes: each ends its session, and nothing else ---- */

struct crime {
    const char *name;
    void (*commit)(raw_lane *self);
};

static void expect_dropped(struct witness *witness, const place *where, raw_lane *raw, int64_t before, const char *name)
{
    if (!raw_dropped(raw->control, DEADLINE_MS)) {
        check_fail(__FILE__, __LINE__, "it is not dropped: %s", name);
    }
    raw_lane_close(raw);
    if (stat_of(witness->user.conn, "rejected") != before + 1) {
        check_fail(__FILE__, __LINE__, "it is not counted as rejected: %s", name);
    }
    is_well(witness, where);
}

static void punish(struct witness *witness, const place *where, const struct crime *crimes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t before = stat_of(witness->user.conn, "rejected");
        raw_lane raw = raw_lane_open(where);
        crimes[i].commit(&raw);
        expect_dropped(witness, where, &raw, before, crimes[i].name);
    }
}

#define CRIME(function)                                                                                                \
    {                                                                                                                  \
#function, function                                                                                            \
    }
#define PUNISH(witness, where, crimes) punish(witness, where, crimes, sizeof(crimes) / sizeof((crimes)[0]))

/* ---- the ring ---- */

static void say_ping(raw_lane *self)
{
    raw_bytes ops = {.length = 0};
    raw_pack(&ops, "[i,i,U]", 8, 0, ++self->seq);
    raw_lane_say(self, &ops);
}

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

static void test_hostile_lane__the_ring(void **state)
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
static void test_hostile_lane__places_that_are_right(void **state)
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

static void test_hostile_lane__places(void **state)
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

static int file_of(size_t size)
{
    char path[] = "/tmp/hostile-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    CHECK(fd >= 0 && unlink(path) == 0 && ftruncate(fd, (off_t)size) == 0);
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

static void test_hostile_lane__segments(void **state)
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
static void test_hostile_lane__a_segment_of_holes(void **state)
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
static void test_hostile_lane__small_values_alone(void **state)
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

/* ---- credits ---- */

static void test_hostile_lane__credits_that_were_not_given(void **state)
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

static void set_state(const raw_lane *self, uint64_t position, uint64_t word)
{
    atomic_store(&raw_lane_slot(self, 1, position)->state, word);
}

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

static void test_hostile_lane__state_words(void **state)
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
static void test_hostile_lane__state_words_are_seen(void **state)
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

static void test_hostile_lane__loans(void **state)
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

static void test_hostile_lane__a_goodbye_and_more_behind_it(void **state)
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
static void test_hostile_lane__a_loan_of_a_queue_that_is_gone(void **state)
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

/* ---- down ---- */

static void tail_beyond_the_head(raw_lane *self)
{
    atomic_store(&raw_header(self)->down_tail, UINT64_C(1) << 40);
    for (int i = 0; i < 5000 && !raw_dropped(self->control, 1); i += 50) {
        raw_bytes ops = {.length = 0};
        for (int j = 0; j < 50; j++) {
            raw_pack(&ops, "[i,i,U]", 8, 0, ++self->seq);
        }
        raw_lane_say(self, &ops);
    }
}

static void test_hostile_lane__a_tail_beyond_the_head(void **state)
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

static void test_hostile_lane__answers_that_nobody_reads(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    ask_and_read(&witness, where, 0);
    ask_and_read(&witness, where, 8192); /* never all */
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
        ON_LANE(test_hostile_lane__the_ring, named),
        ON_LANE(test_hostile_lane__places_that_are_right, named),
        ON_LANE(test_hostile_lane__places, named),
        ON_LANE(test_hostile_lane__segments, named),
        ON_LANE(test_hostile_lane__a_segment_of_holes, named),
        ON_LANE(test_hostile_lane__small_values_alone, named),
        ON_LANE(test_hostile_lane__the_control_socket, named),
        ON_LANE(test_hostile_lane__without_memory, named),
        ON_LANE(test_hostile_lane__writes_before_mapped, named),
        ON_LANE(test_hostile_lane__holes_in_the_memory, named),
        ON_LANE(test_hostile_lane__watches, named),
        ON_LANE(test_hostile_lane__credits_that_were_not_given, named),
        ON_LANE(test_hostile_lane__state_words, named),
        ON_LANE(test_hostile_lane__state_words_are_seen, named),
        ON_LANE(test_hostile_lane__loans, named),
        ON_LANE(test_hostile_lane__a_goodbye_and_more_behind_it, named),
        ON_LANE(test_hostile_lane__a_loan_of_a_queue_that_is_gone, named),
        ON_LANE(test_hostile_lane__a_tail_beyond_the_head, named),
        ON_LANE(test_hostile_lane__answers_that_nobody_reads, named),
        ON_LANE(test_hostile_lane__armed_words_and_eventfds, named),
        ON_LANE(test_hostile_lane__packets_without_end, named),
        ON_LANE(test_hostile_lane__records_without_end, named),
        ON_LANE(test_hostile_lane__madness_beside_honest_work, named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
