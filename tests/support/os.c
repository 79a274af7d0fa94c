/*
 * What the operating system knows of processes: their open descriptors, threads and mappings.
 * Touches /proc alone. Any thread.
 */
#include "support/os.h"

#include "support/check.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned entries(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) {
        return 0;
    }
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        count += *entry->d_name != '.';
    }
    closedir(dir);
    return count;
}

unsigned open_fds(void)
{
    unsigned count = entries("/proc/self/fd");
    CHECK(count > 0);
    return count - 1; /* that of looking */
}

unsigned running_threads(void)
{
    unsigned count = entries("/proc/self/task");
    CHECK(count > 0);
    return count;
}

unsigned fds_of(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    return entries(path);
}

unsigned fds_named(pid_t pid, const char *part)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    unsigned count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char target[512];
        ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        count += strstr(target, part) != NULL;
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

unsigned mappings_of(pid_t pid, const char *name)
{
    char path[64];
    char line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    if (!maps) {
        return 0;
    }
    unsigned count = 0;
    while (fgets(line, sizeof line, maps)) {
        count += strstr(line, name) != NULL;
    }
    fclose(maps);
    return count;
}
