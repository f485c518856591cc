#!/usr/bin/env python3
"""Runs with the output of commands in a bucket that speaks S3.

    bucket.py PROGRAM SERVER S3RVER [--port PORT] [--folder DIR]

The worker and who follows share no folder. What a command writes is read while it runs, and all of
it, byte for byte, by a machine that has never heard of the run; a secret is in none of the objects.
"""

import argparse
import json
import os
import subprocess
import tempfile

from cluster import Cluster, Program, fail, until, write_files

PIPELINE = """\
kind app {}

secret token = env("TOKEN")

environment prod {
  infrastructure a: app { pool = "one" }
}

pipeline ship {
  parallel {
    step many { run "./many 3000" on prod.a }
    step slow { run "./slow" on prod.a }
    step hidden { run "echo the token is ${token}" on prod.a }
  }
}
"""

SCRIPTS = {
    "many": "#!/bin/sh\ni=0\nwhile [ $i -lt $1 ]; do i=$((i + 1)); echo \"line $i: ünï\"; done\n",
    "slow": "#!/bin/sh\necho begun\nuntil [ -e go-on ]; do sleep 0.05; done\necho done\n",
}

SECRET = "hunter2-of-the-bucket"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("server")
    parser.add_argument("s3rver")
    parser.add_argument("--port", type=int, default=38_233)
    parser.add_argument("--folder")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="bucket-")
    write_files(folder, PIPELINE, SCRIPTS)

    store_port = options.port + 20
    objects = f"{folder}/objects"
    store = Program(
        "store",
        [options.s3rver, "--directory", objects, "--address", "127.0.0.1", "--port", str(store_port),
         "--configure-bucket", "logs"],
        folder, dict(os.environ),
    )
    cluster = Cluster(options.program, options.server, folder, options.port)
    cluster.environment.update({
        "LOCKSTEP_LOGS": "s3://logs/team/deploys",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{store_port}",
        "AWS_ACCESS_KEY_ID": "S3RVER",
        "AWS_SECRET_ACCESS_KEY": "S3RVER",
        "TOKEN": SECRET,
    })
    store.start()
    try:
        with cluster:
            cluster.worker("all", "--runs", "--pool", "one")
            check(cluster, folder, objects)
    finally:
        store.kill()
    print("the logs of runs are in the bucket, whole and without secrets")


def check(cluster, folder, objects):
    following = cluster.begin("run", "ship.deploy", "--format", "plain", log=f"{folder}/run.out")

    def run_id():
        runs = cluster.executions("WorkflowType = 'DeployRun'") or []
        return runs[0]["execution"]["workflowId"] if runs else None

    run = until("run", run_id)

    def logs(node, state):
        ended = cluster.lockstep("logs", run, node, "--state", f"{folder}/{state}")
        return ended.stdout if ended.returncode == 0 else None

    # What has been written is read before the command has ended, elsewhere.
    until("output of a command that runs", lambda: "begun" in (logs("**/slow", "early") or ""))
    open(f"{folder}/go-on", "w").close()
    if following.wait(60) != 0:
        fail(f"the run has failed: see {folder}/run.out")

    wanted = subprocess.run(["./many", "3000"], cwd=folder, capture_output=True, text=True).stdout
    if logs("**/many", "late") != wanted:
        fail(f"`lockstep logs {run} many` does not say what the command has written: see {folder}")
    if logs("**/slow", "late") != "begun\ndone\n":
        fail(f"`lockstep logs {run} slow` does not say what the command has written: see {folder}")

    names, shown = [], b""
    for path, _, files in os.walk(objects):
        for name in files:
            names.append(os.path.join(path, name))
            with open(names[-1], "rb") as file:
                shown += file.read()
    if not names or b"the token is" not in shown:
        fail(f"there are no objects of the run in {objects}")
    if SECRET.encode() in shown:
        fail(f"a secret is in an object of {objects}")
    if not any("/team/deploys/" in name for name in names):
        fail(f"the objects are not below the prefix: {json.dumps(names[:3])}")


if __name__ == "__main__":
    main()
