/*
 * ipc ls: list a hub's named objects.
 * Touches one session with the hub, and standard output. One thread.
 */
#include "cli.h"
#include "json.h"
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts are borrowed from the list. */
struct text {
    const char *data;
    size_t length;
};

struct object {
    struct text name;
    struct text type;
    int64_t size;
    int64_t handles;
};

/* ---- what the hub says ---- */

static int compare_names(const void *left, const void *right)
{
    const struct text *a = &((const struct object *)left)->name;
    const struct text *b = &((const struct object *)right)->name;
    int order = memcmp(a->data, b->data, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static bool next_text(ipc_cursor *at, struct text *text)
{
    ipc_value value;
    bool good = ipc_cursor_next(at, &value) == IPC_OK && value.kind == IPC_KIND_STR;
    *text = good ? (struct text){value.as.bytes.data, value.as.bytes.length} : (struct text){0};
    return good;
}

static bool next_number(ipc_cursor *at, int64_t *number)
{
    ipc_value value;
    bool good = ipc_cursor_next(at, &value) == IPC_OK && value.kind == IPC_KIND_INT;
    *number = good ? value.as.i : 0;
    return good;
}

static bool is(const struct text *key, const char *name)
{
    return key->length == strlen(name) && memcmp(key->data, name, key->length) == 0;
}

static bool read_object(struct object *object, ipc_cursor *at)
{
    ipc_value map;
    bool good = ipc_cursor_next(at, &map) == IPC_OK && map.kind == IPC_KIND_MAP;
    for (uint32_t i = 0; good && i < map.as.count; i++) {
        struct text key;
        good = next_text(at, &key);
        if (is(&key, "name")) {
            good = good && next_text(at, &object->name);
        } else if (is(&key, "type")) {
            good = good && next_text(at, &object->type);
        } else if (is(&key, "size")) {
            good = good && next_number(at, &object->size);
        } else if (is(&key, "handles")) {
            good = good && next_number(at, &object->handles);
        } else {
            good = good && ipc_cursor_skip(at) == IPC_OK; /* a later hub's */
        }
    }
    return good && object->name.data && object->type.data;
}

/* The list's elements, sorted by name; to be freed. NULL: out of memory, or not understood. */
static struct object *read_list(const ipc_msg *list, uint32_t *count)
{
    ipc_cursor at;
    ipc_value head;
    if (ipc_cursor_open(&at, list) != IPC_OK || ipc_cursor_next(&at, &head) != IPC_OK || head.kind != IPC_KIND_ARRAY) {
        return NULL;
    }
    *count = head.as.count;
    struct object *objects = calloc(*count + 1, sizeof *objects);
    for (uint32_t i = 0; objects && i < *count; i++) {
        if (!read_object(&objects[i], &at)) {
            free(objects);
            return NULL;
        }
    }
    if (objects) {
        qsort(objects, *count, sizeof *objects, compare_names);
    }
    return objects;
}

/* ---- printing ---- */

static bool print_table(const struct object *objects, uint32_t count)
{
    table t = {.columns = 4};
    static const char *const heads[] = {"NAME", "TYPE", "SIZE", "HANDLES"};
    for (size_t i = 0; count > 0 && i < t.columns; i++) {
        table_word(&t, heads[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        table_text(&t, objects[i].name.data, objects[i].name.length);
        table_text(&t, objects[i].type.data, objects[i].type.length);
        table_number(&t, objects[i].size);
        table_number(&t, objects[i].handles);
    }
    bool good = table_print(&t);
    table_free(&t);
    return good;
}

static bool print_json(const struct object *objects, uint32_t count)
{
    msgpack_sbuffer name;
    msgpack_sbuffer_init(&name);
    bool good = true;
    for (uint32_t i = 0; good && i < count; i++) {
        name.size = 0;
        good = json_write_string(objects[i].name.data, objects[i].name.length, &name);
        if (!good) {
            break;
        }
        printf("{\"name\":%.*s,\"type\":\"%.*s\",\"size\":%" PRId64 ",\"handles\":%" PRId64 "}\n", (int)name.size,
               name.data, (int)objects[i].type.length, objects[i].type.data, objects[i].size, objects[i].handles);
    }
    msgpack_sbuffer_destroy(&name);
    return good;
}

static int print(const ipc_msg *list, bool json)
{
    uint32_t count;
    struct object *objects = read_list(list, &count);
    if (!objects) {
        cli_say("the hub's list is not understood; is the hub of another version?");
        return STATUS_ERROR;
    }
    bool good = (json ? print_json : print_table)(objects, count);
    free(objects);
    if (!good) {
        cli_say("out of memory");
        return STATUS_ERROR;
    }
    return cli_flush();
}

static int list(ipc_conn *conn, bool json)
{
    ipc_msg *list;
    ipc_err err = ipc_objects(conn, &list);
    if (err) {
        return cli_fail(err, "cannot list the objects of %s", ipc_conn_address(conn));
    }
    int status = print(list, json);
    ipc_msg_free(list);
    return status;
}

static int ls_run(int argc, char **argv)
{
    const char *address;
    bool json;
    int status = cli_look_options(argc, argv, &ls_command, &address, &json);
    if (status != STATUS_GO_ON) {
        return status;
    }
    if (optind < argc) {
        return cli_usage("\"%s\" is not expected: ls takes no names", argv[optind]);
    }
    ipc_conn *conn;
    status = cli_connect(&conn, address);
    if (status == STATUS_GO_ON) {
        status = list(conn, json);
        ipc_conn_free(conn);
    }
    return status;
}

const command ls_command = {
    .name = "ls",
    .summary = "list the objects of a hub",
    .usage = "Usage: ipc ls [OPTION...]\n"
             "List the hub's named objects: name, type, how many items can be taken or values it has,\n"
             "and how many handles are open.\n"
             "\n" CLI_ADDRESS_HELP "  -j, --json             one JSON object a line\n" CLI_HELP_HELP,
    .run = ls_run,
};
