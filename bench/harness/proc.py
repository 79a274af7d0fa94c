"""What the system knows of a process: its memory, what it computed, where it may run.

Touches /proc, and the affinity of the processes that it is told of.
"""

import collections
import os
import re

_MEMFD = "/memfd:"
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+) *(.*)")


def cpu_time(pid):
    """What all threads of a process that goes on have computed, in microseconds; 0 for None."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task") if pid else ():
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as schedstat:
            total += int(schedstat.read().split()[0])
    return total / 1000


def private_memory(pid):
    """Anonymous memory that is resident, in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["RssAnon"].split()[0]) * 1024


def _mapped(pid):
    """Of each memfd that is mapped: its inode, and how much of it is resident there."""
    resident = collections.Counter()
    inode = None
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
        for line in smaps:
            mapping = _MAPPING.match(line)
            if mapping:
                inode = int(mapping[1]) if mapping[2].startswith(_MEMFD) else None
                if inode is not None:
                    resident[inode] += 0
            elif inode is not None and line.startswith("Rss:"):
                resident[inode] += int(line.split()[1]) * 1024
    return resident


def _allocated(pid):
    """Of each memfd that is open: its inode, and how much of it is allocated, whoever touched it."""
    allocated = {}
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{descriptor}"
        try:
            if os.readlink(path).startswith(_MEMFD):
                status = os.stat(path)
                allocated[status.st_ino] = status.st_blocks * 512
        except FileNotFoundError:
            pass
    return allocated


def shared_memory(pids):
    """{inode: bytes} of the memfds that these processes have open or mapped.

    A memfd that none has open any more counts with what is resident in the process that touched most of it.
    """
    sizes = {}
    for pid in pids:
        for found in (_mapped(pid), _allocated(pid)):
            for inode, size in found.items():
                sizes[inode] = max(size, sizes.get(inode, 0))
    return sizes


def pin(pid, cpu):
    """All threads of a process run on this core from now on, and what they start."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setaffinity(int(thread), {cpu})
        except ProcessLookupError:
            pass
