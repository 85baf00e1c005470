"""pymemcache: the classic text protocol, over TCP or a unix socket."""

import sys
from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheClientError, MemcacheIllegalInputError

where = sys.argv[1]
server = where[5:] if where.startswith("unix:") else where
client = Client(server, timeout=10, connect_timeout=10)
client.flush_all(noreply=False)
assert client.version().startswith(b"1.6."), client.version()

assert client.set("a", b"1", noreply=False) is True
assert client.get("a") == b"1"
assert client.get("missing") is None
assert client.get("missing", "default") == "default"
assert client.add("a", b"2", noreply=False) is False
assert client.replace("a", b"3", noreply=False) is True
assert client.append("a", b"4", noreply=False) is True
assert client.prepend("a", b"2", noreply=False) is True
assert client.get("a") == b"234"
assert client.incr("a", 6) == 240
assert client.decr("a", 241) == 0
assert client.incr("missing", 1) is None
value, cas = client.gets("a")
assert client.cas("a", b"new", cas, noreply=False) is True
assert client.cas("a", b"newer", cas, noreply=False) is False
assert client.cas("missing", b"x", cas, noreply=False) is None
assert client.touch("a", 100, noreply=False) is True
assert client.touch("missing", 100, noreply=False) is False
assert client.delete("a", noreply=False) is True
assert client.delete("a", noreply=False) is False

# Silent writes, then read: order on one connection.
for i in range(500):
    client.set("k%d" % i, b"v%d" % i)
found = client.get_many(["k%d" % i for i in range(500)] + ["missing"])
assert found == {"k%d" % i: b"v%d" % i for i in range(500)}, len(found)
assert len(client.gets_many(["k%d" % i for i in range(100)])) == 100
assert client.set_many({"m%d" % i: b"x" * i for i in range(100)}, noreply=False) == []
assert client.get("m99") == b"x" * 99
client.delete_many(["k%d" % i for i in range(500)])
assert client.get_many(["k%d" % i for i in range(500)]) == {}

for size in (0, 1, 16383, 16384, 16385, 65536, 1000000):
    value = bytes(i * 7 % 256 for i in range(size))
    assert client.set("size", value, noreply=False) is True
    assert client.get("size") == value, size

stats = client.stats()
assert int(stats[b"pid"]) > 0 and int(stats[b"curr_items"]) > 0 and int(stats[b"cmd_get"]) > 0, stats

client.set("text", b"not a number", noreply=False)
try:
    client.incr("text", 1)
    raise AssertionError("incr of a text succeeded")
except MemcacheClientError:
    pass
try:
    client.get("k" * 251)
    raise AssertionError("a key too long was taken")
except MemcacheIllegalInputError:
    pass

pool = PooledClient(server, max_pool_size=4, timeout=10)
pool.set("pooled", b"yes", noreply=False)
assert pool.get("pooled") == b"yes"
pool.close()
client.flush_all(noreply=False)
assert client.get("pooled") is None
client.quit()
