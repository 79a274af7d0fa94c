/*
 * Calls that block, made by threads of their own.
 * Touches the call's struct. Started and awaited by one thread.
 */
#include "support/call.h"

#include "support/check.h"

#include <stdio.h>

static void sleeps(void *arg)
{
    atomic_store(&((call *)arg)->sleeps, true);
}

static void *call_thread(void *arg)
{
    call *self = arg;
    const ipc_wait_hooks hooks = {.before = sleeps, .arg = self};
    ipc_set_wait_hooks(&hooks);
    self->result = self->run(self->arg);
    ipc_set_wait_hooks(NULL);
    snprintf(self->words, sizeof self->words, "%s", self->result ? ipc_last_error() : "");
    atomic_store(&self->over, true);
    return NULL;
}

void call_start(call *self, ipc_err (*run)(void *arg), void *arg)
{
    *self = (call){.run = run, .arg = arg};
    CHECK(pthread_create(&self->thread, NULL, call_thread, self) == 0);
}

void call_start_and_block(call *self, ipc_err (*run)(void *arg), void *arg)
{
    call_start(self, run, arg);
    EVENTUALLY(atomic_load(&self->sleeps) || atomic_load(&self->over));
    if (atomic_load(&self->over)) {
        check_fail(__FILE__, __LINE__, "the call should block, and returned %d (%s)", (int)self->result, self->words);
    }
}

ipc_err call_result(call *self, int64_t within_ms)
{
    EVENTUALLY_WITHIN(within_ms, atomic_load(&self->over));
    pthread_join(self->thread, NULL);
    return self->result;
}
