//! Starts, resumes, retries and takes back runs of a server, and follows them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::arguments::{PipelineTarget, Resume, Retry, Run, RunFormat, Undo};
use super::super::exit::Exit;
use super::super::output::Output;
use super::super::run::execute::chance;
use super::super::{prepare, prompt, state};
use super::answers::{PipelineAnswer, PipelinesAnswer, RunAnswer, start_body};
use super::client::{RemoteError, RemoteServer, escaped};
use super::follow::{FollowedRun, follow};
use super::interrupts::{Interrupts, Left};
use super::named::choose;
use super::refuse_options;
use super::show::records;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_store::RunStatus;

/// How long a start is sent again where it has no answer.
const MAX_START_TIME: Duration = Duration::from_secs(60);
/// How long it is waited before it is sent again.
const START_INTERVAL: Duration = Duration::from_secs(1);
/// So many pipelines are named where one has to be chosen.
const MAX_NAMED: usize = 8;

const NOT_MAX: (&str, &str) = (
    "--max",
    "it runs as many commands at once as the run was started with",
);
const NOT_FORCE: (&str, &str) = (
    "--force",
    "somebody who is on the machine of the server can do that, with `--state`",
);

/// Starts a run of a pipeline of the server.
pub(crate) fn run(arguments: &Run, server: &RemoteServer, output: &mut Output) -> Exit {
    match begin(arguments, server, output) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn begin(arguments: &Run, server: &RemoteServer, output: &mut Output) -> Result<Exit, Exit> {
    let options = &arguments.options;
    let approve = "approvals are answered by `lockstep approve`, by whoever may";
    let disk = "how runs are stored is a matter of the server";
    refuse_options(
        &[
            ("--yes", options.yes, approve),
            ("--no-input", options.no_input, approve),
            (NOT_FORCE.0, options.force, NOT_FORCE.1),
            (
                "--values-of",
                arguments.values_of.is_some(),
                "a run of a part takes no values of other runs there",
            ),
            (
                "--plan",
                arguments.plan.is_some(),
                "a server plans anew from its own files",
            ),
            ("--shared-group", arguments.shared_group, disk),
            ("--no-journal", arguments.no_journal, disk),
        ],
        output,
    )?;
    let word = arguments.target.pipeline.as_deref();
    let word = word.or(arguments.target.file.file.as_deref());
    let asked = prepare::read_inputs(&arguments.target, word, output)?;
    let known: Result<PipelinesAnswer, RemoteError> = server.get("/pipelines");
    let known = known.map_err(|error| error.show(server, output))?;
    let pipeline = pipeline(&known, &arguments.target, server, output)?;
    let mut body = start_body(&pipeline.id, asked);
    for (name, value) in [
        ("only", arguments.only.as_deref().map(Value::from)),
        ("from", arguments.from.as_deref().map(Value::from)),
        ("max", options.max.map(Value::from)),
        (
            "outside_window",
            arguments.outside_window.as_deref().map(Value::from),
        ),
    ] {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    start_and_follow(server, ("/runs", body), options.format, output)
}

/// Starts a new run, by a path of the API and what is sent there, and follows it.
fn start_and_follow(
    server: &RemoteServer,
    (path, body): (&str, Value),
    format: RunFormat,
    output: &mut Output,
) -> Result<Exit, Exit> {
    let (started, interrupts) = start(server, path, body, output)?;
    let followed = FollowedRun {
        server,
        run: &started.run,
        known: 0,
        format,
        goes_back: started.undoes.is_some() || path.ends_with("/undo"),
    };
    Ok(follow(&followed, interrupts, output))
}

/// The pipeline that is named by its file in the served folder, by its name, or by both.
fn pipeline<'k>(
    known: &'k PipelinesAnswer,
    target: &PipelineTarget,
    server: &RemoteServer,
    output: &mut Output,
) -> Result<&'k PipelineAnswer, Exit> {
    let plain = |path: &str| path.trim_start_matches("./").to_owned();
    let file = target.file.file.as_deref().map(plain);
    let (file, name) = (file.as_deref(), target.pipeline.as_deref());
    let fits = |it: &&PipelineAnswer| match (file, name) {
        (None, None) => true,
        (Some(word), None) => it.file == word || it.name == word || it.id == word,
        (file, Some(name)) => it.name == name && file.is_none_or(|file| it.file == file),
    };
    let found: Vec<&PipelineAnswer> = known.pipelines.iter().filter(fits).collect();
    if let [only] = &*found {
        return Ok(*only);
    }
    let mut broken = known.broken.iter();
    let broken = match known.pipelines.is_empty() {
        true => broken.find(|it| file.is_none_or(|file| it.file == file)),
        false => broken.find(|it| Some(&*it.file) == file),
    };
    if let (true, Some(broken)) = (found.is_empty(), broken) {
        let problem = RemoteError::Refused(Box::new(broken.problem.clone()));
        return Err(problem.show(server, output));
    }
    let url = &server.url;
    let asked = match (file, name) {
        (Some(file), Some(name)) => format!("`{file} {name}`"),
        (Some(word), None) | (None, Some(word)) => format!("`{word}`"),
        (None, None) => String::new(),
    };
    let message = match (found.len(), asked.is_empty()) {
        (0, true) => format!("`{url}` has no pipelines that you may see"),
        (0, false) => format!("`{url}` has no pipeline {asked}"),
        (_, true) => format!("`{url}` has several pipelines"),
        (_, false) => format!("`{url}` has several pipelines {asked}"),
    };
    let choices = match found.is_empty() {
        true => known.pipelines.iter().collect(),
        false => found,
    };
    let mut shown: Vec<String> = (choices.iter().take(MAX_NAMED))
        .map(|it| format!("`{} {}`", it.file, it.name))
        .collect();
    if choices.len() > MAX_NAMED {
        shown.push(format!("and {} more", choices.len() - MAX_NAMED));
    }
    let help = (!shown.is_empty()).then(|| format!("name one of {}", shown.join(", ")));
    let mistake = Diagnostic::without_place(codes::NO_PIPELINE, message);
    Err(output.refuse(&mistake.help_opt(help)))
}

/// Starts something: where there is no answer it is sent again with the same key, so that it is
/// started once. From before it is sent, Ctrl-C is a request to cancel it.
fn start(
    server: &RemoteServer,
    path: &str,
    body: Value,
    output: &mut Output,
) -> Result<(RunAnswer, Interrupts), Exit> {
    let mut interrupts = Interrupts::listen(output)?;
    let key = format!("{:016x}{:016x}", chance(), chance());
    let asked = Arc::new((server.clone(), path.to_owned(), body, key));
    let began = Instant::now();
    let mut is_lost = false;
    loop {
        let asked = asked.clone();
        let ask = move || asked.0.start::<RunAnswer>(&asked.1, &asked.2, &asked.3);
        let error = match interrupts.answer(ask, output) {
            Ok(Ok(started)) => return Ok((started, interrupts)),
            Ok(Err(error)) => error,
            Err(Left) => return Err(is_unknown(server, output)),
        };
        if !error.may_pass() || interrupts.cancels || began.elapsed() >= MAX_START_TIME {
            let exit = error.show(server, output);
            return Err(match error.may_pass() {
                true => is_unknown(server, output),
                false => exit,
            });
        }
        if !is_lost {
            let why = error.why();
            output.complain(&format!(
                "the server does not answer ({why}): asking again\n"
            ));
        }
        is_lost = true;
        if let Err(Left) = interrupts.pause(START_INTERVAL, output) {
            return Err(is_unknown(server, output));
        }
    }
}

/// There is no answer to a start, which may have come to the server.
fn is_unknown(server: &RemoteServer, output: &mut Output) -> Exit {
    output.complain(&format!(
        "whether the run has begun is not known: `lockstep runs{}` lists the runs\n",
        server.words()
    ));
    Exit::Stopped
}

/// Goes on with a run that was stopped.
pub(crate) fn resume(arguments: &Resume, server: &RemoteServer, output: &mut Output) -> Exit {
    match resumed(arguments, server, output) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn resumed(arguments: &Resume, server: &RemoteServer, output: &mut Output) -> Result<Exit, Exit> {
    let options = &arguments.options;
    let approve = "approvals are answered by `lockstep approve`, by whoever may";
    refuse_options(
        &[
            ("--yes", options.yes, approve),
            ("--no-input", options.no_input, approve),
            (NOT_MAX.0, options.max.is_some(), NOT_MAX.1),
            (NOT_FORCE.0, options.force, NOT_FORCE.1),
        ],
        output,
    )?;
    let fits = |run: &RunAnswer| run.status() == RunStatus::Stopped;
    let named = arguments.run.as_deref();
    let run = choose(server, named, fits, "interrupted run", output)?;
    let known = last_record(server, &run.run).map_err(|error| error.show(server, output))?;
    let path = format!("/runs/{}/resume", escaped(&run.run));
    let (_, interrupts) = start(server, &path, json!({}), output)?;
    let followed = FollowedRun {
        server,
        run: &run.run,
        known,
        format: options.format,
        goes_back: run.undoes.is_some(),
    };
    Ok(follow(&followed, interrupts, output))
}

/// The number of the last record of a run that says something.
fn last_record(server: &RemoteServer, run: &str) -> Result<u64, RemoteError> {
    let mut last = 0;
    loop {
        let page = records(server, run, last, 0)?;
        if page.records.is_empty() {
            return Ok(last);
        }
        last = page.last;
    }
}

/// Runs again what failed or never started.
pub(crate) fn retry(arguments: &Retry, server: &RemoteServer, output: &mut Output) -> Exit {
    match retried(arguments, server, output) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn retried(arguments: &Retry, server: &RemoteServer, output: &mut Output) -> Result<Exit, Exit> {
    let options = &arguments.options;
    refuse_options(
        &[
            (
                "--yes",
                options.yes,
                "`--start` starts it; approvals are answered by `lockstep approve`, by whoever may",
            ),
            (
                "--no-input",
                options.no_input,
                "`--start` starts it without confirmation",
            ),
            (
                "--current",
                arguments.current,
                "`lockstep run` starts a run of the file as it is now",
            ),
            (NOT_MAX.0, options.max.is_some(), NOT_MAX.1),
            (NOT_FORCE.0, options.force, NOT_FORCE.1),
        ],
        output,
    )?;
    let run = choose(server, arguments.run.as_deref(), |_| true, "run", output)?;
    if !arguments.start {
        confirm(
            &run,
            options.format,
            (
                "retry",
                "Run again what failed or never started?",
                "--start",
            ),
            output,
        )?;
    }
    let path = format!("/runs/{}/retry", escaped(&run.run));
    start_and_follow(server, (&path, json!({})), options.format, output)
}

/// Takes a run back, or a part of it.
pub(crate) fn undo(arguments: &Undo, server: &RemoteServer, output: &mut Output) -> Exit {
    match undone(arguments, server, output) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn undone(arguments: &Undo, server: &RemoteServer, output: &mut Output) -> Result<Exit, Exit> {
    let options = &arguments.options;
    refuse_options(
        &[
            (NOT_MAX.0, options.max.is_some(), NOT_MAX.1),
            (NOT_FORCE.0, options.force, NOT_FORCE.1),
        ],
        output,
    )?;
    let (named, part) = state::run_and_path(&arguments.run, &arguments.path);
    let is_deployed = |run: &RunAnswer| run.undoes.is_none();
    let run = choose(server, named, is_deployed, "run", output)?;
    if !options.yes {
        let question = match part {
            Some(part) => format!("Take back `{part}`?"),
            None => String::from("Take this back?"),
        };
        confirm(&run, options.format, ("undo", &question, "--yes"), output)?;
    }
    let path = format!("/runs/{}/undo", escaped(&run.run));
    let body = json!({ "path": part });
    start_and_follow(server, (&path, body), options.format, output)
}

/// Asks whether a new run is to be started for a run: what it is, the question, and the option that
/// starts it without one.
fn confirm(
    run: &RunAnswer,
    format: RunFormat,
    (what, question, option): (&str, &str, &str),
    output: &mut Output,
) -> Result<(), Exit> {
    if !prompt::is_possible() || !format.is_for_people() {
        let message = format!("there is no terminal on which to confirm this {what}");
        let mistake = Diagnostic::without_place(codes::NOT_CONTINUED, message);
        return Err(output.refuse(&mistake.help(format!("`{option}` starts it"))));
    }
    output.print(&format!(
        "Run {} of {} {}.\n",
        run.run,
        run.pipeline,
        run.status.replace('-', " ")
    ));
    match prompt::confirm(question, output) {
        true => Ok(()),
        false => Err(Exit::Cancelled),
    }
}
