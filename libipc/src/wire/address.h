/*
 * Addresses: what users write, and the files and endpoints that it means.
 * Touches the environment and the run directory. Any thread.
 */
#ifndef IPC__ADDRESS_H
#define IPC__ADDRESS_H

#include <ipc/error.h>
#include <stdbool.h>
#include <sys/un.h>

enum { IPC__PATH_MAX = sizeof((struct sockaddr_un *)0)->sun_path };

typedef enum ipc__scheme {
    IPC__SCHEME_NAME,   /* a hub of the run directory, started when needed */
    IPC__SCHEME_IPC,    /* ipc:// */
    IPC__SCHEME_TCP,    /* tcp:// */
    IPC__SCHEME_INPROC, /* inproc:// */
} ipc__scheme;

typedef struct ipc__address {
    ipc__scheme scheme;
    char text[IPC__PATH_MAX + 16];     /* as others write it */
    char endpoint[IPC__PATH_MAX + 16]; /* as ZeroMQ takes it */
    char control[IPC__PATH_MAX];       /* the control socket's path; "" without one */
    char lock[IPC__PATH_MAX];          /* the lock file's path; "" without one */
} ipc__address;

/*
 * Parse an address; a bare name makes the run directory. IPC_EADDRESS; IPC_EPERM the run directory is not ours, or the
 * TCP address is not loopback; IPC_ESYS.
 */
ipc_err ipc__address_parse(ipc__address *address, const char *text);

#endif
