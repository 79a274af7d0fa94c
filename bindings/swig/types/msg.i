/*
 * A taken item: the message that names its delivery.
 * Touches the public functions of <ipc/msg.h> and glue.h.
 * Locks nothing: handles may be used from any thread.
 */
%rename(Msg) ipc_msg;
%nodefaultctor ipc_msg;
typedef struct ipc_msg {
    %extend {
        ~ipc_msg();
        unsigned attempt();
        bool late();
    }
} ipc_msg;
