"""Everything that a benchmark starts, and its end: each process is ended by its own pid, whatever happens."""

import contextlib
import ctypes
import json
import os
import pathlib
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time

from measure import ROOT, Failure

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = ROOT / "Tests/LiveTests/clients"
BROKER = ROOT / "Tests/LiveTests/broker"
KAFKA_BROKER = ROOT / "Tests/LiveTests/kafka_broker"
# Of the mock broker's topic; each keeps 5 MB.
KAFKA_PARTITIONS = 64
PYTHON = ROOT / ".venv/bin/python"
LONGEST_RUN_S = 120
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def binary():
    path = pathlib.Path(os.environ.get("STORMFUSE_BINARY", ROOT / ".build/release/stormfuse")).resolve()
    if not os.access(path, os.X_OK):
        raise Failure(f"{path} is not there: run scripts/setup, or set STORMFUSE_BINARY")
    return str(path)


def dies_with_parent():
    """Between fork and exec: SIGTERM when the parent is gone, so that even its SIGKILL leaves nothing running."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def spawn(command, **options):
    # A session of its own: Ctrl-C reaches only the benchmark, which then ends this in good order.
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(
        [str(part) for part in command], start_new_session=True, preexec_fn=dies_with_parent, cwd=ROOT, **options)


def end(process, seconds=10):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


@contextlib.contextmanager
def running(command, **options):
    """A process that is ended when the block is left."""
    process = spawn(command, **options)
    try:
        yield process
    finally:
        end(process)


def shown(command):
    """A command line as people can read it."""
    text = shlex.join(map(str, command))
    return text if len(text) <= 300 else f"{text[:300]}…"


def finish(command, seconds=LONGEST_RUN_S, **environment):
    """Runs a command to its end and returns its standard output. Anything but success is a Failure."""
    with tempfile.TemporaryFile() as errors:
        with running(
            command, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **environment}
        ) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                raise Failure(f"{shown(command)} did not end within {seconds} s") from None
        if process.returncode != 0:
            errors.seek(0)
            words = errors.read().decode(errors="replace").strip()[-2000:]
            raise Failure(f"{shown(command)} ended with status {process.returncode}: {words}")
        return output.decode()


def metered(command, directory, **environment):
    """Runs a command; what it and nothing else used: {"cpu_s":…, "wall_s":…, "maxrss_bytes":…, "output":…}."""
    usage = pathlib.Path(directory) / "usage.json"
    output = finish([sys.executable, HERE / "metered.py", usage, *command], **environment)
    return {**json.loads(usage.read_text()), "output": output}


def cpu_s(pid):
    """CPU time of all of a process's threads so far. schedstat counts nanoseconds, stat only clock ticks."""
    total_ns = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total_ns += int((task / "schedstat").read_text().split()[0])
    return total_ns / 1e9


# --- the sidecar --------------------------------------------------------------------------------------------------


def sidecar(command, *options):
    """The command line of `command` traced from its first byte on."""
    return [binary(), "run", "--admin", "off", *options, "--", *command]


def await_line(process, text, seconds=20):
    """Reads standard error until a line has `text` in it."""
    deadline = time.monotonic() + seconds
    seen = b""
    descriptor = process.stderr.fileno()
    while text.encode() not in seen:
        ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        more = os.read(descriptor, 65536) if ready else b""
        if not more:
            raise Failure(f"{process.args[0]} never said {text!r}: {seen.decode(errors='replace').strip()[-2000:]}")
        seen += more


@contextlib.contextmanager
def idle_sidecar():
    """A sidecar that watches a target which does nothing."""
    with running(sidecar(["sleep", "3600"]), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        await_line(process, "watching")
        time.sleep(0.3)
        yield process


# --- peers --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def broker():
    """A private RabbitMQ; yields its port and the server's pid. It ends when this process does, however that ends."""
    with tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as directory:
        place = os.path.join(directory, "broker")
        started = json.loads(finish([sys.executable, BROKER, "start", place, "0", "--owner", os.getpid()]))
        try:
            yield started["port"], started["pid"]
        finally:
            subprocess.run([sys.executable, BROKER, "stop", place], check=False)


def publish(port, queue, count, size):
    finish([
        PYTHON, CLIENTS / "publisher.py", "--port", port, "--queue", queue, "--declare", "classic",
        "--count", count, "--sizes", size, "--timestamp",
    ])  # fmt: skip


@contextlib.contextmanager
def kafka():
    """librdkafka's mock cluster with a topic `bench`; yields its address and the server's pid."""
    command = [PYTHON, KAFKA_BROKER, "--topic", f"bench:{KAFKA_PARTITIONS}", "--owner", os.getpid()]
    with running(command, stdout=subprocess.PIPE) as process:
        line = process.stdout.readline()
        if not line:
            raise Failure("the mock cluster did not start; its reason is above")
        told = json.loads(line)
        yield told["bootstrap"], told["pid"]


def publish_kafka(bootstrap, count, size):
    finish([
        PYTHON, CLIENTS / "kafka_publisher.py", "--bootstrap", bootstrap, "--topic", "bench", "--count", count,
        "--size", size, "--partitions", KAFKA_PARTITIONS,
    ])  # fmt: skip


@contextlib.contextmanager
def redis():
    """A private Redis that keeps nothing; yields its port and pid."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as directory:
        command = [
            "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory,
        ]  # fmt: skip
        try:
            process = spawn(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            raise Failure("redis-server is not installed: run scripts/setup --for bench") from None
        try:
            deadline = time.monotonic() + 10
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(16).startswith(b"+PONG"):
                        break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Failure("redis-server did not start: try it by hand")
                time.sleep(0.02)
            yield port, process.pid
        finally:
            end(process)
