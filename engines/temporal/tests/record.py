"""Records histories of runs, which `tests/replay.rs` handles again: what a workflow does must follow
from its history, also with the program of later.

    record.py PROGRAM SERVER [FOLDER]

PROGRAM was built together with the examples of the package, of which `history` reads them.
Histories that are there stay: they are those of older versions. A new version adds its own, in a
folder of its name.
"""

import gzip
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from cluster import Cluster, fail, until

FILE = """
kind k8s { service {} infrastructure {} deploy using ship }
environment prod {
  infrastructure eu: k8s { pool = "eu" }
  infrastructure us: k8s { pool = "eu" }
}
service web: k8s {}
workflow ship(s: service<k8s>, i: infrastructure<k8s>) {
  step place {
    run "echo ${s.name} on ${i.name}; sleep 0.2"
    undo { run "echo back" }
  }
}
input bad: bool = false

pipeline release {
  stage out { matrix parallel i in prod.* { deploy web to i } }
  let said = run "echo seen"
  parallel n in [1, 2, 3] max 2 { run "echo ${n} ${said.stdout}" timeout 30s }
  if bad { run "exit 3" retry 2 on failure { rollback pipeline } }
}
pipeline asks { approve "go on?" run "echo yes" }
pipeline slow { run "sleep 30" }
pipeline once { run "sleep 3" once }
pipeline queued queue "prod" { run "sleep 1" }
pipeline circle { lock "a" { run "sleep 0.5" lock "b" { run "true" } } }
pipeline elcric { lock "b" { run "sleep 0.5" lock "a" { run "true" } } }
"""


def begun(cluster, known):
    """The run that has begun since."""
    def look():
        runs = {it["execution"]["workflowId"] for it in cluster.executions(RUNS) or []}
        return sorted(runs - known)

    return until("run", look)[0]


RUNS = "WorkflowType = 'DeployRun'"


def main():
    program, server, *folder = sys.argv[1:]
    here = os.path.dirname(os.path.abspath(__file__))
    reader = os.path.join(os.path.dirname(os.path.abspath(program)), "examples", "history")
    folder = folder[0] if folder else os.path.join(here, "histories", "0.1.0")
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, \
            Cluster(program, server, work, 41233, is_kept=False) as cluster:
        with open(os.path.join(work, "a.deploy"), "w") as file:
            file.write(FILE)
        cluster.worker("runs", "--runs")
        cluster.worker("eu", "--pool", "eu")
        any_pool = cluster.worker("any")
        known = set()

        def run(name, pipeline, *words, meanwhile=None, saves=True):
            ended = []
            started = threading.Thread(
                target=lambda: ended.append(
                    cluster.lockstep("run", "a.deploy", pipeline, "--format", "json", *words)))
            started.start()
            run = begun(cluster, known)
            known.add(run)
            if meanwhile:
                meanwhile(run)
            if saves:
                started.join()
                save(name, run)
            return run, started

        def save(name, workflow):
            until("end", lambda: cluster.workflow(workflow)["workflowExecutionInfo"]["status"]
                  != "WORKFLOW_EXECUTION_STATUS_RUNNING")
            write(name, workflow)

        def write(name, workflow):
            path = os.path.join(folder, f"{name}.json.gz")
            if os.path.exists(path):
                fail(f"{path} is there already")
            words = [reader, cluster.environment["LOCKSTEP_ENGINE"], workflow]
            text = subprocess.run(words, check=True, capture_output=True).stdout
            with gzip.GzipFile(path, "wb", mtime=0) as file:
                file.write(text)
            print(f"{name}: {len(text)} bytes")

        good, _ = run("release", "release")
        run("rolled-back", "release", "-i", "bad=true")
        cluster.lockstep("undo", good, "--yes")
        undo = begun(cluster, known)
        known.add(undo)
        save("undo", undo)

        def answer(run):
            until("question", lambda: cluster.lockstep("approve", run, "--yes").returncode == 0)

        run("approved", "asks", meanwhile=answer)

        def cancel(run):
            time.sleep(1)
            cluster.lockstep("cancel", run)

        run("cancelled", "slow", meanwhile=cancel)

        def lose(_):
            time.sleep(1)
            any_pool.kill(signal.SIGKILL)
            any_pool.start()

        run("lost-worker", "once", meanwhile=lose)
        first, one = run("first-in-queue", "queued", saves=False)
        second, other = run("second-in-queue", "queued", saves=False)
        one.join()
        other.join()
        save("second-in-queue", second)
        first, one = run("", "circle", saves=False)
        second, other = run("", "elcric", saves=False)
        one.join()
        other.join()
        save("circle-1", first)
        save("circle-2", second)
        write("lock", "lockstep-lock infrastructure prod.eu")


main()
