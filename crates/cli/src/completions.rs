//! `lockstep completions` and `lockstep man`: completion scripts of shells, and manual pages.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::{Arguments, Completions, Man};
use super::exit::Exit;
use super::output::Output;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::diagnostic::codes::CANNOT_WRITE;
use lockstep_base::world::FileError;

/// Writes the script of a shell to standard output.
pub(super) fn run(arguments: &Completions, output: &mut Output) -> Exit {
    match arguments.shell {
        Shell::Bash => output.print(include_str!("complete/lockstep.bash")),
        Shell::Zsh => output.print(include_str!("complete/lockstep.zsh")),
        Shell::Fish => output.print(include_str!("complete/lockstep.fish")),
        // Other shells get a script that completes fixed words only.
        shell => {
            let mut script = Vec::new();
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "lockstep", &mut script);
            output.print(&String::from_utf8_lossy(&script));
        }
    }
    Exit::Succeeded
}

/// Writes the manual pages into a folder: one for the program, one for each subcommand.
pub(super) fn man(arguments: &Man, output: &mut Output) -> Exit {
    let folder = Path::new(&arguments.out);
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    match written {
        Ok(()) => Exit::Succeeded,
        Err(why) => {
            let message = format!(
                "cannot write `{}`: {}",
                arguments.out,
                FileError::from(&why)
            );
            output.refuse(&Diagnostic::without_place(CANNOT_WRITE, message))
        }
    }
}
