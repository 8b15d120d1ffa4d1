#!/usr/bin/env python3
"""Writes messages.txt: every key and version that the decoder reads, as bytes that were not made by stormfuse.

    python3 -m venv v && v/bin/pip install kafka-python==3.0.12 && v/bin/python generate.py > messages.txt

kafka-python encodes what it knows (its tables are Kafka's own message definitions, read by its own code). What it does not
know (KIP-848, KIP-932, KIP-1071, KIP-1242, KIP-1319) is packed by hand below, field by field as the definitions have them.
The facts that are expected are written from the values that went in, never from what the decoder says.

Each exchange: a line "key version name", the request's frame (>), its facts (+), the answer's frame (<), its facts (-).
"""
import struct
import sys
import uuid

import kafka.protocol.consumer as consumer
import kafka.protocol.metadata as metadata
import kafka.protocol.producer as producer
import kafka.protocol.sasl as sasl
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder

TID = uuid.UUID("12345678-90ab-cdef-fedc-ba0987654321")
TID_TEXT = "1234567890abcdef:fedcba0987654321"
correlation = 40


def build(cls, version, values):
    """A message from nested dicts."""
    made = {}
    for name, value in values.items():
        field = cls._struct.fields[name]
        if not (field.for_version_q(version)):
            continue
        if field.is_struct_array() and value is not None:
            value = [build(field.data_class, version, v) for v in value]
        elif field.is_struct() and value is not None:
            value = build(field.data_class, version, value)
        made[name] = value
    return cls(version=version, **made)


def frame(cls, version, values, size_only=None):
    message = build(cls, version, values)
    if cls.type == "request":
        message.with_header(correlation_id=correlation, client_id="app-1")
    else:
        message.with_header(correlation_id=correlation)
    return bytes(message.encode(header=True, framed=True))


def show(key, version, name, request, request_facts, answer, answer_facts):
    global correlation
    print(key, version, name)
    print(">", request.hex())
    for fact in request_facts:
        print("+", fact)
    if answer is not None:
        print("<", answer.hex())
        for fact in answer_facts:
            print("-", fact)
    print()
    correlation += 1


def exchange(module, name, version, request, request_facts, answer, answer_facts, note=""):
    req, res = getattr(module, name + "Request"), getattr(module, name + "Response")
    show(req.API_KEY, version, name + note, frame(req, version, request), request_facts,
         frame(res, version, answer), answer_facts)


def versions(module, name):
    return range(0, getattr(module, name + "Request").max_version + 1)


def text(**values):
    def one(value):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return "(" + ", ".join(f"{k}: {one(v)}" for k, v in values.items()) + ")"


def topic(version, ids_from, name="orders"):
    return TID_TEXT if version >= ids_from else f"'{name}'"


# Records


def batch_fact(magic, base, last, count, size, base_ms=-1, max_ms=-1, codec="none", append=False, txn=False,
               control=False, aborted=False, pid=-1, epoch=-1, sequence=-1, leader=-1):
    return "batch(" + text(
        magic=magic, codec=codec, baseOffset=base, lastOffset=last, count=count, baseTimestamp_ms=base_ms,
        maxTimestamp_ms=max_ms, isLogAppendTime=append, isTransactional=txn, isControl=control, isAborted=aborted,
        producerID=pid, producerEpoch=epoch, baseSequence=sequence, partitionLeaderEpoch=leader, size_bytes=size) + ")"


def record_fact(offset, ms, key, value, marks="-"):
    return "record(" + text(
        offset=offset, timestamp_ms=ms, keySize_bytes=len(key) if key is not None else -1,
        valueSize_bytes=len(value) if value is not None else -1, keyHash=0, valueHash=0, marks=marks) + ")"


def new_batch(base, records, codec=0, pid=-1, epoch=-1, sequence=-1, txn=False):
    """Magic 2: (ms, key, value, headers) each. Base offset and leader epoch are what a broker would write over them."""
    builder = DefaultRecordBatchBuilder(2, codec, txn, pid, epoch, sequence, 1 << 20)
    for i, (ms, key, value, headers) in enumerate(records):
        builder.append(i, ms, key, value, headers)
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base)
    struct.pack_into(">i", data, 12, 6)
    facts = [batch_fact(2, base, base + len(records) - 1, len(records), len(data), records[0][0],
                        max(r[0] for r in records), ["none", "gzip", "snappy", "lz4", "zstd"][codec], txn=txn, pid=pid,
                        epoch=epoch, sequence=sequence, leader=6)]
    if codec == 0:
        for i, (ms, key, value, headers) in enumerate(records):
            facts.append(record_fact(base + i, ms, key, value))
    return bytes(data), facts


def old_messages(magic, base, records):
    builder = LegacyRecordBatchBuilder(magic, 0, 1 << 20)
    facts = []
    for i, (ms, key, value) in enumerate(records):
        builder.append(base + i, ms, key, value)
    data = bytes(builder.build())
    at = 0
    for i, (ms, key, value) in enumerate(records):
        size = struct.unpack_from(">i", data, at + 8)[0] + 12
        known = ms if magic == 1 else -1
        facts.append(batch_fact(magic, base + i, base + i, 1, size, known, known))
        facts.append(record_fact(base + i, known, key, value))
        at += size
    return data, facts


PLAIN = [(1700000000000, b"k1", b"value one", [("source", b"a")]), (1700000000007, None, b"", []),
         (1700000000003, b"k3", None, [("x", b""), ("y", b"2")])]


# kafka-python compresses only what becomes smaller.
COMPRESSIBLE = [(1700000000000 + i, None, b"again and again " * 8, []) for i in range(3)]


def some_records(version, first_new):
    """What brokers and clients of that version carry."""
    if version < first_new - 2:
        return old_messages(0, 1000, [(None, b"k", b"v0"), (None, None, b"second")])
    if version < first_new:
        return old_messages(1, 1000, [(1700000000000, b"k", b"v1"), (1700000000001, b"", None)])
    first, first_facts = new_batch(1000, PLAIN)
    second, second_facts = new_batch(1010, COMPRESSIBLE, codec=1)
    return first + second, first_facts + second_facts


# Data


def fetch(v):
    t = topic(v, 13)
    records, record_facts = some_records(v, 4)
    leader_epoch = 9 if v >= 9 else -1
    last_epoch = 8 if v >= 12 else -1
    replica = 2 if v >= 15 else -1
    session = (11, 2) if v >= 7 else (-1, -1)
    request = dict(
        cluster_id="cluster" if v >= 12 else None, replica_id=-1, max_wait_ms=500, min_bytes=1, max_bytes=1 << 20,
        isolation_level=1, session_id=11, session_epoch=2,
        topics=[dict(topic="orders", topic_id=TID, partitions=[
            dict(partition=3, current_leader_epoch=9, fetch_offset=1000, last_fetched_epoch=8, log_start_offset=-1,
                 partition_max_bytes=5000),
            dict(partition=4, current_leader_epoch=9, fetch_offset=0, last_fetched_epoch=8, log_start_offset=-1,
                 partition_max_bytes=5000)])],
        forgotten_topics_data=[dict(topic="orders", topic_id=TID, partitions=[5, 6])], rack_id="r1",
        replica_state=dict(replica_id=2, replica_epoch=99))
    if v >= 17:
        request["topics"][0]["partitions"][0]["replica_directory_id"] = uuid.UUID(int=9)
    if v >= 18:
        request["topics"][0]["partitions"][0]["high_watermark"] = 17
    asked = ["fetchRequested(" + text(
        replica=-1, maxWait_ms=500, minBytes=1, maxBytes=1 << 20 if v >= 3 else -1, readsCommitted=v >= 4,
        sessionID=session[0], sessionEpoch=session[1]) + ")"]
    for partition, offset in ((3, 1000), (4, 0)):
        asked.append("fetchPartitionRequested(" + text(
            topic=t, partition=partition, offset=offset, currentLeaderEpoch=leader_epoch, lastFetchedEpoch=last_epoch,
            maxBytes=5000) + ")")
    if v >= 7:
        asked += [f"partitionForgotten({t}, partition: 5)", f"partitionForgotten({t}, partition: 6)"]
    asked.append(f"fetchRequestEnded(replica: {replica}, rack: '{'r1' if v >= 11 else ''}')")
    partitions = [
        dict(partition_index=3, error_code=0, high_watermark=2000, last_stable_offset=1990, log_start_offset=5,
             aborted_transactions=[dict(producer_id=77, first_offset=990), dict(producer_id=78, first_offset=991)],
             preferred_read_replica=4, records=records),
        dict(partition_index=4, error_code=1, high_watermark=-1, last_stable_offset=-1, log_start_offset=-1,
             aborted_transactions=None, preferred_read_replica=-1, records=b"" if v % 2 else None)]
    if v >= 12:
        partitions[0]["diverging_epoch"] = dict(epoch=3, end_offset=900)
        partitions[1]["current_leader"] = dict(leader_id=7, leader_epoch=8)
    answer = dict(
        throttle_time_ms=12, error_code=0, session_id=11,
        responses=[dict(topic="orders", topic_id=TID, partitions=partitions)])
    if v >= 16:
        answer["node_endpoints"] = [dict(node_id=7, host="b7", port=9092, rack=None)]
    terms = text(readsCommitted=v >= 4, sessionID=session[0], sessionEpoch=session[1], replica=replica)
    told = ["fetchAnswered(" + text(
        error=0, sessionID=11 if v >= 7 else -1, throttle_ms=12 if v >= 1 else 0, request=terms) + ")"]
    told.append("fetchPartition(" + text(
        topic=t, partition=3, error=0, highWatermark=2000, lastStableOffset=1990 if v >= 4 else -1,
        logStartOffset=5 if v >= 5 else -1) + ")")
    if v >= 4:
        told += ["abortedTransaction(producerID: 77, firstOffset: 990)",
                 "abortedTransaction(producerID: 78, firstOffset: 991)"]
    told += record_facts

    def ended(partition, size, batches, preferred, diverging, leader):
        return "fetchPartitionEnded(" + text(
            records=text(topic=t, partition=partition, bytes=size, batches=batches, endsInPart=False,
                         isIncomplete=False),
            preferredReadReplica=preferred, divergingEpoch=diverging[0], divergingEndOffset=diverging[1],
            leader=leader) + ")"
    told.append(ended(3, len(records), 2, 4 if v >= 11 else -1, (3, 900) if v >= 12 else (-1, -1), -1))
    told.append("fetchPartition(" + text(
        topic=t, partition=4, error=1, highWatermark=-1, lastStableOffset=-1, logStartOffset=-1) + ")")
    told.append(ended(4, 0, 0, -1, (-1, -1), 7 if v >= 12 else -1))
    told.append("fetchEnded")
    exchange(consumer, "Fetch", v, request, asked, answer, told)


def produce(v):
    t = topic(v, 13)
    records, record_facts = some_records(v, 3) if v < 3 else new_batch(0, PLAIN, pid=5, epoch=1, sequence=9)
    request = dict(
        transactional_id="tx-1", acks=-1, timeout_ms=3000,
        topic_data=[dict(name="orders", topic_id=TID, partition_data=[dict(index=3, records=records)])])
    asked = [f"produceRequested(transactionalID: '{'tx-1' if v >= 3 else ''}', acks: -1, timeout_ms: 3000)",
             f"producePartition({t}, partition: 3)"] + record_facts + [
        "producePartitionEnded(" + text(
            topic=t, partition=3, bytes=len(records), batches=2 if v < 3 else 1, endsInPart=False,
            isIncomplete=False) + ")", "produceRequestEnded"]
    partition = dict(
        index=3, error_code=2, base_offset=1234, log_append_time_ms=1700000000009, log_start_offset=1,
        record_errors=[dict(batch_index=0, batch_index_error_message="bad")], error_message="all bad")
    answer = dict(responses=[dict(name="orders", topic_id=TID, partition_responses=[partition])], throttle_time_ms=3)
    if v >= 10:
        partition["current_leader"] = dict(leader_id=3, leader_epoch=4)
        answer["node_endpoints"] = [dict(node_id=3, host="b3", port=9092, rack="r")]
    told = [f"producePartitionAnswered({t}, partition: 3, error: 2, baseOffset: 1234, "
            f"appendTime_ms: {1700000000009 if v >= 2 else -1})", "produceAnswered"]
    exchange(producer, "Produce", v, request, asked, answer, told)


def list_offsets(v):
    request = dict(replica_id=-1, isolation_level=0, topics=[dict(name="orders", partitions=[
        dict(partition_index=3, current_leader_epoch=9, timestamp=-2, max_num_offsets=1)])], timeout_ms=5)
    answer = dict(throttle_time_ms=0, topics=[dict(name="orders", partitions=[
        dict(partition_index=3, error_code=0, old_style_offsets=[55], timestamp=1700000000000, offset=55,
             leader_epoch=9)])])
    exchange(consumer, "ListOffsets", v, request, [], answer, [
        f"offsetListed('orders', partition: 3, timestamp_ms: {1700000000000 if v else -1}, offset: 55, error: 0)"])


def leader_epoch(v):
    request = dict(replica_id=-2, topics=[dict(topic="orders", partitions=[
        dict(partition=3, current_leader_epoch=9, leader_epoch=8)])])
    answer = dict(throttle_time_ms=0, topics=[dict(topic="orders", partitions=[
        dict(error_code=0, partition=3, leader_epoch=8, end_offset=777)])])
    exchange(consumer, "OffsetForLeaderEpoch", v, request, [], answer, [
        f"leaderEpochEnd('orders', partition: 3, epoch: {8 if v >= 1 else -1}, endOffset: 777, error: 0)"])


# Connections


def api_versions(v):
    answer = dict(error_code=0, api_keys=[dict(api_key=0, min_version=3, max_version=13),
                                          dict(api_key=18, min_version=0, max_version=4)], throttle_time_ms=0)
    if v >= 3:
        answer["supported_features"] = [dict(name="group.version", min_version=0, max_version=1)]
        answer["finalized_features_epoch"] = 5
        answer["finalized_features"] = [dict(name="group.version", max_version_level=1, min_version_level=1)]
    exchange(metadata, "ApiVersions", v, dict(client_software_name="lib", client_software_version="1.2"),
             [f"apiVersionsRequested(softwareName: '{'lib' if v >= 3 else ''}', "
              f"softwareVersion: '{'1.2' if v >= 3 else ''}')"], answer,
             ["apiVersion(key: 0, versions: 3...13)", "apiVersion(key: 18, versions: 0...4)",
              "apiVersionsAnswered(error: 0)"])


def api_versions_refused(v):
    """A broker that does not know the version answers as in version 0 (KIP-511)."""
    req, res = metadata.ApiVersionsRequest, metadata.ApiVersionsResponse
    request = frame(req, v, dict(client_software_name="lib", client_software_version="1.2"))
    answer = frame(res, 0, dict(error_code=35, api_keys=[dict(api_key=18, min_version=0, max_version=2)]))
    show(18, v, "ApiVersions refused", request, [
        f"apiVersionsRequested(softwareName: '{'lib' if v >= 3 else ''}', "
        f"softwareVersion: '{'1.2' if v >= 3 else ''}')"], answer,
         ["apiVersion(key: 18, versions: 0...2)", "apiVersionsAnswered(error: 35)"])


def cluster(v):
    request = dict(topics=[dict(topic_id=TID, name="orders")], allow_auto_topic_creation=False,
                   include_cluster_authorized_operations=False,
                   include_topic_authorized_operations=False)
    partition = dict(error_code=0, partition_index=0, leader_id=1, leader_epoch=2, replica_nodes=[1, 2],
                     isr_nodes=[1], offline_replicas=[2])
    answer = dict(
        throttle_time_ms=0, brokers=[dict(node_id=1, host="b1", port=9092, rack="r1"),
                                     dict(node_id=2, host="b2", port=9093, rack=None)],
        cluster_id="Q-abc", controller_id=1,
        topics=[dict(error_code=0, name="orders", topic_id=TID, is_internal=False, partitions=[partition, partition],
                     authorized_operations=set()),
                dict(error_code=3, name="gone", topic_id=uuid.UUID(int=0), is_internal=True, partitions=[],
                     authorized_operations=set())],
        authorized_operations=set(), error_code=0)
    rack = "'r1'" if v >= 1 else "''"
    # The recorder shows the id where there is one.
    told = [f"broker(node: 1, host: 'b1', port: 9092, rack: {rack})", "broker(node: 2, host: 'b2', port: 9093, rack: '')",
            f"cluster(id: '{'Q-abc' if v >= 2 else ''}', controller: {1 if v >= 1 else -1})",
            f"topic({topic(v, 10)}, partitions: 2, isInternal: false, error: 0)",
            f"topic('gone', partitions: 0, isInternal: {str(v >= 1).lower()}, error: 3)", "metadataAnswered(error: 0)"]
    exchange(metadata, "Metadata", v, request, [], answer, told)


def sasl_messages():
    for v in (0, 1):
        exchange(sasl, "SaslHandshake", v, dict(mechanism="PLAIN"), ["saslHandshakeRequested(mechanism: 'PLAIN')"],
                 dict(error_code=33, mechanisms=["SCRAM-SHA-256"]),
                 ["saslHandshakeAnswered(mechanism: 'PLAIN', error: 33)"])
    for v in versions(sasl, "SaslAuthenticate"):
        exchange(sasl, "SaslAuthenticate", v, dict(auth_bytes=b"\0user\0secret"), [],
                 dict(error_code=58, error_message="no", auth_bytes=b"", session_lifetime_ms=3600000),
                 [f"saslAuthenticateAnswered(error: 58, sessionLifetime_ms: {3600000 if v >= 1 else -1})"])


# Offsets


def member(generation, v=99, instance_from=0, member_from=0):
    m = "m-1" if v >= member_from else ""
    i = "i-1" if v >= instance_from else ""
    return f"'g1'/'{m}'/'{i}'#{generation if v >= member_from else -1}"


def offset_commit(v):
    t = topic(v, 10)
    rows = [(3, 1001, 9), (4, 55, 9)]
    request = dict(
        group_id="g1", generation_id_or_member_epoch=7, member_id="m-1", group_instance_id="i-1",
        retention_time_ms=-1, topics=[dict(name="orders", topic_id=TID, partitions=[
            dict(partition_index=p, committed_offset=o, committed_leader_epoch=e, commit_timestamp=1,
                 committed_metadata="note") for p, o, e in rows])])
    who = member(7, v, 7, 1)
    epoch = 9 if v >= 6 else -1
    asked = [f"offsetCommitRequested({who}, transactionalID: '')"] + [
        f"offsetCommitPositionRequested({who}, transactionalID: '', {t}-{p}@{o}/{epoch})" for p, o, _ in rows]
    # Answered in another order, and with one that was not asked for.
    answer = dict(throttle_time_ms=0, topics=[dict(name="orders", topic_id=TID, partitions=[
        dict(partition_index=4, error_code=22), dict(partition_index=3, error_code=0),
        dict(partition_index=9, error_code=3)])])
    told = [
        f"offsetCommitAnswered({who}, transactionalID: '', producerID: -1, {t}-4@55/{epoch}, error: 22)",
        f"offsetCommitAnswered({who}, transactionalID: '', producerID: -1, {t}-3@1001/{epoch}, error: 0)",
        f"offsetCommitAnswered({who}, transactionalID: '', producerID: -1, {t}-9@-1/-1, error: 3)",
        f"offsetCommitEnded({who})"]
    exchange(consumer, "OffsetCommit", v, request, asked, answer, told)


def txn_offset_commit(v):
    request = dict(
        transactional_id="tx-1", group_id="g1", producer_id=5, producer_epoch=1, generation_id=7, member_id="m-1",
        group_instance_id="i-1", topics=[dict(name="orders", partitions=[
            dict(partition_index=3, committed_offset=1001, committed_leader_epoch=9, committed_metadata=None)])])
    who = member(7, v, 3, 3)
    epoch = 9 if v >= 2 else -1
    answer = dict(throttle_time_ms=0, topics=[dict(name="orders", partitions=[
        dict(partition_index=3, error_code=0)])])
    exchange(producer, "TxnOffsetCommit", v, request, [
        f"offsetCommitRequested({who}, transactionalID: 'tx-1')",
        f"offsetCommitPositionRequested({who}, transactionalID: 'tx-1', 'orders'-3@1001/{epoch})"], answer, [
        f"offsetCommitAnswered({who}, transactionalID: 'tx-1', producerID: 5, 'orders'-3@1001/{epoch}, error: 0)",
        f"offsetCommitEnded({who})"])


def offset_fetch(v):
    if v < 8:
        request = dict(group_id="g1", topics=[dict(name="orders", partition_indexes=[3])], require_stable=True)
        answer = dict(throttle_time_ms=0, topics=[dict(name="orders", partitions=[
            dict(partition_index=3, committed_offset=1001, committed_leader_epoch=9, metadata="", error_code=0)])],
            error_code=0)
        told = [f"offsetFetched(group: 'g1', 'orders'-3@1001/{9 if v >= 5 else -1}, error: 0)",
                "offsetFetchAnswered(group: 'g1', error: 0)"]
    else:
        t = topic(v, 10)
        topics = [dict(name="orders", topic_id=TID, partition_indexes=[3])]
        request = dict(groups=[dict(group_id="g1", member_id="m-1", member_epoch=7, topics=topics),
                               dict(group_id="g2", member_id=None, member_epoch=-1, topics=None)], require_stable=True)
        rows = [dict(name="orders", topic_id=TID, partitions=[
            dict(partition_index=3, committed_offset=1001, committed_leader_epoch=9, metadata=None, error_code=0)])]
        answer = dict(throttle_time_ms=0, groups=[dict(group_id="g1", topics=rows, error_code=0),
                                                  dict(group_id="g2", topics=[], error_code=30)])
        told = [f"offsetFetched(group: 'g1', {t}-3@1001/9, error: 0)", "offsetFetchAnswered(group: 'g1', error: 0)",
                "offsetFetchAnswered(group: 'g2', error: 30)"]
    exchange(consumer, "OffsetFetch", v, request, [], answer, told)


def transactions():
    for v in versions(producer, "InitProducerId"):
        exchange(producer, "InitProducerId", v,
                 dict(transactional_id="tx-1", transaction_timeout_ms=60000, producer_id=4, producer_epoch=0), [],
                 dict(throttle_time_ms=0, error_code=0, producer_id=5, producer_epoch=1),
                 ["producerIDAnswered(transactionalID: 'tx-1', producerID: 5, epoch: 1, error: 0)"])
    for v in versions(producer, "AddOffsetsToTxn"):
        exchange(producer, "AddOffsetsToTxn", v,
                 dict(transactional_id="tx-1", producer_id=5, producer_epoch=1, group_id="g1"), [],
                 dict(throttle_time_ms=0, error_code=0),
                 ["offsetsAddedToTxn(transactionalID: 'tx-1', producerID: 5, group: 'g1', error: 0)"])
    for v in versions(producer, "EndTxn"):
        commits = v % 2 == 0
        rest = f"transactionalID: 'tx-1', producerID: 5, commits: {str(commits).lower()}"
        exchange(producer, "EndTxn", v,
                 dict(transactional_id="tx-1", producer_id=5, producer_epoch=1, committed=commits),
                 [f"txnEndRequested({rest})"],
                 dict(throttle_time_ms=0, error_code=47, producer_id=6, producer_epoch=0), [f"txnEnded({rest}, error: 47)"])


# Groups


def classic_groups():
    subscription = consumer.ConsumerProtocolSubscription(
        version=1, topics=["orders", "payments"], user_data=b"\1\2", owned_partitions=[]).encode()
    subscription = struct.pack(">h", 1) + bytes(subscription) if subscription[:2] != b"\0\1" else bytes(subscription)
    assignment = bytes(consumer.ConsumerProtocolAssignment(
        version=1, assigned_partitions=[dict_to_assigned("orders", [0, 3]), dict_to_assigned("payments", [1])],
        user_data=b"").encode())
    assignment = struct.pack(">h", 1) + assignment if assignment[:2] != b"\0\1" else assignment
    for v in versions(metadata, "FindCoordinator"):
        request = dict(key="g1", key_type=0, coordinator_keys=["g1", "g2"])
        answer = dict(
            throttle_time_ms=0, error_code=0, error_message="", node_id=2, host="b2", port=9093,
            coordinators=[dict(key="g1", node_id=2, host="b2", port=9093, error_code=0, error_message=""),
                          dict(key="g2", node_id=-1, host="", port=-1, error_code=15, error_message="wait")])
        kind = 0 if v >= 1 else -1
        told = [f"coordinator(key: 'g1', kind: {kind}, node: 2, host: 'b2', port: 9093, error: 0)"]
        if v >= 4:
            told.append("coordinator(key: 'g2', kind: 0, node: -1, host: '', port: -1, error: 15)")
        exchange(metadata, "FindCoordinator", v, request, [], answer, told)
    for v in versions(consumer, "JoinGroup"):
        request = dict(group_id="g1", session_timeout_ms=6000, rebalance_timeout_ms=300000, member_id="m-0",
                       group_instance_id="i-1", protocol_type="consumer",
                       protocols=[dict(name="range", metadata=subscription), dict(name="other", metadata=b"\xff\xff")],
                       reason="because")
        instance = "i-1" if v >= 5 else ""
        join = text(group="'g1'", member="'m-0'", instance=f"'{instance}'", protocolType="'consumer'",
                    sessionTimeout_ms=6000, rebalanceTimeout_ms=300000 if v >= 1 else -1)
        answer = dict(throttle_time_ms=0, error_code=0, generation_id=8, protocol_type="consumer",
                      protocol_name="range", leader="m-1", skip_assignment=False, member_id="m-1",
                      members=[dict(member_id="m-1", group_instance_id=None, metadata=subscription)])
        exchange(consumer, "JoinGroup", v, request, [
            f"joinGroupRequested({join})",
            f"joinProtocol({join}, name: 'range', subscription: ['orders' 'payments'])",
            f"joinProtocol({join}, name: 'other', subscription: [])"], answer, [
            f"joinGroupAnswered('g1'/'m-1'/'{instance}'#8, join: {join}, isLeader: true, members: 1, error: 0)"])
    for v in versions(consumer, "SyncGroup"):
        request = dict(group_id="g1", generation_id=8, member_id="m-1", group_instance_id="i-1",
                       protocol_type="consumer", protocol_name="range",
                       assignments=[dict(member_id="m-1", assignment=assignment)])
        who = member(8, v, 3)
        kind = "consumer" if v >= 5 else ""
        exchange(consumer, "SyncGroup", v, request, [f"syncGroupRequested({who}, protocolType: '{kind}')"],
                 dict(throttle_time_ms=0, error_code=0, protocol_type="consumer", protocol_name="range",
                      assignment=assignment),
                 [f"syncGroupAnswered({who}, protocolType: '{kind}', "
                  "assignment: ['orders'-0 'orders'-3 'payments'-1], error: 0)"])
    for v in versions(consumer, "Heartbeat"):
        exchange(consumer, "Heartbeat", v,
                 dict(group_id="g1", generation_id=8, member_id="m-1", group_instance_id="i-1"), [],
                 dict(throttle_time_ms=0, error_code=27), [f"heartbeatAnswered({member(8, v, 3)}, error: 27)"])
    for v in versions(consumer, "LeaveGroup"):
        request = dict(group_id="g1", member_id="m-1", members=[
            dict(member_id="m-1", group_instance_id="i-1", reason="bye"),
            dict(member_id="m-2", group_instance_id=None, reason=None)])
        answer = dict(throttle_time_ms=0, error_code=0, members=[
            dict(member_id="m-1", group_instance_id="i-1", error_code=0),
            dict(member_id="m-2", group_instance_id=None, error_code=25)])
        first, second = "'g1'/'m-1'/'i-1'#-1", "'g1'/'m-2'/''#-1"
        if v < 3:
            first = "'g1'/'m-1'/''#-1"
            exchange(consumer, "LeaveGroup", v, request, [f"leaveGroupRequested({first}, reason: '')"], answer,
                     [f"leaveGroupAnswered({first}, error: 0, memberError: 0)"])
        else:
            exchange(consumer, "LeaveGroup", v, request,
                     [f"leaveGroupRequested({first}, reason: '{'bye' if v > 4 else ''}')",
                      f"leaveGroupRequested({second}, reason: '')"], answer,
                     [f"leaveGroupAnswered({first}, error: 0, memberError: 0)",
                      f"leaveGroupAnswered({second}, error: 0, memberError: 25)"])


def dict_to_assigned(name, partitions):
    cls = consumer.ConsumerProtocolAssignment._struct.fields["assigned_partitions"].data_class
    return cls(version=1, topic=name, partitions=partitions)


# By hand: flexible versions only


def uv(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def cs(s):
    return b"\0" if s is None else uv(len(s) + 1) + s.encode()


def ca(items):
    return b"\0" if items is None else uv(len(items) + 1) + b"".join(items)


def i8(n): return struct.pack(">b", n)
def i16(n): return struct.pack(">h", n)
def i32(n): return struct.pack(">i", n)
def i64(n): return struct.pack(">q", n)


TAGS = b"\0"
# A tagged field nobody knows: number 9000, three bytes.
UNKNOWN_TAG = b"\1" + uv(9000) + b"\3abc"


def by_hand(key, version, name, request, asked, answer, told):
    head = i16(key) + i16(version) + i32(correlation) + i16(5) + b"app-1" + TAGS
    body = head + request
    reply = i32(correlation) + TAGS + answer
    show(key, version, name, i32(len(body)) + body, asked, i32(len(reply)) + reply, told)


def topic_partitions(partitions):
    return ca([TID.bytes + ca([i32(p) for p in partitions]) + TAGS])


def consumer_group_heartbeat(v):
    who = "'g1'/'m-1'/'i-1'#7"
    request = (cs("g1") + cs("m-1") + i32(7) + cs("i-1") + cs(None) + i32(300000) + ca([cs("orders")])
               + (cs("or.*") if v >= 1 else b"") + cs("uniform") + topic_partitions([0, 3]) + UNKNOWN_TAG)
    head = i32(0) + i16(0) + cs(None) + cs("m-1") + i32(8) + i32(5000)
    told = [f"memberHeartbeatAnswered({who}, assigned: 'g1'/'m-1'/'i-1'#8, interval_ms: 5000, error: 0)"]
    asked = [f"memberHeartbeatRequested({who}, rebalanceTimeout_ms: 300000)",
             f"ownedPartition({who}, {TID_TEXT}, partition: 0)", f"ownedPartition({who}, {TID_TEXT}, partition: 3)"]
    by_hand(68, v, "ConsumerGroupHeartbeat", request, asked,
            head + i8(1) + topic_partitions([3, 5]) + TAGS + UNKNOWN_TAG,
            told + [f"assignedPartition({who}, {TID_TEXT}, partition: 3)",
                    f"assignedPartition({who}, {TID_TEXT}, partition: 5)",
                    f"memberHeartbeatEnded({who}, hasAssignment: true)"])
    quiet = "'g1'/'m-1'/''#7"
    request = (cs("g1") + cs("m-1") + i32(7) + cs(None) + cs(None) + i32(-1) + ca(None)
               + (cs(None) if v >= 1 else b"") + cs(None) + ca(None) + TAGS)
    by_hand(68, v, "ConsumerGroupHeartbeat without changes", request,
            [f"memberHeartbeatRequested({quiet}, rebalanceTimeout_ms: -1)"],
            i32(0) + i16(0) + cs(None) + cs(None) + i32(7) + i32(5000) + i8(-1) + TAGS,
            [f"memberHeartbeatAnswered({quiet}, assigned: 'g1'/'m-1'/''#7, interval_ms: 5000, error: 0)",
             f"memberHeartbeatEnded({quiet}, hasAssignment: false)"])


def share_group_heartbeat(v):
    who = "'g1'/'m-1'/''#0"
    request = cs("g1") + cs("m-1") + i32(0) + cs("r1") + ca([cs("orders"), cs("payments")]) + TAGS
    by_hand(76, v, "ShareGroupHeartbeat", request, [f"memberHeartbeatRequested({who}, rebalanceTimeout_ms: -1)"],
            i32(0) + i16(0) + cs(None) + cs("m-1") + i32(1) + i32(5000) + i8(1) + topic_partitions([2]) + TAGS + TAGS,
            [f"memberHeartbeatAnswered({who}, assigned: 'g1'/'m-1'/''#1, interval_ms: 5000, error: 0)",
             f"assignedPartition({who}, {TID_TEXT}, partition: 2)", f"memberHeartbeatEnded({who}, hasAssignment: true)"])


def acknowledgements():
    return ca([i64(100) + i64(102) + ca([i8(1), i8(2), i8(3)]) + TAGS, i64(110) + i64(119) + ca([i8(1)]) + TAGS])


def ack_text(types, first, last, partition=2):
    return text(topic=TID_TEXT, partition=partition, firstOffset=first, lastOffset=last, types=types)


ACKS = [ack_text("'...'", 100, 102), ack_text("'.'", 110, 119)]


def share_fetch(v):
    who = "'g1'/'m-1'/''#-1"
    records, record_facts = new_batch(120, PLAIN)
    request = (cs("g1") + cs("m-1") + i32(4) + i32(500) + i32(1) + i32(1 << 20) + i32(500) + i32(500)
               + (i8(0) + i8(0) if v >= 2 else b"")
               + ca([TID.bytes + ca([i32(2) + acknowledgements() + TAGS, i32(3) + ca([]) + TAGS]) + TAGS])
               + ca([TID.bytes + ca([i32(9)]) + TAGS]) + TAGS)
    asked = [f"shareFetchRequested({who}, sessionEpoch: 4)", f"sharePartitionRequested({TID_TEXT}, partition: 2)"]
    asked += [f"acknowledgementRequested({who}, {a})" for a in ACKS]
    asked += [f"sharePartitionRequested({TID_TEXT}, partition: 3)", f"partitionForgotten({TID_TEXT}, partition: 9)",
              "shareRequestEnded"]
    partition = (i32(2) + i16(0) + cs(None) + i16(121) + cs("state") + i32(1) + i32(6) + TAGS
                 + uv(len(records) + 1) + records
                 + ca([i64(120) + i64(121) + i16(1) + TAGS, i64(122) + i64(122) + i16(3) + TAGS]) + TAGS)
    answer = (i32(0) + i16(0) + cs(None) + i32(30000) + ca([TID.bytes + ca([partition]) + TAGS]) + ca([]) + TAGS)
    told = [f"shareFetchAnswered({who}, lockTimeout_ms: 30000, error: 0)"]
    told += [f"acknowledged({who}, {a}, error: 121)" for a in ACKS]
    told += [f"sharePartition({TID_TEXT}, partition: 2, error: 0)"] + record_facts
    told += [f"acquired({TID_TEXT}, partition: 2, offsets: 120...121, deliveryCount: 1)",
             f"acquired({TID_TEXT}, partition: 2, offsets: 122...122, deliveryCount: 3)",
             "sharePartitionEnded(" + text(topic=TID_TEXT, partition=2, bytes=len(records), batches=1,
                                           endsInPart=False, isIncomplete=False) + ")",
             f"shareAnswered({who}, error: 0)"]
    by_hand(78, v, "ShareFetch", request, asked, answer, told)
    # Nothing new, nothing wrong: the partition is left out of the answer.
    by_hand(78, v, "ShareFetch without an answer for its acknowledgements", request, asked,
            i32(0) + i16(0) + cs(None) + i32(30000) + ca([]) + ca([]) + TAGS,
            [f"shareFetchAnswered({who}, lockTimeout_ms: 30000, error: 0)"]
            + [f"acknowledged({who}, {a}, error: 0)" for a in ACKS] + [f"shareAnswered({who}, error: 0)"])


def share_acknowledge(v):
    who = "'g1'/'m-1'/''#-1"
    request = (cs("g1") + cs("m-1") + i32(5) + (i8(0) if v >= 2 else b"")
               + ca([TID.bytes + ca([i32(2) + acknowledgements() + TAGS]) + TAGS]) + TAGS)
    answer = (i32(0) + i16(0) + cs(None) + (i32(30000) if v >= 2 else b"")
              + ca([TID.bytes + ca([i32(2) + i16(6) + cs(None) + i32(1) + i32(6) + TAGS + TAGS]) + TAGS])
              + ca([]) + TAGS)
    by_hand(79, v, "ShareAcknowledge", request,
            [f"shareFetchRequested({who}, sessionEpoch: 5)"]
            + [f"acknowledgementRequested({who}, {a})" for a in ACKS] + ["shareRequestEnded"], answer,
            [f"shareFetchAnswered({who}, lockTimeout_ms: {30000 if v >= 2 else -1}, error: 0)"]
            + [f"acknowledged({who}, {a}, error: 6)" for a in ACKS] + [f"shareAnswered({who}, error: 0)"])


def streams_group_heartbeat():
    who = "'app'/'m-1'/'i-1'#0"
    info = cs("repart") + i32(4) + i16(1) + ca([cs("cleanup.policy") + cs("delete") + TAGS]) + TAGS
    subtopology = (cs("0") + ca([cs("orders"), cs("payments")]) + ca([cs("x.*")]) + ca([info]) + ca([cs("sink")])
                   + ca([info]) + ca([ca([i16(0), i16(1)]) + ca([]) + ca([i16(0)]) + TAGS]) + TAGS)
    tasks = ca([cs("0") + ca([i32(0), i32(2)]) + TAGS])
    request = (cs("app") + cs("m-1") + i32(0) + i32(0) + cs("i-1") + cs(None) + i32(60000)
               + i8(1) + i32(1) + ca([subtopology]) + TAGS
               + tasks + ca([]) + ca([]) + cs("process") + i8(-1) + ca(None) + ca(None) + ca(None) + i8(0) + TAGS)
    asked = [f"memberHeartbeatRequested({who}, rebalanceTimeout_ms: 60000)"] + [
        f"subscribedTopic({who}, subtopology: '0', topic: '{t}')" for t in ("orders", "payments", "repart")]
    answer = (i32(0) + i16(0) + cs(None) + cs("m-1") + i32(1) + i32(5000) + i32(10000) + i32(60000)
              + ca([i8(1) + cs("missing") + TAGS]) + tasks + ca([]) + ca([]) + ca(None) + TAGS)
    by_hand(88, 0, "StreamsGroupHeartbeat", request, asked, answer, [
        f"memberHeartbeatAnswered({who}, assigned: 'app'/'m-1'/'i-1'#1, interval_ms: 5000, error: 0)",
        f"assignedTask({who}, subtopology: '0', partition: 0)", f"assignedTask({who}, subtopology: '0', partition: 2)",
        f"memberHeartbeatEnded({who}, hasAssignment: true)"])


def api_versions_routed():
    """Version 5 says whom the client means to speak with; its answer is as that of version 4."""
    keys = ca([i16(0) + i16(3) + i16(13) + TAGS, i16(18) + i16(0) + i16(5) + TAGS])
    told = ["apiVersion(key: 0, versions: 3...13)", "apiVersion(key: 18, versions: 0...5)", "apiVersionsAnswered(error: 0)"]
    refusal = i16(35) + i32(1) + i16(18) + i16(0) + i16(4)
    refused = ["apiVersion(key: 18, versions: 0...4)", "apiVersionsAnswered(error: 35)"]
    for note, whom, answer, facts in (("", cs("Q-abc") + i32(2), i16(0) + keys + i32(0) + UNKNOWN_TAG, told),
                                      (" refused", cs(None) + i32(-1), refusal, refused)):
        body = (i16(18) + i16(5) + i32(correlation) + i16(5) + b"app-1" + TAGS + cs("lib") + cs("1.2") + whom + TAGS)
        reply = i32(correlation) + answer
        show(18, 5, "ApiVersions" + note, i32(len(body)) + body,
             ["apiVersionsRequested(softwareName: 'lib', softwareVersion: '1.2')"], i32(len(reply)) + reply, facts)


def txn_offset_commit_by_id():
    who = "'g1'/'m-1'/'i-1'#7"
    request = (cs("tx-1") + cs("g1") + i64(5) + i16(1) + i32(7) + cs("m-1") + cs("i-1")
               + ca([TID.bytes + ca([i32(3) + i64(1001) + i32(9) + cs(None) + TAGS]) + TAGS]) + TAGS)
    answer = i32(0) + ca([TID.bytes + ca([i32(3) + i16(0) + TAGS]) + TAGS]) + TAGS
    place = f"{TID_TEXT}-3@1001/9"
    by_hand(28, 6, "TxnOffsetCommit", request, [
        f"offsetCommitRequested({who}, transactionalID: 'tx-1')",
        f"offsetCommitPositionRequested({who}, transactionalID: 'tx-1', {place})"], answer, [
        f"offsetCommitAnswered({who}, transactionalID: 'tx-1', producerID: 5, {place}, error: 0)",
        f"offsetCommitEnded({who})"])


for make, module, name in (
        (fetch, consumer, "Fetch"), (produce, producer, "Produce"), (list_offsets, consumer, "ListOffsets"),
        (leader_epoch, consumer, "OffsetForLeaderEpoch"), (api_versions, metadata, "ApiVersions"),
        (cluster, metadata, "Metadata"), (offset_commit, consumer, "OffsetCommit"),
        (txn_offset_commit, producer, "TxnOffsetCommit"), (offset_fetch, consumer, "OffsetFetch")):
    for version in versions(module, name):
        make(version)
for version in (1, 2, 3, 4):
    api_versions_refused(version)
sasl_messages()
transactions()
classic_groups()
for version in (0, 1):
    consumer_group_heartbeat(version)
    share_group_heartbeat(version)
for version in (1, 2):
    share_fetch(version)
    share_acknowledge(version)
streams_group_heartbeat()
api_versions_routed()
txn_offset_commit_by_id()
