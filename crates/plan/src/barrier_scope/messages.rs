//! What is said about barriers of which it is not clear who meets there, or to which nobody comes.
//! The same statement is reported once, in however many places its workflow is called.

use std::collections::HashSet;

use indexmap::IndexMap;
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_base::source::{Name, Sources, Span};
use lockstep_lang::ir::StmtKind;

use super::groups::{BlockId, blocks_around, group_of, parallel_runs};
use super::spots::{HandledSpot, Spot, SpotKey};
use crate::tree::{PlanTree, TreeId};

/// The messages so far.
pub struct BarrierMessages<'a> {
    sources: &'a Sources,
    tree: &'a PlanTree,
    spots: &'a IndexMap<Name, Vec<Spot>>,
    found: Vec<Diagnostic>,
    told: HashSet<Span>,
    /// The names of which something has been said: one mistake often shows at several spots.
    unclear: HashSet<Name>,
}

impl<'a> BarrierMessages<'a> {
    pub fn new(
        sources: &'a Sources,
        tree: &'a PlanTree,
        spots: &'a IndexMap<Name, Vec<Spot>>,
    ) -> Self {
        Self {
            sources,
            tree,
            spots,
            found: Vec::new(),
            told: HashSet::new(),
            unclear: HashSet::new(),
        }
    }

    pub fn finish(self) -> Vec<Diagnostic> {
        self.found
    }

    fn span(&self, id: TreeId) -> Span {
        self.tree.get(id).stmt.span
    }

    /// Where the name of a barrier stands in its statement.
    fn name_span(&self, name: &Name, id: TreeId) -> Option<Span> {
        let whole = self.span(id);
        let text = self.sources.text(whole);
        let mut rest = text.strip_prefix("barrier")?.trim_start();
        while let Some(comment) = rest.strip_prefix('#') {
            rest = comment.split_once('\n')?.1.trim_start();
        }
        if !rest.starts_with(&**name) {
            return None;
        }
        let start = whole.start + u32::try_from(text.len() - rest.len()).ok()?;
        let end = start + u32::try_from(name.len()).ok()?;
        Some(Span {
            start,
            end,
            ..whole
        })
    }

    /// Adds a message about a spot, if its statement has none yet.
    fn tell(&mut self, spot: TreeId, made: impl FnOnce(&Self) -> Diagnostic) {
        if self.told.insert(self.span(spot)) {
            let diagnostic = made(self);
            self.found.push(diagnostic);
        }
    }

    /// A handler would come to a barrier through a workflow.
    pub fn in_handler(&mut self, handled: &HandledSpot) {
        let HandledSpot { tree, word, from } = *handled;
        self.tell(tree, |own| {
            let message = format!("`{word}` would come to this barrier");
            Diagnostic::error(codes::BARRIER_IN_HANDLER, own.span(tree), message)
                .here("no strand can count on a handler to come")
                .label(own.span(from), format!("called from `{word}` here"))
                .help("pass the barrier in the statement's own body, or after it")
        });
    }

    /// No other strand can come to a barrier.
    pub fn lone(&mut self, name: &Name, spot: &Spot) {
        if self.unclear.insert(name.clone()) {
            // Where this is the other misspelt, the other waits for this one.
            if let Some(meant) = self.meant_by(name) {
                self.unclear.insert(meant.clone());
            }
            self.tell(spot.tree, |own| own.lone_message(name, spot));
        }
    }

    /// The one other name that a name was probably meant to be.
    fn meant_by(&self, name: &Name) -> Option<&'a Name> {
        let others = self.spots.keys().filter(|it| *it != name);
        match suggest::closest(name, others.map(|it| &**it))[..] {
            [near] => self.spots.keys().find(|it| &***it == near),
            _ => None,
        }
    }

    fn lone_message(&self, name: &Name, spot: &Spot) -> Diagnostic {
        let message = format!("no other strand arrives at barrier `{name}`");
        let diagnostic = Diagnostic::error(codes::LONE_BARRIER, self.span(spot.tree), message);
        let others = self.spots.keys().filter(|it| *it != name);
        let others: Vec<&str> = others.map(|it| &**it).collect();
        let meant = |diagnostic: Diagnostic| match self.name_span(name, spot.tree) {
            Some(place) => diagnostic.suggest(name, place, others.iter().copied()),
            None => diagnostic,
        };
        let mut blocks = blocks_around(self.tree, spot.tree);
        let Some((block, _)) = blocks.next() else {
            let same = self.spots.get(name).into_iter().flatten();
            let again = same.map(|it| self.span(it.tree));
            let diagnostic = diagnostic
                .here("no parallel block, loop or matrix is around it")
                .help("parallel strands meet at a barrier; remove it, or make its block parallel");
            let mut diagnostic = meant(diagnostic);
            for span in again.filter(|it| *it != self.span(spot.tree)) {
                diagnostic = diagnostic.label(span, "the same barrier again, one after the other");
            }
            return diagnostic;
        };
        let beside = |diagnostic: Diagnostic| {
            let other = self.meant_by(name).and_then(|other| self.spots.get(other));
            match other.and_then(|spots| spots.first()) {
                Some(other) => diagnostic.label(self.span(other.tree), "this has almost its name"),
                None => diagnostic,
            }
        };
        let diagnostic = diagnostic
            .here("no other strand can come here")
            .label(self.span(block), "the strands of this block are meant");
        match &spot.key {
            SpotKey::Axis(tree, axis) => {
                let axis = self.axis(*tree, *axis);
                diagnostic.help(format!(
                    "in each cell of `{axis}` it is another barrier: leave out the key, or use one \
                     that those who are to meet have in common"
                ))
            }
            SpotKey::Text(_) if self.has_other_keys(name, spot) => diagnostic.help(
                "each key is a barrier of its own: give the same key to those who are to meet",
            ),
            SpotKey::Bare | SpotKey::Text(_) | SpotKey::Any => beside(meant(diagnostic.help(
                "a barrier is where parallel strands meet: remove it, or let others come to it",
            ))),
        }
    }

    fn has_other_keys(&self, name: &Name, spot: &Spot) -> bool {
        let same = self.spots.get(name).into_iter().flatten();
        same.into_iter().any(|it| it.key != spot.key)
    }

    fn axis(&self, tree: TreeId, axis: usize) -> String {
        let matrix = self.tree.get(tree).stmt.kind.matrix();
        let axis = matrix.and_then(|matrix| matrix.axes.get(axis));
        axis.map_or_else(String::new, |axis| axis.name.to_string())
    }

    /// A spot can meet others in two blocks.
    pub fn ambiguous(&mut self, name: &Name, spot: &Spot, inner: BlockId, outer: BlockId) {
        if !self.unclear.insert(name.clone()) {
            return;
        }
        self.tell(spot.tree, |own| {
            let (one, other) = own.two_groups(name, spot, outer);
            let scope = own.scope_word(spot, outer);
            let mut diagnostic = own.unclear_message(name, spot).label(
                own.span(inner.tree),
                "by one reading, these meet by themselves",
            );
            if outer.tree != inner.tree {
                diagnostic = diagnostic.label(
                    own.span(outer.tree),
                    "by the other, all who come to it in this block are one meeting",
                );
            }
            if let Some(other) = own.other_spot(name, spot, outer) {
                diagnostic = diagnostic.label(own.span(other), "the same name, at the same time");
            }
            diagnostic.help(format!(
                "{one} and {other} could stand at it at the same time\n\
                 if they are one meeting: write `barrier {name} across {scope}` at all of them\n\
                 if each is a meeting of its own: give each a name of its own, or a key that tells \
                 them apart{}",
                own.key_example(name, outer),
            ))
        });
    }

    fn unclear_message(&self, name: &Name, spot: &Spot) -> Diagnostic {
        let message = format!("it is not clear who meets at barrier `{name}`");
        Diagnostic::error(codes::AMBIGUOUS_BARRIER, self.span(spot.tree), message)
            .here("others of this name can come in two ways")
    }

    /// What the strands of two groups are called.
    fn two_groups(&self, name: &Name, spot: &Spot, outer: BlockId) -> (String, String) {
        let node = self.tree.get(outer.tree);
        if let StmtKind::Matrix(matrix) = &node.stmt.kind {
            let runs = parallel_runs(matrix);
            let run = runs.iter().find(|(from, _)| *from == outer.fixed_axes);
            let (from, to) = run.copied().unwrap_or_default();
            let axes = (from..to).map(|axis| self.axis(outer.tree, axis));
            let axes: Vec<String> = axes.collect();
            let axes = axes.join(", ");
            return (
                format!("those in one cell of `{axes}`"),
                String::from("those in another"),
            );
        }
        let child = |of: TreeId| {
            let mut path = self.tree.outwards(of);
            let inside = |it: &TreeId| self.tree.get(*it).parent == Some(outer.tree);
            path.find(inside).map(|it| self.child_name(it))
        };
        let own = child(spot.tree).unwrap_or_default();
        let other = self.other_spot(name, spot, outer).and_then(child);
        (
            format!("those in {own}"),
            format!("those in {}", other.unwrap_or_default()),
        )
    }

    /// What a child of a `parallel` is called.
    fn child_name(&self, child: TreeId) -> String {
        let node = self.tree.get(child);
        match &node.label {
            Some(label) if node.number > 1 => format!("`{label}#{}`", node.number),
            Some(label) => format!("`{label}`"),
            None => String::from("another branch"),
        }
    }

    /// Another spot of the name, in another child of a `parallel`.
    fn other_spot(&self, name: &Name, spot: &Spot, outer: BlockId) -> Option<TreeId> {
        let child = |of: TreeId| {
            let mut around = blocks_around(self.tree, of);
            let found = around.find(|(block, _)| *block == outer.tree);
            found.map(|(_, child)| child)
        };
        let own = child(spot.tree)?;
        let mut same = self.spots.get(name).into_iter().flatten();
        same.find(|it| child(it.tree).is_some_and(|other| other != own))
            .map(|it| it.tree)
    }

    /// What `across` has to say so that a block is the one meant.
    fn scope_word(&self, spot: &Spot, outer: BlockId) -> &'static str {
        let is_stage = |it: TreeId| self.tree.get(it).stmt.kind.holds_infrastructures();
        let mut path = self.tree.outwards(spot.tree);
        let first = path.find(|it| is_stage(*it) || *it == outer.tree);
        let above = self.tree.outwards(outer.tree).any(is_stage);
        match first.is_some_and(|it| it == outer.tree) && above {
            true => "stage",
            false => "pipeline",
        }
    }

    fn key_example(&self, name: &Name, outer: BlockId) -> String {
        match self.tree.get(outer.tree).stmt.kind.matrix() {
            Some(_) => format!(
                ", `barrier {name}[{}]`",
                self.axis(outer.tree, outer.fixed_axes)
            ),
            None => String::new(),
        }
    }

    /// Some of those who can meet write another `across` than others.
    pub fn written_in_two_ways(&mut self, name: &Name, spot: &Spot, block: BlockId) {
        if !self.unclear.insert(name.clone()) {
            return;
        }
        let own_group = group_of(self.tree, spot);
        let in_block = |it: &&Spot| {
            let mut around = blocks_around(self.tree, it.tree);
            let inside = around.any(|(other, _)| other == block.tree);
            inside && group_of(self.tree, it) != own_group
        };
        let same = self.spots.get(name).into_iter().flatten();
        let other = same.into_iter().find(in_block).cloned();
        self.tell(spot.tree, |own| {
            let written = |spot: &Spot| match spot.across {
                Some(scope) => format!("`across {}`", scope.word()),
                None => String::from("without `across`"),
            };
            let mut diagnostic = own.unclear_message(name, spot).label(
                own.span(block.tree),
                "these can stand at it at the same time, and mean different meetings",
            );
            if let Some(other) = &other {
                let said = format!("here it is written {}", written(other));
                diagnostic = diagnostic.label(own.span(other.tree), said);
            }
            diagnostic.help(format!(
                "this one is written {}: write the same at all who are to meet, or give the others \
                 another name",
                written(spot)
            ))
        });
    }

    /// `across stage` outside of stages.
    pub fn across_no_stage(&mut self, name: &Name, spot: &Spot) {
        if !self.unclear.insert(name.clone()) {
            return;
        }
        self.tell(spot.tree, |own| {
            let message = format!("barrier `{name}` is `across stage`, but stands in no stage");
            Diagnostic::error(codes::LONE_BARRIER, own.span(spot.tree), message)
                .here("no stage is around it")
                .help("write `across pipeline`, or put what meets into a stage")
        });
    }

    /// Some of those who write the same never run beside the others.
    pub fn no_block_holds_all(&mut self, name: &Name, same: &[(&Spot, Option<BlockId>)]) {
        let (Some((first, block)), Some(scope)) =
            (same.first(), same.first().and_then(|(spot, _)| spot.across))
        else {
            return;
        };
        let other = same.iter().find(|(_, other)| other != block);
        let word = scope.word();
        self.tell(first.tree, |own| {
            let message =
                format!("no parallel block holds all who write `barrier {name} across {word}`");
            let mut diagnostic =
                Diagnostic::error(codes::LONE_BARRIER, own.span(first.tree), message)
                    .here("this one");
            if let Some((other, _)) = other {
                diagnostic = diagnostic.label(own.span(other.tree), "never runs beside this one");
            }
            diagnostic.help(format!(
                "leave out `across {word}` where each block is to meet by itself, or give them \
                 names of their own"
            ))
        });
    }
}
