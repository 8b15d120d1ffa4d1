"""The Node client kafkajs as a writer of capture files: what it sends, put together by hand after what its source says
(2.2), and what brokers answer. Nothing of it was recorded.

- To each broker two connections: one for Fetch alone, which says nothing else, not even ApiVersions; one for all the rest.
  A producer has two of its own. Correlation ids from 0.
- JoinGroup twice, the first without a member id; the leader asks for Metadata before SyncGroup. Each joining begins with
  FindCoordinator. Then OffsetFetch, and ListOffsets where the group stands nowhere yet.
- One Fetch at a time to each broker, without a session, the partitions in changing order; the next when all records of all
  partitions that came are done with. Heartbeats only between messages.
- A handler that throws: what was done is committed, the other partitions' records are worked on all the same, and after a
  wait (300 ms, doubled) everything is fetched anew from where it stands. The count of retries never begins anew: the sixth
  error since the consumer began, whoever's, ends it: it leaves the group, disconnects, and begins again after a wait.
- pause() drops the rest of what came of the partition, and what comes of it later; it comes again.
- A rebalance is heard with a heartbeat: what was done is committed, the rest is dropped.
"""

import kafka_old_messages as old
from generate_kafka import DEAD, TOPIC
from kafka_old_client import Link, Member

VERSIONS = {
    old.PRODUCE: 7, old.FETCH: 11, old.LIST_OFFSETS: 3, old.METADATA: 6, old.OFFSET_COMMIT: 5, old.OFFSET_FETCH: 4,
    old.FIND_COORDINATOR: 2, old.JOIN: 5, old.HEARTBEAT: 3, old.LEAVE: 3, old.SYNC: 3, old.API_VERSIONS: 2,
}


class Consumer(Member):
    VERSIONS, PROTOCOL, CLIENT_ID, ISOLATION = VERSIONS, "RoundRobinAssigner", "kafkajs", 1

    # Connections.

    def pair(self, at, node=1):
        """Everything but Fetch, and Fetch."""
        links = Link(self, at, node), Link(self, at + 0.0001, node)
        answer = old.api_versions_answer(2, {key: 12 for key in range(29)})
        self.ask(at + 0.0008, links[0], old.API_VERSIONS, b"", answer)
        return links

    def connect(self, at):
        self.turn, self.producer, self.nodes = 0, None, {1: self.pair(at)}
        self.main = self.nodes[1][0]
        self.ask_metadata(at + 0.003, self.main)
        others = {leader for leader, _ in self.scene.leaders.values()} - {1}
        for node in others: self.nodes[node] = self.pair(at + 0.004, node)

    def disconnect(self, at):
        for links in [*self.nodes.values(), *([self.producer] if self.producer else [])]:
            for link in links: link.end(at)

    # Membership.

    def enter(self, at, generation):
        self.ask_coordinator(at, self.main)
        self.join(at + 0.002, self.main, "", -1, old.MEMBER_ID_REQUIRED)
        self.rejoin(at + 0.004, generation)

    def rejoin(self, at, generation, partitions=None):
        if partitions is not None: self.assigned = list(partitions)
        self.join(at, self.main, self.member, generation)
        self.ask_metadata(at + 0.002, self.main)
        self.sync(at + 0.004, self.main, generation)
        if self.assigned: self.begin(at + 0.006)

    def begin(self, at, partitions=None):
        self.ask_offsets(at, self.main, self.assigned if partitions is None else partitions)
        new = [p for p in self.assigned if self.scene.committed[p] < 0]
        if new: self.list_offsets(at + 0.002, self.main, new)
        self.request(at + 0.004)

    def rebalance(self, at, generation, partitions):
        """Heard with a heartbeat: what was done is committed, everything else is given back."""
        self.heartbeat(at, old.REBALANCE_IN_PROGRESS)
        self.commit(at + 0.002)
        self.given_back()
        for link in list(self.asked): self.answer_on(at + 0.004, link, limit=0)
        self.ask_coordinator(at + 0.006, self.main)
        self.rejoin(at + 0.008, generation, partitions)

    def heartbeat(self, at, error=0):
        self.heartbeat_on(at, self.main, error)

    def leave(self, at):
        """What came is worked on to its end before, by whoever calls this."""
        for link in list(self.asked): self.answer_on(at, link, limit=0)
        self.leave_on(at + 0.002, self.main)
        self.given_back()
        self.disconnect(at + 0.004)

    def crash(self, at):
        """All retries are used up: it leaves, too, and what it has is lost. Who is back is another member."""
        self.leave_on(at, self.main)
        self.given_back()
        self.disconnect(at + 0.002)

    # Records.

    def request(self, at):
        """To each broker whose answer is not waited for, of all partitions that are not paused."""
        for node, (_, link) in self.nodes.items():
            wanted = [p for p in self.assigned if self.scene.leaders[p][0] == node and p not in self.paused]
            if not wanted or link in self.asked: continue
            self.turn += 1
            turn = self.turn % len(wanted)
            self.request_on(at, link, wanted[turn:] + wanted[:turn])

    def answered(self, at, node=1):
        """By partition; none of what is paused by now."""
        found = self.answer_on(at, self.nodes[node][1])
        return {p: offsets for p, offsets in found.items() if p not in self.paused}

    def resolve(self, partition, offset):
        self.cursors[partition] = self.head[partition] = offset + 1

    def commit(self, at):
        self.commit_on(at, self.main, self.head)

    def work(self, at, found, failing=()):
        """All partitions, one by one, each up to what fails; commits what was done of each."""
        for i, (partition, offsets) in enumerate(found.items()):
            for offset in offsets:
                if (partition, offset) in failing: break
                self.resolve(partition, offset)
            self.commit(at + i * 0.003)

    def poll(self, at, failing=()):
        """Nothing fails, or this does: then whoever calls this asks again."""
        found = self.answered(at)
        self.work(at + 0.002, found, failing)
        if not failing: self.request(at + 0.012)
        return found

    def retry(self, at, partition, offset, times=1, every=0.1, node=1, failing=()):
        """It has failed and fails as many times more; all that came with it is fine, but for `failing`."""
        for i in range(times):
            self.failed(partition, offset)
            self.request(at + i * every)
            self.work(at + i * every + 0.012, self.answered(at + i * every + 0.01, node), {(partition, offset), *failing})

    def dead_letter(self, at, partition, offset, names_source=True, **more):
        if self.producer is None:
            self.producer = self.pair(at - 0.008)
            self.ask_metadata(at - 0.004, self.producer[0], [DEAD])
        self.publish_on(at, self.producer[0], partition, offset, names_source, **more)
