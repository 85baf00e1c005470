"""Instructions per request, counted by callgrind: figures that repeat, where times do not.

The server runs under valgrind, which counts what it executes in user space while `lockstep`, outside of valgrind, sends
it rounds of requests that are always the same. Instrumentation is off while the server starts, is filled
and warmed up. What the kernel does is not counted; what a request costs there shows in the CPU figures.
"""

import platform
import re
import shutil
import subprocess
from pathlib import Path

from . import rows
from .lockstep import Lockstep
from .peers import HERE, RELEASE, RINGCACHED, ROOT, install, ours
from .rows import LOADS
from .server import Kind, Server
from .words import Fault, say

TABLE = HERE / "INSTRUCTIONS.md"
# By how much a row may rise before --check fails, and by how much two counts of the same program differ at most.
RISE_MAX = 0.02
SEED = 1
WARM_ROUNDS = 10
TRIES = 3
# As many rounds as make so many requests or keys, within these bounds.
UNITS = 100_000
ROUNDS_MIN, ROUNDS_MAX = 10, 100
MEMORY_MIB = 256
OUT = ROOT / "target/compare"

HEAD = """\
# Instructions per request

What the server executes in user space for one request (one key, for multiget), counted by callgrind:

    benches/compare/run --count           writes this table
    benches/compare/run --count --check   fails where a row rose by more than 2 %

{setting}. The release build as Cargo.toml has it; {keys} keys of {key_size} B. All requests of a round, connections times depth, are there
when the server wakes up, and it sleeps between two rounds: that is part of the count. The profiles are left in
`target/compare`, for `callgrind_annotate`.

| load | instructions per request |
|---|---|
"""


def control(server, state):
    """Switches counting on or off in a server."""
    command = ["callgrind_control", "-i", state, str(server.process.pid)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0 or "OK" not in done.stdout:
        raise Fault(f"{' '.join(command)}: {(done.stderr + done.stdout).strip()}")


def count(load, arguments):
    """Instructions per unit of a load."""
    slug = re.sub("[^a-z0-9]+", "-", load.name.lower()).strip("-")
    out = OUT / f"{slug}.callgrind"
    out.unlink(missing_ok=True)
    wrapper = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
    with Server(ours(), MEMORY_MIB, [arguments.server_core], wrapper) as server:
        clients = Lockstep(server, load, SEED)
        try:
            clients.fill()
            clients.run(WARM_ROUNDS)
            rounds = max(ROUNDS_MIN, min(ROUNDS_MAX, UNITS // load.units_per_round))
            control(server, "on")
            clients.run(rounds)
            control(server, "off")
        finally:
            clients.close()
    total = re.search(r"^totals: (\d+)", out.read_text() if out.exists() else "", re.MULTILINE)
    if not total:
        raise Fault(f"{load.name}: valgrind left no count in {out}")
    return int(total[1]) / (rounds * load.units_per_round)


def count_surely(load, arguments):
    """As `count`, again where the machine was too busy for it."""
    for _ in range(TRIES - 1):
        try:
            return count(load, arguments)
        except Fault as fault:
            say(f"{fault}; once more")
    return count(load, arguments)


def committed():
    """load to instructions, from the table."""
    try:
        text = TABLE.read_text()
    except OSError as error:
        raise Fault(f"{TABLE}: {error.strerror}; make it by --count")
    found = re.findall(r"^\| (.+?) \| ([\d,]+(?:\.\d+)?) \|$", text, re.MULTILINE)
    return {load: float(number.replace(",", "")) for load, number in found}


def setting():
    said = [subprocess.run([program, "--version"], capture_output=True, text=True, cwd=ROOT).stdout for program in ("valgrind", "rustc")]
    return ", ".join([said[0].strip(), " ".join(said[1].split()[:2]), platform.machine()])


def run(arguments):
    if not install(Kind("valgrind", "valgrind"), "valgrind"):
        raise Fault("--count needs valgrind")
    if not RINGCACHED.exists():
        raise Fault(f"{RELEASE} has no ringcached: run without --no-build")
    rows.DATA_SETS.update(rows.DATA_SETS_SMOKE)
    OUT.mkdir(parents=True, exist_ok=True)
    before = committed() if arguments.check else {}
    wanted = [row for row in LOADS if not arguments.only or any(o.lower() in row.name.lower() for o in arguments.only)]
    found, risen = {}, []
    for load in wanted:
        found[load.name] = number = count_surely(load, arguments)
        was = before.get(load.name)
        change = f", {100 * (number / was - 1):+.1f} % beside the table" if was else ""
        say(f"{load.name}: {number:,.1f} instructions{change}")
        if arguments.check and was is None:
            risen.append(f"{load.name} is not in {TABLE.name}")
        elif was and number > was * (1 + RISE_MAX):
            risen.append(f"{load.name}: {number:,.1f} instructions instead of {was:,.1f}")
    if risen:
        raise Fault("; ".join(risen))
    lines = [f"| {load} | {number:,.1f} |" for load, number in found.items()]
    if arguments.check or arguments.only:
        print("\n".join(lines))
        return 0
    keys = f"{rows.DATA_SETS['small'][1]:,}"
    TABLE.write_text(HEAD.format(setting=setting(), keys=keys, key_size=rows.KEY_SIZE) + "\n".join(lines) + "\n")
    print(TABLE.read_text())
    return 0
