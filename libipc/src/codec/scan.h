/*
 * The pre-scan of untrusted bytes.
 * Touches nothing but the bytes: no recursion, no allocation. Any thread.
 */
#ifndef IPC__SCAN_H
#define IPC__SCAN_H

#include <ipc/msg.h>
#include <stddef.h>

enum {
    IPC__DEPTH = 32,         /* by default */
    IPC__DEPTH_MAX = 128,    /* what may be asked for: bindings recurse */
    IPC__DEPTH_EXTRA = 4,    /* levels around a value that an operation has */
    IPC__ELEMENTS = 1 << 24, /* by default */
};

/* Exactly one well-formed value? IPC_OK; IPC_EBADMSG, IPC_EDEPTH, IPC_EELEMENTS with reason and offset as the text. */
ipc_err ipc__scan(const unsigned char *bytes, size_t length);

/* The same within limits other than the process's. */
ipc_err ipc__scan_within(const unsigned char *bytes, size_t length, ipc_value_limits limits);

/*
 * What a hub is sent to keep: a value in so many levels of the operation's own, as deep as any program may have it. *handles: how
 * many references are in it.
 */
ipc_err ipc__scan_stored(const unsigned char *bytes, size_t length, unsigned levels, uint64_t *handles);

/*
 * How many bytes from the start are whole UTF-8 characters: length, if all is well. Strict: nothing overlong, no
 * surrogates, nothing above U+10FFFF.
 */
size_t ipc__utf8_span(const unsigned char *bytes, size_t length);

#endif
