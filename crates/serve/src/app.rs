//! What all requests share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lockstep_store::{Store, StoredRun};

use crate::database::RunScope;
use crate::error::ServeError;
use crate::feed::Feeds;
use crate::foresights::Foresights;
use crate::http::guesses::Guesses;
use crate::http::problem::Problem;
use crate::log_lines::LogIndexes;
use crate::notify::Targets;
use crate::oidc::Provider;
use crate::options::ServeOptions;
use crate::project::Project;
use crate::runner::Runners;
use crate::scope;
use crate::stores::{StorePool, Stores};
use crate::triggers::poll::Looks;
use crate::triggers::{TriggerOf, fire};

/// What all requests share.
#[derive(Clone)]
pub(crate) struct App(Arc<AppParts>);

pub(crate) struct AppParts {
    pub(crate) options: ServeOptions,
    pub(crate) project: Project,
    pub(crate) stores: StorePool,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) runners: Runners,
    pub(crate) log_indexes: LogIndexes,
    pub(crate) foresights: Foresights,
    /// Clients that guess.
    pub(crate) guesses: Guesses,
    looks: Mutex<Looks>,
    secrets: Mutex<HashMap<String, (Instant, String)>>,
    /// The OpenID Connect provider, if there is one.
    pub(crate) provider: Option<Provider>,
    /// Who is notified of runs.
    pub(crate) notify: Targets,
}

/// A secret of a webhook is read again after this time.
const MAX_SECRET_AGE: Duration = Duration::from_secs(30);

impl std::ops::Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl App {
    pub(crate) fn new(options: ServeOptions) -> Result<Self, ServeError> {
        let at = |error| ServeError::Folder(options.folder.clone(), error);
        let folder = std::fs::canonicalize(&options.folder).map_err(at)?;
        let stores = StorePool::open(options.state.clone())?;
        let state = std::fs::canonicalize(&options.state).map_err(at)?;
        let feeds = Feeds::start(Store::open(&state)?)?;
        let secrets = &options.settings_folder;
        Ok(Self(Arc::new(AppParts {
            provider: Provider::of(&options)?,
            notify: Targets::new(&options.settings.notify, secrets)?,
            runners: Runners {
                program: options.program.clone(),
                folder: folder.clone(),
                state,
                engine: options.engine.clone(),
            },
            project: Project::new(folder),
            log_indexes: LogIndexes::default(),
            foresights: Foresights::default(),
            guesses: Guesses::default(),
            looks: Mutex::default(),
            secrets: Mutex::default(),
            options,
            stores,
            feeds,
        })))
    }

    /// The pipeline of a run by its file, and the infrastructures of its plan.
    pub(crate) fn scope(&self, stores: &Stores, run: &StoredRun) -> RunScope {
        match stores.own().scope(&run.id) {
            Ok(Some(known)) => known,
            _ => {
                let scope = scope::of_stored(&stores.runs, run, self.project.folder()).whole();
                // What cannot be written now is found again.
                let _ = stores.own().put_scope(&run.id, &scope);
                scope
            }
        }
    }

    /// Refuses a client that has guessed too often.
    pub(crate) fn refuse_guesses(&self, client: &str) -> Result<(), Problem> {
        match self.guesses.blocked(client) {
            None => Ok(()),
            Some(left) => {
                let seconds = left.as_secs() + 1;
                let why = format!("too many wrong logins, tokens or links: wait {seconds} s");
                Err(Problem::too_many(why))
            }
        }
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a trigger is to be looked at now.
    pub(crate) fn is_trigger_due(&self, id: &str, now: Timestamp, every_ms: i64) -> bool {
        self.looks().is_due(id, now, every_ms)
    }

    pub(crate) fn set_trigger_error(&self, id: &str, error: Option<String>) {
        self.looks().set_error(id, error);
    }

    /// What is wrong with a trigger.
    pub(crate) fn trigger_error(&self, id: &str) -> Option<String> {
        self.looks().error(id)
    }

    /// The secret of a webhook. It is not read for each delivery, since that may start a command.
    pub(crate) async fn webhook_secret(
        &self,
        of: &TriggerOf,
        secret: u32,
    ) -> Result<String, String> {
        let key = of.id();
        let known = {
            let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            secrets.get(&key).cloned()
        };
        if let Some((_, text)) = known.filter(|(at, _)| at.elapsed() < MAX_SECRET_AGE) {
            return Ok(text);
        }
        let text = fire::secret(self, of, secret).await?;
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.insert(key, (Instant::now(), text.clone()));
        Ok(text)
    }
}
