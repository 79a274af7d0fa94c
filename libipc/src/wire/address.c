/*
 * Addresses: what users write, and the files and endpoints that it means.
 * Touches the environment and the run directory. Any thread.
 */
#include "wire/address.h"

#include "util/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 64 };

/* A path that a Unix socket can have. */
static ipc_err set_path(char *out, const char *path, const char *suffix)
{
    int length = snprintf(out, IPC__PATH_MAX, "%s%s", path, suffix);
    if (length < 0 || length >= IPC__PATH_MAX) {
        return ipc__fail(IPC_EADDRESS, "the path \"%s%s\" is too long for a Unix socket (%d bytes at most)", path,
                         suffix, IPC__PATH_MAX - 1);
    }
    return IPC_OK;
}

static ipc_err run_directory(char *out)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    char fallback[64];
    snprintf(fallback, sizeof fallback, "/tmp/libipc-%u", (unsigned)getuid());
    ipc_err err = base && *base == '/' ? set_path(out, base, "/libipc") : set_path(out, fallback, "");
    if (err) {
        return err;
    }
    if (mkdir(out, 0700) != 0 && errno != EEXIST) {
        return ipc__fail_errno("cannot make the run directory %s", out);
    }
    struct stat st;
    if (lstat(out, &st) != 0) {
        return ipc__fail_errno("cannot look at the run directory %s", out);
    }
    if (!S_ISDIR(st.st_mode) || st.st_uid != getuid() || (st.st_mode & 077)) {
        return ipc__fail(IPC_EPERM,
                         "the run directory %s must be a directory of yours with mode 0700; remove it, or set "
                         "XDG_RUNTIME_DIR",
                         out);
    }
    return IPC_OK;
}

static bool is_name(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > NAME_MAX_BYTES || *text == '.') {
        return false;
    }
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

static ipc_err parse_name(ipc__address *address, const char *name)
{
    char directory[IPC__PATH_MAX];
    char path[2 * IPC__PATH_MAX];
    ipc_err err = run_directory(directory);
    if (err) {
        return err;
    }
    snprintf(path, sizeof path, "%s/%s", directory, name);
    char socket[IPC__PATH_MAX];
    err = set_path(socket, path, ".sock");
    err = err ? err : set_path(address->control, path, ".ctl");
    err = err ? err : set_path(address->lock, path, ".lock");
    if (err) {
        return err;
    }
    snprintf(address->endpoint, sizeof address->endpoint, "ipc://%s", socket);
    snprintf(address->text, sizeof address->text, "%s", name);
    return IPC_OK;
}

static ipc_err parse_ipc(ipc__address *address, const char *path)
{
    if (*path != '/') {
        return ipc__fail(IPC_EADDRESS, "\"ipc://%s\": the path must begin with /", path);
    }
    char socket[IPC__PATH_MAX];
    ipc_err err = set_path(socket, path, "");
    err = err ? err : set_path(address->control, path, ".ctl");
    err = err ? err : set_path(address->lock, path, ".lock");
    if (err) {
        return err;
    }
    snprintf(address->endpoint, sizeof address->endpoint, "ipc://%s", socket);
    snprintf(address->text, sizeof address->text, "ipc://%s", socket);
    return IPC_OK;
}

/* Beyond this host there is no key yet that would keep strangers out. */
static bool is_loopback(const char *host, size_t length)
{
    static const char *const names[] = {"localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == length && strncmp(host, names[i], length) == 0) {
            return true;
        }
    }
    return length > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == length;
}

static ipc_err parse_tcp(ipc__address *address, const char *text, const char *rest)
{
    const char *colon = strrchr(rest, ':');
    if (!colon || colon == rest || !colon[1] ||
        (strspn(colon + 1, "0123456789") != strlen(colon + 1) && strcmp(colon, ":*") != 0) ||
        strlen(text) >= sizeof address->text) {
        return ipc__fail(IPC_EADDRESS, "\"%s\" is not tcp://host:port", text);
    }
    if (strcmp(colon, ":*") != 0 && strtoul(colon + 1, NULL, 10) > UINT16_MAX) {
        return ipc__fail(IPC_EADDRESS, "\"%s\": %s is not a port, which is at most %d", text, colon + 1, UINT16_MAX);
    }
    if (!is_loopback(rest, (size_t)(colon - rest))) {
        return ipc__fail(IPC_EPERM,
                         "\"%s\" leaves this host, and there are no keys yet to keep strangers out; use "
                         "tcp://127.0.0.1:port",
                         text);
    }
    snprintf(address->endpoint, sizeof address->endpoint, "%s", text);
    snprintf(address->text, sizeof address->text, "%s", text);
    return IPC_OK;
}

static ipc_err parse_inproc(ipc__address *address, const char *text, const char *name)
{
    if (!*name || strlen(text) >= sizeof address->text) {
        return ipc__fail(IPC_EADDRESS, "\"%s\" is not inproc://name", text);
    }
    snprintf(address->endpoint, sizeof address->endpoint, "%s", text);
    snprintf(address->text, sizeof address->text, "%s", text);
    return IPC_OK;
}

static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

ipc_err ipc__address_parse(ipc__address *address, const char *text)
{
    *address = (ipc__address){.scheme = IPC__SCHEME_NAME};
    const char *rest = after(text, "ipc://");
    if (rest) {
        address->scheme = IPC__SCHEME_IPC;
        return parse_ipc(address, rest);
    }
    rest = after(text, "tcp://");
    if (rest) {
        address->scheme = IPC__SCHEME_TCP;
        return parse_tcp(address, text, rest);
    }
    rest = after(text, "inproc://");
    if (rest) {
        address->scheme = IPC__SCHEME_INPROC;
        return parse_inproc(address, text, rest);
    }
    if (!is_name(text)) {
        return ipc__fail(IPC_EADDRESS,
                         "\"%s\" is not an address: a name (letters, digits, . _ -, at most %d), "
                         "ipc:///path, tcp://127.0.0.1:port or inproc://name",
                         text, NAME_MAX_BYTES);
    }
    return parse_name(address, text);
}
