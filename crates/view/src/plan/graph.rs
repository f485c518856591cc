//! A plan as a graph, independent of the output format: boxes, groups of boxes, and arrows for the
//! order of execution.

use std::collections::HashMap;

use lockstep_lang::ir::Order;
use lockstep_outline::{ItemKind, Outline};

use super::title::{names, notes, title};
use super::view::{Detail, ViewNode, view};
use crate::style::Style;
use crate::text::clean;

/// A part of a graph.
#[derive(Debug)]
pub(super) struct GraphPart {
    /// Its number, from 1.
    pub(super) id: usize,
    pub(super) shape: GraphShape,
    /// Its text lines.
    pub(super) lines: Vec<String>,
    /// Its parts, if it is a group.
    pub(super) parts: Vec<GraphPart>,
    /// Which of its parts follow which, by number.
    pub(super) arrows: Vec<(usize, usize)>,
    /// How many boxes are stacked in it.
    height: usize,
}

/// How a part looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GraphShape {
    /// Parts in a frame.
    Group,
    /// A command, a step or the like.
    Box,
    Deploy,
    /// A person is asked.
    Question,
    Barrier,
    Wait,
    /// A placeholder for parts that are not drawn.
    More,
}

/// A link between two parts (a barrier, stages that take turns).
#[derive(Debug)]
pub(super) struct GraphEdge {
    pub(super) ends: (usize, usize),
    pub(super) label: String,
}

/// The graph of a plan.
#[derive(Debug)]
pub(super) struct PlanGraph {
    /// All of it.
    pub(super) root: GraphPart,
    /// Links for barriers and for stages that take turns.
    pub(super) links: Vec<GraphEdge>,
}

/// The graph of a plan.
pub(super) fn graph(outline: &Outline, full: bool) -> PlanGraph {
    let style = Style::PLAIN;
    let nodes = view(outline, Detail { style, full });
    let mut maker = PlanGraphBuilder {
        outline,
        style,
        last: 0,
        meetings: HashMap::new(),
        stages: HashMap::new(),
    };
    let (parts, arrows) = maker.parts(&nodes, Order::Serial, 0);
    let root = GraphPart::group(
        0,
        vec![clean(&outline.pipeline).into_owned()],
        parts,
        arrows,
    );
    let links = maker.links();
    PlanGraph { root, links }
}

struct PlanGraphBuilder<'o> {
    outline: &'o Outline,
    style: Style,
    last: usize,
    /// The parts that take part in each barrier.
    meetings: HashMap<usize, Vec<usize>>,
    /// The stages by their paths.
    stages: HashMap<String, usize>,
}

impl PlanGraphBuilder<'_> {
    fn id(&mut self) -> usize {
        self.last += 1;
        self.last
    }

    fn parts(
        &mut self,
        nodes: &[ViewNode<'_>],
        order: Order,
        unlisted: u64,
    ) -> (Vec<GraphPart>, Vec<(usize, usize)>) {
        let handler = nodes.iter().position(ViewNode::is_handler);
        let nodes = &nodes[..handler.unwrap_or(nodes.len())];
        let mut parts: Vec<GraphPart> = Vec::new();
        let mut at = 0;
        while at < nodes.len() {
            let others = nodes[at + 1..].iter();
            let others = others.take_while(|node| node.is_else()).count();
            if others == 0 || order == Order::Parallel {
                let part = self.part(&nodes[at]);
                parts.push(part);
            } else {
                // Only one of these happens, so no arrow leads from one to the next.
                let id = self.id();
                let choice = nodes[at..=at + others].iter();
                let choice = choice.map(|node| self.part(node)).collect();
                let lines = vec![String::from("one of")];
                parts.push(GraphPart::group(id, lines, choice, Vec::new()));
            }
            at += 1 + if order == Order::Serial { others } else { 0 };
        }
        if unlisted > 0 {
            let id = self.id();
            let cells = if unlisted == 1 { "cell" } else { "cells" };
            let line = format!("… {unlisted} more {cells}");
            parts.push(GraphPart::leaf(id, GraphShape::More, vec![line]));
        }
        let arrows = match order {
            Order::Serial => parts.windows(2).map(|two| (two[0].id, two[1].id)).collect(),
            Order::Parallel => Vec::new(),
        };
        (parts, arrows)
    }

    fn part(&mut self, node: &ViewNode<'_>) -> GraphPart {
        let id = self.id();
        let mut lines = vec![title(node, self.outline, self.style).paint(self.style)];
        let notes = notes(node);
        if !notes.is_empty() {
            lines.push(notes.join(" · "));
        }
        if node.kind == ItemKind::Deploy && !node.fold.is_empty() {
            lines.push(node.fold.clone());
        }
        for meeting in &node.meetings {
            self.meetings.entry(*meeting).or_default().push(id);
        }
        if let (ItemKind::Stage, Some(path)) = (node.kind, node.path) {
            self.stages.insert(path.to_owned(), id);
        }
        let (parts, arrows) = self.parts(&node.parts, node.order, node.unlisted);
        if !parts.is_empty() {
            return GraphPart::group(id, lines, parts, arrows);
        }
        let shape = match node.kind {
            ItemKind::Deploy => GraphShape::Deploy,
            ItemKind::Approve => GraphShape::Question,
            ItemKind::Barrier => GraphShape::Barrier,
            ItemKind::Wait => GraphShape::Wait,
            ItemKind::Stage
            | ItemKind::Serial
            | ItemKind::Parallel
            | ItemKind::Matrix
            | ItemKind::Axis
            | ItemKind::Wave
            | ItemKind::Cell
            | ItemKind::Step
            | ItemKind::Run
            | ItemKind::Send
            | ItemKind::Fetch
            | ItemKind::Workflow
            | ItemKind::Action
            | ItemKind::If
            | ItemKind::Lock
            | ItemKind::Verify
            | ItemKind::On
            | ItemKind::With
            | ItemKind::Log
            | ItemKind::Fail
            | ItemKind::Undo
            | ItemKind::OnFailure
            | ItemKind::Always
            | ItemKind::Watch
            | ItemKind::Between => GraphShape::Box,
        };
        GraphPart::leaf(id, shape, lines)
    }

    /// The participants of a barrier are linked in a chain; stages that take turns are linked with
    /// each other.
    fn links(&self) -> Vec<GraphEdge> {
        let mut links = Vec::new();
        for (number, meeting) in self.outline.meetings.iter().enumerate() {
            let who = self.meetings.get(&number).map_or(&[][..], Vec::as_slice);
            for two in who.windows(2) {
                links.push(GraphEdge {
                    ends: (two[0], two[1]),
                    label: format!("barrier {}", clean(&meeting.barrier)),
                });
            }
        }
        for turn in &self.outline.turns {
            let [first, second] = &turn.stages;
            if let (Some(first), Some(second)) = (
                self.stages.get(first.as_str()),
                self.stages.get(second.as_str()),
            ) {
                links.push(GraphEdge {
                    ends: (*first, *second),
                    label: format!("take turns: {}", names(&turn.locks)),
                });
            }
        }
        links
    }
}

impl GraphPart {
    /// The first or last box in it: an arrow to or from a group ends there. Of parallel parts it is
    /// the longest one.
    pub(super) fn end(&self, last: bool) -> usize {
        let mut part = self;
        loop {
            let next = match (last, part.arrows.is_empty()) {
                (false, _) => part.parts.first(),
                (true, false) => part.parts.last(),
                (true, true) => part.parts.iter().max_by_key(|part| part.height),
            };
            match next {
                Some(next) => part = next,
                None => return part.id,
            }
        }
    }

    /// A group of these.
    fn group(
        id: usize,
        lines: Vec<String>,
        parts: Vec<GraphPart>,
        arrows: Vec<(usize, usize)>,
    ) -> Self {
        let heights = parts.iter().map(|part| part.height);
        Self {
            id,
            shape: GraphShape::Group,
            lines,
            height: match arrows.is_empty() {
                true => heights.max().unwrap_or(1),
                false => heights.sum(),
            },
            parts,
            arrows,
        }
    }

    fn leaf(id: usize, shape: GraphShape, lines: Vec<String>) -> Self {
        Self {
            id,
            shape,
            lines,
            height: 1,
            parts: Vec::new(),
            arrows: Vec::new(),
        }
    }
}
