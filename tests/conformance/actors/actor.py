"""An actor of table.json as a program: a step a line in, its result a line out.

{"reset": address} begins a new life, {"fail": true} ends it by an exception that nobody catches.

Touches standard input and output, and the hub at its address. Locks nothing.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from interpreter import Actor  # noqa: E402  (it lies in that folder)


def main():
    actor = None
    for line in sys.stdin:
        step = json.loads(line)
        if "fail" in step:
            sys.excepthook = lambda *error: None  # it is meant, and nobody's to read
            raise RuntimeError("told to fail")
        if "reset" in step:
            if actor:
                actor.close()
            actor = Actor(step["reset"])
            result = {}
        else:
            result = actor.step(step)
        print(json.dumps(result), flush=True)
    # without closing: a program's end is a clean one


if __name__ == "__main__":
    main()
