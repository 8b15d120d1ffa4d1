#!/usr/bin/env python3
"""Records captures/amqp_vxlan.pcapng: a consumer whose broker is reached through VXLAN, captured on all interfaces of
the consumer's machine, so that each packet is there twice, within the tunnel and without.

    sudo .venv/bin/python Tests/ReplayTests/record_tunnel.py

Broker and consumer run in a network namespace each, made for the purpose, with a veth pair between them.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from record import CAPTURES, CLIENTS, LIMIT_BYTES, LIVE, anonymous

WHY = (
    "a C client acks, nacks and rejects one by one; its broker is reached through VXLAN and the capture is of all its"
    " machine's interfaces: every packet is there twice"
)
MADE = "STORMFUSE_NAMESPACE"


def sh(command):
    return subprocess.run(command, shell=True, check=True, stdout=subprocess.PIPE, text=True).stdout


def tunnel(own, other, end, enter=""):
    """One end of the tunnel: 192.0.2.0/24 outside, 10.9.0.0/24 within."""
    sh(
        f"{enter} sh -ec 'ip link set lo up; ip addr add 192.0.2.{own}/24 dev {end}; ip link set {end} up;"
        f" ip link add vxlan0 type vxlan id 5 dstport 4789 local 192.0.2.{own} remote 192.0.2.{other} dev {end};"
        f" ip addr add 10.9.0.{own}/24 dev vxlan0; ip link set vxlan0 up'"
    )


def main():
    if MADE not in os.environ:
        os.execvpe("unshare", ["unshare", "--net", sys.executable, *sys.argv], {**os.environ, MADE: "1"})
    directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-record-", dir="/tmp"))
    raw = directory / "amqp_vxlan.pcapng"
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    try:
        time.sleep(0.5)
        enter = f"nsenter --target {holder.pid} --net"
        sh(f"ip link add v0 type veth peer name v1 && ip link set v1 netns {holder.pid}")
        tunnel(1, 2, "v0")
        tunnel(2, 1, "v1", enter)
        sh(f"cc -O2 -o {directory}/client {CLIENTS}/rabbitmq_client.c -lrabbitmq")
        started = sh(f"{LIVE}/broker start {directory}/broker 0 --owner {os.getpid()} --cluster recorded --address 10.9.0.1")
        port = json.loads(started)["port"]
        queue = f"--port {port} --queue orders.vxlan"
        sh(f"{sys.executable} {CLIENTS}/publisher.py {queue} --count 30 --declare classic --sizes 100x4,4000 --message-id")
        capture = subprocess.Popen(
            [*enter.split(), "dumpcap", "-q", "-i", "any", "-f", f"tcp port {port} or udp port 4789", "-w", str(raw)],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(1)
        did = json.loads(sh(f"{enter} {directory}/client {queue} --host 10.9.0.1 --count 30 --prefetch 7 --plan aaanaxaNar"))
        time.sleep(1)
        capture.send_signal(signal.SIGINT)
        capture.wait(10)
        anonymous(raw)
        if raw.stat().st_size > LIMIT_BYTES:
            raise SystemExit(f"{raw.stat().st_size} bytes are too many for the tree")
        terms = ("delivered", "redelivered", "acked", "requeued", "rejected")
        truth = {"port": port, "why": WHY, "groups": {"rabbitmq:%2F:orders.vxlan": {t: did[t] for t in terms if did[t]}}}
        (CAPTURES / "amqp_vxlan.pcapng").write_bytes(raw.read_bytes())
        (CAPTURES / "amqp_vxlan.truth.json").write_text(json.dumps(truth, indent=2) + "\n")
        print(json.dumps(truth["groups"]), raw.stat().st_size, "bytes")
    finally:
        subprocess.run([LIVE / "broker", "stop", directory / "broker"])
        holder.terminate()
        holder.wait(10)
        sh(f"rm -rf {directory}")


if __name__ == "__main__":
    main()
