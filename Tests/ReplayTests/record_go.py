#!/usr/bin/env python3
"""Records the small captures of clients in Go in captures/, as record_kafka.py does.

    .venv/bin/python Tests/ReplayTests/record_go.py [NAME…]        root, or a user who may run dumpcap

Each needs a Go library; LiveTests/go_clients.py says where from. Those whose library is not there are left out, and it says so.
"""

import sys

from record_kafka import BROKER, FOR_JAVA, LIVE, Stage, asked, rebalance, record, storm

sys.path.insert(0, str(LIVE))

import go_clients  # noqa: E402

recordings = {}
PLAN = "aaadDaaddD"
STORY = (
    "30 messages over 3 partitions, of every ten five succeed, three go to the dead-letter topic with source headers, two with"
    " the body alone"
)
CALLED = {"sarama_old": "sarama 1.22", "sarama": "sarama 1.50.1", "kafka_go": "kafka-go 0.4.51"}
# It reads the mock broker's answers as strictly as Kafka's own client does, and above version 8 can't read Metadata's.
STRICT = {"options": [*FOR_JAVA["new"], "--max-version", "3:8"], "stand_in": ("--without-sasl",)}


class GoStage(Stage):
    """As record_kafka.py's, but its consumers are programs in Go."""

    def consumer(self, client, *arguments, group="orders", topic="orders"):
        program = go_clients.build(client, self.directory)
        words = ("--topic", topic, "--group", group, *arguments)
        return self.start_program([program, "--bootstrap", self.bootstrap, *words])


def recording(why, name, client, play, **options):
    if not go_clients.is_there(client):
        print(f"record_go.py: no {name} without {go_clients.CLIENTS[client][0]}", file=sys.stderr)
        return
    library = options.get("library", "new")
    recordings[name] = play, f"{CALLED[client]} (Go) against {BROKER[library]}: {why}", options


recording(
    f"{STORY}; it commits by itself once a second and on leaving", "kafka_sarama", "sarama_old", storm("sarama_old", "--plan", PLAN))

recording(f"{STORY}; commits of ten, told as of Kafka 2.1 (its default)", "kafka_sarama150_storm", "sarama",
          storm("sarama", "--plan", PLAN, "--commit", "batch"))
recording(f"{STORY}, each committed, told as of Kafka 4.3; behind a stand-in for how Kafka answers ApiVersions",
          "kafka_sarama150_newest", "sarama", storm("sarama", "--plan", PLAN, "--commit", "each", "--version", "4.3.0"), **STRICT)
recording(f"{STORY}, told as of Kafka 0.11; it commits by itself", "kafka_sarama150_0_11", "sarama",
          storm("sarama", "--plan", PLAN, "--version", "0.11.0.0"), library="old")
recording(f"{STORY}; dead letters are compressed with zstd; it commits by itself", "kafka_sarama150_zstd", "sarama",
          storm("sarama", "--plan", PLAN, "--codec", "zstd"))
recording("consume, produce, commit in transactions of ten (AddOffsetsToTxn, TxnOffsetCommit, EndTxn), 30 messages",
          "kafka_sarama150_transactions", "sarama", storm("sarama", "--commit", "transaction"), topics=("orders:3", "orders.out"))
recording(f"PLAIN, by SaslAuthenticate; {STORY}", "kafka_sarama150_plain", "sarama",
          storm("sarama", "--plan", PLAN, "--sasl", "PLAIN"), stand_in=())
recording(
    "of three times 30 messages the second 30 are shared with another member, which joins and leaves while nothing is published,"
    " so that nothing is ever given up", "kafka_sarama150_rebalance", "sarama", rebalance("sarama"))

for library in ("old", "new"):
    recording(f"{STORY}, each committed", f"kafka_go_storm_{library}", "kafka_go", storm("kafka_go", "--plan", PLAN), library=library)
recording(f"{STORY}; dead letters are compressed with zstd; commits of ten", "kafka_go_zstd", "kafka_go",
          storm("kafka_go", "--plan", PLAN, "--codec", "zstd", "--commit", "batch"))
recording("all 30 succeed; it commits every 200 ms what was given to it", "kafka_go_auto", "kafka_go",
          storm("kafka_go", "--commit", "auto"))
recording(f"PLAIN, by SaslAuthenticate; {STORY}", "kafka_go_plain", "kafka_go",
          storm("kafka_go", "--plan", PLAN, "--sasl", "PLAIN"), stand_in=())
recording(
    "of three times 30 messages the second 30 are shared with another member, which joins and leaves while nothing is published,"
    " so that nothing is ever given up", "kafka_go_rebalance", "kafka_go", rebalance("kafka_go"))


if __name__ == "__main__":
    record(asked(recordings), recordings, GoStage)
