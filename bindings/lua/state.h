/*
 * What the binding keeps for each Lua state: the metatables it knows values and handles by, and a buffer to pack into.
 * Touches the registry of its own Lua state alone.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_STATE_H
#define IPC__LUA_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <msgpack/sbuffer.h>
#include <stdbool.h>

/** What a metatable of ours marks. */
typedef enum ipc__lua_kind {
    IPC__LUA_BIN,       /* userdata: bytes */
    IPC__LUA_EXT,       /* userdata: an extension that Lua has no form for */
    IPC__LUA_TIMESTAMP, /* table {sec, nsec} */
    IPC__LUA_ARRAY,     /* table: a sequence, even if empty */
    IPC__LUA_MAP,       /* table: a map, even if empty or keyed 1 to n */
    IPC__LUA_ITEM,      /* userdata: a taken item */
    IPC__LUA_CONN,      /* userdata: handles, from here on */
    IPC__LUA_QUEUE,
    IPC__LUA_JOINABLE,
    IPC__LUA_PIPE,
    IPC__LUA_HUB,
    IPC__LUA_LOCK,
    IPC__LUA_SEMAPHORE,
    IPC__LUA_EVENT,
    IPC__LUA_CONDITION,
    IPC__LUA_BARRIER,
    IPC__LUA_DICT,
    IPC__LUA_NAMESPACE,
    IPC__LUA_LIST,
    IPC__LUA_NUMBERS, /* an Array; IPC__LUA_ARRAY marks tables */
    IPC__LUA_NUMBER,  /* a Value */
    IPC__LUA_KINDS,
    IPC__LUA_NONE = IPC__LUA_KINDS /* no metatable, or a stranger's */
} ipc__lua_kind;

typedef struct ipc__lua {
    const void *metatables[IPC__LUA_KINDS]; /* lua_topointer(); the registry keeps them alive */
    msgpack_sbuffer out;                    /* see ipc__lua_enter() for who has it when */
    bool closing;                           /* the Lua state is being closed: keep no memory */
    bool interrupted;                       /* a hook raised during a wait: its error is in the registry */
} ipc__lua;

/** The inside of a handle's userdata. It knows its Lua state's ipc__lua, which saves methods the way to the registry. */
typedef struct ipc__lua_handle {
    const void *tag; /* marks our userdata among others of this size */
    ipc__lua *own;
    void *object; /* NULL: none yet, or given up */
    ipc__lua_kind kind;
    unsigned losses; /* of its hub, as calls through it were told */
} ipc__lua_handle;

/** Make this Lua state's ipc__lua, once. */
void ipc__lua_open(lua_State *L);

/** This Lua state's ipc__lua. */
ipc__lua *ipc__lua_get(lua_State *L);

/** Push a handle without an object or a class. */
ipc__lua_handle *ipc__lua_push_handle(lua_State *L);

/** The handle at an index, or NULL if it is none. */
ipc__lua_handle *ipc__lua_to_handle(lua_State *L, int index);

/** Push the metatable of a kind, made with its name if there is none yet. */
void ipc__lua_make_metatable(lua_State *L, ipc__lua_kind kind, const char *name);

/** Push the metatable of a kind. */
void ipc__lua_push_metatable(lua_State *L, ipc__lua_kind kind);

/** What the value's metatable marks. A table may have been given any metatable: look at lua_type(), too. */
ipc__lua_kind ipc__lua_kind_of(lua_State *L, const ipc__lua *own, int index);

/** Take the error on top of the stack, which interrupts the call that waits. Allocates nothing. */
void ipc__lua_keep_interruption(lua_State *L);

/** Raise it. */
int ipc__lua_raise_interruption(lua_State *L);

/** Give a buffer back: kept for the next value, unless it is large or there is one already. */
void ipc__lua_keep_buffer(ipc__lua *own, msgpack_sbuffer *buffer);

#endif
