/*
 * Connections as users have them: made, shared, asked, closed.
 * Touches connections under their locks. The process's list of them has a mutex; it is taken before any connection's.
 */
#include "client/conn.h"

#include "client/handle.h"
#include "util/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>
#include <utlist.h>

enum { CLOSE_MS = 2000 };

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static ipc_conn *conns;
static ipc_conn *default_conn; /* references that the process keeps */
static char private_name[64];
static atomic_bool process_failed; /* every goodbye says so */

void ipc__conns_lock(void)
{
    pthread_mutex_lock(&list_lock);
}

void ipc__conns_unlock(void)
{
    pthread_mutex_unlock(&list_lock);
}

ipc_conn *ipc__conns_first(void)
{
    return conns;
}

void ipc__conns_reinit(void)
{
    pthread_mutex_init(&list_lock, NULL);
}

/* ---- making ---- */

void ipc__cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void init_sync(ipc_conn *conn)
{
    pthread_mutex_init(&conn->lock, NULL);
    ipc__cond_init(&conn->changed);
    ipc__cond_init(&conn->thread_wake);
    conn->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void conn_destroy(ipc_conn *conn)
{
    if (conn->wake >= 0) {
        close(conn->wake);
    }
    ipc__outbox_free(&conn->out);
    ipc__buf_free(&conn->header);
    free(conn->slots);
    free(conn->language);
    free(conn->program);
    pthread_cond_destroy(&conn->thread_wake);
    pthread_cond_destroy(&conn->changed);
    pthread_mutex_destroy(&conn->lock);
    free(conn);
}

/* The name of this program's own hub: the same for the whole life of the program, and of its forked children. */
static const char *private_hub(void)
{
    pthread_mutex_lock(&list_lock);
    if (!*private_name) {
        uint64_t dice = 0;
        (void)!getrandom(&dice, sizeof dice, 0);
        snprintf(private_name, sizeof private_name, "private-%d-%016llx", (int)getpid(), (unsigned long long)dice);
    }
    pthread_mutex_unlock(&list_lock);
    return private_name;
}

/* What the options leave open, the environment says. */
static ipc_err set_lane(ipc_conn *conn)
{
    const char *wish = getenv("LIBIPC_LANE");
    if (conn->lane == IPC_LANE_AUTO && wish && *wish && strcmp(wish, "auto") != 0) {
        if (strcmp(wish, "shm") != 0 && strcmp(wish, "zmq") != 0) {
            return ipc__fail(IPC_EINVAL, "LIBIPC_LANE is \"%s\"; it may be \"auto\", \"shm\" or \"zmq\"", wish);
        }
        conn->lane = *wish == 'z' ? IPC_LANE_ZMQ : IPC_LANE_SHM;
    }
    if (conn->lane == IPC_LANE_SHM && conn->address.scheme == IPC__SCHEME_TCP) {
        return ipc__fail(IPC_ELANE, "%s is reached by ZeroMQ; LIBIPC_LANE or the options ask for shared memory",
                         conn->address.text);
    }
    return IPC_OK;
}

static ipc_err set_address(ipc_conn *conn, const char *address)
{
    if (!address || !*address) {
        address = getenv("LIBIPC_ADDRESS");
    }
    if (!address || !*address) {
        address = private_hub();
        conn->private = true;
    }
    ipc_err err = ipc__address_parse(&conn->address, address);
    conn->start = conn->address.scheme == IPC__SCHEME_NAME;
    return err ? err : set_lane(conn);
}

static ipc_err check_options(const ipc_conn_options *given, ipc_conn_options *options)
{
    *options = (ipc_conn_options)IPC_CONN_OPTIONS_INIT;
    if (given) {
        if (given->size == 0 || given->size > sizeof *options) {
            return ipc__fail(IPC_EINVAL, "ipc_conn_options.size is %zu; begin with IPC_CONN_OPTIONS_INIT", given->size);
        }
        memcpy(options, given, given->size);
    }
    if ((unsigned)options->lane > IPC_LANE_ZMQ) {
        return ipc__fail(IPC_EINVAL, "lane %d is none of ipc_lane", (int)options->lane);
    }
    return IPC_OK;
}

static ipc_err conn_new(ipc_conn **out, const char *address, const ipc_conn_options *given)
{
    ipc_conn_options options;
    ipc_err err = check_options(given, &options);
    if (err) {
        return err;
    }
    ipc_conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    atomic_init(&conn->refs, 1);
    conn->control = conn->reaching = conn->heir_control = conn->child_control = -1;
    conn->memory[0] = conn->memory[1] = -1;
    conn->state = IPC__CONN_LOST;
    conn->connect_timeout_ms = options.connect_timeout_ms;
    conn->lane = options.lane;
    init_sync(conn);
    conn->language = strdup(options.language ? options.language : "c");
    conn->program = strdup(options.program ? options.program : program_invocation_short_name);
    if (conn->wake < 0) {
        err = ipc__fail_errno("cannot make an eventfd");
    } else {
        err = conn->language && conn->program ? set_address(conn, address) : ipc__fail_plain(IPC_ENOMEM);
    }
    if (err) {
        conn_destroy(conn);
        return err;
    }
    *out = conn;
    return IPC_OK;
}

/* ---- ends ---- */

/* A clean end: what was taken is told, and the hub answers BYE when it has everything. */
static void say_bye(ipc_conn *conn)
{
    for (uint32_t id = 0; id < conn->slot_count; id++) {
        if (conn->slots[id].handle) {
            ipc__take_report(conn->slots[id].handle);
        }
    }
    bool failed = conn->failed || atomic_load(&process_failed);
    msgpack_packer packer = ipc__op_begin(conn, IPC__OP_BYE, 0, failed);
    if (failed) {
        msgpack_pack_true(&packer);
    }
    ipc__pending pending;
    ipc__pending_add(conn, &pending);
    ipc__conn_wait_deaf(conn, ipc__pending_done, &pending, ipc__deadline(ipc__now(), CLOSE_MS));
    if (!pending.done) {
        ipc__pending_forget(conn, &pending);
    }
    ipc__buf_free(&pending.reply);
    conn->parted = pending.done && !pending.err;
    if (!conn->parted && conn->state == IPC__CONN_LIVE) { /* one that has hung up has heard it */
        ipc__log(IPC_LOG_WARN, "the hub at %s did not answer the goodbye", conn->address.text);
    }
}

static void shut(ipc_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    while (conn->connecting) {
        ipc__conn_await_change(conn);
    }
    bool first = !conn->closing;
    while (!first && conn->state != IPC__CONN_CLOSED) {
        ipc__conn_await_change(conn); /* its goodbye is on its way: what was put is delivered first */
    }
    conn->closing = true;
    if (first && conn->state == IPC__CONN_LIVE) {
        say_bye(conn);
    }
    conn->state = IPC__CONN_CLOSED;
    if (first) {
        ipc__handles_signal(conn); /* whoever waits on a descriptor looks, and learns it */
        ipc__pendings_end(conn, IPC_ECLOSED);
        pthread_cond_broadcast(&conn->changed);
        ipc__conn_wake(conn);
        ipc__conn_stop_thread(conn);
        while (conn->driving) {
            ipc__conn_await_change(conn);
        }
        ipc__conn_drop_link(conn);
        if (conn->heir_control >= 0) {
            close(conn->heir_control);
            conn->heir_control = -1;
        }
    }
    pthread_mutex_unlock(&conn->lock);
}

/* The list's lock is held, which is taken before a connection's. */
static bool is_closed(ipc_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    bool closed = conn->state == IPC__CONN_CLOSED;
    pthread_mutex_unlock(&conn->lock);
    return closed;
}

/* At exit a program ends its sessions cleanly; a crash does not come here. */
static void close_all(void)
{
    ipc__fork_check();
    for (;;) {
        pthread_mutex_lock(&list_lock);
        ipc_conn *conn = conns;
        while (conn && is_closed(conn)) {
            conn = conn->next;
        }
        if (conn) {
            ipc__conn_ref(conn);
        }
        pthread_mutex_unlock(&list_lock);
        if (!conn) {
            return;
        }
        shut(conn);
        ipc__conn_unref(conn);
    }
}

static void init_process(void)
{
    ipc__fork_init();
    atexit(close_all);
}

ipc_err ipc_connect(ipc_conn **out, const char *address, const ipc_conn_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!out) {
        return ipc__fail(IPC_EINVAL, "no place for the connection");
    }
    *out = NULL;
    pthread_once(&once, init_process);
    ipc__fork_check();
    ipc_conn *conn = NULL;
    ipc_err err = conn_new(&conn, address, options);
    if (err) {
        return err;
    }
    pthread_mutex_lock(&list_lock);
    DL_APPEND(conns, conn);
    pthread_mutex_unlock(&list_lock);
    pthread_mutex_lock(&conn->lock);
    err = ipc__conn_enter(conn);
    pthread_mutex_unlock(&conn->lock);
    if (err) {
        ipc__conn_unref(conn);
        return err;
    }
    *out = conn;
    return IPC_OK;
}

void ipc_conn_fail(ipc_conn *conn)
{
    ipc__fork_check();
    if (!conn) {
        atomic_store(&process_failed, true);
        close_all();
        return;
    }
    pthread_mutex_lock(&conn->lock);
    conn->failed = true;
    pthread_mutex_unlock(&conn->lock);
    shut(conn);
}

void ipc_conn_close(ipc_conn *conn)
{
    if (conn) {
        ipc__fork_check();
        shut(conn);
    }
}

ipc_conn *ipc__conn_ref(ipc_conn *conn)
{
    atomic_fetch_add(&conn->refs, 1);
    return conn;
}

void ipc__conn_unref(ipc_conn *conn)
{
    pthread_mutex_lock(&list_lock);
    bool last = atomic_fetch_sub(&conn->refs, 1) == 1;
    if (last) {
        DL_DELETE(conns, conn);
    }
    pthread_mutex_unlock(&list_lock);
    if (last) {
        shut(conn);
        conn_destroy(conn);
    }
}

void ipc_conn_free(ipc_conn *conn)
{
    if (conn) {
        ipc__fork_check();
        ipc__conn_unref(conn);
    }
}

/* ---- shared ones ---- */

/* A connection of the list to an address, open and with a reference more; NULL for none. */
static ipc_conn *find_shared(const char *address)
{
    ipc_conn *conn = NULL;
    pthread_mutex_lock(&list_lock);
    DL_FOREACH(conns, conn)
    {
        if (strcmp(conn->address.text, address) == 0 && !is_closed(conn)) {
            ipc__conn_ref(conn);
            break;
        }
    }
    pthread_mutex_unlock(&list_lock);
    return conn;
}

ipc_err ipc__conn_shared(ipc_conn **out, const char *address)
{
    *out = find_shared(address);
    return *out ? IPC_OK : ipc_connect(out, address, NULL);
}

ipc_err ipc_conn_default(ipc_conn **out)
{
    if (!out) {
        return ipc__fail(IPC_EINVAL, "no place for the connection");
    }
    ipc__fork_check();
    pthread_mutex_lock(&list_lock);
    if (default_conn && is_closed(default_conn)) {
        default_conn = NULL; /* its reference goes with the process */
    }
    *out = default_conn ? ipc__conn_ref(default_conn) : NULL;
    pthread_mutex_unlock(&list_lock);
    if (*out) {
        return IPC_OK;
    }
    ipc_err err = ipc_connect(out, NULL, NULL);
    if (err) {
        return err;
    }
    pthread_mutex_lock(&list_lock);
    ipc_conn *other = default_conn; /* another thread was first */
    if (!other) {
        default_conn = ipc__conn_ref(*out);
    } else {
        ipc__conn_ref(other);
    }
    pthread_mutex_unlock(&list_lock);
    if (other) {
        ipc__conn_unref(*out);
        *out = other;
    }
    return IPC_OK;
}

/* ---- asking ---- */

const char *ipc_conn_address(const ipc_conn *conn)
{
    return conn->address.text;
}

/* A request begun by nobody yet, with one text field or none. The caller frees pending->reply. */
static ipc_err ask(ipc_conn *conn, ipc__op op, const char *text, int64_t timeout_ms, ipc__pending *pending)
{
    ipc__fork_check();
    pthread_mutex_lock(&conn->lock);
    *pending = (ipc__pending){0};
    ipc_err err = ipc__conn_enter(conn);
    if (!err) {
        msgpack_packer packer = ipc__op_begin(conn, op, 0, text ? 1 : 0);
        if (text) {
            ipc__pack_text(&packer, text);
        }
        uint64_t deadline = ipc__deadline(ipc__now(), timeout_ms);
        err = op == IPC__OP_PING ? ipc__conn_ask(conn, pending, deadline) : ipc__conn_call(conn, pending, deadline);
    }
    pthread_mutex_unlock(&conn->lock);
    return err;
}

ipc_err ipc_conn_flush(ipc_conn *conn, int64_t timeout_ms)
{
    ipc__pending pending;
    ipc_err err = ask(conn, IPC__OP_PING, NULL, timeout_ms, &pending);
    ipc__buf_free(&pending.reply);
    return err;
}

ipc_err ipc_unlink(ipc_conn *conn, const char *name)
{
    if (!name) {
        return ipc__fail(IPC_EINVAL, "no name to unlink");
    }
    ipc__pending pending;
    ipc_err err = ask(conn, IPC__OP_UNLINK, name, IPC_FOREVER, &pending);
    ipc__buf_free(&pending.reply);
    return err;
}

/* A request whose answer is a value for the user. */
static ipc_err ask_value(ipc_conn *conn, ipc__op op, const char *text, ipc_msg **value)
{
    *value = NULL;
    ipc__pending pending;
    ipc_err err = ask(conn, op, text, IPC_FOREVER, &pending);
    err = err ? err : ipc__msg_answer(value, pending.reply.data, pending.reply.length);
    ipc__buf_free(&pending.reply);
    return err;
}

ipc_err ipc_objects(ipc_conn *conn, ipc_msg **list)
{
    return ask_value(conn, IPC__OP_LIST, NULL, list);
}

ipc_err ipc_stat(ipc_conn *conn, ipc_msg **stat)
{
    return ask_value(conn, IPC__OP_STAT, NULL, stat);
}

ipc_err ipc_info(ipc_conn *conn, const char *name, ipc_msg **info)
{
    *info = NULL;
    return name ? ask_value(conn, IPC__OP_INFO, name, info) : ipc__fail(IPC_EINVAL, "no name to look at");
}

/* ---- forks ---- */

void ipc__conn_forked(ipc_conn *conn)
{
    /* Threads that held locks or drove do not exist here. What they used is the parent's, or lost: it is left alone. */
    if (conn->control >= 0) {
        close(conn->control);
        conn->control = -1;
    }
    if (conn->reaching >= 0) {
        close(conn->reaching);
        conn->reaching = -1;
    }
    if (conn->heir_control >= 0) {
        close(conn->heir_control);
    }
    ipc__conn_drop_memory(conn);
    conn->watchers = 0;
    conn->forks++;
    conn->heir_control = conn->child_control;
    conn->heir_welcome = conn->child_welcome;
    conn->child_control = -1;
    if (conn->wake >= 0) {
        close(conn->wake);
    }
    init_sync(conn);
    ipc__outbox_reset(&conn->out);
    if (conn->link) {
        conn->link->ops->abandon(conn->link);
        conn->link = NULL;
    }
    memset(conn->pending, 0, sizeof conn->pending);
    conn->spun = conn->driving = conn->thread_drives = conn->thread_parked = conn->thread_ticks = conn->kicked = false;
    conn->has_thread = conn->stop = conn->connecting = false;
    conn->followers = 0;
    conn->askers = NULL;
    if (conn->closing) {
        conn->state = IPC__CONN_CLOSED; /* the thread that was about it is not here to end it */
        if (conn->heir_control >= 0) {
            close(conn->heir_control);
            conn->heir_control = -1;
        }
    } else if (conn->state != IPC__CONN_CLOSED) {
        conn->state = conn->heir_control >= 0 ? IPC__CONN_FORKED : IPC__CONN_LOST;
    }
    for (uint32_t id = 0; id < conn->slot_count; id++) {
        if (conn->slots[id].handle) {
            ipc__handle_unwatch(conn->slots[id].handle);
            conn->slots[id].handle->in.getters = 0;
            ipc__handle_reset(conn->slots[id].handle);
        }
    }
    ipc__slots_tidy(conn);
}
