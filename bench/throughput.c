/*
 * Throughput: one producer process and one consumer process, one value a call. "produce", "consume", and "forward",
 * which moves messages and does nothing else, for the comparison with a hub.
 * Touches a transport. One thread.
 */
#include "driver/transport.h"

#include <string.h>

/* Each payload begins with its number, so that a lost or doubled one is seen. */
static void produce(const bench_options *options, const bench_transport *transport)
{
    void *side = transport->open(options, BENCH_SENDS);
    transport->send(side); /* number 0, before the clock starts: everything is connected when it arrives */
    bench_ready();
    bench_number("start", (double)bench_now());
    for (uint64_t i = 1; i <= options->count; i++) {
        memcpy(transport->payload(side), &i, sizeof i);
        transport->send(side);
    }
    transport->close(side);
    bench_cpu();
}

static void expect(uint64_t number, const void *payload)
{
    uint64_t got;
    memcpy(&got, payload, sizeof got);
    if (got != number) {
        bench_fail("message %llu came where %llu was due", (unsigned long long)got, (unsigned long long)number);
    }
}

static void consume(const bench_options *options, const bench_transport *transport)
{
    void *side = transport->open(options, BENCH_RECEIVES);
    expect(0, transport->receive(side));
    bench_ready();
    for (uint64_t i = 1; i <= options->count; i++) {
        expect(i, transport->receive(side));
    }
    bench_number("end", (double)bench_now());
    transport->close(side);
    bench_cpu();
}

static void forward(const bench_options *options, const bench_transport *transport)
{
    if (!transport->forward) {
        bench_fail("%s has no forwarder", transport->name);
    }
    transport->forward(options);
    bench_cpu();
}

int main(int argc, char **argv)
{
    bench_options options = bench_parse(argc, argv);
    if (options.size < sizeof(uint64_t)) {
        bench_fail("a message has %zu bytes at least", sizeof(uint64_t));
    }
    if (strcmp(options.role, "produce") == 0) {
        produce(&options, bench_transport_of(&options));
    } else if (strcmp(options.role, "consume") == 0) {
        consume(&options, bench_transport_of(&options));
    } else if (strcmp(options.role, "forward") == 0 && options.second) {
        forward(&options, bench_transport_of(&options));
    } else {
        bench_fail("produce, consume, or forward with --second");
    }
    return 0;
}
