/*
 * hello: one value through a queue, on this program's own hub.
 * Touches the hub, which is started on first use and ends with this program. One thread.
 */
#include <ipc/ipc.h>
#include <stdio.h>
#include <stdlib.h>

static void check(ipc_err err, const char *what)
{
    if (err) {
        fprintf(stderr, "hello: cannot %s: %s (%s)\n", what, ipc_strerror(err), ipc_last_error());
        exit(1);
    }
}

int main(void)
{
    ipc_queue *queue;
    check(ipc_queue_open(&queue, NULL, NULL, NULL), "open a queue"); /* no connection, no name: our own */

    ipc_msg *sent;
    check(ipc_pack(&sent, "{s:s,s:[i,i,i]}", "greeting", "hello", "numbers", 1, 2, 3), "pack a value");
    check(ipc_queue_put(queue, sent, IPC_FOREVER), "put it");
    ipc_msg_free(sent);

    ipc_msg *got;
    const char *greeting;
    int numbers[3];
    check(ipc_queue_get(queue, 5000, &got), "get it");
    check(ipc_unpack(got, "{s:s,s:[i,i,i]}", "greeting", &greeting, "numbers", &numbers[0], &numbers[1], &numbers[2]),
          "unpack it");
    printf("%s %d %d %d\n", greeting, numbers[0], numbers[1], numbers[2]); /* the text belongs to the message */
    ipc_msg_free(got);

    ipc_queue_free(queue);
    return 0;
}
