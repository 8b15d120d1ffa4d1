"""What kafka_stand_in and kafka_older_stand_in share: where they listen, how long they run, and Kafka's frames."""

import json
import os
import select
import signal
import socket
import struct

ADDRESS, BROKER_ADDRESS = "127.0.0.2", "127.0.0.1"


def host_and_port(words):
    """A command line's HOST:PORT."""
    host, _, port = words.rpartition(":")
    return host, int(port)


def serve(port, owner, accept):
    """Listens at ADDRESS, says so in one JSON line and gives each connection to `accept`, until SIGTERM, or until the
    process `owner` is gone."""
    # A signal becomes a byte in this pipe, for poll.
    ends_read, ends_write = os.pipe()
    os.set_blocking(ends_write, False)
    signal.set_wakeup_fd(ends_write)
    for end in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(end, lambda *_: None)

    listener = socket.create_server((ADDRESS, port))
    print(json.dumps({"bootstrap": f"{ADDRESS}:{port}", "port": port, "pid": os.getpid()}), flush=True)
    poller = select.poll()
    poller.register(ends_read, select.POLLIN)
    poller.register(listener, select.POLLIN)
    if owner:
        poller.register(os.pidfd_open(owner), select.POLLIN)
    while {descriptor for descriptor, _ in poller.poll()} == {listener.fileno()}:
        accept(listener.accept()[0])


def connect(client, broker):
    """A connection to the broker for this client's; on both, small frames go out at once."""
    connection = socket.create_connection(broker)
    for end in (client, connection):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_frame(end):
    """The next frame without its length (protocol guide, "Network"); None at the end."""
    length = read_bytes(end, 4)
    return length and read_bytes(end, struct.unpack(">i", length)[0])


def read_bytes(end, size):
    data = bytearray()
    while len(data) < size:
        more = end.recv(size - len(data))
        if not more:
            return None
        data += more
    return bytes(data)


def write_frame(end, data):
    end.sendall(struct.pack(">i", len(data)) + data)


def with_this_address(answer):
    """Where the broker names itself, in the answers of Metadata and FindCoordinator, this names ADDRESS, so that clients
    stay here. It is as long, so that no length changes."""
    return answer.replace(BROKER_ADDRESS.encode(), ADDRESS.encode())
