//! The trees of the files of one root, kept from one check to the next: a file that has not
//! changed is not read again.
//! It does not know names or types.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::resolve::Parsed;
use crate::source::FileId;
use crate::syntax;

/// Trees by file, each with the text that it was made of.
#[derive(Debug, Default)]
pub struct Memory {
    files: RefCell<HashMap<FileId, (String, Parsed)>>,
}

impl Memory {
    /// The tree of a text.
    pub fn read(&self, file: FileId, text: &str) -> Parsed {
        if let Some((known, parsed)) = self.files.borrow().get(&file)
            && known == text
        {
            return parsed.clone();
        }
        let parsed = Parsed::from(syntax::parse(file, text));
        let kept = (text.to_owned(), parsed.clone());
        self.files.borrow_mut().insert(file, kept);
        parsed
    }
}
