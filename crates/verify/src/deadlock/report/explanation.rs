//! Reports a deadlock as a diagnostic: its locations in the source, and one line for each strand
//! that says how it got there.

use super::DeadlockReporter;
use super::and_list;
use crate::deadlock::model::ModelOp;
use crate::deadlock::model::StrandId;
use crate::deadlock::search::BlockedStrand;
use crate::deadlock::search::Deadlock;
use crate::deadlock::search::ModelLockHolder;
use crate::deadlock::search::SearchStep;
use crate::deadlock::search::WaitCause;
use lockstep_base::diagnostic::{Code, Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::TreeId;

/// The maximum number of strands that are shown; more only repeat the same.
const MAX_SHOWN_STRANDS: usize = 8;

/// The maximum number of places that are shown.
const MAX_SHOWN_PLACES: usize = 8;

impl DeadlockReporter<'_> {
    /// A deadlock that can happen.
    pub(super) fn explain(&self, hang: &Deadlock) -> Diagnostic {
        let (code, message, help) = self.diagnose(hang);
        self.show(
            hang,
            code,
            message,
            &format!("{help}\nthis schedule deadlocks:"),
        )
    }

    /// A deadlock that may be impossible, where there are too many runs to find out.
    pub(super) fn tell_perhaps(&self, hang: &Deadlock) -> Diagnostic {
        let (_, message, help) = self.diagnose(hang);
        let message = format!("possible {message}");
        let help = format!(
            "{help}; or hold one lock without `limit` around all of these, wherever they are \
             taken\nthere are too many schedules to find out whether this deadlock can really \
             happen:"
        );
        self.show(hang, codes::NOT_PROVED, message, &help)
    }

    fn show(&self, hang: &Deadlock, code: Code, message: String, help: &str) -> Diagnostic {
        let mut places = self.places(hang).into_iter();
        let (span, words) = places
            .next()
            .unwrap_or((self.span(self.tree.root()), String::new()));
        let mut diagnostic = Diagnostic::error(code, span, message).here(words);
        for (span, words) in places {
            diagnostic = diagnostic.label(span, words);
        }
        diagnostic.help(format!("{help}\n{}", self.schedule(hang)))
    }

    /// The places that a deadlock is about, each once.
    fn places(&self, hang: &Deadlock) -> Vec<(Span, String)> {
        let mut places: Vec<(Span, String)> = Vec::new();
        let mut add = |tree: TreeId, words: String| {
            let span = self.span(tree);
            match places.iter_mut().find(|(other, _)| *other == span) {
                Some((_, said)) if !said.contains(&words) && said.len() + words.len() < 120 => {
                    *said += &format!("; {words}");
                }
                Some(_) => {}
                None => places.push((span, words)),
            }
        };
        for stuck in &hang.circle {
            let name = self.name(stuck.strand);
            match stuck.cause {
                WaitCause::Meeting(meeting) => {
                    if let Some(ModelOp::Arrive(_, tree)) = self.op(stuck) {
                        let barrier = self.barrier(meeting);
                        add(*tree, format!("`{name}` waits here for barrier {barrier}"));
                    }
                }
                WaitCause::Lock(request) => {
                    let request = &self.flow.requests[request];
                    let locks = self.locks_of(&request.locks);
                    add(request.tree, format!("`{name}` waits here for {locks}"));
                }
                WaitCause::Stage(hold) => {
                    if let Some(ModelOp::Enter(_, tree)) = self.op(stuck) {
                        add(
                            *tree,
                            format!("{} waits here for {}", self.holder(hold), self.locks(hold)),
                        );
                    }
                }
                WaitCause::Place(fork) => {
                    let shape = &self.flow.forks[fork];
                    add(shape.tree, self.deadlocked_place(fork));
                }
                WaitCause::Turn(fork) => {
                    let shape = &self.flow.forks[fork];
                    add(shape.tree, format!("`{name}` comes after others here"));
                }
            }
        }
        // Where each would have reached what the one before it waits for.
        let before = hang
            .circle
            .iter()
            .cycle()
            .skip(hang.circle.len().saturating_sub(1));
        for (stuck, waiting) in hang.circle.iter().zip(before) {
            let name = self.name(stuck.strand);
            for (lock, holder) in &stuck.holds {
                let wanted = match waiting.cause {
                    WaitCause::Lock(other) => self.flow.requests[other].locks.contains(lock),
                    WaitCause::Stage(hold) => {
                        self.flow.holds[hold].locks.iter().any(|(it, _)| it == lock)
                    }
                    WaitCause::Meeting(_) | WaitCause::Place(_) | WaitCause::Turn(_) => false,
                };
                if !wanted {
                    continue;
                }
                match holder {
                    ModelLockHolder::Request(_, request) => {
                        let tree = self.flow.requests[*request].tree;
                        add(
                            tree,
                            format!("`{name}` holds {} from here", self.lock(*lock)),
                        );
                    }
                    ModelLockHolder::Hold(hold) => {
                        if let Some(tree) = self.first_deployment(*hold) {
                            let holder = self.holder(*hold);
                            add(
                                tree,
                                format!("{holder} holds {} from here", self.lock(*lock)),
                            );
                        }
                    }
                }
            }
            if let WaitCause::Meeting(meeting) = waiting.cause
                && let Some(tree) = self.comes_later(stuck, meeting)
            {
                let barrier = self.barrier(meeting);
                add(
                    tree,
                    format!("`{name}` would arrive at barrier {barrier} here"),
                );
            }
        }
        for step in &hang.steps {
            match step {
                SearchStep::Fails(strand, at) => {
                    if let Some(ModelOp::Pause(pause)) = self.flow.strands[*strand].ops.get(*at) {
                        add(pause.spot, format!("`{}` fails here", self.name(*strand)));
                    }
                }
                SearchStep::Goes(strand, to) => {
                    if let Some((tree, way)) = self.way(*strand, *to) {
                        add(tree, format!("`{}` {way} here", self.name(*strand)));
                    }
                }
                SearchStep::Ends(..) | SearchStep::Gets(_) | SearchStep::Asks(..) => {}
            }
        }
        places.truncate(MAX_SHOWN_PLACES);
        places
    }

    /// Where a stage takes its locks.
    fn first_deployment(&self, hold: usize) -> Option<TreeId> {
        let mut ops = self.flow.strands.iter().flat_map(|strand| &strand.ops);
        ops.find_map(|op| {
            let ModelOp::Enter(own, tree) = op else {
                return None;
            };
            (*own == hold).then_some(*tree)
        })
    }

    fn op(&self, stuck: &BlockedStrand) -> Option<&ModelOp> {
        self.flow.strands[stuck.strand].ops.get(stuck.at)
    }

    /// Where a strand, or one in it, reaches a meeting after its current place.
    fn comes_later(&self, stuck: &BlockedStrand, meeting: usize) -> Option<TreeId> {
        let from = match stuck.cause {
            WaitCause::Place(_) | WaitCause::Turn(_) => 0,
            WaitCause::Meeting(_) | WaitCause::Lock(_) | WaitCause::Stage(_) => stuck.at + 1,
        };
        self.comes_to(stuck.strand, from, meeting)
    }

    fn comes_to(&self, strand: StrandId, from: usize, meeting: usize) -> Option<TreeId> {
        let ops = self.flow.strands[strand].ops.get(from..)?;
        ops.iter().find_map(|op| match op {
            ModelOp::Arrive(own, tree) if *own == meeting => Some(*tree),
            ModelOp::Fork(fork) => {
                let mut children = self.flow.forks[*fork].children.iter();
                children.find_map(|child| self.comes_to(*child, 0, meeting))
            }
            ModelOp::Pause(_)
            | ModelOp::Arrive(..)
            | ModelOp::Acquire(_)
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
            | ModelOp::Fail => None,
        })
    }

    /// How few strands a block admits.
    pub(super) fn deadlocked_place(&self, fork: usize) -> String {
        let shape = &self.flow.forks[fork];
        match (shape.max, shape.waves.as_slice()) {
            (Some(1), _) => String::from("only 1 at once here"),
            (Some(max), _) => format!("only {max} at once here"),
            (None, []) => String::from("one after the other here"),
            (None, sizes) => {
                let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
                format!("in batches of {} here", and_list(&sizes))
            }
        }
    }

    /// Who holds the locks of a stage.
    pub(super) fn holder(&self, hold: usize) -> String {
        let node = self.tree.get(self.flow.holds[hold].tree);
        let name = node.label.as_deref().unwrap_or_default();
        match (node.stmt.kind.holds_infrastructures(), node.parent) {
            (true, _) => format!("stage `{name}`"),
            (false, None) => format!("pipeline `{name}`"),
            (false, Some(_)) => format!("the atomic `{name}`"),
        }
    }

    /// The locks of a stage.
    pub(super) fn locks(&self, hold: usize) -> String {
        let locks = self.flow.holds[hold].locks.iter();
        let locks: Vec<usize> = locks.map(|(lock, _)| *lock).collect();
        self.locks_of(&locks)
    }

    /// Several locks.
    pub(super) fn locks_of(&self, locks: &[usize]) -> String {
        let locks: Vec<String> = locks.iter().map(|lock| self.lock(*lock)).collect();
        and_list(&locks)
    }

    /// One line for each strand in the deadlock: what it did, and what it waits for.
    fn schedule(&self, hang: &Deadlock) -> String {
        let mut lines: Vec<(String, String)> = Vec::new();
        for stuck in &hang.circle {
            let mut did = self.choices(hang, stuck.strand);
            let mut held: Vec<String> = stuck
                .holds
                .iter()
                .map(|(lock, _)| self.lock(*lock))
                .collect();
            held.dedup();
            if !held.is_empty() {
                did.push(format!("holds {}", and_list(&held)));
            }
            did.push(match stuck.cause {
                WaitCause::Meeting(meeting) => {
                    format!("waits at barrier {}", self.barrier(meeting))
                }
                WaitCause::Lock(request) => {
                    let locks = &self.flow.requests[request].locks;
                    format!("waits for {}", self.locks_of(locks))
                }
                WaitCause::Stage(hold) => format!("waits for {}", self.locks(hold)),
                WaitCause::Place(_) => String::from("has not started: its block lets no more in"),
                WaitCause::Turn(_) => String::from("has not started: it comes after another"),
            });
            lines.push((self.name(stuck.strand).to_string(), did.join(", ")));
        }
        // Those that are not in the cycle, but led to it.
        for strand in 0..self.flow.strands.len() {
            let did = self.choices(hang, strand);
            if !did.is_empty() && hang.circle.iter().all(|stuck| stuck.strand != strand) {
                lines.insert(0, (self.name(strand).to_string(), did.join(", ")));
            }
        }
        let shown = lines.len().min(MAX_SHOWN_STRANDS);
        let more = lines.len() - shown + hang.others;
        let width = lines
            .iter()
            .take(shown)
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        let mut text: Vec<String> = lines
            .into_iter()
            .take(shown)
            .map(|(name, did)| format!("  {name:width$}  {did}"))
            .collect();
        match more {
            0 => {}
            1 => text.push(String::from("  … and 1 more waits for them")),
            more => text.push(format!("  … and {more} more wait for them")),
        }
        text.join("\n")
    }

    /// Which ways a strand went, and what failed in it.
    fn choices(&self, hang: &Deadlock, strand: StrandId) -> Vec<String> {
        let mut did = Vec::new();
        for step in &hang.steps {
            match step {
                SearchStep::Goes(own, to) if *own == strand => {
                    did.extend(self.way(strand, *to).map(|(_, way)| way));
                }
                SearchStep::Fails(own, at) if *own == strand => {
                    if let Some(ModelOp::Pause(pause)) = self.flow.strands[strand].ops.get(*at) {
                        let label = self.tree.get(pause.spot).label.clone();
                        did.push(match label {
                            Some(label) => format!("its `{label}` fails"),
                            None => String::from("something in it fails"),
                        });
                    }
                }
                SearchStep::Ends(..)
                | SearchStep::Fails(..)
                | SearchStep::Goes(..)
                | SearchStep::Gets(_)
                | SearchStep::Asks(..) => {}
            }
        }
        did
    }

    /// Which branch of an `if` begins at a place of a strand.
    fn way(&self, strand: StrandId, to: usize) -> Option<(TreeId, String)> {
        let mut ops = self.flow.strands[strand].ops.iter();
        let (ways, tree) = ops.find_map(|op| {
            let ModelOp::Choose(ways, tree) = op else {
                return None;
            };
            ways.contains(&to).then_some((ways, *tree))
        })?;
        let node = self.tree.get(tree);
        let StmtKind::If {
            branches,
            otherwise,
        } = &node.stmt.kind
        else {
            return None;
        };
        let place = ways.iter().position(|way| *way == to)?;
        let last = place + 1 == ways.len() && ways.len() > 1;
        let said = match (last, otherwise.is_some(), branches.len()) {
            (true, true, _) => "takes the `else`",
            (true, false, _) => "does not take the `if`",
            (false, _, 1) => "takes the `if`",
            (false, ..) => "takes a branch of the `if`",
        };
        Some((tree, said.to_string()))
    }
}
