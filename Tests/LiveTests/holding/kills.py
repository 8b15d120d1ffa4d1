"""SIGKILL at random moments during transitions and overrides: whatever was answered is there afterwards."""

import http.client
import json
import os
import random
import signal
import threading
import time

import left_behind
from load import Load
from notes import Note
from processes import Failure, wait_until
from sidecar import Sidecar, client_command

RATE = 50
LONGEST_LIFE_S = 0.5
OVERRIDES = {"forced_open": 900, "forced_closed": 3600}


class Commands:
    """Numbered commands, one after the other, until nobody answers."""

    def __init__(self, dice, number):
        self.dice, self.number = dice, number
        # Of the last that was answered with 200 and saved: number, command, state, revision.
        self.answered = None
        self.asked = None
        self.answers = 0
        self.refused = []

    def run(self, sidecar):
        state = None
        while True:
            self.number += 1
            reason = f"number {self.number}"
            choice = self.dice.choice(("forced_open", "forced_closed", "forced_open", "clear", "trip", "reset"))
            if choice in OVERRIDES:
                call = ("PUT", "override", {"state": choice, "limit_s": OVERRIDES[choice]})
            elif choice == "clear":
                call = ("DELETE", "override", {})
            else:
                call = ("POST", choice, {})
            self.asked = (self.number, choice)
            try:
                _, status, answer = sidecar.command(call[0], call[1], reason=reason, **call[2])
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                return
            if status != 200:
                self.refused.append(f"{choice}: {status} {answer}")
                continue
            self.answers += 1
            if answer["changed"] and answer["saved"]:
                breaker = answer["breaker"]["breaker"]
                self.answered = (self.number, choice, breaker["state"], breaker["revision"])
            elif answer["changed"]:
                self.refused.append(f"{choice} was answered as not saved: {answer['saved_why']}")


def compare(breaker, commands, previous):
    """What differs between a breaker after the restart and what was answered before. In words."""
    number, choice, state, revision = previous
    asked = commands.asked
    if breaker["revision"] < revision:
        return [f"revision is {breaker['revision']} after {choice} number {number} was answered with {revision}"]
    # Later transitions: one that was asked for and not answered any more, and those of timers after a trip.
    later = [step for step in breaker["transitions"] if step["revision"] > revision]
    for step in later:
        if step.get("reason") and step["reason"] != f"number {asked[0]}":
            return [f"a transition {step['reason']!r} that was not asked for after number {number}"]
    if choice in OVERRIDES and not later and breaker["state"] != state:
        return [f"state is {breaker['state']} at revision {breaker['revision']}, answered was {state}"]
    own = [step for step in breaker["transitions"] if step["revision"] == revision]
    if own and own[0].get("reason") not in (None, f"number {number}"):
        return [f"revision {revision} is {own[0]['reason']!r}, answered was number {number}"]
    return []


def run(count):
    def case(stage):
        queue, differences = "hold.kills", []
        state = stage.directory / "state"
        load = Load(stage.port, [queue], RATE)
        dice = random.Random(7)
        overrides = answers = restores = 0
        commands, ready_ms = Commands(dice, 0), []
        try:
            load.start()
            for life in range(count + 1):
                name = f"life-{life}"
                client = client_command(
                    stage, "c", "127.0.0.1", queue, 10, 20, stage.directory / name / "journal")
                began = time.monotonic()
                sidecar = Sidecar(stage, name, client, queue, state=state)
                sidecar.wait_ready(30)
                ready_ms.append((time.monotonic() - began) * 1000)
                words = sidecar.words.read_text()
                if "damaged" in words or "begins closed" in words or "can't be read" in words:
                    differences.append(f"life {life}: {sidecar.last_words()}")
                if commands.answered:
                    found = compare(sidecar.breaker()["breaker"], commands, commands.answered)
                    differences += [f"life {life}: {words}" for words in found]
                    restores += 1
                if life == count:
                    break
                commands = Commands(dice, commands.number)
                thread = threading.Thread(target=commands.run, args=(sidecar,))
                thread.start()
                time.sleep(dice.uniform(0.001, LONGEST_LIFE_S))
                os.kill(sidecar.process.pid, signal.SIGKILL)
                sidecar.process.wait()
                thread.join()
                sidecar.admin.close()
                differences += [f"life {life}: {words}" for words in commands.refused]
                answers += commands.answers
                if commands.answered and commands.answered[1] in OVERRIDES:
                    overrides += 1
                os.kill(sidecar.client_pid, signal.SIGKILL)
                wait_until(sidecar.collected, 5)
                stuck = left_behind.remove_cgroups(left_behind.cgroups_of(sidecar.process.pid))
                if stuck:
                    differences.append(f"life {life}: {stuck} could not be removed")
                broken = [path.name for path in state.iterdir() if ".broken" in path.name or ".newer" in path.name]
                if broken:
                    differences.append(f"life {life}: set aside: {broken}")
                if len(differences) > 10:
                    raise Failure(f"given up after {life} kills: {differences[:3]}")
            sidecar.command("DELETE", "override")
            sidecar.command("POST", "reset")
            load.stop()
            if sidecar.close_client() is None:
                differences.append("the last client could not close its connection")
            if sidecar.wait() != 0:
                differences.append(f"stormfuse ended badly; last words: {sidecar.last_words()}")
            ready_ms.sort()
            rows = [
                Note("kills", count), Note("commands answered before them", answers),
                Note("kills whose last answer was an override", overrides),
                Note("restarts compared with the last answer", restores),
                Note("start → ready, ms: median, longest", f"{ready_ms[len(ready_ms) // 2]:.0f}, {ready_ms[-1]:.0f}"),
                Note("files in the state directory", ", ".join(sorted(path.name for path in state.iterdir()))),
            ]
            return rows, differences
        finally:
            load.close()

    return case
