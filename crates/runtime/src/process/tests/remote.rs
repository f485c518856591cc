//! Commands over connections: with a client that runs everything here, and with a real `sshd`
//! where there is one.

use crate::connection::{SshTarget, WorkingFolders};
use std::path::PathBuf;

use super::places::values;
use super::*;

/// A program in the bench's folder.
fn program(bench: &ProcessFixture, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let file = bench.folder.path().join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

/// A container that is this machine. Its client records its arguments.
fn container(bench: &ProcessFixture) -> Connection {
    let text = "echo \"$*\" >> \"$(dirname \"$0\")/log\"; shift 4; exec \"$@\"";
    Connection::Container {
        name: "box".into(),
        engine: Some(program(bench, "engine", text)),
    }
}

async fn over(
    bench: &ProcessFixture,
    connection: &Connection,
    invocation: Invocation,
) -> CommandResult {
    let mut spawn = bench.spawn(invocation);
    spawn.connection = connection.clone();
    bench.run(spawn).await.0
}

/// What every connection must do.
async fn check(bench: &ProcessFixture, connection: &Connection) {
    let run = |script: &str| over(bench, connection, sh(script));
    let ended = run("echo out; echo err >&2; printf last").await;
    let CommandResult::Exited { stdout, stderr, .. } = &ended else {
        panic!("{ended:?}");
    };
    assert_eq!(
        (stdout.text.as_str(), stderr.text.as_str()),
        ("out\nlast", "err")
    );
    for code in [1, 3, 125, 127, 255] {
        let ended = run(&format!("exit {code}")).await;
        let (class, _, got) = failure(&ended);
        assert_eq!((class, got), (FailureClass::Exit, Some(code)));
    }
    for (script, class, message) in [
        ("kill -KILL $$", FailureClass::Signal, "killed by SIGKILL"),
        ("kill -TERM $$", FailureClass::Signal, "killed by SIGTERM"),
        ("kill -PIPE $$", FailureClass::Signal, "killed by SIGPIPE"),
        (
            "exit 143",
            FailureClass::Exit,
            "exit code 143, as after SIGTERM",
        ),
        (
            "exit 137",
            FailureClass::Exit,
            "exit code 137, as after SIGKILL",
        ),
        (
            "env true $(seq 1 500000)",
            FailureClass::Exit,
            "exit code 126: the arguments and variables of a command in it are too long for the \
             system: hand it some of them in a file or by `stdin`",
        ),
    ] {
        let ended = run(script).await;
        let (got, words, _) = failure(&ended);
        assert_eq!((got, words), (class, message), "{script}");
    }
    for (program, message) in [
        (
            "no-such-program-here",
            "`no-such-program-here` was not found on the PATH: install it, or name it with its path",
        ),
        (
            "/no/such/program",
            "`/no/such/program` does not exist in the folder where a login arrives",
        ),
        ("/etc", "`/etc` is a folder"),
        (
            "/etc/passwd",
            "`/etc/passwd` is not executable: `chmod +x` makes it so",
        ),
    ] {
        let ended = over(bench, connection, direct(&[program])).await;
        assert_eq!(failure(&ended), (FailureClass::Failed, message, None));
    }
    // One that ended well has ended, whatever it has left writes after that.
    for is_joined in [false, true] {
        let mut spawn = bench.spawn(sh("(sleep 0.05; echo late; echo late >&2) & echo first"));
        spawn.connection = connection.clone();
        spawn.streams_joined = is_joined;
        let ended = bench.run(spawn).await.0;
        assert!(stdout_of(&ended).starts_with("first"), "{ended:?}");
    }
    // What a failed command has left in its group is ended.
    let left = bench.folder.path().join("left");
    let script = format!("sleep 300 & echo $! >'{}'; exit 3", left.display());
    let ended = run(&script).await;
    assert_eq!(failure(&ended).2, Some(3));
    let id = std::fs::read_to_string(&left).unwrap();
    until("the end of what it left", || !lives(&id)).await;
    assert_eq!(
        stdout_of(&over(bench, connection, direct(&["cat"])).await),
        ""
    );
    // What it is fed arrives, whatever is in it, read or not.
    let many = "kill\nterm\nit's $HOME\n".repeat(4000);
    for (script, want) in [
        ("cat", many.trim_end_matches('\n')),
        ("head -n 1", "kill"),
        ("echo no", "no"),
        ("sleep 0.1; cat >/dev/null; echo late", "late"),
    ] {
        let mut spawn = bench.spawn(sh(script));
        spawn.connection = connection.clone();
        spawn.stdin = Some(Value::string(many.as_str()));
        assert_eq!(stdout_of(&bench.run(spawn).await.0), want);
    }
    let mut spawn = bench.spawn(sh("test \"$(cat)\" = s3cr3t-t0ken && echo same"));
    spawn.connection = connection.clone();
    spawn.stdin = Some(secret(0));
    assert_eq!(stdout_of(&bench.run(spawn).await.0), "same");
    // Outputs come back, secrets go there, and neither is shown.
    let script = "echo \"tag=$T\" >>\"$LOCKSTEP_OUTPUT\"; printf 'b<<E\\n1\\n2\\nE' >>\"$LOCKSTEP_OUTPUT\"; \
                  echo \"$LOCKSTEP_RUN_ID $LOCKSTEP_NODE\"; pwd; test \"$T\" = s3cr3t-t0ken; echo \"$T\"";
    let mut spawn = bench.spawn(sh(script));
    spawn.connection = connection.clone();
    spawn.env = vec![("T".into(), secret(0))];
    spawn.dir = Some("/".into());
    let ended = bench.run(spawn.clone()).await.0;
    let CommandResult::Exited {
        stdout, outputs, ..
    } = &ended
    else {
        panic!("{ended:?}");
    };
    assert_eq!(stdout.text, "r1 release/a\n/\ns3cr3t-t0ken");
    assert_eq!(
        (outputs["tag"].as_str(), outputs["b"].as_str()),
        ("s3cr3t-t0ken", "1\n2")
    );
    spawn.dir = Some("/no/such/folder".into());
    let ended = bench.run(spawn).await.0;
    assert_eq!(
        failure(&ended).1,
        "its folder `/no/such/folder` does not exist"
    );
    let much = stdout_of(&run("head -c 3000000 /dev/zero | tr '\\0' a").await);
    assert_eq!(much.len(), stream::MAX_KEPT_BYTES);
}

fn stdout_of(ended: &CommandResult) -> String {
    String::from(stdout(ended))
}

/// Values as arguments and as variables, through everything that lies between.
async fn check_values(bench: &ProcessFixture, connection: &Connection) {
    for chunk in values().chunks(120) {
        let mut words = vec![String::from("printf"), String::from("<%s>\\0")];
        words.extend(chunk.iter().cloned());
        let ended = over(bench, connection, Invocation::Direct(words)).await;
        let want: String = chunk.iter().map(|text| format!("<{text}>\0")).collect();
        assert_eq!(stdout(&ended), want);
        let names = (1..=chunk.len()).map(|number| format!("V{number}"));
        let script: String = (names.clone())
            .map(|name| format!("printf '<%s>\\0' \"${{{name}}}\"\n"))
            .collect();
        let ended = over(
            bench,
            connection,
            Invocation::Shell {
                bash: false,
                script,
                variables: names
                    .zip(chunk.iter().map(|text| Value::string(text.as_str())))
                    .collect(),
            },
        )
        .await;
        assert_eq!(stdout(&ended), want);
    }
}

async fn check_stopping(bench: &ProcessFixture, connection: &Connection) {
    for (script, wish, tidy) in [
        (
            "trap 'echo tidy; exit 0' TERM; sleep 30 & echo $!; echo ready; wait",
            StopRequest::Term,
            true,
        ),
        (
            "trap '' TERM; sleep 30 & echo $!; echo ready; wait",
            StopRequest::Term,
            false,
        ),
        (
            "trap 'echo tidy' TERM; sleep 30 & echo $!; echo ready; wait",
            StopRequest::Kill,
            false,
        ),
    ] {
        let (sender, stop) = watch::channel(None);
        let mut spawn = bench.spawn(sh(script));
        spawn.connection = connection.clone();
        let lines = Mutex::new(Vec::new());
        let listener = |_, line: &str| {
            lines.lock().unwrap().push(String::from(line));
            if line == "ready" {
                sender.send(Some(wish)).unwrap();
            }
        };
        let start = Instant::now();
        let ended = bench.spawner.run(spawn, &bench.vault, listener, stop).await;
        assert_eq!(
            failure(&ended).0,
            FailureClass::Cancelled,
            "{script}: {ended:?}"
        );
        assert!(start.elapsed() < Duration::from_secs(3), "{script}");
        let lines = lines.into_inner().unwrap();
        let pid = lines[0].clone();
        until("the command ends over there", || !lives(&pid)).await;
        assert_eq!(
            lines.iter().any(|line| line == "tidy"),
            tidy,
            "{script}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn a_container_runs_commands() {
    let bench = ProcessFixture::new();
    let connection = container(&bench);
    check(&bench, &connection).await;
    check_values(&bench, &connection).await;
    check_stopping(&bench, &connection).await;
    // Neither values nor secrets were on the client's command line.
    let log = std::fs::read_to_string(bench.folder.path().join("log")).unwrap();
    assert!(log.starts_with("exec -i -- box sh -c "), "{log}");
    assert!(
        !log.contains(SECRET) && !log.contains("no-such-program"),
        "{log}"
    );
}

#[tokio::test]
async fn a_connection_that_fails_is_told_from_a_command_that_fails() {
    let bench = ProcessFixture::new();
    let with = |text: &str| Connection::Container {
        name: "box".into(),
        engine: Some(program(&bench, &format!("engine{}", text.len()), text)),
    };
    for (text, class, message) in [
        (
            "echo 'no such container' >&2; exit 125",
            FailureClass::Connection,
            "could not connect: no such container",
        ),
        (
            "echo 'u@h: Permission denied (publickey).' >&2; exit 255",
            FailureClass::Authentication,
            "could not connect: u@h: Permission denied (publickey).",
        ),
        ("exit 0", FailureClass::Connection, "could not connect"),
    ] {
        let ended = over(&bench, &with(text), sh("true")).await;
        let (got, words, code) = failure(&ended);
        assert_eq!((got, code), (class, None));
        assert!(words.ends_with(message), "{words}");
    }
    let lost = over(
        &bench,
        &container(&bench),
        sh("echo begun; kill -KILL $PPID; sleep 0.2"),
    )
    .await;
    let (class, message, _) = failure(&lost);
    assert_eq!(class, FailureClass::Connection);
    assert_eq!(message, "the connection was lost while it ran");
    let gone = Connection::Container {
        name: "box".into(),
        engine: Some("no-such-engine-here".into()),
    };
    let ended = over(&bench, &gone, sh("true")).await;
    assert!(
        failure(&ended)
            .1
            .starts_with("`no-such-engine-here` was not found")
    );
    let mut spawn = bench.spawn(sh("true"));
    spawn.connection = container(&bench);
    spawn.env = vec![("a-b".into(), Value::string(""))];
    let ended = bench.run(spawn).await.0;
    assert!(
        failure(&ended)
            .1
            .contains("cannot name a variable over a connection")
    );
}

#[test]
fn connections_are_read_from_values() {
    let text = Value::string;
    let ssh = Value::map([
        ("type", text("ssh")),
        ("host", text("web1")),
        ("user", Value::None),
        ("port", Value::Int(2222)),
    ]);
    let ssh = Connection::from_value(&ssh).unwrap();
    let nowhere = WorkingFolders::default();
    let (program, arguments) = ssh.client(
        "text 'q'",
        "ssh",
        Some(Path::new("/tmp/x y/ssh-0")),
        &nowhere,
    );
    assert_eq!(program, "ssh");
    let line = arguments.join(" ");
    assert!(line.contains("ControlPath=/tmp/x\\ y/ssh-0 "), "{line}");
    assert!(
        line.ends_with("-p 2222 -- web1 sh -c 'text '\\''q'\\'''"),
        "{line}"
    );
    let pod = Value::map([
        ("type", text("pod")),
        ("context", text("c")),
        ("namespace", text("n")),
        ("pod", text("p")),
        ("container", text("k")),
    ]);
    let (program, arguments) = Connection::from_value(&pod)
        .unwrap()
        .client("t", "ssh", None, &nowhere);
    assert_eq!(program, "kubectl");
    assert_eq!(
        arguments.join(" "),
        "--context c --namespace n exec -i p --container k -- sh -c t"
    );
    let local = Value::map([("type", text("local"))]);
    assert_eq!(Connection::from_value(&local), Ok(Connection::Local));
    for (value, message) in [
        (Value::Int(1), "this is not a connection"),
        (
            Value::map([("host", text("a"))]),
            "the connection has no `type`",
        ),
        (
            Value::map([("type", text("ssh"))]),
            "the connection has no `host`",
        ),
        (
            Value::map([("type", text("mail"))]),
            "there is no connection of type `mail`",
        ),
        (
            Value::map([
                ("type", text("ssh")),
                ("host", text("a")),
                ("port", Value::Int(70_000)),
            ]),
            "there is no port 70000",
        ),
        (
            Value::map([("type", text("ssh")), ("host", Value::Int(1))]),
            "`host` of the connection is not a text",
        ),
    ] {
        assert_eq!(
            Connection::from_value(&value).unwrap_err().to_string(),
            message
        );
    }
}

/// An `sshd` of this user on this machine; it ends with the test.
struct Server {
    process: std::process::Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Tests that fail leave nothing behind either.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts one; none where the machine has no `sshd`.
    async fn start(bench: &ProcessFixture) -> Option<Self> {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
        let Some(program) = program.iter().find(|path| Path::new(path).exists()) else {
            println!("SKIPPED: there is no sshd on this machine (Debian: openssh-server)");
            return None;
        };
        // As root it wants this folder; as somebody else it does not.
        let _ = std::fs::create_dir_all("/run/sshd");
        let folder = bench.folder.path().to_path_buf();
        let here = folder.display();
        for key in ["hostkey", "id", "stranger"] {
            let made = std::process::Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.join(key))
                .status();
            assert!(made.unwrap().success());
        }
        std::fs::copy(folder.join("id.pub"), folder.join("authorized_keys")).unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        std::fs::write(
            folder.join("sshd.conf"),
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/hostkey\nPidFile none\n\
                 AuthorizedKeysFile {here}/authorized_keys\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nMaxSessions 50\n\
                 SetEnv HOME={here}\n"
            ),
        )
        .unwrap();
        let key = std::fs::read_to_string(folder.join("hostkey.pub")).unwrap();
        std::fs::write(folder.join("known"), format!("[127.0.0.1]:{port} {key}")).unwrap();
        std::fs::write(
            folder.join("ssh.conf"),
            format!(
                "UserKnownHostsFile {here}/known\nGlobalKnownHostsFile none\nIdentitiesOnly yes\n"
            ),
        )
        .unwrap();
        let log = std::fs::File::create(folder.join("sshd.log")).unwrap();
        let process = std::process::Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(folder.join("sshd.conf"))
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self {
            process,
            port,
            folder,
        };
        until("sshd listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
        .await;
        Some(server)
    }

    fn connection(&self, identity: &str) -> Connection {
        Connection::Ssh(Box::new(SshTarget {
            host: "127.0.0.1".into(),
            port: Some(self.port),
            identity: Some(self.folder.join(identity).display().to_string()),
            ..SshTarget::default()
        }))
    }
}

/// A bench whose `ssh` uses nothing of the user's. Its folder is short, for a socket's path.
fn ssh_bench() -> ProcessFixture {
    let bench = ProcessFixture::new();
    let ssh = program(
        &bench,
        "ssh",
        "exec /usr/bin/env ssh -F \"$(dirname \"$0\")/ssh.conf\" \"$@\"",
    );
    let spawner = SystemSpawner::new(bench.folder.path()).unwrap();
    ProcessFixture {
        spawner: spawner.with_grace(Duration::from_millis(300)).with_ssh(ssh),
        ..bench
    }
}

#[tokio::test]
async fn another_machine_runs_commands() {
    let bench = ssh_bench();
    let Some(server) = Server::start(&bench).await else {
        return;
    };
    let connection = server.connection("id");
    check(&bench, &connection).await;
    check_values(&bench, &connection).await;
    check_stopping(&bench, &connection).await;
    // One connection carried nearly all of it: a second may begin before the first is shared.
    let log = std::fs::read_to_string(bench.folder.path().join("sshd.log")).unwrap();
    let connections = log.matches("Accepted publickey").count();
    assert!((1..=3).contains(&connections), "{log}");
    // Nothing secret is on a command line, here or there: the script looks at all of them.
    let script = "for f in /proc/[0-9]*/cmdline; do \
                  case $(tr '\\0' ' ' <$f 2>/dev/null) in *\"$T\"*) echo seen;; esac; done; echo all";
    let mut spawn = bench.spawn(sh(script));
    spawn.connection = connection.clone();
    spawn.env = vec![("T".into(), secret(1))];
    assert_eq!(stdout(&bench.run(spawn).await.0), "all");
}

/// What it has left holds the session open; nobody waits for that but the next one in line.
#[tokio::test]
async fn a_session_counts_until_it_is_closed() {
    let bench = ssh_bench();
    let Some(server) = Server::start(&bench).await else {
        return;
    };
    let mut connection = server.connection("id");
    if let Connection::Ssh(target) = &mut connection {
        target.sessions = Some(1);
    }
    let mut spawn = bench.spawn(sh("sleep 20 & echo $! out; echo err >&2"));
    spawn.connection = connection.clone();
    spawn.streams_joined = true;
    let ended = bench.run(spawn).await.0;
    let (pid, said) = stdout(&ended).split_once(' ').unwrap();
    assert_eq!(said, "out\nerr");
    let mut next = Box::pin(bench.spawner.sessions.enter(&connection));
    let polled = std::future::poll_fn(|context| {
        std::task::Poll::Ready(next.as_mut().poll(context).is_pending())
    });
    assert!(polled.await, "the session is closed, or does not count");
    assert!(next.await.is_some());
    assert!(lives(pid));
    std::process::Command::new("kill")
        .args(["-9", pid])
        .status()
        .unwrap();
}

#[tokio::test]
async fn a_machine_that_cannot_be_reached_is_no_failing_command() {
    let bench = ssh_bench();
    let Some(server) = Server::start(&bench).await else {
        return;
    };
    let ended = over(&bench, &server.connection("stranger"), sh("true")).await;
    let (class, message, _) = failure(&ended);
    assert_eq!(class, FailureClass::Authentication, "{message}");
    assert!(message.contains("Permission denied"), "{message}");
    let mut nowhere = server.connection("id");
    if let Connection::Ssh(target) = &mut nowhere {
        target.port = Some(1);
    }
    let ended = over(&bench, &nowhere, sh("true")).await;
    let (class, message, _) = failure(&ended);
    assert_eq!(class, FailureClass::Connection);
    assert!(message.contains("refused"), "{message}");
    std::fs::write(bench.folder.path().join("known"), "").unwrap();
    let ended = over(&bench, &server.connection("id"), sh("true")).await;
    assert_eq!(failure(&ended).0, FailureClass::Authentication, "{ended:?}");
}

#[tokio::test]
async fn a_lost_connection_ends_the_command_over_there() {
    let bench = ssh_bench();
    let Some(server) = Server::start(&bench).await else {
        return;
    };
    let connection = server.connection("id");
    let (_sender, stop) = watch::channel(None);
    let pid = Mutex::new(String::new());
    let listener = |_, line: &str| *pid.lock().unwrap() = String::from(line);
    let mut spawn = bench.spawn(sh("sleep 30 & echo $!; wait"));
    spawn.connection = connection;
    let run = bench.spawner.run(spawn, &bench.vault, listener, stop);
    // Dropping it kills the client, which has the same effect as a lost connection.
    tokio::select! {
        _ = run => panic!("it ended"),
        () = until("it speaks", || !pid.lock().unwrap().is_empty()) => {}
    }
    let pid = pid.into_inner().unwrap();
    until("the command ends over there", || !lives(&pid)).await;
}
