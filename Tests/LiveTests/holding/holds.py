"""Several consumers held side by side and let go in one of the ways there are; what each of them saw of it."""

import concurrent.futures
import dataclasses
import http.client
import os
import signal
import time

from left_behind import cgroups_of, remove_cgroups
from load import Load
from processes import Failure, wait_until
from sidecar import Sidecar, client_command, moment_ns

RATE = 40  # messages per second, to each consumer
PREFETCH = 20
# From SEMANTICS: if stormfuse dies or hangs, traffic flows within 3 s. No other end of a hold may take longer.
LONGEST_RELEASE_MS = 3000
# What the consumer has before it is held.
FIRST_MESSAGES = 20
DRAIN_SECONDS = 30
# The longest that a configuration can ask for: there it is the limit that ends the hold.
HOLD_LIMIT_S = 600


@dataclasses.dataclass
class Row:
    """One consumer's hold."""

    client: str
    heartbeat_s: int
    held_s: float
    tcp_retries2: int
    ip: int
    released_by: str
    # From the release (the command's sending, the event, the signal) to the first delivery in the client's journal.
    first_message_ms: float | None = None
    # From there until more has come than one prefetch, which a segment that has to pass anyway may bring: surely let go.
    flowing_ms: float | None = None
    # From the client's SIGTERM to its connection closed in good order; where that is the release.
    closed_ms: float | None = None
    # Deliveries while held, beyond the exposure shown.
    leaked: int | None = None
    exposure: int | None = None
    # Of the consumer's payload, so that nobody gives the connection up.
    passed_bytes: int | None = None
    connections_lost: int | None = None
    messages_lost: int | None = None
    # Messages that the client has had and that are in the queue again: their acks did not come through.
    acks_lost: int | None = None
    redelivered: int | None = None
    published: int | None = None
    prefetch: int = PREFETCH


class Held:
    """One consumer: its sidecar, its row, and what differs from what it should be."""

    key = None  # of the group, if it is not that of the RabbitMQ queue

    def __init__(
        self, stage, client, heartbeat, ip, host, seconds, released_by, tcp_retries2, inside, prefetch=PREFETCH
    ):
        self.row = Row(client, heartbeat, seconds, tcp_retries2, ip, released_by, prefetch=prefetch)
        self.queue = f"hold.{client}.{heartbeat}.v{ip}"
        self.differences = []
        self.seconds, self.released_by = seconds, released_by
        self.held_ns = self.released_ns = None
        self.name = self.queue.replace("hold.", "")
        self.stage, self.inside = stage, inside
        self.command = self.client(stage, client, host, heartbeat, stage.directory / self.name / "journal")
        self.sidecar = None

    def client(self, stage, client, host, heartbeat, journal):
        return client_command(stage, client, host, self.queue, heartbeat, self.row.prefetch, journal)

    def start(self):
        return Sidecar(
            self.stage, self.name, self.command, self.queue, self.configuration(), inside=self.inside, key=self.key)

    def configuration(self):
        """Of stormfuse: it holds only when told to, and an opening lasts as long as the case wants."""
        lines = ["mode: enforce", "breaker:", "  jitter: 0", "  max_episode: 20m"]
        if self.released_by == "success":
            lines += [f"  open_base: {self.seconds}s", f"  open_maximum: {self.seconds}s"]
        elif self.released_by == "reset":
            lines += ["  open_base: 10m", "  open_maximum: 10m"]
        if self.released_by == "limit":
            lines += [f"hold_limit: {self.seconds}s"]
        return "\n".join(lines) + "\n"

    def differs(self, words):
        self.differences.append(f"{self.queue}: {words}")

    # --- the hold

    def hold(self):
        """Holds, waits, lets go, and waits for the first message."""
        began = time.time_ns()
        if self.released_by in ("success", "reset"):
            words = ("trip", self.sidecar.key, "--for", f"{self.seconds}s")
        else:
            span = self.seconds if self.released_by == "time" else self.seconds + 120
            words = ("override", self.sidecar.key, "open", "--for", f"{span}s")
        status, text = self.sidecar.fusectl(*words, "--reason", "hold test")
        if status != 0:
            self.differs(f"fusectl {words[0]} ended with status {status}: {text}")
        held = wait_until(lambda: self.sidecar.hold_events("held", began), 3)
        if not held:
            self.differs("no event says that it is held")
            return
        self.held_ns, self.row.exposure = moment_ns(held[0]["at"]), held[0]["exposure"]
        # Asked while it is surely still held.
        self.sleep_until(self.held_ns + int((self.seconds - min(1, self.seconds / 4)) * 1e9))
        breaker = (self.sidecar.breaker() or {}).get("breaker", {})
        if not breaker.get("held"):
            self.differs(f"not held although it should be: {breaker.get('state')}, {breaker.get('why')}")
        self.released_ns = self.release(began)
        if self.released_ns is None:
            return
        self.row.held_s = round((self.released_ns - self.held_ns) / 1e9, 2)
        if self.released_by == "close":
            return
        first = wait_until(lambda: self.after_release(0), 15)
        if first is None:
            self.differs("no message in 15 s after the release")
            return
        self.row.first_message_ms = round((first - self.released_ns) / 1e6, 1)
        flowing = wait_until(lambda: self.after_release(self.row.prefetch), 15)
        if flowing is None:
            self.differs("no more than one prefetch in 15 s after the release")
            return
        self.row.flowing_ms = round((flowing - self.released_ns) / 1e6, 1)
        if self.row.flowing_ms > LONGEST_RELEASE_MS:
            self.differs(f"{self.row.flowing_ms} ms from release to traffic")

    def release(self, began):
        """Lets go, or waits for that. When, in nanoseconds since 1970."""
        if self.released_by in ("time", "limit", "success"):
            released = wait_until(lambda: self.sidecar.hold_events("released", began), 5)
            if not released:
                self.differs("no event says that it was released")
                return None
            return moment_ns(released[0]["at"])
        # Asked before, since a sidecar that is killed tells nobody.
        self.count_passed()
        self.sleep_until(self.held_ns + int(self.seconds * 1e9))
        if self.released_by in ("reset", "override end"):
            method, action = ("POST", "reset") if self.released_by == "reset" else ("DELETE", "override")
            sent, status, answer = self.sidecar.command(method, action)
            if status != 200 or answer["held"]:
                self.differs(f"{action} was answered with {status}: {answer}")
            return sent
        sent = time.time_ns()
        if self.released_by == "close":
            closed_s = self.sidecar.close_client()
            if closed_s is None:
                self.differs("the client could not close its connection")
                return sent
            self.row.closed_ms = round(closed_s * 1000, 1)
            if self.row.closed_ms > LONGEST_RELEASE_MS:
                self.differs(f"closing took the client {self.row.closed_ms} ms")
        else:
            number = signal.SIGKILL if self.released_by == "SIGKILL" else signal.SIGSTOP
            os.kill(self.sidecar.process.pid, number)
        return sent

    def count_passed(self):
        hold = ((self.sidecar.breaker() or {}).get("breaker") or {}).get("hold") or {}
        if "passed_bytes" in hold:
            self.row.passed_bytes = hold["passed_bytes"]

    def most_leaked(self):
        """A prefetch for each segment that has to pass: for the heartbeat, and for what the broker's kernel waits for."""
        row = self.row
        broker_s = sum(min(0.2 * 2**number, 120) for number in range(row.tcp_retries2 + 1)) * 2 / 3
        return row.prefetch * int(row.held_s / min(row.heartbeat_s * 0.4, broker_s))

    def after_release(self, index):
        """When the delivery of that index after the release came; None before."""
        times = [at for at, _, _ in self.sidecar.journal.deliveries() if at >= self.released_ns]
        return times[index] if len(times) > index else None

    @staticmethod
    def sleep_until(moment):
        time.sleep(max(0, (moment - time.time_ns()) / 1e9))

    # --- afterwards

    def let_go(self):
        """Whatever the release was, nothing is held after this, unless nobody is there to hold."""
        if self.released_by == "SIGSTOP":
            # It wakes, finds its breaker forced open, and holds again: what is told now is told by the same one.
            os.kill(self.sidecar.process.pid, signal.SIGCONT)
        if self.released_by in ("reset", "override end", "success", "time"):
            self.count_passed()
        if self.released_by not in ("SIGSTOP", "limit"):
            return
        try:
            _, status, answer = self.sidecar.command("DELETE", "override")
        except (OSError, http.client.HTTPException) as problem:
            self.differs(f"no answer to the end of the override: {problem}")
            return
        if status != 200:
            self.differs(f"the end of the override was answered with {status}: {answer}")

    def is_drained(self, published):
        return len({number for _, number, _ in self.sidecar.journal.deliveries()}) >= published

    def finish(self, load):
        """After the load has stopped: empties, closes, counts."""
        row, journal = self.row, self.sidecar.journal
        row.published = load.published[self.queue]
        if self.released_by != "close":
            wait_until(lambda: self.is_drained(row.published), DRAIN_SECONDS, 0.1)
            if self.sidecar.close_client() is None:
                self.differs("the client could not close its connection at the end")
        if self.released_by == "SIGKILL":
            self.sidecar.wait()
            left = cgroups_of(self.sidecar.process.pid)
            # A process that is killed can't clean up. Nothing is held by it: it is an empty directory.
            if remove_cgroups(left):
                self.differs(f"{left} could not be removed")
        else:
            status = self.sidecar.wait()
            if status != 0:
                self.differs(f"stormfuse ended with {status}; last words: {self.sidecar.last_words()}")
            if cgroups_of(self.sidecar.process.pid):
                self.differs(f"cgroups are left: {cgroups_of(self.sidecar.process.pid)}")
        deliveries = journal.deliveries()
        numbers = {number for _, number, _ in deliveries}
        missing = row.published - len(numbers) - load.left(self.queue)
        row.messages_lost, row.acks_lost = max(0, missing), max(0, -missing)
        row.redelivered = sum(redelivered for _, _, redelivered in deliveries)
        row.connections_lost = len(journal.times("lost"))
        if self.held_ns and self.released_ns:
            during = sum(self.held_ns <= at < self.released_ns for at, _, _ in deliveries)
            row.leaked = max(0, during - row.exposure)
            if row.leaked > self.most_leaked():
                self.differs(f"{row.leaked} messages came while held, where {self.most_leaked()} could be explained")
        # aio-pika does not wait for the broker's answer to its connection.close: it closes the socket at once, so that
        # acks that were held can be lost with it.
        if row.acks_lost > (row.prefetch if row.client == "aio-pika" and self.released_by == "close" else 0):
            self.differs(f"acks_lost is {row.acks_lost}")
        for name in ("messages_lost", "redelivered", "connections_lost"):
            if getattr(row, name) != 0:
                self.differs(f"{name} is {getattr(row, name)}")
        if row.connections_lost:
            self.differs(" / ".join(" ".join(rest) for _, word, rest in journal.lines() if word == "lost"))
        if self.released_by == "success":
            causes = [(step["to"], step["cause"]) for step in self.sidecar.transitions()]
            if ("closed", "probes_succeeded") not in causes:
                self.differs(f"the probes did not close it: {causes}")


def run(stage, members, seconds, released_by, hosts, tcp_retries2=15, inside=None, prefetch=PREFETCH):
    """Holds all `members` at the same time. Rows, and what differs.

    members: (client, heartbeat in seconds, IP version). hosts: the broker's address, by IP version.
    """
    if seconds >= HOLD_LIMIT_S:
        released_by, seconds = "limit", HOLD_LIMIT_S
    held = [
        Held(stage, client, heartbeat, ip, hosts[ip], seconds, released_by, tcp_retries2, inside, prefetch)
        for client, heartbeat, ip in members
    ]
    return play(held, Load(stage.port, [each.queue for each in held], RATE))


def play(held, load):
    """Holds them all at the same time while `load` comes, and lets them go."""
    try:
        for each in held:
            each.sidecar = each.start()
        for each in held:
            each.sidecar.wait_ready(60)
        load.start()
        for each in held:
            if not wait_until(lambda: len(each.sidecar.journal.deliveries()) >= FIRST_MESSAGES, 30):
                raise Failure(f"{each.queue}: no messages before the hold; {load.problem or ''}")
        with concurrent.futures.ThreadPoolExecutor(len(held)) as threads:
            for each, future in [(each, threads.submit(each.hold)) for each in held]:
                future.result()
        # Traffic as before, for a while: what is lost by the release would show now.
        time.sleep(0.5)
        for each in held:
            each.let_go()
        time.sleep(0.5)
        load.stop()
        for each in held:
            each.finish(load)
    finally:
        load.close()
    return [each.row for each in held], [words for each in held for words in each.differences]
