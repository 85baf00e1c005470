"""ports.py free: prints a TCP port that is free on loopback.
ports.py wait ADDRESS PID: returns when the cache server at ADDRESS (host:port or unix:PATH) answers `version`;
fails when the process PID ends first, or after 30 s.
"""

import os
import socket
import sys
import time

WAIT_S = 30
POLL_S = 0.05


def free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(address):
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(1)
        connection.connect(address.removeprefix("unix:"))
        return connection
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=1)


def answers(address):
    try:
        with connect(address) as connection:
            connection.sendall(b"version\r\n")
            return connection.recv(64).startswith(b"VERSION ")
    except OSError:
        return False


def runs(pid):
    """Whether PID runs; a child that has ended and was not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait(address, pid):
    deadline = time.monotonic() + WAIT_S
    while not answers(address):
        if not runs(pid):
            sys.exit(f"the server for {address} has ended")
        if time.monotonic() > deadline:
            sys.exit(f"no answer from {address} within {WAIT_S} s")
        time.sleep(POLL_S)


match sys.argv[1:]:
    case ["free"]:
        print(free())
    case ["wait", address, pid] if pid.isdigit() and os.path.isdir("/proc"):
        wait(address, int(pid))
    case _:
        sys.exit(__doc__)
