//! The proof that a plan ends: no strand can wait for ever. What can hang is told with the spots
//! in the source and the shortest schedule that hangs.
//! It does not know how the search for it works.

use std::collections::BTreeSet;

use super::explore::{Hang, Step, Verdict, explore};
use super::flow::{Flow, Op, Request, StrandId};
use super::tree::TreeId;
use super::walk::BarrierName;
use super::{Plan, tree::Tree};
use crate::diagnostic::suggest::did_you_mean;
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::eval::Halt;
use crate::source::Span;

/// Proves that a plan ends; otherwise says why it may not.
///
/// # Errors
///
/// The mistakes, each with a code of the 8xx family.
pub fn prove(plan: &Plan) -> Result<(), Vec<Diagnostic>> {
    let root = plan.tree.get(plan.tree.root());
    if !root.has_barrier && !root.has_lock {
        // Stages take all their locks together and wait for nothing while they hold them.
        return Ok(());
    }
    let flow = match Flow::of(plan) {
        Ok(flow) => flow,
        Err(Halt::Fault(fault)) => return Err(vec![*fault]),
        Err(Halt::Unknown) => return Ok(()),
    };
    let teller = Teller {
        flow: &flow,
        tree: &plan.tree,
    };
    let lone = teller.lone();
    if !lone.is_empty() {
        return Err(lone);
    }
    match explore(&flow) {
        Verdict::Ends => Ok(()),
        Verdict::Hangs(hang) => Err(vec![teller.tell(&hang)]),
        Verdict::Unknown => Err(vec![not_proved(root.stmt.span)]),
    }
}

fn not_proved(span: Span) -> Diagnostic {
    let message = "it could not be proved that this pipeline ends";
    Diagnostic::error(codes::NOT_PROVED, span, message)
        .here("its strands can take their locks in too many orders to look at")
        .help("take locks one at a time, or in fewer parallel strands")
}

struct Teller<'a> {
    flow: &'a Flow,
    tree: &'a Tree,
}

impl Teller<'_> {
    fn span(&self, tree: TreeId) -> Span {
        self.tree.get(tree).stmt.span
    }

    fn name(&self, strand: StrandId) -> &str {
        &self.flow.strands[strand].name
    }

    /// The barriers to which only one strand comes.
    fn lone(&self) -> Vec<Diagnostic> {
        let mut comers: Vec<BTreeSet<StrandId>> = vec![BTreeSet::new(); self.flow.meetings.len()];
        let mut spots: Vec<Option<TreeId>> = vec![None; self.flow.meetings.len()];
        for (strand, ops) in self.flow.strands.iter().enumerate() {
            for op in &ops.ops {
                if let Op::Arrive(meeting, tree) = op {
                    comers[*meeting].insert(strand);
                    spots[*meeting].get_or_insert(*tree);
                }
            }
        }
        let mut told = BTreeSet::new();
        let mut found = Vec::new();
        for (at, meeting) in self.flow.meetings.iter().enumerate() {
            let (Some(tree), 1) = (spots[at], comers[at].len()) else {
                continue;
            };
            if !told.insert(tree) {
                continue;
            }
            let strand = comers[at].first().copied().unwrap_or_default();
            found.push(self.lone_barrier(&meeting.barrier, tree, strand));
        }
        found
    }

    fn lone_barrier(&self, barrier: &BarrierName, tree: TreeId, strand: StrandId) -> Diagnostic {
        let others = self
            .flow
            .meetings
            .iter()
            .map(|meeting| &*meeting.barrier.name);
        let near = did_you_mean(&barrier.name, others);
        let message = format!("only `{}` comes to barrier `{barrier}`", self.name(strand));
        Diagnostic::error(codes::LONE_BARRIER, self.span(tree), message)
            .here("nobody meets it here")
            .help("a barrier is where parallel strands meet: remove it, or let others come to it")
            .help_opt(near)
    }

    fn tell(&self, hang: &Hang) -> Diagnostic {
        let (code, message, help) = self.judge(hang);
        let mut places: Vec<(Span, String)> = Vec::new();
        for (strand, at) in &hang.waiting {
            if let Some((tree, words)) = self.place(*strand, *at) {
                let span = self.span(tree);
                if places.iter().all(|(other, _)| *other != span) {
                    places.push((span, words));
                }
            }
        }
        places.truncate(6);
        let mut places = places.into_iter();
        let (span, words) = places
            .next()
            .unwrap_or((self.span(self.tree.root()), String::new()));
        let mut diagnostic = Diagnostic::error(code, span, message).here(words);
        for (span, words) in places {
            diagnostic = diagnostic.label(span, words);
        }
        diagnostic.help(format!(
            "{help}\nit hangs like this:\n{}",
            self.schedule(hang)
        ))
    }

    /// What is waited for at a place.
    fn place(&self, strand: StrandId, at: usize) -> Option<(TreeId, String)> {
        match self.flow.strands[strand].ops.get(at)? {
            Op::Arrive(meeting, tree) => {
                let barrier = &self.flow.meetings[*meeting].barrier;
                Some((
                    *tree,
                    format!("`{}` waits here for {barrier}", self.name(strand)),
                ))
            }
            Op::Acquire(request) => {
                let Request { lock, tree, .. } = self.flow.requests[*request];
                let lock = self.lock(lock);
                Some((
                    tree,
                    format!("`{}` waits here for {lock}", self.name(strand)),
                ))
            }
            Op::Enter(hold, tree) => {
                let stage = self.tree.get(self.flow.holds[*hold].tree);
                let stage = stage.label.as_deref().unwrap_or_default();
                Some((
                    *tree,
                    format!("`{stage}` waits here for its infrastructures"),
                ))
            }
            _ => None,
        }
    }

    fn lock(&self, lock: usize) -> String {
        let name = &self.flow.resources[lock];
        match name.strip_prefix("infrastructure ") {
            Some(place) => format!("the lock of {place}"),
            None => format!("lock \"{name}\""),
        }
    }

    /// One line for each strand that has a part in it: what it did, and what it waits for.
    fn schedule(&self, hang: &Hang) -> String {
        let mut lines: Vec<(String, String)> = Vec::new();
        for (strand, at) in &hang.waiting {
            let mut did: Vec<String> = Vec::new();
            for step in &hang.steps {
                if let Step::Goes(other, to) = step
                    && other == strand
                {
                    did.push(format!("goes on at its way {}", self.way(*strand, *to)));
                }
            }
            let held: Vec<String> = hang
                .held
                .iter()
                .filter(|(_, holder)| holder == strand)
                .map(|(lock, _)| self.lock(*lock))
                .collect();
            if !held.is_empty() {
                did.push(format!("holds {}", held.join(" and ")));
            }
            did.push(self.wait(*strand, *at));
            lines.push((self.name(*strand).to_string(), did.join(", ")));
        }
        for strand in &hang.kept_out {
            let line = match self.is_throttled(*strand) {
                true => "has not started: its block lets no more in",
                false => "has not started: it comes after another",
            };
            lines.push((self.name(*strand).to_string(), line.to_string()));
        }
        let shown = lines.len().min(8);
        let more = lines.len() - shown;
        let width = lines
            .iter()
            .take(shown)
            .map(|(name, _)| name.chars().count())
            .max();
        let width = width.unwrap_or(0);
        let mut text: Vec<String> = lines
            .into_iter()
            .take(shown)
            .map(|(name, did)| format!("  {name:width$}  {did}"))
            .collect();
        if more > 0 {
            text.push(format!("  … and {more} more"));
        }
        text.join("\n")
    }

    fn way(&self, strand: StrandId, to: usize) -> usize {
        let mut choices = self.flow.strands[strand]
            .ops
            .iter()
            .filter_map(|op| match op {
                Op::Choose(ways) => ways.iter().position(|way| *way == to),
                _ => None,
            });
        choices.next_back().map_or(1, |place| place + 1)
    }

    fn wait(&self, strand: StrandId, at: usize) -> String {
        match self.flow.strands[strand].ops.get(at) {
            Some(Op::Arrive(meeting, _)) => {
                format!("waits at barrier {}", self.flow.meetings[*meeting].barrier)
            }
            Some(Op::Acquire(request)) => {
                format!("waits for {}", self.lock(self.flow.requests[*request].lock))
            }
            Some(Op::Enter(hold, _)) => {
                let locks = &self.flow.holds[*hold].locks;
                let locks: Vec<String> = locks.iter().map(|(lock, _)| self.lock(*lock)).collect();
                format!("waits for {}", locks.join(" and "))
            }
            _ => String::from("waits"),
        }
    }

    /// Which rule it breaks.
    fn judge(&self, hang: &Hang) -> (Code, String, String) {
        let at_barriers: Vec<(StrandId, usize)> = hang
            .waiting
            .iter()
            .filter_map(
                |(strand, at)| match self.flow.strands[*strand].ops.get(*at) {
                    Some(Op::Arrive(meeting, _)) => Some((*strand, *meeting)),
                    _ => None,
                },
            )
            .collect();
        let Some((_, first)) = at_barriers.first().copied() else {
            return self.locks_cross(hang);
        };
        for (strand, meeting) in &at_barriers {
            if self.comes_again(*strand, *meeting, hang) {
                return self.twice(*strand, *meeting);
            }
        }
        let throttled = hang.kept_out.iter().copied().find(|strand| {
            let fork = self.flow.strands[*strand].parent.map(|(_, fork)| fork);
            let fork = fork.map(|fork| &self.flow.forks[fork]);
            let throttled = fork.is_some_and(|fork| fork.max.is_some() || !fork.waves.is_empty());
            throttled
                && at_barriers
                    .iter()
                    .any(|(_, meeting)| self.owes(*strand, *meeting))
        });
        if let Some(strand) = throttled {
            return self.narrow(strand, first);
        }
        if hang.waiting.len() > at_barriers.len() {
            let barrier = &self.flow.meetings[first].barrier;
            let message =
                format!("barrier `{barrier}` is waited at under a lock that others need first");
            let help = "pass the barrier before taking the lock, or after giving it back";
            return (codes::BARRIER_UNDER_LOCK, message, help.to_string());
        }
        let mut names: Vec<String> = Vec::new();
        for (_, meeting) in &at_barriers {
            let name = format!("`{}`", self.flow.meetings[*meeting].barrier);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let message = match names.split_last() {
            Some((last, [])) => format!("not all who must meet can come to barrier {last}"),
            Some((last, rest)) => {
                format!(
                    "barriers {} and {last} wait for each other",
                    rest.join(", ")
                )
            }
            None => String::from("barriers wait for each other"),
        };
        let help = "let all strands pass the barriers in the same order";
        (codes::BARRIERS_CROSS, message, help.to_string())
    }

    /// Whether the block of a strand lets only some strands in at once.
    fn is_throttled(&self, strand: StrandId) -> bool {
        let fork = self.flow.strands[strand]
            .parent
            .map(|(_, fork)| &self.flow.forks[fork]);
        fork.is_some_and(|fork| fork.max.is_some() || !fork.waves.is_empty())
    }

    fn owes(&self, strand: StrandId, meeting: usize) -> bool {
        self.flow.strands[strand]
            .owes
            .iter()
            .any(|(other, _)| *other == meeting)
    }

    /// Whether a strand that waits at a meeting, or one that can only start after it, has to come
    /// to the same meeting again.
    fn comes_again(&self, strand: StrandId, meeting: usize, hang: &Hang) -> bool {
        let arrivals = self.flow.strands[strand].ops.iter();
        let arrivals = arrivals.filter(|op| matches!(op, Op::Arrive(it, _) if *it == meeting));
        if arrivals.count() > 1 {
            return true;
        }
        let Some((_, fork)) = self.flow.strands[strand].parent else {
            return false;
        };
        let shape = &self.flow.forks[fork];
        let place = |strand: StrandId| shape.children.iter().position(|child| *child == strand);
        let Some(own) = place(strand).and_then(|place| shape.groups.get(place)) else {
            return false;
        };
        hang.kept_out.iter().any(|other| {
            let after = place(*other).and_then(|place| shape.after.get(place));
            self.owes(*other, meeting)
                && after.is_some_and(|after| after.iter().any(|group| own.contains(group)))
        })
    }

    fn twice(&self, strand: StrandId, meeting: usize) -> (Code, String, String) {
        let barrier = &self.flow.meetings[meeting].barrier;
        let name = self.name(strand);
        let message = format!("the strand of `{name}` would pass barrier `{barrier}` twice");
        let help = format!(
            "give the barrier a key, so that each time is a barrier of its own: `barrier {}[…]`",
            barrier.name
        );
        (codes::BARRIER_TWICE, message, help)
    }

    fn narrow(&self, strand: StrandId, meeting: usize) -> (Code, String, String) {
        let barrier = &self.flow.meetings[meeting].barrier;
        let fork = self.flow.strands[strand].parent.map_or(0, |(_, fork)| fork);
        let shape = &self.flow.forks[fork];
        let word = if shape.max.is_some() {
            "max"
        } else {
            "batches"
        };
        let now = shape.max.or(shape.waves.first().copied()).unwrap_or(1);
        let message =
            format!("`{word}` lets in too few strands for barrier `{barrier}`: only {now}");
        let help = match self.smallest_width(fork) {
            Some(width) if word == "batches" => {
                format!("the smallest that works is `batches [{width}]`")
            }
            Some(width) => format!("the smallest that works is `{word} {width}`"),
            None => format!("more places do not help: leave out `{word}`, or change the order"),
        };
        (codes::TOO_NARROW, message, help)
    }

    /// The fewest places of a block with which nothing hangs.
    fn smallest_width(&self, fork: usize) -> Option<usize> {
        let children = self.flow.forks[fork].children.len();
        let works = |width: usize| {
            let mut flow = self.flow.clone();
            let shape = &mut flow.forks[fork];
            if shape.max.is_some() {
                shape.max = Some(width);
            } else {
                shape.set_waves(vec![width]);
            }
            explore(&flow) == Verdict::Ends
        };
        // More places never bring a standstill back, so the fewest can be found by halving.
        let (mut low, mut high) = (1, children);
        if !works(high) {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if works(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(low)
    }

    fn locks_cross(&self, hang: &Hang) -> (Code, String, String) {
        let mut names: Vec<String> = Vec::new();
        for (lock, _) in &hang.held {
            let name = self.lock(*lock);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let message = match names.split_last() {
            Some((last, [])) => format!("{last} is needed again by who holds it"),
            Some((last, rest)) => {
                format!(
                    "{} and {last} are taken in opposite orders",
                    rest.join(", ")
                )
            }
            None => String::from("locks are taken in opposite orders"),
        };
        let help = String::from("take locks in one order everywhere");
        (codes::LOCKS_CROSS, message, help)
    }
}
