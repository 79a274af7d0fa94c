/*
 * Pipes: one class, whose objects are one end each.
 * Touches the public functions of <ipc/pipe.h> and glue.h.
 * Locks nothing: handles may be used from any thread.
 */
%rename(Pipe) ipc_pipe;
%rename(send) send_packed;
%rename(pair) both;
%rename(fileno) fd;
%newobject ipc_pipe::from_ticket;
typedef struct ipc_pipe {
    %extend {
        ipc_pipe(ipc_conn *conn, const char *name, int mode, int end, bool simplex, ipc_err *failed);
        ~ipc_pipe();
        static ipc_pipe *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        static ipc_err both(ipc_pipe **a, ipc_pipe **b, ipc_conn *conn, bool simplex);
        ipc_err send_packed(const void *bytes, size_t length, int64_t timeout_ms);
        ipc_err send_bytes(const void *data, size_t size, int64_t timeout_ms);
        ipc_err recv(int64_t timeout_ms, ipc_msg **value);
        ipc_err poll(int64_t timeout_ms, bool *answer);
        bool readable();
        bool writable();
        ipc_err flush(int64_t timeout_ms);
        ipc_err share(ipc_msg **value);
        ipc_err fd(int *descriptor);
        const char *name();
        void close();
    }
} ipc_pipe;
