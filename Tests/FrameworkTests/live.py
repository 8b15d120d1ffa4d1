#!/usr/bin/env python3
"""Real frameworks under `stormfuse run`, compared with what their own hooks say. Printed is a table, a line a case.

    live.py list
    live.py run [NAME…] [--messages N] [--seconds S] [--json FILE]

Each case of cases.py and controls.py: --messages (1,000) are published, the workers run as one target under stormfuse
with its default settings until the hooks have told the end of every message (--seconds at most, 300), then SIGTERM;
the report must have exactly what the hooks counted, in the sense of record_frameworks.py. Exit status 0 if every case
is so. The binary is $STORMFUSE_BINARY, else .build/release/stormfuse. Brokers are its own, on loopback, and gone when
it ends. Needs what `stormfuse run` needs: CAP_BPF and CAP_NET_ADMIN.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

from cases import cases
from stage import ROOT, WORKERS_READY_S, Failure, Play, start_kafka, start_rabbitmq, stop_rabbitmq

FAILURES = ("requeued", "rejected", "dead_lettered", "crashed", "expired")
SHOWN = ("delivered", "acked", "acked_paired", "requeued", "rejected", "dead_lettered", "returned", "moved")


def differences(report, truth, outcome):
    """What the report says otherwise than the hooks, in words."""
    found = []
    groups = {group["key"]: group for group in report["groups"]}
    is_quiet = outcome.get("quiet", False)
    for key, terms in truth.items():
        group = groups.get(key)
        if group is None:
            found.append(f"{key} is missing")
            continue
        actual = {**group["totals"], "attempts_max": group["attempts"]["max"]}
        for term in dict.fromkeys([*terms, *FAILURES]):
            if actual.get(term) != terms.get(term, 0):
                found.append(f"{term} is {actual.get(term)}, the hooks say {terms.get(term, 0)}")
        is_failing = any(terms.get(term) for term in FAILURES)
        if (is_quiet or is_failing) and group["verdict"]["kind"] in outcome.get("verdict_not", []):
            found.append(f"{key} is {group['verdict']['kind']}")
    for key, group in groups.items():
        if is_quiet or key not in truth:
            found += [f"{key} has {group['totals'][term]} {term}" for term in FAILURES if group["totals"][term]]
            if group["breaker"]["transitions"]:
                found.append(f"the breaker of {key} moved")
    if report["capture"]["lost_bytes"]:
        found.append(f"{report['capture']['lost_bytes']} bytes were lost")
    return list(dict.fromkeys(found))


def run_case(case, binary, port, bootstrap, arguments):
    play = Play(case, port, messages=arguments.messages, bootstrap=bootstrap, seconds=arguments.seconds)
    report_path = play.directory / "report.json"
    try:
        if case.during != "all":
            play.publish("first" if case.during else "all")
        play.start(under=[binary, "run", "--report", report_path, "--"])
        if case.during == "all":
            time.sleep(WORKERS_READY_S)
        if case.during:
            play.publish("all" if case.during == "all" else "second")
        play.wait()
        play.stop()
        if not report_path.exists():
            raise Failure(f"{case.name}: no report; last words: {play.words()}")
        report, truth = json.loads(report_path.read_text()), case.truth(play.counts())
        group = next((group for group in report["groups"] if group["key"] == next(iter(truth))), None)
        return {"group": group, "differences": differences(report, truth, case.outcome)}
    except Failure as problem:
        return {"group": None, "differences": [" ".join(str(problem).split())[:600]]}
    finally:
        play.close()


def print_line(name, result, seconds):
    group = result["group"]
    words = [str(group["totals"].get(term, "-")) for term in SHOWN] if group else ["-"] * len(SHOWN)
    words += [str(group["attempts"]["max"]), group["verdict"]["kind"]] if group else ["-", "-"]
    outcome = "; ".join(result["differences"]) or "equal"
    print(f"{name:32}" + "".join(f"{word:>14}" for word in words) + f"{seconds:8.1f}  {outcome}", flush=True)


def run(arguments):
    known = cases()
    names = arguments.names or list(known)
    for name in names:
        if name not in known:
            raise Failure(f"no case {name!r}; `live.py list` names them")
    binary = pathlib.Path(os.environ.get("STORMFUSE_BINARY", ROOT / ".build/release/stormfuse")).resolve()
    if not os.access(binary, os.X_OK):
        raise Failure(f"{binary} is not there: run scripts/setup, or set STORMFUSE_BINARY")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-frameworks-", dir="/tmp"))
    results, rabbitmq = {}, None
    print(
        f"{'case':32}" + "".join(f"{word:>14}" for word in (*SHOWN, "attempts", "verdict")) + f"{'s':>8}  outcome",
        flush=True,
    )
    try:
        for name in names:
            case, kafka, bootstrap, began = known[name], None, None, time.monotonic()
            if case.broker == "kafka":
                kafka, bootstrap, port = start_kafka([f"{name}:{case.partitions}", *case.topics])
            else:
                rabbitmq = rabbitmq or start_rabbitmq(directory / "broker")
                port = rabbitmq
            try:
                results[name] = run_case(case, binary, port, bootstrap, arguments)
            finally:
                if kafka:
                    kafka.terminate()
                    kafka.wait()
            print_line(name, results[name], time.monotonic() - began)
    finally:
        if rabbitmq:
            stop_rabbitmq(directory / "broker")
        shutil.rmtree(directory, ignore_errors=True)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")
    failed = [name for name, result in results.items() if result["differences"]]
    print(f"{len(results) - len(failed)} of {len(results)} equal" + (f"; not: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(
        description="Real frameworks under stormfuse, compared with what their own hooks say."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    command = commands.add_parser("run")
    command.add_argument("names", nargs="*", metavar="NAME")
    command.add_argument(
        "--messages", type=int, default=1000, metavar="N", help="messages of each case, a multiple of 10"
    )
    command.add_argument("--seconds", type=float, default=300, metavar="S", help="at most, for each case")
    command.add_argument("--json", metavar="FILE", help="the groups and differences as JSON")
    arguments = parser.parse_args()
    try:
        if arguments.command == "list":
            print("\n".join(cases()))
        else:
            sys.exit(run(arguments))
    except Failure as problem:
        sys.exit(f"live.py: {problem}")


if __name__ == "__main__":
    main()
