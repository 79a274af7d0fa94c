/*
 * Tickets and references: values by which others attach to what a handle is on.
 * Touches the handle and its connection, under the connection's lock.
 */
#include "client/handle.h"
#include "util/error.h"

#include <stdlib.h>

/* ---- tickets ---- */

/* A ticket: ["libipc", version, address, type, name or nil, pin]. */
enum { TICKET_VERSION = 1, TICKET_FIELDS = 6 };

static ipc_err pack_ticket(const ipc__handle *handle, const ipc__buf *pin, ipc_msg **ticket)
{
    ipc__buf buf = {0};
    msgpack_packer packer = ipc__packer(&buf);
    const char *address = handle->conn->address.text;
    msgpack_pack_array(&packer, TICKET_FIELDS);
    msgpack_pack_str_with_body(&packer, "libipc", 6);
    msgpack_pack_int(&packer, TICKET_VERSION);
    ipc__pack_text(&packer, address);
    ipc__pack_text(&packer, handle->type);
    if (handle->name) {
        ipc__pack_text(&packer, handle->name);
    } else {
        msgpack_pack_nil(&packer);
    }
    ipc__buf_write(&buf, (const char *)pin->data, pin->length);
    ipc_err err = buf.failed ? ipc__fail_plain(IPC_ENOMEM) : ipc__msg_answer(ticket, buf.data, buf.length);
    ipc__buf_free(&buf);
    return err;
}

ipc_err ipc__handle_share(ipc__handle *handle, ipc_msg **ticket)
{
    *ticket = NULL;
    ipc_err err = ipc__handle_enter(handle);
    if (err) {
        return err;
    }
    ipc__op_begin(handle->conn, IPC__OP_PIN, handle->id, 0);
    ipc__pending pending;
    err = ipc__conn_call(handle->conn, &pending, IPC__NEVER);
    err = err ? err : pack_ticket(handle, &pending.reply, ticket);
    ipc__buf_free(&pending.reply);
    return ipc__handle_leave(handle, err);
}

/* ---- references: ext 66 around [epoch, number, type, name or nil] ---- */

enum { REFERENCE_FIELDS = 4 };

ipc_err ipc__handle_refer(ipc__handle *handle, ipc_msg **reference)
{
    *reference = NULL;
    ipc_err err = ipc__handle_enter(handle);
    if (err) {
        return err;
    }
    ipc__op_begin(handle->conn, IPC__OP_REFER, handle->id, 0);
    ipc__pending pending;
    err = ipc__conn_call(handle->conn, &pending, IPC__NEVER);
    err = err ? err : ipc__msg_answer(reference, pending.reply.data, pending.reply.length);
    ipc__buf_free(&pending.reply);
    return ipc__handle_leave(handle, err);
}

/* ---- reading either ---- */

/* What both tell of an object. */
typedef struct identity {
    ipc__bytes type;
    ipc_value name;
} identity;

static bool read_identity(ipc_cursor *at, identity *who)
{
    return ipc__read_str(at, &who->type) && ipc_cursor_next(at, &who->name) == IPC_OK &&
           (who->name.kind == IPC_KIND_STR || who->name.kind == IPC_KIND_NULL);
}

static bool read_ticket(ipc_cursor at, identity *who, ipc__bytes *address, ipc__bytes *pin)
{
    uint32_t fields;
    uint64_t version;
    ipc__bytes magic;
    return ipc__read_array(&at, &fields) && fields == TICKET_FIELDS && ipc__read_str(&at, &magic) &&
           magic.length == 6 && memcmp(magic.data, "libipc", 6) == 0 && ipc__read_uint(&at, &version) &&
           version == TICKET_VERSION && ipc__read_str(&at, address) && read_identity(&at, who) &&
           ipc__read_bin(&at, pin);
}

static bool read_reference(ipc_cursor at, identity *who, ipc__bytes *reference)
{
    ipc__bytes whole = {at.at, (size_t)(at.end - at.at)};
    ipc_value value;
    if (ipc_cursor_next(&at, &value) || value.kind != IPC_KIND_EXT || value.as.bytes.ext != IPC_EXT_HANDLE) {
        return false;
    }
    ipc_cursor_init(&at, value.as.bytes.data, value.as.bytes.length);
    uint32_t fields;
    uint64_t number;
    *reference = whole;
    return ipc__read_array(&at, &fields) && fields == REFERENCE_FIELDS && ipc__read_uint(&at, &number) &&
           ipc__read_uint(&at, &number) && read_identity(&at, who);
}

/* The connection to go by: the one that was given, or the program's own to an address. A reference. */
static ipc_err connection_to(ipc_conn **conn, ipc__bytes address)
{
    if (*conn) {
        ipc__conn_ref(*conn);
        return IPC_OK;
    }
    if (!address.data) {
        return ipc__fail(IPC_EINVAL,
                         "a reference says nothing of where its hub is: give the connection that it was read "
                         "through");
    }
    char *where = strndup((const char *)address.data, address.length);
    ipc_err err = where ? ipc__conn_shared(conn, where) : ipc__fail_plain(IPC_ENOMEM);
    free(where);
    return err;
}

ipc_err ipc__ticket_read(const ipc_msg *ticket, const char *type, ipc_conn **conn, char **name, ipc__where *where)
{
    ipc_cursor at;
    identity who;
    ipc__bytes address = {NULL, 0};
    if (!ticket || ipc_cursor_open(&at, ticket) ||
        (!read_ticket(at, &who, &address, &where->pin) && !read_reference(at, &who, &where->reference))) {
        return ipc__fail(IPC_EBADMSG, "that is no ticket or reference of this libipc");
    }
    if (who.type.length != strlen(type) || memcmp(who.type.data, type, who.type.length) != 0) {
        return ipc__fail(IPC_ETYPE, "the %s is for %s %.*s, not %s %s",
                         where->reference.length ? "reference" : "ticket",
                         who.type.length && strchr("aeiou", who.type.data[0]) ? "an" : "a", (int)who.type.length,
                         (const char *)who.type.data, ipc__article(type), type);
    }
    ipc_err err = connection_to(conn, where->reference.length ? (ipc__bytes){NULL, 0} : address);
    if (err) {
        return err;
    }
    bool named = who.name.kind == IPC_KIND_STR;
    *name = named ? strndup(who.name.as.bytes.data, who.name.as.bytes.length) : NULL;
    if (named && !*name) {
        ipc__conn_unref(*conn);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    return IPC_OK;
}
