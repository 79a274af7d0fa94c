/*
 * Forks: the hub is told before, so that the child is born as a session of its own.
 * Touches every connection of the process; all locks are held across the fork.
 */
#include "client/handle.h"
#include "hub/hub.h"
#include "lane/shm_session.h"
#include "lane/zmq_context.h"
#include "util/error.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WELCOME_MS = 1000 };

/* Zero in a forked child, however it was forked. */
static volatile unsigned char *marker;

/* ---- before ---- */

/* FORK with the numbers of the handles that the child will know. */
static bool send_fork(ipc_conn *conn, int socket)
{
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    uint32_t count = 0;
    for (uint32_t id = 0; id < conn->slot_count; id++) {
        count += conn->slots[id].handle != NULL;
    }
    msgpack_pack_array(&packer, 2);
    msgpack_pack_int(&packer, IPC__FORK);
    msgpack_pack_array(&packer, count);
    for (uint32_t id = 0; id < conn->slot_count; id++) {
        if (conn->slots[id].handle) {
            msgpack_pack_uint32(&packer, id);
        }
    }
    /* A child that is just taking its session up has it as its own already. */
    bool heir = conn->state == IPC__CONN_FORKED && conn->heir_control >= 0;
    int lifeline = heir ? conn->heir_control : conn->control;
    bool sent = !packet.failed && ipc__control_send(lifeline, &packet, socket);
    ipc__buf_free(&packet);
    return sent;
}

/* The hub's answer: after it, nothing that the parent does can come before the child's session. */
static bool receive_welcome(int socket, ipc__welcome *welcome)
{
    struct pollfd one = {.fd = socket, .events = POLLIN};
    int ready;
    do {
        ready = poll(&one, 1, WELCOME_MS);
    } while (ready < 0 && errno == EINTR);
    char packet[IPC__PACKET_MAX];
    int fd;
    ssize_t length = ready > 0 ? ipc__control_receive(socket, packet, sizeof packet, &fd) : -1;
    if (length <= 0) {
        return false;
    }
    if (fd >= 0) {
        close(fd);
    }
    ipc_cursor at;
    uint32_t fields;
    return ipc__control_open(&at, packet, (size_t)length, &fields) == IPC__WELCOME && ipc__welcome_read(welcome, &at);
}

static void make_heir(ipc_conn *conn)
{
    int pair[2];
    conn->child_control = -1;
    ipc__conn_flush(conn);
    /* A hub inside the parent cannot be reached from the child. */
    bool live = conn->state == IPC__CONN_LIVE && !conn->connecting && !conn->closing && conn->control >= 0 &&
                conn->address.scheme != IPC__SCHEME_INPROC;
    if ((!live && conn->state != IPC__CONN_FORKED) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return;
    }
    bool sent = send_fork(conn, pair[1]);
    close(pair[1]); /* before the fork: nobody but the hub may keep this end */
    if (sent && receive_welcome(pair[0], &conn->child_welcome)) {
        conn->child_control = pair[0];
        return;
    }
    close(pair[0]);
    ipc__log(IPC_LOG_WARN, "the hub at %s did not answer a fork: the child must connect anew", conn->address.text);
}

static void before_fork(void)
{
    ipc__conns_lock();
    for (ipc_conn *conn = ipc__conns_first(); conn; conn = conn->next) {
        pthread_mutex_lock(&conn->lock);
        make_heir(conn);
    }
    ipc__hub_before_fork();
    ipc__zmq_context_before_fork();
    ipc__shm_session_before_fork();
    ipc__log_before_fork(); /* the innermost of all locks */
}

/* ---- after ---- */

static void after_in_parent(void)
{
    ipc__log_after_fork();
    ipc__shm_session_after_fork(false);
    ipc__zmq_context_after_fork(false);
    ipc__hub_after_fork(false);
    for (ipc_conn *conn = ipc__conns_first(); conn; conn = conn->next) {
        if (conn->child_control >= 0) {
            close(conn->child_control); /* a fork that failed ends the session with it */
            conn->child_control = -1;
        }
        pthread_mutex_unlock(&conn->lock);
    }
    ipc__conns_unlock();
}

static void forget_parent(void)
{
    if (marker) {
        *marker = 1;
    }
    ipc__conns_reinit();
    for (ipc_conn *conn = ipc__conns_first(); conn; conn = conn->next) {
        ipc__conn_forked(conn);
    }
}

static void after_in_child(void)
{
    ipc__log_after_fork();
    ipc__shm_session_after_fork(true);
    ipc__zmq_context_after_fork(true);
    ipc__hub_after_fork(true);
    forget_parent();
}

void ipc__fork_init(void)
{
    void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED && madvise(page, (size_t)sysconf(_SC_PAGESIZE), MADV_WIPEONFORK) == 0) {
        marker = page;
        *marker = 1;
    }
    pthread_atfork(before_fork, after_in_parent, after_in_child);
}

void ipc__fork_check(void)
{
    if (marker && *marker == 0) {
        /* A fork past the handlers (a bare clone): the hub was not told, so nothing is inherited. */
        for (ipc_conn *conn = ipc__conns_first(); conn; conn = conn->next) {
            conn->child_control = -1;
        }
        ipc__zmq_context_before_fork();
        ipc__zmq_context_after_fork(true);
        forget_parent();
    }
}
