//! What befalls the runs of a round: they are started together, and until all have ended some are
//! killed, with or without their guardians, signalled once or twice, cancelled, and resumed.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Chance, World, clock};

/// Everything has ended long before.
pub(crate) const LONGEST: Duration = Duration::from_secs(90);

/// Drives the runs of a round to their ends; what was wrong on the way.
pub(crate) fn drive(world: &World, chance: &mut Chance) -> Vec<String> {
    let deadline = Instant::now() + LONGEST;
    let mut troubles = 3 + chance.below(13);
    let mut running: Vec<Child> = (0..2 + chance.below(3))
        .filter_map(|_| start(world, &["run", "main.deploy", "p"]))
        .collect();
    let mut wrong = Vec::new();
    while !running.is_empty() {
        if Instant::now() > deadline {
            wrong.push(String::from("the runs do not come to an end"));
            running.iter_mut().for_each(|child| {
                let _ = child.kill();
                let _ = child.wait();
            });
            return wrong;
        }
        std::thread::sleep(Duration::from_millis(5 + chance.below(120)));
        if troubles > 0 {
            troubles -= 1;
            let victim = chance.below(running.len() as u64) as usize;
            trouble(world, &running[victim], chance);
        }
        let mut resumed = false;
        running.retain_mut(|child| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                wrong.extend(unfit(status.code()));
                resumed = true;
                false
            }
            Err(error) => panic!("{error}"),
        });
        if resumed || running.is_empty() {
            // What was stopped or killed goes on.
            let stopped = runs(world)
                .into_iter()
                .filter(|run| run["status"] == "stopped");
            for run in stopped {
                let id = run["run"].as_str().unwrap_or_default();
                running.extend(start(world, &["resume", id]));
            }
        }
    }
    wrong
}

/// An exit code that the pages do not know. 2 is that of a resume that came too late.
fn unfit(code: Option<i32>) -> Option<String> {
    match code {
        None | Some(0..=6) => None,
        Some(code) => Some(format!("a process ended with {code}")),
    }
}

fn start(world: &World, words: &[&str]) -> Option<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(world.folder.join("said"))
        .expect("a file");
    let mut command = world.command(words);
    command
        .args(["--state", "state", "--format", "json"])
        .stdout(Stdio::null())
        .stderr(log);
    command.spawn().ok()
}

/// The runs of the state directory.
pub(crate) fn runs(world: &World) -> Vec<Value> {
    let command = world
        .command(&["runs", "--state", "state", "--format", "json"])
        .output();
    let stdout = command.expect("the program starts").stdout;
    serde_json::from_slice(&stdout).unwrap_or_default()
}

fn trouble(world: &World, victim: &Child, chance: &mut Chance) {
    let id = victim.id();
    match chance.below(11) {
        0 | 1 => signal(id, "KILL"),
        2 | 3 => {
            let guardians = guardians(id);
            if chance.once_in(2) {
                guardians.iter().for_each(|id| signal(*id, "KILL"));
                signal(id, "KILL");
            } else {
                signal(id, "KILL");
                guardians.iter().for_each(|id| signal(*id, "KILL"));
            }
        }
        4 => {
            signal(id, "INT");
            std::thread::sleep(Duration::from_millis(chance.below(20)));
            signal(id, "INT");
        }
        5 => {
            signal(id, "TERM");
            std::thread::sleep(Duration::from_millis(110 + chance.below(100)));
            signal(id, "TERM");
        }
        6 => signal(id, "HUP"),
        7..=9 => clock::jump(&world.folder, chance),
        _ => {
            world.output(&["cancel", "--state", "state"]);
        }
    }
}

fn signal(id: u32, name: &str) {
    // It may have ended.
    let _ = std::process::Command::new("kill")
        .args([&format!("-{name}"), &id.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// The guardians of a runner.
fn guardians(of: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children"));
    let children = children.unwrap_or_default();
    let is_guardian = |id: &&str| {
        let words = std::fs::read_to_string(format!("/proc/{id}/cmdline"));
        words.is_ok_and(|words| words.contains("__guard"))
    };
    let found = children.split_whitespace().filter(is_guardian);
    found.filter_map(|id| id.parse().ok()).collect()
}
