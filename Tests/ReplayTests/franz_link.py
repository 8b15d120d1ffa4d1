"""One connection of the Go client franz-go: what it asks first, and which versions both sides speak (see franz_client.py)."""

import struct

import generate_kafka as classic
import kafka_messages as kafka
import kafka_share_messages as share

VERSIONS = {
    kafka.PRODUCE: 13, kafka.FETCH: 18, kafka.LIST_OFFSETS: 11, kafka.METADATA: 13, kafka.OFFSET_COMMIT: 10,
    kafka.OFFSET_FETCH: 10, kafka.FIND_COORDINATOR: 6, kafka.JOIN: 9, kafka.HEARTBEAT: 4, kafka.LEAVE: 5, kafka.SYNC: 5,
    kafka.API_VERSIONS: 4, kafka.INIT_PRODUCER: 5, kafka.LEADER_EPOCH: 4, kafka.END_TXN: 5, kafka.TXN_OFFSET_COMMIT: 5,
    kafka.MEMBER_HEARTBEAT: 1, kafka.SUBSCRIPTIONS: 0, kafka.TELEMETRY: 0, share.SHARE_HEARTBEAT: 1, share.SHARE_FETCH: 2,
    share.SHARE_ACKNOWLEDGE: 2, share.SASL_HANDSHAKE: 1, share.SASL_AUTHENTICATE: 2,
}
HOSTS = {1: "10.0.0.2", 2: "10.0.0.3"}
INSTANCE = b"telemetry-client"


def topic_id(name, life=1):
    return (name.encode() * 16)[:15] + bytes([life])


class Link(classic.Link):
    """One connection of the client with a broker. Whoever it asks may know versions 5 of ApiVersions, or only 4."""

    def __init__(self, client, at, node, asks):
        self.BROKER, self.cut = bytes(int(part) for part in HOSTS[node].split(".")), client.scene.cut
        super().__init__(client.scene.capture, at, client.client_id, client.host)
        self.correlation, self.waiting = -1, []
        self.is_open = True
        known = client.scene.versions[kafka.API_VERSIONS]
        self.request(at + 0.0003, kafka.API_VERSIONS, asks, kafka.api_versions(asks, "kgo", "v1.21.6"))
        if asks > known:
            self.answer(at + 0.0004, kafka.api_versions_refused(known), plain=True)
            self.request(at + 0.0005, kafka.API_VERSIONS, known, kafka.api_versions(known, "kgo", "v1.21.6"))
        self.answer(at + 0.0006, kafka.api_versions_answer(client.scene.versions), plain=True)

    def to_server(self, at, payload):
        for i, piece in enumerate(self.cut(payload)): super().to_server(at + i * 1e-6, piece)

    def to_client(self, at, payload):
        for i, piece in enumerate(self.cut(payload)): super().to_client(at + i * 1e-6, piece)

    def request(self, at, key, version, body, flexible=True):
        self.correlation += 1
        self.waiting.append(self.correlation)
        head = struct.pack(">hhi", key, version, self.correlation) + classic.string(self.client_id)
        if flexible: head += kafka.tags()
        self.to_server(at, classic.data(head + body))

    def answer(self, at, body, plain=False):
        """Brokers answer the requests of a connection in their order."""
        self.to_client(at, classic.data(struct.pack(">i", self.waiting.pop(0)) + (b"" if plain else kafka.tags()) + body))

    def end(self, at):
        self._fin(at, True)
        self.is_open = False
