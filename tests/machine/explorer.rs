//! Exhaustive state space search over the machine: whatever is in flight may be the next to end,
//! successfully or not, and whatever lock is free may be granted next. Equal states are visited
//! once. Must not use the deadlock proof, so that the two are independent.

use std::collections::HashSet;
use std::sync::Arc;

use lockstep_base::node_path::NodePath;
use lockstep_engine::lock::LockTable;
use lockstep_engine::{
    Answer, ApprovalAnswer, Effect, EffectId, EffectOutcome, Event, FailureChoice, Machine,
    Question,
};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::Plan;
use lockstep_verify::simulate::{command_value, run_facts};

/// The result.
#[derive(Debug)]
pub enum Found {
    /// Every run ends by itself.
    Ends,
    /// This one does not: its events, in order.
    Hangs(Vec<String>),
    /// There are more states than the limit.
    TooMany,
}

/// A machine and the world around it.
#[derive(Clone)]
struct World {
    machine: Machine,
    locks: LockTable<EffectId>,
    /// Commands in flight.
    running: Vec<Running>,
    /// Timers and questions.
    waiting: Vec<(EffectId, Option<Answer>)>,
    /// Locks that are granted, which the machine has not heard of.
    granted: Vec<EffectId>,
}

#[derive(Clone)]
struct Running {
    id: EffectId,
    node: NodePath,
    /// Whether it is a condition, so that it may answer `yes` or `no`.
    asked: bool,
    /// Whether it was asked to stop: then it can only fail.
    stopped: bool,
}

/// Visits every run; with `failures`, also those in which commands fail.
pub fn explore(plan: &Arc<Plan>, failures: bool, most: usize) -> Found {
    let mut seen = HashSet::new();
    let mut first = World {
        machine: Machine::new(plan.clone(), run_facts(), 1),
        locks: LockTable::default(),
        running: Vec::new(),
        waiting: Vec::new(),
        granted: Vec::new(),
    };
    first.happen(Event::Start);
    if first.machine.standstills() > 0 {
        return Found::Hangs(vec![String::from("it starts")]);
    }
    // The states to visit, each with its last link in `story`, a list of linked lists.
    let mut story: Vec<(usize, String)> = vec![(0, String::new())];
    let mut stack = vec![(first, 0)];
    while let Some((world, told)) = stack.pop() {
        if world.machine.finished().is_some() {
            assert_eq!(world.machine.active_entries(), 0, "something is left over");
            continue;
        }
        let choices = world.choices(failures);
        assert!(
            !choices.is_empty(),
            "a standstill that the machine does not see"
        );
        for (said, event) in choices {
            let mut next = world.clone();
            next.happen(event);
            if next.machine.standstills() > 0 {
                // After a hanging state the waiting nodes were cancelled; where that leads makes no
                // difference.
                let links = std::iter::successors(Some(told), |at| Some(story[*at].0));
                let lines = links.take_while(|at| *at > 0).map(|at| story[at].1.clone());
                let mut lines: Vec<String> = lines.collect();
                lines.reverse();
                lines.push(said);
                return Found::Hangs(lines);
            }
            if !seen.insert(next.machine.fingerprint()) {
                continue;
            }
            if seen.len() > most {
                return Found::TooMany;
            }
            story.push((told, said));
            stack.push((next, story.len() - 1));
        }
    }
    Found::Ends
}

impl World {
    fn choices(&self, failures: bool) -> Vec<(String, Event)> {
        let mut choices = Vec::new();
        for Running {
            id,
            node,
            asked,
            stopped,
        } in &self.running
        {
            let id = *id;
            let answers: &[&str] = match (asked, stopped) {
                (_, true) => &[],
                (true, false) => &["yes", "no"],
                (false, false) => &[""],
            };
            for answer in answers {
                let outcome = EffectOutcome::good(command_value(answer, 0, []));
                let said = format!("{node} ends {answer}");
                choices.push((said, Event::Ended { id, outcome }));
            }
            if failures || *stopped {
                let outcome = EffectOutcome::failed(FailureClass::Exit, "exit code 1");
                choices.push((format!("{node} fails"), Event::Ended { id, outcome }));
            }
        }
        for (id, answer) in &self.waiting {
            let id = *id;
            choices.push(match answer {
                Some(answer) => {
                    let answer = answer.clone();
                    (
                        format!("{id:?} is answered"),
                        Event::Answered {
                            id,
                            answer,
                            from: None,
                        },
                    )
                }
                None => (format!("{id:?} fires"), Event::Fired { id }),
            });
        }
        for id in &self.granted {
            choices.push((format!("{id:?} is granted"), Event::Acquired { id: *id }));
        }
        choices
    }

    fn happen(&mut self, event: Event) {
        match &event {
            Event::Ended { id, .. } => self.running.retain(|it| it.id != *id),
            Event::Fired { id } | Event::Answered { id, .. } => self.forget(*id),
            Event::Acquired { id } => self.granted.retain(|it| it != id),
            _ => {}
        }
        for effect in self.machine.handle(0, event) {
            self.carry_out(effect);
        }
    }

    fn forget(&mut self, id: EffectId) {
        self.waiting.retain(|(it, _)| *it != id);
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Run { id, node, command } => {
                let asked = command.text.contains("/bin/ask");
                self.running.push(Running {
                    id,
                    node,
                    asked,
                    stopped: false,
                });
            }
            Effect::Act { id, call } => {
                self.running.push(Running {
                    id,
                    node: call.node,
                    asked: false,
                    stopped: false,
                });
            }
            Effect::Stop { id } => {
                let running = self.running.iter_mut().filter(|it| it.id == id);
                running.for_each(|it| it.stopped = true);
            }
            Effect::SetTimer { id, .. } => self.waiting.push((id, None)),
            Effect::Ask { id, question, .. } => {
                let answer = match question {
                    Question::Approve { .. } => ApprovalAnswer::Yes.into(),
                    Question::Failed { .. } => FailureChoice::Retry.into(),
                };
                self.waiting.push((id, Some(answer)));
            }
            Effect::ClearTimer { id } | Effect::Unask { id } => self.forget(id),
            Effect::Acquire { id, wants, .. } => {
                self.locks.acquire(id, wants);
                self.granted.extend(self.locks.grant());
            }
            Effect::Release { id, names } => {
                if names.is_empty() {
                    self.granted.retain(|it| *it != id);
                }
                self.locks.release(id, &names);
                self.granted.extend(self.locks.grant());
            }
            Effect::AwaitWindow { .. } | Effect::LeaveWindow { .. } | Effect::Tell(_) => {}
        }
    }
}
