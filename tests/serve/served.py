"""A server that a test has for itself, and what the tests in Python ask of it."""

import http.client
import json
import socket
import subprocess
import sys
import time

PATIENCE_SECONDS = 60


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(what, look):
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    sys.exit(f"there was no {what} within {PATIENCE_SECONDS} s")


def ask(address, method, path, headers, body=None):
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_SECONDS)
    text = None if body is None else json.dumps(body)
    kind = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, text, {**headers, **kind})
    answer = connection.getresponse()
    return answer, answer.read()


class Server:
    """`lockstep serve` in a folder, with `ada` as its administrator."""

    def __init__(self, program, folder, rights):
        self.process = subprocess.Popen(
            [program, "serve", "--listen", "127.0.0.1:0"], cwd=folder, stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self.process.stdout.readline().split("http://")[1].strip()
        self.process.stdout.readline()
        link = self.process.stdout.readline().split("#")[1].strip()
        account = {"name": "ada", "password": "correct horse battery"}
        answer, _ = self.ask("POST", f"/api/v1/invitations/{link}", {}, account)
        self.session = {"Cookie": answer.getheader("set-cookie").split(";")[0]}
        _, text = self.ask("GET", "/api/v1/session", self.session)
        self.session["X-CSRF-Token"] = json.loads(text)["csrf_token"]
        wanted = {"name": "test", "rights": rights}
        _, text = self.ask("POST", "/api/v1/tokens", self.session, wanted)
        self.token = json.loads(text)["token"]

    def ask(self, method, path, headers, body=None):
        return ask(self.address, method, path, headers, body)

    def get(self, path):
        _, text = self.ask("GET", path, {"Authorization": f"Bearer {self.token}"})
        return json.loads(text)
