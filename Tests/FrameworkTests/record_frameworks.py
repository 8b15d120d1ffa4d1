#!/usr/bin/env python3
"""Records real frameworks at work, with the truth from their own hooks, into Tests/ReplayTests/frameworks.

    .venv-frameworks/main/bin/python Tests/FrameworkTests/record_frameworks.py [NAME…]
    .venv-frameworks/main/bin/python Tests/FrameworkTests/record_frameworks.py --list

As root, or as a user who may run dumpcap. `scripts/frameworks record` does the same and installs first what is lacking.
`cases.py` and `controls.py` name what there is, `workers/` has the programs. Each recording is NAME.pcapng and
NAME.json:

  port      the broker's
  why       what the framework did, and what the wire therefore means
  groups    the report's terms by key, as the hooks counted them. A failure (requeued, rejected, dead_lettered, crashed,
            expired) that is not named is 0; other terms that are not named are not compared. attempts_max is the
            greatest number of tries of one message (attempts_least, attempts_most: its bounds)
  verdict_not   what the verdict of a group with failures must not be in the end; with `quiet`, that of every named
                group
  seen, rules   kinds of verdict and rules that must have been among the verdicts; rules_not: rules that must not
  quiet     true: no failure in any group, named or not, and no breaker moves

Recordings called wild_*, rabbit_*, control_rabbit_* and some kafka_* are not made here.

Published is before the capture begins, but for the cases that say `during`. Times, names and ids are the recording's
own. A file is below 400 kB; what identifies the machine is taken out of its header.
"""

import json
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "ReplayTests"))

from record import anonymous, capture  # noqa: E402

from cases import cases  # noqa: E402
from stage import WORKERS_READY_S, Failure, Play, start_kafka, start_rabbitmq, stop_rabbitmq  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "ReplayTests" / "frameworks"
LIMIT_BYTES = 400_000


def record(case, port, bootstrap, raw):
    play = Play(case, port, bootstrap=bootstrap)
    try:
        if case.during != "all":
            play.publish("first" if case.during else "all")
        stop = capture(port, raw)
        try:
            play.start()
            if case.during == "all":
                time.sleep(WORKERS_READY_S)
            if case.during:
                play.publish("all" if case.during == "all" else "second")
            play.wait()
            play.stop()
        finally:
            stop()
        counts = play.counts()
    finally:
        play.close()
    anonymous(raw)
    size = raw.stat().st_size
    if size > LIMIT_BYTES:
        raise Failure(f"{case.name}: {size} bytes are too many for the tree")
    truth = {"port": port, "why": case.why, "groups": case.truth(counts), **case.outcome}
    shutil.copy(raw, FOLDER / f"{case.name}.pcapng")
    (FOLDER / f"{case.name}.pcapng").chmod(0o644)
    (FOLDER / f"{case.name}.json").write_text(json.dumps(truth, indent=2) + "\n")
    print(f"{case.name}: {size} bytes, {json.dumps(truth['groups'])}", flush=True)


def main():
    known = cases()
    if sys.argv[1:] == ["--list"]:
        print("\n".join(known))
        return 0
    names = sys.argv[1:] or list(known)
    unknown = set(names) - set(known)
    if unknown:
        sys.exit(f"record_frameworks.py: no case {', '.join(sorted(unknown))}; --list names them")
    FOLDER.mkdir(exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-record-", dir="/tmp"))
    failed, rabbitmq = [], None
    try:
        for name in names:
            case, kafka = known[name], None
            bootstrap = None
            try:
                if case.broker == "kafka":
                    kafka, bootstrap, port = start_kafka([f"{name}:{case.partitions}", *case.topics])
                else:
                    rabbitmq = rabbitmq or start_rabbitmq(directory / "broker")
                    port = rabbitmq
                record(case, port, bootstrap, directory / f"{name}.pcapng")
            except Failure as problem:
                print(problem, file=sys.stderr, flush=True)
                failed.append(name)
            finally:
                if kafka:
                    kafka.terminate()
                    kafka.wait()
    finally:
        if rabbitmq:
            stop_rabbitmq(directory / "broker")
        shutil.rmtree(directory, ignore_errors=True)
    if failed:
        sys.exit(f"record_frameworks.py: not recorded: {', '.join(failed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
