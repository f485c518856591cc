//! Nothing newer is undone or overwritten: a deployment that is not the latest at its place, the
//! pair of service and infrastructure, is left alone; and none begins where another run has left
//! the place half done, which is unclear. What other runs have deployed is told by
//! [`Event::DeployedMeanwhile`](super::Event); the order in which it is told, among the own
//! deployments, says which is later.

use super::Machine;
use super::broken::{Breach, BrokenInvariant, Checked};
use super::event::{LaterDeployment, LeftHalfDone, UnclearPlace};
use super::node::{BodyEnd, NodeId, NodePhase};
use super::run_event::{DeploymentRecord, Failure, NodeKind, RunEventKind, Status};
use super::undo_list::UndoList;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_lang::ir::FailureClass;

/// When something was deployed, in the order in which the machine has heard of it: from 1.
pub type DeployedAt = u64;

/// What other runs have deployed since this one began.
#[derive(Debug, Clone, Default)]
pub struct LaterDeployments {
    later: Vec<(LaterDeployment, DeployedAt)>,
    last: DeployedAt,
    /// The places that others have left half done.
    unclear: Vec<UnclearPlace>,
    /// Whether something was left alone.
    pub left_alone: bool,
}

impl LaterDeployments {
    /// The next place in the order.
    pub fn next(&mut self) -> DeployedAt {
        self.last += 1;
        self.last
    }

    /// All that is told from now on is later than anything that is known of another run.
    pub fn begin_after_all(&mut self) {
        self.last = DeployedAt::MAX / 2;
    }

    fn replace(&mut self, later: Vec<LaterDeployment>, unclear: Vec<UnclearPlace>) {
        self.unclear = unclear;
        let known = std::mem::take(&mut self.later);
        for deployment in later {
            let same = known.iter().find(|(it, _)| it.number == deployment.number);
            let at = match same {
                Some((_, at)) => *at,
                None => self.next(),
            };
            self.later.push((deployment, at));
        }
    }

    /// The last run that has deployed to a place after this.
    fn since(&self, place: &DeploymentRecord, at: DeployedAt) -> Option<&LaterDeployment> {
        let there = |it: &&(LaterDeployment, DeployedAt)| {
            it.0.service == place.service && it.0.target == place.target && it.1 > at
        };
        self.later.iter().rfind(there).map(|(it, _)| it)
    }
}

impl Machine {
    pub(super) fn deployed_meanwhile(
        &mut self,
        later: Vec<LaterDeployment>,
        unclear: Vec<UnclearPlace>,
    ) {
        self.later.replace(later, unclear);
    }

    /// Why a deployment that has its locks cannot begin: another run has left its place half done,
    /// so that what is there now is nothing to come back to. Before it has the locks, the other run
    /// may still clear up.
    pub(super) fn unclear_place(&self, id: NodeId) -> Checked<Option<Failure>> {
        let node = self.node(id)?;
        let found = node.deployment.as_ref().filter(|_| !node.inherited.undoing);
        let Some(deployment) = found else {
            return Ok(None);
        };
        let (place, target) = (&deployment.record, deployment.target);
        let mut unclear = self.later.unclear.iter();
        let unclear = unclear.find(|it| {
            let is_there = it.service == place.service && it.target == place.target;
            // Where deployments take no lock, the other run is simply under way.
            is_there && (it.left != LeftHalfDone::Resumed || self.is_exclusive(target))
        });
        Ok(unclear.map(|it| {
            let help = match it.left {
                LeftHalfDone::BrokenOff => format!("resume it by `lockstep resume {}`", it.run),
                LeftHalfDone::Resumed => String::from("let it end"),
                LeftHalfDone::RollbackFailed => {
                    format!("take it back by `lockstep undo {}`", it.run)
                }
            };
            Failure {
                class: FailureClass::Failed,
                message: format!("{it}; {help}, or deploy with `--force`"),
                node: node.path.clone(),
                span: None,
                command: None,
            }
        }))
    }

    /// The run after which a deployment must not be taken back any more.
    pub(super) fn superseded_by(&self, place: &DeploymentRecord, at: DeployedAt) -> Option<Name> {
        self.later.since(place, at).map(|it| it.run.clone())
    }

    /// The run after which a deployment must not begin any more.
    pub(super) fn blocked_by(&self, place: &DeploymentRecord, at: DeployedAt) -> Option<Name> {
        let later = self.later.since(place, at);
        later.filter(|it| it.blocks).map(|it| it.run.clone())
    }

    /// The failure of a deployment that is left alone.
    pub(super) fn superseded(
        &mut self,
        node: NodePath,
        place: &DeploymentRecord,
        by: &Name,
    ) -> Failure {
        self.later.left_alone = true;
        Failure {
            class: FailureClass::Superseded,
            message: format!(
                "run {by} has deployed {} to {} since; it is left as it is",
                place.service, place.target
            ),
            node,
            span: None,
            command: None,
        }
    }

    /// Deployments that are under way in a run that is resumed or retried, and are no longer the
    /// latest, stop.
    pub(super) fn stop_superseded(&mut self) -> Checked<()> {
        for at in 0..self.nodes.len() {
            let id = NodeId(at as u32);
            let Some(node) = self.find(id) else { continue };
            let Some(deployment) = &node.deployment else {
                continue;
            };
            let in_body = matches!(node.state.phase(), NodePhase::Body(_));
            let (place, path) = (deployment.record.clone(), node.path.clone());
            let Some(at) = deployment.at.filter(|_| in_body && !node.inherited.undoing) else {
                continue;
            };
            if let Some(by) = self.blocked_by(&place, at) {
                let failure = self.superseded(path, &place, &by);
                self.cancel(id, failure)?;
            }
        }
        Ok(())
    }

    /// A deployment that rolls back is left alone instead, if it is not the latest any more.
    /// Returns whether it is.
    pub(super) fn leave_superseded(&mut self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        let Some(deployment) = &node.deployment else {
            return Ok(false);
        };
        let place = deployment.record.clone();
        let Some(by) = deployment.at.and_then(|at| self.superseded_by(&place, at)) else {
            return Ok(false);
        };
        let failure = self.superseded(self.node(id)?.path.clone(), &place, &by);
        let node = self.node_mut(id)?;
        node.undo = UndoList::default();
        if let Some(trouble) = &mut node.pending_failure
            && trouble.failure.class != FailureClass::Superseded
        {
            trouble.failure.message += &format!(" ({})", failure.message);
        }
        self.set(id, Status::Superseded)?;
        Ok(true)
    }

    /// A part of a rollback is a deployment that is not the latest any more: it is passed over.
    pub(super) fn pass_over(&mut self, id: NodeId, by: &Name) -> Checked<()> {
        if let Some(scope) = self.undoing(id)?.take_scope() {
            let (from, to) = (scope.status, Status::Superseded);
            if !self.transitions.record(from, to) {
                return Err(BrokenInvariant::of(
                    self.node(id)?,
                    Breach::Status { from, to },
                ));
            }
            let failure = self.superseded(scope.path.clone(), &scope.deployment, by);
            self.emit(RunEventKind::NodeFinished {
                node: scope.path.clone(),
                kind: NodeKind::Deploy,
                status: Status::Superseded,
                failure: Some(failure),
                deployment: Some(scope.deployment.clone()),
            });
        }
        self.body_ends(id, BodyEnd::good())
    }
}
