//! The state directory that a command works on, and the choice of a run in it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::engine;
use super::exit::Exit;
use super::output::Output;
use super::remote::{self, RemoteServer};
use super::settings;
use super::shell_word::shell_word;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_store::{Store, StoreError, StoredRun};

/// The default name of the state directory.
pub(super) const DEFAULT_STATE_DIR: &str = ".lockstep";

/// The format of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ListFormat {
    /// For humans.
    Text,
    /// For tools; the format is stable.
    Json,
}

/// Prints something as JSON.
pub(super) fn print_json(what: &impl serde::Serialize, output: &mut Output) {
    // Texts and numbers can always be serialized.
    let text = serde_json::to_string_pretty(what).unwrap_or_default();
    output.print(&format!("{text}\n"));
}

/// What standard output can show.
pub(super) fn look(output: &Output) -> lockstep_view::Style {
    let style = output.stdout_style();
    lockstep_view::Style {
        color: style.color,
        unicode: style.unicode,
    }
}

/// Where runs are kept.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct StateArgument {
    /// The state directory; by default what `lockstep.toml` names, else `.lockstep` beside the
    /// file, or in this folder.
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,

    /// Work with the runs of this `lockstep serve`, in place of a state directory; LOCKSTEP_SERVER
    /// says the same.
    #[arg(long, value_name = "URL", conflicts_with = "state")]
    server: Option<String>,

    /// Work with the runs that this engine drives, in place of this program; LOCKSTEP_ENGINE says
    /// the same. `temporal://HOST:PORT/NAMESPACE`
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    engine: Option<String>,

    /// The file that holds the token for the server; without it the token is in LOCKSTEP_TOKEN.
    #[arg(long, value_name = "FILE", conflicts_with = "state")]
    token_file: Option<PathBuf>,
}

impl StateArgument {
    /// The server to work with, if it is one, and not a state directory.
    pub(super) fn server(&self, output: &mut Output) -> Result<Option<RemoteServer>, Exit> {
        if self.connect(output)? {
            return Ok(None);
        }
        let of_variable = || match self.state {
            Some(_) => None,
            None => remote::server_of_variable(),
        };
        match self.server.clone().or_else(of_variable) {
            Some(url) => remote::open(&url, self.token_file.as_deref(), output).map(Some),
            None if self.token_file.is_some() => {
                let message = "`--token-file` is for a server, and none is named";
                let mistake = Diagnostic::without_place(codes::REMOTE, message);
                let help = "name it with `--server` or in `LOCKSTEP_SERVER`";
                Err(output.refuse(&mistake.help(help)))
            }
            None => Ok(None),
        }
    }

    /// Refuses an engine for what an engine does not do.
    pub(super) fn refuse_engine(&self, command: &str, output: &mut Output) -> Result<(), Exit> {
        match self.engine {
            None => Ok(()),
            Some(_) => {
                let message = format!("`lockstep {command}` does not work with `--engine`");
                Err(output.refuse(&Diagnostic::without_place(codes::ENGINE, message)))
            }
        }
    }

    /// Connects to the engine whose runs are meant, if that is said. Returns whether it is.
    pub(super) fn connect(&self, output: &mut Output) -> Result<bool, Exit> {
        // What is written goes before the variable.
        let of_variable = || match self.server {
            Some(_) => None,
            None => engine::of_variable(),
        };
        match self.engine.clone().or_else(of_variable) {
            Some(url) => engine::connect(&url, output).map(|()| true),
            None => Ok(false),
        }
    }

    /// Refuses a server for what a server does not do; `instead` says what to do. A variable that
    /// is set for other commands is no mistake of one that has nothing to do with runs.
    pub(super) fn refuse_server(
        &self,
        command: &str,
        instead: &str,
        counts_variable: bool,
        output: &mut Output,
    ) -> Result<(), Exit> {
        let by_variable = self.state.is_none() && remote::server_of_variable().is_some();
        let how = match (&self.server, &self.token_file) {
            (Some(_), _) => "`--server`",
            (None, Some(_)) => "`--token-file`",
            (None, None) if counts_variable && by_variable => "`LOCKSTEP_SERVER`",
            (None, None) => return Ok(()),
        };
        let message = format!("`lockstep {command}` does not work with a server ({how})");
        let mistake = Diagnostic::without_place(codes::REMOTE, message);
        Err(output.refuse(&mistake.help(instead)))
    }

    /// The state directory of a run of this file.
    pub(super) fn default_for(&self, file: &str) -> PathBuf {
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        self.or_default_in(folder)
    }

    fn or_default_in(&self, folder: &Path) -> PathBuf {
        match &self.state {
            Some(state) => state.clone(),
            None => {
                let state = default_in(folder);
                engine::copy_in(&state).unwrap_or(state)
            }
        }
    }

    /// The state directory, where no file is named.
    pub(super) fn folder(&self) -> PathBuf {
        self.or_default_in(Path::new(""))
    }

    /// The words `--state DIR`, if they are needed to find it again.
    pub(super) fn arguments(&self) -> String {
        words(&self.folder())
    }

    /// Opens it; a missing directory is an error.
    pub(super) fn open(&self, output: &mut Output) -> Result<Store, Exit> {
        self.open_for(None, output)
    }

    fn open_for(&self, run: Option<&str>, output: &mut Output) -> Result<Store, Exit> {
        let folder = self.folder();
        match self.open_existing(run, output)? {
            Some(store) => Ok(store),
            None => {
                let message = format!("there is no state directory `{}`", folder.display());
                let help = match self.state {
                    Some(_) => "nothing has been run with it",
                    None => "go to the folder of the file that was run, or name it with `--state`",
                };
                Err(complain(&message, Some(help), output))
            }
        }
    }

    /// Opens it, if it is there. That of an engine is brought up to date; `run` is the beginning of
    /// the id of the only run that matters.
    pub(super) fn open_existing(
        &self,
        run: Option<&str>,
        output: &mut Output,
    ) -> Result<Option<Store>, Exit> {
        open_existing(&self.folder(), run, output)
    }

    /// Opens it, and finds the one run whose id begins with `named`; without that, the last run
    /// that fits. `kind` names the runs in question for the error message.
    pub(super) fn open_run(
        &self,
        named: Option<&str>,
        fits: impl Fn(&Store, &StoredRun) -> bool,
        kind: &str,
        output: &mut Output,
    ) -> Result<(Store, StoredRun), Exit> {
        let store = self.open_for(named, output)?;
        let run = choose(&store, named, |run| fits(&store, run), kind, output)?;
        Ok((store, run))
    }
}

/// Opens a state directory, if it is there. That of an engine is brought up to date; `run` is the
/// beginning of the id of the only run that matters.
pub(super) fn open_existing(
    folder: &Path,
    run: Option<&str>,
    output: &mut Output,
) -> Result<Option<Store>, Exit> {
    let opened = match engine::connected() {
        Some(_) => Store::open(folder).and_then(|store| {
            engine::mark(&store)?;
            Ok(Some(store))
        }),
        None => Store::open_existing(folder),
    };
    let store = opened.map_err(|error| refuse(&error, output))?;
    if let Some(store) = &store {
        engine::update(store, run, output)?;
    }
    Ok(store)
}

/// The run and the path that are given: a single word that can only be a path is one.
pub(super) fn run_and_path<'a>(
    run: &'a Option<String>,
    path: &'a Option<String>,
) -> (Option<&'a str>, Option<&'a str>) {
    match (run.as_deref(), path.as_deref()) {
        (Some(path), None) if path.contains(['/', '*', '[']) => (None, Some(path)),
        given => given,
    }
}

fn choose(
    store: &Store,
    named: Option<&str>,
    fits: impl Fn(&StoredRun) -> bool,
    kind: &str,
    output: &mut Output,
) -> Result<StoredRun, Exit> {
    let prefix = named.unwrap_or_default();
    let mut found = match store.runs(prefix) {
        Ok(found) => found,
        Err(error) => return Err(refuse(&error, output)),
    };
    if named.is_none() {
        return match found.into_iter().find(fits) {
            Some(run) => Ok(run),
            None => Err(complain(&format!("there is no {kind}"), None, output)),
        };
    }
    if let Some(exact) = found.iter().position(|run| *run.id == *prefix) {
        return Ok(found.swap_remove(exact));
    }
    match found.len() {
        1 => Ok(found.swap_remove(0)),
        0 => {
            let help = match store.runs("") {
                Ok(all) if !all.is_empty() => {
                    let shown: Vec<String> = all.iter().take(5).map(line).collect();
                    Some(format!("the last runs are {}", shown.join(", ")))
                }
                _ => None,
            };
            let message = format!("there is no run `{prefix}`");
            Err(complain(&message, help.as_deref(), output))
        }
        _ => {
            let shown: Vec<String> = found.iter().take(5).map(line).collect();
            let help = format!("it may be {}", shown.join(", "));
            let message = format!("several runs begin with `{prefix}`");
            Err(complain(&message, Some(&help), output))
        }
    }
}

fn line(run: &StoredRun) -> String {
    format!("{} ({} {})", run.id, run.pipeline, run.status.as_str())
}

/// The state directory of a folder: what its settings name, else `.lockstep` in it.
fn default_in(folder: &Path) -> PathBuf {
    let named = settings::of_folder(folder);
    match named.and_then(|(above, settings)| Some(above.join(settings.state?))) {
        Some(state) => state,
        None => folder.join(DEFAULT_STATE_DIR),
    }
}

/// The words `--state DIR`, or `--engine URL`, if they are needed to find this directory again.
pub(super) fn words(folder: &Path) -> String {
    if let Some(words) = engine::words() {
        return words;
    }
    let here = std::env::current_dir().and_then(std::fs::canonicalize);
    let folder = match &here {
        Ok(here) => folder.strip_prefix(here).unwrap_or(folder),
        Err(_) => folder,
    };
    let default = default_in(Path::new(""));
    let is_default = match std::fs::canonicalize(&default) {
        Ok(default) => std::fs::canonicalize(folder).is_ok_and(|folder| folder == default),
        Err(_) => folder == default,
    };
    if is_default {
        return String::new();
    }
    format!(" --state {}", shell_word(&folder.display().to_string()))
}

/// Reports that a state directory cannot be used: nothing ran.
pub(super) fn refuse(error: &StoreError, output: &mut Output) -> Exit {
    let mut message = error.message.chars();
    let first = message.next().map(|char| char.to_lowercase().to_string());
    let message = first.unwrap_or_default() + message.as_str();
    output.refuse(&Diagnostic::without_place(codes::STATE_UNUSABLE, message))
}

pub(super) fn complain(message: &str, help: Option<&str>, output: &mut Output) -> Exit {
    let mistake = Diagnostic::without_place(codes::NO_RUN, message);
    output.refuse(&mistake.help_opt(help.map(String::from)))
}
