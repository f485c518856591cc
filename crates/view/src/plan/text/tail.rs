//! What stands below the tree of a plan: barriers and their participants, stages that take turns,
//! what the workflows do, and the legend of the symbols.

use indexmap::IndexMap;

use lockstep_base::node_path;
use lockstep_lang::ir::Order;
use lockstep_outline::{ItemKind, Outline};

use super::super::title::names;
use super::super::view::{Detail, ViewNode, view};
use super::PlanTextOptions;
use crate::style::{Style, StyledLine, Tone};
use crate::{phrases, text};

/// Lines of one section.
const MAX_SECTION_LINES: usize = 12;

/// A heading with named texts.
pub(in super::super) struct Section {
    pub(in super::super) title: &'static str,
    /// Names and texts; at least one.
    pub(in super::super) rows: Vec<(String, String)>,
}

/// What stands below a drawing.
pub(in super::super) fn sections(outline: &Outline) -> Vec<Section> {
    let detail = Detail {
        style: Style {
            color: false,
            unicode: true,
        },
        full: false,
    };
    sections_of(outline, &view(outline, detail))
}

fn sections_of(outline: &Outline, nodes: &[ViewNode<'_>]) -> Vec<Section> {
    let mut all = vec![
        Section {
            title: "Barriers",
            rows: barriers(outline),
        },
        Section {
            title: "Turns",
            rows: turns(outline),
        },
        Section {
            title: "Workflows",
            rows: workflows(nodes),
        },
    ];
    all.retain(|section| !section.rows.is_empty());
    all
}

pub(super) fn tail(
    outline: &Outline,
    nodes: &[ViewNode<'_>],
    how: PlanTextOptions,
) -> Vec<StyledLine> {
    let mut lines = Vec::new();
    for Section { title, rows } in sections_of(outline, nodes) {
        section(&mut lines, title, rows, how);
    }
    let mut signs = UsedSymbols::default();
    signs.collect_from(nodes, Order::Serial, 0);
    let style = how.style;
    let beside = format!("{}: side by side.", style.beside());
    let said = match (signs.serial, signs.parallel) {
        (true, true) => vec![String::from("Numbers: one after the other."), beside],
        (false, true) => vec![beside],
        _ => return lines,
    };
    lines.push(StyledLine::new());
    let together = said.join(" ");
    match text::width(&together) <= how.width {
        true => lines.push(StyledLine::of(Tone::Dim, together)),
        false => lines.extend(said.into_iter().map(|it| StyledLine::of(Tone::Dim, it))),
    }
    lines
}

/// A heading with named lines, whose texts are aligned and wrapped.
fn section(
    lines: &mut Vec<StyledLine>,
    title: &str,
    rows: Vec<(String, String)>,
    how: PlanTextOptions,
) {
    lines.push(StyledLine::new());
    lines.push(StyledLine::of(Tone::Bold, title));
    let more = rows.len().saturating_sub(MAX_SECTION_LINES);
    let shown = || rows.iter().take(MAX_SECTION_LINES);
    let widest = shown().map(|(name, _)| text::width(name)).max();
    let column = (widest.unwrap_or(0) + 4).min(how.width / 2);
    for (name, said) in shown() {
        let mut line = StyledLine::of(Tone::Plain, format!("  {name}"));
        if line.width() + 2 > column {
            lines.push(std::mem::take(&mut line));
        }
        let mut part = String::new();
        for word in said.split(' ') {
            let wide = column + text::width(&part) + 1 + text::width(word);
            if !part.is_empty() && wide > how.width {
                line.pad(column).add(Tone::Dim, std::mem::take(&mut part));
                lines.push(std::mem::take(&mut line));
            }
            if !part.is_empty() {
                part.push(' ');
            }
            part.push_str(word);
        }
        line.pad(column).add(Tone::Dim, part);
        lines.push(line);
    }
    if more > 0 {
        lines.push(StyledLine::of(
            Tone::Dim,
            format!("  {} {more} more", how.style.ellipsis()),
        ));
    }
}

fn barriers(outline: &Outline) -> Vec<(String, String)> {
    let meetings = outline.meetings.iter();
    let row = |met: &lockstep_outline::BarrierMembers| {
        let mut who: Vec<_> = met.who.iter().map(|it| text::clean(it)).collect();
        let more = met.strands.saturating_sub(who.len() as u64);
        if more > 0 {
            who.push(format!("{more} more").into());
        }
        let said = match met.strands {
            strands if met.open => {
                let who = who.join(", ");
                format!("{strands} strands meet, and those known while running: {who}")
            }
            1 => format!("opens at once: {} meets nobody here", who.join(", ")),
            strands => format!("{strands} strands meet: {}", who.join(", ")),
        };
        let mut name = text::clean(&met.barrier).into_owned();
        if !met.within.is_empty() {
            name = format!("{name} in {}", text::clean(&met.within));
        }
        (name, said)
    };
    meetings.map(row).collect()
}

fn turns(outline: &Outline) -> Vec<(String, String)> {
    let last = |path: &str| {
        let last = node_path::parts(path).last().unwrap_or(path);
        text::clean(last).into_owned()
    };
    let row = |turn: &lockstep_outline::SerializedStages| {
        let [first, second] = &turn.stages;
        let locks = names(&turn.locks);
        let said = format!("both lock {locks}: whichever comes second waits for the other");
        (format!("{}, {}", last(first), last(second)), said)
    };
    outline.turns.iter().map(row).collect()
}

/// What the workflows of deployments do, each sequence once. Where a workflow does different
/// things, the deployments are named.
fn workflows(nodes: &[ViewNode<'_>]) -> Vec<(String, String)> {
    let mut found: IndexMap<String, IndexMap<&str, Vec<&str>>> = IndexMap::new();
    collect(nodes, &mut found);
    let mut rows = Vec::new();
    for (workflow, courses) in &found {
        let several = courses.len() > 1;
        for (fold, who) in courses {
            let said = match (several, who.as_slice()) {
                (false, _) => (*fold).to_owned(),
                (true, [only]) => format!("{fold} (only {only})"),
                (true, [first, rest @ ..]) => {
                    let others = phrases::count_text(rest.len(), "other");
                    format!("{fold} ({first} and {others})")
                }
                (true, []) => continue,
            };
            rows.push((workflow.clone(), said));
        }
    }
    rows
}

fn collect<'n>(
    nodes: &'n [ViewNode<'_>],
    found: &mut IndexMap<String, IndexMap<&'n str, Vec<&'n str>>>,
) {
    for node in nodes {
        let using = node.deploy.and_then(|deploy| deploy.using.as_ref());
        if let Some(using) = using
            && node.kind == ItemKind::Deploy
            && !node.fold.is_empty()
        {
            let courses = found.entry(text::clean(using).into_owned()).or_default();
            courses.entry(&node.fold).or_default().push(&node.label);
        }
        collect(&node.parts, found);
    }
}

/// Which symbols the tree uses.
#[derive(Default)]
struct UsedSymbols {
    serial: bool,
    parallel: bool,
}

impl UsedSymbols {
    fn collect_from(&mut self, nodes: &[ViewNode<'_>], order: Order, unlisted: u64) {
        let count = nodes.iter().filter(|node| !node.is_handler()).count();
        if count > 1 || unlisted > 0 {
            match order {
                Order::Serial => self.serial = true,
                Order::Parallel => self.parallel = true,
            }
        }
        for node in nodes {
            self.collect_from(&node.parts, node.order, node.unlisted);
        }
    }
}
