//! Connections to the state directory for requests. Reading from a disk blocks, so it is done on
//! threads of their own, each with a connection of its own while it needs one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lockstep_access::AccessStore;
use lockstep_store::Store;

use crate::database::{self, Database};
use crate::error::ServeError;

/// So many connections wait for the next request.
const MAX_IDLE: usize = 32;

/// All that a request may read and write.
pub(crate) struct Stores {
    /// The runs.
    pub(crate) runs: Store,
    /// Who may what.
    pub(crate) access: AccessStore,
}

impl Stores {
    /// What the server knows of runs.
    pub(crate) fn own(&self) -> Database<'_> {
        Database::of(self.access.connection())
    }
}

/// Connections that are not in use.
#[derive(Clone)]
pub(crate) struct StorePool {
    state: PathBuf,
    idle: Arc<Mutex<Vec<Stores>>>,
}

impl StorePool {
    /// Opens the state directory, and creates it if it does not exist.
    pub(crate) fn open(state: PathBuf) -> Result<Self, ServeError> {
        drop(Store::open(&state)?);
        let pool = Self {
            state,
            idle: Arc::default(),
        };
        let first = pool.take()?;
        pool.give_back(first);
        Ok(pool)
    }

    fn take(&self) -> Result<Stores, ServeError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(idle) => Ok(idle),
            None => {
                let path = database::path(&self.state);
                let access = AccessStore::open(&path).map_err(ServeError::database)?;
                Database::prepare(access.connection()).map_err(ServeError::database)?;
                Ok(Stores {
                    runs: Store::open(&self.state)?,
                    access,
                })
            }
        }
    }

    fn give_back(&self, stores: Stores) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(stores);
        }
    }

    /// Does something with a connection, on this thread.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Stores) -> T) -> Result<T, ServeError> {
        let stores = self.take()?;
        let done = work(&stores);
        self.give_back(stores);
        Ok(done)
    }

    /// Does something with a connection, on a thread that may block.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Stores) -> T + Send + 'static,
    ) -> Result<T, ServeError> {
        let pool = self.clone();
        let done = tokio::task::spawn_blocking(move || pool.with(work)).await;
        done.unwrap_or_else(|error| Err(ServeError::database(error)))
    }
}
