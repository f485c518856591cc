//! The machine alone, without a world: every command and action ends as soon as it is requested,
//! without a result.
//!
//! ```sh
//! cargo bench --no-default-features --bench machine -- FILE.deploy
//! ```
//!
//! The file's only pipeline runs. `benches/compare` measures the time and the memory of it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for developers: it stops where something is not as it should be"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use lockstep_base::value::Value;
use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_engine::run_event::Status;
use lockstep_engine::{Effect, EffectOutcome, Event, Machine};
use lockstep_lang::compile::compile;
use lockstep_plan::{Plan, RunRequest, bind};
use lockstep_verify::simulate::run_facts;

/// A file, and no variables.
struct OneFile(String);

impl Files for OneFile {
    fn read(&self, _: &str) -> Result<String, FileError> {
        Ok(self.0.clone())
    }
}

impl EnvironmentVariables for OneFile {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let path = words.next().expect("a file");
    let file = OneFile(std::fs::read_to_string(&path).expect("it can be read"));
    let compiled = compile(&file, &path);
    let program = compiled.program.expect("it has no errors");
    let bound = bind(&program, &RunRequest::default(), &file, &file).expect("it needs no inputs");
    let plan = Arc::new(Plan::new(bound).expect("it can be planned"));
    let begun = Instant::now();
    let mut machine = Machine::new(plan, run_facts(), 0);
    let mut events = VecDeque::from([Event::Start]);
    let (mut requests, mut others, mut most) = (0_u64, 0_u64, 0);
    while let Some(event) = events.pop_front() {
        let effects = machine.handle(0, event);
        most = most.max(effects.len());
        for effect in effects {
            match effect {
                Effect::Act { id, .. } | Effect::Run { id, .. } => {
                    requests += 1;
                    let outcome = EffectOutcome::good(Value::None);
                    events.push_back(Event::Ended { id, outcome });
                }
                _ => others += 1,
            }
        }
        if events.is_empty() && machine.has_more() {
            events.push_back(Event::GoOn);
        }
    }
    let took = begun.elapsed();
    assert_eq!(machine.broken(), None);
    assert_eq!(machine.finished(), Some(Status::Succeeded));
    println!(
        "{requests} requests, {others} other effects, at most {most} of one event, {} ms",
        took.as_millis()
    );
}
