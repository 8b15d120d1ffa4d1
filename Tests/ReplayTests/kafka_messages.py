"""Kafka's newest messages as bytes, put together by hand from Kafka's message definitions (flexible versions, KIP-482).

Versions are those of a broker of 4.3: ApiVersions 4 (and 5), Metadata 13, FindCoordinator 6, JoinGroup 9, SyncGroup 5,
Heartbeat 4, LeaveGroup 5, ConsumerGroupHeartbeat 1, OffsetFetch 10, OffsetCommit 10, ListOffsets 11,
OffsetForLeaderEpoch 4, Fetch 18, InitProducerId 5, Produce 13, TxnOffsetCommit 5 (and 6), EndTxn 5,
GetTelemetrySubscriptions 0, PushTelemetry 0. Each function gives the body behind the header.
"""

import gzip
import struct

NONE, GZIP, SNAPPY = 0, 1, 2
UNSUPPORTED_VERSION, MEMBER_ID_REQUIRED, UNKNOWN_TOPIC_ID, NOT_LEADER = 35, 79, 100, 6
API_VERSIONS, METADATA, FIND_COORDINATOR = 18, 3, 10
JOIN, SYNC, HEARTBEAT, LEAVE, MEMBER_HEARTBEAT = 11, 14, 12, 13, 68
OFFSET_FETCH, OFFSET_COMMIT, LIST_OFFSETS, LEADER_EPOCH = 9, 8, 2, 23
FETCH, PRODUCE, INIT_PRODUCER, TXN_OFFSET_COMMIT, END_TXN = 1, 0, 22, 28, 26
SUBSCRIPTIONS, TELEMETRY = 71, 72


# --- Types --------------------------------------------------------------------------------------------------------


def uvarint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def blob(raw):
    return b"\x00" if raw is None else uvarint(len(raw) + 1) + raw


def text(value):
    return blob(None if value is None else value.encode())


def tags(fields=None):
    out = uvarint(len(fields or {}))
    for tag, raw in sorted((fields or {}).items()):
        out += uvarint(tag) + uvarint(len(raw)) + raw
    return out


def row(*parts, tagged=None):
    """A structure: its fields and its tagged fields."""
    return b"".join(parts) + tags(tagged)


def rows(items):
    return b"\x00" if items is None else uvarint(len(items) + 1) + b"".join(items)


def numbers(values):
    return rows([i32(value) for value in values])


def i8(value):
    return struct.pack(">b", value)


def i16(value):
    return struct.pack(">h", value)


def i32(value):
    return struct.pack(">i", value)


def i64(value):
    return struct.pack(">q", value)


# --- Records ------------------------------------------------------------------------------------------------------


def _castagnoli():
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        yield i


CASTAGNOLI = list(_castagnoli())


def crc32c(raw):
    crc = 0xFFFFFFFF
    for byte in raw:
        crc = CASTAGNOLI[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def snappy(raw):
    """A snappy block that shortens nothing but runs of one byte."""
    out, start, i = bytearray(uvarint(len(raw))), 0, 0

    def literal(end):
        for at in range(start, end, 60):
            piece = raw[at : min(at + 60, end)]
            out.extend(bytes([(len(piece) - 1) << 2]) + piece)

    while i < len(raw):
        run = 1
        while i + run < len(raw) and raw[i + run] == raw[i] and run < 65:
            run += 1
        if run >= 8:
            literal(i + 1)
            out.extend(bytes([(run - 2) << 2 | 2]) + struct.pack("<H", 1))
            start = i + run
        i += run
    literal(len(raw))
    return bytes(out)


COMPRESS = {NONE: bytes, GZIP: gzip.compress, SNAPPY: snappy}


def batch(
    records, stamp_ms, base=0, epoch=-1, producer=(-1, -1, -1), codec=SNAPPY, transactional=False, last=None, newest_ms=None,
):
    """A record batch of magic 2. As clients do, it is left uncompressed where the codec makes it no shorter. `last`: the
    last record's offset in it, where compaction has taken some away. `newest_ms`: the newest record's time, if another."""
    body, count = b"".join(records), len(records)
    packed = COMPRESS[codec](body)
    attributes = (codec if len(packed) < len(body) else NONE) | (16 if transactional else 0)
    body = packed if len(packed) < len(body) else body
    last = count - 1 if last is None else last
    newest_ms = stamp_ms if newest_ms is None else newest_ms
    rest = struct.pack(">hiqqqhii", attributes, last, stamp_ms, newest_ms, *producer, count) + body
    return struct.pack(">qiibI", base, len(rest) + 9, epoch, 2, crc32c(rest)) + rest


# --- Connections and the cluster ----------------------------------------------------------------------------------


def api_versions(version, name, release):
    return row(text(name), text(release), text(None) + i32(-1) if version >= 5 else b"")


def api_versions_refused(known):
    """As in version 0: of all keys only this one's."""
    return i16(UNSUPPORTED_VERSION) + i32(1) + struct.pack(">hhh", API_VERSIONS, 0, known)


def api_versions_answer(versions):
    features = rows([row(text("group.version"), i16(0), i16(1))])
    keys = rows([row(struct.pack(">hhh", key, 0, version)) for key, version in versions.items()])
    return row(i16(0), keys, i32(0), tagged={0: features, 1: i64(7), 2: features})


def metadata(topics):
    return row(rows([row(bytes(16), text(topic)) for topic in topics]), b"\x00", b"\x00")


def metadata_answer(brokers, topics, partitions):
    """`brokers`: node and host; `topics`: name and id; `partitions`: number, leader and its epoch."""
    nodes = rows([row(i32(node), text(host), i32(9092), text(None)) for node, host in brokers])
    parts = rows([
        row(i16(0), i32(number), i32(leader), i32(epoch), numbers([leader]), numbers([leader]), numbers([]))
        for number, leader, epoch in partitions
    ])
    listed = rows([row(i16(0), text(name), id_, b"\x00", parts, i32(-(1 << 31))) for name, id_ in topics])
    return row(i32(0), nodes, text("generated"), i32(1), listed, i16(0))


def find_coordinator(key, kind=0):
    return row(i8(kind), rows([text(key)]))


def find_coordinator_answer(key, node, host):
    return row(i32(0), rows([row(text(key), i32(node), text(host), i32(9092), i16(0), text(None))]))


# --- Groups -------------------------------------------------------------------------------------------------------


def join(group, member, topics, owned, generation, reason, instance=None):
    """With what a member of the consumer protocol's version 3 tells the leader (not flexible)."""
    old = lambda value: struct.pack(">h", len(value)) + value.encode()
    subscription = i16(3) + i32(len(topics)) + b"".join(map(old, topics)) + i32(0)
    held = [old(topic) + i32(len(parts)) + b"".join(map(i32, parts)) for topic, parts in owned.items() if parts]
    subscription += i32(len(held)) + b"".join(held) + i32(generation) + i16(-1)
    protocols = rows([row(text("cooperative-sticky"), blob(subscription))])
    return row(
        text(group), i32(45_000), i32(60_000), text(member), text(instance), text("consumer"), protocols, text(reason)
    )


def join_answer(error, generation, leader, member):
    name = None if error else "cooperative-sticky"
    return row(
        i32(0), i16(error), i32(generation), text(None if error else "consumer"), text(name), text(leader), b"\x00",
        text(member), rows([]),
    )


def sync(group, generation, member):
    return row(
        text(group), i32(generation), text(member), text(None), text("consumer"), text("cooperative-sticky"), rows([])
    )


def sync_answer(assigned):
    old = lambda value: struct.pack(">h", len(value)) + value.encode()
    parts = [old(topic) + i32(len(numbers)) + b"".join(map(i32, numbers)) for topic, numbers in assigned.items()]
    assignment = i16(0) + i32(len(parts)) + b"".join(parts) + i32(0)
    return row(i32(0), i16(0), text("consumer"), text("cooperative-sticky"), blob(assignment))


def heartbeat(group, generation, member):
    return row(text(group), i32(generation), text(member), text(None))


def leave(group, member):
    return row(text(group), rows([row(text(member), text(None), text("client leaving group per normal operation"))]))


def leave_answer(member):
    return row(i32(0), i16(0), rows([row(text(member), text(None), i16(0))]))


def member_heartbeat(group, member, epoch, topics, owned):
    """`topics` None: nothing has changed since the heartbeat before. `owned`: by topic id."""
    if topics is None:
        return row(text(group), text(member), i32(epoch), text(None), text(None), i32(-1), *[b"\x00"] * 4)
    held = rows([row(id_, numbers(parts)) for id_, parts in owned.items()])
    names = rows([text(topic) for topic in topics])
    return row(
        text(group), text(member), i32(epoch), text(None), text(None), i32(60_000), names, text(None), text("uniform"), held
    )


def member_heartbeat_answer(member, epoch, assigned):
    """`assigned` None: as before."""
    given = b"\xff"
    if assigned is not None:
        given = b"\x01" + row(rows([row(id_, numbers(parts)) for id_, parts in assigned.items()]))
    return row(i32(0), i16(0), text(None), text(member), i32(epoch), i32(5000), given)


# --- Offsets. Topics by their ids; `offsets`: by partition ----------------------------------------------------------


def offset_fetch(group, member, generation, topics):
    asked = rows([row(id_, numbers(parts)) for id_, parts in topics.items()])
    return row(rows([row(text(group), text(member), i32(generation), asked)]), b"\x01")


def offset_fetch_answer(group, topics):
    listed = [
        row(id_, rows([row(i32(p), i64(o), i32(0 if o >= 0 else -1), text(""), i16(0)) for p, o in offsets.items()]))
        for id_, offsets in topics.items()
    ]
    return row(i32(0), rows([row(text(group), rows(listed), i16(0))]))


def committed(topic, offsets):
    return rows([row(topic, rows([row(i32(p), i64(o), i32(0), text(None)) for p, o in offsets.items()]))])


def commit(group, generation, member, id_, offsets):
    return row(text(group), i32(generation), text(member), text(None), committed(id_, offsets))


def commit_answer(topic, offsets):
    return row(i32(0), rows([row(topic, rows([row(i32(p), i16(0)) for p in offsets]))]))


def list_offsets(topic, epochs):
    """Where the log begins."""
    asked = rows([row(i32(p), i32(epoch), i64(-2)) for p, epoch in epochs.items()])
    return row(i32(-1), i8(0), rows([row(text(topic), asked)]), i32(10_000))


def list_offsets_answer(topic, epochs):
    found = rows([row(i32(p), i16(0), i64(-1), i64(0), i32(epoch)) for p, epoch in epochs.items()])
    return row(i32(0), rows([row(text(topic), found)]))


def leader_epochs(topic, epochs):
    asked = rows([row(i32(p), i32(epoch), i32(0)) for p, epoch in epochs.items()])
    return row(i32(-1), rows([row(text(topic), asked)]))


def leader_epochs_answer(topic, ends):
    found = rows([row(i16(0), i32(p), i32(0), i64(end)) for p, end in ends.items()])
    return row(i32(0), rows([row(text(topic), found)]))


# --- Fetch and Produce --------------------------------------------------------------------------------------------


def fetch(session, topics, forgotten, rack=""):
    """`session`: id and epoch; `topics`: by id, of each partition its leader's epoch and the position. A consumer's
    request has none of the tagged fields (ReplicaState, ReplicaDirectoryId, HighWatermark)."""
    listed = [
        row(id_, rows([
            row(i32(p), i32(epoch), i64(offset), i32(-1), i64(-1), i32(1 << 20))
            for p, (epoch, offset) in parts.items()
        ]))
        for id_, parts in topics.items()
    ]
    dropped = [row(id_, numbers(parts)) for id_, parts in forgotten.items()]
    return row(
        i32(5000), i32(1), i32(50 << 20), i8(0), i32(session[0]), i32(session[1]), rows(listed), rows(dropped), text(rack)
    )


def fetched(partition, end, records=b"", error=0, preferred=-1, leader=None):
    """One partition of an answer; `leader`: node and epoch, where the broker that was asked is it no more."""
    hint = None if leader is None else {1: row(i32(leader[0]), i32(leader[1]))}
    return row(
        i32(partition), i16(error), i64(end), i64(end), i64(0 if end >= 0 else -1), rows(None), i32(preferred), blob(records),
        tagged=hint,
    )


def fetch_answer(session, topics, brokers=()):
    """`brokers`: node and host of those that partitions have moved to."""
    nodes = rows([row(i32(node), text(host), i32(9092), text(None)) for node, host in brokers])
    listed = [row(id_, rows(parts)) for id_, parts in topics.items()]
    return row(i32(0), i16(0), i32(session), rows(listed), tagged={0: nodes} if brokers else None)


def produce(topic, partition, content, transactional=None, acks=-1):
    return row(text(transactional), i16(acks), i32(10_000), rows([row(topic, rows([row(i32(partition), blob(content))]))]))


def produce_answer(topic, partition, base):
    answer = row(i32(partition), i16(0), i64(base), i64(-1), i64(0), rows([]), text(None))
    return row(rows([row(topic, rows([answer]))]), i32(0))


# --- Transactions -------------------------------------------------------------------------------------------------


def init_producer(transactional, producer=-1, epoch=-1):
    return row(text(transactional), i32(40_000), i64(producer), i16(epoch))


def init_producer_answer(producer, epoch):
    return row(i32(0), i16(0), i64(producer), i16(epoch))


def txn_commit(transactional, group, producer, generation, member, topic, offsets):
    """`topic`: its name (version 5) or its id (version 6)."""
    named = topic if isinstance(topic, bytes) else text(topic)
    return row(
        text(transactional), text(group), i64(producer[0]), i16(producer[1]), i32(generation), text(member), text(None),
        committed(named, offsets),
    )


def txn_commit_answer(topic, offsets):
    return commit_answer(topic if isinstance(topic, bytes) else text(topic), offsets)


def end_txn(transactional, producer, commits):
    return row(text(transactional), i64(producer[0]), i16(producer[1]), bytes([commits]))


def end_txn_answer(producer):
    return row(i32(0), i16(0), i64(producer[0]), i16(producer[1]))


# --- Telemetry (KIP-714) ------------------------------------------------------------------------------------------


def subscriptions_answer(instance, metrics):
    accepted = rows([i8(4), i8(2)])
    return row(
        i32(0), i16(0), instance, i32(42), accepted, i32(300_000), i32(1 << 20), b"\x01", rows([text(m) for m in metrics])
    )


def telemetry(instance, terminating, metrics):
    return row(instance, i32(42), bytes([terminating]), i8(0), blob(metrics))
