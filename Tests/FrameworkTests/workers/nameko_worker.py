"""nameko. Options: rpc (control: methods called by nameko's standalone proxy, every fifth answer is an error). Else:
messages of a queue whose entrypoint has requeue_on_error, so that a failure is a requeue; the fourth failure is
swallowed by the handler, as nameko itself never gives up."""

import eventlet

eventlet.monkey_patch()

import signal  # noqa: E402

from kombu import Connection, Exchange, Queue  # noqa: E402
from nameko.containers import ServiceContainer  # noqa: E402
from nameko.messaging import consume  # noqa: E402
from nameko.rpc import rpc  # noqa: E402
from nameko.standalone.rpc import ClusterRpcProxy  # noqa: E402

from plan import Failed, Plan, TRIES  # noqa: E402

plan = Plan()
prices = Queue(plan.queue, Exchange(f"{plan.queue}.exchange", type="direct"), routing_key=plan.queue)
config = {"AMQP_URI": plan.url, "max_workers": plan.prefetch, "heartbeat": 60}


class Consumer:
    name = f"{plan.queue}_service"

    @consume(queue=prices, requeue_on_error=True)
    def update(self, payload):
        number = payload["number"]
        tries = plan.tried(number)
        if not plan.fails(number, tries):
            plan.note("success", number)
        elif tries >= TRIES:
            plan.note("failure", number)
        else:
            plan.note("retry", number)
            raise Failed(f"message {number} failed")


class Server:
    name = plan.queue

    @rpc(expected_exceptions=Failed)
    def price(self, number):
        plan.tried(number)
        plan.note("success", number)
        if number % 5 == 1:
            raise Failed(f"no price for {number}")
        return number * 2


def publish():
    if plan.options.get("rpc"):
        with ClusterRpcProxy(config) as cluster:
            server = getattr(cluster, plan.queue)
            for number in plan.numbers:
                try:
                    server.price(number)
                except Exception as problem:
                    assert "no price" in str(problem), problem
        return
    with Connection(plan.url) as connection, connection.Producer() as producer:
        prices(connection.default_channel).declare()
        for number in plan.numbers:
            producer.publish({"number": number}, exchange=prices.exchange, routing_key=plan.queue)


def work():
    container = ServiceContainer(Server if plan.options.get("rpc") else Consumer, config)
    container.start()
    signal.signal(signal.SIGTERM, lambda *_: eventlet.spawn_n(container.stop))
    container.wait()


if __name__ == "__main__":
    plan.main(publish=publish, work=work)
