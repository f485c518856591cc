//! `lockstep show`: the state of a run: what ran, what was and is deployed, who answered what, and
//! what can be done next.

use clap::Args;
use serde::Serialize;

use super::approve::{addressees, answers_to, said};
use super::exit::Exit;
use super::groups::GroupMembers;
use super::next_commands;
use super::output::Output;
use super::remote;
use super::run::execute;
use super::runs::{RunJson, ShownRun, inputs, sign, wait_words};
use super::shell_word::shell_word;
use super::state::{self, ListFormat, StateArgument};
use super::table::{TableCell, cell, table};
use lockstep_base::diagnostic::render::{clean, clean_line};
use lockstep_base::node_path::NodePath;
use lockstep_engine::run_event::{NodeKind, RunEvent, RunEventKind, Status, Stream};
use lockstep_plan::Plan;
use lockstep_runtime::logs::read_log;
use lockstep_store::{
    Approval, RunStatus, Store, StoreError, StoredQuestion, StoredRun, ms_between, now, time,
};
use lockstep_view::history::NodeHistory;
use lockstep_view::phrases::{duration_text, elapsed_text};
use lockstep_view::style::{StyledLine, Tone};
use lockstep_view::{LedgerFormat, LogsCommand, RunHistory, RunSummary, path};

/// At most so many lines of a failed command's output are shown.
pub(super) const MAX_OUTPUT_LINES: usize = 20;

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The run: its id or a prefix of it. Without it, the last one.
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// Show every node, also what succeeded inside deployments.
    #[arg(long)]
    full: bool,

    #[command(flatten)]
    state: StateArgument,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ListFormat,
}

/// The state of a run. As JSON it is stable: fields may be added, none is removed.
#[derive(Debug, Serialize)]
struct RunDetailsJson<'a> {
    #[serde(flatten)]
    run: RunJson<'a>,
    nodes: Vec<NodeJson<'a>>,
    deployments: Vec<DeploymentJson<'a>>,
    answers: Vec<AnswerJson<'a>>,
    /// Who resumed it.
    resumed: Vec<ActorJson<'a>>,
    /// Who asked from another process to cancel it.
    cancelled: Vec<ActorJson<'a>>,
    /// The paths of nodes that wait for an answer.
    questions: Vec<&'a str>,
    /// Commands that can be run next.
    next: &'a [String],
}

#[derive(Debug, Serialize)]
struct NodeJson<'a> {
    node: &'a str,
    #[serde(flatten)]
    past: &'a NodeHistory,
}

#[derive(Debug, Serialize)]
struct DeploymentJson<'a> {
    node: &'a str,
    service: &'a str,
    target: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
    status: Status,
    took_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct AnswerJson<'a> {
    node: &'a str,
    question: &'a str,
    answer: &'static str,
    who: &'a str,
    /// The user id of who answered, if it is known: `who` can be chosen.
    uid: Option<u32>,
    comment: Option<&'a str>,
    plan: &'a str,
    at: String,
}

/// Who did something to the run. As JSON it is stable: fields may be added, none is removed.
#[derive(Debug, Serialize)]
struct ActorJson<'a> {
    who: &'a str,
    uid: Option<u32>,
    comment: Option<&'a str>,
    at: String,
}

/// Who did something to the run, and when.
pub(super) struct Actor {
    pub(super) did: &'static str,
    pub(super) who: String,
    pub(super) uid: Option<u32>,
    pub(super) comment: Option<String>,
    pub(super) at: jiff::Timestamp,
}

/// The data that has been read of a run.
pub(super) struct RunDetails {
    pub(super) run: ShownRun,
    pub(super) history: RunHistory,
    pub(super) summary: RunSummary,
    pub(super) answers: Vec<Approval>,
    pub(super) resumed: Vec<Actor>,
    pub(super) cancelled: Vec<Actor>,
    pub(super) questions: Vec<StoredQuestion>,
    pub(super) next: Vec<String>,
    /// What it was begun with; a run of another version can be shown without it, and one of a
    /// server is.
    pub(super) plan: Option<Plan>,
    /// Who is in which group.
    pub(super) groups: GroupMembers,
    /// The words that name the state directory or the server.
    pub(super) words: String,
}

pub(super) fn run(arguments: &Show, output: &mut Output) -> Exit {
    let named = arguments.run.as_deref();
    match arguments.state.server(output) {
        Ok(Some(server)) => {
            return match remote::show(&server, named, output) {
                Ok(known) => draw(arguments, &known, output),
                Err(exit) => exit,
            };
        }
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let (store, run) = match arguments.state.open_run(named, |_, _| true, "run", output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let known = match read(&store, run) {
        Ok(known) => known,
        Err(error) => return state::refuse(&error, output),
    };
    draw(arguments, &known, output)
}

fn draw(arguments: &Show, known: &RunDetails, output: &mut Output) -> Exit {
    match arguments.format {
        ListFormat::Json => state::print_json(&shown(known), output),
        ListFormat::Text => print(known, arguments.full, output),
    }
    Exit::Succeeded
}

fn read(store: &Store, run: StoredRun) -> Result<RunDetails, StoreError> {
    let mut history = RunHistory::default();
    let mut summary = RunSummary::new();
    let mut resumed = Vec::new();
    for event in store.published_events(run.number, 1)? {
        history.take(&event);
        resumed.extend(Actor::of_resume(&event));
        if let Some(node) = logged(&event) {
            let log = read_log(&store.logs(&run.id), node)?.unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            for text in lines
                .iter()
                .skip(lines.len().saturating_sub(MAX_OUTPUT_LINES))
            {
                summary.take(&written(&event, node, text));
            }
        }
        summary.take(&event);
    }
    let waits = store.queue_waits()?;
    let shown = ShownRun::of(&run, waits.get(&run.number));
    did_not_begin(&shown, &mut summary);
    if run.status == RunStatus::Running {
        history.until(now().as_millisecond());
    }
    let plan = store
        .bound(&run)
        .ok()
        .and_then(|bound| Plan::new(bound).ok());
    if let (Some(plan), None) = (&plan, run.undoes) {
        summary.by_plan(&execute::outline_of(plan, &summary));
    }
    let questions = store.questions(run.number)?;
    let words = state::words(store.folder());
    Ok(RunDetails {
        plan,
        next: next(&shown, &questions, &words),
        groups: GroupMembers::read(None, store.folder()).unwrap_or_default(),
        words,
        answers: store.approvals(run.number)?,
        resumed,
        cancelled: (store.cancellations(run.number)?.into_iter())
            .map(|it| Actor {
                did: "cancelled",
                who: it.who,
                uid: it.uid,
                comment: it.comment,
                at: it.asked_at,
            })
            .collect(),
        questions,
        run: shown,
        history,
        summary,
    })
}

/// The command of which the log is to be read: what a failed command wrote, and one of a handler,
/// is shown.
pub(super) fn logged(event: &RunEvent) -> Option<&NodePath> {
    match &event.what {
        RunEventKind::NodeFinished {
            node,
            kind: NodeKind::Run,
            status,
            ..
        } if *status == Status::Failed || path::handled(node).is_some() => Some(node),
        _ => None,
    }
}

/// A line of the log of a command that ends with an event.
pub(super) fn written(end: &RunEvent, node: &NodePath, text: &str) -> RunEvent {
    RunEvent {
        what: RunEventKind::NodeOutput {
            node: node.clone(),
            stream: Stream::Stdout,
            text: text.to_owned(),
        },
        ..end.clone()
    }
}

/// The end of a run that waited in a queue, of which nothing else was told.
pub(super) fn did_not_begin(run: &ShownRun, summary: &mut RunSummary) {
    let (RunStatus::Ended(status), Some(_)) = (run.status, &run.unstarted) else {
        return;
    };
    let started = RunEventKind::RunStarted {
        run: run.id.clone(),
        pipeline: run.pipeline.clone(),
        outside_window: None,
    };
    let failure = None;
    let at = run.finished_at.unwrap_or(run.started_at);
    let told = [
        (run.started_at, started),
        (at, RunEventKind::RunFinished { status, failure }),
    ];
    for (seq, (at, what)) in (1..).zip(told) {
        summary.take(&RunEvent { seq, at, what });
    }
}

/// The commands that can be run next.
pub(super) fn next(run: &ShownRun, questions: &[StoredQuestion], state: &str) -> Vec<String> {
    let id = &run.id;
    match run.status {
        RunStatus::Running => {
            let mut all = vec![
                format!("lockstep logs {id} -f{state}"),
                format!("lockstep cancel {id}{state}"),
            ];
            for (at, it) in questions.iter().enumerate() {
                // Where several ask, the path says which one is answered.
                let path = match questions.len() {
                    1 => String::new(),
                    _ => format!(" {}", shell_word(&it.node)),
                };
                let answer = answers_to(&it.question);
                let command = format!("lockstep approve {id}{path} {answer}{state}");
                all.insert(at, command);
            }
            all
        }
        RunStatus::Stopped => next_commands::resume(id, state),
        RunStatus::Ended(status) => next_commands::after(status, id, state),
    }
}

fn shown(known: &RunDetails) -> RunDetailsJson<'_> {
    let nodes = known.history.nodes();
    RunDetailsJson {
        run: RunJson::of(&known.run),
        nodes: nodes.map(|(node, past)| NodeJson { node, past }).collect(),
        deployments: known
            .summary
            .rows()
            .map(|row| DeploymentJson {
                node: &row.node,
                service: &row.service,
                target: &row.target,
                before: row.before.as_deref(),
                after: row.after.as_deref(),
                changed: row.changed,
                status: row.status,
                took_ms: row.took_ms,
            })
            .collect(),
        answers: known
            .answers
            .iter()
            .map(|it| AnswerJson {
                node: &it.node,
                question: &it.question,
                answer: said(&it.answer),
                who: &it.who,
                uid: it.uid,
                comment: it.comment.as_deref(),
                plan: &it.plan_hash,
                at: time(it.answered_at),
            })
            .collect(),
        resumed: known.resumed.iter().map(Actor::json).collect(),
        cancelled: known.cancelled.iter().map(Actor::json).collect(),
        questions: known.questions.iter().map(|it| it.node.as_str()).collect(),
        next: &known.next,
    }
}

fn print(known: &RunDetails, full: bool, output: &mut Output) {
    let style = state::look(output);
    let goes_on = known.run.status == RunStatus::Running;
    let mut text = head(&known.run, style);
    text.push('\n');
    for line in known.history.lines(style, full, goes_on) {
        text.push_str(&line.paint(style));
        text.push('\n');
    }
    let people = people(known);
    if !people.is_empty() {
        text.push('\n');
        text.push_str(&table(&people, style));
    }
    let ledger = LedgerFormat {
        style,
        width: None,
        sources: known.plan.as_ref().map(|plan| &plan.bound.program.sources),
        next: known.next.clone(),
        logs: Some(LogsCommand {
            run: known.run.id.to_string(),
            state: known.words.clone(),
        }),
        goes_on: goes_on.then(|| match &known.run.wait {
            Some(wait) => format!("waits {}", wait_words(wait)),
            None => String::from("still running"),
        }),
    };
    let mut written = Vec::new();
    // Writing to memory does not fail.
    let _ = ledger.print(&mut written, &known.summary);
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&written));
    output.print(&text);
}

fn head(run: &ShownRun, style: lockstep_view::Style) -> String {
    let (mark, tone) = sign(run.status, style);
    let mut line = StyledLine::of(tone, mark);
    line.add(Tone::Bold, format!(" {}", clean(&run.id)));
    line.add(Tone::Plain, format!("  {}  ", clean(&run.pipeline)));
    line.add(tone, run.word.clone());
    let ago = elapsed_text(ms_between(run.started_at, now()));
    let mut when = format!("  begun {ago} ago");
    if let Some(ended) = run.finished_at {
        when.push_str(&format!(
            ", took {}",
            duration_text(ms_between(run.started_at, ended))
        ));
    }
    line.add(Tone::Dim, when);
    let dot = style.dot();
    let plan: String = run.plan_hash.chars().take(12).collect();
    let mut below = format!("  {} {dot} by {} {dot} plan {plan}", run.file, run.user);
    let inputs = inputs(run);
    if !inputs.is_empty() {
        below.push_str(&format!(" {dot} {inputs}"));
    }
    let below = StyledLine::of(Tone::Dim, clean_line(&below));
    let mut head = format!("{}\n{}\n", line.paint(style), below.paint(style));
    let unstarted = run
        .unstarted
        .as_ref()
        .map(|why| format!("  it did not begin: {why}"));
    let waiting = run
        .wait
        .as_ref()
        .map(|wait| format!("  waits {}", wait_words(wait)));
    let outside = run
        .outside_window
        .as_ref()
        .map(|why| format!("  did not wait for windows: {why}"));
    for why in unstarted.iter().chain(&waiting).chain(&outside) {
        let why = StyledLine::of(Tone::Warn, clean_line(why));
        head.push_str(&format!("{}\n", why.paint(style)));
    }
    head
}

impl Actor {
    /// Who has resumed a run, where an event says so.
    pub(super) fn of_resume(event: &RunEvent) -> Option<Self> {
        match &event.what {
            RunEventKind::RunResumed { by, uid, .. } => Some(Self {
                did: "resumed",
                who: by.to_string(),
                uid: *uid,
                comment: None,
                at: event.at,
            }),
            _ => None,
        }
    }

    fn json(&self) -> ActorJson<'_> {
        ActorJson {
            who: &self.who,
            uid: self.uid,
            comment: self.comment.as_deref(),
            at: time(self.at),
        }
    }
}

/// Who did something, with the user id where the name is that of somebody else.
fn by(who: &str, uid: Option<u32>) -> String {
    match uid.filter(|uid| execute::user_of(*uid).as_deref() != Some(who)) {
        Some(uid) => format!("by {who} (uid {uid})"),
        None => format!("by {who}"),
    }
}

/// Who answered what, who resumed and cancelled the run, and what waits for an answer.
fn people(known: &RunDetails) -> Vec<Vec<TableCell>> {
    let ago = |at| format!("{} ago", elapsed_text(ms_between(at, now())));
    let mut rows = Vec::new();
    for it in &known.answers {
        let comment = it.comment.as_ref().map(|text| format!("\"{text}\""));
        rows.push(vec![
            cell(Tone::Plain, &it.node),
            cell(Tone::Bold, said(&it.answer)),
            cell(Tone::Plain, &by(&it.who, it.uid)),
            cell(Tone::Dim, &ago(it.answered_at)),
            cell(Tone::Plain, &comment.unwrap_or_default()),
        ]);
    }
    for it in known.resumed.iter().chain(&known.cancelled) {
        let comment = it.comment.as_ref().map(|text| format!("\"{text}\""));
        rows.push(vec![
            cell(Tone::Plain, &known.run.pipeline),
            cell(Tone::Bold, it.did),
            cell(Tone::Plain, &by(&it.who, it.uid)),
            cell(Tone::Dim, &ago(it.at)),
            cell(Tone::Plain, &comment.unwrap_or_default()),
        ]);
    }
    for it in &known.questions {
        rows.push(vec![
            cell(Tone::Plain, &it.node),
            cell(Tone::Warn, "asks"),
            cell(Tone::Plain, ""),
            cell(Tone::Dim, &ago(it.asked_at)),
            cell(Tone::Plain, &addressees(&it.question, &known.groups)),
        ]);
    }
    rows
}
