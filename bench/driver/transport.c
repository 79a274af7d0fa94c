/*
 * Transports by name.
 * Touches nothing.
 */
#include "driver/transport.h"

#include <string.h>

const bench_transport *bench_transport_of(const bench_options *options)
{
    static const bench_transport *const all[] = {&bench_queue, &bench_pipe, &bench_pushpull,
                                                 &bench_pair,  &bench_ring, &bench_unix};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i]->name, options->over) == 0) {
            return all[i];
        }
    }
    bench_fail("no transport \"%s\"", options->over);
}
