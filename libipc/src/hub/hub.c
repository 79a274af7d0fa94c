/*
 * Hubs as users have them: on a thread of theirs, or on one of ours.
 * Touches the loop. The list of this process's hubs has a mutex.
 */
#include "hub/hub.h"

#include "hub/lock.h"
#include "hub/loop.h"
#include "util/error.h"
#include "wire/op.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct ipc_hub {
    ipc__loop *loop; /* NULL: stopped, or a forked child's copy */
    ipc__address address;
    pthread_t thread;
    bool running;
    ipc_hub *prev, *next;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static ipc_hub *hubs;

static ipc_err check_options(const ipc_hub_options *given, ipc_hub_options *options)
{
    *options = (ipc_hub_options)IPC_HUB_OPTIONS_INIT;
    if (!given) {
        return IPC_OK;
    }
    if (given->size == 0 || given->size > sizeof *options) {
        return ipc__fail(IPC_EINVAL, "ipc_hub_options.size is %zu; begin with IPC_HUB_OPTIONS_INIT", given->size);
    }
    memcpy(options, given, given->size);
    if (options->max_sessions == 0 || options->max_objects == 0 || options->max_message == 0 ||
        options->max_waiting == 0 || options->session_timeout_ms <= 0 || (unsigned)options->life > IPC_HUB_PRIVATE) {
        return ipc__fail(IPC_EINVAL,
                         "a hub needs room for one session, object, byte and waiting call, a session timeout "
                         "above 0 and a life that ipc_hub_life names");
    }
    if (options->max_name == 0 || options->max_name > IPC__NAME_MAX) {
        return ipc__fail(IPC_EINVAL, "max_name is 1 to %d, not %u", IPC__NAME_MAX, options->max_name);
    }
    return IPC_OK;
}

static ipc_err open_hub(ipc_hub *hub, const char *address, const ipc_hub_options *given)
{
    ipc_hub_options options;
    if (!address || !*address) {
        return ipc__fail(IPC_EINVAL,
                         "a hub needs an address: a name, ipc:///path, tcp://127.0.0.1:port or inproc://name");
    }
    ipc_err err = check_options(given, &options);
    err = err ? err : ipc__address_parse(&hub->address, address);
    return err ? err : ipc__loop_open(&hub->loop, &hub->address, &options);
}

static void list_add(ipc_hub *hub)
{
    pthread_mutex_lock(&list_lock);
    DL_APPEND(hubs, hub);
    pthread_mutex_unlock(&list_lock);
}

/* Take the loop out of everybody's reach. */
static ipc__loop *list_remove(ipc_hub *hub)
{
    pthread_mutex_lock(&list_lock);
    ipc__loop *loop = hub->loop;
    if (loop) {
        DL_DELETE(hubs, hub);
        hub->loop = NULL;
    }
    pthread_mutex_unlock(&list_lock);
    return loop;
}

/* ---- on a thread of ours ---- */

static void *hub_thread(void *arg)
{
    ipc__loop_run(arg, -1);
    return NULL;
}

static ipc_err start_thread(ipc_hub *hub)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&hub->thread, NULL, hub_thread, hub->loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err ? ipc__fail(IPC_ESYS, "cannot start the hub's thread: %s", strerrordesc_np(err)) : IPC_OK;
}

ipc_err ipc_hub_start(ipc_hub **out, const char *address, const ipc_hub_options *options)
{
    if (!out) {
        return ipc__fail(IPC_EINVAL, "no place for the hub");
    }
    *out = NULL;
    ipc_hub *hub = calloc(1, sizeof *hub);
    if (!hub) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    ipc_err err = open_hub(hub, address, options);
    if (err) {
        free(hub);
        return err;
    }
    err = start_thread(hub);
    if (err) {
        ipc__loop_close(hub->loop);
        free(hub);
        return err;
    }
    list_add(hub);
    *out = hub;
    return IPC_OK;
}

const char *ipc_hub_address(const ipc_hub *hub)
{
    return hub->address.text;
}

void ipc_hub_stop(ipc_hub *hub)
{
    ipc__loop *loop = list_remove(hub);
    if (loop) {
        ipc__loop_stop(loop);
        pthread_join(hub->thread, NULL);
        ipc__loop_close(loop);
    }
}

void ipc_hub_free(ipc_hub *hub)
{
    if (hub) {
        ipc_hub_stop(hub);
        free(hub);
    }
}

/* ---- on the caller's ---- */

ipc_err ipc_hub_run(const char *address, const ipc_hub_options *options, int stop_fd, ipc_hub_ready_fn ready, void *arg)
{
    ipc_hub hub = {0};
    ipc_err err = open_hub(&hub, address, options);
    if (err) {
        return err;
    }
    ipc__loop *loop = hub.loop;
    list_add(&hub);
    if (ready) {
        ready(hub.address.text, arg);
    }
    err = ipc__loop_run(loop, stop_fd);
    list_remove(&hub);
    ipc__loop_close(loop);
    return err;
}

/* ---- for the rest of the library ---- */

bool ipc__hub_adopt(const char *address, int control)
{
    bool adopted = false;
    pthread_mutex_lock(&list_lock);
    ipc_hub *hub;
    DL_FOREACH(hubs, hub)
    {
        if (strcmp(hub->address.text, address) == 0) {
            adopted = ipc__loop_adopt(hub->loop, control);
            break;
        }
    }
    pthread_mutex_unlock(&list_lock);
    return adopted;
}

void ipc__hub_before_fork(void)
{
    pthread_mutex_lock(&list_lock);
    ipc__locks_before_fork();
}

void ipc__hub_after_fork(bool child)
{
    ipc__locks_after_fork(child);
    if (child) {
        ipc_hub *hub;
        ipc_hub *next;
        DL_FOREACH_SAFE(hubs, hub, next)
        {
            ipc__loop_abandon(hub->loop);
            hub->loop = NULL;
        }
        hubs = NULL;
    }
    pthread_mutex_unlock(&list_lock);
}
