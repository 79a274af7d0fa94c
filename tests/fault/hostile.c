/*
 * What tests of hostile sessions over shared memory have in common.
 * Touches a hub, raw sessions of it, and /proc. The test's own thread alone.
 */
#include "fault/hostile.h"

#include "support/os.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLACK_FDS = 6 }; /* what a hub may open for itself, once */

/* ---- who works all the while ---- */

int64_t stat_of(ipc_conn *conn, const char *key)
{
    ipc_msg *stat;
    int64_t number = -1;
    CHECK_OK(ipc_stat(conn, &stat));
    CHECK_OK(ipc_unpack(stat, "{s:I}", key, &number));
    ipc_msg_free(stat);
    return number;
}

long hub_kib(pid_t hub)
{
    char path[64];
    char line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)hub);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        (void)sscanf(line, "RssAnon: %ld", &kib);
    }
    if (file) {
        fclose(file);
    }
    return kib;
}

long hub_ticks(pid_t hub)
{
    char path[64];
    char line[1024] = "";
    unsigned long in_user = 0;
    unsigned long in_system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)hub);
    FILE *file = fopen(path, "re");
    CHECK(file && fgets(line, sizeof line, file));
    fclose(file);
    const char *at = strrchr(line, ')');
    CHECK(at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &in_user, &in_system) == 2);
    return (long)(in_user + in_system);
}

void is_well(struct witness *self, const place *where)
{
    put_numbers(self->user.queue, self->number, self->number);
    expect_numbers(self->user.queue, self->number, self->number);
    self->number++;
    CHECK_INT(place_hub_pid(where), self->hub);
    CHECK_INT(kill(self->hub, 0), 0);
}

struct witness witness_of(const place *where)
{
    struct witness self = {.user = user_of(where, "jobs", false, 0)};
    self.hub = place_hub_pid(where);
    CHECK(self.hub > 0);
    is_well(&self, where);
    raw_lane first = raw_lane_open(where); /* what a hub opens once is open */
    raw_lane_queue(&first, 1, "mine", 0);
    raw_lane_close(&first);
    EVENTUALLY(stat_of(self.user.conn, "sessions") == 1);
    self.fds = fds_of(self.hub);
    self.kib = hub_kib(self.hub);
    return self;
}

void leaves(struct witness *self, const place *where)
{
    is_well(self, where);
    EVENTUALLY(stat_of(self->user.conn, "sessions") == 1);
    EVENTUALLY(fds_of(self->hub) <= self->fds + SLACK_FDS);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(hub_kib(self->hub) <= self->kib + SLACK_KIB);
#endif
    long ticks = hub_ticks(self->hub);
    usleep(200 * 1000);
    CHECK(hub_ticks(self->hub) - ticks <= sysconf(_SC_CLK_TCK) / 10);
    user_leave(&self->user);
}

/* ---- crimes ---- */

void expect_dropped(struct witness *witness, const place *where, raw_lane *raw, int64_t before, const char *name)
{
    if (!raw_dropped(raw->control, DEADLINE_MS)) {
        check_fail(__FILE__, __LINE__, "it is not dropped: %s", name);
    }
    raw_lane_close(raw);
    if (stat_of(witness->user.conn, "rejected") != before + 1) {
        check_fail(__FILE__, __LINE__, "it is not counted as rejected: %s", name);
    }
    is_well(witness, where);
}

void punish(struct witness *witness, const place *where, const struct crime *crimes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t before = stat_of(witness->user.conn, "rejected");
        raw_lane raw = raw_lane_open(where);
        crimes[i].commit(&raw);
        expect_dropped(witness, where, &raw, before, crimes[i].name);
    }
}

/* ---- what several tests do ---- */

void say_ping(raw_lane *self)
{
    raw_bytes ops = {.length = 0};
    raw_pack(&ops, "[i,i,U]", 8, 0, ++self->seq);
    raw_lane_say(self, &ops);
}

void set_state(const raw_lane *self, uint64_t position, uint64_t word)
{
    atomic_store(&raw_lane_slot(self, 1, position)->state, word);
}

int file_of(size_t size)
{
    char path[] = "/tmp/hostile-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    CHECK(fd >= 0 && unlink(path) == 0 && ftruncate(fd, (off_t)size) == 0);
    return fd;
}
