"""pymemcache through nutcracker in front of two servers. nutcracker passes on neither `flush_all` nor `stats`."""

import sys

from pymemcache.client.base import Client

client = Client(sys.argv[1], timeout=10, connect_timeout=10)
assert client.set("a", b"1", noreply=False) is True
assert client.get("a") == b"1" and client.get("missing") is None
assert client.add("a", b"2", noreply=False) is False
assert client.replace("a", b"3", noreply=False) is True
assert client.append("a", b"4", noreply=False) and client.prepend("a", b"2", noreply=False)
assert client.incr("a", 6) == 240 and client.decr("a", 241) == 0
value, cas = client.gets("a")
assert client.cas("a", b"new", cas, noreply=False) is True
assert client.cas("a", b"newer", cas, noreply=False) is False
assert client.touch("a", 100, noreply=False) is True
many = {"k%d" % n: b"v%d" % n for n in range(300)}
assert client.set_many(many, noreply=False) == []
assert client.get_many(list(many) + ["missing"]) == many
value = b"x" * 500_000
assert client.set("large", value, noreply=False) and client.get("large") == value
for key in many:
    assert client.delete(key, noreply=False) is True
assert client.get_many(list(many)) == {}
client.close()
