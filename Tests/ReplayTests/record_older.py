#!/usr/bin/env python3
"""Records the small captures of older Python clients, and of other ones, in captures/, as record_kafka.py does.

    KAFKA_VENVS=FOLDER .venv/bin/python Tests/ReplayTests/record_older.py [NAME…]      root, or a user who may run dumpcap

These libraries don't go together, so each has a virtual environment of its own, a folder in $KAFKA_VENVS:

    FOLDER    PYTHON  LIBRARY
    afkak     3.8     afkak==21.5.0.post0
    pykafka   3.8     pykafka==2.8.0
    ck142     3.8     confluent-kafka==1.4.2
    kp135     3.6     kafka-python==1.3.5
    kp3012    3.11    kafka-python==3.0.12

Broker and publisher run in .venv. What the oldest clients speak, librdkafka's mock cluster does not: before it stands
LiveTests/kafka_older_stand_in.
"""

import json
import os
import pathlib
import sys

from record_kafka import BROKER, FOR_JAVA, STORM, Stage, asked, record, storm

recordings = {}
OWN = None  # the environment that runs this program
# Ten messages: six succeed, one after two failures, three go to the dead-letter topic after five failures. Before Kafka 0.11
# there are no headers.
STORM_WITHOUT_HEADERS = "aaQaaQaasQ"
STORY_WITHOUT_HEADERS = (
    "30 messages, of every ten six succeed, one fails twice and then succeeds, three fail five times (four seeks back), and"
    " go to the dead-letter topic with the body alone"
)
BEHIND = "behind a stand-in for a Kafka {} broker, which converts what librdkafka's mock broker stores ({})"
KAFKA_0_10 = BEHIND.format("0.10.0", "messages of magic 1")
KAFKA_0_9 = BEHIND.format("0.9", "messages of magic 0, no ApiVersions")


class OlderStage(Stage):
    """As record_kafka.py's, but its consumers run in an environment of their own, and between them and the broker stands
    Kafka of the release `older`."""

    def __init__(self, environment, older=None, **options):
        self.python = python_of(environment)
        super().__init__(**options)
        if older:
            self.stand_before_broker("kafka_older_stand_in", "--as", older)

    def consumer(self, client, *arguments, group="orders", topic="orders"):
        words = ("--topic", topic, "--group", group, "--client-id", client, *arguments)
        return self.spawn(f"{client}_client.py", *words, python=self.python)


def python_of(environment):
    if environment is OWN:
        return sys.executable
    folder = os.environ.get("KAFKA_VENVS")
    if not folder:
        sys.exit("record_older.py: set $KAFKA_VENVS to the folder of the environments that this program's text lists")
    python = pathlib.Path(folder).resolve() / environment / "bin/python"
    if not python.exists():
        sys.exit(f"record_older.py: there is no {python}: make this environment as this program's text lists it")
    return python


def recording(why, name, environment, play, **options):
    recordings[name] = play, why, {"environment": environment, **options}


# --- Kafka 0.10 and 0.9 -------------------------------------------------------------------------------------------

recording(
    f"afkak 21.5.0 (Twisted), {KAFKA_0_10}: it asks for each partition by a Fetch of its own, all on one connection, without"
    " waiting for the answers of the others; Fetch 0, Produce 0. 60 messages; every fifth goes to the dead-letter topic with"
    " the body alone. It commits the offset of the last record that it has worked on, not the next one's: the last of each"
    " partition, one of them dead-lettered, is acknowledged by nothing",
    "kafka_afkak", "afkak", storm("afkak", "--plan", "aaaDa", count=60), older="0.10",
)
recording(
    f"kafka-python 1.3.5, {KAFKA_0_10} (Fetch 2, Produce 2): {STORY_WITHOUT_HEADERS}",
    "kafka_python_0_10", "kp135", storm("kafka_python", "--plan", STORM_WITHOUT_HEADERS), older="0.10",
)
recording(
    f"librdkafka 1.4.2 told that its broker is Kafka 0.9, {KAFKA_0_9}: a storm as in kafka_python_0_10",
    "kafka_rdkafka_0_9", "ck142",
    storm(
        "confluent", "--plan", STORM_WITHOUT_HEADERS,
        "--settings", json.dumps({"broker.version.fallback": "0.9.0", "api.version.request": "false"})),
    older="0.9",
)
recording(
    f"pykafka 2.8.0 (ManagedBalancedConsumer), {KAFKA_0_9}, whose gzip batches it gets as wrappers of magic 0, which tell"
    " their last offset alone; 60 messages, commits of ten",
    "kafka_pykafka_gzip", "pykafka",
    storm(
        "pykafka", "--commit", "batch", "--settings", json.dumps({"broker_version": "0.9.0"}),
        publish=("--codec", "gzip"), count=60),
    older="0.9",
)


# --- other clients and ways ---------------------------------------------------------------------------------------

recording(
    "librdkafka 2.16 with assign() in place of subscribe(): its group has no members and has committed nothing yet, so that"
    " OffsetFetch answers -1 and the first records come before the first commit; 60 messages, commits of ten",
    "kafka_rdkafka_assign", OWN, storm("assign", "--commit", "batch", count=60),
)
# It reads the answers of the new mock broker as strictly as Kafka's own client does. About one time in ten it joins twice at
# the beginning, which is a rebalance on the wire but none to its callbacks: then record it again.
recording(
    f"kafka-python 3.0.12 against {BROKER['new']} (behind a stand-in for how Kafka answers ApiVersions): 30 messages, each"
    " committed; the storm of kafka_python_storm_new",
    "kafka_python3_storm", "kp3012", storm("kafka_python", "--plan", STORM),
    options=FOR_JAVA["new"], stand_in=("--without-sasl",),
)


if __name__ == "__main__":
    record(asked(recordings), recordings, OlderStage)
