/*
 * Stored values put in order: merge sort, bottom up (Knuth, The Art of Computer Programming 3, 5.2.4). It is stable, and safe with
 * values that cannot be compared, which qsort() does not promise.
 * Touches the array that it is given. Not locked: the core's thread.
 */
#include "hub/sort.h"

#include "codec/compare.h"
#include "util/error.h"

#include <stdlib.h>

/* Two sorted runs into one; of equal values the earlier stays first. False: they cannot be compared. */
static bool merge(ipc__stored **to, ipc__stored **left, uint64_t left_count, ipc__stored **right, uint64_t right_count,
                  int sign)
{
    while (left_count && right_count) {
        int order;
        if (!ipc__order(ipc__stored_bytes(*left), ipc__stored_bytes(*right), &order)) {
            return false;
        }
        if (order * sign <= 0) {
            *to++ = *left++;
            left_count--;
        } else {
            *to++ = *right++;
            right_count--;
        }
    }
    memcpy(to, left, left_count * sizeof(ipc__stored *));
    memcpy(to + left_count, right, right_count * sizeof(ipc__stored *));
    return true;
}

/* From runs of one on, each pass doubles them. What is sorted in the end lies in *from. */
static bool merge_sort(ipc__stored ***from, ipc__stored ***to, uint64_t length, int sign)
{
    for (uint64_t run = 1; run < length; run *= 2) {
        for (uint64_t at = 0; at < length; at += 2 * run) {
            uint64_t left = length - at < run ? length - at : run;
            uint64_t right = length - at - left < run ? length - at - left : run;
            if (!merge(*to + at, *from + at, left, *from + at + left, right, sign)) {
                return false;
            }
        }
        ipc__stored **sorted = *to;
        *to = *from;
        *from = sorted;
    }
    return true;
}

ipc_err ipc__sort(ipc__stored **values, uint64_t length, bool descending)
{
    ipc__stored **room = calloc(2 * length + 1, sizeof(ipc__stored *));
    if (!room) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    ipc__stored **from = room;
    ipc__stored **to = room + length;
    memcpy(from, values, length * sizeof(ipc__stored *));
    ipc_err err = IPC_OK;
    if (merge_sort(&from, &to, length, descending ? -1 : 1)) {
        memcpy(values, from, length * sizeof(ipc__stored *));
    } else {
        err = ipc__fail(IPC_EKIND, "numbers, texts, bytes, moments and sequences of them can be put in order, each "
                                   "among their own");
    }
    free(room);
    return err;
}
