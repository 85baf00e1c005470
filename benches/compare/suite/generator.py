"""ringload: what the suite asks of it, and what the ringload at hand can do."""

import json
import shlex
import subprocess
import tempfile
from functools import cache

from .rows import sizes
from .words import Fault

WARM_SECONDS = 0.5


class Generator:
    """ringload on one core."""

    def __init__(self, program, core):
        self.program, self.core = program, core

    @cache
    def speaks(self, protocol):
        """Whether this ringload has that protocol."""
        if protocol == "text":
            return True
        # A protocol that it does not know is refused before help is given.
        command = [self.program, "run", "--protocol", protocol, "--help"]
        return subprocess.run(command, capture_output=True).returncode == 0

    def run(self, server, options):
        """Runs a load and gives its results."""
        with tempfile.NamedTemporaryFile(suffix=".json") as result:
            command = [self.program, "run", "--server", f"127.0.0.1:{server.port}", "--cores", str(self.core)]
            command += ["--protocol", server.kind.protocol, "--json", result.name]
            done = subprocess.run(command + shlex.split(options), capture_output=True, text=True)
            if done.returncode != 0:
                said = " ".join((done.stderr + done.stdout).split())
                raise Fault(f"ringload {options} against {server.name}: {said}")
            return json.load(result)

    def fill(self, server, data):
        self.run(server, f"--load --requests 1 {sizes(data)}")


def milliseconds(seconds):
    return f"{max(1, round(seconds * 1000))}ms"


def remarks(result):
    """What a reader of a result must know."""
    found = set()
    if result["generator_was_bottleneck"]:
        found.add("the generator was the bottleneck")
    if result["misses"] or result["errors"]:
        found.add(f"{result['misses']} misses and {result['errors']} errors in one round")
    return found


def measure(generator, server, load, seconds, warm_seconds=WARM_SECONDS, extra=""):
    """CPU microseconds per unit, units per second, and remarks, of one load with extra options."""
    generator.run(server, f"{load.options}{extra} --duration {milliseconds(min(warm_seconds, seconds))}")
    before_ns = server.cpu_ns()
    result = generator.run(server, f"{load.options}{extra} --duration {milliseconds(seconds)}")
    cpu_ns = server.cpu_ns() - before_ns
    units = result[load.unit]
    if not units:
        raise Fault(f"{load.name} against {server.name}: nothing was answered")
    return {
        "cpu_us": cpu_ns / 1000 / units,
        "per_s": units / result["elapsed_s"],
        "p99_us": result["latency"]["p99_us"],
        "generator_cpu_us": result["generator_cpu_us"] * result["requests"] / units,
        "remarks": remarks(result),
    }
