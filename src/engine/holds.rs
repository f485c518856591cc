//! The locks of infrastructures: a stage takes those of all its deployments together, just before
//! the first of them, and frees each when its last deployment there has ended; and `lock`.
//! It does not know who else wants them.

use std::collections::HashMap;

use super::event::{Effect, EffectId, Want};
use super::node::{HoldRequest, Holds, NodeId, SeqWork, Work};
use super::notice::{Failure, Waiting};
use super::{End, Machine, Task};
use crate::ir::{StmtKind, Verdict};
use crate::plan::{Sum, Tree, TreeId, Walk, stage_value};
use crate::source::Name;
use crate::value::{InfrastructureId, Value};

impl Machine {
    /// Whether deployments to an infrastructure hold a lock.
    pub(super) fn is_exclusive(&self, target: InfrastructureId) -> bool {
        let fields = self.plan.bound.facts.infrastructures.get(target.0 as usize);
        fields.and_then(|fields| fields.get("exclusive")) != Some(&Value::Bool(false))
    }

    /// Whether the holder of a deployment has the lock; if not, the deployment is told later.
    pub(super) fn hold(&mut self, id: NodeId, target: InfrastructureId) -> Result<bool, Failure> {
        let holder = self.look(id).around.holder;
        if self.look(holder).holds.is_none() {
            let holds = self
                .first_hold(holder)
                .map_err(|halt| self.fault(id, halt))?;
            self.node(holder).holds = Some(Box::new(holds));
        }
        let covered = |request: &&mut HoldRequest| request.targets.contains(&target);
        let requests = |machine: &mut Self| machine.node(holder).holds.take().unwrap_or_default();
        let mut holds = requests(self);
        if !holds
            .requests
            .iter_mut()
            .any(|mut request| covered(&&mut request))
        {
            // The walk before the stage could not know of this deployment.
            let request = self.request(holder, vec![target]);
            holds.requests.push(request);
        }
        let mut granted = false;
        let mut queued = false;
        if let Some(request) = holds.requests.iter_mut().find(covered) {
            (granted, queued) = (request.granted, request.queued);
            if !granted {
                request.waiting.push(id);
            }
        }
        self.node(holder).holds = Some(holds);
        if queued {
            self.wait_for_hold(id);
        }
        Ok(granted)
    }

    fn wait_for_hold(&mut self, id: NodeId) {
        let holder = self.look(id).around.holder;
        let holds = self.look(holder).holds.as_ref();
        let request = holds.and_then(|it| it.requests.iter().find(|it| it.waiting.contains(&id)));
        let targets = request
            .map(|request| request.targets.clone())
            .unwrap_or_default();
        let names = targets
            .into_iter()
            .map(|target| self.place_name(target))
            .collect();
        self.wait(id, Waiting::Lock { names });
    }

    /// Locks that were asked for are not free.
    pub(super) fn queued(&mut self, id: NodeId, request: EffectId) {
        if let Work::LockWait(wanted) = &self.look(id).work
            && *wanted == request
        {
            let names = vec![self.lock_name(id)];
            return self.wait(id, Waiting::Lock { names });
        }
        let holds = self.node(id).holds.as_mut();
        let found = holds.and_then(|it| it.requests.iter_mut().find(|it| it.id == request));
        let Some(found) = found else { return };
        found.queued = true;
        for waiting in found.waiting.clone() {
            self.wait_for_hold(waiting);
        }
    }

    /// The name of the resource that a `lock` waits for.
    fn lock_name(&self, id: NodeId) -> Name {
        let node = self.look(id);
        let StmtKind::Lock { resource, .. } = &self.plan.tree.get(node.tree).stmt.kind else {
            return Name::default();
        };
        let value = self.eval(resource, &node.locals);
        Name::from(value.map_or(String::new(), |value| self.display(&value)))
    }

    fn request(&mut self, holder: NodeId, targets: Vec<InfrastructureId>) -> HoldRequest {
        let wants = targets.iter().map(|target| self.want(*target)).collect();
        let id = self.acquire(holder, wants);
        HoldRequest {
            id,
            targets,
            granted: false,
            queued: false,
            waiting: Vec::new(),
        }
    }

    fn place_name(&self, target: InfrastructureId) -> Name {
        Name::from(self.display(&Value::Infrastructure(target)))
    }

    fn want(&self, target: InfrastructureId) -> Want {
        Want {
            name: Name::from(format!("infrastructure {}", self.place_name(target))),
            limit: 1,
        }
    }

    /// The locks of all deployments of a stage, asked for together.
    fn first_hold(&mut self, holder: NodeId) -> Result<Holds, crate::eval::Halt> {
        let sum = self.sum_of_body(holder)?;
        let exclusive: Vec<(InfrastructureId, u32)> = sum
            .targets
            .iter()
            .map(|(target, count)| (*target, *count))
            .filter(|(target, _)| self.is_exclusive(*target))
            .collect();
        let to_the_end = sum.unsure || may_come_back(&self.plan.tree, self.look(holder).tree);
        let remaining: HashMap<InfrastructureId, u32> = exclusive.iter().copied().collect();
        let targets = exclusive.into_iter().map(|(target, _)| target).collect();
        let requests = vec![self.request(holder, targets)];
        Ok(Holds {
            requests,
            remaining: (!to_the_end).then_some(remaining),
        })
    }

    fn sum_of_body(&self, holder: NodeId) -> Result<Sum, crate::eval::Halt> {
        let node = self.look(holder);
        let is_stage = matches!(
            self.plan.tree.get(node.tree).stmt.kind,
            StmtKind::Stage { .. }
        );
        let walk = Walk {
            skip_stages: !is_stage,
            ..Self::walk(&self.plan, &self.run)
        };
        walk.sum(
            crate::plan::body(self.plan.tree.get(node.tree)),
            &node.locals,
        )
    }

    /// Locks were granted.
    pub(super) fn acquired(&mut self, id: NodeId, request: EffectId) {
        match &self.look(id).work {
            Work::LockWait(wanted) if *wanted == request => {
                let (seq, locals) = (self.body_of(id, 0), self.look(id).locals.clone());
                self.node(id).work = Work::Locked(request, SeqWork::new(seq, locals));
                self.begin(id, None);
                return self.step(id);
            }
            Work::Undoing(work) if work.locks == Some(request) => return self.undo_next(id),
            _ => {}
        }
        let holds = self.node(id).holds.as_mut();
        let found = holds.and_then(|it| it.requests.iter_mut().find(|it| it.id == request));
        let Some(found) = found else { return };
        found.granted = true;
        for waiting in std::mem::take(&mut found.waiting) {
            if let Err(failure) = self.run_deployment(waiting) {
                self.queue
                    .push_back(Task::Ended(waiting, End::bad(failure)));
            }
        }
    }

    /// A deployment does not wait for its lock any more. Whether it did.
    pub(super) fn stop_waiting_for_hold(&mut self, id: NodeId) -> bool {
        let holder = self.look(id).around.holder;
        let Some(holds) = self.node(holder).holds.as_mut() else {
            return false;
        };
        holds.requests.iter_mut().any(|request| {
            let before = request.waiting.len();
            request.waiting.retain(|waiting| *waiting != id);
            request.waiting.len() < before
        })
    }

    /// Frees what a node that ends holds; for a stage, what a rollback of it would need again.
    pub(super) fn release_holds(&mut self, id: NodeId) -> Vec<Want> {
        let node = self.node(id);
        if let Some(deployment) = &node.deployment
            && deployment.holds
        {
            let (target, holder) = (deployment.target, node.around.holder);
            self.release_one(holder, target);
            return Vec::new();
        }
        let Some(holds) = self.node(id).holds.take() else {
            return Vec::new();
        };
        let mut wants = Vec::new();
        for request in holds.requests {
            self.pending.remove(&request.id);
            self.effects.push(Effect::Release {
                id: request.id,
                names: Vec::new(),
            });
            wants.extend(request.targets.iter().map(|target| self.want(*target)));
        }
        wants
    }

    fn release_one(&mut self, holder: NodeId, target: InfrastructureId) {
        let name = self.want(target).name;
        let Some(holds) = self.node(holder).holds.as_mut() else {
            return;
        };
        let Some(remaining) = holds.remaining.as_mut().and_then(|it| it.get_mut(&target)) else {
            return;
        };
        *remaining = remaining.saturating_sub(1);
        if *remaining > 0 {
            return;
        }
        let request = holds
            .requests
            .iter()
            .find(|it| it.granted && it.targets.contains(&target));
        if let Some(id) = request.map(|request| request.id) {
            self.effects.push(Effect::Release {
                id,
                names: vec![name],
            });
        }
    }

    /// The value of a stage after it.
    pub(super) fn stage_value(&self, id: NodeId) -> Option<Value> {
        let node = self.look(id);
        let stmt = &self.plan.tree.get(node.tree).stmt;
        let is_stage = matches!(stmt.kind, StmtKind::Stage { .. }) && stmt.bind.is_some();
        let sum = is_stage.then(|| self.sum_of_body(id))?.ok()?;
        Some(stage_value(&sum))
    }
}

/// Whether deployments in a node may run a second time or be rolled back from outside them, so
/// that their locks are held to the node's end.
fn may_come_back(tree: &Tree, id: TreeId) -> bool {
    let node = tree.get(id);
    let handlers = node.on_failure.iter().chain(&node.always);
    node.stmt.modifiers.retry.is_some()
        || node.stmt.modifiers.atomic
        || node.may_roll_back
        || matches!(node.stmt.kind, StmtKind::Verdict(Verdict::Retry(_)))
        || node
            .bodies
            .iter()
            .chain(handlers)
            .flat_map(|body| body.iter())
            .any(|child| {
                !matches!(tree.get(*child).stmt.kind, StmtKind::Deploy { .. })
                    && may_come_back(tree, *child)
            })
}
