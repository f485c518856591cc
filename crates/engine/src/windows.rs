//! Deployment windows: who is about to take the locks of infrastructures that have windows asks
//! whether what it does fits into them, and waits or fails where it does not. It asks once more
//! when the locks are held, where that took time: what no longer fits gives them back. A rollback
//! never asks. Must not know what time of day it is: the world answers.

use jiff::Timestamp;

use super::broken::{Breach, BrokenInvariant, Checked, NodeError, failure_apart};
use super::event::{Effect, EffectId};
use super::infrastructure_locks::InfrastructureLockRequest;
use super::node::{BodyEnd, NodeId};
use super::run_event::{RunEventKind, WaitReason, WindowOf};
use super::statement::traits;
use super::{Machine, MachineTask};
use indexmap::IndexSet;
use lockstep_base::source::Name;
use lockstep_base::value::text::duration;
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::ir::window::in_zone;
use lockstep_lang::ir::{FailureClass, SIGTERM_GRACE_MS, Window};
use lockstep_outline::{LockHolder, WindowTime, places_text, windows_of};

/// What a request for locks asks of the windows of its infrastructures.
#[derive(Debug, Clone)]
pub struct WindowRequest {
    /// The question that has not been answered, or to which the answer is that it has to wait.
    pub(super) asked: Option<EffectId>,
    /// How long it takes at worst, in milliseconds.
    pub(super) needs_ms: u64,
    /// Since when it waits, and what is told of it.
    pub(super) closed: Option<WaitReason>,
    /// Whether the answer is of before the run was resumed.
    pub(super) is_old: bool,
}

impl Machine {
    /// Whether may be deployed to an infrastructure only in a window.
    pub(super) fn asks_window(&self, target: InfrastructureId) -> bool {
        let asks = self.run.outside_window.is_none() && !self.run.supposes && !self.goes_back;
        asks && self.plan.bound.program.window_of(target).is_some()
    }

    /// Whether deployments to an infrastructure hold a lock, or wait for a window.
    pub(super) fn is_guarded(&self, target: InfrastructureId) -> bool {
        self.is_exclusive(target) || self.asks_window(target)
    }

    /// Asks whether the windows of infrastructures are open for long enough, if any has one. What
    /// nothing bounds is a failure of `asker`.
    pub(super) fn ask_windows(
        &mut self,
        holder: NodeId,
        asker: NodeId,
        targets: &IndexSet<InfrastructureId>,
    ) -> Result<Option<WindowRequest>, NodeError> {
        if !targets.iter().any(|target| self.asks_window(*target)) {
            return Ok(None);
        }
        let time = self.window_time(holder)?;
        let Some(needs_ms) = time.longest_ms else {
            let names = self.windows_text(targets);
            let message = format!(
                "it must end within {names}, and nothing bounds how long it takes: give the stage \
                 a `timeout`"
            );
            return Err(self.failure(asker, FailureClass::Failed, message)?.into());
        };
        let asked = self.ask_window(holder, targets, needs_ms)?;
        Ok(Some(WindowRequest {
            asked: Some(asked),
            needs_ms,
            closed: None,
            is_old: false,
        }))
    }

    fn ask_window(
        &mut self,
        holder: NodeId,
        targets: &IndexSet<InfrastructureId>,
        needs_ms: u64,
    ) -> Checked<EffectId> {
        let node = self.node(holder)?.path.clone();
        let windows = self.windows(targets).into_iter();
        let windows = windows.map(|(window, _)| window.clone()).collect();
        let id = self.effect(holder);
        self.effects.push(Effect::AwaitWindow {
            id,
            node,
            windows,
            needs_ms,
        });
        Ok(id)
    }

    /// How long a holder of locks takes from now on, at worst.
    fn window_time(&self, holder: NodeId) -> Checked<WindowTime> {
        let node = self.node(holder)?;
        let seq = node.state.sequence();
        let rest = seq.and_then(|seq| seq.seq.get(seq.next.saturating_sub(1)..));
        let walk = Self::walk(&self.plan, &self.run);
        let mut grace_ms = SIGTERM_GRACE_MS.unsigned_abs();
        let mut at = Some(holder);
        while let Some(id) = at {
            let around = self.node(id)?;
            let stmt = &self.plan.tree.get(around.tree).stmt;
            if let Some(grace) = &stmt.modifiers.grace
                && let Ok(Value::Duration(ms)) = self.eval(grace, &around.locals)
            {
                grace_ms = ms.max(0).unsigned_abs();
                break;
            }
            at = around.parent;
        }
        let holder = LockHolder {
            id: node.tree,
            rest,
            locals: seq.map_or(&node.locals, |seq| &seq.locals),
            grace_ms,
        };
        Ok(WindowTime::of(&self.plan, walk, holder))
    }

    /// The windows of infrastructures, each once, with those that have it.
    fn windows(
        &self,
        targets: &IndexSet<InfrastructureId>,
    ) -> Vec<(&Window, Vec<InfrastructureId>)> {
        let targets: Vec<_> = targets.iter().copied().collect();
        windows_of(&self.plan, &targets)
    }

    fn window_names(&self, targets: &IndexSet<InfrastructureId>) -> Vec<WindowOf> {
        let windows = self.windows(targets).into_iter();
        let named = |(window, of): (&Window, Vec<InfrastructureId>)| WindowOf {
            window: window.name.clone(),
            of: places_text(&self.plan, &of),
        };
        windows.map(named).collect()
    }

    fn windows_text(&self, targets: &IndexSet<InfrastructureId>) -> String {
        WindowOf::list(&self.window_names(targets))
    }

    /// The windows are open for long enough: the locks are requested, or what holds them goes on.
    pub(super) fn window_open(&mut self, holder: NodeId, question: EffectId) -> Checked<()> {
        let Some((at, request)) = self.asking(holder, question)? else {
            return Err(self.wrong_answer(holder, question));
        };
        let waited = request
            .window
            .as_ref()
            .is_some_and(|it| it.closed.is_some());
        let needs_ms = request.window.as_ref().map_or(0, |it| it.needs_ms);
        let (targets, waiting) = (request.targets.clone(), request.waiting.clone());
        let holds_locks = request.id.is_some();
        let named = targets.iter().filter(|it| self.asks_window(**it));
        let names = named.map(|it| self.infrastructure_lock_name(*it)).collect();
        self.emit(RunEventKind::WindowOpen {
            node: self.node(holder)?.path.clone(),
            windows: self.window_names(&targets),
            targets: names,
            needs_ms,
        });
        if waited {
            self.begin_timeouts(holder, &waiting)?;
        }
        let wants = self.lock_demands(&targets);
        let acquired = match holds_locks || wants.is_empty() {
            true => None,
            false => Some(self.acquire(holder, wants)?),
        };
        let request = self.lock_request(holder, at)?;
        if let Some(window) = &mut request.window {
            (window.asked, window.closed, window.is_old) = (None, None, false);
        }
        request.queued = None;
        if acquired.is_some() {
            request.id = acquired;
            return Ok(());
        }
        self.grant_request(holder, at)
    }

    /// What is left of it does not fit into the windows now.
    pub(super) fn window_closed(
        &mut self,
        holder: NodeId,
        question: EffectId,
        opens_at: Option<i64>,
        refused: bool,
    ) -> Checked<()> {
        let Some((at, request)) = self.asking(holder, question)? else {
            return Err(self.wrong_answer(holder, question));
        };
        let (targets, waiting) = (request.targets.clone(), request.waiting.clone());
        let needs_ms = request.window.as_ref().map_or(0, |it| it.needs_ms);
        if let Some(held) = request.id {
            // Others may use them meanwhile.
            self.release(held, Vec::new());
            self.lock_request(holder, at)?.id = None;
        }
        let opens_at = opens_at.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let zone = self
            .windows(&targets)
            .first()
            .map(|(it, _)| it.zone.clone());
        let opens = opens_at.map(|it| in_zone(it, zone.as_deref().unwrap_or("UTC")));
        if refused || opens_at.is_none() {
            let needs = duration(i64::try_from(needs_ms).unwrap_or(i64::MAX));
            let names = self.windows_text(&targets);
            let said = match &opens {
                Some(opens) => format!(
                    "it may take {needs}, which does not fit into {names} now: it opens {opens}"
                ),
                None => format!("it may take {needs}, and {names} never stays open so long"),
            };
            return self.refuse_window(holder, at, &said);
        }
        let reason = WaitReason::Window {
            windows: self.window_names(&targets),
            opens_at: opens_at.map(|it| format!("{it:.0}")),
            opens,
            needs_ms,
        };
        let request = self.lock_request(holder, at)?;
        request.queued = None;
        if let Some(window) = &mut request.window {
            window.closed = Some(reason.clone());
        }
        for id in waiting {
            self.wait_for_window(id, reason.clone())?;
        }
        Ok(())
    }

    /// A deployment waits for a window: until that opens, time limits around it do not count.
    pub(super) fn wait_for_window(&mut self, id: NodeId, reason: WaitReason) -> Checked<()> {
        let holder = self.node(id)?.inherited.lock_holder;
        for around in self.up_to(id, holder)? {
            if let Some(timer) = self.node_mut(around)?.timeout.take() {
                self.clear_timer(timer);
            }
        }
        self.wait(id, reason)
    }

    /// The time limits around what has waited for a window begin.
    fn begin_timeouts(&mut self, holder: NodeId, waiting: &[NodeId]) -> Checked<()> {
        for id in waiting {
            for around in self.up_to(*id, holder)? {
                let node = self.node(around)?;
                let stmt = self.plan.tree.get(node.tree).stmt.clone();
                let runs = node.is_statement()
                    && node.timeout.is_none()
                    && node.state.is_in_body()
                    && !node.state.stops().any();
                if runs && !traits(&stmt.kind).arms_timeout_later {
                    // What has no value has failed when it began.
                    let _ = failure_apart(self.arm_timeout(around, &stmt))?;
                }
            }
        }
        Ok(())
    }

    /// The nodes around a node, from it up to another.
    fn up_to(&self, id: NodeId, last: NodeId) -> Checked<Vec<NodeId>> {
        let mut found = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at {
            found.push(id);
            if id == last {
                break;
            }
            at = self.node(id)?.parent;
        }
        Ok(found)
    }

    /// The request is withdrawn, and who waits for it fails.
    fn refuse_window(&mut self, holder: NodeId, at: usize, said: &str) -> Checked<()> {
        let Some(holds) = self.node_mut(holder)?.infrastructure_locks.as_mut() else {
            return Ok(());
        };
        let request = holds.take_request(at);
        if let Some(question) = request.window.and_then(|it| it.asked) {
            self.leave_window(question);
        }
        for node in request.waiting {
            let failure = self.failure(node, FailureClass::Failed, said)?;
            self.queue
                .push(MachineTask::Ended(node, BodyEnd::bad(failure)));
        }
        Ok(())
    }

    /// Locks are held, but it took time: it is asked once more. Returns whether it is.
    pub(super) fn asks_again(&mut self, holder: NodeId, at: usize) -> Checked<bool> {
        let request = self.lock_request(holder, at)?;
        let took_time = request.queued.is_some();
        let targets = request.targets.clone();
        let Some(window) = request.window.as_ref() else {
            return Ok(false);
        };
        let needs_ms = window.needs_ms;
        if !took_time && !window.is_old {
            return Ok(false);
        }
        let asked = self.ask_window(holder, &targets, needs_ms)?;
        if let Some(window) = &mut self.lock_request(holder, at)?.window {
            window.asked = Some(asked);
        }
        Ok(true)
    }

    /// The run was stopped for a while: what was said of windows before does not count.
    pub(super) fn forget_open_windows(&mut self) {
        let nodes = self.nodes.iter_mut().flatten();
        let all = nodes.filter_map(|node| node.infrastructure_locks.as_mut());
        for window in all.flat_map(|it| it.ungranted_windows()) {
            window.is_old = true;
        }
    }

    pub(super) fn leave_window(&mut self, question: EffectId) {
        if self.pending.remove(&question).is_some() {
            self.effects.push(Effect::LeaveWindow { id: question });
        }
    }

    /// The request that asks, and its place.
    fn asking(
        &self,
        holder: NodeId,
        question: EffectId,
    ) -> Checked<Option<(usize, &InfrastructureLockRequest)>> {
        let holds = self.node(holder)?.infrastructure_locks.as_ref();
        Ok(holds.and_then(|it| it.asking(question)))
    }

    fn lock_request(
        &mut self,
        holder: NodeId,
        at: usize,
    ) -> Checked<&mut InfrastructureLockRequest> {
        let holds = self.node_mut(holder)?.infrastructure_locks.as_mut();
        let found = holds.and_then(|it| it.request_at(at));
        found.ok_or_else(|| BrokenInvariant::new(Breach::NotA("request")))
    }

    pub(super) fn lock_demands(
        &self,
        targets: &IndexSet<InfrastructureId>,
    ) -> Vec<super::LockDemand> {
        let exclusive = targets.iter().filter(|it| self.is_exclusive(**it));
        exclusive.map(|it| self.lock_demand(*it)).collect()
    }
}

impl WindowOf {
    /// `` `office` of prod ``
    pub fn text(&self) -> String {
        format!("`{}` of {}", self.window, self.of)
    }

    /// Several of them, with the word for it.
    pub fn list(all: &[Self]) -> String {
        let said: Vec<String> = all.iter().map(Self::text).collect();
        let word = if said.len() == 1 { "window" } else { "windows" };
        format!("{word} {}", said.join(" and "))
    }

    /// The names of the windows.
    pub fn names(all: &[Self]) -> Vec<Name> {
        all.iter().map(|it| it.window.clone()).collect()
    }
}
