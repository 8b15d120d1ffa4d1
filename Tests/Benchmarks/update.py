"""Nanoseconds for each settled delivery in a group's windows and breaker."""

import json
import shutil

from measure import ROOT, Failure, Row
from processes import finish

AIM = ("≤", 25)
# As in Package.swift's release build of Pipeline.
FLAGS = ["-O", "-wmo", "-parse-as-library", "-swift-version", "6", "-package-name", "stormfuse", "-enforce-exclusivity=unchecked"]
FEATURES = ["ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility"]
MAIN = ROOT / "Tests/Benchmarks/Update.swift"
COMPILING_S = 300


def compiled():
    """Update.swift and the pipeline as one module, in which the pipeline's own calls of it are, too."""
    program = ROOT / ".build/bench/update"
    sources = [*sorted((ROOT / "Sources/Pipeline").rglob("*.swift")), MAIN]
    if program.exists() and program.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return program
    if not shutil.which("swiftc"):
        raise Failure("no swiftc in PATH: install Swift 6.2 or later")
    program.parent.mkdir(parents=True, exist_ok=True)
    features = [word for feature in FEATURES for word in ("-enable-upcoming-feature", feature)]
    finish(["swiftc", *FLAGS, *features, "-module-name", "Bench", *sources, "-o", program, "-lm"], COMPILING_S)
    return program


def update(runs):
    """One settled delivery in the windows and the breaker of its group, judging and timers included."""
    results = [json.loads(line) for line in finish([compiled(), runs]).splitlines()]
    return [
        Row("acks and 2 % failures", "update", "ns", [run["mixed_ns"] for run in results], aim=AIM),
        Row("acks only", "update", "ns", [run["acks_ns"] for run in results], aim=AIM),
    ]
