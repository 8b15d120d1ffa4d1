#!/usr/bin/env python3
"""confluent_client.py, but it assigns the partitions to itself, assign() in place of subscribe(): the group that it commits
to has no members. See kafka_behaviour.py."""

from confluent_kafka import OFFSET_STORED, TopicPartition

from confluent_client import Client, place
from kafka_behaviour import MODES, consumer_arguments


class AssigningClient(Client):
    def subscribe(self):
        partitions = [
            TopicPartition(topic, partition, OFFSET_STORED)
            for topic in self.options.topic
            for partition in self.consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        self.consumer.assign(partitions)
        self.behaviour.assigned([place(p) for p in partitions])


if __name__ == "__main__":
    AssigningClient(consumer_arguments(__doc__, MODES)).run()
