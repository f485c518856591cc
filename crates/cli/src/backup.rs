//! `lockstep backup`: copies a state directory while runs go on.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::output::Output;
use super::shell_word::shell_word;
use super::state::{self, StateArgument};
use lockstep_base::diagnostic::{Diagnostic, codes};

#[derive(Debug, Args)]
#[command(mut_arg("server", |it| it.hide(true)))]
#[command(mut_arg("token_file", |it| it.hide(true)))]
#[command(mut_arg("engine", |it| it.hide(true)))]
pub(super) struct Backup {
    /// The folder to make; it must not exist yet.
    #[arg(value_name = "DIR")]
    to: PathBuf,

    #[command(flatten)]
    state: StateArgument,
}

pub(super) fn run(arguments: &Backup, output: &mut Output) -> Exit {
    let instead = "copy the state directory on the machine of the server, with `--state`";
    let refused = (arguments.state).refuse_server("backup", instead, true, output);
    if let Err(exit) = refused.and_then(|()| arguments.state.refuse_engine("backup", output)) {
        return exit;
    }
    let store = match arguments.state.open(output) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let to = &arguments.to;
    if to.exists() {
        let message = format!("`{}` exists already", to.display());
        return output.refuse(&Diagnostic::without_place(codes::ALREADY_THERE, message));
    }
    if let Err(error) = store.back_up(to) {
        return state::refuse(&error, output);
    }
    if let Err(exit) = server(&store, to, output) {
        // A copy without its users would let the first who comes be the administrator.
        let _ = std::fs::remove_dir_all(to);
        return exit;
    }
    let runs = store.runs("").map_or(0, |runs| runs.len());
    let count = match runs {
        1 => String::from("1 run"),
        count => format!("{count} runs"),
    };
    let folder = to.display().to_string();
    let folder = shell_word(&folder);
    output.print(&format!(
        "copied {count} to {folder}; to use it: `--state {folder}`\n"
    ));
    Exit::Succeeded
}

#[cfg(feature = "serve")]
fn server(
    store: &lockstep_store::Store,
    to: &std::path::Path,
    output: &mut Output,
) -> Result<(), Exit> {
    let copied = lockstep_serve::back_up(store.folder(), to);
    copied.map(|_| ()).map_err(|error| {
        let mistake = Diagnostic::without_place(codes::STATE_UNUSABLE, error.to_string());
        output.refuse(&mistake)
    })
}

#[cfg(not(feature = "serve"))]
fn server(
    _store: &lockstep_store::Store,
    _to: &std::path::Path,
    _output: &mut Output,
) -> Result<(), Exit> {
    Ok(())
}
