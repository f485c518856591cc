#!/usr/bin/env python3
"""Cuts workers off from the server of runs on Temporal while they carry out long commands.

    cut_off.py PROGRAM SERVER [--port PORT] [--folder DIR]

Each worker is in a network namespace of its own, behind a pair of interfaces. The link is not
closed: packets are lost on it, those of both directions or of one. The run has to hear of it in
time, and the worker has to end its commands by itself before they run a second time elsewhere.
What the server sends to a worker that is cut off has not begun, and runs elsewhere later. When the
link is back the worker works again. All of it is in a namespace that ends with the test.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime

from cluster import Cluster, fail, summary, until, uptime

ADDRESS = "10.231.0.1"
CUTS = ["both", "upward", "downward"]

LATE = [f"late.{cut}" for cut in CUTS]

# Each time that the server asks a worker that is cut off, it waits for it as long.
MOST_SECONDS_OF_LATE = 120

# As in `lease.rs`: what is heard of by nobody for so long is lost.
HEARTBEAT_TIMEOUT_SECONDS = 20

# Until the server finds that a connection is dead, it goes on to give it steps, and waits for them.
MOST_SECONDS_DEAF = 60

# What is on its way may be heard a little later; the machine of a test is busy.
SLACK_SECONDS = 10

# A command that was given up elsewhere does not go on beside the next one for longer.
MOST_SECONDS_BESIDE = 1

PIPELINE = """\
input label: string
input targets: [infrastructure] = far.*

kind app {
  deploy using put
}

workflow put(s: service<app>, i: infrastructure<app>) -> { after: string } {
  parallel {
    step again { run "./long ${label} ${i.name}/again" }
    step careful { run "./long ${label} ${i.name}/careful" once }
  }
  return { after: label }
}

service web: app {}

environment far {
  infrastructure both: app { pool = "both" }
  infrastructure upward: app { pool = "upward" }
  infrastructure downward: app { pool = "downward" }
}

environment late {
  infrastructure both: app { pool = "both" }
  infrastructure upward: app { pool = "upward" }
  infrastructure downward: app { pool = "downward" }
}

pipeline ship {
  stage out { parallel target in targets { deploy web to target } }
}
"""

# Long the first time, and short when it is begun again. Another label than `long` is short.
LONG = """\
#!/bin/sh
# LABEL PLACE
count=0
grep -q "^begin $1 $2 " trace && count=890
[ "$1" = long ] || count=890
read -r now _ < /proc/uptime
echo "begin $1 $2 $$ $PPID $now" >> trace
while [ $count -lt 900 ]; do
  sleep 0.1
  read -r now _ < /proc/uptime
  echo "tick $1 $2 $$ $PPID $now" >> trace
  count=$((count + 1))
done
"""


def call(*words):
    subprocess.run(words, check=True)


class Link:
    """A namespace with a link to this one, on which packets can be lost."""

    def __init__(self, number):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
        self.inside = ["nsenter", "--net", "--target", str(self.holder.pid)]
        own = os.readlink("/proc/self/ns/net")
        until("namespace", lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own)
        self.near, self.far = f"near{number}", f"far{number}"
        self.near_address, self.far_address = f"10.231.{number}.1", f"10.231.{number}.2"
        call("ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far,
             "netns", str(self.holder.pid))
        call("ip", "address", "add", f"{self.near_address}/30", "dev", self.near)
        call("ip", "link", "set", self.near, "up")
        call(*self.inside, "ip", "link", "set", "lo", "up")
        call(*self.inside, "ip", "address", "add", f"{self.far_address}/30", "dev", self.far)
        call(*self.inside, "ip", "link", "set", self.far, "up")
        call(*self.inside, "ip", "route", "add", "default", "via", self.near_address)
        self.neighbours = {
            "downward": (["ip"], self.far_address, self.near),
            "upward": ([*self.inside, "ip"], self.near_address, self.far),
        }

    def cut(self, direction):
        """Packets go to an interface that is not there."""
        for name, (ip, address, device) in self.neighbours.items():
            if direction in (name, "both"):
                call(*ip, "neighbour", "replace", address, "lladdr", "02:00:00:00:00:99",
                     "dev", device, "nud", "permanent")

    def mend(self):
        for ip, address, device in self.neighbours.values():
            # It may not be there.
            subprocess.run([*ip, "neighbour", "delete", address, "dev", device], check=False,
                           stderr=subprocess.DEVNULL)


class Trace:
    """What commands have written."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "trace")
        open(self.path, "w").close()

    def lines(self, label, place):
        """What it wrote, the worker that carried it out, and when."""
        found = []
        with open(self.path) as trace:
            for line in trace:
                what, of, at, _, worker, when = line.split()
                if (of, at) == (label, place):
                    found.append((what, int(worker), float(when)))
        return found

    def begun(self, label, place):
        return [(worker, at) for what, worker, at in self.lines(label, place) if what == "begin"]


def nodes(log):
    """The ends of commands, by place: status, class of failure, and when they were heard of."""
    ended = {}
    with open(log) as events:
        for line in events:
            if not line.startswith("{"):
                continue
            event = json.loads(line)
            if event.get("event") == "node-finished" and event["node"].endswith("/run"):
                target = event["node"].split("deploy[web, far.")[1].split("]")[0]
                step = event["node"].split("/")[-2]
                ended[f"far.{target}/{step}"] = event
    return ended


def go(words, folder):
    call("ip", "link", "set", "lo", "up")
    call("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
    with open(os.path.join(folder, "ship.deploy"), "w") as file:
        file.write(PIPELINE)
    with open(os.path.join(folder, "long"), "w") as file:
        file.write(LONG)
    os.chmod(os.path.join(folder, "long"), 0o755)
    trace = Trace(folder)
    links = {cut: Link(number + 1) for number, cut in enumerate(CUTS)}
    try:
        with Cluster(words.program, words.server, folder, words.port, address=ADDRESS,
                     bind="0.0.0.0") as cluster:
            cluster.worker("runs", "--runs")
            for cut, link in links.items():
                cluster.worker(f"far-{cut}", "--pool", cut, prefix=link.inside)
            look(cluster, trace, links, folder)
    finally:
        for link in links.values():
            link.holder.kill()
            link.holder.wait()


def look(cluster, trace, links, folder):
    log = os.path.join(folder, "long.events")
    follower = cluster.begin("run", "ship.deploy", "-i", "label=long", "--format", "json", log=log)
    places = [f"far.{cut}/{step}" for cut in CUTS for step in ("again", "careful")]
    until("begin of all", lambda: all(trace.begun("long", it) for it in places))
    for cut in CUTS:
        cluster.worker(f"near-{cut}", "--pool", cut)
    time.sleep(3)
    cut_at = {}
    for cut, link in links.items():
        link.cut(cut)
        cut_at[cut] = uptime()
    late_log = os.path.join(folder, "late.events")
    words = ["run", "ship.deploy", "-i", "label=late", "--format", "json"]
    late = cluster.begin(*words, "-i", f"targets={','.join(LATE)}", log=late_log)
    limit = HEARTBEAT_TIMEOUT_SECONDS + SLACK_SECONDS
    heard = {}

    def all_heard():
        for place, event in nodes(log).items():
            heard.setdefault(place, (event, uptime()))
        return len(heard) == len(places)

    until("end of all steps", all_heard, limit + 30, 0.1)
    wrong = []
    for node, after in lost(cluster, run_of(log), time.time() - uptime() + min(cut_at.values())):
        if after > limit:
            wrong.append(f"the server heard of {node} after {after:.1f} s")
    for cut in CUTS:
        wrong += judge(cluster, trace, cut, cut_at[cut], heard, limit)
    follower.wait(timeout=60)
    wrong += judge_late(cluster, trace, late, late_log)
    verified = cluster.lockstep("verify", run_of(log))
    if verified.returncode != 0:
        wrong.append(f"{verified.stdout}{verified.stderr}")
    wrong += mend(cluster, trace, links)
    for why in wrong:
        print(f"FAILED: {why}")
    if wrong:
        sys.exit(1)


def lost(cluster, run, cut_at):
    """The steps that the server took for lost for the first time, and when."""
    node_of, found = {}, {}
    for event in cluster.history(run):
        at = datetime.fromisoformat(event["eventTime"][:26].rstrip("Z") + "+00:00").timestamp()
        if event["eventType"] == "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED":
            node_of[event["eventId"]] = summary(event)
        elif event["eventType"] == "EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT":
            node = node_of[event["activityTaskTimedOutEventAttributes"]["scheduledEventId"]]
            found.setdefault(node, at - cut_at)
    return found.items()


def judge_late(cluster, trace, follower, log):
    """A run that has begun when the links were cut ends well, whoever was asked first."""
    code = follower.wait(timeout=MOST_SECONDS_OF_LATE)
    with open(log) as events:
        said = events.read()
    if code != 0:
        return [f"the run that has begun later ends with {code}: {said[-1500:]}"]
    begun = [trace.begun("late", f"{target}/{step}") for target in LATE
             for step in ("again", "careful")]
    near = {cluster.workers[f"near-{cut}"].process.pid for cut in CUTS}
    lost = sum(len(it) - 1 for it in begun)
    print(f"a run that has begun later ended well, {lost} of its commands were begun again")
    if any(len(it) != 1 or it[0][0] not in near for it in begun[1::2]):
        return [f"the run that has begun later: {begun}"]
    return []


def run_of(log):
    with open(log) as events:
        return next(json.loads(line)["run"] for line in events if "run-started" in line)


def judge(cluster, trace, cut, cut_at, heard, limit):
    """What is wrong after the link of a worker was cut."""
    wrong = []
    worker = cluster.workers[f"far-{cut}"].process
    if worker.poll() is not None:
        wrong.append(f"{cut}: the worker has ended with {worker.returncode}")
    for step in ("again", "careful"):
        place = f"far.{cut}/{step}"
        event, at = heard[place]
        lines = trace.lines("long", place)
        begun = trace.begun("long", place)
        first = begun[0][0]
        # A tick after it would come within a tenth of a second.
        last = max(when for _, worker, when in lines if worker == first)
        said = f"{cut:8} {step:8} its command lived for {last - cut_at:5.1f} s, "
        if step == "careful":
            print(f"{said}the run heard of it after {at - cut_at:5.1f} s")
            failure = event.get("failure", {}).get("class")
            if len(begun) != 1 or failure != "interrupted":
                wrong.append(f"{place} was begun {len(begun)} times, and ended as {event}")
            if at - cut_at > limit:
                wrong.append(f"the run heard of {place} after {at - cut_at:.1f} s")
            beside = last - at
        else:
            if len(begun) != 2 or event["status"] != "succeeded":
                wrong.append(f"{place} was begun {len(begun)} times, and ended as {event}")
                continue
            again = begun[1][1]
            print(f"{said}it was begun again after {again - cut_at:5.1f} s")
            if again - cut_at > limit + MOST_SECONDS_DEAF:
                wrong.append(f"{place} was begun again after {again - cut_at:.1f} s")
            beside = last - again
        if beside > MOST_SECONDS_BESIDE:
            wrong.append(f"{place} went on unseen for {beside:.1f} s")
    return wrong


def mend(cluster, trace, links):
    """The workers that were cut off work again when their links are back."""
    for cut, link in links.items():
        link.mend()
        cluster.workers.pop(f"near-{cut}").kill()
    mended = time.monotonic()
    run = cluster.lockstep("run", "ship.deploy", "-i", "label=short", seconds=180)
    took = time.monotonic() - mended
    print(f"a run of {took:.1f} s on the workers whose links are back: code {run.returncode}")
    wrong = []
    if run.returncode != 0:
        wrong.append(f"{run.stdout}{run.stderr}")
    for cut in CUTS:
        worker = cluster.workers[f"far-{cut}"].process.pid
        if [it for it, _ in trace.begun("short", f"far.{cut}/again")] != [worker]:
            wrong.append(f"{cut}: the worker whose link is back does nothing")
    return wrong


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("program")
    reader.add_argument("server")
    reader.add_argument("--port", type=int, default=37433)
    reader.add_argument("--folder", help="a new folder, which is kept")
    reader.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    words = reader.parse_args()
    if not words.inside:
        as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        here = [sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--inside"]
        os.execvp("unshare", ["unshare", *as_root, "--net", *here])
    with tempfile.TemporaryDirectory(prefix="cut-off-") as folder:
        if words.folder:
            folder = os.path.abspath(words.folder)
            os.makedirs(folder)
        try:
            go(words, folder)
        except TimeoutError as error:
            fail(error)


main()
