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
    IPC__ELEMENTS = 1 << 24, /* by default */
};

/* Exactly one well-formed value? IPC_OK; IPC_EBADMSG, IPC_EDEPTH, IPC_EELEMENTS with reason and offset as the text. */
ipc_err ipc__scan(const unsigned char *bytes, size_t length);

/* The same within limits other than the process's. */
ipc_err ipc__scan_within(const unsigned char *bytes, size_t length, ipc_value_limits limits);

/*
 * How many bytes from the start are whole UTF-8 characters: length, if all is well. Strict: nothing overlong, no
 * surrogates, nothing above U+10FFFF.
 */
size_t ipc__utf8_span(const unsigned char *bytes, size_t length);

#endif
