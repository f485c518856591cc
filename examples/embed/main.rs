//! A program that embeds Lockstep. It runs `release.deploy` three times: to its end, through a
//! restart of the program, and until it is cancelled.
//!
//! `docs/embedding.md` is made from this file.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use lockstep::{
    ActionError, DiskFiles, Engine, FailureChoice, Question, Run, RunEnd, RunEvent, RunEventKind,
    SimulatedClock, WaitReason,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// ANCHOR: actions
#[derive(Deserialize, JsonSchema)]
struct Ticket {
    /// What it is about.
    title: String,
    urgent: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
struct Opened {
    id: String,
}

async fn open_ticket(ticket: Ticket) -> Result<Opened, ActionError> {
    let queue = if ticket.urgent == Some(true) {
        "U"
    } else {
        "T"
    };
    match ticket.title.as_str() {
        "" => Err(ActionError::new("a ticket needs a title")),
        title => Ok(Opened {
            id: format!("{queue}-{}", title.len()),
        }),
    }
}

#[derive(Deserialize, JsonSchema)]
struct Announcement {
    text: String,
    ticket: Option<String>,
}

async fn announce(announcement: Announcement) -> Result<(), ActionError> {
    // Here a chat room would be told; `await` whatever takes time.
    let Announcement { text, ticket } = announcement;
    match (text.is_empty(), ticket) {
        (false, Some(_)) => Ok(()),
        _ => Err(ActionError::new("there is nothing to announce")),
    }
}
// ANCHOR_END: actions

// ANCHOR: engine
/// What all runs have in common.
pub fn engine(state: &Path, clock: &SimulatedClock) -> Engine {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/embed");
    Engine::builder()
        .files(DiskFiles::new(folder))
        .folder(folder)
        .action("open-ticket", open_ticket)
        .action("announce", announce)
        .on_question(answer)
        .clock(clock.clone())
        .store(state)
        .user("ada")
        .build()
}
// ANCHOR_END: engine

// ANCHOR: questions
fn answer(question: Question) {
    match question {
        Question::Approval(asked) if asked.text.contains("-bad") => {
            asked.refuse("grace", "it is known to be bad");
        }
        Question::Approval(asked) => asked.approve("grace"),
        Question::Failure(asked) => asked.choose("grace", FailureChoice::Rollback),
        // There may be other kinds one day.
        _ => {}
    }
}
// ANCHOR_END: questions

// ANCHOR: events
fn told(event: &RunEvent) -> Option<String> {
    Some(match &event.what {
        RunEventKind::RunStarted { pipeline, .. } => format!("{pipeline} begins"),
        RunEventKind::NodeOutput { text, .. } => format!("  | {text}"),
        RunEventKind::NodeWaiting { node, waiting, .. } => match waiting {
            WaitReason::Time { after_ms } => format!("  {node} waits for {after_ms} ms"),
            WaitReason::Approval { question, .. } => format!("  {node} asks: {question}"),
            _ => format!("  {node} waits"),
        },
        RunEventKind::NodeFinished { node, status, .. } => format!("  {node}: {status}"),
        _ => return None,
    })
}

/// Writes down what a run tells, until it waits for this long or has ended.
async fn listen(run: &mut Run, out: &mut impl Write) -> Result<Option<Duration>, Box<dyn Error>> {
    while let Some(event) = run.next_event().await {
        if let Some(line) = told(&event) {
            writeln!(out, "{line}")?;
        }
        if let RunEventKind::NodeWaiting { waiting, .. } = event.what
            && let WaitReason::Time { after_ms } = waiting
        {
            return Ok(Some(Duration::from_millis(after_ms.try_into()?)));
        }
    }
    Ok(None)
}
// ANCHOR_END: events

// ANCHOR: run
/// A run from its beginning to its end. Its hour takes no time.
async fn release(state: &Path, out: &mut impl Write) -> Result<RunEnd, Box<dyn Error>> {
    let clock = SimulatedClock::new();
    let engine = engine(state, &clock);
    let program = engine.compile("release.deploy")?;
    let plan = program.plan().input("version", "v2").build()?;
    let mut run = engine.start(&plan).await?;
    while let Some(time) = listen(&mut run, out).await? {
        clock.advance(time);
    }
    Ok(run.wait().await)
}
// ANCHOR_END: run

// ANCHOR: resume
/// A run that outlives the engine that began it.
async fn restart(state: &Path, out: &mut impl Write) -> Result<RunEnd, Box<dyn Error>> {
    let clock = SimulatedClock::new();
    let before = engine(state, &clock);
    let plan = before.compile("release.deploy")?.plan().build()?;
    let mut run = before.start(&plan).await?;
    listen(&mut run, out).await?;
    let id = run.id().to_string();
    run.stop();
    let stopped = run.wait().await;
    drop(before);
    writeln!(
        out,
        "-- {stopped:?}; what follows may be another process --"
    )?;

    // It tells first what has happened before.
    let mut run = engine(state, &clock).resume(&id).await?;
    while let Some(time) = listen(&mut run, out).await? {
        clock.advance(time);
    }
    Ok(run.wait().await)
}
// ANCHOR_END: resume

// ANCHOR: cancel
/// A run that is cancelled while it waits: what it has installed is removed.
async fn cancel(state: &Path, out: &mut impl Write) -> Result<RunEnd, Box<dyn Error>> {
    let engine = engine(state, &SimulatedClock::new());
    let plan = engine.compile("release.deploy")?.plan().build()?;
    let mut run = engine.start(&plan).await?;
    while listen(&mut run, out).await?.is_some() {
        run.cancel();
    }
    Ok(run.wait().await)
}
// ANCHOR_END: cancel

/// All of it, written down.
pub async fn transcript(state: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "== to its end ==")?;
    let end = release(state, out).await?;
    writeln!(out, "{end:?}\n\n== through a restart ==")?;
    let end = restart(state, out).await?;
    writeln!(out, "{end:?}\n\n== cancelled ==")?;
    let end = cancel(state, out).await?;
    writeln!(out, "{end:?}")?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let state = tempfile::tempdir()?;
    transcript(state.path(), &mut std::io::stdout()).await
}
