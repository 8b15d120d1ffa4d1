#!/usr/bin/env python3
"""Two consumers of different groups in one process, each in a thread of its own (confluent-kafka), and what each did.

    two_groups_client.py --bootstrap B TOPIC TOPIC CLIENT_ID CLIENT_ID

Each consumes 30 messages: of the first group all succeed, the second's are a storm. The groups are named `first` and `second`.
"""

import argparse
import json
import sys
import threading

from confluent_client import MODES, Client
from kafka_behaviour import consumer_options


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("topics", nargs=2)
    parser.add_argument("client_ids", nargs=2)
    options = parser.parse_args()
    clients = []
    for group, topic, name, plan in zip(("first", "second"), options.topics, options.client_ids, ("a", "aasorRdDtt")):
        words = ["--bootstrap", options.bootstrap, "--topic", topic, "--group", group, "--client-id", name, "--plan", plan]
        clients.append(Client(consumer_options([*words, "--count", "30"], MODES)))
    threads = [threading.Thread(target=client.run, kwargs={"is_told": False}) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps([client.behaviour.truth() for client in clients]) + "\n")


if __name__ == "__main__":
    main()
