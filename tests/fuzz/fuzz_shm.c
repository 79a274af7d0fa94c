/*
 * Fuzz target: the hub's side of the shared-memory lane, with the core behind it. The input says what hostile sessions write into
 * their memory between the hub's turns; one session is honest. It is never dropped, what it took comes to nobody again, the
 * hub's counts are right at every step, and when everybody is gone nothing is left.
 * Touches memory, and sockets and memfds of its own. One thread.
 */
#include "fuzz/core_world.h"
#include "hub/stream.h"
#include "lane/shm_hub.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

enum { RAIDERS = 4, RAIDERS_EVER = 12, STEPS_MAX = 2000, CHECK_EVERY = 16, NAMES = 1, HONEST_HANDLES = 8 };

/* What the honest session took. */
typedef struct taking {
    struct {
        uint64_t object;
        uint64_t seq;
        uint64_t attempt;
    } key;
    UT_hash_handle hh;
} taking;

typedef struct raider {
    ipc__shm_peer shm; /* its first member: what the lane is called with */
    peer said;         /* of the target core: what it has to send */
    int control;       /* its end */
    uint64_t written;
    uint32_t page; /* of its segment: the next one */
    bool ended;
    struct raider *prev, *next;
} raider;

typedef struct arena {
    world core;
    ipc__shm_hub hub;
    raider *raiders; /* the first one is honest */
    raider *dead;
    raider *honest;
    uint32_t handle; /* the honest one's, and where it is in its deliveries */
    uint64_t at;
    taking *takings;
    unsigned ever;
} arena;

static arena *running;
static ipc__lane_ops lane;

static ipc__shm_header *header_of(const raider *self)
{
    return (ipc__shm_header *)(void *)self->shm.memory;
}

/* ---- the lane, looked at ---- */

static void note_delivery(void *arg, uint32_t handle, const ipc__item *item)
{
    raider *self = arg;
    require(!self->ended && self->shm.memory, "nothing is delivered to who is gone");
    const ipc__object *object = self->said.session->holds[handle]->object;
    if (object->ops == &ipc__queue_ops) {
        taking of = {.key = {object->id, item->seq, item->attempt}};
        taking *found;
        HASH_FIND(hh, running->takings, &of.key, sizeof of.key, found);
        require(!found, "what was taken comes to nobody again");
    }
    if (handle < HANDLES) {
        self->said.positions[handle] = item->position;
    }
    self->said.heard[self->said.heard_next++ % HEARD] = (delivery){handle, item->seq, item->position, item->attempt};
    ipc__shm_lane.deliver(arg, handle, item);
}

static void fetch_nothing(void *owner)
{
    (void)owner;
}

/* ---- sessions ---- */

static raider *arrive(arena *self)
{
    int pair[2];
    if (self->core.peer_count > RAIDERS || self->ever++ > RAIDERS_EVER) {
        return NULL;
    }
    raider *one = calloc(1, sizeof *one);
    require(one && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0, "there is room");
    one->control = pair[1];
    require(ipc__shm_peer_open(&one->shm, &self->hub, pair[0], one) && ipc__shm_peer_mapped(&one->shm),
            "there is memory");
    ipc__identity who = {{(const unsigned char *)"c", 1}, {NULL, 0}, 1};
    require(ipc__core_session(&self->core.core, &lane, &one->shm, &who, &one->said.session) == IPC_OK, "it is let in");
    one->said.world = &self->core;
    one->said.out.inline_max = IPC__SHM_INLINE_MAX;
    DL_APPEND(self->raiders, one);
    self->core.peer_count++;
    return one;
}

static void leave(raider *self, ipc__end end)
{
    if (self->ended) {
        return;
    }
    int control = self->shm.control;
    self->ended = true;
    ipc__core_session_end(self->said.session, end, running->core.now);
    ipc__shm_peer_close(&self->shm);
    close(control);
    close(self->control);
    DL_DELETE(running->raiders, self);
    DL_APPEND(running->dead, self);
    running->core.peer_count--;
}

/* What the hub does with what came. */
static void take_input(void *owner, ipc__envelope *envelope)
{
    raider *self = owner;
    if (self->ended) {
        return;
    }
    ipc_err err = envelope ? ipc__core_input(self->said.session, envelope, running->core.now) : IPC_EPROTO;
    require(err == IPC_OK || self != running->honest, "the honest one is heard");
    if (err == IPC_ECLOSED) {
        ipc__shm_hub_flush(&running->hub);
    }
    if (err) {
        leave(self, err == IPC_ECLOSED ? IPC__END_CLEAN : IPC__END_CRASH);
    }
}

static void reap(arena *self)
{
    while (self->dead) {
        raider *one = self->dead;
        DL_DELETE(self->dead, one);
        ipc__outbox_free(&one->said.out);
        free(one);
    }
}

/* The honest one reads what it is told. */
static void read_down(const arena *self)
{
    char packet[64];
    ipc__shm_header *header = header_of(self->honest);
    atomic_store(&header->down_tail, atomic_load(&header->down_head));
    while (recv(self->honest->control, packet, sizeof packet, MSG_DONTWAIT) > 0) {
    }
    if (atomic_load(&header->wants_down)) {
        atomic_store(&header->wants_down, 0);
        ipc__shm_peer_look(&self->honest->shm);
    }
}

static void turn(arena *self)
{
    ipc__shm_hub_take(&self->hub, take_input);
    ipc__core_advance(&self->core.core, self->core.now);
    ipc__shm_hub_flush(&self->hub);
    reap(self);
    read_down(self);
}

/* ---- what is written ---- */

static void write_piece(raider *self, ipc__shm_piece piece, const ipc__shm_where *places, const void *bytes,
                        uint32_t length)
{
    ipc__shm_writer ring = {.head = &header_of(self)->up_head,
                            .bytes = self->shm.memory + IPC__SHM_UP,
                            .size = IPC__SHM_UP_SIZE,
                            .written = self->written};
    if (self->written - self->shm.up.read + length + 64 + piece.places * sizeof *places > IPC__SHM_UP_SIZE) {
        return;
    }
    ipc__shm_put_piece(&ring, (ipc__shm_piece){.length = length, .places = 0}, NULL, bytes);
    uint64_t end = ring.written;
    ring.written = self->written; /* once more, with what it says of itself */
    ipc__shm_copy_in(&ring, &piece, sizeof piece);
    ring.written = self->written = end;
    ipc__shm_publish(&ring);
}

/* What it has to say, as an honest client writes it; its large values lie in its segment, somewhere. */
static void say_all(raider *self)
{
    ipc__outbox *out = &self->said.out;
    ipc__buf bytes = {0};
    for (unsigned i = 0; i < out->frame_count; i++) {
        uint32_t length = (uint32_t)out->frames[i]->length;
        ipc__shm_where place = {.offset = self->page * IPC__SHM_PAGE, .length = length};
        self->page = (self->page + ipc__shm_pages(length)) % (IPC__SHM_SEGMENT_PAGES - 64);
        ipc__buf_write(&bytes, (const char *)&place, sizeof place);
    }
    ipc__buf_write(&bytes, (const char *)out->ops.data, out->ops.length);
    ipc__shm_piece piece = {.length = (uint32_t)bytes.length, .places = (uint16_t)out->frame_count};
    if (bytes.length && bytes.length < IPC__SHM_UP_SIZE / 2) {
        write_piece(self, piece, NULL, bytes.data, (uint32_t)bytes.length);
    }
    ipc__buf_free(&bytes);
    ipc__outbox_reset(out);
}

/* A piece that says anything of itself. */
static void say_nonsense(raider *self, input *in)
{
    const uint8_t *bytes;
    uint8_t how = input_byte(in);
    uint16_t places = (uint16_t)(how & 1 ? input_byte(in) % 40 : 0);
    uint32_t length = (uint32_t)input_bytes(in, input_byte(in), &bytes);
    ipc__shm_piece piece = {.length = length, .places = places, .more = how & 2 ? 1 : 0};
    piece.length += how & 4 ? input_byte(in) * 257U : 0;
    write_piece(self, piece, NULL, bytes, length);
}

/* A number near those that there are, or far from all. */
static uint64_t draw_word(uint64_t there, input *in)
{
    uint8_t how = input_byte(in);
    switch (how % 8) {
    case 0:
        return there + 1;
    case 1:
        return there - 1;
    case 2:
        return there + how;
    case 3:
        return there - how;
    case 4:
        return UINT64_MAX;
    case 5:
        return 0;
    case 6:
        return (uint64_t)input_byte(in) << (how / 8 % 8) * 8;
    default:
        return there ^ input_byte(in);
    }
}

static void set_header(const raider *self, input *in)
{
    ipc__shm_header *header = header_of(self);
    uint8_t which = input_byte(in);
    if (which % 8 < 5) {
        atomic_uint_least64_t *words[] = {&header->up_head, &header->up_tail, &header->down_head, &header->down_tail,
                                          &header->news};
        atomic_store(words[which % 8], draw_word(atomic_load(words[which % 8]), in));
        return;
    }
    atomic_uint *flags[] = {&header->wants_room, &header->loans_back, &header->wants_down, &header->hub_armed,
                            &header->client_armed};
    atomic_store(flags[which / 8 % 5], (unsigned)draw_word(atomic_load(flags[which / 8 % 5]), in));
}

/* A state word of a delivery that there is, or was, or is to be; mostly one of the states. */
static void set_state(const raider *self, input *in)
{
    uint32_t handle = input_below(in, HANDLES);
    const ipc__shm_outlet *outlet = handle < self->shm.handles ? self->shm.outlets[handle] : NULL;
    if (!outlet) {
        return;
    }
    uint8_t back = input_byte(in);
    uint64_t position = outlet->newest + 1 - back % 16;
    const ipc__shm_slots *ring = &outlet->rings[outlet->count - 1];
    ipc__shm_slot *its_slot = &ring->slots[position & (ring->count - 1)];
    uint8_t state = input_byte(in);
    if (state % 8 == IPC__SHM_LENT) {
        its_slot->segment = (uint32_t)(state / 8 % 4 ? state / 8 : draw_word(0, in));
    }
    atomic_store(&its_slot->state,
                 state < 240 ? ipc__shm_word(position, state % 8) : draw_word(atomic_load(&its_slot->state), in));
}

/* In order, as an honest client does; lent, where that can be. */
static void take(const raider *self, input *in)
{
    uint32_t handle = input_below(in, HANDLES);
    const ipc__shm_outlet *outlet = handle < self->shm.handles ? self->shm.outlets[handle] : NULL;
    uint8_t how = input_byte(in);
    uint64_t last = outlet ? outlet->newest : 0;
    unsigned left = 1 + how % 4;
    for (uint64_t position = outlet ? outlet->taken + 1 : 1; left && position <= last; position++) {
        const ipc__shm_slots *ring = &outlet->rings[outlet->count == 2 && position >= outlet->rings[1].from];
        ipc__shm_slot *its_slot = &ring->slots[position & (ring->count - 1)];
        if (atomic_load(&its_slot->state) == ipc__shm_word(position, IPC__SHM_READY)) {
            bool lent = its_slot->segment && how & 4;
            its_slot->segment = lent ? how / 8U : its_slot->segment;
            atomic_store(&its_slot->state, ipc__shm_word(position, lent      ? IPC__SHM_LENT
                                                                   : how & 8 ? IPC__SHM_TAKEN
                                                                             : IPC__SHM_FREE));
            left--;
        }
    }
}

static void scribble(const raider *self, input *in)
{
    static const uint32_t from[] = {
        0, IPC__SHM_UP, IPC__SHM_CELLS, IPC__SHM_RINGS, IPC__SHM_RINGS + 4096, IPC__SHM_DOWN};
    uint32_t at = from[input_below(in, 6)] + 16U * input_byte(in);
    const uint8_t *bytes;
    size_t length = input_bytes(in, 1 + input_below(in, 16), &bytes);
    memcpy(self->shm.memory + at, bytes, length);
}

static void set_flags(const raider *self, input *in)
{
    uint8_t which = input_byte(in);
    if (which & 1 && self->shm.loans) {
        self->shm.memory[IPC__SHM_LOANS + which / 8] = input_byte(in) % 4;
        atomic_fetch_add(&header_of(self)->loans_back, which / 2 % 4);
    } else if (self->shm.segments) {
        self->shm.memory[IPC__SHM_CHUNKS + which] = input_byte(in);
    }
}

/* ---- descriptors ---- */

static void send_segment(raider *self, input *in)
{
    static int whole = -1;
    static int single = -1;
    if (whole < 0) {
        unsigned char page[IPC__SHM_PAGE] = {0};
        whole = ipc__shm_memory("fuzz", IPC__SHM_SEGMENT_SIZE);
        single = ipc__shm_sealed(page, sizeof page);
        require(whole >= 0 && single >= 0 && ipc__shm_seal(whole), "there is memory");
    }
    uint8_t how = input_byte(in);
    uint64_t size = how & 1 ? IPC__SHM_PAGE : IPC__SHM_SEGMENT_SIZE;
    int fd = dup(how & 4 ? self->control : how & 1 ? single : whole);
    if (!ipc__shm_peer_segment(&self->shm, fd, how & 1 ? how / 8U : 0, how & 2 && how & 8 ? size / 2 : size)) {
        leave(self, IPC__END_CRASH);
    }
}

static void send_watch(raider *self, input *in)
{
    int fds[2];
    uint8_t how = input_byte(in);
    uint32_t handle = how / 4 % HANDLES;
    if (how & 1) {
        require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0, "there are descriptors");
    } else {
        fds[0] = eventfd(0, EFD_CLOEXEC);
        fds[1] = dup(fds[0]);
    }
    const ipc__session *session = self->said.session;
    if (handle >= session->hold_capacity || !session->holds[handle]) {
        close(fds[0]);
        close(fds[1]);
        return;
    }
    session->holds[handle]->watched = true;
    require(ipc__shm_peer_watch(&self->shm, handle, fds), "there is memory");
}

/* ---- the honest one ---- */

/* It holds the queue named a, if there is one that it can hold, and wants all. */
static void want(arena *self)
{
    raider *one = self->honest;
    const ipc__session *session = one->said.session;
    bool held = self->handle < session->hold_capacity && session->holds[self->handle];
    msgpack_packer packer = ipc__packer(&one->said.out.ops);
    if (!held && self->handle < HONEST_HANDLES) {
        ipc__write_op(&packer, IPC__OP_OPEN, ++self->handle, ++one->said.seq, 4);
        ipc__pack_text(&packer, "queue");
        msgpack_pack_uint8(&packer, 0);
        ipc__pack_text(&packer, "a");
        msgpack_pack_map(&packer, 0);
        self->at = 1;
    }
    ipc__write_op(&packer, IPC__OP_FLOW, self->handle, ++one->said.seq, 3);
    msgpack_pack_uint64(&packer, held ? self->at - 1 : 0);
    msgpack_pack_uint64(&packer, 8);
    msgpack_pack_int(&packer, -1);
    say_all(one);
}

static void note_taking(arena *self, const ipc__shm_slot *its_slot)
{
    const ipc__object *object = self->honest->said.session->holds[self->handle]->object;
    taking *one = calloc(1, sizeof *one);
    require(one != NULL, "there is memory");
    one->key.object = object->id;
    one->key.seq = its_slot->seq;
    one->key.attempt = its_slot->attempt >> 1;
    taking *found;
    HASH_FIND(hh, self->takings, &one->key, sizeof one->key, found);
    require(!found, "nothing is taken twice");
    HASH_ADD(hh, self->takings, key, sizeof one->key, one);
}

static void take_honestly(arena *self, unsigned count)
{
    const ipc__session *session = self->honest->said.session;
    if (self->handle >= session->hold_capacity || !session->holds[self->handle]) {
        return;
    }
    unsigned char *memory = self->honest->shm.memory;
    const ipc__shm_cell *cell = ipc__shm_cell_of(memory, self->handle);
    unsigned rings = atomic_load(&cell->rings);
    while (count && rings) {
        const ipc__shm_place *place = &cell->place[rings == 2 && self->at >= cell->place[1].from];
        ipc__shm_slot *its_slot = (ipc__shm_slot *)(void *)(memory + place->offset) + (self->at & (place->slots - 1));
        uint64_t word = atomic_load(&its_slot->state);
        if (word == ipc__shm_word(self->at, IPC__SHM_READY)) {
            require(its_slot->segment || (its_slot->length <= IPC__SHM_INLINE_MAX && its_slot->offset < place->bytes),
                    "it is there");
            atomic_store(&its_slot->state, ipc__shm_word(self->at, IPC__SHM_TAKEN));
            note_taking(self, its_slot);
            atomic_store(&its_slot->state, ipc__shm_word(self->at, IPC__SHM_FREE));
            count--;
        } else if (word >> 8 < self->at) {
            return;
        }
        self->at++;
    }
}

/* ---- what must hold ---- */

static void check_outlet(const ipc__shm_outlet *outlet)
{
    require(outlet->oldest <= outlet->newest + 1 && outlet->taken <= outlet->newest, "positions are in order");
    for (unsigned i = 0; i < outlet->count; i++) {
        const ipc__shm_slots *ring = &outlet->rings[i];
        require(ring->head - ring->tail <= ring->size, "the bytes of a ring are counted");
    }
}

static void check_segments(const ipc__shm_store *store)
{
    const ipc__shm_segment *segment;
    for (segment = store->segments; segment; segment = segment->hh.next) {
        uint32_t used = 0;
        for (unsigned i = 0; segment->bits && i < IPC__SHM_SEGMENT_PAGES / 64; i++) {
            used += (uint32_t)__builtin_popcountll(segment->bits[i]);
        }
        require(!segment->bits || used == segment->used, "the pages that the hub has are counted");
        require(segment == store->own || segment->owned || segment->used, "a segment goes with its last chunk");
    }
}

static void check(const arena *self)
{
    core_check(&self->core);
    check_segments(&self->hub.store);
    const raider *one;
    unsigned count = 0;
    DL_FOREACH(self->raiders, one)
    {
        require(one->shm.out.length >= one->shm.out_done, "what is written was to be written");
        for (uint32_t handle = 0; handle < one->shm.handles; handle++) {
            if (one->shm.outlets[handle]) {
                check_outlet(one->shm.outlets[handle]);
            }
        }
        count++;
    }
    require(count == self->core.peer_count, "sessions are counted");
}

/* ---- a run ---- */

static raider *some_raider(const arena *self, unsigned which)
{
    raider *one = self->honest->next; /* the honest one is the first */
    for (which = self->core.peer_count > 1 ? which % (self->core.peer_count - 1) : 0; which > 0; which--) {
        one = one->next;
    }
    return one;
}

static void pass_time(arena *self, input *in)
{
    uint64_t due = ipc__core_due(&self->core.core);
    uint8_t how = input_byte(in);
    self->core.now = how < 128 && due != UINT64_MAX && due > self->core.now ? due : self->core.now + (1ULL << how % 28);
    turn(self);
}

static void sabotage(raider *one, unsigned how, input *in)
{
    static void (*const ways[])(const raider *self, input *in) = {set_header, set_state, set_state,
                                                                  take,       scribble,  set_flags};
    ways[how % 6](one, in);
}

static void step(arena *self, input *in)
{
    uint8_t drawn = input_byte(in);
    raider *one = some_raider(self, drawn >> 4);
    if (!one) {
        arrive(self);
        return;
    }
    switch (drawn & 15) {
    case 0:
        arrive(self);
        break;
    case 1:
        pass_time(self, in);
        break;
    case 2:
        want(self);
        turn(self);
        take_honestly(self, 1 + input_below(in, 8));
        break;
    case 3:
        leave(one, input_below(in, 2) ? IPC__END_CRASH : IPC__END_CLEAN);
        break;
    case 4:
        say_nonsense(one, in);
        break;
    case 5:
        send_segment(one, in);
        break;
    case 6:
        send_watch(one, in);
        break;
    case 7:
        turn(self);
        break;
    case 8:
        ipc__shm_peer_look(&one->shm);
        ipc__shm_hub_rest(&self->hub);
        break;
    case 9:
    case 10:
    case 11:
        sabotage(one, input_byte(in), in);
        break;
    case 12:
        core_say(&one->said, in);
        break;
    default:
        core_say(&one->said, in);
        say_all(one);
        turn(self);
    }
}

static void end_all(arena *self)
{
    while (self->raiders) {
        leave(self->raiders, self->core.peer_count % 2 ? IPC__END_CRASH : IPC__END_CLEAN);
    }
    reap(self);
    ipc__core_fini(&self->core.core);
    require(self->core.core.memory == 0, "nothing is kept");
    require(!self->hub.peers && !self->hub.active && !self->hub.dirty, "nobody is left");
    require(HASH_COUNT(self->hub.store.segments) == (self->hub.store.own ? 1U : 0U), "no segment is left");
    require(!self->hub.store.own || self->hub.store.own->used == 0, "no chunk is left");
    ipc__shm_hub_free(&self->hub);
    taking *one;
    taking *next;
    HASH_ITER(hh, self->takings, one, next)
    {
        HASH_DEL(self->takings, one);
        free(one);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.max_sessions = RAIDERS + 2;
    options.max_objects = 6;
    options.max_memory = 1 << 20;
    arena self = {.core = {.now = 1000000}};
    running = &self;
    lane = ipc__shm_lane;
    lane.deliver = note_delivery;
    ipc__core_init(&self.core.core, &options);
    ipc__core_advance(&self.core.core, self.core.now);
    ipc__shm_hub_init(&self.hub, fetch_nothing, 1024);
    self.honest = arrive(&self);
    for (unsigned steps = 0; in.left && steps < STEPS_MAX; steps++) {
        step(&self, &in);
        reap(&self);
        if (steps % CHECK_EVERY == 0) {
            check(&self);
        }
    }
    turn(&self);
    check(&self);
    end_all(&self);
    running = NULL;
    return 0;
}
