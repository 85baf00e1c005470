"""Latency below saturation: an open loop at shares of what ringcached does at most over the same connections, and the
peers at the same absolute rates. Latency counts from the moment that a request was meant to be sent."""

import statistics

from .generator import measure, milliseconds
from .peers import BASELINE, OURS
from .rounds import turns
from .rows import load_named, sizes
from .server import Server
from .words import Fault, say

CONNECTIONS = 50
# So that one late reply does not hold back the arrivals behind it.
PIPELINE = 16
# Long enough for a thousandth to be many requests.
SECONDS_MIN = 2.0
PERCENTILES = ("p50_us", "p99_us", "p99_9_us")
SATURATING = "GET 50x1"


def saturation(servers, generator, arguments):
    """The most requests per second of ringcached's closed loop."""
    with Server(servers[OURS], arguments.memory, [arguments.server_core]) as server:
        generator.fill(server, "small")
        return measure(generator, server, load_named(SATURATING), arguments.seconds)["per_s"]


def run(rows, servers, rows_measured, generator, arguments, budget):
    """Needs ringcached; takes its saturation from the table if that was measured."""
    if OURS not in servers:
        return {}
    known = rows_measured.get(SATURATING, {}).get(OURS)
    most = known["per_s"] if known else saturation(servers, generator, arguments)
    seconds = arguments.seconds if arguments.smoke else max(SECONDS_MIN, arguments.seconds)
    result = {"saturation_per_s": most, "rows": {}}
    samples = {row: {name: [] for name in servers} for row, _ in rows}
    for turn, order in turns(servers, arguments.rounds, budget):
        for name in order:
            kind = servers[name]
            constant = load_named(SATURATING).constant.options("small")
            with Server(kind, arguments.memory, [arguments.server_core], constant=constant) as server:
                if not kind.constant:
                    generator.fill(server, "small")
                for row, share in rows:
                    options = f"--get-ratio 1 --connections {CONNECTIONS} --pipeline {PIPELINE} {sizes('small')}"
                    options += f" --rate {share * most:.0f} --arrivals poisson --duration {milliseconds(seconds)}"
                    try:
                        found = generator.run(server, options)
                    except Fault as fault:
                        if name in (OURS, BASELINE):
                            raise
                        say(str(fault))
                        continue
                    samples[row][name].append(found)
                    latency = found["latency"]
                    say(
                        f"round {turn + 1}/{arguments.rounds} {row}, {name}: p50 {latency['p50_us']:.0f}, "
                        f"p99 {latency['p99_us']:.0f}, p99.9 {latency['p99_9_us']:.0f} us"
                    )
    for row, share in rows:
        result["rows"][row] = {"rate_per_s": share * most, "servers": {}}
        for name, found in samples[row].items():
            if found:
                figures = {key: statistics.median(one["latency"][key] for one in found) for key in PERCENTILES}
                figures["rounds"] = len(found)
                figures["not_reached"] = any(one["unsent"] for one in found)
                figures["generator_busy"] = statistics.median(one["generator_busy"] for one in found)
                result["rows"][row]["servers"][name] = figures
    return result


def markdown(result, names):
    if not result:
        return []
    rounds = max((one["rounds"] for found in result["rows"].values() for one in found["servers"].values()), default=0)
    head = f"latency, µs: p50 / p99 / p99.9, {rounds} rounds"
    lines = [f"| {head} | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    late = set()
    for row, found in result["rows"].items():
        cells = []
        for name in names:
            one = found["servers"].get(name)
            cells.append(" / ".join(f"{one[key]:,.0f}" for key in PERCENTILES) if one else "–")
            if one and one["not_reached"]:
                cells[-1] += " *"
                late.add(name)
        lines.append(f"| {row.removeprefix('latency, ')}, {found['rate_per_s']:,.0f}/s | {' | '.join(cells)} |")
    lines += ["", f"Shares of ringcached's closed loop over {CONNECTIONS} connections, {result['saturation_per_s']:,.0f}/s; Poisson arrivals."]
    if late:
        lines.append("\\* The rate was not reached.")
    return lines
