//! What all requests share.

use std::sync::Arc;

use lockstep_store::{Store, StoredRun};

use crate::database::RunScope;
use crate::error::ServeError;
use crate::feed::Feeds;
use crate::log_lines::LogIndexes;
use crate::notify::Targets;
use crate::oidc::Provider;
use crate::options::ServeOptions;
use crate::project::Project;
use crate::runner::Runners;
use crate::scope;
use crate::stores::{StorePool, Stores};

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
    /// The OpenID Connect provider, if there is one.
    pub(crate) provider: Option<Provider>,
    /// Who is notified of runs.
    pub(crate) notify: Targets,
}

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
            },
            project: Project::new(folder),
            log_indexes: LogIndexes::default(),
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
                let scope = scope::of_stored(&stores.runs, run, self.project.folder());
                // What cannot be written now is found again.
                let _ = stores.own().put_scope(&run.id, &scope);
                scope
            }
        }
    }
}
