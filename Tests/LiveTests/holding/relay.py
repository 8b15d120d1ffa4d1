#!/usr/bin/env python3
"""Carries IP packets between a TUN device here and one in another network namespace, late and not all of them.

    relay.py NAMESPACE DELAY_MS LOSS

The kernel at hand has no netem. Both directions alike: each packet waits DELAY_MS and is dropped with probability LOSS
(0…1, seeded, so that runs are alike). Order is kept. Prints `ready`, and on SIGTERM how many it carried and dropped.
"""

import collections
import fcntl
import os
import random
import select
import signal
import struct
import sys
import time

from processes import ip, setns
from spaces import FAR, NEAR

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
DEVICE = "link0"


def device(addresses):
    """A TUN device in the current namespace, up, with its addresses; its descriptor works from everywhere."""
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    ip("addr", "add", f"{addresses[0]}/24", "dev", DEVICE)
    ip("-6", "addr", "add", f"{addresses[1]}/64", "dev", DEVICE, "nodad")
    # Some thousand packets: what waits here is the link's own.
    ip("link", "set", DEVICE, "up", "mtu", "1500", "txqueuelen", "2000")
    return file


def main():
    namespace, delay_s, loss = sys.argv[1], float(sys.argv[2]) / 1000, float(sys.argv[3])
    near = device(NEAR)
    setns(namespace)
    far = device(FAR)
    other = {near: far, far: near}
    dice, carried, dropped = random.Random(1), 0, 0
    # (due, to, packet): one delay for all, so that they leave in the order in which they came.
    waiting = collections.deque()
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    poller = select.poll()
    for file in other:
        poller.register(file, select.POLLIN)
    print("ready", flush=True)
    while not stopping:
        patience_s = max(0, waiting[0][0] - time.monotonic()) if waiting else 0.1
        for file, _ in poller.poll(patience_s * 1000):
            # A few at a time, so that those that are due are not kept waiting by a burst.
            for _ in range(32):
                try:
                    packet = os.read(file, 65536)
                except BlockingIOError:
                    break
                if dice.random() < loss:
                    dropped += 1
                else:
                    waiting.append((time.monotonic() + delay_s, other[file], packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, file, packet = waiting.popleft()
            try:
                os.write(file, packet)
                carried += 1
            except (BlockingIOError, OSError):
                dropped += 1
    print(f"carried {carried}, dropped {dropped}", flush=True)


if __name__ == "__main__":
    main()
