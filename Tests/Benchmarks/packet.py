"""What the capture programs cost for each packet, by the kernel's own count."""

import contextlib
import os
import pathlib
import statistics

from measure import ROOT, Failure, Row, amount, paired
from processes import HERE, finish

IGNORE, HEADERS, FULL = 0, 1, 2
CASES = [
    ("ignored", 100, 30_000, IGNORE), ("headers", 100, 30_000, HEADERS), ("100 B", 100, 30_000, FULL),
    ("10 KB", 10_000, 10_000, FULL), ("60 KB", 60_000, 3_000, FULL),
]  # fmt: skip
STATS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")


def compiled():
    program = ROOT / ".build/bench/packet"
    program.parent.mkdir(parents=True, exist_ok=True)
    finish(["gcc", "-O2", "-Wall", "-Wextra", "-o", program, HERE / "packet.c", "-lbpf", "-lpthread"], 60)
    return program


def newest_object():
    found = (ROOT / ".build/plugins/outputs").rglob("BPFObjects/**/capture.bpf.o")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def hierarchy():
    """Where cgroup v2 is mounted."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        if kind == "cgroup2":
            return pathlib.Path(point)
    raise Failure("no cgroup v2 is mounted: mount -t cgroup2 none /sys/fs/cgroup")


@contextlib.contextmanager
def stats():
    before = STATS.read_text()
    STATS.write_text("1")
    try:
        yield
    finally:
        STATS.write_text(before)


def packet(runs):
    """Nanoseconds a packet of a client's egress and ingress, bpf_stats' own 20 ns included. With STORMFUSE_OBJECTS_BEFORE, a
    folder with another capture.bpf.o, that one → this one, run in turn."""
    after = newest_object()
    if not after:
        raise Failure("no compiled BPF programs: run 'swift build' first")
    before = os.environ.get("STORMFUSE_OBJECTS_BEFORE")
    objects = {"after": after, "before": pathlib.Path(before) / "capture.bpf.o" if before else None}
    program, rows = compiled(), []
    group = hierarchy() / f"stormfuse-bench-{os.getpid()}"
    try:
        with stats():
            for case, size, rounds, interest in CASES:

                def one(which, size=size, rounds=rounds, interest=interest):
                    line = finish([program, objects[which], group, size, rounds, interest], 120)
                    return [float(word) for word in line.split()]

                runs_of_case = paired(runs, one, "before", "after") if before else [(one("after"),) for _ in range(runs)]
                for index, figure in enumerate(("egress", "ingress")):
                    sides = [[run[index] for run in side] for side in zip(*runs_of_case)]
                    if before:
                        ratios = [b / a for a, b in zip(*sides)]
                        middle = (amount(statistics.median(side), "ns") for side in sides)
                        rows.append(Row(case, figure, "×", ratios, *middle, ("≤", 1.02)))
                    else:
                        rows.append(Row(case, figure, "ns", sides[0]))
    finally:
        # A program that was interrupted leaves it.
        with contextlib.suppress(OSError):
            group.rmdir()
    return rows
