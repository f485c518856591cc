//! The machine in a simulated world, driven by programs of the language.

use std::sync::Arc;

use super::notice::{Happened, Status};
use crate::compile::compile;
use crate::plan::{Asked, Plan, bind};
use crate::simulate::{Course, Started, Trace, simulate};
use crate::world::{Environment, Files};

struct One<'a>(&'a str);

impl Files for One<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == "test.deploy" {
            Ok(self.0.to_string())
        } else {
            Err("no such file".into())
        }
    }
}

struct Empty;

impl Environment for Empty {
    fn var(&self, _: &str) -> Option<String> {
        None
    }
}

fn plan(text: &str) -> Arc<Plan> {
    let compiled = compile(&One(text), "test.deploy");
    let messages: Vec<_> = compiled.diagnostics.iter().map(|it| &it.message).collect();
    let program = compiled.program.unwrap_or_else(|| panic!("{messages:?}"));
    let bound = bind(&program, &Asked::default(), &Empty, &One("")).expect("it binds");
    Arc::new(Plan::new(bound).expect("it can be planned"))
}

fn play(text: &str, script: impl FnMut(&Started) -> Course) -> Trace {
    let mut script = script;
    simulate(&plan(text), 0, &mut script)
}

/// Every event as a line: time, node, what.
fn story(trace: &Trace) -> String {
    let mut lines = String::new();
    for (at, happened) in &trace.told {
        let line = match happened {
            Happened::RunStarted { pipeline, .. } => format!("{pipeline} begins"),
            Happened::NodeStarted { node, .. } => format!("{node} starts"),
            Happened::NodeWaiting { node, waiting, .. } => format!("{node} waits {waiting:?}"),
            Happened::NodeOutput { .. } => continue,
            Happened::NodeFinished {
                node,
                status,
                failure,
                ..
            } => match failure {
                Some(failure) => {
                    format!("{node} {status}: {:?} {}", failure.class, failure.message)
                }
                None => format!("{node} {status}"),
            },
            Happened::RunFinished { status, .. } => format!("run {status}"),
        };
        lines += &format!("{at:>5} {line}\n");
    }
    lines
}

#[test]
fn the_frontend_pulls_its_backend_down() {
    let text = include_str!("../../examples/barriers/barriers.deploy");
    let trace = play(&text.replace("bool = true", "bool = false"), |_| {
        Course::good(10)
    });
    println!("{}", story(&trace));
    assert_eq!(trace.status, Some(Status::Failed));
}
