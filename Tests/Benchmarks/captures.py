"""Writes large captures of an ordinary day: AMQP deliveries in full segments, an ack for each in a segment of its own;
Kafka records, many or one to an answer, with a commit behind each answer.

The bytes are those of Tests/ReplayTests/generate.py and generate_kafka.py, which know nothing of the project's decoders
either.
"""

import importlib.util
import json
import struct
import sys

from measure import ROOT

SEGMENT_BYTES = 1448  # what fits a segment on Ethernet, with timestamps
CONNECTIONS = 4
BATCH = 20
GENERATORS = [ROOT / "Tests/ReplayTests" / name for name in ("generate.py", "generate_kafka.py")]
KAFKA_PORT = 9092


def load(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


generate, generate_kafka = (load(path) for path in GENERATORS)


class Segmented:
    """A connection whose broker sends as much as there is, cut into segments by TCP."""

    def to_client(self, at, payload):
        for first in range(0, len(payload), SEGMENT_BYTES):
            super().to_client(at, payload[first : first + SEGMENT_BYTES])


class Consumer(Segmented, generate.Connection):
    pass


class KafkaLink(Segmented, generate_kafka.Link):
    pass


def write_kafka(path, size, body_bytes, records):
    """A capture of at least `size` bytes of one Kafka consumer, `records` records of `body_bytes` to an answer, each
    answer committed. Returns how many records it has."""
    scene = generate_kafka.Scene()
    generate_kafka.Link, link = KafkaLink, generate_kafka.Link
    consumer = generate_kafka.Consumer(scene, 0, [0])
    generate_kafka.Link = link
    filler = bytes(range(32, 127)) * (body_bytes // 95 + 1)
    content = [generate_kafka.record(i, (b"%09d:" % i + filler)[:body_bytes]) for i in range(records)]
    asked_topic = generate_kafka.string(generate_kafka.TOPIC)
    written, base, at = 0, 0, 1.0
    while written < size:
        before = len(scene.capture.packets)
        asked = struct.pack(">iqi", 0, base, 1 << 20)
        consumer.fetcher.request(
            at, 1, 4, struct.pack(">iiiib", -1, 500, 1, 1 << 24, 0)
            + generate_kafka.array([asked_topic + generate_kafka.array([asked])]))
        stamp = int((generate.EPOCH_S + at) * 1000)
        rows = struct.pack(">ihqqi", 0, 0, base + records, base + records, -1)
        rows += generate_kafka.data(generate_kafka.batch(base, stamp, content))
        answer = struct.pack(">i", 0) + generate_kafka.array([asked_topic + generate_kafka.array([rows])])
        consumer.fetcher.answer(at + 0.0005, answer)
        base += records
        consumer.commit(at + 0.001, 0, base)
        at += 0.002
        written += sum(len(packet[1]) + 36 for packet in scene.capture.packets[before:])
    scene.capture.write(path)
    return base


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


def cached(kind, size, *arguments):
    """The capture, made by `write` (kind "amqp") or `write_kafka`, and its number of deliveries; made once and again when
    the generators changed."""
    directory = ROOT / ".build/bench"
    directory.mkdir(parents=True, exist_ok=True)
    name = "-".join(str(part) for part in (kind, *arguments, size >> 20))
    path, note = directory / f"{name}.pcapng", directory / f"{name}.json"
    newest = max(source.stat().st_mtime for source in (*GENERATORS, ROOT / "Tests/Benchmarks/captures.py"))
    if not note.exists() or not path.exists() or note.stat().st_mtime < newest:
        note.unlink(missing_ok=True)
        maker = {"amqp": write, "kafka": write_kafka}[kind]
        note.write_text(json.dumps({"deliveries": maker(path, size, *arguments)}))
    return path, json.loads(note.read_text())["deliveries"]
