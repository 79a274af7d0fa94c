/*
 * What the handles of containers have in common: methods, with packed arguments and results.
 * Touches the handle under its connection's lock.
 */
#ifndef IPC__HANDLE_INVOKE_H
#define IPC__HANDLE_INVOKE_H

#include "handle/object.h"

#include <ipc/method.h>

/* Arguments while they are packed: a sequence of so many. */
typedef struct ipc__arguments {
    ipc__buf buf;
    msgpack_packer packer;
    ipc_err err; /* the first thing that was wrong with them */
} ipc__arguments;

void ipc__arguments_begin(ipc__arguments *arguments, unsigned count);
void ipc__arguments_text(ipc__arguments *arguments, const char *text);
void ipc__arguments_int(ipc__arguments *arguments, int64_t number);
void ipc__arguments_float(ipc__arguments *arguments, double number);
void ipc__arguments_bool(ipc__arguments *arguments, bool truth);
/* IPC_OMITTED is null. */
void ipc__arguments_bound(ipc__arguments *arguments, int64_t number);
void ipc__arguments_msg(ipc__arguments *arguments, const ipc_msg *msg);
/* [msg], or [] for NULL. */
void ipc__arguments_maybe(ipc__arguments *arguments, const ipc_msg *msg);

/* Invoke with what was packed, and give that up. result may be NULL. */
ipc_err ipc__invoke_with(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, ipc_msg **result);
ipc_err ipc__invoke_for_uint(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, uint64_t *number);
ipc_err ipc__invoke_for_int(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, int64_t *number);
/* A sum, which is a float where one was added to: then its whole part. number may be NULL. */
ipc_err ipc__invoke_for_sum(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, int64_t *number);
ipc_err ipc__invoke_for_float(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, double *number);
ipc_err ipc__invoke_for_bool(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, bool *truth);

/* Invoke with arguments that are one packed sequence; or with those of a message, NULL for none. */
ipc_err ipc__invoke_packed(ipc__handle *handle, ipc_method method, const void *packed, size_t length, ipc_msg **result);
ipc_err ipc__invoke_msg(ipc__handle *handle, ipc_method method, const ipc_msg *arguments, ipc_msg **result);

/* Attach to what a ticket or a reference is for, of one of two types. */
ipc_err ipc__attach_either(void **out, ipc_conn *conn, const ipc_msg *ticket, size_t size, const char *type,
                           const char *other);

#endif
