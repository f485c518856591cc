//! A plan as readable text: a header, the tree, and below it what applies to several lines of the
//! tree.

mod head;
mod layout;
mod tail;

use lockstep_lang::ir::Order;
use lockstep_outline::Outline;

use super::title::{notes, title};
use super::view::{Detail, ViewNode, view};
use crate::style::{Style, StyledLine, Tone};
use crate::{phrases, text};
pub(super) use head::{amounts, remarks};
use layout::{PlanTextRow, lay_out};
pub(super) use tail::{Section, sections};

/// Options for the text.
#[derive(Debug, Clone, Copy)]
pub struct PlanTextOptions {
    /// What the output can show.
    pub style: Style,
    /// Its width in columns.
    pub width: usize,
    /// Whether deployments and steps are shown with everything inside them.
    pub full: bool,
}

/// The plan as text.
pub fn text(outline: &Outline, how: PlanTextOptions) -> String {
    let detail = Detail {
        style: how.style,
        full: how.full,
    };
    let nodes = view(outline, detail);
    let mut lines = head::head(outline, how);
    lines.push(StyledLine::new());
    if nodes.is_empty() {
        lines.push(StyledLine::of(Tone::Dim, "nothing to do"));
    }
    let mut tree = PlanTextTree {
        outline,
        style: how.style,
        rows: Vec::new(),
    };
    tree.parts(&nodes, Order::Serial, 0, &StyledLine::new());
    lines.extend(lay_out(&tree.rows, how));
    lines.extend(tail::tail(outline, &nodes, how));
    let mut out = String::new();
    for mut line in lines {
        line.fit(how.width, how.style);
        out.push_str(&line.paint(how.style));
        out.push('\n');
    }
    out
}

/// The lines of the tree, before they are laid out.
struct PlanTextTree<'o> {
    outline: &'o Outline,
    style: Style,
    rows: Vec<PlanTextRow>,
}

impl PlanTextTree<'_> {
    /// The parts of a node, marked by the order in which they run.
    fn parts(&mut self, nodes: &[ViewNode<'_>], order: Order, unlisted: u64, before: &StyledLine) {
        let marked = |node: &ViewNode<'_>| !node.is_handler() && !node.is_else();
        let count = nodes.iter().filter(|node| marked(node)).count();
        let many = count > 1 || unlisted > 0;
        let widest = match (many, order) {
            (true, Order::Serial) => count.to_string().len(),
            _ => 1,
        };
        let mut number = 0;
        for (at, node) in nodes.iter().enumerate() {
            number += usize::from(marked(node));
            let (tone, mark) = match order {
                _ if !marked(node) => (Tone::Dim, String::new()),
                _ if !many => (Tone::Dim, self.style.dot().to_owned()),
                Order::Serial => (Tone::Dim, number.to_string()),
                Order::Parallel => (Tone::Note, self.style.beside().to_owned()),
            };
            let mut line = before.clone();
            let blanks = widest.saturating_sub(text::width(&mark));
            line.add(Tone::Plain, " ".repeat(blanks));
            line.add(tone, mark).add(Tone::Plain, " ");
            let last = at + 1 == nodes.len() && unlisted == 0;
            let mut inside = before.clone();
            inside.add(Tone::Plain, " ".repeat(widest - 1));
            let guide = if last { " " } else { self.style.bar() };
            inside.add(Tone::Dim, guide).add(Tone::Plain, " ");
            line.append(title(node, self.outline, self.style));
            self.rows.push(PlanTextRow {
                line,
                notes: notes(node),
                below: inside.clone(),
            });
            self.parts(&node.parts, node.order, node.unlisted, &inside);
        }
        if unlisted > 0 {
            let mut line = before.clone();
            line.add(Tone::Plain, " ".repeat(widest - 1));
            let more =
                phrases::count_text(usize::try_from(unlisted).unwrap_or(usize::MAX), "more cell");
            line.add(Tone::Dim, format!("{} {more}", self.style.ellipsis()));
            self.rows.push(PlanTextRow {
                line,
                ..PlanTextRow::default()
            });
        }
    }
}
