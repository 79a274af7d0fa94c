/*
 * What tests of containers share: values as text, both ways, and methods that are checked by them.
 * Touches the handles that it is given. Any thread; those that check, as support/check.h says.
 */
#ifndef CONTAINERS_H
#define CONTAINERS_H

#include "support/lane.h"

/*
 * A value of a text: null true false 1 -2 2.5 nan inf "text" b"bytes" [a, b] {key: value}. Numbers with a point are floats, beyond
 * 64 bits they are not; nothing in quotes has a quote in it. Free it.
 */
ipc_msg *value(const char *text);

/* A message says this, without regard to blanks; it is freed. Extensions are written <type>. */
void check_value(ipc_msg *msg, const char *text, const char *file, int line);
#define CHECK_VALUE(msg, text) check_value((msg), (text), __FILE__, __LINE__)

#define INVOKE(object, method, arguments, out)                                                                         \
    _Generic((object), ipc_dict *                                                                                      \
             : ipc_dict_invoke, ipc_list *                                                                             \
             : ipc_list_invoke, ipc_array *                                                                            \
             : ipc_array_invoke)((object), (method), (arguments), (out))

/* A method with these arguments gives that; or fails. */
#define GIVES(object, method, arguments, expected)                                                                     \
    do {                                                                                                               \
        ipc_msg *gives_in = value(arguments);                                                                          \
        ipc_msg *gives_out;                                                                                            \
        check_err(INVOKE((object), IPC_METHOD_##method, gives_in, &gives_out), IPC_OK, #method, __FILE__, __LINE__);   \
        ipc_msg_free(gives_in);                                                                                        \
        CHECK_VALUE(gives_out, (expected));                                                                            \
    } while (0)
#define FAILS(object, method, arguments, code, words)                                                                  \
    do {                                                                                                               \
        ipc_msg *fails_in = value(arguments);                                                                          \
        ipc_msg *fails_out;                                                                                            \
        check_err(INVOKE((object), IPC_METHOD_##method, fails_in, &fails_out), (code), #method, __FILE__, __LINE__);   \
        CHECK_WORDS(words);                                                                                            \
        CHECK(fails_out == NULL);                                                                                      \
        ipc_msg_free(fails_in);                                                                                        \
    } while (0)

/* Open them; the test fails where that fails. */
ipc_dict *dict_of(ipc_conn *conn, const char *name);
ipc_list *list_of(ipc_conn *conn, const char *name, const char *values);
ipc_array *array_of(ipc_conn *conn, const char *name, char typecode, uint64_t length);

/* What ipc_stat() says of a number. */
uint64_t hub_number(ipc_conn *conn, const char *what);

/* Bytes, so many, as one value. Free it. */
ipc_msg *bytes_of(size_t size, char fill);

/* A place of the kind that another one is, of a hub with other options. */
place *place_like(const place *other, const ipc_hub_options *options);

#endif
