/*
 * Queues, plain and joinable.
 * Touches the public functions of <ipc/queue.h> and glue.h.
 * Locks nothing: handles may be used from any thread.
 */
%rename(Queue) ipc_queue;
%rename(put) put_packed;
%rename(put_confirm) put_confirm_packed;
%rename(shutdown) shut_down;
%rename(fileno) fd;
%newobject ipc_queue::from_ticket;

/* May be left out. */
%typemap(default) int redeliver "$1 = IPC_REDELIVER_CRASH;"
%typemap(default) uint32_t max_deliveries "$1 = 0;"
%typemap(default) const char *dead_letter "$1 = NULL;"
%typemap(default) bool immediate "$1 = false;"

typedef struct ipc_queue {
    %extend {
        ipc_queue(ipc_conn *conn, const char *name, int mode, bool joinable, uint64_t maxsize, int redeliver,
                  uint32_t max_deliveries, const char *dead_letter, ipc_err *failed);
        ~ipc_queue();
        static ipc_queue *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        ipc_err put_packed(const void *bytes, size_t length, int64_t timeout_ms);
        ipc_err put_confirm_packed(const void *bytes, size_t length, int64_t timeout_ms);
        ipc_err get(int64_t timeout_ms, ipc_msg **value);
        ipc_err take(int64_t timeout_ms, ipc_msg **item);
        ipc_err done(const ipc_msg *item);
        ipc_err release(const ipc_msg *item);
        ipc_err task_done();
        ipc_err join(int64_t timeout_ms);
        ipc_err shut_down(bool immediate);
        ipc_err qsize(uint64_t *count);
        ipc_err empty(bool *answer);
        ipc_err full(bool *answer);
        ipc_err flush(int64_t timeout_ms);
        ipc_err refer(ipc_msg **value);
        ipc_err share(ipc_msg **value);
        ipc_err fd(int *descriptor);
        const char *name();
        void close();
    }
} ipc_queue;
