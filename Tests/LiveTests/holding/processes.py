"""Programs that the hold tests start and end, each by its own pid, and what they share: paths, names, failures."""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LIVE = pathlib.Path(__file__).resolve().parent.parent
ROOT = LIVE.parent.parent
CLIENTS = LIVE / "clients"
PYTHON = ROOT / ".venv/bin/python"
PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What happened, why, and what to do, in one line."""


def binary(name="stormfuse"):
    """$STORMFUSE_BINARY, else .build/release/stormfuse; fusectl lies beside it."""
    path = pathlib.Path(os.environ.get("STORMFUSE_BINARY", ROOT / ".build/release/stormfuse")).resolve()
    path = path.with_name(name) if name != "stormfuse" else path
    if not os.access(path, os.X_OK):
        raise Failure(f"{path} is not there: run scripts/setup, or set STORMFUSE_BINARY")
    return str(path)


def dies_with_parent():
    """Between fork and exec: SIGKILL when the parent is gone, so that nothing outlives a driver that was killed."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def spawn(command, log, **options):
    """In a session of its own: Ctrl-C reaches the driver alone, which ends everything in order."""
    with open(log, "ab") as file:
        return subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=dies_with_parent, **{"stdout": file, "stderr": file, **options},
        )


def end(process, seconds=10):
    """SIGTERM, and SIGKILL if it is still there then. True if it needed no SIGKILL."""
    if process.poll() is not None:
        return True
    process.terminate()
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(what, seconds, every=0.01):
    """Waits for `what()` to be true, and returns that; None when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > deadline:
            return None
        time.sleep(every)


def setns(path):
    """This thread goes into the network namespace that `path` names."""
    with open(path) as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise Failure(f"{path} can't be entered: {os.strerror(ctypes.get_errno())}; run this as root")


def ip(*words):
    done = subprocess.run(["ip", *map(str, words)], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failure(f"ip {' '.join(map(str, words))}: {done.stderr.strip()}")


class Stage:
    """A directory, the compiled clients, a broker, and everything else that is started, so that everything ends."""

    def __init__(self, broker=None):
        """`broker`: the directory of one that runs; without, one is started with `start_broker`."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-hold-", dir="/tmp"))
        self.broker = broker
        self.own_broker = None
        self.compiled = self.directory
        self.endings = []
        if broker:
            with open(os.path.join(broker, "broker.json")) as file:
                self.port = json.load(file)["port"]
            # Beside a broker that is shared, so that its next user finds them.
            self.compiled = pathlib.Path(broker)

    def start_broker(self, *addresses):
        """On loopback and on `addresses`."""
        self.broker = self.own_broker = self.directory / "broker"
        extra = [word for address in addresses for word in ("--address", address)]
        started = subprocess.run(
            [sys.executable, LIVE / "broker", "start", self.own_broker, "0", "--owner", str(os.getpid()), *extra],
            stdout=subprocess.PIPE,
        )
        if started.returncode:
            raise Failure("the broker did not start; its reason is above")
        self.port = json.loads(started.stdout)["port"]

    def client(self, name):
        """A client's program, compiled if need be."""
        if name in ("pika", "aio-pika"):
            return [PYTHON, CLIENTS / {"pika": "pika_client.py", "aio-pika": "aio_pika_client.py"}[name]]
        compiled = self.compiled / f"{name}_client"
        if not compiled.exists():
            if name == "c":
                command = ["cc", "-O2", "-o", compiled, CLIENTS / "rabbitmq_client.c", "-lrabbitmq"]
            else:
                command = ["go", "build", "-o", compiled, CLIENTS / "consumer.go"]
            go = {**os.environ, "GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOFLAGS": ""}
            if subprocess.run(command, env=go).returncode:
                raise Failure(f"the {name} client can't be compiled: scripts/setup --for tests installs what it needs")
        return [compiled]

    def on_end(self, action):
        self.endings.append(action)

    def close(self, keep=False):
        while self.endings:
            self.endings.pop()()
        if self.own_broker:
            subprocess.run([sys.executable, LIVE / "broker", "stop", self.own_broker], stderr=subprocess.DEVNULL)
        if keep:
            print(f"kept in {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
