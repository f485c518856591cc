//! Looks at what nobody delivers: times, digests of images, commits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use jiff::Timestamp;
use lockstep_lang::ir::TriggerKind;
use lockstep_plan::schedule::Schedule;
use lockstep_plan::triggers::TriggerEvent;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::change::{self, CommitChange};
use super::deliveries::{self, Delivery};
use super::{TriggerOf, fire, registry};
use crate::app::App;
use crate::http::problem::Problem;

/// How often it is asked whether something is due.
const TICK: Duration = Duration::from_secs(1);
/// How often the time up to which a schedule was looked at is written down where nothing was due.
const MARK_INTERVAL_SECONDS: i64 = 60;
/// How often an image or a checkout is looked at, at most.
const MIN_INTERVAL_MS: i64 = 1_000;

/// When a trigger was looked at last, and what went wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastLook {
    at: Option<Timestamp>,
    /// Why it could not be looked at.
    pub(crate) error: Option<String>,
}

/// What a trigger has seen last, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    /// What it is about: where that changes, what was seen before means nothing.
    of: String,
    /// A time, a digest or a commit.
    value: String,
}

/// What has come of looking at a trigger.
enum Looked {
    /// Its time has not come.
    NotDue,
    /// Whatever was there has been dealt with.
    Done,
}

/// Looks until the server ends. One trigger that waits for a registry keeps no other waiting.
pub(crate) async fn run(app: App) {
    let mut looking: HashMap<String, JoinHandle<()>> = HashMap::new();
    loop {
        let shared = app.clone();
        let all = tokio::task::spawn_blocking(move || TriggerOf::all(&shared.project)).await;
        looking.retain(|_, task| !task.is_finished());
        for of in all.unwrap_or_default() {
            if let Entry::Vacant(free) = looking.entry(of.id()) {
                let app = app.clone();
                free.insert(tokio::spawn(look_and_tell(app, of)));
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Looks at a trigger; what goes wrong is shown until it is looked at again.
async fn look_and_tell(app: App, of: TriggerOf) {
    let id = of.id();
    let error = match look(&app, of).await {
        Ok(Looked::NotDue) => return,
        Ok(Looked::Done) => None,
        Err(problem) => Some(problem.detail.unwrap_or(problem.title)),
    };
    if let Some(error) = &error {
        tracing::warn!(target: "lockstep::serve", trigger = id, error, "a trigger failed");
    }
    app.set_trigger_error(&id, error);
}

async fn look(app: &App, of: TriggerOf) -> Result<Looked, Problem> {
    let now = Timestamp::now();
    match &of.trigger().kind {
        TriggerKind::Schedule { cron, zone, missed } => {
            let schedule = Schedule::parse(cron, zone).map_err(Problem::refused)?;
            let (id, what) = (of.id(), format!("{cron} {zone}"));
            let Some(last) = seen(app, &id, &what).await? else {
                // What was due before it was there is not missed.
                mark(app, &id, &what, &now.to_string()).await?;
                return Ok(Looked::Done);
            };
            let last: Timestamp = last.parse().unwrap_or(now);
            let due = schedule.due(last, now, *missed);
            for at in &due {
                let delivery = fire::scheduled(&id, *at, now);
                let seen = stored(&what, &at.to_string());
                fire::fire(app, of.clone(), TriggerEvent::at(*at), delivery, Some(seen)).await?;
            }
            let is_old = now.as_second() - last.as_second() >= MARK_INTERVAL_SECONDS;
            if !due.is_empty() || is_old {
                mark(app, &id, &what, &now.to_string()).await?;
            }
        }
        TriggerKind::Artifact { image, every } => {
            let id = of.id();
            if !app.is_trigger_due(&id, now, (*every).max(MIN_INTERVAL_MS)) {
                return Ok(Looked::NotDue);
            }
            let what = image.to_string();
            let digest = {
                let image = what.clone();
                let asked = tokio::task::spawn_blocking(move || registry::digest(&image)).await;
                let asked = asked.map_err(|error| Problem::internal(error.to_string()))?;
                asked.map_err(Problem::refused)?
            };
            match seen(app, &id, &what).await? {
                None => mark(app, &id, &what, &digest).await?,
                Some(known) if known == digest => {}
                Some(known) => {
                    let event = TriggerEvent {
                        digest: Some(digest.clone()),
                        ..TriggerEvent::at(now)
                    };
                    let delivery = Delivery {
                        trigger: id,
                        id: format!("{known} to {digest} at {now}"),
                        content: None,
                        at: now,
                    };
                    let seen = stored(&what, &digest);
                    fire::fire(app, of, event, delivery, Some(seen)).await?;
                }
            }
        }
        TriggerKind::Change {
            paths,
            branch,
            every,
        } => {
            let id = of.id();
            if !app.is_trigger_due(&id, now, (*every).max(MIN_INTERVAL_MS)) {
                return Ok(Looked::NotDue);
            }
            let what = format!("{} {paths:?}", branch.as_deref().unwrap_or("HEAD"));
            let known = seen(app, &id, &what).await?;
            let folder = app.project.folder().to_path_buf();
            let (paths, branch, since) = (paths.clone(), branch.clone(), known.clone());
            let looked = tokio::task::spawn_blocking(move || {
                change::since(&folder, branch.as_deref(), &paths, since.as_deref())
            });
            let looked = looked
                .await
                .map_err(|error| Problem::internal(error.to_string()))?;
            let CommitChange { commit, paths } = looked.map_err(Problem::refused)?;
            match known {
                Some(known) if known == commit => {}
                Some(known) if !paths.is_empty() => {
                    let event = TriggerEvent {
                        commit: Some(commit.clone()),
                        paths,
                        ..TriggerEvent::at(now)
                    };
                    let delivery = Delivery {
                        trigger: id,
                        id: format!("{known} to {commit} at {now}"),
                        content: None,
                        at: now,
                    };
                    let seen = stored(&what, &commit);
                    fire::fire(app, of, event, delivery, Some(seen)).await?;
                }
                // The first one, or one that touches none of the files.
                _ => mark(app, &id, &what, &commit).await?,
            }
        }
        // It is delivered; what its secret lacks is said when it is.
        TriggerKind::Webhook { .. } => return Ok(Looked::NotDue),
    }
    Ok(Looked::Done)
}

fn stored(of: &str, value: &str) -> String {
    let seen = Seen {
        of: of.to_owned(),
        value: value.to_owned(),
    };
    serde_json::to_string(&seen).unwrap_or_default()
}

/// What a trigger has seen last of this.
async fn seen(app: &App, id: &str, of: &str) -> Result<Option<String>, Problem> {
    let id = id.to_owned();
    let text = app
        .stores
        .run(move |stores| deliveries::seen(stores.access.connection(), &id));
    let seen: Option<Seen> = (text.await??).and_then(|text| serde_json::from_str(&text).ok());
    Ok(seen.filter(|seen| seen.of == of).map(|seen| seen.value))
}

async fn mark(app: &App, id: &str, of: &str, value: &str) -> Result<(), Problem> {
    let (id, text) = (id.to_owned(), stored(of, value));
    let done = app
        .stores
        .run(move |stores| deliveries::set_seen(stores.access.connection(), &id, &text));
    Ok(done.await??)
}

/// When triggers were looked at last.
#[derive(Debug, Default)]
pub(crate) struct Looks(HashMap<String, LastLook>);

impl Looks {
    /// Whether so much time has passed since a trigger was looked at last; if so, it is now.
    pub(crate) fn is_due(&mut self, id: &str, now: Timestamp, every_ms: i64) -> bool {
        let last = self.0.entry(id.to_owned()).or_default();
        let is_due = last.at.is_none_or(|at| {
            // A clock that was set back does not stop it.
            let passed = now.as_millisecond() - at.as_millisecond();
            passed >= every_ms || passed < 0
        });
        if is_due {
            last.at = Some(now);
        }
        is_due
    }

    pub(crate) fn set_error(&mut self, id: &str, error: Option<String>) {
        match self.0.get_mut(id) {
            Some(last) if error.is_some() || last.error.is_some() => last.error = error,
            None if error.is_some() => {
                self.0.insert(id.to_owned(), LastLook { at: None, error });
            }
            Some(_) | None => {}
        }
    }

    pub(crate) fn error(&self, id: &str) -> Option<String> {
        self.0.get(id).and_then(|last| last.error.clone())
    }
}
