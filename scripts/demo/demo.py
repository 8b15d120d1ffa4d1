#!/usr/bin/env python3
"""The main job, live, in about a minute: a consumer turns bad, stormfuse sees it, and says what holding would have saved.

    demo.py STORMFUSE

Starts a private RabbitMQ on loopback, a publisher, and `stormfuse run` around an ordinary consumer; tells how it goes;
then shows the breaker's timeline, the evidence at the moment of opening, and the dead letters before and after it as
the broker counts them. All that it started is gone when it ends, however it ends.
"""

import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pika

HERE = pathlib.Path(__file__).resolve().parent
BROKER = HERE.parent.parent / "Tests/LiveTests/broker"
CONFIGURATION = HERE / "stormfuse.yaml"
QUEUE = "orders"
KEY = f"rabbitmq:%2F:{QUEUE}"
# Seconds after the consumer's start.
OUTAGE_FROM, OUTAGE_TO, LONGEST = 10, 24, 50
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


class Stage:
    """Everything that is started, so that everything ends."""

    def __init__(self, stormfuse):
        self.stormfuse = stormfuse
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-demo-", dir="/tmp"))
        self.events, self.report = self.directory / "events.jsonl", self.directory / "report.json"
        self.processes = []
        self.broker_started = False
        self.connection = None

    def start_broker(self):
        self.broker_started = True
        broker = subprocess.run(
            [BROKER, "start", self.directory / "broker", "0", "--owner", str(os.getpid()), "--cluster", "demo"],
            stdout=subprocess.PIPE,
        )
        if broker.returncode:
            raise Failure("RabbitMQ did not start; its reason is above")
        self.port = json.loads(broker.stdout)["port"]

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

    def depths(self):
        """Messages ready in the queue and in its dead-letter queue, as the broker counts them."""
        if self.connection is None:
            self.connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port))
            self.channel = self.connection.channel()
        names = (QUEUE, f"{QUEUE}.dlq")
        return [self.channel.queue_declare(name, passive=True).method.message_count for name in names]

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
        if self.broker_started:
            subprocess.run([BROKER, "stop", self.directory / "broker"], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)


def seconds(moment):
    """RFC 3339 with up to nine digits of a second, as seconds since the epoch."""
    whole, _, fraction = moment.rstrip("Z").partition(".")
    parsed = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return parsed.timestamp() + float(f"0.{fraction or 0}")


def read_events(path):
    """The whole lines so far: one transition each."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [event for event in map(json.loads, lines) if event["key"] == KEY]


def play(stage):
    """Runs the story; returns when it began and the dead letters by time: [(seconds since the epoch, count)]."""
    say("starting a private RabbitMQ on loopback …")
    stage.start_broker()
    publisher = stage.start(
        "publisher", [sys.executable, HERE / "publisher.py", stage.port, QUEUE], stdout=subprocess.PIPE
    )
    if publisher.stdout.readline().strip() != b"declared":
        raise Failure(f"the publisher did not start: {stage.words('publisher')}")
    began = time.time()
    environment = {**os.environ, "OUTAGE_FROM": str(began + OUTAGE_FROM), "OUTAGE_TO": str(began + OUTAGE_TO)}
    sidecar = stage.start(
        "stormfuse",
        [
            stage.stormfuse, "run", "--config", CONFIGURATION, "--events", stage.events, "--report", stage.report,
            "--admin", f"unix:{stage.directory}/admin", "--", sys.executable, HERE / "consumer.py", stage.port, QUEUE,
        ],
        env=environment,
    )
    say(f"publisher: 40 orders a second into queue {QUEUE}; consumer: under stormfuse run, pid {sidecar.pid}")
    say(f"in {OUTAGE_FROM} s a service that the consumer needs times out, for {OUTAGE_TO - OUTAGE_FROM} s")
    heading("live")

    counts, shown, told, closed_at = [], 0, 0, None
    while True:
        if sidecar.poll() is not None:
            raise Failure(f"stormfuse ended with status {sidecar.returncode}: {stage.words('stormfuse') or 'no word'}")
        elapsed = time.time() - began
        backlog, dead = stage.depths()
        counts.append((time.time(), dead))
        for event in read_events(stage.events)[shown:]:
            shown += 1
            say(transition(event, began))
            closed_at = elapsed if event["transition"]["to"] == "closed" else None
        phase = "healthy" if elapsed < OUTAGE_FROM else "outage" if elapsed < OUTAGE_TO else "recovered"
        status = f"{elapsed:5.1f} s  consumer {phase:<9}  backlog {backlog:>4}  dead letters {dead:>4}"
        if TERMINAL:
            print("\r\033[K" + paint(status, RED if phase == "outage" else DIM), end="", flush=True)
        elif elapsed >= told:
            say(status)
            told += 2
        if elapsed > OUTAGE_TO and closed_at is not None and elapsed > closed_at + SETTLED_S:
            break
        if elapsed > LONGEST:
            break
        time.sleep(0.1)
    sidecar.terminate()
    try:
        sidecar.wait(15)
    except subprocess.TimeoutExpired:
        raise Failure("stormfuse did not end within 15 s of SIGTERM") from None
    return began, counts


def transition(event, began):
    step = event["transition"]
    at = seconds(step["at"]) - began
    rule = f" by {event['rule']}" if step["cause"] == "rule" else ""
    change = f"{step['from']} → {paint(step['to'], BOLD, COLOURS.get(step['to'], YELLOW))}"
    return f"{at:5.1f} s  {event['key']}  {change}  {step['cause'].replace('_', ' ')}{rule}"


def tell(stage, began, counts):
    """The timeline, the evidence, the dead letters. False if the story did not come out."""
    events = read_events(stage.events)
    opening = next((event for event in events if event["transition"]["to"] == "open"), None)
    heading("timeline")
    say(f"{OUTAGE_FROM:5.1f} s  the service begins to time out")
    told = False
    for event in events:
        if not told and seconds(event["transition"]["at"]) - began > OUTAGE_TO:
            say(f"{OUTAGE_TO:5.1f} s  the service is back")
            told = True
        say(transition(event, began))
    if opening is None:
        raise Failure("the breaker never opened; the report's verdict was " + verdict(stage))

    opened = seconds(opening["transition"]["at"])
    heading(f"evidence at the opening, {opened - began:.1f} s: {opening['verdict']} by {opening['rule']}")
    for item in opening["evidence"]:
        value = "none" if item["value"] is None else f"{item['value']:.2f}".rstrip("0").rstrip(".")
        unit = {"ratio": "", "1": ""}.get(item["unit"], f" {item['unit']}")
        met = paint("met", RED) if item["met"] else "not met"
        say(
            f"  {item['condition']:<18} {value:>6}{unit:<2}  threshold {item['threshold']:g}{unit}, {met}"
            f"   {item['samples']} samples in {item['window_s']:g} s, {item['source']}"
        )

    before = max([count for at, count in counts if at <= opened], default=0)
    total = counts[-1][1]
    heading("dead letters, counted by the broker")
    say(f"  until the opening   {before:>4}")
    say(f"  after it            {paint(f'{total - before:>4}', BOLD, RED)}   which a hold would have prevented, but for the few of its probes")
    say()
    say("Nothing was held: mode is observe, the default. The breaker ran as a shadow and said what it would do.")
    closed = any(event["transition"]["to"] == "closed" for event in events)
    if not closed:
        raise Failure("the breaker did not close again after the recovery")


def verdict(stage):
    try:
        groups = json.loads(stage.report.read_text())["groups"]
        return next(group["verdict"]["kind"] for group in groups if group["key"] == KEY)
    except (OSError, ValueError, KeyError, StopIteration):
        return f"not to be had; its own words: {stage.words('stormfuse') or 'none'}"


def main():
    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    heading("stormfuse, live: a consumer turns bad and recovers (about a minute; Ctrl-C ends it)")
    say(paint(CONFIGURATION.read_text().rstrip(), DIM))
    say()
    stage = Stage(sys.argv[1])
    try:
        tell(stage, *play(stage))
    except KeyboardInterrupt:
        say("\nstopped; everything that was started is being ended")
        return 130
    except (Failure, OSError, pika.exceptions.AMQPError) as problem:
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
