/*
 * Latency. "ping" sends a message, "pong" answers with the time at which it came; ping writes the one-way time there and
 * the round trip. "send" sends one message after the other, a gap apart, and waits for nothing; "receive" writes the
 * one-way times. All as the median and the 99th percentile, in microseconds.
 * Touches a transport. One thread.
 */
#include "driver/transport.h"

#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 20 };

/* One exchange: when it was sent, came there, and came back. */
typedef struct exchange {
    uint64_t sent;
    uint64_t there;
    uint64_t back;
} exchange;

static exchange ping_once(const bench_transport *transport, void *side)
{
    exchange times = {.sent = bench_now()};
    memcpy(transport->payload(side), &times.sent, sizeof times.sent);
    transport->send(side);
    memcpy(&times.there, transport->receive(side), sizeof times.there);
    times.back = bench_now();
    return times;
}

static void ping(const bench_options *options, const bench_transport *transport)
{
    void *side = transport->open(options, BENCH_BOTH_A);
    uint64_t *there = bench_alloc(options->count * sizeof *there);
    uint64_t *round = bench_alloc(options->count * sizeof *round);
    for (int i = 0; i < WARM_UP; i++) {
        ping_once(transport, side);
    }
    bench_ready();
    for (uint64_t i = 0; i < options->count; i++) {
        if (options->gap_us) {
            bench_pause(options->gap_us);
        }
        exchange times = ping_once(transport, side);
        there[i] = times.there - times.sent;
        round[i] = times.back - times.sent;
    }
    bench_percentiles("one_way", there, options->count);
    bench_percentiles("round_trip", round, options->count);
    transport->close(side);
    free(there);
    free(round);
}

static void pong(const bench_options *options, const bench_transport *transport)
{
    void *side = transport->open(options, BENCH_BOTH_B);
    for (uint64_t i = 0; i < WARM_UP + options->count; i++) {
        transport->receive(side);
        uint64_t now = bench_now();
        memcpy(transport->payload(side), &now, sizeof now);
        transport->send(side);
    }
    transport->close(side);
}

static void send_paced(const bench_options *options, const bench_transport *transport)
{
    void *side = transport->open(options, BENCH_SENDS);
    transport->send(side); /* before the clock starts: everything is connected when it arrives */
    bench_ready();
    for (uint64_t i = 0; i < options->count; i++) {
        bench_pause(options->gap_us);
        uint64_t now = bench_now();
        memcpy(transport->payload(side), &now, sizeof now);
        transport->send(side);
    }
    transport->close(side);
}

static void receive_paced(const bench_options *options, const bench_transport *transport)
{
    void *side = transport->open(options, BENCH_RECEIVES);
    uint64_t *there = bench_alloc(options->count * sizeof *there);
    transport->receive(side);
    bench_ready();
    for (uint64_t i = 0; i < options->count; i++) {
        uint64_t sent;
        memcpy(&sent, transport->receive(side), sizeof sent);
        there[i] = bench_now() - sent;
    }
    bench_percentiles("one_way", there, options->count);
    transport->close(side);
    free(there);
}

int main(int argc, char **argv)
{
    bench_options options = bench_parse(argc, argv);
    if (options.size < sizeof(uint64_t) || options.count == 0) {
        bench_fail("a message has %zu bytes at least, and there is one at least", sizeof(uint64_t));
    }
    if (strcmp(options.role, "ping") == 0) {
        ping(&options, bench_transport_of(&options));
    } else if (strcmp(options.role, "pong") == 0) {
        pong(&options, bench_transport_of(&options));
    } else if (strcmp(options.role, "send") == 0) {
        send_paced(&options, bench_transport_of(&options));
    } else if (strcmp(options.role, "receive") == 0) {
        receive_paced(&options, bench_transport_of(&options));
    } else {
        bench_fail("ping and pong, or send and receive");
    }
    return 0;
}
