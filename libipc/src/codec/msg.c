/*
 * Messages: packed bytes and their owner.
 * Touches nothing but memory. The count, the checked mark and the list of texts are atomic; nothing else changes.
 */
#include "codec/msg.h"

#include "codec/scan.h"
#include "util/error.h"

#include <stdlib.h>

/* bytes[] may begin inside the struct's tail padding: sizes count from here, not from sizeof. */
enum { MSG_HEAD = offsetof(ipc_msg, bytes) };

/* Bytes that are rather kept where they came than copied. */
enum { BORROW_MIN = 1024 };

/* The slack behind a built message that is worth giving back. */
enum { SLACK_MAX = 4096 };

static ipc_msg *msg_init(void *memory, size_t length)
{
    memset(memory, 0, MSG_HEAD);
    ipc_msg *msg = memory;
    atomic_init(&msg->refs, 1);
    atomic_init(&msg->checked, false);
    atomic_init(&msg->settled, NULL);
    atomic_init(&msg->texts, NULL);
    msg->data = msg->bytes;
    msg->length = length;
    return msg;
}

ipc_msg *ipc__msg_new(size_t length)
{
    ipc_msg *memory = length <= SIZE_MAX - sizeof *memory ? malloc(sizeof *memory + length) : NULL;
    return memory ? msg_init(memory, length) : NULL;
}

ipc_msg *ipc__msg_borrow(const void *bytes, size_t length, void (*release)(void *arg), void *arg)
{
    ipc_msg *memory = malloc(sizeof *memory);
    if (!memory) {
        return NULL;
    }
    ipc_msg *msg = msg_init(memory, length);
    msg->data = bytes;
    msg->release = release;
    msg->release_arg = arg;
    return msg;
}

bool ipc__msg_begin(ipc__buf *buf)
{
    if (!ipc__buf_reserve(buf, sizeof(ipc_msg))) {
        return false;
    }
    buf->length = MSG_HEAD;
    return true;
}

ipc_msg *ipc__msg_end(ipc__buf *buf)
{
    if (buf->failed) {
        ipc__buf_free(buf);
        return NULL;
    }
    ipc_msg *memory = (ipc_msg *)(void *)buf->data;
    size_t length = buf->length - MSG_HEAD;
    if (buf->capacity - buf->length > SLACK_MAX) {
        ipc_msg *smaller = realloc(memory, sizeof *memory + length);
        memory = smaller ? smaller : memory;
    }
    *buf = (ipc__buf){0};
    return msg_init(memory, length);
}

ipc_err ipc_msg_from_bytes(ipc_msg **out, const void *bytes, size_t length)
{
    if (!out || (!bytes && length > 0)) {
        return ipc__fail(IPC_EINVAL, "ipc_msg_from_bytes: out or bytes is NULL");
    }
    *out = NULL;
    ipc_msg *msg = ipc__msg_new(length);
    if (!msg) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    if (length > 0) {
        memcpy(msg->bytes, bytes, length);
    }
    /* The copy is checked, not the original: what is checked can't change any more. */
    ipc_err err = ipc__msg_ensure(msg);
    if (err) {
        ipc_msg_free(msg);
        return err;
    }
    *out = msg;
    return IPC_OK;
}

/* A message that is no good is freed. */
static ipc_err check_within(ipc_msg **msg, ipc_value_limits limits)
{
    ipc_err err = ipc__scan_within((*msg)->data, (*msg)->length, limits);
    if (err) {
        ipc_msg_free(*msg);
        *msg = NULL;
        return err;
    }
    atomic_store_explicit(&(*msg)->checked, true, memory_order_relaxed);
    return IPC_OK;
}

ipc_err ipc__msg_answer(ipc_msg **out, const void *bytes, size_t length)
{
    *out = ipc__msg_new(length);
    if (!*out) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    if (length > 0) {
        memcpy((*out)->bytes, bytes, length);
    }
    return check_within(out, (ipc_value_limits)IPC_VALUE_LIMITS_INIT);
}

static void give_up_block(void *block)
{
    ipc__block_unref(block);
}

ipc_err ipc__msg_result(ipc_msg **out, ipc__bytes value, ipc__block *block)
{
    ipc_value_limits limits = ipc_get_value_limits();
    limits.max_depth += IPC__DEPTH_EXTRA;
    if (value.length <= BORROW_MIN) {
        *out = ipc__msg_new(value.length);
        if (*out) {
            memcpy((*out)->bytes, value.data, value.length);
        }
        ipc__block_unref(block);
    } else {
        *out = ipc__msg_borrow(value.data, value.length, give_up_block, block);
        if (!*out) {
            ipc__block_unref(block);
        }
    }
    return *out ? check_within(out, limits) : ipc__fail_plain(IPC_ENOMEM);
}

/* Copy what others may still write. False: out of memory. */
static bool settle(const ipc_msg *msg)
{
    unsigned char *none = NULL;
    unsigned char *copy = malloc(msg->length + 1);
    if (!copy) {
        return false;
    }
    memcpy(copy, msg->data, msg->length);
    if (!atomic_compare_exchange_strong(&((ipc_msg *)(uintptr_t)msg)->settled, &none, copy)) {
        free(copy); /* another thread was faster */
    }
    return true;
}

ipc_err ipc__msg_ensure(const ipc_msg *msg)
{
    if (atomic_load_explicit(&msg->checked, memory_order_relaxed)) {
        return IPC_OK;
    }
    if (msg->shared && !settle(msg)) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    ipc_err err = ipc__scan(ipc__msg_data(msg), msg->length);
    if (!err) {
        /* Every message is allocated, none is a const object: the mark may be set through a const pointer. */
        atomic_store_explicit(&((ipc_msg *)msg)->checked, true, memory_order_relaxed);
    }
    return err;
}

const char *ipc__msg_text(const ipc_msg *msg, const char *data, size_t length)
{
    ipc__text *head = atomic_load_explicit(&msg->texts, memory_order_acquire);
    for (ipc__text *text = head; text; text = text->next) {
        if (text->of == data) {
            return text->copy;
        }
    }
    ipc__text *text = malloc(sizeof *text + length + 1);
    if (!text) {
        return NULL;
    }
    text->of = data;
    memcpy(text->copy, data, length);
    text->copy[length] = '\0';
    _Atomic(ipc__text *) *texts = &((ipc_msg *)msg)->texts;
    do {
        text->next = head;
    } while (!atomic_compare_exchange_weak_explicit(texts, &head, text, memory_order_release, memory_order_acquire));
    return text->copy;
}

const void *ipc_msg_bytes(const ipc_msg *msg, size_t *length)
{
    if (length) {
        *length = msg ? msg->length : 0;
    }
    return msg ? msg->data : NULL;
}

bool ipc_msg_late(const ipc_msg *msg)
{
    return msg && msg->late;
}

unsigned ipc_msg_attempt(const ipc_msg *msg)
{
    return msg ? msg->attempt : 0;
}

ipc_msg *ipc_msg_ref(ipc_msg *msg)
{
    if (msg) {
        atomic_fetch_add_explicit(&msg->refs, 1, memory_order_relaxed);
    }
    return msg;
}

void ipc_msg_free(ipc_msg *msg)
{
    if (!msg || atomic_fetch_sub_explicit(&msg->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    ipc__text *text = atomic_load_explicit(&msg->texts, memory_order_relaxed);
    while (text) {
        ipc__text *next = text->next;
        free(text);
        text = next;
    }
    free(atomic_load_explicit(&msg->settled, memory_order_relaxed));
    if (msg->release) {
        msg->release(msg->release_arg);
    }
    free(msg);
}
