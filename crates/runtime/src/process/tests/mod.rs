//! Tests with real processes: how commands start, end, stop and write output.

mod places;
mod remote;
mod sessions;
mod shells;

use std::sync::Arc;
use std::sync::Mutex;

use tokio::time::Instant;

use super::*;
use lockstep_base::value::SecretPart;

/// A vault with a few secrets, a spawner with a short grace, and a folder.
pub(super) struct ProcessFixture {
    pub(super) spawner: SystemSpawner,
    pub(super) vault: SecretVault,
    pub(super) folder: tempfile::TempDir,
}

pub(super) const SECRET: &str = "s3cr3t-t0ken";

impl ProcessFixture {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            spawner: SystemSpawner::new(folder.path())
                .unwrap()
                .with_grace(Duration::from_millis(200)),
            vault: SecretVault::new([SECRET, "line one\nline two", ""]),
            folder,
        }
    }

    pub(super) fn spawn(&self, invocation: Invocation) -> SpawnRequest {
        SpawnRequest {
            begun: None,
            invocation,
            env: Vec::new(),
            folder: self.folder.path().to_path_buf(),
            files: self.folder.path().to_path_buf(),
            dir: None,
            stdin: None,
            grace: None,
            node: "release/a".into(),
            run: "r1".into(),
            connection: Connection::Local,
            streams_joined: false,
            has_value: true,
        }
    }

    pub(super) async fn run(&self, spawn: SpawnRequest) -> (CommandResult, Vec<(Stream, String)>) {
        let (_sender, stop) = watch::channel(None);
        self.run_until(spawn, stop).await
    }

    pub(super) async fn run_until(
        &self,
        spawn: SpawnRequest,
        stop: watch::Receiver<Option<StopRequest>>,
    ) -> (CommandResult, Vec<(Stream, String)>) {
        let mut lines = Vec::new();
        let listener = |stream, line: &str| lines.push((stream, String::from(line)));
        let ended = (self.spawner.run(spawn, &self.vault, listener, stop)).await;
        (ended, lines)
    }

    async fn direct(&self, words: &[&str]) -> CommandResult {
        self.run(self.spawn(direct(words))).await.0
    }

    async fn sh(&self, script: &str) -> (CommandResult, Vec<(Stream, String)>) {
        self.run(self.spawn(sh(script))).await
    }
}

pub(super) fn direct(words: &[&str]) -> Invocation {
    Invocation::Direct(words.iter().map(|word| String::from(*word)).collect())
}

pub(super) fn sh(script: &str) -> Invocation {
    Invocation::Shell {
        bash: false,
        script: script.into(),
        variables: Vec::new(),
    }
}

pub(super) fn secret(number: u32) -> Value {
    Value::Secret(vec![SecretPart::Secret(number)].into())
}

pub(super) fn stdout(ended: &CommandResult) -> &str {
    match ended {
        CommandResult::Exited { stdout, .. } => &stdout.text,
        CommandResult::Failed { .. } => panic!("{ended:?}"),
    }
}

pub(super) fn failure(ended: &CommandResult) -> (FailureClass, &str, Option<i32>) {
    match ended {
        CommandResult::Failed {
            class,
            message,
            code,
            ..
        } => (*class, message, *code),
        CommandResult::Exited { .. } => panic!("{ended:?}"),
    }
}

/// Waits for something that other processes do; at most two seconds.
pub(super) async fn until(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..400 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never happened: {what}");
}

/// Whether a process is alive; a zombie is not.
pub(super) fn lives(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_command_that_ends_well() {
    let bench = ProcessFixture::new();
    let (ended, lines) = bench
        .sh("echo out; echo err >&2; printf 'a\\r\\nb\\377\\n\\nlast'")
        .await;
    let CommandResult::Exited {
        stdout,
        stderr,
        code,
        outputs,
    } = ended
    else {
        panic!("{ended:?}");
    };
    assert_eq!(stdout.text, "out\na\r\nb\u{fffd}\n\nlast");
    assert_eq!((stderr.text.as_str(), code, outputs.len()), ("err", 0, 0));
    let on = |wanted| {
        let lines = lines.iter().filter(move |(stream, _)| *stream == wanted);
        lines.map(|(_, line)| line.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(on(Stream::Stdout), ["out", "a", "b\u{fffd}", "", "last"]);
    assert_eq!(on(Stream::Stderr), ["err"]);
    assert_eq!(stdout_of(&bench, &["printf", "a\\n\\n"]).await, "a\n");
    assert_eq!(stdout_of(&bench, &["cat"]).await, "", "there is no input");
}

async fn stdout_of(bench: &ProcessFixture, words: &[&str]) -> String {
    String::from(stdout(&bench.direct(words).await))
}

#[tokio::test]
async fn a_command_that_ends_badly() {
    use FailureClass::{Exit, Failed, Signal};
    let bench = ProcessFixture::new();
    let file = |name: &str, text: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = bench.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    file("plain", "", 0o644);
    file("lost", "#!/no/such/interpreter\n", 0o755);
    let here = bench.folder.path().display();
    let long = "x".repeat(140_000);
    for (words, class, message, code) in [
        (&["sh", "-c", "exit 3"][..], Exit, "exit code 3", Some(3)),
        (
            &["sh", "-c", "exit 143"],
            Exit,
            "exit code 143, as after SIGTERM",
            Some(143),
        ),
        (
            &["sh", "-c", "kill -SEGV $$"],
            Signal,
            "killed by SIGSEGV",
            None,
        ),
        (
            &["sh", "-c", "kill -KILL $$"],
            Signal,
            "killed by SIGKILL",
            None,
        ),
        (
            &["no-such-program-here"],
            Failed,
            "`no-such-program-here` was not found on the PATH: install it, or name it with its path",
            None,
        ),
        (
            &["plain"],
            Failed,
            "`plain` was not found on the PATH: write `./plain` for the file in its folder",
            None,
        ),
        (
            &["./none"],
            Failed,
            &format!("`./none` does not exist in `{here}`"),
            None,
        ),
        (
            &["./plain"],
            Failed,
            "`./plain` is not executable: `chmod +x` makes it so",
            None,
        ),
        (
            &["./lost"],
            Failed,
            "`./lost` names an interpreter in its first line that does not exist",
            None,
        ),
        (&["/tmp/"], Failed, "`/tmp/` is a folder", None),
        (&[], Failed, "the command is empty", None),
        (&[""], Failed, "the name of the program is empty", None),
        (
            &["echo", "a\0"],
            Failed,
            "an argument holds the character `\\u{0}`, which no argument can",
            None,
        ),
        (
            &["true", &long],
            Failed,
            "a text of 140000 bytes is too long to be handed to `true` (the system takes 131071 at most): write it to a file",
            None,
        ),
    ] {
        let ended = bench.direct(words).await;
        let (got_class, got, got_code) = failure(&ended);
        let got = got.trim_end_matches(", core dumped");
        assert_eq!(
            (got_class, got, got_code),
            (class, message, code),
            "{words:?}"
        );
    }
    let (ended, _) = bench.sh("echo no >&2; no-such-program-here").await;
    assert_eq!(
        failure(&ended),
        (
            Exit,
            "exit code 127: a command in it was not found",
            Some(127)
        )
    );
    let CommandResult::Failed { stderr, .. } = &ended else {
        panic!()
    };
    assert!(stderr.text.starts_with("no\n"), "{}", stderr.text);
    let mut spawn = bench.spawn(direct(&["pwd"]));
    spawn.dir = Some("gone".into());
    let (ended, _) = bench.run(spawn).await;
    assert_eq!(
        failure(&ended).1,
        format!("its folder `{here}/gone` does not exist")
    );
    let mut spawn = bench.spawn(direct(&["pwd"]));
    spawn.env = vec![("A=B".into(), Value::string("c"))];
    assert_eq!(
        failure(&bench.run(spawn).await.0).1,
        "`A=B` cannot name a variable"
    );
    let mut spawn = bench.spawn(direct(&["pwd"]));
    spawn.env = vec![("A".into(), Value::Int(1))];
    let (ended, _) = bench.run(spawn).await;
    assert!(
        failure(&ended)
            .1
            .starts_with("the variable `A` has no text")
    );
}

#[tokio::test]
async fn a_shell_stops_at_the_first_failure() {
    let bench = ProcessFixture::new();
    let (ended, _) = bench.sh("false; echo never").await;
    assert_eq!(failure(&ended).2, Some(1));
    let (ended, _) = bench.sh("echo $lockstep_is_not_set").await;
    assert_eq!(failure(&ended).0, FailureClass::Exit);
    let mut spawn = bench.spawn(sh("false | true; echo never"));
    if let Invocation::Shell { bash, .. } = &mut spawn.invocation {
        *bash = true;
    }
    assert_eq!(failure(&bench.run(spawn).await.0).2, Some(1));
    assert_eq!(failure(&bench.sh("-no-such-option").await.0).2, Some(127));
}

#[tokio::test]
async fn a_program_is_found_as_a_shell_would() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = ProcessFixture::new();
    let bin = bench.folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    // Without a first line that names an interpreter, a shell runs it.
    std::fs::write(bin.join("lockstep-tool"), "echo \"$# $1\"").unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bin.join("lockstep-tool"), mode).unwrap();
    let mut spawn = bench.spawn(direct(&["lockstep-tool", "a b"]));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    spawn.env = vec![("PATH".into(), Value::string(path))];
    assert_eq!(stdout(&bench.run(spawn).await.0), "1 a b");
    let mut spawn = bench.spawn(direct(&["./lockstep-tool", "c d"]));
    spawn.dir = Some("bin".into());
    assert_eq!(stdout(&bench.run(spawn).await.0), "1 c d");
}

#[tokio::test]
async fn a_command_has_its_environment_and_folder() {
    let bench = ProcessFixture::new();
    std::fs::create_dir(bench.folder.path().join("sub")).unwrap();
    let mut spawn = bench.spawn(sh(
        "echo \"$LOCKSTEP_RUN_ID $LOCKSTEP_NODE $A $B ${PATH:+path}\"; pwd; echo \"$LOCKSTEP_OUTPUT\"",
    ));
    spawn.dir = Some("sub".into());
    spawn.env = vec![
        ("A".into(), Value::string("x y")),
        ("B".into(), Value::string("")),
    ];
    let (ended, _) = bench.run(spawn).await;
    let lines: Vec<&str> = stdout(&ended).lines().collect();
    let here = bench.folder.path().canonicalize().unwrap();
    assert_eq!(lines[0], "r1 release/a x y  path");
    assert_eq!(lines[1], here.join("sub").display().to_string());
    assert!(lines[2].contains("lockstep-"), "{lines:?}");
}

#[tokio::test]
async fn outputs_are_read() {
    let bench = ProcessFixture::new();
    let script = "o=$LOCKSTEP_OUTPUT; echo tag=v1 >>\"$o\"; printf 'b<<E\\n1\\n2\\nE\\n' >>\"$o\"; \
                  echo \"t=<$T>\" >>\"$o\"";
    let mut spawn = bench.spawn(sh(script));
    spawn.env = vec![("T".into(), secret(0))];
    let (ended, _) = bench.run(spawn).await;
    let CommandResult::Exited { outputs, .. } = &ended else {
        panic!("{ended:?}");
    };
    let all: Vec<(&str, &str)> = (outputs.iter())
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        all,
        [("tag", "v1"), ("b", "1\n2"), ("t", &*format!("<{SECRET}>"))]
    );
    let (ended, _) = bench.sh("echo oops >\"$LOCKSTEP_OUTPUT\"").await;
    assert_eq!(
        failure(&ended),
        (
            FailureClass::Failed,
            "line 1 of its outputs is not `key=value`: `oops`",
            Some(0)
        )
    );
    let (ended, _) = bench
        .sh("head -c 1100000 /dev/zero >\"$LOCKSTEP_OUTPUT\"")
        .await;
    assert_eq!(failure(&ended).1, "its outputs are more than 1 MiB");
    for made in ["mkdir", "mkfifo"] {
        let (ended, _) = bench.sh(&format!("{made} \"$LOCKSTEP_OUTPUT\"")).await;
        assert_eq!(
            failure(&ended).1,
            "`$LOCKSTEP_OUTPUT` is not a file any more"
        );
    }
    // A failing command fails for its own reason, and for its outputs.
    let (ended, _) = bench.sh("echo oops >\"$LOCKSTEP_OUTPUT\"; exit 4").await;
    assert_eq!(
        failure(&ended).1,
        "exit code 4; line 1 of its outputs is not `key=value`: `oops`"
    );
    let left = std::fs::read_dir(&bench.spawner.scratch).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // Only what is no file is left, with the file that says whose folder it is.
    let names: Vec<String> = names.filter(|name| name.starts_with("output-")).collect();
    assert!(
        names
            .iter()
            .all(|name| !bench.spawner.scratch.join(name).is_file())
    );
    let scratch = bench.spawner.scratch.clone();
    drop(bench);
    assert!(!scratch.exists());
}

#[tokio::test]
async fn lines_and_messages_are_masked_and_results_are_not() {
    let bench = ProcessFixture::new();
    let script = "echo \"a $T b\"; echo \"$T\" >&2; printf s3cr; sleep 0.05; printf '3t-t0ken\\n'; \
                  echo \"$M\"; printf %s \"$T\" | base64; nothing-$T";
    let mut spawn = bench.spawn(sh(script));
    spawn.env = vec![("T".into(), secret(0)), ("M".into(), secret(1))];
    let (ended, lines) = bench.run(spawn).await;
    let CommandResult::Failed { stdout, stderr, .. } = &ended else {
        panic!("{ended:?}");
    };
    assert!(
        stdout
            .text
            .starts_with(&format!("a {SECRET} b\n{SECRET}\nline one")),
        "{}",
        stdout.text
    );
    assert!(
        stderr.text.starts_with(&format!("{SECRET}\n")),
        "{}",
        stderr.text
    );
    let all = format!("{:?} {lines:?}", failure(&ended));
    assert!(
        !all.contains("s3cr") && !all.contains("t0ken") && !all.contains("line one"),
        "{all}"
    );
    // Neither does what the system says.
    let mut spawn = bench.spawn(direct(&["pwd"]));
    spawn.dir = Some(format!("no-{SECRET}"));
    let (ended, _) = bench.run(spawn).await;
    assert!(
        failure(&ended).1.ends_with("/no-***` does not exist"),
        "{ended:?}"
    );
}

/// What a stream passes on, read in pieces of this size.
async fn read_in_pieces(bytes: &[u8], piece: usize) -> (Vec<(String, bool)>, String) {
    use tokio::io::AsyncWriteExt as _;
    let (mut to, from) = tokio::io::duplex(piece);
    let redactor = SecretVault::new([SECRET]).redactor();
    let mut reader = stream::StreamReader::new(Some(from), Stream::Stdout, redactor);
    let bytes = bytes.to_vec();
    tokio::spawn(async move { to.write_all(&bytes).await });
    let mut lines = Vec::new();
    let mut listener = |line: OutputLine<'_>| lines.push((line.text.to_owned(), line.is_ended));
    while reader.is_open() {
        std::future::poll_fn(|context| reader.poll(context, &mut listener)).await;
    }
    let kept = reader.finish(&mut listener).text;
    (lines, kept)
}

#[tokio::test]
async fn lines_are_the_same_however_they_are_read() {
    let long = "é".repeat(40_000);
    let text = format!("one\n\r\n\ntwo\r\né日本\n{SECRET} and {SECRET}\n{long}\nlast\nopen é");
    let mut bytes = text.into_bytes();
    bytes.splice(4..4, *b"no \xff text\n\xe6\x97\n");
    let whole = read_in_pieces(&bytes, 1 << 20).await;
    let lines: Vec<(&str, bool)> = (whole.0.iter())
        .map(|(line, is_ended)| (&**line, *is_ended))
        .collect();
    let (first, rest) = (
        &long[..stream::MAX_LINE_BYTES],
        &long[stream::MAX_LINE_BYTES..],
    );
    let expected = [
        ("one", true),
        ("no \u{fffd} text", true),
        ("\u{fffd}", true),
        ("", true),
        ("", true),
        ("two", true),
        ("é日本", true),
        ("*** and ***", true),
        (first, false),
        (rest, true),
        ("last", true),
        ("open é", false),
    ];
    assert_eq!(lines, expected);
    for piece in [1, 2, 3, 7, 64, 8192] {
        assert_eq!(read_in_pieces(&bytes, piece).await, whole, "{piece}");
    }
}

#[tokio::test]
async fn much_output_is_read_and_its_end_is_kept() {
    let bench = ProcessFixture::new();
    let script = "i=0; while [ $i -lt 300000 ]; do echo line-$i; i=$((i+1)); done; echo end";
    let (ended, lines) = bench.sh(script).await;
    assert_eq!(lines.len(), 300_001);
    assert_eq!(lines[299_999].1, "line-299999");
    let text = stdout(&ended);
    assert!(
        text.len() <= 1 << 20 && text.len() > (1 << 20) - 100,
        "{}",
        text.len()
    );
    assert!(text.ends_with("line-299999\nend"));
    // A line without an end, of characters that a cut could split.
    let (ended, lines) = bench
        .sh("head -c 900000 /dev/zero | sed 's/\\x0/é/g'")
        .await;
    assert!(
        lines
            .iter()
            .all(|(_, line)| line.len() <= stream::MAX_LINE_BYTES)
    );
    assert!(
        lines
            .iter()
            .all(|(_, line)| line.chars().all(|char| char == 'é'))
    );
    let all: usize = lines.iter().map(|(_, line)| line.len()).sum();
    assert_eq!(all, 1_800_000);
    assert!(stdout(&ended).chars().all(|char| char == 'é'));
    assert!(stdout(&ended).len() <= stream::MAX_KEPT_BYTES);
}

#[tokio::test]
async fn what_a_command_has_written_is_read_however_slow_its_reader_is() {
    let bench = ProcessFixture::new();
    let (_sender, stop) = watch::channel(None);
    let mut count = 0;
    let listener = |_, _: &str| {
        std::thread::sleep(Duration::from_micros(100));
        count += 1;
    };
    // All of it fits the pipe, so that the command has ended long before it is read.
    let command = bench.spawn(direct(&["seq", "9000"]));
    let ended = (bench.spawner.run(command, &bench.vault, listener, stop)).await;
    assert_eq!(count, 9000);
    assert!(stdout(&ended).ends_with("\n9000"));
}

/// Where nobody uses what a command writes, its last part is kept, for the handlers of its failure;
/// every line is passed on all the same.
#[tokio::test]
async fn what_nobody_uses_is_not_kept() {
    let bench = ProcessFixture::new();
    for is_joined in [false, true] {
        let mut spawn = bench.spawn(sh("seq 100000; echo last; exit 3"));
        (spawn.has_value, spawn.streams_joined) = (false, is_joined);
        let (ended, lines) = bench.run(spawn).await;
        assert_eq!(lines.len(), 100_001);
        let CommandResult::Failed { stdout, .. } = ended else {
            panic!("{ended:?}");
        };
        assert!(stdout.is_cut && stdout.text.ends_with("\nlast"));
        assert!(stdout.text.len() <= lockstep_engine::MAX_FAILED_OUTPUT_BYTES);
    }
}

/// Lines of two streams that are one come in the order of the writes, whatever the writer does in
/// between, and nothing else is different.
#[tokio::test]
async fn joined_streams_keep_the_order_of_the_writes() {
    let bench = ProcessFixture::new();
    let mut spawn = bench.spawn(sh(
        "i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo out$i; echo err$i >&2; done; exit 3",
    ));
    spawn.streams_joined = true;
    let (ended, lines) = bench.run(spawn).await;
    assert_eq!(failure(&ended).2, Some(3));
    let texts: Vec<&str> = lines.iter().map(|(_, line)| &**line).collect();
    let all = (1..=300).flat_map(|i| [format!("out{i}"), format!("err{i}")]);
    assert_eq!(texts, all.collect::<Vec<_>>());
    // The pipe ends with the command, and what it has left holds it open.
    let mut spawn = bench.spawn(sh("(sleep 0.1; echo late >&2) & echo first"));
    spawn.streams_joined = true;
    assert_eq!(stdout(&bench.run(spawn).await.0), "first\nlate");
}

#[tokio::test]
async fn stopping_ends_the_whole_group() {
    let bench = ProcessFixture::new();
    for (script, wish) in [
        // It cleans up when asked.
        (
            "trap 'echo tidy; exit 0' TERM; sleep 30 & echo $!; echo ready; wait",
            StopRequest::Term,
        ),
        // It ignores the signal, and so does its child.
        (
            "trap '' TERM; sleep 30 & echo $!; echo ready; wait",
            StopRequest::Term,
        ),
        // It ends at once, and its child ignores the signal.
        (
            "(trap '' TERM; exec sleep 30) & echo $!; echo ready; wait",
            StopRequest::Term,
        ),
        // No process holds the pipes.
        (
            "trap '' TERM; sleep 30 & echo $!; echo ready; exec >&- 2>&-; wait",
            StopRequest::Term,
        ),
        (
            "trap 'echo tidy' TERM; sleep 30 & echo $!; echo ready; wait",
            StopRequest::Kill,
        ),
    ] {
        let (sender, stop) = watch::channel(None);
        let mut spawn = bench.spawn(sh(script));
        spawn.env = vec![("A".into(), Value::string("b"))];
        let lines = Mutex::new(Vec::new());
        let listener = |_, line: &str| {
            lines.lock().unwrap().push(String::from(line));
            if line == "ready" {
                sender.send(Some(wish)).unwrap();
            }
        };
        let start = Instant::now();
        let ended = bench.spawner.run(spawn, &bench.vault, listener, stop).await;
        assert_eq!(failure(&ended).0, FailureClass::Cancelled, "{script}");
        assert!(start.elapsed() < Duration::from_secs(2), "{script}");
        let lines = lines.into_inner().unwrap();
        let pid = lines[0].clone();
        until("the child ends", || !lives(&pid)).await;
        let tidy = script.contains("tidy") && wish == StopRequest::Term;
        assert_eq!(
            lines.iter().any(|line| line == "tidy"),
            tidy,
            "{script}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn a_second_wish_is_heard() {
    let bench = ProcessFixture::new();
    let bench = ProcessFixture {
        spawner: SystemSpawner::new(bench.folder.path()).unwrap(),
        ..bench
    };
    let (sender, stop) = watch::channel(None);
    let spawn = bench.spawn(sh(
        "trap 'echo no' TERM; echo ready; while :; do sleep 0.05 || :; done",
    ));
    let listener = |_, line: &str| match line {
        "ready" => sender.send(Some(StopRequest::Term)).unwrap(),
        "no" => sender.send(Some(StopRequest::Kill)).unwrap(),
        _ => {}
    };
    let start = Instant::now();
    let ended = bench.spawner.run(spawn, &bench.vault, listener, stop).await;
    assert_eq!(failure(&ended).1, "it was stopped by force");
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn what_a_command_leaves_behind_does_not_hold_it() {
    let bench = ProcessFixture::new();
    let start = Instant::now();
    let (ended, _) = bench.sh("sleep 20 & echo $!").await;
    assert!(start.elapsed() < Duration::from_secs(2));
    let pid = stdout(&ended);
    // It was started intentionally, so it stays.
    assert!(lives(pid));
    let status = std::process::Command::new("kill")
        .arg(pid)
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn dropping_it_kills_the_group() {
    let bench = ProcessFixture::new();
    let (_sender, stop) = watch::channel(None);
    let pid = Mutex::new(String::new());
    let listener = |_, line: &str| *pid.lock().unwrap() = String::from(line);
    let spawn = bench.spawn(sh("sleep 30 & echo $!; wait"));
    let run = bench.spawner.run(spawn, &bench.vault, listener, stop);
    tokio::select! {
        _ = run => panic!("it ended"),
        () = until("it speaks", || !pid.lock().unwrap().is_empty()) => {}
    }
    let pid = pid.into_inner().unwrap();
    until("the child ends", || !lives(&pid)).await;
}

#[tokio::test]
async fn commands_are_announced() {
    type SeenLines = Vec<(&'static str, u64, u32)>;
    #[derive(Default)]
    struct Log(Arc<Mutex<SeenLines>>);
    impl GroupRegistry for Log {
        fn reserve(&self, lasting: bool) -> GuardianVariable {
            self.0
                .lock()
                .unwrap()
                .push(("starting", 7, u32::from(lasting)));
            GuardianVariable {
                number: 7,
                variable: Some((String::from("CARE"), String::from("seven"))),
            }
        }
        fn register(&self, number: u64, group: u32) {
            self.0.lock().unwrap().push(("born", number, group));
        }
        fn unregister(&self, number: u64) {
            self.0.lock().unwrap().push(("gone", number, 0));
        }
    }
    let log = Log::default();
    let seen = Arc::clone(&log.0);
    let bench = ProcessFixture::new();
    let bench = ProcessFixture {
        spawner: SystemSpawner::new(bench.folder.path())
            .unwrap()
            .watched_by(Arc::new(log)),
        ..bench
    };
    let ended = bench.direct(&["sh", "-c", "echo $$ $CARE"]).await;
    let (pid, care) = stdout(&ended).split_once(' ').unwrap();
    assert_eq!(care, "seven");
    let born = ("born", 7, pid.parse().unwrap());
    let (starting, gone) = (("starting", 7, 0), ("gone", 7, 0));
    assert_eq!(*seen.lock().unwrap(), [starting, born, gone]);
    seen.lock().unwrap().clear();
    // One that could not be started is removed, too.
    bench.direct(&["/"]).await;
    bench.direct(&["no-such-program-here"]).await;
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|it| it.0 != "born"), "{seen:?}");
    let count = |what| seen.iter().filter(|it| it.0 == what).count();
    assert_eq!(count("starting"), count("gone"));
}

#[tokio::test]
async fn many_commands_leave_nothing_open() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let bench = Arc::new(ProcessFixture::new());
    let before = open();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..400 {
        if tasks.len() >= 32 {
            tasks.join_next().await.unwrap().unwrap();
        }
        let bench = Arc::clone(&bench);
        tasks.spawn(async move {
            let text = number.to_string();
            let words = ["printf", "%s", &text];
            let program = if number % 7 == 0 {
                "no-such-program-here"
            } else {
                "printf"
            };
            let ended = bench.direct(&[program, words[1], words[2]]).await;
            if number % 7 != 0 {
                assert_eq!(stdout(&ended), text);
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    // Other tests of this process have files open too.
    let after = open();
    assert!(after < before + 200, "{before} then {after}");
}

#[test]
fn a_run_may_move_between_threads() {
    fn sends<T: Send>(_: &T) {}
    let bench = ProcessFixture::new();
    let (_sender, stop) = watch::channel(None);
    let spawn = bench.spawn(direct(&["true"]));
    sends(&bench.spawner.run(spawn, &bench.vault, |_, _| {}, stop));
}
