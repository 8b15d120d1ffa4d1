"""How fast a capture is turned into an answer, beside what one would do without stormfuse.

Both read the same file from the page cache and write what they found to a file. tshark prints, for each method, the
fields that one needs to count settlements (one still has to do the counting); stormfuse writes the whole report. Both
answers are compared with what the capture is known to hold: a fast wrong answer is none.
"""

import json
import pathlib
import statistics
import tempfile

from captures import cached
from measure import Failure, Row, amount, paired
from processes import binary, metered

FIELDS = (
    "frame.time_epoch", "tcp.stream", "amqp.channel", "amqp.method.class", "amqp.method.method",
    "amqp.method.arguments.delivery_tag", "amqp.method.arguments.multiple", "amqp.method.arguments.requeue",
    "amqp.method.arguments.redelivered",
)  # fmt: skip
SIZE_BYTES = 105_000_000
BODIES = (1000, 100)
DELIVER, ACK = "60", "80"  # methods of class basic


def counted_by_tshark(path):
    """Deliveries and acks in tshark's lines; a packet with several methods has them separated by commas."""
    delivered = acked = 0
    with open(path) as file:
        for line in file:
            methods = line.split("\t")[4].split(",")
            delivered += methods.count(DELIVER)
            acked += methods.count(ACK)
    return delivered, acked


def counted_by_stormfuse(path):
    totals = [group["totals"] for group in json.loads(path.read_text())["groups"]]
    return sum(total["delivered"] for total in totals), sum(total["acked"] for total in totals)


def replay(runs):
    """`stormfuse replay FILE --format json` beside `tshark -T fields` of the fields that settlements are counted by."""
    result = []
    for body in BODIES:
        path, deliveries = cached("amqp", SIZE_BYTES, body)
        size = path.stat().st_size
        path.read_bytes()  # into the page cache
        fields = [word for field in FIELDS for word in ("-e", field)]
        commands = {
            "tshark": ["tshark", "-n", "-r", str(path), "-Y", "amqp", "-T", "fields", *fields],
            "stormfuse": [binary(), "replay", str(path), "--format", "json"],
        }
        wrong = {}
        with tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as place:
            answer = pathlib.Path(place) / "answer"

            def one(name):
                # A shell redirects, and becomes the command: what it uses is the command's.
                used = metered(["sh", "-c", 'exec "$@" >"$OUT"', "sh", *commands[name]], place, OUT=str(answer))
                counts = (counted_by_tshark if name == "tshark" else counted_by_stormfuse)(answer)
                if counts != (deliveries, deliveries):
                    wrong[name] = counts
                return {
                    "mb_s": size / 1e6 / used["wall_s"], "cpu_mb_s": size / 1e6 / used["cpu_s"],
                    "memory": used["maxrss_bytes"] / 1e6, "ns": used["wall_s"] / deliveries * 1e9,
                }

            pairs = paired(runs, one, "tshark", "stormfuse")
        for name, counts in wrong.items():
            problem = f"{name} counts {counts[0]} deliveries and {counts[1]} acks of {deliveries} each in {path}"
            if name == "stormfuse":
                raise Failure(problem)
        case = f"{size / 1e6:.0f} MB, {body:,} B bodies"
        if "tshark" in wrong:
            case += f" (tshark counts {wrong['tshark'][0]:,} and {wrong['tshark'][1]:,} of {deliveries:,})"
        result += figures(case, pairs)
    return result


def figures(case, pairs):
    theirs, ours = ([side[i] for side in pairs] for i in (0, 1))

    def median(side, key, unit):
        return amount(statistics.median(run[key] for run in side), unit)

    return [
        Row(
            case, "speed, stormfuse ÷ tshark", "×", [b["mb_s"] / a["mb_s"] for a, b in pairs],
            median(theirs, "mb_s", "MB/s"), median(ours, "mb_s", "MB/s"), ("≥", 40)),
        Row(case, "stormfuse", "MB/s", [run["mb_s"] for run in ours]),
        Row(
            case, "per CPU time, stormfuse ÷ tshark", "×", [b["cpu_mb_s"] / a["cpu_mb_s"] for a, b in pairs],
            median(theirs, "cpu_mb_s", "MB/s"), median(ours, "cpu_mb_s", "MB/s")),
        Row(case, "stormfuse, per delivery", "ns", [run["ns"] for run in ours]),
        Row(
            case, "peak memory, stormfuse", "MB", [run["memory"] for run in ours],
            median(theirs, "memory", "MB"), median(ours, "memory", "MB"), ("≤", 40)),
    ]
