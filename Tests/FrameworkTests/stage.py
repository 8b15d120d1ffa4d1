"""Runs the workers of one case, and says what their frameworks' hooks counted. Shared by the recorder and the live
run."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIVE = ROOT / "Tests" / "LiveTests"
ENVIRONMENTS = ROOT / ".venv-frameworks"
# Frameworks whose dependencies exclude those of the others.
APART = ("eventiq", "propan", "remoulade")
BROKER_PYTHON = ROOT / ".venv" / "bin" / "python"
# Ends of a message in the journal, as the hooks name them.
ENDS = ("success", "failure")
ENDING_S = 20
# So long until a worker has declared what its callers need.
WORKERS_READY_S = 6


class Failure(Exception):
    """What happened, why, and what to do, in one line."""


class Counts(dict):
    """How often each event stands in the journal; `attempts` is the greatest number of tries of one message."""

    def __missing__(self, key):
        return 0


class Case:
    """One framework with one setting.

    `truth` takes the counts of the journal and returns the report's terms for each group, by key. `ends` is the number
    of ends that the journal must have before the workers are stopped, for a number of published messages. `during`
    publishes the second half, or "all", while the workers run. `published` is the share of messages that is published;
    the handlers publish the others. `publisher` are options for publishing only. `outcome` is what the report must say
    besides totals.
    """

    def __init__(
        self,
        name,
        program,
        truth,
        why,
        *,
        prefetch=1,
        workers=1,
        options=None,
        during=False,
        ends=lambda m: m,
        messages=60,
        broker="rabbitmq",
        outcome=None,
        queue=None,
        published=1.0,
        publisher=None,
        partitions=1,
        topics=(),
        seconds=90,
        settle_s=1.0,
    ):
        self.name, self.program, self.truth, self.why = name, program, truth, why
        self.prefetch, self.workers, self.options, self.during = prefetch, workers, options or {}, during
        self.ends, self.messages, self.broker = ends, messages, broker
        self.queue, self.published, self.publisher = queue or name, published, publisher or {}
        self.outcome = {"verdict_not": ["healthy"]} if outcome is None else outcome
        self.partitions, self.topics, self.seconds, self.settle_s = partitions, topics, seconds, settle_s

    @property
    def command(self):
        program = str(HERE / "workers" / self.program)
        if program.endswith(".php"):
            return ["php", program]
        if program.endswith(".rb"):
            return ["ruby", program]
        framework = self.program.removesuffix("_worker.py")
        return [str(ENVIRONMENTS / (framework if framework in APART else "main") / "bin" / "python"), program]


class Play:
    """One run of a case: `publish`, `start`, `wait`, `stop`, `counts`, `close`."""

    def __init__(self, case, port, messages=None, bootstrap=None, seconds=None):
        self.case, self.port, self.bootstrap = case, port, bootstrap
        self.messages, self.seconds = messages or case.messages, seconds or case.seconds
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-framework-", dir="/tmp"))
        self.process = None

    def environment(self, messages, first=0, options=None):
        told = {
            "port": self.port,
            "bootstrap": self.bootstrap,
            "queue": self.case.queue,
            "messages": messages,
            "first": first,
            "prefetch": self.case.prefetch,
            "directory": str(self.directory),
            "options": {**self.case.options, **(options or {})},
        }
        return {**os.environ, "FRAMEWORK": json.dumps(told), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}

    def publish(self, share="all"):
        """All messages, or the first or the second half of them."""
        messages = round(self.messages * self.case.published)
        half = messages // 2
        first, count = {"all": (0, messages), "first": (0, half), "second": (half, messages - half)}[share]
        done = subprocess.run(
            [*self.case.command, "publish"],
            env=self.environment(count, first, self.case.publisher),
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise Failure(f"{self.case.name}: publishing failed: {done.stderr[-1500:]}")

    def start(self, under=()):
        """Starts the workers, as one process with children, with the words of `under` before its command."""
        command = [*under, sys.executable, HERE / "together.py", self.case.workers, *self.case.command, "work"]
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                env=self.environment(self.messages),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def counts(self):
        counts, tries = Counts(), {}
        journal = self.directory / "journal"
        for line in journal.read_text().splitlines() if journal.exists() else []:
            event, number = line.split()
            counts[event] += 1
            if event == "try":
                tries[number] = tries.get(number, 0) + 1
        counts["attempts"] = max(tries.values(), default=0)
        return counts

    def wait(self):
        """Until the journal has all ends, and a moment more for what follows on the wire."""
        wanted, deadline = self.case.ends(self.messages), time.monotonic() + self.seconds
        while True:
            counts = self.counts()
            if sum(counts[end] for end in ENDS) >= wanted:
                break
            status = self.process.poll()
            if status is not None or time.monotonic() > deadline:
                why = "not done in time" if status is None else f"a worker ended with status {status}"
                raise Failure(f"{self.case.name}: {why}: {dict(counts)}; its words: {self.words()}")
            time.sleep(0.1)
        time.sleep(self.case.settle_s)

    def words(self):
        return (self.directory / "log").read_text(errors="replace")[-1500:]

    def stop(self):
        """Ends the workers in good order, with SIGKILL after a while."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(ENDING_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory)


def start_rabbitmq(folder):
    """A broker of its own with everything in `folder`; returns its port."""
    started = subprocess.run(
        [sys.executable, LIVE / "broker", "start", folder, "0", "--owner", str(os.getpid()), "--cluster", "recorded"],
        stdout=subprocess.PIPE,
    )
    if started.returncode:
        raise Failure("the broker did not start; its reason is above")
    return json.loads(started.stdout)["port"]


def stop_rabbitmq(folder):
    subprocess.run([sys.executable, LIVE / "broker", "stop", folder])


def start_kafka(topics):
    """librdkafka's mock cluster with one broker; returns its process, bootstrap and port."""
    command = [BROKER_PYTHON, LIVE / "kafka_broker", "--owner", str(os.getpid())]
    for topic in topics:
        command += ["--topic", topic]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line:
        raise Failure("the mock broker did not start; its reason is above")
    told = json.loads(line)
    return process, told["bootstrap"], told["port"]
