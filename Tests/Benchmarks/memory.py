"""Resident memory of the sidecar after 100,000 deliveries to one consumer."""

import json
import pathlib
import select
import subprocess
import tempfile

from measure import Failure, Row
from processes import HERE, PYTHON, broker, publish, running, sidecar

DELIVERIES = 100_000
AIM_MB = ("≤", 40)
LONGEST_S = 120


def memory(_):
    """Resident memory of the sidecar when the consumer has acked 100,000 messages, the ring's touched pages included."""
    with broker() as (port, _), tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as place:
        usage, report = (pathlib.Path(place) / name for name in ("usage.json", "report.json"))
        publish(port, "memory", DELIVERIES, 100)
        # The command outlives the consumer until told to go, so that the sidecar is still there to be looked at.
        held = ["sh", "-c", '"$@"; echo done; read _', "sh", PYTHON, HERE / "consumer.py", port, "memory", DELIVERIES, usage]
        with running(
            sidecar(held, "--report", report), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            ready, _, _ = select.select([process.stdout], [], [], LONGEST_S)
            if not ready or b"done" not in process.stdout.readline() or not usage.exists():
                raise Failure(f"the consumer did not take {DELIVERIES:,} messages within {LONGEST_S} s")
            found = resident(process.pid)
            process.communicate(b"\n", timeout=20)
        acked = sum(group["totals"]["acked"] for group in json.loads(report.read_text())["groups"])
        if acked != DELIVERIES:
            raise Failure(f"the sidecar saw {acked:,} acks of {DELIVERIES:,}: its memory would mean nothing")
    case = f"after {DELIVERIES:,} deliveries"
    return [
        Row(case, "resident", "MB", [found["rss"]], aim=AIM_MB),
        Row(case, "resident, shared pages by share", "MB", [found["pss"]]),
        Row(case, "of it heap and stacks", "MB", [found["anonymous"]]),
        Row(case, "of it the ring, mapped twice", "MB", [found["ring"]]),
        Row(case, "of it program and libraries", "MB", [found["program"]]),
    ]


def resident(pid):
    """Resident MB by kind. The ring lies in memory once and is mapped twice, so that it counts twice in all but Pss."""
    kinds = dict.fromkeys(("rss", "pss", "anonymous", "ring", "program"), 0)
    name = ""
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            name = words[5] if len(words) > 5 else ""
        elif words[0] in ("Rss:", "Pss:", "Anonymous:"):
            megabytes = int(words[1]) * 1024 / 1e6
            kinds[words[0][:-1].lower()] += megabytes
            if words[0] == "Rss:" and "bpf" in name:
                kinds["ring"] += megabytes
    kinds["program"] = kinds["rss"] - kinds["anonymous"] - kinds["ring"]
    return kinds
