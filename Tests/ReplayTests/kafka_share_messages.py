"""Messages of share groups (KIP-932) and of SASL as bytes, put together by hand from Kafka's message definitions, in addition
to kafka_messages.py.

Versions: ShareGroupHeartbeat 1, ShareFetch 2, ShareAcknowledge 2 (a broker of 4.2), SaslHandshake 1, SaslAuthenticate 2. Each
function gives the body behind the header.
"""

import struct

from kafka_messages import blob, i8, i16, i32, i64, numbers, row, rows, text, uvarint

SHARE_HEARTBEAT, SHARE_FETCH, SHARE_ACKNOWLEDGE, SASL_HANDSHAKE, SASL_AUTHENTICATE = 76, 78, 79, 17, 36
GAP, ACCEPT, RELEASE, REJECT, RENEW = 0, 1, 2, 3, 4
INVALID_SESSION_EPOCH, INVALID_RECORD_STATE = 123, 121


def share_heartbeat(group, member, epoch, topics):
    """`topics` None: as in the heartbeat before."""
    return row(text(group), text(member), i32(epoch), text(None), rows(topics and [text(topic) for topic in topics]))


def share_heartbeat_answer(member, epoch, assigned):
    """`assigned`: partitions by topic id; None: as before."""
    given = b"\xff"
    if assigned is not None:
        given = b"\x01" + row(rows([row(id_, numbers(parts)) for id_, parts in assigned.items()]))
    return row(i32(0), i16(0), text(None), text(member), i32(epoch), i32(5000), given)


def acknowledgements(topics):
    """By topic id and partition: (first, last, type) of each range."""
    def ranges(parts):
        return rows([row(i64(first), i64(last), uvarint(2) + i8(kind)) for first, last, kind in parts])

    return rows([row(id_, rows([row(i32(p), ranges(r)) for p, r in parts.items()])) for id_, parts in topics.items()])


def share_fetch(group, member, epoch, topics, forgotten, max_wait_ms):
    """`topics`: ranges that are acknowledged with it, of all partitions that come into the session, or are acknowledged."""
    dropped = rows([row(id_, numbers(parts)) for id_, parts in forgotten.items()])
    return row(
        text(group), text(member), i32(epoch), i32(max_wait_ms), i32(1), i32(50 << 20), i32(500), i32(500), i8(0), b"\x00",
        acknowledgements(topics), dropped,
    )


def shared(partition, content=b"", acquired=(), error=0, acknowledge_error=0, leader=(-1, -1)):
    """One partition of an answer; `acquired`: (first, last, delivery count)."""
    ranges = rows([row(i64(first), i64(last), i16(count)) for first, last, count in acquired])
    return row(
        i32(partition), i16(error), text(None), i16(acknowledge_error), text(None), row(i32(leader[0]), i32(leader[1])),
        blob(content), ranges,
    )


def endpoints(brokers):
    return rows([row(i32(node), text(host), i32(9092), text(None)) for node, host in brokers])


def share_fetch_answer(topics, lock_ms, error=0, brokers=()):
    listed = rows([row(id_, rows(parts)) for id_, parts in topics.items()])
    return row(i32(0), i16(error), text(None), i32(lock_ms), listed, endpoints(brokers))


def share_acknowledge(group, member, epoch, topics, renews):
    return row(text(group), text(member), i32(epoch), bytes([renews]), acknowledgements(topics))


def share_acknowledge_answer(topics, lock_ms):
    """`topics`: by id, the error of each partition."""
    listed = [
        row(id_, rows([row(i32(p), i16(error), text(None), row(i32(-1), i32(-1))) for p, error in parts.items()]))
        for id_, parts in topics.items()
    ]
    return row(i32(0), i16(0), text(None), i32(lock_ms), rows(listed), rows([]))


# --- SASL ---------------------------------------------------------------------------------------------------------


def sasl_handshake(mechanism):
    return struct.pack(">h", len(mechanism)) + mechanism.encode()


def sasl_handshake_answer(mechanism):
    return struct.pack(">hi", 0, 1) + sasl_handshake(mechanism)


def sasl_authenticate(token):
    return row(blob(token))


def sasl_authenticate_answer(token, lifetime_ms):
    return row(i16(0), text(None), blob(token), i64(lifetime_ms))
