#!/usr/bin/env python3
"""kcat as a consumer of a group: it commits by itself. What it prints is what it was given; see kafka_behaviour.py."""

import subprocess
import sys

from kafka_behaviour import Behaviour, consumer_arguments


def main():
    options = consumer_arguments(__doc__, ("auto",))
    behaviour = Behaviour(options, "kcat")
    settings = ["auto.offset.reset=earliest", f"session.timeout.ms={options.session_ms}", "auto.commit.interval.ms=200"]
    command = ["kcat", "-b", options.bootstrap, "-q", "-u", "-o", "stored", "-f", "%t %p %o %s\\n"]
    for setting in settings:
        command += ["-X", setting]
    if options.client_id:
        command += ["-X", f"client.id={options.client_id}"]
    process = subprocess.Popen(
        [*command, "-G", options.group, *options.topic], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    while not behaviour.done:
        line = process.stdout.readline().split()
        if not line:
            sys.exit(f"kcat_client: kcat ended with status {process.wait()}")
        behaviour.received(line[0].decode(), int(line[1]), int(line[2]), line[3])
    # It leaves in good order, committing what it has given out.
    process.terminate()
    if process.wait(20):
        sys.exit(f"kcat_client: kcat ended with status {process.returncode}")
    behaviour.committed({place: max(given) + 1 for place, given in behaviour.given.items()})
    behaviour.end()


if __name__ == "__main__":
    main()
