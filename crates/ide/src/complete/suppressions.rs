//! Completions in a comment that suppresses findings of `lint`: `# lockstep: allow(…)`.

use super::item::{Completion, CompletionKind, Completions};
use crate::checked_file::ROOT_FILE;
use lockstep_base::source::Span;

/// The completions at `offset` in the comment that begins at `start`.
pub fn complete(
    text: &str,
    start: usize,
    offset: usize,
    rules: &[(&'static str, &'static str)],
) -> Completions {
    let before = text.get(start..offset).unwrap_or("");
    let words = before.trim_start_matches('#').trim_start();
    let Some(words) = words.strip_prefix("lockstep:").map(str::trim_start) else {
        return Completions::default();
    };
    let (typed, items) = match words.strip_prefix("allow(") {
        Some(list) if list.contains(')') => return Completions::default(),
        Some(list) => {
            let typed = list.rsplit(',').next().unwrap_or(list).trim_start();
            (typed, of_rules(text, list, offset, rules))
        }
        None if "allow(".starts_with(words) => {
            let allow = Completion::new("allow", CompletionKind::Keyword)
                .doc(Some(
                    "Suppresses findings of these rules on the next line, or on this one.",
                ))
                .insert("allow(")
                .snippet("allow(${1:rule}) ${2:reason}");
            (words, vec![allow])
        }
        None => return Completions::default(),
    };
    let rest = text.get(offset..).unwrap_or("");
    let is_part = |c: char| c.is_alphanumeric() || c == '-';
    let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    Completions {
        replace: Some(Span::new(ROOT_FILE, offset - typed.len(), offset + end)),
        items,
        partial: false,
    }
}

/// The rules that are not in the list yet.
fn of_rules(
    text: &str,
    list: &str,
    offset: usize,
    rules: &[(&'static str, &'static str)],
) -> Vec<Completion> {
    let after = text.get(offset..).unwrap_or("");
    let after = after.split([')', '\n']).next().unwrap_or("");
    let other = |part: &str| {
        part.split(',')
            .map(|it| it.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let mut given = other(list);
    given.pop();
    given.extend(other(after).into_iter().skip(1));
    let free = rules
        .iter()
        .filter(|(name, _)| !given.iter().any(|it| it == name));
    free.map(|(name, title)| Completion::new(*name, CompletionKind::Word).detail(*title))
        .collect()
}
