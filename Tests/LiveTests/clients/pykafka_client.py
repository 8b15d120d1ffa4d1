"""pykafka: managed balanced consumer (classic group) or, with MODE=simple, a simple consumer with a group (standalone)."""
import argparse, json, os, sys, time
from pykafka import KafkaClient
from pykafka.common import OffsetType
p = argparse.ArgumentParser()
for w in ("bootstrap", "topic", "group", "client-id", "log", "count", "plan", "commit"): p.add_argument("--" + w)
o, _ = p.parse_known_args(); o.count = int(o.count)
T = dict.fromkeys("delivered refetched acked acked_paired requeued dead_lettered abandoned commits commit_failures assignments assigned revoked lost".split(), 0)
C = json.loads(os.environ.get("CONF") or "{}")
c = KafkaClient(hosts=o.bootstrap, broker_version=C.get("version", "0.10.0"))
t = c.topics[o.topic]
opts = dict(auto_offset_reset=OffsetType.EARLIEST, reset_offset_on_start=False, consumer_timeout_ms=4000, fetch_wait_max_ms=20)
if o.commit == "auto": opts.update(auto_commit_enable=True, auto_commit_interval_ms=200)
if C.get("mode") == "simple": x = t.get_simple_consumer(o.group, **opts)
else: x = t.get_balanced_consumer(o.group, managed=True, **opts)
dead = c.topics[o.topic + ".DLT"].get_sync_producer() if o.plan else None
n = 0; parts = 0
for m in x:
    n += 1; T["delivered"] += 1
    if o.plan and o.plan[int(m.value[:9]) % len(o.plan)] == "D":
        dead.produce(m.value); T["dead_lettered"] += 1; T["acked_paired"] += 1
    else: T["acked"] += 1
    if o.commit == "each" or o.commit is None: x.commit_offsets()
    elif o.commit == "batch" and n % 10 == 0: x.commit_offsets()
    if n >= o.count: break
if o.commit != "auto": x.commit_offsets()
x.stop()
T["assignments"] = 1
print(json.dumps(T))
