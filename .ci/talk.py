"""talk.py HOST:PORT: binary packets, a dump of what is there and a watcher, once each; fails in words."""

import socket
import struct
import sys

WAIT_S = 20
STORED = 1000
HEADER = struct.Struct(">BBHBBHIIQ")


def connect(address):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=WAIT_S)
    return connection, connection.makefile("rb")


def packet(opcode, key=b"", extras=b"", value=b""):
    body = extras + key + value
    return HEADER.pack(0x80, opcode, len(key), len(extras), 0, 0, len(body), 0, 0) + body


def answer(replies):
    magic, opcode, _, extras, _, status, length, _, _ = HEADER.unpack(replies.read(HEADER.size))
    assert magic == 0x81, magic
    return opcode, status, replies.read(length)[extras:]


def packets(address):
    connection, replies = connect(address)
    quiet_sets = (packet(0x11, b"e2e:%d" % n, bytes(8), b"%d" % n) for n in range(STORED))
    connection.sendall(b"".join(quiet_sets) + packet(0x00, b"e2e:7") + packet(0x0a))
    assert answer(replies) == (0x00, 0, b"7")
    assert answer(replies) == (0x0a, 0, b"")


def dump(address):
    connection, replies = connect(address)
    connection.sendall(b"lru_crawler metadump all\r\n")
    assert replies.readline() == b"OK\r\n"
    found = 0
    while (line := replies.readline().rstrip()) != b"END":
        fields = dict(field.split(b"=", 1) for field in line.split(b" "))
        assert {b"key", b"exp", b"la", b"cas", b"fetch", b"cls", b"size", b"flags"} <= fields.keys(), line
        found += fields[b"key"].startswith(b"e2e%3A") or fields[b"key"].startswith(b"e2e:")
    assert found == STORED, found


def watch(address):
    watcher, events = connect(address)
    watcher.sendall(b"watch mutations\n")
    assert events.readline() == b"OK\r\n"
    connection, replies = connect(address)
    connection.sendall(b"set e2e:watched 0 0 1\r\nx\r\n")
    assert replies.readline() == b"STORED\r\n"
    line = events.readline()
    assert line.startswith(b"ts=") and b"type=item_store" in line and b"status=stored" in line, line


address = sys.argv[1]
packets(address)
dump(address)
watch(address)
print(f"{STORED} packets stored, dumped and one watched")
