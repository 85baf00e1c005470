"""make-trace.py REQUESTS: prints a request trace in the column format of Twitter's public cache traces:

timestamp,key,key size,value size,client id,operation,TTL

Keys follow a Zipf-like law, a key keeps its value's size, one request in ten is a set. The same every time.
"""

import random
import sys

KEYS = 50_000
SKEW = 0.9
REQUESTS_PER_SECOND = 5_000


def main(requests):
    rng = random.Random(1)
    weights = [(rank + 1) ** -SKEW for rank in range(KEYS)]
    for number, key in enumerate(rng.choices(range(KEYS), weights, k=requests)):
        name = f"key-{key:08}"
        size = 16 + key * 7919 % 1500
        operation = "set" if rng.random() < 0.1 else "get"
        print(f"{number // REQUESTS_PER_SECOND},{name},{len(name)},{size},{key % 16},{operation},0")


if len(sys.argv) != 2 or not sys.argv[1].isdigit():
    sys.exit(__doc__)
main(int(sys.argv[1]))
