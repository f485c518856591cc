//! The programs of runs, each stored once by its hash.

use rusqlite::{OptionalExtension, params};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{Store, StoreError};
use lockstep_lang::ir::{Program, VERSION};

impl Store {
    /// Stores the text of a program unless it is stored already, and returns its number; must be
    /// called inside a transaction.
    pub(super) fn insert_program(&self, text: &str) -> Result<i64, StoreError> {
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
    /// If it was written by another version of this software, or cannot be read.
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
                 (its plan has format {version}, this one reads {VERSION})"
            )));
        }
        // Expressions are nested deeper than other data.
        let read = std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().stack_size(PARSER_STACK_BYTES);
            let reader = reader.spawn_scoped(scope, || deep_json(&text));
            reader.ok()?.join().ok()?
        });
        read.ok_or_else(|| StoreError::damaged(&self.folder))
    }

    /// Parses stored JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|_| StoreError::damaged(&self.folder))
    }
}

/// The stack size for parsing a program, in bytes. Only used pages take memory.
const PARSER_STACK_BYTES: usize = 512 << 20;

/// A greater JSON depth than any program can have.
const MAX_JSON_DEPTH: usize = 20_000;

/// Parses JSON that is nested deeper than usual.
fn deep_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        // Brackets in strings count, too: they are few.
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_JSON_DEPTH {
            return None;
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let read = T::deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(read)
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
