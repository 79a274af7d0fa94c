/*
 * The simulator: the hub core among clients of all kinds, on a clock of its own, for many seeds.
 * Touches memory, and prints. One thread.
 *
 * test_sim                   the seeds that belong to the test
 * test_sim --seeds COUNT     so many, from --seed on
 * test_sim --seed N          one, with a trace of all that happens
 * test_sim --steps N         how long a run is
 */
#include "sim.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 5000, STEPS = 1500, FAILURES_MAX = 10 };

struct plan {
    uint64_t seed;
    uint64_t seeds;
    unsigned steps;
    bool one;
};

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return *text && !*end;
}

static bool parse(struct plan *plan, int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'c'},
        {"steps", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    bool counted = false;
    bool named = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        uint64_t number;
        if (option == '?' || !parse_number(optarg, &number)) {
            return false;
        }
        if (option == 's') {
            plan->seed = number;
            named = true;
        } else if (option == 'c') {
            plan->seeds = number;
            counted = true;
        } else {
            plan->steps = (unsigned)number;
        }
    }
    plan->one = named && !counted;
    plan->seeds = plan->one ? 1 : plan->seeds;
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct plan plan = {.seed = 1, .seeds = SEEDS, .steps = STEPS};
    if (!parse(&plan, argc, argv)) {
        fprintf(stderr, "usage: %s [--seed N] [--seeds COUNT] [--steps N]\n", argv[0]);
        return 2;
    }
    static sim_world sim;
    uint64_t failed = 0;
    uint64_t passed = 0;
    for (uint64_t seed = plan.seed; passed + failed < plan.seeds && failed < FAILURES_MAX; seed++) {
        sim.trace = plan.one;
        if (sim_run(&sim, seed, plan.steps)) {
            passed++;
        } else {
            failed++;
            printf("seed %" PRIu64 " failed in step %u: %s\n  replay: %s --seed %" PRIu64 " --steps %u\n", seed,
                   sim.step, sim.failure, argv[0], seed, plan.steps);
            fflush(stdout);
        }
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
