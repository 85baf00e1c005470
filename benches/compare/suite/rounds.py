"""CPU per request: in every round each server in turn, in an order that changes, so that what disturbs the machine
disturbs all alike."""

import statistics
import time

from .generator import measure
from .peers import BASELINE, NULL, OURS
from .rows import DATA_SETS
from .server import Server
from .words import Fault, figure, say


class Budget:
    """How long the suite may go on beginning rounds."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds if seconds else None

    def is_over(self):
        return self.end is not None and time.monotonic() > self.end


def turns(servers, count, budget):
    """(number, names in the order of this round); the order turns round, so that coming first is no advantage."""
    for number in range(count):
        if number and budget.is_over():
            say(f"no time is left for rounds {number + 1} to {count}")
            return
        yield number, list(servers)[:: 1 if number % 2 == 0 else -1]


def run_rounds(servers, loads, generator, arguments, budget):
    """samples[load][server] = one measurement per round, None where there is none."""
    samples = {load.name: {name: [] for name in servers} for load in loads}
    faults = {}

    def one(server, load, turn):
        name = server.name
        if (name, load.name) in faults:
            return None
        sample = measure(generator, server, load, arguments.seconds)
        say(
            f"round {turn + 1}/{arguments.rounds} {load.name}, {name}: "
            f"{sample['cpu_us']:.3f} us, {sample['per_s']:.0f}/s"
        )
        return sample

    def guarded(kind, load, what):
        """A peer that cannot do a load leaves its place empty; ours may not fail."""
        try:
            return what()
        except Fault as fault:
            if kind.name in (OURS, NULL, BASELINE):
                raise
            faults[kind.name, load.name] = str(fault)
            say(str(fault))
            return None

    for turn, order in turns(servers, arguments.rounds, budget):
        for data in DATA_SETS:
            chosen = [load for load in loads if load.data == data]
            for name in order if chosen else []:
                kind = servers[name]
                if kind.constant:
                    for load in chosen:
                        constant = load.constant.options(data)
                        with Server(kind, arguments.memory, [arguments.server_core], constant=constant) as server:
                            samples[load.name][name].append(one(server, load, turn))
                    continue
                with Server(kind, arguments.memory, [arguments.server_core]) as server:
                    guarded(kind, chosen[0], lambda: generator.fill(server, data))
                    for load in chosen:
                        samples[load.name][name].append(guarded(kind, load, lambda: one(server, load, turn)))
    return samples, faults


def summarise(samples, faults):
    """rows[load][server] = medians, None where nothing was measured."""
    rows = {}
    for load, by_server in samples.items():
        rows[load] = {}
        for name, rounds in by_server.items():
            done = [sample for sample in rounds if sample]
            if not done:
                rows[load][name] = {"fault": faults[name, load]} if (name, load) in faults else None
                continue
            row = {key: statistics.median(s[key] for s in done) for key in ("cpu_us", "per_s", "p99_us", "generator_cpu_us")}
            row["rounds_cpu_us"] = [sample["cpu_us"] for sample in done]
            # What ringload itself used of a core, beside the server.
            own = [sample["generator_cpu_us"] / sample["cpu_us"] for sample in done]
            row["generator_ratio"], row["rounds_generator_ratio"] = statistics.median(own), own
            for key, other in (("ratio", BASELINE), ("null_ratio", NULL)):
                pairs = [(mine, its) for mine, its in zip(rounds, by_server.get(other, [])) if mine and its]
                ratios = [mine["cpu_us"] / its["cpu_us"] for mine, its in pairs]
                if ratios and name != other:
                    row[key], row[f"rounds_{key}"] = statistics.median(ratios), ratios
            row["remarks"] = sorted(set().union(*(sample["remarks"] for sample in done)))
            rows[load][name] = row
    return rows


def spread(row, key):
    """The median with the least and the most of the rounds."""
    values = row[f"rounds_{key}"]
    if len(values) < 2:
        return figure(row[key])
    return f"{figure(row[key])} ({figure(min(values))}–{figure(max(values))})"
