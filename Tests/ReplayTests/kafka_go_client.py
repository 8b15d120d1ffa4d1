"""The Go client kafka-go (a Reader with a GroupID) as a writer of capture files: what it sends, put together by hand after
what its source says (0.4), and what brokers answer. Nothing of it was recorded.

- A connection for each question: one to any broker that asks for the coordinator and ends, then one to the coordinator for
  JoinGroup, SyncGroup, OffsetFetch, heartbeats and commits. Old versions without ApiVersions; only JoinGroup's is looked
  up.
- Each partition is read on a connection of its own, behind one that asked for its leader: ListOffsets for the log's
  beginning and its end, twice, then ApiVersions, then one Fetch after another, without sessions.
- Each generation is a new connection, with new readers. At its end the readers' connections end when their Fetch is
  answered; what was handed to CommitMessages is committed; then the coordinator's connection ends.
- LeaveGroup comes over yet another connection, when all others are closed.
- What fails is tried again by the application, of which nothing passes; there is no seek. Commits are at once, or every
  interval.
- Who dies without Close leaves the group to its session timeout (30 s).
"""

import generate_kafka as classic
import kafka_messages as kafka
import kafka_old_messages as old
from franz_client import value
from generate import EPOCH_S
from generate_kafka import DEAD, TOPIC
from kafka_old_client import Link, Member

VERSIONS = {
    old.PRODUCE: 7, old.FETCH: 10, old.LIST_OFFSETS: 1, old.METADATA: 1, old.OFFSET_COMMIT: 2, old.OFFSET_FETCH: 1,
    old.FIND_COORDINATOR: 0, old.JOIN: 2, old.HEARTBEAT: 0, old.LEAVE: 0, old.SYNC: 0, old.API_VERSIONS: 0,
}


class Reader(Member):
    VERSIONS, PROTOCOL, CLIENT_ID, WAIT_MS = VERSIONS, "range", "shop@host (github.com/segmentio/kafka-go)", 9_000

    def connect(self, at):
        self.readers, self.writer, self.coordinator = {}, None, None

    def dial(self, at, node=1):
        return Link(self, at, node, first=1)

    def versions(self, at, link):
        answer = old.api_versions_answer(0, {key: 12 for key in range(29)})
        self.ask(at, link, old.API_VERSIONS, b"", answer)

    def find(self, at):
        """Any broker tells who the coordinator is."""
        any_ = self.dial(at)
        self.ask_coordinator(at + 0.001, any_)
        any_.end(at + 0.002)
        return self.dial(at + 0.003)

    # Membership.

    def enter(self, at, generation, knows_id=False, answered=None):
        self.asks(at, knows_id)
        self.joined(answered or at + 0.0055, generation)

    def asks(self, at, knows_id=False):
        """To join; the answer comes when the coordinator has all members together."""
        self.coordinator = self.find(at)
        self.versions(at + 0.004, self.coordinator)
        version, member = self.VERSIONS[old.JOIN], self.member if knows_id else ""
        request = old.join(version, self.scene.group, member, [TOPIC], self.PROTOCOL, self.SESSION_MS)
        self.coordinator.request(at + 0.005, old.JOIN, version, request)

    def joined(self, at, generation):
        version = self.VERSIONS[old.JOIN]
        self.coordinator.answer(at, old.join_answer(version, 0, generation, self.PROTOCOL, self.member, self.member))
        self.ask_metadata(at + 0.001, self.coordinator)
        self.sync(at + 0.002, self.coordinator, generation)
        if not self.assigned: return
        self.ask_offsets(at + 0.003, self.coordinator, self.assigned)
        for i, partition in enumerate(self.assigned): self.read(at + 0.005 + i * 0.0001, partition)

    def read(self, at, partition):
        """A connection for the partition, from where its reader stands."""
        node = self.scene.leaders[partition][0]
        lookup = self.dial(at)
        self.ask_metadata(at + 0.001, lookup)
        lookup.end(at + 0.002)
        link = self.readers[partition] = self.dial(at + 0.003, node)
        for i in range(4): self.list_offsets(at + 0.004 + i * 0.001, link, [partition], (-2, -1)[i % 2])
        self.versions(at + 0.009, link)
        self.request(at + 0.01, partition)

    def heartbeat(self, at, error=0):
        self.heartbeat_on(at, self.coordinator, error)

    def ends(self, at):
        """The generation is over: the readers' last answers bring nothing, and what was marked has been committed."""
        for partition, link in self.readers.items():
            if link in self.asked: self.answer_on(at, link, limit=0)
            link.end(at + 0.001)
        self.readers = {}
        self.given_back()
        self.coordinator.end(at + 0.003)

    def rebalance(self, at, generation, partitions, answered):
        self.heartbeat(at, old.REBALANCE_IN_PROGRESS)
        self.ends(at + 0.002)
        self.assigned = list(partitions)
        self.enter(at + 0.006, generation, knows_id=True, answered=answered)

    def leave(self, at):
        self.ends(at)
        last = self.find(at + 0.004)
        self.leave_on(at + 0.008, last)
        last.end(at + 0.01)

    def die(self, at):
        """log.Fatal: all connections end at once."""
        for link in [*self.readers.values(), self.coordinator, *([self.writer] if self.writer else [])]: link.end(at)
        self.given_back(crashed=1)

    # Records.

    def request(self, at, partition):
        self.request_on(at, self.readers[partition], [partition])

    def fetched(self, at, partition, limit=None):
        """Everything that came goes on to the application; the next request follows at once."""
        found = self.answer_on(at, self.readers[partition], limit).get(partition, [])
        if found: self.cursors[partition] = found[-1] + 1
        self.request(at + 0.001, partition)
        return found

    def poll(self, at):
        """Of all partitions."""
        return {p: self.fetched(at + i * 0.0002, p) for i, p in enumerate(self.assigned)}

    def commit(self, at, offsets):
        """Behind these."""
        self.commit_on(at, self.coordinator, offsets)

    def broken(self, at, partition, offset):
        """A read ran out of time in the middle of what came: a new connection goes on behind what the application has."""
        self.readers[partition].end(at)
        self.asked.pop(self.readers[partition], None)
        self.cursors[partition] = offset
        self.read(at + 0.1, partition)

    def dial_writer(self, at):
        self.writer = self.dial(at)
        self.versions(at + 0.001, self.writer)
        self.ask_metadata(at + 0.003, self.writer, [DEAD])

    def dead_letter(self, at, partition, offset, names_source=True):
        if self.writer is None: self.dial_writer(at - 0.008)
        self.publish_on(at, self.writer, partition, offset, names_source)

    def publish_all(self, at, failing):
        """Dead letters in one batch; none: something else, to another topic."""
        records, topic = [], DEAD if failing else "audit"
        for i, (partition, offset) in enumerate(failing):
            headers = [("source-partition", b"%d" % partition), ("source-offset", b"%d" % offset)]
            records.append(classic.record(i, value(partition, offset), 0, headers))
            self.put_aside(partition, offset)
        content = kafka.batch(records or [classic.record(0, b"started")], int((EPOCH_S + at) * 1000), codec=kafka.NONE)
        answer = old.produce_answer(topic, 0, self.put)
        self.ask(at, self.writer, old.PRODUCE, old.produce(topic, 0, content), answer)
        self.put += len(failing)
