#!/usr/bin/env python3
"""metered.py FILE COMMAND…: runs the command and writes to FILE what it used, and only it: the kernel's account of that
one process and those it waited for (getrusage(2)). Passes its exit status on; ends it when told to end."""

import json
import os
import signal
import sys
import time

from processes import dies_with_parent


def main():
    path, command = sys.argv[1], sys.argv[2:]
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        dies_with_parent()
        try:
            os.execvp(command[0], command)
        except OSError as problem:
            sys.stderr.write(f"{command[0]}: {problem.strerror}\n")
            os._exit(127)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    _, status, usage = os.wait4(child, 0)
    result = {
        "cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": time.monotonic() - began, "maxrss_bytes": usage.ru_maxrss * 1024
    }
    with open(path, "w") as file:
        json.dump(result, file)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
