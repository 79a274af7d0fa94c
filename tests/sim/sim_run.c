/*
 * One run: a world is drawn from a seed, lives for a number of steps, and must end with nothing left.
 * Touches everything of the run. One thread.
 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

/* ---- words ---- */

_Noreturn void sim_fail(sim_world *sim, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(sim->failure, sizeof sim->failure, format, args);
    va_end(args);
    longjmp(sim->failed, 1);
}

void sim_say(const sim_world *sim, const char *format, ...)
{
    if (!sim->trace) {
        return;
    }
    printf("%5u  ", sim->step);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

const char *sim_op_name(ipc__op op)
{
    static const char *const names[] = {
        [IPC__OP_OPEN] = "OPEN",         [IPC__OP_CLOSE] = "CLOSE",     [IPC__OP_UNLINK] = "UNLINK",
        [IPC__OP_LIST] = "LIST",         [IPC__OP_BYE] = "BYE",         [IPC__OP_PING] = "PING",
        [IPC__OP_CANCEL] = "CANCEL",     [IPC__OP_PIN] = "PIN",         [IPC__OP_PUT] = "PUT",
        [IPC__OP_PUT_WAIT] = "PUT_WAIT", [IPC__OP_FLOW] = "FLOW",       [IPC__OP_POLL] = "POLL",
        [IPC__OP_RECALLED] = "RECALLED", [IPC__OP_DONE] = "DONE",       [IPC__OP_DONE_ANY] = "DONE_ANY",
        [IPC__OP_RELEASE] = "RELEASE",   [IPC__OP_JOIN] = "JOIN",       [IPC__OP_SIZE] = "SIZE",
        [IPC__OP_REPLY] = "REPLY",       [IPC__OP_DELIVER] = "DELIVER", [IPC__OP_RECALL] = "RECALL",
        [IPC__OP_END] = "END",           [IPC__OP_FAIL] = "FAIL",       [IPC__OP_CREDIT] = "CREDIT",
        [IPC__OP_UNCREDIT] = "UNCREDIT", [IPC__OP_REVOKE] = "REVOKE",   [IPC__OP_UNCREDITED] = "UNCREDITED",
        [IPC__OP_SHUTDOWN] = "SHUTDOWN", [IPC__OP_SHUT] = "SHUT",       [IPC__OP_STAT] = "STAT",
        [IPC__OP_INFO] = "INFO",
    };
    return op < sizeof names / sizeof names[0] && names[op] ? names[op] : "an operation that is none";
}

/* ---- chance ---- */

static sim_peer *some_peer(sim_world *sim)
{
    sim_peer *peer;
    unsigned count = 0;
    DL_COUNT(sim->peers, peer, count);
    if (count == 0) {
        return NULL;
    }
    unsigned at = sim_below(sim, count);
    for (peer = sim->peers; at > 0; at--) {
        peer = peer->next;
    }
    return peer;
}

/* A message arrives somewhere. */
static void deliver(sim_world *sim)
{
    sim_peer *peer = some_peer(sim);
    if (!peer || sim_below(sim, 10) < peer->sloth) {
        return;
    }
    bool up = sim_percent(sim, 50);
    for (unsigned count = 1 + sim_below(sim, 3); count > 0; count--) {
        if (up) {
            bool leaving = peer->client.leaving;
            if (!sim_hub_receives(peer) || leaving) {
                return; /* which may have been its last message */
            }
        } else if (peer->stopped || !sim_client_receives(peer)) {
            return;
        }
    }
}

static void pass_time(sim_world *sim)
{
    uint64_t due = ipc__core_due(&sim->core);
    if (sim_percent(sim, sim->kind.jump) && sim_percent(sim, 50)) {
        /* What is on its way meanwhile was valid when it was sent, and comes too late. */
        sim_advance(sim, sim->core.validity / 2 + sim_below(sim, (unsigned)sim->core.validity));
    } else if (sim_percent(sim, sim->kind.jump)) {
        unsigned s = sim_percent(sim, 5) ? 61 : sim_below(sim, 4);
        sim_advance(sim, (uint64_t)s * IPC__US_PER_S + sim_below(sim, IPC__US_PER_S));
    } else if (due != IPC__NEVER && sim_percent(sim, 30)) {
        sim_advance(sim, due - sim->now);
    } else {
        sim_advance(sim, 1 + sim_below(sim, sim->kind.tick));
    }
}

/* What happens to sessions. */
static void befall(sim_world *sim)
{
    const sim_kind *kind = &sim->kind;
    unsigned count = 0;
    sim_peer *peer;
    DL_COUNT(sim->peers, peer, count);
    if (count == 0 || (count < kind->sessions && sim_percent(sim, 10))) {
        sim_arrive(sim);
    }
    peer = some_peer(sim);
    if (!peer) {
        return;
    }
    if (sim_permille(sim, kind->crash)) {
        sim_crash(peer);
    } else if (peer->stopped ? sim_permille(sim, 20) : sim_permille(sim, kind->stop)) {
        peer->stopped = !peer->stopped;
        sim_say(sim, "client %u %s", peer->number, peer->stopped ? "is stopped" : "goes on");
    } else if (!peer->stopped && !peer->client.leaving && sim_permille(sim, kind->fork)) {
        sim_fork(peer);
    } else if (sim_permille(sim, 2)) {
        sim_settle(sim);
    }
}

static void step(sim_world *sim)
{
    sim->step++;
    befall(sim);
    unsigned chance = sim_below(sim, 100);
    if (chance < sim->kind.act) {
        sim_peer *peer = some_peer(sim);
        if (peer && !peer->stopped && !peer->client.leaving) {
            sim_act(peer);
        }
    } else if (chance < sim->kind.act + sim->kind.advance) {
        pass_time(sim);
    } else {
        deliver(sim);
    }
}

/* ---- runs ---- */

static void begin(sim_world *sim)
{
    sim->random = sim->seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    sim_draw_kind(sim);
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    if (sim_percent(sim, 10)) {
        options.max_message = IPC__INLINE_MAX + 1000;
    }
    if (sim_percent(sim, 10)) {
        options.max_memory = 2000;
    }
    if (sim_percent(sim, 10)) {
        options.max_objects = 3;
    }
    if (sim_percent(sim, 10)) {
        options.max_waiting = 1 + sim_below(sim, 3);
    }
    if (sim_percent(sim, 10)) {
        options.max_sessions = 1 + sim_below(sim, sim->kind.sessions);
    }
    if (sim_percent(sim, 10)) {
        options.max_name = 2 + sim_below(sim, 3);
    }
    ipc__core_init(&sim->core, &options);
    sim->now = 1 + sim_below(sim, 100 * IPC__US_PER_S);
    sim_advance(sim, 0);
}

bool sim_run(sim_world *sim, uint64_t seed, unsigned steps)
{
    bool trace = sim->trace;
    *sim = (struct sim_world){.seed = seed, .trace = trace};
    if (setjmp(sim->failed)) {
        return false; /* what the run had is left to the process's end */
    }
    begin(sim);
    while (sim->step < steps) {
        step(sim);
    }
    sim_settle(sim);
    sim_finish_run(sim);
    ipc__core_fini(&sim->core);
    sim_model_free(sim);
    return true;
}
