#!/usr/bin/env python3
"""Measures a run with many cells on Temporal: 8 workers in 4 pools, and 2 that drive runs.

    cells.py PROGRAM SERVER [--cells N] [--in-memory] [--port PORT] [--folder DIR]

All cells must be done once, and no more than 500 be under way at once. Prints what a step costs, in
time, in processor time of each process and in history; and the same without a server.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter

from cluster import Cluster, summary, until

POOLS = ["north", "east", "south", "west"]

# As in `run_loop.rs`.
MOST_OPEN = 500

PIPELINE = """\
input count: int

kind app {}

environment prod {
  infrastructure north: app { pool = "north" }
  infrastructure east: app { pool = "east" }
  infrastructure south: app { pool = "south" }
  infrastructure west: app { pool = "west" }
}

pipeline ship {
  matrix n in range(0, count)  i in prod.* {
    run "./cell ${n} ${i.name}" on i
  }
}
"""

CELL = """\
#!/bin/sh
echo "$1 $2" >> "trace.$2"
"""


class Watch(threading.Thread):
    """Looks at the memory of processes from time to time."""

    def __init__(self, programs):
        super().__init__(daemon=True)
        self.programs = programs
        self.is_over = threading.Event()
        self.begun = {name: it.cpu_seconds() for name, it in programs.items()}

    def used(self):
        return {name: it.cpu_seconds() - self.begun[name] for name, it in self.programs.items()}

    def run(self):
        while not self.is_over.wait(10):
            words = [f"{name} {it.memory()} MB {used:.0f} s" for (name, it), used in
                     zip(self.programs.items(), self.used().values())]
            print(f"  {'; '.join(words[:3])}", file=sys.stderr, flush=True)


def group(name):
    """What is measured together."""
    if name == "server":
        return "server"
    return "run workers" if name.startswith("runs") else "pool workers"


def executions(cluster, run):
    """The executions of a run, the first one first: each of them, and its events."""
    found = until("executions", lambda: cluster.executions(f"WorkflowId = '{run}'"))
    found.sort(key=lambda it: it["startTime"])
    ids = [it["execution"]["runId"] for it in found]
    return [(id, until("history", lambda: cluster.history(run, id))) for id in ids]


def look_at_history(cluster, run, cells):
    wrong, done, most = [], Counter(), 0
    events_in_all, tasks, bytes_in_all = 0, 0, 0
    all_executions = executions(cluster, run)
    for execution, events in all_executions:
        node_of, under_way = {}, 0
        for event in events:
            kind = event["eventType"]
            if kind == "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED":
                node_of[event["eventId"]] = summary(event)
                under_way += 1
                most = max(most, under_way)
            elif kind == "EVENT_TYPE_ACTIVITY_TASK_COMPLETED":
                ended = event["activityTaskCompletedEventAttributes"]["scheduledEventId"]
                done[node_of[ended]] += 1
                under_way -= 1
            elif kind.startswith("EVENT_TYPE_ACTIVITY_TASK_TIMED"):
                under_way -= 1
            tasks += kind == "EVENT_TYPE_WORKFLOW_TASK_COMPLETED"
        events_in_all += len(events)
        described = cluster.ask(
            f"/namespaces/default/workflows/{run}?execution.runId={execution}")
        bytes_in_all += int(described["workflowExecutionInfo"]["historySizeBytes"])
        last = events[-1]["eventType"].removeprefix("EVENT_TYPE_WORKFLOW_EXECUTION_").lower()
        given = len(json.dumps(events[0]["workflowExecutionStartedEventAttributes"]))
        print(f"  execution of {len(events)} events, begun with {given} bytes: {last}")
    thousands = cells / 1000
    print(f"history for each 1,000 steps: {events_in_all / thousands:.0f} events, "
          f"{bytes_in_all / thousands / 1024:.0f} KB, {tasks / thousands:.0f} workflow tasks")
    print(f"continued as new {len(all_executions) - 1} times; at most {most} steps were open")
    if most > MOST_OPEN:
        wrong.append(f"{most} steps were open at once")
    if len(done) != cells or set(done.values()) != {1}:
        wrong.append(f"{len(done)} of {cells} cells have an end, {done.most_common(3)}")
    return wrong


def look_at_trace(folder, cells):
    done = Counter()
    for pool in POOLS:
        path = os.path.join(folder, f"trace.prod.{pool}")
        with open(path) as trace:
            done.update(trace.read().splitlines())
        os.remove(path)
    if len(done) != cells or set(done.values()) != {1}:
        return [f"{len(done)} of {cells} cells were done, {done.most_common(3)}"]
    return []


def go(words, folder):
    with open(os.path.join(folder, "ship.deploy"), "w") as file:
        file.write(PIPELINE)
    with open(os.path.join(folder, "cell"), "w") as file:
        file.write(CELL)
    os.chmod(os.path.join(folder, "cell"), 0o755)
    cells = words.cells
    run_words = ["run", "ship.deploy", "-i", f"count={cells // len(POOLS)}", "--format", "plain"]
    wrong = []
    is_kept = not words.in_memory
    with Cluster(words.program, words.server, folder, words.port, is_kept) as cluster:
        for pool in POOLS:
            for number in range(2):
                cluster.worker(f"{pool}-{number}", "--pool", pool)
        for number in range(2):
            cluster.worker(f"runs-{number}", "--runs")
        time.sleep(3)
        watch = Watch({"server": cluster.server, **cluster.workers})
        watch.start()
        begun = time.monotonic()
        ended = cluster.lockstep(*run_words, seconds=3600)
        took = time.monotonic() - begun
        watch.is_over.set()
        print(f"{cells} cells in {took:.1f} s: {cells / took:.0f} steps a second")
        used, memory = Counter(), Counter()
        for name, seconds in watch.used().items():
            used[group(name)] += seconds
        for name, program in watch.programs.items():
            memory[group(name)] = max(memory[group(name)], program.memory("VmHWM"))
        for name, seconds in used.items():
            print(f"{name}: {seconds * 1000 / cells:.1f} ms of processor time for a step, "
                  f"{memory[name]} MB at most in one process")
        last = ended.stdout.strip().splitlines()[-3:]
        if ended.returncode != 0:
            wrong.append(f"the run ends with {ended.returncode}: {last} {ended.stderr[-1000:]}")
        words = [word for line in ended.stdout.splitlines() for word in line.split()]
        run = next(word for word in words if word.startswith("r-")).strip(",:")
        wrong += look_at_history(cluster, run, cells)
        wrong += look_at_trace(folder, cells)
        begun = time.monotonic()
        verified = cluster.lockstep("verify", run, seconds=600)
        print(f"verified in {time.monotonic() - begun:.1f} s")
        if verified.returncode != 0:
            wrong.append(f"{verified.stdout}{verified.stderr}")
        del cluster.environment["LOCKSTEP_ENGINE"]
        begun, used = time.monotonic(), sum(os.times()[2:4])
        local = cluster.lockstep(*run_words, seconds=3600)
        took, used = time.monotonic() - begun, sum(os.times()[2:4]) - used
        print(f"without a server: {took:.1f} s, {cells / took:.0f} steps a second, "
              f"{used * 1000 / cells:.1f} ms of processor time for a step, commands included")
        if local.returncode != 0:
            wrong.append(f"the local run ends with {local.returncode}: {local.stderr[-1000:]}")
        wrong += look_at_trace(folder, cells)
    for why in wrong:
        print(f"FAILED: {why}")
    if wrong:
        sys.exit(1)


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("program")
    reader.add_argument("server")
    reader.add_argument("--cells", type=int, default=10000)
    reader.add_argument("--in-memory", action="store_true", help="the server keeps no file")
    reader.add_argument("--port", type=int, default=37633)
    reader.add_argument("--folder", help="a new folder, which is kept")
    words = reader.parse_args()
    with tempfile.TemporaryDirectory(prefix="cells-") as folder:
        if words.folder:
            folder = os.path.abspath(words.folder)
            os.makedirs(folder)
        go(words, folder)


main()
