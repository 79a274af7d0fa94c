/*
 * References: handles as values of containers, what they keep alive, and when that ends.
 * Touches hubs of its own for every test.
 */
#include "containers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* What a test stores things in: it has a name, so it stays. */
struct shelf {
    ipc_conn *conn;
    ipc_dict *dict;
};

static struct shelf shelf_of(const place *where)
{
    struct shelf self = {.conn = connect_to(where)};
    self.dict = dict_of(self.conn, "shelf");
    return self;
}

static void shelf_leave(struct shelf *self)
{
    ipc_dict_free(self->dict);
    ipc_conn_free(self->conn);
}

static void store(const struct shelf *self, const char *key, ipc_msg *reference)
{
    CHECK_OK(ipc_dict_set(self->dict, key, reference));
    ipc_msg_free(reference);
}

static ipc_msg *reference_of(ipc_list *list)
{
    ipc_msg *reference;
    CHECK_OK(ipc_list_refer(list, &reference));
    return reference;
}

/* A list without a name that has one value and lies on the shelf alone. */
static void shelve_list(const struct shelf *self, const char *key)
{
    ipc_list *list = list_of(self->conn, NULL, "[1]");
    store(self, key, reference_of(list));
    ipc_list_free(list);
}

static ipc_msg *read_at(const struct shelf *self, const char *key)
{
    ipc_msg *msg;
    CHECK_OK(ipc_dict_get(self->dict, key, &msg));
    return msg;
}

static ipc_list *attach_list(ipc_conn *conn, ipc_msg *reference)
{
    ipc_list *list;
    CHECK_OK(ipc_list_attach(&list, conn, reference));
    ipc_msg_free(reference);
    return list;
}

static void expect_all(ipc_list *list, const char *text)
{
    ipc_msg *all;
    CHECK_OK(ipc_list_slice(list, IPC_OMITTED, IPC_OMITTED, 1, &all));
    CHECK_VALUE(all, text);
}

/* Counted when everything sent before has been done. */
static uint64_t objects_of(ipc_conn *conn)
{
    return hub_number(conn, "objects");
}

/* ---- living things ---- */

static void test_reference__a_list_in_a_dict_is_live(void **state)
{
    struct shelf mine = shelf_of(*state);
    struct shelf theirs = shelf_of(*state);
    ipc_list *list = list_of(mine.conn, NULL, "[1]");
    store(&mine, "list", reference_of(list));
    GIVES(mine.dict, COPY, "[]", "{\"list\": <66>}");
    ipc_list *same = attach_list(theirs.conn, read_at(&theirs, "list"));
    CHECK(ipc_list_name(same) == NULL);
    ipc_msg *two = value("2");
    CHECK_OK(ipc_list_append(same, two));
    ipc_msg_free(two);
    expect_all(list, "[1, 2]");
    ipc_list_free(list);
    ipc_list_free(same);
    CHECK_INT(objects_of(mine.conn), 2); /* nobody has it open: the dict has it */
    list = attach_list(mine.conn, read_at(&mine, "list"));
    expect_all(list, "[1, 2]");
    ipc_list_free(list);
    shelf_leave(&mine);
    shelf_leave(&theirs);
}

static void test_reference__of_every_type(void **state)
{
    struct shelf self = shelf_of(*state);
    ipc_conn *conn = self.conn;
    ipc_msg *ref;
#define SHELVE(type, open)                                                                                             \
    do {                                                                                                               \
        ipc_##type *it;                                                                                                \
        CHECK_OK(open);                                                                                                \
        CHECK_OK(ipc_##type##_refer(it, &ref));                                                                        \
        store(&self, #type, ref);                                                                                      \
        ipc_##type##_free(it);                                                                                         \
        ref = read_at(&self, #type);                                                                                   \
        CHECK_OK(ipc_##type##_attach(&it, conn, ref));                                                                 \
        ipc_msg_free(ref);                                                                                             \
        CHECK(ipc_##type##_name(it) == NULL);                                                                          \
        ipc_##type##_free(it);                                                                                         \
    } while (0)
    ipc_array_options array = IPC_ARRAY_OPTIONS_INIT;
    array.typecode = 'd';
    array.scalar = true;
    ipc_barrier_options barrier = IPC_BARRIER_OPTIONS_INIT;
    barrier.parties = 2;
    ipc_lock_options lock = IPC_LOCK_OPTIONS_INIT;
    lock.recursive = true;
    ipc_dict_options names = IPC_DICT_OPTIONS_INIT;
    names.names = true;
    SHELVE(queue, ipc_queue_open(&it, conn, NULL, NULL));
    SHELVE(lock, ipc_lock_open(&it, conn, NULL, NULL));
    SHELVE(lock, ipc_lock_open(&it, conn, NULL, &lock));
    SHELVE(semaphore, ipc_semaphore_open(&it, conn, NULL, NULL));
    SHELVE(event, ipc_event_open(&it, conn, NULL, NULL));
    SHELVE(condition, ipc_condition_open(&it, conn, NULL, NULL));
    SHELVE(barrier, ipc_barrier_open(&it, conn, NULL, &barrier));
    SHELVE(dict, ipc_dict_open(&it, conn, NULL, NULL));
    SHELVE(dict, ipc_dict_open(&it, conn, NULL, &names));
    SHELVE(list, ipc_list_open(&it, conn, NULL, NULL));
    SHELVE(array, ipc_array_open(&it, conn, NULL, &array));
#undef SHELVE
    CHECK_INT(objects_of(conn), 10); /* those that were replaced have gone */
    CHECK_OK(ipc_dict_clear(self.dict));
    CHECK_INT(objects_of(conn), 1);
    shelf_leave(&self);
}

static void test_reference__a_queue_and_a_lock_keep_what_they_have(void **state)
{
    struct shelf mine = shelf_of(*state);
    struct shelf theirs = shelf_of(*state);
    ipc_queue *queue;
    ipc_lock *lock;
    ipc_msg *msg;
    CHECK_OK(ipc_queue_open(&queue, mine.conn, NULL, NULL));
    CHECK_OK(ipc_queue_refer(queue, &msg));
    store(&mine, "queue", msg);
    msg = value("7");
    CHECK_OK(ipc_queue_put(queue, msg, IPC_FOREVER));
    CHECK_OK(ipc_queue_flush(queue, DEADLINE_MS));
    ipc_msg_free(msg);
    ipc_queue_free(queue);
    msg = read_at(&theirs, "queue");
    CHECK_OK(ipc_queue_attach(&queue, theirs.conn, msg));
    ipc_msg_free(msg);
    CHECK_OK(ipc_queue_get(queue, DEADLINE_MS, &msg));
    CHECK_VALUE(msg, "7");
    CHECK_OK(ipc_lock_open(&lock, mine.conn, NULL, NULL));
    CHECK_OK(ipc_lock_refer(lock, &msg));
    store(&mine, "lock", msg);
    CHECK_OK(ipc_lock_acquire(lock, 0, NULL));
    ipc_lock_free(lock);
    msg = read_at(&theirs, "lock");
    CHECK_OK(ipc_lock_attach(&lock, theirs.conn, msg));
    ipc_msg_free(msg);
    CHECK_ERR(ipc_lock_acquire(lock, 0, NULL), IPC_ETIMEOUT); /* the other session has it */
    ipc_conn_close(mine.conn);
    CHECK_OK(ipc_lock_acquire(lock, DEADLINE_MS, NULL));
    CHECK_OK(ipc_lock_release(lock));
    ipc_lock_free(lock);
    ipc_queue_free(queue);
    shelf_leave(&mine);
    shelf_leave(&theirs);
}

static void test_reference__deep_inside_a_value(void **state)
{
    struct shelf self = shelf_of(*state);
    ipc_list *list = list_of(self.conn, NULL, "[1]");
    ipc_msg *ref = reference_of(list);
    ipc_msg *deep;
    CHECK_OK(ipc_pack(&deep, "{s:[i,{s:v}],s:v}", "a", 1, "b", ref, "c", ref));
    ipc_msg_free(ref);
    store(&self, "deep", deep);
    ipc_list_free(list);
    CHECK_INT(objects_of(self.conn), 2);
    deep = read_at(&self, "deep");
    CHECK_OK(ipc_unpack(deep, "{s:v}", "c", &ref));
    ipc_msg_free(deep);
    list = attach_list(self.conn, ref);
    expect_all(list, "[1]");
    CHECK_OK(ipc_dict_delete(self.dict, "deep"));
    CHECK_INT(objects_of(self.conn), 2); /* its handle */
    ipc_list_free(list);
    /* It was told of twice, and opened once: it may be opened again, for a minute or as long as this session. */
    CHECK_INT(objects_of(self.conn), 2);
    shelf_leave(&self);
    self = shelf_of(*state);
    CHECK_INT(objects_of(self.conn), 1);
    shelf_leave(&self);
}

/* ---- what lets them go ---- */

static void test_reference__what_is_stored_no_more_goes(void **state)
{
    struct shelf self = shelf_of(*state);
    shelve_list(&self, "a");
    shelve_list(&self, "b");
    CHECK_INT(objects_of(self.conn), 3);
    GIVES(self.dict, SET, "[\"a\", 1]", "null"); /* replaced */
    CHECK_INT(objects_of(self.conn), 2);
    CHECK_OK(ipc_dict_delete(self.dict, "b"));
    CHECK_INT(objects_of(self.conn), 1);
    shelve_list(&self, "a");
    shelve_list(&self, "b");
    ipc_list *list = list_of(self.conn, "list", "[]");
    ipc_msg *ref;
    for (int i = 0; i < 5; i++) {
        ipc_list *one = list_of(self.conn, NULL, "[1]");
        ref = reference_of(one);
        CHECK_OK(ipc_list_append(list, ref));
        ipc_msg_free(ref);
        ipc_list_free(one);
    }
    GIVES(list, REPEAT, "[2]", "null");
    CHECK_INT(objects_of(self.conn), 9);
    CHECK_OK(ipc_list_delete_slice(list, IPC_OMITTED, IPC_OMITTED, 2));
    CHECK_INT(objects_of(self.conn), 9); /* each is there twice, at an even and an odd place */
    CHECK_OK(ipc_list_delete_slice(list, 0, 2, 1));
    CHECK_INT(objects_of(self.conn), 7);
    GIVES(list, SET_SLICE, "[0, 2, 1, [1, 2]]", "null");
    CHECK_INT(objects_of(self.conn), 5);
    CHECK_OK(ipc_unlink(self.conn, "list"));
    CHECK_INT(objects_of(self.conn), 3);
    CHECK_OK(ipc_dict_clear(self.dict));
    CHECK_INT(objects_of(self.conn), 1);
    ipc_list_free(list);
    shelf_leave(&self);
}

/* What a session has of an object goes with it, though the session stays. */
static void test_reference__what_is_held_goes_with_its_object(void **state)
{
    struct shelf self = shelf_of(*state);
    ipc_queue_options joinable = IPC_QUEUE_OPTIONS_INIT;
    joinable.joinable = true;
    ipc_lock *lock;
    ipc_semaphore *semaphore;
    ipc_queue *queue;
    ipc_msg *msg;
    CHECK_OK(ipc_lock_open(&lock, self.conn, NULL, NULL));
    CHECK_OK(ipc_semaphore_open(&semaphore, self.conn, NULL, NULL));
    CHECK_OK(ipc_queue_open(&queue, self.conn, NULL, &joinable));
    ipc_array *array = array_of(self.conn, NULL, 'd', 1);
    CHECK_OK(ipc_lock_refer(lock, &msg));
    store(&self, "lock", msg);
    CHECK_OK(ipc_semaphore_refer(semaphore, &msg));
    store(&self, "semaphore", msg);
    CHECK_OK(ipc_queue_refer(queue, &msg));
    store(&self, "queue", msg);
    CHECK_OK(ipc_array_refer(array, &msg));
    store(&self, "array", msg);
    CHECK_OK(ipc_lock_acquire(lock, 0, NULL));
    CHECK_OK(ipc_semaphore_acquire(semaphore, 0));
    CHECK_OK(ipc_array_acquire(array, 0, NULL));
    msg = value("1");
    CHECK_OK(ipc_queue_put(queue, msg, IPC_FOREVER));
    ipc_msg_free(msg);
    CHECK_OK(ipc_queue_get(queue, DEADLINE_MS, &msg));
    ipc_msg_free(msg);
    ipc_lock_free(lock);
    ipc_semaphore_free(semaphore);
    ipc_queue_free(queue);
    ipc_array_free(array);
    CHECK_INT(objects_of(self.conn), 5);
    CHECK_OK(ipc_dict_clear(self.dict));
    CHECK_INT(objects_of(self.conn), 1);
    shelf_leave(&self);
    self = shelf_of(*state); /* the hub has survived the session's end */
    CHECK_INT(objects_of(self.conn), 1);
    shelf_leave(&self);
}

static void test_reference__a_chain_goes_at_once(void **state)
{
    enum { LONG = 2000 };
    struct shelf self = shelf_of(*state);
    ipc_list *inner = list_of(self.conn, NULL, "[]");
    for (int i = 1; i < LONG; i++) {
        ipc_list *outer = list_of(self.conn, NULL, "[]");
        ipc_msg *ref = reference_of(inner);
        CHECK_OK(ipc_list_append(outer, ref));
        ipc_msg_free(ref);
        ipc_list_free(inner);
        inner = outer;
    }
    store(&self, "chain", reference_of(inner));
    ipc_list_free(inner);
    CHECK_INT(objects_of(self.conn), 1 + LONG);
    CHECK_OK(ipc_dict_delete(self.dict, "chain"));
    CHECK_INT(objects_of(self.conn), 1);
    shelf_leave(&self);
}

static void test_reference__cycles_are_collected(void **state)
{
    struct shelf self = shelf_of(*state);
    ipc_list *alone = list_of(self.conn, NULL, "[]");
    ipc_msg *ref = reference_of(alone);
    CHECK_OK(ipc_list_append(alone, ref)); /* of itself */
    ipc_msg_free(ref);
    ipc_list *three[3];
    for (int i = 0; i < 3; i++) {
        three[i] = list_of(self.conn, NULL, "[]");
    }
    for (int i = 0; i < 3; i++) {
        ref = reference_of(three[(i + 1) % 3]);
        CHECK_OK(ipc_list_append(three[i], ref));
        ipc_msg_free(ref);
    }
    store(&self, "three", reference_of(three[0]));
    ipc_list_free(alone);
    for (int i = 0; i < 3; i++) {
        ipc_list_free(three[i]);
    }
    EVENTUALLY(objects_of(self.conn) == 4); /* the one alone */
    ipc_list *first = attach_list(self.conn, read_at(&self, "three"));
    CHECK_OK(ipc_list_get(first, 0, &ref)); /* the others are as they were */
    ipc_list *second = attach_list(self.conn, ref);
    CHECK_OK(ipc_dict_delete(self.dict, "three"));
    ipc_list_free(first);
    ipc_list_free(second);
    EVENTUALLY(objects_of(self.conn) == 1);
    shelf_leave(&self);
}

/* What a cycle holds beside itself goes with it, and what somebody else holds stays. */
static void test_reference__what_a_cycle_held(void **state)
{
    struct shelf self = shelf_of(*state);
    ipc_list *cycle = list_of(self.conn, NULL, "[]");
    ipc_list *kept = list_of(self.conn, NULL, "[\"kept\"]");
    ipc_list *dropped = list_of(self.conn, NULL, "[\"dropped\"]");
    ipc_list *const all[] = {cycle, kept, dropped};
    for (int i = 0; i < 3; i++) {
        ipc_msg *ref = reference_of(all[i]);
        CHECK_OK(ipc_list_append(cycle, ref));
        ipc_msg_free(ref);
    }
    store(&self, "kept", reference_of(kept));
    for (int i = 0; i < 3; i++) {
        ipc_list_free(all[i]);
    }
    EVENTUALLY(objects_of(self.conn) == 2);
    kept = attach_list(self.conn, read_at(&self, "kept"));
    expect_all(kept, "[\"kept\"]");
    ipc_list_free(kept);
    shelf_leave(&self);
}

/* ---- what was read may still be opened ---- */

static void test_reference__what_was_read_can_be_opened_after_its_deletion(void **state)
{
    struct shelf mine = shelf_of(*state);
    struct shelf theirs = shelf_of(*state);
    shelve_list(&mine, "list");
    ipc_msg *ref = read_at(&theirs, "list");
    CHECK_OK(ipc_dict_delete(mine.dict, "list"));
    CHECK_INT(objects_of(mine.conn), 2);
    ipc_list *list = attach_list(theirs.conn, ref);
    expect_all(list, "[1]");
    ipc_list_free(list);
    CHECK_OK(ipc_conn_flush(theirs.conn, DEADLINE_MS));
    CHECK_INT(objects_of(mine.conn), 1);
    shelve_list(&mine, "list");
    ref = read_at(&theirs, "list"); /* never opened: its session ends */
    CHECK_OK(ipc_dict_delete(mine.dict, "list"));
    CHECK_INT(objects_of(mine.conn), 2);
    shelf_leave(&theirs);
    CHECK_INT(objects_of(mine.conn), 1);
    ipc_list *none;
    CHECK_ERR(ipc_list_attach(&none, mine.conn, ref), IPC_ENOENT);
    CHECK_WORDS("the list that a reference stands for is gone");
    CHECK(none == NULL);
    ipc_msg_free(ref);
    shelf_leave(&mine);
}

static void test_reference__pop_gives_a_live_handle(void **state)
{
    struct shelf self = shelf_of(*state);
    ipc_list *list = list_of(self.conn, NULL, "[]");
    ipc_msg *ref;
    shelve_list(&self, "a");
    CHECK_OK(ipc_dict_pop(self.dict, "a", &ref));
    ipc_list *popped = attach_list(self.conn, ref);
    expect_all(popped, "[1]");
    ref = reference_of(popped);
    CHECK_OK(ipc_list_append(list, ref));
    ipc_msg_free(ref);
    ipc_list_free(popped);
    CHECK_OK(ipc_list_pop(list, -1, &ref));
    popped = attach_list(self.conn, ref);
    expect_all(popped, "[1]");
    ipc_list_free(popped);
    CHECK_INT(objects_of(self.conn), 2);
    shelve_list(&self, "b");
    CHECK_OK(ipc_dict_invoke(self.dict, IPC_METHOD_POP_ITEM, NULL, &ref));
    ipc_msg *item;
    CHECK_OK(ipc_unpack(ref, "[s,v]", &(const char *){NULL}, &item));
    ipc_msg_free(ref);
    popped = attach_list(self.conn, item);
    expect_all(popped, "[1]");
    ipc_list_free(popped);
    ipc_list_free(list);
    CHECK_OK(ipc_conn_flush(self.conn, DEADLINE_MS));
    CHECK_INT(objects_of(self.conn), 1);
    shelf_leave(&self);
}

/* ---- what leads nowhere ---- */

static void test_reference__of_another_hub(void **state)
{
    const place *where = *state;
    struct shelf self = shelf_of(where);
    place *elsewhere = place_open(where->which, NULL);
    ipc_conn *far = connect_to(elsewhere);
    ipc_list *list = list_of(far, "list", "[1]");
    ipc_msg *ref = reference_of(list);
    CHECK_ERR(ipc_dict_set(self.dict, "list", ref), IPC_ENOENT);
    CHECK_WORDS("is gone, or of another hub");
    ipc_list *none;
    CHECK_ERR(ipc_list_attach(&none, self.conn, ref), IPC_ENOENT);
    CHECK_ERR(ipc_list_attach(&none, NULL, ref), IPC_EINVAL);
    CHECK_WORDS("give the connection that it was read through");
    ipc_dict *dict;
    CHECK_ERR(ipc_dict_attach(&dict, far, ref), IPC_ETYPE);
    CHECK_WORDS("the reference is for a list, not a dict");
    ipc_msg *several;
    CHECK_OK(ipc_pack(&several, "{s:i,s:v}", "a", 1, "b", ref));
    CHECK_ERR(ipc_dict_update(self.dict, several), IPC_ENOENT);
    GIVES(self.dict, COPY, "[]", "{}"); /* all, or nothing */
    CHECK_INT(hub_number(self.conn, "memory"), 0);
    ipc_msg_free(several);
    ipc_msg_free(ref);
    ipc_list_free(list);
    ipc_conn_free(far);
    place_close(elsewhere);
    shelf_leave(&self);
}

static void test_reference__to_what_was_unlinked(void **state)
{
    struct shelf self = shelf_of(*state);
    ipc_list *list = list_of(self.conn, "list", "[1]");
    ipc_msg *ref = reference_of(list);
    CHECK_OK(ipc_dict_set(self.dict, "list", ref));
    CHECK_OK(ipc_unlink(self.conn, "list"));
    ipc_msg *stored = read_at(&self, "list"); /* it stays where it is */
    ipc_list *none;
    CHECK_ERR(ipc_list_attach(&none, self.conn, stored), IPC_ENOENT);
    ipc_list *anew = list_of(self.conn, "list", "[2]");
    CHECK_ERR(ipc_list_attach(&none, self.conn, stored), IPC_ENOENT); /* another of that name is another one */
    CHECK_ERR(ipc_dict_set(self.dict, "again", stored), IPC_ENOENT);
    CHECK_OK(ipc_dict_delete(self.dict, "list"));
    ipc_msg_free(stored);
    ipc_msg_free(ref);
    ipc_list_free(anew);
    ipc_list_free(list);
    shelf_leave(&self);
}

static void test_reference__what_is_none(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        ipc_err err;
    } rows[] = {
        {"\xd4\x42\x00", 3, IPC_EBADMSG},                        /* no array */
        {"\xc7\x00\x42", 3, IPC_EBADMSG},                        /* nothing */
        {"\xd6\x42\x93\x01\x02\xa0", 6, IPC_EBADMSG},            /* too few */
        {"\xd6\x42\x94\x01\x02\x03", 6, IPC_EBADMSG},            /* no type */
        {"\xc7\x06\x42\x94\x01\x02\xa1\xff\xc0", 9, IPC_ENOENT}, /* of nobody's, with words that are not UTF-8 */
        {"\xc7\x05\x42\x94\x01\x02\xa0\xc0", 8, IPC_ENOENT},
    };
    struct shelf self = shelf_of(*state);
    ipc_pipe *a;
    ipc_pipe *b;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ipc_msg *msg;
        CHECK_OK(ipc_msg_from_bytes(&msg, rows[i].bytes, rows[i].length));
        CHECK_ERR(ipc_dict_set(self.dict, "x", msg), rows[i].err);
        CHECK_WORDS("reference");
        ipc_msg *words;
        CHECK_OK(ipc_pack(&words, "s", ipc_last_error())); /* they are a text, whatever is in the reference */
        ipc_msg_free(words);
        ipc_list *none;
        CHECK(ipc_list_attach(&none, self.conn, msg) != IPC_OK);
        ipc_msg_free(msg);
    }
    GIVES(self.dict, LENGTH, "[]", "0");
    CHECK_OK(ipc_pipe_pair(&a, &b, self.conn, NULL));
    /* A pipe's end is more than its object: there is no function that would refer to it. Its ticket is a value like others. */
    ipc_msg *ticket;
    CHECK_OK(ipc_pipe_share(b, &ticket));
    ipc_pipe_free(b);
    store(&self, "end", ticket);
    ticket = read_at(&self, "end");
    CHECK_OK(ipc_pipe_attach(&b, self.conn, ticket));
    ipc_msg_free(ticket);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    shelf_leave(&self);
}

/* Another session's handle on an object without a name cannot be told from none, once all is closed. */
static void test_reference__it_keeps_nothing_alive_before_it_is_stored(void **state)
{
    struct shelf self = shelf_of(*state);
    ipc_list *list = list_of(self.conn, NULL, "[1]");
    ipc_msg *ref = reference_of(list);
    ipc_list_free(list);
    CHECK_ERR(ipc_dict_set(self.dict, "x", ref), IPC_ENOENT);
    CHECK_ERR(ipc_list_attach(&list, self.conn, ref), IPC_ENOENT);
    ipc_msg_free(ref);
    shelf_leave(&self);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_reference__a_list_in_a_dict_is_live),
        ON_EVERY_LANE(test_reference__of_every_type),
        ON_EVERY_LANE(test_reference__a_queue_and_a_lock_keep_what_they_have),
        ON_EVERY_LANE(test_reference__deep_inside_a_value),
        ON_LANE(test_reference__what_is_stored_no_more_goes, inproc),
        ON_EVERY_LANE(test_reference__what_is_held_goes_with_its_object),
        ON_LANE(test_reference__a_chain_goes_at_once, inproc),
        ON_EVERY_LANE(test_reference__cycles_are_collected),
        ON_LANE(test_reference__what_a_cycle_held, inproc),
        ON_EVERY_LANE(test_reference__what_was_read_can_be_opened_after_its_deletion),
        ON_EVERY_LANE(test_reference__pop_gives_a_live_handle),
        ON_EVERY_LANE(test_reference__of_another_hub),
        ON_EVERY_LANE(test_reference__to_what_was_unlinked),
        ON_EVERY_LANE(test_reference__what_is_none),
        ON_LANE(test_reference__it_keeps_nothing_alive_before_it_is_stored, inproc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
