//! Builds an outline: walks the plan once, counts everything and lists what is to be shown.

use std::collections::{HashMap, HashSet};

use indexmap::IndexSet;

use super::cells::MAX_COUNTED_CELLS;
use super::item::{Item, ItemKind, ItemWindow};
use super::longest_time::{FailureTime, LongestTime, add};
use super::measure::{Measure, StageLocks};
use super::minimum_time::MinimumTime;
use super::window_time::{HeldInWindows, UnboundedTime, places_text};
use super::{BarrierMembers, SerializedStages, labels};
use lockstep_base::node_path::{HandlerPart, NodePath};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::{HandlerVerdict, Order, SIGTERM_GRACE_MS, StmtKind};
use lockstep_plan::body;
use lockstep_plan::grid::Position;
use lockstep_plan::{
    BarrierName, BodySummary, Locals, Place, PlacePools, Plan, PlanWalk, stage_value,
};
use lockstep_plan::{PlanNode, PlanSequence, PlanTree, TreeId};

/// Cells that are listed in one outline, all loops and matrices together, however large they are.
const MAX_LISTED_CELLS: usize = 2_000;
/// So many are listed as long as they are small,
const MAX_SMALL_CELLS: usize = 10_000;
/// that is to say, as long as all of them together have no more items.
const MAX_LISTED_ITEMS: usize = 80_000;
/// Strands of a meeting that are named.
const MAX_NAMED_STRANDS: usize = 6;
/// Pairs of stages that take turns.
const MAX_SERIALIZED_PAIRS: usize = 100;

/// What was found of a part of the plan. Without a place to list it at, there are no items.
#[derive(Debug, Default)]
pub(super) struct OutlinePart {
    pub(super) measure: Measure,
    pub(super) items: Vec<Item>,
}

/// Where listed items stand: the path of the node around them. Nothing where all is only counted.
pub(super) type ListingPath<'p> = Option<&'p NodePath>;

/// The meetings of one activation of a block: by the axes that are fixed, and by barrier.
#[derive(Debug)]
pub(super) struct BarrierFrame {
    pub(super) block: TreeId,
    /// The current cell.
    pub(super) position: Position,
    /// The name of the current strand.
    pub(super) strand: StrandName,
    /// Whether strands are being counted, which is done before anything is listed.
    pub(super) counting: bool,
    pub(super) meets: HashMap<(Position, BarrierName), OutlineBarrier>,
}

/// What a strand is called.
#[derive(Debug)]
pub(super) enum StrandName {
    Named(String),
    /// A cell, and what it sees.
    Values(Vec<Value>, Locals),
}

impl BarrierFrame {
    /// For a block in which none has been found yet.
    pub(super) fn new(block: TreeId) -> Self {
        Self {
            block,
            position: Position::new(),
            strand: StrandName::Named(String::new()),
            counting: true,
            meets: HashMap::new(),
        }
    }
}

/// A meeting.
#[derive(Debug, Default)]
pub(super) struct OutlineBarrier {
    pub(super) strands: u64,
    pub(super) who: Vec<String>,
    /// The values of the axes that are fixed for it.
    pub(super) within: Vec<String>,
    /// Its place among the outline's meetings, once it has one.
    pub(super) index: Option<usize>,
}

/// All of the plan.
pub(crate) struct OutlineTotals {
    pub(super) root: Item,
    pub(super) meetings: Vec<BarrierMembers>,
    pub(super) turns: Vec<SerializedStages>,
    pub(crate) infeasible: Vec<InfeasibleTimeout>,
    pub(crate) held_in_windows: Vec<HeldInWindows>,
}

pub(crate) struct OutlineBuilder<'a> {
    pub(super) walk: PlanWalk<'a>,
    pub(super) plan: &'a Plan,
    /// Cells listed of one loop or matrix.
    pub(super) limit: usize,
    /// Cells that may still be listed.
    pub(super) left: usize,
    /// Cells that may still be counted; any number while those that have been counted are listed.
    pub(super) cells_left: Option<usize>,
    /// The deployments found in the current part. Barriers are in the frames.
    pub(super) summary: BodySummary,
    /// The infrastructures that are deployed to outside of stages.
    pub(super) loose: IndexSet<InfrastructureId>,
    pub(super) frames: Vec<BarrierFrame>,
    /// Where commands run.
    pub(super) place: Place,
    /// The pools whose workers carry them out.
    pub(super) pools: PlacePools,
    /// Whether they are in a deployment to somewhere else.
    pub(super) deploys_elsewhere: bool,
    /// How long a command may take to end when it is asked to, in milliseconds.
    pub(super) grace_ms: u64,
    /// Whether what is counted is an `undo`.
    pub(super) undoing: bool,
    /// How many barriers are to be passed over: those of handlers, and of branches.
    pub(super) muted: u32,
    pub(super) meetings: Vec<BarrierMembers>,
    /// The barriers of which only the run knows who comes to which key, or how many.
    pub(super) open_barriers: HashSet<u32>,
    pub(super) turns: Vec<SerializedStages>,
    /// The numbers of the locks that are named in `lock`.
    pub(super) lock_numbers: HashMap<Name, u32>,
    /// Whether a node is the same in every cell.
    constant: Vec<bool>,
    /// The measures of bodies that are the same in every cell, by their first statement and the
    /// grace of their commands.
    known: HashMap<(TreeId, u64), Measure>,
    /// Whether a node may end the body that it is in.
    leaves: Vec<bool>,
    /// Time limits that cannot be met.
    pub(super) infeasible: Vec<InfeasibleTimeout>,
    /// The infrastructures with windows that are deployed to outside of stages.
    pub(super) windowed: IndexSet<InfrastructureId>,
    /// What deploys to infrastructures with windows.
    pub(super) held_in_windows: Vec<HeldInWindows>,
    /// Whether what takes something back does not count.
    pub(super) forward_only: bool,
    /// What is asked about, where that holds locks.
    pub(super) own_holder: Option<TreeId>,
    /// What may take any time, where it is noted.
    pub(super) unbounded: Vec<UnboundedTime>,
    /// How many of them there were before the statement that is looked at.
    pub(super) mark: usize,
}

/// A time limit that cannot be met.
#[derive(Debug)]
pub(crate) struct InfeasibleTimeout {
    pub(crate) limit: Span,
    pub(crate) limit_ms: u64,
    pub(crate) least: MinimumTime,
}

/// How many cells can be listed where an outline with at most `limit` cells of each loop lacks
/// some, and has room for more than it lists.
pub(crate) fn more_cells(items: &[Item], limit: usize) -> Option<usize> {
    if limit <= MAX_LISTED_CELLS {
        return None;
    }
    let (mut all, mut cells, mut unlisted) = (0, 0, 0);
    let mut open: Vec<&Item> = items.iter().collect();
    while let Some(item) = open.pop() {
        all += 1;
        cells += usize::from(item.kind == ItemKind::Cell);
        unlisted += item.unlisted;
        open.extend(item.items.iter().chain(&item.handlers));
    }
    if unlisted == 0 || cells == 0 {
        return None;
    }
    let room = (MAX_LISTED_ITEMS / (all / cells).max(1)).min(MAX_SMALL_CELLS);
    (room > MAX_LISTED_CELLS).then_some(room)
}

impl<'a> OutlineBuilder<'a> {
    /// The same with room for so many cells, all loops and matrices together.
    pub(crate) fn with_room(mut self, cells: usize) -> Self {
        self.left = cells;
        self
    }

    pub(crate) fn new(plan: &'a Plan, limit: usize) -> Self {
        Self {
            walk: plan.walk(),
            plan,
            limit,
            left: MAX_LISTED_CELLS,
            cells_left: Some(MAX_COUNTED_CELLS),
            summary: BodySummary::default(),
            loose: IndexSet::new(),
            frames: Vec::new(),
            place: Place::Here,
            pools: PlacePools::default(),
            deploys_elsewhere: false,
            grace_ms: SIGTERM_GRACE_MS.unsigned_abs(),
            undoing: false,
            muted: 0,
            meetings: Vec::new(),
            open_barriers: HashSet::new(),
            turns: Vec::new(),
            lock_numbers: HashMap::new(),
            constant: constant(&plan.tree),
            known: HashMap::new(),
            leaves: leaves(&plan.tree),
            infeasible: Vec::new(),
            windowed: IndexSet::new(),
            held_in_windows: Vec::new(),
            forward_only: false,
            own_holder: None,
            unbounded: Vec::new(),
            mark: 0,
        }
    }

    pub(crate) fn whole(mut self) -> OutlineTotals {
        let tree = &self.plan.tree;
        let node = tree.get(tree.root());
        let locals = Locals::default();
        let path = NodePath::from(self.plan.bound.pipeline().name.clone());
        self.take_grace(node, &locals);
        let mut seen = self.seq(body(node), &mut locals.clone(), Some(&path));
        let handlers = self.modify(node, &locals, &mut seen.measure, Some(&path));
        if tree.holds_beyond_stages(tree.root()) {
            let sum = self.walk.summary(body(node), &locals);
            self.add_possible_locks(&sum.unwrap_or_default());
        }
        let windowed = std::mem::take(&mut self.windowed).into_iter().collect();
        let held = self.holds_in_windows(tree.root(), &locals, windowed);
        let mut root = Item {
            windows: self.item_windows(held.as_ref()),
            handlers,
            items: seen.items,
            locks: self.locks(self.loose.iter().copied()),
            notes: labels::modifiers(&self.walk, node, &locals),
            ..Item::default()
        };
        root.measured(&seen.measure);
        OutlineTotals {
            root,
            meetings: self.meetings,
            turns: self.turns,
            infeasible: self.infeasible,
            held_in_windows: self.held_in_windows,
        }
    }

    /// The statements of a body, one after the other.
    pub(super) fn seq(
        &mut self,
        seq: &PlanSequence,
        locals: &mut Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let constant = |id: &TreeId| self.constant[id.0 as usize];
        let first = seq.first().filter(|_| at.is_none());
        let first = first.filter(|_| seq.iter().all(constant));
        if let Some(measure) = first.and_then(|first| self.known.get(&(*first, self.grace_ms))) {
            return OutlinePart {
                measure: measure.clone(),
                items: Vec::new(),
            };
        }
        let mut all = OutlinePart::default();
        let (mut over, mut at_first) = (false, true);
        for id in seq.iter() {
            let mut seen = self.node(*id, locals, at);
            if over {
                // It may already have ended.
                seen.measure.shortest = MinimumTime::default();
            }
            over |= self.leaves[id.0 as usize];
            match at_first {
                true => all = seen,
                false => {
                    all.measure.then(seen.measure);
                    all.items.extend(seen.items);
                }
            }
            at_first = false;
        }
        if let Some(first) = first {
            self.known
                .insert((*first, self.grace_ms), all.measure.clone());
        }
        all
    }

    /// Sets the grace of the commands in a statement. Returns that of those around it.
    fn take_grace(&mut self, node: &PlanNode, locals: &Locals) -> u64 {
        let own = node.stmt.modifiers.grace.as_ref();
        let own = own.and_then(|grace| self.time(grace, locals));
        let around = self.grace_ms;
        self.grace_ms = own.unwrap_or(around);
        around
    }

    /// Moves to the place of the commands in a statement that has one, and to its pools. Returns
    /// those around it.
    fn take_place(&mut self, node: &PlanNode, locals: &Locals) -> Option<(Place, PlacePools)> {
        let written = node.stmt.kind.place()?;
        let own = self.walk.place(written, locals);
        let pools = match node.stmt.kind.deploys() {
            true => self.walk.pools_of_deployment(written, locals),
            false => self.walk.pools_on(written, locals, &self.pools),
        };
        let place = std::mem::replace(&mut self.place, own);
        let pools = std::mem::replace(&mut self.pools, pools.unwrap_or_default());
        Some((place, pools))
    }

    /// One statement; what it binds is bound in `locals`, as far as it is known.
    pub(super) fn node(
        &mut self,
        id: TreeId,
        locals: &mut Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let plan = self.plan;
        let node = plan.tree.get(id);
        // A stage's value is what it deploys, its handlers included.
        let is_stage = node.stmt.kind.holds_infrastructures();
        let is_apart = is_stage || node.holds_locks;
        let around = is_apart.then(|| std::mem::take(&mut self.summary));
        let grace_around = self.take_grace(node, locals);
        // Places are shown of what is listed only.
        let mut place_around = at.and_then(|_| self.take_place(node, locals));
        let mark = self.unbounded.len();
        let mut seen = self.statement(id, node, locals, at);
        self.add_own_wait(node, locals, &mut seen);
        if node.stmt.kind.deploys()
            && let Some(around) = place_around.take()
        {
            // Its handlers run at the place around it.
            (self.place, self.pools) = around;
        }
        let path = at.map(|at| self.path(at, id, locals));
        self.mark = mark;
        let handlers = self.modify(node, locals, &mut seen.measure, path.as_ref());
        self.grace_ms = grace_around;
        if let Some(around) = place_around {
            (self.place, self.pools) = around;
        }
        let mut stage = None;
        if let Some(around) = around {
            let sum = std::mem::replace(&mut self.summary, around);
            stage = (is_stage && !sum.unsure).then(|| stage_value(&sum));
            self.summary.add(sum);
        }
        if let [item] = seen.items.as_mut_slice() {
            item.measured(&seen.measure);
            item.handlers.extend(handlers);
        }
        if let Some(slot) = node.stmt.bind {
            let value = match node.stmt.kind.bound_value() {
                Some(value) => self.walk.eval(value, locals).ok(),
                None => stage.or_else(|| self.walk.call_value(id, locals)),
            };
            *locals = match value {
                Some(value) => locals.bind(slot, value),
                None => locals.bind_unknown(slot),
            };
        }
        seen
    }

    /// What modifiers and handlers change; the handlers, where they are to be listed.
    pub(super) fn modify(
        &mut self,
        node: &PlanNode,
        locals: &Locals,
        measure: &mut Measure,
        at: ListingPath<'_>,
    ) -> Vec<Item> {
        let modifiers = &node.stmt.modifiers;
        let mark = self.mark;
        let beside = self.beside(node, locals, measure, at);
        let timeout = modifiers.timeout.as_ref();
        if let Some((limit, span)) = timeout.and_then(|it| Some((self.time(it, locals)?, it.span)))
        {
            self.check_timeout(span, limit, &mut measure.shortest);
            measure.longest = measure.longest.limited(limit);
        }
        if self.forward_only {
            measure.longest = self.limited(node, locals, measure.longest, mark);
        }
        if modifiers.tolerate.is_some() {
            measure.shortest = MinimumTime::default();
        }
        let mut handlers = beside;
        if let Some(undo) = &node.undo {
            // What has been counted is what happens without it, but for what it loads.
            let sum = std::mem::take(&mut self.summary);
            let around = std::mem::replace(&mut self.undoing, true);
            let mark = self.unbounded.len();
            let seen = self.handler(undo, &mut locals.clone(), at, HandlerPart::Undo);
            self.unbounded.truncate(mark);
            (self.summary, self.undoing) = (sum, around);
            measure.may_load(&seen.measure);
            measure.longest.back = add(measure.longest.back, seen.measure.longest.run);
            handlers.extend(handler(ItemKind::Undo, "", seen, at));
        }
        let mut failing = FailureTime::none();
        for (told, body) in node.stmt.handlers.on_failure.iter().zip(&node.on_failure) {
            let inside = &mut locals.bind_unknown(told.slot);
            let seen = self.handler(body, inside, at, HandlerPart::OnFailure);
            let last = told.body.stmts.last();
            let last = last.and_then(|stmt| stmt.kind.verdict());
            if matches!(
                last,
                Some(HandlerVerdict::Ignore | HandlerVerdict::Ask { .. })
            ) {
                // It may fail at once and count as succeeded.
                measure.shortest = MinimumTime::default();
            }
            let (retries, asks) = match last {
                Some(HandlerVerdict::Retry(times)) => (self.count(times, inside), Some(0)),
                Some(HandlerVerdict::Ask { timeout, .. }) => {
                    let limit = timeout.as_ref().and_then(|it| self.time(it, inside));
                    let at = told.body.stmts.last();
                    self.asks(limit, at.map_or(node.stmt.span, |it| it.span))
                }
                Some(
                    HandlerVerdict::Ignore | HandlerVerdict::Rollback(_) | HandlerVerdict::Abort,
                )
                | None => (Some(0), Some(0)),
            };
            measure.may_load(&seen.measure);
            failing.add(seen.measure.longest, retries, asks);
            let classes = labels::classes(told);
            handlers.extend(handler(ItemKind::OnFailure, &classes, seen, at));
        }
        let mut after = LongestTime::default();
        let once = measure.longest;
        if let Some(always) = &node.always {
            let seen = self.handler(always, &mut locals.clone(), at, HandlerPart::Always);
            after = seen.measure.longest;
            measure.then(seen.measure.clone());
            handlers.extend(handler(ItemKind::Always, "", seen, at));
        }
        let (tries, pauses) = self.tries(node, locals);
        let is_scope = !self.forward_only
            && (node.stmt.kind.deploys() || modifiers.atomic || node.may_roll_back);
        measure.longest = failing.around(once, tries, pauses, is_scope, after);
        handlers
    }

    /// How often a statement is tried at most, and how long the pauses between that are.
    fn tries(&self, node: &PlanNode, locals: &Locals) -> (Option<u64>, Option<u64>) {
        let Some(retry) = &node.stmt.modifiers.retry else {
            return (Some(1), Some(0));
        };
        let times = self.count(&retry.times, locals);
        let every = retry
            .every
            .as_ref()
            .map_or(Some(0), |it| self.time(it, locals));
        let upto = match &retry.upto {
            Some(upto) => self.time(upto, locals).map(Some),
            None => Some(None),
        };
        let between = match (times, every, upto) {
            (Some(times), Some(every), Some(upto)) => Some(pauses(times, every, upto)),
            _ => None,
        };
        (add(times, Some(1)), between)
    }

    /// A time limit stands above what takes some time in any case.
    fn check_timeout(&mut self, limit: Span, limit_ms: u64, least: &mut MinimumTime) {
        if limit_ms < least.ms && self.infeasible.iter().all(|it| it.limit != limit) {
            self.infeasible.push(InfeasibleTimeout {
                limit,
                limit_ms,
                least: least.clone(),
            });
        }
        least.cap(limit, limit_ms);
    }

    /// What a handler does may be done as well.
    pub(super) fn handler(
        &mut self,
        body: &PlanSequence,
        locals: &mut Locals,
        at: ListingPath<'_>,
        part: HandlerPart,
    ) -> OutlinePart {
        let around = std::mem::take(&mut self.summary);
        let path = at.map(|at| at.handler(part));
        self.muted += 1;
        let seen = self.seq(body, locals, path.as_ref());
        self.muted -= 1;
        let within = std::mem::replace(&mut self.summary, around);
        if !within.targets.is_empty() || within.unsure {
            self.summary.or(within);
        }
        seen
    }

    /// The infrastructures among these whose deployments hold a lock.
    pub(super) fn locks(&self, places: impl Iterator<Item = InfrastructureId>) -> Vec<String> {
        places
            .filter(|place| self.is_exclusive(*place))
            .map(|place| self.walk.display(&Value::Infrastructure(place)))
            .collect()
    }

    /// What holds locks beyond a stage takes those of all infrastructures that the run may mean.
    pub(super) fn add_possible_locks(&mut self, sum: &BodySummary) {
        let possible = self.walk.possible_targets(sum).into_iter();
        let possible: Vec<_> = possible.collect();
        let windowed = possible.iter().filter(|it| self.has_window(**it)).copied();
        let windowed: Vec<_> = windowed.collect();
        self.windowed.extend(windowed);
        let possible = possible.into_iter().filter(|it| self.is_exclusive(*it));
        let possible: Vec<_> = possible.collect();
        self.loose.extend(possible);
    }

    /// Whether may be deployed there only in a window.
    pub(super) fn has_window(&self, place: InfrastructureId) -> bool {
        self.plan.bound.program.window_of(place).is_some()
    }

    /// The windows of what holds locks, for its item.
    pub(super) fn item_windows(&self, held: Option<&HeldInWindows>) -> Vec<ItemWindow> {
        let Some(held) = held else {
            return Vec::new();
        };
        let windows = held.windows(self.plan).into_iter();
        let windows = windows.map(|(window, of)| ItemWindow {
            window: window.name.to_string(),
            of: places_text(self.plan, &of),
            zone: window.zone.to_string(),
            needs_ms: held.time.longest_ms,
        });
        windows.collect()
    }

    pub(super) fn is_exclusive(&self, place: InfrastructureId) -> bool {
        let fields = self.plan.bound.facts.infrastructures.get(place.0 as usize);
        fields.and_then(|fields| fields.get("exclusive")) != Some(&Value::Bool(false))
    }

    /// Stages of two strands that lock the same infrastructures take turns. Whether any do.
    pub(super) fn take_turns(&mut self, some: &[StageLocks], others: &[StageLocks]) -> bool {
        let mut found = false;
        for one in some {
            for other in others {
                let shared: Vec<_> = one.places.intersection(&other.places).copied().collect();
                if shared.is_empty() {
                    continue;
                }
                found = true;
                let listed = !one.path.is_empty() && !other.path.is_empty();
                if listed && self.turns.len() < MAX_SERIALIZED_PAIRS {
                    self.turns.push(SerializedStages {
                        stages: [one.path.clone(), other.path.clone()],
                        locks: self.locks(shared.into_iter()),
                    });
                }
            }
        }
        found
    }

    /// The path of a node, as the run will name it.
    pub(super) fn path(&self, at: &NodePath, id: TreeId, locals: &Locals) -> NodePath {
        match self.walk.part(id, locals) {
            Some(part) => at.child(&part),
            None => at.clone(),
        }
    }

    /// A duration in milliseconds, if it is known.
    pub(super) fn time(&self, expr: &Expr, locals: &Locals) -> Option<u64> {
        match self.walk.eval(expr, locals) {
            Ok(Value::Duration(time)) => u64::try_from(time).ok(),
            _ => None,
        }
    }

    /// A number that is not negative, if it is known.
    pub(super) fn count(&self, expr: &Expr, locals: &Locals) -> Option<u64> {
        match self.walk.eval(expr, locals) {
            Ok(Value::Int(count)) => u64::try_from(count).ok(),
            _ => None,
        }
    }

    /// The frame in which the strands of a barrier meet, and how many axes are fixed for it.
    pub(super) fn frame_of(&mut self, barrier: &BarrierName) -> Option<(&mut BarrierFrame, usize)> {
        let meeting = self.plan.meetings.get(barrier.meeting as usize)?;
        let frames = self.frames.iter_mut().rev();
        let frame = frames.into_iter().find(|it| it.block == meeting.block)?;
        Some((frame, meeting.fixed_axes))
    }

    /// A strand passes a barrier a number of times.
    pub(super) fn pass(&mut self, barrier: BarrierName, times: u32) {
        let walk = self.walk;
        let muted = self.muted > 0;
        let Some((frame, fixed)) = self.frame_of(&barrier) else {
            return;
        };
        if muted || !frame.counting {
            return;
        }
        let prefix: Position = frame.position.iter().copied().take(fixed).collect();
        let met = frame.meets.entry((prefix, barrier)).or_default();
        met.strands += u64::from(times);
        if met.who.len() >= MAX_NAMED_STRANDS {
            return;
        }
        let name = match &frame.strand {
            StrandName::Named(name) => name.clone(),
            StrandName::Values(values, locals) => {
                let matrix = walk.tree.get(frame.block).stmt.kind.matrix();
                let axes = matrix.map_or(&[][..], |matrix| matrix.axes.as_slice());
                let values = values.iter().enumerate();
                let shown: Vec<String> = values
                    .map(|(at, value)| labels::named(&walk, axes.get(at), value, locals))
                    .collect();
                met.within = shown.iter().take(fixed).cloned().collect();
                shown.get(fixed..).unwrap_or_default().join("/")
            }
        };
        if !met.who.contains(&name) {
            met.who.push(name);
        }
    }

    /// Whether strands meet in a block.
    pub(super) fn is_meeting_place(&self, id: TreeId) -> bool {
        self.plan.meetings.iter().any(|it| it.block == id)
    }
}

/// The item of a handler.
pub(super) fn handler(
    kind: ItemKind,
    label: &str,
    seen: OutlinePart,
    at: ListingPath<'_>,
) -> Option<Item> {
    let mut item = Item {
        kind,
        label: label.to_string(),
        order: Some(Order::Serial),
        items: seen.items,
        ..Item::default()
    };
    item.measured(&seen.measure);
    at.map(|_| item)
}

/// The pauses between tries: each is twice as long as the one before, up to the longest.
fn pauses(times: u64, every: u64, upto: Option<u64>) -> u64 {
    let Some(upto) = upto else {
        return every.saturating_mul(times);
    };
    let longest = upto.max(every);
    let mut all: u64 = 0;
    let mut pause = every;
    for done in 0..times {
        if pause >= longest {
            return all.saturating_add(longest.saturating_mul(times - done));
        }
        if pause == 0 {
            return 0;
        }
        all = all.saturating_add(pause);
        pause = pause.saturating_mul(2);
    }
    all
}

/// Which nodes are the same wherever they stand: nothing that is counted depends on values.
fn constant(tree: &PlanTree) -> Vec<bool> {
    let mut constant: Vec<bool> = tree.iter().map(|(_, node)| is_constant(node)).collect();
    // What is in a node comes after it.
    for at in (0..constant.len()).rev() {
        let node = tree.get(TreeId(at as u32));
        if !constant[at]
            && let Some(parent) = node.parent
        {
            constant[parent.0 as usize] = false;
        }
    }
    constant
}

/// Which nodes may end the body that they are in before its end: they fail or return, or something
/// in them does.
fn leaves(tree: &PlanTree) -> Vec<bool> {
    let mut leaves: Vec<bool> = tree
        .iter()
        .map(|(_, node)| node.stmt.kind.ends_body())
        .collect();
    // What is in a node comes after it.
    for at in (0..leaves.len()).rev() {
        if leaves[at]
            && let Some(parent) = tree.get(TreeId(at as u32)).parent
        {
            leaves[parent.0 as usize] = true;
        }
    }
    leaves
}

fn is_constant(node: &PlanNode) -> bool {
    let modifiers = &node.stmt.modifiers;
    let retry = modifiers.retry.iter();
    let retry = retry.flat_map(|it| [Some(&it.times), it.every.as_ref(), it.upto.as_ref()]);
    let mut values: Vec<&Expr> = retry
        .flatten()
        .chain(&modifiers.timeout)
        .chain(&modifiers.grace)
        .collect();
    let simple = match &node.stmt.kind {
        StmtKind::Matrix(_)
        | StmtKind::If { .. }
        | StmtKind::Deploy { .. }
        | StmtKind::Barrier { .. }
        | StmtKind::Lock { .. }
        | StmtKind::Stage { .. } => false,
        StmtKind::Wait(time) => {
            values.push(time);
            true
        }
        StmtKind::Verify { during, .. } => {
            values.push(during);
            true
        }
        StmtKind::Block(_)
        | StmtKind::Parallel(_)
        | StmtKind::Step { .. }
        | StmtKind::Run(_)
        | StmtKind::Call(_)
        | StmtKind::Action { .. }
        | StmtKind::Let(_)
        | StmtKind::Approve { .. }
        | StmtKind::Log(_)
        | StmtKind::Fail(_)
        | StmtKind::Return(_)
        | StmtKind::Yield(_)
        | StmtKind::On { .. }
        | StmtKind::Verdict(_) => true,
    };
    simple && values.iter().all(|it| it.as_const().is_some())
}
