/*
 * Hubs inside this program.
 * Touches the public functions of <ipc/hub.h> and glue.h.
 * Locks nothing: handles may be used from any thread.
 */
%rename(Hub) ipc_hub;
typedef struct ipc_hub {
    %extend {
        ipc_hub(const char *name, ipc_err *failed);
        ~ipc_hub();
        const char *address();
        void stop();
    }
} ipc_hub;
