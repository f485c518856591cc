//! Outstanding effects: what a machine has requested that has not been answered, and so must be
//! executed when a run is resumed from its journal (replay).

use std::collections::{BTreeMap, BTreeSet};

use super::event::{ActionCall, CommandRequest, Effect, EffectId, Event, LockDemand, Question};
use super::run_event::RunEventKind;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_lang::ir::Window;

/// The effects without an answer, by their ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PendingEffects {
    /// Commands that were to be started.
    pub commands: BTreeMap<EffectId, (NodePath, Box<CommandRequest>)>,
    /// Actions that were to be called.
    pub actions: BTreeMap<EffectId, Box<ActionCall>>,
    /// Those among them that were requested to stop.
    pub stopped: BTreeSet<EffectId>,
    /// When timers fire, on the machine's clock.
    pub timers: BTreeMap<EffectId, i64>,
    /// Open questions, and the nodes that ask them.
    pub questions: BTreeMap<EffectId, (NodePath, Question)>,
    /// Locks that are held or waited for.
    pub locks: BTreeMap<EffectId, PendingLockRequest>,
    /// Windows that are waited for.
    pub windows: BTreeMap<EffectId, PendingWindow>,
}

/// Windows that must be open for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingWindow {
    /// The path of the node that waits.
    pub node: NodePath,
    /// The windows.
    pub windows: Vec<Window>,
    /// How long they must be open, in milliseconds.
    pub needs_ms: u64,
}

/// A request for locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingLockRequest {
    /// The path of the node that waits.
    pub node: NodePath,
    /// What is held or waited for.
    pub wants: Vec<LockDemand>,
    /// Whether the machine knows that it waits.
    pub queued: bool,
    /// Whether the machine knows that they are held.
    pub granted: bool,
}

impl PendingEffects {
    /// The machine takes this event in. Returns whether it answers an outstanding request, or is
    /// not an answer to one.
    pub fn answered(&mut self, event: &Event) -> bool {
        match event {
            Event::Start
            | Event::GoOn
            | Event::Resumed { .. }
            | Event::DeployedMeanwhile { .. }
            | Event::Cancel => true,
            Event::Ended { id, .. } => {
                self.stopped.remove(id);
                self.commands.remove(id).is_some() || self.actions.remove(id).is_some()
            }
            Event::Fired { id } => self.timers.remove(id).is_some(),
            Event::Answered { id, .. } => self.questions.remove(id).is_some(),
            Event::Queued { id, .. } => match self.locks.get_mut(id) {
                Some(request) => {
                    request.queued = true;
                    true
                }
                None => false,
            },
            Event::WindowOpen { id } => self.windows.remove(id).is_some(),
            Event::WindowClosed { id, .. } => self.windows.contains_key(id),
            // The machine withdraws the request.
            Event::LockRefused { id, .. } => self.locks.contains_key(id),
            Event::Acquired { id } => match self.locks.get_mut(id) {
                Some(request) => {
                    request.granted = true;
                    true
                }
                None => false,
            },
        }
    }

    /// The machine requests this effect; returns what is to be reported.
    pub fn requested(&mut self, effect: Effect) -> Option<RunEventKind> {
        match effect {
            Effect::Tell(happened) => return Some(happened),
            Effect::Run { id, node, command } => {
                self.commands.insert(id, (node, command));
            }
            Effect::Act { id, call } => {
                self.actions.insert(id, call);
            }
            Effect::Stop { id } => {
                self.stopped.insert(id);
            }
            Effect::SetTimer { id, at } => {
                self.timers.insert(id, at);
            }
            Effect::ClearTimer { id } => {
                self.timers.remove(&id);
            }
            Effect::Acquire { id, node, wants } => {
                let request = PendingLockRequest {
                    node,
                    wants,
                    queued: false,
                    granted: false,
                };
                self.locks.insert(id, request);
            }
            Effect::Release { id, names } => self.released(id, &names),
            Effect::AwaitWindow {
                id,
                node,
                windows,
                needs_ms,
            } => {
                let window = PendingWindow {
                    node,
                    windows,
                    needs_ms,
                };
                self.windows.insert(id, window);
            }
            Effect::LeaveWindow { id } => {
                self.windows.remove(&id);
            }
            Effect::Ask { id, node, question } => {
                self.questions.insert(id, (node, question));
            }
            Effect::Unask { id } => {
                self.questions.remove(&id);
            }
        }
        None
    }

    fn released(&mut self, id: EffectId, names: &[Name]) {
        if let Some(request) = self.locks.get_mut(&id) {
            (request.wants).retain(|want| !names.is_empty() && !names.contains(&want.name));
            if request.wants.is_empty() {
                self.locks.remove(&id);
            }
        }
    }
}
