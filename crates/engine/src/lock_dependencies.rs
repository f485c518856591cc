//! What a lock of the run waits for before it can be given back: the requests for locks that must
//! be granted first, and the nodes that must end first. With it a deadlock between several runs is
//! found, each of which alone has none. It decides nothing, and may be asked at any time.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::{BTreeSet, HashSet};

use super::Machine;
use super::event::EffectId;
use super::infrastructure_locks::InfrastructureLocks;
use super::node::{ActiveNode, NodeId, NodeWork};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_base::value::InfrastructureId;
use lockstep_plan::{body, infrastructure_lock};

/// The dependencies of all locks that a run holds or waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockDependencies {
    /// One for each lock.
    pub locks: Vec<LockDependency>,
    /// The requests that a rollback makes.
    pub rolling_back: BTreeSet<EffectId>,
}

/// What one lock waits for before it can be given back, once it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockDependency {
    /// The request that holds it, or waits for it.
    pub request: EffectId,
    /// Its name.
    pub lock: Name,
    /// The requests of this run that must be granted first.
    pub after: BTreeSet<EffectId>,
    /// The paths of the nodes that must end first.
    pub inside: BTreeSet<NodePath>,
}

impl Machine {
    /// Whether a lock of this run may have to wait for something else in it than its own body: a
    /// request for another lock, or strands that meet at a barrier.
    pub fn has_lock_dependencies(&self) -> bool {
        self.locks.waiting().next().is_some() || (self.locks.len() > 0 && !self.barriers.is_empty())
    }

    /// What each lock that the run holds or waits for has to wait for.
    pub fn lock_dependencies(&self) -> LockDependencies {
        let mut found = LockDependencies::default();
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(node) = node else { continue };
            let id = NodeId(at as u32);
            if let Some(request) = node.state.work().and_then(NodeWork::lock_request) {
                if node.inherited.undoing {
                    found.rolling_back.insert(request);
                }
                let mut before = self.nothing_before();
                before.add_all_in(id);
                let names = self.locks.names(request);
                (found.locks).extend(names.map(|name| before.dependency(request, name.clone())));
            }
            if let Some(holds) = &node.infrastructure_locks {
                self.add_infrastructure_locks(id, holds, &mut found);
            }
        }
        found
    }

    fn nothing_before(&self) -> MustEnd<'_> {
        MustEnd {
            machine: self,
            seen: HashSet::new(),
            after: BTreeSet::new(),
            inside: BTreeSet::new(),
        }
    }

    fn add_infrastructure_locks(
        &self,
        holder: NodeId,
        holds: &InfrastructureLocks,
        found: &mut LockDependencies,
    ) {
        for (request, target) in holds.requested() {
            let mut before = self.nothing_before();
            match holds.are_held_to_the_end() {
                true => before.add_all_in(holder),
                false => before.add_deployments(holder, holder, target),
            }
            let name = infrastructure_lock(self.infrastructure_lock_name(target));
            found.locks.push(before.dependency(request, name));
        }
    }
}

/// The nodes that must end before a lock can be given back.
struct MustEnd<'m> {
    machine: &'m Machine,
    seen: HashSet<NodeId>,
    after: BTreeSet<EffectId>,
    inside: BTreeSet<NodePath>,
}

impl MustEnd<'_> {
    fn dependency(&self, request: EffectId, lock: Name) -> LockDependency {
        let mut after = self.after.clone();
        // That it is granted is not what it waits for once it is held.
        after.remove(&request);
        LockDependency {
            request,
            lock,
            after,
            inside: self.inside.clone(),
        }
    }

    /// A node must end, with all that is in it.
    fn add_all_in(&mut self, id: NodeId) {
        let Some(node) = self.machine.find(id) else {
            return;
        };
        self.inside.insert(node.path.clone());
        self.add_waits_in(id);
    }

    fn add_waits_in(&mut self, id: NodeId) {
        let Some(node) = self.machine.find(id) else {
            return;
        };
        if !self.seen.insert(id) {
            return;
        }
        self.add_wait_of(id, node);
        for child in &node.children {
            self.add_waits_in(*child);
        }
    }

    /// What a node itself waits for.
    fn add_wait_of(&mut self, id: NodeId, node: &ActiveNode) {
        let Some(work) = node.state.work() else {
            return;
        };
        let locks = &self.machine.locks;
        if let Some(request) = work.lock_request().filter(|it| locks.is_waiting(*it)) {
            self.after.insert(request);
        }
        match work {
            NodeWork::HoldWait => {
                let holder = self.machine.find(node.inherited.lock_holder);
                let holds = holder.and_then(|it| it.infrastructure_locks.as_ref());
                self.after.extend(holds.and_then(|it| it.waited_by(id)));
            }
            NodeWork::Barrier(meeting) => {
                let strands = self.machine.nodes.iter().enumerate();
                let owing = strands.filter_map(|(at, strand)| {
                    let owes = strand.as_ref()?.owed_arrivals.owes(*meeting);
                    owes.then_some(NodeId(at as u32))
                });
                owing
                    .collect::<Vec<_>>()
                    .into_iter()
                    .for_each(|it| self.add_all_in(it));
            }
            NodeWork::Nothing
            | NodeWork::Seq(_)
            | NodeWork::Parallel(_)
            | NodeWork::Grid(_)
            | NodeWork::Effect(_)
            | NodeWork::Timer(_)
            | NodeWork::LockWait(_)
            | NodeWork::Locked(..)
            | NodeWork::Ask(_)
            | NodeWork::Verify { .. }
            | NodeWork::Undoing(_) => {}
        }
    }

    /// The deployments to an infrastructure that share the locks of `holder` must end, and so must
    /// what comes before those that have not begun.
    fn add_deployments(&mut self, id: NodeId, holder: NodeId, target: InfrastructureId) {
        let Some(node) = self.machine.find(id) else {
            return;
        };
        let spot = self.machine.plan.tree.get(node.tree);
        if id != holder && node.infrastructure_locks.is_some() && spot.holds_locks {
            return;
        }
        let deploys = node
            .deployment
            .as_ref()
            .is_some_and(|it| it.target == target);
        if deploys || self.may_still_deploy(node, holder, target) {
            return self.add_all_in(id);
        }
        for child in &node.children {
            self.add_deployments(*child, holder, target);
        }
    }

    /// Whether a deployment to an infrastructure may follow what a node is doing.
    fn may_still_deploy(
        &self,
        node: &ActiveNode,
        holder: NodeId,
        target: InfrastructureId,
    ) -> bool {
        let Some(holder) = self.machine.find(holder) else {
            return true;
        };
        let spot = self.machine.plan.tree.get(node.tree);
        let Some(work) = node.state.work() else {
            // A handler may deploy, or let the node try again.
            return spot.has_deploy;
        };
        let walk = self.machine.walk_of(holder);
        let rest = match work {
            NodeWork::Seq(seq) | NodeWork::Locked(_, seq) => {
                let rest = seq.seq.get(seq.next..).unwrap_or_default();
                walk.summary(&rest.into(), &seq.locals)
            }
            NodeWork::Parallel(strands) if strands.has_more() => {
                walk.summary(body(spot), &node.locals)
            }
            NodeWork::LockWait(_) => walk.summary(body(spot), &node.locals),
            NodeWork::Grid(cells) if cells.has_more() => {
                walk.summary_of_node(node.tree, &mut node.locals.clone())
            }
            NodeWork::Nothing if node.is_statement() => {
                walk.summary_of_node(node.tree, &mut node.locals.clone())
            }
            NodeWork::Nothing
            | NodeWork::Parallel(_)
            | NodeWork::Grid(_)
            | NodeWork::Effect(_)
            | NodeWork::Timer(_)
            | NodeWork::Barrier(_)
            | NodeWork::Ask(_)
            | NodeWork::HoldWait
            | NodeWork::Verify { .. }
            | NodeWork::Undoing(_) => return false,
        };
        rest.map_or(true, |rest| {
            rest.unsure || rest.targets.contains_key(&target)
        })
    }
}
