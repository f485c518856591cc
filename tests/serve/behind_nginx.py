"""The server behind nginx, and its service, as `docs/server.md` writes them: the texts of the page
are taken from it, and nothing of them is changed but names, ports and files of this machine.

    python3 tests/serve/behind_nginx.py lockstep

with `nginx`, `openssl` and `systemd-analyze`.
"""

import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile

from served import PATIENCE_SECONDS, free_port, until

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "../../docs/server.md")
NAME = "deploy.example.com"
MAX_BODY_BYTES = 1024 * 1024
HOOK = "hook-s3cret"

PIPELINES = """
secret hook = file("hook.txt")

input tag: string = "v1"

trigger on-push on webhook(secret: hook, from: "github")
  starts ship(tag: event.payload.after)

pipeline ship {
  run "echo ${tag}"
  run "while [ -e hold ]; do sleep 0.05; done" using sh
}
"""


def block(language):
    """The only block of the page in a language."""
    with open(PAGE, encoding="utf-8") as page:
        found = re.findall(rf"^```{language}\n(.*?)^```", page.read(), re.M | re.S)
    assert len(found) == 1, f"{len(found)} blocks of {language}"
    return found[0]


def changed(text, **changes):
    """A text with one part after the other replaced, each of which is there once."""
    for old, new in changes.items():
        old = OLD[old]
        assert text.count(old) == 1, f"`{old}` is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


OLD = {
    "listen": "listen 443 ssl;",
    "cert": "/etc/ssl/deploy.pem",
    "key": "/etc/ssl/deploy.key",
    "server": "http://127.0.0.1:7420;",
    "user": "User=deploy",
    "folder": "/srv/deployments",
    "program": "/usr/local/bin/lockstep",
}


class Site:
    """The pages and the API as a browser finds them: by the name of the server, through nginx."""

    def __init__(self, port, cert):
        self.port = port
        self.trust = ssl.create_default_context(cafile=cert)
        self.headers = {}

    def open(self, method, path, body=None, headers=None):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)
        connection = http.client.HTTPSConnection(f"{NAME}:{self.port}", timeout=PATIENCE_SECONDS)
        connection.sock = self.trust.wrap_socket(plain, server_hostname=NAME)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, body, {**kind, **self.headers, **(headers or {})})
        return connection.getresponse()

    def ask(self, method, path, body=None, headers=None, status=(200, 201, 202)):
        answer = self.open(method, path, body, headers)
        text = answer.read()
        assert answer.status in status, (method, path, answer.status, text)
        is_json = "json" in (answer.getheader("content-type") or "")
        return json.loads(text) if is_json else None


def service(program, folder):
    """The unit is one that systemd takes."""
    unit = changed(block("ini"), user="User=root", folder=folder, program=program)
    path = os.path.join(folder, "lockstep.service")
    with open(path, "w", encoding="utf-8") as file:
        file.write(unit)
    # Systemd need not be running. What it does not know it says, and ends well all the same.
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    own = [line for line in done.stdout.splitlines() if "lockstep.service" in line]
    assert done.returncode == 0 and not own, (done.returncode, done.stdout)
    print("systemd takes the unit")


def proxy(folder, port, behind):
    cert, key = (os.path.join(folder, name) for name in ("cert.pem", "key.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-addext",
         f"subjectAltName=DNS:{NAME},DNS:localhost",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", cert],
        check=True, stderr=subprocess.DEVNULL,
    )
    site = changed(
        block("nginx"), listen=f"listen 127.0.0.1:{port} ssl;", cert=cert, key=key,
        server=f"http://127.0.0.1:{behind};",
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"  {kind}_temp_path {folder}/nginx-{kind};\n" for kind in kinds)
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"pid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\nevents {{}}\n"
                   f"daemon off;\nhttp {{\n  access_log off;\n{temporary}{site}}}\n")
    started = subprocess.Popen(["nginx", "-p", folder, "-c", config])
    return started, cert


def first_steps(site, link):
    """Somebody opens the one-time link, and has a session."""
    account = {"name": "ada", "password": "correct horse battery"}
    answer = site.open("POST", f"/api/v1/invitations/{link}", account)
    answer.read()
    cookie = answer.getheader("set-cookie")
    # The server knows that browsers reach it by HTTPS.
    assert cookie.startswith("__Host-") and "Secure" in cookie, cookie
    site.headers["Cookie"] = cookie.split(";")[0]
    site.headers["X-CSRF-Token"] = site.ask("GET", "/api/v1/session")["csrf_token"]


def events_come_at_once(site, hold):
    """What happens is seen while the run goes on, and not when it has ended."""
    with open(hold, "w", encoding="utf-8"):
        pass
    run = site.ask("POST", "/api/v1/runs", {"pipeline": "shop.deploy/ship"})["run"]
    stream = site.open("GET", f"/api/v1/runs/{run}/events")
    assert stream.getheader("content-type").startswith("text/event-stream")
    seen = b""
    while b"run-started" not in seen:
        line = stream.readline()
        assert line, "the stream has ended"
        seen += line
    assert site.ask("GET", f"/api/v1/runs/{run}")["status"] == "running"
    os.remove(hold)
    while b"run-finished" not in seen:
        line = stream.readline()
        assert line, "the stream has ended before the run"
        seen += line
    print("events come through nginx as they happen")


def deliver(site, body, status):
    digest = hmac.new(HOOK.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": "push",
               "X-GitHub-Delivery": hashlib.sha256(body).hexdigest()}
    return site.ask("POST", "/webhooks/shop.deploy/on-push", body, headers, status)


def webhooks_are_taken(site):
    """The body arrives as it was signed, up to the largest one."""
    stranger = Site(site.port, None)
    stranger.trust = site.trust
    head, tail = b'{ "after" : "v2",  "zero": "\\u0000", "pad": "', b'"}'
    body = head + b"x" * (MAX_BODY_BYTES - len(head) - len(tail)) + tail
    run = deliver(stranger, body, (200, 201, 202))["run"]
    until("run of the delivery", lambda: site.ask("GET", f"/api/v1/runs/{run}")["status"]
          == "succeeded")
    assert site.ask("GET", f"/api/v1/runs/{run}")["inputs"]["tag"] == "v2"
    deliver(stranger, body + b" ", (413,))
    print("a signed delivery of 1 MiB starts a run")


def the_client_is_known(site):
    """Nobody can pretend to come from elsewhere."""
    wrong = {"name": "ada", "password": "a wrong one altogether"}
    stranger = Site(site.port, None)
    stranger.trust = site.trust
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}
    stranger.ask("POST", "/api/v1/session", wrong, forged, (401,))
    last = site.ask("GET", "/api/v1/audit")[0]
    assert last["client"] == "127.0.0.1", last
    print("the audit log has the address of the client")


def the_command_line_gets_through(site, program, folder, cert):
    wanted = {"name": "ci", "rights": ["view", "run"]}
    token = site.ask("POST", "/api/v1/tokens", wanted)["token"]
    environment = {
        **os.environ, "SSL_CERT_FILE": cert, "LOCKSTEP_TOKEN": token,
        "LOCKSTEP_SERVER": f"https://localhost:{site.port}",
    }
    elsewhere = os.path.join(folder, "elsewhere")
    os.mkdir(elsewhere)

    def run(environment):
        return subprocess.run(
            [program, "run", "-i", "tag=v3"], cwd=elsewhere, env=environment, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_SECONDS,
        )

    done = run(environment)
    assert done.returncode == 0 and "echo v3" in done.stdout, done.stdout
    # Whom nobody has named as trusted gets no token.
    del environment["SSL_CERT_FILE"]
    done = run(environment)
    assert done.returncode == 2 and "cannot be trusted" in done.stdout, done.stdout
    print("the command line runs through nginx")


def main():
    program = os.path.abspath(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="lockstep-nginx-")
    # The workers of nginx are of another user, and write large bodies down there.
    os.chmod(folder, 0o711)
    for name, text in (("shop.deploy", PIPELINES), ("hook.txt", HOOK)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    processes = []
    try:
        service(program, folder)
        port, behind = free_port(), free_port()
        nginx, cert = proxy(folder, port, behind)
        processes.append(nginx)
        arguments = re.search(r"^ExecStart=\S+ (.*)$", block("ini"), re.M)[1].split()
        url = arguments.index(f"https://{NAME}")
        arguments[url] = f"https://{NAME}:{port}"
        server = subprocess.Popen(
            [program, *arguments, "--listen", f"127.0.0.1:{behind}"],
            cwd=folder, stdout=subprocess.PIPE, text=True,
        )
        processes.append(server)
        link = ""
        while "#" not in link:
            link = server.stdout.readline()
            assert link, "the server has not begun"
        assert f"https://{NAME}:{port}/" in link, link
        site = Site(port, cert)
        first_steps(site, link.split("#")[1].strip())
        events_come_at_once(site, os.path.join(folder, "hold"))
        webhooks_are_taken(site)
        the_client_is_known(site)
        the_command_line_gets_through(site, program, folder, cert)
    finally:
        for process in processes:
            process.kill()
        subprocess.run(["pkill", "-9", "-f", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
