#!/usr/bin/env python3
"""hello: one value through a queue, on this program's own hub.

Touches the hub, which is started on first use and ends with this program. One thread.
"""

import libipc

queue = libipc.Queue()
queue.put({"greeting": "hello", "numbers": [1, 2, 3]})
value = queue.get(timeout=5)
print(value["greeting"], *value["numbers"])
