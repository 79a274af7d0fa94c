"""An actor of table.json in Python: a connection, and the handles and items that its steps name.

Touches the hub at its address. Locks nothing.
"""

import pickle

from notation import expand, from_notation, to_notation

import libipc

PATIENCE_MS = 20000  # for what must come


def _seconds(step):
    return step.get("timeout_ms", PATIENCE_MS) / 1000


def _options(step, *names):
    return {name: step[name] for name in names if name in step}


class Actor:
    def __init__(self, address):
        self._conn = libipc.connect(address)
        self._things = {}

    def step(self, step):
        """Do it, as often as it says. What it gives, or the error that it fails with, as a dict."""
        for _ in range(step.get("times", 1)):
            try:
                result = getattr(self, f"_{step['do']}")(step) or {}
            except libipc.Error as error:
                return {"fails": error.code_name}
        return result

    def close(self):
        for thing in self._things.values():
            if hasattr(thing, "close"):
                thing.close()
        self._things.clear()  # and with them the connection that pickled handles came with
        self._conn.close()

    def _on(self, step):
        return self._things[step["on"]]

    # ---- opening ----

    def _queue(self, step):
        self._things[step["as"]] = self._conn.Queue(expand(step.get("name")), **_options(step, "maxsize", "mode"))

    def _joinable_queue(self, step):
        options = _options(step, "maxsize", "mode")
        self._things[step["as"]] = self._conn.JoinableQueue(expand(step.get("name")), **options)

    def _pipe(self, step):
        self._things[step["as"]] = self._conn.Pipe(step["name"], **_options(step, "end", "duplex", "mode"))

    def _pipe_pair(self, step):
        self._things.update(zip(step["as"], self._conn.Pipe(**_options(step, "duplex"))))

    def _share(self, step):
        return {"gives": to_notation(pickle.dumps(self._on(step)))}

    def _attach(self, step):
        self._things[step["as"]] = pickle.loads(from_notation(step["ticket"]))

    # ---- queues ----

    def _put(self, step):
        self._on(step).put(from_notation(step["value"]), timeout=_seconds(step))

    def _put_nowait(self, step):
        self._on(step).put_nowait(from_notation(step["value"]))

    def _get(self, step):
        return {"gives": to_notation(self._on(step).get(timeout=_seconds(step)))}

    def _get_nowait(self, step):
        return {"gives": to_notation(self._on(step).get_nowait())}

    def _take(self, step):
        item = self._on(step).take(timeout=_seconds(step))
        self._things[step["as"]] = item
        return {"gives": to_notation(item.value), "attempt": item.attempt}

    def _done(self, step):
        self._things[step["item"]].done()

    def _release(self, step):
        self._things[step["item"]].release()

    def _task_done(self, step):
        if not isinstance(self._on(step), libipc.JoinableQueue):
            return {"fails": "IPC_EINVAL"}  # it has no such method
        self._on(step).task_done()

    def _join(self, step):
        if not isinstance(self._on(step), libipc.JoinableQueue):
            return {"fails": "IPC_EINVAL"}
        self._on(step).join(_seconds(step))

    def _qsize(self, step):
        return {"gives": to_notation(self._on(step).qsize())}

    def _empty(self, step):
        return {"gives": self._on(step).empty()}

    def _full(self, step):
        return {"gives": self._on(step).full()}

    # ---- pipes ----

    def _send(self, step):
        self._on(step).send(from_notation(step["value"]))

    def _recv(self, step):
        pipe = self._on(step)
        if pipe.readable and not pipe.poll(_seconds(step)):  # recv itself waits for ever
            return {"fails": "IPC_EEMPTY"}
        return {"gives": to_notation(pipe.recv())}

    def _poll(self, step):
        return {"gives": self._on(step).poll(_seconds(step))}

    def _readable(self, step):
        return {"gives": self._on(step).readable}

    def _writable(self, step):
        return {"gives": self._on(step).writable}

    # ---- all handles, connections ----

    def _name(self, step):
        return {"gives": self._on(step).name}

    def _flush(self, step):
        self._on(step).flush(_seconds(step))

    def _close(self, step):
        self._on(step).close()

    def _unlink(self, step):
        self._conn.unlink(step["name"])

    def _list(self, _step):
        return {"gives": to_notation(self._conn.list())}

    def _conn_flush(self, step):
        self._conn.flush(_seconds(step))

    def _conn_close(self, _step):
        self._conn.close()
