/*
 * A hub made of vectors: it greets, notes what the library sends, and answers with bytes that it was given.
 * Touches a control socket or a TCP port, and ZeroMQ inside this process. One lock guards all that the threads share.
 */
#include "fake_hub.h"

#include "lane/zmq_context.h"
#include "util/clock.h"
#include "wire.h"
#include "wire/control.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 1, PATIENCE_S = 20, HEARD_MAX = 256, ANSWERS_MAX = 32, ID_MAX = 16, CONTROLS_MAX = 4 };

/* What came: an operation with its large value, or a packet. */
typedef struct heard {
    bool packet;
    unsigned number;
    blob bytes;
    blob frame;
} heard;

typedef struct answer {
    unsigned op;
    const json_t *vector; /* NULL: none, it waits */
    bool also;            /* behind the one before it, at the same occasion */
} answer;

struct fake_hub {
    pthread_mutex_t lock;
    pthread_cond_t came;
    pthread_t thread;
    bool stop;
    const json_t *wire;
    char address[128];
    char endpoint[128];
    char path[112]; /* of the control socket; "" for none */
    void *router;
    int listener;
    int controls[CONTROLS_MAX];
    unsigned control_count;
    unsigned char id[ID_MAX];
    size_t id_length;
    uint64_t acked;
    blob header;
    heard all[HEARD_MAX];
    unsigned heard_count;
    unsigned read_count;
    answer answers[ANSWERS_MAX];
    unsigned answer_count;
    ipc__head held; /* what was let wait: an answer to CANCEL is for it */
};

/* ---- saying ---- */

static json_t *epoch_of(const fake_hub *hub)
{
    return json_array_get(member(wire_packet(hub->wire, "WELCOME"), "means"), 2);
}

static void send_operation(fake_hub *hub, const json_t *means)
{
    json_t *header = json_pack("[O,I,I]", epoch_of(hub), (json_int_t)ipc__now(), (json_int_t)hub->acked);
    blob first = wire_pack(header);
    blob operation = wire_pack(means);
    first.bytes = realloc(first.bytes, first.length + operation.length);
    memcpy(first.bytes + first.length, operation.bytes, operation.length);
    zmq_send(hub->router, hub->id, hub->id_length, ZMQ_SNDMORE);
    zmq_send(hub->router, first.bytes, first.length + operation.length, 0);
    free(operation.bytes);
    free(first.bytes);
    json_decref(header);
}

void fake_hub_say(fake_hub *hub, const json_t *vector)
{
    pthread_mutex_lock(&hub->lock);
    send_operation(hub, member(vector, "means"));
    pthread_mutex_unlock(&hub->lock);
}

/* The next answer to an operation; behind the first one only what is said at the same occasion. */
static bool take_answer(fake_hub *hub, unsigned op, bool first, answer *taken)
{
    for (unsigned i = 0; i < hub->answer_count; i++) {
        if (hub->answers[i].op != op) {
            continue;
        }
        *taken = hub->answers[i];
        if (!first && !taken->also) {
            return false;
        }
        memmove(&hub->answers[i], &hub->answers[i + 1], (--hub->answer_count - i) * sizeof(answer));
        return true;
    }
    return false;
}

/* A REPLY goes to what it answers. */
static void reply(fake_hub *hub, const json_t *means, const ipc__head *head)
{
    json_t *own = json_copy((json_t *)(uintptr_t)means); /* reads it */
    if (json_integer_value(json_array_get(own, 0)) == IPC__OP_REPLY) {
        json_array_set_new(own, 1, json_integer(head->handle));
        json_array_set_new(own, 2, json_integer((json_int_t)head->seq));
    }
    send_operation(hub, own);
    json_decref(own);
}

static void answer_operation(fake_hub *hub, const ipc__head *head)
{
    answer one;
    bool given = false;
    while (take_answer(hub, head->op, !given, &one)) {
        given = true;
        if (one.vector) {
            reply(hub, member(one.vector, "means"), head->op == IPC__OP_CANCEL ? &hub->held : head);
        } else {
            hub->held = *head;
        }
    }
    if (!given && ipc__op_is_request(head->op)) {
        json_t *plain = json_pack("[i,i,i,i]", IPC__OP_REPLY, 0, 0, 0);
        reply(hub, plain, head);
        json_decref(plain);
    }
}

/* ---- hearing ---- */

static blob copy(const void *bytes, size_t length)
{
    blob all = {malloc(length + 1), length};
    if (!all.bytes) {
        abort();
    }
    if (length) {
        memcpy(all.bytes, bytes, length);
    }
    return all;
}

static void note(fake_hub *hub, heard what)
{
    if (hub->heard_count == HEARD_MAX) {
        broken("the library says too much", NULL);
    }
    hub->all[hub->heard_count++] = what;
    pthread_cond_broadcast(&hub->came);
}

/* Read an operation's fields; a put's value, and a method's arguments, are taken in. */
static blob read_fields(fake_hub *hub, ipc__envelope *envelope, const ipc__head *head)
{
    bool puts = head->op == IPC__OP_PUT || head->op == IPC__OP_PUT_WAIT;
    bool values = puts || head->op == IPC__OP_INVOKE;
    blob frame = {NULL, 0};
    for (uint32_t i = 0; i < head->fields; i++) {
        ipc__bytes value;
        ipc__block *block;
        if (!values || i + 1 < head->fields) {
            ipc_cursor_skip(&envelope->at);
        } else if (ipc__read_value(envelope, &value, &block)) {
            hub->acked += puts ? value.length : 0;
            frame = block == envelope->frames[0] ? frame : copy(value.data, value.length);
        }
    }
    return frame;
}

static void take_envelope(fake_hub *hub, ipc__envelope *envelope)
{
    uint64_t epoch;
    if (!ipc__envelope_open(envelope, &epoch, 1)) {
        broken("an envelope without a header", NULL);
    }
    if (!hub->header.bytes) {
        const unsigned char *begin = envelope->frames[0]->data;
        hub->header = copy(begin, (size_t)(envelope->at.at - begin));
    }
    while (ipc__envelope_more(envelope)) {
        const unsigned char *begin = envelope->at.at;
        ipc__head head;
        if (!ipc__envelope_next(envelope, &head)) {
            broken("an operation without a head", NULL);
        }
        blob frame = read_fields(hub, envelope, &head);
        note(hub, (heard){false, head.op, copy(begin, (size_t)(envelope->at.at - begin)), frame});
        answer_operation(hub, &head);
    }
}

static void take_messages(fake_hub *hub)
{
    int length;
    while ((length = zmq_recv(hub->router, hub->id, sizeof hub->id, ZMQ_DONTWAIT)) > 0) {
        hub->id_length = (size_t)length;
        ipc__envelope envelope;
        if (ipc__zmq_receive(hub->router, &envelope) != 1) {
            broken("a message without frames", NULL);
        }
        take_envelope(hub, &envelope);
        ipc__envelope_free(&envelope);
    }
}

/* ---- the control socket ---- */

/* WELCOME, on the hub's clock, and with where its ROUTER is. */
static void send_welcome(fake_hub *hub, int control)
{
    json_t *means = json_copy(member(wire_packet(hub->wire, "WELCOME"), "means"));
    json_array_set_new(means, 5, json_integer((json_int_t)ipc__now()));
    json_array_set_new(means, 10, json_string(hub->endpoint));
    blob bytes = wire_pack(means);
    ipc__buf packet = {.data = bytes.bytes, .length = bytes.length};
    ipc__control_send(control, &packet, -1);
    free(bytes.bytes);
    json_decref(means);
}

static void take_packet(fake_hub *hub, unsigned which)
{
    char packet[IPC__PACKET_MAX];
    int fd;
    ssize_t length = ipc__control_receive(hub->controls[which], packet, sizeof packet, &fd);
    if (length <= 0) {
        close(hub->controls[which]);
        hub->controls[which] = -1;
        return;
    }
    ipc_cursor at;
    uint32_t fields;
    int kind = ipc__control_open(&at, packet, (size_t)length, &fields);
    note(hub, (heard){true, (unsigned)kind, copy(packet, (size_t)length), {NULL, 0}});
    int answers_on = kind == IPC__FORK ? fd : hub->controls[which];
    send_welcome(hub, answers_on);
    if (kind == IPC__FORK) {
        hub->controls[hub->control_count++ % CONTROLS_MAX] = fd; /* the child's lifeline */
    }
}

static void look_at_controls(fake_hub *hub)
{
    struct pollfd fds[1 + CONTROLS_MAX] = {{.fd = hub->listener, .events = POLLIN}};
    for (unsigned i = 0; i < CONTROLS_MAX; i++) {
        fds[1 + i] = (struct pollfd){.fd = i < hub->control_count ? hub->controls[i] : -1, .events = POLLIN};
    }
    poll(fds, 1 + CONTROLS_MAX, 0);
    for (unsigned i = 0; i < CONTROLS_MAX; i++) {
        if (fds[1 + i].revents) {
            take_packet(hub, i);
        }
    }
    if (fds[0].revents) {
        hub->controls[hub->control_count++ % CONTROLS_MAX] = accept(hub->listener, NULL, NULL);
    }
}

static void *run(void *arg)
{
    fake_hub *hub = arg;
    pthread_mutex_lock(&hub->lock);
    while (!hub->stop) {
        look_at_controls(hub);
        take_messages(hub);
        pthread_mutex_unlock(&hub->lock);
        poll(NULL, 0, LOOK_MS);
        pthread_mutex_lock(&hub->lock);
    }
    pthread_mutex_unlock(&hub->lock);
    return NULL;
}

/* ---- life ---- */

static fake_hub *start(const json_t *wire, const char *endpoint, const char *path)
{
    fake_hub *hub = calloc(1, sizeof *hub);
    if (!hub) {
        abort();
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&hub->lock, NULL);
    pthread_cond_init(&hub->came, &monotonic);
    pthread_condattr_destroy(&monotonic);
    hub->wire = wire;
    hub->listener = -1;
    hub->router = zmq_socket(ipc__zmq_context_acquire(), ZMQ_ROUTER);
    const int none = 0;
    zmq_setsockopt(hub->router, ZMQ_LINGER, &none, sizeof none);
    size_t size = sizeof hub->endpoint;
    if (zmq_bind(hub->router, endpoint) != 0 ||
        zmq_getsockopt(hub->router, ZMQ_LAST_ENDPOINT, hub->endpoint, &size) != 0) {
        broken("the fake hub cannot bind", NULL);
    }
    if (*path) {
        snprintf(hub->path, sizeof hub->path, "%s.ctl", path);
        snprintf(hub->address, sizeof hub->address, "ipc://%s", path);
        hub->listener = ipc__control_listen(hub->path);
    } else {
        snprintf(hub->address, sizeof hub->address, "%s", hub->endpoint);
    }
    if ((*path && hub->listener < 0) || pthread_create(&hub->thread, NULL, run, hub) != 0) {
        broken("the fake hub cannot start", NULL);
    }
    return hub;
}

fake_hub *fake_hub_open(const json_t *wire)
{
    static unsigned count;
    char endpoint[64];
    char path[96];
    const char *dir = getenv("XDG_RUNTIME_DIR");
    snprintf(endpoint, sizeof endpoint, "inproc://fake-%u", ++count);
    snprintf(path, sizeof path, "%s/fake-%d-%u", dir ? dir : "/tmp", (int)getpid(), count);
    return start(wire, endpoint, path);
}

fake_hub *fake_hub_open_remote(const json_t *wire)
{
    return start(wire, "tcp://127.0.0.1:*", "");
}

void fake_hub_close(fake_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    hub->stop = true;
    pthread_mutex_unlock(&hub->lock);
    pthread_join(hub->thread, NULL);
    for (unsigned i = 0; i < CONTROLS_MAX && i < hub->control_count; i++) {
        close(hub->controls[i]);
    }
    if (hub->listener >= 0) {
        close(hub->listener);
        unlink(hub->path);
    }
    zmq_close(hub->router);
    ipc__zmq_context_release();
    for (unsigned i = 0; i < hub->heard_count; i++) {
        free(hub->all[i].bytes.bytes);
        free(hub->all[i].frame.bytes);
    }
    free(hub->header.bytes);
    pthread_cond_destroy(&hub->came);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

const char *fake_hub_address(const fake_hub *hub)
{
    return hub->address;
}

/* ---- what the test says and asks ---- */

static void add_answer(fake_hub *hub, answer one)
{
    pthread_mutex_lock(&hub->lock);
    if (hub->answer_count == ANSWERS_MAX) {
        broken("too many answers", NULL);
    }
    hub->answers[hub->answer_count++] = one;
    pthread_mutex_unlock(&hub->lock);
}

void fake_hub_answer(fake_hub *hub, unsigned op, const json_t *vector)
{
    add_answer(hub, (answer){op, vector, false});
}

void fake_hub_answer_also(fake_hub *hub, unsigned op, const json_t *vector)
{
    add_answer(hub, (answer){op, vector, true});
}

void fake_hub_hold(fake_hub *hub, unsigned op)
{
    add_answer(hub, (answer){op, NULL, false});
}

static blob next_heard(fake_hub *hub, bool packet, unsigned number, blob *frame)
{
    struct timespec late;
    clock_gettime(CLOCK_MONOTONIC, &late);
    late.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&hub->lock);
    for (;;) {
        while (hub->read_count < hub->heard_count) {
            const heard *one = &hub->all[hub->read_count++];
            if (one->packet == packet && one->number == number) {
                blob found = copy(one->bytes.bytes, one->bytes.length);
                if (frame) {
                    *frame = copy(one->frame.bytes, one->frame.length);
                }
                pthread_mutex_unlock(&hub->lock);
                return found;
            }
        }
        if (pthread_cond_timedwait(&hub->came, &hub->lock, &late) != 0) {
            fprintf(stderr, "%s %u\n", packet ? "packet" : "operation", number);
            broken("the library did not say it", NULL);
        }
    }
}

blob fake_hub_heard(fake_hub *hub, unsigned op, blob *frame)
{
    return next_heard(hub, false, op, frame);
}

blob fake_hub_packet(fake_hub *hub, unsigned kind)
{
    return next_heard(hub, true, kind, NULL);
}

blob fake_hub_header(fake_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    blob header = copy(hub->header.bytes, hub->header.length);
    pthread_mutex_unlock(&hub->lock);
    return header;
}
