#!/usr/bin/env python3
"""jobs ADDRESS COUNT: puts jobs on the joinable queue "jobs", waits until all are done, and tells the workers so by
deleting the queue. The workers may be in any language: worker.c, worker.py, worker.lua.

Touches the hub at ADDRESS, which is started if there is none. One thread.
"""

import sys

import libipc

PATIENCE = 60  # seconds

address, count = sys.argv[1], int(sys.argv[2])
with libipc.connect(address) as conn:
    jobs = conn.JoinableQueue("jobs")
    for number in range(1, count + 1):
        jobs.put({"id": number, "path": f"image-{number}.png"})
    jobs.join(timeout=PATIENCE)
    conn.unlink("jobs")
print(f"{count} jobs are done")
