"""The Go client franz-go as a member of a share group (KIP-932), after what its source says (1.21, package kgo), and the
broker that it acquires records from. Nothing of it was recorded.

- ShareGroupHeartbeat, with the topics only when they changed. Member ids are the client's own.
- One ShareFetch at a time to each broker, the next when its records are polled: what was acknowledged meanwhile goes with it,
  of all partitions. In a session it lists only those that are new to it, or acknowledged.
- Whatever was polled and not acknowledged is accepted with the next poll. A renewal goes by itself, in ShareAcknowledge; so
  does what waits for a second while nothing is fetched, and what is to be flushed.
- A paused partition is forgotten, and what was fetched of it and not polled is released, with the same request.
- At its end it releases what it has not acknowledged, what it polled last and what it only fetched alike, by a
  ShareAcknowledge that closes the session (epoch −1); then ShareGroupHeartbeat with epoch −1, and the connections end.
- When a connection breaks, or the broker knows the session no more, the next one begins at epoch 0, without what had to be
  acknowledged in the other.

The broker gives back what a session that ended had acquired, and takes these deliveries back from the record's count; so does
a new leader, which knows nothing of them.
"""

import generate_kafka as classic
import kafka_messages as kafka
import kafka_share_messages as share
from franz_client import Client, Scene, value
from franz_link import HOSTS, INSTANCE, VERSIONS
from generate import EPOCH_S
from generate_kafka import DEAD, GROUP, TOPIC

MOST_DELIVERIES = 5


class ShareScene(Scene):
    """One capture, and what the brokers know of each record: its deliveries, and who has acquired it until when."""

    def __init__(self):
        super().__init__()
        self.lock_s = 30
        self.tries, self.holders, self.done = {}, {}, set()
        self.begins = {p: 0 for p in range(3)}
        # Offsets that compaction has taken away, and what was delivered at least once.
        self.holes, self.delivered, self.counted = set(), set(), set()

    def compact(self, partition, offsets):
        """The last batch of the partition's log without these."""
        base, count, _ = self.log[partition][-1]
        records = [classic.record(o - base, value(partition, o)) for o in range(base, base + count) if o not in offsets]
        stamp = int((EPOCH_S + self.START_S) * 1000)
        self.log[partition][-1] = (base, count, kafka.batch(records, stamp, base=base, epoch=0, last=count - 1))
        self.holes |= {(partition, offset) for offset in offsets}

    def acquire(self, at, partition, member):
        """Everything of it that is to be had: (first, last, count) of each range, by the offsets that are there and not."""
        found = []
        for offset in range(self.begins[partition], self.ends[partition]):
            place = (partition, offset)
            holder = self.holders.get(place)
            if place in self.done: continue
            if holder:
                if at < holder[1]: continue
                # Its lock ran out: that was a try, as it comes to the same target again.
                self.holders.pop(place)
                if place in self.counted: self.count(requeued=1)
            count = self.tries[place] = self.tries.get(place, 0) + 1
            self.holders[place] = [member, at + self.lock_s]
            if place not in self.holes:
                again = place in self.delivered
                self.count(delivered=1, redelivered=again or count > 1)
                self.delivered.add(place)
                if self.is_counted: self.counted.add(place)
                self.truth["attempts_max"] = max(self.truth["attempts_max"], count)
            if found and found[-1][1] == offset - 1 and found[-1][2] == count:
                found[-1][1] = offset
            else:
                found.append([offset, offset, count])
        return found

    def end(self, place, kind, dead):
        """What has been acknowledged."""
        holder = self.holders.pop(place)
        if kind == share.RENEW:
            self.holders[place] = holder
            return
        if kind != share.RELEASE or self.tries[place] >= MOST_DELIVERIES: self.done.add(place)
        if place not in self.counted: return
        if place in dead and kind == share.ACCEPT:
            dead.remove(place)
            return self.count(acked_paired=1)
        self.count(acked=kind == share.ACCEPT, requeued=kind == share.RELEASE, rejected=kind == share.REJECT)

    def give_back(self, member, partitions=range(3)):
        """Without anybody having tried: the session is over, or the leader another one."""
        for place in [p for p, holder in self.holders.items() if holder[0] == member and p[0] in partitions]:
            self.holders.pop(place)
            self.tries[place] -= 1
            if place in self.counted: self.count(abandoned=1)


class ShareConsumer(Client):
    """A member of GROUP; what it does, and what the broker makes of it, is the truth."""

    FETCHES = "fetch"

    def __init__(self, scene, at, member="kgo-1", **more):
        super().__init__(scene, at, **more)
        self.member, self.topic, self.generation = member, scene.ids[TOPIC], 0
        self.epoch, self.session, self.waits, self.node = 0, set(), False, 1
        self.is_leaving = False
        self.assigned, self.paused, self.dead = [0, 1, 2], set(), set()
        self.buffered, self.polled, self.acknowledged = [], [], {}
        found = kafka.find_coordinator_answer(GROUP, 1, HOSTS[1])
        self.ask(at + 0.01, "normal", kafka.FIND_COORDINATOR, kafka.find_coordinator(GROUP), found)
        self.heartbeat(at + 0.012, topics=[TOPIC], assigned=self.assigned)
        self.request(at + 0.014)

    def heartbeat(self, at, topics=None, assigned=None):
        request = share.share_heartbeat(GROUP, self.member, self.generation, topics)
        self.generation = max(1, self.generation)
        answer = share.share_heartbeat_answer(self.member, self.generation, assigned and {self.topic: assigned})
        self.ask(at, "normal", share.SHARE_HEARTBEAT, request, answer)

    # Fetching.

    def request(self, at):
        wanted = [p for p in self.assigned if p not in self.paused]
        if self.waits or self.buffered: return
        if share.RENEW in self.acknowledged.values():
            self.acknowledge_alone(at)
            at += 0.002
        forgotten = sorted(self.session - set(wanted))
        self.told = self.ranges() if self.epoch else {}
        listed = {p: self.told.get(p, []) for p in sorted({*set(wanted) - self.session, *self.told})}
        body = share.share_fetch(
            GROUP, self.member, self.epoch, {self.topic: listed} if listed else {}, {self.topic: forgotten} if forgotten else {},
            500 if self.told else 5000,
        )
        self.link(at, self.FETCHES, self.node).request(at + 0.001, share.SHARE_FETCH, VERSIONS[share.SHARE_FETCH], body)
        self.session, self.waits = set(wanted), True
        self.telling, self.acknowledged = self.acknowledged, {}

    def ranges(self):
        """What waits to be acknowledged, by partition, neighbours of one type together."""
        found = {}
        for (partition, offset), kind in sorted(self.acknowledged.items()):
            parts = found.setdefault(partition, [])
            if parts and parts[-1][1] == offset - 1 and parts[-1][2] == kind:
                parts[-1] = (parts[-1][0], offset, kind)
            else:
                parts.append((offset, offset, kind))
        return found

    def answered(self, at, odd=None, error=0):
        """`odd`: of partitions, what is said instead of records (see `shared`)."""
        if not self.waits: return
        scene, rows = self.scene, []
        # Of a partition of which one was not its any more, nothing is acknowledged.
        wrong = {p for p, o in self.telling if scene.holders.get((p, o), (None,))[0] != self.member}
        for place, kind in ({} if error else self.telling).items():
            if place[0] not in wrong: scene.end(place, kind, self.dead)
        for partition in [] if error else sorted(self.session | set(self.told)):
            says = (odd or {}).get(partition)
            acquired = [] if says or partition not in self.session else scene.acquire(at, partition, self.member)
            first = acquired[0][0] if acquired else 0
            content = b"".join(raw for base, count, raw in scene.batches(partition, first) if acquired and base <= acquired[-1][1])
            if acquired or says or partition in self.told:
                refused = share.INVALID_RECORD_STATE if partition in wrong else 0
                rows.append(share.shared(partition, content, acquired, acknowledge_error=refused, **(says or {})))
            for a, z, _ in acquired:
                here = [(partition, o) for o in range(a, z + 1)]
                self.buffered += [place for place in here if place not in scene.holes]
                self.acknowledged.update({place: share.GAP for place in here if place in scene.holes})
        moved = {says["leader"][0] for says in (odd or {}).values() if "leader" in says}
        body = share.share_fetch_answer(
            {self.topic: rows} if rows else {}, int(scene.lock_s * 1000), error, [(node, HOSTS[node]) for node in moved])
        self.link(at, self.FETCHES, self.node).answer(at, body)
        self.epoch, self.waits = 0 if error else self.epoch + 1, False
        if error: self.session = set()
        if not self.buffered and not odd and not error and not self.is_leaving: self.request(at)

    def poll(self, at):
        """What is fetched; what was polled before and not acknowledged is accepted with it."""
        for place in self.polled: self.acknowledged.setdefault(place, share.ACCEPT)
        self.polled = [place for place in self.buffered if place[0] not in self.paused]
        for place in self.buffered:
            if place[0] in self.paused: self.acknowledged[place] = share.RELEASE
        self.buffered = []
        self.request(at)
        return list(self.polled)

    def mark(self, kind, *places):
        for place in places:
            self.acknowledged[place] = kind
            if kind != share.RENEW: self.polled.remove(place)

    def acknowledge_alone(self, at, epoch=None, **answer):
        """FlushAcks, renewals, or after a second while nothing is asked for."""
        assert not self.waits
        ranges, renews = self.ranges(), share.RENEW in self.acknowledged.values()
        request = share.share_acknowledge(
            GROUP, self.member, self.epoch if epoch is None else epoch, {self.topic: ranges} if ranges else {}, renews)
        answer = share.share_acknowledge_answer({self.topic: {p: 0 for p in ranges}}, int(self.scene.lock_s * 1000))
        for place, kind in self.acknowledged.items():
            if kind == share.RENEW: self.scene.holders[place][1] = at + self.scene.lock_s
            self.scene.end(place, kind, self.dead)
        self.acknowledged = {}
        self.ask(at, self.FETCHES, share.SHARE_ACKNOWLEDGE, request, answer, node=self.node)
        self.epoch += 1

    def dead_letter(self, at, place, codec, headers=()):
        if self.producer is None:
            self.ask(at - 0.008, "normal", kafka.METADATA, kafka.metadata([DEAD]), self.scene.metadata(DEAD))
        record = classic.record(0, value(*place), 0, headers)
        self.produce(at, DEAD, 0, [record], int((EPOCH_S + at) * 1000), codec)
        self.scene.count(dead_lettered=1)
        self.dead.add(place)

    # Ends.

    def leave(self, at):
        """It waits for the answer to what it has asked for. What it releases then nobody has tried: that is abandoned."""
        self.is_leaving = True
        self.answered(at - 0.002)
        left = [place for place in [*self.polled, *self.buffered] if place not in self.acknowledged]
        self.acknowledged.update({place: share.RELEASE for place in left})
        released = sum(place in self.scene.counted for place in left)
        self.scene.count(requeued=-released, abandoned=released)
        self.acknowledge_alone(at, epoch=-1)
        request = share.share_heartbeat(GROUP, self.member, -1, None)
        self.ask(at + 0.004, "normal", share.SHARE_HEARTBEAT, request, share.share_heartbeat_answer(self.member, -1, None))
        push = kafka.telemetry(INSTANCE, True, b"metrics")
        self.ask(at + 0.006, "normal", kafka.TELEMETRY, push, kafka.row(kafka.i32(0), kafka.i16(0)))
        self.end(at + 0.01)

    def lose(self, at):
        """The broker ends the connection that fetches, and with it the share session."""
        link = self.links[self.FETCHES, self.node]
        link._fin(at, False)
        link.is_open = False
        self.scene.give_back(self.member)
        self.forget()

    def forget(self):
        """What it had of the session; what had to be acknowledged is never told."""
        self.epoch, self.session, self.waits = 0, set(), False
        self.buffered, self.polled, self.acknowledged, self.dead = [], [], {}, set()

    def stays(self):
        self.scene.count(in_flight=sum(holder[0] == self.member for p, holder in self.scene.holders.items() if p not in self.dead))
