"""Trip and reset, thousands of times, under load: nothing lost, nothing grown, nothing left."""

import concurrent.futures
import random
import time

import left_behind
from load import Load
from notes import Note
from processes import Failure, wait_until
from sidecar import Sidecar, client_command

CLIENTS = ("pika", "aio-pika", "go", "c")
RATE = 50  # messages per second, to each client
SAMPLES = 20
# The tables of what was seen fill with the messages, up to their bound: with a small one it is the cycles that show.
CONFIGURATION = "mode: enforce\nlimits:\n  messages: 1000\n"
# After the first fifth, when allocator and pages have settled.
MOST_GROWTH_KB = 2048


class Cycled:
    """One client and its share of the cycles."""

    def __init__(self, stage, client):
        self.client, self.queue = client, f"hold.cycles.{client}"
        name = f"cycles-{client}"
        command = client_command(
            stage, client, "127.0.0.1", self.queue, 10, 20, stage.directory / name / "journal")
        self.sidecar = Sidecar(stage, name, command, self.queue, CONFIGURATION)
        self.objects, self.memory, self.descriptors, self.differences = set(), [], [], []
        self.held, self.milliseconds = 0, {"trip": [], "reset": []}

    def differs(self, words):
        self.differences.append(f"{self.client}: {words}")

    def sample(self):
        pid = self.sidecar.process.pid
        self.objects |= left_behind.objects_of(pid)
        self.memory.append(left_behind.memory_kb(pid))
        self.descriptors.append(left_behind.descriptors(pid))

    def cycle(self, count):
        dice = random.Random(self.client)
        for number in range(count):
            if number % max(1, count // SAMPLES) == 0:
                self.sample()
            for action in ("trip", "reset"):
                asked = time.monotonic()
                # A trip for the usual open time, a tenth of a second.
                span = {"limit_s": 0.1} if action == "trip" else {}
                _, status, answer = self.sidecar.command("POST", action, reason=f"cycle {number}", **span)
                self.milliseconds[action].append((time.monotonic() - asked) * 1000)
                # The breaker may have gone on by itself (open → half-open → closed); then reset finds it so.
                if status != 200 or answer["changed"] and not answer["saved"]:
                    self.differs(f"{action} of cycle {number} was answered with {status}: {answer}")
                elif action == "trip":
                    self.held += answer["held"]
                if len(self.differences) > 5:
                    raise Failure(f"given up after cycle {number}: {self.differences}")
                # One in ten stays long enough that probes are let through, the others are let go at once.
                if action == "trip" and number % 10 == 0:
                    time.sleep(dice.uniform(0, 0.15))
        self.sample()

    def finish(self, load, count):
        """Messages and connections lost, and redelivered; the rest is compared here."""
        sidecar, published = self.sidecar, load.published[self.queue]
        wait_until(lambda: len(sidecar.journal.deliveries()) >= published, 60, 0.2)
        if sidecar.close_client() is None:
            self.differs("the client could not close its connection")
        status = sidecar.wait()
        if status != 0:
            self.differs(f"stormfuse ended with {status}; last words: {sidecar.last_words()}")
        deliveries = sidecar.journal.deliveries()
        lost = published - len({number for _, number, _ in deliveries}) - load.left(self.queue)
        broken, again = len(sidecar.journal.times("lost")), sum(again for _, _, again in deliveries)
        if lost or broken or again:
            self.differs(f"{lost} messages and {broken} connections lost, {again} redelivered")
        if self.held < count:
            self.differs(f"only {self.held} of {count} trips were answered with held")
        own = [own for _, own in self.memory]
        settled = own[len(own) // 5]
        if own[-1] - settled > MOST_GROWTH_KB:
            self.differs(f"heap and stacks grew from {settled} to {own[-1]} kB")
        if max(self.descriptors[1:]) > self.descriptors[1] + 2:
            self.differs(f"descriptors grew from {self.descriptors[1]} to {max(self.descriptors)}")
        return lost, broken, again


def quantiles(values):
    values = sorted(values)
    return f"{values[len(values) // 2]:.1f}, {values[int(0.99 * (len(values) - 1))]:.1f}, {values[-1]:.1f}"


def run(count):
    def case(stage):
        load = Load(stage.port, [f"hold.cycles.{client}" for client in CLIENTS], RATE)
        mounts, files = left_behind.mounts(), left_behind.bpf_files()
        try:
            cycled = [Cycled(stage, client) for client in CLIENTS]
            for each in cycled:
                each.sidecar.wait_ready()
            load.start()
            for each in cycled:
                if not wait_until(each.sidecar.journal.deliveries, 20):
                    raise Failure(f"{each.client}: no messages before the first cycle")
            began, share = time.monotonic(), count // len(cycled)
            with concurrent.futures.ThreadPoolExecutor(len(cycled)) as threads:
                for future in [threads.submit(each.cycle, share) for each in cycled]:
                    future.result()
            took = time.monotonic() - began
            time.sleep(1)
            load.stop()
            lost = [each.finish(load, share) for each in cycled]
            differences = [words for each in cycled for words in each.differences]
            objects = {found for each in cycled for found in each.objects}

            def remains():
                return sorted(found for found in objects if left_behind.is_there(*found))

            wait_until(lambda: not remains(), 5)
            left = {
                "BPF objects": remains(),
                "bpffs": sorted(set(left_behind.bpf_files()) - set(files)),
                "mounts": sorted(set(left_behind.mounts()) - set(mounts)),
                "cgroups": [path for each in cycled for path in left_behind.cgroups_of(each.sidecar.process.pid)],
            }
            for what, found in left.items():
                if found:
                    differences.append(f"left in {what}: {found}")
            every = max(1, SAMPLES // 5)
            rows = [
                Note("cycles, a quarter with each client", share * len(cycled)), Note("seconds", round(took, 1)),
                Note("trips answered with held", sum(each.held for each in cycled)),
                *(
                    Note(f"{action} by API, ms: median, p99, longest",
                         quantiles([ms for each in cycled for ms in each.milliseconds[action]]))
                    for action in ("trip", "reset")
                ),
                Note("messages published", sum(load.published.values())),
                Note("messages lost, connections lost, redelivered", ", ".join(str(sum(part)) for part in zip(*lost))),
                *(
                    Note(f"memory beside {each.client}: resident (of it heap and stacks), MB, sampled", ", ".join(
                        f"{all_kb / 1024:.1f} ({own_kb / 1024:.1f})" for all_kb, own_kb in each.memory[::every]))
                    for each in cycled
                ),
                Note("descriptors, first and last", ", ".join(
                    f"{each.descriptors[0]} → {each.descriptors[-1]}" for each in cycled)),
                Note("BPF programs, maps and links they had", len(objects)),
                Note("left of " + ", ".join(left), ", ".join(str(len(found)) for found in left.values())),
            ]
            return rows, differences
        finally:
            load.close()

    return case
