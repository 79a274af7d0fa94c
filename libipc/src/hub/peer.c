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
    FAREWELL_NS = 150 * 1000 * 1000, /* how long remote clients have to hear that the hub ends */
};

struct ipc__peer {
    ipc__hubside *side;
    int control; /* -1: a remote one */
    int64_t pid;
    bool refused; /* of another user: nothing but the refusal is for it */
    bool ended;
    ipc__session *session; /* NULL: no HELLO yet */
    ipc__zmq_peer zmq;
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

static void forget_token(ipc__peer *peer)
{
    if (peer->hh.tbl) {
        HASH_DEL(peer->side->by_token, peer);
        peer->hh.tbl = NULL;
    }
}

void ipc__peer_end(ipc__peer *peer, ipc__end end)
{
    if (peer->ended) {
        return;
    }
    ipc__hubside *side = peer->side;
    peer->ended = true;
    if (peer->session) {
        ipc__core_session_end(peer->session, end, ipc__now());
        peer->session = NULL;
        ipc__zmq_peer_fini(&peer->zmq);
    }
    forget_token(peer);
    ipc__timer_clear(&side->core.timers, &peer->silence);
    if (peer->control >= 0) {
        close(peer->control); /* epoll forgets it as well */
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
    ipc_err err = ipc__core_fork(peer->session, &heir->zmq, numbers, &heir->session);
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

/* One packet. False: there is none, or the peer has ended. */
static bool control_packet(ipc__peer *peer)
{
    unsigned char *packet = peer->side->packet;
    int fd;
    ssize_t length = ipc__control_receive(peer->control, packet, sizeof peer->side->packet, &fd);
    if (length < 0 && errno == EAGAIN) {
        return false;
    }
    if (length <= 0) {
        ipc__peer_end(peer, IPC__END_CRASH);
        return false;
    }
    ipc_cursor at;
    uint32_t fields;
    int kind = ipc__control_open(&at, packet, (size_t)length, &fields);
    if (kind == IPC__HELLO && !peer->session && fields == 3 && fd < 0) {
        control_hello(peer, &at);
    } else if (kind == IPC__FORK && peer->session && fields == 1 && fd >= 0) {
        control_fork(peer, at, fd);
    } else {
        if (fd >= 0) {
            close(fd);
        }
        ipc__peer_reject(peer);
    }
    return !peer->ended;
}

void ipc__peer_control(ipc__peer *peer)
{
    while (!peer->ended && control_packet(peer)) {
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
    if (!peer || !ipc__zmq_peer_bind(&peer->zmq, id)) {
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
