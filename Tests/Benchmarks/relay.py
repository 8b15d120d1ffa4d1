"""A TCP relay on loopback that notes when each byte of its client's came."""

import bisect
import contextlib
import select
import socket
import threading
import time

# After this long without more it passes on what it has.
QUIET_S = 0.002


class Relay:
    """Relays one connection to `port`. `arrivals` may be read when `finished` has returned."""

    def __init__(self, port):
        self.broker_port = port
        self.arrivals = []  # (CLOCK_MONOTONIC, bytes until then)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.client = self.broker = None
        self.threads = []

    def __enter__(self):
        self.start(self.run)
        return self

    def __exit__(self, *_):
        for one in (self.listener, self.client, self.broker):
            if one:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)  # wakes whoever waits in it
                one.close()
        self.finished()

    def start(self, function):
        thread = threading.Thread(target=function, daemon=True)
        self.threads.append(thread)
        thread.start()

    def finished(self, seconds=10):
        for thread in self.threads:
            thread.join(seconds)

    def run(self):
        with contextlib.suppress(OSError):
            self.client, _ = self.listener.accept()
            self.broker = socket.create_connection(("127.0.0.1", self.broker_port))
            for one in (self.client, self.broker):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.start(self.back)
            self.forth()

    def forth(self):
        """Client to broker. Heartbeats are gathered: the broker's work for each would take the processors from those
        whose time is measured."""
        total = 0
        waiting = b""
        with contextlib.suppress(OSError):
            while True:
                # Acknowledged at once: a client that has to wait for acknowledgements would look as if it were held.
                self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                if waiting and not select.select([self.client], [], [], QUIET_S)[0]:
                    self.broker.sendall(waiting)
                    waiting = b""
                chunk = self.client.recv(65536)
                now_ns = time.monotonic_ns()
                if not chunk:
                    break
                total += len(chunk)
                self.arrivals.append((now_ns, total))
                waiting += chunk
                if waiting[0] != 8:  # the type of a heartbeat frame
                    self.broker.sendall(waiting)
                    waiting = b""
        with contextlib.suppress(OSError):
            self.broker.sendall(waiting)
            self.broker.shutdown(socket.SHUT_WR)

    def back(self):
        with contextlib.suppress(OSError):
            while chunk := self.broker.recv(65536):
                self.client.sendall(chunk)
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_WR)

    def arrival_ns(self, end_bytes):
        """When the byte before `end_bytes` came; None if it never did."""
        index = bisect.bisect_left(self.arrivals, end_bytes, key=lambda arrival: arrival[1])
        return self.arrivals[index][0] if index < len(self.arrivals) else None
