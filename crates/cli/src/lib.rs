//! The command line: one file for each subcommand, and their shared parts. Invariant: no other
//! crate prints.

mod approve;
mod arguments;
mod borrowers;
mod cancel;
mod check;
mod complete;
mod completions;
mod exit;
mod explain;
pub mod files;
mod find;
mod fmt;
mod groups;
pub mod inputs;
mod inputs_list;
mod lint;
mod locks;
mod logs;
#[cfg(feature = "lsp")]
mod lsp;
mod new;
mod output;
mod page;
mod plan;
mod prepare;
mod prompt;
mod replace;
mod resume;
mod retry;
mod run;
mod runs;
pub mod settings;
mod show;
mod state;
mod table;
mod terminal;
mod test;
mod trace;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
pub use exit::Exit;
use output::Output;
use terminal::Color;

use lockstep_runtime::guardian;

/// Executes the command that the program's arguments name.
pub fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(exit) = guardian::take_over(&arguments) {
        return exit;
    }
    let mut output = Output::new(Color::scan(&arguments));
    trace::start(&mut output);
    let exit = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => run(arguments.command, &mut output),
        Err(error) => usage(&error, &mut output),
    };
    output.finish(exit).into()
}

fn run(command: Command, output: &mut Output) -> Exit {
    match command {
        Command::Check(check) => check::run(&check, output),
        Command::Lint(lint) => lint::run(&lint, output),
        Command::Plan(plan) => plan::run(&plan, output),
        Command::Run(run) => run::run(&run, output),
        Command::Verify(verify) => verify::run(&verify, output),
        Command::Test(test) => test::run(&test, output),
        Command::Resume(resume) => resume::run(&resume, output),
        Command::Retry(retry) => retry::run(&retry, output),
        Command::Cancel(cancel) => cancel::run(&cancel, output),
        Command::Approve(approve) => approve::run(&approve, output),
        Command::Runs(runs) => runs::run(&runs, output),
        Command::Show(show) => show::run(&show, output),
        Command::Logs(logs) => logs::run(&logs, output),
        Command::Locks(locks) => locks::run(&locks, output),
        Command::Inputs(inputs) => inputs_list::run(&inputs, output),
        Command::Fmt(fmt) => fmt::run(&fmt, output),
        Command::New(new) => new::run(&new, output),
        Command::Completions(shell) => completions::run(&shell, output),
        Command::Complete(arguments) => complete::run(&arguments, output),
        Command::Man(man) => completions::man(&man, output),
        Command::Explain(explain) => explain::run(&explain, output),
        #[cfg(feature = "lsp")]
        Command::Lsp(_) => lsp::run(),
    }
}

/// Requested help and version go to standard output; anything else is an error.
fn usage(error: &clap::Error, output: &mut Output) -> Exit {
    let text = |color: bool| match color {
        true => error.render().ansi().to_string(),
        false => error.render().to_string(),
    };
    if error.use_stderr() {
        let text = text(output.stderr_style().color);
        output.complain(&text);
        Exit::Refused
    } else {
        let text = text(output.stdout_style().color);
        output.print(&text);
        Exit::Succeeded
    }
}
