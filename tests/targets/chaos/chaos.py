"""What befalls hosts while they are deployed: `chaos.py PROGRAM ROUNDS SIDE-BY-SIDE SEED`.

Each round has four hosts, each an sshd on this machine with a small disk of its own. A version is on
them; another is deployed, and in the middle of it, of its rollback, or at its barrier, hosts are cut
off (killed with all that runs there), frozen for a while, started again, or their disks are full. In
some rounds Lockstep is killed too. Then everything works again, and what the run says of each host is
compared with what is there. Then the run is opened by all commands that take one, and a further
version must come to all hosts.

A round is made from its seed alone, apart from the moments: those depend on the machine. With
`CHAOS_FORGE` a host has another version in the end than any run has brought there: every round must
be found wrong.
"""

import concurrent.futures
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

PROGRAM, ROUNDS, BESIDE, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
HERE = os.path.dirname(os.path.abspath(__file__))
HOSTS = ["one", "two", "three", "four"]
DISK_BYTES = 256 * 1024
# A frozen host is noticed in 15 s, and its way back is tried for as long.
LONGEST_S = 240
# A panic, or a bug that is found by the program itself.
MISTAKES = ["panicked", "internal error", "deviated", "INTERNAL"]
SSHD = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")


class Host:
    """One sshd with a disk. All that runs on it has a variable that names it."""

    ports = threading.Lock()

    def __init__(self, folder, name):
        self.name, self.home = name, os.path.join(folder, name)
        self.disk, self.mounted, self.child, self.is_frozen = f"{self.home}/disk", False, None, False
        # A trouble may take longer than it was to last.
        self.turn = threading.Lock()
        os.makedirs(self.disk)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "chaos", self.disk]
        self.mounted = subprocess.run(mount, stderr=subprocess.DEVNULL).returncode == 0
        for sub in ["releases", "tmp"]:
            os.mkdir(f"{self.disk}/{sub}")
        self.put("current", "v1\n")
        self.mark = f"CHAOS_HOST={self.home}"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        # Where no disk can be mounted, nobody there may write a file while it is full.
        with open(f"{self.home}/login", "w") as login:
            login.write(
                f'#!/bin/sh\n[ ! -e {self.home}/full ] || ulimit -f 0\n'
                'exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
            )
        os.chmod(f"{self.home}/login", 0o755)
        with open(f"{self.home}/sshd.conf", "w") as conf:
            conf.write(
                f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/key\nPidFile none\n"
                f"AuthorizedKeysFile {folder}/key.pub\nPasswordAuthentication no\nUsePAM no\n"
                "KbdInteractiveAuthentication no\nStrictModes no\nMaxStartups 100\n"
                f"ForceCommand {self.home}/login\n"
                # A home of its own: what is killed while it reads the start files of the user's
                # shell may leave a lock there, for which all others then wait.
                f"SetEnv {self.mark} HOME={self.home} TMPDIR={self.disk}/tmp "
                f"PATH={os.environ['PATH']}\n"
            )
        self.start()

    def put(self, name, text):
        with open(f"{self.disk}/{name}", "w") as file:
            file.write(text)

    def start(self):
        log = open(f"{self.home}/log", "a")
        for _ in range(20):
            self.child = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", f"{self.home}/sshd.conf"],
                stdin=subprocess.DEVNULL, stderr=log, start_new_session=True,
            )
            for _ in range(200):
                if self.child.poll() is not None:
                    break
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                        return
                time.sleep(0.02)
            time.sleep(0.1)
        raise RuntimeError(f"{self.home}: sshd does not start")

    def processes(self):
        """The sshd, what has come from it, and all that has its mark."""
        children, marked = {}, []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    parent = int(stat.read().rsplit(") ", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(pid))
                with open(f"/proc/{pid}/environ", "rb") as environ:
                    if self.mark.encode() in environ.read().split(b"\0"):
                        marked.append(int(pid))
            except (OSError, IndexError, ValueError):
                continue
        found, at = [self.child.pid] + marked, 0
        while at < len(found):
            found += [pid for pid in children.get(found[at], []) if pid not in found]
            at += 1
        return found

    def signal(self, number):
        """Until nothing new is found: what is not stopped yet may fork."""
        known = set()
        while True:
            new = set(self.processes()) - known
            if not new:
                return
            known |= new
            for pid in new:
                try:
                    os.kill(pid, number)
                except OSError:
                    pass

    def cut(self):
        self.signal(signal.SIGKILL)
        self.child.wait()
        self.child = self.child if self.child.poll() is None else None

    def reboot(self):
        self.cut()
        self.start()

    def freeze(self):
        self.is_frozen = True
        self.signal(signal.SIGSTOP)

    def fill(self):
        if not self.mounted:
            open(f"{self.home}/full", "w").close()
            return
        with open(f"{self.disk}/filler", "wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                pass

    def repair(self):
        if self.child is None:
            self.start()
        if self.is_frozen:
            self.is_frozen = False
            self.signal(signal.SIGCONT)
        for path in [f"{self.home}/full", f"{self.disk}/filler"]:
            if os.path.exists(path):
                os.remove(path)

    def settle(self):
        """Waits until nothing runs there any more that was started by a connection."""
        end = time.monotonic() + 40
        while [pid for pid in self.processes() if pid != self.child.pid]:
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def version(self):
        with open(f"{self.disk}/current") as file:
            return file.read().strip()

    def end(self):
        if self.child is not None:
            self.signal(signal.SIGKILL)
            self.child.wait()
        if self.mounted:
            subprocess.run(["umount", "-l", self.disk])


TROUBLES = ["cut", "freeze", "reboot", "fill"]
# What an event has in it when it is time.
MOMENTS = {
    "deployment": lambda event: event["event"] == "node-started" and "/switch/" in event["node"],
    "rollback": lambda event: event["event"] == "node-started" and "/undo/" in event["node"],
    "barrier": lambda event: event["event"] == "node-waiting" and "barrier[" in event["node"],
}


class Round:
    def __init__(self, seed):
        self.seed, self.wrong, self.hosts = seed, [], []
        self.folder = os.path.join(os.getcwd(), f"round-{seed}")
        chance = random.Random(seed)
        self.moment = chance.choice(list(MOMENTS))
        self.trouble = chance.choice(TROUBLES)
        self.victims = chance.sample(HOSTS, chance.choice([1, 1, 1, 2, 4]))
        self.bad = chance.choice(HOSTS) if self.moment == "rollback" else ""
        self.pause_s = chance.choice([0, 0.1, 0.3, 0.6])
        self.is_killed = chance.random() < 0.25
        self.lasts_s = chance.choice([0.5, 3, 16, 40]) if self.trouble != "reboot" else 0

    def __str__(self):
        killed = ", Lockstep is killed" if self.is_killed else ""
        return (
            f"seed {self.seed}: {self.trouble} of {', '.join(self.victims)} in the {self.moment} "
            f"after {self.pause_s} s for {self.lasts_s} s{killed}"
        )

    def say(self, what):
        self.wrong.append(what)

    def lockstep(self, *words):
        """Exit code and text of a command."""
        done = subprocess.run(
            [PROGRAM, *words, "--state", "state"], cwd=self.folder, env=self.env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=LONGEST_S,
        )
        with open(f"{self.folder}/said", "a") as said:
            said.write(f"$ lockstep {' '.join(words)}\n{done.stdout}= {done.returncode}\n")
        for mistake in MISTAKES:
            if mistake in done.stdout:
                self.say(f"`{' '.join(words)}` says `{mistake}`")
        return done.returncode, done.stdout

    def prepare(self):
        os.makedirs(f"{self.folder}/bin")
        for name in ["fleet.deploy"]:
            shutil.copy(os.path.join(HERE, name), self.folder)
        key = f"{self.folder}/key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        self.hosts = [Host(self.folder, name) for name in HOSTS]
        with open(f"{self.folder}/config", "w") as config:
            for host in self.hosts:
                config.write(f"Host {host.name}\n  HostName 127.0.0.1\n  Port {host.port}\n")
            config.write(
                f"Host *\n  IdentityFile {key}\n  IdentitiesOnly yes\n  LogLevel ERROR\n"
                "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
            )
        with open(f"{self.folder}/bin/ssh", "w") as client:
            client.write(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.folder}/config "$@"\n')
        os.chmod(f"{self.folder}/bin/ssh", 0o755)
        self.env = dict(
            os.environ, PATH=f"{self.folder}/bin:{os.environ['PATH']}", CHAOS_ROOT=self.folder,
            HOME=self.folder, NO_COLOR="1", RUST_BACKTRACE="0",
        )

    def strike(self):
        for host in self.hosts:
            if host.name in self.victims:
                with host.turn:
                    getattr(host, self.trouble)()

    def repair(self):
        for host in self.hosts:
            with host.turn:
                host.repair()

    def drive(self):
        """Runs the deployment with its trouble; its exit code."""
        words = [PROGRAM, "run", "fleet.deploy", "release", "-i", "version=v2"]
        words += ["-i", f"bad={self.bad}", "--format", "json", "--state", "state"]
        with open(f"{self.folder}/errors", "w") as errors:
            child = subprocess.Popen(
                words, cwd=self.folder, env=self.env, text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=errors,
            )
        # Nobody waits for ever for a run that does not end.
        late = threading.Timer(LONGEST_S, child.kill)
        late.start()
        timers, struck = [], False
        with open(f"{self.folder}/events", "w") as events:
            for line in child.stdout:
                events.write(line)
                events.flush()
                event = json.loads(line)
                if not struck and MOMENTS[self.moment](event):
                    struck = True
                    timers.append(threading.Timer(self.pause_s, self.strike))
                    timers.append(threading.Timer(self.pause_s + self.lasts_s, self.repair))
                    if self.is_killed:
                        timers.append(threading.Timer(self.pause_s + 0.3, child.kill))
                    for timer in timers:
                        timer.start()
        code = child.wait()
        if not late.is_alive():
            self.say(f"the run did not end in {LONGEST_S} s")
        late.cancel()
        for timer in timers:
            timer.join()
        if not struck:
            self.say(f"it never came to the {self.moment}")
        return code

    def compare(self, what, code, shown):
        """The ledger of a run against the hosts."""
        rows = {row["target"].rsplit(".", 1)[1]: row for row in shown["deployments"]}
        all_new = True
        for host in self.hosts:
            row, found = rows[host.name], host.version()
            allowed = {
                "succeeded": ["v2"], "unchanged": ["v1"], "rolled-back": ["v1"],
                "pending": ["v1"], "skipped": ["v1"], "cancelled": ["v1"],
            }.get(row["status"], ["v1", "v2"])
            all_new = all_new and found == "v2"
            if found not in allowed:
                self.say(f"after {what}: {host.name} has {found}, and the ledger says {row}")
        if code == 0 and not all_new:
            self.say(f"{what} succeeded, and not all hosts have the new version")

    def show(self, run):
        code, text = self.lockstep("show", run, "--format", "json")
        if code != 0:
            self.say(f"the run cannot be shown: {text}")
            return None
        return json.loads(text)

    def settle(self):
        self.repair()
        for host in self.hosts:
            if not host.settle():
                self.say(f"something still runs on {host.name}")

    def play(self):
        self.prepare()
        code = self.drive()
        self.settle()
        with open(f"{self.folder}/events") as events:
            run = json.loads(events.readline())["run"]
        if code not in [0, 1, 3] and not (self.is_killed and code == -9):
            self.say(f"the run ended with {code}")
        shown = self.show(run)
        if shown is None:
            return
        if self.is_killed and code == -9:
            code, _ = self.lockstep("resume", run, "--no-input")
            self.settle()
            if code not in [0, 1, 3]:
                self.say(f"the resumed run ended with {code}")
            shown = self.show(run)
        else:
            again, text = self.lockstep("resume", run, "--no-input")
            if again not in [0, 2]:
                self.say(f"a run that has ended is resumed with {again}: {text}")
        if os.environ.get("CHAOS_FORGE"):
            self.hosts[0].put("current", "v0\n")
        self.compare("the run", code, shown)
        before = {host.name: host.version() for host in self.hosts}
        undone, text = self.lockstep("undo", run, "--yes", "--no-input")
        self.settle()
        self.show(run)
        for host in self.hosts:
            if undone == 0 and host.version() != "v1" and before[host.name] == "v2":
                row = [row for row in shown["deployments"] if row["target"].endswith(host.name)]
                if row[0]["status"] == "succeeded":
                    self.say(f"undo succeeded, and {host.name} has {host.version()}")
        code, text = self.lockstep("run", "fleet.deploy", "release", "-i", "version=v3", "--no-input")
        found = [host.version() for host in self.hosts]
        if code != 0 or found != ["v3"] * 4:
            self.say(f"a further run ended with {code}, and the hosts have {found}")

    def run(self):
        begun = time.monotonic()
        try:
            self.play()
        except Exception as error:  # noqa: BLE001: whatever it is, the round is wrong
            self.say(f"{type(error).__name__}: {error}")
        for host in self.hosts:
            host.end()
        if not self.wrong:
            shutil.rmtree(self.folder, ignore_errors=True)
        return time.monotonic() - begun


def main():
    begun = time.monotonic()
    rounds = [Round(SEED + number) for number in range(ROUNDS)]

    def stopped(*_):
        for host in [host for one in rounds for host in one.hosts]:
            host.end()
        os._exit(1)

    signal.signal(signal.SIGTERM, stopped)
    signal.signal(signal.SIGINT, stopped)
    print(f"rounds {SEED} to {SEED + ROUNDS - 1}, {BESIDE} at once", flush=True)
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(BESIDE) as pool:
        running = {pool.submit(one.run): one for one in rounds}
        for done in concurrent.futures.as_completed(running):
            one = running[done]
            if one.wrong:
                bad += 1
                print(f"{one}, {done.result():.0f} s, in {one.folder}", flush=True)
                for what in one.wrong:
                    print(f"  {what}", flush=True)
            elif os.environ.get("CHAOS_SHOW"):
                print(f"ok {one}, {done.result():.0f} s", flush=True)
    print(f"{bad} of {ROUNDS} rounds wrong, {time.monotonic() - begun:.0f} s", flush=True)
    sys.exit(1 if bad else 0)


main()
