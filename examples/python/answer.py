#!/usr/bin/env python3
"""answer ADDRESS: squares the numbers that come through end "a" of the pipe "squares", until who asks has gone.

Touches the hub at ADDRESS, which is started if there is none. One thread.
"""

import sys

import libipc

with libipc.connect(sys.argv[1]) as conn, conn.Pipe("squares", end="a") as pipe:
    try:
        while True:
            number = pipe.recv()
            pipe.send({"number": number, "square": number * number})
    except EOFError:
        pass
