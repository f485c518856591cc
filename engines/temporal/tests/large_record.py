#!/usr/bin/env python3
"""Runs that are too large for one execution of a workflow.

    large_record.py PROGRAM SERVER [--port PORT] [--folder DIR]

One has a record that is too large to be handed on in the input of its next execution. Its commands
write what cannot be compressed, more of it than a server takes at once. It goes on in
a new execution, which has all of it: a later stage reads a file of the folder of the run, and a
machine that has never heard of the run gets its whole record. Another one sends large texts, more of
them than a server takes at once, and more than it takes in one execution.
"""

import argparse
import base64
import json
import os
import re
import tempfile

from cluster import Cluster, fail, write_files

# A step takes three events, so that there are more than 8,000: see `workflow.rs`.
CELLS = 2_800

PIPELINE = f"""\
kind app {{}}

environment prod {{
  infrastructure a: app {{ pool = "one" }}
}}

pipeline ship {{
  step remember {{ run "./remember ${{run.scratch}}" on prod.a }}
  stage many {{
    parallel n in range(0, {CELLS}) {{ run "./noise" on prod.a }}
  }}
  # Nothing is under way meanwhile, so that it goes on in another execution.
  wait 2s
  stage last {{
    step recall {{ run "./recall ${{run.scratch}}" on prod.a }}
  }}
}}
"""

# More than 50 MB, and more than 4 MB at once.
TEXTS = 50
TEXT_BYTES = 1_200_000

TEXTS_PIPELINE = f"""\
kind app {{}}

environment prod {{
  infrastructure a: app {{ pool = "one" }}
}}

let noise = file("noise")

pipeline ship {{
  parallel n in range(0, {TEXTS}) {{ send text "${{n}} ${{noise}}" to "texts/${{n}}" on prod.a }}
}}
"""

SCRIPTS = {
    "remember": "#!/bin/sh\necho remembered > \"$1/note\"\n",
    "recall": "#!/bin/sh\ncat \"$1/note\"\n",
    "noise": "#!/bin/sh\nhead -c 1500 /dev/urandom | base64 -w 0\n",
}


def check_record(cluster, folder):
    following = cluster.begin("run", "ship.deploy", "--format", "plain", log=f"{folder}/run.out")
    code = following.wait(400)
    found = cluster.executions("WorkflowType = 'DeployRun'") or []
    executions = [it["execution"]["runId"] for it in found]
    if code != 0 or len(executions) < 2:
        fail(f"it ended with {code}, in {len(executions)} executions: see {folder}")
    run = found[0]["execution"]["workflowId"]
    bytes_of = [int(it.get("historySizeBytes", 0)) for it in found]

    elsewhere = f"{folder}/elsewhere"
    shown = cluster.lockstep("show", run, "--format", "json", "--state", elsewhere)
    if shown.returncode != 0:
        fail(f"another machine does not get its record: {shown.stdout[-500:]}{shown.stderr}")
    status = json.loads(shown.stdout)["status"]
    if status != "succeeded" or shown.stdout.count("./noise") < CELLS:
        fail(f"another machine gets another record: {status}: see {folder}")
    recalled = cluster.lockstep("logs", run, "**/recall", "--state", elsewhere)
    if recalled.stdout != "remembered\n":
        fail(f"the folder of the run has lost a file: {recalled.stdout}{recalled.stderr}")
    verified = cluster.lockstep("verify", run, "--state", elsewhere)
    if verified.returncode != 0:
        fail(f"its record is not what its plan says: {verified.stdout}{verified.stderr}")
    print(f"a record of {CELLS} steps goes on in {len(executions)} executions, of {bytes_of} bytes")


def check_texts(cluster, folder):
    os.makedirs(folder)
    write_files(folder, TEXTS_PIPELINE, {})
    noise = base64.b64encode(os.urandom(TEXT_BYTES * 3 // 4)).decode()
    with open(f"{folder}/noise", "w") as file:
        file.write(noise)
    ran = cluster.lockstep("run", f"{folder}/ship.deploy", "--format", "plain", seconds=400)
    [run] = re.findall(r"run (r-\w+)$", ran.stdout, re.M)[:1]
    found = cluster.executions(f"WorkflowId = '{run}'") or []
    bytes_of = [int(it.get("historySizeBytes", 0)) for it in found]
    if ran.returncode != 0 or len(found) < 2:
        fail(f"it ended with {ran.returncode}, in executions of {bytes_of} bytes: {ran.stdout}"
             f"{ran.stderr}")
    for number in range(TEXTS):
        with open(f"{folder}/texts/{number}") as file:
            if file.read() != f"{number} {noise}":
                fail(f"text {number} has not arrived as it was: see {folder}")
    print(f"{TEXTS} texts of {TEXT_BYTES} bytes go out in executions of {bytes_of} bytes")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("server")
    parser.add_argument("--port", type=int, default=38_533)
    parser.add_argument("--folder")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="large-record-")
    write_files(folder, PIPELINE, SCRIPTS)
    cluster = Cluster(options.program, options.server, folder, options.port, is_kept=False)
    with cluster:
        cluster.worker("runs", "--runs")
        cluster.worker("one", "--pool", "one")
        check_record(cluster, folder)
        check_texts(cluster, f"{folder}/large-texts")


if __name__ == "__main__":
    main()
