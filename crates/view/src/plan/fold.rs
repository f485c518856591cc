//! A folded body: the names of its steps on one line, in order.

use lockstep_lang::ir::Order;
use lockstep_outline::{Item, ItemKind};

use crate::style::Style;

/// At most so many names are in one fold; the others are only counted.
const MAX_FOLDED_NAMES: usize = 12;

/// The names of these items, one after the other: `prepare → switch → check`.
pub(super) fn fold(items: &[Item], order: Order, style: Style) -> String {
    let mut names: Vec<(String, usize)> = Vec::new();
    for item in items {
        let Some(name) = name(item, style) else {
            continue;
        };
        match names.last_mut() {
            Some((last, times)) if *last == name => *times += 1,
            _ => names.push((name, 1)),
        }
    }
    let more = names.len().saturating_sub(MAX_FOLDED_NAMES);
    names.truncate(MAX_FOLDED_NAMES);
    let mut shown: Vec<String> = names
        .into_iter()
        .map(|(name, times)| match times {
            1 => name,
            _ => format!("{name} {}{times}", style.times()),
        })
        .collect();
    if more > 0 {
        shown.push(format!("{} {more} more", style.ellipsis()));
    }
    let between = match order {
        Order::Serial => style.arrow(),
        Order::Parallel => style.beside(),
    };
    shown.join(&format!(" {between} "))
}

/// What one item is called in a fold; nothing where it is not worth a mention.
fn name(item: &Item, style: Style) -> Option<String> {
    let inside = |order| fold(&item.items, order, style);
    Some(match item.kind {
        ItemKind::Log
        | ItemKind::Undo
        | ItemKind::OnFailure
        | ItemKind::Always
        | ItemKind::Watch
        | ItemKind::Between => return None,
        ItemKind::Step | ItemKind::Stage | ItemKind::Workflow | ItemKind::Action => {
            item.label.clone()
        }
        ItemKind::Send | ItemKind::Fetch => String::from(item.kind.as_str()),
        ItemKind::Run => match item.place.as_deref() {
            Some("here") => format!("{} here", first_word(&item.label, style)),
            _ => first_word(&item.label, style),
        },
        ItemKind::Barrier => {
            let name = item.label.split('[').next().unwrap_or_default();
            format!("barrier {name}")
        }
        ItemKind::Deploy => format!("deploy {}", item.label),
        ItemKind::Approve => String::from("approve"),
        ItemKind::Fail => String::from("fail"),
        ItemKind::Wait => format!("wait {}", item.label),
        ItemKind::Verify => format!("verify {}", item.label),
        ItemKind::If => format!("[{}]", non_empty(inside(Order::Serial))?),
        ItemKind::Matrix => format!("each {}", item.label),
        ItemKind::Serial | ItemKind::Parallel if !item.label.is_empty() => {
            // All cells do about the same.
            let cell = item.items.first();
            let inside = cell.map_or(String::new(), |cell| {
                fold(&cell.items, Order::Serial, style)
            });
            match inside.is_empty() {
                true => format!("each {}", item.label),
                false => format!("each {} ({inside})", item.label),
            }
        }
        ItemKind::Parallel => format!("({})", non_empty(inside(Order::Parallel))?),
        ItemKind::Lock => format!("lock {} ({})", item.label, inside(Order::Serial)),
        ItemKind::Serial
        | ItemKind::On
        | ItemKind::With
        | ItemKind::Axis
        | ItemKind::Wave
        | ItemKind::Cell => non_empty(inside(Order::Serial))?,
    })
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A command by its program name; a script by its first command that has an effect.
fn first_word(command: &str, style: Style) -> String {
    let lines = command.lines().map(str::trim);
    let mut lines = lines.filter(|line| {
        !line.is_empty() && !line.starts_with('#') && *line != "set" && !line.starts_with("set ")
    });
    let mut words = lines.next().unwrap_or("run").split_whitespace();
    let first = words.next().unwrap_or("run");
    match words.next().or(lines.next()) {
        Some(_) => format!("{first} {}", style.ellipsis()),
        None => first.to_owned(),
    }
}
