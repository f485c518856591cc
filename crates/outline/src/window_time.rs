//! How long something takes at worst from the moment it takes the locks of infrastructures with
//! windows until it gives them back, and what nothing bounds in it. What is taken back does not
//! count: a rollback is never held up by a window.

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_base::value::InfrastructureId;
use lockstep_base::value::text::duration;
use lockstep_lang::ir::{HandlerVerdict, StmtKind, Window};
use lockstep_plan::{Locals, Plan, PlanNode, PlanSequence, PlanWalk, TreeId, body};

use super::builder::{OutlineBuilder, OutlinePart};
use super::longest_time::LongestTime;

/// More statements than this are not named in one message.
const MAX_NAMED: usize = 12;
/// More holders of locks than this are not looked at: cells of one loop are much alike.
const MAX_CHECKED: usize = 500;

/// A statement that may take any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnboundedTime {
    /// The statement, or what only the run knows.
    pub span: Span,
    /// Why nothing bounds it, for people; nothing where only the run knows its time.
    pub why: Option<&'static str>,
}

/// What something needs of the windows of its infrastructures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowTime {
    /// The longest that it can take, in milliseconds, where that is bounded.
    pub longest_ms: Option<u64>,
    /// What may take any time in it.
    pub unbounded: Vec<UnboundedTime>,
}

/// What takes locks together: a stage, or what holds them for its stages.
#[derive(Debug, Clone, Copy)]
pub struct LockHolder<'h> {
    /// Its node.
    pub id: TreeId,
    /// What is left of its body when it takes them; nothing where all of it is.
    pub rest: Option<&'h [TreeId]>,
    /// What the rest of its body sees, or it itself.
    pub locals: &'h Locals,
    /// How long its commands may take to end when they are asked to.
    pub grace_ms: u64,
}

impl WindowTime {
    /// What a holder of locks needs. The walk knows what is known at that time.
    pub fn of(plan: &Plan, walk: PlanWalk<'_>, holder: LockHolder<'_>) -> Self {
        let mut builder = OutlineBuilder::new(plan, 0);
        builder.walk = PlanWalk {
            run: walk.run,
            ..builder.walk
        };
        builder.forward_only = true;
        builder.own_holder = Some(holder.id);
        builder.grace_ms = holder.grace_ms;
        let longest = builder.time_of_holder(holder);
        Self {
            longest_ms: longest.run,
            unbounded: match longest.run {
                Some(_) => Vec::new(),
                None => builder.unbounded,
            },
        }
    }
}

impl OutlineBuilder<'_> {
    fn time_of_holder(&mut self, holder: LockHolder<'_>) -> LongestTime {
        let plan = self.plan;
        let node = plan.tree.get(holder.id);
        let mut locals = holder.locals.clone();
        // What people are asked is theirs to bound.
        let comes_back = |verdict: &HandlerVerdict| match verdict {
            HandlerVerdict::Retry(_) => true,
            HandlerVerdict::Ask { .. }
            | HandlerVerdict::Ignore
            | HandlerVerdict::Rollback(_)
            | HandlerVerdict::Abort => false,
        };
        let mut ends = (node.stmt.handlers.on_failure.iter())
            .filter_map(|it| it.body.stmts.last()?.kind.verdict());
        // What is tried again does all of it again.
        let again = node.stmt.modifiers.retry.is_some() || ends.any(comes_back);
        let is_root = holder.id == plan.tree.root();
        let Some(rest) = holder.rest.filter(|_| !again || is_root) else {
            if !is_root {
                return self.node(holder.id, &mut locals, None).measure.longest;
            }
            return self.time_of_root(body(node), node, &mut locals);
        };
        let rest = PlanSequence::from(rest);
        if is_root {
            return self.time_of_root(&rest, node, &mut locals);
        }
        let around = locals.clone();
        let mut seen = self.seq(&rest, &mut locals, None);
        self.mark = 0;
        self.modify(node, &around, &mut seen.measure, None);
        seen.measure.longest
    }

    /// A pipeline gives its locks back behind the last deployment outside of a stage.
    fn time_of_root(
        &mut self,
        rest: &PlanSequence,
        node: &PlanNode,
        locals: &mut Locals,
    ) -> LongestTime {
        let mut inside = locals.clone();
        let mut last = 0;
        for (at, id) in rest.iter().enumerate() {
            if self.deploys_itself(node, *id, &mut inside) {
                last = at + 1;
            }
        }
        let part = match node.shares_locks {
            true => rest.clone(),
            false => rest
                .iter()
                .take(last)
                .copied()
                .collect::<Vec<_>>()
                .as_slice()
                .into(),
        };
        let around = locals.clone();
        let longest = self.seq(&part, locals, None).measure.longest;
        self.limited(node, &around, longest, 0)
    }

    /// Whether the locks of a holder are needed for a statement of its body. It binds its value.
    fn deploys_itself(&self, holder: &PlanNode, id: TreeId, locals: &mut Locals) -> bool {
        let walk = PlanWalk {
            skip_holders: !holder.shares_locks,
            ..self.walk
        };
        let sum = walk.summary_of_node(id, locals).unwrap_or_default();
        let deploys = !sum.targets.is_empty() || !sum.named_targets.is_empty();
        deploys || (sum.unsure && self.plan.tree.get(id).has_deploy)
    }

    /// A time that the `timeout` of a statement limits. What is in it is not unbounded then; where
    /// only the run knows the limit, that is all that is to be said.
    pub(super) fn limited(
        &mut self,
        node: &PlanNode,
        locals: &Locals,
        longest: LongestTime,
        mark: usize,
    ) -> LongestTime {
        let Some(limit) = &node.stmt.modifiers.timeout else {
            return longest;
        };
        let known = self.time(limit, locals);
        if known.is_none() || longest.stop.is_some() {
            self.unbounded.truncate(mark);
        }
        match known {
            Some(ms) => longest.limited(ms),
            None => {
                self.may_take_any_time(limit.span, None);
                longest
            }
        }
    }

    /// Notes what takes any time, where that matters.
    pub(super) fn may_take_any_time(&mut self, span: Span, why: Option<&'static str>) {
        let found = UnboundedTime { span, why };
        if self.forward_only && !self.unbounded.contains(&found) {
            self.unbounded.push(found);
        }
    }

    /// What a statement itself waits for, beside its body.
    pub(super) fn add_own_wait(
        &mut self,
        node: &PlanNode,
        locals: &Locals,
        seen: &mut OutlinePart,
    ) {
        if !self.forward_only || self.undoing {
            return;
        }
        let span = node.stmt.span;
        let longest = &mut seen.measure.longest;
        match &node.stmt.kind {
            StmtKind::Run(_) => self.may_take_any_time(span, Some("a command may take any time")),
            StmtKind::Action { .. } => {
                self.may_take_any_time(span, Some("an action may take any time"));
            }
            StmtKind::Approve { .. } => {
                self.may_take_any_time(span, Some("people may take any time to answer"));
            }
            StmtKind::Barrier { .. } => {
                longest.run = None;
                self.may_take_any_time(span, Some("the others may come at any time"));
            }
            StmtKind::Lock { resource, .. } => {
                longest.run = None;
                let span = Span {
                    end: resource.span.end,
                    ..span
                };
                self.may_take_any_time(span, Some("the lock may be held for any time"));
            }
            StmtKind::Wait(time) | StmtKind::Verify { during: time, .. } => {
                if self.time(time, locals).is_none() {
                    self.may_take_any_time(time.span, None);
                }
            }
            StmtKind::Stage { .. }
            | StmtKind::Block(_)
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Deploy { .. }
            | StmtKind::Step { .. }
            | StmtKind::Call(_)
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {}
        }
    }

    /// How often an `ask` lets a statement be tried, and for how long it is asked. What people
    /// decide beyond that is theirs.
    pub(super) fn asks(&mut self, timeout: Option<u64>, at: Span) -> (Option<u64>, Option<u64>) {
        if !self.forward_only {
            // The answer may be to try again, any number of times.
            return (None, None);
        }
        if timeout.is_none() {
            self.may_take_any_time(at, Some("people may take any time to answer"));
        }
        (Some(0), timeout)
    }

    /// What takes locks of its own inside of what holds others: it may have to wait for them, and
    /// for its windows.
    pub(super) fn add_wait_for_locks(&mut self, id: TreeId, seen: &mut OutlinePart) {
        if self.forward_only && self.own_holder != Some(id) {
            seen.measure.longest.run = None;
            let span = self.plan.tree.get(id).stmt.span;
            self.may_take_any_time(span, Some("it may wait for its locks for any time"));
        }
    }

    /// Notes that a holder of locks has infrastructures with windows.
    pub(super) fn holds_in_windows(
        &mut self,
        id: TreeId,
        locals: &Locals,
        places: Vec<InfrastructureId>,
    ) -> Option<HeldInWindows> {
        let program = &self.plan.bound.program;
        if program.windows.is_empty() || self.forward_only {
            return None;
        }
        let windowed = |place: &InfrastructureId| program.window_of(*place).is_some();
        let places: Vec<_> = places.into_iter().filter(windowed).collect();
        if places.is_empty() {
            return None;
        }
        let node = self.plan.tree.get(id);
        let all = body(node);
        let is_sequence = node.stmt.kind.fork().is_none();
        let mut inside = locals.clone();
        let mut first = 0;
        if is_sequence {
            for (at, id) in all.iter().enumerate() {
                let before = inside.clone();
                if self.deploys_itself(node, *id, &mut inside) {
                    (first, inside) = (at, before);
                    break;
                }
            }
        }
        let holder = LockHolder {
            id,
            rest: is_sequence.then(|| all.get(first..)).flatten(),
            locals: if is_sequence { &inside } else { locals },
            grace_ms: self.grace_ms,
        };
        let time = WindowTime::of(self.plan, self.walk, holder);
        let held = HeldInWindows { id, places, time };
        if self.held_in_windows.len() < MAX_CHECKED {
            self.held_in_windows.push(held.clone());
        }
        Some(held)
    }
}

/// A holder of locks with its infrastructures that have windows.
#[derive(Debug, Clone)]
pub(crate) struct HeldInWindows {
    id: TreeId,
    places: Vec<InfrastructureId>,
    pub(super) time: WindowTime,
}

impl HeldInWindows {
    /// Its windows, and which infrastructures have them.
    pub(super) fn windows<'p>(&self, plan: &'p Plan) -> Vec<(&'p Window, Vec<InfrastructureId>)> {
        windows_of(plan, &self.places)
    }
}

/// The windows of infrastructures, each once, with those that have it.
pub fn windows_of<'p>(
    plan: &'p Plan,
    places: &[InfrastructureId],
) -> Vec<(&'p Window, Vec<InfrastructureId>)> {
    let mut found: Vec<(&Window, Vec<InfrastructureId>)> = Vec::new();
    for place in places {
        let Some(window) = plan.bound.program.window_of(*place) else {
            continue;
        };
        match found
            .iter_mut()
            .find(|(known, _)| known.span == window.span)
        {
            Some((_, of)) => of.push(*place),
            None => found.push((window, vec![*place])),
        }
    }
    found
}

/// What of a plan cannot end within its windows, or nothing bounds, in source order.
pub fn window_faults(plan: &Plan) -> Vec<Diagnostic> {
    if plan.bound.program.windows.is_empty() {
        return Vec::new();
    }
    let held = OutlineBuilder::new(plan, 0).whole().held_in_windows;
    let mut found: Vec<(TreeId, Diagnostic)> = Vec::new();
    for holder in held {
        if found.iter().any(|(id, _)| *id == holder.id) {
            continue;
        }
        let fault = unbounded(plan, &holder).or_else(|| too_long(plan, &holder));
        found.extend(fault.map(|fault| (holder.id, fault)));
    }
    found.into_iter().map(|(_, fault)| fault).collect()
}

/// The words for a holder, and its head.
fn named(plan: &Plan, holder: &HeldInWindows) -> (String, Span) {
    let node = plan.tree.get(holder.id);
    let words = match &node.label {
        Some(name) if node.stmt.kind.holds_infrastructures() => format!("stage `{name}`"),
        _ if holder.id == plan.tree.root() => {
            format!("pipeline `{}`", plan.bound.pipeline().name)
        }
        _ => String::from("this block"),
    };
    (words, node.stmt.span)
}

fn unbounded(plan: &Plan, holder: &HeldInWindows) -> Option<Diagnostic> {
    let named_ones = holder.time.unbounded.iter();
    let mut named_ones = named_ones.filter_map(|it| Some((it.span, it.why?)));
    let (first, why) = named_ones.next()?;
    let (what, _) = named(plan, holder);
    let windows = window_names(plan, holder);
    let message = format!("nothing bounds how long {what} takes, which must end within {windows}");
    let mut error = Diagnostic::error(codes::UNBOUNDED_IN_WINDOW, first, message).here(why);
    for (span, why) in named_ones.take(MAX_NAMED) {
        error = error.label(span, why);
    }
    for (window, _) in holder.windows(plan) {
        error = error.label(window.span, "the window");
    }
    let kind = &plan.tree.get(holder.id).stmt.kind;
    let block = match kind.holds_infrastructures() {
        true => "the stage",
        false => "what is around it",
    };
    Some(error.help(format!("give it a `timeout`, or {block}")))
}

fn too_long(plan: &Plan, holder: &HeldInWindows) -> Option<Diagnostic> {
    let needs = holder.time.longest_ms?;
    let windows = holder.windows(plan);
    // Windows of one zone are compared minute by minute; those of others, each alone.
    let mut zones: Vec<(&str, _)> = Vec::new();
    for (window, _) in &windows {
        let week = window.week();
        match zones.iter_mut().find(|(zone, _)| **zone == *window.zone) {
            Some((_, together)) => {
                let both = std::mem::replace(together, week.clone());
                *together = both.and(&week);
            }
            None => zones.push((&window.zone, week)),
        }
    }
    let most = zones
        .iter()
        .filter_map(|(_, week)| week.longest_ms())
        .min()?;
    if needs <= most {
        return None;
    }
    let (what, head) = named(plan, holder);
    let text = |ms: u64| duration(i64::try_from(ms).unwrap_or(i64::MAX));
    let names = window_names(plan, holder);
    let message = format!(
        "{what} may take {}, but {names} {}",
        text(needs),
        match most {
            0 => String::from("are never open together"),
            _ if windows.len() == 1 => format!("is open for {} at most", text(most)),
            _ => format!("are open together for {} at most", text(most)),
        },
    );
    let mut error = Diagnostic::error(codes::TOO_LONG_FOR_WINDOW, head, message)
        .here("takes too long at worst, with tries and time limits");
    for (window, _) in &windows {
        error = error.label(window.span, "the window");
    }
    Some(error.help("allow it less time, or open the window for longer"))
}

/// `` window `office` of prod ``
fn window_names(plan: &Plan, holder: &HeldInWindows) -> String {
    let windows = holder.windows(plan);
    let said: Vec<String> = windows
        .iter()
        .map(|(window, of)| format!("`{}` of {}", window.name, places_text(plan, of)))
        .collect();
    let word = if said.len() == 1 { "window" } else { "windows" };
    format!("{word} {}", said.join(" and "))
}

/// The infrastructures of a window for people: the environment, where all of them are its own.
pub fn places_text(plan: &Plan, of: &[InfrastructureId]) -> String {
    let program = &plan.bound.program;
    let environment = |place: &InfrastructureId| {
        let place = program.infrastructures.get(place.0 as usize)?;
        program.environments.get(place.environment.0 as usize)
    };
    let mut names: Vec<&str> = Vec::new();
    for place in of {
        let whole = environment(place).filter(|it| {
            it.infrastructures.iter().all(|other| {
                let window = |id: InfrastructureId| program.window_of(id).map(|it| it.span);
                window(*other) == window(*place)
            })
        });
        let own = program.infrastructures.get(place.0 as usize);
        let name = whole.map(|it| &*it.name).or(own.map(|it| &*it.name));
        let name = name.unwrap_or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}
