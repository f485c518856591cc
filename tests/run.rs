//! `lockstep run` with real processes: order, rollback, and output. Nothing here measures time:
//! processes that must overlap wait for each other's files.

mod broken;
mod cancel;
mod cells;
mod command_inputs;
mod commands;
// The processes of a connection are found in `/proc`.
#[cfg(target_os = "linux")]
mod connections;
mod disks;
mod durable;
mod events;
mod examples;
mod failures;
mod fields;
mod handlers;
mod http;
mod kept_cells;
#[cfg(target_os = "linux")]
mod kills;
mod latches;
mod ledger;
// What stands behind the output of a command is told by its open files.
#[cfg(target_os = "linux")]
mod left;
mod library_names;
mod locks;
mod made_secrets;
mod newer;
mod newer_mixed;
mod orders;
// Only Linux lists its processes.
#[cfg(target_os = "linux")]
mod orphans;
mod parts;
mod paths;
// Some of its signals have other numbers elsewhere, and `setsid` is of Linux.
#[cfg(target_os = "linux")]
mod places;
mod questions;
mod releases;
mod results;
mod secret_files;
mod secret_ways;
mod secrets;
#[cfg(target_os = "linux")]
mod sessions;
mod shown_texts;
mod targets;
mod terminal;
mod transfers;
mod unclear;
mod undo;
mod written_options;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::Test;

/// Runs `lockstep run` on one file.
pub fn file(text: &str) -> Test {
    Test::new()
        .file("main.deploy", text)
        .args(["run", "main.deploy"])
}

/// The events of a run, and its exit code.
pub struct Told {
    pub events: Vec<Value>,
    pub code: i32,
}

impl Told {
    /// Runs with `--format json`; nothing may be written to standard error.
    #[track_caller]
    pub fn by(test: &Test) -> Self {
        let mut command = test.command();
        command.args(["--format", "json"]);
        let said = crate::support::program::run(command);
        assert_eq!(said.stderr, "");
        Self::of(&said.stdout, said.code)
    }

    /// Parses the output of a run with `--format json`.
    #[track_caller]
    pub fn of(stdout: &str, code: i32) -> Self {
        let event = |line| serde_json::from_str(line).expect("each line is JSON");
        let events: Vec<Value> = stdout.lines().map(event).collect();
        events::are_well_formed(&events);
        Self { events, code }
    }

    /// The events of one kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |it| it["event"] == kind)
    }

    /// How the nodes ended, by path.
    pub fn statuses(&self) -> BTreeMap<&str, &str> {
        let ended = self.of_kind("node-finished");
        ended
            .map(|it| (text(&it["node"]), text(&it["status"])))
            .collect()
    }

    /// How the deployments ended: `a@prod.eu` and the status.
    pub fn deployments(&self) -> BTreeMap<String, &str> {
        let ended = self.of_kind("node-finished");
        ended
            .filter(|it| it["kind"] == "deploy")
            .map(|it| {
                let line = &it["deployment"];
                let name = format!("{}@{}", text(&line["service"]), text(&line["target"]));
                (name, text(&it["status"]))
            })
            .collect()
    }

    /// The failure of a node, as class and message.
    #[track_caller]
    pub fn failure(&self, node: &str) -> (&str, &str) {
        let ended = self.of_kind("node-finished");
        let failed = ended.filter(|it| it["node"] == node && it["failure"].is_object());
        let Some(failed) = failed.last() else {
            panic!("`{node}` did not fail, but {:#?}", self.statuses());
        };
        let failure = &failed["failure"];
        (text(&failure["class"]), text(&failure["message"]))
    }

    /// The lines that commands wrote.
    pub fn output(&self) -> Vec<&str> {
        let output = self.of_kind("node-output");
        output.map(|it| text(&it["text"])).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
