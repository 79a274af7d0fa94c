/*
 * From packed bytes to Lua values.
 * Touches the Lua state and the library's cursor.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "call.h"
#include "convert.h"
#include "reference.h"
#include "values.h"

#include <math.h>
#include <string.h>

/* A message up to this size is copied to the C stack and freed at once: then nothing can leak, at no cost. */
enum { SMALL_MESSAGE = 512 };

/* Slots of the Lua stack that one level needs: the table, a key, a value, and two to make one. */
enum { LEVEL_SLOTS = 5 };

typedef struct decoder {
    lua_State *L;
    ipc_cursor cursor;
    ipc_conn *conn; /* handles in the value are on it; NULL: they stay opaque */
    ipc_err err;    /* what went wrong outside of the value */
} decoder;

/* Each pushes one value and returns true, or pushes why Lua cannot hold it and returns false. */
static bool decode_value(decoder *d, const ipc__lua_place *place);

static bool unfit(decoder *d, const ipc__lua_place *place, const char *what)
{
    ipc__lua_push_place(d->L, place);
    lua_pushstring(d->L, what);
    lua_concat(d->L, 2);
    return false;
}

static bool decode_uint(decoder *d, uint64_t number, const ipc__lua_place *place)
{
    char text[96];
    snprintf(text, sizeof text, "the integer %llu is larger than Lua can hold (2^63-1)", (unsigned long long)number);
    return unfit(d, place, text);
}

static uint64_t big_endian(const char *bytes, size_t length)
{
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        number = number << 8 | (unsigned char)bytes[i];
    }
    return number;
}

/* A handle, or, where that cannot be had any more, what stood for it. packed is the whole value. */
static bool decode_reference(decoder *d, const ipc_value *value, const char *packed)
{
    ipc_err err = ipc__lua_follow(d->L, d->conn, packed, (size_t)((const char *)d->cursor.at - packed));
    if (err == IPC_ENOENT || err == IPC_ETYPE || err == IPC_EBADMSG) {
        lua_pushlstring(d->L, value->as.bytes.data, value->as.bytes.length);
        ipc__lua_to_ext(d->L, value->as.bytes.ext);
        return true;
    }
    d->err = err;
    return err == IPC_OK;
}

/* A moment in one of msgpack's three forms; anything else stays opaque. */
static void decode_ext(decoder *d, const ipc_value *value)
{
    const char *data = value->as.bytes.data;
    size_t length = value->as.bytes.length;
    if (value->as.bytes.ext == IPC_EXT_TIMESTAMP && (length == 4 || length == 8 || length == 12)) {
        uint64_t head = big_endian(data, length == 8 ? 8 : 4);
        uint64_t nsec = length == 4 ? 0 : length == 8 ? head >> 34 : head;
        uint64_t sec = length == 4 ? head : length == 8 ? head & ((UINT64_C(1) << 34) - 1) : big_endian(data + 4, 8);
        if (nsec <= 999999999) {
            ipc__lua_push_timestamp(d->L, (int64_t)sec, (uint32_t)nsec);
            return;
        }
    }
    lua_pushlstring(d->L, data, length);
    ipc__lua_to_ext(d->L, value->as.bytes.ext);
}

static void mark(lua_State *L, ipc__lua_kind kind)
{
    ipc__lua_push_metatable(L, kind);
    lua_setmetatable(L, -2);
}

static bool decode_array(decoder *d, uint32_t count, const ipc__lua_place *outer)
{
    luaL_checkstack(d->L, LEVEL_SLOTS, NULL);
    lua_createtable(d->L, (int)count, 0);
    if (count == 0) {
        mark(d->L, IPC__LUA_ARRAY);
    }
    ipc__lua_place place = {.outer = outer};
    for (place.index = 1; place.index <= count; place.index++) {
        if (!decode_value(d, &place)) {
            return false;
        }
        lua_rawseti(d->L, -2, place.index);
    }
    return true;
}

/* What the check lets pass as a key is a scalar; of those, NaN is no key in Lua. */
static bool decode_key(decoder *d, const ipc__lua_place *outer)
{
    if (!decode_value(d, outer)) {
        return false;
    }
    if (lua_type(d->L, -1) == LUA_TNUMBER && isnan(lua_tonumber(d->L, -1))) {
        return unfit(d, outer, "a map has NaN for a key, which Lua cannot hold");
    }
    return true;
}

static bool decode_map(decoder *d, uint32_t count, const ipc__lua_place *outer)
{
    lua_State *L = d->L;
    luaL_checkstack(L, LEVEL_SLOTS, NULL);
    lua_createtable(L, 0, (int)count);
    bool like_sequence = true;
    ipc__lua_place place = {.outer = outer, .key = lua_gettop(L) + 1};
    for (uint32_t i = 0; i < count; i++) {
        if (!decode_key(d, outer)) {
            return false;
        }
        like_sequence = like_sequence && lua_type(L, -1) == LUA_TNUMBER;
        if (!decode_value(d, &place)) {
            return false;
        }
        lua_rawset(L, -3);
    }
    if (like_sequence) {
        mark(L, IPC__LUA_MAP);
    }
    return true;
}

static bool decode_value(decoder *d, const ipc__lua_place *place)
{
    lua_State *L = d->L;
    ipc_value value;
    const char *packed = (const char *)d->cursor.at;
    ipc_err err = ipc_cursor_next(&d->cursor, &value);
    if (err != IPC_OK) {
        return unfit(d, place, ipc_strerror(err));
    }
    switch (value.kind) {
    case IPC_KIND_NULL:
        ipc__lua_push_null(L);
        return true;
    case IPC_KIND_BOOL:
        lua_pushboolean(L, value.as.boolean);
        return true;
    case IPC_KIND_INT:
        lua_pushinteger(L, value.as.i);
        return true;
    case IPC_KIND_UINT:
        return decode_uint(d, value.as.u, place);
    case IPC_KIND_FLOAT:
        lua_pushnumber(L, value.as.f);
        return true;
    case IPC_KIND_STR:
        lua_pushlstring(L, value.as.bytes.data, value.as.bytes.length);
        return true;
    case IPC_KIND_BIN:
        lua_pushlstring(L, value.as.bytes.data, value.as.bytes.length);
        ipc__lua_to_bin(L);
        return true;
    case IPC_KIND_ARRAY:
        return decode_array(d, value.as.count, place);
    case IPC_KIND_MAP:
        return decode_map(d, value.as.count, place);
    case IPC_KIND_EXT:
        if (d->conn && value.as.bytes.ext == IPC_EXT_HANDLE) {
            return decode_reference(d, &value, packed);
        }
        decode_ext(d, &value);
        return true;
    }
    return unfit(d, place, "a kind of value that this binding does not know");
}

static int decode(lua_State *L, const void *bytes, size_t length, ipc_conn *conn)
{
    ipc_err err = ipc_msg_check(bytes, length);
    if (err != IPC_OK) {
        return ipc__lua_fail(L, err);
    }
    decoder d = {.L = L, .conn = conn};
    ipc_cursor_init(&d.cursor, bytes, length);
    if (decode_value(&d, NULL)) {
        return 1;
    }
    if (d.err) {
        return ipc__lua_fail(L, d.err);
    }
    lua_pushnil(L);
    lua_pushliteral(L, "format");
    lua_rotate(L, -3, 2);
    return 3;
}

int ipc__lua_decode(lua_State *L, const void *bytes, size_t length)
{
    return decode(L, bytes, length, NULL);
}

/* For lua_pcall: (message, connection) -> what decode() gives. */
static int decode_protected(lua_State *L)
{
    const ipc_msg *msg = lua_touserdata(L, 1);
    size_t length;
    const void *bytes = ipc_msg_bytes(msg, &length);
    return decode(L, bytes, length, lua_touserdata(L, 2));
}

int ipc__lua_decode_on(lua_State *L, ipc_msg *msg, ipc_conn *conn)
{
    size_t length;
    const void *bytes = ipc_msg_bytes(msg, &length);
    if (length <= SMALL_MESSAGE) {
        char copy[SMALL_MESSAGE];
        memcpy(copy, bytes, length);
        ipc_msg_free(msg);
        return decode(L, copy, length, conn);
    }
    int top = lua_gettop(L);
    lua_pushcfunction(L, decode_protected);
    lua_pushlightuserdata(L, msg);
    lua_pushlightuserdata(L, conn);
    int status = lua_pcall(L, 2, LUA_MULTRET, 0);
    ipc_msg_free(msg);
    return status == LUA_OK ? lua_gettop(L) - top : lua_error(L);
}

int ipc__lua_decode_msg(lua_State *L, ipc_msg *msg)
{
    return ipc__lua_decode_on(L, msg, NULL);
}
