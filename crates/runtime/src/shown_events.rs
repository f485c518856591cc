//! What a run tells, without its secrets: the one way from what the machine says to anything that
//! is shown, written to a log or stored for people. Invariant: two nodes never get one path by it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::secrets::SecretVault;
use lockstep_base::node_path::{NodePath, PathPart, parent, parts};
use lockstep_engine::event_texts::TextReplacer;
use lockstep_engine::run_event::{LockQueuePosition, RunEventKind};
use lockstep_engine::{Effect, Question};

/// Masks what is told of one run.
pub struct EventRedactor {
    vault: Arc<SecretVault>,
    /// The paths of nodes whose names hold secrets, and all others by themselves.
    paths: HashMap<NodePath, NodePath>,
    /// The paths that are shown.
    taken: HashSet<NodePath>,
}

impl EventRedactor {
    /// A redactor at the beginning of a run.
    pub fn new(vault: Arc<SecretVault>) -> Self {
        Self {
            vault,
            paths: HashMap::new(),
            taken: HashSet::new(),
        }
    }

    /// The secrets.
    pub fn vault(&self) -> &Arc<SecretVault> {
        &self.vault
    }

    /// An event as it is told.
    pub fn told(&mut self, mut event: RunEventKind) -> RunEventKind {
        if self.vault.seals() {
            event.each_text(self);
        }
        event
    }

    /// The place in a queue as it is told.
    pub(super) fn queue(&mut self, mut queue: LockQueuePosition) -> LockQueuePosition {
        if self.vault.seals() {
            queue.each_text(self);
        }
        queue
    }

    /// An effect, of which the driver uses paths and questions outside of the machine.
    pub(super) fn effect(&mut self, effect: &mut Effect) {
        if !self.vault.seals() {
            return;
        }
        match effect {
            Effect::Act { call, .. } => self.path(&mut call.node),
            Effect::Run {
                node, command: _, ..
            }
            | Effect::Acquire { node, .. }
            | Effect::AwaitWindow { node, .. } => self.path(node),
            Effect::Ask { node, question, .. } => {
                self.path(node);
                match question {
                    Question::Approve(request) => {
                        self.text(&mut request.text);
                        let people = request.by.iter_mut().chain(&mut request.except);
                        people.for_each(|it| self.text(it));
                    }
                    Question::Failed { text } => self.text(text),
                }
            }
            Effect::Stop { .. }
            | Effect::SetTimer { .. }
            | Effect::ClearTimer { .. }
            | Effect::Release { .. }
            | Effect::LeaveWindow { .. }
            | Effect::Unask { .. }
            | Effect::Tell(_) => {}
        }
    }

    /// The path of a node as it is told. It is the same whenever the run asks, and after a resume.
    pub fn shown_path(&mut self, path: &NodePath) -> NodePath {
        if !self.vault.seals() {
            return path.clone();
        }
        if let Some(shown) = self.paths.get(path) {
            return shown.clone();
        }
        let shown = match parent(path) {
            None => NodePath::from(self.vault.mask(path)),
            Some(above) => {
                let above = self.shown_path(&NodePath::read(above));
                self.child(&above, parts(path).next_back().unwrap_or_default())
            }
        };
        self.taken.insert(shown.clone());
        self.paths.insert(path.clone(), shown.clone());
        shown
    }

    /// A part of a path below one that is shown. It gets the next number if it is taken.
    fn child(&self, above: &NodePath, part: &str) -> NodePath {
        let mut part = PathPart::read(part);
        for value in &mut part.values {
            *value = Cow::Owned(self.vault.mask(value));
        }
        part.name = Cow::Owned(self.vault.mask(&part.name));
        let mut shown = above.child(&part);
        while self.taken.contains(&shown) {
            match &mut part.cell {
                Some(number) => *number += 1,
                None => part.number += 1,
            }
            shown = above.child(&part);
        }
        shown
    }
}

impl TextReplacer for EventRedactor {
    fn text(&mut self, text: &mut String) {
        let masked = self.vault.mask(text);
        if masked != *text {
            *text = masked;
        }
    }

    fn path(&mut self, path: &mut NodePath) {
        *path = self.shown_path(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_nodes_get_one_path() {
        let vault = SecretVault::new(["hunter2", "sesame-open"]);
        let mut redactor = EventRedactor::new(Arc::new(vault));
        let mut shown = |path: &str| redactor.shown_path(&NodePath::from(path)).to_string();
        assert_eq!(shown("p/serial[hunter2]/run"), "p/serial[***]/run");
        assert_eq!(shown("p/serial[sesame-open]"), "p/serial[***]#2");
        assert_eq!(shown("p/serial[***]"), "p/serial[***]#3");
        assert_eq!(shown("p/serial[hunter2]/run#2"), "p/serial[***]/run#2");
        assert_eq!(shown("p/serial[x]"), "p/serial[x]");
        assert_eq!(shown("p/serial[sesame-open]/run"), "p/serial[***]#2/run");
    }
}
