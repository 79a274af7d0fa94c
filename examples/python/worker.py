#!/usr/bin/env python3
"""worker ADDRESS: takes jobs from the joinable queue "jobs" until it is deleted. Kill it, and another worker gets what
it had not done.

Touches the hub at ADDRESS, which is started if there is none. One thread.
"""

import sys

import libipc

with libipc.connect(sys.argv[1]) as conn:
    jobs = conn.JoinableQueue("jobs")
    try:
        while True:
            with jobs.take() as job:  # done at the block's end; given back if an exception leaves it
                again = " (again)" if job.attempt > 1 else ""
                # Flushed: a job is done when what it was for has happened, not when it waits in a buffer.
                print(f"job {job.value['id']}: {job.value['path']}{again}", flush=True)
    except libipc.Deleted:
        pass
