"""One server process, kept to the cores that it is given."""

import ctypes
import os
import random
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .words import Fault

READY_SECONDS = 10
# Under callgrind everything takes fifty times as long.
READY_SECONDS_COUNTED = 300
STOP_SECONDS = 5
STOP_SECONDS_COUNTED = 60
# Connections that a server is to allow.
CONNECTIONS_MAX = 8192

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Protocol:
    """What is asked beside the load, and how each answer ends."""

    ready: tuple
    nothing: tuple
    items: tuple


PROTOCOLS = {
    "text": Protocol(("version", b"\r\n"), ("get nothing", b"END\r\n"), ("stats", b"END\r\n")),
    "resp": Protocol(("PING", b"\r\n"), ("GET nothing", b"\r\n"), ("DBSIZE", b"\r\n")),
}


@dataclass(frozen=True)
class Kind:
    """How a server is started. One that gives a constant is started anew for every load that it can answer."""

    name: str
    command: str
    protocol: str = "text"
    constant: bool = False


class Server:
    """A running server; to be used by `with`."""

    def __init__(self, kind, memory_mib, cores, wrapper=(), **values):
        self.kind, self.name, self.protocol = kind, kind.name, PROTOCOLS[kind.protocol]
        self.port = free_port()
        self.counted = bool(wrapper)
        values |= {"port": self.port, "memory": memory_mib, "connections": CONNECTIONS_MAX}
        values["core"] = ",".join(map(str, cores))
        template = kind.command.replace("{root}", "-u root" if os.geteuid() == 0 else "")
        try:
            command = shlex.split(template.format(**values))
        except (KeyError, IndexError, ValueError) as error:
            known = ", ".join(f"{{{name}}}" for name in [*values, "root"])
            raise Fault(f"{self.name}: the command may contain {known}: {error!r}")
        self.log = tempfile.TemporaryFile()

        def prepare():
            # Nothing is left running if this process is killed.
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, set(cores))

        try:
            self.process = subprocess.Popen(
                [*wrapper, *command], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=prepare
            )
        except OSError as error:
            raise Fault(f"{self.name}: {command[0]}: {error.strerror}")

    def __enter__(self):
        try:
            deadline = time.monotonic() + (READY_SECONDS_COUNTED if self.counted else READY_SECONDS)
            while True:
                try:
                    if self.kind.constant:
                        # It may answer to nothing that is shorter than a set.
                        self.connect().close()
                    else:
                        self.ask(*self.protocol.ready)
                    return self
                except OSError:
                    pass
                if self.process.poll() is not None:
                    raise Fault(
                        f"{self.name} ended before it was ready (status {self.process.returncode}): {self.said()}"
                    )
                if time.monotonic() > deadline:
                    raise Fault(f"{self.name} does not answer on port {self.port}")
                time.sleep(0.02)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS_COUNTED if self.counted else STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def said(self):
        """The end of what the server printed."""
        self.log.seek(0)
        return self.log.read()[-1000:].decode(errors="replace").strip()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=READY_SECONDS)

    def ask(self, command, end):
        """The answer to one command, up to and with `end`."""
        with self.connect() as connection:
            return ask_over(connection, command, end).decode()

    def items(self):
        """How many items the server says it keeps."""
        answer = self.ask(*self.protocol.items)
        if self.kind.protocol == "resp":
            return int(answer.strip().removeprefix(":"))
        lines = (line.split(" ", 2) for line in answer.splitlines())
        return int({line[1]: line[2] for line in lines if len(line) == 3}["curr_items"])

    def cpu_ns(self):
        """CPU time of all threads, in nanoseconds."""
        pid, total = self.process.pid, 0
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, IndexError):
            total = 0
        if total:
            return total
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        try:
            # Exact; the kernel updates the other one with a delay.
            for line in Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    return int(line.split()[1]) * 1024
        except OSError:
            pass
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Fault(f"{self.name}: no resident size in /proc")


def ask_over(connection, command, end):
    connection.sendall(command.encode() + b"\r\n")
    answer = b""
    while not answer.endswith(end):
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("closed")
        answer += part
    return answer


def free_ports(count):
    """The first of so many ports in a row that nobody listens on, below those that the kernel gives to clients: after
    thousands of connections each of these has a neighbour that is still closing."""
    for first in random.sample(range(12000, 32000), 100):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise Fault(f"no {count} free ports in a row")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
