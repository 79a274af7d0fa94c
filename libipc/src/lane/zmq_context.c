/*
 * The process's ZeroMQ context, and blocks around ZeroMQ messages.
 * Touches ZeroMQ. The context has a lock of its own; a forked child forgets its parent's.
 */
#include "lane/zmq_context.h"

#include "lane/zmq_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#ifdef __SANITIZE_THREAD__
/* libzmq is not instrumented: what it hands from thread to thread is told here. */
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static char handed_over;
#define HANDS_OVER() __tsan_release(&handed_over)
#define IS_HANDED() __tsan_acquire(&handed_over)
#else
#define HANDS_OVER() ((void)0)
#define IS_HANDED() ((void)0)
#endif

/* One context begins or ends at a time: libraries below libzmq cannot do both at once. Taken before lock. */
static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *context;
static unsigned users;

void *ipc__zmq_context_acquire(void)
{
    pthread_mutex_lock(&life);
    pthread_mutex_lock(&lock);
    if (!context) {
        context = zmq_ctx_new();
        if (context) {
            zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 65000);
        }
    }
    void *result = context;
    users += result != NULL;
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&life);
    return result;
}

void ipc__zmq_context_release(void)
{
    void *dead = NULL;
    pthread_mutex_lock(&life);
    pthread_mutex_lock(&lock);
    if (--users == 0) {
        dead = context;
        context = NULL;
    }
    pthread_mutex_unlock(&lock);
    while (dead && zmq_ctx_term(dead) != 0 && errno == EINTR) {
    }
    if (dead) {
        ipc__zmq_pool_clear();
    }
    pthread_mutex_unlock(&life);
}

void ipc__zmq_context_before_fork(void)
{
    pthread_mutex_lock(&life);
    pthread_mutex_lock(&lock);
}

void ipc__zmq_context_after_fork(bool child)
{
    if (child) {
        context = NULL; /* its threads are the parent's: it can only be forgotten */
        users = 0;
    }
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&life);
}

/* ---- receiving ---- */

struct zmq_block {
    ipc__block base;
    zmq_msg_t message;
};

static void zmq_block_release(ipc__block *base)
{
    struct zmq_block *block = (struct zmq_block *)base;
    zmq_msg_close(&block->message);
    free(block);
}

/* One frame. NULL with errno. */
static ipc__block *receive_frame(void *socket, bool *more)
{
    struct zmq_block *block = malloc(sizeof *block);
    if (!block) {
        errno = ENOMEM;
        return NULL;
    }
    zmq_msg_init(&block->message);
    int result;
    do {
        result = zmq_msg_recv(&block->message, socket, ZMQ_DONTWAIT);
    } while (result < 0 && errno == EINTR);
    if (result < 0) {
        free(block);
        return NULL;
    }
    IS_HANDED();
    *more = zmq_msg_more(&block->message);
    atomic_init(&block->base.refs, 1);
    block->base.data = zmq_msg_data(&block->message);
    block->base.length = zmq_msg_size(&block->message);
    block->base.release = zmq_block_release;
    return &block->base;
}

/* Drop what is left of a message, so that the next frame is the next message's first. */
static void drain(void *socket)
{
    zmq_msg_t rest;
    int more = 1;
    while (more) {
        zmq_msg_init(&rest);
        more = zmq_msg_recv(&rest, socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&rest);
        zmq_msg_close(&rest);
    }
}

int ipc__zmq_receive(void *socket, ipc__envelope *envelope)
{
    bool more = true;
    bool excess = false;
    envelope->frame_count = 0;
    envelope->stop = NULL;
    envelope->bare = false;
    while (more) {
        ipc__block *frame = receive_frame(socket, &more);
        if (!frame) {
            bool nothing = errno == EAGAIN && envelope->frame_count == 0;
            ipc__envelope_free(envelope);
            if (!nothing) {
                drain(socket);
            }
            return nothing ? 0 : -2;
        }
        if (envelope->frame_count == IPC__FRAMES_MAX) {
            excess = true;
            ipc__block_unref(frame);
            continue;
        }
        envelope->frames[envelope->frame_count++] = frame;
    }
    if (excess) {
        ipc__envelope_free(envelope);
        return -1;
    }
    return 1;
}

/* ---- sending ---- */

enum { BATCH_MIN = IPC__BATCH_BYTES / 2 }; /* operations that are worth giving a buffer away, not a copy */

static void unref_frame(void *data, void *hint)
{
    (void)data;
    IS_HANDED();
    ipc__block_unref(hint);
}

static int send_message(void *socket, zmq_msg_t *message, bool more)
{
    int result;
    HANDS_OVER();
    do {
        result = zmq_msg_send(message, socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
    } while (result < 0 && errno == EINTR);
    if (result < 0) {
        int err = errno;
        zmq_msg_close(message);
        errno = err;
        return -1;
    }
    return 0;
}

int ipc__zmq_send_block(void *socket, ipc__block *frame, bool more)
{
    zmq_msg_t message;
    if (zmq_msg_init_data(&message, (void *)(uintptr_t)frame->data, frame->length, unref_frame,
                          ipc__block_ref(frame)) != 0) {
        ipc__block_unref(frame);
        errno = ENOMEM;
        return -1;
    }
    return send_message(socket, &message, more);
}

/* Operations that are worth a copy, behind their header. */
static int copy_message(zmq_msg_t *message, const ipc__buf *header, const ipc__buf *ops)
{
    if (zmq_msg_init_size(message, header->length + ops->length) != 0) {
        return -1;
    }
    unsigned char *at = zmq_msg_data(message);
    memcpy(at, header->data, header->length);
    if (ops->length) {
        memcpy(at + header->length, ops->data, ops->length);
    }
    return 0;
}

static void give_back(void *data, void *memory)
{
    (void)data;
    IS_HANDED();
    ipc__zmq_pool_put(memory);
}

/* A full batch: its buffer itself is sent, with the header written in front, and another one takes its place. */
static int hand_over(zmq_msg_t *message, const ipc__buf *header, ipc__buf *ops)
{
    unsigned char *at = ops->data - header->length;
    memcpy(at, header->data, header->length);
    if (zmq_msg_init_data(message, at, header->length + ops->length, give_back, ipc__zmq_pool_wrap(ops)) != 0) {
        return -1;
    }
    ipc__zmq_pool_get(ops);
    return 0;
}

static int make_message(zmq_msg_t *message, const ipc__buf *header, ipc__buf *ops)
{
    if (ops->length < BATCH_MIN) {
        return copy_message(message, header, ops);
    }
    if (ops->head >= IPC__ZMQ_POOL_HEAD && header->length <= IPC__ZMQ_HEADER_MAX) {
        return hand_over(message, header, ops);
    }
    if (copy_message(message, header, ops) != 0) {
        return -1;
    }
    ipc__buf_free(ops); /* the first batch: where one comes, others follow */
    ipc__zmq_pool_get(ops);
    return 0;
}

int ipc__zmq_send(void *socket, const ipc__buf *header, ipc__outbox *out)
{
    zmq_msg_t message;
    if (out->ops.failed || header->failed || make_message(&message, header, &out->ops) != 0) {
        errno = ENOMEM;
        return -1;
    }
    if (send_message(socket, &message, out->frame_count > 0) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < out->frame_count; i++) {
        if (ipc__zmq_send_block(socket, out->frames[i], i + 1 < out->frame_count) != 0) {
            return -1;
        }
    }
    ipc__outbox_reset(out);
    return 0;
}
