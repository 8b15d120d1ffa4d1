"""oslo.messaging. Options: rpc (control: an RPC server, every fifth answer is an exception). Else a notification
listener with allow_requeue: a failure is a requeue; what fails a fourth time is given up by returning HANDLED."""

import signal
import threading

import oslo_messaging
from oslo_config import cfg

from plan import Failed, Plan, TRIES

plan = Plan()
# The global one: what traces calls is registered there.
conf = cfg.CONF
conf([])


def transport(kind):
    made = kind(conf, url=f"rabbit://guest:guest@127.0.0.1:{plan.port}/")
    conf.set_override("rabbit_qos_prefetch_count", plan.prefetch, "oslo_messaging_rabbit")
    conf.set_override("heartbeat_timeout_threshold", 0, "oslo_messaging_rabbit")
    return made


class Notifications:
    def info(self, context, publisher_id, event_type, payload, metadata):
        number = payload["number"]
        tries = plan.tried(number)
        if not plan.fails(number, tries):
            plan.note("success", number)
        elif tries < TRIES:
            plan.note("retry", number)
            return oslo_messaging.NotificationResult.REQUEUE
        else:
            plan.note("failure", number)
        return oslo_messaging.NotificationResult.HANDLED


class Server:
    target = oslo_messaging.Target(version="1.0")

    @oslo_messaging.expected_exceptions(Failed)
    def price(self, context, number):
        plan.tried(number)
        plan.note("success", number)
        if number % 5 == 1:
            raise Failed(f"no price for {number}")
        return number * 2


def publish():
    if plan.options.get("rpc"):
        target = oslo_messaging.Target(topic=plan.queue, version="1.0")
        client = oslo_messaging.get_rpc_client(transport(oslo_messaging.get_rpc_transport), target, timeout=10)
        for number in plan.numbers:
            try:
                client.call({}, "price", number=number)
            except oslo_messaging.RemoteError as problem:
                assert "no price" in str(problem), problem
        return
    notifier = oslo_messaging.Notifier(
        transport(oslo_messaging.get_notification_transport),
        driver="messaging",
        publisher_id="shop",
        topics=[plan.queue],
    )
    for number in plan.numbers:
        notifier.info({}, "price.update", {"number": number})


def work():
    if plan.options.get("rpc"):
        target = oslo_messaging.Target(topic=plan.queue, server="server-1")
        server = oslo_messaging.get_rpc_server(
            transport(oslo_messaging.get_rpc_transport), target, [Server()], executor="threading"
        )
    else:
        server = oslo_messaging.get_notification_listener(
            transport(oslo_messaging.get_notification_transport),
            [oslo_messaging.Target(topic=plan.queue)],
            [Notifications()],
            executor="threading",
            allow_requeue=True,
        )
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    server.start()
    ended.wait()
    server.stop()
    server.wait()


if __name__ == "__main__":
    plan.main(publish=publish, work=work)
