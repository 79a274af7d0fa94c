/*
 * What a hub says of itself, as text for people: a map, its keys and values as aligned lines, lists within it as tables.
 * Touches standard output and standard error. One thread.
 */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <ipc/ipc.h>

/* How a map is shown. */
typedef enum report_form {
    REPORT_TEXT,
    REPORT_JSON, /* one line, with all that the hub said */
} report_form;

/* Report on each of several, whatever becomes of the others. The last failure's status. */
typedef int (*report_one)(ipc_conn *conn, const char *name, report_form form);
int report_each(report_one one, ipc_conn *conn, char **names, int count, report_form form);

/* Print it. *first* and *text*: a line that comes before what the hub said; NULL for none. The command's status. */
int report(const ipc_msg *map, report_form form, const char *first, const char *text);

#endif
