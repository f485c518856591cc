//! What is told of a run does not depend on the place of its commands: the same pipeline here, over
//! a real `sshd`, in a container and in a pod. The clients of the last two are stand-ins.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Told, text};
use crate::support::Test;
use crate::support::program::run;
use crate::support::sshd::Sshd;

const PIPELINE: &str = include_str!("places.deploy");

const CLIENTS: &str = include_str!("../stand-ins/exec-client");

/// A test whose clients for containers and pods are stand-ins.
fn at(place: &str) -> Test {
    let test = Test::new()
        .file("main.deploy", PIPELINE)
        .file("bin/podman", CLIENTS)
        .file("bin/kubectl", CLIENTS)
        .folder("root")
        .env("TOKEN", "s3cret");
    for client in ["bin/podman", "bin/kubectl"] {
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(test.path(client), mode).expect("it is there");
    }
    let root = test.path("root").display().to_string();
    test.args(["run", "main.deploy", "--format", "json"])
        .args(["-i".into(), format!("place={place}")])
        .args(["-i".into(), format!("root={root}")])
}

/// The events of a run, without what may differ: times, the run's id, the place.
fn events(test: &Test, mut command: Command) -> Vec<String> {
    let path = command.get_envs().find(|(name, _)| *name == "PATH");
    let path = path.and_then(|(_, path)| path).unwrap_or_default();
    let path = format!("{}:{}", test.path("bin").display(), path.to_string_lossy());
    command.env("PATH", path);
    let said = run(command);
    assert_eq!(said.stderr, "");
    assert_eq!(said.code, 3, "one of its undos fails: {}", said.stdout);
    let told = Told::of(&said.stdout, said.code);
    let mut found: Vec<Value> = told.events;
    // The lines of two pipes may be read in another order than they were written in.
    for part in found.chunk_by_mut(|one, next| is_output(one) && is_output(next)) {
        part.sort_by_key(|event| event["stream"].to_string());
    }
    let folder = test.path("");
    found
        .into_iter()
        .map(|event| without_chance(event, &folder))
        .collect()
}

fn is_output(event: &Value) -> bool {
    text(&event["event"]) == "node-output"
}

fn without_chance(mut event: Value, folder: &Path) -> String {
    if let Some(fields) = event.as_object_mut() {
        let differs = ["seq", "at", "run", "place"];
        fields.retain(|name, _| !differs.contains(&name.as_str()));
    }
    let folder = folder.display().to_string();
    let text = event.to_string();
    text.replace(folder.trim_end_matches('/'), "FOLDER")
}

#[track_caller]
fn are_the_same(here: &[String], there: &[String], place: &str) {
    for (at, (here, there)) in here.iter().zip(there).enumerate() {
        assert_eq!(here, there, "event {at}, at {place}");
    }
    assert_eq!(here.len(), there.len(), "at {place}");
}

#[test]
fn what_is_told_does_not_depend_on_the_place() {
    let test = at("here");
    let here = events(&test, test.command());
    for class in [
        "exit: exit code 3",
        "signal: killed by SIGTERM",
        "timeout: ",
    ] {
        let is_told = here.iter().any(|event| event.contains(class));
        assert!(is_told, "{class}");
    }
    for place in ["container", "pod"] {
        let test = at(place);
        are_the_same(&here, &events(&test, test.command()), place);
    }
    let test = at("machine");
    if let Some(server) = Sshd::start(&test, "") {
        are_the_same(&here, &events(&test, server.command(&test)), "machine");
        server.is_left();
    }
}
