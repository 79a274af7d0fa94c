/*
 * A program of somebody else's: built against an installed libipc, it moves one value through a hub of its own.
 * Touches a private hub. One thread, nothing to lock.
 */
#include <ipc/ipc.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, ipc_last_error());
    return 1;
}

int main(void)
{
    if (strcmp(ipc_version(), IPC_VERSION) != 0) {
        fprintf(stderr, "the library is %s, its headers are %s\n", ipc_version(), IPC_VERSION);
        return 1;
    }
    ipc_queue *queue;
    if (ipc_queue_open(&queue, NULL, NULL, NULL) != IPC_OK) {
        return failed("cannot open a queue");
    }
    static const unsigned char seven = 7; /* msgpack for 7 */
    ipc_msg *item;
    if (ipc_queue_put_packed(queue, &seven, 1, 10000) != IPC_OK || ipc_queue_get(queue, 10000, &item) != IPC_OK) {
        return failed("cannot move a value");
    }
    size_t length;
    const unsigned char *bytes = ipc_msg_bytes(item, &length);
    int status = length == 1 && *bytes == seven ? 0 : 1;
    ipc_msg_free(item);
    ipc_queue_free(queue);
    return status;
}
