#!/usr/bin/env python3
"""The main job, live, in about two minutes: a consumer turns bad, twice; the second time stormfuse holds its requests.

    demo.py STORMFUSE [--broker rabbitmq|kafka|celery] [--prefetch N] [--outage SECONDS] [--json FILE]

Starts a private RabbitMQ (or Kafka) on the loopback of a network namespace of its own, a publisher, and `stormfuse run` around an ordinary consumer, first in mode
observe, then in mode enforce; tells how it goes; shows each breaker's timeline, the evidence at the moment of opening,
and the dead letters before and after it as they come out of the dead-letter queue; compares the two. All that it started
is gone when it ends, however it ends. Exit status 1 if the story did not come out: the breaker did not open or close
again, a message or a connection was lost, or holding did not pay. It pays if after the opening there are at most a tenth
of the dead letters without it, or no more than what the opening showed as exposure: what the consumer had already.
"""

import argparse
import ctypes
import datetime
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from brokers import KINDS

HERE = pathlib.Path(__file__).resolve().parent
# Seconds after the consumer's start.
OUTAGE_FROM, OUTAGE = 6, 28
LONGEST_AFTER = 56  # after the outage
# sched.h, linux/sockios.h, linux/if.h.
CLONE_NEWNET = 0x40000000
SIOCSIFMTU, SIOCSIFFLAGS = 0x8922, 0x8914
IFF_UP, IFF_LOOPBACK, IFF_RUNNING = 0x1, 0x8, 0x40
ETHERNET_MTU = 1500
SETTLED_S = 4  # how long the closed breaker is watched after the recovery

TERMINAL = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "NO_COLOR" not in os.environ
BOLD, RED, YELLOW, GREEN, DIM = "1", "31", "33", "32", "2"
COLOURS = {"closed": GREEN, "open": RED, "half_open": YELLOW}


class Failure(Exception):
    """What happened, why, and what to do, in one line."""


def paint(text, *codes):
    return f"\033[{';'.join(codes)}m{text}\033[0m" if TERMINAL and codes else text


def say(text=""):
    # Over the status line, if there is one.
    print(("\r\033[K" if TERMINAL else "") + text, flush=True)


def heading(text):
    say()
    say(paint(text, BOLD))


def own_network():
    """Moves this process, and so all that it starts, into a network namespace of its own, whose loopback cuts segments as
    a network between hosts does: through the machine's own, all that a consumer has answered passes in one segment. Answers
    why that may not be, where it may not; then nothing has changed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return os.strerror(ctypes.get_errno())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFMTU, struct.pack("16sI12x", b"lo", ETHERNET_MTU))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP | IFF_LOOPBACK | IFF_RUNNING))
    return None


class Stage:
    """Everything that is started, so that everything ends."""

    def __init__(self, stormfuse, kind, prefetch):
        self.stormfuse = stormfuse
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-demo-", dir="/tmp"))
        self.processes = []
        self.broker = KINDS[kind](self.directory, prefetch)

    def start_broker(self):
        if not self.broker.start():
            raise Failure(f"{self.broker.title} did not start; its reason is above")

    def start(self, name, command, **options):
        """A process in a session of its own: Ctrl-C reaches this script alone, which ends the others in order."""
        log = open(self.directory / f"{name}.log", "wb")
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stderr=log, start_new_session=True,
            **{"stdout": log, **options},
        )
        self.processes.append((name, process))
        return process

    def words(self, name):
        return (self.directory / f"{name}.log").read_text(errors="replace").strip()

    def stop(self, name, process, within_s):
        process.terminate()
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise Failure(f"{name} did not end within {within_s} s of SIGTERM") from None

    def end(self):
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for _, process in reversed(self.processes):
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.broker.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def seconds(moment):
    """RFC 3339 with up to nine digits of a second, as seconds since the epoch."""
    whole, _, fraction = moment.rstrip("Z").partition(".")
    parsed = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return parsed.timestamp() + float(f"0.{fraction or 0}")


def read_events(path, key):
    """The whole lines so far: transitions and what was told of holding."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [event for event in map(json.loads, lines) if event["key"] == key]


def moment(event):
    return seconds(event["transition"]["at"] if "transition" in event else event["at"])


def states(events):
    return [event for event in events if "transition" in event]


class Act:
    """One run of the story: its mode, and what it left."""

    def __init__(self, stage, mode, outage):
        self.stage, self.mode = stage, mode
        self.outage_to = OUTAGE_FROM + outage
        self.events = stage.directory / f"{mode}.jsonl"
        self.report = stage.directory / f"{mode}.json"

    def play(self):
        """Runs it: until the breaker has closed after the recovery, and the backlog is gone."""
        stage = self.stage
        publisher = stage.start(
            f"publisher-{self.mode}", stage.broker.publisher(), stdout=subprocess.PIPE
        )
        if publisher.stdout.readline().strip() != b"declared":
            raise Failure(f"the publisher did not start: {stage.words(f'publisher-{self.mode}')}")
        self.letters = stage.broker.letters()
        self.began = began = time.time()
        environment = {**os.environ, "OUTAGE_FROM": str(began + OUTAGE_FROM), "OUTAGE_TO": str(began + self.outage_to)}
        sidecar = stage.start(
            f"stormfuse-{self.mode}",
            [
                stage.stormfuse, "run", "--mode", self.mode, *stage.broker.settings(), "--events", self.events,
                "--report", self.report, "--admin", f"unix:{stage.directory}/admin", "--",
                *stage.broker.consumer(),
            ],
            env=environment, stdout=subprocess.PIPE,
        )
        heading(f"mode {self.mode}")
        self.follow(sidecar)
        stage.stop("the publisher", publisher, 5)
        self.published = int(publisher.stdout.read().split()[-1])
        self.drain()
        stage.stop("stormfuse", sidecar, 15)
        self.consumer = json.loads(sidecar.stdout.read().splitlines()[-1])
        self.letters.end()
        self.queued, left = stage.broker.depths()
        self.dead = self.letters.total(left)

    def follow(self, sidecar):
        shown, told, closed_at = 0, 0, None
        while True:
            if sidecar.poll() is not None:
                words = self.stage.words(f"stormfuse-{self.mode}")
                raise Failure(f"stormfuse ended with status {sidecar.returncode}: {words or 'no word'}")
            elapsed = time.time() - self.began
            backlog, left = self.stage.broker.depths()
            self.letters.count(left)
            dead = len(self.letters.moments)
            for event in self.told()[shown:]:
                shown += 1
                say(line(event, self.began))
                if "transition" in event:
                    closed_at = elapsed if event["transition"]["to"] == "closed" else None
            phase = "healthy" if elapsed < OUTAGE_FROM else "outage" if elapsed < self.outage_to else "recovered"
            status = f"{elapsed:5.1f} s  consumer {phase:<9}  backlog {backlog:>4}  dead letters {dead:>4}"
            if TERMINAL:
                print("\r\033[K" + paint(status, RED if phase == "outage" else DIM), end="", flush=True)
            elif elapsed >= told:
                say(status)
                told += 2
            if elapsed > self.outage_to and closed_at is not None and elapsed > closed_at + SETTLED_S:
                return
            if elapsed > self.outage_to + LONGEST_AFTER:
                return
            time.sleep(0.1)

    def drain(self):
        """What is still queued is consumed, so that nothing can hide in flight."""
        deadline = time.time() + 30
        while time.time() < deadline and self.stage.broker.depths()[0] > 0:
            time.sleep(0.1)

    def told(self):
        return read_events(self.events, self.stage.broker.key)

    def opening(self):
        found = next((event for event in states(self.told()) if event["transition"]["to"] == "open"), None)
        if found is None:
            raise Failure(f"in mode {self.mode} the breaker never opened; the report's verdict was {self.verdict()}")
        return found

    def dead_until_opening(self):
        opened = moment(self.opening())
        return sum(at < opened for at in self.letters.moments)

    def holds(self):
        return [event for event in self.told() if event.get("kind") == "held"]

    def recovery_s(self):
        """From the first delivery acked after the service was back, as the first good probe, to the closing."""
        closed = [event for event in states(self.told()) if event["transition"]["to"] == "closed"]
        probing = [event for event in states(self.told()) if event["transition"]["to"] == "half_open"]
        if not closed or not probing:
            raise Failure(f"in mode {self.mode} the breaker did not close again after the recovery")
        return moment(closed[-1]) - moment(probing[-1])

    def verdict(self):
        try:
            groups = json.loads(self.report.read_text())["groups"]
            return next(group["verdict"]["kind"] for group in groups if group["key"] == self.stage.broker.key)
        except (OSError, ValueError, KeyError, StopIteration):
            words = self.stage.words(f"stormfuse-{self.mode}")
            return f"not to be had; its own words: {words or 'none'}"


def line(event, began):
    if "transition" in event:
        return transition(event, began)
    kind = {"held": "requests held", "released": "let go"}.get(event["kind"], event["kind"].replace("_", " "))
    why = f": {event['why']}" if event["why"] else ""
    exposure = f"; exposure {event['exposure']}" if event["kind"] == "held" else ""
    return f"{moment(event) - began:5.1f} s  {event['key']}  {kind}{why}{exposure}"


def transition(event, began):
    step = event["transition"]
    at = seconds(step["at"]) - began
    rule = f" by {event['rule']}" if step["cause"] == "rule" else ""
    change = f"{step['from']} → {paint(step['to'], BOLD, COLOURS.get(step['to'], YELLOW))}"
    return f"{at:5.1f} s  {event['key']}  {change}  {step['cause'].replace('_', ' ')}{rule}"


def beside(value, threshold):
    """The value with two decimals, or as many as tell it apart from its threshold."""
    for decimals in range(2, 9):
        text = f"{value:.{decimals}f}"
        if float(text) != threshold or value == threshold:
            break
    return text.rstrip("0").rstrip(".")


def tell(act):
    """The evidence at the opening."""
    opening = act.opening()
    opened = moment(opening) - act.began
    heading(f"evidence at the opening, {opened:.1f} s: {opening['verdict']} by {opening['rule']}")
    for item in opening["evidence"]:
        value = "none" if item["value"] is None else beside(item["value"], item["threshold"])
        unit = {"ratio": "", "1": ""}.get(item["unit"], f" {item['unit']}")
        met = paint("met", RED) if item["met"] else "not met"
        say(
            f"  {item['condition']:<18} {value:>6}{unit:<2}  threshold {item['threshold']:g}{unit}, {met}"
            f"   {item['samples']} samples in {item['window_s']:g} s, {item['source']}"
        )


def compare(acts):
    """Both runs side by side. Answers what did not come out."""
    rows = []
    for act in acts:
        before = act.dead_until_opening()
        holds = act.holds()
        rows.append(
            {
                "mode": act.mode,
                "opened_s": round(moment(act.opening()) - act.began, 1),
                "dead_until_opening": before,
                "dead_after_opening": act.dead - before,
                "exposure": holds[0]["exposure"] if holds else 0,
                "holds": len(holds),
                "last_half_open_to_closed_s": round(act.recovery_s(), 2),
                "published": act.published,
                "acked": act.consumer["acked"],
                "dead_lettered": act.dead,
                "queued": act.queued,
                **act.stage.broker.losses(act.consumer),
            }
        )
    observed, enforced = rows
    heading("compared, as broker, dead-letter queue and consumer count")
    names = {
        "opened_s": "opened after, s",
        "dead_until_opening": "dead letters until the opening",
        "dead_after_opening": "dead letters after it",
        "exposure": "exposure shown at the opening",
        "holds": "holds",
        "last_half_open_to_closed_s": "last half-open to closed, s",
        "published": "published",
        "acked": "acked",
        "dead_lettered": "dead letters in all",
        "queued": "still queued",
    }
    losses = list(acts[0].stage.broker.losses(acts[0].consumer))
    names.update((loss, loss.replace("_", " ")) for loss in losses)
    say(f"  {'':<32}{'observe':>10}{'enforce':>10}")
    for key, name in names.items():
        values = "".join(f"{row[key]:>10}" for row in rows)
        say(f"  {name:<32}" + (paint(values, BOLD) if key == "dead_after_opening" else values))
    found = []
    for row in rows:
        if row["published"] != row["acked"] + row["dead_lettered"] + row["queued"]:
            found.append(f"in mode {row['mode']} published is not acked + dead letters + queued")
        found += [f"in mode {row['mode']}: {row[loss]} {names[loss]}" for loss in losses if row[loss]]
    dead, without, exposure = enforced["dead_after_opening"], observed["dead_after_opening"], enforced["exposure"]
    if dead <= without / 10:
        say(f"  at most a tenth: {dead} of {without}")
    elif dead <= exposure:
        say(f"  no more than the exposure shown: {dead} of {without}, exposure {exposure}")
    else:
        found.append(
            f"held, more than a tenth became dead letters after the opening ({dead} of {without}), and more than the exposure "
            f"shown, {exposure}, explains"
        )
    return rows, found


def main():
    parser = argparse.ArgumentParser(description="A storm, without and with its consumer's requests held.")
    parser.add_argument("stormfuse")
    parser.add_argument("--broker", choices=list(KINDS), default="rabbitmq")
    parser.add_argument("--prefetch", type=int, default=20, metavar="N", help="of RabbitMQ's consumer or Celery's worker (default 20)")
    parser.add_argument("--outage", type=int, default=OUTAGE, metavar="SECONDS", help=f"how long (default {OUTAGE})")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the comparison there as well")
    arguments = parser.parse_args()

    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    heading("stormfuse, live: a consumer turns bad and recovers, twice (about two minutes; Ctrl-C ends it)")
    stage = Stage(arguments.stormfuse, arguments.broker, arguments.prefetch)
    try:
        problem = own_network()
        where = "a network namespace of its own" if problem is None else f"loopback (a network of its own: {problem})"
        say(f"starting a private {stage.broker.title} in {where} …")
        settings = stage.broker.settings()
        say(paint(settings[-1].read_text().rstrip(), DIM) if settings else "stormfuse has its default settings, nothing scaled")
        stage.start_broker()
        say(f"publisher: {stage.broker.per_second} orders a second into {stage.broker.where}; {stage.broker.how}; under stormfuse run")
        say(f"after {OUTAGE_FROM} s a service that the consumer needs is down, for {arguments.outage} s")
        acts = [Act(stage, mode, arguments.outage) for mode in ("observe", "enforce")]
        for act in acts:
            act.play()
            if act.mode == "observe":
                tell(act)
                stage.broker.clear()
        rows, found = compare(acts)
        if arguments.json:
            arguments.json.write_text(json.dumps({"prefetch": arguments.prefetch, "runs": rows, "problems": found}) + "\n")
        if found:
            raise Failure("; ".join(found))
        say()
        say("Without enforcement, the default, the breaker ran as a shadow and only said what it would do.")
    except KeyboardInterrupt:
        say("\nstopped; everything that was started is being ended")
        return 130
    except (Failure, OSError, *stage.broker.errors()) as problem:
        say()
        print(f"demo: {problem or type(problem).__name__}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stage.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
