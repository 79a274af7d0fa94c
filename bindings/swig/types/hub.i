/*
 * Hubs inside this program.
 * Touches the public functions of <ipc/hub.h> and glue.h.
 * Locks nothing: handles may be used from any thread.
 */
%rename(Hub) ipc_hub;
typedef struct ipc_hub {
    %extend {
        ipc_hub(const char *name, uint32_t max_sessions, uint32_t max_objects, uint64_t max_memory,
                uint32_t max_message, uint32_t max_name, uint32_t max_waiting, ipc_err *failed);
        ~ipc_hub();
        const char *address();
        void stop();
    }
} ipc_hub;
