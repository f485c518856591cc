//! A cache of parse trees for incremental reparsing: an unchanged file is not parsed again, and of
//! a changed file only the parts around the change.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use lockstep_base::source::FileId;
use lockstep_lang::resolve::ParsedFile;
use lockstep_syntax::{self as syntax, PreviousParse};

/// Trees by file, each with the text that it was parsed from.
#[derive(Debug, Default)]
pub struct TreeCache {
    files: RefCell<HashMap<FileId, CachedTree>>,
}

/// A tree and its text.
#[derive(Debug)]
struct CachedTree {
    text: String,
    parsed: ParsedFile,
    known: PreviousParse,
}

impl TreeCache {
    /// The AST of a text.
    pub fn read(&self, file: FileId, text: &str) -> ParsedFile {
        let before = self.files.borrow_mut().remove(&file);
        let before = match before {
            Some(kept) if kept.text == text => {
                let parsed = kept.parsed.clone();
                self.files.borrow_mut().insert(file, kept);
                return parsed;
            }
            // A tree that nobody else holds can be changed in place.
            Some(kept) => Arc::try_unwrap(kept.parsed.ast)
                .ok()
                .map(|tree| (kept.known, tree)),
            None => None,
        };
        let (parse, known) = syntax::reparse(file, text, before);
        let parsed = ParsedFile::from(parse);
        let kept = CachedTree {
            text: text.to_owned(),
            parsed: parsed.clone(),
            known,
        };
        self.files.borrow_mut().insert(file, kept);
        parsed
    }
}
