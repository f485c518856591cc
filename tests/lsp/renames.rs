//! Renames everything in the examples and in files of the corpus, each name alone: what was right
//! before is right afterwards, tests with their patterns included.

use std::collections::BTreeMap;

use lockstep_base::source::FileId;
use lockstep_base::world::{FileError, Files};
use lockstep_ide::references::{NamedPlace, references};
use lockstep_ide::rename::{RenameEdit, RenameError, renamable, rename};
use lockstep_ide::{CheckedFile, TreeCache};
use lockstep_lang::compile::EditorRequest;
use lockstep_syntax::lexer::{TokenKind, tokens};

use super::corpus::parts;
use crate::support::compiler;

const MAIN: &str = "main.deploy";

struct Memory<'a>(&'a BTreeMap<String, String>);

impl Files for Memory<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let text = self.0.get(path.strip_prefix("./").unwrap_or(path));
        text.cloned().ok_or(FileError::NotFound)
    }
}

fn checked(files: &BTreeMap<String, String>) -> CheckedFile {
    let memory = TreeCache::default();
    let reader = |file: FileId, text: &str| memory.read(file, text);
    CheckedFile::new(&Memory(files), MAIN, &reader, EditorRequest::default())
}

/// Everything that is named somewhere, by the first place of each.
fn all_named(checked: &CheckedFile) -> Vec<Result<NamedPlace, RenameError>> {
    let mut found: Vec<Result<NamedPlace, RenameError>> = Vec::new();
    for (file, source) in checked.modules().sources.iter() {
        for token in tokens(&source.text) {
            if !matches!(token.kind, TokenKind::Word | TokenKind::Text) {
                continue;
            }
            let offset = u32::try_from(token.start + 1).expect("a small file");
            let named = renamable(checked, file, offset);
            let things = found.iter().flatten();
            let known = |named: &NamedPlace| {
                let mut things = things.clone();
                things.any(|it| it.thing == named.thing && it.text == named.text)
            };
            match &named {
                Err(RenameError::Nothing) => {}
                Ok(named) if known(named) => {}
                _ => found.push(named),
            }
        }
    }
    found
}

fn changed(
    checked: &CheckedFile,
    files: &BTreeMap<String, String>,
    mut edits: Vec<RenameEdit>,
) -> BTreeMap<String, String> {
    let mut files = files.clone();
    edits.sort_by_key(|(at, _)| std::cmp::Reverse((at.file, at.start)));
    for (at, new) in edits {
        let name = &checked.source(at.file).expect("a file").name;
        let text = files.get_mut(&**name).expect("a file that can be changed");
        text.replace_range(at.range(), &new);
    }
    files
}

/// The mistakes of a program, without the names in them.
fn mistakes(files: &BTreeMap<String, String>) -> Vec<String> {
    let found = compiler::compile(files, MAIN).diagnostics;
    found.iter().map(|it| it.code.to_string()).collect()
}

#[test]
fn what_was_right_is_right_with_another_name() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let mut renamed = 0;
    for path in [
        "examples/shop/shop.deploy",
        "examples/orders/orders.deploy",
        "examples/barriers/barriers.deploy",
        "tests/corpus/lsp/patterns.deploy",
        "tests/corpus/lsp/rename-barrier.deploy",
        "tests/corpus/lsp/rename-parameter.deploy",
        "tests/corpus/lsp/rename-alias.deploy",
    ] {
        let text = std::fs::read_to_string(format!("{root}{path}")).expect("a file");
        let text = text.replace('▮', "");
        let files: BTreeMap<String, String> = parts(&text).into_iter().collect();
        let before = mistakes(&files);
        let original = checked(&files);
        for named in all_named(&original).into_iter().flatten() {
            let edits = match rename(&original, &named, "zz9") {
                Ok(edits) => edits,
                Err(RenameError::Pattern { .. }) => continue,
                Err(why) => panic!("{path}: {named:?}: {why}"),
            };
            let count = edits.len();
            let files = changed(&original, &files, edits);
            assert_eq!(mistakes(&files), before, "{path}: {named:?}\n{files:?}");
            // The way back leads to where it began.
            let after = checked(&files);
            let there = all_named(&after).into_iter().flatten();
            let mut there = there.filter(|it| &*it.text == "zz9");
            let back = there
                .next()
                .unwrap_or_else(|| panic!("{path}: {named:?} is lost"));
            assert!(
                references(&after, &back.thing).len() >= count,
                "{path}: {named:?}"
            );
            renamed += 1;
        }
    }
    assert!(renamed > 120, "{renamed}");
}
