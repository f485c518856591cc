//! What can be written after `lockstep`, and the help that describes it.
//! It does not know what any of it does.

use std::path::Path;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::approve::Approve;
use super::cancel::Cancel;
use super::complete::Complete;
use super::inputs::InputArguments;
use super::locks::Locks;
use super::logs::Logs;
use super::runs::Runs;
use super::show::Show;
use super::state::{ListFormat, StateArgument};
use super::terminal::Color;

const EXIT_CODES: &str = "\
Exit codes:
  0  succeeded
  1  failed, and what had to be rolled back was
  2  wrong usage, or the file has errors: nothing ran
  3  a rollback failed
  4  cancelled
  5  stopped and resumable";

/// Checks, plans and runs deployments.
#[derive(Debug, Parser)]
#[command(
    name = "lockstep",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = EXIT_CODES
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: CliCommand,

    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
}

#[derive(Debug, Subcommand)]
pub(super) enum CliCommand {
    /// Look for mistakes in a file, without running anything.
    Check(Check),
    /// Give advice about files, and mend what can safely be mended.
    Lint(Lint),
    /// Show what a pipeline would do, in which order, without doing it.
    Plan(Plan),
    /// Run a pipeline.
    Run(Run),
    /// Run the tests of files, in virtual time and without executing anything.
    Test(Test),
    /// Go on with a run that was stopped before its end.
    Resume(Resume),
    /// Run again what failed or never started, as a new run.
    Retry(Retry),
    /// Check again that a run has kept to its plan.
    Verify(Verify),
    /// Ask a run that goes on to cancel: what it did not finish is rolled back.
    Cancel(Cancel),
    /// Answer what a run asks, or list what is asked.
    Approve(Approve),
    /// List the runs.
    Runs(Runs),
    /// Show how a run stands: what ran, what is deployed, and what can be done next.
    Show(Show),
    /// Show what the commands of a run wrote.
    Logs(Logs),
    /// Show who holds which lock, and who waits.
    Locks(Locks),
    /// List the inputs of a file.
    Inputs(Inputs),
    /// Bring files into the one style of the language.
    Fmt(Fmt),
    /// Make a folder to begin with, which can be planned, tested and run at once.
    New(New),
    /// Explain an error code, or list all of them.
    Explain(Explain),
    /// Write the completion script of a shell to standard output.
    Completions(Completions),
    /// Say what could stand at the cursor; the scripts of shells call this.
    #[command(hide = true)]
    Complete(Complete),
    /// Write the manual pages.
    #[command(hide = true)]
    Man(Man),
    /// Serve an editor on standard input and output (the language server protocol).
    #[cfg(feature = "lsp")]
    Lsp(Lsp),
}

/// The file that a command works on.
#[derive(Debug, Args)]
pub(super) struct FileArgument {
    /// The file; may be left out where the folder has one `.deploy` file.
    #[arg(value_name = "FILE")]
    pub(super) file: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) file: FileArgument,

    /// How to write the mistakes down.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Lint {
    /// Files, and folders to look for `.deploy` files in; without any, this folder.
    #[arg(value_name = "FILE")]
    pub(super) paths: Vec<String>,

    /// How to write the findings down.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,

    /// Apply the safe fixes.
    #[arg(long)]
    pub(super) fix: bool,

    /// Fail if there are warnings.
    #[arg(long)]
    pub(super) deny_warnings: bool,

    /// List all rules with their levels.
    #[arg(long)]
    pub(super) rules: bool,

    #[command(flatten)]
    pub(super) inputs: InputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
    Sarif,
    Github,
}

/// A pipeline and what it is to be run with.
#[derive(Debug, Args)]
pub(super) struct PipelineTarget {
    #[command(flatten)]
    pub(super) file: FileArgument,

    /// The pipeline; may be left out where the file has only one.
    #[arg(value_name = "PIPELINE")]
    pub(super) pipeline: Option<String>,

    #[command(flatten)]
    pub(super) inputs: InputArguments,
}

impl PipelineTarget {
    /// The file and the pipeline that are named. A single word that is no file names a pipeline
    /// of the folder's only file.
    pub(super) fn names(&self) -> (Option<&str>, Option<&str>) {
        let (first, second) = (self.file.file.as_deref(), self.pipeline.as_deref());
        match (first, second) {
            (Some(word), None) if is_name(word) && !Path::new(word).exists() => (None, Some(word)),
            names => names,
        }
    }
}

/// Whether a word looks like a name of the language rather than a path.
fn is_name(word: &str) -> bool {
    let fits = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-');
    !word.is_empty() && word.chars().all(fits)
}

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) target: PipelineTarget,

    /// How to write the plan down.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: PlanFormat,

    /// Show what happens inside deployments and steps, too.
    #[arg(long)]
    pub(super) full: bool,

    /// List at most so many cells of each loop or matrix; the others are counted.
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub(super) cells: usize,

    /// Show what follows if this fails: the path of a deployment or step, also with `*` and `**`.
    #[arg(long, value_name = "PATH", conflicts_with = "blast")]
    pub(super) if_fails: Option<String>,

    /// Show what follows from the failure of each deployment, as a table.
    #[arg(long)]
    pub(super) blast: bool,

    /// The class of the failure that is assumed.
    #[arg(long, value_name = "CLASS", default_value = "exit")]
    pub(super) class: FailureKind,

    /// What is chosen where a failure handler asks a person.
    #[arg(long, value_name = "CHOICE", default_value = "rollback")]
    pub(super) choose: FailureChoiceArgument,
}

/// How something can fail in `plan --if-fails`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailureKind {
    Exit,
    Signal,
    Timeout,
    Connection,
    Authentication,
    Failed,
}

/// What a person can choose after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailureChoiceArgument {
    Retry,
    Ignore,
    Rollback,
    Abort,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) target: PipelineTarget,

    /// How to show the run; `auto` is `live` on a terminal and `plain` elsewhere.
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(super) format: RunFormat,

    /// Say yes to every approval.
    #[arg(long)]
    pub(super) yes: bool,

    /// Ask nobody: approvals are refused, and failures go on with what their `else` says.
    #[arg(long)]
    pub(super) no_input: bool,

    /// Run at most this many commands at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max: Option<u32>,

    #[command(flatten)]
    pub(super) state: StateArgument,

    /// Keep nothing on disk, to measure what that costs.
    #[arg(long, hide = true)]
    pub(super) no_journal: bool,
}

#[derive(Debug, Args)]
pub(super) struct Resume {
    /// The run: its id or the beginning of it. Without it, the last one that was stopped.
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,

    /// How to show the run; `auto` is `live` on a terminal and `plain` elsewhere.
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(super) format: RunFormat,

    /// Say yes to every approval.
    #[arg(long)]
    pub(super) yes: bool,

    /// Ask nobody: approvals are refused, and failures go on with what their `else` says.
    #[arg(long)]
    pub(super) no_input: bool,

    /// Run at most this many commands at once; without it, as many as before.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max: Option<u32>,

    #[command(flatten)]
    pub(super) state: StateArgument,
}

#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The run: its id or the beginning of it. Without it, the last one.
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,

    /// How to show the run; `auto` is `live` on a terminal and `plain` elsewhere.
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(super) format: RunFormat,

    /// Begin without asking, and say yes to every approval.
    #[arg(long)]
    pub(super) yes: bool,

    /// Ask nobody: approvals are refused, and failures go on with what their `else` says.
    #[arg(long)]
    pub(super) no_input: bool,

    /// Run at most this many commands at once; without it, as many as before.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max: Option<u32>,

    #[command(flatten)]
    pub(super) state: StateArgument,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RunFormat {
    Auto,
    Live,
    Plain,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// For people.
    Text,
    /// For tools; the form is stable.
    Json,
    /// A flowchart in the language of Mermaid.
    Mermaid,
    /// A graph in the language of Graphviz.
    Dot,
}

#[derive(Debug, Args)]
pub(super) struct Test {
    /// The files, or folders with files; without any, the `.deploy` files of this folder.
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<String>,

    /// Run only tests with this text in their name.
    #[arg(long, value_name = "TEXT")]
    pub(super) filter: Option<String>,

    /// The seed of the first schedule; seed 0 is the order of the source.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,

    /// Run each test under so many schedules, where it has so many; else 100, and fewer where
    /// the pipeline is large.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) schedules: Option<u32>,

    /// How to write the results down.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: TestFormat,
}

/// A stored run that is to be checked.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The run's id, or the beginning of it; without one, the last run.
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,

    #[command(flatten)]
    pub(super) state: StateArgument,

    /// How to write the result down.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: ListFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TestFormat {
    /// For people.
    Text,
    /// For tools; the form is stable.
    Json,
    /// For CI systems.
    Junit,
}

#[derive(Debug, Args)]
pub(super) struct Inputs {
    #[command(flatten)]
    pub(super) file: FileArgument,

    /// How to write the inputs down.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: InputsFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum InputsFormat {
    /// For people.
    Text,
    /// For tools; the form is stable.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Fmt {
    /// Files, and folders to look for `.deploy` files in; `-` is standard input.
    #[arg(value_name = "PATHS")]
    pub(super) paths: Vec<String>,

    /// Write nothing; list the files that are not formatted, and exit with 1 if there are any.
    #[arg(long)]
    pub(super) check: bool,

    /// Write nothing; show what would change, and exit with 1 if anything would.
    #[arg(long)]
    pub(super) diff: bool,
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The folder; its file gets the same name.
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(super) folder: String,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// The folder to write them into.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(super) out: String,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The code, such as E0101.
    #[arg(value_name = "CODE")]
    pub(super) code: Option<String>,
}

#[cfg(feature = "lsp")]
#[derive(Debug, Args)]
pub(super) struct Lsp {
    /// Accepted because editors pass it; there is no other way to talk.
    #[arg(long)]
    pub(super) stdio: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }
}
