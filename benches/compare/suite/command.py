"""The command line, and what it asks for in order."""

import argparse
import json
import os
import platform
import resource
from pathlib import Path

from . import count, forwarding, latency, memory, peers, plot, report, rows
from .generator import Generator
from .rounds import Budget, run_rounds, summarise
from .server import CONNECTIONS_MAX
from .words import Fault, say

# Descriptors that a process needs beside its connections.
SPARE_DESCRIPTORS = 100


def parse(text):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement")
    parser.add_argument("--time", type=float, metavar="SECONDS", help="begin no further round of a row after so long")
    parser.add_argument("--only", action="append", default=[], metavar="ROW", help="rows whose name contains ROW")
    parser.add_argument("--peer", action="append", default=[], metavar="LINE", help="one more server, as in peers.list")
    parser.add_argument("--peers", action="append", default=[], type=Path, metavar="FILE", help="more lines like these")
    parser.add_argument("--path", action="append", default=[], metavar="NAME=PROGRAM", help="the program of a peer")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="leave a server out")
    parser.add_argument("--memory", type=int, default=1024, help="memory limit in MiB")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--generator-core", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the ratios to memcached there")
    parser.add_argument("--render", action="append", default=[], type=Path, metavar="FILE", help="measure nothing: show what --json wrote, several put together")
    parser.add_argument("--count", action="store_true", help="count instructions per request instead")
    parser.add_argument("--check", action="store_true", help="with --count: compare with the table, write nothing")
    parser.add_argument("--ringload", type=Path, metavar="PROGRAM", help="this ringload, not that of target/release")
    parser.add_argument("--no-build", action="store_true", help="use target/release as it is")
    parser.add_argument("--smoke", action="store_true", help="one round, short, little memory: no figures to keep")
    arguments = parser.parse_args()
    if arguments.check and not arguments.count:
        raise Fault("--check goes with --count")
    if arguments.smoke:
        arguments.rounds, arguments.seconds, arguments.memory = 1, 0.2, 256
        rows.DATA_SETS.update(rows.DATA_SETS_SMOKE)
    if arguments.rounds < 1 or not 0 < arguments.seconds <= 3600 or arguments.memory < 64:
        raise Fault("--rounds is at least 1, --seconds above 0, --memory at least 64")
    if not arguments.render:
        check_cores(arguments)
    return arguments


def check_cores(arguments):
    allowed = os.sched_getaffinity(0)
    for core in (arguments.server_core, arguments.generator_core):
        if core not in allowed:
            raise Fault(f"core {core} may not be used; choose two of {sorted(allowed)} by --server-core, --generator-core")
    if arguments.server_core == arguments.generator_core:
        say("server and generator share a core: only CPU per request means something")


def raise_open_files(count):
    """Lets this process, and those that it starts, have so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
            return
        except (ValueError, OSError):
            raise Fault(f"{count} descriptors are needed and {hard} allowed: raise `ulimit -n`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def describe_machine():
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def measure(arguments):
    """Every figure of every row that is wanted."""
    wanted = lambda name: not arguments.only or any(part.lower() in name.lower() for part in arguments.only)
    if not any(map(wanted, rows.all_names())):
        raise Fault(f"--only matches none of: {', '.join(rows.all_names())}")
    generator = Generator(arguments.ringload or peers.RINGLOAD, arguments.generator_core)
    servers, remarks = peers.find(arguments, generator)
    if not servers:
        raise Fault("no server to measure")
    for remark in remarks:
        say(remark)
    budget = Budget(arguments.time)
    loads = [load for load in rows.LOADS if wanted(load.name)]
    table = summarise(*run_rounds(servers, loads, generator, arguments, budget)) if loads else {}
    passing = [row for row in rows.FORWARDING_ROWS if wanted(row[0])]
    forwarded = {}
    if passing and peers.OURS in servers:
        forwarded = forwarding.run(passing, generator, arguments, budget)
    late = [row for row in rows.LATENCY_ROWS if wanted(row[0])]
    latencies = latency.run(late, servers, table, generator, arguments, budget) if late else {}
    extent = memory.Extent(samples=50_000, idle_connections=500) if arguments.smoke else memory.Extent()
    items, idle = {}, {}
    storing = {name: kind for name, kind in servers.items() if not kind.constant}
    for row, key_size, value_size in rows.MEMORY_ROWS:
        if wanted(row):
            items[row] = {}
            for name, kind in storing.items():
                items[row][name] = found = memory.measure_items(kind, key_size, value_size, generator, arguments, extent)
                say(f"{row}, {name}: {found['items']:,} kept, {found['bytes_per_item']:.1f} resident bytes each")
    if wanted(rows.IDLE_ROW):
        for name, kind in storing.items():
            idle[name] = memory.measure_idle(kind, arguments, extent)
            say(f"{rows.IDLE_ROW}, {name}: {idle[name]['bytes_per_connection']:.0f}")
    return {
        "machine": describe_machine(),
        "servers": {name: kind.command for name, kind in servers.items()},
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "memory_mib": arguments.memory,
        "loads": table,
        "forwarding": forwarded,
        "latency": latencies,
        "memory": items,
        "idle": idle,
        "remarks": remarks,
    }


def read(paths):
    """Results that --json has written, as one: what a later one has takes the place of an earlier one's."""
    result = {}
    for path in paths:
        try:
            part = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise Fault(f"{path}: {error}")
        for key in ("servers", "loads", "forwarding", "latency", "memory", "idle"):
            if isinstance(part.get(key), dict):
                part[key] = {**result.get(key, {}), **part[key]}
            else:
                raise Fault(f"{path} is not a result of --json")
        part["remarks"] = result.get("remarks", []) + [r for r in part["remarks"] if r not in result.get("remarks", [])]
        result = part
    return result


def run(text):
    arguments = parse(text)
    if arguments.render:
        result = read(arguments.render)
    else:
        if not arguments.no_build:
            peers.build(arguments.skip + ([peers.NULL] if arguments.count else []))
        raise_open_files(CONNECTIONS_MAX + SPARE_DESCRIPTORS)
        if arguments.count:
            return count.run(arguments)
        result = measure(arguments)
    print(report.markdown(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    if arguments.svg:
        drawn = plot.svg(result)
        if drawn is None:
            raise Fault(f"--svg: there is no ratio to {peers.BASELINE} to draw")
        arguments.svg.write_text(drawn)
    return 0


def main(text):
    try:
        return run(text)
    except Fault as fault:
        say(str(fault))
        return 1
    except KeyboardInterrupt:
        return 130
