"""What is measured: data sets, loads, and the goals that each has to meet."""

from dataclasses import dataclass

KEY_SIZE = 24

# value size as ringload takes it, keys: each fits into the memory limit with room to spare
DATA_SETS = {"small": ("32", 1_000_000), "4k": ("4k", 100_000), "64k": ("64k", 8_000)}
# The same for --smoke.
DATA_SETS_SMOKE = {"small": ("32", 100_000), "4k": ("4k", 10_000), "64k": ("64k", 1_000)}

KIB = 1024
# What ends a value.
TERMINATOR_BYTES = 2
# Values from this length on are long.
LONG_BYTES = 4 * KIB


@dataclass(frozen=True)
class Constant:
    """The reply that the null server gives to every request, for values of that length."""

    value_bytes: int
    values: int = 1
    # Whether it answers sets as ringload sends them.
    sets: bool = False

    def options(self, data):
        """The null server's options. It sends long values from, or receives them into, as much memory as the data set
        takes, so that it finds them in no cache either."""
        memory_mib = DATA_SETS[data][1] * self.value_bytes >> 20 if self.value_bytes >= LONG_BYTES else 0
        request = f"--value-bytes {self.value_bytes} --values {self.values}"
        if self.sets:
            line = len("set  0 0 \r\n") + KEY_SIZE + len(str(self.value_bytes))
            request = f"--set-bytes {line + self.value_bytes + TERMINATOR_BYTES}"
        return f"{request} --memory {memory_mib}"


@dataclass(frozen=True)
class Load:
    """One row of the table."""

    name: str
    data: str
    # Gets, or else sets.
    gets: bool
    connections: int
    depth: int
    # The most that the ratio to memcached may be.
    goal: float
    # What answers such a request with a constant.
    constant: Constant
    # Keys of one get.
    multiget: int = 1

    @property
    def options(self):
        """ringload's options."""
        options = f"--get-ratio {int(self.gets)} --connections {self.connections} --pipeline {self.depth}"
        return f"{options} --multiget {self.multiget} {sizes(self.data)}"

    @property
    def unit(self):
        """The field of ringload's results that counts units of work: a key, where a request has many."""
        return "gets" if self.multiget > 1 else "requests"

    @property
    def units_per_round(self):
        """Units of one batch of every connection."""
        return self.connections * self.depth * self.multiget


SMALL, SMALL_SET = Constant(32), Constant(32, sets=True)

LOADS = [
    Load("GET 50x1", "small", True, 50, 1, 0.80, SMALL),
    Load("GET 16x16", "small", True, 16, 16, 0.28, SMALL),
    Load("GET 16x64", "small", True, 16, 64, 0.11, SMALL),
    Load("SET 50x1", "small", False, 50, 1, 0.80, SMALL_SET),
    Load("SET 16x16", "small", False, 16, 16, 0.26, SMALL_SET),
    Load("multiget 100, per key", "small", True, 16, 1, 0.15, Constant(32, 100), multiget=100),
    Load("GET 4 KiB 50x1", "4k", True, 50, 1, 0.75, Constant(4 * KIB)),
    Load("GET 64 KiB 16x1", "64k", True, 16, 1, 0.87, Constant(64 * KIB)),
    Load("SET 64 KiB 16x1", "64k", False, 16, 1, 0.50, Constant(64 * KIB, sets=True)),
    Load("SET 64 KiB 16x4", "64k", False, 16, 4, 0.50, Constant(64 * KIB, sets=True)),
    Load("GET 5000x1", "small", True, 5000, 1, 0.80, SMALL),
]
# What a server may take beside the null server, at depth 1.
NULL_GOALS = {"GET 50x1": 1.10}

# name, key size, value size: stored one key after the other, until long after the server is full
MEMORY_ROWS = [("memory, 16+32 B items", 16, 32), ("memory, 40+230 B items", 40, 230)]
IDLE_ROW = "memory, bytes per idle connection"
IDLE_GOAL_BYTES = 256

# The load, and the most that CPU per request may be on two shards beside one.
FORWARDING_ROWS = [("forwarding, GET 50x1", "GET 50x1", 1.15), ("forwarding, GET 16x16", "GET 16x16", 1.10)]

# Shares of ringcached's own saturation.
LATENCY_ROWS = [("latency, GET at 50 %", 0.5), ("latency, GET at 80 %", 0.8)]


def load_named(name):
    return next(load for load in LOADS if load.name == name)


def sizes(data):
    """ringload's options for a data set."""
    value_size, keys = DATA_SETS[data]
    return f"--keys {keys} --key-size {KEY_SIZE} --value-size {value_size} --warmup 0s"


def all_names():
    rows = LATENCY_ROWS + [row[:2] for row in FORWARDING_ROWS + MEMORY_ROWS]
    return [load.name for load in LOADS] + [row[0] for row in rows] + [IDLE_ROW]
