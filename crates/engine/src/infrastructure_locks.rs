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
use super::windows::WindowRequest;
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
    /// The effect that requests them; nothing while a window is closed, and where none of them has
    /// a lock.
    pub(super) id: Option<EffectId>,
    /// What it covers and has not been given back.
    pub(super) targets: IndexSet<InfrastructureId>,
    /// Whether they are held.
    granted: bool,
    /// Who is before it, where it has to wait.
    pub(super) queued: Option<LockQueuePosition>,
    /// The deployments that wait for it.
    pub(super) waiting: Vec<NodeId>,
    /// What is asked of the windows of these infrastructures.
    pub(super) window: Option<WindowRequest>,
}

impl InfrastructureLocks {
    /// Each infrastructure that is requested or held, with its request.
    pub(super) fn requested(&self) -> impl Iterator<Item = (EffectId, InfrastructureId)> {
        let of = |it: &InfrastructureLockRequest| {
            let id = it.id;
            let targets = it.targets.clone().into_iter();
            targets.filter_map(move |target| Some((id?, target)))
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
        found.and_then(|it| it.id)
    }

    /// The request that asks a question about windows, and its place.
    pub(super) fn asking(&self, question: EffectId) -> Option<(usize, &InfrastructureLockRequest)> {
        let mut requests = self.requests.iter().enumerate();
        requests.find(|(_, it)| it.window.as_ref().and_then(|it| it.asked) == Some(question))
    }

    /// A request, by its place.
    pub(super) fn request_at(&mut self, at: usize) -> Option<&mut InfrastructureLockRequest> {
        self.requests.get_mut(at)
    }

    /// Forgets a request, by its place.
    pub(super) fn take_request(&mut self, at: usize) -> InfrastructureLockRequest {
        self.requests.remove(at)
    }

    /// What is asked of windows by requests that have not been granted.
    pub(super) fn ungranted_windows(&mut self) -> impl Iterator<Item = &mut WindowRequest> {
        let open = self.requests.iter_mut().filter(|it| !it.granted);
        open.filter_map(|it| it.window.as_mut())
    }

    /// What of it makes a difference to what comes; `places` are those of the nodes.
    pub(super) fn hash_into(&self, places: &HashMap<NodeId, usize>, hasher: &mut DefaultHasher) {
        for request in &self.requests {
            let targets: Vec<_> = request.targets.iter().map(|it| it.0).collect();
            let waiting = request.waiting.iter();
            let waiting: Vec<_> = waiting.map(|id| places.get(id).copied()).collect();
            let window = request.window.as_ref();
            let window = window.map(|it| (it.asked.is_some(), it.closed.is_some(), it.is_old));
            (targets, request.granted, waiting, window).hash(hasher);
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
        let found = self.request_for(holder, id, target, &mut holds);
        // What has been requested before stays so, whatever comes of this.
        self.node_mut(holder)?.infrastructure_locks = Some(holds);
        let at = found?;
        let holds = self.node_mut(holder)?.infrastructure_locks.as_mut();
        let Some(request) = holds.and_then(|it| it.requests.get_mut(at)) else {
            return Err(BrokenInvariant::of(self.node(id)?, Breach::NotA("request")).into());
        };
        let (granted, queued) = (request.granted, request.queued.is_some());
        let closed = request.window.as_ref().and_then(|it| it.closed.clone());
        if !granted {
            request.waiting.push(id);
        }
        match closed {
            _ if granted => {}
            Some(closed) => self.wait_for_window(id, closed)?,
            None if queued => self.wait_for_infrastructure_lock(id)?,
            None => {}
        }
        Ok(granted)
    }

    /// The place of the request that covers an infrastructure, which is made if there is none.
    fn request_for(
        &mut self,
        holder: NodeId,
        asker: NodeId,
        target: InfrastructureId,
        holds: &mut InfrastructureLocks,
    ) -> Result<usize, NodeError> {
        if !holds.all_requested {
            holds.all_requested = true;
            self.request_all_locks(holder, asker, holds)?;
        }
        let covers = |request: &InfrastructureLockRequest| request.targets.contains(&target);
        if let Some(at) = holds.requests.iter().position(covers) {
            return Ok(at);
        }
        // It could not be known before that this deployment would come, or that one more would
        // come after the last: a failure handler's, for example.
        let request = self.request(holder, asker, IndexSet::from([target]), holds)?;
        holds.requests.push(request);
        Ok(holds.requests.len() - 1)
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
        let found = holds.and_then(|it| it.requests.iter_mut().find(|it| it.id == Some(request)));
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
        asker: NodeId,
        targets: IndexSet<InfrastructureId>,
        holds: &mut InfrastructureLocks,
    ) -> Result<InfrastructureLockRequest, NodeError> {
        let window = self.ask_windows(holder, asker, &targets)?;
        let exclusive = targets.iter().filter(|it| self.is_exclusive(**it));
        holds.ever_requested.extend(exclusive.copied());
        let id = match window {
            // The locks are requested when it is open.
            Some(_) => None,
            None => Some(self.acquire(holder, self.lock_demands(&targets))?),
        };
        Ok(InfrastructureLockRequest {
            id,
            targets,
            granted: false,
            queued: None,
            waiting: Vec::new(),
            window,
        })
    }

    pub(super) fn infrastructure_lock_name(&self, target: InfrastructureId) -> Name {
        Name::from(self.display(&Value::Infrastructure(target)))
    }

    pub(super) fn lock_demand(&self, target: InfrastructureId) -> LockDemand {
        LockDemand {
            name: infrastructure_lock(self.infrastructure_lock_name(target)),
            limit: 1,
        }
    }

    /// Requests the locks of all deployments of a stage, together.
    fn request_all_locks(
        &mut self,
        holder: NodeId,
        asker: NodeId,
        holds: &mut InfrastructureLocks,
    ) -> Result<(), NodeError> {
        let sum = self.remaining_summary(holder)?;
        let sum = sum.map_err(|halt| self.fault(asker, halt))?;
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
            .filter(|(target, count)| *count > 0 && self.is_guarded(*target))
            .collect();
        let to_the_end = sum.unsure || self.plan.tree.may_come_back(self.node(holder)?.tree);
        holds.remaining = (!to_the_end).then(|| exclusive.iter().copied().collect());
        let mut targets: IndexSet<_> = exclusive.into_iter().map(|(target, _)| target).collect();
        let named = sum.named_targets.iter().copied();
        targets.extend(named.filter(|it| self.is_guarded(*it)));
        if self.plan.tree.holds_beyond_stages(self.node(holder)?.tree) {
            // It must not wait for more later: two such could each have what the other needs.
            let possible = Self::walk(&self.plan, &self.run).possible_targets(&sum);
            let possible = possible.into_iter().filter(|it| self.is_guarded(*it));
            targets.extend(possible.filter(|it| !sum.targets.contains_key(it)));
        }
        if !targets.is_empty() {
            let request = self.request(holder, asker, targets, holds)?;
            holds.requests.push(request);
        }
        Ok(())
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
        let found = holds.and_then(|it| it.requests.iter().position(|it| it.id == Some(request)));
        let Some(at) = found else {
            return Err(self.wrong_answer(id, request));
        };
        match self.asks_again(id, at)? {
            true => Ok(()),
            false => self.grant_request(id, at),
        }
    }

    /// The infrastructures of a request may be deployed to.
    pub(super) fn grant_request(&mut self, id: NodeId, at: usize) -> Checked<()> {
        let holds = self.node_mut(id)?.infrastructure_locks.as_mut();
        let Some(found) = holds.and_then(|it| it.requests.get_mut(at)) else {
            return Err(BrokenInvariant::of(self.node(id)?, Breach::NotA("request")));
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
        let gone = holds
            .requests
            .extract_if(.., |request| request.id == Some(id));
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
            if let Some(question) = request.window.and_then(|it| it.asked) {
                self.leave_window(question);
            }
            if let Some(id) = request.id
                && (!request.granted || !request.targets.is_empty())
            {
                self.release(id, Vec::new());
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
            if let Some(id) = request.id
                && self.is_exclusive(target)
            {
                self.release(id, vec![name]);
            }
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
