/*
 * The control socket: packets of one msgpack array each, with descriptors beside.
 * Touches the sockets that it is given. Any thread; one at a time a socket.
 */
#ifndef IPC__CONTROL_H
#define IPC__CONTROL_H

#include "util/buf.h"
#include "wire/address.h"
#include "wire/op.h"
#include "wire/read.h"

enum { IPC__CONTROL_SMALL = 64, IPC__PACKET_MAX = 4096, IPC__FORK_PACKET_MAX = 3 * IPC__HANDLES_MAX };

/* What a hub tells a session that it accepts. */
typedef struct ipc__welcome {
    uint64_t version;
    uint64_t epoch;
    uint64_t session;
    unsigned char token[IPC__TOKEN_SIZE];
    uint64_t now_us;
    uint64_t window;
    uint64_t max_message;
    uint64_t validity_us;
    uint64_t silence_us; /* a remote session that is silent for so long is gone */
    char endpoint[IPC__PATH_MAX + 16];
} ipc__welcome;

/* The fields of WELCOME, and of the answer to HELLO over TCP. */
enum { IPC__WELCOME_FIELDS = 10 };
void ipc__welcome_pack(const ipc__welcome *welcome, msgpack_packer *packer);
bool ipc__welcome_read(ipc__welcome *welcome, ipc_cursor *cursor);

enum { IPC__CONTROL_FDS = 2 }; /* descriptors beside one packet */

/* Send a packet, with a descriptor or -1. False with errno. Never SIGPIPE, never blocking. */
bool ipc__control_send(int socket, const ipc__buf *packet, int fd);

/* The same with so many descriptors. */
bool ipc__control_send_fds(int socket, const ipc__buf *packet, const int *fds, unsigned count);

/*
 * Receive a packet into a buffer of that size, and a descriptor that came with it (-1: none; close-on-exec). Its
 * length; 0 at the socket's end; -1 with errno.
 */
ssize_t ipc__control_receive(int socket, void *buffer, size_t size, int *fd);

/* The same with up to IPC__CONTROL_FDS descriptors. */
ssize_t ipc__control_receive_fds(int socket, void *buffer, size_t size, int *fds);

/* Read a packet's kind; the cursor is then at its first field. -1: not a packet. */
int ipc__control_open(ipc_cursor *cursor, const void *packet, size_t length, uint32_t *fields);

/* Connect to a control socket. The descriptor, or -1 with errno. */
int ipc__control_connect(const char *path);

/* Listen on a path, replacing what lies there: the caller holds the lock. The descriptor, or -1 with errno. */
int ipc__control_listen(const char *path);

#endif
