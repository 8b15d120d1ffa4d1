"""What every worker shares: which messages fail how often, and the journal of what the framework's hooks tell.

A worker is a program with two commands, `publish` and `work`. It is told everything else by the environment variable
FRAMEWORK, a JSON object:

  port        the broker's, on 127.0.0.1; for Kafka "bootstrap" as well
  queue       the queue, topic or stream of the work; what the framework derives from it is the framework's affair
  messages    how many
  prefetch    how many messages the broker may send ahead
  directory   where the journal and the counts of tries are
  options     what differs between the cases of this worker
  first       the number of the first message that `publish` sends (default 0)

Of five messages one fails at every try, one fails twice, three succeed at once. A message is tried four times.
`plan.php` and `plan.rb` do the same.
"""

import json
import os
import sys

TRIES = 4


class Failed(Exception):
    """The failure that the plan asks for."""


class Plan:
    def __init__(self):
        told = json.loads(os.environ["FRAMEWORK"])
        self.port, self.queue, self.messages = told["port"], told["queue"], told["messages"]
        self.bootstrap = told.get("bootstrap")
        self.prefetch = told.get("prefetch", 1)
        self.options = told.get("options", {})
        self.first = told.get("first", 0)
        self.directory = told["directory"]
        self.journal = os.open(os.path.join(self.directory, "journal"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    @property
    def url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def numbers(self):
        return range(self.first, self.first + self.messages)

    def note(self, event, number):
        """One line in the journal; a single write, so that several processes may share it."""
        os.write(self.journal, f"{event} {number}\n".encode())

    def tried(self, number):
        """Counts one try of message `number`, whichever process makes it; returns which one it is, from 1."""
        path = os.path.join(self.directory, f"tries-{number}")
        counter = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(counter, b".")
        tries = os.fstat(counter).st_size
        os.close(counter)
        self.note("try", number)
        return tries

    def fails(self, number, tries):
        if self.options.get("healthy"):
            return False
        if self.options.get("all_fail"):
            return True
        return number % 5 == 1 or number % 5 == 2 and tries <= 2

    def handle(self, number):
        """One try, as the handler of every worker makes it: it raises `Failed` if the plan says so."""
        if self.fails(number, self.tried(number)):
            raise Failed(f"message {number} failed")

    def main(self, **commands):
        if len(sys.argv) != 2 or sys.argv[1] not in commands:
            sys.exit(f"usage: {sys.argv[0]} {'|'.join(commands)}")
        commands[sys.argv[1]]()
