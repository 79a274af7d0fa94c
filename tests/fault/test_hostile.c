/*
 * Peers that break the protocol, by accident or not: the hub drops them, and nobody else notices; and a hub that is none.
 * Touches raw sockets, and a hub of its own for every test.
 */
#include "fault/raw_client.h"
#include "support/items.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A session that works all the while, and the hub that must not change. */
struct witness {
    user user;
    pid_t hub;
    int64_t number;
};

static struct witness witness_of(const place *where)
{
    struct witness self = {.user = user_of(where, "jobs", true, 0)};
    self.hub = place_hub_pid(where);
    CHECK(self.hub > 0);
    return self;
}

static void witness_is_well(struct witness *self, const place *where)
{
    put_numbers(self->user.queue, self->number, self->number);
    expect_numbers(self->user.queue, self->number, self->number);
    self->number++;
    CHECK_OK(ipc_queue_task_done(self->user.queue));
    CHECK_INT(unfinished_of(self->user.queue), 0);
    CHECK_INT(place_hub_pid(where), self->hub);
    CHECK_INT(kill(self->hub, 0), 0);
}

static void witness_leaves(struct witness *self, const place *where)
{
    witness_is_well(self, where);
    user more = user_of(where, "jobs", true, 0); /* and it welcomes others */
    user_leave(&more);
    user_leave(&self->user);
}

/* ---- the control socket ---- */

static void test_hostile__packets_that_are_none(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    static unsigned char large[60000];
    memset(large, 0x93, sizeof large);
    const struct {
        const void *bytes;
        size_t length;
    } packets[] = {
        {"x", 1},
        {"GET / HTTP/1.0\r\n\r\n", 18},
        {"\x90", 1},                             /* an empty array */
        {"\x91\x01", 2},                         /* HELLO without its fields */
        {"\x94\x01\x01\xa1", 4},                 /* cut */
        {"\x94\x01\x01\x01\x01", 5},             /* HELLO with numbers for texts */
        {"\x94\x01\xa1x\xa1y\xa1z", 8},          /* and with a text for the version */
        {"\x95\x01\x01\xa1x\xa1y\xc0", 8},       /* and one too many */
        {"\xdd\xff\xff\xff\xff\x01", 6},         /* four thousand million fields */
        {"\x94\x01\x01\xdb\xff\xff\xff\xff", 8}, /* a text of four gigabytes */
        {"\x92\x04\x91\x01", 4},                 /* FORK before HELLO */
        {"\x92\x02\x01", 3},                     /* the hub's own WELCOME */
        {"\x92\x7f\x01", 3},
        {"\xc1", 1},
        {large, sizeof large},
    };
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        for (int descriptors = 0; descriptors <= 40; descriptors += 20) {
            int control = raw_control(where);
            raw_send(control, packets[i].bytes, packets[i].length, descriptors);
            unsigned char answer[4096];
            size_t length = raw_receive(control, answer, sizeof answer);
            if (length) { /* a refusal: [3, code, words]; then the end */
                CHECK(answer[0] == 0x93 && answer[1] == 3);
                CHECK_INT(raw_receive(control, answer, sizeof answer), 0);
            }
            close(control);
        }
        witness_is_well(&witness, where);
    }
    witness_leaves(&witness, where);
}

static void test_hostile__another_version_is_told_so(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    int control = raw_control(where);
    raw_bytes hello = {.length = 0};
    raw_pack(&hello, "[i,i,s,s]", 1, 99, "raw", "from the future");
    raw_send(control, hello.data, hello.length, 0);
    unsigned char answer[4096];
    size_t length = raw_receive(control, answer, sizeof answer);
    ipc_msg *msg;
    CHECK_OK(ipc_msg_from_bytes(&msg, answer, length));
    int kind = 0;
    int code = 0;
    const char *words = NULL;
    CHECK_OK(ipc_unpack(msg, "[i,i,s!]", &kind, &code, &words));
    CHECK_INT(kind, 3);
    CHECK_INT(code, IPC_EPROTO);
    CHECK(strstr(words, "version 99") && strstr(words, "same libipc"));
    CHECK_INT(raw_receive(control, answer, sizeof answer), 0);
    ipc_msg_free(msg);
    close(control);
    witness_leaves(&witness, where);
}

static void test_hostile__after_hello(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    const struct {
        const char *bytes;
        size_t length;
        int descriptors;
    } packets[] = {
        {"\x94\x01\x01\xa1x\xa1y", 7, 0}, /* HELLO again */
        {"\x92\x04\x91\x01", 4, 0},       /* FORK without a descriptor */
        {"\x92\x04\x91\xc0", 4, 1},       /* FORK of no numbers */
        {"\x92\x04\x01", 3, 1},           {"\x92\x04\xdd\xff\xff\xff\xff", 7, 1}, {"\x91\x04", 2, 1}, {"\xc1", 1, 3},
    };
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        int control = raw_control(where);
        raw_welcome welcome;
        raw_hello(control, &welcome);
        raw_send(control, packets[i].bytes, packets[i].length, packets[i].descriptors);
        close(control);
        witness_is_well(&witness, where);
    }
    witness_leaves(&witness, where);
}

static void test_hostile__many_that_say_nothing(void **state)
{
    enum { SILENT = 200 };
    const place *where = *state;
    struct witness witness = witness_of(where);
    int controls[SILENT];
    for (int i = 0; i < SILENT; i++) {
        controls[i] = raw_control(where);
        if (i % 2) {
            raw_welcome welcome;
            raw_hello(controls[i], &welcome); /* and then never bind */
        }
    }
    witness_is_well(&witness, where);
    for (int i = 0; i < SILENT; i++) {
        close(controls[i]);
    }
    witness_leaves(&witness, where);
}

/* ---- the endpoint ---- */

/* A session that is bound; on a TCP hub by HELLO over the link. */
struct raw_session {
    int control;
    void *dealer;
    uint64_t epoch;
};

static struct raw_session session_of(const place *where, void *context)
{
    struct raw_session self = {.control = -1};
    raw_bytes bytes;
    if (where->which == LANE_TCP) {
        self.dealer = raw_dealer(context, where->address);
        raw_envelope(&bytes, 0);
        raw_pack(&bytes, "[i,i,i,i,s,s]", 2, 0, 1, 1, "raw", "hostile");
        raw_send_frame(self.dealer, bytes.data, bytes.length, 0);
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        CHECK(zmq_msg_recv(&msg, self.dealer, 0) > 0);
        ipc_cursor at;
        ipc_value value;
        ipc_cursor_init(&at, zmq_msg_data(&msg), zmq_msg_size(&msg));
        CHECK_OK(ipc_cursor_next(&at, &value));
        CHECK_OK(ipc_cursor_next(&at, &value));
        self.epoch = value.kind == IPC_KIND_INT ? (uint64_t)value.as.i : value.as.u;
        zmq_msg_close(&msg);
        return self;
    }
    self.control = raw_control(where);
    raw_welcome welcome;
    raw_hello(self.control, &welcome);
    self.epoch = welcome.epoch;
    self.dealer = raw_dealer(context, welcome.endpoint);
    raw_envelope(&bytes, welcome.epoch);
    raw_pack(&bytes, "[i,i,i,B]", 1, 0, 1, welcome.token, sizeof welcome.token);
    raw_send_frame(self.dealer, bytes.data, bytes.length, 0);
    CHECK(raw_answered(self.dealer, DEADLINE_MS));
    return self;
}

static void session_leaves(struct raw_session *self)
{
    zmq_close(self->dealer);
    if (self->control >= 0) {
        close(self->control);
    }
}

static const char *endpoint_of(const place *where, char *buffer, size_t size)
{
    if (where->which == LANE_TCP) {
        return where->address;
    }
    snprintf(buffer, size, "ipc://%s", hub_file(where->address, "sock"));
    return buffer;
}

static void test_hostile__strangers_on_the_endpoint(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    void *context = zmq_ctx_new();
    char buffer[256];
    const char *endpoint = endpoint_of(where, buffer, sizeof buffer);
    raw_bytes forged = {.length = 0};
    raw_envelope(&forged, 0x1234567);
    raw_pack(&forged, "[i,i,i,B]", 1, 0, 1, "0123456789abcdef", (size_t)16);
    raw_bytes wrong_hello = {.length = 0};
    raw_envelope(&wrong_hello, 0);
    raw_pack(&wrong_hello, "[i,i,i,i,s,s]", 2, 0, 1, 99, "raw", "hostile");
    const struct {
        const void *bytes;
        size_t length;
    } frames[] = {
        {"", 0},
        {"x", 1},
        {"\xc1", 1},
        {"\x91", 1},
        {"\x91\xc0", 2},
        {"\xdd\xff\xff\xff\xff", 5},
        {"\x91\x00\x93\x01\x00\x01", 6},
        {"\x91\x00\x96\x02\x00\x01\xc0\xc0\xc0", 9},
        {forged.data, forged.length},
        {wrong_hello.data, wrong_hello.length},
    };
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        void *dealer = raw_dealer(context, endpoint);
        for (int repeat = 0; repeat < 20; repeat++) {
            raw_send_frame(dealer, frames[i].bytes, frames[i].length, 0);
        }
        for (int part = 0; part < 500; part++) {
            raw_send_frame(dealer, frames[i].bytes, frames[i].length, part < 499 ? ZMQ_SNDMORE : 0);
        }
        CHECK(raw_answered(dealer, DEADLINE_MS)); /* told that it has no session */
        zmq_close(dealer);
        witness_is_well(&witness, where);
    }
    zmq_ctx_term(context);
    witness_leaves(&witness, where);
}

#define OP(literal)                                                                                                    \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }

#define DICT "\x97\x03\x02\x05\xa4\x64ict\x00\xc0\x80" /* OPEN of handle 2 */

/* Operations that no client sends. Each stands for itself, behind a header and an OPEN of handle 1. */
static void test_hostile__operations_that_break_the_protocol(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } operations[] = {
        OP("\x93\x00\x01\x05"),             /* operation 0 */
        OP("\x93\x7f\x01\x05"),             /* one that nobody knows */
        OP("\x93\x40\x01\x05"),             /* the hub's own */
        OP("\x92\x10\x01"),                 /* too short for a head */
        OP("\x93\x13\x01\x00"),             /* POLL without a number */
        OP("\x94\x10\x01\x05\x05"),         /* PUT of a number */
        OP("\x94\x10\x01\x05\xc0"),         /* PUT of a frame that is not there */
        OP("\x94\x10\x01\x05\xc4\xff"),     /* PUT that is cut */
        OP("\x93\x10\x01\x05"),             /* PUT of nothing */
        OP("\x96\x12\x01\x05\x64\x01\x01"), /* FLOW: takes what was never delivered */
        OP("\x96\x12\x01\x05\xc0\xc0\xc0"),
        OP("\x95\x14\x01\x05\x64\x65"), /* RECALLED: the same */
        OP("\x95\x14\x01\x05\x02\x01"),
        OP("\x96\x15\x01\x05\x01\x64\x01"),                          /* DONE: the same */
        OP("\x94\x18\x01\x05\xc0"),                                  /* JOIN without a timeout */
        OP("\x93\x19\x01\x05\x91"),                                  /* SIZE, and then an array's beginning */
        OP("\x94\x05\x00\x05\x05"),                                  /* UNLINK of a number */
        OP("\x97\x03\x01\x06\xa5queue\x00\xa4jobs\x80"),             /* OPEN of a handle that is open */
        OP("\x97\x03\x02\x06\xa5queue\x00\x91\x01\x80"),             /* OPEN of an array */
        OP("\x97\x03\xce\xff\xff\xff\xff\x06\xa5queue\x00\xc0\x80"), /* OPEN of a handle beyond all */
        OP("\xdd\xff\xff\xff\xff\x10\x01\x05"),
        OP("\x95\x24\x01\x05\x01\xc4\x01\x90"), /* INVOKE of a queue */
        OP(DICT "\x94\x24\x02\x06\x01"),        /* and of a dict: without arguments */
        OP(DICT "\x96\x24\x02\x06\x01\xc4\x01\x90\xc0"),
        OP(DICT "\x95\x24\x02\x06\xa1x\xc4\x01\x90"),
        OP(DICT "\x95\x24\x02\x06\x01\x90"),
        OP(DICT "\x95\x24\x02\x06\x01\xc0"), /* of a frame that is not there */
        OP(DICT "\x95\x24\x02\x06\x01\xc4\xff\x90"),
        OP(DICT "\x94\x10\x02\x06\xc4\x01\x90"), /* PUT into a dict */
        OP(DICT "\x94\x0d\x02\x06\x01"),         /* REFER with a field */
    };
    const place *where = *state;
    struct witness witness = witness_of(where);
    void *context = zmq_ctx_new();
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct raw_session session = session_of(where, context);
        raw_bytes bytes = {.length = 0};
        raw_envelope(&bytes, session.epoch);
        raw_pack(&bytes, "[i,i,i,s,i,n,{}]", 3, 1, 2, "queue", 0);
        memcpy(bytes.data + bytes.length, operations[i].bytes, operations[i].length);
        bytes.length += operations[i].length;
        raw_send_frame(session.dealer, bytes.data, bytes.length, 0);
        if (session.control >= 0) { /* the hub hangs up */
            unsigned char answer[64];
            CHECK_INT(raw_receive(session.control, answer, sizeof answer), 0);
        }
        session_leaves(&session);
        witness_is_well(&witness, where);
    }
    zmq_ctx_term(context);
    witness_leaves(&witness, where);
}

/* Good envelopes with some bytes changed: by a fixed seed, so that what is found can be found again. */
static void test_hostile__envelopes_with_changed_bytes(void **state)
{
    enum { ROUNDS = 200 };
    const place *where = *state;
    struct witness witness = witness_of(where);
    void *context = zmq_ctx_new();
    unsigned seed = 20240607;
    for (int round = 0; round < ROUNDS; round++) {
        struct raw_session session = session_of(where, context);
        raw_bytes bytes = {.length = 0};
        raw_envelope(&bytes, session.epoch);
        size_t header = bytes.length;
        raw_pack(&bytes, "[i,i,i,s,i,n,{s:b,s:i}]", 3, 1, 2, "queue", 0, "joinable", 1, "maxsize", 3);
        raw_pack(&bytes, "[i,i,i,s,i,s,{s:i}]", 3, 2, 3, "pipe", 0, "fuzzed", "end", 0);
        raw_pack(&bytes, "[i,i,i,B]", 16, 1, 4, "\x01", (size_t)1);
        raw_pack(&bytes, "[i,i,i,i,B]", 17, 1, 5, 0, "\x02", (size_t)1);
        raw_pack(&bytes, "[i,i,i,i,i,i]", 18, 1, 6, 0, 10, -1);
        raw_pack(&bytes, "[i,i,i]", 19, 1, 7);
        raw_pack(&bytes, "[i,i,i,i,i]", 20, 1, 8, 1, 2);
        raw_pack(&bytes, "[i,i,i,i,i,i]", 21, 1, 9, 1, 1, 1);
        raw_pack(&bytes, "[i,i,i]", 22, 1, 10);
        raw_pack(&bytes, "[i,i,i,i]", 24, 1, 11, 0);
        raw_pack(&bytes, "[i,i,i]", 25, 1, 12);
        raw_pack(&bytes, "[i,i,i,i]", 26, 1, 13, 1);
        raw_pack(&bytes, "[i,i,i]", 10, 1, 14);
        raw_pack(&bytes, "[i,i,i,B]", 16, 2, 15, "\x03", (size_t)1);
        raw_pack(&bytes, "[i,i,i]", 6, 0, 16);
        raw_pack(&bytes, "[i,i,i,i]", 9, 0, 17, 11);
        raw_pack(&bytes, "[i,i,i]", 4, 1, 18);
        raw_pack(&bytes, "[i,i,i,s,i,s,{}]", 3, 3, 19, "dict", 0, "a dict");
        raw_pack(&bytes, "[i,i,i,s,i,n,{}]", 3, 4, 20, "list", 0);
        raw_pack(&bytes, "[i,i,i,i,B]", 36, 3, 21, 21, "\x91\x82\x01\x02\xa1\x62\x81\x03\x04", (size_t)9);
        raw_pack(&bytes, "[i,i,i,i,B]", 36, 4, 22, 36, "\x91\x93\x05\xa1\x61\xc0", (size_t)6);
        raw_pack(&bytes, "[i,i,i,i,B]", 36, 4, 23, 33, "\x94\x00\x02\x01\x91\x91\x01", (size_t)7);
        raw_pack(&bytes, "[i,i,i]", 13, 4, 24);
        raw_pack(&bytes, "[i,i,i,i,B]", 36, 3, 25, 18, "\x90", (size_t)1);
        for (int change = rand_r(&seed) % 4; change >= 0; change--) {
            size_t at = header + (size_t)rand_r(&seed) % (bytes.length - header);
            bytes.data[at] = (unsigned char)rand_r(&seed);
        }
        raw_send_frame(session.dealer, bytes.data, bytes.length - (size_t)rand_r(&seed) % 8, 0);
        (void)raw_answered(session.dealer, 20);
        session_leaves(&session);
        if (round % 20 == 0) {
            witness_is_well(&witness, where);
        }
    }
    zmq_ctx_term(context);
    witness_leaves(&witness, where);
}

static int64_t sessions_of(ipc_conn *conn)
{
    ipc_msg *stat;
    int64_t sessions = 0;
    CHECK_OK(ipc_stat(conn, &stat));
    CHECK_OK(ipc_unpack(stat, "{s:I}", "sessions", &sessions));
    ipc_msg_free(stat);
    return sessions;
}

/* Arguments over 64 KiB that are no frame of their own. */
static void test_hostile__arguments_that_should_be_a_frame(void **state)
{
    enum { LONG = 70000 };
    const place *where = *state;
    struct witness witness = witness_of(where);
    void *context = zmq_ctx_new();
    struct raw_session session = session_of(where, context);
    unsigned char *frame = calloc(1, LONG + sizeof(raw_bytes));
    raw_bytes bytes = {.length = 0};
    raw_envelope(&bytes, session.epoch);
    raw_pack(&bytes, "[i,i,i,s,i,n,{}]", 3, 2, 5, "list", 0);
    CHECK(frame);
    memcpy(frame, bytes.data, bytes.length);
    static const unsigned char extend[16] = {0x95, 0x24, 0x02, 0x06, 0x23, 0xc6, 0x00, 0x01,
                                             0x11, 0x70, 0x91, 0xc6, 0x00, 0x01, 0x11, 0x6a};
    memcpy(frame + bytes.length, extend, sizeof extend);
    raw_send_frame(session.dealer, frame, bytes.length + 10 + LONG, 0);
    if (session.control >= 0) { /* the hub hangs up */
        unsigned char answer[64];
        CHECK_INT(raw_receive(session.control, answer, sizeof answer), 0);
    }
    session_leaves(&session);
    free(frame);
    zmq_ctx_term(context);
    witness_leaves(&witness, where);
}

/* A long value is asked for again and again, and no answer is read: the session goes, and what the hub holds for it has an end. */
static void test_hostile__answers_that_nobody_reads(void **state)
{
    enum { LONG = 1024 * 1024, ENVELOPES = 100, EACH = 20 };
    const place *where = *state;
    struct witness witness = witness_of(where);
    ipc_dict *dict;
    ipc_msg *value;
    char *bytes = calloc(1, LONG);
    CHECK(bytes != NULL);
    CHECK_OK(ipc_dict_open(&dict, witness.user.conn, "long", NULL));
    CHECK_OK(ipc_pack(&value, "B", bytes, (size_t)LONG));
    CHECK_OK(ipc_dict_set(dict, "k", value));
    void *context = zmq_ctx_new();
    struct raw_session session = session_of(where, context);
    zmq_setsockopt(session.dealer, ZMQ_RCVHWM, &(int){1}, sizeof(int));
    uint64_t seq = 2;
    for (int i = 0; i < ENVELOPES; i++) {
        raw_bytes ask = {.length = 0};
        raw_envelope(&ask, session.epoch);
        if (i == 0) {
            raw_pack(&ask, "[i,i,U,s,i,s,{}]", 3, 9, seq++, "dict", 0, "long");
        }
        for (int j = 0; j < EACH; j++) {
            raw_pack(&ask, "[i,i,U,i,B]", 36, 9, seq++, 2, "\x91\xa1k", (size_t)3);
        }
        raw_send_frame(session.dealer, ask.data, ask.length, 0);
    }
    EVENTUALLY(sessions_of(witness.user.conn) == 1);
    session_leaves(&session);
    zmq_ctx_term(context);
    ipc_msg_free(value);
    ipc_dict_free(dict);
    free(bytes);
    witness_leaves(&witness, where);
}

static int stream_to(const place *where)
{
    int fd;
    if (where->which == LANE_TCP) {
        unsigned port = (unsigned)atoi(strrchr(where->address, ':') + 1);
        unsigned char name[16] = {0};
        memcpy(name, &(sa_family_t){AF_INET}, sizeof(sa_family_t));
        memcpy(name + 2, (unsigned char[]){(unsigned char)(port >> 8), (unsigned char)port, 127, 0, 0, 1}, 6);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_storage address = {0};
        memcpy(&address, name, sizeof name);
        CHECK(connect(fd, (struct sockaddr *)&address, sizeof name) == 0);
        return fd;
    }
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *path = hub_file(where->address, "sock");
    memcpy(name.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (struct sockaddr *)&name, sizeof name) == 0);
    return fd;
}

static void test_hostile__streams_that_speak_no_zeromq(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    const struct {
        const char *bytes;
        size_t length;
    } greetings[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27},
        {"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f", 10},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12},
        {"\x00", 1},
    };
    for (int round = 0; round < 20; round++) {
        int fd = stream_to(where);
        CHECK(send(fd, greetings[round % 4].bytes, greetings[round % 4].length, MSG_NOSIGNAL) > 0);
        witness_is_well(&witness, where);
        close(fd);
    }
    witness_leaves(&witness, where);
}

/* ---- hubs that are none ---- */

/* Something that answers every message on a TCP endpoint with the same bytes. */
static int false_tcp_hub_role(char **args)
{
    void *context = zmq_ctx_new();
    void *router = zmq_socket(context, ZMQ_ROUTER);
    char endpoint[64];
    size_t size = sizeof endpoint;
    CHECK(zmq_bind(router, "tcp://127.0.0.1:*") == 0);
    CHECK(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    say("%s", endpoint);
    for (;;) {
        char id[256];
        char message[4096];
        int length = zmq_recv(router, id, sizeof id, 0);
        zmq_recv(router, message, sizeof message, 0);
        zmq_send(router, id, (size_t)length, ZMQ_SNDMORE);
        zmq_send(router, args[0], strlen(args[0]), 0);
    }
}

/* Something that answers every packet on the control socket of an address with the same bytes (none: never), or hangs up. */
static int false_hub_role(char **args)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s.ctl", args[0]);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&name, sizeof name) == 0 && listen(listener, 5) == 0);
    say("ready");
    for (;;) {
        int control = accept(listener, NULL, NULL);
        char packet[4096];
        if (control < 0 || recv(control, packet, sizeof packet, 0) <= 0) {
            continue;
        }
        if (strcmp(args[1], "hang up") == 0) {
            close(control);
        } else if (*args[1]) {
            send(control, args[1], strlen(args[1]), MSG_NOSIGNAL);
        }
    }
}

static void expect_refusal(const char *address, ipc_err expected, const char *words)
{
    ipc_conn *conn;
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.connect_timeout_ms = 300;
    int64_t begin = now_ms();
    CHECK_ERR(ipc_connect(&conn, address, &options), expected);
    CHECK_WORDS(words);
    CHECK(now_ms() - begin < 300 + PROMPT_MS);
}

static void meet_false_hub(const char *answer, ipc_err expected, const char *words)
{
    char path[128];
    char address[140];
    snprintf(path, sizeof path, "%s/%s", getenv("XDG_RUNTIME_DIR"), fresh_name("false"));
    snprintf(address, sizeof address, "ipc://%s", path);
    worker *hub = worker_start("false hub", path, answer, NULL);
    worker_expect(hub, "ready");
    expect_refusal(address, expected, words);
    worker_kill(hub);
}

static void meet_false_tcp_hub(const char *answer, ipc_err expected)
{
    worker *hub = worker_start("false tcp hub", answer, NULL);
    const char *address = worker_hear(hub);
    CHECK(address);
    expect_refusal(address, expected, address);
    worker_kill(hub);
}

static void test_hostile__a_hub_that_is_none(void **state)
{
    (void)state;
    meet_false_hub("what?", IPC_EPROTO, "no hub of this protocol");
    meet_false_hub("\x9b\x02\x01\x01", IPC_EPROTO, "no hub of this protocol");
    meet_false_hub("\x93\x03\xe6\xa9go away!!", IPC_EPROTO, "go away!!");
    meet_false_hub("\x93\x03\xf0\xa4nope", IPC_EADDRINUSE, "nope");
    meet_false_hub("", IPC_ENOHUB, "does not answer");
    meet_false_hub("hang up", IPC_ENOHUB, "no hub answers");
    meet_false_tcp_hub("what?", IPC_EPROTO);
    meet_false_tcp_hub("\x93\x01\x01\x01\x95\x40", IPC_EPROTO);
    meet_false_hub("\x93\x03\x05\xa4nope", IPC_EPROTO, "no hub of this protocol"); /* 5 is no error */
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"false hub", false_hub_role}, {"false tcp hub", false_tcp_hub_role}};
    worker_begin(argc, argv, roles, 3);
    const struct CMUnitTest tests[] = {
        ON_LANE(test_hostile__packets_that_are_none, named),
        ON_LANE(test_hostile__another_version_is_told_so, named),
        ON_LANE(test_hostile__after_hello, named),
        ON_LANE(test_hostile__many_that_say_nothing, named),
        BETWEEN_PROCESSES(test_hostile__strangers_on_the_endpoint),
        BETWEEN_PROCESSES(test_hostile__operations_that_break_the_protocol),
        BETWEEN_PROCESSES(test_hostile__envelopes_with_changed_bytes),
        BETWEEN_PROCESSES(test_hostile__arguments_that_should_be_a_frame),
        BETWEEN_PROCESSES(test_hostile__answers_that_nobody_reads),
        BETWEEN_PROCESSES(test_hostile__streams_that_speak_no_zeromq),
        cmocka_unit_test(test_hostile__a_hub_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
