//! `lockstep lsp`: serves an editor on standard input and output.
//! It does not know the protocol.

use std::io::{BufReader, BufWriter};
use std::path::PathBuf;

use super::exit::Exit;
use super::files::{Disk, Variables};
use crate::lsp::{Outside, serve};

pub(super) fn run() -> Exit {
    let outside = Outside {
        files: Box::new(Disk),
        environment: Box::new(Variables),
        cache: cache(),
    };
    let input = BufReader::new(std::io::stdin());
    match serve(input, BufWriter::new(std::io::stdout()), outside) {
        true => Exit::Succeeded,
        false => Exit::Failed,
    }
}

/// The folder where this user keeps what can be made again.
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let own = folder("XDG_CACHE_HOME").or_else(|| folder("LOCALAPPDATA"));
    let own = own.or_else(|| {
        let home = folder("HOME")?;
        Some(match cfg!(target_os = "macos") {
            true => home.join("Library/Caches"),
            false => home.join(".cache"),
        })
    });
    own.filter(|folder| folder.is_absolute())
}
