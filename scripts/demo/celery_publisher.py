#!/usr/bin/env python3
"""Sends tasks at a steady rate, as a web application would. On SIGTERM it ends and prints how many the broker has
confirmed.

celery_publisher.py PORT QUEUE PER_SECOND
"""

import signal
import sys
import time

from celery_shop import application, declare


def main():
    port, queue, per_second = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    app = application(port, queue)
    app.conf.broker_transport_options["confirm_publish"] = True
    declare(app, queue)
    print("declared", flush=True)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    began, sent = time.monotonic(), 0
    while not stopped:
        app.send_task("shop.price", args=[sent], queue=queue)
        sent += 1
        time.sleep(max(0, began + sent / per_second - time.monotonic()))
    print(sent, flush=True)


if __name__ == "__main__":
    main()
