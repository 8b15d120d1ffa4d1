"""One `stormfuse run --mode enforce` with a client under it: started, asked, told, ended."""

import datetime
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.parse

from left_behind import cgroups_of, remove_cgroups
from processes import Failure, binary, end, is_alive, libc, spawn, wait_until

PR_SET_CHILD_SUBREAPER = 36
AUTHOR = "hold tests"


def moment_ns(text):
    """RFC 3339 with up to nine digits of a second, as nanoseconds since 1970."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    parsed = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return int(parsed.timestamp()) * 10**9 + int(f"{fraction:0<9}")


class Admin:
    """The admin API over its Unix socket, one connection kept alive."""

    class Connection(http.client.HTTPConnection):
        def __init__(self, path):
            super().__init__("localhost", timeout=20)
            self.path = path

        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(self.path))

    # An idle connection is closed by the server after a while; one that may be is not used again.
    LONGEST_IDLE_S = 2

    def __init__(self, path):
        self.path = path
        self.connection = None
        self.last_used = 0

    def request(self, method, path, body=None):
        """Status and answer. Raises OSError or http.client.HTTPException when nobody answers."""
        if time.monotonic() - self.last_used > self.LONGEST_IDLE_S:
            self.close()
        if self.connection is None:
            self.connection = self.Connection(self.path)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        self.last_used = time.monotonic()
        return answer.status, json.loads(text) if text else None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Journal:
    """What a client wrote down; see Journal in clients/behaviour.py."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def lines(self):
        """(nanoseconds, word, the rest) of every whole line."""
        if not self.path.exists():
            return []
        return [
            (int(at), word, rest)
            for at, word, *rest in (line.split(" ") for line in self.path.read_text().split("\n")[:-1])
        ]

    def times(self, word):
        return [at for at, name, _ in self.lines() if name == word]

    def deliveries(self):
        """(nanoseconds, number, redelivered)"""
        return [(at, int(rest[0]), rest[1] == "1") for at, word, rest in self.lines() if word == "got"]

    @property
    def pid(self):
        pids = [int(rest[0]) for _, word, rest in self.lines() if word == "connected"]
        return pids[-1] if pids else None


class Sidecar:
    """A client under a stormfuse of its own. The client lives until `close_client`, the sidecar no longer than that."""

    def __init__(
        self, stage, name, client, queue, configuration="mode: enforce\n", state=None, inside=None, key=None, events=None
    ):
        """
        client: the command of a client that takes --log and so on (`client_command`), without its journal.
        state: a directory that outlives it; one of its own unless given.
        inside: words before the command, to enter a network namespace.
        events: where they are written, if not in the sidecar's own directory.
        key: of the group, if it is not that of the RabbitMQ queue `queue`.
        """
        self.name, self.queue = name, queue
        self.key = key or f"rabbitmq:%2F:{urllib.parse.quote(queue, safe='')}"
        self.href = f"/v1/breakers/{urllib.parse.quote(self.key, safe='')}"
        self.directory = stage.directory / name
        self.directory.mkdir()
        self.words = self.directory / "words"
        self.events_path, self.report_path = events or self.directory / "events.jsonl", self.directory / "report.json"
        self.journal = Journal(self.directory / "journal")
        self.socket = self.directory / "admin"
        self.admin = Admin(self.socket)
        (self.directory / "stormfuse.yaml").write_text(configuration)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        command = [
            *(inside or []), binary(), "run", "--config", self.directory / "stormfuse.yaml", "--mode", "enforce",
            "--state", state or self.directory / "state", "--admin", f"unix:{self.socket}",
            "--events", self.events_path, "--report", self.report_path, "--", *client,
        ]
        self.process = spawn(command, self.words)
        self.client_pid = None
        stage.on_end(self.kill)

    # --- asking

    def last_words(self):
        lines = self.words.read_text(errors="replace").strip().splitlines() if self.words.exists() else []
        return " / ".join(lines[-3:]) or "none"

    def wait_ready(self, seconds=30):
        """Until the client consumes and stormfuse has seen it."""
        def is_ready():
            if self.process.poll() is not None:
                status = self.process.returncode
                raise Failure(f"{self.name}: stormfuse ended with {status}; last words: {self.last_words()}")
            return self.journal.pid and self.breaker()

        if not wait_until(is_ready, seconds, 0.05):
            raise Failure(f"{self.name}: the client did not come up in {seconds} s; last words: {self.last_words()}")
        self.client_pid = self.journal.pid

    def breaker(self):
        """`GET` of the group; None while it is not known or nobody answers."""
        try:
            status, answer = self.admin.request("GET", self.href)
        except (OSError, http.client.HTTPException):
            return None
        return answer if status == 200 else None

    def events(self):
        """Every event of the group so far: transitions and what concerns holding."""
        if not self.events_path.exists():
            return []
        lines = self.events_path.read_text().split("\n")[:-1]
        return [event for event in map(json.loads, lines) if event.get("key") == self.key]

    def hold_events(self, kind, since_ns=0):
        return [
            event for event in self.events()
            if event["schema"] == "stormfuse.hold/1" and event["kind"] == kind and moment_ns(event["at"]) >= since_ns
        ]

    def alert_events(self, kind, since_ns=0):
        return [
            event for event in self.events()
            if event["schema"] == "stormfuse.alert/1" and event["kind"] == kind and moment_ns(event["at"]) >= since_ns
        ]

    def transitions(self, since_ns=0):
        return [
            event["transition"] for event in self.events()
            if event["schema"] == "stormfuse.event/1" and moment_ns(event["transition"]["at"]) >= since_ns
        ]

    # --- telling

    def fusectl(self, *words):
        """Exit status and text."""
        command = [binary("fusectl"), *map(str, words), "--admin", f"unix:{self.socket}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        return done.returncode, done.stdout.strip()

    def command(self, method, action, **body):
        """(nanoseconds just before it was sent, status, answer)"""
        sent = time.time_ns()
        status, answer = self.admin.request(
            method, f"{self.href}/{action}", {"reason": "a test", "author": AUTHOR, **body})
        return sent, status, answer

    # --- ending

    def close_client(self, seconds=15):
        """SIGTERM to the client, which closes its connection in good order. Seconds from there to its `closed`; None if
        it had to be killed."""
        sent = time.time_ns()
        if self.client_pid is None or not is_alive(self.client_pid):
            return None
        os.kill(self.client_pid, signal.SIGTERM)
        gone = wait_until(lambda: self.collected(), seconds)
        if not gone:
            os.kill(self.client_pid, signal.SIGKILL)
            wait_until(lambda: self.collected(), 5)
        closed = self.journal.times("closed")
        return (closed[-1] - sent) / 1e9 if closed and gone else None

    def collected(self):
        """Whether the client is gone. A stormfuse that was killed leaves it to us."""
        if self.process.poll() is not None:
            try:
                os.waitpid(self.client_pid, os.WNOHANG)
            except ChildProcessError:
                pass
        return not is_alive(self.client_pid)

    def wait(self, seconds=15):
        """Exit status of stormfuse once its client is gone; None if it had to be killed."""
        self.admin.close()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def report_group(self):
        if not self.report_path.exists():
            return None
        groups = json.loads(self.report_path.read_text())["groups"]
        return next((group for group in groups if group["key"] == self.key), None)

    def kill(self):
        """Whatever of it is left."""
        self.admin.close()
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            end(self.process)
        pid = self.client_pid or self.journal.pid
        if pid and is_alive(pid):
            os.kill(pid, signal.SIGKILL)
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass
        remove_cgroups(cgroups_of(self.process.pid))


def client_command(stage, client, host, queue, heartbeat, prefetch, journal, *extra):
    program = stage.client(client)
    if client == "go":
        return [
            *program, "-host", host, "-heartbeat", heartbeat, "-log", journal, stage.port, queue, 0, prefetch, "a"
        ]
    return [
        *program, "--host", host, "--port", stage.port, "--queue", queue, "--heartbeat", heartbeat, "--prefetch",
        prefetch, "--log", journal, *extra,
    ]
