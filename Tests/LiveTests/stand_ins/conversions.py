"""The requests that kafka_older_stand_in converts, in both directions.

Each class is one request under way: `newer` gives its body for the broker, in the version NEWER, `older` the answer's body
for the client. The fields are those of Kafka's message definitions (ProduceRequest.json, ProduceResponse.json and so on),
which also say in which version each came.
"""

from stand_ins.records import batch_of_messages, messages_of_batches

# These are Tests/ReplayTests', found through stand_ins.
from generate_kafka import array, data, string
from kafka_messages import FETCH, LIST_OFFSETS, PRODUCE, i8, i16, i32, i64

NO_THROTTLE = i32(0)
READ_UNCOMMITTED = i8(0)
FETCH_MAX_BYTES = 50 << 20  # Kafka's default of fetch.max.bytes


def by_partition(fields, convert):
    """Topics and their partitions, as most requests and answers have them; `convert` gets a topic and reads a partition."""
    topics = []
    for _ in range(fields.i32()):
        topic = fields.string()
        topics.append(string(topic) + array(fields.array(lambda: convert(topic))))
    return array(topics)


class Conversion:
    """A request in `version`, of a client at a broker that answers with messages of `magic`."""

    def __init__(self, version, magic):
        self.version, self.magic = version, magic
        self.is_answered = True


class Produce(Conversion):
    """Versions 0 to 2 become 3, the first with record batches."""

    NEWER = 3

    def newer(self, fields):
        acks, timeout = fields.i16(), fields.i32()
        self.is_answered = acks != 0

        def partition(_):
            return i32(fields.i32()) + data(batch_of_messages(fields.bytes()))

        return string(None) + i16(acks) + i32(timeout) + by_partition(fields, partition)

    def older(self, fields):
        def partition(_):
            number, error, base, appended_ms = fields.numbers("ihqq")
            return i32(number) + i16(error) + i64(base) + (i64(appended_ms) if self.version >= 2 else b"")

        return by_partition(fields, partition) + (NO_THROTTLE if self.version >= 1 else b"")


class Fetch(Conversion):
    """Versions 0 to 2 become 4, the first that is answered with record batches. As brokers did before Kafka 0.10.1, it cuts
    each partition at its own limit of bytes, even in the midst of the first message."""

    NEWER = 4

    def __init__(self, version, magic):
        # Messages of magic 1 came with version 2.
        super().__init__(version, magic if version >= 2 else 0)
        self.asked = {}  # (topic, partition) -> (offset, limit in bytes)

    def newer(self, fields):
        replica, max_wait, min_bytes = fields.numbers("iii")

        def partition(topic):
            number, offset, limit = fields.numbers("iqi")
            self.asked[topic, number] = offset, limit
            return i32(number) + i64(offset) + i32(limit)

        head = i32(replica) + i32(max_wait) + i32(min_bytes) + i32(FETCH_MAX_BYTES) + READ_UNCOMMITTED
        return head + by_partition(fields, partition)

    def older(self, fields):
        fields.i32()  # throttle time

        def partition(topic):
            number, error, high_watermark, _stable = fields.numbers("ihqq")
            fields.array(lambda: fields.numbers("qq"))  # aborted transactions
            offset, limit = self.asked[topic, number]
            messages = messages_of_batches(fields.bytes() or b"", self.magic, offset)
            return i32(number) + i16(error) + i64(high_watermark) + data(messages[:limit])

        topics = by_partition(fields, partition)
        return (NO_THROTTLE if self.version >= 1 else b"") + topics


class ListOffsets(Conversion):
    """Version 0, which is answered with several offsets, becomes 1, which is answered with one."""

    NEWER = 1

    def newer(self, fields):
        def partition(_):
            number, time, _count = fields.numbers("iqi")
            return i32(number) + i64(time)

        return i32(fields.i32()) + by_partition(fields, partition)

    def older(self, fields):
        def partition(_):
            number, error, _time, offset = fields.numbers("ihqq")
            return i32(number) + i16(error) + array([i64(offset)])

        return by_partition(fields, partition)


CONVERSIONS = {PRODUCE: Produce, FETCH: Fetch, LIST_OFFSETS: ListOffsets}
