/*
 * Connecting: reaching a hub, or starting it; HELLO and WELCOME; binding the link to the session.
 * Touches sockets and, where the address allows, starts the hub program. The connection's lock is held and let go as
 * the headers say.
 */
#include "client/handle.h"
#include "hub/hub.h"
#include "lane/shm_arena.h"
#include "lane/shm_layout.h"
#include "util/error.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKOFF_FIRST_US = 1000,
    BACKOFF_LAST_US = 50 * 1000,
    HELLO_FIRST_US = 250 * 1000, /* how long a remote hub's answer is waited for at first */
};

/* ---- the control socket ---- */

static ipc_err no_hub(const ipc_conn *conn)
{
    return ipc__fail(IPC_ENOHUB, "no hub answers at %s; start one with \"ipc serve %s\"", conn->address.text,
                     conn->address.text);
}

/* A control socket of a hub, not greeted yet. IPC_ENOHUB: nobody is there. */
static ipc_err reach_now(const ipc_conn *conn, int *control)
{
    if (conn->address.scheme == IPC__SCHEME_INPROC) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
            return ipc__fail_errno("cannot make a control socket");
        }
        if (!ipc__hub_adopt(conn->address.text, pair[1])) {
            close(pair[0]);
            close(pair[1]);
            return ipc__fail(IPC_ENOHUB, "this program has no hub at %s; start it with ipc_hub_start()",
                             conn->address.text);
        }
        *control = pair[0];
        return IPC_OK;
    }
    *control = ipc__control_connect(conn->address.control);
    if (*control >= 0) {
        return IPC_OK;
    }
    if (errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN) {
        return no_hub(conn);
    }
    return ipc__fail_errno("cannot connect to %s", conn->address.control);
}

/* The same; a child that is forked from here on knows of it. */
static ipc_err reach(ipc_conn *conn, int *control)
{
    ipc__conns_lock();
    ipc_err err = reach_now(conn, control);
    conn->reaching = err ? -1 : *control;
    ipc__conns_unlock();
    return err;
}

static void give_up(ipc_conn *conn)
{
    ipc__conns_lock();
    if (conn->reaching >= 0) {
        close(conn->reaching);
        conn->reaching = -1;
    }
    ipc__conn_drop_memory(conn);
    ipc__conns_unlock();
}

static ipc_err read_answer(int control, const char *packet_bytes, size_t length, ipc__welcome *welcome)
{
    (void)control;
    ipc_cursor at;
    uint32_t fields;
    int kind = ipc__control_open(&at, packet_bytes, length, &fields);
    if (kind == IPC__WELCOME && ipc__welcome_read(welcome, &at)) {
        return IPC_OK;
    }
    int64_t code;
    ipc__bytes words;
    if (kind == IPC__REFUSED && ipc__read_int(&at, &code) && code < 0 && code >= INT32_MIN &&
        ipc_err_name((ipc_err)code) && ipc__read_str(&at, &words)) {
        return ipc__fail((ipc_err)code, "%.*s", (int)words.length, (const char *)words.data);
    }
    return ipc__fail(IPC_EPROTO, "what answers there is no hub of this protocol");
}

/* Say HELLO and hear WELCOME. IPC_ENOHUB: the hub was just ending. */
static ipc_err greet(const ipc_conn *conn, int control, ipc__welcome *welcome, uint64_t deadline)
{
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 4);
    msgpack_pack_int(&packer, IPC__HELLO);
    msgpack_pack_int(&packer, IPC__PROTOCOL_VERSION);
    ipc__pack_text(&packer, conn->language);
    ipc__pack_text(&packer, conn->program);
    bool sent = !packet.failed && ipc__control_send(control, &packet, -1);
    ipc__buf_free(&packet);
    if (!sent) {
        return no_hub(conn);
    }
    ipc_err err = ipc__wait_fd(control, deadline);
    if (err) {
        return err == IPC_ETIMEOUT
                   ? ipc__fail(IPC_ENOHUB, "the hub at %s does not answer; is it stopped?", conn->address.text)
                   : err;
    }
    char answer[IPC__PACKET_MAX];
    int fd;
    ssize_t length = ipc__control_receive(control, answer, sizeof answer, &fd);
    if (fd >= 0) {
        close(fd);
    }
    return length <= 0 ? no_hub(conn) : read_answer(control, answer, (size_t)length, welcome);
}

/* ---- shared memory ---- */

void ipc__conn_drop_memory(ipc_conn *conn)
{
    for (unsigned i = 0; i < 2; i++) {
        if (conn->memory[i] >= 0) {
            close(conn->memory[i]);
            conn->memory[i] = -1;
        }
    }
}

static bool send_number(int control, ipc__packet kind, unsigned number, bool flag)
{
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_int(&packer, kind);
    if (kind == IPC__LANE) {
        msgpack_pack_uint32(&packer, number);
    } else {
        flag ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    }
    bool sent = !packet.failed && ipc__control_send(control, &packet, -1);
    ipc__buf_free(&packet);
    return sent;
}

/* The hub's answer: memory and what wakes it, or its words for why not. */
static ipc_err read_memory(int control, int fds[2])
{
    unsigned char packet[IPC__PACKET_MAX];
    int came[IPC__CONTROL_FDS];
    ssize_t length = ipc__control_receive_fds(control, packet, sizeof packet, came);
    if (length <= 0) {
        return ipc__fail(IPC_ENOHUB, "the hub has ended");
    }
    ipc_cursor at;
    uint32_t fields;
    int64_t code;
    ipc__bytes words;
    bool good = ipc__control_open(&at, packet, (size_t)length, &fields) == IPC__MEMORY && ipc__read_int(&at, &code) &&
                ipc__read_str(&at, &words);
    if (good && code == IPC_OK && came[0] >= 0 && came[1] >= 0) {
        fds[0] = came[0];
        fds[1] = came[1];
        return IPC_OK;
    }
    for (unsigned i = 0; i < IPC__CONTROL_FDS; i++) {
        if (came[i] >= 0) {
            close(came[i]);
        }
    }
    if (good && code == IPC_OK) {
        return ipc__fail(IPC_ELANE, "no descriptors are left for shared memory");
    }
    return good ? ipc__fail(IPC_ELANE, "%.*s", (int)words.length, (const char *)words.data)
                : ipc__fail(IPC_EPROTO, "the hub does not answer as this protocol says");
}

/* Shared memory can't be had: where it need not be, the session does without, and says so. */
static ipc_err do_without(const ipc_conn *conn, ipc_err err)
{
    if (err != IPC_ELANE || conn->lane != IPC_LANE_AUTO) {
        return err;
    }
    ipc__log(IPC_LOG_WARN, "the session with the hub at %s uses ZeroMQ: %s", conn->address.text, ipc_last_error());
    return IPC_OK;
}

/* Ask for memory, if the lane may be had that way. Without the lock. IPC_OK also where the session does without. */
static ipc_err ask_memory(ipc_conn *conn, int control, uint64_t deadline)
{
    if (conn->lane == IPC_LANE_ZMQ) {
        return IPC_OK;
    }
    if (!ipc__shm_may_be(IPC__SHM_SIZE)) {
        return do_without(conn, ipc__fail(IPC_ELANE,
                                          "this process may not make files of %d MiB (ulimit -f), and so not "
                                          "share memory",
                                          IPC__SHM_SIZE / 1024 / 1024));
    }
    if (!send_number(control, IPC__LANE, IPC__SHM_VERSION, false)) {
        return no_hub(conn);
    }
    ipc_err err = ipc__wait_fd(control, deadline);
    if (err) {
        return err == IPC_ETIMEOUT ? no_hub(conn) : err;
    }
    int fds[2] = {-1, -1};
    err = read_memory(control, fds);
    ipc__conns_lock(); /* a child that is forked from here on knows of them */
    conn->memory[0] = fds[0];
    conn->memory[1] = fds[1];
    ipc__conns_unlock();
    return do_without(conn, err);
}

/* Map the memory, and tell the hub. The lock is held. IPC_ELANE; IPC_OK also where the session does without. */
static ipc_err use_memory(ipc_conn *conn)
{
    int fds[2] = {conn->memory[0], conn->memory[1]};
    conn->memory[0] = conn->memory[1] = -1;
    ipc_err err = ipc__shm_link_open(&conn->link, fds[0], fds[1], conn->control);
    if (!send_number(conn->control, IPC__MAPPED, 0, !err)) {
        return no_hub(conn);
    }
    return do_without(conn, err);
}

/* One try. */
static ipc_err try_local(ipc_conn *conn, int *control, ipc__welcome *welcome, uint64_t deadline)
{
    ipc_err err = reach(conn, control);
    if (err) {
        return err;
    }
    err = greet(conn, *control, welcome, deadline);
    err = err ? err : ask_memory(conn, *control, deadline);
    if (err) {
        give_up(conn);
    }
    return err;
}

/* Try, start a hub where that is allowed, and try again, with a growing and jittered pause. */
static ipc_err reach_local(ipc_conn *conn, int *control, ipc__welcome *welcome, uint64_t deadline)
{
    uint64_t pause = BACKOFF_FIRST_US;
    for (;;) {
        ipc_err err = try_local(conn, control, welcome, deadline);
        if (err != IPC_ENOHUB || !conn->start || ipc__now() >= deadline) {
            return err;
        }
        err = ipc__launch_hub(conn->address.text, conn->private, deadline);
        if (err == IPC_OK) {
            err = try_local(conn, control, welcome, deadline);
        }
        if (err != IPC_ENOHUB && err != IPC_EADDRINUSE) {
            return err;
        }
        uint32_t dice = 0;
        (void)!getrandom(&dice, sizeof dice, GRND_NONBLOCK);
        err = ipc__wait_fd(-1, ipc__now() + pause / 2 + dice % pause);
        if (err == IPC_EINTR) {
            return err;
        }
        pause = 2 * pause < BACKOFF_LAST_US ? 2 * pause : BACKOFF_LAST_US;
    }
}

/* ---- the link ---- */

static void pack_header(ipc_conn *conn)
{
    ipc__buf_reset(&conn->header);
    msgpack_packer packer = ipc__packer(&conn->header);
    msgpack_pack_array(&packer, 1);
    msgpack_pack_uint64(&packer, conn->welcome.epoch);
}

/* Begin a session's counts. */
static ipc_err open_link(ipc_conn *conn, const char *endpoint)
{
    ipc_err err = conn->memory[0] >= 0 ? use_memory(conn) : IPC_OK;
    if (!err && !conn->link) {
        err = ipc__zmq_link_open(&conn->link, endpoint, conn->welcome.max_message);
    }
    if (err) {
        return err;
    }
    conn->out.inline_max = conn->link->ops->inline_max;
    conn->seq = conn->sent = conn->acked = conn->flushed_seq = 0;
    conn->waiting_out = conn->busy = false;
    conn->flushed_at = conn->pinged_at = conn->ping_seq = 0;
    conn->heard_at = ipc__now();
    ipc__outbox_reset(&conn->out);
    conn->state = IPC__CONN_LIVE;
    pack_header(conn);
    return IPC_OK;
}

/* A forked child has its parent's handles, and deliveries of its own. */
static ipc_err know_handles(ipc_conn *conn)
{
    for (uint32_t id = 0; id < conn->slot_count; id++) {
        if (conn->slots[id].handle && !conn->link->ops->claims->opened(conn->link, id)) {
            return ipc__fail_plain(IPC_ENOMEM);
        }
    }
    return IPC_OK;
}

ipc_err ipc__conn_bind(ipc_conn *conn, uint64_t deadline)
{
    ipc_err err = open_link(conn, conn->welcome.endpoint);
    if (err) {
        return err;
    }
    if (conn->link->ops->claims) {
        return know_handles(conn);
    }
    msgpack_packer packer = ipc__op_begin(conn, IPC__OP_BIND, 0, 1);
    msgpack_pack_bin_with_body(&packer, conn->welcome.token, IPC__TOKEN_SIZE);
    ipc__pending pending;
    err = ipc__conn_ask(conn, &pending, deadline);
    ipc__buf_free(&pending.reply);
    return err == IPC_ETIMEOUT ? no_hub(conn) : err;
}

/* Whether anybody listens. The lock is let go meanwhile. */
static ipc_err probe_remote(ipc_conn *conn, uint64_t deadline)
{
    pthread_mutex_unlock(&conn->lock);
    ipc__sleep_begin();
    bool open = ipc__tcp_answers(conn->address.endpoint, deadline);
    ipc__sleep_end();
    pthread_mutex_lock(&conn->lock);
    return conn->closing ? ipc__fail_plain(IPC_ECLOSED) : open ? IPC_OK : no_hub(conn);
}

/* HELLO over the link itself. IPC_ETIMEOUT: no answer. */
static ipc_err greet_remote(ipc_conn *conn, uint64_t deadline)
{
    ipc_err err = open_link(conn, conn->address.endpoint);
    if (err) {
        return err;
    }
    uint64_t hello_at = ipc__now();
    msgpack_packer packer = ipc__op_begin(conn, IPC__OP_HELLO, 0, 3);
    msgpack_pack_int(&packer, IPC__PROTOCOL_VERSION);
    ipc__pack_text(&packer, conn->language);
    ipc__pack_text(&packer, conn->program);
    ipc__pending pending;
    err = ipc__conn_ask(conn, &pending, deadline);
    ipc_cursor at;
    ipc_cursor_init(&at, pending.reply.data, pending.reply.length);
    if (err == IPC_ELOST) {
        err = no_hub(conn);
    } else if ((err == IPC_EPROTO && !pending.reply.length) || (!err && !ipc__welcome_read(&conn->welcome, &at))) {
        err = ipc__fail(IPC_EPROTO, "what answers at %s is no hub of this protocol", conn->address.text);
    }
    ipc__buf_free(&pending.reply);
    if (!err) {
        conn->clock_offset = conn->welcome.now_us - hello_at;
        pack_header(conn);
    }
    return err;
}

/*
 * libzmq keeps it to itself when nobody listens, and does not try again. So somebody is looked for first; and again, behind a new
 * link, when no answer came for a while: the hub may have died between the two.
 */
static ipc_err bind_remote(ipc_conn *conn, uint64_t deadline)
{
    for (uint64_t patience = HELLO_FIRST_US;; patience *= 2) {
        conn->welcome = (ipc__welcome){.max_message = UINT32_MAX, .silence_us = IPC__NEVER / 4};
        ipc_err err = probe_remote(conn, deadline);
        if (err) {
            return err;
        }
        uint64_t now = ipc__now();
        err = greet_remote(conn, deadline - now > patience ? now + patience : deadline);
        if (err != IPC_ETIMEOUT) {
            return err;
        }
        if (ipc__now() >= deadline) {
            return no_hub(conn);
        }
        ipc__conn_drop_link(conn);
    }
}

static ipc_err connect_local(ipc_conn *conn, uint64_t deadline)
{
    ipc__welcome welcome;
    int control;
    uint64_t before = ipc__now();
    pthread_mutex_unlock(&conn->lock);
    ipc_err err = reach_local(conn, &control, &welcome, deadline);
    if (err) {
        pthread_mutex_lock(&conn->lock);
        return err;
    }
    ipc__conns_lock(); /* before the connection's: a fork between the two must find it in one place or the other */
    pthread_mutex_lock(&conn->lock);
    bool wanted = conn->state != IPC__CONN_CLOSED && !conn->closing;
    if (wanted) {
        conn->reaching = -1;
        conn->control = control;
    }
    ipc__conns_unlock();
    if (!wanted) {
        pthread_mutex_unlock(&conn->lock);
        give_up(conn);
        pthread_mutex_lock(&conn->lock);
        return ipc__fail_plain(IPC_ECLOSED);
    }
    /* On one host both read one clock, unless they live in different time namespaces. */
    bool same_clock = welcome.now_us >= before && welcome.now_us <= ipc__now();
    conn->clock_offset = same_clock ? 0 : welcome.now_us - before;
    conn->welcome = welcome;
    return ipc__conn_bind(conn, deadline);
}

void ipc__conn_drop_link(ipc_conn *conn)
{
    ipc__outbox_reset(&conn->out); /* parts of it may lie in the link's memory */
    if (conn->link) {
        conn->link->ops->close(conn->link, conn->parted);
        conn->link = NULL;
    }
    if (conn->control >= 0) {
        close(conn->control);
        conn->control = -1;
    }
    ipc__conn_drop_memory(conn);
}

static bool nobody_drives(void *arg)
{
    return !((ipc_conn *)arg)->driving;
}

/* Whoever drives the old link looks up soon: it was told. */
static void await_driver(ipc_conn *conn)
{
    while (!nobody_drives(conn)) {
        ipc__conn_await_change(conn);
    }
}

ipc_err ipc__conn_connect(ipc_conn *conn)
{
    uint64_t deadline = ipc__deadline(ipc__now(), conn->connect_timeout_ms);
    conn->connecting = true;
    ipc__conn_wake(conn);
    await_driver(conn);
    ipc__conn_drop_link(conn);
    for (uint32_t id = 0; id < conn->slot_count; id++) {
        if (conn->slots[id].handle) {
            ipc__handle_reset(conn->slots[id].handle);
        }
        conn->slots[id].handle = NULL;
    }
    ipc__slots_tidy(conn);
    conn->generation++;
    ipc_err err = conn->address.scheme == IPC__SCHEME_TCP ? bind_remote(conn, deadline) : connect_local(conn, deadline);
    err = err ? err : ipc__conn_start_thread(conn);
    if (err && conn->state == IPC__CONN_LIVE) {
        ipc__conn_lose(conn, err);
    }
    conn->connecting = false;
    pthread_cond_broadcast(&conn->changed);
    return err;
}

ipc_err ipc__conn_revive(ipc_conn *conn)
{
    conn->connecting = true;
    conn->control = conn->heir_control;
    conn->heir_control = -1;
    conn->welcome = conn->heir_welcome;
    uint64_t deadline = ipc__deadline(ipc__now(), conn->connect_timeout_ms);
    pthread_mutex_unlock(&conn->lock);
    ipc_err err = ask_memory(conn, conn->control, deadline);
    pthread_mutex_lock(&conn->lock);
    err = err ? err : ipc__conn_bind(conn, deadline);
    err = err ? err : ipc__conn_start_thread(conn);
    if (err) {
        ipc__conn_lose(conn, err);
    }
    conn->connecting = false;
    pthread_cond_broadcast(&conn->changed);
    return err;
}

void ipc__conn_lose(ipc_conn *conn, ipc_err why)
{
    if (conn->state == IPC__CONN_CLOSED || conn->state == IPC__CONN_LOST) {
        return;
    }
    conn->state = conn->closing ? IPC__CONN_CLOSED : IPC__CONN_LOST;
    ipc__pendings_end(conn, conn->closing ? IPC_ECLOSED : why);
    ipc__outbox_reset(&conn->out);
    ipc__handles_signal(conn);
    pthread_cond_broadcast(&conn->changed);
    if (conn->driving) {
        eventfd_write(conn->wake, 1);
    }
}

ipc_err ipc__conn_enter(ipc_conn *conn)
{
    for (;;) {
        if (conn->state == IPC__CONN_CLOSED || conn->closing) {
            return ipc__fail_plain(IPC_ECLOSED);
        }
        if (conn->connecting) {
            ipc__conn_await_change(conn);
            continue;
        }
        if (conn->state == IPC__CONN_LIVE) {
            return IPC_OK;
        }
        return conn->state == IPC__CONN_FORKED ? ipc__conn_revive(conn) : ipc__conn_connect(conn);
    }
}
