"""afkak ConsumerGroup (Twisted): auto-commit every 10 messages; plan letters a and D."""
import argparse, json, os, sys
from twisted.internet import task, defer
from twisted.internet import reactor
from afkak import KafkaClient, ConsumerGroup, Producer
from afkak.common import OFFSET_EARLIEST
p = argparse.ArgumentParser()
for w in ("bootstrap", "topic", "group", "client-id", "log", "count", "plan", "commit"): p.add_argument("--" + w)
o, _ = p.parse_known_args(); o.count = int(o.count)
T = dict.fromkeys("delivered refetched acked acked_paired requeued dead_lettered abandoned commits commit_failures assignments assigned revoked lost".split(), 0)
done = defer.Deferred()
client = KafkaClient(o.bootstrap, clientId=o.client_id)
producer = Producer(client)
@defer.inlineCallbacks
def process(consumer, messages):
    for m in messages:
        T["delivered"] += 1
        if o.plan and o.plan[int(m.message.value[:9]) % len(o.plan)] == "D":
            yield producer.send_messages(o.topic + ".DLT", msgs=[m.message.value]); T["dead_lettered"] += 1; T["acked_paired"] += 1
        else: T["acked"] += 1
    if T["delivered"] >= o.count and not done.called: reactor.callLater(1.5, done.callback, None)
@defer.inlineCallbacks
def main(reactor):
    g = ConsumerGroup(client, o.group, [o.topic], process, consumer_kwargs=dict(auto_commit_every_n=10, auto_commit_every_ms=300, fetch_max_wait_time=20))
    g.consumer_kwargs = dict(g.consumer_kwargs) if hasattr(g, "consumer_kwargs") else None
    d = g.start(); d.addErrback(lambda f: (print(f, file=sys.stderr)))
    yield done
    yield g.stop()
    T["assignments"] = 1
    print(json.dumps(T)); sys.stdout.flush()
    yield client.close()
task.react(main)
