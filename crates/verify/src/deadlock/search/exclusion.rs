//! Mutual exclusion: who can never have locks, or wait for them, at the same time. Two are
//! exclusive where both stand under one lock that only one may hold (a gate), each in a section of
//! its own; or where they stand under conditions that are not both true in one run.

use std::collections::HashMap;

use super::held_sections::{HeldSection, LockOwner};
use crate::deadlock::model::{DeadlockModel, ModelLiteral, ModelOp, StrandId};

/// What keeps the owners of locks apart.
pub struct Exclusion<'a> {
    flow: &'a DeadlockModel,
    /// The gates around each request.
    of_requests: Vec<Vec<Gate>>,
    /// The gates around what each stage holds.
    of_holds: Vec<Vec<Gate>>,
}

/// A lock that only one may hold, and the request that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gate {
    lock: usize,
    request: usize,
}

impl<'a> Exclusion<'a> {
    /// What stands around the sections in which locks are held.
    pub fn new(flow: &'a DeadlockModel, sections: &[HeldSection<'_>]) -> Self {
        let around = GatesAround::new(flow, sections);
        let mut exclusion = Self {
            flow,
            of_requests: vec![Vec::new(); flow.requests.len()],
            of_holds: vec![Vec::new(); flow.holds.len()],
        };
        for section in sections {
            let gates = around.of(section);
            match section.owner {
                LockOwner::Request(request) => exclusion.of_requests[request] = gates,
                LockOwner::Hold(hold) => exclusion.of_holds[hold] = gates,
            }
        }
        exclusion
    }

    /// Whether two never have their locks, or wait for them, at the same time.
    pub fn excludes(&self, one: LockOwner, other: LockOwner) -> bool {
        let (gates, others) = (self.gates(one), self.gates(other));
        let apart = |gate: &Gate| {
            let same = |other: &&Gate| other.lock == gate.lock;
            // Inside one and the same section of a gate, both may be at work.
            let other = others.iter().find(same);
            other.is_some_and(|other| other.request != gate.request)
        };
        let (given, against) = (self.given(one), self.given(other));
        gates.iter().any(apart)
            || given
                .iter()
                .any(|it| against.iter().any(|other| it.excludes(other)))
    }

    fn gates(&self, owner: LockOwner) -> &[Gate] {
        match owner {
            LockOwner::Request(request) => &self.of_requests[request],
            LockOwner::Hold(hold) => &self.of_holds[hold],
        }
    }

    fn given(&self, owner: LockOwner) -> &[ModelLiteral] {
        match owner {
            LockOwner::Request(request) => &self.flow.requests[request].given,
            LockOwner::Hold(hold) => &self.flow.holds[hold].given,
        }
    }
}

/// Where gates are held.
struct GatesAround<'a> {
    flow: &'a DeadlockModel,
    /// The sections of each strand in which it holds a gate: from where to where, and the gate.
    by_strand: HashMap<StrandId, Vec<(usize, usize, Gate)>>,
    /// Where each split stands in its strand.
    splits: Vec<usize>,
}

impl<'a> GatesAround<'a> {
    fn new(flow: &'a DeadlockModel, sections: &[HeldSection<'_>]) -> Self {
        let mut alone = vec![true; flow.resources.len()];
        for request in &flow.requests {
            (request.locks.iter()).for_each(|lock| alone[*lock] &= request.alone);
        }
        let mut by_strand: HashMap<StrandId, Vec<(usize, usize, Gate)>> = HashMap::new();
        for section in sections {
            let LockOwner::Request(request) = section.owner else {
                continue;
            };
            let locks = flow.requests[request].locks.iter().copied();
            for lock in locks.filter(|lock| alone[*lock]) {
                let own = by_strand.entry(section.strand).or_default();
                own.push((section.from, section.to, Gate { lock, request }));
            }
        }
        let mut splits = vec![0; flow.forks.len()];
        for strand in &flow.strands {
            for (at, op) in strand.ops.iter().enumerate() {
                if let ModelOp::Fork(fork) = op {
                    splits[*fork] = at;
                }
            }
        }
        Self {
            flow,
            by_strand,
            splits,
        }
    }

    /// The gates that are held from before the beginning of a section to after its end.
    fn of(&self, section: &HeldSection<'_>) -> Vec<Gate> {
        let mut found: Vec<Gate> = Vec::new();
        let (mut strand, mut from, mut to) = (section.strand, section.from, section.to);
        loop {
            for (start, end, gate) in self.by_strand.get(&strand).into_iter().flatten() {
                let is_around = *start < from && to < *end;
                if is_around && found.iter().all(|other| other.lock != gate.lock) {
                    found.push(*gate);
                }
            }
            let Some((parent, fork)) = self.flow.strands[strand].parent else {
                return found;
            };
            (strand, from, to) = (parent, self.splits[fork], self.splits[fork]);
        }
    }
}
