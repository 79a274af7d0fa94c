/*
 * What clients do of their own accord: an action drawn by chance, as the protocol allows it.
 * Touches the clients and the network. One thread.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

enum { PENDING_MAX = 8, MEMORY_MAX = 400 * 1024 };

/* One of four. */
#define PICK(sim, a, b, c, d) ((unsigned[]){a, b, c, d}[sim_below(sim, 4)])

/* ---- kinds of runs ---- */

void sim_draw_kind(sim_world *sim)
{
    static const unsigned base[SIM_ACTIONS] = {
        [SIM_OPEN_QUEUE] = 60, [SIM_OPEN_PIPE] = 30, [SIM_OPEN_PIN] = 20, [SIM_PUT] = 200,      [SIM_PUT_BURST] = 100,
        [SIM_FLOW] = 150,      [SIM_POLL] = 60,      [SIM_TAKE] = 300,    [SIM_GIVE_BACK] = 20, [SIM_DONE] = 300,
        [SIM_RELEASE] = 60,    [SIM_DONE_ANY] = 20,  [SIM_JOIN] = 50,     [SIM_SIZE] = 20,      [SIM_PING] = 5,
        [SIM_LIST] = 5,        [SIM_CANCEL] = 20,    [SIM_PIN] = 10,      [SIM_UNLINK] = 3,     [SIM_CLOSE] = 20,
        [SIM_BYE] = 3,         [SIM_BREAK] = 1,      [SIM_STAT] = 5,      [SIM_INFO] = 10,      [SIM_SHUTDOWN] = 4,
    };
    sim_kind *kind = &sim->kind;
    for (size_t i = 0; i < SIM_ACTIONS; i++) {
        kind->weights[i] = base[i] * sim_below(sim, 4);
    }
    kind->weights[SIM_OPEN_QUEUE] += 1;
    kind->weights[SIM_PUT] += 1;
    kind->sessions = 1 + sim_below(sim, 6);
    kind->handles = 1 + sim_below(sim, SIM_HANDLES - 1);
    kind->names = 1 + sim_below(sim, 3);
    kind->unnamed = PICK(sim, 0, 5, 10, 50);
    kind->immediate = PICK(sim, 0, 50, 50, 100);
    kind->act = 20 + sim_below(sim, 30);
    kind->advance = 2 + sim_below(sim, 15);
    kind->tick = PICK(sim, 100, 1000, 4000, 30000);
    kind->jump = PICK(sim, 0, 1, 5, 20);
    kind->slow = PICK(sim, 0, 20, 50, 100);
    kind->patience = PICK(sim, 0, 10, 30, 80);
    kind->crash = PICK(sim, 0, 1, 3, 8);
    kind->stop = PICK(sim, 0, 1, 3, 8);
    kind->fork = PICK(sim, 0, 1, 3, 8);
    kind->large = PICK(sim, 0, 0, 0, 30);
}

/* ---- choices ---- */

typedef bool choice(const sim_peer *peer, uint32_t handle);

static const sim_handle *handle_at(const sim_peer *peer, uint32_t handle)
{
    return &peer->client.handles[handle];
}

static bool is_free(const sim_peer *peer, uint32_t handle)
{
    return handle_at(peer, handle)->phase == SIM_FREE;
}

static bool is_open(const sim_peer *peer, uint32_t handle)
{
    return handle_at(peer, handle)->phase == SIM_OPENED;
}

static bool is_live(const sim_peer *peer, uint32_t handle)
{
    return is_open(peer, handle) && !handle_at(peer, handle)->deleted;
}

static bool may_put(const sim_peer *peer, uint32_t handle)
{
    return is_live(peer, handle) && handle_at(peer, handle)->sends;
}

static bool may_get(const sim_peer *peer, uint32_t handle)
{
    return is_live(peer, handle) && handle_at(peer, handle)->receives;
}

static bool may_poll(const sim_peer *peer, uint32_t handle)
{
    const sim_handle *self = handle_at(peer, handle);
    return may_get(peer, handle) && self->polls < 2 && self->untaken.count == 0;
}

static bool has_untaken(const sim_peer *peer, uint32_t handle)
{
    return may_get(peer, handle) && handle_at(peer, handle)->untaken.count > 0;
}

static bool has_held(const sim_peer *peer, uint32_t handle)
{
    return is_live(peer, handle) && handle_at(peer, handle)->held.count > 0;
}

static bool is_queue(const sim_peer *peer, uint32_t handle)
{
    return is_live(peer, handle) && !handle_at(peer, handle)->pipe;
}

static bool is_joinable(const sim_peer *peer, uint32_t handle)
{
    return is_live(peer, handle) && handle_at(peer, handle)->joinable;
}

/* A handle that is such; 0: there is none. */
static uint32_t choose(const sim_peer *peer, choice *such)
{
    uint32_t handles = peer->sim->kind.handles;
    uint32_t start = sim_below(peer->sim, handles);
    for (uint32_t i = 0; i < handles; i++) {
        uint32_t handle = 1 + (start + i) % handles;
        if (such(peer, handle)) {
            return handle;
        }
    }
    return 0;
}

static int64_t some_timeout(sim_world *sim)
{
    static const unsigned most[] = {1, 1, 50, 3000};
    unsigned kind = sim_below(sim, 4);
    if (sim_percent(sim, sim->kind.patience)) {
        return -1;
    }
    return kind == 0 ? 0 : 1 + sim_below(sim, most[kind]);
}

static void some_name(sim_world *sim, bool pipe, char name[SIM_NAME_SIZE], unsigned *number)
{
    *number = sim_below(sim, sim->kind.names);
    static const char *const rests[] = {"_long", "\xff"}; /* too long for some hubs; no text */
    const char *rest = sim_percent(sim, 5) ? rests[sim_below(sim, 2)] : "";
    snprintf(name, SIM_NAME_SIZE, "%c%u%s", pipe ? 'p' : 'q', *number, rest);
}

/* A number that belongs to a name: its options are mostly the same ones. */
static unsigned trait(const sim_world *sim, unsigned name, unsigned n)
{
    return (unsigned)((sim->seed * 7919 + name * 104729) % n);
}

static unsigned some_mode(sim_world *sim)
{
    return sim_percent(sim, 85) ? IPC_OPEN_EITHER : 1 + sim_below(sim, 2);
}

/* ---- opening ---- */

/* How often items are handed out, and what becomes of them then. The queue that they go to may be any, also none. */
static void choose_redelivery(sim_world *sim, unsigned chance, sim_options *options, char dead[SIM_NAME_SIZE])
{
    static const unsigned deliveries[] = {0, 1, 1, 2, 3};
    static const char *const names[] = {"d0", "d0", "q0", "q1", "q2", "p0", "p0_long_", "d\xff"};
    options->has_redeliver = sim_percent(sim, 90);
    options->redeliver = sim_percent(sim, 1) ? 3 : chance % 3;
    options->has_max_deliveries = sim_percent(sim, 90);
    options->max_deliveries = sim_percent(sim, 1) ? 1001 : deliveries[chance / 3 % 5];
    if ((options->max_deliveries && options->has_max_deliveries && chance / 15 % 3) || sim_percent(sim, 2)) {
        snprintf(dead, SIM_NAME_SIZE, "%s", names[chance / 45 % 8]);
        options->dead_letter = dead;
    }
}

static void act_open_queue(sim_peer *peer)
{
    static const uint64_t sizes[] = {0, 1, 2, 4, 8, 30};
    sim_world *sim = peer->sim;
    char name[SIM_NAME_SIZE];
    unsigned number;
    some_name(sim, false, name, &number);
    bool named = !sim_percent(sim, sim->kind.unnamed);
    bool odd = !named || sim_percent(sim, 5);
    uint32_t handle = choose(peer, is_free);
    if (!handle) {
        return;
    }
    sim_options options = {
        .has_joinable = sim_percent(sim, 90),
        .has_maxsize = sim_percent(sim, 90),
        .joinable = odd ? sim_percent(sim, 50) : trait(sim, number, 2),
        .maxsize = sizes[odd ? sim_below(sim, 6) : trait(sim, number, 6)],
    };
    char dead[SIM_NAME_SIZE];
    if (options.joinable ? options.has_joinable : sim_percent(sim, 3)) {
        choose_redelivery(sim, odd ? sim_below(sim, 1000) : trait(sim, number, 1000), &options, dead);
    }
    sim_open_name(peer, handle, sim_percent(sim, 1), some_mode(sim), named ? name : NULL, &options);
}

static void act_open_pipe(sim_peer *peer)
{
    sim_world *sim = peer->sim;
    char name[SIM_NAME_SIZE];
    unsigned number;
    some_name(sim, true, name, &number);
    uint32_t handle = choose(peer, is_free);
    if (!handle) {
        return;
    }
    sim_options options = {
        .has_end = sim_percent(sim, 60),
        .end = sim_percent(sim, 3) ? 3 : sim_below(sim, 3),
        .has_simplex = sim_percent(sim, 80),
        .simplex = sim_percent(sim, 5) || trait(sim, number, 2),
    };
    bool named = !sim_percent(sim, sim->kind.unnamed);
    sim_open_name(peer, handle, true, some_mode(sim), named ? name : NULL, &options);
    uint32_t second = choose(peer, is_free);
    if (!named && second) {
        options.end = sim_below(sim, 3);
        sim_open_sibling(peer, second, handle, &options);
    }
}

static void act_open_pin(sim_peer *peer)
{
    sim_world *sim = peer->sim;
    uint32_t handle = choose(peer, is_free);
    unsigned count = sim->pin_count < SIM_PINS ? sim->pin_count : SIM_PINS;
    if (handle && count) {
        unsigned at = sim_below(sim, count);
        sim_open_pin(peer, handle, sim_percent(sim, 2) != sim->pins[at].pipe, sim->pins[at].bytes);
    }
}

/* ---- putting ---- */

static void put(sim_peer *peer, uint32_t handle)
{
    sim_world *sim = peer->sim;
    const sim_handle *self = handle_at(peer, handle);
    if (sim->core.memory > MEMORY_MAX || (self->shut && sim_percent(sim, 70))) {
        return;
    }
    /* Without a credit now and then: it has expired on its way. */
    bool credit = sim_client_credits(peer, handle) > 0 || sim_percent(sim, 3);
    if (self->pipe || (self->bounded ? credit : sim_percent(sim, 95))) {
        sim_send_put(peer, handle);
    } else if (self->put_waits < SIM_PUT_WAITS_MAX) {
        sim_send_put_wait(peer, handle, some_timeout(sim));
    }
}

static void act_put(sim_peer *peer)
{
    uint32_t handle = choose(peer, may_put);
    if (handle) {
        put(peer, handle);
    }
}

static void act_put_burst(sim_peer *peer)
{
    sim_world *sim = peer->sim;
    /* Where memory is short, the model could not tell what is refused inside an envelope. */
    bool plenty = sim->core.options.max_memory > 2 * MEMORY_MAX;
    peer->client.batching = plenty && sim_percent(sim, 50);
    uint32_t handle = choose(peer, may_put);
    for (unsigned i = 2 + sim_below(sim, 8); handle && i > 0; i--) {
        put(peer, handle);
        handle = sim_percent(sim, 10) ? choose(peer, may_put) : handle;
    }
    peer->client.batching = false;
    sim_net_send(peer);
}

/* ---- getting ---- */

static void flow(sim_peer *peer, uint32_t handle)
{
    sim_world *sim = peer->sim;
    sim_send_flow(peer, handle, sim_percent(sim, 30) ? 1 : sim_below(sim, 9), some_timeout(sim));
}

static void act_flow(sim_peer *peer)
{
    uint32_t handle = choose(peer, may_get);
    if (handle) {
        flow(peer, handle);
    }
}

static void act_poll(sim_peer *peer)
{
    uint32_t handle = choose(peer, may_poll);
    if (!handle) {
        return;
    }
    if (sim_percent(peer->sim, 50)) {
        flow(peer, handle);
    } else {
        sim_send_flow(peer, handle, 0, 0);
    }
    sim_send_plain(peer, IPC__OP_POLL, handle);
}

static void act_take(sim_peer *peer)
{
    uint32_t handle = choose(peer, has_untaken);
    if (!handle) {
        return;
    }
    unsigned count = 1 + sim_below(peer->sim, 4);
    while (count > 0 && sim_client_take(peer, handle)) {
        count--;
    }
    if (sim_percent(peer->sim, 60)) {
        flow(peer, handle);
    }
}

static void act_give_back(sim_peer *peer)
{
    uint32_t handle = choose(peer, has_untaken);
    if (handle) {
        sim_send_back(peer, handle, 1 + sim_below(peer->sim, (unsigned)handle_at(peer, handle)->untaken.count));
    }
}

/* ---- finishing ---- */

static void settle(sim_peer *peer, ipc__op op)
{
    uint32_t handle = choose(peer, has_held);
    if (handle) {
        sim_send_settle(peer, op, handle, sim_below(peer->sim, (unsigned)handle_at(peer, handle)->held.count));
    }
}

static void act_done(sim_peer *peer)
{
    settle(peer, IPC__OP_DONE);
}

static void act_release(sim_peer *peer)
{
    settle(peer, IPC__OP_RELEASE);
}

static void settle_all(sim_peer *peer, uint32_t handle)
{
    while (has_held(peer, handle) && sim_percent(peer->sim, 95)) {
        sim_send_settle(peer, IPC__OP_DONE, handle, 0);
    }
}

static void act_close(sim_peer *peer)
{
    uint32_t handle = choose(peer, is_open);
    if (handle) {
        settle_all(peer, handle);
        sim_send_close(peer, handle);
    }
}

static void act_bye(sim_peer *peer)
{
    for (uint32_t handle = 1; handle < SIM_HANDLES; handle++) {
        settle_all(peer, handle);
    }
    sim_send_bye(peer);
}

static void act_break(sim_peer *peer)
{
    uint32_t handle = choose(peer, may_get);
    if (handle) {
        sim_send_broken(peer, handle);
    }
}

static void act_cancel(sim_peer *peer)
{
    const sim_pending *pending;
    unsigned count = 0;
    DL_COUNT(peer->client.pending, pending, count);
    if (count) {
        unsigned at = sim_below(peer->sim, count);
        for (pending = peer->client.pending; at > 0; at--) {
            pending = pending->next;
        }
        sim_send_cancel(peer, pending->seq);
    }
}

static void act_unlink(sim_peer *peer)
{
    char name[SIM_NAME_SIZE];
    unsigned number;
    some_name(peer->sim, sim_percent(peer->sim, 40), name, &number);
    sim_send_unlink(peer, name);
}

static void act_shutdown(sim_peer *peer)
{
    uint32_t handle = choose(peer, is_queue);
    if (handle) {
        sim_send_shutdown(peer, handle, sim_percent(peer->sim, 40));
    }
}

/* ---- asking ---- */

static void act_info(sim_peer *peer)
{
    char name[SIM_NAME_SIZE] = "d0";
    unsigned number;
    if (!sim_percent(peer->sim, 10)) {
        some_name(peer->sim, sim_percent(peer->sim, 30), name, &number);
    }
    sim_send_info(peer, name);
}

static void ask(sim_peer *peer, ipc__op op, choice *such)
{
    uint32_t handle = such ? choose(peer, such) : 0;
    if (!such || handle) {
        sim_send_plain(peer, op, handle);
    }
}

static void act_join(sim_peer *peer)
{
    uint32_t handle = choose(peer, is_joinable);
    if (handle) {
        sim_send_join(peer, handle, some_timeout(peer->sim));
    }
}

/* ---- all ---- */

static sim_action draw(sim_world *sim)
{
    unsigned sum = 0;
    for (size_t i = 0; i < SIM_ACTIONS; i++) {
        sum += sim->kind.weights[i];
    }
    unsigned at = sim_below(sim, sum);
    sim_action action = 0;
    while (at >= sim->kind.weights[action]) {
        at -= sim->kind.weights[action++];
    }
    return action;
}

static void act(sim_peer *peer, sim_action action)
{
    static void (*const acts[SIM_ACTIONS])(sim_peer * peer) = {
        [SIM_OPEN_QUEUE] = act_open_queue,
        [SIM_OPEN_PIPE] = act_open_pipe,
        [SIM_OPEN_PIN] = act_open_pin,
        [SIM_PUT] = act_put,
        [SIM_PUT_BURST] = act_put_burst,
        [SIM_FLOW] = act_flow,
        [SIM_POLL] = act_poll,
        [SIM_TAKE] = act_take,
        [SIM_GIVE_BACK] = act_give_back,
        [SIM_JOIN] = act_join,
        [SIM_CANCEL] = act_cancel,
        [SIM_UNLINK] = act_unlink,
        [SIM_CLOSE] = act_close,
        [SIM_BYE] = act_bye,
        [SIM_DONE] = act_done,
        [SIM_RELEASE] = act_release,
        [SIM_BREAK] = act_break,
        [SIM_SHUTDOWN] = act_shutdown,
        [SIM_INFO] = act_info,
    };
    static const struct {
        ipc__op op;
        choice *such;
    } asks[SIM_ACTIONS] = {
        [SIM_DONE_ANY] = {IPC__OP_DONE_ANY, is_joinable},
        [SIM_SIZE] = {IPC__OP_SIZE, is_queue},
        [SIM_PIN] = {IPC__OP_PIN, is_live},
        [SIM_PING] = {IPC__OP_PING, NULL},
        [SIM_LIST] = {IPC__OP_LIST, NULL},
        [SIM_STAT] = {IPC__OP_STAT, NULL},
    };
    if (acts[action]) {
        acts[action](peer);
    } else {
        ask(peer, asks[action].op, asks[action].such);
    }
}

void sim_act(sim_peer *peer)
{
    const sim_pending *pending;
    unsigned waiting = 0;
    DL_COUNT(peer->client.pending, pending, waiting);
    uint64_t before = peer->client.seq;
    for (int tries = 0; tries < 4 && peer->client.seq == before; tries++) {
        sim_action action = draw(peer->sim);
        if (waiting < PENDING_MAX || action == SIM_CANCEL || action == SIM_TAKE || action == SIM_FLOW) {
            act(peer, action);
        }
    }
}
