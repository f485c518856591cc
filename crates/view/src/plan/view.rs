//! The simplified tree of a plan that text and graphs are made from: identical cells are merged,
//! groups of one are replaced by their only part, and the inside of a deployment or a plain step is
//! folded into one line.

use lockstep_base::node_path::{PathPart, last};
use lockstep_lang::ir::Order;
use lockstep_outline::Outline;
use lockstep_outline::{DeployTarget, Item, ItemKind};

use super::fold::fold;
use super::title::{times, window_notes};
use crate::style::Style;
use crate::text::{clean, first_line};

/// A part of the plan as it is drawn.
#[derive(Debug, Clone)]
pub(super) struct ViewNode<'o> {
    pub(super) kind: ItemKind,
    /// What it is called, without the word for its kind.
    pub(super) label: String,
    /// Of a cell, which of those with its name it is, where it is not the first.
    pub(super) number: Option<u32>,
    /// The path of its node, if it has one.
    pub(super) path: Option<&'o str>,
    /// The cell or group whose only part it is.
    pub(super) group: Option<String>,
    pub(super) deploy: Option<&'o DeployTarget>,
    /// The order in which its parts run.
    pub(super) order: Order,
    pub(super) cells: Option<u64>,
    pub(super) locks: &'o [String],
    pub(super) notes: Vec<String>,
    /// What is in it, folded into one line where it is not drawn.
    pub(super) fold: String,
    /// The barriers that are in it but not drawn, or its own.
    pub(super) meetings: Vec<usize>,
    pub(super) parts: Vec<ViewNode<'o>>,
    /// Cells in it that are not listed.
    pub(super) unlisted: u64,
}

/// The level of detail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detail {
    pub(super) style: Style,
    /// Whether deployments and steps are drawn with everything inside them.
    pub(super) full: bool,
}

/// All parts of a plan.
pub(super) fn view(outline: &Outline, detail: Detail) -> Vec<ViewNode<'_>> {
    let mut nodes = parts(&outline.items, Order::Serial, detail);
    if detail.full {
        nodes.extend(outline.handlers.iter().map(|it| node(it, detail)));
    }
    nodes
}

fn parts(items: &[Item], order: Order, detail: Detail) -> Vec<ViewNode<'_>> {
    let mut nodes = Vec::new();
    for item in items {
        if item.kind == ItemKind::Log && !detail.full {
            continue;
        }
        let node = node(item, detail);
        let is_group = matches!(item.kind, ItemKind::Axis | ItemKind::Cell);
        let only = is_group && node.parts.len() == 1 && node.unlisted == 0;
        // Nested axes with the same order are merged into one list.
        let same = item.kind == ItemKind::Axis && node.order == order && node.unlisted == 0;
        if only || same {
            let ViewNode {
                label,
                number,
                notes,
                parts,
                ..
            } = node;
            nodes.extend(parts.into_iter().map(|mut part| {
                part.within(&label, number);
                part.notes.extend(notes.iter().cloned());
                part
            }));
        } else {
            nodes.push(node);
        }
    }
    nodes
}

/// Where it runs, as a remark.
fn place(item: &Item) -> Option<String> {
    let place = clean(item.place.as_ref()?);
    Some(match &*place {
        "here" => place.into_owned(),
        // Its target says so.
        _ if item.place_unknown && item.kind == ItemKind::Deploy => return None,
        _ if item.place_unknown => format!("on {place}, which only the run knows"),
        _ => format!("on {place}"),
    })
}

/// Whose workers carry it out, as a remark.
fn pool(item: &Item) -> Option<String> {
    Some(format!("pool {}", clean(item.pool.as_ref()?)))
}

/// The number by which the path of a cell tells it from others of its name.
fn number(item: &Item) -> Option<u32> {
    let path = item.path.as_ref().filter(|_| item.kind == ItemKind::Cell)?;
    PathPart::read(last(path)).cell.filter(|number| *number > 1)
}

fn node(item: &Item, detail: Detail) -> ViewNode<'_> {
    let order = item.order.unwrap_or(Order::Serial);
    let number = number(item);
    let mut label = first_line(&item.label, detail.style.ellipsis());
    label.extend(number.map(|number| format!("#{number}")));
    let mut node = ViewNode {
        kind: item.kind,
        label,
        number,
        path: item.path.as_deref(),
        group: None,
        deploy: item.deploy.as_ref(),
        order,
        cells: item.cells,
        locks: &item.locks,
        notes: place(item)
            .into_iter()
            .chain(pool(item))
            .chain(item.notes.iter().map(|it| clean(it).into_owned()))
            .collect(),
        fold: String::new(),
        meetings: item.meeting.into_iter().collect(),
        parts: Vec::new(),
        unlisted: item.unlisted,
    };
    let limited = item.notes.iter().any(|note| note.starts_with("timeout "));
    // Its own limit says the same.
    if item.kind == ItemKind::Stage
        && (!limited || (item.shortest_ms > 0 && item.longest_ms != Some(item.shortest_ms)))
    {
        node.notes.extend(times(item.shortest_ms, item.longest_ms));
    }
    node.notes.extend(window_notes(&item.windows));
    if !detail.full && is_folded(item) {
        node.fold = clean(&fold(&item.items, order, detail.style)).into_owned();
        meetings(&item.items, &mut node.meetings);
    } else {
        node.parts = parts(&item.items, order, detail);
    }
    if detail.full {
        let handlers = item.handlers.iter();
        node.parts.extend(handlers.map(|it| self::node(it, detail)));
    }
    node
}

impl ViewNode<'_> {
    /// Whether it is a handler, which stands next to the normal parts.
    pub(super) fn is_handler(&self) -> bool {
        matches!(
            self.kind,
            ItemKind::Undo
                | ItemKind::OnFailure
                | ItemKind::Always
                | ItemKind::Watch
                | ItemKind::Between
        )
    }

    /// Whether it is another branch of the `if` before it.
    pub(super) fn is_else(&self) -> bool {
        self.kind == ItemKind::If && self.label.starts_with("else")
    }

    /// It was the only part of a group with this label. The label of a deployment says already
    /// where it is.
    fn within(&mut self, label: &str, number: Option<u32>) {
        match self.kind {
            ItemKind::Deploy => self.notes.extend(number.map(|number| format!("#{number}"))),
            ItemKind::Cell | ItemKind::Axis => self.label = format!("{label}, {}", self.label),
            ItemKind::Stage
            | ItemKind::Serial
            | ItemKind::Parallel
            | ItemKind::Matrix
            | ItemKind::Wave
            | ItemKind::Step
            | ItemKind::Run
            | ItemKind::Send
            | ItemKind::Fetch
            | ItemKind::Workflow
            | ItemKind::Action
            | ItemKind::If
            | ItemKind::Barrier
            | ItemKind::Lock
            | ItemKind::Approve
            | ItemKind::Wait
            | ItemKind::Verify
            | ItemKind::On
            | ItemKind::With
            | ItemKind::Log
            | ItemKind::Fail
            | ItemKind::Undo
            | ItemKind::OnFailure
            | ItemKind::Always
            | ItemKind::Watch
            | ItemKind::Between => {
                self.group = Some(match self.group.take() {
                    Some(inner) => format!("{label}, {inner}"),
                    None => label.to_owned(),
                })
            }
        }
    }
}

/// Whether it is folded into one line: always for deployments, else where it holds only commands,
/// actions and waits.
fn is_folded(item: &Item) -> bool {
    match item.kind {
        ItemKind::Deploy => true,
        ItemKind::Step | ItemKind::Workflow | ItemKind::Verify => item.items.iter().all(is_plain),
        ItemKind::Stage
        | ItemKind::Serial
        | ItemKind::Parallel
        | ItemKind::Matrix
        | ItemKind::Axis
        | ItemKind::Wave
        | ItemKind::Cell
        | ItemKind::Run
        | ItemKind::Send
        | ItemKind::Fetch
        | ItemKind::Action
        | ItemKind::If
        | ItemKind::Barrier
        | ItemKind::Lock
        | ItemKind::Approve
        | ItemKind::Wait
        | ItemKind::On
        | ItemKind::With
        | ItemKind::Log
        | ItemKind::Fail
        | ItemKind::Undo
        | ItemKind::OnFailure
        | ItemKind::Always
        | ItemKind::Watch
        | ItemKind::Between => false,
    }
}

fn is_plain(item: &Item) -> bool {
    let plain = match item.kind {
        ItemKind::Step
        | ItemKind::Workflow
        | ItemKind::Verify
        | ItemKind::Run
        | ItemKind::Send
        | ItemKind::Fetch
        | ItemKind::Action
        | ItemKind::On
        | ItemKind::With
        | ItemKind::If
        | ItemKind::Log
        | ItemKind::Fail
        | ItemKind::Wait => true,
        ItemKind::Serial | ItemKind::Parallel => item.cells.is_none(),
        ItemKind::Stage
        | ItemKind::Matrix
        | ItemKind::Axis
        | ItemKind::Wave
        | ItemKind::Cell
        | ItemKind::Deploy
        | ItemKind::Barrier
        | ItemKind::Lock
        | ItemKind::Approve
        | ItemKind::Undo
        | ItemKind::OnFailure
        | ItemKind::Always
        | ItemKind::Watch
        | ItemKind::Between => false,
    };
    plain && item.items.iter().all(is_plain)
}

fn meetings(items: &[Item], found: &mut Vec<usize>) {
    for item in items {
        let new = item.meeting.filter(|meeting| !found.contains(meeting));
        found.extend(new);
        meetings(&item.items, found);
    }
}
