//! Compiles a program, runs it in a simulated world, and provides assertions about the result.
//! `direct` configures the world.

use std::fmt::Write as _;
use std::sync::Arc;

use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::run_event::{RunEventKind, Status, WaitReason, WindowOf};
use lockstep_engine::{Effect, Machine};
use lockstep_lang::compile::compile;
use lockstep_plan::{InputValue, Plan, RunRequest, bind};
use lockstep_verify::conformance::ConformanceCheck;
use lockstep_verify::simulate::{Trace, run_facts, simulate};

use super::direct::Direction;

/// One file, and no other.
struct One<'a>(&'a str);

impl Files for One<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        match path {
            "case.deploy" => Ok(self.0.to_string()),
            _ => Err(FileError::NotFound),
        }
    }
}

struct Nothing;

impl EnvironmentVariables for Nothing {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

/// The plan of a valid program.
#[track_caller]
pub fn plan(text: &str, inputs: &[(String, String)]) -> Arc<Plan> {
    match try_plan(text, inputs) {
        Ok(plan) => plan,
        Err(said) => panic!("{said}\n{text}"),
    }
}

/// The plan of a program, or its errors.
pub fn try_plan(text: &str, inputs: &[(String, String)]) -> Result<Arc<Plan>, String> {
    let compiled = compile(&One(text), "case.deploy");
    let said = |it: &lockstep_base::diagnostic::Diagnostic| format!("{}: {}", it.code, it.message);
    let Some(program) = compiled.program else {
        let said: Vec<String> = compiled.diagnostics.iter().map(said).collect();
        return Err(said.join("\n"));
    };
    let inputs = inputs.iter().cloned();
    let asked = RunRequest {
        inputs: inputs
            .map(|(name, value)| (name, InputValue::Text(value)))
            .collect(),
        ..RunRequest::default()
    };
    let bound = bind(&program, &asked, &Nothing, &One(""));
    let plan = bound.and_then(Plan::new);
    plan.map(Arc::new)
        .map_err(|all| all.iter().map(said).collect::<Vec<_>>().join("\n"))
}

/// A finished run.
pub struct Play {
    pub trace: Trace,
    pub text: String,
}

impl Play {
    /// Runs a program in the configured world. It must end with nothing left over, and replaying
    /// its events must give the same effects.
    #[track_caller]
    pub fn new(text: &str, direction: &Direction) -> Self {
        let plan = plan(text, &direction.inputs);
        Self::of(text, &plan, direction)
    }

    /// Runs a plan.
    #[track_caller]
    pub fn of(text: &str, plan: &Arc<Plan>, direction: &Direction) -> Self {
        let mut direction = direction.clone();
        let trace = simulate(plan, direction.seed, &mut direction);
        let play = Self {
            trace,
            text: text.to_string(),
        };
        assert_eq!(play.trace.broken, None, "a broken rule:\n{}", play.story());
        assert!(
            play.trace.status.is_some(),
            "it never ends:\n{}\n{}",
            play.story(),
            play.text
        );
        let left = play.trace.left_over;
        assert_eq!(left, 0, "left over:\n{}\n{}", play.story(), play.text);
        play.replay(plan, direction.seed);
        play.audit(plan);
        play
    }

    /// The emitted events conform to the plan.
    #[track_caller]
    pub fn audit(&self, plan: &Arc<Plan>) {
        let mut audit = ConformanceCheck::new(plan.clone());
        for (_, happened) in &self.trace.events {
            audit.observe(happened);
        }
        if let Err(violations) = audit.result() {
            let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
            panic!("{}\n{}\n{}", said.join("\n"), self.story(), self.text);
        }
    }

    #[track_caller]
    pub fn replay(&self, plan: &Arc<Plan>, seed: u64) {
        let mut machine = Machine::new(plan.clone(), run_facts(), seed);
        for handled in &self.trace.handled {
            let effects = machine.handle(handled.at, handled.event.clone());
            assert_eq!(effects, handled.effects, "another machine does otherwise");
        }
        assert_eq!(machine.finished(), self.trace.status);
    }

    /// Every event as a line: time, node, what.
    pub fn story(&self) -> String {
        let mut story = String::new();
        for (at, happened) in &self.trace.events {
            if let Some((node, what)) = line(happened) {
                writeln!(story, "{at:>6} {node} {what}").expect("text takes text");
            }
        }
        story
    }

    /// The status of the run.
    pub fn ended(&self) -> &'static str {
        self.trace.status.map_or("never", Status::as_str)
    }

    /// The last status of the one node that matches a pattern.
    #[track_caller]
    pub fn status(&self, pattern: &str) -> &'static str {
        let nodes = self.trace.nodes(&PathPattern::new(pattern));
        let [node] = nodes.as_slice() else {
            panic!("{pattern} stands for {nodes:?}\n{}", self.story());
        };
        self.trace.status_of(node).map_or("none", Status::as_str)
    }

    /// All nodes that match a pattern with their last statuses, as lines.
    pub fn statuses(&self, pattern: &str) -> Vec<String> {
        let nodes = self.trace.nodes(&PathPattern::new(pattern));
        let status = |node: &str| self.trace.status_of(node).map_or("none", Status::as_str);
        nodes
            .iter()
            .map(|node| format!("{node} {}", status(node)))
            .collect()
    }

    /// How often nodes that match a pattern started.
    pub fn starts(&self, pattern: &str) -> usize {
        self.trace.starts(&PathPattern::new(pattern))
    }

    /// The failure of the one node that matches a pattern.
    #[track_caller]
    pub fn failure(&self, pattern: &str) -> String {
        let pattern = PathPattern::new(pattern);
        let failures = self
            .trace
            .events
            .iter()
            .rev()
            .filter_map(|(_, it)| match it {
                RunEventKind::NodeFinished {
                    node,
                    failure: Some(failure),
                    ..
                } if pattern.matches(node) => Some(failure),
                _ => None,
            });
        let failure = failures.into_iter().next();
        let failure = failure.unwrap_or_else(|| panic!("no failure:\n{}", self.story()));
        format!("{}: {}", failure.class.as_str(), failure.message)
    }

    /// The texts of the commands that were started, in order.
    pub fn commands(&self) -> Vec<&str> {
        let effects = self.trace.handled.iter().flat_map(|it| &it.effects);
        effects
            .filter_map(|effect| match effect {
                Effect::Run { command, .. } => Some(command.text.as_str()),
                Effect::Act { call, .. } => Some(&call.action),
                _ => None,
            })
            .collect()
    }

    /// What was logged, in order.
    pub fn logged(&self) -> Vec<&str> {
        let told = self.trace.events.iter();
        told.filter_map(|(_, it)| match it {
            RunEventKind::NodeStarted {
                kind: lockstep_engine::run_event::NodeKind::Log,
                text,
                ..
            } => text.as_deref(),
            _ => None,
        })
        .collect()
    }

    #[track_caller]
    pub fn assert_before(&self, first: &str, then: &str) {
        let good = self
            .trace
            .before(&PathPattern::new(first), &PathPattern::new(then));
        assert!(good, "{first} is not before {then}:\n{}", self.story());
    }

    #[track_caller]
    pub fn assert_overlap(&self, one: &str, other: &str) {
        let good = self
            .trace
            .overlap(&PathPattern::new(one), &PathPattern::new(other));
        assert!(good, "{one} and {other} do not overlap:\n{}", self.story());
    }

    #[track_caller]
    pub fn assert_never_started(&self, pattern: &str) {
        assert_eq!(
            self.starts(pattern),
            0,
            "{pattern} started:\n{}",
            self.story()
        );
    }

    #[track_caller]
    pub fn assert_status(&self, pattern: &str, status: &str) {
        assert_eq!(self.status(pattern), status, "{pattern}:\n{}", self.story());
    }

    #[track_caller]
    pub fn assert_ended(&self, status: &str) {
        assert_eq!(self.ended(), status, "{}", self.story());
    }
}

fn line(happened: &RunEventKind) -> Option<(&str, String)> {
    Some(match happened {
        RunEventKind::RunStarted { pipeline, .. } => (pipeline, String::from("is run")),
        RunEventKind::RunResumed { run, .. } => (run, String::from("is resumed")),
        RunEventKind::NodeStarted {
            node, text, place, ..
        } => {
            let text = text.iter().map(|text| format!(": {text}"));
            let place = place.iter().map(|place| format!(" on {place}"));
            let told: String = text.chain(place).collect();
            (node, format!("starts{told}"))
        }
        RunEventKind::NodeWaiting { node, waiting, .. } => (node, waits(waiting)),
        RunEventKind::WindowOpen { node, windows, .. } => {
            (node, format!("may begin: {}", WindowOf::list(windows)))
        }
        RunEventKind::NoWayBack { node, reason } => (node, format!("has no way back: {reason}")),
        RunEventKind::NodeOutput { .. } => return None,
        RunEventKind::NodeFinished {
            node,
            status,
            failure,
            deployment,
            ..
        } => {
            let mut what = status.to_string();
            if let Some(failure) = failure {
                what += &format!(": {}: {}", failure.class.as_str(), failure.message);
            }
            let version = |it: &Option<String>| it.clone().unwrap_or_default();
            if let Some(it) = deployment.as_ref().filter(|it| it.after.is_some()) {
                what += &format!(" [{} -> {}]", version(&it.before), version(&it.after));
            }
            (node, what)
        }
        RunEventKind::RunFinished { status, failure } => match failure {
            Some(failure) => ("run", format!("{status}: {}", failure.message)),
            None => ("run", status.to_string()),
        },
    })
}

fn waits(waiting: &WaitReason) -> String {
    match waiting {
        WaitReason::Barrier {
            name,
            arrived,
            expected,
        } => format!("waits at {name}, {arrived} of {expected}"),
        WaitReason::Queue { name, .. } => format!("waits in queue {name}"),
        WaitReason::Lock { names, .. } => format!("waits for {}", names.join(", ")),
        WaitReason::Window { windows, .. } => format!("waits for {}", WindowOf::list(windows)),
        WaitReason::Retry {
            attempt,
            of,
            after_ms,
            ..
        } => format!("waits {after_ms} ms for try {attempt} of {of}"),
        WaitReason::Time { after_ms } => format!("waits {after_ms} ms"),
        WaitReason::Approval { question, .. } => format!("asks: {question}"),
    }
}
