//! The infrastructure locks of deployments: a stage acquires those of all its deployments together,
//! just before the first of them, and releases each when its last deployment there has ended. Also
//! the `lock` statement.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use indexmap::IndexSet;

use super::broken::{Breach, BrokenInvariant, Checked, NodeError, failure_apart};
use super::event::{EffectId, Want};
use super::life::Requester;
use super::node::{Node, NodeId, SeqWork, Work};
use super::notice::{Queue, Waiting};
use super::statement::traits;
use super::{End, Machine, Task};
use lockstep_base::source::Name;
use lockstep_base::value::{InfrastructureId, ServiceId, Value};
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{Locals, Sum, TreeId, Walk, body, stage_value};

/// The infrastructure locks of a stage (or of the pipeline, for deployments outside stages).
#[derive(Debug, Clone, Default)]
pub struct Holds {
    /// Whether the locks of everything that is known have been requested.
    asked: bool,
    /// The requests, with what each of them covers.
    requests: Vec<HoldRequest>,
    /// Every infrastructure that has ever been requested: a rollback needs it again.
    used: IndexSet<InfrastructureId>,
    /// What has been deployed, and where to, if it may be queried.
    deployed: HashSet<(ServiceId, InfrastructureId)>,
    /// How many deployments will never come, recorded before their locks were requested; keyed by
    /// the statement of the holder's body that contains them, and the infrastructure.
    gone: HashMap<(usize, InfrastructureId), u32>,
    /// How many deployments to each infrastructure are still to come; nothing where that is not
    /// known, or where they may come back: then locks are held to the end.
    remaining: Option<HashMap<InfrastructureId, u32>>,
}

/// Locks that were requested together.
#[derive(Debug, Clone)]
pub struct HoldRequest {
    /// The effect.
    id: EffectId,
    /// What it covers and has not been given back.
    targets: IndexSet<InfrastructureId>,
    /// Whether they are held.
    granted: bool,
    /// Who is before it, where it has to wait.
    queued: Option<Queue>,
    /// The deployments that wait for it.
    waiting: Vec<NodeId>,
}

impl Holds {
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
        let used: Vec<_> = self.used.iter().map(|it| it.0).collect();
        (self.asked, used, remaining).hash(hasher);
        let gone = self.gone.iter();
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
    pub(super) fn hold(&mut self, id: NodeId, target: InfrastructureId) -> Result<bool, NodeError> {
        let holder = self.look(id)?.around.holder;
        let mut holds = self.node(holder)?.holds.take().unwrap_or_default();
        if !holds.asked {
            holds.asked = true;
            let asked = self.ask_for_all(holder, &mut holds)?;
            asked.map_err(|halt| self.fault(id, halt))?;
        }
        let covers = |request: &HoldRequest| request.targets.contains(&target);
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
            return Err(BrokenInvariant::of(self.look(id)?, Breach::NotA("request")).into());
        };
        let (granted, queued) = (request.granted, request.queued.is_some());
        if !granted {
            request.waiting.push(id);
        }
        self.node(holder)?.holds = Some(holds);
        if queued && !granted {
            self.wait_for_hold(id)?;
        }
        Ok(granted)
    }

    /// Records what a stage deploys, for later queries.
    pub(super) fn note_deployed(
        &mut self,
        id: NodeId,
        service: ServiceId,
        target: InfrastructureId,
    ) -> Checked<()> {
        let holder = self.look(id)?.around.holder;
        let asked = self
            .plan
            .tree
            .get(self.look(holder)?.tree)
            .stmt
            .bind
            .is_some();
        if asked && !self.look(id)?.around.undoing {
            let holds = self.node(holder)?.holds.get_or_insert_default();
            holds.deployed.insert((service, target));
        }
        Ok(())
    }

    fn wait_for_hold(&mut self, id: NodeId) -> Checked<()> {
        let holder = self.look(id)?.around.holder;
        let holds = self.look(holder)?.holds.as_ref();
        let request = holds.and_then(|it| it.requests.iter().find(|it| it.waiting.contains(&id)));
        let (targets, queue) = request
            .map(|request| (request.targets.clone(), request.queued.clone()))
            .unwrap_or_default();
        let names = targets
            .into_iter()
            .map(|target| self.place_name(target))
            .collect();
        let queue = queue.unwrap_or_default();
        self.wait(id, Waiting::Lock { names, queue })
    }

    /// Requested locks are not free.
    pub(super) fn queued(&mut self, id: NodeId, request: EffectId, queue: Queue) -> Checked<()> {
        match self.look(id)?.life.requests_lock(request) {
            Some(Requester::Lock) => {
                let names = vec![self.lock_name(id)?];
                return self.wait(id, Waiting::Lock { names, queue });
            }
            // The part of a rollback has no name that it could wait under.
            Some(Requester::Rollback) => return Ok(()),
            None => {}
        }
        let holds = self.node(id)?.holds.as_mut();
        let found = holds.and_then(|it| it.requests.iter_mut().find(|it| it.id == request));
        let Some(found) = found else {
            return Err(self.wrong_answer(id, request));
        };
        found.queued = Some(queue);
        for waiting in found.waiting.clone() {
            self.wait_for_hold(waiting)?;
        }
        Ok(())
    }

    /// The name of the resource that a `lock` waits for.
    fn lock_name(&self, id: NodeId) -> Checked<Name> {
        let node = self.look(id)?;
        let StmtKind::Lock { resource, .. } = &self.plan.tree.get(node.tree).stmt.kind else {
            return Err(BrokenInvariant::of(node, Breach::NotA("lock")));
        };
        let value = self.eval(resource, &node.locals);
        let name = value.map_or(String::new(), |value| self.display(&value));
        Ok(Name::from(name))
    }

    fn request(
        &mut self,
        holder: NodeId,
        targets: IndexSet<InfrastructureId>,
        holds: &mut Holds,
    ) -> Checked<HoldRequest> {
        let wants = targets.iter().map(|target| self.want(*target)).collect();
        holds.used.extend(targets.iter().copied());
        let id = self.acquire(holder, wants)?;
        Ok(HoldRequest {
            id,
            targets,
            granted: false,
            queued: None,
            waiting: Vec::new(),
        })
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

    /// Requests the locks of all deployments of a stage, together.
    fn ask_for_all(&mut self, holder: NodeId, holds: &mut Holds) -> Checked<Result<(), Halt>> {
        let sum = match self.sum_ahead(holder)? {
            Ok(sum) => sum,
            Err(halt) => return Ok(Err(halt)),
        };
        let at = self.statement_of(holder)?;
        let gone = |target| holds.gone.get(&(at, target)).copied().unwrap_or(0);
        let exclusive: Vec<(InfrastructureId, u32)> = sum
            .targets
            .iter()
            .map(|(target, count)| (*target, count.saturating_sub(gone(*target))))
            .filter(|(target, count)| *count > 0 && self.is_exclusive(*target))
            .collect();
        let to_the_end = sum.unsure || self.plan.tree.may_come_back(self.look(holder)?.tree);
        holds.remaining = (!to_the_end).then(|| exclusive.iter().copied().collect());
        let targets: IndexSet<_> = exclusive.into_iter().map(|(target, _)| target).collect();
        if !targets.is_empty() {
            let request = self.request(holder, targets, holds)?;
            holds.requests.push(request);
        }
        Ok(Ok(()))
    }

    /// The statement of its body that a holder is at.
    fn statement_of(&self, holder: NodeId) -> Checked<usize> {
        let seq = self.look(holder)?.life.sequence();
        Ok(seq.map_or(0, |seq| seq.next))
    }

    /// What a stage will do from the statement on that it is at: what was done before has given
    /// values to what follows.
    fn sum_ahead(&self, holder: NodeId) -> Checked<Result<Sum, Halt>> {
        let node = self.look(holder)?;
        let spot = self.plan.tree.get(node.tree);
        let walk = self.walk_of(node);
        let sum = match node.life.sequence() {
            Some(seq) => {
                let rest = seq.seq.get(seq.next.saturating_sub(1)..);
                walk.sum(&rest.unwrap_or_default().into(), &seq.locals)
            }
            None => walk.sum(body(spot), &node.locals),
        };
        Ok(sum.and_then(|mut sum| {
            walk.add_handlers(spot, &node.locals, &mut sum)?;
            Ok(sum)
        }))
    }

    /// A walk over a holder: stages in a pipeline hold locks of their own.
    fn walk_of(&self, holder: &Node) -> Walk<'_> {
        let stmt = &self.plan.tree.get(holder.tree).stmt;
        Walk {
            skip_stages: !traits(&stmt.kind).is_stage,
            ..Self::walk(&self.plan, &self.run)
        }
    }

    /// Locks were granted.
    pub(super) fn acquired(&mut self, id: NodeId, request: EffectId) -> Checked<()> {
        match self.look(id)?.life.requests_lock(request) {
            Some(Requester::Lock) => {
                let (seq, locals) = (self.body_of(id, 0)?, self.look(id)?.locals.clone());
                self.begin_work(id, Work::Locked(request, SeqWork::new(seq, locals)))?;
                self.begin(id, None)?;
                return self.step(id);
            }
            Some(Requester::Rollback) => return self.undo_next(id),
            None => {}
        }
        let holds = self.node(id)?.holds.as_mut();
        let found = holds.and_then(|it| it.requests.iter_mut().find(|it| it.id == request));
        let Some(found) = found else {
            return Err(self.wrong_answer(id, request));
        };
        found.granted = true;
        let targets = found.targets.clone();
        for waiting in std::mem::take(&mut found.waiting) {
            if let Err(failure) = failure_apart(self.run_deployment(waiting))? {
                self.queue.push(Task::Ended(waiting, End::bad(failure)));
            }
        }
        // Those who wanted some of them may have withdrawn meanwhile.
        for target in targets {
            self.release_if_done(id, target)?;
        }
        Ok(())
    }

    /// The deployments that wait for a request of their stage, which is forgotten.
    pub(super) fn forget_hold_request(
        &mut self,
        holder: NodeId,
        id: EffectId,
    ) -> Checked<Vec<NodeId>> {
        let Some(holds) = self.node(holder)?.holds.as_mut() else {
            return Ok(Vec::new());
        };
        let gone = holds.requests.extract_if(.., |request| request.id == id);
        Ok(gone.flat_map(|request| request.waiting).collect())
    }

    /// Removes a deployment from those that wait for the lock. Returns whether it waited.
    pub(super) fn stop_waiting_for_hold(&mut self, id: NodeId) -> Checked<bool> {
        let holder = self.look(id)?.around.holder;
        let Some(holds) = self.node(holder)?.holds.as_mut() else {
            return Ok(false);
        };
        Ok(holds.requests.iter_mut().any(|request| {
            let before = request.waiting.len();
            request.waiting.retain(|waiting| *waiting != id);
            request.waiting.len() < before
        }))
    }

    /// Frees what a node that ends holds; for a stage, what a rollback of it would need again.
    pub(super) fn release_holds(&mut self, id: NodeId) -> Checked<Vec<Want>> {
        let node = self.node(id)?;
        if let Some(deployment) = &node.deployment
            && deployment.holds
        {
            let (target, holder) = (deployment.target, node.around.holder);
            self.one_deployment_less(holder, target)?;
            return Ok(Vec::new());
        }
        let Some(holds) = &mut self.node(id)?.holds else {
            return Ok(Vec::new());
        };
        let (requests, used) = (std::mem::take(&mut holds.requests), holds.used.clone());
        for request in requests {
            // Not those that have been given back one by one.
            if !request.granted || !request.targets.is_empty() {
                self.release(request.id, Vec::new());
            }
        }
        Ok(used.into_iter().map(|target| self.want(target)).collect())
    }

    /// One of the deployments to an infrastructure that were to come has ended.
    fn one_deployment_less(&mut self, holder: NodeId, target: InfrastructureId) -> Checked<()> {
        let Some(holds) = self.node(holder)?.holds.as_mut() else {
            return Ok(());
        };
        if let Some(remaining) = holds.remaining.as_mut().and_then(|it| it.get_mut(&target)) {
            *remaining = remaining.saturating_sub(1);
            self.release_if_done(holder, target)?;
        }
        Ok(())
    }

    /// Statements in a node will not be reached: what they would deploy is not waited for.
    pub(super) fn deploys_not(
        &mut self,
        id: NodeId,
        spots: &[TreeId],
        locals: &Locals,
    ) -> Checked<()> {
        let holder = self.around_children(id)?.holder;
        let asked = |it: &Node| it.holds.as_ref().is_some_and(|it| it.asked);
        let counts = |it: &Node| it.holds.as_ref().is_none_or(|it| it.remaining.is_some());
        let (asked, counts) = (asked(self.look(holder)?), counts(self.look(holder)?));
        let deploys = |tree: &TreeId| self.plan.tree.get(*tree).has_deploy;
        let settled = if asked { !counts } else { id == holder };
        if settled || !spots.iter().any(deploys) {
            return Ok(());
        }
        let Ok(sum) = self.walk_of(self.look(holder)?).sum(&spots.into(), locals) else {
            return Ok(());
        };
        let at = self.statement_of(holder)?;
        for (target, count) in sum.targets {
            if !asked {
                let holds = self.node(holder)?.holds.get_or_insert_default();
                *holds.gone.entry((at, target)).or_default() += count;
                continue;
            }
            for _ in 0..count {
                self.one_deployment_less(holder, target)?;
            }
        }
        Ok(())
    }

    fn release_if_done(&mut self, holder: NodeId, target: InfrastructureId) -> Checked<()> {
        let name = self.want(target).name;
        let Some(holds) = self.node(holder)?.holds.as_mut() else {
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
        let node = self.look(id)?;
        let spot = self.plan.tree.get(node.tree);
        if !traits(&spot.stmt.kind).is_stage || spot.stmt.bind.is_none() {
            return Ok(None);
        }
        let Ok(mut sum) = self.walk_of(node).sum(body(spot), &node.locals) else {
            return Ok(None);
        };
        if sum.unsure {
            // Then what it did deploy counts, in the order of the program.
            let deployed = node.holds.as_ref().map(|holds| &holds.deployed);
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
