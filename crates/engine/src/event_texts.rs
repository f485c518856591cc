//! The texts of run events, listed once: for whoever must look at, or replace, all that is told.

use super::run_event::{
    ApprovalProgress, DeploymentRecord, Failure, LockQueuePosition, RunEventKind, RunLockHolder,
    WaitReason,
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
            Self::RunStarted {
                run: _,
                pipeline,
                outside_window,
            } => {
                to.name(pipeline);
                outside_window.iter_mut().for_each(|reason| to.name(reason));
            }
            Self::RunResumed { run: _, by, uid: _ } => to.name(by),
            Self::NodeStarted {
                node,
                kind: _,
                text,
                place,
                deployment,
            } => {
                to.path(node);
                place.iter_mut().for_each(|place| to.text(place));
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
            // What is declared is no secret.
            Self::WindowOpen {
                node,
                windows: _,
                targets: _,
                needs_ms: _,
            } => to.path(node),
            Self::NoWayBack { node, reason } => {
                to.path(node);
                to.text(reason);
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

impl RunEventKind {
    /// The failure that it tells of.
    pub(super) fn failure_mut(&mut self) -> Option<&mut Failure> {
        match self {
            Self::NodeFinished { failure, .. } | Self::RunFinished { failure, .. } => {
                failure.as_mut()
            }
            Self::NodeWaiting {
                waiting: WaitReason::Retry { failure, .. },
                ..
            } => failure.as_deref_mut(),
            Self::RunStarted { .. }
            | Self::RunResumed { .. }
            | Self::NodeStarted { .. }
            | Self::NodeWaiting { .. }
            | Self::NodeOutput { .. }
            | Self::WindowOpen { .. }
            | Self::NoWayBack { .. } => None,
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
            command: _,
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
            // The queue is what other runs, which have other secrets, wait in.
            Self::Queue {
                run: _,
                name: _,
                queue,
            } => queue.each_text(to),
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
            // What is declared is no secret.
            Self::Window {
                windows: _,
                opens_at: _,
                opens: _,
                needs_ms: _,
            } => {}
            Self::Approval {
                question,
                choices: _,
                within_ms: _,
                progress,
            } => {
                to.text(question);
                let ApprovalProgress {
                    by,
                    count: _,
                    except,
                    yes,
                } = progress;
                by.iter_mut().chain(except).for_each(|it| to.text(it));
                yes.iter_mut().for_each(|it| to.name(it));
            }
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
            changed: _,
        } = self;
        before.iter_mut().for_each(|text| to.text(text));
        after.iter_mut().for_each(|text| to.text(text));
    }
}
