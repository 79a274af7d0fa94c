/*
 * Methods of containers: arguments in the forms that Lua has for them, one call, and the result.
 * Touches the Lua state, and the container.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "container.h"

#include "call.h"
#include "convert.h"
#include "handle.h"
#include "reference.h"

#include <ipc/ipc.h>
#include <string.h>

/* What a method gives in Lua. */
typedef enum outcome {
    VALUE,    /* what the hub says */
    DONE,     /* nothing: true */
    POSITION, /* an index, which counts from 1 here */
    PAIR      /* a sequence of two: two results */
} outcome;

/*
 * takes: each argument in the order in which Lua has them; those behind '?' may be left out, or nil.
 *   v value   m value, or ipc.absent   q sequence   p map   b flag, or false   n number, or 1   c count
 *   i index   k attribute's name       s t w start, stop and step of a slice
 *   0 what Lua does not say: the first index
 */
typedef struct method {
    const char *name;
    ipc_method number;
    const char *takes;
    outcome gives;
} method;

static const method dict_methods[] = {
    {"length", IPC_METHOD_LENGTH, "", VALUE},
    {"__len", IPC_METHOD_LENGTH, "", VALUE},
    {"get", IPC_METHOD_GET, "v?v", VALUE},
    {"set", IPC_METHOD_SET, "vv", DONE},
    {"delete", IPC_METHOD_DELETE, "v", DONE},
    {"has", IPC_METHOD_CONTAINS, "v", VALUE},
    {"clear", IPC_METHOD_CLEAR, "", DONE},
    {"pop", IPC_METHOD_POP, "v?v", VALUE},
    {"pop_item", IPC_METHOD_POP_ITEM, "", PAIR},
    {"incr", IPC_METHOD_INCREMENT, "v?nv", VALUE},
    {"compare_set", IPC_METHOD_COMPARE_SET, "vmm", VALUE},
    {"copy", IPC_METHOD_COPY, "", VALUE},
    {"keys", IPC_METHOD_KEYS, "", VALUE},
    {"values", IPC_METHOD_VALUES, "", VALUE},
    {"items", IPC_METHOD_ITEMS, "", VALUE},
    {"set_default", IPC_METHOD_SET_DEFAULT, "vv", VALUE},
    {"update", IPC_METHOD_UPDATE, "p", DONE},
    {"set_many", IPC_METHOD_UPDATE, "p", DONE},
    {"get_many", IPC_METHOD_GET_MANY, "q?v", VALUE},
    {NULL, 0, NULL, VALUE},
};

enum { NAMESPACE_GET, NAMESPACE_SET, NAMESPACE_DELETE };

static const method namespace_methods[] = {
    [NAMESPACE_GET] = {"__get", IPC_METHOD_GET, "k", VALUE},
    [NAMESPACE_SET] = {"__set", IPC_METHOD_SET, "kv", DONE},
    [NAMESPACE_DELETE] = {"__delete", IPC_METHOD_DELETE, "k", DONE},
};

static const method list_methods[] = {
    {"length", IPC_METHOD_LENGTH, "", VALUE},
    {"__len", IPC_METHOD_LENGTH, "", VALUE},
    {"get", IPC_METHOD_GET, "i", VALUE},
    {"set", IPC_METHOD_SET, "iv", DONE},
    {"__newindex", IPC_METHOD_SET, "iv", DONE},
    {"append", IPC_METHOD_APPEND, "v", DONE},
    {"extend", IPC_METHOD_EXTEND, "q", DONE},
    {"insert", IPC_METHOD_INSERT, "iv", DONE},
    {"pop", IPC_METHOD_POP, "?i", VALUE},
    {"delete", IPC_METHOD_DELETE, "i", DONE},
    {"remove", IPC_METHOD_REMOVE, "v", DONE},
    {"index", IPC_METHOD_INDEX, "v?st", POSITION},
    {"count", IPC_METHOD_COUNT, "v", VALUE},
    {"has", IPC_METHOD_CONTAINS, "v", VALUE},
    {"slice", IPC_METHOD_GET_SLICE, "?stw", VALUE},
    {"set_slice", IPC_METHOD_SET_SLICE, "stq?w", DONE},
    {"delete_slice", IPC_METHOD_DELETE_SLICE, "s?tw", DONE},
    {"reverse", IPC_METHOD_REVERSE, "", DONE},
    {"sort", IPC_METHOD_SORT, "?b", DONE},
    {"times", IPC_METHOD_REPEAT, "c", DONE},
    {"clear", IPC_METHOD_CLEAR, "", DONE},
    {"values", IPC_METHOD_COPY, "", VALUE},
    {"copy", IPC_METHOD_COPY, "", VALUE},
    {"incr", IPC_METHOD_INCREMENT, "i?n", VALUE},
    {"compare_set", IPC_METHOD_COMPARE_SET, "imm", VALUE},
    {NULL, 0, NULL, VALUE},
};

static const method array_methods[] = {
    {"get", IPC_METHOD_GET, "i", VALUE},
    {"set", IPC_METHOD_SET, "iv", DONE},
    {"__newindex", IPC_METHOD_SET, "iv", DONE},
    {"slice", IPC_METHOD_GET_SLICE, "?stw", VALUE},
    {"set_slice", IPC_METHOD_SET_SLICE, "stq?w", DONE},
    {"values", IPC_METHOD_COPY, "", VALUE},
    {"copy", IPC_METHOD_COPY, "", VALUE},
    {"incr", IPC_METHOD_INCREMENT, "i?n", VALUE},
    {"compare_set", IPC_METHOD_COMPARE_SET, "imm", VALUE},
    {NULL, 0, NULL, VALUE},
};

static const method value_methods[] = {
    {"get", IPC_METHOD_GET, "0", VALUE},
    {"set", IPC_METHOD_SET, "0v", DONE},
    {"incr", IPC_METHOD_INCREMENT, "0?n", VALUE},
    {"compare_set", IPC_METHOD_COMPARE_SET, "0mm", VALUE},
    {NULL, 0, NULL, VALUE},
};

static const struct {
    const char *name;
    ipc__lua_kind kind;
    const method *methods;
} classes[] = {
    {"Dict", IPC__LUA_DICT, dict_methods},
    {"List", IPC__LUA_LIST, list_methods},
    {"Array", IPC__LUA_NUMBERS, array_methods},
    {"Value", IPC__LUA_NUMBERS, value_methods},
};

enum { CLASS_COUNT = sizeof classes / sizeof classes[0] };

/* ---- arguments that Lua counts otherwise ---- */

/* Replace the argument at an index by an integer. Makes nothing that the garbage collector would look at. */
static void put_integer(lua_State *L, int index, lua_Integer number)
{
    lua_pushinteger(L, number);
    lua_replace(L, index);
}

/* From 1, or backwards from -1; the hub counts from 0, and backwards alike. */
static void convert_index(lua_State *L, int index)
{
    lua_Integer at = luaL_checkinteger(L, index);
    luaL_argcheck(L, at != 0, index, "indexes count from 1, or from -1 at the end: there is no 0");
    put_integer(L, index, at > 0 ? at - 1 : at);
}

/* Where a slice begins, which is in it; none is the end that it comes from. */
static void convert_start(lua_State *L, int index, bool backward)
{
    if (lua_isnil(L, index)) {
        put_integer(L, index, backward ? LUA_MAXINTEGER : 0);
    } else {
        convert_index(L, index);
    }
}

/* Where it stops, which is in it here, and is not at the hub. What lies beyond the ends is an end there. */
static void convert_stop(lua_State *L, int index, bool backward)
{
    lua_Integer at = lua_isnil(L, index) ? (backward ? 1 : -1) : luaL_checkinteger(L, index);
    if (backward) {
        at = at >= 2 ? at - 2 : at >= 0 || at == LUA_MININTEGER ? LUA_MININTEGER : at - 1;
    } else {
        at = at >= 0 ? at : at == -1 ? LUA_MAXINTEGER : at + 1;
    }
    put_integer(L, index, at);
}

static void convert_step(lua_State *L, int index)
{
    lua_Integer step = luaL_optinteger(L, index, 1);
    if (step == 0 || step == LUA_MININTEGER) {
        luaL_error(L, "a step is not 0");
    }
    put_integer(L, index, step);
}

static void convert_number(lua_State *L, int index)
{
    if (lua_isnil(L, index)) {
        put_integer(L, index, 1);
    }
    luaL_checktype(L, index, LUA_TNUMBER);
}

/* Names that begin with an underscore are the handle's own. */
static void check_name(lua_State *L, int index)
{
    luaL_argcheck(L, lua_type(L, index) == LUA_TSTRING, index, "an attribute's name is a string");
    luaL_argcheck(L, lua_tostring(L, index)[0] != '_', index,
                  "names that begin with an underscore are the handle's own: ns:_get(), ns:_set() take any");
}

static void convert(lua_State *L, int index, char form, bool backward)
{
    switch (form) {
    case 'i':
        convert_index(L, index);
        return;
    case 's':
        convert_start(L, index, backward);
        return;
    case 't':
        convert_stop(L, index, backward);
        return;
    case 'w':
        convert_step(L, index);
        return;
    case 'n':
        convert_number(L, index);
        return;
    case 'c':
        put_integer(L, index, luaL_checkinteger(L, index));
        return;
    case 'b':
        lua_pushboolean(L, ipc__lua_check_flag(L, index));
        lua_replace(L, index);
        return;
    case 'k':
        check_name(L, index);
        return;
    default:
        return;
    }
}

/* ---- arguments ---- */

/* Whether a form stands for an argument of Lua's. */
static bool is_argument(char form)
{
    return form != '?' && form != '0';
}

/* How many arguments there are at most, or up to a form; the handle is the first. */
static int place_of(const char *takes, char form)
{
    int place = 1;
    for (; *takes; takes++) {
        place += is_argument(*takes);
        if (*takes == form) {
            break;
        }
    }
    return place;
}

/* nil behind '?' is no argument at all, where there is nothing that it stands for. */
static bool left_out(lua_State *L, int index, char form, bool optional)
{
    return optional && lua_isnil(L, index) && strchr("viq", form);
}

/* Bring Lua's arguments into the forms that the hub has. */
static void convert_all(lua_State *L, const char *takes)
{
    int given = lua_gettop(L);
    lua_settop(L, place_of(takes, '\0'));
    int step = strchr(takes, 'w') ? place_of(takes, 'w') : 0;
    bool backward = step && lua_tonumber(L, step) < 0;
    bool optional = false;
    int index = 1;
    for (const char *form = takes; *form; form++) {
        optional = optional || *form == '?';
        if (!is_argument(*form)) {
            continue;
        }
        index++;
        luaL_argcheck(L, optional || index <= given, index, "value expected");
        if (!left_out(L, index, *form, optional)) {
            convert(L, index, *form, backward);
        }
    }
}

static ipc_err pack_one(lua_State *L, ipc__lua *own, int index, char form)
{
    switch (form) {
    case 'm':
        return ipc__lua_argument(L, own, index, IPC__LUA_FORM_MAYBE);
    case 'q':
        return ipc__lua_argument(L, own, index, IPC__LUA_FORM_SEQUENCE);
    case 'p':
        return ipc__lua_argument(L, own, index, IPC__LUA_FORM_MAP);
    default:
        return ipc__lua_argument(L, own, index, IPC__LUA_FORM_VALUE);
    }
}

/* Pack them all into own->out. What a slice is replaced by comes after its step, at the hub. */
static ipc_err pack_all(lua_State *L, ipc__lua *own, const char *takes)
{
    bool replaces = strchr(takes, 'w') && strchr(takes, 'q');
    bool optional = false;
    ipc_err err = IPC_OK;
    int index = 1;
    ipc__lua_arguments(L, own);
    for (const char *form = takes; *form && !err; form++) {
        optional = optional || *form == '?';
        index += is_argument(*form);
        if (*form == '0') {
            lua_pushinteger(L, 0);
            err = ipc__lua_argument(L, own, lua_gettop(L), IPC__LUA_FORM_VALUE);
        } else if (replaces && *form == 'q') {
            err = pack_one(L, own, place_of(takes, 'w'), 'w');
            err = err ? err : pack_one(L, own, index, 'q');
        } else if (is_argument(*form) && !(replaces && *form == 'w') && !left_out(L, index, *form, optional)) {
            err = pack_one(L, own, index, *form);
        }
    }
    return err;
}

/* ---- calls ---- */

/* A container, whatever its type. */
typedef struct container {
    ipc__lua_kind kind;
    void *object;
} container;

static ipc_err invoke(const container *to, ipc_method number, const msgpack_sbuffer *packed, ipc_msg **result)
{
    switch (to->kind) {
    case IPC__LUA_DICT:
        return ipc_dict_invoke_packed(to->object, number, packed->data, packed->size, result);
    case IPC__LUA_LIST:
        return ipc_list_invoke_packed(to->object, number, packed->data, packed->size, result);
    default:
        return ipc_array_invoke_packed(to->object, number, packed->data, packed->size, result);
    }
}

static ipc_conn *conn_of(const container *of)
{
    switch (of->kind) {
    case IPC__LUA_DICT:
        return ipc_dict_conn(of->object);
    case IPC__LUA_LIST:
        return ipc_list_conn(of->object);
    default:
        return ipc_array_conn(of->object);
    }
}

/* Push what a method gives. */
static int give(lua_State *L, outcome gives, ipc_msg *result, ipc_conn *conn)
{
    if (gives == DONE) {
        ipc_msg_free(result);
        lua_pushboolean(L, 1);
        return 1;
    }
    int results = ipc__lua_decode_on(L, result, conn);
    if (results != 1) {
        return results;
    }
    if (gives == POSITION) {
        lua_pushinteger(L, lua_tointeger(L, -1) + 1);
    } else if (gives == PAIR) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        return 2;
    }
    return 1;
}

/* What the hub says of an index is said as the hub counts. */
static int fail(lua_State *L, ipc_err err, const char *takes)
{
    int results = ipc__lua_fail(L, err);
    const char *index = strchr(takes, 'i');
    if (err == IPC_EINDEX && index && lua_isinteger(L, place_of(takes, 'i'))) {
        lua_Integer at = lua_tointeger(L, place_of(takes, 'i'));
        lua_pushfstring(L, "there is nothing at %I", (LUAI_UACINT)(at >= 0 ? at + 1 : at));
        lua_replace(L, -2);
    }
    return results;
}

/* The results, or the three of a failure. */
static int run(lua_State *L, const method *m, ipc__lua_kind kind)
{
    container to = {.kind = kind, .object = ipc__lua_check_handle(L, 1, kind)};
    ipc__lua *own = ipc__lua_get(L);
    convert_all(L, m->takes);
    ipc_err err = pack_all(L, own, m->takes);
    if (err) {
        return ipc__lua_fail(L, err);
    }
    ipc_msg *result = NULL;
    ipc__lua_call call;
    ipc__lua_enter(&call, L);
    err = invoke(&to, m->number, &call.out, &result);
    ipc__lua_leave(&call);
    return err ? fail(L, err, m->takes) : give(L, m->gives, result, conn_of(&to));
}

/* As an operator of Lua's, which has no place for a failure: it is raised. What is not there reads as nil. */
static int run_operator(lua_State *L, const method *m, ipc__lua_kind kind)
{
    int results = run(L, m, kind);
    if (results != 3) {
        return m->gives == DONE ? 0 : results;
    }
    const char *code = lua_tostring(L, -2);
    if (m->number != IPC_METHOD_SET && (strcmp(code, "key") == 0 || strcmp(code, "index") == 0)) {
        lua_pushnil(L);
        return 1;
    }
    return luaL_error(L, "%s", lua_tostring(L, -1));
}

/* ---- what Lua sees ---- */

/* Upvalues: the method, and the kind of its class. */
static int call_method(lua_State *L)
{
    const method *m = lua_touserdata(L, lua_upvalueindex(1));
    ipc__lua_kind kind = (ipc__lua_kind)lua_tointeger(L, lua_upvalueindex(2));
    return m->name[0] == '_' ? run_operator(L, m, kind) : run(L, m, kind);
}

/* list[i], array[i]; or a method. Upvalues: the method that reads, the kind, the table of methods. */
static int index_integer(lua_State *L)
{
    lua_settop(L, 2);
    if (lua_isinteger(L, 2)) {
        return run_operator(L, lua_touserdata(L, lua_upvalueindex(1)),
                            (ipc__lua_kind)lua_tointeger(L, lua_upvalueindex(2)));
    }
    lua_rawget(L, lua_upvalueindex(3));
    return 1;
}

/* namespace.name; or one of the handle's own operations. Upvalue: the table of these. */
static int index_name(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
        return 1;
    }
    lua_settop(L, 2);
    return run_operator(L, &namespace_methods[NAMESPACE_GET], IPC__LUA_DICT);
}

/* namespace.name = value; nil deletes it. */
static int newindex_name(lua_State *L)
{
    bool deletes = lua_isnil(L, 3);
    lua_settop(L, deletes ? 2 : 3);
    return run_operator(L, &namespace_methods[deletes ? NAMESPACE_DELETE : NAMESPACE_SET], IPC__LUA_DICT);
}

/* by_integer(kind's table of methods) -> __index of a list or array. Upvalues as those of call_method(), of get. */
static int by_integer(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, index_integer, 3);
    return 1;
}

/* by_name(table of operations) -> __index of a namespace. */
static int by_name(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushcclosure(L, index_name, 1);
    return 1;
}

static void push_closure(lua_State *L, lua_CFunction function, const method *m, ipc__lua_kind kind)
{
    lua_pushlightuserdata(L, (void *)m);
    lua_pushinteger(L, kind);
    lua_pushcclosure(L, function, 2);
}

/* Put a class's methods into the table on top of the stack. */
static void add_methods(lua_State *L, const method *methods, ipc__lua_kind kind)
{
    for (const method *m = methods; m->name; m++) {
        push_closure(L, call_method, m, kind);
        lua_setfield(L, -2, m->name);
        if (m->number == IPC_METHOD_GET && m->takes[0] == 'i') {
            push_closure(L, by_integer, m, kind);
            lua_setfield(L, -2, "__by_integer");
        }
    }
}

void ipc__lua_open_containers(lua_State *L)
{
    lua_createtable(L, 0, CLASS_COUNT + 1);
    for (int i = 0; i < CLASS_COUNT; i++) {
        lua_newtable(L);
        add_methods(L, classes[i].methods, classes[i].kind);
        lua_setfield(L, -2, classes[i].name);
    }
    lua_newtable(L);
    lua_pushcfunction(L, by_name);
    lua_setfield(L, -2, "__by_name");
    lua_pushcfunction(L, newindex_name);
    lua_setfield(L, -2, "__newindex");
    lua_setfield(L, -2, "Namespace");
    lua_setfield(L, -2, "methods");
}
