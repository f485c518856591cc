//! The reference judges the program itself: random pipelines whose commands are a script that says
//! that it has begun, and ends when this test says so, in the order of the reference. The runner is
//! killed on the way and the run resumed. What takes real time (waits, time limits, checks) is left
//! to the machine's own tests.
//!
//! `LOCKSTEP_REFERENCE_REAL=500` judges so many programs, `LOCKSTEP_REFERENCE_REAL_SEED=7` that one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::machine::play::try_plan;
use crate::support::program::Test;
use crate::support::running::{Running, is_gone, text_of, until};

use super::Case;
use super::clock::{Clock, Line, course};
use super::interpreter::Interpreter;

/// Programs with more commands than this are left out.
const MAX_COMMANDS: usize = 24;

/// A command that should begin does so sooner.
const LONGEST: Duration = Duration::from_secs(30);

/// Says that it has begun, and waits for how it is to end: an exit code, and what it prints. It does
/// not mind being asked to stop: when it ends is the reference's business.
const COMMAND: &str = r#"#!/bin/sh
trap '' TERM
echo "$$ $*" >> begun
until [ -s "end.$$" ]; do sleep 0.01; done
read -r code word < "end.$$"
echo "$word"
exit "$code"
"#;

/// What the pages say of a program: its lines in their order, and how the run ends.
struct Expected {
    lines: Vec<Line>,
    ended: &'static str,
}

/// The program, if its end does not depend on real time, and what is expected of it.
fn accepted(seed: u64) -> Option<(Case, Expected)> {
    let mut case = Case::new(seed);
    case.cancel_at = None;
    case.text = case.text.replace(" every 101ms", "");
    let slow = ["wait ", "verify ", "ask ", "timeout ", "watch "];
    if slow.iter().any(|it| case.text.contains(it)) || try_plan(&case.text, &[]).is_err() {
        return None;
    }
    let clock = Clock::new(case.luck, case.kill_at);
    let mut reference = Interpreter::new(clock, case.reach);
    reference.retry_pause = 0;
    let ended = reference.run(&case.program.root, None);
    let lines = reference.clock.log.take();
    let commands = lines.iter().filter(|line| line.1 == "starts").count();
    let fits = (1..=MAX_COMMANDS).contains(&commands) && !reference.clock.tie.get();
    fits.then_some((case, Expected { lines, ended }))
}

/// How long the program has after each end to hear of it before the next.
const PACE: Duration = Duration::from_millis(15);

/// The same for one that seemed to be wrong: it may have heard of two ends in the other order.
const SLOW_PACE: Duration = Duration::from_millis(300);

/// A run of the real program.
struct RealRun<'c> {
    case: &'c Case,
    pace: Duration,
    test: Test,
    running: Option<Running>,
    /// How often each command has begun, by the reference.
    begun: BTreeMap<String, u32>,
    /// The commands that run: when they began, and which start of theirs it was.
    alive: BTreeMap<String, (i64, u32)>,
}

impl<'c> RealRun<'c> {
    fn new(case: &'c Case, pace: Duration) -> Self {
        let mut script = case.text.replace(" grace 2020ms", "");
        for open in ["run \"", "run '", "query \""] {
            script = script.replace(open, &format!("{open}./c "));
        }
        let test = Test::new().file("p.deploy", script).file("c", COMMAND);
        let path = test.path("c");
        make_executable(&path);
        let mut run = Self {
            case,
            pace,
            test,
            running: None,
            begun: BTreeMap::new(),
            alive: BTreeMap::new(),
        };
        run.start(&["run", "p.deploy", "--format", "plain"]);
        run
    }

    fn start(&mut self, args: &[&str]) {
        let mut command = self.test.command();
        command.args(args);
        self.running = Some(Running::start(command));
    }

    /// Goes through what the reference says; how it differs.
    fn follow(&mut self, expected: &Expected) -> Result<(), String> {
        let mut kill = self.case.kill_at;
        for (at, what, text) in &expected.lines {
            if kill.is_some_and(|kill| kill <= *at) {
                kill = None;
                self.wait_for_begun()?;
                self.kill();
            }
            if *what == "starts" {
                let count = self.begun.entry(text.clone()).or_default();
                *count += 1;
                self.alive.insert(text.clone(), (*at, *count));
            } else {
                self.wait_for_begun()?;
                self.end(*at, text)?;
            }
        }
        self.wait_for_begun()?;
        let running = self.running.take().ok_or("it was not there")?;
        let end = std::panic::AssertUnwindSafe(|| running.end());
        let said = std::panic::catch_unwind(end).map_err(|_| "the program does not end")?;
        self.compare_begun()?;
        let code = match expected.ended {
            "succeeded" => 0,
            "rollback-failed" => 3,
            _ => 1,
        };
        match said.code == code {
            true => Ok(()),
            false => Err(format!(
                "the pages say it ends {}, the program {}:\n{}{}",
                expected.ended, said.code, said.stdout, said.stderr
            )),
        }
    }

    /// What has begun, with the number of each process.
    fn list(&self) -> Vec<(String, String)> {
        let text = text_of(&self.test.path("begun"));
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines
            .map(|(id, text)| (id.to_string(), text.to_string()))
            .collect()
    }

    fn count(&self) -> BTreeMap<String, u32> {
        let mut count = BTreeMap::new();
        for (_, text) in self.list() {
            *count.entry(text).or_default() += 1;
        }
        count
    }

    /// Waits until everything has begun that should.
    fn wait_for_begun(&self) -> Result<(), String> {
        let deadline = Instant::now() + LONGEST;
        loop {
            let found = self.count();
            let has = |(text, count): (&String, &u32)| found.get(text) >= Some(count);
            if self.begun.iter().all(has) {
                return self.compare_begun();
            }
            if Instant::now() > deadline {
                return self.compare_begun();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn compare_begun(&self) -> Result<(), String> {
        let found = self.count();
        match found == self.begun {
            true => Ok(()),
            false => Err(format!(
                "the pages say that these have begun: {:?}\nthe program: {found:?}",
                self.begun
            )),
        }
    }

    /// A command ends as its table says.
    fn end(&mut self, at: i64, text: &str) -> Result<(), String> {
        let (since, number) = self.alive.remove(text).ok_or("it is not alive")?;
        let luck = &self.case.luck;
        let course = course(luck, text, number - 1);
        // One that was stopped fails.
        let good = !course.fails && at == since + course.takes;
        let word = if luck.says_yes(text) { "yes" } else { "no" };
        let id = self.say_end(text, &format!("{} {word}\n", i32::from(!good)))?;
        until("it has ended", || is_gone(&id));
        std::thread::sleep(self.pace);
        Ok(())
    }

    fn say_end(&self, text: &str, how: &str) -> Result<String, String> {
        let list = self.list();
        let mut own = list.iter().rev();
        let (id, _) = own.find(|(_, it)| it == text).ok_or("it has not begun")?;
        let (new, place) = (self.test.path("new"), self.test.path(&format!("end.{id}")));
        std::fs::write(&new, how).map_err(|it| it.to_string())?;
        std::fs::rename(new, place).map_err(|it| it.to_string())?;
        Ok(id.clone())
    }

    /// The runner is killed; its commands end with it, and the run is resumed.
    fn kill(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        // What has ended is in the journal by then.
        std::thread::sleep(self.pace * 4);
        running.signal("KILL");
        drop(running);
        for text in std::mem::take(&mut self.alive).into_keys() {
            // It may have ended.
            let _ = self.say_end(&text, "1 no\n");
        }
        self.start(&["resume", "--format", "plain"]);
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, all).expect("it becomes a program");
}

#[test]
fn the_program_does_what_the_pages_say() {
    let number = |name| {
        let text = std::env::var(name).ok();
        text.and_then(|it| it.parse::<u64>().ok())
    };
    let one = number("LOCKSTEP_REFERENCE_REAL_SEED");
    let most = number("LOCKSTEP_REFERENCE_REAL").unwrap_or(24) as usize;
    let seeds = one.map_or(0..u64::MAX, |seed| seed..seed + 1);
    let (mut judged, mut killed) = (0, 0);
    let mut wrong = Vec::new();
    for seed in seeds {
        let Some((case, expected)) = accepted(seed) else {
            continue;
        };
        judged += 1;
        killed += usize::from(case.kill_at.is_some());
        let follow = |pace| RealRun::new(&case, pace).follow(&expected);
        if let Err(said) = follow(PACE).or_else(|_| follow(SLOW_PACE)) {
            let Case { text, kill_at, .. } = &case;
            let lines = &expected.lines;
            wrong.push(format!(
                "seed {seed}: {said}\nkilled {kill_at:?}, {lines:?}\n{text}"
            ));
        }
        if judged >= most {
            break;
        }
    }
    println!("{judged} judged, {killed} of them killed");
    assert!(
        wrong.is_empty(),
        "{} of {judged} are wrong\n{}",
        wrong.len(),
        wrong.iter().take(3).cloned().collect::<Vec<_>>().join("\n")
    );
}
