#!/usr/bin/env python3
"""ask ADDRESS NUMBER...: asks for the squares of numbers through end "b" of the pipe "squares". It may be started
before or after the program that answers: answer.c, answer.py or answer.lua.

Touches the hub at ADDRESS, which is started if there is none. One thread.
"""

import sys

import libipc

PATIENCE = 60  # seconds

with libipc.connect(sys.argv[1]) as conn, conn.Pipe("squares", end="b") as pipe:
    for word in sys.argv[2:]:
        pipe.send(int(word))
        if not pipe.poll(PATIENCE):
            sys.exit("ask: nobody answers")
        answer = pipe.recv()
        print(f"{answer['number']} * {answer['number']} = {answer['square']}")
