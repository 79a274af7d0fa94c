/*
 * Values as the tables in this folder write them (README.md), to packed bytes and back; bytes as hex digits.
 * Touches memory and the tables' files. What is wrong in a table ends the program, with words. One thread.
 */
#ifndef NOTATION_H
#define NOTATION_H

#include <ipc/ipc.h>
#include <jansson.h>
#include <stdnoreturn.h>

/* Bytes on the heap: free(bytes). */
typedef struct blob {
    unsigned char *bytes;
    size_t length;
} blob;

/* A table or a program's input is wrong: say so, and end. */
noreturn void broken(const char *what, const json_t *where);

/* A table of this folder; the caller owns it. */
json_t *load_table(const char *name);

/* A member that must be there. Borrowed. */
json_t *member(const json_t *object, const char *key);
const char *text_member(const json_t *object, const char *key);

/* Hex digits; or an array of parts, a part being digits or [digits, times]. */
blob hex_blob(const json_t *parts);

/* Hex digits of bytes; the caller owns them. */
json_t *hex_text(const void *bytes, size_t length);

/*
 * A value in full: a number is {"int": …}, an array {"array": …}, and what is repeated is there so often. The caller
 * owns it.
 */
json_t *notation_expand(const json_t *notation);

/* The packed bytes of a value, by the library's own writers as far as they go; the caller owns them. */
ipc_msg *notation_pack(const json_t *notation);

/* The same; what the library says of it. */
ipc_err notation_try_pack(ipc_msg **out, const json_t *notation);

/* How the next value at the cursor is written; the caller owns it. NULL: none is there. */
json_t *notation_next(ipc_cursor *cursor);

/* How a message is written; the caller owns it. */
json_t *notation_of(const ipc_msg *msg);

/*
 * Whether they are written alike. The order of a map's pairs is nobody's business; {"any": kind} in the first one stands
 * for every value of a kind.
 */
bool notation_same(const json_t *one, const json_t *other);

#endif
