"""What one consumer of a group has of its records, and what becomes of them: the truth of Kafka's scenarios, whatever the
client. A record comes, comes again because it failed, or because its client had dropped it; it is committed, put aside, or
given back by who goes."""

import collections


class Held:
    """`scene` counts, and knows what the group has reached and committed."""

    def holds_nothing(self, scene):
        self.scene = scene
        self.open, self.dead, self.again = {p: set() for p in range(3)}, set(), set()
        # How often a record was tried counts on when its consumer is another one.
        if not hasattr(scene, "tries"): scene.tries = collections.Counter()
        self.tries = scene.tries

    def arrived(self, partition, offset):
        """A copy of a record has come: its first, or that of one that failed and was sought back to, or none of these."""
        if (partition, offset) in self.again:
            self.again.remove((partition, offset))
            return self.scene.count(delivered=1, redelivered=1)
        if offset < self.scene.reached[partition] and offset in self.open[partition]:
            return self.scene.count(refetched=1)
        self.scene.count(delivered=1, redelivered=offset < self.scene.reached[partition])
        self.open[partition].add(offset)
        self.scene.reached[partition] = max(self.scene.reached[partition], offset + 1)

    def failed(self, partition, offset):
        """It is tried again: its next copy is a delivery."""
        self.scene.count(requeued=1)
        self.tries[partition, offset] += 1
        self.scene.truth["attempts_max"] = max(self.scene.truth["attempts_max"], 1 + self.tries[partition, offset])
        self.again.add((partition, offset))

    def committed(self, offsets):
        for partition, offset in offsets.items():
            done = {o for o in self.open[partition] if o < offset}
            put_aside = {o for o in done if (partition, o) in self.dead}
            self.scene.count(acked=len(done - put_aside), acked_paired=len(put_aside))
            self.open[partition] -= done
            self.dead -= {(partition, o) for o in put_aside}
            self.scene.committed[partition] = offset

    def put_aside(self, partition, offset):
        self.scene.count(dead_lettered=1)
        self.dead.add((partition, offset))

    def given_back(self, partitions=range(3), crashed=0):
        """Nobody had tried them. `crashed`: but for so many."""
        for partition in partitions:
            self.scene.count(abandoned=len([o for o in self.open[partition] if (partition, o) not in self.dead]))
            self.dead -= {(partition, o) for o in self.open[partition]}
            self.again -= {(partition, o) for o in self.open[partition]}
            self.open[partition].clear()
        if crashed: self.scene.count(abandoned=-crashed, crashed=crashed)

    def stays(self):
        """It is still at it when the capture ends."""
        self.scene.count(in_flight=sum(len(offsets) for offsets in self.open.values()) - len(self.dead))
