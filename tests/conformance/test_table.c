/*
 * table.json in C: every case over every transport, its two actors being connections of this process.
 * Touches hubs of its own. One thread.
 */
#include "interpreter.h"

#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_TRIES = 4000, TRY_NS = 5000000, TRANSPORTS = 3 };

static const char *const transports[TRANSPORTS] = {"ipc", "inproc", "tcp"};

/* A case over a transport. */
typedef struct scene {
    const json_t *test;
    const char *transport;
} scene;

/* A hub, and the actors of a case. */
typedef struct stage {
    const json_t *test;
    ipc_hub *hub;
    char *address;
    actor *a;
    actor *b;
    json_t *tickets;
} stage;

/* ---- the stage ---- */

static void fresh_address(char *address, size_t size, const char *transport)
{
    static unsigned count;
    if (strcmp(transport, "tcp") == 0) {
        snprintf(address, size, "tcp://127.0.0.1:*");
        return;
    }
    const char *scheme = strcmp(transport, "inproc") == 0 ? "inproc://" : "";
    snprintf(address, size, "%stable-%d-%u", scheme, (int)getpid(), ++count);
}

static void limit(const json_t *limits, const char *name, uint32_t *option)
{
    const json_t *number = json_object_get(limits, name);
    *option = number ? (uint32_t)json_integer_value(number) : *option;
}

static void start_hub(stage *self, const char *address)
{
    const json_t *limits = json_object_get(self->test, "hub");
    const json_t *memory = json_object_get(limits, "max_memory");
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    limit(limits, "max_sessions", &options.max_sessions);
    limit(limits, "max_objects", &options.max_objects);
    limit(limits, "max_message", &options.max_message);
    limit(limits, "max_name", &options.max_name);
    limit(limits, "max_waiting", &options.max_waiting);
    options.max_memory = memory ? (uint64_t)json_integer_value(memory) : options.max_memory;
    assert_int_equal(ipc_hub_start(&self->hub, address, &options), IPC_OK);
}

static void open_stage(stage *self, const scene *here)
{
    char address[64];
    fresh_address(address, sizeof address, here->transport);
    *self = (stage){.test = here->test, .tickets = json_object()};
    start_hub(self, address);
    self->address = strdup(ipc_hub_address(self->hub));
}

static void close_stage(stage *self)
{
    if (self->a) {
        actor_close(self->a);
    }
    if (self->b) {
        actor_close(self->b);
    }
    ipc_hub_free(self->hub);
    json_decref(self->tickets);
    free(self->address);
}

static json_t *hub_step(stage *self, const json_t *step)
{
    if (strcmp(text_member(step, "do"), "stop") == 0) {
        ipc_hub_stop(self->hub);
        return json_object();
    }
    ipc_hub_free(self->hub);
    start_hub(self, self->address);
    return json_object();
}

static json_t *perform(stage *self, const json_t *step)
{
    const char *by = text_member(step, "by");
    if (strcmp(by, "hub") == 0) {
        return hub_step(self, step);
    }
    actor **who = *by == 'a' ? &self->a : &self->b;
    if (!*who) {
        *who = actor_open(self->address);
        assert_non_null(*who);
    }
    return actor_step(*who, step);
}

/* ---- the script ---- */

static bool matches(const json_t *step, const json_t *result)
{
    static const char *const marks[] = {"fails", "put", "attempt", "late", "abandoned", "acted"};
    if (json_object_get(result, "fails") && !json_object_get(step, "fails")) {
        return false;
    }
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const json_t *mark = json_object_get(step, marks[i]);
        if (mark && !json_equal(mark, json_object_get(result, marks[i]))) {
            return false;
        }
    }
    const json_t *gives = json_object_get(step, "gives");
    return !gives || notation_same(gives, member(result, "gives"));
}

static json_t *until_it_matches(stage *self, const json_t *step)
{
    json_t *result = perform(self, step);
    for (int i = 0; i < PATIENCE_TRIES && !matches(step, result); i++) {
        nanosleep(&(struct timespec){.tv_nsec = TRY_NS}, NULL);
        json_decref(result);
        result = perform(self, step);
    }
    return result;
}

static void run_step(stage *self, json_t *step)
{
    const char *what = text_member(step, "do");
    if (strcmp(what, "attach") == 0) {
        json_object_set(step, "ticket", member(self->tickets, text_member(step, "ticket")));
    }
    json_t *result = json_object_get(step, "eventually") ? until_it_matches(self, step) : perform(self, step);
    if (!matches(step, result)) {
        fail_msg("%s: %s", json_dumps(step, 0), json_dumps(result, 0));
    }
    if (strcmp(what, "share") == 0 && !json_object_get(step, "fails")) {
        json_object_set(self->tickets, text_member(step, "as"), member(result, "gives"));
    }
    json_decref(result);
}

static void test_table(void **state)
{
    const scene *here = *state;
    stage on;
    open_stage(&on, here);
    const json_t *steps = member(here->test, "steps");
    assert_true(json_array_size(steps) > 0);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        json_t *step = json_copy(json_array_get(steps, i));
        run_step(&on, step);
        json_decref(step);
    }
    close_stage(&on);
}

/* ---- all of them ---- */

static bool runs_over(const json_t *test, const char *transport)
{
    const json_t *over = json_object_get(test, "over");
    bool named = !over;
    for (size_t i = 0; i < json_array_size(over); i++) {
        named = named || strcmp(json_string_value(json_array_get(over, i)), transport) == 0;
    }
    bool allowed = strcmp(transport, "tcp") != 0 || tcp_allowed();
    return named && allowed && !json_object_get(test, "processes");
}

static size_t list_tests(const json_t *cases, struct CMUnitTest *tests, scene *scenes)
{
    size_t count = 0;
    for (size_t i = 0; i < TRANSPORTS * json_array_size(cases); i++) {
        const json_t *test = json_array_get(cases, i / TRANSPORTS);
        const char *transport = transports[i % TRANSPORTS];
        if (!runs_over(test, transport)) {
            continue;
        }
        char name[256];
        snprintf(name, sizeof name, "%s, over %s", text_member(test, "name"), transport);
        scenes[count] = (scene){test, transport};
        tests[count] = (struct CMUnitTest){strdup(name), test_table, NULL, NULL, &scenes[count]};
        count++;
    }
    return count;
}

int main(void)
{
    json_t *table = load_table("table.json");
    const json_t *cases = member(table, "cases");
    size_t most = TRANSPORTS * json_array_size(cases);
    struct CMUnitTest *tests = calloc(most, sizeof *tests);
    scene *scenes = calloc(most, sizeof *scenes);
    if (!tests || !scenes) {
        return 2;
    }
    size_t count = list_tests(cases, tests, scenes);
    /* What the macro cmocka_run_group_tests() calls for an array of a fixed size. */
    int failed = _cmocka_run_group_tests("table", tests, count, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)tests[i].name);
    }
    free(scenes);
    free(tests);
    json_decref(table);
    return failed;
}
