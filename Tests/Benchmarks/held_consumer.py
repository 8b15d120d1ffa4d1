#!/usr/bin/env python3
"""held_consumer.py PORT QUEUE ROUNDS SECONDS FILE: fails, is held, recovers; ROUNDS times, SECONDS at most.

It writes AMQP 0-9-1 itself, so that nothing stands between it and the system call. In each round it rejects one message
and then sends heartbeat frames, which a broker takes at any time, every 50 µs: the relay it is connected through knows
when each of them came out. FILE gets one JSON line a round: {"call_ns":…, "heartbeats":[[when sent, bytes sent until
its end, bytes that were still not sent after the call], …]}, CLOCK_MONOTONIC just before each system call.
"""

import fcntl
import gc
import json
import random
import select
import socket
import struct
import sys
import time

SIOCOUTQNSD = 0x894B  # linux/sockios.h: bytes in the send queue that have never been sent
TCP_INFO_BYTES, UNACKED_AT, CWND_AT = 104, 24, 80  # linux/tcp.h: struct tcp_info, both in segments
METHOD, HEARTBEAT = 1, 8
ENDS = ((10, 50), (20, 40), (60, 30))  # connection.close, channel.close, basic.cancel
HEARTBEAT_FRAME = struct.pack(">BHIB", HEARTBEAT, 0, 0, 0xCE)
EVERY_NS = 50_000
# Until it is held, within these bounds; the breaker stays open for longer.
SHORTEST_NS, LONGEST_NS = 5_000_000, 40_000_000
OPEN_S = 0.1  # as in the benchmark's configuration
AWAITED_S = 10
HEARTBEAT_S = 60


def short(text):
    return bytes([len(text)]) + text.encode()


def long(content):
    return struct.pack(">I", len(content)) + content


class Consumer:
    """One connection with one consumer, prefetch 1."""

    def __init__(self, port, queue):
        self.socket = socket.create_connection(("127.0.0.1", port), AWAITED_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_bytes = 0
        self.received = b""
        self.send(b"AMQP\0\0\x09\x01")
        self.expect(10, 10)
        self.method(0, 10, 11, long(b"") + short("PLAIN") + long(b"\0guest\0guest") + short("en_US"))
        self.expect(10, 30)
        self.method(0, 10, 31, struct.pack(">HIH", 1, 131_072, HEARTBEAT_S))
        self.method(0, 10, 40, short("/") + b"\0\0")
        self.expect(10, 41)
        self.method(1, 20, 10, b"\0")
        self.expect(20, 11)
        self.method(1, 60, 10, struct.pack(">IH?", 0, 1, False))
        self.expect(60, 11)
        self.method(1, 60, 20, b"\0\0" + short(queue) + short("") + b"\0" + long(b""))
        self.expect(60, 21)

    def send(self, content):
        self.socket.sendall(content)
        self.sent_bytes += len(content)

    def method(self, channel, class_id, method_id, arguments):
        self.send(frame(channel, class_id, method_id, arguments))

    def expect(self, class_id, method_id, nudge=False):
        """Arguments of the next such method; everything else is passed over. `nudge` sends a heartbeat every 20 ms:
        what is waiting to be sent is then tried again sooner than in half a second."""
        deadline = time.monotonic() + AWAITED_S
        while True:
            while (payload := self.next_method()) is not None:
                found = struct.unpack(">HH", payload[:4])
                if found == (class_id, method_id):
                    return payload[4:]
                if found in ENDS:
                    raise SystemExit(f"the broker ended it: {payload[4:]!r}")
            if time.monotonic() > deadline:
                raise SystemExit(f"the broker sent no method {class_id}.{method_id} within {AWAITED_S} s")
            if select.select([self.socket], [], [], 0.02)[0]:
                more = self.socket.recv(65536)
                if not more:
                    raise SystemExit("the connection was closed")
                self.received += more
            elif nudge:
                self.send(HEARTBEAT_FRAME)

    def next_method(self):
        while len(self.received) >= 7:
            kind, _, length = struct.unpack(">BHI", self.received[:7])
            if len(self.received) < length + 8:
                return None
            payload, self.received = self.received[7 : length + 7], self.received[length + 8 :]
            if kind == METHOD:
                return payload
        return None

    def delivery(self):
        """The next message's delivery tag."""
        arguments = self.expect(60, 60, nudge=True)
        return struct.unpack(">Q", arguments[1 + arguments[0] :][:8])[0]

    def ack(self, tag):
        self.method(1, 60, 80, struct.pack(">QB", tag, 0))

    def wait(self, until_s):
        while (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.02))
            self.send(HEARTBEAT_FRAME)

    def may_send(self):
        """Whether the congestion window has room: then only a hold keeps the next segment back. Holds make it small."""
        information = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        (in_flight,), (window,) = (struct.unpack_from("=I", information, at) for at in (UNACKED_AT, CWND_AT))
        return in_flight < window

    def fail(self, tag):
        """Rejects, then sends heartbeats as if nothing had happened."""
        rejection = frame(1, 60, 90, struct.pack(">QB", tag, 0))
        heartbeats = []
        descriptor, unsent = self.socket.fileno(), bytearray(4)
        call_ns = due_ns = time.monotonic_ns()
        self.send(rejection)
        sending_ns, is_held = 0, False
        while sending_ns < SHORTEST_NS or not is_held and sending_ns < LONGEST_NS:
            due_ns += EVERY_NS
            while (now_ns := time.monotonic_ns()) < due_ns or not self.may_send():
                pass
            due_ns = now_ns
            self.send(HEARTBEAT_FRAME)
            fcntl.ioctl(descriptor, SIOCOUTQNSD, unsent)
            heartbeats.append([now_ns, self.sent_bytes, int.from_bytes(unsent, sys.byteorder)])
            sending_ns, is_held = now_ns - call_ns, any(unsent)
        return {"call_ns": call_ns, "heartbeats": heartbeats}


def frame(channel, class_id, method_id, arguments):
    return struct.pack(">BHIHH", METHOD, channel, len(arguments) + 4, class_id, method_id) + arguments + b"\xce"


def main():
    port, queue, path = int(sys.argv[1]), sys.argv[2], sys.argv[5]
    rounds, seconds = int(sys.argv[3]), float(sys.argv[4])
    consumer = Consumer(port, queue)
    varied = random.Random(1)
    until_s = time.monotonic() + seconds
    notes = []
    gc.disable()
    while len(notes) < rounds and time.monotonic() < until_s:
        tag = consumer.delivery()
        time.sleep(varied.uniform(0.02, 0.04))  # not in step with anything
        notes.append(consumer.fail(tag))
        # What comes now was delivered before half-open and decides nothing; what comes next closes the breaker.
        consumer.wait(notes[-1]["call_ns"] / 1e9 + 2 * OPEN_S)
        consumer.ack(consumer.delivery())
        consumer.ack(consumer.delivery())
        # One more, so that the message that fails next was delivered while the breaker was closed.
        tag = consumer.delivery()
        consumer.wait(time.monotonic() + 0.02)
        consumer.ack(tag)
    consumer.method(0, 10, 50, struct.pack(">H", 200) + short("") + struct.pack(">HH", 0, 0))
    consumer.expect(10, 51, nudge=True)
    with open(path, "w") as file:
        file.writelines(json.dumps(note) + "\n" for note in notes)


if __name__ == "__main__":
    main()
