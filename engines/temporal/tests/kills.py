#!/usr/bin/env python3
"""Kills workers and the server of runs on Temporal, and looks whether that changes anything.

    kills.py PROGRAM SERVER [--rounds N] [--seed TEXT] [--lanes N] [--port PORT] [--folder DIR]

Each round begins runs in its lane, which has an infrastructure in each of four pools, and kills a
pool worker, a worker that drives runs, or the server at a random moment. Its commands write when
they begin and end. When the runs have ended, it is compared what was recorded, what was done, and
what the ledger says. Lanes go on side by side, since a worker is lost for 20 seconds.
"""

import argparse
import json
import os
import queue
import random
import re
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, defaultdict

from cluster import Cluster, processes, summary, until, uptime

POOLS = ["north", "east", "south", "west"]
SERVICES = ["web", "api"]

# A run that has not ended by then hangs: a step may be lost with its worker three times.
MOST_SECONDS_OF_A_RUN = 240

# What is left of locks and processes is gone so long after a run.
SETTLE_SECONDS = 10

PIPELINE = """\
input label: string
input broken: string = ""
input targets: [infrastructure]

kind app {
  deploy using put
}

workflow put(s: service<app>, i: infrastructure<app>) -> { after: string } {
  step first {
    run "./step ${label} ${s.name}/${i.name}/first 0.4 ${broken}"
  } undo {
    run "./step ${label} ${s.name}/${i.name}/undo 0.2 ${broken}"
  }
  step second {
    run "./step ${label} ${s.name}/${i.name}/second 0.6 ${broken}" once
  }
  step third {
    run "./step ${label} ${s.name}/${i.name}/third 0.2 ${broken}"
  }
  return { after: label }
}

service web: app {}
service api: app {}

pipeline ship {
  stage out {
    parallel target in targets {
      serial service in [web, api] {
        deploy service to target
      }
    }
  }
}
"""

# A line that is shorter than a page is appended as a whole.
STEP = """\
#!/bin/sh
# LABEL PLACE SECONDS BROKEN
read -r now _ < /proc/uptime
echo "begin $1 $2 $$ $PPID $now" >> trace
sleep "$3"
read -r now _ < /proc/uptime
code=0
case ",$4," in *",$2,"*) code=1 ;; esac
echo "end $1 $2 $$ $code $now" >> trace
exit $code
"""


class Wrong(Exception):
    """Something that must not be."""


class Attempt:
    """A command that was begun."""

    def __init__(self, worker, begun):
        self.worker, self.begun = worker, begun
        self.ended, self.code = None, None


def attempts(folder):
    """What was carried out, by label and place."""
    found, by_process = defaultdict(lambda: defaultdict(list)), {}
    path = os.path.join(folder, "trace")
    if not os.path.exists(path):
        return found
    with open(path) as trace:
        for line in trace:
            what, label, place, process, number, at = line.split()
            if what == "begin":
                attempt = Attempt(int(number), float(at))
                found[label][place].append(attempt)
                by_process[label, place, process] = attempt
            else:
                attempt = by_process[label, place, process]
                attempt.ended, attempt.code = float(at), int(number)
    return found


class Kills:
    """All rounds."""

    def __init__(self, cluster, seed, rounds):
        self.cluster = cluster
        self.seed = seed
        self.rounds = queue.SimpleQueue()
        for number in range(rounds):
            self.rounds.put(number)
        self.killed = {}
        self.counts = Counter()
        self.wrong = []
        self.is_over = False
        self.lock = threading.Lock()
        self.worker_locks = defaultdict(threading.Lock)
        # What is deployed, by service and infrastructure.
        self.ledger = {}

    def supervise(self):
        """Starts workers again that have ended by themselves, as the system does."""
        while not self.is_over:
            for name, worker in self.cluster.workers.items():
                with self.worker_locks[name]:
                    code = worker.process.poll()
                    if code is not None:
                        self.killed.setdefault(worker.process.pid, uptime())
                        worker.start()
                        self.count(f"workers that have ended by themselves with {code}")
            time.sleep(0.5)

    def count(self, what, more=1):
        with self.lock:
            self.counts[what] += more

    def kill_worker(self, name):
        worker = self.cluster.workers[name]
        with self.worker_locks[name]:
            pid = worker.process.pid
            # Until it is dead it may begin something.
            self.killed[pid] = uptime()
            worker.kill()
            worker.start()

    def kill(self, chance):
        what = chance.choices(["worker", "runs", "server"], [5, 3, 2])[0]
        if what == "server":
            self.cluster.restart_server(lambda: time.sleep(chance.uniform(0, 0.5)))
        elif what == "runs":
            self.kill_worker(f"runs-{chance.randrange(2)}")
        else:
            self.kill_worker(f"{chance.choice(POOLS)}-{chance.randrange(2)}")
        self.count(f"kills of {what}")

    def lane(self, lane):
        while not self.wrong:
            try:
                number = self.rounds.get_nowait()
            except queue.Empty:
                return
            try:
                Round(self, lane, number).go()
            except Exception as error:
                kind = "" if isinstance(error, Wrong) else traceback.format_exc()
                self.wrong.append(f"round {number}, lane {lane}: {error}\n{kind}")


class Round:
    """Some runs in a lane, and a kill."""

    def __init__(self, all_rounds, lane, number):
        self.all, self.cluster = all_rounds, all_rounds.cluster
        self.lane, self.number = lane, number
        self.chance = random.Random(f"{all_rounds.seed}/{number}")

    def go(self):
        begun = time.monotonic()
        runs = [self.begin(index) for index in range(2)]
        time.sleep(self.chance.uniform(0.2, 4))
        self.all.kill(self.chance)
        leaves = self.chance.random() < 0.25
        if leaves:
            # Nobody follows it for a while.
            first = runs[0]
            first["id"] = self.run_id(first)
            first["process"].kill()
            first["process"].wait()
            self.all.count("followers killed")
        for run in runs:
            self.until_ended(run)
        deadline = time.monotonic() + SETTLE_SECONDS
        for run in runs:
            self.check(run)
        self.check_alone()
        self.check_ledger()
        self.check_locks(deadline)
        self.all.count("rounds")
        took = time.monotonic() - begun
        statuses = ", ".join(f"{run['id']} {run['status']}" for run in runs)
        print(f"round {self.number:3} lane {self.lane}: {took:5.1f} s, {statuses}", flush=True)

    def begin(self, index):
        label = f"n{self.number}-{index}"
        # Both want the first one of them.
        targets = POOLS[:1] + self.chance.sample(POOLS[1:], self.chance.randrange(0, 3))
        places = [f"{s}/l{self.lane}.{t}/third" for s in SERVICES for t in targets]
        broken = self.chance.choice(places) if self.chance.random() < 0.3 else ""
        words = [
            "ship.deploy", "-i", f"label={label}", "-i", f"broken={broken}",
            "-i", f"targets={','.join(f'l{self.lane}.{t}' for t in targets)}",
            "--format", "json",
        ]
        run = {"label": label, "targets": targets}
        run["log"] = os.path.join(self.cluster.folder, f"{label}.events")
        run["words"] = ["run", *words]
        run["process"] = self.cluster.begin(*run["words"], log=run["log"])
        return run

    def run_id(self, run):
        def look():
            with open(run["log"]) as log:
                said = log.read()
            for line in said.splitlines(keepends=True):
                if line.startswith("{") and line.endswith("}\n") and "run-started" in line:
                    return json.loads(line)["run"]
            if run["process"].poll() is not None:
                self.begin_again(run, said)
            return None

        return until(f"id of {run['label']}", look)

    def begin_again(self, run, said):
        """Does as whoever begins a run while the server is being restarted."""
        if "E0738" not in said:
            raise Wrong(f"{run['label']} does not begin: {said[-2000:]}")
        sent = re.findall(r"run (r-\w+) cannot continue", said)
        # It may be on the server.
        words = ["resume", sent[-1], "--format", "json"] if sent else run["words"]
        self.all.count("runs begun while there was no server")
        with self.cluster.server_lock:
            run["process"] = self.cluster.begin(*words, log=run["log"])

    def until_ended(self, run):
        run["id"] = self.run_id(run)
        deadline = time.monotonic() + MOST_SECONDS_OF_A_RUN
        if run["process"].poll() == -signal.SIGKILL:
            ended = self.cluster.lockstep(
                "resume", run["id"], "--format", "json", seconds=MOST_SECONDS_OF_A_RUN)
            # It may have ended before.
            code = ended.returncode
            said = ended.stderr
        else:
            while (code := run["process"].poll()) is None:
                if time.monotonic() > deadline:
                    raise Wrong(f"{run['id']} ({run['label']}) has not ended")
                time.sleep(0.1)
            said = ""
        if code not in (0, 1, 2, 3):
            raise Wrong(f"who follows {run['id']} ends with {code}: {said}; see {run['log']}")

    def show(self, run):
        shown = self.cluster.lockstep("show", run["id"], "--format", "json")
        if shown.returncode != 0:
            raise Wrong(f"{run['id']} is not shown: {shown.stdout}{shown.stderr}")
        return json.loads(shown.stdout)

    def check(self, run):
        shown = until(
            f"end of {run['id']}",
            lambda: (it := self.show(run))["status"] in ("succeeded", "failed", "cancelled") and it,
        )
        run["status"] = shown["status"]
        done = attempts(self.cluster.folder)[run["label"]]
        recorded = {}
        for node in shown["nodes"]:
            if node["kind"] == "run" and node.get("text", "").startswith("./step "):
                recorded[node["text"].split()[2]] = node
        completions = self.completions(run)
        for place, tries in done.items():
            if place not in recorded:
                raise Wrong(f"{place} of {run['id']} was done, and is not recorded")
            self.check_step(run, place, tries, recorded[place])
        for place, node in recorded.items():
            self.all.count(f"steps {node['status']}")
            if node["status"] == "succeeded":
                if not any(it.code == 0 for it in done[place]):
                    raise Wrong(f"{place} of {run['id']} is recorded, and was not done")
                if completions[node["node"]] != 1:
                    count = completions[node["node"]]
                    raise Wrong(f"{place} of {run['id']} has {count} recorded ends")
        verified = self.cluster.lockstep("verify", run["id"])
        if verified.returncode != 0:
            raise Wrong(f"{run['id']}: {verified.stdout}{verified.stderr}")
        with self.all.lock:
            stays = {place.rsplit("/", 1)[0] for place, tries in done.items()
                     if place.endswith("/third") and tries[-1].code == 0}
            taken_back = {place.rsplit("/", 1)[0] for place in done if place.endswith("/undo")}
            for place in stays - taken_back:
                ended = done[f"{place}/third"][-1].ended
                before = self.all.ledger.get(place)
                if before is None or before[0] < ended:
                    self.all.ledger[place] = (ended, run["label"])
        if run["status"] == "succeeded" and len(stays - taken_back) < 2 * len(run["targets"]):
            raise Wrong(f"{run['id']} has succeeded, and did only {stays}")

    def completions(self, run):
        """How often an end of each node was recorded; and nothing was started after it."""
        events = until(f"history of {run['id']}", lambda: self.cluster.history(run["id"]))
        node_of, completed = {}, Counter()
        for event in events:
            kind = event["eventType"]
            if kind == "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED":
                node = summary(event)
                node_of[event["eventId"]] = node
                if completed[node]:
                    raise Wrong(f"{node} of {run['id']} was started after its end")
            elif kind == "EVENT_TYPE_ACTIVITY_TASK_COMPLETED":
                ended = event["activityTaskCompletedEventAttributes"]["scheduledEventId"]
                completed[node_of[ended]] += 1
        return completed

    def check_step(self, run, place, tries, node):
        what = f"{place} of {run['id']}"
        if place.endswith("/second") and len(tries) > 1:
            raise Wrong(f"{what} may run only once, and was begun {len(tries)} times")
        for attempt, following in zip(tries, tries[1:]):
            killed = self.all.killed.get(attempt.worker)
            if killed is None:
                raise Wrong(f"{what} was begun again, and its worker was not killed")
            if following.begun < killed:
                raise Wrong(f"{what} was begun again before its worker was killed")
            self.all.count("steps begun again")
            if attempt.ended is not None:
                self.all.count("of them such that had just ended")
        if node["status"] == "failed":
            last = tries[-1]
            failure = node.get("failure", {})
            if failure.get("class") == "interrupted":
                if last.worker not in self.all.killed:
                    raise Wrong(f"{what} was interrupted, and its worker was not killed")
                self.all.count("steps interrupted")
            elif last.code != 1:
                raise Wrong(f"{what} has failed, and it did not fail: {node}")

    def check_alone(self):
        """No two runs are at one infrastructure at once."""
        spans = defaultdict(list)
        for label, places in attempts(self.cluster.folder).items():
            for place, tries in places.items():
                target = place.split("/")[1]
                if not target.startswith(f"l{self.lane}."):
                    continue
                for it in tries:
                    end = it.ended or self.all.killed.get(it.worker) or it.begun
                    spans[target].append((it.begun, end, label))
        for target, found in spans.items():
            by_label = {}
            for begun, end, label in found:
                first, last = by_label.get(label, (begun, end))
                by_label[label] = (min(first, begun), max(last, end))
            ordered = sorted((*span, label) for label, span in by_label.items())
            for (_, end, one), (begun, _, other) in zip(ordered, ordered[1:]):
                if begun < end:
                    raise Wrong(f"{one} and {other} were at {target} at once")

    def check_ledger(self):
        shown = self.cluster.lockstep("ledger", "--format", "json")
        if shown.returncode != 0:
            raise Wrong(f"there is no ledger: {shown.stdout}{shown.stderr}")
        lane = f"l{self.lane}."
        said = {}
        for line in json.loads(shown.stdout):
            if line["target"].startswith(lane):
                said[f"{line['service']}/{line['target']}"] = line
        with self.all.lock:
            true = {place: label for place, (_, label) in self.all.ledger.items()
                    if place.split("/")[1].startswith(lane)}
        for place, label in true.items():
            line = said.get(place, {})
            if line.get("after") != label or line.get("state") != "deployed":
                raise Wrong(f"the ledger says of {place}: {line}, and {label} is there")
        for place, line in said.items():
            if place not in true and line["state"] == "deployed":
                raise Wrong(f"the ledger says {line}, and nothing was deployed there")

    def check_locks(self, deadline):
        left = max(1, deadline - time.monotonic())
        labels = [f"n{self.number}-{index}" for index in range(2)]
        try:
            until("end of processes", lambda: not any(map(processes, labels)), left)
        except TimeoutError:
            raise Wrong(f"left: {[processes(label) for label in labels]}") from None
        for target in POOLS:
            name = f"lockstep-lock infrastructure l{self.lane}.{target}"
            seen = []

            def is_free():
                if self.cluster.workflow(name) is None:
                    return target != POOLS[0]
                state = self.cluster.query(name, "queue")
                seen[:] = [state]
                return state is not None and not state["holders"] and not state["waiting"]

            try:
                until("free lock", is_free, SETTLE_SECONDS, 0.2)
            except TimeoutError:
                raise Wrong(f"the lock {name} is left: {seen}") from None


def write_project(folder, lanes):
    lane = "environment l{} {{\n{}}}\n"
    infrastructures = "".join(f'  infrastructure {it}: app {{ pool = "{it}" }}\n' for it in POOLS)
    text = PIPELINE + "".join(lane.format(it, infrastructures) for it in range(lanes))
    with open(os.path.join(folder, "ship.deploy"), "w") as file:
        file.write(text)
    step = os.path.join(folder, "step")
    with open(step, "w") as file:
        file.write(STEP)
    os.chmod(step, 0o755)


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("program")
    reader.add_argument("server")
    reader.add_argument("--rounds", type=int, default=100)
    reader.add_argument("--lanes", type=int, default=8)
    reader.add_argument("--seed", default=str(time.time_ns()))
    reader.add_argument("--port", type=int, default=37233)
    reader.add_argument("--folder", help="a new folder, which is kept")
    words = reader.parse_args()
    print(f"seed {words.seed}")
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        if words.folder:
            folder = os.path.abspath(words.folder)
            os.makedirs(folder)
        go(words, folder)


def go(words, folder):
    write_project(folder, words.lanes)
    begun = time.monotonic()
    with Cluster(words.program, words.server, folder, words.port) as cluster:
        for pool in POOLS:
            for number in range(2):
                cluster.worker(f"{pool}-{number}", "--pool", pool)
        for number in range(2):
            cluster.worker(f"runs-{number}", "--runs")
        kills = Kills(cluster, words.seed, words.rounds)
        lanes = [threading.Thread(target=kills.lane, args=[it]) for it in range(words.lanes)]
        for lane in lanes:
            lane.start()
            # They do not begin all at once.
            time.sleep(0.5)
        supervisor = threading.Thread(target=kills.supervise)
        supervisor.start()
        for lane in lanes:
            lane.join()
        kills.is_over = True
        supervisor.join()
        if not kills.wrong:
            look_for_hanging(cluster, kills)
    for what, count in sorted(kills.counts.items()):
        print(f"{count:6} {what}")
    print(f"{time.monotonic() - begun:6.0f} s")
    for why in kills.wrong:
        print(f"FAILED: {why}")
    if kills.wrong:
        sys.exit(1)


def look_for_hanging(cluster, kills):
    """No workflow of a run is left."""
    open_runs = "WorkflowType = 'DeployRun' AND ExecutionStatus = 'Running'"
    left = cluster.executions(open_runs)
    if left:
        kills.wrong.append(f"runs go on: {left}")


main()
