/*
 * Connections.
 * Touches the public functions of <ipc/conn.h> and glue.h.
 * Locks nothing: handles may be used from any thread.
 */
%rename(Conn) ipc_conn;
typedef struct ipc_conn {
    %extend {
        ipc_conn(const char *name, const char *program, int lane, int64_t timeout_ms, ipc_err *failed);
        ~ipc_conn();
        const char *address();
        ipc_err flush(int64_t timeout_ms);
        ipc_err unlink(const char *name);
        ipc_err list(ipc_msg **value);
        ipc_err stat(ipc_msg **value);
        ipc_err info(const char *name, ipc_msg **value);
        void fail();
        void close();
    }
} ipc_conn;
