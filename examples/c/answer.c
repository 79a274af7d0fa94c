/*
 * answer ADDRESS: squares the numbers that come through end "a" of the pipe "squares", until who asks has gone.
 * Touches the hub at ADDRESS, which is started if there is none. One thread.
 */
#include <ipc/ipc.h>
#include <stdio.h>
#include <stdlib.h>

static void check(ipc_err err, const char *what)
{
    if (err) {
        fprintf(stderr, "answer: cannot %s: %s (%s)\n", what, ipc_strerror(err), ipc_last_error());
        exit(1);
    }
}

static void answer(ipc_pipe *pipe, const ipc_msg *question)
{
    int64_t number;
    check(ipc_unpack(question, "I", &number), "read a question");
    ipc_msg *square;
    check(ipc_pack(&square, "{s:I,s:I}", "number", number, "square", number * number), "pack an answer");
    check(ipc_pipe_send(pipe, square, IPC_FOREVER), "answer");
    ipc_msg_free(square);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: answer ADDRESS\n", stderr);
        return 2;
    }
    ipc_conn *conn;
    check(ipc_connect(&conn, argv[1], NULL), "connect");
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.end = IPC_PIPE_A;
    ipc_pipe *pipe;
    check(ipc_pipe_open(&pipe, conn, "squares", &options), "open the pipe");
    ipc_msg *question;
    ipc_err err;
    while ((err = ipc_pipe_recv(pipe, IPC_FOREVER, &question)) == IPC_OK) {
        answer(pipe, question);
        ipc_msg_free(question);
    }
    if (err != IPC_EEOF) {
        check(err, "receive");
    }
    ipc_pipe_free(pipe);
    ipc_conn_free(conn);
    return 0;
}
