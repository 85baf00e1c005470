"""Which servers take part: the null server, ringcached, and the lines of `peers.list`."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from .server import PROTOCOLS, Kind
from .words import Fault, say

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
RELEASE = ROOT / "target/release"
RINGLOAD = RELEASE / "ringload"
RINGCACHED = RELEASE / "ringcached"
OURS, NULL, BASELINE = "ringcached", "null", "memcached"
NULL_BENCH = "null_server"


def build(skipped):
    """Builds ringload and what of ours is not skipped."""
    # The whole workspace, as CI builds it: for one package alone cargo chooses other features and builds most anew.
    packages = ["-p", "ringload"] if OURS in skipped else ["--workspace"]
    if subprocess.run(["cargo", "build", "--release", *packages], cwd=ROOT).returncode != 0:
        raise Fault("the build failed")
    if NULL not in skipped and null_program(build=True) is None:
        raise Fault("the build of the null server failed")


def null_program(build):
    """The bench binary, whose name cargo chooses; if it is not to be built, the last one that was."""
    if not build:
        found = [path for path in (RELEASE / "deps").glob(f"{NULL_BENCH}-*") if not path.suffix]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    command = ["cargo", "build", "--release", "--bench", NULL_BENCH, "--message-format", "json-render-diagnostics"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == NULL_BENCH:
            return Path(message["executable"])
    return None


def ours(cores="{core}"):
    return Kind(OURS, f"{shlex.quote(str(RINGCACHED))} --cores {cores} -m {{memory}} -c {{connections}} -p {{port}}")


def parse_line(line, source):
    """(kind, package or None) of one line."""
    parts = [part.strip() for part in line.split("|", 3)]
    if len(parts) != 4 or not parts[0] or not parts[3]:
        raise Fault(f"{source}: {line.strip()!r} is not `name | protocol | Debian package or - | command`")
    name, protocol, package, command = parts
    if protocol not in PROTOCOLS:
        raise Fault(f"{source}: {name}: the protocol is one of {', '.join(PROTOCOLS)}, not {protocol!r}")
    return Kind(name, command, protocol), (None if package == "-" else package)


def lines_of(path):
    try:
        text = path.read_text()
    except OSError as error:
        raise Fault(f"{path}: {error.strerror}")
    return [parse_line(line, path) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def program_of(kind):
    return shlex.split(kind.command)[0]


def with_program(kind, path):
    return Kind(kind.name, shlex.quote(path) + kind.command.lstrip()[len(program_of(kind)):], kind.protocol)


def install(kind, package):
    """Whether the program is there, installed if that is allowed here."""
    program = program_of(kind)
    if shutil.which(program):
        return True
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        say(f"{program} is not installed, and installing it needs root and apt-get: run `apt-get install {package}`")
        return False
    say(f"{program} is not installed: apt-get install {package}")
    # Debian starts what it installs, unless it is told not to: it would take part in what is measured.
    policy = Path("/usr/sbin/policy-rc.d")
    ours_to_remove = not policy.exists()
    if ours_to_remove:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        done = subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", package],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    finally:
        if ours_to_remove:
            policy.unlink()
    if done.returncode != 0:
        say(f"apt-get could not install {package}")
    return shutil.which(program) is not None


def find(arguments, generator):
    """The servers by name, in the order of the columns, and a remark on each that is left out."""
    found, remarks = {}, []
    if NULL not in arguments.skip:
        program = null_program(build=False)
        if program is None:
            raise Fault("the null server is not built: run without --no-build, or with --skip null")
        found[NULL] = Kind(NULL, f"{shlex.quote(str(program))} --port {{port}} {{constant}}", constant=True)
    if OURS not in arguments.skip:
        found[OURS] = ours()
    asked_for = [parse_line(line, "--peer") for line in arguments.peer]
    listed = [line for path in [HERE / "peers.list", *arguments.peers] for line in lines_of(path)]
    programs = dict(pair.partition("=")[::2] for pair in arguments.path)
    for name, program in programs.items():
        if name not in {kind.name for kind, _ in listed} or not shutil.which(program):
            raise Fault(f"--path {name}={program}: a name of peers.list, = and a program")
    for kind, package in listed + asked_for:
        if kind.name in arguments.skip:
            continue
        if kind.name in programs:
            kind = with_program(kind, programs[kind.name])
        elif package:
            if not install(kind, package):
                remarks.append(f"{kind.name} is left out: it is not installed.")
                continue
        elif (kind, package) in listed and not shutil.which(program_of(kind)):
            continue
        if not generator.speaks(kind.protocol):
            remarks.append(f"{kind.name} is left out: this ringload does not speak {kind.protocol}.")
            continue
        found[kind.name] = kind
    return found, remarks
