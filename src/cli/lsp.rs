//! `lockstep lsp`: serves an editor on standard input and output.
//! It does not know the protocol.

use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::files::{Disk, Variables};
use super::settings;
use crate::lint::Config;
use crate::lsp::{Outside, serve};

pub(super) fn run() -> Exit {
    let outside = Outside {
        files: Box::new(Disk),
        environment: Box::new(Variables),
        cache: cache(),
        levels: Box::new(levels),
    };
    let input = BufReader::new(std::io::stdin());
    match serve(input, BufWriter::new(std::io::stdout()), outside) {
        true => Exit::Succeeded,
        false => Exit::Failed,
    }
}

/// The levels that `lockstep.toml` sets for a file; each rule's own where it cannot be read.
fn levels(path: &Path) -> Config {
    let found = settings::find(&path.to_string_lossy());
    let read = found.and_then(|path| settings::read(&path).ok());
    read.unwrap_or_default().lint
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
