#!/usr/bin/env python3
"""A consumer on confluent-kafka that completes records in any order and commits as Confluent's Parallel Consumer does: the offset
of the first record that is not done, and in the commit's metadata which ones above it are; see kafka_behaviour.py for its options.

It works on up to 16 records of each partition, and commits after every fifth that it completes. The first record that it is given
is never completed, so that all of its partition's are acknowledged by metadata alone. It ends when --count records were given to
it and all but that one are done. It prints one JSON line, its truth in the report's terms.
"""

import base64
import json
import random
import struct

from confluent_kafka import Consumer, TopicPartition

from kafka_behaviour import TERMS, consumer_arguments

IN_WORK, COMPLETIONS = 16, 5


def bit_set(flags):
    """BitSetV2: the count, the bits, the lowest of each byte first, and one byte more."""
    bits = bytearray((len(flags) + 7) // 8 + 1)
    for i, done in enumerate(flags):
        bits[i // 8] |= done << i % 8
    return b"o" + struct.pack(">i", len(flags)) + bytes(bits)


def run_lengths(flags):
    """RunLengthV2: the lengths of runs that are not done and that are, in turn."""
    runs, was_done = [0], False
    for done in flags:
        if done != was_done:
            runs.append(0)
            was_done = done
        runs[-1] += 1
    return b"e" + b"".join(struct.pack(">i", run) for run in runs)


class Partition:
    def __init__(self):
        self.open, self.done, self.next = [], set(), 0

    def position(self):
        """The offset to commit, and its metadata; the shorter encoding, as Parallel Consumer chooses."""
        base = min(self.open, default=self.next)
        flags = [offset in self.done for offset in range(base, max(self.done, default=base - 1) + 1)]
        metadata = base64.b64encode(min(bit_set(flags), run_lengths(flags), key=len)).decode() if flags else ""
        return base, metadata


def main():
    options = consumer_arguments(__doc__, ("each",))
    consumer = Consumer({
        "bootstrap.servers": options.bootstrap, "client.id": options.client_id or "parallel", "group.id": options.group,
        "auto.offset.reset": "earliest", "enable.auto.commit": False, "fetch.wait.max.ms": options.fetch_wait_ms,
        "session.timeout.ms": options.session_ms,
    })
    did = dict.fromkeys(TERMS, 0)
    partitions, chance = {}, random.Random(7)
    held = None

    def assigned(_, __):
        did["assignments"] += 1

    def commit():
        offsets = []
        for (topic, number), partition in partitions.items():
            base, metadata = partition.position()
            offsets.append(TopicPartition(topic, number, base, metadata=metadata))
        consumer.commit(offsets=offsets, asynchronous=False)
        did["commits"] += 1

    consumer.subscribe(options.topic, on_assign=assigned)
    while did["delivered"] < options.count or did["acked"] < options.count - 1:
        message = consumer.poll(0.02)
        if message is not None and message.error():
            raise SystemExit(f"parallel_client: {message.error()}")
        if message is not None:
            where = message.topic(), message.partition()
            partition = partitions.setdefault(where, Partition())
            partition.open.append(message.offset())
            partition.next = message.offset() + 1
            did["delivered"] += 1
            held = held or (where, message.offset())
        for where, partition in partitions.items():
            able = [offset for offset in partition.open if (where, offset) != held]
            if able and (len(able) >= IN_WORK or message is None):
                offset = chance.choice(able)
                partition.open.remove(offset)
                partition.done.add(offset)
                did["acked"] += 1
                if did["acked"] % COMPLETIONS == 0:
                    commit()
    commit()
    consumer.close()
    did["abandoned"] = did["delivered"] - did["acked"]
    print(json.dumps(did))


if __name__ == "__main__":
    main()
