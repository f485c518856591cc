//! The seed documents: what the described product guarantees, statement by statement, in the
//! recommended interpretation. Waves and lanes are written as nested axes. Overlap is proved by
//! latches: the members of a wave cannot end before all of them run.

mod barriers;
mod failures;
mod orders;
mod places;
mod stages;

use super::direct::Direction;
use super::play::Play;

/// Three services and four infrastructures in two environments, written in an order that is not
/// the alphabet's. Deploying is a step that can be undone.
const WORLD: &str = r#"
service S1: app {}
service S2: app {}
service S3: app {}

environment E1 {
  infrastructure I1: app {}
  infrastructure I2: app {}
}

environment E2 {
  infrastructure K82: app {}
  infrastructure K81: app {}
}

kind app {
  deploy using install
}

workflow install(s: service<app>, i: infrastructure<app>) {
  step install {
    run "install ${s.name} on ${i.name}"
  } undo {
    run "restore ${s.name} on ${i.name}"
  }
}
"#;

/// A pipeline of one stage in this world.
fn staged(body: &str) -> String {
    piped(&format!("stage prod {{\n{body}\n}}"))
}

/// A pipeline in this world.
fn piped(body: &str) -> String {
    format!("{WORLD}\npipeline release {{\n{body}\n}}\n")
}

#[track_caller]
fn play(text: &str, direction: &Direction) -> Play {
    Play::new(text, direction)
}

/// The deployment of a service to an infrastructure.
fn cell(service: &str, target: &str) -> String {
    format!("**/deploy[{service}, {target}]")
}

/// The command of that deployment.
fn command(service: &str, target: &str) -> String {
    format!("**/deploy[{service}, {target}]/install/run")
}
