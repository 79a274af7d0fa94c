/*
 * Error texts and the log callback.
 * Touches thread-local memory; the callback is guarded by a mutex of its own, held while it runs.
 */
#include "util/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DETAIL_MAX = 512 };

static _Thread_local char detail[DETAIL_MAX];

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static ipc_log_fn log_fn;
static void *log_arg;

const char *ipc_strerror(ipc_err err)
{
    switch (err) {
#define IPC_ERROR_TEXT(code, value, text)                                                                              \
    case code:                                                                                                         \
        return text;
        IPC_ERROR_MAP(IPC_ERROR_TEXT)
#undef IPC_ERROR_TEXT
    }
    return "unknown error";
}

const char *ipc_err_name(ipc_err err)
{
    switch (err) {
#define IPC_ERROR_NAME(code, value, text)                                                                              \
    case code:                                                                                                         \
        return #code;
        IPC_ERROR_MAP(IPC_ERROR_NAME)
#undef IPC_ERROR_NAME
    }
    return NULL;
}

const char *ipc_version(void)
{
    return IPC_VERSION;
}

const char *ipc_last_error(void)
{
    return detail;
}

ipc_err ipc__fail(ipc_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return err;
}

ipc_err ipc__fail_errno(const char *format, ...)
{
    int err = errno;
    va_list args;
    va_start(args, format);
    int used = vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (used >= 0 && used < DETAIL_MAX) {
        const char *text = strerrordesc_np(err);
        snprintf(detail + used, sizeof detail - (size_t)used, ": %s", text ? text : "unknown errno");
    }
    errno = err;
    return err == ENOMEM ? IPC_ENOMEM : IPC_ESYS;
}

ipc_err ipc__fail_plain(ipc_err err)
{
    return ipc__fail(err, "%s", ipc_strerror(err));
}

void ipc_set_log(ipc_log_fn log, void *arg)
{
    pthread_mutex_lock(&log_lock);
    log_fn = log;
    log_arg = arg;
    pthread_mutex_unlock(&log_lock);
}

void ipc__log_before_fork(void)
{
    pthread_mutex_lock(&log_lock);
}

void ipc__log_after_fork(void)
{
    pthread_mutex_unlock(&log_lock);
}

void ipc__log(ipc_log_level level, const char *format, ...)
{
    pthread_mutex_lock(&log_lock);
    if (log_fn) {
        char line[DETAIL_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        log_fn(level, line, log_arg);
    }
    pthread_mutex_unlock(&log_lock);
}
