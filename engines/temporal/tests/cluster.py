"""A Temporal server with workers, which tests have for themselves and may kill."""

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

PATIENCE_SECONDS = 60


def fail(why):
    sys.exit(f"FAILED: {why}")


def until(what, look, seconds=PATIENCE_SECONDS, pause=0.05):
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"there was no {what} within {seconds} s")
        time.sleep(pause)


def uptime():
    """The seconds since the machine was started, as commands read them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def write_files(folder, pipeline, scripts):
    """Writes a pipeline and the scripts that it runs."""
    with open(f"{folder}/ship.deploy", "w") as file:
        file.write(pipeline)
    for name, text in scripts.items():
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
        os.chmod(f"{folder}/{name}", 0o755)


class Program:
    """A process that is started, killed and started again."""

    def __init__(self, name, words, folder, environment, prefix=()):
        self.name = name
        self.words = [*prefix, *words]
        self.folder = folder
        self.environment = environment
        self.log = open(os.path.join(folder, f"{name}.log"), "ab")
        self.pids = []
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            self.words, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True,
        )
        self.pids.append(self.process.pid)

    def kill(self, how=signal.SIGKILL):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()

    def cpu_seconds(self):
        """The processor time of the process so far."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, field="VmRSS"):
        """Its memory in MB; `VmHWM` is the most that it had."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith(field):
                    return int(line.split()[1]) // 1024
        return 0


class Cluster:
    """A server, and the workers that work for it. All ends with it."""

    def __init__(self, program, server, folder, port, is_kept=True, address="127.0.0.1",
                 bind=None):
        self.program = os.path.abspath(program)
        self.folder = folder
        self.address = address
        self.port, self.http_port = port, port + 10
        for name in ("logs", "tmp"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        self.environment = {
            **os.environ,
            "DO_NOT_TRACK": "1",
            "TMPDIR": os.path.join(folder, "tmp"),
            "LOCKSTEP_ENGINE": f"temporal://{address}:{port}/default",
            "LOCKSTEP_LOGS": os.path.join(folder, "logs"),
        }
        words = [
            os.path.abspath(server), "server", "start-dev", "--headless",
            "--ip", bind or address, "--port", str(port), "--http-port", str(self.http_port),
            "--metrics-port", str(port + 11), "--ui-disable-news-fetch", "--log-level", "error",
        ]
        if is_kept:
            words += ["--db-filename", os.path.join(folder, "temporal.db")]
        self.server = Program("server", words, folder, self.environment)
        self.server_lock = threading.Lock()
        self.workers = {}

    def __enter__(self):
        self.server.start()
        self.until_ready()
        return self

    def __exit__(self, *_):
        for program in [*self.workers.values(), self.server]:
            program.kill()

    def until_ready(self):
        def is_ready():
            if self.server.process.poll() is not None:
                fail(f"the server does not start: see {self.folder}/server.log")
            return self.ask("/namespaces/default")

        until("server", is_ready)

    def restart_server(self, while_down=lambda: None):
        """Kills the server and starts it again on its file."""
        with self.server_lock:
            self.server.kill()
            while_down()
            self.server.start()
            self.until_ready()

    def worker(self, name, *options, prefix=()):
        """Starts a worker."""
        words = [self.program, "worker", *options]
        worker = Program(name, words, self.folder, self.environment, prefix)
        worker.start()
        self.workers[name] = worker
        return worker

    def ask(self, path, body=None):
        """What the HTTP API of the server answers; nothing where it does not."""
        connection = http.client.HTTPConnection(self.address, self.http_port, timeout=20)
        try:
            method = "GET" if body is None else "POST"
            text = None if body is None else json.dumps(body)
            kind = {"Content-Type": "application/json"}
            connection.request(method, f"/api/v1{path}", text, kind)
            answer = connection.getresponse()
            text = answer.read()
            return json.loads(text) if answer.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def workflow(self, workflow):
        """What the server says of a workflow."""
        return self.ask(f"/namespaces/default/workflows/{urllib.parse.quote(workflow)}")

    def executions(self, query):
        """The executions that the query describes."""
        found, page = [], ""
        while True:
            words = urllib.parse.urlencode({"query": query, "nextPageToken": page})
            answer = self.ask(f"/namespaces/default/workflows?{words}")
            if answer is None:
                return None
            found += answer.get("executions", [])
            page = answer.get("nextPageToken", "")
            if not page:
                return found

    def query(self, workflow, name):
        """What a workflow answers to a query without arguments."""
        path = f"/namespaces/default/workflows/{urllib.parse.quote(workflow)}/query/{name}"
        answer = self.ask(path, {})
        return answer and answer["queryResult"][0]

    def history(self, workflow, execution=None):
        """All events of an execution of a workflow, the last one by default."""
        path = f"/namespaces/default/workflows/{urllib.parse.quote(workflow)}/history"
        events, page = [], ""
        while True:
            words = {"maximumPageSize": 1000, "nextPageToken": page}
            if execution:
                words["execution.runId"] = execution
            answer = self.ask(f"{path}?{urllib.parse.urlencode(words)}")
            if answer is None:
                return None
            events += answer["history"]["events"]
            page = answer.get("nextPageToken", "")
            if not page:
                return events

    def lockstep(self, *words, seconds=120):
        """Runs a command of the program, and hands out its end; once more where the server was
        just being restarted, as a person would."""
        for _ in range(5):
            ended = subprocess.run(
                [self.program, *words], cwd=self.folder, env=self.environment, text=True,
                stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds,
            )
            if "E0738" not in ended.stderr:
                break
            with self.server_lock:
                time.sleep(0.5)
        return ended

    def begin(self, *words, log):
        """Begins a command, which writes into this file."""
        with open(log, "ab") as out:
            return subprocess.Popen(
                [self.program, *words], cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )


def summary(event):
    """The node of a step, from the event that it was scheduled."""
    said = event["userMetadata"]["summary"]
    # The server's API says it as base64, or as the text itself.
    return said if isinstance(said, str) else json.loads(base64.b64decode(said["data"]))


def processes(word):
    """The processes with this word in their command."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if word in words:
            found.append((int(name), " ".join(words)))
    return found
