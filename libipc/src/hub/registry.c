/*
 * Objects by name and by pin, and the holds on them.
 * Touches the core. Not locked: the core's thread.
 */
#include "hub/registry.h"

#include "codec/scan.h"
#include "hub/reference.h"
#include "util/clock.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

enum { PIN_AFTER_USE_US = 60 * 1000 * 1000 };

static const ipc__object_ops *const types[] = {
    &ipc__queue_ops,     &ipc__pipe_ops,      &ipc__lock_ops,    &ipc__rlock_ops, &ipc__event_ops,
    &ipc__semaphore_ops, &ipc__condition_ops, &ipc__barrier_ops, &ipc__dict_ops,  &ipc__namespace_ops,
    &ipc__list_ops,      &ipc__value_ops,     &ipc__array_ops,
};

static const ipc__object_ops *find_type(ipc__bytes name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i]->name) == name.length && memcmp(types[i]->name, name.data, name.length) == 0) {
            return types[i];
        }
    }
    return NULL;
}

/* ---- objects ---- */

static void refresh(ipc__object *object)
{
    if (object->ops->refresh) {
        object->ops->refresh(object);
    }
}

static uint64_t unread(const ipc__object *object)
{
    return object->ops->unread ? object->ops->unread(object) : 0;
}

static uint64_t length(const ipc__object *object)
{
    return object->ops->length ? object->ops->length(object) : unread(object);
}

void ipc__object_free(ipc__object *object)
{
    ipc__core *core = object->core;
    object->deleting = true;
    object->ops->fini(object);
    ipc__references_forget(object);
    if (object->name) {
        HASH_DEL(core->by_name, object);
    }
    HASH_DELETE(by_id_hh, core->by_id, object);
    DL_DELETE(core->objects, object);
    core->object_count--;
    free(object->name);
    free(object);
}

/* By its number, and its name. False: out of memory. */
static bool enter_tables(ipc__core *core, ipc__object *object)
{
    HASH_ADD(by_id_hh, core->by_id, id, sizeof object->id, object);
    if (!object->by_id_hh.tbl) {
        return false;
    }
    if (object->name) {
        HASH_ADD_KEYPTR(hh, core->by_name, object->name, strlen(object->name), object);
        if (!object->hh.tbl) {
            HASH_DELETE(by_id_hh, core->by_id, object);
            return false;
        }
    }
    return true;
}

static ipc_err object_new(ipc__core *core, const ipc__object_ops *ops, ipc__bytes name, ipc_cursor options,
                          ipc__object **out)
{
    if (core->object_count >= core->options.max_objects) {
        return ipc__fail(IPC_EOBJECTS, "the hub has its %u objects; unlink some, or start it with a higher limit",
                         core->options.max_objects);
    }
    ipc__object *object = calloc(1, ops->size);
    if (!object) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    object->ops = ops;
    object->core = core;
    object->id = ++core->next_id;
    if (name.length) {
        object->name = strndup((const char *)name.data, name.length);
        if (!object->name) {
            free(object);
            return ipc__fail_plain(IPC_ENOMEM);
        }
    }
    core->object_count++; /* before it makes another one */
    ipc_err err = ops->init ? ops->init(object, options) : IPC_OK;
    if (!err && !enter_tables(core, object)) {
        ops->fini(object);
        err = ipc__fail_plain(IPC_ENOMEM);
    }
    if (err) {
        core->object_count--;
        free(object->name);
        free(object);
        return err;
    }
    DL_APPEND(core->objects, object);
    *out = object;
    return IPC_OK;
}

/* ---- holds ---- */

static bool hold_slot(ipc__session *session, uint32_t id)
{
    if (id < session->hold_capacity) {
        return true;
    }
    uint32_t capacity = session->hold_capacity ? session->hold_capacity : 8;
    while (capacity <= id) {
        capacity *= 2;
    }
    ipc__hold **holds = realloc(session->holds, capacity * sizeof(ipc__hold *));
    if (!holds) {
        return false;
    }
    memset(holds + session->hold_capacity, 0, (capacity - session->hold_capacity) * sizeof(ipc__hold *));
    session->holds = holds;
    session->hold_capacity = capacity;
    return true;
}

/* A hold of a session, or, without one, of a pin. */
static ipc_err hold_new(ipc__object *object, ipc__session *session, uint32_t id, ipc_cursor options,
                        const ipc__hold *twin, ipc__hold **out)
{
    if (session && !hold_slot(session, id)) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    ipc__hold *hold = calloc(1, object->ops->hold_size);
    if (!hold) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    hold->object = object;
    hold->session = session;
    hold->id = id;
    if (session && session->lane->opened && !session->lane->opened(session->peer, id)) {
        free(hold);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    ipc_err err = object->ops->attach ? object->ops->attach(hold, options, twin) : IPC_OK;
    if (err) {
        free(hold);
        return err;
    }
    DL_APPEND(object->holds, hold);
    object->hold_count++;
    if (session) {
        session->holds[id] = hold;
    }
    *out = hold;
    return IPC_OK;
}

ipc_err ipc__hold_copy(ipc__session *session, uint32_t id, const ipc__hold *twin)
{
    ipc__hold *hold;
    return hold_new(twin->object, session, id, (ipc_cursor){0}, twin, &hold);
}

/* The lane keeps nothing for the hold's number any more. */
static void number_free(const ipc__hold *hold)
{
    if (hold->session && hold->session->lane->closed) {
        hold->session->lane->closed(hold->session->peer, hold->id);
    }
}

void ipc__hold_end(ipc__hold *hold, ipc__end end)
{
    ipc__object *object = hold->object;
    hold->ended = true;
    if (hold->session) {
        ipc__calls_drop(hold);
        hold->session->holds[hold->id] = NULL;
    }
    DL_DELETE(object->holds, hold);
    object->hold_count--;
    if (object->ops->detach) {
        object->ops->detach(hold, end, object->core->now);
    }
    number_free(hold);
    free(hold);
    ipc__object_let_go(object);
}

/* ---- open ---- */

static ipc__pin *find_pin(ipc__core *core, ipc__bytes pin)
{
    uint64_t id;
    ipc__pin *found = NULL;
    if (pin.length == sizeof id) {
        memcpy(&id, pin.data, sizeof id);
        HASH_FIND(hh, core->pins, &id, sizeof id, found);
    }
    return found;
}

static ipc_err check_name(const ipc__core *core, ipc__bytes name)
{
    if (name.length == 0 || name.length > core->options.max_name) {
        return ipc__fail(IPC_ENAME, "a name has 1 to %u bytes here, this one has %zu", core->options.max_name,
                         name.length);
    }
    if (ipc__utf8_span(name.data, name.length) != name.length || memchr(name.data, 0, name.length)) {
        return ipc__fail(IPC_ENAME, "a name must be UTF-8, without a NUL");
    }
    return IPC_OK;
}

static ipc_err open_named(ipc__core *core, const ipc__object_ops *ops, uint64_t mode, ipc__bytes name,
                          ipc_cursor options, ipc__object **out)
{
    ipc_err err = check_name(core, name);
    if (err) {
        return err;
    }
    int shown = (int)name.length;
    ipc__object *object;
    HASH_FIND(hh, core->by_name, name.data, name.length, object);
    if (!object) {
        if (mode == IPC_OPEN_ATTACH) {
            return ipc__fail(IPC_ENOENT, "there is no %s named \"%.*s\"; open it with mode \"either\" to create it",
                             ops->name, shown, (const char *)name.data);
        }
        return object_new(core, ops, name, options, out);
    }
    if (mode == IPC_OPEN_CREATE) {
        return ipc__fail(IPC_EEXIST, "there is %s %s named \"%.*s\" already; unlink it first, or attach to it",
                         ipc__article(object->ops->name), object->ops->name, shown, (const char *)name.data);
    }
    if (object->ops != ops) {
        return ipc__fail(IPC_ETYPE, "\"%.*s\" is %s %s, not %s %s", shown, (const char *)name.data,
                         ipc__article(object->ops->name), object->ops->name, ipc__article(ops->name), ops->name);
    }
    *out = object;
    return ops->match ? ops->match(object, options) : IPC_OK;
}

ipc_err ipc__object_named(ipc__core *core, const ipc__object_ops *ops, const char *name, ipc__object **out)
{
    ipc__bytes bytes = {(const unsigned char *)name, strlen(name)};
    return open_named(core, ops, IPC_OPEN_EITHER, bytes, (ipc_cursor){0}, out);
}

static ipc_err open_pinned(ipc__session *session, const ipc__head *head, const ipc__object_ops *ops, ipc__bytes where,
                           ipc_cursor options, ipc__hold **hold)
{
    ipc__core *core = session->core;
    ipc__pin *pin = find_pin(core, where);
    if (!pin) {
        return ipc__fail(IPC_ENOENT, "the ticket is used up: whoever made it is gone, or it was used a minute ago");
    }
    if (pin->hold->object->ops != ops) {
        return ipc__fail(IPC_ETYPE, "the ticket is for %s %s, not %s %s", ipc__article(pin->hold->object->ops->name),
                         pin->hold->object->ops->name, ipc__article(ops->name), ops->name);
    }
    ipc_err err = hold_new(pin->hold->object, session, head->handle, options, pin->hold, hold);
    if (!err && !ipc__timer_armed(&pin->expiry)) {
        ipc__timer_set(&core->timers, &pin->expiry, core->now + PIN_AFTER_USE_US);
    }
    return err;
}

/* What a reference stands for. */
static ipc_err open_referred(const ipc__session *session, const ipc__object_ops *ops, ipc__bytes body,
                             ipc__object **out)
{
    ipc_err err = ipc__reference_find(session->core, body, out);
    if (!err && (*out)->ops != ops) {
        err = ipc__fail(IPC_ETYPE, "the reference is to %s %s, not %s %s", ipc__article((*out)->ops->name),
                        (*out)->ops->name, ipc__article(ops->name), ops->name);
    }
    return err;
}

/* The object of another handle of the same session. */
static ipc_err open_sibling(const ipc__session *session, const ipc__object_ops *ops, int64_t handle, ipc__object **out)
{
    if (handle <= 0 || handle >= session->hold_capacity || !session->holds[handle]) {
        return ipc__fail_plain(IPC_EDELETED);
    }
    if (session->holds[handle]->object->ops != ops) {
        return ipc__fail_plain(IPC_ETYPE);
    }
    *out = session->holds[handle]->object;
    return IPC_OK;
}

static ipc_err open_hold(ipc__session *session, const ipc__head *head, const ipc__object_ops *ops, uint64_t mode,
                         const ipc_value *where, ipc_cursor options, ipc__hold **hold)
{
    ipc__bytes place = {(const unsigned char *)where->as.bytes.data, where->as.bytes.length};
    if (where->kind == IPC_KIND_BIN) {
        return open_pinned(session, head, ops, place, options, hold);
    }
    ipc__object *object = NULL;
    ipc_err err = IPC_OK;
    uint32_t before = session->core->object_count;
    if (where->kind == IPC_KIND_STR) {
        err = open_named(session->core, ops, mode, place, options, &object);
    } else if (where->kind == IPC_KIND_INT) {
        err = open_sibling(session, ops, where->as.i, &object);
    } else if (where->kind == IPC_KIND_EXT) {
        err = open_referred(session, ops, place, &object);
    } else {
        err = object_new(session->core, ops, (ipc__bytes){0}, options, &object);
    }
    if (err) {
        return err;
    }
    err = hold_new(object, session, head->handle, options, NULL, hold);
    if (!err && where->kind == IPC_KIND_EXT) {
        ipc__grant_used(session, object);
    }
    if (err && session->core->object_count > before) {
        ipc__object_free(object);
    }
    return err;
}

ipc_err ipc__registry_open(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    ipc_cursor *at = &envelope->at;
    ipc__bytes type;
    uint64_t mode;
    ipc_value where;
    if (!ipc__read_str(at, &type) || !ipc__read_uint(at, &mode) || ipc_cursor_next(at, &where)) {
        return IPC_EPROTO;
    }
    ipc_cursor options = {at->at, at->end};
    bool reference = where.kind == IPC_KIND_EXT && where.as.bytes.ext == IPC_EXT_HANDLE;
    if (where.kind != IPC_KIND_STR && where.kind != IPC_KIND_BIN && where.kind != IPC_KIND_INT &&
        where.kind != IPC_KIND_NULL && !reference) {
        return IPC_EPROTO;
    }
    if (ipc_cursor_skip(at)) {
        return IPC_EPROTO;
    }
    options.end = at->at;
    if (head->handle == 0 || head->handle >= IPC__HANDLES_MAX ||
        (head->handle < session->hold_capacity && session->holds[head->handle])) {
        return IPC_EPROTO;
    }
    const ipc__object_ops *ops = find_type(type);
    if (!ops) {
        return ipc__fail(IPC_ENOTSUP, "this hub knows no type \"%.*s\"", (int)type.length, (const char *)type.data);
    }
    ipc__hold *hold;
    ipc_err err = open_hold(session, head, ops, mode, &where, options, &hold);
    if (err) {
        return err;
    }
    msgpack_packer packer = ipc__reply_begin(session, head->handle, head->seq, 1);
    if (ops->describe) {
        ops->describe(hold, &packer);
    } else {
        msgpack_pack_map(&packer, 0);
    }
    ipc__reply_end(session);
    return IPC_OK;
}

/* ---- unlink, list, look ---- */

static void tell_holders(const ipc__object *object)
{
    ipc__hold *hold;
    DL_FOREACH(object->holds, hold)
    {
        if (hold->session) {
            ipc__calls_answer_hold(hold, IPC_EDELETED);
            ipc__calls_drop(hold);
            ipc__notify_end(hold, IPC_EDELETED);
            hold->session->holds[hold->id] = NULL;
        }
    }
}

/* Delete an object under its holders: each is told, and its calls are answered. */
static void object_delete(ipc__object *object)
{
    object->deleting = true;
    tell_holders(object);
    while (object->holds) {
        ipc__hold *hold = object->holds;
        DL_DELETE(object->holds, hold);
        object->hold_count--;
        if (object->ops->detach) {
            object->ops->detach(hold, IPC__END_CLEAN, object->core->now);
        }
        free(hold); /* the lane keeps its number until the client closes it: it may just be looking */
    }
    ipc__object_free(object);
}

static void pin_free(ipc__pin *pin)
{
    ipc__core *core = pin->hold->object->core;
    ipc__timer_clear(&core->timers, &pin->expiry);
    HASH_DEL(core->pins, pin);
    if (pin->owner) {
        DL_DELETE(pin->owner->pins, pin);
        pin->owner->waiting--;
    }
    free(pin);
}

static void drop_pins_of(ipc__object *object)
{
    ipc__pin *pin;
    ipc__pin *next;
    HASH_ITER(hh, object->core->pins, pin, next)
    {
        if (pin->hold->object == object) {
            pin_free(pin);
        }
    }
}

ipc_err ipc__registry_unlink(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    ipc__bytes name;
    if (!ipc__read_str(&envelope->at, &name)) {
        return IPC_EPROTO;
    }
    ipc__object *object;
    HASH_FIND(hh, session->core->by_name, name.data, name.length, object);
    if (!object) {
        return ipc__fail(IPC_ENOENT, "nothing is named \"%.*s\"", (int)name.length, (const char *)name.data);
    }
    drop_pins_of(object);
    object_delete(object);
    ipc__reply(session, head->handle, head->seq, IPC_OK);
    return IPC_OK;
}

ipc_err ipc__registry_list(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    (void)envelope;
    ipc__core *core = session->core;
    for (ipc__object *object = core->by_name; object; object = object->hh.next) {
        refresh(object);
    }
    msgpack_packer packer = ipc__reply_begin(session, head->handle, head->seq, 1);
    msgpack_pack_array(&packer, HASH_COUNT(core->by_name));
    for (ipc__object *object = core->by_name; object; object = object->hh.next) {
        msgpack_pack_map(&packer, 4);
        ipc__pack_text(&packer, "name");
        ipc__pack_text(&packer, object->name);
        ipc__pack_text(&packer, "type");
        ipc__pack_text(&packer, object->ops->name);
        ipc__pack_uint(&packer, "size", length(object));
        ipc__pack_uint(&packer, "handles", object->hold_count);
    }
    ipc__reply_end(session);
    return IPC_OK;
}

void ipc__pack_session(msgpack_packer *packer, const ipc__session *session)
{
    ipc__pack_uint(packer, "session", session->id);
    ipc__pack_uint(packer, "pid", (uint64_t)session->pid);
    ipc__pack_text(packer, "language");
    ipc__pack_text(packer, session->language);
    ipc__pack_text(packer, "program");
    ipc__pack_text(packer, session->program);
    ipc__pack_text(packer, "lane");
    ipc__pack_text(packer, session->lane->name);
}

static void pack_holders(msgpack_packer *packer, const ipc__object *object)
{
    uint32_t count = 0;
    const ipc__hold *hold;
    DL_FOREACH(object->holds, hold)
    {
        count += hold->session != NULL;
    }
    msgpack_pack_array(packer, count);
    DL_FOREACH(object->holds, hold)
    {
        if (hold->session) {
            msgpack_pack_map(packer, IPC__SESSION_FIELDS + 1);
            ipc__pack_session(packer, hold->session);
            ipc__pack_uint(packer, "handle", hold->id);
        }
    }
}

ipc_err ipc__registry_info(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    ipc__bytes name;
    if (!ipc__read_str(&envelope->at, &name)) {
        return IPC_EPROTO;
    }
    ipc__object *object;
    HASH_FIND(hh, session->core->by_name, name.data, name.length, object);
    if (!object) {
        return ipc__fail(IPC_ENOENT, "nothing is named \"%.*s\"", (int)name.length, (const char *)name.data);
    }
    refresh(object);
    msgpack_packer packer = ipc__reply_begin(session, head->handle, head->seq, 1);
    msgpack_pack_map(&packer, 5);
    ipc__pack_text(&packer, "name");
    ipc__pack_text(&packer, object->name);
    ipc__pack_text(&packer, "type");
    ipc__pack_text(&packer, object->ops->name);
    ipc__pack_uint(&packer, "handles", object->hold_count);
    ipc__pack_text(&packer, "holders");
    pack_holders(&packer, object);
    ipc__pack_text(&packer, "state");
    object->ops->inspect(object, &packer);
    ipc__reply_end(session);
    return IPC_OK;
}

static void pack_limits(msgpack_packer *packer, const ipc_hub_options *options)
{
    msgpack_pack_map(packer, 6);
    ipc__pack_uint(packer, "sessions", options->max_sessions);
    ipc__pack_uint(packer, "objects", options->max_objects);
    ipc__pack_uint(packer, "memory", options->max_memory);
    ipc__pack_uint(packer, "message", options->max_message);
    ipc__pack_uint(packer, "name", options->max_name);
    ipc__pack_uint(packer, "waiting", options->max_waiting);
}

static uint32_t used_handles(const ipc__session *session)
{
    uint32_t count = 0;
    for (uint32_t id = 0; id < session->hold_capacity; id++) {
        count += session->holds[id] != NULL;
    }
    return count;
}

static uint32_t sessions_on(const ipc__core *core, const char *lane)
{
    uint32_t count = 0;
    const ipc__session *session;
    DL_FOREACH(core->sessions, session)
    {
        count += strcmp(session->lane->name, lane) == 0;
    }
    return count;
}

ipc_err ipc__registry_stat(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    (void)envelope;
    const ipc__core *core = session->core;
    msgpack_packer packer = ipc__reply_begin(session, head->handle, head->seq, 1);
    msgpack_pack_map(&packer, 13);
    ipc__pack_text(&packer, "version");
    ipc__pack_text(&packer, IPC_VERSION);
    ipc__pack_uint(&packer, "protocol", IPC__PROTOCOL_VERSION);
    ipc__pack_uint(&packer, "pid", (uint64_t)core->pid);
    ipc__pack_uint(&packer, "uptime_ms", (core->now - core->started) / 1000);
    ipc__pack_uint(&packer, "sessions", core->session_count);
    ipc__pack_uint(&packer, "shm_sessions", sessions_on(core, "shm"));
    ipc__pack_uint(&packer, "zmq_sessions", sessions_on(core, "zmq"));
    ipc__pack_uint(&packer, "objects", core->object_count);
    ipc__pack_uint(&packer, "memory", core->memory);
    ipc__pack_uint(&packer, "rejected", core->rejected);
    ipc__pack_uint(&packer, "refused_puts", core->refused);
    ipc__pack_text(&packer, "limits");
    pack_limits(&packer, &core->options);
    ipc__pack_text(&packer, "who");
    msgpack_pack_array(&packer, core->session_count);
    const ipc__session *each;
    DL_FOREACH(core->sessions, each)
    {
        msgpack_pack_map(&packer, IPC__SESSION_FIELDS + 2);
        ipc__pack_session(&packer, each);
        ipc__pack_uint(&packer, "handles", used_handles(each));
        ipc__pack_uint(&packer, "waiting", each->waiting);
    }
    ipc__reply_end(session);
    return IPC_OK;
}

bool ipc__core_unread(const ipc__core *core)
{
    for (ipc__object *object = core->by_name; object; object = object->hh.next) {
        if (unread(object)) {
            return true;
        }
    }
    return false;
}

/* ---- pins ---- */

static void pin_release(ipc__pin *pin)
{
    ipc__hold *hold = pin->hold;
    pin_free(pin);
    ipc__hold_end(hold, IPC__END_CLEAN);
}

static void pin_expired(ipc__timer *timer, uint64_t now)
{
    (void)now;
    pin_release((ipc__pin *)((char *)timer - offsetof(ipc__pin, expiry)));
}

ipc_err ipc__registry_pin(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    (void)envelope;
    ipc__hold *twin = head->handle < session->hold_capacity ? session->holds[head->handle] : NULL;
    if (!twin) {
        return ipc__fail_plain(IPC_EDELETED);
    }
    if (session->waiting >= session->core->options.max_waiting) {
        return ipc__fail(IPC_ELIMIT, "this session has %u calls and tickets waiting, as many as it may",
                         session->waiting);
    }
    ipc__pin *pin = calloc(1, sizeof *pin);
    if (!pin) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    ipc_err err = hold_new(twin->object, NULL, 0, (ipc_cursor){0}, twin, &pin->hold);
    if (err) {
        free(pin);
        return err;
    }
    pin->id = ++session->core->next_id;
    pin->owner = session;
    pin->expiry.fire = pin_expired;
    HASH_ADD(hh, session->core->pins, id, sizeof pin->id, pin);
    if (!pin->hh.tbl) {
        ipc__hold_end(pin->hold, IPC__END_CLEAN);
        free(pin);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    DL_APPEND(session->pins, pin);
    session->waiting++;
    msgpack_packer packer = ipc__reply_begin(session, head->handle, head->seq, 1);
    msgpack_pack_bin_with_body(&packer, &pin->id, sizeof pin->id);
    ipc__reply_end(session);
    return IPC_OK;
}

void ipc__pins_drop(ipc__session *session)
{
    while (session->pins) {
        pin_release(session->pins);
    }
}

/* ---- ends ---- */

void ipc__registry_clear(ipc__core *core)
{
    ipc__pin *pin;
    ipc__pin *next;
    HASH_ITER(hh, core->pins, pin, next)
    {
        pin_release(pin);
    }
    while (core->objects) {
        object_delete(core->objects);
    }
}
