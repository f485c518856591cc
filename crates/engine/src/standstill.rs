//! Deadlock at run time: nothing can come in any more and the run has not ended, because strands
//! wait for each other at barriers or for locks. The proof before the run (`verify`) refuses every
//! deadlock that it can predict; the others end here with a message instead of hanging. A wait for
//! a lock that another run holds is not reported.

use std::collections::BTreeMap;

use super::broken::{Breach, BrokenInvariant, Checked};
use super::event::{EffectId, LockDemand};
use super::lock::LockTable;
use super::node::{BodyEnd, NodeId};
use super::node_state::Requester;
use super::{Machine, MachineTask};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_lang::ir::FailureClass;
use lockstep_plan::lock_for_people;

/// The locks that a run holds and waits for, by request.
#[derive(Debug, Clone, Default)]
pub struct RunLockRequests {
    waiting: BTreeMap<EffectId, Vec<LockDemand>>,
    held: BTreeMap<EffectId, Vec<LockDemand>>,
    /// The lock table if no other run wanted any locks. The run is notified only later, and later
    /// still where other runs hold them.
    own: LockTable<EffectId>,
}

impl RunLockRequests {
    /// These locks were requested.
    pub fn requested(&mut self, id: EffectId, wants: &[LockDemand]) {
        self.waiting.insert(id, wants.to_vec());
        self.own.acquire(id, wants.to_vec());
        self.own.grant();
    }

    /// They are held.
    pub fn granted(&mut self, id: EffectId) {
        if let Some(wants) = self.waiting.remove(&id) {
            self.held.insert(id, wants);
        }
    }

    /// Some locks, or all where `names` is empty, are no longer held or wanted.
    pub fn released(&mut self, id: EffectId, names: &[Name]) {
        self.own.release(id, names);
        self.own.grant();
        self.waiting.remove(&id);
        let Some(wants) = self.held.get_mut(&id) else {
            return;
        };
        wants.retain(|want| !names.is_empty() && !names.contains(&want.name));
        if wants.is_empty() {
            self.held.remove(&id);
        }
    }

    /// The requests that wait, in the order they came.
    pub fn waiting(&self) -> impl Iterator<Item = (EffectId, &[LockDemand])> {
        self.waiting
            .iter()
            .map(|(id, wants)| (*id, wants.as_slice()))
    }

    /// What a request wants, or still holds.
    pub fn names(&self, id: EffectId) -> impl Iterator<Item = &Name> {
        let wants = self.waiting.get(&id).or_else(|| self.held.get(&id));
        wants.into_iter().flatten().map(|want| &want.name)
    }

    /// Whether a request waits.
    pub fn is_waiting(&self, id: EffectId) -> bool {
        self.waiting.contains_key(&id)
    }

    /// How many requests are waiting or held.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.held.len()
    }

    /// Whether every request waits for a lock that this run holds itself, or for one that waits
    /// so. With no request that is so too.
    fn are_all_blocked(&self) -> bool {
        self.waiting.keys().all(|id| self.own.is_waiting(*id))
    }
}

impl Machine {
    /// Whether the run has not ended and never will, as nothing can come in that matters.
    pub(super) fn is_standstill(&self) -> bool {
        self.finished.is_none()
            && !self.has_more()
            && self.exists(NodeId(0))
            && self.pending.len() == self.locks.waiting.len()
            && self.locks.are_all_blocked()
    }

    /// Lets those who wait for each other fail: at barriers all of them, else the last one who
    /// came for a lock.
    pub(super) fn resolve_standstill(&mut self) -> Checked<()> {
        if self.give_up_barriers()? {
            return Ok(());
        }
        let Some((request, wants)) = self.who_gives_way()? else {
            return Err(BrokenInvariant::new(Breach::Standstill));
        };
        let names: Vec<String> = wants
            .iter()
            .map(|want| format!("`{}`", lock_for_people(&want.name)))
            .collect();
        let said = format!(
            "{} cannot be released, because its holders wait too",
            names.join(", ")
        );
        let Some(node) = self.pending.get(&request).copied() else {
            self.release(request, Vec::new());
            return Ok(());
        };
        self.fail_lock_request(node, request, FailureClass::Deadlock, &said)
    }

    /// Withdraws a request for locks that waits; who waits for it fails.
    pub(super) fn fail_lock_request(
        &mut self,
        node: NodeId,
        request: EffectId,
        class: FailureClass,
        said: &str,
    ) -> Checked<()> {
        self.release(request, Vec::new());
        let waiting = match self.node(node)?.state.requests_lock(request) {
            Some(Requester::Lock | Requester::Rollback) => vec![node],
            None => self.drop_lock_request(node, request)?,
        };
        for node in waiting {
            let failure = self.failure(node, class, said)?;
            self.queue
                .push(MachineTask::Ended(node, BodyEnd::bad(failure)));
        }
        Ok(())
    }

    /// The request whose wait fails: who goes forward gives way before a rollback, and among
    /// those who came last.
    fn who_gives_way(&self) -> Checked<Option<(EffectId, Vec<LockDemand>)>> {
        let mut found = None;
        for (request, wants) in self.locks.waiting.iter().rev() {
            let undoes = match self.pending.get(request) {
                Some(node) => self.node(*node)?.inherited.undoing,
                None => false,
            };
            if !undoes {
                return Ok(Some((*request, wants.clone())));
            }
            found = found.or_else(|| Some((*request, wants.clone())));
        }
        Ok(found)
    }

    /// Where the others wait while a strand waits at a barrier, for a message.
    pub(super) fn contested_locks(
        &self,
        except: super::barrier::BarrierInstanceId,
    ) -> Checked<String> {
        let barriers = self.barriers.waits(except).map(|(node, barrier)| {
            let place = self.place(node)?;
            Ok(format!("`{place}` waits at barrier `{barrier}`"))
        });
        let locks = self.locks.waiting.iter().filter_map(|(request, wants)| {
            let node = self.pending.get(request)?;
            let name = lock_for_people(&wants.first()?.name);
            let place = self.place(*node);
            Some(place.map(|place| format!("`{place}` waits for `{name}`")))
        });
        let said: Vec<String> = barriers.chain(locks).take(3).collect::<Checked<_>>()?;
        Ok(match said.is_empty() {
            true => String::new(),
            false => format!(": {}", said.join(", ")),
        })
    }

    /// The path of what a statement stands in.
    fn place(&self, node: NodeId) -> Checked<&NodePath> {
        let parent = self.node(node)?.parent.unwrap_or(node);
        Ok(&self.node(parent)?.path)
    }
}
