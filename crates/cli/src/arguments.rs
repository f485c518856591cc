//! What can be written after `lockstep`, and the help that describes it.
//! It does not know what any of it does.

use std::path::Path;
use std::sync::Arc;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::approve::Approve;
use super::backup::Backup;
use super::cancel::Cancel;
use super::complete::Complete;
use super::files::deploy_files;
use super::inputs::InputArguments;
use super::ledger::Ledger;
use super::locks::Locks;
use super::logs::Logs;
use super::prune::Prune;
use super::run::execute;
use super::runs::Runs;
#[cfg(feature = "serve")]
use super::serve::Serve;
use super::shell_word::shell_word;
use super::show::Show;
use super::state::{ListFormat, StateArgument};
use super::terminal::Color;
use lockstep_base::source::Name;

const EXIT_CODES: &str = "\
Exit codes:
  0  succeeded
  1  failed; what had to be rolled back was rolled back
  2  wrong usage, or the file has errors: nothing ran
  3  a rollback failed
  4  cancelled
  5  stopped and resumable
  6  nothing failed, but a later run has deployed somewhere, and that was left alone";

/// Check, plan, run and roll back deployments.
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

    #[command(flatten)]
    pub(super) global: GlobalArguments,
}

/// What can be said to every command.
#[derive(Debug, Args)]
pub(super) struct GlobalArguments {
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
}

#[derive(Debug, Subcommand)]
pub(super) enum CliCommand {
    /// Check a file for errors and deadlocks, without running anything.
    Check(Check),
    /// Report likely mistakes; --fix applies safe fixes.
    Lint(Lint),
    /// Show what a pipeline would do, without doing it (dry run, what-if analysis).
    Plan(Plan),
    /// Run a pipeline.
    Run(Run),
    /// Run tests in virtual time, under many schedules, without executing anything.
    Test(Test),
    /// Resume an interrupted run.
    Resume(Resume),
    /// Retry what failed or never started, as a new run.
    Retry(Retry),
    /// Take back what a finished run deployed, as a new run.
    Undo(Undo),
    /// Verify that a stored run conforms to its plan.
    Verify(Verify),
    /// Cancel a run in progress: unfinished deployments are rolled back.
    Cancel(Cancel),
    /// Approve or reject what a run asks, or list open approvals and questions.
    Approve(Approve),
    /// List runs.
    Runs(Runs),
    /// Show the status of a run: what ran, what is deployed, and what can be done next.
    Show(Show),
    /// Show the output of the commands of a run.
    Logs(Logs),
    /// Show what is deployed where now, since when, and by which run.
    Ledger(Ledger),
    /// Copy the state directory, also while runs go on.
    Backup(Backup),
    /// Forget old runs that nothing needs any more.
    Prune(Prune),
    /// Show which runs hold locks (and their leases), and which wait for them.
    Locks(Locks),
    /// List the inputs of a file.
    Inputs(Inputs),
    /// Format files.
    Fmt(Fmt),
    /// Create an example project that can be planned, tested and run.
    New(New),
    /// Write a pipeline of another tool as a file of this one.
    Import(Import),
    /// Explain an error code, or list all codes.
    Explain(Explain),
    /// Print the completion script of a shell.
    Completions(Completions),
    /// Print completions at the cursor; the scripts of shells call this.
    #[command(hide = true)]
    Complete(Complete),
    /// Write the manual pages.
    #[command(hide = true)]
    Man(Man),
    /// Serve a folder's pipelines to a team: pages, an API, triggers.
    #[cfg(feature = "serve")]
    Serve(Serve),
    /// Start the language server (LSP) on standard input and output.
    #[cfg(feature = "lsp")]
    Lsp(Lsp),
}

/// The file that a command works on.
#[derive(Debug, Args)]
pub(super) struct FileArgument {
    /// The file, or the folder that it is in; may be left out if this folder has a single
    /// `.deploy` file with pipelines.
    #[arg(value_name = "FILE")]
    pub(super) file: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Files, and folders to search for `.deploy` files; may be left out if this folder has a
    /// single `.deploy` file.
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<String>,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Lint {
    /// Files, and folders to search for `.deploy` files; this folder by default.
    #[arg(value_name = "FILE")]
    pub(super) paths: Vec<String>,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,

    /// Apply the safe fixes.
    #[arg(long)]
    pub(super) fix: bool,

    /// Fail if there are warnings (exit code 1).
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

    /// The pipeline; may be left out if the file has only one.
    #[arg(value_name = "PIPELINE")]
    pub(super) pipeline: Option<String>,

    #[command(flatten)]
    pub(super) inputs: InputArguments,
}

impl PipelineTarget {
    /// The file and the pipeline that are named. A single word that is no file names a pipeline
    /// of the folder's only file, also where a folder has the same name: that is `NAME/`.
    pub(super) fn names(&self) -> (Option<&str>, Option<&str>) {
        let (first, second) = (self.file.file.as_deref(), self.pipeline.as_deref());
        match (first, second) {
            (Some(word), None) if is_name(word) && !is_file_or_folder(Path::new(word)) => {
                (None, Some(word))
            }
            names => names,
        }
    }
}

/// Whether a word can only be a path: of a file, or of a folder where this one has no files.
fn is_file_or_folder(path: &Path) -> bool {
    match path.is_dir() {
        true => deploy_files(Path::new(".")).is_empty(),
        false => path.exists(),
    }
}

/// How a word that looks like an input is given, if it does.
pub(super) fn as_input(word: &str) -> Option<String> {
    let (name, _) = word.split_once('=')?;
    is_name(name).then(|| format!("an input is given by `-i {}`", shell_word(word)))
}

/// Whether a word looks like a name of the language rather than a path.
fn is_name(word: &str) -> bool {
    let fits = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-');
    !word.is_empty() && word.chars().all(fits)
}

#[derive(Debug, Args)]
#[command(mut_arg("server", |it| it.hide(true)))]
#[command(mut_arg("token_file", |it| it.hide(true)))]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) target: PipelineTarget,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: PlanFormat,

    /// Also show what happens inside deployments and steps.
    #[arg(long)]
    pub(super) full: bool,

    /// List at most this many cells of each loop or matrix; the others are counted. 60 by default,
    /// and 10000 in a page.
    #[arg(long, value_name = "N")]
    pub(super) cells: Option<usize>,

    /// Also write the plan to this file, for `run --plan`.
    #[arg(long, value_name = "FILE", conflicts_with = "what_if")]
    pub(super) out: Option<String>,

    /// What-if analysis: show what happens if this deployment or step fails; `*` and `**` are
    /// wildcards.
    #[arg(long, value_name = "PATH", group = "what_if")]
    pub(super) if_fails: Option<String>,

    /// What-if analysis of the failure of each deployment (its blast radius), as a table.
    #[arg(long, group = "what_if")]
    pub(super) blast: bool,

    /// What-if analysis: ask the queries that a run comes to before it changes anything.
    #[arg(long, requires = "what_if")]
    pub(super) query: bool,

    /// In a what-if analysis, commands print what the `given`s of this test say, and inputs that
    /// are not given are those of the test.
    #[arg(long, value_name = "TEST", requires = "what_if")]
    pub(super) given: Option<String>,

    /// The failure class that is assumed.
    #[arg(long, value_name = "CLASS", default_value = "exit")]
    pub(super) class: FailureKind,

    /// The choice that is assumed when a failure handler asks a person.
    #[arg(long, value_name = "CHOICE", default_value = "rollback")]
    pub(super) choose: FailureChoiceArgument,

    #[command(flatten)]
    pub(super) state: StateArgument,
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

/// How a run is carried out and shown, whether it is new, resumed or retried.
#[derive(Debug, Args)]
pub(super) struct ExecutionOptions {
    /// How to show the run; `auto` is `live` on a terminal that can move its cursor, and `plain`
    /// elsewhere.
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(super) format: RunFormat,

    /// Approve every approval.
    #[arg(long)]
    pub(super) yes: bool,

    /// Ask no questions: approvals are refused, and an `ask` takes its `else`.
    #[arg(long)]
    pub(super) no_input: bool,

    /// Run at most this many commands at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max: Option<u32>,

    /// Deploy and roll back also where another run has deployed since, or left something half done.
    #[arg(long)]
    pub(super) force: bool,

    #[command(flatten)]
    pub(super) state: StateArgument,

    #[command(flatten)]
    pub(super) starter: RunStarter,
}

/// For whom a run is started, where that is not the user of this process: what `lockstep serve`
/// says to the processes that it starts.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct RunStarter {
    /// The id of the run.
    #[arg(long, hide = true, value_name = "ID")]
    pub(super) run_id: Option<String>,

    /// Who starts it.
    #[arg(long, hide = true, value_name = "NAME")]
    pub(super) run_user: Option<String>,

    /// The infrastructures on which they may not run anything: a file with a JSON list.
    #[arg(long, hide = true, value_name = "FILE", value_parser = read_names)]
    pub(super) run_denied: Option<Arc<[Name]>>,
}

/// The names in a file with a JSON list.
fn read_names(path: &str) -> Result<Arc<[Name]>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let names: Vec<Name> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    Ok(names.into())
}

impl RunStarter {
    /// Who starts the run.
    pub(super) fn user(&self) -> String {
        self.run_user.clone().unwrap_or_else(execute::user)
    }
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) target: PipelineTarget,

    #[command(flatten)]
    pub(super) options: ExecutionOptions,

    /// Run only this: a stage, or a deployment in one.
    #[arg(long, value_name = "PATH", group = "part")]
    pub(super) only: Option<String>,

    /// Run this and all that comes after it: a stage, or a deployment in one.
    #[arg(long, value_name = "PATH", group = "part")]
    pub(super) from: Option<String>,

    /// Take values that what is left out would have made from this run.
    #[arg(long, value_name = "RUN", requires = "part")]
    pub(super) values_of: Option<String>,

    /// Do not wait for the windows of what is deployed to, for this reason; `show` shows it.
    #[arg(long, value_name = "REASON", value_parser = NonEmptyStringValueParser::new())]
    pub(super) outside_window: Option<String>,

    /// Run the plan that `plan --out` has written to this file, if nothing has changed since.
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<String>,

    /// Let the group of the state directory's folder use it, too; without this only you can.
    #[arg(long)]
    pub(super) shared_group: bool,

    /// Keep nothing on disk, to measure what that costs.
    #[arg(long, hide = true)]
    pub(super) no_journal: bool,
}

/// What `--max` is where a run is carried on.
const MAX_OF_A_STORED_RUN: &str =
    "Run at most this many commands at once; as many as before by default";

#[derive(Debug, Args)]
#[command(mut_arg("max", |max| max.help(MAX_OF_A_STORED_RUN)))]
pub(super) struct Resume {
    /// The run: its id or a prefix of it. Without it, the last interrupted one.
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,

    #[command(flatten)]
    pub(super) options: ExecutionOptions,
}

/// What `--yes` is where a run is retried.
const YES_TO_A_RETRY: &str = "Start without confirmation, and approve every approval";

#[derive(Debug, Args)]
#[command(mut_arg("max", |max| max.help(MAX_OF_A_STORED_RUN)))]
#[command(mut_arg("yes", |yes| yes.help(YES_TO_A_RETRY)))]
pub(super) struct Retry {
    /// The run: its id or a prefix of it. Without it, the last one.
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,

    /// Start without confirmation; approvals are asked as in any run.
    #[arg(long)]
    pub(super) start: bool,

    /// Use the file as it is now, and not as it was when the run began.
    #[arg(long)]
    pub(super) current: bool,

    #[command(flatten)]
    pub(super) options: ExecutionOptions,
}

/// What `--yes` is where a run is taken back.
const YES_TO_AN_UNDO: &str = "Start without confirmation";

#[derive(Debug, Args)]
#[command(mut_arg("max", |max| max.help(MAX_OF_A_STORED_RUN)))]
#[command(mut_arg("yes", |yes| yes.help(YES_TO_AN_UNDO)))]
#[command(mut_arg("no_input", |it| it.hide(true)))]
pub(super) struct Undo {
    /// The run: its id or a prefix of it. Without it, the last one.
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,

    /// Take back only this: a stage, a deployment or a step of the run; `*` and `**` are
    /// wildcards.
    #[arg(value_name = "PATH")]
    pub(super) path: Option<String>,

    #[command(flatten)]
    pub(super) options: ExecutionOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RunFormat {
    Auto,
    Live,
    Plain,
    Json,
    /// Nothing but what goes wrong before the run begins: the journal has the rest.
    #[value(hide = true)]
    Quiet,
}

impl RunFormat {
    /// Whether what is written is for people, and there may be one to ask.
    pub(super) fn is_for_people(self) -> bool {
        match self {
            Self::Auto | Self::Live | Self::Plain => true,
            Self::Json | Self::Quiet => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// For humans.
    Text,
    /// For tools; the format is stable.
    Json,
    /// A Mermaid flowchart.
    Mermaid,
    /// A Graphviz graph.
    Dot,
    /// A page for browsers, in one file.
    Html,
}

#[derive(Debug, Args)]
pub(super) struct Test {
    /// Files, and folders to search for `.deploy` files; this folder by default.
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<String>,

    /// Run only tests whose names contain this text.
    #[arg(long, value_name = "TEXT")]
    pub(super) filter: Option<String>,

    /// The seed of the first schedule; seed 0 is the order of the source.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,

    /// Run each test under at most this many schedules; 100 by default, fewer if the pipeline is
    /// large.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) schedules: Option<u32>,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: TestFormat,
}

/// A stored run that is to be checked.
#[derive(Debug, Args)]
#[command(mut_arg("server", |it| it.hide(true)))]
#[command(mut_arg("token_file", |it| it.hide(true)))]
pub(super) struct Verify {
    /// The run: its id or a prefix of it. Without it, the last one.
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,

    #[command(flatten)]
    pub(super) state: StateArgument,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: ListFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TestFormat {
    /// For humans.
    Text,
    /// For tools; the format is stable.
    Json,
    /// For CI systems.
    Junit,
}

#[derive(Debug, Args)]
pub(super) struct Inputs {
    #[command(flatten)]
    pub(super) file: FileArgument,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: InputsFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum InputsFormat {
    /// For humans.
    Text,
    /// For tools; the format is stable.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Fmt {
    /// Files, and folders to search for `.deploy` files; `-` is standard input.
    #[arg(value_name = "PATHS")]
    pub(super) paths: Vec<String>,

    /// Write nothing; list unformatted files, and exit with 1 if there are any.
    #[arg(long)]
    pub(super) check: bool,

    /// Write nothing; show what would change, and exit with 1 if anything would.
    #[arg(long)]
    pub(super) diff: bool,
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The folder to create; its file gets the same name.
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(super) folder: String,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The tool that the files are of.
    #[arg(value_name = "TOOL")]
    pub(super) tool: ImportedTool,

    /// The file of the pipeline, and those that it refers to.
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<String>,

    /// The new file; `-` is standard output.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(super) output: String,
}

/// A tool whose pipelines can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ImportedTool {
    /// Harness NextGen: pipelines, services, environments, infrastructures, input sets, templates.
    Harness,
    /// GitHub Actions: a workflow and the reusable workflows that it calls.
    Github,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// The output folder.
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
    /// Accepted because editors pass it; standard input and output is the only transport.
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
