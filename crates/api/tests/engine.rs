//! The library as a host uses it: actions, questions, journals, clocks, commands and requests of
//! its own. No test needs a file but those with a store.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockstep_api::host::{
    Command, CommandControl, CommandEnd, CommandFuture, HttpClient, HttpError, HttpRequest,
    HttpResponse, Journal, JournalError, Spawner,
};
use lockstep_api::{
    ActionError, Approver, Engine, EngineBuilder, Failure, FailureChoice, FailureClass,
    JournalLinesError, MemoryFiles, NodeKind, Plan, Question, Run, RunEnd, RunEvent, RunEventKind,
    SimulatedClock, StartError, Status, Stream, Variables, WaitReason,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const FILE: &str = "a.deploy";

/// A builder with one file. It starts no processes.
fn builder(text: &str) -> EngineBuilder {
    let files = MemoryFiles::new().with(FILE, text);
    Engine::builder().files(files).spawner(Recorder::default())
}

#[track_caller]
fn plan(engine: &Engine) -> Plan {
    let program = engine.compile(FILE).unwrap_or_else(|it| panic!("{it}"));
    program.plan().build().unwrap_or_else(|it| panic!("{it}"))
}

async fn start(engine: &Engine) -> Run {
    engine.start(&plan(engine)).await.expect("it starts")
}

/// Runs to the end: how it ended, and all that it told.
async fn finish(mut run: Run) -> (RunEnd, Vec<RunEvent>) {
    let mut told = Vec::new();
    while let Some(event) = run.next_event().await {
        told.push(event);
    }
    (run.wait().await, told)
}

async fn run(engine: &Engine) -> (RunEnd, Vec<RunEvent>) {
    let work = async { finish(start(engine).await).await };
    let time = tokio::time::timeout(Duration::from_secs(60), work);
    time.await.expect("it ends")
}

/// Why the run failed.
#[track_caller]
fn failure(told: &[RunEvent]) -> Failure {
    match &told.last().expect("an event").what {
        RunEventKind::RunFinished { failure, .. } => failure.clone().expect("a failure"),
        other => panic!("{other:?}"),
    }
}

/// The texts of all logs.
fn logged(told: &[RunEvent]) -> Vec<&str> {
    let text = |event| match event {
        &RunEvent {
            what:
                RunEventKind::NodeStarted {
                    kind: NodeKind::Log,
                    ref text,
                    ..
                },
            ..
        } => text.as_deref(),
        _ => None,
    };
    told.iter().filter_map(text).collect()
}

/// Waits until a node waits as is said.
async fn until(run: &mut Run, waits: impl Fn(&WaitReason) -> bool) {
    while let Some(event) = run.next_event().await {
        if let RunEventKind::NodeWaiting { waiting, .. } = &event.what
            && waits(waiting)
        {
            return;
        }
    }
    panic!("it never waits so");
}

fn is_time(waiting: &WaitReason) -> bool {
    matches!(waiting, WaitReason::Time { .. })
}

/// Records commands and answers with their texts; `bad` fails, `slow` waits until it is stopped.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Command>>>);

impl Recorder {
    fn all(&self) -> Vec<Command> {
        self.0.lock().unwrap().clone()
    }
}

impl Spawner for Recorder {
    fn spawn<'a>(&'a self, command: Command, mut control: CommandControl<'a>) -> CommandFuture<'a> {
        self.0.lock().unwrap().push(command.clone());
        Box::pin(async move {
            let mut words = vec![command.program];
            words.extend(command.arguments);
            let secret = command.env.into_iter().find(|(name, _)| name == "T");
            words.extend(secret.map(|(_, text)| text));
            let text = words.join(" ");
            control.line(Stream::Stdout, &text);
            match text.as_str() {
                "bad" => CommandEnd {
                    code: Some(3),
                    ..CommandEnd::failed(FailureClass::Exit, "exit code 3")
                },
                "slow" => {
                    let stop = control.stopped().await;
                    CommandEnd::failed(FailureClass::Cancelled, format!("stopped by {stop:?}"))
                }
                _ => CommandEnd::succeeded(text),
            }
        })
    }
}

// --- Actions -----------------------------------------------------------------------------

#[derive(Deserialize, JsonSchema)]
struct Greeting {
    name: String,
    times: Option<u32>,
    loud: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
struct Greeted {
    text: String,
    length: usize,
    note: Option<String>,
}

async fn greet(greeting: Greeting) -> Result<Greeted, ActionError> {
    let Greeting { name, times, loud } = greeting;
    if name.is_empty() {
        return Err(ActionError::new("nobody is there"));
    }
    let mark = if loud == Some(true) { "!" } else { "." };
    let text = format!("hello {name}{mark}").repeat(times.unwrap_or(1) as usize);
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(Greeted {
        length: text.len(),
        text,
        note: None,
    })
}

const GREET: &str = "from \"./host.deploy\" import greet\n";

#[tokio::test]
async fn an_action_takes_and_returns_values_of_its_types() {
    let text = "pipeline p {
        let one = greet(\"ada\")
        let two = greet(\"bob\", loud: true, times: 2)
        log \"${one.text} ${one.length} ${two.text} ${two.length} ${one.note == none}\"
    }";
    let engine = builder(&format!("{GREET}{text}"))
        .action("greet", greet)
        .build();
    let (end, told) = run(&engine).await;
    assert_eq!(end, RunEnd::Ended(Status::Succeeded), "{told:?}");
    assert_eq!(
        logged(&told),
        ["hello ada. 10 hello bob!hello bob! 20 true"]
    );
}

#[tokio::test]
async fn an_action_that_fails_or_panics_fails_its_call() {
    let text = format!("{GREET}pipeline p {{ greet(\"\") }}");
    let (end, told) = run(&builder(&text).action("greet", greet).build()).await;
    assert_eq!(end, RunEnd::Ended(Status::Failed));
    let found = failure(&told);
    assert_eq!(found.class, FailureClass::Failed);
    assert_eq!(found.message, "nobody is there");

    // As the function is called, and when its future is polled.
    let text = "from \"./host.deploy\" import burst\npipeline p { burst() }";
    fn at_once(_: ()) -> std::future::Ready<Result<(), ActionError>> {
        panic!("as was asked")
    }
    let later = |_: ()| async { panic!("as was asked") };
    for engine in [
        builder(text).action("burst", at_once).build(),
        builder(text)
            .action::<(), (), _, std::pin::Pin<Box<dyn Future<Output = _> + Send>>>(
                "burst",
                move |it| Box::pin(later(it)),
            )
            .build(),
    ] {
        let (end, told) = run(&engine).await;
        assert_eq!(end, RunEnd::Ended(Status::Failed));
        assert_eq!(failure(&told).class, FailureClass::Internal);
    }
}

#[tokio::test]
async fn a_secret_reaches_an_action_and_never_comes_back() {
    #[derive(Deserialize, JsonSchema)]
    struct Login {
        token: String,
    }
    let seen = Arc::new(Mutex::new(String::new()));
    let sees = seen.clone();
    let login = move |login: Login| {
        sees.lock().unwrap().clone_from(&login.token);
        async move {
            match login.token.as_str() {
                "s3cret-token" => Ok(format!("welcome {}", login.token)),
                other => Err(ActionError::new(format!("{other} is wrong"))),
            }
        }
    };
    let text = "action login(token: secret) -> string
        secret token = env(\"TOKEN\")
        pipeline p { let said = login(token) log said }";
    let with = |token: &str| {
        builder(text)
            .environment(Variables::new().with("TOKEN", token))
            .action("login", login.clone())
            .build()
    };
    let (end, told) = run(&with("s3cret-token")).await;
    assert_eq!(end, RunEnd::Ended(Status::Succeeded), "{told:?}");
    assert_eq!(*seen.lock().unwrap(), "s3cret-token");
    assert_eq!(logged(&told), ["welcome ***"]);
    let (_, told) = run(&with("another-token")).await;
    assert_eq!(failure(&told).message, "*** is wrong");
    let unset = builder(text).action("login", login).build();
    let refused = unset.start(&plan(&unset)).await;
    assert!(
        matches!(refused, Err(StartError::Secrets(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn actions_are_provided_as_they_are_declared() {
    let engine = |text: &str| builder(text).action("greet", greet).build();
    let wrong = engine("action greet(name: string) -> string\npipeline p { greet(\"x\") }");
    let said = wrong.compile(FILE).expect_err("a mistake").to_string();
    assert_eq!(
        said,
        "a.deploy:1:8: error[E0301]: `greet` is declared differently from the action that this program provides \
         (write `action greet(name: string, times: int? = none, loud: bool? = none) -> \
         { text: string, length: int, note: string? }`)"
    );
    // The order of fields and parameters is the file's.
    let fine = engine(
        "action greet(name: string, loud: bool? = none, times: int? = none) -> \
         { note: string?, length: int, text: string }\npipeline p { greet(\"x\") }",
    );
    assert_eq!(run(&fine).await.0, RunEnd::Ended(Status::Succeeded));
    // Only what the plan calls has to be there.
    let missing = engine("action other()\npipeline p { other() }");
    let missing = missing.start(&plan(&missing)).await;
    assert!(
        matches!(&missing, Err(StartError::MissingActions(names)) if *names == ["other"]),
        "{missing:?}"
    );
    let unused = engine("action other()\npipeline p { log \"x\" }");
    assert_eq!(run(&unused).await.0, RunEnd::Ended(Status::Succeeded));
}

// --- Questions ---------------------------------------------------------------------------

#[tokio::test]
async fn approvals_are_answered_by_a_callback() {
    let text = "pipeline p { approve \"Ship it?\" by [\"managers\"] }";
    let engine = |yes: bool| {
        let answer = move |question| {
            let Question::Approval(asked) = question else {
                panic!("{question:?}");
            };
            assert_eq!((&*asked.node, &*asked.text), ("p/approve", "Ship it?"));
            assert_eq!(asked.groups, ["managers"]);
            match yes {
                true => asked.approve(Approver::with_comment("ada", "fine")),
                false => asked.refuse("ada", "not today"),
            }
        };
        builder(text).on_question(answer).build()
    };
    assert_eq!(run(&engine(true)).await.0, RunEnd::Ended(Status::Succeeded));
    let (end, told) = run(&engine(false)).await;
    assert_eq!(end, RunEnd::Ended(Status::Failed));
    let found = failure(&told);
    assert_eq!(found.class, FailureClass::Approval);
    assert_eq!(found.message, "the answer was no: not today");
}

#[tokio::test]
async fn each_choice_about_a_failure_does_what_it_says() {
    let text = "pipeline p atomic {
        step a { run \"a\" } undo { run \"undo\" }
        run \"bad\" on failure { ask }
        run \"after\"
    }";
    for (choice, status, commands) in [
        (FailureChoice::Ignore, Status::Succeeded, "a bad after"),
        (FailureChoice::Rollback, Status::Failed, "a bad undo"),
        (FailureChoice::Abort, Status::Failed, "a bad"),
        (FailureChoice::Retry, Status::Succeeded, "a bad bad after"),
    ] {
        let recorder = Recorder::default();
        let asked = Mutex::new(0);
        let answer = move |question| {
            let Question::Failure(failure) = question else {
                panic!("{question:?}");
            };
            *asked.lock().unwrap() += 1;
            let again = *asked.lock().unwrap() > 1;
            // The second time it does not matter any more.
            failure.choose("ada", if again { FailureChoice::Ignore } else { choice });
        };
        let engine = builder(text)
            .spawner(recorder.clone())
            .on_question(answer)
            .build();
        let (end, told) = run(&engine).await;
        assert_eq!(end, RunEnd::Ended(status), "{choice:?} {told:?}");
        let ran: Vec<String> = recorder.all().into_iter().map(|it| it.program).collect();
        assert_eq!(ran.join(" "), commands, "{choice:?}");
    }
}

#[tokio::test]
async fn a_callback_that_panics_breaks_its_run_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let text = "pipeline p { approve \"?\" }";
    let broken = |_: Question| panic!("as was asked");
    let engine = builder(text)
        .store(folder.path())
        .on_question(broken)
        .build();
    let started = start(&engine).await;
    let id = started.id().to_string();
    let (end, _) = finish(started).await;
    let RunEnd::Broken(error) = end else {
        panic!("{end:?}");
    };
    assert_eq!(error.to_string(), "the thread of the run has panicked");
    // Its store has let go of it: an engine without the mistake goes on.
    let fixed = |question| match question {
        Question::Approval(asked) => asked.approve("ada"),
        other => panic!("{other:?}"),
    };
    let engine = builder(text)
        .store(folder.path())
        .on_question(fixed)
        .build();
    let resumed = engine.resume(&id).await.expect("it can be resumed");
    assert_eq!(finish(resumed).await.0, RunEnd::Ended(Status::Succeeded));
}

// --- Runs --------------------------------------------------------------------------------

#[tokio::test]
async fn many_runs_go_on_at_once() {
    let clock = SimulatedClock::new();
    let text = format!("{GREET}pipeline p {{ wait 1h greet(run.id) run \"x\" }}");
    let engine = builder(&text)
        .action("greet", greet)
        .clock(clock.clone())
        .build();
    let mut runs = Vec::new();
    for _ in 0..20 {
        let mut run = start(&engine).await;
        until(&mut run, is_time).await;
        runs.push(run);
    }
    let mut ids: Vec<String> = runs.iter().map(|run| run.id().to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    clock.advance(Duration::from_secs(3600));
    for run in runs {
        assert_eq!(run.wait().await, RunEnd::Ended(Status::Succeeded));
    }
}

#[tokio::test]
async fn cancelling_stops_commands_and_rolls_back() {
    let recorder = Recorder::default();
    let text = "pipeline p {
        serial atomic {
            step a { run \"a\" } undo { run \"undo\" }
            run \"slow\"
        } always { run \"always\" }
    }";
    let engine = builder(text).spawner(recorder.clone()).build();
    let mut started = start(&engine).await;
    while let Some(event) = started.next_event().await {
        if matches!(&event.what, RunEventKind::NodeOutput { text, .. } if text == "slow") {
            started.cancel();
        }
    }
    assert_eq!(started.wait().await, RunEnd::Ended(Status::Cancelled));
    let ran: Vec<String> = recorder.all().into_iter().map(|it| it.program).collect();
    assert_eq!(ran, ["a", "slow", "undo", "always"]);
}

#[tokio::test]
async fn a_run_goes_on_in_another_engine() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    let clock = SimulatedClock::new();
    let engine = |store: &Path| {
        builder("pipeline p { run \"a\" wait 1h run \"b\" }")
            .spawner(recorder.clone())
            .clock(clock.clone())
            .store(store)
            .build()
    };
    let first = engine(folder.path());
    let mut started = start(&first).await;
    until(&mut started, is_time).await;
    clock.advance(Duration::from_secs(1800));
    let id = started.id().to_string();
    let twice = first.resume(&id).await.expect_err("it goes on already");
    assert!(matches!(twice, StartError::Store(_)), "{twice:?}");
    started.stop();
    assert_eq!(started.wait().await, RunEnd::Stopped);
    drop(first);

    let mut resumed = engine(folder.path())
        .resume(&id)
        .await
        .expect("it is there");
    assert_eq!(resumed.id(), id);
    until(&mut resumed, is_time).await;
    // The first half has passed already.
    clock.advance(Duration::from_secs(1800));
    assert_eq!(resumed.wait().await, RunEnd::Ended(Status::Succeeded));
    let ran: Vec<String> = recorder.all().into_iter().map(|it| it.program).collect();
    assert_eq!(ran, ["a", "b"]);
    let over = engine(folder.path()).resume(&id).await;
    assert!(matches!(over, Err(StartError::Store(_))), "{over:?}");
    let without = builder("pipeline p { log \"x\" }").build();
    let without = without.resume(&id).await;
    assert!(matches!(without, Err(StartError::NoStore)), "{without:?}");
}

// --- What a host supplies ----------------------------------------------------------------

/// A journal in memory.
#[derive(Clone, Default)]
struct Memory {
    lines: Arc<Mutex<Vec<String>>>,
    is_full: bool,
}

impl Journal for Memory {
    fn append(&mut self, lines: &[String]) -> Result<(), JournalError> {
        if self.is_full {
            return Err(JournalError::Unwritable(String::from("the disk is full")));
        }
        self.lines.lock().unwrap().extend_from_slice(lines);
        Ok(())
    }
}

#[tokio::test]
async fn a_run_goes_on_from_a_journal_of_the_host() {
    let memory = Memory::default();
    let recorder = Recorder::default();
    let engine = |clock: &SimulatedClock| {
        let memory = memory.clone();
        builder("pipeline p { let a = run \"a\" wait 1h run \"b\" log \"${a.stdout}\" }")
            .spawner(recorder.clone())
            .clock(clock.clone())
            .journal(move |_| Box::new(memory.clone()))
            .build()
    };
    let clock = SimulatedClock::new();
    clock.advance(Duration::from_secs(24 * 3600));
    let mut started = start(&engine(&clock)).await;
    until(&mut started, is_time).await;
    clock.advance(Duration::from_secs(1800));
    let id = started.id().to_string();
    started.stop();
    assert_eq!(started.wait().await, RunEnd::Stopped);

    let clock = SimulatedClock::new();
    let kept = memory.lines.lock().unwrap().clone();
    assert!(kept.iter().all(|line| !line.contains('\n')));
    let mut resumed = engine(&clock).resume_from(kept).await.expect("it is there");
    assert_eq!(resumed.id(), id);
    until(&mut resumed, is_time).await;
    clock.advance(Duration::from_secs(1800));
    let (end, told) = finish(resumed).await;
    assert_eq!(end, RunEnd::Ended(Status::Succeeded));
    assert_eq!(logged(&told).last(), Some(&"a"));
    // The clock has been set back by a day, but not the run.
    assert!(told.is_sorted_by_key(|event| event.at), "{told:?}");
    let ran: Vec<String> = recorder.all().into_iter().map(|it| it.program).collect();
    assert_eq!(ran, ["a", "b"]);
    // What is written now is the whole run, and it has ended.
    let whole = memory.lines.lock().unwrap().clone();
    let again = engine(&clock)
        .resume_from(whole)
        .await
        .expect("it is there");
    assert_eq!(again.wait().await, RunEnd::Ended(Status::Succeeded));
    assert_eq!(recorder.all().len(), 2);

    for (lines, error) in [
        (vec![], JournalLinesError::NoBeginning),
        (vec![String::from("{}")], JournalLinesError::Line(1)),
    ] {
        let refused = engine(&clock).resume_from(lines).await;
        assert!(
            matches!(&refused, Err(StartError::Journal(it)) if *it == error),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_run_whose_journal_cannot_be_written_starts_nothing() {
    let recorder = Recorder::default();
    let full = Memory {
        is_full: true,
        ..Memory::default()
    };
    let engine = builder("pipeline p { run \"a\" }")
        .spawner(recorder.clone())
        .journal(move |_| Box::new(full.clone()))
        .build();
    let (end, _) = run(&engine).await;
    let RunEnd::Broken(error) = end else {
        panic!("{end:?}");
    };
    assert_eq!(error.to_string(), "the disk is full");
    assert!(recorder.all().is_empty());
}

#[tokio::test]
async fn a_spawner_of_the_host_sees_plain_commands() {
    let recorder = Recorder::default();
    let text = "secret token = env(\"TOKEN\")
    pipeline p {
        run \"say ${\"a b\"}\" in \"sub\" env { T: token, N: \"1\" }
        run \"one | two\"
        let result = run \"x\" env { T: \"${token}-long\" }
        log \"${result.code} ${result.stdout}\"
    }";
    let engine = builder(text)
        .spawner(recorder.clone())
        .environment(Variables::new().with("TOKEN", "s3cret-token"))
        .folder("/srv/files")
        .build();
    let (end, told) = run(&engine).await;
    assert_eq!(end, RunEnd::Ended(Status::Succeeded), "{told:?}");
    let [say, shell, x] = <[Command; 3]>::try_from(recorder.all()).expect("three commands");
    assert_eq!((&*say.program, &*say.node), ("say", "p/run"));
    assert_eq!(say.arguments, ["a b"]);
    assert_eq!(say.folder, Path::new("/srv/files"));
    assert_eq!(say.dir.as_deref(), Some("sub"));
    let variable = |command: &Command, name: &str| {
        let found = command.env.iter().find(|(it, _)| it == name);
        found.map(|(_, text)| text.clone())
    };
    assert_eq!(variable(&say, "T").as_deref(), Some("s3cret-token"));
    assert_eq!(variable(&say, "N").as_deref(), Some("1"));
    assert_eq!(variable(&say, "LOCKSTEP_NODE").as_deref(), Some("p/run"));
    assert_eq!(shell.program, "sh");
    assert_eq!(shell.arguments, ["-eu", "-c", "one | two"]);
    assert_eq!(variable(&x, "T").as_deref(), Some("s3cret-token-long"));
    // What it says has no secrets in it when anybody hears of it.
    let said = format!("{told:?} {say:?}");
    assert!(!said.contains("s3cret-token"), "{said}");
    assert!(said.contains("say a b ***"), "{said}");
    assert_eq!(logged(&told).last(), Some(&"0 x ***-long"));
}

#[tokio::test]
async fn requests_go_to_the_client_of_the_host() {
    struct Client(Arc<Mutex<Vec<HttpRequest>>>);
    impl HttpClient for Client {
        fn send(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
            self.0.lock().unwrap().push(request.clone());
            match request.url.ends_with("/down") {
                true => Err(HttpError::Timeout),
                false => Ok(HttpResponse {
                    status: 200,
                    reason: None,
                    headers: vec![],
                    body: String::from("{\"version\": \"v7\"}"),
                }),
            }
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let text = "pipeline p {
        let found = http.get(\"http://x/version\")
        log \"${found.status} ${found.body}\"
        http.post(\"http://x/down\", body: \"b\")
    }";
    let engine = builder(text).http(Client(seen.clone())).build();
    let (end, told) = run(&engine).await;
    assert_eq!(end, RunEnd::Ended(Status::Failed));
    assert_eq!(logged(&told), ["200 {\"version\": \"v7\"}"]);
    assert_eq!(failure(&told).class, FailureClass::Timeout);
    let seen = seen.lock().unwrap();
    assert_eq!((&*seen[0].method, &*seen[1].method), ("GET", "POST"));
    assert_eq!(seen[1].body.as_deref(), Some("b"));
}

#[tokio::test]
async fn a_simulated_clock_times_limits_and_retries() {
    let clock = SimulatedClock::new();
    let recorder = Recorder::default();
    let text = "pipeline p { run \"bad\" retry 2 every 10m }";
    let engine = builder(text)
        .spawner(recorder.clone())
        .clock(clock.clone())
        .build();
    let mut started = start(&engine).await;
    for tries in 1..=2 {
        until(&mut started, |it| matches!(it, WaitReason::Retry { .. })).await;
        assert_eq!(recorder.all().len(), tries);
        clock.advance(Duration::from_secs(599));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(recorder.all().len(), tries);
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(started.wait().await, RunEnd::Ended(Status::Failed));
    assert_eq!(recorder.all().len(), 3);

    let engine = builder("pipeline p { run \"slow\" timeout 2h }")
        .clock(clock.clone())
        .build();
    let mut started = start(&engine).await;
    let mut told = Vec::new();
    while let Some(event) = started.next_event().await {
        if let RunEventKind::NodeOutput { .. } = event.what {
            clock.advance(Duration::from_secs(7200));
        }
        told.push(event);
    }
    assert_eq!(failure(&told).class, FailureClass::Timeout);
}

#[tokio::test]
async fn commands_are_processes_of_the_system_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let files = MemoryFiles::new().with(
        FILE,
        "pipeline p { let a = run \"printf %s \\\"$0 $HOME\\\"\" env { HOME: \"here\" } log a.stdout }",
    );
    let engine = Engine::builder()
        .files(files)
        .folder(folder.path())
        .temporary_folder(folder.path())
        .stop_grace(Duration::from_millis(100))
        .build();
    let (end, told) = run(&engine).await;
    assert_eq!(end, RunEnd::Ended(Status::Succeeded), "{told:?}");
    assert_eq!(logged(&told).last(), Some(&"sh here"));
    // Its private folder goes with the engine.
    drop(engine);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
