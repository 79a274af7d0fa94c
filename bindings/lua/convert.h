/*
 * Between Lua values and packed bytes, in one pass each way.
 * Touches the Lua state, the state's buffer, and the library's cursor.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_CONVERT_H
#define IPC__LUA_CONVERT_H

#include "state.h"

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/msg.h>

/**
 * Where in a value the converter is: a chain of keys up to the outermost table, walked only for an error's text.
 * NULL stands for the value itself.
 */
typedef struct ipc__lua_place {
    const struct ipc__lua_place *outer;
    int key;           /* stack index of the key; 0: index counts */
    lua_Integer index; /* of the element in a sequence */
} ipc__lua_place;

/** Push "at [1].name: " for a place; nothing ("") for the value itself. */
void ipc__lua_push_place(lua_State *L, const ipc__lua_place *place);

/**
 * Pack the value at an index of the stack into own->out, whatever was in there.
 * Raises an error about argument *index* for what cannot be packed. Runs no Lua code, allocates nothing of Lua's.
 */
void ipc__lua_encode(lua_State *L, ipc__lua *own, int index);

/**
 * Pack the elements of the sequence at an index, each as a value of its own, behind one another into own->out.
 * Raises as ipc__lua_encode() does, and for a table that is no sequence. *packed*: as many as lua_rawlen() says.
 */
void ipc__lua_encode_list(lua_State *L, ipc__lua *own, int index, ipc_packed *packed);

/** How an argument of a container's method is packed. */
typedef enum ipc__lua_form {
    IPC__LUA_FORM_VALUE,
    IPC__LUA_FORM_MAYBE,    /* a value in a sequence of one; of none for ipc.absent */
    IPC__LUA_FORM_SEQUENCE, /* a table that is one; raises for any other */
    IPC__LUA_FORM_MAP       /* a table as a map, even if its keys are 1 to n; raises for what cannot be one */
} ipc__lua_form;

/** Begin to pack arguments into own->out, which will be one sequence. */
void ipc__lua_arguments(lua_State *L, ipc__lua *own);

/**
 * Pack the value at an index as the next argument, of fifteen at most; handles in it become references. Raises as
 * ipc__lua_encode() does. May ask the hub: an error is what it said to that.
 */
ipc_err ipc__lua_argument(lua_State *L, ipc__lua *own, int index, ipc__lua_form form);

/** Replace the value at an index by its packed bytes, as a string. Raises as ipc__lua_encode() does. */
void ipc__lua_pack_in_place(lua_State *L, int index);

/** Push the value of packed bytes: 1, or 3 (nil, code, detail) where Lua cannot hold it or it is none. */
int ipc__lua_decode(lua_State *L, const void *bytes, size_t length);

/** Push the value of a message as ipc__lua_decode() does, and free the message, whatever happens. */
int ipc__lua_decode_msg(lua_State *L, ipc_msg *msg);

/** The same, where references in the value become handles on a connection; those to what is gone stay opaque. */
int ipc__lua_decode_on(lua_State *L, ipc_msg *msg, ipc_conn *conn);

#endif
