//! `lockstep approve`: answers a question of a run that another process drives, or lists the open
//! questions.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;

use super::approvers::{missing, objection};
use super::cancel::wait;
use super::exit::Exit;
use super::groups::GroupMembers;
use super::output::Output;
use super::remote::{self, ApproveRequest, RemoteServer};
use super::run::execute;
use super::state::{self, ListFormat, StateArgument};
use super::table::{TableCell, cell, table};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::{Answer, ApprovalAnswer, FailureChoice, Question, Respondent};
use lockstep_store::{
    AnswerStatus, Approval, RequestStatus, RunStatus, Store, StoreError, StoredQuestion, StoredRun,
    ms_between, now, time,
};
use lockstep_view::phrases::elapsed_text;
use lockstep_view::style::Tone;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("answer").args(["yes", "no", "choose"])))]
pub(super) struct Approve {
    /// The run: its id or a prefix of it. Without it, the last one with an open question.
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// The path of the node that asks; `*` and `**` are wildcards. Needed if there are several.
    #[arg(value_name = "PATH")]
    path: Option<String>,

    /// Approve: the run continues.
    #[arg(long)]
    yes: bool,

    /// Reject: the approval fails.
    #[arg(long)]
    no: bool,

    /// How to handle a failure.
    #[arg(long, value_name = "WHAT")]
    choose: Option<AnswerChoice>,

    /// Who answers; the user of this process by default.
    #[arg(long = "as", value_name = "NAME")]
    who: Option<String>,

    /// A comment, stored with the answer.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,

    /// The file that defines the groups; `groups.toml` in the state directory by default.
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,

    #[command(flatten)]
    state: StateArgument,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ListFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AnswerChoice {
    Retry,
    Ignore,
    Rollback,
    Abort,
}

/// A question that waits. As JSON it is stable: fields may be added, none is removed.
#[derive(Debug, Serialize)]
struct OpenQuestionJson<'a> {
    run: &'a str,
    node: &'a str,
    question: &'a str,
    /// Who may answer; empty for everybody.
    by: &'a [String],
    /// How many people have to say yes to an approval, who has, and whose yes does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    yes: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    except: &'a [String],
    /// The possible answers.
    answers: &'static [&'static str],
    asked_at: String,
}

/// An answer that was given. As JSON it is stable: fields may be added, none is removed.
#[derive(Debug, Serialize)]
struct GivenAnswerJson<'a> {
    run: &'a str,
    node: &'a str,
    answer: &'static str,
    by: &'a str,
    comment: Option<&'a str>,
    /// Whether a running process has accepted it; else the run is stopped, and applies it when it
    /// is resumed.
    heeded: bool,
}

impl Approve {
    fn who(&self) -> String {
        self.who.clone().unwrap_or_else(execute::user)
    }

    /// The answer in the form that is sent to the run.
    fn answer(&self) -> Option<Answer> {
        let reason = || match &self.comment {
            Some(comment) => format!("{comment} ({})", self.who()),
            None => format!("{} said so", self.who()),
        };
        Some(match (self.yes, self.no, self.choose) {
            (true, ..) => ApprovalAnswer::Yes.into(),
            (_, true, _) => ApprovalAnswer::No(reason()).into(),
            (.., Some(AnswerChoice::Retry)) => FailureChoice::Retry.into(),
            (.., Some(AnswerChoice::Ignore)) => FailureChoice::Ignore.into(),
            (.., Some(AnswerChoice::Rollback)) => FailureChoice::Rollback.into(),
            (.., Some(AnswerChoice::Abort)) => FailureChoice::Abort.into(),
            _ => return None,
        })
    }
}

/// A question that waits, wherever its run is stored.
pub(super) struct OpenQuestion {
    pub(super) run: Name,
    /// Whether its run is stopped.
    pub(super) is_stopped: bool,
    pub(super) asked: StoredQuestion,
}

impl OpenQuestion {
    fn of((run, asked): (StoredRun, StoredQuestion)) -> Self {
        Self {
            is_stopped: run.status != RunStatus::Running,
            run: run.id,
            asked,
        }
    }
}

pub(super) fn run(arguments: &Approve, output: &mut Output) -> Exit {
    match arguments.state.server(output) {
        Ok(Some(server)) => {
            return match of_server(arguments, &server, output) {
                Ok(exit) | Err(exit) => exit,
            };
        }
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let done = match arguments.answer() {
        None => list(arguments, output),
        Some(answer) => give(arguments, &answer, output),
    };
    done.unwrap_or_else(|error| state::refuse(&error, output))
}

/// The open questions of all runs, or of the one that is named.
fn open(store: &Store, runs: &[StoredRun]) -> Result<Vec<(StoredRun, StoredQuestion)>, StoreError> {
    let mut found = Vec::new();
    for run in runs {
        if !matches!(run.status, RunStatus::Ended(_)) {
            for asked in store.questions(run.number)? {
                found.push((run.clone(), asked));
            }
        }
    }
    Ok(found)
}

fn list(arguments: &Approve, output: &mut Output) -> Result<Exit, StoreError> {
    let store = match arguments
        .state
        .open_existing(arguments.run.as_deref(), output)
    {
        Ok(store) => store,
        Err(exit) => return Ok(exit),
    };
    let all = match store {
        Some(store) => open(
            &store,
            &store.runs(arguments.run.as_deref().unwrap_or_default())?,
        )?,
        None => Vec::new(),
    };
    let all: Vec<OpenQuestion> = all.into_iter().map(OpenQuestion::of).collect();
    let folder = arguments.state.folder();
    let groups = GroupMembers::read(arguments.groups.as_deref(), &folder).unwrap_or_default();
    draw(
        arguments,
        &all,
        &groups,
        &arguments.state.arguments(),
        output,
    );
    Ok(Exit::Succeeded)
}

/// Lists questions; `state` are the words that name the state directory or the server.
fn draw(
    arguments: &Approve,
    all: &[OpenQuestion],
    groups: &GroupMembers,
    state: &str,
    output: &mut Output,
) {
    if arguments.format == ListFormat::Json {
        let all: Vec<OpenQuestionJson<'_>> = all.iter().map(described).collect();
        state::print_json(&all, output);
    } else if all.is_empty() {
        output.print("no run is waiting for an approval or an answer\n");
    } else {
        let rows: Vec<Vec<TableCell>> = all.iter().map(|open| row(open, groups)).collect();
        let mut text = table(&rows, state::look(output));
        let mut ways: Vec<String> = Vec::new();
        for open in all {
            let which = match all.len() {
                1 => open.run.to_string(),
                _ => String::from("RUN [PATH]"),
            };
            let answers = answers_to(&open.asked.question);
            let way = format!("lockstep approve {which} {answers}{state}");
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        text.push_str(&format!(
            "\nanswer with: {}\n",
            ways.join("\n          or: ")
        ));
        output.print(&text);
    }
}

/// Lists the questions of the runs of a server, or answers one.
fn of_server(
    arguments: &Approve,
    server: &RemoteServer,
    output: &mut Output,
) -> Result<Exit, Exit> {
    remote::refuse_name(arguments.who.as_deref(), output)?;
    remote::refuse_groups(arguments.groups.is_some(), output)?;
    let Some(answer) = arguments.answer() else {
        let prefix = arguments.run.as_deref().unwrap_or_default();
        let all = remote::open_questions(server, prefix, output)?;
        // The server knows its groups, and says which of them are asked.
        let groups = GroupMembers::default();
        draw(arguments, &all, &groups, &server.words(), output);
        return Ok(Exit::Succeeded);
    };
    let (named, path) = state::run_and_path(&arguments.run, &arguments.path);
    let request = ApproveRequest {
        named,
        path,
        answer: &answer,
        comment: arguments.comment.as_deref(),
    };
    let done = remote::approve(server, &request, output)?;
    let answer = said(&answer);
    match arguments.format {
        ListFormat::Json => state::print_json(
            &GivenAnswerJson {
                run: &done.run,
                node: &done.node,
                answer,
                by: &done.by,
                comment: arguments.comment.as_deref(),
                heeded: done.is_heeded,
            },
            output,
        ),
        ListFormat::Text if done.is_stopped => {
            recorded(&done.run, &server.words(), output);
        }
        ListFormat::Text => {
            let more = (done.open.as_ref()).and_then(|it| missing(it, &GroupMembers::default()));
            let more = more.map_or(String::new(), |missing| format!("; {missing}"));
            output.print(&format!("{}: {answer}, by {}{more}\n", done.node, done.by));
        }
    }
    Ok(Exit::Succeeded)
}

/// Says that a stopped run hears an answer later.
fn recorded(id: &str, words: &str, output: &mut Output) {
    output.print(&format!(
        "recorded: run {id} is stopped, and continues with this answer when it is resumed: \
         lockstep resume {id}{words}\n"
    ));
}

fn described(open: &OpenQuestion) -> OpenQuestionJson<'_> {
    let asked = &open.asked;
    let answers: &'static [&'static str] = match &asked.question {
        Question::Approve(_) => &["yes", "no"],
        Question::Failed { .. } => &["retry", "ignore", "rollback", "abort"],
    };
    let request = match &asked.question {
        Question::Approve(request) => Some(&**request),
        Question::Failed { .. } => None,
    };
    OpenQuestionJson {
        run: &open.run,
        node: &asked.node,
        question: asked.question.text(),
        by: request.map_or(&[], |it| &it.by),
        count: request.map(|it| it.count),
        yes: (request.iter().flat_map(|it| &it.yeses))
            .map(|yes| &*yes.by)
            .collect(),
        except: request.map_or(&[], |it| &it.except),
        answers,
        asked_at: time(asked.asked_at),
    }
}

/// For whom a question is, and what it still needs.
pub(super) fn addressees(question: &Question, groups: &GroupMembers) -> String {
    let Question::Approve(request) = question else {
        return String::new();
    };
    let by = (!request.by.is_empty()).then(|| format!("for {}", request.by.join(", ")));
    let notes: Vec<String> = by.into_iter().chain(missing(request, groups)).collect();
    notes.join("; ")
}

fn row(question: &OpenQuestion, groups: &GroupMembers) -> Vec<TableCell> {
    let open = described(question);
    let asked = &question.asked;
    let by = addressees(&asked.question, groups);
    let stopped = match question.is_stopped {
        false => "",
        true => "the run is stopped",
    };
    let first = open.question.lines().next().unwrap_or_default();
    vec![
        (Tone::Warn, String::from("?")),
        cell(Tone::Bold, open.run),
        cell(Tone::Plain, open.node),
        cell(Tone::Plain, first),
        cell(Tone::Dim, &by),
        cell(Tone::Dim, &open.answers.join(" or ")),
        cell(
            Tone::Dim,
            &format!(
                "asked {} ago",
                elapsed_text(ms_between(asked.asked_at, now()))
            ),
        ),
        cell(Tone::Warn, stopped),
    ]
}

fn give(arguments: &Approve, answer: &Answer, output: &mut Output) -> Result<Exit, StoreError> {
    let (named, path) = state::run_and_path(&arguments.run, &arguments.path);
    let asks = |store: &Store, run: &StoredRun| {
        open(store, std::slice::from_ref(run)).is_ok_and(|it| !it.is_empty())
    };
    let (store, run) =
        match arguments
            .state
            .open_run(named, asks, "run with an open question", output)
        {
            Ok(found) => found,
            Err(exit) => return Ok(exit),
        };
    let asked = match choose(&store, &run, path)? {
        Ok(asked) => asked,
        Err(refused) => return Ok(output.refuse(&refused)),
    };
    if let Err(refused) = fits(arguments, store.folder(), &asked, answer) {
        return Ok(output.refuse(&refused));
    }
    let who = arguments.who();
    let given = |heeded| GivenAnswerJson {
        run: &run.id,
        node: &asked.node,
        answer: said(answer),
        by: &who,
        comment: arguments.comment.as_deref(),
        heeded,
    };
    let is_json = arguments.format == ListFormat::Json;
    let told = store.answer(&asked, answer, &who, arguments.comment.as_deref())?;
    if matches!(told, AnswerStatus::Given(_)) {
        output.took_effect();
    }
    match told {
        AnswerStatus::TooLate(first) => Ok(output.refuse(&too_late(&asked, first))),
        AnswerStatus::Unfit => Ok(output.refuse(&unfit(&asked))),
        AnswerStatus::Objected(_) => {
            let message = format!("the yes of `{who}` does not count");
            let refused = Diagnostic::without_place(codes::NOT_ANSWERED, message)
                .help("somebody else has to answer");
            Ok(output.refuse(&refused))
        }
        AnswerStatus::Given(_) if run.status != RunStatus::Running && is_json => {
            state::print_json(&given(false), output);
            Ok(Exit::Succeeded)
        }
        AnswerStatus::Given(_) if run.status != RunStatus::Running => {
            recorded(&run.id, &state::words(store.folder()), output);
            Ok(Exit::Succeeded)
        }
        AnswerStatus::Given(request) => match wait(&store, &run, request, output)? {
            RequestStatus::Heeded if is_json => {
                state::print_json(&given(true), output);
                Ok(Exit::Succeeded)
            }
            RequestStatus::Heeded => {
                let said = said(answer);
                let more = still_missing(arguments, &store, &asked, answer)?;
                output.print(&format!("{}: {said}, by {who}{more}\n", asked.node));
                Ok(Exit::Succeeded)
            }
            RequestStatus::Refused(why) if store.questions(run.number)?.contains(&asked) => {
                let message = format!("`{}` has not been answered: {why}", asked.node);
                let refused = Diagnostic::without_place(codes::NOT_ANSWERED, message);
                Ok(output.refuse(&refused))
            }
            RequestStatus::Refused(_) | RequestStatus::NotYet => {
                let given = store.approvals(run.number)?;
                let first = given.into_iter().rfind(|it| it.effect == asked.effect);
                let first = first.map(|first| (first.who, first.answer));
                Ok(output.refuse(&too_late(&asked, first)))
            }
        },
    }
}

/// What an approval needs after an answer: `; 1 of 2 yes, by ada; 1 more of linus`.
fn still_missing(
    arguments: &Approve,
    store: &Store,
    asked: &StoredQuestion,
    answer: &Answer,
) -> Result<String, StoreError> {
    let (Question::Approve(request), Answer::Approval(ApprovalAnswer::Yes)) =
        (&asked.question, answer)
    else {
        return Ok(String::new());
    };
    let mut request = request.clone();
    request.yeses = (store.approvals(asked.run)?.into_iter())
        .filter(|it| it.effect == asked.effect)
        .map(|it| Respondent {
            by: it.who.into(),
            at: time(it.answered_at),
            comment: it.comment,
        })
        .collect();
    if request.missing() == 0 {
        return Ok(String::new());
    }
    let groups = GroupMembers::read(arguments.groups.as_deref(), store.folder());
    let missing = missing(&request, &groups.unwrap_or_default());
    Ok(missing.map_or(String::new(), |missing| format!("; {missing}")))
}

/// The one question of a run that the arguments select.
fn choose(
    store: &Store,
    run: &StoredRun,
    path: Option<&str>,
) -> Result<Result<StoredQuestion, Diagnostic>, StoreError> {
    let all = open(store, std::slice::from_ref(run))?;
    let all: Vec<StoredQuestion> = all.into_iter().map(|(_, asked)| asked).collect();
    let last = match all.is_empty() {
        true => store.approvals(run.number)?.pop(),
        false => None,
    };
    Ok(select(&run.id, all, last, path))
}

/// The one question of these that a path selects; `last` is the last answer of a run that has none.
pub(super) fn select(
    run: &str,
    mut all: Vec<StoredQuestion>,
    last: Option<Approval>,
    path: Option<&str>,
) -> Result<StoredQuestion, Diagnostic> {
    let nodes = |all: &[StoredQuestion]| -> String {
        let nodes: Vec<String> = all.iter().map(|it| format!("`{}`", it.node)).collect();
        nodes.join(", ")
    };
    let refuse = |message: String, help: Option<String>| {
        Err(Diagnostic::without_place(codes::NOT_ANSWERED, message).help_opt(help))
    };
    let before = nodes(&all);
    if let Some(path) = path {
        let pattern = PathPattern::new(path);
        all.retain(|asked| pattern.matches(&asked.node));
    }
    match (all.len(), path) {
        (1, _) => Ok(all.remove(0)),
        (0, Some(path)) if !before.is_empty() => refuse(
            format!("`{path}` has no open question"),
            Some(format!("run {run} has open questions at {before}")),
        ),
        (0, _) => match last {
            Some(last) => Err(answered(&last.node, &last.who, &last.answer)),
            None => refuse(format!("run {run} has no open question"), None),
        },
        _ => refuse(
            format!("run {run} has several open questions"),
            Some(format!("name one of {}", nodes(&all))),
        ),
    }
}

/// Checks that the answer fits this question, and that the person may give it.
fn fits(
    arguments: &Approve,
    folder: &Path,
    asked: &StoredQuestion,
    answer: &Answer,
) -> Result<(), Diagnostic> {
    let refuse = |message: String| Diagnostic::without_place(codes::NOT_ANSWERED, message);
    let request = match (&asked.question, answer) {
        (Question::Approve(request), Answer::Approval(_)) => request,
        (Question::Approve { .. }, Answer::Failure(_) | Answer::Nobody) => {
            return Err(unfit(asked));
        }
        (Question::Failed { .. }, Answer::Approval(_)) => {
            return Err(unfit(asked));
        }
        (Question::Failed { .. }, Answer::Failure(_) | Answer::Nobody) => return Ok(()),
    };
    let groups = GroupMembers::read(arguments.groups.as_deref(), folder)?;
    let (who, by) = (arguments.who(), &request.by);
    if groups.allow(&who, by) {
        return match objection(request, &groups, &who) {
            Some(why) if *answer == Answer::Approval(ApprovalAnswer::Yes) => {
                Err(refuse(why).help("somebody else has to answer"))
            }
            Some(_) | None => Ok(()),
        };
    }
    let message = format!(
        "`{who}` may not answer this: the approval is for {}",
        by.join(", ")
    );
    let help = match &groups.file {
        Some(file) => format!("`{}` defines the groups", file.display()),
        None => format!(
            "define the group in `{}`: `{} = [\"{who}\"]`",
            folder.join("groups.toml").display(),
            by.first().map_or("managers", String::as_str)
        ),
    };
    Err(refuse(message).help(help))
}

/// The answer is to another kind of question.
pub(super) fn unfit(asked: &StoredQuestion) -> Diagnostic {
    let (message, help) = match &asked.question {
        Question::Approve { .. } => (
            format!("`{}` asks for yes or no", asked.node),
            "answer with `--yes` or `--no`",
        ),
        Question::Failed { .. } => (
            format!("`{}` asks what is to be done about a failure", asked.node),
            "answer with `--choose retry`, `ignore`, `rollback` or `abort`",
        ),
    };
    Diagnostic::without_place(codes::NOT_ANSWERED, message).help(help)
}

pub(super) fn too_late(asked: &StoredQuestion, first: Option<(String, Answer)>) -> Diagnostic {
    match first {
        Some((who, answer)) => answered(&asked.node, &who, &answer),
        None => Diagnostic::without_place(
            codes::NOT_ANSWERED,
            format!("`{}` no longer needs an answer", asked.node),
        ),
    }
}

fn answered(node: &str, who: &str, answer: &Answer) -> Diagnostic {
    let answer = said(answer);
    let message = format!("`{node}` has already been answered: {answer}, by {who}");
    Diagnostic::without_place(codes::NOT_ANSWERED, message)
}

/// The options that answer a question.
pub(super) fn answers_to(question: &Question) -> &'static str {
    match question {
        Question::Approve { .. } => "--yes|--no",
        Question::Failed { .. } => "--choose retry|ignore|rollback|abort",
    }
}

/// An answer in a word.
pub(super) fn said(answer: &Answer) -> &'static str {
    answer.as_str()
}
