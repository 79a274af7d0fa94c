/*
 * Locks and their kin in the hub core, among sessions that die at any step, on a clock of its own, for many seeds.
 * What the answers say is held against a model: one owner at a time, fences that grow, permits and notifications that are conserved,
 * generations of a barrier that are whole, or broken for all; nobody waits for what is free; and circles of owners are refused where
 * that was asked for, and nothing else is.
 * Touches memory, and prints the seed that failed. One thread.
 */
#include "hub/core.h"
#include "util/clock.h"
#include "wire/read.h"
#include "wire/write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 400, STEPS = 1500, CLIENTS = 4, THREADS = 2, PERMITS = 3, PARTIES = 3, QUEUED = 64 };

/* Handles are numbered alike by all. */
enum { LOCK = 1, RLOCK, CONDITION, SEMAPHORE, EVENT, BARRIER, HANDLES };
static const char *const types[HANDLES] = {
    [LOCK] = "lock",           [RLOCK] = "rlock", [CONDITION] = "condition",
    [SEMAPHORE] = "semaphore", [EVENT] = "event", [BARRIER] = "barrier",
};

/* A thread of a client, which waits for one answer at a time. */
typedef struct actor {
    uint64_t seq; /* of what it waits for; 0: nothing */
    int handle;
    ipc__op op;
    int64_t asked;           /* the operation's last argument */
    uint64_t depth[HANDLES]; /* how often it has each lock */
    uint64_t place;   /* among those that wait for a notification, or at the barrier: who has the lowest came first */
    uint64_t late_at; /* when it has waited for a notification long enough, */
    bool late;        /* and has: it waits for the lock */
    bool told;        /* it was notified, and waits for the lock */
    bool fresh;       /* it was notified, has the lock, and has done nothing since */
    bool early;       /* it waits at the barrier for the next generation */
    bool acts;        /* at the barrier, for all */
} actor;

typedef struct client {
    ipc__session *session; /* NULL: it is dead */
    uint64_t seq;
    actor actors[THREADS];
    unsigned permits;
} client;

/* What a client is told is looked at after the core has done its work. */
typedef struct told {
    client *to;
    unsigned char bytes[128];
    size_t length;
} told;

typedef struct world {
    uint64_t random;
    ipc__core core;
    uint64_t now;
    client clients[CLIENTS];
    told queue[QUEUED];
    unsigned queued;
    uint64_t fence[HANDLES];
    bool left[HANDLES]; /* its last owner died: the next one is to be told */
    uint64_t places;
    const actor *acting; /* at the barrier */
    bool broken;         /* the barrier; */
    bool cracked;        /* or the next generation of it */
} world;

static world sim;
static uint64_t refused; /* deadlocks, of all seeds */
static uint64_t seed_now;

#define REQUIRE(condition, words)                                                                                      \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "seed %" PRIu64 ", line %d: %s\n", seed_now, __LINE__, words);                             \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static uint64_t draw(uint64_t below)
{
    sim.random ^= sim.random << 13;
    sim.random ^= sim.random >> 7;
    sim.random ^= sim.random << 17;
    return sim.random % below;
}

/* ---- the lane ---- */

static void lane_send(void *peer, const void *op, size_t length)
{
    client *to = peer;
    REQUIRE(to->session, "nothing is said to the dead");
    REQUIRE(sim.queued < QUEUED, "there is room for what is said");
    told *next = &sim.queue[sim.queued++];
    next->to = to;
    next->length = length < sizeof next->bytes ? length : sizeof next->bytes;
    memcpy(next->bytes, op, next->length);
}

static void lane_gone(void *peer)
{
    (void)peer;
}

static const ipc__lane_ops lane = {.name = "sim", .send = lane_send, .peer_gone = lane_gone};

/* ---- the model ---- */

static bool is_guard(int handle)
{
    return handle == LOCK || handle == RLOCK || handle == CONDITION;
}

static actor *owner_of(int handle)
{
    actor *owner = NULL;
    for (int i = 0; i < CLIENTS * THREADS; i++) {
        actor *one = &sim.clients[i / THREADS].actors[i % THREADS];
        if (sim.clients[i / THREADS].session && one->depth[handle]) {
            REQUIRE(!owner, "a lock has one owner");
            owner = one;
        }
    }
    return owner;
}

/* Every other client's handles refuse deadlocks. */
static bool refuses(const client *of)
{
    return (of - sim.clients) % 2 == 0;
}

/*
 * Whether it closes a circle of owners when a thread waits for a lock. Of a WAIT that is not over the model does not know whether it is for
 * the lock by now: it is *perhaps*.
 */
static bool closes_circle(const actor *self, int handle, bool perhaps)
{
    for (int i = 0; i < HANDLES; i++) {
        const actor *owner = owner_of(handle);
        if (!owner || owner == self) {
            return owner == self;
        }
        bool waits = owner->op == IPC__OP_ACQUIRE || (perhaps && owner->op == IPC__OP_WAIT);
        if (!owner->seq || !is_guard(owner->handle) || !waits) {
            return false;
        }
        handle = owner->handle;
    }
    return false; /* the circle is others' */
}

/* The lock came, and as often as it was had before. */
static void has_it(actor *self, uint64_t depth, uint64_t fence, bool abandoned)
{
    int handle = self->handle;
    actor *owner = owner_of(handle);
    REQUIRE(!owner || (owner == self && handle != LOCK), "who has it is alone");
    if (!owner) {
        REQUIRE(fence > sim.fence[handle], "fences grow with owners");
        REQUIRE(abandoned == sim.left[handle], "the next owner is told of a dead one, once");
        sim.left[handle] = false;
    }
    sim.fence[handle] = fence;
    self->depth[handle] += depth;
}

static uint64_t waited_depth[CLIENTS * THREADS];

static uint64_t *depth_before(const actor *self)
{
    for (int i = 0; i < CLIENTS * THREADS; i++) {
        if (self == &sim.clients[i / THREADS].actors[i % THREADS]) {
            return &waited_depth[i];
        }
    }
    abort();
}

/* ---- the model of notifications ---- */

static actor *actor_at(int i)
{
    return &sim.clients[i / THREADS].actors[i % THREADS];
}

static bool waits(const actor *one, int handle)
{
    return one->seq && one->handle == handle && one->op == IPC__OP_WAIT;
}

/* Who waits in the condition or at the barrier, and has waited longest of those that fit. */
static actor *longest(int handle, bool (*fits)(const actor *one))
{
    actor *first = NULL;
    for (int i = 0; i < CLIENTS * THREADS; i++) {
        actor *one = actor_at(i);
        if (waits(one, handle) && fits(one) && (!first || one->place < first->place)) {
            first = one;
        }
    }
    return first;
}

static bool waits_for_notification(const actor *one)
{
    return !one->told && !one->late;
}

static void tell_next(uint64_t count)
{
    actor *next;
    while (count-- > 0 && (next = longest(CONDITION, waits_for_notification))) {
        next->told = true;
    }
}

/* It has waited long enough, one way or the other. */
static bool waits_for_lock(const actor *one)
{
    return !waits_for_notification(one);
}

static void be_late(void)
{
    for (int i = 0; i < CLIENTS * THREADS; i++) {
        actor *one = actor_at(i);
        one->late = one->late || (!one->told && one->late_at <= sim.now);
    }
}

/* Its wait is over, or itself: what it was notified of and did not come to use is another's. */
static uint64_t hands_on(actor *self)
{
    uint64_t count = self->told || self->fresh;
    self->late = true;
    self->told = self->fresh = false;
    return count;
}

/* ---- the model of the barrier ---- */

/* A party is late, or gone; or who acts has failed or is gone. */
static void breaks(bool early)
{
    sim.cracked = sim.cracked || early;
    sim.broken = sim.broken || !early;
    sim.acting = early ? sim.acting : NULL;
}

static bool is_early(const actor *one)
{
    return one->early;
}

/* One generation is through. Who came early is of the next one, which may be full already: then it is complete but for the rest. */
static void goes_on(void)
{
    sim.broken = sim.cracked;
    actor *next;
    for (int i = 0; (!sim.acting || i < PARTIES - 1) && (next = longest(BARRIER, is_early)); i++) {
        next->early = false;
    }
}

static void met(actor *self, int64_t code, ipc_cursor *at)
{
    uint64_t index = 0;
    bool acts = false;
    if (code == IPC_EBROKEN || code == IPC_EINTR) {
        breaks(self->early);
        return;
    }
    REQUIRE(ipc__read_uint(at, &index) && ipc__read_bool(at, &acts), "an answer");
    REQUIRE(index < PARTIES && (!acts || index == PARTIES - 1), "the last one acts");
    REQUIRE(!sim.broken, "nobody goes on where it is broken");
    self->acts = acts;
    sim.acting = acts ? self : sim.acting;
}

/* ---- answers ---- */

static void answered(client *of, actor *self, int64_t code, ipc_cursor *at)
{
    uint64_t number = 0;
    bool truth = false;
    bool notified = false;
    self->seq = 0;
    REQUIRE(code != IPC_EDEADLOCK ||
                (self->op == IPC__OP_ACQUIRE && refuses(of) && closes_circle(self, self->handle, true)),
            "a deadlock is one, and refused by who asked for that");
    if (is_guard(self->handle) && (self->op == IPC__OP_ACQUIRE || self->op == IPC__OP_WAIT) && code == IPC_OK) {
        REQUIRE(ipc__read_uint(at, &number) && ipc__read_bool(at, &truth) && ipc__read_bool(at, &notified),
                "an answer");
        has_it(self, self->op == IPC__OP_WAIT ? *depth_before(self) : 1, number, truth);
        REQUIRE(notified == self->told, "who was notified is told so");
        self->fresh = self->handle == CONDITION ? notified : self->fresh;
        self->told = false;
    } else if (self->op == IPC__OP_WAIT && self->handle == CONDITION) {
        /* It was refused, and nothing has changed; or it was cancelled, and the lock is given up. */
        self->depth[CONDITION] = code == IPC_EINTR ? 0 : *depth_before(self);
    } else if (self->op == IPC__OP_WAIT && self->handle == BARRIER) {
        met(self, code, at);
    } else if (self->op == IPC__OP_PASS && code == IPC_OK) {
        self->asked ? goes_on() : breaks(false);
    } else if (self->op == IPC__OP_RESET) {
        sim.broken = self->asked;
        sim.cracked = false;
        sim.acting = NULL;
    } else if (self->op == IPC__OP_ACQUIRE && code == IPC_OK) {
        of->permits++;
    }
}

static void hear(const told *one)
{
    ipc_cursor at;
    uint32_t fields;
    uint64_t op;
    uint64_t handle;
    uint64_t seq;
    int64_t code;
    ipc_cursor_init(&at, one->bytes, one->length);
    REQUIRE(ipc__read_array(&at, &fields) && ipc__read_uint(&at, &op) && ipc__read_uint(&at, &handle) &&
                ipc__read_uint(&at, &seq) && ipc__read_int(&at, &code),
            "it is an operation");
    for (int i = 0; op == IPC__OP_REPLY && i < THREADS; i++) {
        actor *self = &one->to->actors[i];
        if (self->seq == seq) {
            answered(one->to, self, code, &at);
            return;
        }
    }
}

static void hear_all(void)
{
    for (unsigned i = 0; i < sim.queued; i++) {
        if (sim.queue[i].to->session) {
            hear(&sim.queue[i]);
        }
    }
    sim.queued = 0;
}

/* ---- what clients do ---- */

static void input(client *self, const ipc__buf *ops)
{
    ipc__block *block = ipc__block_copy(ops->data, ops->length);
    ipc__envelope envelope = {.frames = {block}, .frame_count = 1, .next_frame = 1};
    ipc_cursor_init(&envelope.at, block->data, block->length);
    REQUIRE(ipc__core_input(self->session, &envelope, sim.now) == IPC_OK, "a right operation is taken");
    ipc__envelope_free(&envelope);
}

static void open_all(client *self)
{
    ipc__buf ops = {0};
    msgpack_packer packer = ipc__packer(&ops);
    for (uint32_t handle = 1; handle < HANDLES; handle++) {
        ipc__write_op(&packer, IPC__OP_OPEN, handle, ++self->seq, 4);
        ipc__pack_text(&packer, types[handle]);
        msgpack_pack_int(&packer, 0);
        ipc__pack_text(&packer, types[handle]);
        msgpack_pack_map(&packer,
                         handle == SEMAPHORE ? 2 : handle == BARRIER || (is_guard((int)handle) && refuses(self)));
        if (handle == SEMAPHORE) {
            ipc__pack_uint(&packer, "value", PERMITS);
            ipc__pack_bool(&packer, "bounded", true);
        } else if (handle == BARRIER) {
            ipc__pack_uint(&packer, "parties", PARTIES);
        } else if (is_guard((int)handle) && refuses(self)) {
            ipc__pack_bool(&packer, "refuse_deadlock", true);
        }
    }
    input(self, &ops);
    ipc__buf_free(&ops);
}

static void join(client *self)
{
    ipc__identity who = {{(const unsigned char *)"c", 1}, {(const unsigned char *)"sim", 3}, 1};
    *self = (client){0};
    REQUIRE(ipc__core_session(&sim.core, &lane, self, &who, &self->session) == IPC_OK, "a session begins");
    open_all(self);
}

static void die(client *self)
{
    ipc__session *session = self->session;
    for (int handle = 1; handle < HANDLES; handle++) {
        for (int i = 0; i < THREADS; i++) {
            sim.left[handle] = sim.left[handle] || self->actors[i].depth[handle];
        }
    }
    uint64_t notifications = 0;
    for (int i = 0; i < THREADS; i++) {
        actor *one = &self->actors[i];
        notifications += hands_on(one);
        if (waits(one, BARRIER)) {
            breaks(one->early);
        }
        if (sim.acting == one) {
            breaks(false);
        }
    }
    tell_next(notifications);
    self->session = NULL; /* from here on nothing is said to it */
    ipc__core_session_end(session, draw(2) ? IPC__END_CRASH : IPC__END_CLEAN, sim.now);
    *self = (client){0};
}

static int64_t draw_timeout(void)
{
    return draw(3) ? -1 : (int64_t)draw(40);
}

/* Begin an operation of a thread that waits for nothing. */
static void ask(client *of, actor *self, ipc__op op, int handle, unsigned fields, const int64_t *numbers,
                unsigned bools)
{
    ipc__buf ops = {0};
    msgpack_packer packer = ipc__packer(&ops);
    self->seq = ++of->seq;
    self->handle = handle;
    self->op = op;
    self->asked = fields ? numbers[fields - 1] : 0;
    self->place = ++sim.places;
    self->early = handle == BARRIER && sim.acting;
    self->fresh = self->fresh && handle != CONDITION;
    self->late = self->told = false;
    ipc__write_op(&packer, op, (uint32_t)handle, self->seq, fields);
    for (unsigned i = 0; i < fields; i++) {
        if (bools >> i & 1) {
            numbers[i] ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
        } else {
            msgpack_pack_int64(&packer, numbers[i]);
        }
    }
    input(of, &ops);
    ipc__buf_free(&ops);
}

static void use_guard(client *of, actor *self, int handle, int64_t thread)
{
    uint64_t choice = self->depth[handle] && draw(4) ? 2 + draw(2) : draw(4);
    actor *owner = owner_of(handle);
    if (choice < 2 && (self->depth[handle] < 3)) {
        bool hopeless = refuses(of) && (handle == LOCK || owner != self) && closes_circle(self, handle, false);
        ask(of, self, IPC__OP_ACQUIRE, handle, 2, (int64_t[]){thread, draw_timeout()}, 0);
        hear_all();
        REQUIRE(!hopeless || self->seq == 0, "a deadlock is refused where that was asked for");
        refused += hopeless;
    } else if (handle == CONDITION && choice == 2) {
        *depth_before(self) = self->depth[handle];
        self->depth[handle] = 0; /* given up, unless it is refused */
        int64_t timeout_ms = draw_timeout();
        self->late_at = ipc__deadline(sim.now, timeout_ms);
        ask(of, self, IPC__OP_WAIT, handle, 2, (int64_t[]){thread, timeout_ms}, 0);
    } else if (handle == CONDITION && choice == 3 && self->depth[handle] && draw(2)) {
        uint64_t count = draw(3);
        tell_next(count ? count : UINT64_MAX);
        ask(of, self, IPC__OP_NOTIFY, handle, 2, (int64_t[]){thread, (int64_t)count}, 0);
    } else if (self->depth[handle] || (handle == LOCK && owner && draw(8) == 0)) {
        actor *loser = self->depth[handle] ? self : owner; /* a stranger may release a lock */
        loser->depth[handle]--;
        ask(of, self, IPC__OP_UNLOCK, handle, 1, &thread, 0);
    }
}

/* Some thread's wait is interrupted. */
static void cancel(client *of)
{
    actor *self = &of->actors[draw(THREADS)];
    if (self->seq) {
        if (waits(self, CONDITION)) {
            tell_next(hands_on(self));
        }
        ipc__buf ops = {0};
        msgpack_packer packer = ipc__packer(&ops);
        ipc__write_op(&packer, IPC__OP_CANCEL, 0, ++of->seq, 1);
        msgpack_pack_uint64(&packer, self->seq);
        input(of, &ops);
        ipc__buf_free(&ops);
    }
}

static void use(client *of, actor *self, int64_t thread)
{
    int handle = 1 + (int)(draw(8) ? seed_now : draw(HANDLES)) % (HANDLES - 1); /* each seed has one that it likes */
    if (self->acts && draw(2)) {
        self->acts = false;
        sim.acting = sim.acting == self ? NULL : sim.acting;
        ask(of, self, IPC__OP_PASS, BARRIER, 2, (int64_t[]){thread, draw(4) != 0}, 2);
        return;
    }
    if (self->acts && handle == BARRIER) {
        return; /* it is through with that first */
    }
    if (is_guard(handle)) {
        use_guard(of, self, handle, thread);
    } else if (handle == SEMAPHORE && of->permits && draw(2)) {
        of->permits--;
        ask(of, self, IPC__OP_UNLOCK, handle, 1, (int64_t[]){1}, 0);
    } else if (handle == SEMAPHORE) {
        ask(of, self, IPC__OP_ACQUIRE, handle, 2, (int64_t[]){thread, draw_timeout()}, 0);
    } else if (handle == EVENT && draw(2)) {
        ask(of, self, IPC__OP_SET, handle, 1, (int64_t[]){(int64_t)draw(2)}, 1);
    } else if (handle == EVENT) {
        ask(of, self, IPC__OP_WAIT, handle, 1, (int64_t[]){draw_timeout()}, 0);
    } else if (draw(4) == 0) {
        ask(of, self, IPC__OP_RESET, handle, 1, (int64_t[]){draw(4) == 0}, 1);
    } else {
        ask(of, self, IPC__OP_WAIT, handle, 3, (int64_t[]){thread, draw_timeout(), (int64_t)draw(2)}, 4);
    }
}

/* ---- what holds after every step ---- */

static bool anybody_waits(int handle, ipc__op op)
{
    for (int i = 0; i < CLIENTS * THREADS; i++) {
        const actor *one = &sim.clients[i / THREADS].actors[i % THREADS];
        if (one->seq && one->handle == handle && one->op == op) {
            return true;
        }
    }
    return false;
}

static void check_barrier(void)
{
    unsigned parties = 0;
    unsigned early = 0;
    for (int i = 0; i < CLIENTS * THREADS; i++) {
        const actor *one = actor_at(i);
        parties += waits(one, BARRIER) && !one->early;
        early += waits(one, BARRIER) && one->early;
    }
    REQUIRE(sim.acting ? parties == PARTIES - 1 : parties < PARTIES, "a full generation goes on");
    REQUIRE(sim.acting || !early, "nobody is early where nobody acts");
    REQUIRE(!sim.broken || !parties, "nobody waits at a broken barrier");
    REQUIRE(!sim.broken || !sim.acting, "nobody acts at a broken barrier");
    REQUIRE(!sim.cracked || !early, "nobody waits for a generation that is broken");
}

static void check(void)
{
    unsigned held = 0;
    for (int i = 0; i < CLIENTS; i++) {
        held += sim.clients[i].permits;
    }
    REQUIRE(held <= PERMITS, "permits are conserved");
    REQUIRE(held == PERMITS || !anybody_waits(SEMAPHORE, IPC__OP_ACQUIRE), "nobody waits for a permit that is there");
    for (int handle = LOCK; handle <= CONDITION; handle++) {
        REQUIRE(owner_of(handle) || !anybody_waits(handle, IPC__OP_ACQUIRE), "nobody waits for a lock that is free");
    }
    REQUIRE(owner_of(CONDITION) || !longest(CONDITION, waits_for_lock),
            "who is notified, or late, has a lock that is free");
    check_barrier();
}

/* One of its threads was notified, and has done nothing since: what dies then is of interest. */
static bool is_notified(const client *of)
{
    bool notified = false;
    for (int i = 0; i < THREADS; i++) {
        notified = notified || of->actors[i].told || of->actors[i].fresh;
    }
    return notified;
}

static void step(void)
{
    client *of = &sim.clients[draw(CLIENTS)];
    uint64_t choice = draw(40);
    if (!of->session) {
        join(of);
    } else if (choice == 0 || (choice < 8 && is_notified(of))) {
        die(of);
    } else if (choice == 1) {
        cancel(of);
    } else if (choice < 5) {
        sim.now += draw(20) * IPC__US_PER_MS;
        be_late();
        ipc__core_advance(&sim.core, sim.now);
    } else {
        uint64_t thread = draw(THREADS);
        actor *self = &of->actors[thread];
        if (self->seq == 0) {
            use(of, self, (int64_t)thread + 1);
        }
    }
    hear_all();
    check();
}

static void run(uint64_t seed)
{
    seed_now = seed;
    sim = (world){.random = seed * 0x9e3779b97f4a7c15U + 1, .now = 1000000};
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    ipc__core_init(&sim.core, &options);
    for (unsigned i = 0; i < STEPS; i++) {
        step();
    }
    for (int i = 0; i < CLIENTS; i++) {
        if (sim.clients[i].session) {
            die(&sim.clients[i]);
        }
    }
    ipc__core_fini(&sim.core);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        run(strtoull(argv[1], NULL, 10));
        return 0;
    }
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run(seed);
    }
    REQUIRE(refused > SEEDS, "there were deadlocks to refuse");
    printf("%d seeds of %d steps, %" PRIu64 " deadlocks refused\n", SEEDS, STEPS, refused);
    return 0;
}
