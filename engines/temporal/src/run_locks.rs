//! The locks of one run. Its own requests take their turn here, first come, first served, and all
//! locks of a request together. One that has its turn asks for the locks that all runs share, one
//! after the other, in the order of their names, so that no two requests can hold what the other
//! one wants. It also knows what the run has deployed where, which goes to the lock of the
//! infrastructure when that is given back.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::lock::LockTable;
use lockstep_engine::run_event::{
    LockQueuePosition, NodeKind, RunEventKind, RunLockHolder, Status,
};
use lockstep_engine::{
    EffectId, Event, LaterDeployment, LockDemand, LockDependencies, PendingLockRequest,
};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{infrastructure_lock, lock_for_people};

use crate::regain::Regain;
use crate::run_loop::Act;
use crate::wire::{
    DeployedHere, GrantSignal, LockHolder, LockLeave, LockWant, ProbeSignal, QueuedSignal,
    WaitingRequest,
};

/// The locks of one run.
#[derive(Debug, Clone, Default)]
pub struct RunLocks {
    run: String,
    /// When it began, in milliseconds since 1970.
    began: i64,
    requests: BTreeMap<EffectId, LockProgress>,
    /// Whose turn it is among the requests of the run.
    turns: LockTable<EffectId>,
    /// What the run has deployed and not taken back: by infrastructure and service, and when.
    deployed: BTreeMap<(Name, Name), i64>,
    /// What others have deployed meanwhile, by number.
    later: BTreeMap<i64, LaterDeployment>,
    /// Where the run is resumed: what it had, until it has that again.
    regain: Option<Regain>,
    /// Whether it deploys nothing over what others have deployed meanwhile.
    is_resumed: bool,
}

/// What has come of the question whether runs wait in a circle.
#[derive(Debug, Clone, PartialEq)]
pub enum Probed {
    /// Others are asked, if there are any.
    On(Vec<Act>),
    /// It has come back to who has asked first.
    Circle,
}

/// How far a request is.
#[derive(Debug, Clone)]
struct LockProgress {
    node: NodePath,
    /// What is wanted, by name.
    wants: Vec<LockDemand>,
    /// Whether it has its turn in this run: the locks that all runs share are asked for.
    has_turn: bool,
    /// How many of them are held.
    held: usize,
    is_acquired: bool,
    /// When all of them were, in milliseconds since 1970.
    since: i64,
    /// Who holds the one that is waited for, as it was last told.
    holders: Vec<LockHolder>,
    /// Who is before it, as the machine was told.
    told: Option<LockQueuePosition>,
}

impl LockProgress {
    fn new(node: NodePath, mut wants: Vec<LockDemand>) -> Self {
        wants.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            node,
            wants,
            has_turn: false,
            held: 0,
            is_acquired: false,
            since: 0,
            holders: Vec::new(),
            told: None,
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.wants.iter().any(|want| *want.name == *name)
    }

    /// What is told of who is before it, where that is new.
    fn tell(&mut self, id: EffectId, queue: LockQueuePosition) -> Option<Event> {
        if self.told.as_ref().is_some_and(|told| is_same(told, &queue)) {
            return None;
        }
        self.told = Some(queue.clone());
        Some(Event::Queued { id, queue })
    }
}

/// Whether the same runs are before it.
fn is_same(one: &LockQueuePosition, other: &LockQueuePosition) -> bool {
    let holders = |queue: &LockQueuePosition| -> Vec<(Name, Name, NodePath)> {
        let named = |it: &RunLockHolder| (it.lock.clone(), it.run.clone(), it.node.clone());
        queue.holders.iter().map(named).collect()
    };
    one.ahead == other.ahead && holders(one) == holders(other)
}

impl RunLocks {
    /// The locks of a run that began at this time.
    pub fn of(run: &str, began: i64) -> Self {
        Self {
            run: run.to_owned(),
            began,
            ..Self::default()
        }
    }

    /// A request that an earlier execution of the run has made.
    pub fn restore(&mut self, id: EffectId, request: PendingLockRequest) {
        let PendingLockRequest {
            node,
            wants,
            granted,
            ..
        } = request;
        let mut progress = LockProgress::new(node, wants);
        progress.held = if granted { progress.wants.len() } else { 0 };
        progress.is_acquired = granted;
        self.requests.insert(id, progress);
    }

    /// What others have deployed meanwhile, as an earlier execution has told it.
    pub fn remember(&mut self, later: &[LaterDeployment]) {
        let told = later.iter().map(|it| (it.number, it.clone()));
        self.later = told.collect();
    }

    /// All requests are restored: asks again for what is waited for. A lock answers as before.
    pub fn go_on(&mut self) -> Vec<Act> {
        self.restore_turns();
        self.ask_again()
    }

    /// All requests are restored, and the run is resumed after it was broken off: it has to regain
    /// what it had, and its place in a queue. No attempt has this number or a smaller one.
    pub fn resume(
        &mut self,
        queue: Option<(EffectId, LockDemand)>,
        after_attempt: i64,
        now: i64,
    ) -> Vec<Act> {
        self.restore_turns();
        self.was_resumed();
        for later in self.later.values_mut() {
            later.blocks = true;
        }
        let mut acts = Vec::new();
        let mut regain = Regain::default();
        regain.after_attempt(after_attempt);
        if let Some((request, demand)) = queue {
            // It queues behind all others.
            acts.push(self.leave(request, &demand.name));
            regain.add(request, demand, String::new());
        }
        for (id, progress) in self.requests.iter().filter(|(_, it)| it.is_acquired) {
            for want in &progress.wants {
                regain.add(*id, want.clone(), progress.node.to_string());
            }
        }
        self.regain = Some(regain);
        acts.extend(self.ask_next(now));
        acts
    }

    /// An earlier execution of the run was resumed: it deploys nothing over what others have
    /// deployed meanwhile.
    pub fn was_resumed(&mut self) {
        self.is_resumed = true;
    }

    /// Whether the run waits until it has again what it had.
    pub fn is_regaining(&self) -> bool {
        self.regain.is_some()
    }

    /// What it waits for then, as people know it, and the runs that have it.
    pub fn regains(&self) -> Option<(String, Vec<String>)> {
        let (name, behind) = self.regain.as_ref()?.waits_for()?;
        let mut runs: Vec<String> = behind.iter().map(|it| it.run.clone()).collect();
        runs.dedup();
        Some((lock_for_people(name).to_string(), runs))
    }

    /// Asks for the next lock to regain. Where there is none, the run goes on.
    fn ask_next(&mut self, now: i64) -> Vec<Act> {
        let Some(regain) = &mut self.regain else {
            return Vec::new();
        };
        if regain.is_done() {
            self.regain = None;
            return self.ask_again();
        }
        let next = regain.next(now).map(|next| {
            Act::Want(LockWant {
                run: self.run.clone(),
                request: next.request,
                name: next.demand.name.to_string(),
                node: next.node,
                limit: next.demand.limit,
                run_began: self.began,
                keeps_latest: false,
                attempt: next.attempt,
            })
        });
        next.into_iter().collect()
    }

    /// What others have deployed where the run was, for it to hear of before anything else.
    pub fn later(&self) -> Option<Event> {
        (!self.later.is_empty()).then(|| Event::DeployedMeanwhile {
            later: self.later.values().cloned().collect(),
            unclear: Vec::new(),
        })
    }

    fn restore_turns(&mut self) {
        // Those that hold their locks came before those that wait.
        for is_acquired in [true, false] {
            let requests = self.requests.iter();
            let of_them = requests.filter(|(_, it)| it.is_acquired == is_acquired);
            for (id, progress) in of_them {
                self.turns.acquire(*id, progress.wants.clone());
            }
            for id in self.turns.grant() {
                if let Some(progress) = self.requests.get_mut(&id) {
                    progress.has_turn = true;
                }
            }
        }
    }

    fn ask_again(&self) -> Vec<Act> {
        let asking = self.requests.iter();
        let asking = asking.filter(|(_, it)| it.has_turn && !it.is_acquired);
        asking.filter_map(|(id, _)| self.next_want(*id)).collect()
    }

    fn next_want(&self, id: EffectId) -> Option<Act> {
        let progress = self.requests.get(&id)?;
        let want = progress.wants.get(progress.held)?;
        Some(Act::Want(LockWant {
            run: self.run.clone(),
            request: id,
            name: want.name.to_string(),
            node: progress.node.to_string(),
            limit: want.limit,
            run_began: self.began,
            keeps_latest: false,
            attempt: 0,
        }))
    }

    /// The machine requests locks: what is to be done, and what it is told.
    pub fn acquire(
        &mut self,
        id: EffectId,
        node: &NodePath,
        wants: Vec<LockDemand>,
        now: i64,
    ) -> (Vec<Act>, Vec<Event>) {
        let progress = LockProgress::new(node.clone(), wants);
        self.turns.acquire(id, progress.wants.clone());
        self.requests.insert(id, progress);
        self.take_turns(now)
    }

    /// Asks for the locks of requests that have their turn now, and says to the others of the run
    /// who is before them.
    fn take_turns(&mut self, now: i64) -> (Vec<Act>, Vec<Event>) {
        let (mut acts, mut events) = (Vec::new(), Vec::new());
        for id in self.turns.grant() {
            if let Some(progress) = self.requests.get_mut(&id) {
                progress.has_turn = true;
                progress.told = None;
            }
            match self.next_want(id) {
                Some(act) => acts.push(act),
                None => events.push(Event::Acquired { id }),
            }
        }
        let waiting = self.requests.iter().filter(|(_, it)| !it.has_turn);
        let places: Vec<_> = waiting
            .map(|(id, _)| (*id, self.place_here(*id, now)))
            .collect();
        for (id, place) in places {
            let progress = self.requests.get_mut(&id);
            events.extend(progress.and_then(|progress| progress.tell(id, place)));
        }
        (acts, events)
    }

    /// Who is before a request in this run.
    fn place_here(&self, id: EffectId, now: i64) -> LockQueuePosition {
        let Some(own) = self.requests.get(&id) else {
            return LockQueuePosition::default();
        };
        let mut holders = Vec::new();
        for want in &own.wants {
            let by = self.requests.values();
            let by = by.filter(|it| it.is_acquired && it.wants(&want.name));
            holders.extend(by.map(|by| RunLockHolder {
                lock: Name::from(lock_for_people(&want.name)),
                run: self.run.as_str().into(),
                node: by.node.clone(),
                held_ms: now.saturating_sub(by.since).max(0),
            }));
        }
        let ahead = self.before(id).filter(|(_, it)| !it.is_acquired).count();
        LockQueuePosition {
            holders,
            ahead: u32::try_from(ahead).unwrap_or(u32::MAX),
        }
    }

    /// The requests of the run that came before one and want one of the same locks.
    fn before(&self, id: EffectId) -> impl Iterator<Item = (EffectId, &LockProgress)> {
        let own = self.requests.get(&id);
        let wanted = move |it: &LockProgress| {
            own.is_some_and(|own| own.wants.iter().any(|want| it.wants(&want.name)))
        };
        let earlier = self.requests.range(..id);
        earlier
            .filter(move |(_, it)| wanted(it))
            .map(|(id, it)| (*id, it))
    }

    /// A lock is held: what comes next, and what the machine is told.
    pub fn granted(&mut self, grant: GrantSignal, now: i64) -> (Vec<Act>, Vec<Event>) {
        if let Some(regain) = &mut self.regain {
            if !regain.granted(&grant) {
                let leave = self.leave_attempt(grant.request, &grant.name, grant.attempt);
                return (vec![leave], Vec::new());
            }
            // It is told when the run goes on.
            self.hear(grant.deployed);
            return (self.ask_next(now), Vec::new());
        }
        let id = grant.request;
        let awaited = self.requests.get_mut(&id).filter(|it| !it.is_acquired);
        let awaited = awaited
            .filter(|it| (it.wants.get(it.held)).is_some_and(|want| *want.name == *grant.name));
        let Some(progress) = awaited else {
            let is_held = self
                .requests
                .get(&id)
                .is_some_and(|it| (it.wants.iter()).any(|want| *want.name == *grant.name));
            // It was given up before it was granted.
            let leave = (!is_held).then(|| self.leave(id, &grant.name));
            return (leave.into_iter().collect(), Vec::new());
        };
        progress.held += 1;
        progress.holders.clear();
        let is_acquired = progress.held >= progress.wants.len();
        progress.is_acquired = is_acquired;
        progress.since = now;
        let mut events = Vec::new();
        if self.hear(grant.deployed) {
            events.extend(self.later());
        }
        if !is_acquired {
            return (self.next_want(id).into_iter().collect(), events);
        }
        events.push(Event::Acquired { id });
        let (acts, news) = self.take_turns(now);
        events.extend(news);
        (acts, events)
    }

    /// What others have deployed. Returns whether that is new.
    fn hear(&mut self, deployed: Vec<DeployedHere>) -> bool {
        let before = self.later.len();
        for it in deployed {
            self.later.entry(it.number).or_insert(LaterDeployment {
                number: it.number,
                run: it.run.into(),
                service: it.service.into(),
                target: it.target.into(),
                blocks: self.is_resumed,
            });
        }
        self.later.len() > before
    }

    /// A lock that the run had belongs to others now: what it does until they have ended.
    pub fn gives_back(&mut self, queued: &QueuedSignal) -> Vec<Act> {
        let left = self.regain.as_mut().map(|regain| regain.queued(queued));
        let left = left.unwrap_or_default().into_iter();
        left.map(|it| self.leave_attempt(it.request, &it.name, it.attempt))
            .collect()
    }

    /// Others are before a request.
    pub fn queued(&mut self, queued: QueuedSignal, now: i64) -> Option<Event> {
        let id = queued.request;
        let progress = self.requests.get_mut(&id).filter(|it| !it.is_acquired)?;
        let want = progress.wants.get(progress.held)?;
        if *want.name != *queued.name {
            return None;
        }
        let holder = |it: &LockHolder| RunLockHolder {
            lock: Name::from(lock_for_people(&want.name)),
            run: it.run.as_str().into(),
            node: NodePath::from(&*it.node),
            held_ms: now.saturating_sub(it.since).max(0),
        };
        let queue = LockQueuePosition {
            holders: queued.holders.iter().map(holder).collect(),
            ahead: queued.ahead,
        };
        progress.holders = queued.holders;
        progress.tell(id, queue)
    }

    // --- Circles -------------------------------------------------------------------------

    /// Whether something waits for a lock of another run.
    pub fn waits(&self) -> bool {
        let mut all = self.requests.values();
        all.any(|it| !it.is_acquired && it.holders.iter().any(|by| by.run != self.run))
    }

    /// Asks whether a request of this run waits in a circle, for all that wait.
    pub fn probes(&self, dependencies: &LockDependencies) -> Vec<Act> {
        let waiting = self.requests.iter().filter(|(_, it)| !it.is_acquired);
        waiting
            .flat_map(|(id, _)| self.ask_holders(*id, &[], dependencies))
            .collect()
    }

    /// Asks those who hold what a request waits for, behind those who have asked so far.
    fn ask_holders(
        &self,
        id: EffectId,
        behind: &[WaitingRequest],
        dependencies: &LockDependencies,
    ) -> Vec<Act> {
        let Some(progress) = self.requests.get(&id) else {
            return Vec::new();
        };
        let Some(want) = progress.wants.get(progress.held) else {
            return Vec::new();
        };
        let mut path = behind.to_vec();
        path.push(WaitingRequest {
            run: self.run.clone(),
            request: id,
            lock: want.name.to_string(),
            rolls_back: dependencies.rolling_back.contains(&id),
        });
        let first = path.first().map(|it| it.run.clone());
        let is_new = |run: &String| {
            // Circles that the first asker is not in are found by those who are.
            Some(run) == first.as_ref() || behind.iter().all(|it| it.run != *run)
        };
        let asked = progress
            .holders
            .iter()
            .filter(|by| by.run != self.run && is_new(&by.run));
        asked
            .map(|by| Act::Probe {
                to: by.run.clone(),
                probe: ProbeSignal {
                    path: path.clone(),
                    holder: by.request,
                },
            })
            .collect()
    }

    /// Another run waits for a lock of this one: what is asked next, or the circle that is closed.
    pub fn probed(&self, probe: &ProbeSignal, dependencies: &LockDependencies) -> Probed {
        let Some(last) = probe.path.last() else {
            return Probed::On(Vec::new());
        };
        let waits_for = dependencies
            .locks
            .iter()
            .find(|it| it.request == probe.holder && *it.lock == *last.lock);
        let Some(waits_for) = waits_for else {
            return Probed::On(Vec::new());
        };
        if let Some(first) = probe.path.first().filter(|it| it.run == self.run) {
            let asking = self.asking_for(&waits_for.after, dependencies);
            return match asking.contains(&first.request) {
                true => Probed::Circle,
                false => Probed::On(Vec::new()),
            };
        }
        Probed::On(
            self.asking_for(&waits_for.after, dependencies)
                .into_iter()
                .flat_map(|id| self.ask_holders(id, &probe.path, dependencies))
                .collect(),
        )
    }

    /// The requests that wait for other runs and have to be granted before all these are: those
    /// that wait for their turn, wait for who is before them.
    fn asking_for(
        &self,
        requests: &BTreeSet<EffectId>,
        dependencies: &LockDependencies,
    ) -> BTreeSet<EffectId> {
        let mut asking = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<EffectId> = requests.iter().copied().collect();
        while let Some(id) = open.pop() {
            let progress = self.requests.get(&id).filter(|it| !it.is_acquired);
            let Some(progress) = progress.filter(|_| seen.insert(id)) else {
                continue;
            };
            if progress.has_turn {
                asking.insert(id);
                continue;
            }
            for (before, _) in self.before(id) {
                // It has to be granted, and its locks to be given back.
                open.push(before);
                let given_back = dependencies.locks.iter();
                let given_back =
                    given_back.filter(|it| it.request == before && progress.wants(&it.lock));
                open.extend(given_back.flat_map(|it| &it.after));
            }
        }
        asking
    }

    /// A request of this run has to give way to who waits for it.
    pub fn give_way(&self, id: EffectId, path: &[WaitingRequest]) -> Option<Event> {
        let is_waiting = self.requests.get(&id).is_some_and(|it| !it.is_acquired);
        let said = |it: &WaitingRequest| {
            let lock = lock_for_people(&it.lock);
            format!("run {} waits for {lock}", it.run)
        };
        let said: Vec<String> = path.iter().map(said).collect();
        is_waiting.then(|| Event::LockRefused {
            id,
            class: FailureClass::Deadlock,
            message: format!("runs would wait for each other: {}", said.join(", ")),
        })
    }

    /// The machine gives locks of a request back; all of them where no names are given. What is to
    /// be done, and what it is told.
    pub fn release(&mut self, id: EffectId, names: &[Name], now: i64) -> (Vec<Act>, Vec<Event>) {
        let Some(progress) = self.requests.get_mut(&id) else {
            return (Vec::new(), Vec::new());
        };
        let is_gone = |want: &LockDemand| names.is_empty() || names.contains(&want.name);
        // Behind the one that is waited for, nothing was asked.
        let is_asking = progress.has_turn && !progress.is_acquired;
        let asked = progress.held + usize::from(is_asking);
        let asked = progress.wants.iter().take(asked);
        let gone: Vec<Name> = asked
            .filter(|it| is_gone(it))
            .map(|it| it.name.clone())
            .collect();
        progress.held -= (progress.wants.iter().take(progress.held))
            .filter(|it| is_gone(it))
            .count();
        progress.wants.retain(|want| !is_gone(want));
        if progress.wants.is_empty() {
            self.requests.remove(&id);
        }
        self.turns.release(id, names);
        let mut acts: Vec<Act> = gone.iter().map(|name| self.leave(id, name)).collect();
        let (next, events) = self.take_turns(now);
        acts.extend(next);
        (acts, events)
    }

    /// Gives back what an attempt has got, or waits for.
    fn leave_attempt(&self, id: EffectId, name: &str, attempt: i64) -> Act {
        Act::Leave(LockLeave {
            run: self.run.clone(),
            request: id,
            name: name.to_owned(),
            deployed: Vec::new(),
            attempt: Some(attempt),
        })
    }

    fn leave(&self, id: EffectId, name: &str) -> Act {
        let here = self
            .deployed
            .iter()
            .filter(|((target, _), _)| *infrastructure_lock(target) == *name);
        let deployed = here.map(|((target, service), at)| DeployedHere {
            number: 0,
            run: self.run.clone(),
            service: service.to_string(),
            target: target.to_string(),
            at: *at,
        });
        Act::Leave(LockLeave {
            run: self.run.clone(),
            request: id,
            name: name.to_owned(),
            deployed: deployed.collect(),
            attempt: None,
        })
    }

    /// Notes what the run has deployed, at this time in milliseconds since 1970.
    pub fn note(&mut self, told: &RunEventKind, now: i64) {
        let RunEventKind::NodeFinished {
            kind: NodeKind::Deploy,
            status,
            deployment: Some(place),
            ..
        } = told
        else {
            return;
        };
        let key = (place.target.clone(), place.service.clone());
        match status {
            Status::RolledBack => drop(self.deployed.remove(&key)),
            Status::Succeeded
            | Status::Ignored
            | Status::Failed
            | Status::Cancelled
            | Status::RollbackFailed => drop(self.deployed.insert(key, now)),
            Status::Pending
            | Status::Queued
            | Status::Waiting
            | Status::Running
            | Status::Skipped
            | Status::Superseded
            | Status::RollingBack => {}
        }
    }
}
