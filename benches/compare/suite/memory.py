"""Memory: what an item takes when the server is full, and an idle connection."""

from dataclasses import dataclass

from .server import Server, ask_over
from .words import Fault


@dataclass
class Extent:
    """How much is done; --smoke does less."""

    # Random gets that check whether the items are there which the server says it keeps.
    samples: int = 400_000
    idle_connections: int = 4000


# Keys and values offered, as a share of the limit: more than any server can keep of them.
OFFERED = 1.2
# By how much the items kept by count and by random gets may differ.
DISAGREEMENT_MAX = 0.02
# Opened before the first look, so that what a server allocates once is not counted.
IDLE_CONNECTIONS_BEFORE = 200


def measure_items(kind, key_size, value_size, generator, arguments, extent):
    """What is kept and what it takes, after inserting one key after the other until long after the first eviction."""
    limit = arguments.memory << 20
    keys = int(limit * OFFERED) // (key_size + value_size)
    sizes = f"--keys {keys} --key-size {key_size} --value-size {value_size} --warmup 0s"
    with Server(kind, arguments.memory, [arguments.server_core]) as server:
        generator.run(server, f"{sizes} --load --requests 1")
        items = server.items()
        resident = server.resident_bytes()
        asked = generator.run(server, f"{sizes} --get-ratio 1 --connections 16 --pipeline 64 --requests {extent.samples}")
        found = round(keys * (1 - asked["misses"] / asked["gets"]))
        remarks = []
        if abs(found - items) > items * DISAGREEMENT_MAX:
            remarks.append(f"says it keeps {items:,} items, but by random gets there are about {found:,}")
        if found > keys * 0.98:
            remarks.append("was not filled")
        return {
            "items": items,
            "items_found": found,
            "items_offered": keys,
            "resident_bytes": resident,
            "bytes_per_item": resident / max(items, 1),
            "over_limit_bytes": resident - limit,
            "over_limit_percent": 100 * (resident - limit) / limit,
            "remarks": remarks,
        }


def measure_idle(kind, arguments, extent):
    """By how many bytes the server grows with a connection that has been answered once and then rests."""
    connections = []
    with Server(kind, arguments.memory, [arguments.server_core]) as server:

        def open_until(count):
            while len(connections) < count:
                connections.append(server.connect())
                try:
                    ask_over(connections[-1], *server.protocol.nothing)
                except OSError:
                    raise Fault(f"{server.name}: connection {len(connections)} is not answered")

        try:
            open_until(IDLE_CONNECTIONS_BEFORE)
            before = server.resident_bytes()
            open_until(IDLE_CONNECTIONS_BEFORE + extent.idle_connections)
            grown = server.resident_bytes() - before
        finally:
            for connection in connections:
                connection.close()
    count = extent.idle_connections
    return {"connections": count, "grown_bytes": grown, "bytes_per_connection": grown / count}
