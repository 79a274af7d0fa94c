/*
 * A session over shared memory without the library: whatever is to be written there, in whatever order.
 * Touches a control socket and a session's memory. The test's own thread, but where a test says otherwise.
 */
#include "fault/raw_lane.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

void raw_send_fds(int control, const raw_bytes *packet, const int *fds, int count)
{
    struct iovec part = {(void *)(uintptr_t)packet->data, packet->length};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } beside = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        message.msg_control = beside.space;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
    }
    /* A hub that has dropped this client already is none of the test's concern. */
    (void)!sendmsg(control, &message, MSG_NOSIGNAL);
}

/* The answer to LANE, and the two descriptors with it. */
static void receive_memory(raw_lane *self)
{
    unsigned char bytes[4096];
    struct iovec part = {bytes, sizeof bytes};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } beside;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = beside.space, .msg_controllen = sizeof beside.space};
    ssize_t length = recvmsg(self->control, &message, MSG_CMSG_CLOEXEC);
    CHECK(length > 2 && bytes[0] == 0x93 && bytes[1] == 6 && bytes[2] == 0);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    CHECK(header && header->cmsg_len == CMSG_LEN(2 * sizeof(int)));
    memcpy(&self->fd, CMSG_DATA(header), sizeof(int));
    memcpy(&self->wake, CMSG_DATA(header) + sizeof(int), sizeof(int));
}

raw_lane raw_lane_asked(const place *where)
{
    raw_lane self = {.control = raw_control(where)};
    raw_hello(self.control, &self.welcome);
    raw_bytes packet = {.length = 0};
    raw_pack(&packet, "[i,i]", 5, IPC__SHM_VERSION);
    raw_send_fds(self.control, &packet, NULL, 0);
    receive_memory(&self);
    self.memory = mmap(NULL, IPC__SHM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self.fd, 0);
    CHECK(self.memory != MAP_FAILED);
    return self;
}

raw_lane raw_lane_open(const place *where)
{
    raw_lane self = raw_lane_asked(where);
    raw_say_mapped(&self, true);
    return self;
}

void raw_lane_close(raw_lane *self)
{
    munmap(self->memory, IPC__SHM_SIZE);
    close(self->fd);
    close(self->wake);
    close(self->control);
}

void raw_say_mapped(const raw_lane *self, bool used)
{
    raw_bytes packet = {.length = 0};
    raw_pack(&packet, "[i,b]", 7, used);
    raw_send_fds(self->control, &packet, NULL, 0);
}

void raw_say_segment(const raw_lane *self, uint32_t local, uint64_t size, int fd)
{
    raw_bytes packet = {.length = 0};
    raw_pack(&packet, "[i,U,U]", 8, (uint64_t)local, size);
    raw_send_fds(self->control, &packet, &fd, 1);
}

void raw_say_watch(const raw_lane *self, uint32_t handle, const int *fds, int count)
{
    raw_bytes packet = {.length = 0};
    raw_pack(&packet, "[i,U]", 9, (uint64_t)handle);
    raw_send_fds(self->control, &packet, fds, count);
}

bool raw_dropped(int control, int64_t within_ms)
{
    int64_t end = now_ms() + within_ms;
    for (int64_t left = within_ms; left > 0; left = end - now_ms()) {
        char bytes[4096];
        struct pollfd one = {.fd = control, .events = POLLIN};
        if (poll(&one, 1, (int)left) > 0 && recv(control, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) {
            return true;
        }
    }
    return false;
}

/* ---- up ---- */

static void copy_up(raw_lane *self, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        self->memory[IPC__SHM_UP + (self->written + i) % IPC__SHM_UP_SIZE] = ((const unsigned char *)bytes)[i];
    }
    self->written += length;
}

void raw_lane_piece(raw_lane *self, ipc__shm_piece piece, const void *bytes, size_t length)
{
    int64_t end = now_ms() + DEADLINE_MS;
    size_t needed = sizeof piece + length + 8;
    while (self->written + needed - atomic_load(&raw_header(self)->up_tail) > IPC__SHM_UP_SIZE && now_ms() < end) {
        raw_lane_wake(self);
        pause_briefly();
    }
    copy_up(self, &piece, sizeof piece);
    copy_up(self, bytes, length);
    self->written = (self->written + 7) & ~UINT64_C(7);
}

void raw_lane_publish(raw_lane *self)
{
    atomic_store(&raw_header(self)->up_head, self->written);
    raw_lane_wake(self);
}

void raw_lane_wake(const raw_lane *self)
{
    eventfd_write(self->wake, 1);
}

void raw_lane_say(raw_lane *self, const raw_bytes *ops)
{
    raw_lane_piece(self, (ipc__shm_piece){.length = (uint32_t)ops->length}, ops->data, ops->length);
    raw_lane_publish(self);
}

void raw_open_queue(raw_lane *self, raw_bytes *ops, uint32_t handle, const char *name, uint64_t maxsize)
{
    raw_pack(ops, "[i,U,U,s,i,s,{s:b,s:U}]", 3, (uint64_t)handle, ++self->seq, "queue", 0, name, "joinable", 0,
             "maxsize", maxsize);
}

/* ---- down ---- */

static void copy_down(const raw_lane *self, uint64_t from, void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        ((unsigned char *)bytes)[i] = self->memory[IPC__SHM_DOWN + (from + i) % IPC__SHM_DOWN_SIZE];
    }
}

/* Whether an answer to a number is among operations; its code. */
static bool find_answer(const unsigned char *bytes, size_t length, uint64_t seq, int *code)
{
    ipc_cursor at;
    ipc_cursor_init(&at, bytes, length);
    while (at.at < at.end) {
        int64_t fields[4] = {0};
        ipc_value value;
        CHECK_OK(ipc_cursor_next(&at, &value));
        CHECK(value.kind == IPC_KIND_ARRAY && value.as.count >= 4);
        uint32_t count = value.as.count;
        for (uint32_t i = 0; i < count; i++) {
            if (i < 4) {
                CHECK_OK(ipc_cursor_next(&at, &value));
                fields[i] = value.kind == IPC_KIND_UINT ? (int64_t)value.as.u : value.as.i;
            } else {
                CHECK_OK(ipc_cursor_skip(&at));
            }
        }
        if (fields[0] == 64 && fields[2] == (int64_t)seq) {
            *code = (int)fields[3];
            return true;
        }
    }
    return false;
}

int raw_lane_answer(raw_lane *self, uint64_t seq)
{
    static unsigned char bytes[IPC__SHM_DOWN_SIZE];
    for (int64_t end = now_ms() + DEADLINE_MS; now_ms() < end;) {
        if (atomic_load(&raw_header(self)->down_head) == self->read) {
            pause_briefly();
            continue;
        }
        ipc__shm_piece piece;
        int code = 0;
        copy_down(self, self->read, &piece, sizeof piece);
        CHECK(piece.length <= sizeof bytes && !piece.more);
        copy_down(self, self->read + sizeof piece, bytes, piece.length);
        self->read += sizeof piece + ipc__shm_padded(piece.length);
        atomic_store(&raw_header(self)->down_tail, self->read);
        if (find_answer(bytes, piece.length, seq, &code)) {
            return code;
        }
    }
    check_fail(__FILE__, __LINE__, "the hub does not answer");
}

void raw_lane_queue(raw_lane *self, uint32_t handle, const char *name, uint64_t maxsize)
{
    raw_bytes ops = {.length = 0};
    raw_open_queue(self, &ops, handle, name, maxsize);
    raw_lane_say(self, &ops);
    CHECK_INT(raw_lane_answer(self, self->seq), 0);
}

/* ---- deliveries ---- */

void raw_lane_flow(raw_lane *self, uint32_t handle, uint64_t taken, uint64_t window)
{
    raw_bytes ops = {.length = 0};
    raw_pack(&ops, "[i,U,U,U,U,i]", 18, (uint64_t)handle, ++self->seq, taken, window, -1);
    raw_lane_say(self, &ops);
}

ipc__shm_slot *raw_lane_slot(const raw_lane *self, uint32_t handle, uint64_t position)
{
    const ipc__shm_cell *cell = raw_cell(self, handle);
    if (!atomic_load(&cell->rings)) {
        return NULL;
    }
    const ipc__shm_place *ring = &cell->place[0];
    return (ipc__shm_slot *)(void *)(self->memory + ring->offset) + (position & (ring->slots - 1));
}

ipc__shm_slot *raw_lane_await(const raw_lane *self, uint32_t handle, uint64_t position)
{
    EVENTUALLY(raw_lane_slot(self, handle, position) &&
               atomic_load(&raw_lane_slot(self, handle, position)->state) == ipc__shm_word(position, IPC__SHM_READY));
    return raw_lane_slot(self, handle, position);
}

int raw_segment(unsigned char **base)
{
    int fd = memfd_create("raw", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && ftruncate(fd, IPC__SHM_SEGMENT_SIZE) == 0);
    *base = mmap(NULL, IPC__SHM_SEGMENT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(*base != MAP_FAILED);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) == 0);
    return fd;
}
