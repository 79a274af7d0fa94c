/*
 * Values: packed bytes (msgpack), formats to pack and unpack them, and a cursor to walk them.
 */
#ifndef IPC_MSG_H
#define IPC_MSG_H

#include <ipc/error.h>
#include <ipc/types.h>

#include <stdarg.h>

IPC_BEGIN_DECLS

/** Extension types (msgpack ext) that libipc gives a meaning to. */
typedef enum ipc_ext {
    IPC_EXT_TIMESTAMP = -1, /**< A moment: msgpack's own timestamp. */
    IPC_EXT_NDARRAY = 64,   /**< An array of numbers. */
    IPC_EXT_BIGINT = 65,    /**< An integer beyond 64 bits: two's complement, big-endian, shortest form. */
    IPC_EXT_HANDLE = 66,    /**< A handle on an object of a hub. */
    IPC_EXT_ERROR = 67,     /**< An error: [type name, text]. */
    IPC_EXT_PICKLE = 68,    /**< A pickled Python object: read only where the program asked for it. */
} ipc_ext;

/** A value's packed bytes, borrowed. */
typedef struct ipc_packed {
    const void *bytes;
    size_t length;
} ipc_packed;

/* ---- limits ---- */

/** What this process accepts of a value. */
typedef struct ipc_value_limits {
    size_t size;           /**< sizeof(ipc_value_limits): set by the INIT macro. */
    uint32_t max_depth;    /**< How deeply sequences and maps may be nested: 1 to 128, 32 by default. */
    uint32_t max_elements; /**< How many values it may consist of: 1 or more, 2^24 by default. */
} ipc_value_limits;

#define IPC_VALUE_LIMITS_INIT                                                                                          \
    {                                                                                                                  \
        sizeof(ipc_value_limits), 32, UINT32_C(1) << 24                                                                \
    }

/**
 * Set what this process accepts of a value that it packs, checks or takes: IPC_EDEPTH and IPC_EELEMENTS beyond. To be set
 * before messages are made.
 *
 * @param limits  NULL for the defaults.
 * @return IPC_OK; IPC_EINVAL a limit is out of range.
 * Thread safety: any thread.
 */
IPC_EXPORT ipc_err ipc_set_value_limits(const ipc_value_limits *limits);

/** What this process accepts of a value now. Thread safety: any thread. */
IPC_EXPORT ipc_value_limits ipc_get_value_limits(void);

/* ---- owned values ---- */

/**
 * Copy packed bytes into a message, after checking that they are exactly one well-formed value.
 *
 * @param[out] out  The message. The caller owns it: ipc_msg_free().
 * @return IPC_OK; IPC_EBADMSG the bytes are no value (see ipc_msg_check); IPC_EINVAL a NULL argument; IPC_ENOMEM.
 * Thread safety: any thread.
 */
IPC_EXPORT ipc_err ipc_msg_from_bytes(ipc_msg **out, const void *bytes, size_t length);

/** The packed bytes: borrowed, valid as long as the message. @param[out] length  Their number; may be NULL. */
IPC_EXPORT const void *ipc_msg_bytes(const ipc_msg *msg, size_t *length);

/** How often this item was handed out, 1 for the first time; 0 for a message that was not taken from an object. */
IPC_EXPORT unsigned ipc_msg_attempt(const ipc_msg *msg);

/**
 * Whether this item came behind a younger one of the same queue that this handle had before: it was handed to another consumer
 * first, who gave it back. Those of attempt 1 that are not late come in order.
 */
IPC_EXPORT bool ipc_msg_late(const ipc_msg *msg);

/** Another reference to the same message, to be freed like the first. Thread safety: any thread. */
IPC_EXPORT ipc_msg *ipc_msg_ref(ipc_msg *msg);

/** Give up one reference; the last one frees the bytes. NULL is fine. Thread safety: any thread. */
IPC_EXPORT void ipc_msg_free(ipc_msg *msg);

/**
 * Check that bytes from outside are exactly one well-formed value: counts against the bytes left, the limits of depth and
 * elements, strings UTF-8, no reserved byte, all bytes consumed, a map's keys scalars (of the extensions:
 * IPC_EXT_TIMESTAMP and IPC_EXT_BIGINT). Neither recurses nor allocates.
 *
 * @return IPC_OK; IPC_EBADMSG, IPC_EDEPTH or IPC_EELEMENTS, with the reason and offset in ipc_last_error(); IPC_EINVAL a
 *         NULL argument.
 * Thread safety: any thread.
 */
IPC_EXPORT ipc_err ipc_msg_check(const void *bytes, size_t length);

/* ---- formats ---- */

/**
 * Pack a value by a format.
 *
 *     n  null                      (no argument)
 *     b  boolean                   int
 *     i  integer                   int
 *     I  64-bit integer            int64_t
 *     U  64-bit unsigned integer   uint64_t
 *     f  float                     double
 *     s  text, UTF-8               const char *
 *     S  text with its length      const char *, size_t
 *     B  bytes                     const void *, size_t
 *     t  moment                    const struct timespec *
 *     v  a value packed before     const ipc_msg *
 *     [ ]  a sequence of what stands between
 *     { }  a map: key:value pairs, the key a text (s) taken from the arguments
 *
 * Spaces, ',' and ':' are for the eye only, except that a map must hold pairs: "{s:i,s:[f,f]}" takes a key, an int,
 * a key and two doubles. A NULL is fine for S and B with a length of 0.
 *
 * @param[out] out  The message. The caller owns it: ipc_msg_free().
 * @return IPC_OK; IPC_EFORMAT the format is wrong (ipc_last_error() says where); IPC_EBADMSG a text is not UTF-8,
 *         or the value is nested too deep with what v brings in; IPC_EINVAL a NULL argument, or a moment's nanoseconds
 *         are not below 10^9; IPC_ETOOBIG a text or bytes of 4 GiB or more; IPC_ENOMEM.
 * Thread safety: any thread.
 */
IPC_EXPORT ipc_err ipc_pack(ipc_msg **out, const char *format, ...);
IPC_EXPORT ipc_err ipc_vpack(ipc_msg **out, const char *format, va_list args);

/**
 * Unpack a value by a format: the counterpart of ipc_pack, with pointers to the same types. In a map, the key is an
 * argument that is looked up (const char *); keys that are not named are passed over. Additions:
 *
 *     s  const char **: text that ends in NUL (and has none inside), borrowed, valid as long as the message
 *     S  const char **, size_t *: borrowed, not ended by NUL
 *     B  const void **, size_t *: borrowed
 *     t  struct timespec *
 *     v  ipc_msg **: a copy of the value at this place; the caller owns it
 *     *  (no argument) anything: passed over
 *     ?  before a map's key: the key may be absent; its value's outs are then left alone
 *     !  at the end of a map or sequence: refuse what the format does not name. Without it a map may hold more keys
 *        and a sequence more elements.
 *
 * An integer that does not fit its type is IPC_EFORMAT, never a wrap. An integer is taken for f; a float never for i.
 * Name a key once; of a key that stands twice in the map, either value may be taken.
 *
 * @return IPC_OK; IPC_EFORMAT format and value do not match (ipc_last_error() says where); IPC_EBADMSG;
 *         IPC_EINVAL a NULL argument; IPC_ENOMEM.
 *         After an error the outs before the place are set; owned ones (v) among them are freed and NULL.
 * Thread safety: any thread, also several with one message.
 * Thread safety: any thread.
 */
IPC_EXPORT ipc_err ipc_unpack(const ipc_msg *msg, const char *format, ...);
IPC_EXPORT ipc_err ipc_vunpack(const ipc_msg *msg, const char *format, va_list args);

/* ---- a cursor ---- */

typedef enum ipc_kind {
    IPC_KIND_NULL,
    IPC_KIND_BOOL,
    IPC_KIND_INT,  /**< Fits an int64_t. */
    IPC_KIND_UINT, /**< Above INT64_MAX only. */
    IPC_KIND_FLOAT,
    IPC_KIND_STR,
    IPC_KIND_BIN,
    IPC_KIND_ARRAY, /**< Its elements follow. */
    IPC_KIND_MAP,   /**< Its keys and values follow, in turn. */
    IPC_KIND_EXT,
} ipc_kind;

/** One value, or the head of a sequence or map. Pointers are borrowed from the bytes that are walked. */
typedef struct ipc_value {
    ipc_kind kind;
    union {
        bool boolean;
        int64_t i;
        uint64_t u;
        double f;
        uint32_t count; /**< ARRAY: elements; MAP: pairs. */
        struct {
            const char *data;
            uint32_t length;
            int8_t ext; /**< EXT: the type. */
        } bytes;        /**< STR, BIN, EXT. */
    } as;
} ipc_value;

/** A place in packed bytes. Put it on the stack; its fields are the library's own. */
typedef struct ipc_cursor {
    const unsigned char *at;
    const unsigned char *end;
} ipc_cursor;

/**
 * Start at the first byte of a message. The message is checked (ipc_msg_check) the first time.
 * @return IPC_OK; IPC_EBADMSG; IPC_EINVAL a NULL argument.
 */
IPC_EXPORT ipc_err ipc_cursor_open(ipc_cursor *cursor, const ipc_msg *msg);

/**
 * Start at bytes that need not be checked before: every step checks its own against the bytes left. The bytes are
 * borrowed. Whether a text is UTF-8 and how deep a value is nested, only ipc_msg_check() looks at.
 */
IPC_EXPORT void ipc_cursor_init(ipc_cursor *cursor, const void *bytes, size_t length);

/**
 * Read the next value, or the head of the next sequence or map, and step behind it.
 * @return IPC_OK; IPC_EEMPTY no bytes are left; IPC_EBADMSG. On an error the cursor stays where it is.
 */
IPC_EXPORT ipc_err ipc_cursor_next(ipc_cursor *cursor, ipc_value *value);

/** Step over one whole value, whatever it contains. @return as ipc_cursor_next(). */
IPC_EXPORT ipc_err ipc_cursor_skip(ipc_cursor *cursor);

IPC_END_DECLS

#endif
