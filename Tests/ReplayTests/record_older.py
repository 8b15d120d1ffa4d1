#!/usr/bin/env python3
"""Records captures of older and other Python clients; each lives in an environment of its own.

    .venv/bin/python Tests/ReplayTests/record_older.py [NAME…]

$KAFKA_VENVS holds the environments: afkak (Python 3.8: afkak 21.5.0.post0), pykafka (3.8: pykafka 2.8.0), kp135 (3.6: kafka-python
1.3.5; the clients here need no newer Python), ck142 (3.8: confluent-kafka 1.4.2), kp3012 (kafka-python 3.0.12).
"""
import json, os, pathlib, shutil, subprocess, sys
import record
H = record.LIVE; PY = sys.executable
VENVS = pathlib.Path(os.environ.get("KAFKA_VENVS", "/tmp/pyc-venvs")); TMP = pathlib.Path("/tmp")
CAP = record.CAPTURES
JAVA = "--max-version 11:5 --max-version 12:3 --max-version 13:1 --max-version 14:3".split()
def make(name, why, venv, client, words, count=30, old=None, stand=False, opts=(), conf=None, publish=()):
    ps = []
    try:
        b = subprocess.Popen([PY, H / "kafka_broker", "--library", "new", "--owner", str(os.getpid()), "--topic", "orders:3", "--topic", "orders.DLT", *opts], stdout=subprocess.PIPE); ps.append(b)
        broker = boot = json.loads(b.stdout.readline())["bootstrap"]; host = None
        if old or stand:
            cmd = [PY, H / "kafka_older_stand_in", "--as", old] if old else [PY, H / "kafka_stand_in", "--without-sasl"]
            s = subprocess.Popen([*cmd, "--broker", boot, "--owner", str(os.getpid())], stdout=subprocess.PIPE); ps.append(s)
            boot = json.loads(s.stdout.readline())["bootstrap"]; host = "127.0.0.2"
        subprocess.run([PY, H / "clients/kafka_publisher.py", "--bootstrap", broker, "--topic", "orders", "--count", str(count), "--partitions", "3", *publish], check=True, stdout=subprocess.DEVNULL)
        raw = TMP / f"{name}.pcapng"; raw.unlink(missing_ok=True)
        port = int(broker.rpartition(":")[2])
        stop = record.capture(port, raw, host)
        python = PY if venv == "main" else VENVS / venv / "bin/python"
        r = subprocess.run([python, "-B", record.CLIENTS / f"{client}_client.py", "--bootstrap", boot, "--topic", "orders", "--group", "orders", "--client-id", client, "--count", str(count), *words], capture_output=True, text=True, timeout=40, env={**os.environ, "CONF": conf or ""})
        stop()
        if r.returncode: raise SystemExit(r.stderr[-800:])
        did = json.loads(r.stdout)
        record.anonymous(raw)
        groups = {"kafka:orders": {k: did[k] for k in ("delivered", "acked", "acked_paired", "requeued", "dead_lettered", "abandoned", "commit_failures") if did[k]}}
        print(f"{name}: {raw.stat().st_size} bytes, {json.dumps(groups)}", flush=True)
        shutil.copy(raw, CAP / f"{name}.pcapng"); (CAP / f"{name}.pcapng").chmod(0o644); raw.unlink()
        (CAP / f"{name}.truth.json").write_text(json.dumps({"port": port, "why": why, "groups": groups}, indent=2) + "\n")
    finally:
        for p in reversed(ps):
            p.terminate(); p.wait(10)
STAND = "behind a stand-in for a Kafka {} broker, which converts what librdkafka's mock broker stores ({})"
O10 = STAND.format("0.10.0", "messages of magic 1"); O9 = STAND.format("0.9", "messages of magic 0, no ApiVersions")
K = {
 "kafka_afkak": ("afkak 21.5.0 (Twisted), " + O10 + ": it asks for each partition by a Fetch of its own, all on one connection, without waiting for the answers of the others; Fetch 0, Produce 0. 60 messages, committed by itself; every fifth goes to the dead-letter topic with the body alone", "afkak", "afkak", ["--plan", "aaaDa", "--commit", "each"], dict(count=60, old="0.10")),
 "kafka_rdkafka_assign": ("librdkafka 2.16 with assign() in place of subscribe(): its group has no members and has committed nothing yet, so that OffsetFetch answers -1 and the first records come before the first commit; 60 messages, commits of ten", "main", "assign", [], dict(count=60)),
 "kafka_python_0_10": ("kafka-python 1.3.5, " + O10 + " (Fetch 2, Produce 2): 30 messages, of every ten six succeed, one fails twice and then succeeds, three fail five times (four seeks back), and go to the dead-letter topic with the body alone", "kp135", "kafka_python", ["--plan", "aaQaaQaasQ"], dict(old="0.10")),
 "kafka_rdkafka_0_9": ("librdkafka 1.4.2 told that its broker is Kafka 0.9, " + O9 + ": a storm as in kafka_python_0_10", "ck142", "confluent", ["--plan", "aaQaaQaasQ"], dict(old="0.9", conf='{"broker.version.fallback":"0.9.0","api.version.request":"false"}')),
 "kafka_pykafka_gzip": ("pykafka 2.8.0 (ManagedBalancedConsumer), " + O9 + ", whose gzip batches it gets as wrappers of magic 0, which tell their last offset alone; 60 messages, commits of ten", "pykafka", "pykafka", ["--commit", "batch"], dict(count=60, old="0.9", conf='{"version":"0.9.0"}', publish=("--codec", "gzip"))),
 "kafka_python3_storm": ("kafka-python 3.0.12 against librdkafka 2.16's mock broker (behind a stand-in for how Kafka answers ApiVersions): 30 messages, each committed; the storm of kafka_python_storm_new", "kp3012", "kafka_python", ["--plan", "aasorRdDtT"], dict(stand=True, opts=JAVA)),
}
for n in sys.argv[1:] or K:
    why, venv, client, words, more = K[n]
    make(n, why, venv, client, words, **more)
