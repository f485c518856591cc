//! Regular expressions, shared by the built-in functions that take one.

use std::cell::RefCell;

use regex::Regex;

use super::BuiltinError;
use lockstep_base::source::Name;

/// How many compiled patterns are cached.
const KEPT: usize = 16;

thread_local! {
    /// The most recently used patterns: a filter over many elements uses the same one repeatedly.
    static RECENT: RefCell<Vec<(Name, Regex)>> = const { RefCell::new(Vec::new()) };
}

/// What is done with the regular expression that is the second argument.
pub(super) fn with_pattern<T>(
    pattern: &Name,
    use_it: impl FnOnce(&Regex) -> T,
) -> Result<T, BuiltinError> {
    RECENT.with_borrow_mut(|recent| {
        if let Some(at) = recent.iter().position(|(known, _)| known == pattern) {
            return Ok(use_it(&recent[at].1));
        }
        let regex =
            Regex::new(pattern).map_err(|error| BuiltinError::Argument(1, reason(&error)))?;
        let found = use_it(&regex);
        if recent.len() >= KEPT {
            recent.remove(0);
        }
        recent.push((pattern.clone(), regex));
        Ok(found)
    })
}

/// The last line of the message; the lines before it draw a picture.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let reason = last.trim().trim_start_matches("error: ");
    format!("this is not a regular expression: {reason}")
}
