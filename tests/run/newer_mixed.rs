//! Runs in any order, two at once, that are killed, interrupted, cancelled, resumed, retried and
//! rolled back on one state directory. Commands write down what they do, and that is judged: what is
//! live at a place is of the latest run that has deployed there and not taken it back, nothing newer
//! is overwritten or undone without `--force`, and the ledger says the same.
//!
//! `LOCKSTEP_NEWER_SEEDS=100` tries more, `LOCKSTEP_NEWER_SEED` says where it begins.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::durable::says;
use crate::support::Test;
use crate::support::program::Said;
use crate::support::running::Running;

/// A file of each place has a line for whatever a command has done there: the run, how its process
/// was begun, what, and what is live since. Nothing else is live.
const SHIP: &str = r#"
input v: string
kind app { deploy using put }
service web: app {}
environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
}
workflow put(s: service<app>, i: infrastructure<app>) -> { before: string, after: string } {
  let before = run "sh live.sh ${i.name}"
  step write {
    run "sh note.sh put ${i.name} ${v}"
  } undo {
    run "sh note.sh undo ${i.name} ${before.stdout}"
  }
  run "sh gate.sh ${i.name}"
  run "sh note.sh end ${i.name} ${v}"
  return { before: before.stdout, after: v }
}
workflow look() { run "sh gate.sh look" }
pipeline one { deploy web to prod.eu }
pipeline each { serial i in prod.* { deploy web to i } }
pipeline both { parallel i in prod.* { deploy web to i } }
pipeline handled {
  stage eu { deploy web to prod.eu }
  stage us { deploy web to prod.us }
  stage look { look() on failure { rollback pipeline } }
}
pipeline whole atomic {
  stage us { deploy web to prod.us }
  stage eu { deploy web to prod.eu }
  stage look { look() }
}
pipeline block {
  stage all atomic { serial i in prod.* { deploy web to i } look() }
}
"#;

const PIPELINES: [&str; 6] = ["one", "each", "both", "handled", "whole", "block"];
const PLACES: [&str; 2] = ["prod.eu", "prod.us"];

/// Where things may fail: one of two times nowhere.
const GATES: [&str; 6] = ["none", "none", "none", "prod.eu", "prod.us", "look"];

const NOTE: &str = "sleep 0.01\n\
    printf '%s %s %s %s\\n' \"$LOCKSTEP_RUN_ID\" \"$HOW\" \"$1\" \"$3\" >> \"at-$2\"\n";

const LIVE: &str = "tail -n 1 \"at-$1\" | cut -d ' ' -f 4\n";

/// Splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % count as u64) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// What befalls a process.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Ends,
    Killed(u64),
    Interrupted(u64),
    Cancelled(u64),
}

/// One round on a state directory of its own.
struct Round {
    test: Test,
    chance: Chance,
    versions: u32,
    /// What was started, for people.
    story: Vec<String>,
}

impl Round {
    fn new(seed: u64) -> Self {
        let test = Test::new()
            .file("main.deploy", SHIP)
            .file("note.sh", NOTE)
            .file("live.sh", LIVE)
            .file("gate.sh", "sleep 0.01; test \"$BAD\" != \"$1\"\n")
            .file("at-prod.eu", "nobody first put v0\n")
            .file("at-prod.us", "nobody first put v0\n");
        Self {
            test,
            chance: Chance(seed),
            versions: 0,
            story: Vec::new(),
        }
    }

    fn program(&self, words: &[&str]) -> Command {
        let program = crate::support::program::program();
        let mut command = crate::support::program::command(program, &self.test.path(""));
        command.args(words);
        command
    }

    /// All runs, the first one first: `lockstep runs` begins with the last.
    fn runs(&self) -> Vec<(String, String)> {
        let said = says(&self.test, &["runs", "--format", "json"]);
        // Before the first run there is nothing to read.
        let all: Vec<Value> = serde_json::from_str(&said.stdout).unwrap_or_default();
        let word = |run: &Value, field| run[field].as_str().expect("a text").to_owned();
        let all = all.iter().rev();
        all.map(|run| (word(run, "run"), word(run, "status")))
            .collect()
    }

    /// Starts a new run, or goes on with one.
    fn start(&mut self) -> (Running, Fate) {
        let runs = self.runs();
        let with = |statuses: &[&str]| -> Vec<&str> {
            let is = |(_, status): &&(String, String)| statuses.contains(&&**status);
            runs.iter().filter(is).map(|(id, _)| &**id).collect()
        };
        let stopped = with(&["stopped"]);
        let failed = with(&["failed", "cancelled", "superseded", "rolled-back"]);
        let how = match self.chance.below(5) {
            0 => "forced",
            _ => "plain",
        };
        let version = format!("v=v{}", self.versions + 1);
        let (mut words, mut how) = match (self.chance.below(4), &*stopped, &*failed) {
            (0 | 1, [_, ..], _) => (
                vec!["resume", self.chance.of(&stopped)],
                format!("{how}-again"),
            ),
            (2, _, [_, ..]) => {
                let run = self.chance.of(&failed);
                (vec!["retry", "--yes", run], format!("{how}-again"))
            }
            _ => {
                self.versions += 1;
                let pipeline = self.chance.of(&PIPELINES);
                (
                    vec!["run", "main.deploy", pipeline, "-i", &version],
                    how.to_owned(),
                )
            }
        };
        if how.starts_with("forced") {
            words.push("--force");
        }
        if words[0] == "retry" {
            how = format!("{how}-{}", words[2]);
        }
        let bad = self.chance.of(&GATES);
        let after = 20 + self.chance.below(250) as u64;
        let fate = match self.chance.below(7) {
            0..=2 => Fate::Ends,
            3 | 4 => Fate::Killed(after),
            5 => Fate::Interrupted(after),
            _ => Fate::Cancelled(after),
        };
        self.story.push(format!("{words:?} {bad} {fate:?}"));
        let mut command = self.program(&words);
        command.args(["--format", "plain"]);
        command.env("HOW", &how).env("BAD", bad);
        (Running::start(command), fate)
    }

    fn ends(&mut self, (running, fate): (Running, Fate)) -> Said {
        let wait = |ms| std::thread::sleep(Duration::from_millis(ms));
        match fate {
            Fate::Ends => {}
            Fate::Killed(after) => {
                wait(after);
                running.signal("KILL");
            }
            Fate::Interrupted(after) => {
                wait(after);
                running.signal("INT");
            }
            Fate::Cancelled(after) => {
                wait(after);
                let runs = self.runs();
                let mut going = runs.iter().filter(|(_, status)| status == "running");
                if let Some((id, _)) = going.next() {
                    // It may end just now.
                    let _ = says(&self.test, &["cancel", id]);
                }
            }
        }
        running.end()
    }

    fn play(&mut self) {
        let mut beside = None;
        for _ in 0..9 {
            let run = self.start();
            match (beside.take(), self.chance.below(2)) {
                (None, 0) => beside = Some(run),
                (other, _) => {
                    for run in other.into_iter().chain([run]) {
                        let said = self.ends(run);
                        self.judge_end(&said);
                    }
                }
            }
        }
        if let Some(run) = beside {
            let said = self.ends(run);
            self.judge_end(&said);
        }
        let left: Vec<_> = (self.runs().into_iter())
            .filter(|(_, status)| status == "stopped")
            .collect();
        for (run, _) in left {
            if self.chance.below(2) == 0 {
                let mut command = self.program(&["resume", &run]);
                command.env("HOW", "plain-again").env("BAD", "none");
                self.story.push(format!("resume {run}"));
                let said = Running::start(command).end();
                self.judge_end(&said);
            }
        }
    }

    fn judge_end(&self, said: &Said) {
        let is_fine = match said.code {
            0 | 1 | 4 | 5 | 6 => true,
            // It was refused, or what it was to go on with has ended meanwhile.
            2 => ["E0735", "E0733", "E0732", "E0731"]
                .iter()
                .any(|code| said.stderr.contains(code)),
            // An interrupt may come before the program listens.
            code => code == 128 + 9 || code == 128 + 2,
        };
        assert!(is_fine, "{said:?}\n{}", self.story.join("\n"));
    }

    fn judge(&self) {
        let runs = self.runs();
        let order: HashMap<&str, usize> = (runs.iter().enumerate())
            .map(|(at, (id, _))| (&**id, at + 1))
            .collect();
        let ledger: HashMap<&str, Vec<Value>> = (runs.iter())
            .map(|(id, _)| {
                let said = says(&self.test, &["show", id, "--format", "json"]);
                let shown: Value = serde_json::from_str(&said.stdout).expect("JSON");
                (
                    &**id,
                    shown["deployments"].as_array().expect("a list").clone(),
                )
            })
            .collect();
        for place in PLACES {
            let told = std::fs::read_to_string(self.test.path(&format!("at-{place}")));
            let told = told.expect("a file");
            let judged = Place::of(&told, &order).and_then(|it| it.judge(place, &runs, &ledger));
            if let Err(why) = judged {
                let story = self.story.join("\n");
                panic!("{place}: {why}\n{told}\n{story}\n{runs:?}\n{ledger:#?}");
            }
        }
    }
}

/// Something that was deployed, and not taken back.
#[derive(Debug, Clone)]
struct Put {
    run: String,
    value: String,
    has_ended: bool,
}

/// What has happened at a place.
struct Place {
    /// In the order in which it was deployed, without what was taken back.
    puts: Vec<Put>,
    /// What is there.
    live: String,
    /// Whether something was forced here since the last deployment that was not.
    is_forced: bool,
}

impl Place {
    /// Reads what commands have written, and looks at each line whether it may be there.
    fn of(told: &str, order: &HashMap<&str, usize>) -> Result<Self, String> {
        let mut place = Self {
            puts: Vec::new(),
            live: String::new(),
            is_forced: false,
        };
        // Whom each run retries.
        let mut parents: HashMap<String, String> = HashMap::new();
        for line in told.lines() {
            let mut words = line.split(' ');
            let mut word = || words.next().unwrap_or_default();
            let (run, how, what, value) = (word(), word(), word(), word());
            if let Some(parent) = how.split("-again-").nth(1) {
                parents.insert(run.to_owned(), parent.to_owned());
            }
            let own = lineage(run, &parents);
            let is_forced = how.starts_with("forced");
            place.is_forced |= is_forced;
            let wrong = |why: &str| Err(format!("{why}: `{line}`"));
            let top = place.puts.last().cloned();
            match what {
                "put" => {
                    let others = top.filter(|top| !own.contains(&top.run));
                    let first = own.iter().filter_map(|it| order.get(&**it)).min();
                    if let Some(top) = others.filter(|_| !is_forced) {
                        if how.contains("-again") && order.get(&*top.run) > first {
                            return wrong("what is newer is overwritten");
                        }
                        if !top.has_ended && top.run != "nobody" && !place.is_forced {
                            return wrong("what was left half done is overwritten");
                        }
                    }
                    place.puts.retain(|put| put.run != run);
                    place.puts.push(Put {
                        run: run.to_owned(),
                        value: value.to_owned(),
                        has_ended: false,
                    });
                }
                "end" => {
                    for put in place.puts.iter_mut().filter(|put| put.run == run) {
                        put.has_ended = true;
                    }
                }
                "undo" => {
                    let is_top = top.is_some_and(|top| own.contains(&top.run));
                    let is_known = place.puts.iter().any(|put| own.contains(&put.run));
                    if is_known && !is_top && !is_forced {
                        return wrong("what is newer is undone");
                    }
                    place.puts.retain(|put| !own.contains(&put.run));
                    let below = place.puts.last().map(|put| &*put.value);
                    if below != Some(value) && !place.is_forced {
                        return wrong("what is put back is not what was there");
                    }
                }
                _ => return wrong("a line of nobody"),
            }
            value.clone_into(&mut place.live);
        }
        Ok(place)
    }

    /// Whether what is live is what was deployed last, and the ledgers of the runs say so.
    fn judge(
        &self,
        place: &str,
        runs: &[(String, String)],
        ledger: &HashMap<&str, Vec<Value>>,
    ) -> Result<(), String> {
        let top = self.puts.last().ok_or("nothing is there")?;
        if top.value != self.live && !self.is_forced {
            return Err(format!("{top:?} is the latest, {} is live", self.live));
        }
        for (run, status) in runs.iter().filter(|(_, status)| status != "stopped") {
            let row = ledger[&**run].iter().find(|row| row["target"] == place);
            let Some(row) = row else { continue };
            let put = self.puts.iter().find(|put| put.run == *run);
            let said = row["status"].as_str().unwrap_or_default();
            let is_so = match (put, said) {
                (Some(put), "succeeded") => row["after"] == *put.value,
                // It kept the deployment of the run that it retries.
                (None, "succeeded") => true,
                (Some(_), "rolled-back") => false,
                _ => true,
            };
            if !is_so || said == "running" {
                return Err(format!("run {run} ({status}) says {row}, it is {put:?}"));
            }
        }
        Ok(())
    }
}

/// A run, and those that it retries.
fn lineage(run: &str, parents: &HashMap<String, String>) -> Vec<String> {
    let next = |it: &String| parents.get(it).cloned();
    std::iter::successors(Some(run.to_owned()), next).collect()
}

#[test]
fn the_latest_is_live_whatever_befalls_the_runs() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|it| it.parse::<u64>().ok())
    };
    let first = number("LOCKSTEP_NEWER_SEED").unwrap_or(0);
    for seed in first..first + number("LOCKSTEP_NEWER_SEEDS").unwrap_or(4) {
        let mut round = Round::new(seed);
        round.story.push(format!("seed {seed}"));
        round.play();
        round.judge();
    }
}

/// The judge is not blind.
#[test]
fn the_judge_sees_what_is_wrong() {
    let order = HashMap::from([("a", 1), ("b", 2), ("c", 3)]);
    let of = |told: &str| Place::of(&format!("nobody first put v0\n{told}"), &order).map(|_| ());
    let wrong = |told: &str| of(told).expect_err("it is wrong");
    assert!(of("a plain put 1\na plain end 1\nb plain put 2\nb plain undo 1").is_ok());
    assert!(wrong("a plain put 1\nb plain put 2").contains("half done"));
    assert!(of("a plain put 1\nb forced put 2").is_ok());
    let both = "a plain put 1\na plain end 1\nb plain put 2\nb plain end 2\n";
    assert!(wrong(&format!("{both}a plain undo v0")).contains("newer is undone"));
    assert!(wrong(&format!("{both}a plain-again put 1")).contains("overwritten"));
    assert!(wrong(&format!("{both}c plain-again-a put 3")).contains("overwritten"));
    assert!(of(&format!("{both}a forced-again put 1")).is_ok());
    assert!(wrong(&format!("{both}b plain undo v0")).contains("not what was there"));
}
