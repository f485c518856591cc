//! The order of the deployments in a plan, so that a ledger is the same in every run of it,
//! whichever deployment began first.

use std::cmp::Ordering;
use std::collections::HashMap;

use lockstep_base::node_path::NodePath;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_outline::{Item, ItemKind, Outline};

/// The places of deployments in a plan.
pub(super) struct PlanOrder<'o> {
    known: HashMap<&'o NodePath, usize>,
    /// Deployments in cells that only the run knows.
    open: Vec<(PathPattern, usize)>,
}

impl<'o> PlanOrder<'o> {
    /// Reads the order from an outline.
    pub(super) fn of(outline: &'o Outline) -> Self {
        let mut order = Self {
            known: HashMap::new(),
            open: Vec::new(),
        };
        let both = |items: &'o [Item], handlers: &'o [Item]| {
            let rest: Vec<&Item> = items.iter().chain(handlers).collect();
            rest.into_iter().rev()
        };
        let mut left: Vec<&Item> = both(&outline.items, &outline.handlers).collect();
        let mut at = 0;
        while let Some(item) = left.pop() {
            if let (ItemKind::Deploy, Some(path)) = (item.kind, &item.path) {
                if path.contains('*') {
                    order.open.push((PathPattern::new(path), at));
                }
                order.known.entry(path).or_insert(at);
                at += 1;
            }
            left.extend(both(&item.items, &item.handlers));
        }
        order
    }

    /// The place of a deployment; those that the outline does not list come last.
    pub(super) fn place(&self, node: &NodePath) -> usize {
        let fits = || self.open.iter().find(|(pattern, _)| pattern.matches(node));
        let known = self.known.get(node).copied();
        known
            .or_else(|| fits().map(|(_, at)| *at))
            .unwrap_or(usize::MAX)
    }
}

/// Compares two texts as people sort them: `h9` comes before `h10`.
pub(super) fn by_number(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let (Some(left), Some(right)) = (a.peek().copied(), b.peek().copied()) else {
            return a.peek().is_some().cmp(&b.peek().is_some());
        };
        let order = if left.is_ascii_digit() && right.is_ascii_digit() {
            let digits = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
                let mut found = String::new();
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    found.push(digit);
                }
                let value = found.trim_start_matches('0').to_owned();
                (value.len(), value, found.len())
            };
            digits(&mut a).cmp(&digits(&mut b))
        } else {
            a.next();
            b.next();
            left.cmp(&right)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::by_number;

    #[test]
    fn numbers_in_texts_are_sorted_by_size() {
        let mut texts = ["h10", "h9", "h", "h09", "h1[b]", "h1[a]", "g99", "h9x"];
        texts.sort_by(|a, b| by_number(a, b));
        let sorted = ["g99", "h", "h1[a]", "h1[b]", "h9", "h9x", "h09", "h10"];
        assert_eq!(texts, sorted);
    }
}
