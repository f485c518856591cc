//! The command line: one file for each subcommand, and their shared parts. Invariant: no other
//! crate prints.

mod approve;
mod approvers;
mod arguments;
mod backup;
mod cancel;
mod check;
mod checkout;
mod complete;
mod completions;
mod engine;
mod exit;
mod explain;
mod file_size;
pub mod files;
mod find;
mod fmt;
mod groups;
mod import;
mod importers;
pub mod inputs;
mod inputs_list;
mod ledger;
mod lint;
mod locks;
mod logs;
#[cfg(feature = "lsp")]
mod lsp;
mod merge;
mod new;
mod next_commands;
mod one_command;
mod other_words;
mod output;
mod page;
mod plan;
mod plan_file;
mod prepare;
mod prompt;
mod prune;
mod remote;
mod replace;
mod resume;
mod retry;
mod run;
mod runs;
#[cfg(feature = "serve")]
mod serve;
pub mod settings;
mod shell_word;
mod show;
mod source_changes;
mod state;
mod table;
mod terminal;
mod test;
mod trace;
mod unclear;
mod undo;
mod verify;
mod version;

use std::process::ExitCode;

use lockstep_base::shown;

use arguments::CliCommand;
pub use engine::{ConnectedEngine, EngineConnector, EngineRefusal};
pub use exit::Exit;
use output::Output;
use terminal::Color;

use lockstep_runtime::guardian;

/// Executes the command that the program's arguments name, in a program that can connect to engines
/// elsewhere (`--engine`).
pub fn main_with(connector: &'static dyn EngineConnector) -> ExitCode {
    engine::set_connector(connector);
    main()
}

/// Executes the command that the program's arguments name.
pub fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(exit) = guardian::take_over(&arguments) {
        return exit;
    }
    file_size::report_writes_beyond_it();
    let mut output = Output::new(Color::scan(&arguments));
    trace::start(&mut output);
    if let Some(text) = version::answer(&arguments) {
        output.print(text);
        return output.finish(Exit::Succeeded).into();
    }
    if let Err(mistake) = engine::pass_on_worker(&arguments) {
        let exit = output.refuse(&mistake);
        return output.finish(exit).into();
    }
    let arguments = other_words::as_typed_here(arguments);
    let exit = match one_command::parse(arguments) {
        Ok(command) => run(command, &mut output),
        Err(mut error) => {
            other_words::explain(&mut error);
            usage(&error, &mut output)
        }
    };
    output.finish(exit).into()
}

fn run(command: CliCommand, output: &mut Output) -> Exit {
    match command {
        CliCommand::Check(check) => check::run(&check, output),
        CliCommand::Lint(lint) => lint::run(&lint, output),
        CliCommand::Plan(plan) => plan::run(&plan, output),
        CliCommand::Run(run) => run::run(&run, output),
        CliCommand::Verify(verify) => verify::run(&verify, output),
        CliCommand::Test(test) => test::run(&test, output),
        CliCommand::Resume(resume) => resume::run(&resume, output),
        CliCommand::Retry(retry) => retry::run(&retry, output),
        CliCommand::Undo(undo) => undo::run(&undo, output),
        CliCommand::Cancel(cancel) => cancel::run(&cancel, output),
        CliCommand::Approve(approve) => approve::run(&approve, output),
        CliCommand::Runs(runs) => runs::run(&runs, output),
        CliCommand::Show(show) => show::run(&show, output),
        CliCommand::Logs(logs) => logs::run(&logs, output),
        CliCommand::Ledger(ledger) => ledger::run(&ledger, output),
        CliCommand::Backup(backup) => backup::run(&backup, output),
        CliCommand::Prune(prune) => prune::run(&prune, output),
        CliCommand::Locks(locks) => locks::run(&locks, output),
        CliCommand::Inputs(inputs) => inputs_list::run(&inputs, output),
        CliCommand::Fmt(fmt) => fmt::run(&fmt, output),
        CliCommand::New(new) => new::run(&new, output),
        CliCommand::Import(import) => import::run(&import, output),
        CliCommand::Completions(shell) => completions::run(&shell, output),
        CliCommand::Complete(arguments) => complete::run(&arguments, output),
        CliCommand::Man(man) => completions::man(&man, output),
        CliCommand::Explain(explain) => explain::run(&explain, output),
        #[cfg(feature = "serve")]
        CliCommand::Serve(serve) => serve::run(&serve, output),
        #[cfg(feature = "lsp")]
        CliCommand::Lsp(_) => lsp::run(),
    }
}

/// An error of usage, in which what was typed is shown as what it is.
fn usage_text(error: &clap::Error) -> String {
    let mut said = error.render().to_string();
    let mut typed: Vec<&String> = Vec::new();
    for (_, value) in error.context() {
        match value {
            clap::error::ContextValue::String(text) => typed.push(text),
            clap::error::ContextValue::Strings(texts) => typed.extend(texts),
            // What the program says itself.
            _ => {}
        }
    }
    for text in typed
        .into_iter()
        .filter(|text| text.contains(shown::is_hidden))
    {
        said = said.replace(text.as_str(), &shown::line(text));
    }
    shown::lines(&said).into_owned()
}

/// Requested help and version go to standard output; anything else is an error.
fn usage(error: &clap::Error, output: &mut Output) -> Exit {
    let said = usage_text(error);
    let text = |color: bool| match color && said == error.render().to_string() {
        true => error.render().ansi().to_string(),
        false => said.clone(),
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
