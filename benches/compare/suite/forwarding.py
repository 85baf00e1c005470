"""Forwarding: the same load on two shards, where half of the keys are remote, and on one.

CPU is summed over the server's threads. Where the machine has a third core the generator keeps it for itself; else it
shares one with the second shard, which the output says.
"""

import os
import statistics

from .generator import measure
from .peers import ours
from .rows import load_named
from .rounds import turns
from .server import Server
from .words import figure, say


def cores(arguments):
    """The cores of the two shards, and whether the generator shares the second."""
    others = os.sched_getaffinity(0) - {arguments.server_core, arguments.generator_core}
    second = min(others, default=arguments.generator_core)
    return [arguments.server_core, second], second == arguments.generator_core


def run(rows, generator, arguments, budget):
    both, shared = cores(arguments)
    samples = {row[0]: [] for row in rows}
    shapes = {1: both[:1], 2: both}
    for turn, order in turns(shapes, arguments.rounds, budget):
        found = {row[0]: {} for row in rows}
        for shards in order:
            with Server(ours(), arguments.memory, shapes[shards]) as server:
                generator.fill(server, "small")
                for row, load, _ in rows:
                    found[row][shards] = sample = measure(generator, server, load_named(load), arguments.seconds)
                    say(
                        f"round {turn + 1}/{arguments.rounds} {row}, {shards} shard{'s' * (shards > 1)}: "
                        f"{sample['cpu_us']:.3f} us, {sample['per_s']:.0f}/s"
                    )
        for row, by_shards in found.items():
            samples[row].append(by_shards)
    figures = {}
    for row, _, goal in rows:
        ratios = [sample[2]["cpu_us"] / sample[1]["cpu_us"] for sample in samples[row]]
        figures[row] = {
            "one_cpu_us": statistics.median(sample[1]["cpu_us"] for sample in samples[row]),
            "two_cpu_us": statistics.median(sample[2]["cpu_us"] for sample in samples[row]),
            "two_per_s": statistics.median(sample[2]["per_s"] for sample in samples[row]),
            "ratio": statistics.median(ratios),
            "rounds_ratio": ratios,
            "goal": goal,
        }
    return {"cores": both, "generator_shares_a_core": shared, "rows": figures}


def markdown(result):
    if not result:
        return []
    rounds = len(next(iter(result["rows"].values()))["rounds_ratio"])
    lines = [f"| two shards against one, {rounds} rounds | 1 shard, CPU µs | 2 shards, CPU µs summed | ratio | goal |", "|---|---|---|---|---|"]
    for row, found in result["rows"].items():
        least, most = min(found["rounds_ratio"]), max(found["rounds_ratio"])
        goal = f"≤ {found['goal']:.2f}, {'held' if found['ratio'] <= found['goal'] else 'missed'}"
        lines.append(
            f"| {row.removeprefix('forwarding, ')} | {figure(found['one_cpu_us'])} | {figure(found['two_cpu_us'])} "
            f"| {found['ratio']:.2f} ({least:.2f}–{most:.2f}) | {goal} |"
        )
    if result["generator_shares_a_core"]:
        lines += ["", "No core was left for the generator: with two shards it shared one with the second."]
    return lines
