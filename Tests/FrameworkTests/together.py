"""Runs a worker's command several times at once, as one process with children: together.py COUNT COMMAND ARGS…

Each child is told its name (a, b, …) in its options. SIGTERM goes to all; it ends when they have, with the first
status that is not 0.
"""

import json
import os
import signal
import subprocess
import sys

children = []


def stop(*_):
    for child in children:
        if child.poll() is None:
            child.terminate()


def main():
    signal.signal(signal.SIGTERM, stop)
    for index in range(int(sys.argv[1])):
        told = json.loads(os.environ["FRAMEWORK"])
        told["options"]["name"] = "abcdefgh"[index]
        children.append(subprocess.Popen(sys.argv[2:], env={**os.environ, "FRAMEWORK": json.dumps(told)}))
    statuses = [child.wait() for child in children]
    sys.exit(next((abs(status) for status in statuses if status), 0))


if __name__ == "__main__":
    main()
