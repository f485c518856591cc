//! The directions between the rooms: a module uses only what its row names.
//! It does not know what a module is for; ARCHITECTURE.md says that.

use super::code::{paths, shipped};
use super::{files, none};

/// A room and what it may use. A path such as `engine::notice` opens that part alone; `*` opens
/// everything.
const ROOMS: &[(&str, &str)] = &[
    ("source", ""),
    ("world", "source"),
    ("diagnostic", "source"),
    ("value", "source diagnostic::suggest"),
    ("syntax", "source diagnostic"),
    ("format", "source syntax"),
    ("eval", "source diagnostic value syntax::ast"),
    ("resolve", "source diagnostic world value syntax eval"),
    ("types", "source diagnostic value syntax eval resolve"),
    ("ir", "source diagnostic value syntax eval resolve types"),
    ("compile", "source diagnostic world syntax resolve types ir"),
    ("plan", "source diagnostic world value eval ir"),
    (
        "lint",
        "source diagnostic world value syntax eval resolve types ir compile plan",
    ),
    (
        "ide",
        "source diagnostic world value syntax eval resolve types ir compile plan",
    ),
    (
        "lsp",
        "source diagnostic world syntax resolve ir compile plan format lint ide",
    ),
    ("engine", "source diagnostic value eval ir plan"),
    ("report", "source ir plan::outline engine::notice foresee"),
    (
        "runtime",
        "source diagnostic world value eval ir plan engine audit",
    ),
    ("audit", "source value eval ir plan engine"),
    ("simulate", "source value eval ir plan engine"),
    ("foresee", "source ir plan engine simulate"),
    (
        "trial",
        "source diagnostic world value eval ir plan engine simulate audit",
    ),
    ("cli", "*"),
    ("lib", "*"),
    ("main", "*"),
];

/// The room of a file: the first part of its path below `src`.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let first = inside.split('/').next().unwrap_or(inside);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// What is wrong with the directions in one file.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let own = room(path);
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == own) else {
        return vec![format!(
            "{path}: the room `{own}` has no row in tests/tidy/layers.rs"
        )];
    };
    let code = shipped(text);
    let mut found = paths(&code, "crate");
    // `super` as often as the module is deep is the crate again.
    found.extend(paths(&code, &vec!["super"; depth(path)].join("::")));
    found
        .into_iter()
        .filter(|(_, used)| {
            let inside = |room: &str| {
                used == room
                    || used
                        .strip_prefix(room)
                        .is_some_and(|rest| rest.starts_with("::"))
            };
            !inside(own) && *allowed != "*" && !allowed.split(' ').any(inside)
        })
        .map(|(line, used)| format!("{path}:{line}: `{own}` may not use `{used}`"))
        .collect()
}

/// How many modules a file is inside of: 1 for `src/a.rs` and `src/a/mod.rs`.
fn depth(path: &str) -> usize {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let parts = inside.split('/').count();
    if inside.ends_with("/mod.rs") {
        parts - 1
    } else {
        parts
    }
}

#[test]
fn rooms_use_only_what_they_may() {
    let mut all = files(&["src"], "rs");
    all.retain(|file| !file.is_test);
    none(
        all.iter()
            .flat_map(|file| complaints(&file.path, &file.text))
            .collect(),
    );
}

#[test]
fn every_row_is_a_room() {
    let all = files(&["src"], "rs");
    for (name, _) in ROOMS {
        assert!(
            all.iter().any(|file| room(&file.path) == *name),
            "there is no room `{name}`"
        );
    }
}

#[test]
fn a_wrong_direction_is_found() {
    for (path, text) in [
        ("src/source.rs", "use crate::diagnostic::Code;"),
        (
            "src/engine/mod.rs",
            "use crate::{ir::Stmt,\n runtime::Driver};",
        ),
        ("src/report/plain.rs", "fn a(m: &crate::engine::Machine) {}"),
        ("src/eval/expr.rs", "pub use crate::syntax::parse;"),
        ("src/plan/mod.rs", "use super::syntax::ast;"),
        ("src/plan/tree.rs", "use super::super::{syntax::ast, ir};"),
        ("src/attic/mod.rs", ""),
    ] {
        assert_eq!(complaints(path, text).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        (
            "src/report/plain.rs",
            "use crate::engine::notice::{RunEvent, Status};",
        ),
        (
            "src/plan/tree.rs",
            "use super::syntax; use crate::plan::facts; // crate::syntax",
        ),
        (
            "src/plan/mod.rs",
            "#[cfg(test)]\nmod tests { use crate::syntax; }",
        ),
        ("src/cli/check.rs", "use crate::syntax;"),
    ] {
        assert_eq!(complaints(path, text), [""; 0], "{path}: {text}");
    }
}
