#!/usr/bin/env python3
"""Does a total outage open the breaker, with the default settings? Consumers that fail everything fast, live.

    outages.py list
    outages.py run [NAME…] [--noise MINUTES] [--healthy S] [--within S] [--jobs N] [--keep] [--json FILE]

RabbitMQ (classic and quorum queues) and Kafka (librdkafka's mock cluster); 0, 1, 5 and 10 retries before the dead letter,
at once or after four seconds in a waiting queue; 5 and 50 messages a second. Each case: a publisher at that rate, a
consumer under `stormfuse run` that is fine for --healthy seconds (60) and then fails every message; the breaker must open
within --within seconds (60) of that. With --noise no outage comes, but 2 % of the messages fail at every try, for that many
minutes: it must not open. Prints a table; exit status 0 if every case passed. The binary is $STORMFUSE_BINARY, else
.build/release/stormfuse. Brokers are its own, on loopback, and gone when it ends.
"""

import argparse
import concurrent.futures
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLIENTS = HERE / "clients"
PYTHON = ROOT / ".venv/bin/python"
NOISE = 0.02
# Ten of them are 40 s: of five messages a second the window of 60 s then holds 100 ends, of which the rule needs 50. With
# 50 s it would be just 50, and the outage would open somewhere between 52 s and 60 s.
WAIT_S = 4
READY_S, ENDING_S = 20, 20
# Set by Ctrl-C and SIGTERM: every case ends what it started.
interrupted = threading.Event()


class Failure(Exception):
    """What happened, why, and what to do, in one line."""


class Outage:
    """One row of the matrix. `kind` is a RabbitMQ queue's type, or kafka; `wait_s` 0: retries come back at once."""

    def __init__(self, kind, retries, wait_s, rate):
        self.kind, self.retries, self.wait_s, self.rate = kind, retries, wait_s, rate
        how = f"wait-{wait_s:g}s" if wait_s else "at-once"
        self.name = f"{kind}-{retries}-retries-{how}-{rate}-per-s"


def cases():
    result = []
    for kind in ("classic", "quorum", "kafka"):
        for retries in (0, 1, 5, 10):
            # Kafka has no queue that waits: a consumer seeks back.
            for wait_s in (0, WAIT_S) if retries and kind != "kafka" else (0,):
                for rate in (5, 50):
                    result.append(Outage(kind, retries, wait_s, rate))
    return {case.name: case for case in result}


def seconds(text):
    """RFC 3339 with up to nine digits of a second, as seconds since 1970."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    parsed = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return parsed.timestamp() + float(f"0.{fraction or 0}")


def openings(path):
    """(seconds since 1970, rule) of every opening in an event log."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_text().splitlines():
            with contextlib.suppress(ValueError):  # the last line may still be on its way
                event = json.loads(line)
                step = event.get("transition", {})
                if step.get("to") == "open":
                    found.append((seconds(step["at"]), event["rule"]))
    return found


def stop(process, within_s):
    """SIGTERM, then SIGKILL to all that it started. True if it ended by itself."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(within_s)
        return True
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False


def last_words(path):
    return path.read_text(errors="replace").strip().splitlines()[-2:] if path.exists() else []


def commands(case, brokers, outage_from, noise):
    """What the target and the publisher run, and what comes before them (None: nothing)."""
    queue = f"outage.{case.name}"
    fails = ["--retries", str(case.retries), "--noise", str(noise)]
    if outage_from:
        fails += ["--outage-from", str(outage_from)]
    if case.kind == "kafka":
        where = ["--bootstrap", brokers["kafka"]["bootstrap"], "--topic", queue]
        return (
            [PYTHON, CLIENTS / "failing_kafka_client.py", *where, "--group", queue, *fails],
            [PYTHON, CLIENTS / "kafka_publisher.py", *where, "--rate", str(case.rate), "--seconds", "1000000"],
            None,
        )
    where = ["--port", str(brokers["rabbitmq"]["port"]), "--queue", queue]
    consumer = [PYTHON, CLIENTS / "failing_client.py", *where, "--declare", case.kind, *fails]
    consumer += ["--wait-s", str(case.wait_s)]
    publisher = [PYTHON, CLIENTS / "publisher.py", *where, "--rate", str(case.rate), "--count", "1000000000"]
    return consumer, [*publisher, "--message-id"], [*consumer, "--only-declare"]


def run_case(case, brokers, binary, healthy_s, within_s, noise_minutes=0, keep=False):
    """Answers {"opened_s", "rule", "verdict", "did", "problems"}. `opened_s` counts from the outage, or the beginning."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-outage-", dir="/tmp"))
    events, report = directory / "events.jsonl", directory / "report.json"
    processes, problems = [], []

    def start(name, command):
        log = open(directory / name, "wb")
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        processes.append(process)
        return process

    try:
        began = time.time()
        outage_from = None if noise_minutes else began + healthy_s
        consumer, publisher, before = commands(case, brokers, outage_from, NOISE if noise_minutes else 0)
        if before:
            subprocess.run([str(word) for word in before], check=True, timeout=READY_S)
        sidecar = start("sidecar", [binary, "run", "--events", events, "--report", report, "--", *consumer])
        publishing = start("publisher", publisher)
        end = began + noise_minutes * 60 if noise_minutes else outage_from + within_s
        while time.time() < end and not openings(events):
            if interrupted.is_set():
                raise Failure("interrupted")
            for name, process in (("stormfuse", sidecar), ("the publisher", publishing)):
                if process.poll() is not None:
                    raise Failure(f"{name} ended with status {process.returncode}")
            time.sleep(0.2)
        stop(publishing, ENDING_S)
        if not stop(sidecar, ENDING_S):
            problems.append("stormfuse did not end after SIGTERM")
        found = openings(events)
        groups = json.loads(report.read_text())["groups"] if report.exists() else []
        group = next((group for group in groups if group["key"].endswith(case.name)), None)
        if group is None:
            problems.append(f"the report has no group {case.name}")
        elif group["coverage"] is None or group["coverage"] < 0.95:
            problems.append(f"coverage {group['coverage']}")
        opened_s = round(found[0][0] - (outage_from or began), 1) if found else None
        if noise_minutes and group and not (group["error_rate"] and group["totals"]["acked"] > 100):
            problems.append(f"not the noise that was meant: {group['totals']}")
        if noise_minutes and found:
            problems.append(f"opened by {found[0][1]} after {opened_s} s of noise")
        elif not noise_minutes and not found:
            problems.append(f"not opened within {within_s:g} s")
        elif not noise_minutes and opened_s > within_s:
            problems.append(f"opened after {opened_s} s, not within {within_s:g} s")
        elif not noise_minutes and opened_s < 0:
            problems.append("opened before the outage")
        words = (directory / "sidecar").read_text(errors="replace").splitlines()
        did = next((json.loads(line) for line in reversed(words) if line.startswith('{"acked"')), None)
        return {
            "opened_s": opened_s, "rule": found[0][1] if found else None,
            "verdict": group and group["verdict"]["kind"], "totals": group and group["totals"], "did": did,
            "problems": problems,
        }
    except (Failure, OSError, subprocess.SubprocessError) as problem:
        words = [line for path in (directory / "sidecar", directory / "publisher") for line in last_words(path)]
        problems = [str(problem), *words]
        return {"opened_s": None, "rule": None, "verdict": None, "totals": None, "did": None, "problems": problems}
    finally:
        for process in reversed(processes):
            if process.poll() is None:
                stop(process, 5)
        if keep:
            print(f"{case.name}: kept in {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def own_brokers(chosen):
    """Those that the cases need; gone when this process is."""
    brokers, owner, directory, kafka = {}, ["--owner", str(os.getpid())], None, None
    try:
        if any(case.kind != "kafka" for case in chosen):
            directory = tempfile.mkdtemp(prefix="stormfuse-broker-", dir="/tmp")
            command = [sys.executable, HERE / "broker", "start", directory, "0", *owner, "--remove"]
            started = subprocess.run(command, stdout=subprocess.PIPE)
            if started.returncode:
                raise Failure("the broker did not start; its reason is above")
            brokers["rabbitmq"] = json.loads(started.stdout)
        topics = [f"outage.{case.name}" for case in chosen if case.kind == "kafka"]
        if topics:
            command = [str(PYTHON), str(HERE / "kafka_broker"), *owner]
            for topic in topics:
                command += ["--topic", topic, "--topic", f"{topic}.DLT"]
            kafka = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
            line = kafka.stdout.readline()
            if not line:
                raise Failure("the mock cluster did not start; its reason is above")
            brokers["kafka"] = json.loads(line)
        yield brokers
    finally:
        if kafka:
            stop(kafka, 5)
        if directory:
            subprocess.run([sys.executable, HERE / "broker", "stop", directory])
            shutil.rmtree(directory, ignore_errors=True)


def run(arguments):
    known = cases()
    for name in arguments.names:
        if name not in known:
            raise Failure(f"no case {name!r}; `outages list` names them")
    chosen = [known[name] for name in arguments.names] or list(known.values())
    binary = pathlib.Path(os.environ.get("STORMFUSE_BINARY", ROOT / ".build/release/stormfuse")).resolve()
    for needed in (binary, PYTHON):
        if not os.access(needed, os.X_OK):
            raise Failure(f"{needed} is not there: run scripts/setup --for tests")
    results = {}
    with own_brokers(chosen) as brokers:
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            waiting = {}
            for case in chosen:
                options = (brokers, binary, arguments.healthy, arguments.within, arguments.noise, arguments.keep)
                waiting[pool.submit(run_case, case, *options)] = case
            # The threads look at `interrupted`; what has not begun ends as soon as it has.
            for end in (signal.SIGINT, signal.SIGTERM):
                signal.signal(end, lambda *_: interrupted.set())
            for done in concurrent.futures.as_completed(waiting):
                results[waiting[done].name] = result = done.result()
                print(f"outages: {len(results)} of {len(chosen)}: {waiting[done].name}", file=sys.stderr, flush=True)
                if arguments.json:
                    with open(arguments.json, "a") as file:
                        file.write(json.dumps({"case": waiting[done].name, **result}) + "\n")
    print(f"| {'Case':<38} | {'Opened after':>12} | {'Rule':<17} | {'Verdict':<8} | Result |")
    print(f"|{'-' * 40}|{'-' * 13}:|{'-' * 19}|{'-' * 10}|{'-' * 8}|")
    for case in chosen:
        result = results[case.name]
        opened = "–" if result["opened_s"] is None else f"{result['opened_s']:.1f} s"
        verdict = "; ".join(["FAIL", *result["problems"]]) if result["problems"] else "PASS"
        print(f"| {case.name:<38} | {opened:>12} | {result['rule'] or '–':<17} | {result['verdict'] or '–':<8} | {verdict:<6} |")
    return 1 if any(result["problems"] for result in results.values()) else 0


def main():
    parser = argparse.ArgumentParser(description="Consumers that fail everything fast, under stormfuse with its defaults.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    command = commands.add_parser("run")
    command.add_argument("names", nargs="*", metavar="NAME")
    command.add_argument("--noise", type=float, default=0, metavar="MINUTES", help="2 %% failures, no outage")
    command.add_argument("--healthy", type=float, default=60, metavar="S", help="how long all is well before the outage")
    command.add_argument("--within", type=float, default=60, metavar="S")
    command.add_argument("--jobs", type=int, default=12, metavar="N", help="cases at a time")
    command.add_argument("--keep", action="store_true", help="keep each case's files and say where")
    command.add_argument("--json", metavar="FILE", help="append a line for each case")
    arguments = parser.parse_args()
    try:
        if arguments.command == "list":
            print("\n".join(cases()))
        else:
            sys.exit(run(arguments))
    except Failure as problem:
        sys.exit(f"outages: {problem}")


if __name__ == "__main__":
    main()
