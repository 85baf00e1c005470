"""Forwarding: the same load on two shards, where half of the keys are remote, and on one; and on two from a client that
sends each key to its owner's port, where none is.

CPU is summed over the server's threads. Where the machine has a third core the generator keeps it for itself; else it
shares one with the second shard, which the output says. Two shards that share the load of one are idle half of the time,
and fall asleep and are woken for a few requests each. So there is one more shape: both shards moved to one core, which is
as busy as that of the one shard. There none sleeps for long, but an answer waits until the threads have been switched.
"""

import os
import statistics
from dataclasses import replace
from pathlib import Path

from .generator import measure
from .peers import ours
from .rows import load_named
from .rounds import turns
from .server import Server, free_ports
from .words import figure, say


# Two shards, and a client that knows the owners of keys.
AWARE = "aware"
# Two shards on the core of the one.
TOGETHER = "together"
NAMES = {1: "1 shard", 2: "2 shards", AWARE: "2 shards, no hop", TOGETHER: "2 shards on one core"}


def cores(arguments):
    """The cores of the two shards, and whether the generator shares the second."""
    others = os.sched_getaffinity(0) - {arguments.server_core, arguments.generator_core}
    second = min(others, default=arguments.generator_core)
    return [arguments.server_core, second], second == arguments.generator_core


def start(shape, shapes, arguments):
    """The server of a shape, and what ringload is to be told beside the load."""
    if shape != AWARE:
        return Server(ours(), arguments.memory, shapes[shape]), ""
    kind = ours()
    kind = replace(kind, command=f"{kind.command} --per-shard-ports {{own_ports}}")
    return Server(kind, arguments.memory, shapes[shape], own_ports=free_ports(len(shapes[shape]))), " --shard-aware"


def move(server, core):
    """Moves all threads of a server to a core, which it would refuse to begin with."""
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def run(rows, generator, arguments, budget):
    both, shared = cores(arguments)
    samples = {row[0]: [] for row in rows}
    shapes = {1: both[:1], 2: both, AWARE: both, TOGETHER: both}
    for turn, order in turns(shapes, arguments.rounds, budget):
        found = {row[0]: {} for row in rows}
        for shards in order:
            started, extra = start(shards, shapes, arguments)
            with started as server:
                if shards == TOGETHER:
                    move(server, arguments.server_core)
                generator.fill(server, "small")
                for row, load, _ in rows:
                    load = load_named(load)
                    found[row][shards] = sample = measure(generator, server, load, arguments.seconds, extra=extra)
                    say(
                        f"round {turn + 1}/{arguments.rounds} {row}, {NAMES[shards]}: "
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
            **beside_one("aware", AWARE, samples[row]),
            **beside_one("together", TOGETHER, samples[row]),
            "two_per_s": statistics.median(sample[2]["per_s"] for sample in samples[row]),
            "ratio": statistics.median(ratios),
            "rounds_ratio": ratios,
            "goal": goal,
        }
    return {"cores": both, "generator_shares_a_core": shared, "rows": figures}


def beside_one(name, shape, samples):
    """A shape's CPU, and its ratio to that of one shard."""
    return {
        f"{name}_cpu_us": statistics.median(sample[shape]["cpu_us"] for sample in samples),
        f"{name}_ratio": statistics.median(sample[shape]["cpu_us"] / sample[1]["cpu_us"] for sample in samples),
    }


def markdown(result):
    if not result:
        return []
    rounds = len(next(iter(result["rows"].values()))["rounds_ratio"])
    head = f"two shards against one, {rounds} rounds | 1 shard, CPU µs | 2 shards, CPU µs summed | ratio | goal"
    lines = [f"| {head} | keys sent to their owners: CPU µs, ratio | both on one core: CPU µs, ratio |", "|---" * 7 + "|"]
    for row, found in result["rows"].items():
        least, most = min(found["rounds_ratio"]), max(found["rounds_ratio"])
        goal = f"≤ {found['goal']:.2f}, {'held' if found['ratio'] <= found['goal'] else 'missed'}"
        lines.append(
            f"| {row.removeprefix('forwarding, ')} | {figure(found['one_cpu_us'])} | {figure(found['two_cpu_us'])} "
            f"| {found['ratio']:.2f} ({least:.2f}–{most:.2f}) | {goal} "
            f"| {figure(found['aware_cpu_us'])}, {found['aware_ratio']:.2f} "
            f"| {figure(found['together_cpu_us'])}, {found['together_ratio']:.2f} |"
        )
    if result["generator_shares_a_core"]:
        lines += ["", "No core was left for the generator: with two shards it shared one with the second."]
    return lines
