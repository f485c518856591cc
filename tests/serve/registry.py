"""A trigger on an image, with a real registry: a run is started when its tag means another image,
and what is wrong with the registry is shown, and keeps no other trigger waiting.

    python3 tests/serve/registry.py lockstep

with `docker-registry`.
"""

import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from served import PATIENCE_SECONDS, Server, free_port, until

MANIFEST = "application/vnd.oci.image.manifest.v1+json"

PIPELINES = """
input image: string

pipeline follow {{
  run "echo ${{image}}"
}}

trigger base on artifact("{registry}/team/base:stable", every: 1s)
  where event.digest != "sha256:none"
  starts follow(image: event.digest)

trigger silent on artifact("{silent}/team/base:stable", every: 1s)
  starts follow(image: event.digest)
"""


class Registry:
    """The real registry, with images of one small file."""

    def __init__(self, folder):
        self.address = f"127.0.0.1:{free_port()}"
        self.folder = folder
        self.process = None

    def start(self):
        config = os.path.join(self.folder, "registry.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"version: 0.1\nlog: {{ level: error }}\n"
                       f"storage: {{ filesystem: {{ rootdirectory: {self.folder}/images }} }}\n"
                       f"http: {{ addr: '{self.address}' }}\n")
        self.process = subprocess.Popen(
            ["docker-registry", "serve", config], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until("registry", self.answers)

    def answers(self):
        try:
            return self.ask("GET", "/v2/").status == 200
        except OSError:
            return False

    def stop(self):
        self.process.kill()
        self.process.wait()

    def ask(self, method, path, body=None, kind="application/octet-stream"):
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_SECONDS)
        connection.request(method, path, body, {"Content-Type": kind} if body else {})
        answer = connection.getresponse()
        answer.read()
        return answer

    def push(self, text):
        """Puts an image behind the tag; the answer is its digest."""
        blob = text.encode()
        name = "sha256:" + hashlib.sha256(blob).hexdigest()
        where = self.ask("POST", "/v2/team/base/blobs/uploads/").getheader("location")
        path = where.split(self.address)[-1]
        said = self.ask("PUT", f"{path}&digest={name}", blob)
        assert said.status == 201, said.status
        part = {"mediaType": "application/octet-stream", "size": len(blob), "digest": name}
        image = {"schemaVersion": 2, "mediaType": MANIFEST, "config": part, "layers": [part]}
        said = self.ask(
            "PUT", "/v2/team/base/manifests/stable", json.dumps(image).encode(), MANIFEST)
        assert said.status == 201, said.status
        return said.getheader("docker-content-digest")


def main():
    program = os.path.abspath(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="lockstep-registry-")
    registry = Registry(folder)
    # It takes connections, and never answers.
    silent = socket.create_server(("127.0.0.1", 0))
    server = None
    try:
        registry.start()
        registry.push("one")
        with open(os.path.join(folder, "base.deploy"), "w", encoding="utf-8") as file:
            file.write(PIPELINES.format(
                registry=registry.address, silent=f"127.0.0.1:{silent.getsockname()[1]}"))
        server = Server(program, folder, ["view", "run"])

        def trigger(name):
            return next(
                it for it in server.get("/api/v1/triggers") if it["id"] == f"base.deploy/{name}")

        def started():
            return [it["inputs"]["image"] for it in server.get("/api/v1/runs")["runs"]]

        # What was there when the trigger was seen first starts nothing, nor does the same again.
        time.sleep(3)
        assert started() == [], started()
        two = registry.push("two")
        until("run for the second image", started)
        registry.push("two")
        time.sleep(3)
        assert started() == [two], (started(), two)
        print("another image behind the tag has started one run")

        registry.stop()
        until("error", lambda: trigger("base").get("problem"))
        # It is there until the registry answers.
        time.sleep(2)
        assert trigger("base").get("problem"), trigger("base")
        registry.start()
        until("end of the error", lambda: not trigger("base").get("problem"))
        three = registry.push("three")
        until("run for the third image", lambda: len(started()) == 2)
        assert started()[0] == three, (started(), three)
        print("a registry that is away is shown, and its next image is not missed")
    finally:
        for started_here in (server, registry):
            if started_here and started_here.process:
                started_here.process.kill()
        silent.close()
        subprocess.run(["pkill", "-9", "-f", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
