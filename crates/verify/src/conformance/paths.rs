//! Parses the paths of nodes: what encloses a node, and whether it is part of a handler or a
//! rollback.

use lockstep_engine::path_pattern::segments;

/// The paths around a path, the nearest first.
pub(super) fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |path| parent(path))
}

/// The path around a path. A `/` in brackets splits nothing.
pub(super) fn parent(path: &str) -> Option<&str> {
    if path.as_bytes().contains(&b'"') {
        // Brackets in quotes are no brackets, which shows only from the front.
        let last = segments(path).pop()?;
        return path.get(..path.len().checked_sub(last.len() + 1)?);
    }
    let mut depth = 0_usize;
    for (at, byte) in path.bytes().enumerate().rev() {
        match byte {
            b']' => depth += 1,
            b'[' => depth = depth.saturating_sub(1),
            b'/' if depth == 0 => return path.get(..at),
            _ => {}
        }
    }
    None
}

/// Whether a path lies in a handler or in a rollback, where order is not checked.
pub(super) fn is_aside(path: &str) -> bool {
    let may_be = ["/undo", "/on-failure", "/always"];
    if !may_be.iter().any(|word| path.contains(word)) {
        return false;
    }
    segments(path).into_iter().any(is_aside_segment)
}

/// Whether a part of a path is that of a handler or a rollback.
pub(super) fn is_aside_segment(segment: &str) -> bool {
    // Nearly all parts begin otherwise.
    if !segment.starts_with(['u', 'o', 'a']) {
        return false;
    }
    let word = segment.split('#').next().unwrap_or_default();
    matches!(word, "undo" | "on-failure" | "always")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_from_the_end() {
        for path in [
            "p",
            "p/a",
            "p/m[a/b, c]/x",
            "p/lock[\"a]/\"]/run#2",
            "p/m[x]#2/d[a, b]",
        ] {
            let mut all = segments(path);
            all.pop();
            assert_eq!(parent(path).unwrap_or_default(), all.join("/"));
        }
    }
}
