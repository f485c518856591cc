//! Barriers at which only one strand arrives.

use std::collections::BTreeSet;

use super::DeadlockReporter;
use crate::deadlock::model::ModelOp;
use crate::deadlock::model::StrandId;
use lockstep_base::diagnostic::suggest::did_you_mean;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_plan::TreeId;

impl DeadlockReporter<'_> {
    /// The barriers to which only one strand comes.
    pub(super) fn lone_barriers(&self) -> Vec<Diagnostic> {
        let mut comers: Vec<BTreeSet<StrandId>> = vec![BTreeSet::new(); self.flow.meetings.len()];
        let mut spots: Vec<Option<TreeId>> = vec![None; self.flow.meetings.len()];
        for (strand, ops) in self.flow.strands.iter().enumerate() {
            for op in &ops.ops {
                if let ModelOp::Arrive(meeting, tree) = op {
                    comers[*meeting].insert(strand);
                    spots[*meeting].get_or_insert(*tree);
                }
            }
        }
        let mut told = BTreeSet::new();
        let mut found = Vec::new();
        for (at, spot) in spots.iter().enumerate() {
            if let (Some(tree), 1) = (spot, comers[at].len())
                && told.insert(*tree)
            {
                let strand = comers[at].first().copied().unwrap_or_default();
                found.push(self.lone_barrier(at, *tree, strand));
            }
        }
        found
    }

    fn lone_barrier(&self, meeting: usize, tree: TreeId, strand: StrandId) -> Diagnostic {
        let own = &self.flow.meetings[meeting];
        let barrier = &own.barrier;
        let fork = &self.flow.forks[own.fork];
        let message = format!(
            "only `{}` arrives at barrier `{barrier}`",
            self.name(strand)
        );
        let diagnostic = Diagnostic::error(codes::LONE_BARRIER, self.span(tree), message)
            .here("no other strand arrives here");
        // A barrier of the same name, with another key or of another round.
        let twin = self.flow.meetings.iter().enumerate().find(|(at, other)| {
            *at != meeting && other.fork == own.fork && other.barrier.name == barrier.name
        });
        let cells = fork.children.len();
        match (fork.before_where, twin) {
            (Some(all), _) if all > cells && (cells == 1 || twin.is_some()) => {
                let left = match cells {
                    1 => format!("`where` leaves 1 of {all} cells here"),
                    _ => format!("`where` leaves {cells} of {all} cells here"),
                };
                diagnostic.label(self.span(fork.tree), left).help(
                    "let `where` leave at least two cells that meet, or pass the barrier only \
                     where there are others",
                )
            }
            (_, Some((_, twin))) if twin.barrier.key != barrier.key => {
                let key = twin.barrier.to_string();
                diagnostic.help(format!(
                    "each key is a barrier of its own, as `{key}` is: give the same key to those \
                     who are to meet"
                ))
            }
            _ if cells == 1 && self.flow.strands[strand].parent.is_some() => diagnostic
                .label(self.span(fork.tree), "this has a single strand")
                .help("a barrier is where parallel strands meet: remove it, or let there be more"),
            _ => {
                let mut others: Vec<&str> = self
                    .flow
                    .meetings
                    .iter()
                    .map(|meeting| &*meeting.barrier.name)
                    .filter(|name| **name != *barrier.name)
                    .collect();
                others.sort_unstable();
                others.dedup();
                let near = did_you_mean(&barrier.name, others);
                diagnostic
                    .help(
                        "a barrier is where parallel strands meet: remove it, or let others come \
                         to it",
                    )
                    .help_opt(near)
            }
        }
    }
}
