"""A load whose turns are always the same, for counting: ringload's requests reach a server in groups that depend on
who is faster, and what a request takes depends on how many come together.

A round sends every connection's requests while the server is stopped, lets it go on, and reads all replies; the next
begins when the server sleeps. So all of a round's requests are there when the server wakes up.
"""

import os
import random
import selectors
import signal
import time
from pathlib import Path

from .rows import DATA_SETS, KEY_SIZE
from .words import Fault

ROUND_SECONDS_MAX = 300
RECEIVE_BYTES = 1 << 20
# Sets of one piece while filling.
FILL_BATCH = 64
# Looks in a row at which no thread may be running before the server is believed to sleep.
QUIET_LOOKS = 3
UNITS = {"k": 1 << 10}


def key(number):
    return b"key:%0*d" % (KEY_SIZE - 4, number)


class Lockstep:
    """The connections of one load to one server."""

    def __init__(self, server, load, seed):
        self.server, self.load = server, load
        size, self.keys = DATA_SETS[load.data]
        self.value_bytes = int(size.rstrip("k")) * (UNITS["k"] if size.endswith("k") else 1)
        self.value = bytes(b"v") * self.value_bytes
        self.random = random.Random(seed)
        self.connections = [server.connect() for _ in range(load.connections)]
        for connection in self.connections:
            connection.setblocking(False)
        header = len(b"VALUE ") + KEY_SIZE + len(b" 0 %d\r\n" % self.value_bytes)
        hit = header + self.value_bytes + len(b"\r\n")
        reply = hit * load.multiget + len(b"END\r\n") if load.gets else len(b"STORED\r\n")
        self.reply_bytes = reply * load.depth

    def close(self):
        for connection in self.connections:
            connection.close()

    def set(self, number):
        return b"set %s 0 0 %d\r\n%s\r\n" % (key(number), self.value_bytes, self.value)

    def fill(self):
        with self.server.connect() as connection:
            for first in range(0, self.keys, FILL_BATCH):
                numbers = range(first, min(first + FILL_BATCH, self.keys))
                connection.sendall(b"".join(self.set(number) for number in numbers))
                awaited = len(b"STORED\r\n") * len(numbers)
                while awaited > 0:
                    got = connection.recv(RECEIVE_BYTES)
                    if not got or got.strip(b"STORED\r\n"):
                        raise Fault(f"{self.server.name} does not store: {got[:100]!r}")
                    awaited -= len(got)

    def request(self):
        if not self.load.gets:
            return self.set(self.random.randrange(self.keys))
        keys = (key(self.random.randrange(self.keys)) for _ in range(self.load.multiget))
        return b"get %s\r\n" % b" ".join(keys)

    def states(self):
        """The states of the server's threads, as the kernel has them."""
        found = set()
        for task in Path(f"/proc/{self.server.process.pid}/task").iterdir():
            found.add((task / "stat").read_text().rpartition(")")[2].split()[0])
        return found

    def await_states(self, wanted, looks):
        deadline, seen = time.monotonic() + ROUND_SECONDS_MAX, 0
        while seen < looks:
            seen = seen + 1 if self.states() <= wanted else 0
            if time.monotonic() > deadline:
                raise Fault(f"{self.load.name}: {self.server.name} does not come to rest")

    def round(self):
        pending = {connection: b"".join(self.request() for _ in range(self.load.depth)) for connection in self.connections}
        self.await_states({"S"}, QUIET_LOOKS)
        pid = self.server.process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            self.await_states({"T", "t"}, 1)
            for connection in self.connections:
                pending[connection] = self.send(connection, pending[connection])
        finally:
            os.kill(pid, signal.SIGCONT)
        self.finish(pending)

    @staticmethod
    def send(connection, data):
        """What did not go out."""
        while data:
            try:
                data = data[connection.send(data):]
            except BlockingIOError:
                break
        return data

    def finish(self, pending):
        """Sends the rest and reads every reply."""
        awaited = dict.fromkeys(self.connections, self.reply_bytes)
        with selectors.DefaultSelector() as selector:
            for connection, rest in pending.items():
                selector.register(connection, selectors.EVENT_READ | (selectors.EVENT_WRITE if rest else 0))
            while selector.get_map():
                ready = selector.select(ROUND_SECONDS_MAX)
                if not ready:
                    raise Fault(f"{self.load.name}: {self.server.name} does not answer")
                for found, events in ready:
                    connection = found.fileobj
                    if events & selectors.EVENT_WRITE:
                        pending[connection] = self.send(connection, pending[connection])
                        if not pending[connection]:
                            selector.modify(connection, selectors.EVENT_READ)
                    if events & selectors.EVENT_READ:
                        got = connection.recv(RECEIVE_BYTES)
                        if not got:
                            raise Fault(f"{self.load.name}: {self.server.name} closed a connection")
                        awaited[connection] -= len(got)
                        if awaited[connection] < 0:
                            raise Fault(f"{self.load.name}: {self.server.name} answers more than it was asked")
                        if awaited[connection] == 0:
                            selector.unregister(connection)

    def run(self, rounds):
        for _ in range(rounds):
            self.round()
        self.await_states({"S"}, QUIET_LOOKS)
