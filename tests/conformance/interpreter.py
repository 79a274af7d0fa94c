"""An actor of table.json in Python: a connection, and the handles and items that its steps name.

Touches the hub at its address. Locks nothing.
"""

import select

import methods_container
import methods_sync
from methods_container import own
from notation import expand, from_notation, hex_bytes, to_notation

import libipc

PATIENCE_MS = 20000  # for what must come

METHODS = {**methods_sync.METHODS, **methods_container.METHODS}


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
            if not isinstance(thing, libipc.Item):
                own(thing, "close")()
        self._things.clear()  # and with them the connection that pickled handles came with
        self._conn.close()

    def _on(self, step):
        return self._things[step["on"]]

    # ---- opening ----

    def _open_queue(self, make, step):
        options = _options(step, "maxsize", "mode", "redeliver", "max_deliveries")
        if "dead_letter" in step:
            options["dead_letter"] = expand(step["dead_letter"])
        try:
            self._things[step["as"]] = make(expand(step.get("name")), **options)
        except libipc.Error:
            raise
        except (TypeError, ValueError):
            return {"fails": "IPC_EINVAL"}  # no such option, or of no such value
        return {}

    def _queue(self, step):
        return self._open_queue(self._conn.Queue, step)

    def _joinable_queue(self, step):
        return self._open_queue(self._conn.JoinableQueue, step)

    def _pipe(self, step):
        self._things[step["as"]] = self._conn.Pipe(step["name"], **_options(step, "end", "duplex", "mode"))

    def _pipe_pair(self, step):
        self._things.update(zip(step["as"], self._conn.Pipe(**_options(step, "duplex"))))

    def _share(self, step):
        return {"gives": to_notation(own(self._on(step), "share")())}

    def _attach(self, step):
        self._things[step["as"]] = libipc.attach(from_notation(step["ticket"]), conn=self._conn)

    # ---- queues ----

    def _put(self, step):
        self._on(step).put(from_notation(step["value"]), timeout=_seconds(step), confirm=step.get("confirm", False))

    def _put_nowait(self, step):
        self._on(step).put_nowait(from_notation(step["value"]))

    def _get(self, step):
        return {"gives": to_notation(self._on(step).get(timeout=_seconds(step)))}

    def _get_nowait(self, step):
        return {"gives": to_notation(self._on(step).get_nowait())}

    def _take(self, step):
        item = self._on(step).take(timeout=_seconds(step))
        self._things[step["as"]] = item
        return {"gives": to_notation(item.value), "attempt": item.attempt, "late": item.late}

    def _put_many(self, step):
        values = [from_notation(value) for value in step["values"]]
        try:
            count = self._on(step).put_many(values, timeout=_seconds(step))
        except libipc.Error as error:
            return {"fails": error.code_name, "put": error.put}
        return {"gives": to_notation(count), "put": count}

    def _get_many(self, step):
        values = self._on(step).get_many(step["max"], timeout=_seconds(step))
        while len(values) < step.get("count", 0):
            values += self._on(step).get_many(min(step["max"], step["count"] - len(values)), timeout=_seconds(step))
        return {"gives": to_notation(values)}

    def _shutdown(self, step):
        self._on(step).shutdown(**_options(step, "immediate"))

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

    def _send_bytes(self, step):
        self._on(step).send_bytes(hex_bytes(step["bytes"]))

    def _recv_bytes(self, step):
        pipe = self._on(step)
        if pipe.readable and not pipe.poll(_seconds(step)):
            return {"fails": "IPC_EEMPTY"}
        try:
            return {"gives": to_notation(pipe.recv_bytes(step["max"]))}
        except libipc.Error:
            raise
        except OSError:
            return {"fails": "IPC_ETOOSMALL"}  # what multiprocessing raises then

    def _readable(self, step):
        return {"gives": self._on(step).readable}

    def _writable(self, step):
        return {"gives": self._on(step).writable}

    # ---- objects with methods ----

    def _open(self, step):
        make = methods_container.maker(self._conn, step["class"])
        options = methods_container.options(methods_sync.options(step.get("options", {})))
        try:
            self._things[step["as"]] = make(expand(step.get("name")), **options)
        except libipc.Error:
            raise
        except (TypeError, ValueError):
            return {"fails": "IPC_EINVAL"}
        return {}

    def _call(self, step):
        thing, args = self._on(step), [from_notation(arg, self._things) for arg in step.get("args", [])]
        method = METHODS.get(type(thing).__name__, {}).get(step["method"])
        try:
            if method:
                return self._kept(step, method(thing, _seconds(step), *args))
            result = getattr(thing, step["method"])(*args)
        except libipc.Error:
            raise
        except (TypeError, ValueError):
            return {"fails": "IPC_EINVAL"}  # no such argument
        return {} if result is None else {"gives": to_notation(result)}

    def _kept(self, step, result):
        """A step that says what it is to be called gives a handle; a reference that leads nowhere is none."""
        if "value" not in result:
            return result
        value = result["value"]
        if "as" not in step:
            return {"gives": to_notation(value)}
        if isinstance(value, libipc.Ext):
            return {"fails": "IPC_ENOENT"}
        self._things[step["as"]] = value
        return {}

    # ---- all handles, connections ----

    def _name(self, step):
        return {"gives": own(self._on(step), "name")}

    def _flush(self, step):
        self._on(step).flush(_seconds(step))

    def _close(self, step):
        own(self._on(step), "close")()

    def _unlink(self, step):
        self._conn.unlink(step["name"])

    def _list(self, _step):
        return {"gives": to_notation(self._conn.list())}

    def _conn_flush(self, step):
        self._conn.flush(_seconds(step))

    def _conn_close(self, _step):
        self._conn.close()

    def _conn_fail(self, _step):
        self._conn.fail()

    def _wait(self, step):
        ready = libipc.wait([self._things[name] for name in step["on"]], _seconds(step))
        return {"gives": [name for name in step["on"] if self._things[name] in ready]}

    def _fd(self, step):
        poll = select.poll()
        poll.register(self._on(step), select.POLLIN)
        return {"gives": bool(poll.poll(step.get("timeout_ms", PATIENCE_MS)))}

    # ---- the hub ----

    def _stat(self, _step):
        return {"gives": to_notation(self._conn.stat())}

    def _info(self, step):
        return {"gives": to_notation(self._conn.info(step["name"]))}
