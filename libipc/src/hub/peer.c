/*
 * Peers: a session's control socket, its lane and its place in the core, bound together by a token.
 * Touches the control sockets, the lane and the core. Not locked: the hub's thread.
 */
#include "hub/peer.h"

#include "util/clock.h"
#include "util/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

enum {
    HELLO_US = 10 * 1000 * 1000,     /* how long a control socket may stay without a HELLO */
    PACKETS_AT_ONCE = 64,            /* of one control socket: others are waiting */
    FETCH_AT_ONCE = 1024,            /* more than a socket holds: among them is the segment that is looked for */
    FAREWELL_NS = 150 * 1000 * 1000, /* how long remote clients have to hear that the hub ends */
};

struct ipc__peer {
    ipc__hubside *side;
    int control; /* -1: a remote one */
    int64_t pid;
    bool refused; /* of another user: nothing but the refusal is for it */
    bool left;    /* its session has ended, and its process reads what it was lent */
    bool ended;
    ipc__session *session; /* NULL: no HELLO yet */
    ipc__zmq_peer zmq;
    ipc__shm_peer shm;
    unsigned char token[IPC__TOKEN_SIZE];
    ipc__timer silence; /* until HELLO; afterwards for remote ones only */
    ipc__peer *prev, *next;
    UT_hash_handle hh; /* by token, until it is bound */
};

static void silent(ipc__timer *timer, uint64_t now);

/* ---- beginnings and ends ---- */

static ipc__peer *peer_alloc(ipc__hubside *side, int control)
{
    ipc__peer *peer = calloc(1, sizeof *peer);
    if (peer) {
        peer->side = side;
        peer->control = control;
        peer->shm.wake = peer->shm.fd = -1;
        peer->silence.fire = silent;
        DL_APPEND(side->peers, peer);
        side->peer_count++;
    }
    return peer;
}

static bool watch(ipc__peer *peer)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    return epoll_ctl(peer->side->epoll, EPOLL_CTL_ADD, peer->control, &event) == 0;
}

/* Whose process it is. Of another user: refused. */
static void look_at(ipc__peer *peer)
{
    struct ucred who = {0};
    socklen_t size = sizeof who;
    if (getsockopt(peer->control, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
        peer->refused = true;
        return;
    }
    peer->pid = who.pid;
    peer->refused = who.uid != getuid() && who.uid != 0;
}

void ipc__peer_new(ipc__hubside *side, int control, bool check)
{
    ipc__peer *peer = peer_alloc(side, control);
    if (!peer) {
        close(control);
        return;
    }
    int flags = fcntl(control, F_GETFL);
    fcntl(control, F_SETFL, flags | O_NONBLOCK);
    if (check) {
        look_at(peer);
    }
    ipc__timer_set(&side->core.timers, &peer->silence, ipc__now() + HELLO_US);
    if (!watch(peer)) {
        ipc__peer_end(peer, IPC__END_CRASH);
    }
}

/* What it has in memory goes. epoll would keep the eventfd as long as the client has it. */
static void drop_memory(ipc__peer *peer)
{
    if (peer->shm.wake >= 0) {
        epoll_ctl(peer->side->epoll, EPOLL_CTL_DEL, peer->shm.wake, NULL);
    }
    ipc__shm_peer_close(&peer->shm);
}

static void forget_token(ipc__peer *peer)
{
    if (peer->hh.tbl) {
        HASH_DEL(peer->side->by_token, peer);
        peer->hh.tbl = NULL;
    }
}

static void end_session(ipc__peer *peer, ipc__end end)
{
    if (peer->session) {
        ipc__core_session_end(peer->session, end, ipc__now());
        peer->session = NULL;
        ipc__zmq_peer_fini(&peer->zmq);
    }
}

void ipc__peer_end(ipc__peer *peer, ipc__end end)
{
    if (peer->ended) {
        return;
    }
    ipc__hubside *side = peer->side;
    peer->ended = true;
    end_session(peer, end);
    drop_memory(peer);
    forget_token(peer);
    ipc__timer_clear(&side->core.timers, &peer->silence);
    if (peer->control >= 0) {
        /* epoll would keep it, and this peer's address, as long as a child that is just being forked has a copy. */
        epoll_ctl(side->epoll, EPOLL_CTL_DEL, peer->control, NULL);
        close(peer->control);
        peer->control = -1;
    }
    DL_DELETE(side->peers, peer);
    side->peer_count--;
    DL_APPEND(side->ended, peer);
}

void ipc__peers_reap(ipc__hubside *side)
{
    while (side->ended) {
        ipc__peer *peer = side->ended;
        DL_DELETE(side->ended, peer);
        free(peer);
    }
}

/*
 * Without a lifeline they would learn it late. libzmq drops what a client has received and not read when its connection ends: they
 * get a moment to read it.
 */
static void tell_remote_ones(ipc__hubside *side)
{
    bool any = false;
    ipc__peer *peer;
    DL_FOREACH(side->peers, peer)
    {
        if (peer->control < 0 && peer->zmq.id.length) {
            ipc__zmq_hub_stranger(side->zmq, &peer->zmq.id, ipc__now());
            any = true;
        }
    }
    if (any) {
        nanosleep(&(struct timespec){.tv_nsec = FAREWELL_NS}, NULL);
    }
}

void ipc__peers_end(ipc__hubside *side)
{
    tell_remote_ones(side);
    while (side->peers) {
        ipc__peer_end(side->peers, IPC__END_CLEAN);
    }
    ipc__peers_reap(side);
}

void ipc__peers_abandon(ipc__hubside *side)
{
    ipc__peer *peer;
    DL_FOREACH(side->peers, peer)
    {
        if (peer->control >= 0) {
            close(peer->control);
        }
        if (peer->shm.wake >= 0) {
            close(peer->shm.wake);
        }
    }
}

void ipc__peer_reject(ipc__peer *peer)
{
    peer->side->core.rejected++;
    ipc__log(IPC_LOG_WARN, "session %llu (%s, pid %lld) broke the protocol and is dropped",
             (unsigned long long)(peer->session ? peer->session->id : 0), peer->session ? peer->session->program : "?",
             (long long)peer->pid);
    ipc__peer_end(peer, IPC__END_CRASH);
}

/* ---- remote ones ---- */

static void silent(ipc__timer *timer, uint64_t now)
{
    ipc__peer *peer = (ipc__peer *)((char *)timer - offsetof(ipc__peer, silence));
    if (!peer->session) {
        ipc__peer_end(peer, IPC__END_CRASH);
        return;
    }
    ipc__log(IPC_LOG_WARN, "remote session %llu is silent and given up", (unsigned long long)peer->session->id);
    ipc__zmq_id id = peer->zmq.id;
    ipc__hubside *side = peer->side;
    ipc__peer_end(peer, IPC__END_CRASH);
    ipc__zmq_hub_stranger(side->zmq, &id, now);
}

static void heard(ipc__peer *peer)
{
    if (peer->control < 0) {
        ipc__core *core = &peer->side->core;
        ipc__timer_set(&core->timers, &peer->silence, ipc__deadline(ipc__now(), core->options.session_timeout_ms));
    }
}

/* ---- hello ---- */

static void fill_welcome(const ipc__peer *peer, ipc__welcome *welcome)
{
    const ipc__core *core = &peer->side->core;
    *welcome = (ipc__welcome){
        .version = IPC__PROTOCOL_VERSION,
        .epoch = peer->side->epoch,
        .session = peer->session->id,
        .now_us = ipc__now(),
        .window = IPC__WINDOW,
        .max_message = core->options.max_message,
        .validity_us = core->validity,
        .silence_us = (uint64_t)core->options.session_timeout_ms * IPC__US_PER_MS,
    };
    memcpy(welcome->token, peer->token, IPC__TOKEN_SIZE);
    snprintf(welcome->endpoint, sizeof welcome->endpoint, "%s", peer->side->address->endpoint);
}

static void send_welcome(ipc__peer *peer)
{
    ipc__welcome welcome;
    fill_welcome(peer, &welcome);
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 1 + IPC__WELCOME_FIELDS);
    msgpack_pack_int(&packer, IPC__WELCOME);
    ipc__welcome_pack(&welcome, &packer);
    if (packet.failed || !ipc__control_send(peer->control, &packet, -1)) {
        ipc__peer_end(peer, IPC__END_CRASH);
    }
    ipc__buf_free(&packet);
}

static void send_refusal(ipc__peer *peer, ipc_err err)
{
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_int(&packer, IPC__REFUSED);
    msgpack_pack_int(&packer, err);
    const char *words = ipc_last_error();
    ipc__pack_text(&packer, words);
    if (!packet.failed) {
        ipc__control_send(peer->control, &packet, -1);
    }
    ipc__buf_free(&packet);
    ipc__peer_end(peer, IPC__END_CLEAN);
}

/* Give a peer its session's token and lane. */
static ipc_err equip(ipc__peer *peer)
{
    if (getrandom(peer->token, sizeof peer->token, 0) != sizeof peer->token) {
        return ipc__fail_errno("no random numbers");
    }
    ipc__zmq_peer_init(&peer->zmq, peer->side->zmq, &peer->session->acked, peer);
    HASH_ADD(hh, peer->side->by_token, token, sizeof peer->token, peer);
    return peer->hh.tbl ? IPC_OK : ipc__fail_plain(IPC_ENOMEM);
}

static ipc_err greet(ipc__peer *peer, ipc_cursor *at)
{
    uint64_t version;
    ipc__identity who = {.pid = peer->pid};
    if (!ipc__read_uint(at, &version) || !ipc__read_str(at, &who.language) || !ipc__read_str(at, &who.program)) {
        return ipc__fail(IPC_EPROTO, "that is no HELLO of this protocol");
    }
    if (version != IPC__PROTOCOL_VERSION) {
        return ipc__fail(IPC_EPROTO,
                         "the client speaks version %llu of the protocol and this hub %d; use the same "
                         "libipc on both sides",
                         (unsigned long long)version, IPC__PROTOCOL_VERSION);
    }
    return ipc__core_session(&peer->side->core, &ipc__zmq_lane, &peer->zmq, &who, &peer->session);
}

static void control_hello(ipc__peer *peer, ipc_cursor *at)
{
    ipc__timer_clear(&peer->side->core.timers, &peer->silence);
    if (peer->refused) {
        ipc__fail(IPC_EPERM, "this hub belongs to another user");
        send_refusal(peer, IPC_EPERM);
        return;
    }
    ipc_err err = greet(peer, at);
    if (!err) {
        err = equip(peer);
    }
    if (err) {
        send_refusal(peer, err);
    } else {
        send_welcome(peer);
    }
}

static void control_fork(ipc__peer *peer, ipc_cursor numbers, int socket)
{
    ipc__peer *heir = peer_alloc(peer->side, socket);
    if (!heir) {
        close(socket);
        return;
    }
    fcntl(socket, F_SETFL, O_NONBLOCK);
    ipc_err err = ipc__core_fork(peer->session, &ipc__zmq_lane, &heir->zmq, numbers, &heir->session);
    err = err ? err : equip(heir);
    if (err == IPC_OK && !watch(heir)) {
        err = ipc__fail_errno("cannot watch a control socket");
    }
    if (err) {
        send_refusal(heir, err);
    } else {
        send_welcome(heir);
    }
}

static void close_all(const int *fds)
{
    for (unsigned i = 0; i < IPC__CONTROL_FDS; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

/* ---- shared memory ---- */

static bool send_memory(const ipc__peer *peer, ipc_err err)
{
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_int(&packer, IPC__MEMORY);
    msgpack_pack_int(&packer, err);
    ipc__pack_text(&packer, err ? ipc_last_error() : "");
    int fds[IPC__CONTROL_FDS] = {peer->shm.fd, peer->shm.wake};
    bool sent = !packet.failed && ipc__control_send_fds(peer->control, &packet, fds, err ? 0 : IPC__CONTROL_FDS);
    ipc__buf_free(&packet);
    return sent;
}

/* It asks for memory, once. */
static bool control_lane(ipc__peer *peer, ipc_cursor *at)
{
    uint64_t version;
    if (!ipc__read_uint(at, &version) || peer->shm.memory || peer->zmq.id.length) {
        return false;
    }
    ipc_err err = IPC_OK;
    if (version != IPC__SHM_VERSION) {
        err = ipc__fail(IPC_ELANE, "the client lays its memory out by version %llu and this hub by %d",
                        (unsigned long long)version, IPC__SHM_VERSION);
    } else if (!ipc__shm_peer_open(&peer->shm, &peer->side->shm, peer->control, peer)) {
        err = ipc__fail(IPC_ELANE, "the hub cannot make shared memory: %s", strerrordesc_np(errno));
    }
    if (!err) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = ipc__peer_mark(peer)};
        if (epoll_ctl(peer->side->epoll, EPOLL_CTL_ADD, peer->shm.wake, &event) != 0) {
            err = ipc__fail(IPC_ELANE, "the hub cannot watch the session: %s", strerrordesc_np(errno));
        }
    }
    bool sent = send_memory(peer, err);
    if (err || !sent) {
        drop_memory(peer);
    }
    return sent;
}

/* It has mapped the memory and uses it; or it could not, and does without. */
static bool control_mapped(ipc__peer *peer, ipc_cursor *at)
{
    bool used;
    if (!ipc__read_bool(at, &used) || !peer->shm.memory || peer->shm.mapped || peer->zmq.id.length) {
        return false;
    }
    if (!used) {
        drop_memory(peer);
        return true;
    }
    /* What was said to it until now waits with the lane that it had. */
    ipc__buf_write(&peer->shm.out, (const char *)peer->zmq.out.ops.data, peer->zmq.out.ops.length);
    ipc__outbox_reset(&peer->zmq.out);
    forget_token(peer);
    return ipc__shm_peer_mapped(&peer->shm) && ipc__core_session_lane(peer->session, &ipc__shm_lane, &peer->shm);
}

static bool control_segment(ipc__peer *peer, ipc_cursor *at, int fd)
{
    uint64_t local;
    uint64_t size;
    if (!ipc__read_uint(at, &local) || !ipc__read_uint(at, &size) || local > UINT32_MAX) {
        close(fd);
        return false;
    }
    return ipc__shm_peer_segment(&peer->shm, fd, (uint32_t)local, size);
}

/* Both descriptors are taken over. */
static bool control_watch(ipc__peer *peer, ipc_cursor *at, const int *fds)
{
    uint64_t handle;
    bool good = ipc__read_uint(at, &handle) && handle < IPC__HANDLES_MAX && fds[1] >= 0;
    if (!good || handle >= peer->session->hold_capacity || !peer->session->holds[handle]) {
        close_all(fds);
        return good; /* closed or deleted meanwhile */
    }
    ipc__hold *hold = peer->session->holds[handle];
    bool kept = ipc__shm_peer_watch(&peer->shm, (uint32_t)handle, fds);
    hold->watched = true;
    if (hold->object->ops->watched) {
        hold->object->ops->watched(hold);
    }
    return kept;
}

/* ---- packets ---- */

/* Close what came along and is not expected; whether that is all right. */
static bool without(const int *fds)
{
    close_all(fds);
    return fds[0] < 0;
}

/* The one that is expected; others are closed. */
static int only(const int *fds)
{
    if (fds[1] >= 0) {
        close(fds[1]);
    }
    return fds[0];
}

/* False: it breaks the protocol. */
static bool control_packet(ipc__peer *peer, size_t length, const int *fds)
{
    ipc_cursor at;
    uint32_t fields;
    int kind = ipc__control_open(&at, peer->side->packet, length, &fields);
    if (kind == IPC__HELLO && !peer->session && !peer->left && fields == 3) {
        bool good = without(fds);
        if (good) {
            control_hello(peer, &at);
        }
        return good;
    }
    if (!peer->session) {
        without(fds);
        return false;
    }
    if (kind == IPC__FORK && fields == 1 && fds[0] >= 0) {
        control_fork(peer, at, only(fds));
        return true;
    }
    if (kind == IPC__LANE && fields == 1) {
        return without(fds) && control_lane(peer, &at);
    }
    if (kind == IPC__MAPPED && fields == 1) {
        return without(fds) && control_mapped(peer, &at);
    }
    if (kind == IPC__SEGMENT && fields == 2 && fds[0] >= 0 && peer->shm.mapped) {
        return control_segment(peer, &at, only(fds));
    }
    if (kind == IPC__WATCH && fields == 1 && fds[0] >= 0 && peer->shm.mapped) {
        return control_watch(peer, &at, fds);
    }
    without(fds);
    return false;
}

static void shm_input(void *owner, ipc__envelope *envelope);

void ipc__peer_control(ipc__peer *peer)
{
    for (int i = 0; i < PACKETS_AT_ONCE && !peer->ended; i++) {
        int fds[IPC__CONTROL_FDS];
        ssize_t length = ipc__control_receive_fds(peer->control, peer->side->packet, sizeof peer->side->packet, fds);
        if (length < 0 && errno == EAGAIN) {
            return;
        }
        if (length < 0 && errno == ECONNRESET) {
            continue; /* it is gone and has not read all; what it sent before that is still there */
        }
        if (length <= 0) {
            ipc__shm_peer_take(&peer->shm, shm_input); /* what it has published is the hub's */
            ipc__peer_end(peer, IPC__END_CRASH);
        } else if (!control_packet(peer, (size_t)length, fds)) {
            ipc__peer_reject(peer);
        }
    }
}

void ipc__peer_fetch(void *owner)
{
    ipc__peer *peer = owner;
    for (int i = 0; i < FETCH_AT_ONCE && !peer->ended && !peer->shm.broken; i++) {
        int fds[IPC__CONTROL_FDS];
        ssize_t length = ipc__control_receive_fds(peer->control, peer->side->packet, sizeof peer->side->packet, fds);
        if (length < 0 && errno == ECONNRESET) {
            continue; /* said once, before what it has sent */
        }
        if (length <= 0) {
            return; /* its end is seen again */
        }
        peer->shm.broken = !control_packet(peer, (size_t)length, fds);
    }
}

void ipc__peer_awake(void *mark)
{
    ipc__peer *peer = (ipc__peer *)(void *)((char *)mark - 1);
    if (!peer->ended) {
        ipc__shm_peer_look(&peer->shm);
    }
    if (peer->left && !ipc__shm_peer_lends(&peer->shm)) {
        ipc__peer_end(peer, IPC__END_CLEAN);
    }
}

/* ---- envelopes ---- */

/* BIND: the first operation of a local session. */
static ipc__peer *bind_local(ipc__hubside *side, const ipc__zmq_id *id, const ipc__head *head, ipc__envelope *envelope)
{
    ipc__bytes token;
    if (head->fields != 1 || !ipc__read_bin(&envelope->at, &token) || token.length != IPC__TOKEN_SIZE) {
        return NULL;
    }
    ipc__peer *peer;
    HASH_FIND(hh, side->by_token, token.data, token.length, peer);
    if (!peer || peer->shm.memory || !ipc__zmq_peer_bind(&peer->zmq, id)) {
        return NULL;
    }
    forget_token(peer);
    ipc__reply(peer->session, 0, head->seq, IPC_OK);
    return peer;
}

static ipc__peer *bind_remote(ipc__hubside *side, const ipc__zmq_id *id, const ipc__head *head, ipc__envelope *envelope)
{
    ipc__peer *peer = side->address->scheme == IPC__SCHEME_TCP && head->fields == 3 ? peer_alloc(side, -1) : NULL;
    if (!peer) {
        return NULL;
    }
    ipc_err err = greet(peer, &envelope->at);
    err = err ? err : equip(peer);
    if (!err && !ipc__zmq_peer_bind(&peer->zmq, id)) {
        err = ipc__fail_plain(IPC_ENOMEM);
    }
    if (err) {
        ipc__zmq_hub_refuse(side->zmq, id, head->seq, err, ipc__now());
        ipc__peer_end(peer, IPC__END_CLEAN);
        return NULL;
    }
    forget_token(peer);
    ipc__welcome welcome;
    fill_welcome(peer, &welcome);
    msgpack_packer packer = ipc__reply_begin(peer->session, 0, head->seq, IPC__WELCOME_FIELDS);
    ipc__welcome_pack(&welcome, &packer);
    ipc__reply_end(peer->session);
    return peer;
}

static ipc__peer *bind_new(ipc__hubside *side, const ipc__zmq_id *id, uint64_t epoch, ipc__envelope *envelope)
{
    ipc__head head;
    if (!ipc__envelope_next(envelope, &head)) {
        return NULL;
    }
    if (head.op == IPC__OP_BIND && epoch == side->epoch) {
        return bind_local(side, id, &head, envelope);
    }
    return head.op == IPC__OP_HELLO && epoch == 0 ? bind_remote(side, id, &head, envelope) : NULL;
}

/* Operations from a peer's memory; NULL: it wrote nonsense there. */
static void shm_input(void *owner, ipc__envelope *envelope)
{
    ipc__peer *peer = owner;
    if (peer->ended || !peer->session) {
        return; /* behind a BYE */
    }
    ipc_err err = envelope ? ipc__core_input(peer->session, envelope, ipc__now()) : IPC_EPROTO;
    if (err == IPC_ECLOSED) {
        ipc__shm_hub_flush(&peer->side->shm); /* the answer to BYE */
        end_session(peer, IPC__END_CLEAN);
        peer->left = ipc__shm_peer_leave(&peer->shm);
        if (!peer->left) {
            ipc__peer_end(peer, IPC__END_CLEAN);
        }
    } else if (err) {
        ipc__peer_reject(peer);
    }
}

bool ipc__peers_take(ipc__hubside *side)
{
    return ipc__shm_hub_take(&side->shm, shm_input);
}

void ipc__peer_input(ipc__hubside *side, const ipc__zmq_id *id, ipc__peer *peer, ipc__envelope *envelope)
{
    uint64_t epoch;
    uint64_t now = ipc__now();
    bool fresh = !peer;
    bool open = ipc__envelope_open(envelope, &epoch, 1);
    if (fresh && open) {
        peer = bind_new(side, id, epoch, envelope);
    }
    if (!peer) {
        side->core.rejected++;
        ipc__zmq_hub_stranger(side->zmq, id, now);
        return;
    }
    if (!open || (epoch != side->epoch && !fresh)) {
        ipc__peer_reject(peer);
        return;
    }
    heard(peer);
    ipc_err err = ipc__core_input(peer->session, envelope, now);
    if (err == IPC_ECLOSED) {
        ipc__zmq_hub_flush(side->zmq, now); /* the answer to BYE */
        ipc__peer_end(peer, IPC__END_CLEAN);
    } else if (err) {
        ipc__peer_reject(peer);
    } else {
        ipc__zmq_peer_received(&peer->zmq);
    }
}
