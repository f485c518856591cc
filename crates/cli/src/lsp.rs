//! `lockstep lsp`: serves an editor on standard input and output.

use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::borrowers::Borrowers;
use super::exit::Exit;
use super::files::{Disk, Variables};
use super::settings;
use lockstep_base::source::Name;
use lockstep_lint::Config;
use lockstep_lsp::{Outside, serve};

pub(super) fn run() -> Exit {
    let outside = Outside {
        files: Box::new(Disk),
        environment: Box::new(Variables),
        cache: cache(),
        levels: Box::new({
            let recent = Mutex::default();
            move |path| levels(path).used_elsewhere(used(path, &recent))
        }),
    };
    let input = BufReader::new(std::io::stdin());
    match serve(input, BufWriter::new(std::io::stdout()), outside) {
        true => Exit::Succeeded,
        false => Exit::Failed,
    }
}

/// The levels that `lockstep.toml` sets for a file; the default levels if it cannot be read.
fn levels(path: &Path) -> Config {
    let found = settings::find(&path.to_string_lossy());
    let read = found.and_then(|path| settings::read(&path).ok());
    read.unwrap_or_default().lint
}

/// The names that other files import from this one, from a recent scan of the disk.
fn used(path: &Path, recent: &Mutex<Option<Recent>>) -> Vec<Name> {
    let Ok(mut recent) = recent.lock() else {
        return Vec::new();
    };
    let kept = recent.take();
    let kept = kept.filter(|kept| kept.path == path && kept.at.elapsed() < FRESH);
    let kept = recent.insert(kept.unwrap_or_else(|| Recent {
        path: path.to_path_buf(),
        at: Instant::now(),
        borrowers: Borrowers::of([path]),
    }));
    kept.borrowers.from(path).collect()
}

/// The result of the last scan of the disk.
struct Recent {
    path: PathBuf,
    at: Instant,
    borrowers: Borrowers,
}

/// How long a scan of the disk is reused.
const FRESH: Duration = Duration::from_secs(5);

/// The user's cache folder.
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
