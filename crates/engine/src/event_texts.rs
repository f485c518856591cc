//! The texts of run events, listed once: for whoever must look at, or replace, all that is told.

use super::run_event::{
    DeploymentRecord, Failure, LockQueuePosition, RunEventKind, RunLockHolder, WaitReason,
};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;

/// Replaces the texts of events.
pub trait TextReplacer {
    /// A text that may be anything.
    fn text(&mut self, text: &mut String);

    /// The path of a node of this run.
    fn path(&mut self, path: &mut NodePath);

    /// A name.
    fn name(&mut self, name: &mut Name) {
        let mut text = name.to_string();
        self.text(&mut text);
        if *text != **name {
            *name = text.into();
        }
    }
}

impl RunEventKind {
    /// Passes each text of the event on.
    pub fn each_text(&mut self, to: &mut dyn TextReplacer) {
        match self {
            Self::RunStarted { run: _, pipeline } => to.name(pipeline),
            Self::RunResumed { run: _, by, uid: _ } => to.name(by),
            Self::NodeStarted {
                node,
                kind: _,
                text,
                deployment,
            } => {
                to.path(node);
                text.iter_mut().for_each(|text| to.text(text));
                deployment.iter_mut().for_each(|it| it.each_text(to));
            }
            Self::NodeWaiting {
                node,
                kind: _,
                waiting,
            } => {
                to.path(node);
                waiting.each_text(to);
            }
            Self::NodeOutput {
                node,
                stream: _,
                text,
            } => {
                to.path(node);
                to.text(text);
            }
            Self::NodeFinished {
                node,
                kind: _,
                status: _,
                failure,
                deployment,
            } => {
                to.path(node);
                failure.iter_mut().for_each(|it| it.each_text(to));
                deployment.iter_mut().for_each(|it| it.each_text(to));
            }
            Self::RunFinished { status: _, failure } => {
                failure.iter_mut().for_each(|it| it.each_text(to));
            }
        }
    }
}

impl Failure {
    fn each_text(&mut self, to: &mut dyn TextReplacer) {
        let Self {
            class: _,
            message,
            node,
            span: _,
        } = self;
        to.text(message);
        to.path(node);
    }
}

impl WaitReason {
    fn each_text(&mut self, to: &mut dyn TextReplacer) {
        match self {
            Self::Barrier {
                name,
                arrived: _,
                expected: _,
            } => to.text(name),
            Self::Lock { names, queue } => {
                names.iter_mut().for_each(|name| to.name(name));
                queue.each_text(to);
            }
            Self::Retry {
                attempt: _,
                of: _,
                after_ms: _,
                failure,
            } => failure.iter_mut().for_each(|it| it.each_text(to)),
            Self::Time { after_ms: _ } => {}
            Self::Approval {
                question,
                choices: _,
                within_ms: _,
            } => to.text(question),
        }
    }
}

impl LockQueuePosition {
    /// Passes each text on. The nodes are those of other runs.
    pub fn each_text(&mut self, to: &mut dyn TextReplacer) {
        let Self { holders, ahead: _ } = self;
        for holder in holders {
            let RunLockHolder {
                lock,
                run: _,
                node,
                held_ms: _,
            } = holder;
            to.name(lock);
            let mut name = node.to_name();
            to.name(&mut name);
            *node = name.into();
        }
    }
}

impl DeploymentRecord {
    fn each_text(&mut self, to: &mut dyn TextReplacer) {
        // Where it was deployed is what later runs, which have other secrets, ask for.
        let Self {
            service: _,
            target: _,
            before,
            after,
        } = self;
        before.iter_mut().for_each(|text| to.text(text));
        after.iter_mut().for_each(|text| to.text(text));
    }
}
