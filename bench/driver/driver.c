/*
 * Options, clock and line protocol of the benchmarks' C programs.
 * Touches standard input and output. One thread.
 */
#include "driver/driver.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

void bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void bench_check(ipc_err err, const char *what)
{
    if (err) {
        bench_fail("%s: %s: %s", what, ipc_strerror(err), ipc_last_error());
    }
}

void *bench_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        bench_fail("out of memory for %zu bytes", size);
    }
    return memory;
}

static uint64_t number(const char *name, const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end) {
        bench_fail("--%s takes a number, not \"%s\"", name, text);
    }
    return value;
}

bench_options bench_parse(int argc, char **argv)
{
    static const struct option longs[] = {
        {"over", required_argument, NULL, 'o'},
        {"address", required_argument, NULL, 'a'},
        {"second", required_argument, NULL, 'b'},
        {"name", required_argument, NULL, 'n'},
        {"count", required_argument, NULL, 'c'},
        {"size", required_argument, NULL, 's'},
        {"maxsize", required_argument, NULL, 'm'},
        {"gap-us", required_argument, NULL, 'g'},
        {"others", required_argument, NULL, 'O'},
        {"sessions", required_argument, NULL, 'S'},
        {"named", no_argument, NULL, 'N'},
        {"apart", no_argument, NULL, 'A'},
        {"joinable", no_argument, NULL, 'j'},
        {"borrow", no_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing is left running when bench/run is killed */
    bench_options options = {.over = "queue", .address = "bench", .name = "bench", .count = 100000, .size = 64};
    int option;
    int at;
    while ((option = getopt_long(argc, argv, "", longs, &at)) != -1) {
        switch (option) {
        case 'o':
            options.over = optarg;
            break;
        case 'a':
            options.address = optarg;
            break;
        case 'b':
            options.second = optarg;
            break;
        case 'n':
            options.name = optarg;
            break;
        case 'c':
            options.count = number(longs[at].name, optarg);
            break;
        case 's':
            options.size = number(longs[at].name, optarg);
            break;
        case 'm':
            options.maxsize = number(longs[at].name, optarg);
            break;
        case 'g':
            options.gap_us = number(longs[at].name, optarg);
            break;
        case 'O':
            options.others = number(longs[at].name, optarg);
            break;
        case 'S':
            options.sessions = number(longs[at].name, optarg);
            break;
        case 'N':
            options.named = true;
            break;
        case 'A':
            options.apart = true;
            break;
        case 'j':
            options.joinable = true;
            break;
        case 'w':
            options.borrow = true;
            break;
        default:
            exit(2);
        }
    }
    if (optind != argc - 1) {
        bench_fail("one argument says what to do");
    }
    options.role = argv[optind];
    return options;
}

uint64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void bench_pause(uint64_t us)
{
    prctl(PR_SET_TIMERSLACK, 1); /* else a sleep takes 50 us more than it should */
    struct timespec left = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    nanosleep(&left, NULL);
}

static double microseconds(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

static double computed(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

static double computed_before;

void bench_ready(void)
{
    char line[16];
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) {
        bench_fail("nobody told it to go");
    }
    computed_before = computed();
}

void bench_cpu(void)
{
    bench_number("cpu", computed() - computed_before);
}

void bench_number(const char *name, double value)
{
    printf("%s %.17g\n", name, value);
    fflush(stdout);
}

static int by_size(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

void bench_time(const bench_options *options, const char *name, void (*run)(void *arg), void *arg)
{
    uint64_t *samples = bench_alloc(options->count * sizeof *samples);
    for (uint64_t i = 0; i < options->count; i++) {
        if (options->gap_us) {
            bench_pause(options->gap_us);
        }
        uint64_t begun = bench_now();
        run(arg);
        samples[i] = bench_now() - begun;
    }
    bench_percentiles(name, samples, options->count);
    free(samples);
}

void bench_percentiles(const char *name, uint64_t *samples, size_t count)
{
    static const unsigned percents[] = {50, 99};
    qsort(samples, count, sizeof *samples, by_size);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        char full[64];
        snprintf(full, sizeof full, "%s_p%u", name, percents[i]);
        size_t at = (count - 1) * percents[i] / 100;
        bench_number(full, (double)samples[at] / 1000);
    }
}
