/*
 * ask ADDRESS NUMBER...: asks for the squares of numbers through end "b" of the pipe "squares". It may be started before
 * or after the program that answers: answer.c, answer.py or answer.lua.
 * Touches the hub at ADDRESS, which is started if there is none. One thread.
 */
#include <ipc/ipc.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 60 * 1000 };

static void check(ipc_err err, const char *what)
{
    if (err) {
        fprintf(stderr, "ask: cannot %s: %s (%s)\n", what, ipc_strerror(err), ipc_last_error());
        exit(1);
    }
}

static void ask(ipc_pipe *pipe, int64_t number)
{
    ipc_msg *question;
    check(ipc_pack(&question, "I", number), "pack a question");
    check(ipc_pipe_send(pipe, question, IPC_FOREVER), "ask");
    ipc_msg_free(question);

    ipc_msg *answer;
    int64_t square;
    check(ipc_pipe_recv(pipe, PATIENCE_MS, &answer), "get an answer");
    check(ipc_unpack(answer, "{s:I,s:I}", "number", &number, "square", &square), "read an answer");
    ipc_msg_free(answer);
    printf("%lld * %lld = %lld\n", (long long)number, (long long)number, (long long)square);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: ask ADDRESS NUMBER...\n", stderr);
        return 2;
    }
    ipc_conn *conn;
    check(ipc_connect(&conn, argv[1], NULL), "connect");
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.end = IPC_PIPE_B;
    ipc_pipe *pipe;
    check(ipc_pipe_open(&pipe, conn, "squares", &options), "open the pipe");
    for (int i = 2; i < argc; i++) {
        ask(pipe, strtoll(argv[i], NULL, 10));
    }
    ipc_pipe_free(pipe);
    ipc_conn_free(conn);
    return 0;
}
