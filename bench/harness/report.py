"""Reports: the tables on a terminal, the same in Markdown, JSON, and what machine it was.

Touches /proc, and the files that it is told to write.
"""

import ctypes
import ctypes.util
import dataclasses
import datetime
import json
import os
import platform

HEAD = ("what", "in", "lane", "ours", "theirs", "unit", "ratio", "peer")
RIGHT = {"ours", "theirs", "ratio"}


def _number(value):
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _cells(row):
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return (row.name, row.language, row.lane, _number(row.ours), _number(row.theirs), row.unit, ratio, row.peer or "")


def _tables(rows):
    """(title, lines, the columns that go to the right) of each table: the list of rows first, if there are any."""
    listed = [row for row in rows if not row.cell]
    if listed:
        yield None, [HEAD, *map(_cells, listed)], {HEAD.index(name) for name in RIGHT}
    grids = {}
    for row in rows:
        if row.cell and row.peer:
            grids.setdefault((row.cell.title, row.language, row.lane, row.peer), []).append(row)
    for (title, language, lane, peer), cells in grids.items():
        lines = _grid(cells)
        yield f"{title}, {language}, {lane}: ratio to {peer}", lines, set(range(len(lines[0])))


def _grid(rows):
    """Producers down, consumers across."""
    ratios = {(row.cell.producers, row.cell.consumers): f"{row.ratio:.2f}" for row in rows}
    across = sorted({consumers for _, consumers in ratios})
    lines = [("producers", *(f"{consumers} cons." for consumers in across))]
    for producers in sorted({producers for producers, _ in ratios}):
        lines.append((str(producers), *(ratios.get((producers, consumers), "") for consumers in across)))
    return lines


def _text_table(title, lines, right):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )
    return f"{title}\n{text}" if title else text


def _markdown_table(title, lines, right):
    rule = ["---:" if column in right else "---" for column in range(len(lines[0]))]
    text = "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))
    return f"{title}:\n\n{text}" if title else text


def text(rows):
    return "\n\n".join(_text_table(*table) for table in _tables(rows))


def markdown(rows):
    return "\n\n".join(_markdown_table(*table) for table in _tables(rows))


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


def _marks(section):
    """Between which the tables of a section lie in a document."""
    what = f"bench {section}" if section else "bench"
    return f"<!-- {what}: begin -->", f"<!-- {what}: end -->"


def _replace(document, section, text):
    begin, end = _marks(section)
    before, _, rest = document.partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise ValueError(f"there are no lines {begin} and {end}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def update_document(path, where, rows):
    """Put the tables of each section between the document's two marks for it. What has no rows now stays as it is."""
    with open(path, encoding="utf-8") as file:
        document = file.read()
    for section in dict.fromkeys(row.section for row in rows):
        tables = markdown([row for row in rows if row.section == section])
        document = _replace(document, section, f"{where}.\n\n{tables}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(document)
