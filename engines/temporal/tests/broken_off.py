#!/usr/bin/env python3
"""Runs whose workflow somebody terminates on the server, and which are resumed.

    broken_off.py PROGRAM SERVER [--port PORT] [--folder DIR]

What had ended is not run again; what was running is ended in time and begun again, one after the
other, or fails where it may run only once; who has got its lock meanwhile is waited for, and what
that has deployed is not overwritten.
"""

import argparse
import json
import os
import re
import tempfile
import threading
import time
import traceback

from cluster import Cluster, fail, processes, until, uptime, write_files

PIPELINE = """\
kind app {}

service web: app {}

environment prod {
  infrastructure a: app { pool = "one" }
  infrastructure b: app { pool = "one" }
}

workflow put(s: service<app>, i: infrastructure<app>, mark: string) {
  run "./work ${mark}"
}

pipeline twice queue "twice" {
  run "./work twice-first"
  deploy web to prod.a using put("twice-put")
  run "./work twice-last"
}

pipeline careful {
  run "./work careful" once
}

pipeline late {
  deploy web to prod.b using put("late")
}

pipeline newer {
  deploy web to prod.b using put("newer")
}
"""

# It says when it begins and ends, and lasts until it may go on.
SCRIPTS = {
    "work": """\
#!/bin/sh
now() { cut -d' ' -f1 /proc/uptime; }
echo "begins $1 $(now)" >>work.log
until [ -e "go-$1" ]; do sleep 0.05; done
echo "ends $1 $(now)" >>work.log
""",
}

# A command is gone by then, however its workflow was ended.
MAX_SECONDS_TO_END = 20
MAX_SECONDS_TO_GO_ON = 90


class Runs:
    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder

    def log(self, mark):
        """What the commands of this mark have said: words and times."""
        try:
            with open(f"{self.folder}/work.log") as file:
                lines = [line.split() for line in file]
        except FileNotFoundError:
            return []
        return [(what, float(at)) for what, name, at in lines if name == mark]

    def begins(self, mark):
        return sum(what == "begins" for what, _ in self.log(mark))

    def let_go(self, mark):
        open(f"{self.folder}/go-{mark}", "w").close()

    def begin(self, pipeline):
        """Begins a run, and says which one it is."""
        out = f"{self.folder}/{pipeline}.out"
        process = self.cluster.begin(
            "run", "ship.deploy", pipeline, "--format", "plain", "--state", f"{self.folder}/{pipeline}",
            log=out,
        )

        def id_of_run():
            found = re.search(r"run (r-\w+)", open(out).read())
            return found and found.group(1)

        return process, until(f"run of {pipeline}", id_of_run)

    def terminate(self, run, mark):
        """Terminates the workflow of a run, as an operator would, while a command of it runs."""
        path = f"/namespaces/default/workflows/{run}/terminate"
        if self.cluster.ask(path, {"reason": "by a test"}) is None:
            fail(f"the workflow of run {run} cannot be terminated")
        at = uptime()
        gone = lambda: not [it for it in processes(mark) if "./work" in it[1]]
        until(f"end of the command {mark} of the terminated run", gone, MAX_SECONDS_TO_END)
        return at, uptime()

    def resume(self, run, state):
        process = self.cluster.begin(
            "resume", run, "--format", "plain", "--state", f"{self.folder}/{state}",
            log=f"{self.folder}/{state}-resumed.out",
        )
        return process

    def ended(self, process, name, code):
        try:
            found = process.wait(MAX_SECONDS_TO_GO_ON)
        finally:
            process.poll() is None and process.kill()
        if found != code:
            fail(f"{name} ended with {found}, not with {code}: see {self.folder}/{name}*.out")

    def verify(self, run):
        """Whatever happened to a run, its record is one that its plan allows."""
        verified = self.cluster.lockstep("verify", run, "--state", f"{self.folder}/other")
        if verified.returncode != 0:
            fail(f"the record of run {run} is not what its plan says: {verified.stdout}"
                 f"{verified.stderr}")

    def said(self, name, words):
        with open(f"{self.folder}/{name}.out") as file:
            text = file.read()
        if words not in text:
            fail(f"{name}.out does not say {words!r}:\n{text}")


def one_that_is_terminated_twice(runs):
    following, run = runs.begin("twice")
    runs.let_go("twice-first")
    until("deployment", lambda: runs.begins("twice-put"))
    for time_of_it in (1, 2):
        at, gone_at = runs.terminate(run, "twice-put")
        name = "twice" if time_of_it == 1 else "twice-resumed"
        runs.ended(following, name, 5)
        runs.said(name, "its workflow was terminated")
        runs.said(name, f"lockstep resume {run}")
        listed = runs.cluster.lockstep("runs", "--state", f"{runs.folder}/twice").stdout
        if "stopped" not in listed:
            fail(f"`lockstep runs` does not say that run {run} is stopped:\n{listed}")
        following = runs.resume(run, "twice")
        until("next try of the deployment", lambda: runs.begins("twice-put") == time_of_it + 1,
              MAX_SECONDS_TO_GO_ON)
        begun = runs.log("twice-put")[-1][1]
        if begun < gone_at:
            fail(f"two commands of run {run} ran at once: {runs.log('twice-put')}")
        print(f"  {run}: its command had ended {gone_at - at:.1f} s after its workflow was "
              f"terminated, and began again after {begun - at:.1f} s")
    runs.let_go("twice-put")
    runs.let_go("twice-last")
    runs.ended(following, "twice-resumed", 0)
    if (runs.begins("twice-first"), runs.begins("twice-last")) != (1, 1):
        fail(f"what had ended was run again: see {runs.folder}/work.log")
    runs.verify(run)
    ledger = runs.cluster.lockstep("ledger", "--format", "json", "--state", f"{runs.folder}/other")
    places = json.loads(ledger.stdout)
    if not any((it["run"], it["state"]) == (run, "deployed") for it in places):
        fail(f"the ledger does not have the deployment of run {run}: {ledger.stdout}")


def one_with_a_command_that_may_run_once(runs):
    following, run = runs.begin("careful")
    until("command", lambda: runs.begins("careful"))
    runs.terminate(run, "careful")
    runs.ended(following, "careful", 5)
    following = runs.resume(run, "careful")
    runs.ended(following, "careful-resumed", 1)
    runs.said("careful-resumed", "may run only once")
    if runs.begins("careful") != 1:
        fail("a command with `once` was run twice")
    runs.verify(run)
    print(f"  {run}: a command with `once` is not run again")


def one_whose_lock_another_run_gets(runs):
    following, late = runs.begin("late")
    until("deployment", lambda: runs.begins("late"))
    _, gone_at = runs.terminate(late, "late")
    runs.ended(following, "late", 5)
    newer, _ = runs.begin("newer")
    until("lock of the terminated run", lambda: runs.begins("newer"), MAX_SECONDS_TO_GO_ON)
    if runs.log("newer")[0][1] < gone_at:
        fail("two runs were at one place at once")
    following = runs.resume(late, "late")
    time.sleep(5)
    runs.said("late-resumed", "is held by run")
    if runs.begins("late") != 1:
        fail("a resumed run did not wait for the lock that it had")
    runs.let_go("newer")
    runs.let_go("late")
    runs.ended(newer, "newer", 0)
    code = following.wait(MAX_SECONDS_TO_GO_ON)
    if code == 0 or runs.begins("late") != 1:
        fail(f"a resumed run has deployed over a later one (exit code {code})")
    runs.verify(late)
    print(f"  {late}: waited for its lock, and left the newer deployment alone")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("server")
    parser.add_argument("--port", type=int, default=39_233)
    parser.add_argument("--folder")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="broken-off-")
    write_files(folder, PIPELINE, SCRIPTS)
    failures = []

    def attempt(case, runs):
        try:
            case(runs)
        except BaseException:
            failures.append(traceback.format_exc())

    with Cluster(options.program, options.server, folder, options.port) as cluster:
        cluster.worker("runs", "--runs")
        cluster.worker("one", "--pool", "one")
        cluster.worker("rest")
        runs = Runs(cluster, folder)
        cases = [
            one_that_is_terminated_twice,
            one_with_a_command_that_may_run_once,
            one_whose_lock_another_run_gets,
        ]
        threads = [threading.Thread(target=attempt, args=(case, runs)) for case in cases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            fail("\n".join([*failures, f"see {folder}"]))
    print("runs that were broken off are resumed")


if __name__ == "__main__":
    main()
