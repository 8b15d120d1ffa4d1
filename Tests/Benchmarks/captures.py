"""Writes large AMQP captures of an ordinary day: deliveries in full segments, an ack for each in a segment of its own.

The bytes are those of Tests/ReplayTests/generate.py, which knows nothing of the project's decoders either.
"""

import importlib.util
import json

from measure import ROOT

SEGMENT_BYTES = 1448  # what fits a segment on Ethernet, with timestamps
CONNECTIONS = 4
BATCH = 20
GENERATOR = ROOT / "Tests/ReplayTests/generate.py"

specification = importlib.util.spec_from_file_location("generate", GENERATOR)
generate = importlib.util.module_from_spec(specification)
specification.loader.exec_module(generate)


class Consumer(generate.Connection):
    """A connection whose broker sends as much as there is, cut into segments by TCP."""

    def to_client(self, at, payload):
        for first in range(0, len(payload), SEGMENT_BYTES):
            super().to_client(at, payload[first : first + SEGMENT_BYTES])


def write(path, size, body_bytes):
    """A capture of at least `size` bytes with bodies of `body_bytes`. Returns how many deliveries it has, all acked."""
    capture = generate.Capture()
    consumers = []
    for index in range(CONNECTIONS):
        consumer = Consumer(capture, index * 0.01)
        consumer.declare(index * 0.01 + 0.01, f"orders-{index}")
        consumer.consume(index * 0.01 + 0.02, f"orders-{index}", BATCH)
        consumers.append(consumer)
    filler = bytes(range(32, 127)) * (body_bytes // 95 + 1)
    written = deliveries = 0
    at = 1.0
    while written < size:
        before = len(capture.packets)
        for consumer in consumers:
            first = consumer.next_tag + 1
            stamp = int(generate.EPOCH_S + at)
            messages = [
                consumer.delivery((b"%09d:" % (deliveries + k) + filler)[:body_bytes], timestamp=stamp) for k in range(BATCH)
            ]
            deliveries += BATCH
            consumer.to_client(at, b"".join(messages))
            for k in range(BATCH):
                consumer.ack(at + 0.0002 * (k + 1), first + k)
            at += 0.001
        at += 0.004
        written += sum(len(packet[1]) + 36 for packet in capture.packets[before:])
    capture.write(path)
    return deliveries


def cached(body_bytes, size):
    """The capture and its number of deliveries; made once and again when the generators changed."""
    directory = ROOT / ".build/bench"
    directory.mkdir(parents=True, exist_ok=True)
    path, note = directory / f"amqp-{body_bytes}-{size >> 20}.pcapng", directory / f"amqp-{body_bytes}-{size >> 20}.json"
    newest = max(GENERATOR.stat().st_mtime, (ROOT / "Tests/Benchmarks/captures.py").stat().st_mtime)
    if not note.exists() or not path.exists() or note.stat().st_mtime < newest:
        note.unlink(missing_ok=True)
        note.write_text(json.dumps({"deliveries": write(path, size, body_bytes)}))
    return path, json.loads(note.read_text())["deliveries"]
