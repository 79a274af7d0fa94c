/*
 * From Lua values to packed bytes.
 * Touches the Lua state (reading, without metamethods) and the state's buffer.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "convert.h"
#include "reference.h"
#include "values.h"

#include <msgpack/pack.h>
#include <string.h>

/* Slots of the Lua stack that one level of a table needs: key and value, and two while looking at a metatable. */
enum { LEVEL_SLOTS = 4 };

typedef struct encoder {
    lua_State *L;
    const ipc__lua *own;
    msgpack_sbuffer *out;
    msgpack_packer packer;
    int argument;            /* what errors are about */
    ipc_value_limits limits; /* of this process */
    unsigned depth;
    lua_Integer nodes;
    bool handles; /* may be in it: they become references */
    ipc_err err;  /* what the hub said to the first of them that could not */
} encoder;

static void encode_value(encoder *e, int index, const ipc__lua_place *place);

/* msgpack-c's callback. Not enough memory is a Lua error: nothing is held here that would leak. */
static int write_bytes(void *self, const char *bytes, size_t length)
{
    encoder *e = self;
    if (msgpack_sbuffer_write(e->out, bytes, length) != 0) {
        luaL_error(e->L, "not enough memory to pack the value");
    }
    return 0;
}

/* ---- refusals ---- */

static void refuse(encoder *e, const ipc__lua_place *place, const char *what)
{
    ipc__lua_push_place(e->L, place);
    lua_pushstring(e->L, what);
    lua_concat(e->L, 2);
    luaL_argerror(e->L, e->argument, lua_tostring(e->L, -1));
}

/* The name of a value's type, its metatable's own name before Lua's. */
static const char *type_name(lua_State *L, int index)
{
    if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) {
        return lua_tostring(L, -1);
    }
    return lua_type(L, index) == LUA_TLIGHTUSERDATA ? "light userdata" : luaL_typename(L, index);
}

static void refuse_type(encoder *e, int index, const ipc__lua_place *place, const char *problem)
{
    refuse(e, place, lua_pushfstring(e->L, "a value of type %s %s", type_name(e->L, index), problem));
}

/* ---- scalars ---- */

/* The length of the UTF-8 character at text (not ASCII), 0 if it is none (Unicode, table 3-7). */
static size_t utf8_char(const unsigned char *text, size_t left)
{
    unsigned lead = text[0];
    size_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0 || left < length) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xe0 && text[1] < 0xa0) || (lead == 0xf0 && text[1] < 0x90);
    bool surrogate = lead == 0xed && text[1] > 0x9f;
    bool beyond = lead == 0xf4 && text[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

static bool is_utf8(const char *bytes, size_t length)
{
    const unsigned char *text = (const unsigned char *)bytes;
    size_t at = 0;
    while (at < length) {
        uint64_t word = UINT64_MAX;
        if (length - at >= sizeof word) {
            memcpy(&word, text + at, sizeof word);
        }
        if ((word & UINT64_C(0x8080808080808080)) == 0) {
            at += sizeof word;
            continue;
        }
        size_t step = text[at] < 0x80 ? 1 : utf8_char(text + at, length - at);
        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}

static void encode_string(encoder *e, int index, const ipc__lua_place *place)
{
    size_t length;
    const char *text = lua_tolstring(e->L, index, &length);
    if (length > UINT32_MAX) {
        refuse(e, place, "a string longer than 4 GiB cannot be sent");
    }
    if (!is_utf8(text, length)) {
        refuse(e, place, "a string that is not UTF-8; send bytes as ipc.bin(s)");
    }
    msgpack_pack_str(&e->packer, length);
    msgpack_pack_str_body(&e->packer, text, length);
}

static void encode_bytes(encoder *e, int index, ipc__lua_kind kind, const ipc__lua_place *place)
{
    lua_getiuservalue(e->L, index, 1);
    size_t length;
    const char *bytes = lua_tolstring(e->L, -1, &length);
    if (length > UINT32_MAX) {
        refuse(e, place, "bytes longer than 4 GiB cannot be sent");
    }
    if (kind == IPC__LUA_BIN) {
        msgpack_pack_bin(&e->packer, length);
        msgpack_pack_bin_body(&e->packer, bytes, length);
    } else {
        const ipc__lua_ext *ext = lua_touserdata(e->L, index);
        msgpack_pack_ext(&e->packer, length, ext->type);
        msgpack_pack_ext_body(&e->packer, bytes, length);
    }
    lua_pop(e->L, 1);
}

/*
 * {sec, nsec}. The fields are looked for by walking: pushing their names could run the garbage collector, thus
 * finalizers, and those may pack into the same buffer.
 */
static void encode_timestamp(encoder *e, int index, const ipc__lua_place *place)
{
    lua_State *L = e->L;
    lua_Integer sec = 0;
    lua_Integer nsec = -1;
    int found = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const char *field = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        lua_Integer *number = strcmp(field, "sec") == 0 ? &sec : strcmp(field, "nsec") == 0 ? &nsec : NULL;
        if (number && lua_isinteger(L, -1)) {
            *number = lua_tointeger(L, -1);
            found++;
        }
        lua_pop(L, 1);
    }
    if (found != 2 || nsec < 0 || nsec > 999999999) {
        refuse(e, place, "a timestamp has the integers sec and nsec, the latter 0 to 999999999");
    }
    msgpack_timestamp timestamp = {.tv_sec = sec, .tv_nsec = (uint32_t)nsec};
    msgpack_pack_timestamp(&e->packer, &timestamp);
}

static void encode_number(encoder *e, int index)
{
    if (lua_isinteger(e->L, index)) {
        msgpack_pack_int64(&e->packer, lua_tointeger(e->L, index));
    } else {
        msgpack_pack_double(&e->packer, lua_tonumber(e->L, index));
    }
}

/* ---- tables ---- */

static void enter(encoder *e, const ipc__lua_place *place)
{
    if (e->depth == e->limits.max_depth) {
        refuse(e, place,
               lua_pushfstring(e->L, "tables nested deeper than %d, or one inside itself", (int)e->limits.max_depth));
    }
    e->depth++;
    luaL_checkstack(e->L, LEVEL_SLOTS, NULL);
}

static void count_nodes(encoder *e, lua_Integer more, const ipc__lua_place *place)
{
    lua_Integer most = e->limits.max_elements;
    if (more > most || e->nodes > most - more) {
        refuse(e, place, lua_pushfstring(e->L, "more than %I values in one", (LUAI_UACINT)most));
    }
    e->nodes += more;
}

/*
 * Are the table's keys 1 to length, all of them and no others?
 * Otherwise the first stranger is left on the stack, if there is one; holes leave nothing.
 */
typedef enum sequence_check { SEQUENCE, HOLES, STRANGER } sequence_check;

static sequence_check check_sequence(lua_State *L, int index, lua_Integer length)
{
    lua_Integer count = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        int is_integer = lua_isinteger(L, -1);
        lua_Integer key = is_integer ? lua_tointeger(L, -1) : 0;
        if (key < 1 || key > length) {
            return STRANGER;
        }
        count++;
    }
    return count == length ? SEQUENCE : HOLES;
}

static void encode_elements(encoder *e, int index, lua_Integer length, const ipc__lua_place *outer)
{
    count_nodes(e, length, outer);
    msgpack_pack_array(&e->packer, (size_t)length);
    ipc__lua_place place = {.outer = outer};
    for (place.index = 1; place.index <= length; place.index++) {
        lua_rawgeti(e->L, index, place.index);
        encode_value(e, lua_gettop(e->L), &place);
        lua_pop(e->L, 1);
    }
}

/* ipc.array{}: holes are null, and what is no element would be lost. */
static void encode_array(encoder *e, int index, const ipc__lua_place *outer)
{
    lua_Integer length = (lua_Integer)lua_rawlen(e->L, index);
    if (check_sequence(e->L, index, length) == STRANGER) {
        ipc__lua_place place = {.outer = outer, .key = lua_gettop(e->L)};
        refuse(e, &place, "an ipc.array holds elements 1 to n and nothing else");
    }
    encode_elements(e, index, length, outer);
}

/* What is a scalar in every language. */
static void encode_key(encoder *e, int index, const ipc__lua_place *place)
{
    ipc__lua_kind kind = ipc__lua_kind_of(e->L, e->own, index);
    switch (lua_type(e->L, index)) {
    case LUA_TUSERDATA:
        if (kind == IPC__LUA_BIN) {
            break;
        }
        if (kind == IPC__LUA_EXT && ((const ipc__lua_ext *)lua_touserdata(e->L, index))->type == IPC_EXT_BIGINT) {
            break;
        }
        refuse_type(e, index, place, "cannot be a key");
        break;
    case LUA_TTABLE:
        if (kind != IPC__LUA_TIMESTAMP) {
            refuse_type(e, index, place, "cannot be a key");
        }
        break;
    default:
        break;
    }
    encode_value(e, index, place);
}

/* Make room at a place in what is written already. */
static void insert_bytes(encoder *e, size_t at, const char *bytes, size_t length)
{
    write_bytes(e, bytes, length);
    char *place = e->out->data + at;
    memmove(place + length, place, e->out->size - at - length);
    memcpy(place, bytes, length);
}

/* The head that says "one map of no pairs" is there: let it say count. */
static void patch_map_head(encoder *e, size_t head, lua_Integer count)
{
    if (count < 16) {
        e->out->data[head] = (char)(0x80 | count);
        return;
    }
    char body[4];
    size_t width = count < 65536 ? 2 : 4;
    for (size_t i = 0; i < width; i++) {
        body[i] = (char)(count >> (8 * (width - 1 - i)));
    }
    e->out->data[head] = (char)(width == 2 ? 0xde : 0xdf);
    insert_bytes(e, head + 1, body, width);
}

static void encode_map(encoder *e, int index, const ipc__lua_place *outer)
{
    lua_State *L = e->L;
    size_t head = e->out->size;
    msgpack_pack_map(&e->packer, 0);
    lua_Integer count = 0;
    ipc__lua_place place = {.outer = outer, .key = lua_gettop(L) + 1};
    lua_pushnil(L);
    while (lua_next(L, index)) {
        count_nodes(e, 2, outer);
        count++;
        encode_key(e, place.key, &place);
        encode_value(e, place.key + 1, &place);
        lua_pop(L, 1);
    }
    patch_map_head(e, head, count);
}

/* Without a mark, a table whose keys are 1 to n is a sequence, the empty one too; every other one is a map. */
static void encode_plain(encoder *e, int index, const ipc__lua_place *place)
{
    lua_Integer length = (lua_Integer)lua_rawlen(e->L, index);
    int top = lua_gettop(e->L);
    bool sequence = check_sequence(e->L, index, length) == SEQUENCE;
    lua_settop(e->L, top);
    if (sequence) {
        encode_elements(e, index, length, place);
    } else {
        encode_map(e, index, place);
    }
}

static void encode_table(encoder *e, int index, const ipc__lua_place *place)
{
    ipc__lua_kind kind = ipc__lua_kind_of(e->L, e->own, index);
    if (kind == IPC__LUA_TIMESTAMP) {
        encode_timestamp(e, index, place);
        return;
    }
    enter(e, place);
    if (kind == IPC__LUA_ARRAY) {
        encode_array(e, index, place);
    } else if (kind == IPC__LUA_MAP) {
        encode_map(e, index, place);
    } else {
        encode_plain(e, index, place);
    }
    e->depth--;
}

/* ---- any ---- */

/* Once one could not be had, the value is of no use: the others are not asked for. */
static void encode_handle(encoder *e, int index, ipc__lua_handle *handle, const ipc__lua_place *place)
{
    if (handle->kind == IPC__LUA_CONN || handle->kind == IPC__LUA_HUB || handle->kind == IPC__LUA_PIPE) {
        refuse_type(e, index, place, "cannot be sent or stored");
    }
    if (!e->handles) {
        refuse_type(e, index, place, "cannot be sent: what its share() gives can; containers store it");
    }
    if (!handle->object) {
        refuse(e, place, "the handle was collected");
    }
    ipc_msg *reference = NULL;
    e->err = e->err ? e->err : ipc__lua_refer(e->L, handle, &reference);
    if (e->err) {
        return;
    }
    size_t length;
    const void *packed = ipc_msg_bytes(reference, &length);
    bool written = msgpack_sbuffer_write(e->out, packed, length) == 0;
    ipc_msg_free(reference);
    if (!written) {
        luaL_error(e->L, "not enough memory to pack the value");
    }
}

static void encode_userdata(encoder *e, int index, const ipc__lua_place *place)
{
    ipc__lua_handle *handle = ipc__lua_to_handle(e->L, index);
    if (handle) {
        encode_handle(e, index, handle, place);
        return;
    }
    ipc__lua_kind kind = ipc__lua_kind_of(e->L, e->own, index);
    if (kind != IPC__LUA_BIN && kind != IPC__LUA_EXT) {
        refuse_type(e, index, place, "cannot be sent");
    }
    encode_bytes(e, index, kind, place);
}

static void encode_value(encoder *e, int index, const ipc__lua_place *place)
{
    switch (lua_type(e->L, index)) {
    case LUA_TSTRING:
        encode_string(e, index, place);
        return;
    case LUA_TNUMBER:
        encode_number(e, index);
        return;
    case LUA_TTABLE:
        encode_table(e, index, place);
        return;
    case LUA_TBOOLEAN:
        if (lua_toboolean(e->L, index)) {
            msgpack_pack_true(&e->packer);
        } else {
            msgpack_pack_false(&e->packer);
        }
        return;
    case LUA_TNIL:
        msgpack_pack_nil(&e->packer);
        return;
    case LUA_TUSERDATA:
        encode_userdata(e, index, place);
        return;
    default:
        if (!ipc__lua_is_null(e->L, index)) {
            refuse_type(e, index, place, "cannot be sent");
        }
        msgpack_pack_nil(&e->packer);
        return;
    }
}

static void begin(encoder *e, lua_State *L, ipc__lua *own, int argument)
{
    *e = (encoder){.L = L, .own = own, .out = &own->out, .argument = argument, .limits = ipc_get_value_limits()};
    msgpack_packer_init(&e->packer, e, write_bytes);
}

void ipc__lua_encode(lua_State *L, ipc__lua *own, int index)
{
    encoder e;
    msgpack_sbuffer_clear(&own->out);
    begin(&e, L, own, index);
    e.nodes = 1;
    encode_value(&e, index, NULL);
}

void ipc__lua_encode_list(lua_State *L, ipc__lua *own, int index, ipc_packed *packed)
{
    encoder e;
    msgpack_sbuffer_clear(&own->out);
    begin(&e, L, own, index);
    lua_Integer length = (lua_Integer)lua_rawlen(L, index);
    ipc__lua_place place = {0};
    if (check_sequence(L, index, length) != SEQUENCE) {
        refuse(&e, NULL, "a sequence of values is needed: elements 1 to n and nothing else, with ipc.null for nil");
    }
    for (place.index = 1; place.index <= length; place.index++) {
        size_t before = e.out->size;
        e.nodes = 1;
        lua_rawgeti(L, index, place.index);
        encode_value(&e, lua_gettop(L), &place);
        lua_pop(L, 1);
        packed[place.index - 1].length = e.out->size - before;
    }
    const char *at = e.out->data; /* it has stopped moving */
    for (lua_Integer i = 0; i < length; i++) {
        packed[i].bytes = at;
        at += packed[i].length;
    }
}

/* ---- arguments of containers' methods ---- */

void ipc__lua_arguments(lua_State *L, ipc__lua *own)
{
    static const char none = (char)0x90; /* a sequence of so many is one byte, and patched */
    msgpack_sbuffer_clear(&own->out);
    if (msgpack_sbuffer_write(&own->out, &none, 1) != 0) {
        luaL_error(L, "not enough memory to pack the arguments");
    }
}

/* A table that a method takes as a sequence or as a map, whatever it would be by itself. */
static void encode_form(encoder *e, int index, ipc__lua_form form)
{
    ipc__lua_kind kind = ipc__lua_kind_of(e->L, e->own, index);
    bool table = lua_type(e->L, index) == LUA_TTABLE && kind != IPC__LUA_TIMESTAMP;
    if (form == IPC__LUA_FORM_MAP) {
        if (!table || kind == IPC__LUA_ARRAY) {
            refuse(e, NULL, "a table of keys and values is needed");
        }
        enter(e, NULL);
        encode_map(e, index, NULL);
        return;
    }
    int top = lua_gettop(e->L);
    lua_Integer length = (lua_Integer)lua_rawlen(e->L, index);
    bool plain = table && kind != IPC__LUA_ARRAY;
    if (!table || kind == IPC__LUA_MAP || (plain && check_sequence(e->L, index, length) != SEQUENCE)) {
        refuse(e, NULL, "a sequence of values is needed: elements 1 to n and nothing else, with ipc.null for nil");
    }
    lua_settop(e->L, top);
    encode_value(e, index, NULL);
}

ipc_err ipc__lua_argument(lua_State *L, ipc__lua *own, int index, ipc__lua_form form)
{
    encoder e;
    begin(&e, L, own, index);
    e.handles = true;
    e.nodes = 1;
    bool maybe = form == IPC__LUA_FORM_MAYBE;
    bool absent = maybe && ipc__lua_is_absent(L, index);
    if (maybe) {
        msgpack_pack_array(&e.packer, !absent);
    }
    if (form == IPC__LUA_FORM_SEQUENCE || form == IPC__LUA_FORM_MAP) {
        encode_form(&e, index, form);
    } else if (!absent) {
        encode_value(&e, index, NULL);
    }
    own->out.data[0]++;
    return e.err;
}

void ipc__lua_pack_in_place(lua_State *L, int index)
{
    ipc__lua *own = ipc__lua_get(L);
    ipc__lua_encode(L, own, index);
    lua_pushlstring(L, own->out.data, own->out.size);
    lua_replace(L, index);
}
