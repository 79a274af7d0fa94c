/*
 * Failing with words, and logging.
 * Touches this thread's error text and the log callback. Any thread.
 */
#ifndef IPC__ERROR_H
#define IPC__ERROR_H

#include <ipc/error.h>
#include <string.h>

/* Set this thread's error text (what was wrong, what to do) and return err, so that "return ipc__fail(…)" reads well. */
ipc_err ipc__fail(ipc_err err, const char *format, ...) IPC_PRINTF(2, 3);

/* Like ipc__fail(IPC_ESYS, …), with the text of errno behind. */
ipc_err ipc__fail_errno(const char *format, ...) IPC_PRINTF(1, 2);

/* Fail with the code's own text. */
ipc_err ipc__fail_plain(ipc_err err);

/* What stands before a type's name. */
static inline const char *ipc__article(const char *type)
{
    return strchr("aeiou", *type) ? "an" : "a";
}

void ipc__log(ipc_log_level level, const char *format, ...) IPC_PRINTF(2, 3);

/* Around a fork, in parent and child: no other thread is in the midst of a line, whose lock would stay taken. */
void ipc__log_before_fork(void);
void ipc__log_after_fork(void);

#endif
