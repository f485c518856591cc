//! `lockstep lsp`: serves an editor on standard input and output.

use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::exit::Exit;
use super::files::{CallerEnvironment, CallerFiles};
use super::importers::Importers;
use super::settings;
use lockstep_base::source::Name;
use lockstep_lint::Config;
use lockstep_lsp::{CommandOutput, FileAction, FileCommand, ServerEnvironment, serve};

pub(super) fn run() -> Exit {
    let outside = ServerEnvironment {
        files: Box::new(CallerFiles),
        environment: Box::new(CallerEnvironment),
        cache: cache(),
        execute: Box::new(execute),
        levels: Box::new({
            let recent = Mutex::default();
            move |path| lint_levels(path).used_elsewhere(used(path, &recent))
        }),
        settings: settings::language(),
    };
    let input = BufReader::new(std::io::stdin());
    match serve(input, BufWriter::new(std::io::stdout()), outside) {
        true => Exit::Succeeded,
        false => Exit::Failed,
    }
}

/// Plans, checks or tests a file by this program in a process of its own, which sees the file as it
/// is on disk and can neither stop nor change the server.
fn execute(command: &FileCommand) -> CommandOutput {
    match started(command) {
        Ok(output) => CommandOutput {
            good: output.status.success(),
            text: [output.stdout, output.stderr]
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .concat(),
        },
        Err(why) => CommandOutput {
            good: false,
            text: format!("lockstep cannot be started: {why}"),
        },
    }
}

fn started(command: &FileCommand) -> std::io::Result<std::process::Output> {
    let mut process = Command::new(std::env::current_exe()?);
    if let Some(folder) = command.file.parent() {
        process.current_dir(folder);
    }
    let file = command.file.file_name().unwrap_or_default();
    process.arg(match command.action {
        FileAction::Plan => "plan",
        FileAction::Check => "check",
        FileAction::Test => "test",
    });
    if let (FileAction::Test, Some(name)) = (command.action, &command.name) {
        process.args(["--filter", name]);
    }
    process.arg("--").arg(file);
    if let (FileAction::Plan, Some(name)) = (command.action, &command.name) {
        process.arg(name);
    }
    process.env("NO_COLOR", "1").stdin(Stdio::null()).output()
}

/// The levels that `lockstep.toml` sets for a file; the default levels if it cannot be read.
fn lint_levels(path: &Path) -> Config {
    let found = settings::find(&path.to_string_lossy());
    let read = found.and_then(|path| settings::read(&path).ok());
    read.unwrap_or_default().lint
}

/// The names that other files import from this one, from a recent scan of the disk.
fn used(path: &Path, recent: &Mutex<Option<RecentFiles>>) -> Vec<Name> {
    let Ok(mut recent) = recent.lock() else {
        return Vec::new();
    };
    let cached = recent.take();
    let cached =
        cached.filter(|cached| cached.path == path && cached.at.elapsed() < DISK_CACHE_LIFETIME);
    let cached = recent.insert(cached.unwrap_or_else(|| RecentFiles {
        path: path.to_path_buf(),
        at: Instant::now(),
        borrowers: Importers::of([path]),
    }));
    cached.borrowers.from(path).collect()
}

/// The result of the last scan of the disk.
struct RecentFiles {
    path: PathBuf,
    at: Instant,
    borrowers: Importers,
}

/// How long a scan of the disk is reused.
const DISK_CACHE_LIFETIME: Duration = Duration::from_secs(5);

/// The user's cache folder.
fn cache() -> Option<PathBuf> {
    // An empty or relative one counts as none, as the rules for these variables say.
    let folder = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let own = folder("XDG_CACHE_HOME").or_else(|| folder("LOCALAPPDATA"));
    own.or_else(|| {
        let home = folder("HOME")?;
        Some(match cfg!(target_os = "macos") {
            true => home.join("Library/Caches"),
            false => home.join(".cache"),
        })
    })
}
