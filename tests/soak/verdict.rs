//! Whether a round is right when everything has ended: nothing is alive, every run can be opened and
//! has ended, nobody shared a lock, what may run only once did, and ledgers say what was done.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::World;
use super::trouble::{LONGEST, runs};

/// What is wrong.
pub(crate) fn judge(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    wrong.extend(left_alive(&world.folder));
    let log = std::fs::read_to_string(world.folder.join("log")).unwrap_or_default();
    wrong.extend(
        log.lines()
            .filter(|it| it.starts_with("WRONG"))
            .map(String::from),
    );
    for run in runs(world) {
        let id = run["run"].as_str().unwrap_or_default();
        let status = run["status"].as_str().unwrap_or_default();
        if !matches!(status, "succeeded" | "failed" | "cancelled" | "superseded") {
            wrong.push(format!("{id} is {status}"));
        }
        let (shown, code) = world.output(&["show", id, "--state", "state", "--format", "json"]);
        match serde_json::from_str::<Value>(&shown) {
            Ok(shown) if code == Some(0) => wrong.extend(of_run(id, &shown, &log)),
            _ => wrong.push(format!("{id} cannot be shown: {shown}")),
        }
    }
    let said = std::fs::read_to_string(world.folder.join("said")).unwrap_or_default();
    for mistake in ["panicked", "internal error", "deviated", "does not let go"] {
        if let Some(line) = said.lines().find(|line| line.contains(mistake)) {
            wrong.push(format!("it said: {line}"));
        }
    }
    if folders_left(world) > 0 {
        world.output(&["run", "main.deploy", "p", "--state", "other"]);
        let still = folders_left(world);
        if still > 0 {
            wrong.push(format!("{still} folders for temporary files are left"));
        }
        wrong.extend(left_alive(&world.folder));
    }
    wrong
}

/// Folders for temporary files that hold something. A process that was killed before it could say
/// whose it is has left an empty one, or an empty signature; those go after a while.
fn folders_left(world: &World) -> usize {
    let folders = std::fs::read_dir(world.folder.join("tmp")).expect("a folder");
    let is_unsigned = |file: std::fs::DirEntry| {
        file.file_name() == "runner" && file.metadata().is_ok_and(|what| what.len() == 0)
    };
    let holds = |path: &Path| {
        let files = std::fs::read_dir(path).into_iter().flatten().flatten();
        files.into_iter().any(|file| !is_unsigned(file))
    };
    folders
        .flatten()
        .filter(|folder| holds(&folder.path()))
        .count()
}

/// What the log says about one run, against what is shown of it.
fn of_run(id: &str, shown: &Value, log: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut starts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log.lines() {
        let mut words = line.split(' ');
        let (Some(what), Some(name), Some(run)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if run == id {
            let counts = if what == "start" {
                &mut starts
            } else {
                &mut ends
            };
            *counts.entry(name).or_default() += 1;
        }
    }
    for (name, count) in &starts {
        if name.starts_with("never-") {
            wrong.push(format!("{id}: {name} began"));
        }
        if name.starts_with("once-") && *count > 1 {
            wrong.push(format!("{id}: {name} began {count} times"));
        }
    }
    wrong.extend(took(id, shown));
    let nodes = shown["nodes"].as_array().cloned().unwrap_or_default();
    for node in &nodes {
        let (Some(path), Some(status)) = (node["node"].as_str(), node["status"].as_str()) else {
            continue;
        };
        let text = node["text"].as_str().unwrap_or_default();
        let mut words = text.split(' ');
        let name = match (words.next(), words.next()) {
            (Some("sh"), Some("do")) => words.next(),
            (Some("sh"), Some("hold")) => words.nth(1),
            _ => None,
        };
        if let Some(name) = name
            && status == "succeeded"
            && !ends.contains_key(name)
        {
            wrong.push(format!("{id}: {path} succeeded, but {name} never ended"));
        }
        let is_over = !matches!(
            status,
            "pending" | "queued" | "waiting" | "running" | "rolling-back"
        );
        if !is_over {
            wrong.push(format!("{id}: {path} is {status} though the run has ended"));
        }
    }
    wrong
}

/// Times that cannot be: a clock that was set has been believed.
fn took(id: &str, shown: &Value) -> Vec<String> {
    // How long a run was not driven is known by the time of day alone.
    let is_resumed = (shown["resumed"].as_array()).is_some_and(|resumed| !resumed.is_empty());
    let most = if is_resumed {
        i64::MAX
    } else {
        LONGEST.as_millis() as i64
    };
    let lists = ["nodes", "deployments"].map(|list| shown[list].as_array().cloned());
    let of_node = |node: &Value| {
        let took = node["took_ms"].as_i64()?;
        let is_possible = (0..=most).contains(&took);
        (!is_possible).then(|| format!("{id}: {} took {took} ms", node["node"]))
    };
    let lists = lists.into_iter().flatten().flatten();
    let mut wrong: Vec<String> = lists.filter_map(|node| of_node(&node)).collect();
    let time = |name: &str| shown[name].as_str().map(String::from);
    if let (Some(began), Some(ended)) = (time("started_at"), time("finished_at"))
        && ended < began
    {
        wrong.push(format!("{id} began {began} and ended {ended}"));
    }
    wrong
}

/// Processes of the round that are alive; they get a moment.
fn left_alive(folder: &Path) -> Option<String> {
    let deadline = Instant::now() + Duration::from_secs(3);
    loop {
        let alive = alive_in(folder);
        if alive.is_empty() {
            return None;
        }
        if Instant::now() > deadline {
            return Some(format!("processes are left: {}", alive.join("; ")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The command lines of processes that work in a folder, or have their home there.
fn alive_in(folder: &Path) -> Vec<String> {
    let home = format!("HOME={}", folder.display());
    let is_of_round = |process: &Path| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder)
            || variables.any(|variable| variable == home.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    processes
        .map(|process| process.path())
        .filter(|process| is_of_round(process))
        .map(|process| {
            let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).replace('\0', " ")
        })
        .collect()
}
