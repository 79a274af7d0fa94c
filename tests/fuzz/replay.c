/*
 * replay PATH...: run a fuzz target over files, or over every file of folders, as libFuzzer would run it over one input.
 * Touches only the files that it is given. One thread, nothing to lock.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned inputs;

/* The whole file, in a block of exactly its size, so that a read past its end is seen. NULL: cannot be read. */
static uint8_t *read_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1);
    if (file && data && fread(data, 1, size, file) != size) {
        free(data);
        data = NULL;
    }
    if (file) {
        fclose(file);
    } else {
        free(data);
        data = NULL;
    }
    return data;
}

static int replay_file(const char *path, size_t size)
{
    uint8_t *data = read_file(path, size);
    if (!data) {
        perror(path);
        return 1;
    }
    /* Said before, so that it is known what a crash was on. */
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
    return 0;
}

static int replay(const char *path);

static int replay_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        perror(path);
        return 1;
    }
    int status = 0;
    for (int i = 0; i < count; i++) {
        char child[4096];
        if (entries[i]->d_name[0] != '.') {
            snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
            status |= replay(child);
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

static int replay(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return 1;
    }
    return S_ISDIR(info.st_mode) ? replay_folder(path) : replay_file(path, (size_t)info.st_size);
}

int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 1; i < argc; i++) {
        status |= replay(argv[i]);
    }
    if (inputs == 0) {
        fprintf(stderr, "%s: no input was replayed: give it a corpus\n", argv[0]);
        return 1;
    }
    printf("%u inputs replayed\n", inputs);
    return status;
}
