"""Converts between Kafka's record batches of magic 2 and the messages of magic 0 and 1 before them.

Kafka's documentation has the formats, in "Record Batch", "Record" and "Old Message Format". A message is

    offset int64, size int32, crc int32 (CRC-32, of all behind it), magic int8, attributes int8,
    timestamp int64 (magic 1 alone), key bytes, value bytes

and a set of them is one behind the other. Compressed messages are the value of another one, the wrapper, which has the
offset of its last and the newest timestamp. Within it, a message of magic 1 has its offset from the first, one of magic 0
the real one.
"""

import collections
import gzip
import time
import zlib

from stand_ins.fields import Fields

# These are Tests/ReplayTests', found through stand_ins.
from generate_kafka import data, record
from kafka_messages import GZIP, NONE, batch, i8, i32, i64

CODEC = 0x7  # the bits of the attributes that name the codec
BATCH_HEAD, MESSAGE_HEAD = 61, 12  # bytes: of a batch all before its records, of a message its offset and size
Message = collections.namedtuple("Message", "offset stamp_ms key value")


def messages_of_batches(records, magic, first):
    """What a broker sends of these batches to a client that does not know them: messages from the offset `first` on. A
    wrapper it sends whole, with what lies before."""
    converted = []
    fields = Fields(records)
    while fields.left >= BATCH_HEAD:
        codec, messages = read_batch(fields)
        if codec == NONE:
            converted += [old_message(message, magic) for message in messages if message.offset >= first]
        else:
            converted.append(wrapper(messages, magic))
    return b"".join(converted)


def batch_of_messages(messages):
    """The batch that a broker stores for such a set from a Produce request."""
    codec, messages = read_messages(messages)
    oldest = messages[0].stamp_ms
    records = [
        record(index, message.value, age_ms=message.stamp_ms - oldest, key=message.key)
        for index, message in enumerate(messages)
    ]
    newest = max(message.stamp_ms for message in messages)
    return batch(records, oldest, epoch=0, codec=codec, newest_ms=newest)


# --- magic 2 ------------------------------------------------------------------------------------------------------


def read_batch(fields):
    """The codec and the messages of the next batch."""
    base, size = fields.numbers("qi")
    fields = Fields(fields.taken(size))
    _leader_epoch, _magic, _crc, attributes, _last_offset = fields.numbers("ibIhi")
    stamp_ms, _newest_ms = fields.numbers("qq")
    _producer, _producer_epoch, _sequence, count = fields.numbers("qhii")
    codec = attributes & CODEC
    records = Fields(decompressed(codec, fields.taken(fields.left)))
    return codec, [read_record(records, base, stamp_ms) for _ in range(count)]


def read_record(fields, base, stamp_ms):
    fields = Fields(fields.taken(fields.varint()))
    fields.i8()  # attributes, of which there are none
    age_ms, index = fields.varint(), fields.varint()
    return Message(base + index, stamp_ms + age_ms, fields.content(), fields.content())


# --- magic 0 and 1 ------------------------------------------------------------------------------------------------


def old_message(message, magic, codec=NONE):
    stamp = i64(message.stamp_ms) if magic == 1 else b""
    body = i8(magic) + i8(codec) + stamp + data(message.key) + data(message.value)
    crc = zlib.crc32(body).to_bytes(4, "big")
    return i64(message.offset) + i32(len(crc + body)) + crc + body


def wrapper(messages, magic):
    inner = [
        old_message(message._replace(offset=index) if magic == 1 else message, magic)
        for index, message in enumerate(messages)
    ]
    newest = max(message.stamp_ms for message in messages)
    whole = Message(messages[-1].offset, newest, None, gzip.compress(b"".join(inner)))
    return old_message(whole, magic, GZIP)


def read_messages(raw):
    """The codec and the messages of a set, out of their wrappers. What has no time gets this one."""
    fields, found, codec = Fields(raw), [], NONE
    while fields.left >= MESSAGE_HEAD:
        offset, size = fields.numbers("qi")
        inner = Fields(fields.taken(size))
        _crc, magic, attributes = inner.numbers("Ibb")
        stamp_ms = inner.i64() if magic == 1 else int(time.time() * 1000)
        message = Message(offset, stamp_ms, inner.bytes(), inner.bytes())
        if attributes & CODEC == NONE:
            found.append(message)
        else:
            codec = attributes & CODEC
            found += read_messages(decompressed(codec, message.value))[1]
    return codec, found


def decompressed(codec, raw):
    if codec not in (NONE, GZIP):
        raise ValueError(f"codec {codec} is not provided for, only gzip")
    return gzip.decompress(raw) if codec == GZIP else raw
