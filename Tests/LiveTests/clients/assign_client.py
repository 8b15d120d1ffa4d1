#!/usr/bin/env python3
"""assign() with a group id: confluent. --bootstrap --topic --group --client-id --count [--log]; commits batch of 10"""
import argparse, json, sys
from confluent_kafka import Consumer, TopicPartition
p = argparse.ArgumentParser()
for w in ("bootstrap","topic","group","client-id","log","count"): p.add_argument("--"+w)
o, _ = p.parse_known_args(); o.count = int(o.count)
c = Consumer({"bootstrap.servers": o.bootstrap, "group.id": o.group, "client.id": o.client_id, "auto.offset.reset": "earliest", "enable.auto.commit": False, "fetch.wait.max.ms": 20})
c.assign([TopicPartition(o.topic, i) for i in range(3)])
n = 0; pos = {}
while n < o.count:
    m = c.poll(1)
    if m is None or m.error(): continue
    n += 1; pos[m.partition()] = m.offset() + 1
    if n % 10 == 0 or n == o.count:
        c.commit(offsets=[TopicPartition(o.topic, k, v) for k, v in pos.items()], asynchronous=False); pos = {}
c.close()
t = dict.fromkeys("delivered refetched acked acked_paired requeued dead_lettered abandoned commits commit_failures assignments assigned revoked lost".split(), 0)
t.update(delivered=n, acked=n, assignments=1); print(json.dumps(t))
