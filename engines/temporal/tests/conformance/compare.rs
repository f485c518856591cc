//! Compares what two runs of a case have told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lockstep_plan::Plan;
use lockstep_verify::conformance;
use serde_json::Value;

use super::told::Told;

/// How they differ: in the exit code, in what a node tells, or in that one does not keep to the
/// plan.
pub fn compare(
    plan: &Arc<Plan>,
    (local, local_folder): (&Told, &Path),
    (remote, remote_folder): (&Told, &Path),
) -> Result<(), String> {
    let mut differs = Vec::new();
    for (which, told) in [("here", local), ("there", remote)] {
        if let Some(adrift) = &told.adrift {
            differs.push(format!("{which} it does not follow the story: {adrift}"));
        }
        if let Err(violations) = conformance::check(plan, &told.events) {
            let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
            differs.push(format!("{which} it does not conform: {}", said.join("; ")));
        }
    }
    if local.code != remote.code {
        differs.push(format!(
            "exit code {} here, {} there",
            local.code, remote.code
        ));
    }
    let (here, there) = (by_node(local, local_folder), by_node(remote, remote_folder));
    let none = Vec::new();
    for node in here
        .keys()
        .chain(there.keys().filter(|it| !here.contains_key(*it)))
    {
        let (here, there) = (
            here.get(node).unwrap_or(&none),
            there.get(node).unwrap_or(&none),
        );
        if here != there {
            differs.push(format!(
                "`{node}`\n  here:\n    {}\n  there:\n    {}",
                here.join("\n    "),
                there.join("\n    ")
            ));
        }
    }
    if differs.is_empty() {
        return Ok(());
    }
    let all = format!(
        "-- here\n{}\n{}\n-- there\n{}\n{}",
        local.lines.join("\n"),
        local.stderr,
        remote.lines.join("\n"),
        remote.stderr
    );
    if std::env::var_os("LOCKSTEP_CONFORMANCE").is_some() {
        differs.push(all);
    }
    Err(differs.join("\n"))
}

/// What each node tells, in its order.
fn by_node(told: &Told, folder: &Path) -> BTreeMap<String, Vec<String>> {
    let run = told
        .events
        .first()
        .and_then(|first| serde_json::to_value(first).ok())
        .and_then(|first| first["run"].as_str().map(String::from));
    let run = run.unwrap_or_else(|| String::from("no run"));
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in &told.lines {
        let line = line.replace(&folder.display().to_string(), "[FOLDER]");
        let line = line.replace(&run, "[RUN]");
        let Ok(mut event) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        forget(&mut event);
        let node = event["node"].as_str().unwrap_or_default().to_owned();
        let is_lock_wait = event["waiting"]["for"] == "lock";
        let events = found.entry(node).or_default();
        let event = event.to_string();
        if !is_lock_wait || events.last() != Some(&event) {
            events.push(event);
        }
    }
    found
}

/// Takes out what is different in each run.
fn forget(event: &mut Value) {
    let Some(event) = event.as_object_mut() else {
        return;
    };
    for field in ["seq", "at", "stream"] {
        event.remove(field);
    }
    if let Some(waiting) = event.get_mut("waiting").and_then(Value::as_object_mut) {
        if waiting.get("for").is_some_and(|it| it == "retry") {
            // Its jitter is the run's own.
            waiting.remove("after_ms");
        }
        if waiting.contains_key("yes") {
            // The rest of the time for the others.
            waiting.remove("within_ms");
        }
        if waiting.get("for").is_some_and(|it| it == "lock") {
            // Who is before it at a moment, and how often that is told, the plan leaves open.
            waiting.remove("holders");
            waiting.remove("ahead");
        }
    }
}
