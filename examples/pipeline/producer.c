/*
 * producer: the first of the pipeline's programs. Reads text and puts its lines on the joinable queue "lines".
 * Touches files, which it only reads, and the hub at $LIBIPC_ADDRESS. One thread.
 *
 * An item is {"item": its number, "lines": [{"file": …, "line": …, "text": …}, …]}: every line is a map, and as many as
 * --chunk says travel together. The number is what a result is known by, so that one that comes twice is counted once.
 */
#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <getopt.h>
#include <glob.h>
#include <ipc/ipc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    MAXSIZE = 1000,    /* items that wait; worker.py says the same */
    CHUNK = 100,       /* lines of an item */
    CHUNK_MAX = 65535, /* what the head of a chunk can count */
    ARRAY_HEAD = 3,    /* bytes of a msgpack array16's head */
    LOOK_AT = 8192,    /* a file that has a NUL so early is no text */
};

struct chunk {
    unsigned char *bytes; /* room for a head, and packed lines */
    size_t length;
    size_t capacity;
    unsigned lines;
};

struct producer {
    ipc_conn *conn;
    ipc_queue *queue;
    ipc_queue *results;
    struct chunk chunk;
    unsigned chunk_lines;
    int64_t items;
    int64_t lines;
    int64_t files;
    int64_t bytes;
    double begun;
    double shown;
};

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "producer: %s: %s\n", what, why);
    exit(1);
}

static void check(ipc_err err, const char *what)
{
    if (err) {
        fail(what, *ipc_last_error() ? ipc_last_error() : ipc_strerror(err));
    }
}

static double now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec / 1e9;
}

/* ---- progress ---- */

static void show_progress(struct producer *self, int last)
{
    int terminal = isatty(STDERR_FILENO);
    double moment = now();
    if (!last && moment - self->shown < (terminal ? 0.1 : 1.0)) {
        return;
    }
    self->shown = moment;
    double seconds = moment - self->begun;
    fprintf(stderr, "%sproducer: %lld lines of %lld files, %.1f MB, %.0f lines/s%s", terminal ? "\r\033[K" : "",
            (long long)self->lines, (long long)self->files, (double)self->bytes / 1e6,
            seconds > 0 ? (double)self->lines / seconds : 0, terminal && !last ? "" : "\n");
}

/* ---- items ---- */

static void chunk_reserve(struct chunk *chunk, size_t more)
{
    if (chunk->capacity - chunk->length >= more) {
        return;
    }
    chunk->capacity = 2 * (chunk->length + more);
    chunk->bytes = realloc(chunk->bytes, chunk->capacity);
    if (!chunk->bytes) {
        fail("cannot hold a chunk of lines", strerror(ENOMEM));
    }
}

static void chunk_clear(struct chunk *chunk)
{
    chunk->length = 0;
    chunk->lines = 0;
    chunk_reserve(chunk, ARRAY_HEAD);
    chunk->length = ARRAY_HEAD;
}

/* The lines so far, as one sequence: the head of a msgpack array, and behind it the lines, which are packed already. */
static ipc_msg *chunk_sequence(const struct chunk *chunk)
{
    chunk->bytes[0] = 0xdc;
    chunk->bytes[1] = (unsigned char)(chunk->lines >> 8);
    chunk->bytes[2] = (unsigned char)chunk->lines;
    ipc_msg *sequence;
    check(ipc_msg_from_bytes(&sequence, chunk->bytes, chunk->length), "cannot pack a chunk of lines");
    return sequence;
}

static void put_item(struct producer *self)
{
    ipc_msg *lines = chunk_sequence(&self->chunk);
    ipc_msg *item;
    check(ipc_pack(&item, "{s:I,s:v}", "item", ++self->items, "lines", lines), "cannot pack an item");
    check(ipc_queue_put(self->queue, item, IPC_FOREVER), "cannot put an item");
    ipc_msg_free(item);
    ipc_msg_free(lines);
    chunk_clear(&self->chunk);
}

static void add_line(struct producer *self, const char *file, int64_t number, const char *text, size_t length)
{
    ipc_msg *line;
    ipc_err err = ipc_pack(&line, "{s:s,s:I,s:S}", "file", file, "line", number, "text", text, length);
    if (err == IPC_EBADMSG) { /* not UTF-8: then it travels as bytes, and the file's name too */
        err = ipc_pack(&line, "{s:B,s:I,s:B}", "file", file, strlen(file), "line", number, "text", text, length);
    }
    check(err, "cannot pack a line");
    size_t size;
    const void *bytes = ipc_msg_bytes(line, &size);
    chunk_reserve(&self->chunk, size);
    memcpy(self->chunk.bytes + self->chunk.length, bytes, size);
    self->chunk.length += size;
    ipc_msg_free(line);
    self->lines++;
    if (++self->chunk.lines == self->chunk_lines) {
        put_item(self);
        show_progress(self, 0);
    }
}

/* ---- text ---- */

static int is_text(FILE *file)
{
    char start[LOOK_AT];
    size_t length = fread(start, 1, sizeof start, file);
    rewind(file);
    return !memchr(start, '\0', length);
}

static void read_file(struct producer *self, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "producer: %s: %s; passed over\n", path, strerror(errno));
        return;
    }
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    if (is_text(file)) {
        self->files++;
        for (int64_t number = 1; (length = getline(&text, &capacity, file)) >= 0; number++) {
            self->bytes += length;
            add_line(self, path, number, text, (size_t)length - (text[length - 1] == '\n'));
        }
    }
    free(text);
    fclose(file);
}

/* A file, or every file below a directory whose name is like the pattern. */
static void read_tree(struct producer *self, char *path, const char *pattern)
{
    char *const roots[] = {path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    if (!tree) {
        fail(path, strerror(errno));
    }
    FTSENT *entry;
    while ((entry = fts_read(tree))) {
        if (entry->fts_info == FTS_NS && entry->fts_level == 0) {
            fail(path, strerror(entry->fts_errno));
        }
        if (entry->fts_info == FTS_F && (entry->fts_level == 0 || fnmatch(pattern, entry->fts_name, 0) == 0)) {
            read_file(self, entry->fts_path);
        }
    }
    fts_close(tree);
}

/* What a Debian machine has. */
static void read_defaults(struct producer *self)
{
    static const char *const sources[][2] = {{"/usr/lib/python3*", "*.py"}, {"/usr/share/common-licenses", "*"}};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        glob_t found;
        if (glob(sources[i][0], 0, NULL, &found) == 0) {
            for (size_t j = 0; j < found.gl_pathc; j++) {
                read_tree(self, found.gl_pathv[j], sources[i][1]);
            }
            globfree(&found);
        }
    }
    if (self->lines == 0) {
        fail("no text", "there is none where Debian has some; name a file or a directory");
    }
}

/* ---- beginning and end ---- */

static void open_queues(struct producer *self)
{
    check(ipc_connect(&self->conn, NULL, NULL), "cannot connect");
    ipc_queue_options lines = IPC_QUEUE_OPTIONS_INIT;
    lines.joinable = true;
    lines.maxsize = MAXSIZE;
    check(ipc_queue_open(&self->queue, self->conn, "lines", &lines), "cannot open the queue \"lines\"");
    check(ipc_queue_open(&self->results, self->conn, "results", NULL), "cannot open the queue \"results\"");
}

/* Every item is done, so every result is in the hub: tell the collector how many, and the workers that it was all. */
static void finish(struct producer *self)
{
    if (self->chunk.lines) {
        put_item(self);
    }
    show_progress(self, 1);
    check(ipc_queue_join(self->queue, IPC_FOREVER), "cannot join the queue");
    ipc_msg *end;
    check(ipc_pack(&end, "{s:{s:I,s:I,s:I,s:I,s:f}}", "end", "items", self->items, "lines", self->lines, "files",
                   self->files, "bytes", self->bytes, "seconds", now() - self->begun),
          "cannot pack the end");
    check(ipc_queue_put(self->results, end, IPC_FOREVER), "cannot put the end");
    check(ipc_queue_flush(self->results, IPC_FOREVER), "cannot put the end");
    check(ipc_unlink(self->conn, "lines"), "cannot delete the queue \"lines\"");
    ipc_msg_free(end);
}

static unsigned parse_chunk(const char *text)
{
    char *end;
    unsigned long lines = strtoul(text, &end, 10);
    if (end == text || *end || lines == 0 || lines > CHUNK_MAX) {
        fail("--chunk", "takes a number of lines from 1 to 65535");
    }
    return (unsigned)lines;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"chunk", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    struct producer self = {.chunk_lines = CHUNK, .begun = now()};
    int option;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (option != 'c') {
            fputs("usage: producer [--chunk LINES] [FILE|DIRECTORY...]\n", stderr);
            return 2;
        }
        self.chunk_lines = parse_chunk(optarg);
    }
    open_queues(&self);
    chunk_clear(&self.chunk);
    if (optind == argc) {
        read_defaults(&self);
    }
    for (int i = optind; i < argc; i++) {
        read_tree(&self, argv[i], "*");
    }
    finish(&self);
    free(self.chunk.bytes);
    ipc_queue_free(self.queue);
    ipc_queue_free(self.results);
    ipc_conn_free(self.conn);
    return 0;
}
