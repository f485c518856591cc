//! Cells of loops that can change places: what a failure in one of them leads to, the same failure
//! in another leads to with other names. So one is simulated, and its outcome is told of all.
//!
//! Invariant: two cells are only taken for each other where the run cannot tell them apart, and
//! only as long as everything that a play says can be told of the other cell; else it is simulated.

use std::collections::HashMap;

use super::WhatIfRequest;
use super::alike::{AlikeAxis, alike_axes};
use super::simulation::SimulatedRun;
use lockstep_base::node_path::{NodePath, ancestors, below};
use lockstep_base::value::Value;
use lockstep_engine::node_origin::{NodeOrigin, NodeOrigins};
use lockstep_engine::run_event::Failure;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{Plan, PlanSequence, TreeId};

/// The cells of a plan that can change places.
#[derive(Debug, Default)]
pub(super) struct CellSymmetry {
    axes: Vec<SymmetricAxis>,
    /// For each statement in such loops, its axes by their places.
    axes_of: HashMap<TreeId, Vec<usize>>,
    origins: NodeOrigins,
    paths: HashMap<NodeOrigin, NodePath>,
    deployments: ListedNodes,
    stages: ListedNodes,
}

/// An axis some of whose elements can change places.
#[derive(Debug)]
struct SymmetricAxis {
    /// Where an origin has its element.
    place: usize,
    /// For each element the first that can take its place.
    first: Vec<u32>,
}

/// Pairs of elements that have changed places, each with its axis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CellSwap(Vec<(usize, u32, u32)>);

impl CellSymmetry {
    /// Those of the runs in which nothing fails. There are none where something else looks at
    /// what is in a cell than the plan: the `given`s of a test, or who answers queries.
    pub(super) fn of(plan: &Plan, ask: &WhatIfRequest, good: &SimulatedRun) -> Self {
        let is_looked_at = ask.lent.is_some() || ask.queries.is_some();
        // Paths are found in messages by what they stand between.
        let is_hidden = |path: &NodePath| path.as_str().contains('`');
        let deployments = ListedNodes::of(good.deployments.keys(), &good.origins);
        let stages = ListedNodes::of(good.stages.keys(), &good.origins);
        let (Some(deployments), Some(stages)) = (deployments, stages) else {
            return Self::default();
        };
        if is_looked_at || good.origins.keys().any(is_hidden) {
            return Self::default();
        }
        let alike = alike_axes(plan);
        let mut places = AxisPlaces::default();
        places.statement(plan, plan.tree.root(), &alike, &AxesAround::default());
        let mut found = Self {
            axes: Vec::new(),
            axes_of: places.axes_of,
            origins: good.origins.clone(),
            paths: HashMap::new(),
            deployments,
            stages,
        };
        let all = found.origins.iter();
        found.paths = all.map(|(path, it)| (it.clone(), path.clone())).collect();
        for (at, axis) in alike.iter().enumerate() {
            let place = places.places.get(&at).copied().unwrap_or(usize::MAX);
            let first = found.first_alike(plan, axis, at, place);
            found.axes.push(SymmetricAxis { place, first });
        }
        found
    }

    /// For each element of an axis the first one with the same nodes in its cells.
    fn first_alike(&self, plan: &Plan, axis: &AlikeAxis, at: usize, place: usize) -> Vec<u32> {
        let mut statements: Vec<Vec<usize>> = vec![Vec::new(); axis.values.len()];
        let mut known: HashMap<NodeOrigin, usize> = HashMap::new();
        for origin in self.origins.values().filter(|it| self.is_on(it, at)) {
            let mut anywhere = origin.clone();
            let Some(element) = anywhere.cell.get_mut(place) else {
                continue;
            };
            let own = std::mem::replace(element, u32::MAX);
            let next = known.len();
            let number = *known.entry(anywhere).or_insert(next);
            if let Some(statements) = statements.get_mut(own as usize) {
                statements.push(number);
            }
        }
        let mut firsts: HashMap<(Vec<usize>, bool), u32> = HashMap::new();
        let each = statements.into_iter().zip(&axis.values);
        (0..)
            .zip(each)
            .map(|(element, (mut statements, value))| {
                statements.sort_unstable();
                let like = (statements, is_shared(plan, value));
                *firsts.entry(like).or_insert(element)
            })
            .collect()
    }

    /// Whether a node is in a cell on an axis.
    fn is_on(&self, origin: &NodeOrigin, axis: usize) -> bool {
        let axes = self.axes_of.get(&origin.tree);
        axes.is_some_and(|axes| axes.contains(&axis))
    }

    /// What is the same of all nodes that can take the place of this one: the origin of the first.
    /// Nothing where that is known of no node.
    pub(super) fn like(&self, node: &NodePath) -> Option<NodeOrigin> {
        let mut origin = self.origins.get(node)?.clone();
        for axis in self.axes_of.get(&origin.tree)? {
            let SymmetricAxis { place, first } = self.axes.get(*axis)?;
            if let Some(element) = origin.cell.get_mut(*place) {
                *element = *first.get(*element as usize)?;
            }
        }
        Some(origin)
    }

    /// What a run is called in which a node has taken the place of another one like it.
    pub(super) fn renaming(&self, one: &NodePath, other: &NodePath) -> Option<Renaming<'_>> {
        let (one, other) = (self.origins.get(one)?, self.origins.get(other)?);
        let mut swap = CellSwap::default();
        for axis in self.axes_of.get(&one.tree)? {
            let place = self.axes.get(*axis)?.place;
            if let (Some(one), Some(other)) = (one.cell.get(place), other.cell.get(place)) {
                swap.0.push((*axis, *one, *other));
            }
        }
        swap.0.retain(|(_, one, other)| one != other);
        Some(Renaming {
            deployments: self.deployments.swapped(self, &swap),
            stages: self.stages.swapped(self, &swap),
            symmetry: self,
            swap,
        })
    }

    /// The origin that one has after cells have changed places.
    fn swapped(&self, origin: &NodeOrigin, swap: &CellSwap) -> NodeOrigin {
        let mut origin = origin.clone();
        for (axis, one, other) in &swap.0 {
            if !self.is_on(&origin, *axis) {
                continue;
            }
            let place = self.axes.get(*axis).map_or(usize::MAX, |it| it.place);
            match origin.cell.get_mut(place) {
                Some(element) if *element == *one => *element = *other,
                Some(element) if *element == *other => *element = *one,
                Some(_) | None => {}
            }
        }
        origin
    }

    /// Whether a node has another place after cells have changed places.
    fn is_moved(&self, origin: &NodeOrigin, swap: &CellSwap) -> bool {
        swap.0.iter().any(|(axis, one, other)| {
            let place = self.axes.get(*axis).map_or(usize::MAX, |it| it.place);
            let element = origin.cell.get(place);
            (element == Some(one) || element == Some(other)) && self.is_on(origin, *axis)
        })
    }

    /// The path that a node has after cells have changed places; nothing where that is not known.
    fn renamed(&self, path: &NodePath, swap: &CellSwap) -> Option<NodePath> {
        if let Some(origin) = self.origins.get(path) {
            return self.paths.get(&self.swapped(origin, swap)).cloned();
        }
        // What only a failure leads to: it is called the same in what it is in.
        let mut around = ancestors(path.as_str()).map(NodePath::read);
        let around = around.find(|it| self.origins.contains_key(it))?;
        let rest = below(path.as_str(), around.as_str())?;
        let is_the_same = !rest.contains('[');
        let around = is_the_same.then(|| self.renamed(&around, swap))??;
        Some(NodePath::read(&format!("{around}/{rest}")))
    }
}

/// A list of nodes of which an outcome says how they end.
#[derive(Debug, Default)]
struct ListedNodes {
    origins: Vec<NodeOrigin>,
    places: HashMap<NodeOrigin, usize>,
}

impl ListedNodes {
    /// Nothing where the origin of one is not known.
    fn of<'n>(nodes: impl Iterator<Item = &'n NodePath>, origins: &NodeOrigins) -> Option<Self> {
        let origins: Option<Vec<NodeOrigin>> = nodes.map(|it| origins.get(it).cloned()).collect();
        let origins = origins?;
        let places = origins.iter().cloned().zip(0..).collect();
        Some(Self { origins, places })
    }

    /// For each node the place of that whose place it takes.
    fn swapped(&self, symmetry: &CellSymmetry, swap: &CellSwap) -> Vec<usize> {
        let place = |(at, origin): (usize, &NodeOrigin)| match symmetry.is_moved(origin, swap) {
            true => self.places.get(&symmetry.swapped(origin, swap)).copied(),
            false => Some(at),
        };
        let all = self.origins.iter().enumerate();
        all.map(|it| place(it).unwrap_or(it.0)).collect()
    }
}

/// Whether deployments to an infrastructure hold no lock.
fn is_shared(plan: &Plan, value: &Value) -> bool {
    let Value::Infrastructure(id) = value else {
        return false;
    };
    !plan.bound.facts.is_exclusive(*id)
}

/// Other names for a run.
pub(super) struct Renaming<'s> {
    symmetry: &'s CellSymmetry,
    swap: CellSwap,
    deployments: Vec<usize>,
    stages: Vec<usize>,
}

impl Renaming<'_> {
    /// The deployment whose place one takes.
    pub(super) fn deployment(&self, at: usize) -> usize {
        self.deployments.get(at).copied().unwrap_or(at)
    }

    /// The stage whose place one takes.
    pub(super) fn stage(&self, at: usize) -> usize {
        self.stages.get(at).copied().unwrap_or(at)
    }

    /// A node.
    pub(super) fn path(&self, path: &NodePath) -> Option<NodePath> {
        self.symmetry.renamed(path, &self.swap)
    }

    /// A failure.
    pub(super) fn failure(&self, failure: &Failure) -> Option<Failure> {
        Some(Failure {
            node: self.path(&failure.node)?,
            message: self.message(&failure.message)?,
            ..failure.clone()
        })
    }

    /// A message, in which nodes are named in backticks.
    fn message(&self, message: &str) -> Option<String> {
        let mut parts = Vec::new();
        for (at, part) in message.split('`').enumerate() {
            let path = NodePath::read(part);
            let is_named = at % 2 == 1 && self.is_node(&path);
            parts.push(match is_named {
                true => self.path(&path)?.to_string(),
                false => part.to_owned(),
            });
        }
        Some(parts.join("`"))
    }

    fn is_node(&self, path: &NodePath) -> bool {
        let origins = &self.symmetry.origins;
        let mut around = ancestors(path.as_str());
        origins.contains_key(path) || around.any(|it| origins.contains_key(&NodePath::read(it)))
    }
}

/// The axes of the cells that a statement is in.
#[derive(Debug, Clone, Default)]
struct AxesAround {
    /// How many there are.
    count: usize,
    /// Which of them are alike.
    alike: Vec<usize>,
}

/// Where origins have the elements of axes.
#[derive(Debug, Default)]
struct AxisPlaces {
    /// By the place of the axis among those that are alike.
    places: HashMap<usize, usize>,
    axes_of: HashMap<TreeId, Vec<usize>>,
}

impl AxisPlaces {
    fn bodies<'b>(
        &mut self,
        plan: &Plan,
        bodies: impl IntoIterator<Item = &'b PlanSequence>,
        alike: &[AlikeAxis],
        around: &AxesAround,
    ) {
        for child in bodies.into_iter().flat_map(|body| body.iter()) {
            self.statement(plan, *child, alike, around);
        }
    }

    fn statement(&mut self, plan: &Plan, id: TreeId, alike: &[AlikeAxis], around: &AxesAround) {
        let node = plan.tree.get(id);
        let mut inside = around.clone();
        if let StmtKind::Matrix(matrix) = &node.stmt.kind {
            for (at, axis) in alike.iter().enumerate().filter(|(_, it)| it.matrix == id) {
                self.places.insert(at, around.count + axis.axis);
                inside.alike.push(at);
            }
            inside.count += matrix.axes.len();
        }
        let workflows = node.workflows.iter().map(|(_, body)| body);
        self.bodies(plan, node.bodies.iter().chain(workflows), alike, &inside);
        // What handles a failure of a loop is in none of its cells.
        let handlers = (node.undo.iter().chain(&node.on_failure).chain(&node.always))
            .chain(node.watch.iter().chain(&node.between));
        self.bodies(plan, handlers, alike, around);
        if !inside.alike.is_empty() {
            self.axes_of.insert(id, inside.alike);
        }
    }
}

#[cfg(test)]
mod generate;
#[cfg(test)]
pub(super) mod tests;
