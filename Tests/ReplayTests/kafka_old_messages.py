"""Kafka's messages in the versions before flexible ones, as bytes, put together by hand from Kafka's message
definitions: those that kafkajs, kafka-go and sarama speak. Each function gives the body behind the header; `version`
where several are spoken.
"""

from generate_kafka import array, data, string
from kafka_messages import i8, i16, i32, i64

PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 0, 1, 2, 3, 8, 9, 10
JOIN, HEARTBEAT, LEAVE, SYNC, API_VERSIONS = 11, 12, 13, 14, 18
MEMBER_ID_REQUIRED, REBALANCE_IN_PROGRESS = 79, 27
PORT = 9092


def throttled(version, first):
    """The throttle time, from that version on."""
    return i32(0) if version >= first else b""


# --- Connections and the cluster ------------------------------------------------------------------------------------


def api_versions_answer(version, versions):
    keys = array([i16(key) + i16(0) + i16(last) for key, last in versions.items()])
    return i16(0) + keys + throttled(version, 1)


def metadata(version, topics):
    return array([string(topic) for topic in topics]) + (b"\x01" if version >= 4 else b"")


def metadata_answer(version, brokers, topics):
    """`brokers`: node and host; `topics`: of each name its partitions, of each of those its leader."""
    nodes = array([i32(node) + string(host) + i32(PORT) + string(None) for node, host in brokers])
    listed = []
    for topic, leaders in topics.items():
        parts = []
        for partition, leader in leaders.items():
            part = i16(0) + i32(partition) + i32(leader) + (i32(0) if version >= 7 else b"")
            parts.append(part + array([i32(leader)]) * 2 + (array([]) if version >= 5 else b""))
        listed.append(i16(0) + string(topic) + b"\x00" + array(parts))
    cluster = string("generated") if version >= 2 else b""
    return throttled(version, 3) + nodes + cluster + i32(1) + array(listed)


def find_coordinator(version, group):
    return string(group) + (i8(0) if version >= 1 else b"")


def find_coordinator_answer(version, node, host):
    message = string(None) if version >= 1 else b""
    return throttled(version, 1) + i16(0) + message + i32(node) + string(host) + i32(PORT)


# --- Groups ---------------------------------------------------------------------------------------------------------


def join(version, group, member, topics, protocol, session_ms=30_000, owned=None, user=b""):
    """`owned`: from version 1 of the consumer protocol on, by topic."""
    held = b"" if owned is None else partitions_of(owned)
    subscription = i16(0 if owned is None else 1) + array([string(topic) for topic in topics]) + data(user) + held
    instance = string(None) if version >= 5 else b""
    body = string(group) + i32(session_ms) + i32(60_000) + string(member) + instance + string("consumer")
    return body + array([string(protocol) + data(subscription)])


def join_answer(version, error, generation, protocol, leader, member):
    name = string("" if error else protocol)
    return throttled(version, 2) + i16(error) + i32(generation) + name + string(leader) + string(member) + array([])


def partitions_of(assigned):
    return array([string(topic) + array([i32(p) for p in parts]) for topic, parts in assigned.items() if parts])


def sync(version, group, generation, member):
    return string(group) + i32(generation) + string(member) + (string(None) if version >= 3 else b"") + array([])


def sync_answer(version, assigned):
    assignment = i16(0) + partitions_of(assigned) + data(b"")
    return throttled(version, 1) + i16(0) + data(assignment)


def heartbeat(version, group, generation, member):
    return string(group) + i32(generation) + string(member) + (string(None) if version >= 3 else b"")


def heartbeat_answer(version, error=0):
    return throttled(version, 1) + i16(error)


def leave(version, group, member):
    if version < 3: return string(group) + string(member)
    return string(group) + array([string(member) + string(None)])


def leave_answer(version, member):
    members = array([string(member) + string(None) + i16(0)]) if version >= 3 else b""
    return throttled(version, 1) + i16(0) + members


# --- Offsets. By partition of one topic -------------------------------------------------------------------------------


def offset_fetch(group, topic, partitions):
    return string(group) + array([string(topic) + array([i32(p) for p in partitions])])


def offset_fetch_answer(version, topic, offsets):
    epoch = i32(0) if version >= 5 else b""
    rows = array([i32(p) + i64(offset) + epoch + string("") + i16(0) for p, offset in offsets.items()])
    return throttled(version, 3) + array([string(topic) + rows]) + (i16(0) if version >= 2 else b"")


def commit(version, group, generation, member, topic, offsets):
    instance = string(None) if version >= 7 else b""
    retention = i64(-1) if 2 <= version <= 4 else b""
    epoch = i32(0) if version >= 6 else b""
    rows = array([i32(p) + i64(offset) + epoch + string("") for p, offset in offsets.items()])
    return string(group) + i32(generation) + string(member) + instance + retention + array([string(topic) + rows])


def commit_answer(version, topic, offsets, error=0):
    return throttled(version, 3) + array([string(topic) + array([i32(p) + i16(error) for p in offsets])])


def list_offsets(version, topic, partitions, stamp=-2):
    """The log's beginning (−2), or its end (−1)."""
    isolation, epoch = i8(1) if version >= 2 else b"", i32(-1) if version >= 4 else b""
    return i32(-1) + isolation + array([string(topic) + array([i32(p) + epoch + i64(stamp) for p in partitions])])


def list_offsets_answer(version, topic, offsets):
    epoch = i32(0) if version >= 4 else b""
    rows = array([i32(p) + i16(0) + i64(-1) + i64(offset) + epoch for p, offset in offsets.items()])
    return throttled(version, 2) + array([string(topic) + rows])


# --- Fetch and Produce ----------------------------------------------------------------------------------------------


def fetch(version, topic, cursors, wait_ms, isolation=0, apart=False):
    """`cursors`: a list of partition and position. No session: id 0, epoch −1. `apart`: the topic is named once for each."""
    asked = [i32(p) + i32(-1) + i64(offset) + i64(-1) + i32(1 << 20) for p, offset in cursors]
    body = i32(-1) + i32(wait_ms) + i32(1) + i32(10 << 20) + i8(isolation) + i32(0) + i32(-1)
    body += topics_of(topic, asked, apart) + array([])
    return body + (string("") if version >= 11 else b"")


def topics_of(topic, rows, apart):
    return array([string(topic) + array(some) for some in ([[row] for row in rows] if apart else [rows] if rows else [])])


def fetched(version, partition, end, content, error=0):
    preferred = i32(-1) if version >= 11 else b""
    return i32(partition) + i16(error) + i64(end) + i64(end) + i64(0) + array([]) + preferred + data(content)


def fetch_answer(topic, rows, apart=False):
    return i32(0) + i16(0) + i32(0) + topics_of(topic, rows, apart)


def produce(topic, partition, content):
    """Version 7."""
    return string(None) + i16(-1) + i32(30_000) + array([string(topic) + array([i32(partition) + data(content)])])


def produce_answer(topic, partition, base, error=0):
    row = i32(partition) + i16(error) + i64(base) + i64(-1) + i64(0)
    return array([string(topic) + array([row])]) + i32(0)
