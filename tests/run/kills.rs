//! Crash tests: the program is killed at random moments and resumed, again and again, until the run
//! ends. What had ended is not run again, what may run only once does, order and width hold as if
//! nothing had happened, and the final state is that of an undisturbed run.
//!
//! `LOCKSTEP_KILLS` is the number of rounds, `LOCKSTEP_KILLS_SEED` decides the moments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lockstep_engine::run_event::{RunEventKind, Status};
use lockstep_engine::{EffectId, Event, Machine, PendingEffects};
use lockstep_plan::Plan;
use lockstep_runtime::journal::JournalEntry;
use lockstep_store::{RunStatus, Store, StoredRun};

use crate::support::Test;
use crate::support::program::program as lockstep;

/// More than two hundred steps. `do NAME` logs when it starts and ends, and leaves a mark.
const PIPELINE: &str = r#"
kind app { deploy using put }
service a: app {}
service b: app {}
environment e { infrastructure i: app {} infrastructure j: app {} }

workflow put(s: service<app>, t: infrastructure<app>) {
  step put { run "sh do dep-${s.name}-${t.name}" } undo { run "sh undo dep-${s.name}-${t.name}" }
  step look { run "sh do looked-${s.name}-${t.name}" }
}

pipeline p {
  step first { run "sh do first" }
  stage wide {
    matrix parallel x in range(0, 8) serial y in range(0, 8) max 3 {
      step m { run "sh do m-${x}-${y}" } undo { run "sh undo m-${x}-${y}" }
    }
  }
  step second { run "sh do second" }
  stage locked {
    parallel n in range(0, 12) { lock "db" { run "sh do l-${n}" } }
  }
  stage deployed { matrix parallel t in e.* parallel s in [a, b] { deploy s to t } }
  stage flaky { parallel n in range(0, 6) { run "sh flaky f-${n}" timeout 1m retry 5 every 1ms } }
  stage careful {
    matrix parallel x in range(0, 3) serial y in range(0, 6) {
      run "sh do o-${x}-${y}" once on failure(interrupted) { run "sh do mended-${x}-${y}" ignore }
    }
  }
  stage met {
    parallel {
      serial { run "sh do b-0" barrier half run "sh do c-0" barrier full run "sh do d-0" }
      serial { run "sh do b-1" barrier half run "sh do c-1" barrier full run "sh do d-1" }
      serial { run "sh do b-2" barrier half run "sh do c-2" barrier full run "sh do d-2" }
    }
  }
  stage doomed {
    serial {
      serial atomic {
        matrix parallel x in range(0, 4) serial y in range(0, 8) {
          step d { run "sh do t-${x}-${y}" } undo { run "sh undo t-${x}-${y}" }
        }
        fail "as planned"
      }
    } on failure { ignore }
  }
  serial n in range(0, 40) { step s { run "sh do s-${n}" } }
  step last { run "sh do last" }
}
"#;

const DO: &str = "echo \"start $1\" >> log; echo \"end $1\" >> log; : > state/$1\n";
const UNDO: &str = "echo \"start undo-$1\" >> log; rm -f state/$1; echo \"end undo-$1\" >> log\n";
/// Fails twice.
const FLAKY: &str = "echo x >> tries-$1; [ $(wc -l < tries-$1) -gt 2 ] || exit 1; exec sh do $1\n";

fn world() -> Test {
    Test::new()
        .file("main.deploy", PIPELINE)
        .file("do", DO)
        .file("undo", UNDO)
        .file("flaky", FLAKY)
        .folder("state")
}

/// Splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % count
    }
}

/// The marks of all that is done and not rolled back; what was fixed by a handler counts as done.
fn state(test: &Test) -> BTreeSet<String> {
    let files = std::fs::read_dir(test.path("state")).expect("the folder");
    files
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("text")
        })
        .filter(|name| !name.starts_with("o-") && !name.starts_with("mended-"))
        .collect()
}

fn lines(test: &Test) -> Vec<String> {
    let log = std::fs::read_to_string(test.path("log")).unwrap_or_default();
    log.lines().map(String::from).collect()
}

fn the_run(test: &Test) -> Option<(Store, StoredRun)> {
    let store = Store::open_existing(&test.path(".lockstep")).expect("a state directory")?;
    let run = store.runs("").expect("runs").into_iter().next()?;
    Some((store, run))
}

/// The commands that have ended well according to the journal, by their texts.
fn finished(test: &Test) -> Vec<String> {
    let Some((store, run)) = the_run(test) else {
        return Vec::new();
    };
    let plan = Plan::new(store.bound(&run).expect("a plan")).expect("a plan");
    let mut machine = Machine::new(plan.into(), run.facts(), run.seed);
    let mut left = PendingEffects::default();
    let mut texts: BTreeMap<EffectId, String> = BTreeMap::new();
    let mut ended = Vec::new();
    for record in store.records(run.number).expect("a journal") {
        let JournalEntry::Event(event) = record.what else {
            continue;
        };
        if let Event::Ended { id, outcome } = &event
            && outcome.failure.is_none()
        {
            ended.push(texts[id].clone());
        }
        let _ = left.answered(&event);
        for effect in machine.handle(record.clock, event) {
            let _ = left.requested(effect);
        }
        for (id, (_, command)) in &left.commands {
            texts.entry(*id).or_insert_with(|| command.text.clone());
        }
    }
    ended
}

/// Whether there is a process that belongs to the test's folder: it works there, or it is a
/// guardian of one that did, which has the same home.
fn anybody_in(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").expect("processes");
    let home = format!("HOME={}", folder.display());
    let home = home.trim_end_matches('/');
    processes.flatten().any(|process| {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        let is_home = |it: &[u8]| it.strip_suffix(b"/").unwrap_or(it) == home.as_bytes();
        std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == *folder)
            || variables.any(is_home)
    })
}

fn command(test: &Test, words: &[&str]) -> Command {
    let mut command = crate::support::program::command(lockstep(), &test.path(""));
    command
        .args(words)
        .args(["--format", "json"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Waits for the moment at which the program is to be killed, but not longer than it lives.
fn wait(chance: &mut Chance, test: &Test, child: &mut Child) {
    let pause = |ms: u64| std::thread::sleep(Duration::from_millis(ms));
    let patience = Instant::now() + Duration::from_secs(3);
    let mut until = |holds: &mut dyn FnMut() -> bool, pause: Duration| {
        while !holds() && Instant::now() < patience && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(pause);
        }
    };
    match chance.below(8) {
        // At the very beginning, also during the replay of the journal.
        0 | 1 => pause(chance.below(40)),
        // While a record is being written.
        2 | 3 => {
            pause(chance.below(400));
            let written = || {
                let file = std::fs::metadata(test.path(".lockstep/state.db-wal"));
                file.and_then(|it| Ok((it.len(), it.modified()?))).ok()
            };
            let before = written();
            until(&mut || written() != before, Duration::from_micros(50));
        }
        // During a rollback, if there is one.
        4 => {
            let undone = || {
                lines(test)
                    .iter()
                    .filter(|it| it.contains(" undo-t-"))
                    .count()
            };
            let before = undone();
            until(
                &mut || (1..64).contains(&before) || undone() > before,
                Duration::from_millis(5),
            );
            pause(chance.below(30));
        }
        _ => pause(chance.below(600)),
    }
}

/// The moments of the kills of all rounds.
#[derive(Debug, Default)]
struct Fell {
    all: AtomicUsize,
    /// There was no run yet, or nothing had happened in it.
    before: AtomicUsize,
    /// The run had been resumed, and nothing had happened since.
    resuming: AtomicUsize,
    /// What `doomed` had done was being rolled back.
    undoing: AtomicUsize,
    /// A group of records had been written partially.
    committing: AtomicUsize,
}

impl Fell {
    fn note(&self, test: &Test, before: &mut Option<u64>) {
        let count = |it: &AtomicUsize, holds: bool| {
            it.fetch_add(usize::from(holds), Ordering::Relaxed);
        };
        count(&self.all, true);
        count(
            &self.committing,
            is_torn(&test.path(".lockstep/state.db-wal")),
        );
        let seq =
            the_run(test).map(|(store, run)| store.last_sequence(run.number).expect("a journal"));
        count(&self.before, seq.unwrap_or_default() == 0);
        count(&self.resuming, seq > Some(0) && seq == *before);
        *before = seq;
        let log = lines(test);
        let undone = log
            .iter()
            .filter(|it| it.starts_with("end undo-t-"))
            .count();
        count(
            &self.undoing,
            undone < 32 && log.iter().any(|it| it.starts_with("start undo-t-")),
        );
    }
}

/// Whether the last transaction in a write-ahead log is incomplete: the last page of each
/// transaction says how many pages there are.
fn is_torn(log: &Path) -> bool {
    let bytes = std::fs::read(log).unwrap_or_default();
    let Some((head, frames)) = bytes.split_at_checked(32) else {
        return false;
    };
    let page = u32::from_be_bytes(head[8..12].try_into().expect("four bytes")) as usize;
    let mut last = [1; 4];
    for frame in frames.chunks(24 + page) {
        if frame.get(8..16) != Some(&head[16..24]) {
            break;
        }
        last.copy_from_slice(&frame[4..8]);
        if frame.len() < 24 + page {
            return true;
        }
    }
    last == [0; 4]
}

/// Runs one round and returns how often the program was killed.
fn round(seed: u64, most: usize, undisturbed: &BTreeSet<String>, fell: &Fell) -> usize {
    let mut chance = Chance(seed);
    let test = world();
    let folder = test.path("").canonicalize().expect("a folder");
    let mut kills = 0;
    let mut seq = None;
    // The number of starts of each command when it was known to have ended well.
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let words: &[&str] = match the_run(&test) {
            Some(_) => &["resume"],
            None => &["run", "main.deploy"],
        };
        let mut child = command(&test, words).spawn().expect("the program starts");
        if kills < most {
            wait(&mut chance, &test, &mut child);
            let _ = child.kill();
        }
        let said = child.wait_with_output().expect("an end");
        if let Some(code) = said.status.code() {
            let stderr = String::from_utf8_lossy(&said.stderr);
            let told = the_run(&test).map(|(store, run)| store.published_events(run.number, 1));
            let told = told.and_then(Result::ok).unwrap_or_default();
            let bad = told.iter().filter(|it| match &it.what {
                RunEventKind::NodeFinished { failure, .. } => failure.is_some(),
                RunEventKind::RunFinished { .. } => true,
                _ => false,
            });
            let bad: Vec<_> = bad.map(|it| &it.what).collect();
            assert_eq!((code, &*stderr), (0, ""), "seed {seed}: {bad:#?}");
            break;
        }
        kills += 1;
        fell.note(&test, &mut seq);
        let ended = finished(&test);
        let lines = lines(&test);
        for text in ended {
            let name = text.split(' ').next_back().unwrap_or_default().to_string();
            let undo = if text.starts_with("sh undo") {
                "undo-"
            } else {
                ""
            };
            let start = format!("start {undo}{name}");
            let count = lines.iter().filter(|line| **line == start).count();
            known.entry(start).or_insert(count);
        }
        let marker = if chance.below(3) > 0 {
            // The next process must find none of the old ones.
            crate::support::running::until("nobody is left", || !anybody_in(&folder));
            "killed"
        } else {
            // The next runner has to wait for that; until then, the old ones may go on.
            "goes-on at-once"
        };
        let mut log = std::fs::File::options();
        let log = log.append(true).create(true).open(test.path("log"));
        use std::io::Write as _;
        writeln!(log.expect("the log"), "{marker}").expect("the log");
        let has_ended = |(_, run): &(Store, StoredRun)| matches!(run.status, RunStatus::Ended(_));
        if the_run(&test).as_ref().is_some_and(has_ended) {
            // It was killed when nothing was left to do.
            break;
        }
    }
    let log = lines(&test);
    for (start, count) in &known {
        let now = log.iter().filter(|line| *line == start).count();
        assert_eq!(now, *count, "seed {seed}: `{start}` had ended");
    }
    in_order(&log, seed);
    let (store, run) = the_run(&test).expect("a run");
    assert_eq!(
        run.status,
        RunStatus::Ended(Status::Succeeded),
        "seed {seed}"
    );
    assert!(
        store.locks().expect("locks").is_empty(),
        "seed {seed}: a lock is held"
    );
    assert_eq!(&state(&test), undisturbed, "seed {seed}");
    crate::support::running::until("nobody is left", || !anybody_in(&folder));
    kills
}

/// Checks order and width of everything in the log.
fn in_order(log: &[String], seed: u64) {
    let has = |name: &str, prefix: &str| match prefix.ends_with('-') {
        true => name.starts_with(prefix),
        false => name == prefix,
    };
    let places = |prefix: &str| -> Vec<usize> {
        let said = |line: &String| {
            let name = line.split(' ').nth(1).unwrap_or_default();
            has(name, prefix)
        };
        (0..log.len()).filter(|at| said(&log[*at])).collect()
    };
    let before = |first: &str, second: &str| {
        let (first_places, second_places) = (places(first), places(second));
        let (last, next) = (first_places.last(), second_places.first());
        assert!(
            last.is_some() && next.is_some() && last < next,
            "seed {seed}: `{first}` before `{second}`: {last:?} {next:?}\n{}",
            log.join("\n")
        );
    };
    let stages = [
        "first", "m-", "second", "l-", "dep-", "f-", "o-", "b-", "c-", "d-", "t-", "undo-t-", "s-",
        "last",
    ];
    for pair in stages.windows(2) {
        before(pair[0], pair[1]);
    }
    for x in 0..8 {
        for y in 0..7 {
            before(&format!("m-{x}-{y}"), &format!("m-{x}-{}", y + 1));
        }
    }
    for x in 0..4 {
        for y in 0..7 {
            before(&format!("t-{x}-{y}"), &format!("t-{x}-{}", y + 1));
            before(&format!("undo-t-{x}-{}", y + 1), &format!("undo-t-{x}-{y}"));
        }
    }
    for n in 0..39 {
        before(&format!("s-{n}"), &format!("s-{}", n + 1));
    }
    for x in 0..3 {
        for y in 0..6 {
            let start = format!("start o-{x}-{y}");
            let count = log.iter().filter(|line| **line == start).count();
            let mended = places(&format!("mended-{x}-{y}")).len();
            assert!(count <= 1, "seed {seed}: `{start}` {count} times");
            assert!(count == 1 || mended > 0, "seed {seed}: `{start}` never");
        }
    }
    let mut running: BTreeSet<&str> = BTreeSet::new();
    let mut begun: BTreeSet<&str> = BTreeSet::new();
    let mut may_be_old = false;
    for line in log {
        match line.split_once(' ') {
            Some(("goes-on", _)) => {
                may_be_old = true;
                running.clear();
                begun.clear();
            }
            // One of before the kill may have said so late, and is done again.
            Some(("start", name)) if may_be_old && begun.contains(name) => {
                running.clear();
                running.insert(name);
                begun.clear();
                begun.insert(name);
            }
            Some(("start", name)) => {
                running.insert(name);
                assert!(
                    begun.insert(name),
                    "seed {seed}: `{name}` twice without a kill"
                );
            }
            Some((_, name)) => {
                running.remove(name);
            }
            None => {
                may_be_old = false;
                running.clear();
                begun.clear();
            }
        }
        for (prefix, most) in [("m-", 3), ("l-", 1), ("dep-a-", 2), ("o-", 3), ("s-", 1)] {
            let count = running.iter().filter(|name| has(name, prefix)).count();
            assert!(count <= most, "seed {seed}: {count} of `{prefix}` at once");
        }
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let rounds: u64 = number("LOCKSTEP_KILLS").unwrap_or(25);
    let first: u64 = number("LOCKSTEP_KILLS_SEED").unwrap_or(1);
    let calm = world();
    let said = command(&calm, &["run", "main.deploy"])
        .output()
        .expect("an end");
    assert_eq!(said.status.code(), Some(0));
    let undisturbed = state(&calm);
    assert!(
        lines(&calm)
            .iter()
            .filter(|it| it.starts_with("start "))
            .count()
            > 200
    );
    in_order(&lines(&calm), 0);
    let most = if rounds > 25 { 15 } else { 5 };
    let (next, fell) = (AtomicU64::new(0), Fell::default());
    // Most of the time is spent waiting.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= rounds {
                        return;
                    }
                    let count = round(first + number, most, &undisturbed, &fell);
                    println!("round {number}: killed {count} times");
                }
            });
        }
    });
    println!("{rounds} rounds: {fell:?}");
    let kills = fell.all.into_inner();
    assert!(kills as u64 > rounds);
    for place in [fell.before, fell.resuming, fell.undoing] {
        assert!(rounds < 25 || place.into_inner() > 0);
    }
}
