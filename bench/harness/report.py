"""Reports: the table on a terminal, the same in Markdown, JSON, and what machine it was.

Touches /proc, and the files that it is told to write.
"""

import ctypes
import ctypes.util
import dataclasses
import datetime
import json
import os
import platform

HEAD = ("what", "in", "ours", "theirs", "unit", "ratio", "peer")
RIGHT = {"ours", "theirs", "ratio"}
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def _number(value):
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _cells(row):
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return (row.name, row.language, _number(row.ours), _number(row.theirs), row.unit, ratio, row.peer or "")


def text_table(rows):
    lines = [HEAD, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if name in RIGHT else cell.ljust(width) for name, cell, width in zip(HEAD, line, widths)
        ).rstrip()
        for line in lines
    )


def markdown_table(rows):
    rule = ["---:" if name in RIGHT else "---" for name in HEAD]
    return "\n".join("| " + " | ".join(line) + " |" for line in (HEAD, rule, *map(_cells, rows)))


def _processor():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def _zmq_version():
    numbers = [ctypes.c_int() for _ in range(3)]
    ctypes.CDLL(ctypes.util.find_library("zmq") or "libzmq.so.5").zmq_version(*map(ctypes.byref, numbers))
    return ".".join(str(number.value) for number in numbers)


def machine():
    """One line on where it was measured."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return (
        f"{datetime.date.today()}: {cores} cores of {_processor()}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, libzmq {_zmq_version()}; load before: {load:.1f}"
    )


def write_json(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([dataclasses.asdict(row) for row in rows], file, indent=2)
        file.write("\n")


def update_document(path, where, rows):
    """Put the table between the document's two marks."""
    with open(path, encoding="utf-8") as file:
        before, _, rest = file.read().partition(BEGIN)
        _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{path} has no lines {BEGIN} and {END}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{where}.\n\n{markdown_table(rows)}\n{END}{after}")
