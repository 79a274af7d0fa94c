/*
 * The pre-scan of untrusted bytes.
 * Touches nothing but the bytes: no recursion, no allocation. Any thread.
 */
#ifndef IPC__SCAN_H
#define IPC__SCAN_H

#include <ipc/error.h>
#include <stddef.h>

enum {
    IPC__MAX_DEPTH = 32,
    IPC__MAX_NODES = 1 << 24,
};

/* Exactly one well-formed value? IPC_OK or IPC_EBADMSG with reason and offset in the error text. */
ipc_err ipc__scan(const unsigned char *bytes, size_t length);

/*
 * How many bytes from the start are whole UTF-8 characters: length, if all is well. Strict: nothing overlong, no
 * surrogates, nothing above U+10FFFF.
 */
size_t ipc__utf8_span(const unsigned char *bytes, size_t length);

#endif
