//! The programs of runs, each kept once.
//! It does not know what a program does.

use rusqlite::{OptionalExtension, params};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{Store, StoreError};
use crate::ir::{Program, VERSION};

impl Store {
    /// Keeps the text of a program and returns its number; called inside a change.
    pub(super) fn keep_program(&self, text: &str) -> Result<i64, StoreError> {
        let hash = hash(&[text]);
        let found: Option<i64> = self
            .db
            .prepare_cached("SELECT number FROM programs WHERE hash = ?")
            .and_then(|mut it| it.query_row([&hash], |row| row.get(0)).optional())
            .map_err(|error| self.error(&error))?;
        if let Some(number) = found {
            return Ok(number);
        }
        let insert = "INSERT INTO programs (hash, version, text) VALUES (?, ?, ?)";
        self.db
            .execute(insert, params![hash, VERSION, text])
            .map_err(|error| self.error(&error))?;
        Ok(self.db.last_insert_rowid())
    }

    /// A program.
    ///
    /// # Errors
    ///
    /// Where it was written by another version of the program, or cannot be read.
    pub(super) fn program(&self, number: i64) -> Result<Program, StoreError> {
        let (version, text): (u32, String) = self
            .db
            .query_row(
                "SELECT version, text FROM programs WHERE number = ?",
                [number],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .map_err(|error| self.error(&error))?;
        if version != VERSION {
            return Err(StoreError::refused(format!(
                "it was planned by another version of this program \
                 (its plan has the form {version}, this one reads {VERSION})"
            )));
        }
        self.json(&text)
    }

    /// Reads what was stored as JSON. However deep it is nested, it has been written by this
    /// program, whose own nesting has a limit.
    pub(super) fn json<T: DeserializeOwned>(&self, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|_| StoreError::damaged(&self.folder))
    }
}

/// A hash of several texts, in hexadecimal digits.
pub(super) fn hash(texts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(text.len().to_le_bytes());
        hasher.update(text);
    }
    let digits = |byte: u8| format!("{byte:02x}");
    hasher.finalize().into_iter().map(digits).collect()
}
