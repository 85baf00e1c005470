"""python-binary-memcached: the binary protocol, written in Python."""

import sys
import time

import bmemcached

client = bmemcached.Client((sys.argv[1],))
client.flush_all()
assert client.set("a", "1") is True
assert client.get("a") == "1"
assert client.get("missing") is None
assert client.add("a", "2") is False
assert client.replace("a", "3") is True

value, cas = client.gets("a")
assert value == "3" and cas
assert client.cas("a", "new", cas) is True
assert client.cas("a", "newer", cas) is False
assert client.get("a") == "new"

assert client.incr("n", 5, default=10) == 10
assert client.incr("n", 5) == 15
assert client.decr("n", 100) == 0

many = {"k%d" % n: "v%d" % n for n in range(300)}
assert client.set_multi(many) == []
assert client.get_multi(list(many) + ["missing"]) == many
assert client.delete_multi(["k%d" % n for n in range(100)])
assert len(client.get_multi(list(many))) == 200

for size in (0, 1, 16385, 500_000):
    value = "x" * size
    assert client.set("size", value, compress_level=0) and client.get("size") == value, size

assert client.set("short", "x", time=1)
deadline = time.monotonic() + 10
while client.get("short") is not None:
    assert time.monotonic() < deadline, "what has ended is still there"
    time.sleep(0.1)

(stats,) = client.stats().values()
number = int(stats["curr_items"])
assert number > 0, stats
assert client.delete("a") is True
client.flush_all()
assert client.get("n") is None
client.disconnect_all()
