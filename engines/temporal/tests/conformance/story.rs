//! What happens in a case, as a simulated run says: when each command ends and how, what people
//! answer, and what is told before that.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lockstep_base::value::Value;
use lockstep_engine::run_event::{RunEventKind, WaitReason};
use lockstep_engine::{Answer, ApprovalAnswer, Effect, EffectId, EffectOutcome, Event};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::Plan;
use lockstep_verify::simulate::{SimulationScript, Trace, simulate};

/// A command of a run: its node, and how often that had been started before.
pub type Started = (String, usize);

/// Something that is not the run's doing.
#[derive(Debug, Clone)]
pub enum Deed {
    /// A command ends.
    End {
        which: Started,
        /// What it does at its end, as a line for a shell.
        script: String,
        /// Whether it has been asked to end.
        is_stopped: bool,
    },
    /// A person answers, with these arguments of `lockstep approve`.
    Answer { node: String, how: Vec<String> },
    /// The run is cancelled.
    Cancel,
}

/// A moment of a story.
#[derive(Debug, Clone)]
pub struct Moment {
    /// When, in virtual milliseconds.
    pub at: i64,
    pub deed: Option<Deed>,
    /// What is told then.
    pub told: Vec<String>,
}

/// All that happens.
pub struct Story {
    pub moments: Vec<Moment>,
    /// The first words of the commands.
    pub programs: HashSet<String>,
    /// How long the shortest timer runs until it fires or is of no use any more, in virtual
    /// milliseconds; nothing where there is none.
    pub shortest_timer: Option<i64>,
    pub ends_at: i64,
}

impl Story {
    /// The story of a plan.
    pub fn of(plan: &Arc<Plan>, seed: u64, script: &mut dyn SimulationScript) -> Self {
        let trace = simulate(plan, seed, script);
        assert!(trace.status.is_some(), "it does not end");
        Self::told_by(&trace)
    }

    fn told_by(trace: &Trace) -> Self {
        let mut commands: HashMap<EffectId, Started> = HashMap::new();
        let mut starts: HashMap<String, usize> = HashMap::new();
        let mut questions: HashMap<EffectId, String> = HashMap::new();
        let mut timers: HashMap<EffectId, i64> = HashMap::new();
        let mut stopped: HashSet<EffectId> = HashSet::new();
        let mut story = Self {
            moments: Vec::new(),
            programs: HashSet::new(),
            shortest_timer: None,
            ends_at: trace.ended_at,
        };
        for handled in &trace.handled {
            let deed = match &handled.event {
                Event::Ended { id, outcome } => commands.get(id).map(|which| Deed::End {
                    which: which.clone(),
                    script: end_script(outcome),
                    is_stopped: stopped.contains(id),
                }),
                Event::Answered { id, answer, from } => questions
                    .get(id)
                    .zip(answer_words(answer))
                    .map(|(node, mut how)| {
                        let by = match from {
                            Some(from) => from.by.to_string(),
                            // Whoever it is, is another one each time.
                            None => format!("person {}", story.moments.len()),
                        };
                        how.extend([String::from("--as"), by]);
                        let node = node.clone();
                        Deed::Answer { node, how }
                    }),
                Event::Cancel => Some(Deed::Cancel),
                Event::Fired { id } => {
                    story.timer_ran(timers.remove(id), handled.at);
                    None
                }
                _ => None,
            };
            let mut told = Vec::new();
            for effect in &handled.effects {
                match effect {
                    Effect::Run { id, node, command } => {
                        let count = starts.entry(node.to_string()).or_default();
                        commands.insert(*id, (node.to_string(), *count));
                        *count += 1;
                        let program = command.text.split_whitespace().next().unwrap_or_default();
                        let program = program.trim_matches(['\'', '"']);
                        story.programs.insert(program.to_owned());
                    }
                    Effect::Stop { id } => drop(stopped.insert(*id)),
                    Effect::Ask { id, node, .. } => {
                        questions.insert(*id, node.to_string());
                    }
                    Effect::SetTimer { id, .. } => drop(timers.insert(*id, handled.at)),
                    Effect::ClearTimer { id } => story.timer_ran(timers.remove(id), handled.at),
                    Effect::Tell(what) => told.extend(key(what)),
                    _ => {}
                }
            }
            let at = handled.at;
            story.moments.push(Moment { at, deed, told });
        }
        story
    }

    fn timer_ran(&mut self, since: Option<i64>, until: i64) {
        if let Some(since) = since.filter(|since| *since < until) {
            let ran = until - since;
            self.shortest_timer = Some(self.shortest_timer.map_or(ran, |it| it.min(ran)));
        }
    }
}

/// What names an event that has to have been told; nothing for what depends on who is faster.
pub fn key(what: &RunEventKind) -> Option<String> {
    match what {
        RunEventKind::NodeStarted { node, .. } => Some(format!("{node} starts")),
        RunEventKind::NodeFinished { node, status, .. } => Some(format!("{node} {status}")),
        RunEventKind::NodeWaiting { node, waiting, .. } => match waiting {
            WaitReason::Barrier { .. } => Some(format!("{node} waits at a barrier")),
            WaitReason::Retry { .. } => Some(format!("{node} waits to be tried again")),
            WaitReason::Time { .. } => Some(format!("{node} waits for time")),
            WaitReason::Approval { .. } => Some(format!("{node} asks")),
            WaitReason::Queue { .. } | WaitReason::Lock { .. } | WaitReason::Window { .. } => None,
        },
        _ => None,
    }
}

fn answer_words(answer: &Answer) -> Option<Vec<String>> {
    let words = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect());
    match answer {
        Answer::Approval(ApprovalAnswer::Yes) => words(&["--yes"]),
        Answer::Approval(ApprovalAnswer::No(_)) => words(&["--no"]),
        Answer::Failure(choice) => words(&["--choose", choice.as_str()]),
        Answer::Nobody => None,
    }
}

/// A line of a shell that ends a command so.
fn end_script(outcome: &EffectOutcome) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let field = |name: &str| {
        outcome
            .value
            .as_map()
            .and_then(|map| map.get(name))
            .cloned()
    };
    let mut script = String::new();
    if let Some(text) = field("stdout").as_ref().and_then(Value::as_str)
        && !text.is_empty()
    {
        script += &format!("printf '%s\\n' {}; ", quoted(text));
    }
    let outputs = field("outputs");
    for (name, value) in outputs
        .as_ref()
        .and_then(Value::as_map)
        .into_iter()
        .flatten()
    {
        let line = format!("{name}={}", value.as_str().unwrap_or_default());
        script += &format!("printf '%s\\n' {} >> \"$LOCKSTEP_OUTPUT\"; ", quoted(&line));
    }
    let code = match field("code") {
        Some(Value::Int(code)) => code,
        _ => 0,
    };
    match &outcome.failure {
        None => script += "exit 0",
        Some((FailureClass::Signal, _)) => script += "kill -KILL $$",
        Some(_) => script += &format!("exit {}", code.max(1)),
    }
    script
}
