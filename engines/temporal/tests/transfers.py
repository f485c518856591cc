#!/usr/bin/env python3
"""Files that are sent and fetched, requests, and the secrets in them, on workers of an engine.

    transfers.py PROGRAM SERVER [--port PORT] [--folder DIR]

The files are those of the worker of the pool, and so are the secrets, which neither the histories on
the server nor the logs have; the values of all of it come to the run, and to what follows.
"""

import argparse
import base64
import hashlib
import http.server
import json
import os
import tempfile
import threading

from cluster import Cluster, fail, write_files

SECRET = "hunter2-of-the-transfers"

PIPELINE = """\
kind app {}

secret token = env("TOKEN")

environment prod {
  infrastructure a: app { pool = "one" }
}

pipeline ship {
  let sent = send "dist" to "$ROOT/place/dist" on prod.a
  send text token to "$ROOT/place/token" mode 0600 on prod.a
  send text "SUM=${sent.sha256}\\n" to "$ROOT/place/sum" on prod.a
  fetch "$ROOT/place/dist/index.html" to "fetched.html" on prod.a
  let answer = http.post("$ADDRESS/deploys", headers: { Authorization: "Bearer ${token}" }, body: "[${sent.files}]")
  if answer.json == none { fail "no JSON" }
  let reply: { number: int } = answer.json
  run "echo number ${reply.number} with ${sent.bytes} bytes >$ROOT/place/answer" on prod.a
  step refused {
    let missing = http.get("$ADDRESS/missing")
    run "false" on prod.a
  } on failure { ignore }
}
"""

PAGES = {"index.html": "<p>it works: ünï</p>\n", "deep/er/style.css": "p { color: teal }\n" * 5_000}


class Api(http.server.BaseHTTPRequestHandler):
    """What deployments are reported to. Each request is counted."""

    heard = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(("POST", self.path, self.headers.get("Authorization"), json.loads(body)))
        self.answer(200, {"number": 41 + len(self.heard)})

    def do_GET(self):
        self.heard.append(("GET", self.path, self.headers.get("Authorization"), None))
        self.answer(404, {"why": "there is no such thing"})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def payloads(found):
    """The data of all payloads in a part of a history. What is long is compressed; here, that is
    the plan alone."""
    if isinstance(found, list):
        for part in found:
            yield from payloads(part)
    elif isinstance(found, dict):
        if isinstance(found.get("data"), str) and "metadata" in found:
            yield base64.b64decode(found["data"]).decode()
        for part in found.values():
            yield from payloads(part)
    elif isinstance(found, str):
        yield found


def check(cluster, folder, here, there):
    ran = cluster.lockstep("run", "ship.deploy", "--format", "plain", "--state", f"{folder}/state")
    if ran.returncode != 0:
        fail(f"the run has failed:\n{ran.stdout}\n{ran.stderr}")

    def place(name):
        with open(f"{folder}/place/{name}") as file:
            return file.read()

    for name, text in PAGES.items():
        if place(f"dist/{name}") != text:
            fail(f"{name} has not arrived as it was")
    if place("token") != SECRET or os.stat(f"{folder}/place/token").st_mode & 0o777 != 0o600:
        fail("the secret has not arrived as it was")
    with open(f"{there}/fetched.html") as file:
        if file.read() != PAGES["index.html"]:
            fail("what was fetched is not what is there")
    if os.path.exists(f"{here}/fetched.html"):
        fail("a file was fetched to where the run was begun, and not to the worker")
    # As `find . -type f | LC_ALL=C sort | xargs sha256sum` prints it.
    lines = [f"{hashlib.sha256(PAGES[name].encode()).hexdigest()}  ./{name}\n"
             for name in sorted(PAGES)]
    total = hashlib.sha256("".join(lines).encode()).hexdigest()
    if place("sum") != f"SUM={total}\n":
        fail(f"the sum of what was sent is wrong: {place('sum')}")
    size = sum(len(text.encode()) for text in PAGES.values())
    if place("answer") != f"number 42 with {size} bytes\n":
        fail(f"the values of what was sent and answered are wrong: {place('answer')}")
    wanted = [
        ("POST", "/deploys", f"Bearer {SECRET}", [len(PAGES)]),
        ("GET", "/missing", None, None),
    ]
    if Api.heard != wanted:
        fail(f"other requests were made than those of the program: {Api.heard}")

    runs = cluster.executions("WorkflowType = 'DeployRun'")
    [run] = {it["execution"]["workflowId"] for it in runs}
    in_history = "".join(payloads(cluster.history(run)))
    if "/deploys" not in in_history:
        fail("the request is not in the history, where secrets were to be looked for")
    shown = [in_history, ran.stdout, ran.stderr]
    for path, _, files in os.walk(f"{folder}/logs"):
        for name in files:
            with open(os.path.join(path, name)) as file:
                shown.append(file.read())
    if any(SECRET in text for text in shown):
        fail("a secret is in the history, in what was shown, or in a log")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("server")
    parser.add_argument("--port", type=int, default=40_233)
    parser.add_argument("--folder")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="transfers-")
    api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    here, there = folder, f"{folder}/there"
    for name, text in PAGES.items():
        os.makedirs(os.path.dirname(f"{there}/dist/{name}"), exist_ok=True)
        with open(f"{there}/dist/{name}", "w") as file:
            file.write(text)
    address = f"http://127.0.0.1:{api.server_port}"
    write_files(here, PIPELINE.replace("$ROOT", folder).replace("$ADDRESS", address), {})
    with Cluster(options.program, options.server, folder, options.port) as cluster:
        # Who begins the run has neither the files nor the secret.
        cluster.environment["TOKEN"] = SECRET
        cluster.worker("one", "--pool", "one", "--folder", there)
        cluster.worker("rest", "--folder", there)
        del cluster.environment["TOKEN"]
        check(cluster, folder, here, there)
    print("files and requests are those of workers, with secrets that only they have")


if __name__ == "__main__":
    main()
