"""Consumers that are not to be held, or could not be: a shared connection, acks on delivery."""

import time

from load import Load
from notes import Note
from processes import CLIENTS, PYTHON, Failure, wait_until
from sidecar import Sidecar, client_command, moment_ns

RATE = 40
SPAN_S = 3


def median(values):
    return sorted(values)[len(values) // 2] if values else float("nan")


def shared_connection(stage):
    """Forced open, its connection is left alone and the event says why; its publishes are as fast as before."""
    queue, other = "hold.shared", "hold.shared.made"
    load = Load(stage.port, [queue, other], RATE)
    # Only the first gets anything from us.
    load.queues.remove(other)
    differences = []
    try:
        journal = stage.directory / "shared" / "journal"
        client = [PYTHON, CLIENTS / "sharing_client.py", "127.0.0.1", stage.port, queue, other, journal]
        sidecar = Sidecar(stage, "shared", client, queue)
        sidecar.wait_ready()
        load.start()
        if not wait_until(lambda: len(sidecar.journal.deliveries()) >= 20, 20):
            raise Failure("no messages before the breaker was forced open")
        time.sleep(SPAN_S)
        began = time.time_ns()
        status, text = sidecar.fusectl("override", sidecar.key, "open", "--for", "60s", "--reason", "hold test")
        if status != 4:
            differences.append(f"fusectl ended with status {status} where 4 says that nothing is held: {text}")
        event = wait_until(lambda: sidecar.hold_events("not_held", began), 3)
        why = event[0]["why"] if event else None
        if not why or "shared" not in why:
            differences.append(f"no event not_held that says shared, but {why}")
        time.sleep(SPAN_S)
        breaker = sidecar.breaker()["breaker"]
        ended, status, _ = sidecar.command("DELETE", "override")
        if sidecar.hold_events("held", began) or breaker["held"]:
            differences.append("it was held all the same")
        if not (breaker["state"] == "forced_open" and "shared" in (breaker["why"] or "")):
            differences.append(f"the breaker was {breaker['state']}, why: {breaker['why']}")
        time.sleep(0.5)
        load.stop()
        published = load.published[queue]
        wait_until(lambda: len(sidecar.journal.deliveries()) >= published, 10)
        if sidecar.close_client() is None:
            differences.append("the client could not close its connection")
        status = sidecar.wait()
        if status != 0:
            differences.append(f"stormfuse ended with {status}; last words: {sidecar.last_words()}")
        publishes = [(at, int(rest[0]) / 1e6) for at, word, rest in sidecar.journal.lines() if word == "published"]
        before = [ms for at, ms in publishes if at < began]
        during = [ms for at, ms in publishes if began <= at < ended]
        numbers = {number for _, number, _ in sidecar.journal.deliveries()}
        lost, broken = published - len(numbers) - load.left(queue), len(sidecar.journal.times("lost"))
        # A held segment waits half a second for its next try: a publish that met a hold could not be faster.
        if not during or max(during) > 400:
            differences.append(f"publishes took up to {max(during, default=float('nan')):.0f} ms while forced open")
        if len(during) < 0.5 * SPAN_S / 0.05:
            differences.append(f"only {len(during)} publishes in {SPAN_S} s")
        if lost or broken:
            differences.append(f"{lost} messages and {broken} connections lost")
        made = load.left(other)
        if made != len(publishes):
            differences.append(f"{made} messages arrived of {len(publishes)} that it published")
        rows = [
            Note("why it is not held", why), Note("exit status of fusectl override open", 4),
            Note("publish to confirm before, median and longest, ms", f"{median(before):.1f}, {max(before):.1f}"),
            Note("the same while forced open", f"{median(during):.1f}, {max(during, default=0):.1f}"),
            Note("publishes while forced open", len(during)),
            Note("messages lost", lost), Note("connections lost", broken),
        ]
        return rows, differences
    finally:
        load.queues.append(other)
        load.close()


def auto_ack(stage):
    """`unholdable` is said when the consumer is seen, before anything trips, and the hold then does not pretend."""
    queue, differences, rows = "hold.auto-ack", [], []
    load = Load(stage.port, [queue], RATE)
    try:
        journal = stage.directory / "auto-ack" / "journal"
        client = client_command(stage, "c", "127.0.0.1", queue, 10, 20, journal, "--no-ack")
        sidecar = Sidecar(stage, "auto-ack", client, queue)
        sidecar.wait_ready()
        connected = sidecar.journal.times("connected")[0]
        # Nothing was published yet: it is the bind that says it.
        event = wait_until(lambda: sidecar.alert_events("unholdable"), 5)
        if not event:
            differences.append("no alert says unholdable when the consumer is bound")
        else:
            rows.append(Note("why it is unholdable", event[0]["why"]))
            rows.append(Note("consuming begins → event, ms", round((moment_ns(event[0]["at"]) - connected) / 1e6, 1)))
        if sidecar.transitions():
            differences.append("the breaker moved before anything was asked of it")
        load.start()
        if not wait_until(lambda: len(sidecar.journal.deliveries()) >= 20, 20):
            raise Failure("no messages before the breaker was tripped")
        began = time.time_ns()
        status, text = sidecar.fusectl("override", sidecar.key, "open", "--for", "60s", "--reason", "hold test")
        rows.append(Note("exit status of fusectl override open", status))
        if status != 4:
            differences.append(f"fusectl ended with status {status} where 4 says that nothing is held: {text}")
        time.sleep(2)
        breaker = sidecar.breaker()["breaker"]
        rows.append(Note("why it is not held", breaker["why"]))
        if breaker["held"] or sidecar.hold_events("held", began):
            differences.append("held, although nothing would stop the broker")
        if not (breaker["why"] or ""):
            differences.append("no reason why it is not held")
        during = sum(at >= began + 200_000_000 for at, _, _ in sidecar.journal.deliveries())
        rows.append(Note("messages in 1.8 s while forced open", during))
        load.stop()
        published = load.published[queue]
        wait_until(lambda: len(sidecar.journal.deliveries()) >= published, 10)
        lost = published - len({number for _, number, _ in sidecar.journal.deliveries()})
        if lost or sidecar.journal.times("lost"):
            differences.append(f"{lost} messages and {len(sidecar.journal.times('lost'))} connections lost")
        if sidecar.close_client() is None:
            differences.append("the client could not close its connection")
        if sidecar.wait() != 0:
            differences.append(f"stormfuse ended badly; last words: {sidecar.last_words()}")
        return rows, differences
    finally:
        load.close()
