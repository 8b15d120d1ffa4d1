"""Trip and reset, thousands of times, under load: nothing lost, nothing grown, nothing left."""

import random
import time

import left_behind
from load import Load
from notes import Note
from processes import Failure, wait_until
from sidecar import Sidecar, client_command

RATE = 200
CLIENT = "pika"
SAMPLES = 20
# Of 10,000 cycles' growth after the first fifth; the counters of both pages and allocator settle before that.
MOST_GROWTH_KB = 4096


def run(count):
    def case(stage):
        queue, differences = "hold.cycles", []
        load = Load(stage.port, [queue], RATE)
        mounts, files = left_behind.mounts(), left_behind.bpf_files()
        try:
            journal = stage.directory / "cycles" / "journal"
            client = client_command(stage, CLIENT, "127.0.0.1", queue, 10, 20, journal)
            sidecar = Sidecar(stage, "cycles", client, queue)
            sidecar.wait_ready()
            load.start()
            if not wait_until(lambda: sidecar.journal.deliveries(), 20):
                raise Failure("no messages before the first cycle")
            dice, pid = random.Random(1), sidecar.process.pid
            objects, resident, descriptors, held, latencies = set(), [], [], 0, {"trip": [], "reset": []}
            began = time.monotonic()
            for cycle in range(count):
                if cycle % max(1, count // SAMPLES) == 0:
                    objects |= left_behind.objects_of(pid)
                    resident.append(left_behind.resident_kb(pid))
                    descriptors.append(left_behind.descriptors(pid))
                for action in ("trip", "reset"):
                    asked = time.monotonic()
                    _, status, answer = sidecar.command("POST", action, reason=f"cycle {cycle}")
                    latencies[action].append(time.monotonic() - asked)
                    # The breaker may have gone on by itself (open → half-open → closed); then reset finds it so.
                    if status != 200 or not answer["saved"]:
                        differences.append(f"{action} of cycle {cycle} was answered with {status}: {answer}")
                    elif action == "trip":
                        held += answer["held"]
                    if len(differences) > 5:
                        raise Failure(f"given up after cycle {cycle}: {differences}")
                    # One in ten stays long enough that probes are let through, the others are let go at once.
                    if action == "trip" and cycle % 10 == 0:
                        time.sleep(dice.uniform(0, 0.15))
            took = time.monotonic() - began
            objects |= left_behind.objects_of(pid)
            resident.append(left_behind.resident_kb(pid))
            descriptors.append(left_behind.descriptors(pid))
            time.sleep(1)
            load.stop()
            published = load.published[queue]
            wait_until(lambda: len(sidecar.journal.deliveries()) >= published, 60, 0.2)
            if sidecar.close_client() is None:
                differences.append("the client could not close its connection")
            status = sidecar.wait()
            if status != 0:
                differences.append(f"stormfuse ended with {status}; last words: {sidecar.last_words()}")
            deliveries = sidecar.journal.deliveries()
            lost = published - len({number for _, number, _ in deliveries}) - load.left(queue)
            broken = len(sidecar.journal.times("lost"))
            redelivered = sum(again for _, _, again in deliveries)
            if lost or broken or redelivered:
                differences.append(f"{lost} messages and {broken} connections lost, {redelivered} redelivered")
            settled = resident[max(1, len(resident) // 5)]
            if resident[-1] - settled > MOST_GROWTH_KB:
                differences.append(f"resident memory grew from {settled} to {resident[-1]} kB")
            if max(descriptors[1:]) > descriptors[1] + 2:
                differences.append(f"descriptors grew from {descriptors[1]} to {max(descriptors)}")
            if held < count:
                differences.append(f"only {held} of {count} trips were answered with held")
            still = wait_until(lambda: not [each for each in objects if left_behind.is_there(*each)], 5)
            remains = [each for each in objects if left_behind.is_there(*each)] if not still else []
            new_files = sorted(set(left_behind.bpf_files()) - set(files))
            new_mounts = sorted(set(left_behind.mounts()) - set(mounts))
            cgroups = left_behind.cgroups_of(pid)
            left = {"BPF objects": remains, "bpffs": new_files, "mounts": new_mounts, "cgroups": cgroups}
            for what, found in left.items():
                if found:
                    differences.append(f"left in {what}: {found}")

            def quantile(values, share):
                return sorted(values)[int(share * (len(values) - 1))] * 1000

            every = max(1, len(resident) // 10)
            rows = [
                Note("cycles", count), Note("seconds", round(took, 1)), Note("trips answered with held", held),
                *(
                    Note(f"{action} by API, ms: median, p99, longest",
                         f"{quantile(values, 0.5):.1f}, {quantile(values, 0.99):.1f}, {max(values) * 1000:.1f}")
                    for action, values in latencies.items()
                ),
                Note("messages published", published), Note("messages lost", lost), Note("connections lost", broken),
                Note("redelivered", redelivered),
                Note("resident memory, MB, sampled", ", ".join(f"{kb / 1024:.1f}" for kb in resident[::every])),
                Note("descriptors, first and last", f"{descriptors[0]}, {descriptors[-1]}"),
                Note("BPF programs, maps and links it had", len(objects)), Note("of them left", len(remains)),
                Note("left in bpffs, mounts, cgroups", f"{len(new_files)}, {len(new_mounts)}, {len(cgroups)}"),
            ]
            return rows, differences
        finally:
            load.close()

    return case
