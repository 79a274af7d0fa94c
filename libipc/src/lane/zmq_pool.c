/*
 * Buffers of full batches: sent without a copy, given back by libzmq, and used again.
 * Touches nothing but memory. Any thread, without a lock: libzmq gives back from threads of its own.
 */
#include "lane/zmq_pool.h"

#include "wire/op.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    KEPT = 8, /* buffers that wait to be used again */
    CAPACITY = IPC__BATCH_BYTES + IPC__INLINE_MAX + 4096 /* a batch, and the value that made it full */,
};

static _Atomic(void *) kept[KEPT];

void ipc__zmq_pool_get(ipc__buf *buf)
{
    *buf = (ipc__buf){0};
    size_t *memory = NULL;
    for (int i = 0; i < KEPT && !memory; i++) {
        memory = atomic_exchange_explicit(&kept[i], NULL, memory_order_acquire);
    }
    if (!memory) {
        memory = malloc(IPC__ZMQ_POOL_HEAD + CAPACITY);
        if (!memory) {
            return;
        }
        *memory = CAPACITY;
    }
    buf->data = (unsigned char *)memory + IPC__ZMQ_POOL_HEAD;
    buf->head = IPC__ZMQ_POOL_HEAD;
    buf->capacity = *memory;
}

void *ipc__zmq_pool_wrap(const ipc__buf *buf)
{
    size_t *memory = (size_t *)(void *)(buf->data - buf->head);
    *memory = buf->capacity;
    return memory;
}

void ipc__zmq_pool_put(void *memory)
{
    for (int i = 0; i < KEPT && *(size_t *)memory == CAPACITY; i++) {
        void *none = NULL;
        if (atomic_compare_exchange_strong_explicit(&kept[i], &none, memory, memory_order_release,
                                                    memory_order_relaxed)) {
            return;
        }
    }
    free(memory);
}

void ipc__zmq_pool_clear(void)
{
    for (int i = 0; i < KEPT; i++) {
        free(atomic_exchange_explicit(&kept[i], NULL, memory_order_acquire));
    }
}
