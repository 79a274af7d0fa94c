/*
 * Where in a value something is wrong, in words.
 * Touches the Lua state alone.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "convert.h"

#include <ctype.h>

/* Keys are shown so far: they may be long. */
enum { KEY_SHOWN_MAX = 40 };

static bool is_name(const char *text, size_t length)
{
    if (length == 0 || length > KEY_SHOWN_MAX || isdigit((unsigned char)text[0])) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '_') {
            return false;
        }
    }
    return true;
}

/* Push one key as a program would write it: .name, [1], ["two words"], [true]; a type's name for the rest. */
static void push_key(lua_State *L, const ipc__lua_place *place)
{
    if (place->key == 0) {
        lua_pushfstring(L, "[%I]", (LUAI_UACINT)place->index);
        return;
    }
    size_t length;
    const char *text;
    switch (lua_type(L, place->key)) {
    case LUA_TSTRING:
        text = lua_tolstring(L, place->key, &length);
        if (is_name(text, length)) {
            lua_pushfstring(L, ".%s", text);
            return;
        }
        lua_pushlstring(L, text, length < KEY_SHOWN_MAX ? length : KEY_SHOWN_MAX);
        lua_pushfstring(L, "[\"%s%s\"]", lua_tostring(L, -1), length > KEY_SHOWN_MAX ? "..." : "");
        lua_remove(L, -2);
        return;
    case LUA_TNUMBER:
        lua_pushvalue(L, place->key); /* a copy: lua_tostring() changes what it looks at */
        lua_pushfstring(L, "[%s]", lua_tostring(L, -1));
        lua_remove(L, -2);
        return;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, place->key) ? "[true]" : "[false]");
        return;
    default:
        lua_pushfstring(L, "[%s]", luaL_typename(L, place->key));
        return;
    }
}

void ipc__lua_push_place(lua_State *L, const ipc__lua_place *place)
{
    if (!place) {
        lua_pushliteral(L, "");
        return;
    }
    int depth = 0;
    for (const ipc__lua_place *each = place; each; each = each->outer) {
        depth++;
    }
    luaL_checkstack(L, depth + 4, NULL);
    int top = lua_gettop(L);
    lua_pushliteral(L, "at ");
    for (; place; place = place->outer) {
        push_key(L, place);
        lua_insert(L, top + 2); /* the outer ones come before */
    }
    lua_pushliteral(L, ": ");
    lua_concat(L, lua_gettop(L) - top);
}
