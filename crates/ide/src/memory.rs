//! A cache of parse trees for incremental reparsing: an unchanged file is not parsed again, and of
//! a changed file only the parts around the change.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use lockstep_base::source::FileId;
use lockstep_lang::resolve::Parsed;
use lockstep_syntax::{self as syntax, Known};

/// Trees by file, each with the text that it was parsed from.
#[derive(Debug, Default)]
pub struct Memory {
    files: RefCell<HashMap<FileId, Kept>>,
}

/// A tree and its text.
#[derive(Debug)]
struct Kept {
    text: String,
    parsed: Parsed,
    known: Known,
}

impl Memory {
    /// The AST of a text.
    pub fn read(&self, file: FileId, text: &str) -> Parsed {
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
        let (parse, known) = syntax::parse_again(file, text, before);
        let parsed = Parsed::from(parse);
        let kept = Kept {
            text: text.to_owned(),
            parsed: parsed.clone(),
            known,
        };
        self.files.borrow_mut().insert(file, kept);
        parsed
    }
}
