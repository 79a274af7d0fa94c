/*
 * Aligned text: rows of cells, numbers to the right, the rest to the left.
 * Touches memory, and standard output where it says so. Nothing to lock.
 */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

#include <ipc/ipc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct table_cell table_cell;

/* Zeroed but for the number of columns. */
typedef struct table {
    size_t columns;
    size_t count; /* of cells, row by row */
    size_t capacity;
    table_cell *cells;
    bool failed; /* out of memory: nothing more goes in */
} table;

/* The next cell: words of ours. */
void table_word(table *t, const char *word);

/* Text from elsewhere: what a terminal or a script would stumble over is shown as a JSON string. */
void table_text(table *t, const char *text, size_t length);

void table_number(table *t, int64_t number);

/* Print it, a column as its last row is: numbers to the right. False: it failed. */
bool table_print(const table *t);

void table_free(table *t);

#endif
