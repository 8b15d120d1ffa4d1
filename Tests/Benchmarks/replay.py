"""How fast a capture is turned into an answer, beside what one would do without stormfuse.

Both read the same file from the page cache and write what they found to a file. tshark prints, for each method, the
fields that one needs to count settlements (one still has to do the counting); stormfuse writes the whole report. Both
answers are compared with what the capture is known to hold: a fast wrong answer is none.
"""

import json
import pathlib
import statistics
import tempfile

from captures import KAFKA_PORT, cached
from measure import Failure, Row, amount, paired
from processes import binary, metered

AMQP_FIELDS = (
    "frame.time_epoch", "tcp.stream", "amqp.channel", "amqp.method.class", "amqp.method.method",
    "amqp.method.arguments.delivery_tag", "amqp.method.arguments.multiple", "amqp.method.arguments.requeue",
    "amqp.method.arguments.redelivered",
)  # fmt: skip
KAFKA_FIELDS = (
    "frame.time_epoch", "tcp.stream", "tcp.dstport", "kafka.api_key", "kafka.correlation_id", "kafka.consumer_group",
    "kafka.topic_name", "kafka.partition_id", "kafka.offset", "kafka.error",
)  # fmt: skip
SIZE_BYTES = 105_000_000
# Bytes of a body, or of a record and how many of them come in an answer; how many times tshark's speed is aimed at.
AMQP_CASES = ((1000, 40), (100, 40))
KAFKA_CASES = (((1000, 1000), 20), ((100, 1), 40))
DELIVER, ACK = "60", "80"  # methods of class basic
COMMIT = "8"


def amqp_by_tshark(path):
    """Deliveries and acks in tshark's lines; a packet with several methods has them separated by commas."""
    delivered = acked = 0
    with open(path) as file:
        for line in file:
            methods = line.split("\t")[4].split(",")
            delivered += methods.count(DELIVER)
            acked += methods.count(ACK)
    return delivered, acked


def kafka_by_tshark(path):
    """Commits in tshark's lines: its many offsets are of batches, records and positions alike."""
    with open(path) as file:
        keys = (line.split("\t")[2:4] for line in file)
        return (sum(port == str(KAFKA_PORT) and COMMIT in key.split(",") for port, key in keys),)


def counted_by_stormfuse(path):
    totals = [group["totals"] for group in json.loads(path.read_text())["groups"]]
    return sum(total["delivered"] for total in totals), sum(total["acked"] for total in totals)


def replay(runs):
    """`stormfuse replay FILE --format json` beside `tshark -T fields` of the fields that settlements are counted by."""
    result = []
    for body, aim in AMQP_CASES:
        path, deliveries = cached("amqp", SIZE_BYTES, body)
        command = ["tshark", "-n", "-r", str(path), "-Y", "amqp", "-T", "fields"]
        case = f"AMQP, {body:,} B bodies"
        result += compare(runs, case, path, deliveries, aim, command, AMQP_FIELDS, amqp_by_tshark, (deliveries, deliveries))
    for (size, count), aim in KAFKA_CASES:
        path, deliveries = cached("kafka", SIZE_BYTES, size, count)
        command = ["tshark", "-n", "-r", str(path), "-d", f"tcp.port=={KAFKA_PORT},kafka", "-Y", "kafka", "-T", "fields"]
        case = f"Kafka, {size:,} B, {count:,} to an answer"
        commits = (deliveries // count,)
        result += compare(runs, case, path, deliveries, aim, command, KAFKA_FIELDS, kafka_by_tshark, commits)
    return result


def compare(runs, case, path, deliveries, aim, tshark, names, counted_by_tshark, expected):
    size = path.stat().st_size
    path.read_bytes()  # into the page cache
    commands = {
        "tshark": [*tshark, *(word for name in names for word in ("-e", name))],
        "stormfuse": [binary(), "replay", str(path), "--format", "json"],
    }
    wrong = {}
    with tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as place:
        answer = pathlib.Path(place) / "answer"

        def one(name):
            # A shell redirects, and becomes the command: what it uses is the command's.
            used = metered(["sh", "-c", 'exec "$@" >"$OUT"', "sh", *commands[name]], place, OUT=str(answer))
            if name == "tshark":
                counts, right = counted_by_tshark(answer), expected
            else:
                counts, right = counted_by_stormfuse(answer), (deliveries, deliveries)
            if counts != right:
                wrong[name] = f"{name} counts {counts}, not {right}"
            return {
                "mb_s": size / 1e6 / used["wall_s"], "cpu_mb_s": size / 1e6 / used["cpu_s"],
                "memory": used["maxrss_bytes"] / 1e6, "ns": used["wall_s"] / deliveries * 1e9,
            }

        pairs = paired(runs, one, "tshark", "stormfuse")
    if "stormfuse" in wrong:
        raise Failure(f"{wrong['stormfuse']} deliveries and acks in {path}")
    note = f" ({wrong['tshark']})" if wrong else ""
    return figures(f"{case}, {size / 1e6:.0f} MB{note}", pairs, aim)


def figures(case, pairs, aim):
    theirs, ours = ([side[i] for side in pairs] for i in (0, 1))

    def median(side, key, unit):
        return amount(statistics.median(run[key] for run in side), unit)

    return [
        Row(
            case, "speed, stormfuse ÷ tshark", "×", [b["mb_s"] / a["mb_s"] for a, b in pairs],
            median(theirs, "mb_s", "MB/s"), median(ours, "mb_s", "MB/s"), ("≥", aim)),
        Row(case, "stormfuse", "MB/s", [run["mb_s"] for run in ours]),
        Row(
            case, "per CPU time, stormfuse ÷ tshark", "×", [b["cpu_mb_s"] / a["cpu_mb_s"] for a, b in pairs],
            median(theirs, "cpu_mb_s", "MB/s"), median(ours, "cpu_mb_s", "MB/s")),
        Row(case, "stormfuse, per delivery", "ns", [run["ns"] for run in ours]),
        Row(
            case, "peak memory, stormfuse", "MB", [run["memory"] for run in ours],
            median(theirs, "memory", "MB"), median(ours, "memory", "MB"), ("≤", 40)),
    ]
