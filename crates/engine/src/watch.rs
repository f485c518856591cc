//! `watch`: what looks at a statement while its body runs, beside it. Its first failure stops the
//! body, like a time limit that has run out; the end of the body stops it, once it has looked.

use std::sync::Arc;

use super::Machine;
use super::broken::{Breach, BrokenInvariant, Checked, NodeError};
use super::cancel::StopMode;
use super::node::{BodyEnd, NodeId, NodeRole, NodeWork, PendingFailure};
use super::stopping::{StopCause, StopReason};
use lockstep_base::node_path::HandlerPart;
use lockstep_lang::ir::{FailureClass, Stmt};

/// What looks at a node while its body runs.
#[derive(Debug, Clone)]
pub struct ActiveWatch {
    /// The node of the looks.
    pub child: NodeId,
    /// How long it waits between two looks, in milliseconds.
    every: i64,
    /// Whether a look has ended.
    pub looked: bool,
    /// How the body has ended, where that waits for the end of a look.
    pub body_end: Option<BodyEnd>,
}

impl Machine {
    /// A try of a body begins: it is looked at from now on.
    pub(super) fn begin_watch(&mut self, id: NodeId, stmt: &Stmt) -> Result<(), NodeError> {
        let Some(watch) = &stmt.handlers.watch else {
            return Ok(());
        };
        let every = self.duration_of(id, &watch.every)?;
        let mut around = self.around_handlers(id)?;
        around.once = self.node(id)?.inherited.once;
        let path = self.name_of(id)?.handler(HandlerPart::Watch);
        let node = self.node(id)?;
        let (tree, locals) = (node.tree, node.locals.clone());
        let role = NodeRole::Watch;
        let child = self.spawn(tree, Some(id), role, locals, around, (path, None))?;
        self.node_mut(id)?.watch = Some(Box::new(ActiveWatch {
            child,
            every,
            looked: false,
            body_end: None,
        }));
        Ok(())
    }

    /// The first look begins.
    pub(super) fn run_watch(&mut self, id: NodeId) -> Checked<()> {
        let parent = self.node(id)?.parent;
        let watch = match parent {
            Some(parent) => self.node(parent)?.watch.as_ref(),
            None => None,
        };
        let Some(every) = watch.map(|it| it.every) else {
            let breach = Breach::NotA("watch of its parent");
            return Err(BrokenInvariant::of(self.node(id)?, breach));
        };
        self.begin(id, None)?;
        let looks = NodeWork::Verify {
            until: i64::MAX,
            every,
            timer: None,
        };
        self.begin_work(id, looks)?;
        self.recheck(id)
    }

    /// The end of a body, unless it has to wait for what looks at it.
    pub(super) fn end_behind_watch(
        &mut self,
        id: NodeId,
        mut end: BodyEnd,
    ) -> Checked<Option<BodyEnd>> {
        if self.node(id)?.watch.is_none() {
            return Ok(Some(end));
        }
        // One whose time limit has run out fails because of that, and may be tried again.
        let runs_late = self.node(id)?.state.stops().timeout().is_some();
        if let (BodyEnd::Bad(trouble), false) = (&mut end, runs_late) {
            self.number(trouble);
            self.failure_comes(id, trouble)?;
        }
        let Some(watch) = &mut self.node_mut(id)?.watch else {
            return Ok(Some(end));
        };
        let (child, stops) = (watch.child, watch.looked || end.is_bad());
        watch.body_end = Some(end);
        if stops {
            let said = "what it looked at has ended";
            let failure = self.failure(id, FailureClass::Cancelled, said)?;
            self.stop(child, StopMode::Interrupt, failure, &[])?;
        }
        Ok(None)
    }

    /// A look of a `watch` was good. Whether there is no other one.
    pub(super) fn watch_looked(&mut self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        let (NodeRole::Watch, Some(parent)) = (&node.role, node.parent) else {
            return Ok(false);
        };
        match &mut self.node_mut(parent)?.watch {
            Some(watch) => {
                watch.looked = true;
                Ok(watch.body_end.is_some())
            }
            None => Err(BrokenInvariant::of(
                self.node(id)?,
                Breach::NotA("watch of its parent"),
            )),
        }
    }

    /// What looked at a node has ended: a look has failed, or it was stopped.
    pub(super) fn watch_ended(&mut self, id: NodeId, end: BodyEnd) -> Checked<()> {
        let watch = self.node_mut(id)?.watch.take();
        let body_end = watch.and_then(|it| it.body_end);
        let failed = match end {
            BodyEnd::Bad(trouble) if !trouble.is_consequence() => Some(trouble),
            BodyEnd::Bad(_) | BodyEnd::Good { .. } => None,
        };
        match (body_end, failed) {
            // What has failed by itself has its own failure.
            (Some(end @ BodyEnd::Bad(_)), _) | (Some(end), None) => self.body_ended(id, end),
            (Some(BodyEnd::Good { .. }), Some(failed)) => self.body_ended(id, BodyEnd::Bad(failed)),
            (None, Some(failed)) => self.stop_watched(id, *failed),
            (None, None) => Ok(()),
        }
    }

    /// A look has failed while the body runs: that is stopped.
    fn stop_watched(&mut self, id: NodeId, failed: PendingFailure) -> Checked<()> {
        let node = self.node(id)?;
        if node.state.stops().is_interrupted() || !node.state.is_in_body() {
            return Ok(());
        }
        let path = self.name_of(id)?.handler(HandlerPart::Watch);
        let said = format!("stopped because `{path}` failed");
        let cause = StopCause {
            failure: failed.failure,
            number: failed.number,
        };
        self.set_stop(id, StopReason::Timeout(Arc::new(cause)))?;
        self.interrupt_body(id, &said)?;
        self.timeout_stands(id)
    }
}
