//! `--engine URL`: runs that an engine elsewhere drives. A program that can connect to it uses
//! [`main_with`](crate::main_with); any other one hands its arguments on to that program. The state
//! directory of an engine is a copy of what the engine knows: all commands read it as they read
//! any other.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
#[cfg(feature = "serve")]
use std::time::Duration;

use super::exit::Exit;
use super::output::Output;
use super::shell_word::shell_word;
#[cfg(feature = "serve")]
use super::state;
use lockstep_base::diagnostic::render::clean_line;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_runtime::driver::RemoteEngine;
use lockstep_store::{RunStatus, Store, StoreError, StoredRun};

/// The variable that names an engine.
const ENGINE_VARIABLE: &str = "LOCKSTEP_ENGINE";

/// The engines that there are workers for: that program reads which one it is.
const ANY_ENGINE: &str = "temporal://";

/// The target of log events of engines.
#[cfg(feature = "serve")]
const TARGET: &str = "lockstep::engine";

/// The time between two looks of a server at which runs there are.
#[cfg(feature = "serve")]
const COPY_INTERVAL: Duration = Duration::from_secs(1);

/// The folder of the copies, in a state directory.
const COPIES: &str = "engines";

/// A connection to an engine.
pub trait ConnectedEngine: RemoteEngine {
    /// Brings a state directory up to what the engine knows, and answers for its runs what is asked
    /// of them there, as long as this process lives. `run` is the beginning of the id of the only
    /// run that matters. Returns what could not be brought up to date: a sentence for each run.
    ///
    /// # Errors
    ///
    /// If the engine cannot be asked, or the state directory cannot be written: a sentence for
    /// people, without a full stop.
    fn copy_to(&self, store: &Store, run: Option<&str>) -> Result<Vec<String>, String>;

    /// Follows a run no longer, so that it can be followed from elsewhere.
    fn let_go(&self, run: &str);
}

/// Connects to engines.
pub trait EngineConnector: Send + Sync {
    /// Connects to the engine with this address.
    ///
    /// # Errors
    ///
    /// What is wrong with the address, or why the engine does not answer; and what to do.
    fn connect(&self, url: &str) -> Result<Arc<dyn ConnectedEngine>, EngineRefusal>;
}

/// Why an engine cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineRefusal {
    /// What is wrong: a sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: String,
}

static CONNECTOR: OnceLock<&'static dyn EngineConnector> = OnceLock::new();
static ENGINE: OnceLock<(String, Arc<dyn ConnectedEngine>)> = OnceLock::new();

/// Sets what connects to engines; the first one counts.
pub(super) fn set_connector(connector: &'static dyn EngineConnector) {
    let _ = CONNECTOR.set(connector);
}

/// The engine of this process, where its command goes to one.
pub(super) fn connected() -> Option<Arc<dyn ConnectedEngine>> {
    ENGINE.get().map(|(_, engine)| engine.clone())
}

/// Notes that a state directory, which is about to be written, is a copy of what an engine knows;
/// or sees to it that it is none.
pub(super) fn mark(store: &Store) -> Result<(), StoreError> {
    match connected() {
        Some(_) => store.mark_as_copy(),
        None => store.refuse_copy(),
    }
}

/// The engine that the environment names, if it does.
pub(super) fn of_variable() -> Option<String> {
    let named = std::env::var(ENGINE_VARIABLE).ok();
    named.filter(|url| !url.trim().is_empty())
}

/// The words ` --engine URL`, where a command has to say them to find the runs again; nothing where
/// runs are driven here.
pub(super) fn words() -> Option<String> {
    let (url, _) = ENGINE.get()?;
    Some(match of_variable().as_ref() == Some(url) {
        true => String::new(),
        false => format!(" --engine {}", shell_word(url)),
    })
}

/// The address of the engine of this process.
#[cfg(feature = "serve")]
pub(super) fn url() -> Option<String> {
    ENGINE.get().map(|(url, _)| url.clone())
}

/// The copy of an engine in a state directory.
pub(super) fn copy_in(state: &Path) -> Option<PathBuf> {
    let (url, _) = ENGINE.get()?;
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-');
    let (_, place) = url.split_once("://").unwrap_or(("", url));
    let name: String = (place.chars())
        .map(|char| if is_plain(char) { char } else { '_' })
        .collect();
    Some(state.join(COPIES).join(name))
}

/// Connects to an engine. Where this program cannot, another one takes its place.
pub(super) fn connect(url: &str, output: &mut Output) -> Result<(), Exit> {
    if ENGINE.get().is_some() {
        return Ok(());
    }
    let Some(connector) = CONNECTOR.get() else {
        return Err(output.refuse(&pass_on(url)));
    };
    match connector.connect(url) {
        Ok(engine) => {
            let _ = ENGINE.set((url.to_owned(), engine));
            Ok(())
        }
        Err(EngineRefusal { message, help }) => {
            let mistake = Diagnostic::without_place(codes::ENGINE, message);
            Err(output.refuse(&mistake.help(help)))
        }
    }
}

/// The word for a worker of an engine, which is a command of the program that connects to it.
const WORKER: &str = "worker";

/// Lets the program that has workers take the place of this one, where the arguments ask for one.
pub(super) fn pass_on_worker(arguments: &[OsString]) -> Result<(), Diagnostic> {
    match arguments.get(1) {
        Some(word) if word == WORKER => Err(pass_on(ANY_ENGINE)),
        _ => Ok(()),
    }
}

/// Lets the program that connects to such an engine take the place of this one. It returns only
/// where that is not possible.
fn pass_on(url: &str) -> Diagnostic {
    let mistake = |message: String| Diagnostic::without_place(codes::ENGINE, message);
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    let Some(scheme) = scheme.filter(|it| *it == "temporal") else {
        let help = "write it as `temporal://HOST:PORT/NAMESPACE`";
        return mistake(format!("`{url}` is not the address of an engine")).help(help);
    };
    let name = format!("lockstep-{scheme}");
    let beside = std::env::current_exe().ok();
    let beside = beside.and_then(|program| Some(program.parent()?.join(&name)));
    let program = beside
        .filter(|it| it.is_file())
        .unwrap_or_else(|| (&*name).into());
    let failed = Command::new(&program)
        .args(std::env::args_os().skip(1))
        .exec();
    let message = match failed.kind() {
        std::io::ErrorKind::NotFound => {
            format!("the program `{name}`, which works with `{scheme}://`, was not found")
        }
        _ => format!("`{}` cannot be started: {failed}", program.display()),
    };
    mistake(message).help(format!(
        "install it beside `lockstep`, or where `PATH` finds it: `cargo install {name}`"
    ))
}

/// Brings the state directory of an engine up to date; nothing to do for any other.
pub(super) fn update(store: &Store, run: Option<&str>, output: &mut Output) -> Result<(), Exit> {
    let Some(engine) = connected() else {
        return Ok(());
    };
    let silent = engine.copy_to(store, run).map_err(|why| {
        let message = format!("the runs of the engine cannot be read: {why}");
        output.refuse(&Diagnostic::without_place(codes::ENGINE, message))
    })?;
    for why in silent {
        output.complain(&format!("{}\n", clean_line(&why)));
    }
    Ok(())
}

/// Looks whether the folder is there in which the commands of a run start; that of a run that is
/// driven elsewhere is there, and not here.
///
/// # Errors
///
/// Where it was moved or removed.
pub(super) fn folder_is_there(run: &StoredRun) -> Result<(), StoreError> {
    match connected() {
        Some(_) => Ok(()),
        None => lockstep_api::state::folder_is_there(run),
    }
}

/// Whether a run can be gone on with: nobody drives it, or an engine does.
pub(super) fn can_be_resumed(run: &StoredRun) -> bool {
    match connected() {
        Some(_) => !matches!(run.status, RunStatus::Ended(_)),
        None => run.status == RunStatus::Stopped,
    }
}

/// Takes a run over for this process. One that an engine drives is only followed.
///
/// # Errors
///
/// As [`lockstep_api::state::claim`].
pub(super) fn claim(store: &Store, run: &StoredRun) -> Result<StoredRun, StoreError> {
    match connected() {
        Some(engine) => {
            engine.let_go(&run.id);
            store.claim(run.number)
        }
        None => lockstep_api::state::claim(store, run),
    }
}

/// Brings the state directory of an engine up to date as long as this process lives.
#[cfg(feature = "serve")]
pub(super) fn keep_copied(state: &Path, output: &mut Output) -> Result<(), Exit> {
    let Some(engine) = connected() else {
        return Ok(());
    };
    let store = Store::open(state).map_err(|error| state::refuse(&error, output))?;
    update(&store, None, output)?;
    let copy = move || {
        loop {
            std::thread::sleep(COPY_INTERVAL);
            // What fails now is tried again.
            match engine.copy_to(&store, None) {
                Ok(silent) => silent
                    .iter()
                    .for_each(|why| tracing::warn!(target: TARGET, why)),
                Err(why) => tracing::warn!(target: TARGET, why, "runs are not copied"),
            }
        }
    };
    let thread = std::thread::Builder::new().name(String::from("copies"));
    thread.spawn(copy).map(drop).map_err(|error| {
        let message = format!("the runs of the engine cannot be copied: {error}");
        output.refuse(&Diagnostic::without_place(codes::ENGINE, message))
    })
}
