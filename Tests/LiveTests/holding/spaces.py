"""Network namespaces that tests make, and two TUN devices with a bad link between them."""

import os
import re
import signal
import subprocess
import sys
import time

from processes import CLONE_NEWNET, Failure, ip, libc, spawn, wait_until

# RFC 5737 and RFC 3849: addresses that nobody uses.
NEAR, FAR = ("192.0.2.1", "2001:db8::1"), ("192.0.2.2", "2001:db8::2")


def enter_own(tcp_retries2=15):
    """This process goes into a network namespace of its own, with loopback up, which ends with what is inside."""
    if libc.unshare(CLONE_NEWNET) != 0:
        raise Failure("no network namespace can be made: run this as root")
    ip("link", "set", "lo", "up")
    with open("/proc/sys/net/ipv4/tcp_retries2", "w") as file:
        file.write(str(tcp_retries2))


class Neighbour:
    """A second namespace, joined to ours by a link that delays and loses packets."""

    def __init__(self, stage, delay_ms, loss, tcp_retries2=15):
        """`loss`: a share of the packets, 0…1, in each direction."""
        # Whoever holds a namespace open: unshare's child waits until it is ended.
        self.holder = spawn(["unshare", "--net", "sleep", "infinity"], stage.directory / "holder")
        self.path = f"/proc/{self.holder.pid}/ns/net"
        ours = os.readlink("/proc/self/ns/net")
        if not wait_until(lambda: os.readlink(self.path) != ours, 5):
            raise Failure("the second network namespace did not come up: run this as root")
        self.inside = ["nsenter", f"--net={self.path}"]
        subprocess.run(
            [*self.inside, "sh", "-c", f"ip link set lo up && echo {tcp_retries2} >/proc/sys/net/ipv4/tcp_retries2"],
            check=True)
        self.statistics = stage.directory / "relay"
        self.relay = spawn(
            [sys.executable, os.path.join(os.path.dirname(__file__), "relay.py"), self.path, delay_ms, loss],
            self.statistics)
        stage.on_end(self.end)
        if not wait_until(lambda: "ready" in self.statistics.read_text() or self.relay.poll() is not None, 10):
            raise Failure("the relay between the namespaces did not start")
        if self.relay.poll() is not None:
            raise Failure(f"the relay ended: {self.statistics.read_text().strip()}")
        # IPv6 addresses are not used before they were found to be nobody else's.
        time.sleep(0.1)

    def end(self):
        """How many packets the relay carried, and how many it dropped."""
        if self.relay.poll() is None:
            self.relay.send_signal(signal.SIGTERM)
            self.relay.wait(5)
        if self.holder.poll() is None:
            self.holder.kill()
            self.holder.wait()
        counts = re.search(r"carried (\d+), dropped (\d+)", self.statistics.read_text())
        return (int(counts[1]), int(counts[2])) if counts else (0, 0)
