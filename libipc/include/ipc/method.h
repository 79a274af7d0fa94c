/*
 * Methods of managed containers: what a dict, a list, a namespace, an array or a value can be asked to do, each as one step of
 * the hub's. docs/protocol.md tells the arguments and results of each.
 */
#ifndef IPC_METHOD_H
#define IPC_METHOD_H

#include <ipc/types.h>

IPC_BEGIN_DECLS

/** Part of the protocol: the numbers never change. */
typedef enum ipc_method {
    IPC_METHOD_LENGTH = 1,    /**< () -> how many. All types. */
    IPC_METHOD_GET = 2,       /**< (key[, default]) of a dict; (index) of a list or array -> the value. */
    IPC_METHOD_SET = 3,       /**< (key or index, value). */
    IPC_METHOD_DELETE = 4,    /**< (key or index). Dict, list. */
    IPC_METHOD_CONTAINS = 5,  /**< (key or value) -> bool. Dict, list. */
    IPC_METHOD_CLEAR = 6,     /**< (). Dict, list. */
    IPC_METHOD_POP = 7,       /**< (key[, default]) of a dict; ([index]) of a list -> the value that was there. */
    IPC_METHOD_INCREMENT = 8, /**< (key, by[, start]) of a dict; (index, by) of a list or array -> the new number. */
    IPC_METHOD_COMPARE_SET =
        9,                /**< (key or index, [old], [new]) -> bool: it was old, and is new. [] is absent: dict. */
    IPC_METHOD_COPY = 10, /**< () -> all of it: a map, or a sequence. */

    IPC_METHOD_KEYS = 16,        /**< () -> a sequence. Dict. */
    IPC_METHOD_VALUES = 17,      /**< () -> a sequence. Dict. */
    IPC_METHOD_ITEMS = 18,       /**< () -> a sequence of [key, value]. Dict. */
    IPC_METHOD_POP_ITEM = 19,    /**< () -> [key, value]: the newest. Dict. */
    IPC_METHOD_SET_DEFAULT = 20, /**< (key, value) -> the value that is there now. Dict. */
    IPC_METHOD_UPDATE = 21,      /**< (map). Dict. */
    IPC_METHOD_GET_MANY =
        22, /**< ([key, …][, default]) -> a sequence of values, default (or nil) where none is. Dict. */

    IPC_METHOD_GET_SLICE = 32,    /**< (start, stop, step; each an int or nil) -> a sequence. List, array. */
    IPC_METHOD_SET_SLICE = 33,    /**< (start, stop, step, sequence). List; array, where the length stays. */
    IPC_METHOD_DELETE_SLICE = 34, /**< (start, stop, step). List. */
    IPC_METHOD_APPEND = 35,       /**< (value). List. */
    IPC_METHOD_EXTEND = 36,       /**< (sequence). List. */
    IPC_METHOD_INSERT = 37,       /**< (index, value). List. */
    IPC_METHOD_REMOVE = 38,       /**< (value): the first one that equals it. List. */
    IPC_METHOD_INDEX = 39,        /**< (value[, start[, stop]]) -> where the first one is that equals it. List. */
    IPC_METHOD_COUNT = 40,        /**< (value) -> how many equal it. List. */
    IPC_METHOD_REVERSE = 41,      /**< (). List. */
    IPC_METHOD_SORT = 42,         /**< (descending). List. */
    IPC_METHOD_REPEAT = 43,       /**< (times). List. */
} ipc_method;

IPC_END_DECLS

#endif
