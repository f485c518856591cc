//! The names that a file takes from the files that it imports, so that these declarations count as
//! used there.

use std::collections::BTreeMap;

use lockstep_base::source::{FileId, Name};
use lockstep_lang::resolve::words;
use lockstep_syntax::ast::ItemKind;
use lockstep_syntax::lexer::is_word_part;
use lockstep_syntax::parse;

/// The imported paths of a text, as they are written, each with the names that are taken from that
/// file. `ns.name` counts wherever it stands, also in text that does not parse.
pub fn imported_names(text: &str) -> BTreeMap<Name, Vec<Name>> {
    let mut found: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
    for item in parse(FileId(0), text).file.items {
        let (path, names) = match item.kind {
            ItemKind::Import { path, alias } => (path, members(text, &alias.name)),
            ItemKind::From { path, names } => {
                let names = names.into_iter().map(|name| name.name.name);
                (path, names.collect())
            }
            _ => continue,
        };
        if let Some(path) = path.plain() {
            found.entry(path).or_default().extend(names);
        }
    }
    found
}

/// The names that follow `namespace.`.
fn members(text: &str, namespace: &str) -> Vec<Name> {
    if namespace.is_empty() {
        return Vec::new();
    }
    let places = text.match_indices(namespace);
    let whole = places.filter(|(at, _)| !text[..*at].ends_with(is_word_part));
    let behind = whole.filter_map(|(at, _)| {
        let rest = text.get(at + namespace.len()..)?.trim_start();
        words(rest.strip_prefix('.')?.trim_start()).next()
    });
    behind.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_members_are_found() {
        let text = "import \"./a.deploy\" as t\nfrom \"../b.deploy\" import x as y, z\n\
                    let v = \"${t.one}\"\npipeline p { t . two(t.one) broken t.three at.no";
        let found = imported_names(text);
        let names = |path: &str| found[path].iter().map(|name| &**name).collect::<Vec<_>>();
        assert_eq!(names("./a.deploy"), ["one", "two", "one", "three"]);
        assert_eq!(names("../b.deploy"), ["x", "z"]);
    }
}
