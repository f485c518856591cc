//! The end of a node: what is reported of it, and what the block around it receives.

use super::broken::Checked;
use super::node::{BodyEnd, BodySignal, NodeId, NodePhase, NodeRole};
use super::run_event::{Failure, NodeKind, RunEventKind, Status};
use super::statement::traits;
use super::undo_list::{Undo, UndoList, UndoRank, UndoScope};
use super::{EndedNode, Machine, MachineTask};
use lockstep_base::value::Value;
use lockstep_lang::ir::FailureClass;

impl Machine {
    /// The node ends: this is reported, and its parent is notified.
    pub(super) fn end_node(&mut self, id: NodeId) -> Checked<()> {
        let trouble = &self.node(id)?.pending_failure;
        let failed = trouble.as_ref().map(|trouble| trouble.failure.clone());
        let tolerated = failed.is_some() && self.tolerates(id)?;
        let status = self.final_status(id, failed.as_ref(), tolerated)?;
        if status != Status::Cancelled {
            self.ensure_started(id)?;
        }
        self.set(id, status)?;
        self.go_to(id, NodePhase::Ended)?;
        self.settle_owed_arrivals(id, failed.as_ref().filter(|_| !tolerated))?;
        self.record_deployment_result(id)?;
        let ignored = self.node(id)?.ignored.as_deref().cloned();
        self.emit_finished(id, failed.or(ignored))?;
        let released = self.release_infrastructure_locks(id)?;
        let undo = self.undo_for_parent(id, released)?;
        let value = self.stage_value(id)?;
        let done = self.completed_by(id)?;
        let failed_with = self.result_of_failed(id)?;
        let node = self.remove(id)?;
        let Some(parent) = node.parent else {
            self.completed_work_of_run = done;
            if self.keeps_way_back && !self.goes_back {
                self.way_back_of_run = undo;
            }
            self.finish(node.pending_failure);
            return Ok(());
        };
        let end = match node.pending_failure {
            Some(trouble) => BodyEnd::Bad(trouble),
            None => self.end_for_parent(
                &node.role,
                node.tree,
                value.unwrap_or(node.value),
                (node.yielded, node.ignored.is_some()),
                node.signal,
            ),
        };
        let leaver = EndedNode {
            tree: node.tree,
            role: node.role,
            end,
            failed_with,
            tolerated,
            undo,
            completed: done,
            path: node.path,
        };
        self.queue.push(MachineTask::Left(parent, Box::new(leaver)));
        Ok(())
    }

    pub(super) fn ensure_started(&mut self, id: NodeId) -> Checked<()> {
        match self.node(id)?.state.status() {
            Status::Pending => self.begin(id, None),
            // This has been reported already.
            Status::Queued => self.set(id, Status::Running),
            Status::Waiting
            | Status::Running
            | Status::Succeeded
            | Status::Ignored
            | Status::Failed
            | Status::Skipped
            | Status::Cancelled
            | Status::RollingBack
            | Status::RolledBack
            | Status::Superseded
            | Status::RollbackFailed => Ok(()),
        }
    }

    pub(super) fn final_status(
        &self,
        id: NodeId,
        failed: Option<&Failure>,
        tolerated: bool,
    ) -> Checked<Status> {
        let node = self.node(id)?;
        Ok(match (node.state.status(), failed) {
            (ended @ (Status::RolledBack | Status::RollbackFailed | Status::Superseded), _) => {
                ended
            }
            (_, Some(_)) if tolerated => Status::Ignored,
            (_, Some(failure)) if failure.class == FailureClass::Cancelled => Status::Cancelled,
            (_, Some(failure))
                if failure.class == FailureClass::Superseded && node.deployment.is_some() =>
            {
                Status::Superseded
            }
            (_, Some(_)) => Status::Failed,
            (_, None) if node.ignored.is_some() => Status::Ignored,
            (_, None) => Status::Succeeded,
        })
    }

    /// A deployment's workflow may say what was and is there by what it returns.
    fn record_deployment_result(&mut self, id: NodeId) -> Checked<()> {
        let node = self.node_mut(id)?;
        if let (Some(deployment), BodySignal::Return(value)) = (&mut node.deployment, &node.signal)
        {
            deployment.record.note(value);
        }
        Ok(())
    }

    /// Reports how a node ended.
    pub(super) fn emit_finished(&mut self, id: NodeId, failure: Option<Failure>) -> Checked<()> {
        let Some(kind) = self.kind(id)? else {
            return Ok(());
        };
        let node = self.node(id)?;
        let deployment = node.deployment.as_ref().map(|it| it.record.clone());
        let (node, status) = (node.path.clone(), node.state.status());
        self.emit(RunEventKind::NodeFinished {
            node,
            kind,
            status,
            failure,
            deployment,
        });
        Ok(())
    }

    /// What a node's end means to the block around it: workflows take returns, cells and steps
    /// take yields.
    pub(super) fn end_for_parent(
        &self,
        role: &NodeRole,
        tree: lockstep_plan::TreeId,
        value: Value,
        (yielded, ignored): (Option<Value>, bool),
        signal: BodySignal,
    ) -> BodyEnd {
        let traits = traits(&self.plan.tree.get(tree).stmt.kind);
        match signal {
            signal if !role.is_statement() => BodyEnd::Good {
                value,
                yielded,
                signal,
            },
            BodySignal::Return(value) if traits.takes_returns => BodyEnd::value(value),
            signal if traits.hides_values => BodyEnd::Good {
                value: Value::None,
                yielded: None,
                signal,
            },
            // What a handler yields is for the block around the step.
            signal if traits.takes_yields && !ignored => BodyEnd::Good {
                value: yielded.unwrap_or(value),
                yielded: None,
                signal,
            },
            signal => BodyEnd::Good {
                value,
                yielded,
                signal,
            },
        }
    }

    /// How the enclosing block undoes what the node did, if it may have to.
    fn undo_for_parent(
        &mut self,
        id: NodeId,
        released: Vec<super::LockDemand>,
    ) -> Checked<UndoList> {
        let is_needed = self.node(id)?.inherited.keep_undo;
        let mut undo = std::mem::take(&mut self.node_mut(id)?.undo);
        if !is_needed || undo.is_empty() {
            return Ok(UndoList::default());
        }
        undo = self.undo_under_own_lock(id, undo)?;
        let node = self.node(id)?;
        let tree = node.tree;
        let status = node.state.status();
        // What `always` did after a deployment had rolled back has no line in the ledger.
        let is_half_undone = status == Status::RollbackFailed;
        let is_over = matches!(status, Status::RolledBack | Status::Superseded)
            || (is_half_undone && !self.keeps_way_back);
        let may_change = !is_over;
        // Another run that takes back the rest begins anew.
        let status = match is_half_undone {
            true => Status::Failed,
            false => status,
        };
        if let Some(deployment) = &node.deployment
            && node.visible == Some(NodeKind::Deploy)
            && may_change
        {
            let scope = UndoScope {
                path: node.path.clone(),
                deployment: deployment.record.clone(),
                status,
                at: deployment.at.unwrap_or(0),
            };
            let list = std::mem::take(&mut undo);
            undo.put(UndoRank::Body, tree, Undo::Scope(Box::new(scope), list));
        }
        if !released.is_empty() {
            let list = std::mem::take(&mut undo);
            undo.put(UndoRank::Body, tree, Undo::Held(released, list));
        }
        Ok(undo)
    }
}
