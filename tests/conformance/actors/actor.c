/*
 * An actor of table.json as a program: a step a line in, its result a line out; {"reset": address} begins a new life,
 * {"fail": true} ends it as one that failed.
 * Touches standard input and output, and the hub at its address. One thread.
 */
#include "../interpreter.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *reset(actor **self, const char *address)
{
    if (*self) {
        actor_close(*self);
    }
    *self = actor_open(address);
    if (!*self) {
        broken(ipc_last_error(), NULL);
    }
    return json_object();
}

int main(void)
{
    actor *self = NULL;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        json_error_t error;
        json_t *step = json_loads(line, JSON_ALLOW_NUL, &error);
        if (!step) {
            broken(error.text, NULL);
        }
        if (json_object_get(step, "fail")) {
            ipc_conn_fail(NULL);
            return 1;
        }
        const char *address = json_string_value(json_object_get(step, "reset"));
        json_t *result = address ? reset(&self, address) : actor_step(self, step);
        json_dumpf(result, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(result);
        json_decref(step);
    }
    free(line);
    return 0; /* without closing: a program's end is a clean one */
}
