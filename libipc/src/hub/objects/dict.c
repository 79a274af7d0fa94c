/*
 * Dicts: values under keys, in the order in which the keys came; 1, 1.0 and true are one key. A namespace is a dict whose keys are
 * texts.
 * Touches its entries. Not locked: the core's thread.
 */
/* uthash, with keys that are equal as values are. */
#define HASH_FUNCTION(key, length, hash) ((hash) = ipc__key_hash(*(const ipc__bytes *)(key)))
#define HASH_KEYCMP(a, b, length) (!ipc__equal(*(const ipc__bytes *)(a), *(const ipc__bytes *)(b)))

#include "codec/compare.h"
#include "hub/invoke.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

struct entry {
    UT_hash_handle hh;
    struct entry *older, *newer; /* in the order in which they came */
    ipc__bytes key;              /* in room */
    ipc__stored *value;
    unsigned char room[];
};

/*
 * A table that grows goes through all it has, and the hub stands still meanwhile. So one does not get large: entries beyond that go
 * into many, of which each grows at another moment. Nothing moves from one to another.
 */
enum { TABLE_MAX = 8192, SHARDS = 256 };

struct dict {
    ipc__object base;
    struct entry *entries; /* all */
    uint32_t count;
    uint64_t bytes; /* of keys and values */
    struct entry *table;
    struct entry **shards; /* NULL: the table has always been enough */
};

static struct dict *dict_of(const ipc__invocation *call)
{
    return (struct dict *)call->object;
}

/* ---- entries ---- */

static struct entry **shard_of(const struct dict *dict, unsigned hash)
{
    return &dict->shards[hash / (UINT32_MAX / SHARDS + 1)]; /* a table looks at the low bits */
}

static struct entry *find(const struct dict *dict, ipc__bytes key)
{
    struct entry *found;
    unsigned hash = ipc__key_hash(key);
    HASH_FIND_BYHASHVALUE(hh, dict->table, &key, sizeof key, hash, found);
    if (!found && dict->shards) {
        HASH_FIND_BYHASHVALUE(hh, *shard_of(dict, hash), &key, sizeof key, hash, found);
    }
    return found;
}

/* Where a new one goes. NULL: out of memory. */
static struct entry **table_for(struct dict *dict, unsigned hash)
{
    if (HASH_COUNT(dict->table) < TABLE_MAX) {
        return &dict->table;
    }
    dict->shards = dict->shards ? dict->shards : calloc(SHARDS, sizeof(struct entry *));
    return dict->shards ? shard_of(dict, hash) : NULL;
}

/* Where it is. */
static struct entry **table_of(struct dict *dict, const struct entry *entry)
{
    bool first = dict->table && dict->table->hh.tbl == entry->hh.tbl;
    return first ? &dict->table : shard_of(dict, entry->hh.hashv);
}

static uint64_t weight(const struct entry *entry)
{
    return entry->key.length + entry->value->length;
}

/* One that is in no dict yet. The value is its own, whatever happens. */
static ipc_err entry_new(struct entry **out, ipc__core *core, ipc__bytes key, ipc__stored *value)
{
    ipc_err err = ipc__core_room(core, sizeof **out + key.length);
    *out = err ? NULL : malloc(sizeof **out + key.length);
    if (!*out) {
        ipc__stored_free(core, value);
        return err ? err : ipc__fail_plain(IPC_ENOMEM);
    }
    (*out)->key = (ipc__bytes){(*out)->room, key.length};
    (*out)->value = value;
    memcpy((*out)->room, key.data, key.length);
    core->memory += sizeof **out + key.length;
    return IPC_OK;
}

static void entry_free(ipc__core *core, struct entry *entry)
{
    core->memory -= sizeof *entry + entry->key.length;
    ipc__stored_free(core, entry->value);
    free(entry);
}

static void drop(struct dict *dict, struct entry *entry)
{
    struct entry **table = table_of(dict, entry);
    dict->bytes -= weight(entry);
    dict->count--;
    HASH_DELETE(hh, *table, entry);
    DL_DELETE2(dict->entries, entry, older, newer);
    entry_free(dict->base.core, entry);
}

/* Under a key that is there already, a value takes the other's place. */
static void replace(struct dict *dict, struct entry *entry, ipc__stored *value)
{
    ipc__stored *old = entry->value;
    dict->bytes += (uint64_t)value->length - old->length;
    entry->value = value;
    ipc__stored_free(dict->base.core, old);
}

static ipc_err add(struct dict *dict, ipc__bytes key, ipc__stored *value)
{
    struct entry *entry;
    ipc_err err = entry_new(&entry, dict->base.core, key, value);
    if (err) {
        return err;
    }
    unsigned hash = ipc__key_hash(key);
    struct entry **table = table_for(dict, hash);
    entry->hh.tbl = NULL;
    if (table) {
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, *table, &entry->key, sizeof entry->key, hash, entry);
    }
    if (!entry->hh.tbl) {
        entry_free(dict->base.core, entry);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    DL_APPEND2(dict->entries, entry, older, newer);
    dict->bytes += weight(entry);
    dict->count++;
    return IPC_OK;
}

static ipc_err put(struct dict *dict, ipc__bytes key, ipc__stored *value)
{
    struct entry *there = find(dict, key);
    if (!there) {
        return add(dict, key, value);
    }
    replace(dict, there, value);
    return IPC_OK;
}

static ipc_err store(ipc__invocation *call, ipc__bytes key, ipc__bytes bytes)
{
    ipc__stored *value;
    ipc_err err = ipc__stored_new(&value, call->object, bytes, call->handles);
    return err ? err : put(dict_of(call), key, value);
}

/* ---- keys ---- */

static ipc_err check_key(const ipc__object *object, ipc__bytes key)
{
    bool text = (key.data[0] >= 0xa0 && key.data[0] < 0xc0) || (key.data[0] >= 0xd9 && key.data[0] <= 0xdb);
    if (object->ops == &ipc__namespace_ops && !text) {
        return ipc__fail(IPC_EKIND, "the keys of a namespace are texts");
    }
    if (!text && !ipc__is_key(key)) {
        return ipc__fail(IPC_EKIND, "a key is null, true, false, a number but NaN, a text, bytes or a moment");
    }
    return IPC_OK;
}

static ipc_err key_argument(const ipc__invocation *call, ipc__bytes *key)
{
    *key = call->arguments[0];
    return check_key(call->object, *key);
}

/* The entry of the first argument; NULL: there is none. */
static ipc_err entry_argument(const ipc__invocation *call, struct entry **found)
{
    ipc__bytes key;
    ipc_err err = key_argument(call, &key);
    *found = err ? NULL : find(dict_of(call), key);
    return err;
}

static ipc_err no_key(void)
{
    return ipc__fail_plain(IPC_EKEY);
}

/* ---- one key ---- */

static ipc_err dict_get(ipc__invocation *call)
{
    struct entry *found;
    ipc_err err = entry_argument(call, &found);
    if (found) {
        ipc__result_stored(call, found->value);
    } else if (call->count > 1) {
        ipc__result_bytes(call, call->arguments[1]);
    } else {
        err = err ? err : no_key();
    }
    return err;
}

static ipc_err dict_set(ipc__invocation *call)
{
    ipc__bytes key;
    ipc_err err = key_argument(call, &key);
    return err ? err : store(call, key, call->arguments[1]);
}

static ipc_err dict_delete(ipc__invocation *call)
{
    struct entry *found;
    ipc_err err = entry_argument(call, &found);
    if (!found) {
        return err ? err : no_key();
    }
    drop(dict_of(call), found);
    return IPC_OK;
}

static ipc_err dict_contains(ipc__invocation *call)
{
    struct entry *found;
    ipc_err err = entry_argument(call, &found);
    ipc__result_bool(call, found != NULL);
    return err;
}

static ipc_err dict_pop(ipc__invocation *call)
{
    struct entry *found;
    ipc_err err = entry_argument(call, &found);
    if (!found && call->count > 1) {
        ipc__result_bytes(call, call->arguments[1]);
        return err;
    }
    if (!found) {
        return err ? err : no_key();
    }
    ipc__result_stored(call, found->value);
    err = ipc__result_good(call);
    if (!err) {
        drop(dict_of(call), found);
    }
    return err;
}

static ipc_err dict_set_default(ipc__invocation *call)
{
    struct entry *found;
    ipc_err err = entry_argument(call, &found);
    if (found) {
        ipc__result_stored(call, found->value);
        return IPC_OK;
    }
    if (err) {
        return err;
    }
    ipc__result_bytes(call, call->arguments[1]);
    err = ipc__result_good(call);
    err = err ? err : store(call, call->arguments[0], call->arguments[1]);
    if (!err && call->handles) {
        found = find(dict_of(call), call->arguments[0]);
        ipc__references_tell(call->hold->session, found->value->references);
    }
    return err;
}

static ipc_err dict_increment(ipc__invocation *call)
{
    static const unsigned char nought = 0;
    unsigned char room[IPC__NUMBER_MAX];
    ipc__bytes base = {&nought, 1};
    ipc__bytes sum;
    struct entry *found;
    ipc_err err = entry_argument(call, &found);
    if (err) {
        return err;
    }
    base = call->count > 2 ? call->arguments[2] : base;
    base = found ? ipc__stored_bytes(found->value) : base;
    err = ipc__add(base, call->arguments[1], room, &sum);
    if (err) {
        return err;
    }
    ipc__result_bytes(call, sum);
    err = ipc__result_good(call);
    return err ? err : store(call, call->arguments[0], sum);
}

static ipc_err dict_compare_set(ipc__invocation *call)
{
    ipc__bytes old;
    ipc__bytes new;
    struct entry *found;
    ipc_err err = entry_argument(call, &found);
    err = err ? err : ipc__argument_maybe(call, 1, &old);
    err = err ? err : ipc__argument_maybe(call, 2, &new);
    if (err) {
        return err;
    }
    bool was = found ? old.length && ipc__equal(ipc__stored_bytes(found->value), old) : !old.length;
    ipc__result_bool(call, was);
    err = ipc__result_good(call);
    if (err || !was) {
        return err;
    }
    if (new.length) {
        return store(call, call->arguments[0], new);
    }
    if (found) {
        drop(dict_of(call), found);
    }
    return IPC_OK;
}

/* ---- all of it ---- */

static ipc_err dict_length(ipc__invocation *call)
{
    ipc__result_uint(call, dict_of(call)->count);
    return IPC_OK;
}

static ipc_err dict_clear(ipc__invocation *call)
{
    struct dict *dict = dict_of(call);
    while (dict->entries) {
        drop(dict, dict->entries);
    }
    return IPC_OK;
}

/* What of each entry is told. */
enum { KEYS = 1, VALUES = 2 };

static ipc_err tell_all(ipc__invocation *call, int parts, bool as_map)
{
    const struct dict *dict = dict_of(call);
    ipc_err err = IPC_OK;
    msgpack_packer packer = ipc__packer(call->result);
    uint32_t count = dict->count;
    as_map ? msgpack_pack_map(&packer, count) : msgpack_pack_array(&packer, count);
    for (const struct entry *entry = dict->entries; entry && !err; entry = entry->newer) {
        if (parts == (KEYS | VALUES) && !as_map) {
            ipc__result_array(call, 2);
        }
        if (parts & KEYS) {
            ipc__result_bytes(call, entry->key);
        }
        if (parts & VALUES) {
            ipc__result_stored(call, entry->value);
        }
        err = ipc__result_room(call, call->result->length);
    }
    return err;
}

static ipc_err dict_keys(ipc__invocation *call)
{
    return tell_all(call, KEYS, false);
}

static ipc_err dict_values(ipc__invocation *call)
{
    return tell_all(call, VALUES, false);
}

static ipc_err dict_items(ipc__invocation *call)
{
    return tell_all(call, KEYS | VALUES, false);
}

static ipc_err dict_copy(ipc__invocation *call)
{
    return tell_all(call, KEYS | VALUES, true);
}

static ipc_err dict_pop_item(ipc__invocation *call)
{
    struct dict *dict = dict_of(call);
    if (!dict->entries) {
        return ipc__fail(IPC_EKEY, "the %s is empty", call->object->ops->name);
    }
    struct entry *newest = dict->entries->older;
    ipc__result_array(call, 2);
    ipc__result_bytes(call, newest->key);
    ipc__result_stored(call, newest->value);
    ipc_err err = ipc__result_good(call);
    if (!err) {
        drop(dict, newest);
    }
    return err;
}

/* ---- several keys ---- */

static ipc_err check_keys(const ipc__object *object, ipc_cursor inside, uint32_t count, bool values)
{
    for (; count > 0; count--) {
        ipc_err err = check_key(object, ipc__next_value(&inside));
        if (err) {
            return err;
        }
        if (values) {
            (void)ipc_cursor_skip(&inside);
        }
    }
    return IPC_OK;
}

/* Whether there is room for the keys that are not there yet: it is not found out in the middle. */
static ipc_err key_room(const ipc__invocation *call, ipc_cursor inside, uint32_t count)
{
    uint64_t bytes = 0;
    for (; count > 0; count--) {
        ipc__bytes key = ipc__next_value(&inside);
        (void)ipc_cursor_skip(&inside);
        bytes += find(dict_of(call), key) ? 0 : sizeof(struct entry) + key.length;
    }
    return ipc__core_room(call->object->core, bytes);
}

static void unmake_values(ipc__core *core, ipc__stored **values, uint32_t count)
{
    while (count > 0) {
        ipc__stored_free(core, values[--count]);
    }
}

/* All values are made before the first one is stored: what cannot be stored leaves the dict as it was. */
static ipc_err make_values(ipc__invocation *call, ipc_cursor inside, uint32_t count, ipc__stored **values)
{
    ipc_cursor keys = inside;
    for (uint32_t i = 0; i < count; i++) {
        (void)ipc_cursor_skip(&inside);
        ipc_err err = ipc__stored_new(&values[i], call->object, ipc__next_value(&inside), call->handles);
        if (err) {
            unmake_values(call->object->core, values, i);
            return err;
        }
    }
    ipc_err err = key_room(call, keys, count);
    if (err) {
        unmake_values(call->object->core, values, count);
    }
    return err;
}

/* The system's memory alone can fail here, in the middle of it. */
static ipc_err put_all(ipc__invocation *call, ipc_cursor inside, uint32_t count, ipc__stored **values)
{
    ipc_err err = IPC_OK;
    for (uint32_t i = 0; i < count; i++) {
        ipc__bytes key = ipc__next_value(&inside);
        (void)ipc_cursor_skip(&inside);
        if (err) {
            ipc__stored_free(call->object->core, values[i]);
        } else {
            err = put(dict_of(call), key, values[i]);
        }
    }
    return err;
}

static ipc_err dict_update(ipc__invocation *call)
{
    ipc_cursor inside;
    uint32_t count;
    ipc_err err = ipc__argument_map(call, 0, &inside, &count);
    err = err ? err : check_keys(call->object, inside, count, true);
    if (err || count == 0) {
        return err;
    }
    ipc__stored **values = calloc(count, sizeof(ipc__stored *));
    if (!values) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    err = make_values(call, inside, count, values);
    err = err ? err : put_all(call, inside, count, values);
    free(values);
    return err;
}

static ipc_err dict_get_many(ipc__invocation *call)
{
    static const unsigned char null = 0xc0;
    ipc_cursor inside;
    uint32_t count;
    ipc_err err = ipc__argument_sequence(call, 0, &inside, &count);
    err = err ? err : check_keys(call->object, inside, count, false);
    if (err) {
        return err;
    }
    ipc__bytes missing = call->count > 1 ? call->arguments[1] : (ipc__bytes){&null, 1};
    ipc__result_array(call, count);
    for (; count > 0 && !err; count--) {
        const struct entry *found = find(dict_of(call), ipc__next_value(&inside));
        if (found) {
            ipc__result_stored(call, found->value);
        } else {
            ipc__result_bytes(call, missing);
        }
        err = ipc__result_room(call, call->result->length); /* the same one may be asked for again and again */
    }
    return err;
}

/* ---- the table ---- */

static const ipc__method methods[] = {
    [IPC_METHOD_LENGTH] = {dict_length, 0, 0},
    [IPC_METHOD_GET] = {dict_get, 1, 2},
    [IPC_METHOD_SET] = {dict_set, 2, 2},
    [IPC_METHOD_DELETE] = {dict_delete, 1, 1},
    [IPC_METHOD_CONTAINS] = {dict_contains, 1, 1},
    [IPC_METHOD_CLEAR] = {dict_clear, 0, 0},
    [IPC_METHOD_POP] = {dict_pop, 1, 2},
    [IPC_METHOD_INCREMENT] = {dict_increment, 2, 3},
    [IPC_METHOD_COMPARE_SET] = {dict_compare_set, 3, 3},
    [IPC_METHOD_COPY] = {dict_copy, 0, 0},
    [IPC_METHOD_KEYS] = {dict_keys, 0, 0},
    [IPC_METHOD_VALUES] = {dict_values, 0, 0},
    [IPC_METHOD_ITEMS] = {dict_items, 0, 0},
    [IPC_METHOD_POP_ITEM] = {dict_pop_item, 0, 0},
    [IPC_METHOD_SET_DEFAULT] = {dict_set_default, 2, 2},
    [IPC_METHOD_UPDATE] = {dict_update, 1, 1},
    [IPC_METHOD_GET_MANY] = {dict_get_many, 1, 2},
};

static ipc_err dict_request(ipc__hold *hold, const ipc__request *request)
{
    if (request->op != IPC__OP_INVOKE) {
        return IPC_EPROTO;
    }
    return ipc__invoke(hold, request, methods, sizeof methods / sizeof methods[0]);
}

static void dict_fini(ipc__object *object)
{
    struct dict *dict = (struct dict *)object;
    while (dict->entries) {
        drop(dict, dict->entries);
    }
    free(dict->shards);
}

static uint64_t dict_unread(const ipc__object *object)
{
    return ((const struct dict *)object)->count;
}

static void dict_inspect(const ipc__object *object, msgpack_packer *packer)
{
    msgpack_pack_map(packer, 2);
    ipc__pack_uint(packer, "length", dict_unread(object));
    ipc__pack_uint(packer, "bytes", ((const struct dict *)object)->bytes);
}

const ipc__object_ops ipc__dict_ops = {
    .name = "dict",
    .size = sizeof(struct dict),
    .hold_size = sizeof(ipc__hold),
    .fini = dict_fini,
    .request = dict_request,
    .unread = dict_unread,
    .inspect = dict_inspect,
};

const ipc__object_ops ipc__namespace_ops = {
    .name = "namespace",
    .size = sizeof(struct dict),
    .hold_size = sizeof(ipc__hold),
    .fini = dict_fini,
    .request = dict_request,
    .unread = dict_unread,
    .inspect = dict_inspect,
};
