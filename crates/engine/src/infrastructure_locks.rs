//! The infrastructure locks of deployments: a stage acquires those of all its deployments together,
//! just before the first of them, and releases each when its last deployment there has ended. Also
//! the `lock` statement.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use indexmap::IndexSet;

use super::broken::{Breach, BrokenInvariant, Checked, NodeError, failure_apart};
use super::event::{EffectId, LockDemand};
use super::node::{ActiveNode, NodeId, NodeWork, SequenceWork};
use super::node_state::Requester;
use super::run_event::{LockQueuePosition, WaitReason};
use super::statement::traits;
use super::{BodyEnd, Machine, MachineTask};
use lockstep_base::source::Name;
use lockstep_base::value::{InfrastructureId, ServiceId, Value};
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{
    BodySummary, Locals, PlanWalk, TreeId, body, infrastructure_lock, named_lock, stage_value,
};

/// The infrastructure locks of a stage (or of the pipeline, for deployments outside stages).
#[derive(Debug, Clone, Default)]
pub struct InfrastructureLocks {
    /// Whether the locks of everything that is known have been requested.
    all_requested: bool,
    /// The requests, with what each of them covers.
    requests: Vec<InfrastructureLockRequest>,
    /// Every infrastructure that has ever been requested: a rollback needs it again.
    ever_requested: IndexSet<InfrastructureId>,
    /// What has been deployed, and where to, if it may be queried.
    deployed: HashSet<(ServiceId, InfrastructureId)>,
    /// How many deployments will never come, recorded before their locks were requested; keyed by
    /// the statement of the holder's body that contains them, and the infrastructure.
    ended_deployments: HashMap<(usize, InfrastructureId), u32>,
    /// How many deployments to each infrastructure are still to come; nothing where that is not
    /// known, or where they may come back: then locks are held to the end.
    remaining: Option<HashMap<InfrastructureId, u32>>,
}

/// Locks that were requested together.
#[derive(Debug, Clone)]
pub struct InfrastructureLockRequest {
    /// The effect.
    id: EffectId,
    /// What it covers and has not been given back.
    targets: IndexSet<InfrastructureId>,
    /// Whether they are held.
    granted: bool,
    /// Who is before it, where it has to wait.
    queued: Option<LockQueuePosition>,
    /// The deployments that wait for it.
    waiting: Vec<NodeId>,
}

impl InfrastructureLocks {
    /// Each infrastructure that is requested or held, with its request.
    pub(super) fn requested(&self) -> impl Iterator<Item = (EffectId, InfrastructureId)> {
        let of = |it: &InfrastructureLockRequest| {
            let id = it.id;
            it.targets
                .clone()
                .into_iter()
                .map(move |target| (id, target))
        };
        self.requests.iter().flat_map(of)
    }

    /// Whether nothing is given back before the holder has ended.
    pub(super) fn are_held_to_the_end(&self) -> bool {
        self.remaining.is_none()
    }

    /// The request that a deployment waits for.
    pub(super) fn waited_by(&self, id: NodeId) -> Option<EffectId> {
        let found = self.requests.iter().find(|it| it.waiting.contains(&id));
        found.map(|it| it.id)
    }

    /// What of it makes a difference to what comes; `places` are those of the nodes.
    pub(super) fn hash_into(&self, places: &HashMap<NodeId, usize>, hasher: &mut DefaultHasher) {
        for request in &self.requests {
            let targets: Vec<_> = request.targets.iter().map(|it| it.0).collect();
            let waiting = request.waiting.iter();
            let waiting: Vec<_> = waiting.map(|id| places.get(id).copied()).collect();
            (targets, request.granted, waiting).hash(hasher);
        }
        let remaining = self.remaining.iter().flatten();
        let mut remaining: Vec<_> = remaining.map(|(id, count)| (id.0, *count)).collect();
        remaining.sort_unstable();
        let used: Vec<_> = self.ever_requested.iter().map(|it| it.0).collect();
        (self.all_requested, used, remaining).hash(hasher);
        let gone = self.ended_deployments.iter();
        let gone = gone.map(|((at, target), count)| (at, target.0, count));
        gone.collect::<BTreeSet<_>>().hash(hasher);
    }
}

impl Machine {
    /// Whether deployments to an infrastructure hold a lock.
    pub(super) fn is_exclusive(&self, target: InfrastructureId) -> bool {
        let fields = self.plan.bound.facts.infrastructures.get(target.0 as usize);
        fields.and_then(|fields| fields.get("exclusive")) != Some(&Value::Bool(false))
    }

    /// Whether the holder of a deployment has the lock; if not, the deployment is notified later.
    pub(super) fn hold_infrastructure_lock(
        &mut self,
        id: NodeId,
        target: InfrastructureId,
    ) -> Result<bool, NodeError> {
        let holder = self.node(id)?.inherited.lock_holder;
        let mut holds = self
            .node_mut(holder)?
            .infrastructure_locks
            .take()
            .unwrap_or_default();
        if !holds.all_requested {
            holds.all_requested = true;
            let asked = self.request_all_locks(holder, &mut holds)?;
            asked.map_err(|halt| self.fault(id, halt))?;
        }
        let covers = |request: &InfrastructureLockRequest| request.targets.contains(&target);
        let at = match holds.requests.iter().position(covers) {
            Some(at) => at,
            None => {
                // It could not be known before that this deployment would come, or that one more
                // would come after the last: a failure handler's, for example.
                let request = self.request(holder, IndexSet::from([target]), &mut holds)?;
                holds.requests.push(request);
                holds.requests.len() - 1
            }
        };
        let Some(request) = holds.requests.get_mut(at) else {
            return Err(BrokenInvariant::of(self.node(id)?, Breach::NotA("request")).into());
        };
        let (granted, queued) = (request.granted, request.queued.is_some());
        if !granted {
            request.waiting.push(id);
        }
        self.node_mut(holder)?.infrastructure_locks = Some(holds);
        if queued && !granted {
            self.wait_for_infrastructure_lock(id)?;
        }
        Ok(granted)
    }

    /// Records what a stage deploys, for later queries.
    pub(super) fn record_deployed(
        &mut self,
        id: NodeId,
        service: ServiceId,
        target: InfrastructureId,
    ) -> Checked<()> {
        let Some(stage) = self.stage_around(id)? else {
            return Ok(());
        };
        let asked = self
            .plan
            .tree
            .get(self.node(stage)?.tree)
            .stmt
            .bind
            .is_some();
        if asked && !self.node(id)?.inherited.undoing {
            let holds = self
                .node_mut(stage)?
                .infrastructure_locks
                .get_or_insert_default();
            holds.deployed.insert((service, target));
        }
        Ok(())
    }

    /// The stage that a node is in, whether it holds locks or what is around it does.
    fn stage_around(&self, id: NodeId) -> Checked<Option<NodeId>> {
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.node(id)?;
            if node.is_statement() && traits(&self.plan.tree.get(node.tree).stmt.kind).is_stage {
                return Ok(Some(id));
            }
            at = node.parent;
        }
        Ok(None)
    }

    fn wait_for_infrastructure_lock(&mut self, id: NodeId) -> Checked<()> {
        let holder = self.node(id)?.inherited.lock_holder;
        let holds = self.node(holder)?.infrastructure_locks.as_ref();
        let request = holds.and_then(|it| it.requests.iter().find(|it| it.waiting.contains(&id)));
        let (targets, queue) = request
            .map(|request| (request.targets.clone(), request.queued.clone()))
            .unwrap_or_default();
        let names = targets
            .into_iter()
            .map(|target| self.infrastructure_lock_name(target))
            .collect();
        let queue = queue.unwrap_or_default();
        self.wait(id, WaitReason::Lock { names, queue })
    }

    /// Requested locks are not free.
    pub(super) fn queued(
        &mut self,
        id: NodeId,
        request: EffectId,
        queue: LockQueuePosition,
    ) -> Checked<()> {
        match self.node(id)?.state.requests_lock(request) {
            Some(Requester::Lock) => {
                let names = self.resource_names(id)?;
                return self.wait(id, WaitReason::Lock { names, queue });
            }
            // The part of a rollback has no name that it could wait under.
            Some(Requester::Rollback) => return Ok(()),
            None => {}
        }
        let holds = self.node_mut(id)?.infrastructure_locks.as_mut();
        let found = holds.and_then(|it| it.requests.iter_mut().find(|it| it.id == request));
        let Some(found) = found else {
            return Err(self.wrong_answer(id, request));
        };
        found.queued = Some(queue);
        for waiting in found.waiting.clone() {
            self.wait_for_infrastructure_lock(waiting)?;
        }
        Ok(())
    }

    /// What the program calls the resources that a `lock` waits for.
    pub(super) fn resource_names(&self, id: NodeId) -> Checked<Vec<Name>> {
        let node = self.node(id)?;
        let StmtKind::Lock { resource, .. } = &self.plan.tree.get(node.tree).stmt.kind else {
            return Err(BrokenInvariant::of(node, Breach::NotA("lock")));
        };
        // Two of which nothing is known are not supposed to be the same.
        let own = |value: &Value| match value {
            Value::Unknown => Value::string(&*node.path),
            known => known.clone(),
        };
        let value = match self.eval(resource, &node.locals) {
            Ok(Value::List(several)) => Value::list(several.iter().map(own)),
            Ok(one) => own(&one),
            Err(_) => return Ok(Vec::new()),
        };
        Ok(Self::walk(&self.plan, &self.run).lock_names_in(&value))
    }

    /// What a `lock` asks for.
    pub(super) fn lock_demands_of(&self, id: NodeId) -> Checked<Vec<LockDemand>> {
        let node = self.node(id)?;
        let names = self.resource_names(id)?;
        let StmtKind::Lock { limit, .. } = &self.plan.tree.get(node.tree).stmt.kind else {
            return Err(BrokenInvariant::of(node, Breach::NotA("lock")));
        };
        let limit = match limit {
            Some(limit) => failure_apart(self.count_of(id, limit))?.unwrap_or(1),
            None => 1,
        };
        let limit = limit.max(1);
        let names = names.into_iter().map(named_lock);
        Ok(names.map(|name| LockDemand { name, limit }).collect())
    }

    fn request(
        &mut self,
        holder: NodeId,
        targets: IndexSet<InfrastructureId>,
        holds: &mut InfrastructureLocks,
    ) -> Checked<InfrastructureLockRequest> {
        let wants = targets
            .iter()
            .map(|target| self.lock_demand(*target))
            .collect();
        holds.ever_requested.extend(targets.iter().copied());
        let id = self.acquire(holder, wants)?;
        Ok(InfrastructureLockRequest {
            id,
            targets,
            granted: false,
            queued: None,
            waiting: Vec::new(),
        })
    }

    pub(super) fn infrastructure_lock_name(&self, target: InfrastructureId) -> Name {
        Name::from(self.display(&Value::Infrastructure(target)))
    }

    fn lock_demand(&self, target: InfrastructureId) -> LockDemand {
        LockDemand {
            name: infrastructure_lock(self.infrastructure_lock_name(target)),
            limit: 1,
        }
    }

    /// Requests the locks of all deployments of a stage, together.
    fn request_all_locks(
        &mut self,
        holder: NodeId,
        holds: &mut InfrastructureLocks,
    ) -> Checked<Result<(), Halt>> {
        let sum = match self.remaining_summary(holder)? {
            Ok(sum) => sum,
            Err(halt) => return Ok(Err(halt)),
        };
        let at = self.statement_of(holder)?;
        let gone = |target| {
            holds
                .ended_deployments
                .get(&(at, target))
                .copied()
                .unwrap_or(0)
        };
        let exclusive: Vec<(InfrastructureId, u32)> = sum
            .targets
            .iter()
            .map(|(target, count)| (*target, count.saturating_sub(gone(*target))))
            .filter(|(target, count)| *count > 0 && self.is_exclusive(*target))
            .collect();
        let to_the_end = sum.unsure || self.plan.tree.may_come_back(self.node(holder)?.tree);
        holds.remaining = (!to_the_end).then(|| exclusive.iter().copied().collect());
        let mut targets: IndexSet<_> = exclusive.into_iter().map(|(target, _)| target).collect();
        let named = sum.named_targets.iter().copied();
        targets.extend(named.filter(|it| self.is_exclusive(*it)));
        if self.plan.tree.holds_beyond_stages(self.node(holder)?.tree) {
            // It must not wait for more later: two such could each have what the other needs.
            let possible = Self::walk(&self.plan, &self.run).possible_targets(&sum);
            let possible = possible.into_iter().filter(|it| self.is_exclusive(*it));
            targets.extend(possible.filter(|it| !sum.targets.contains_key(it)));
        }
        if !targets.is_empty() {
            let request = self.request(holder, targets, holds)?;
            holds.requests.push(request);
        }
        Ok(Ok(()))
    }

    /// The statement of its body that a holder is at.
    fn statement_of(&self, holder: NodeId) -> Checked<usize> {
        let seq = self.node(holder)?.state.sequence();
        Ok(seq.map_or(0, |seq| seq.next))
    }

    /// What a stage will do from the statement on that it is at: what was done before has given
    /// values to what follows.
    fn remaining_summary(&self, holder: NodeId) -> Checked<Result<BodySummary, Halt>> {
        let node = self.node(holder)?;
        let spot = self.plan.tree.get(node.tree);
        let walk = self.walk_of(node);
        let sum = match node.state.sequence() {
            Some(seq) => {
                let rest = seq.seq.get(seq.next.saturating_sub(1)..);
                walk.summary(&rest.unwrap_or_default().into(), &seq.locals)
            }
            // The cells of a loop are known by its axes.
            None if !traits(&spot.stmt.kind).is_stage && node.parent.is_some() => {
                walk.summary_of_node(node.tree, &mut node.locals.clone())
            }
            None => walk.summary(body(spot), &node.locals),
        };
        Ok(sum.and_then(|mut sum| {
            walk.add_handlers(spot, &node.locals, &mut sum)?;
            Ok(sum)
        }))
    }

    /// A walk over a holder: stages in a pipeline that is not `atomic` hold locks of their own.
    pub(super) fn walk_of(&self, holder: &ActiveNode) -> PlanWalk<'_> {
        PlanWalk {
            skip_holders: !self.plan.tree.get(holder.tree).shares_locks,
            ..Self::walk(&self.plan, &self.run)
        }
    }

    /// Locks were granted.
    pub(super) fn acquired(&mut self, id: NodeId, request: EffectId) -> Checked<()> {
        match self.node(id)?.state.requests_lock(request) {
            Some(Requester::Lock) => {
                let (seq, locals) = (self.body_of(id, 0)?, self.node(id)?.locals.clone());
                self.begin_work(
                    id,
                    NodeWork::Locked(request, SequenceWork::new(seq, locals)),
                )?;
                self.begin(id, None)?;
                return self.advance(id);
            }
            Some(Requester::Rollback) => return self.undo_next(id),
            None => {}
        }
        let holds = self.node_mut(id)?.infrastructure_locks.as_mut();
        let found = holds.and_then(|it| it.requests.iter_mut().find(|it| it.id == request));
        let Some(found) = found else {
            return Err(self.wrong_answer(id, request));
        };
        found.granted = true;
        let targets = found.targets.clone();
        for waiting in std::mem::take(&mut found.waiting) {
            if let Err(failure) = failure_apart(self.run_deployment(waiting))? {
                self.queue
                    .push(MachineTask::Ended(waiting, BodyEnd::bad(failure)));
            }
        }
        // Those who wanted some of them may have withdrawn meanwhile.
        for target in targets {
            self.release_if_done(id, target)?;
        }
        Ok(())
    }

    /// The deployments that wait for a request of their stage, which is forgotten.
    pub(super) fn drop_lock_request(
        &mut self,
        holder: NodeId,
        id: EffectId,
    ) -> Checked<Vec<NodeId>> {
        let Some(holds) = self.node_mut(holder)?.infrastructure_locks.as_mut() else {
            return Ok(Vec::new());
        };
        let gone = holds.requests.extract_if(.., |request| request.id == id);
        Ok(gone.flat_map(|request| request.waiting).collect())
    }

    /// Removes a deployment from those that wait for the lock. Returns whether it waited.
    pub(super) fn stop_waiting_for_lock(&mut self, id: NodeId) -> Checked<bool> {
        let holder = self.node(id)?.inherited.lock_holder;
        let Some(holds) = self.node_mut(holder)?.infrastructure_locks.as_mut() else {
            return Ok(false);
        };
        Ok(holds.requests.iter_mut().any(|request| {
            let before = request.waiting.len();
            request.waiting.retain(|waiting| *waiting != id);
            request.waiting.len() < before
        }))
    }

    /// Frees what a node that ends holds; for a stage, what a rollback of it would need again.
    pub(super) fn release_infrastructure_locks(&mut self, id: NodeId) -> Checked<Vec<LockDemand>> {
        let node = self.node_mut(id)?;
        if let Some(deployment) = &node.deployment
            && deployment.holds
        {
            let (target, holder) = (deployment.target, node.inherited.lock_holder);
            self.count_deployment_ended(holder, target)?;
            return Ok(Vec::new());
        }
        let Some(holds) = &mut self.node_mut(id)?.infrastructure_locks else {
            return Ok(Vec::new());
        };
        let (requests, used) = (
            std::mem::take(&mut holds.requests),
            holds.ever_requested.clone(),
        );
        for request in requests {
            // Not those that have been given back one by one.
            if !request.granted || !request.targets.is_empty() {
                self.release(request.id, Vec::new());
            }
        }
        Ok(used
            .into_iter()
            .map(|target| self.lock_demand(target))
            .collect())
    }

    /// One of the deployments to an infrastructure that were to come has ended.
    fn count_deployment_ended(&mut self, holder: NodeId, target: InfrastructureId) -> Checked<()> {
        let Some(holds) = self.node_mut(holder)?.infrastructure_locks.as_mut() else {
            return Ok(());
        };
        if let Some(remaining) = holds.remaining.as_mut().and_then(|it| it.get_mut(&target)) {
            *remaining = remaining.saturating_sub(1);
            self.release_if_done(holder, target)?;
        }
        Ok(())
    }

    /// Statements in a node will not be reached: what they would deploy is not waited for.
    pub(super) fn count_skipped_deployments(
        &mut self,
        id: NodeId,
        spots: &[TreeId],
        locals: &Locals,
    ) -> Checked<()> {
        let holder = self.around_children(id)?.lock_holder;
        let asked = |it: &ActiveNode| {
            it.infrastructure_locks
                .as_ref()
                .is_some_and(|it| it.all_requested)
        };
        let counts = |it: &ActiveNode| {
            it.infrastructure_locks
                .as_ref()
                .is_none_or(|it| it.remaining.is_some())
        };
        let (asked, counts) = (asked(self.node(holder)?), counts(self.node(holder)?));
        let deploys = |tree: &TreeId| self.plan.tree.get(*tree).has_deploy;
        let settled = if asked { !counts } else { id == holder };
        if settled || !spots.iter().any(deploys) {
            return Ok(());
        }
        let Ok(sum) = self
            .walk_of(self.node(holder)?)
            .summary(&spots.into(), locals)
        else {
            return Ok(());
        };
        let at = self.statement_of(holder)?;
        for (target, count) in sum.targets {
            if !asked {
                let holds = self
                    .node_mut(holder)?
                    .infrastructure_locks
                    .get_or_insert_default();
                *holds.ended_deployments.entry((at, target)).or_default() += count;
                continue;
            }
            for _ in 0..count {
                self.count_deployment_ended(holder, target)?;
            }
        }
        Ok(())
    }

    fn release_if_done(&mut self, holder: NodeId, target: InfrastructureId) -> Checked<()> {
        let name = self.lock_demand(target).name;
        let Some(holds) = self.node_mut(holder)?.infrastructure_locks.as_mut() else {
            return Ok(());
        };
        let done = |it: &HashMap<_, u32>| it.get(&target) == Some(&0);
        if !holds.remaining.as_ref().is_some_and(done) {
            return Ok(());
        }
        let mut requests = holds.requests.iter_mut();
        let found = requests.find(|it| it.granted && it.targets.contains(&target));
        if let Some(request) = found {
            request.targets.swap_remove(&target);
            let id = request.id;
            self.release(id, vec![name]);
        }
        Ok(())
    }

    /// The value of a stage after it.
    pub(super) fn stage_value(&self, id: NodeId) -> Checked<Option<Value>> {
        let node = self.node(id)?;
        let spot = self.plan.tree.get(node.tree);
        if !traits(&spot.stmt.kind).is_stage || spot.stmt.bind.is_none() {
            return Ok(None);
        }
        let Ok(mut sum) = self.walk_of(node).summary(body(spot), &node.locals) else {
            return Ok(None);
        };
        if sum.unsure {
            // Then what it did deploy counts, in the order of the program.
            let deployed = node
                .infrastructure_locks
                .as_ref()
                .map(|holds| &holds.deployed);
            let deployed = deployed.into_iter().flatten();
            let mut services: Vec<_> = deployed.clone().map(|(service, _)| *service).collect();
            let mut targets: Vec<_> = deployed.map(|(_, target)| (*target, 1)).collect();
            services.sort_unstable();
            targets.sort_unstable();
            sum.services = services.into_iter().collect();
            sum.targets = targets.into_iter().collect();
        }
        Ok(Some(stage_value(&sum)))
    }
}
