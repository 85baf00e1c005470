"""pylibmc (libmemcached) in the binary protocol, and again in the text protocol."""

import sys
import time

import pylibmc

where = sys.argv[1]
for binary in (True, False):
    client = pylibmc.Client([where], binary=binary, behaviors={"cas": True, "tcp_nodelay": True})
    client.flush_all()
    assert client.set("a", "1"), binary
    assert client.get("a") == "1"
    assert client.get("missing") is None
    assert client.add("a", "2") is False
    assert client.replace("a", "3") is True
    try:
        assert client.replace("missing", "3") is False and not binary
    except pylibmc.NotFound:
        assert binary
    assert client.append("a", "4") and client.prepend("a", "2")
    assert client.get("a") == "234"

    value, cas = client.gets("a")
    assert value == "234" and cas
    assert client.cas("a", "new", cas) is True
    assert client.cas("a", "newer", cas) is False
    assert client.get("a") == "new"

    assert client.set("n", 10)
    assert client.incr("n") == 11 and client.incr("n", 9) == 20 and client.decr("n", 5) == 15
    assert client.decr("n", 100) == 0
    try:
        client.incr("missing")
        raise AssertionError("a missing counter was counted")
    except pylibmc.NotFound:
        pass

    many = {"k%d" % n: "v%d" % n for n in range(300)}
    assert client.set_multi(many) == []
    assert client.get_multi(list(many) + ["missing"]) == many
    assert client.delete_multi(["k%d" % n for n in range(100)])
    assert len(client.get_multi(list(many))) == 200

    for size in (0, 1, 16383, 16385, 100_000, 900_000):
        value = bytes(n * 7 % 256 for n in range(size))
        assert client.set("size", value) and client.get("size") == value, size

    assert client.set("short", "x", time=1) and client.get("short") == "x"
    assert client.set("touched", "x") and client.touch("touched", 1)
    deadline = time.monotonic() + 10
    while client.get("short") is not None or client.get("touched") is not None:
        assert time.monotonic() < deadline, "what has ended is still there"
        time.sleep(0.1)

    (_, stats), = client.get_stats()
    assert int(stats["curr_items"]) > 0 and stats["version"].startswith(b"1.6."), stats
    assert client.delete("a") is True and client.delete("a") is False
    client.flush_all()
    assert client.get("n") is None
    client.disconnect_all()
