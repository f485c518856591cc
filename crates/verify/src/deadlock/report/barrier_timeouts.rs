//! Barriers whose timeout expires before the others can arrive, however fast they are. Commands are
//! assumed to take no time.

use super::DeadlockReporter;
use crate::deadlock::model::ModelOp;
use crate::deadlock::model::ModelTimeout;
use crate::deadlock::model::StrandId;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::text::duration as duration_text;

/// When strands are where at best, in milliseconds.
struct ArrivalTimes {
    /// By strand, then by place.
    reach: Vec<Vec<i64>>,
    /// When each meeting happens.
    meet: Vec<i64>,
}

impl DeadlockReporter<'_> {
    /// The barriers whose time limit is too short.
    pub(super) fn barrier_timeouts(&self) -> Vec<Diagnostic> {
        if self.flow.limits.is_empty() {
            return Vec::new();
        }
        let Some(times) = self.times() else {
            return Vec::new();
        };
        let mut found: Vec<Diagnostic> = Vec::new();
        for limit in &self.flow.limits {
            let ops = self.flow.strands[limit.strand].ops.iter().enumerate();
            let arrives = ModelOp::Arrive(limit.meeting, limit.tree);
            // It may come here in several ways; the one that waits least counts.
            let places = ops.filter(|(_, op)| **op == arrives);
            let here = places.map(|(at, _)| times.reach[limit.strand][at]).max();
            let Some(here) = here else {
                continue;
            };
            if times.meet[limit.meeting].saturating_sub(here) > limit.ms {
                let told = self.too_late(limit, here, &times);
                if found.iter().all(|other| other.span() != told.span()) {
                    found.push(told);
                }
            }
        }
        found
    }

    fn too_late(&self, limit: &ModelTimeout, here: i64, times: &ArrivalTimes) -> Diagnostic {
        let barrier = self.barrier(limit.meeting);
        let most = duration_text(limit.ms);
        let there = times.meet[limit.meeting];
        let message = format!("barrier `{barrier}` cannot open within {most}");
        let mut diagnostic =
            Diagnostic::error(codes::BARRIER_TOO_LATE, self.span(limit.tree), message).here(
                format!("`{}` waits at most {most} here", self.name(limit.strand)),
            );
        let last = self
            .arrivals(limit.meeting)
            .filter_map(|(strand, places)| {
                let first = places.into_iter().min_by_key(|at| times.reach[strand][*at]);
                first.map(|at| (strand, at))
            })
            .max_by_key(|(strand, at)| (times.reach[*strand][*at], std::cmp::Reverse(*strand)));
        let mut lines = vec![format!(
            "  {}  is here after {}{}",
            self.name(limit.strand),
            duration_text(here),
            self.sum(limit.strand, limit.tree, limit.meeting, times),
        )];
        if let Some((strand, at)) = last
            && let Some(ModelOp::Arrive(_, tree)) = self.flow.strands[strand].ops.get(at)
        {
            if *tree != limit.tree {
                let said = format!(
                    "`{}` comes here after {} at best",
                    self.name(strand),
                    duration_text(there)
                );
                diagnostic = diagnostic.label(self.span(*tree), said);
            }
            lines.push(format!(
                "  {}  comes after {}{}",
                self.name(strand),
                duration_text(there),
                self.sum(strand, *tree, limit.meeting, times),
            ));
        }
        let waits = there - here;
        diagnostic.help(format!(
            "give it more than {}: with commands that take no time at all\n{}\n  {} - {} = {}, \
             which is more than {most}",
            duration_text(waits),
            align(&lines).join("\n"),
            duration_text(there),
            duration_text(here),
            duration_text(waits),
        ))
    }

    /// Every strand that certainly arrives at a meeting, with the places where it may.
    fn arrivals(&self, meeting: usize) -> impl Iterator<Item = (StrandId, Vec<usize>)> {
        let strands = self.flow.strands.iter().enumerate();
        strands.filter_map(move |(strand, it)| {
            let arrives = |op: &ModelOp| matches!(op, ModelOp::Arrive(own, _) if *own == meeting);
            let places = it.ops.iter().enumerate().filter(|(_, op)| arrives(op));
            let places: Vec<usize> = places.map(|(at, _)| at).collect();
            (!places.is_empty() && !has_way_around(&it.ops, &places)).then_some((strand, places))
        })
    }

    /// What a strand's time is made of, where that is more than one thing.
    fn sum(
        &self,
        strand: StrandId,
        tree: lockstep_plan::TreeId,
        meeting: usize,
        times: &ArrivalTimes,
    ) -> String {
        let ops = &self.flow.strands[strand].ops;
        let end = ops
            .iter()
            .position(|op| *op == ModelOp::Arrive(meeting, tree));
        let reach = &times.reach[strand];
        let mut parts = Vec::new();
        let start = reach.first().copied().unwrap_or(0);
        if start > 0 {
            parts.push(format!("{} before it starts", duration_text(start)));
        }
        for (at, op) in ops.iter().enumerate().take(end.unwrap_or(0)) {
            let took = reach[at + 1] - reach[at];
            if took <= 0 {
                continue;
            }
            let what = match op {
                ModelOp::Pause(pause) => {
                    let node = self.tree.get(pause.spot);
                    node.label.as_deref().unwrap_or("other things").to_string()
                }
                ModelOp::Arrive(other, _) => format!("barrier {}", self.barrier(*other)),
                ModelOp::Fork(_) => String::from("its parallel parts"),
                ModelOp::Acquire(_)
                | ModelOp::Release(_)
                | ModelOp::Enter(..)
                | ModelOp::Exit(..)
                | ModelOp::Drop(_)
                | ModelOp::Choose(..)
                | ModelOp::Jump(_)
                | ModelOp::Given(_)
                | ModelOp::Bind(_)
                | ModelOp::Leave(_)
                | ModelOp::Break
                | ModelOp::Fail => String::from("other things"),
            };
            parts.push(format!("{} {what}", duration_text(took)));
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!(": {}", parts.join(" + ")),
        }
    }

    /// The earliest times of everything; nothing where they cannot be determined.
    fn times(&self) -> Option<ArrivalTimes> {
        let flow = self.flow;
        let mut times = ArrivalTimes {
            reach: flow
                .strands
                .iter()
                .map(|it| vec![0; it.ops.len() + 1])
                .collect(),
            meet: vec![0; flow.meetings.len()],
        };
        let certain: Vec<Vec<(StrandId, Vec<usize>)>> = (0..flow.meetings.len())
            .map(|it| self.arrivals(it).collect())
            .collect();
        // Each round carries times at least one barrier or split further.
        for _ in 0..flow.meetings.len() + flow.forks.len() + 2 {
            let mut changed = false;
            for strand in 0..flow.strands.len() {
                changed |= self.times_of(strand, &mut times);
            }
            for (meeting, arrivals) in certain.iter().enumerate() {
                let first = |(strand, places): &(StrandId, Vec<usize>)| {
                    let all = places.iter().map(|at| times.reach[*strand][*at]);
                    all.min().unwrap_or(0)
                };
                let latest = arrivals.iter().map(first).max().unwrap_or(0);
                changed |= std::mem::replace(&mut times.meet[meeting], latest) != latest;
            }
            if !changed {
                return Some(times);
            }
        }
        None
    }

    /// Brings the times of one strand up to date; whether any is another than before.
    fn times_of(&self, strand: StrandId, times: &mut ArrivalTimes) -> bool {
        let flow = self.flow;
        let own = &flow.strands[strand];
        let mut reach: Vec<Option<i64>> = vec![None; own.ops.len() + 1];
        if let Some(first) = reach.first_mut() {
            *first = Some(self.start(strand, times));
        }
        let reached = |reach: &mut Vec<Option<i64>>, at: usize, when: i64| {
            if let Some(slot) = reach.get_mut(at) {
                *slot = Some(slot.map_or(when, |other| other.min(when)));
            }
        };
        for (at, op) in own.ops.iter().enumerate() {
            let Some(now) = reach[at] else { continue };
            match op {
                ModelOp::Pause(pause) => {
                    reached(&mut reach, at + 1, now.saturating_add(pause.least_ms));
                }
                ModelOp::Arrive(meeting, _) => {
                    reached(&mut reach, at + 1, now.max(times.meet[*meeting]));
                }
                ModelOp::Fork(fork) => {
                    let ends = flow.forks[*fork].children.iter();
                    let ends = ends.filter_map(|child| times.reach[*child].last());
                    let latest = ends.copied().max().unwrap_or(0);
                    reached(&mut reach, at + 1, now.max(latest));
                }
                ModelOp::Choose(ways, _) => {
                    ways.iter().for_each(|way| reached(&mut reach, *way, now));
                }
                ModelOp::Jump(to) => reached(&mut reach, *to, now),
                ModelOp::Fail => {}
                ModelOp::Acquire(_)
                | ModelOp::Release(_)
                | ModelOp::Enter(..)
                | ModelOp::Exit(..)
                | ModelOp::Drop(_)
                | ModelOp::Given(_)
                | ModelOp::Bind(_)
                | ModelOp::Leave(_)
                | ModelOp::Break => reached(&mut reach, at + 1, now),
            }
        }
        // What is only reached after a failure has no time of its own.
        let reach: Vec<i64> = reach.into_iter().map(|at| at.unwrap_or(0)).collect();
        let changed = times.reach[strand] != reach;
        times.reach[strand] = reach;
        changed
    }

    fn start(&self, strand: StrandId, times: &ArrivalTimes) -> i64 {
        let Some((parent, fork)) = self.flow.strands[strand].parent else {
            return 0;
        };
        let shape = &self.flow.forks[fork];
        let ops = &self.flow.strands[parent].ops;
        let at = ops
            .iter()
            .position(|op| *op == ModelOp::Fork(fork))
            .unwrap_or(0);
        let start = times.reach[parent][at];
        let place = shape.children.binary_search(&strand).unwrap_or_default();
        let mut latest = start;
        for group in shape.after.get(place).into_iter().flatten() {
            for (other, groups) in shape.children.iter().zip(&shape.groups) {
                if groups.contains(group) {
                    latest = latest.max(times.reach[*other].last().copied().unwrap_or(0));
                }
            }
        }
        latest
    }
}

/// Whether a strand may come to its end without coming to any of these places.
fn has_way_around(ops: &[ModelOp], places: &[usize]) -> bool {
    // What goes back is another try.
    let mut open = vec![false; ops.len() + 1];
    if let Some(first) = open.first_mut() {
        *first = true;
    }
    for (at, op) in ops.iter().enumerate() {
        if !open[at] || places.contains(&at) {
            continue;
        }
        let mut reach = |to: usize| {
            if let Some(slot) = open.get_mut(to).filter(|_| to > at) {
                *slot = true;
            }
        };
        match op {
            ModelOp::Jump(to) => reach(*to),
            ModelOp::Choose(ways, _) => ways.iter().for_each(|way| reach(*way)),
            ModelOp::Fail => {}
            ModelOp::Pause(_)
            | ModelOp::Arrive(..)
            | ModelOp::Acquire(_)
            | ModelOp::Release(_)
            | ModelOp::Enter(..)
            | ModelOp::Exit(..)
            | ModelOp::Drop(_)
            | ModelOp::Fork(_)
            | ModelOp::Given(_)
            | ModelOp::Bind(_)
            | ModelOp::Leave(_)
            | ModelOp::Break => reach(at + 1),
        }
    }
    open.last().copied().unwrap_or(false)
}

/// Lines whose first column is filled up to the same width.
fn align(lines: &[String]) -> Vec<String> {
    let split = |line: &String| {
        let inside = line.trim_start();
        let at = inside.find("  ").unwrap_or(inside.len());
        let (name, rest) = inside.split_at(at);
        (name.to_string(), rest.trim_start().to_string())
    };
    let parts: Vec<(String, String)> = lines.iter().map(split).collect();
    let width = parts
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    parts
        .into_iter()
        .map(|(name, rest)| format!("  {name:width$}  {rest}"))
        .collect()
}
