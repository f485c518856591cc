//! How many commands are on one machine at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Connection;

/// So many commands go over connections to one machine at the same time; more wait in line. A
/// server lets ten sessions into one connection (`MaxSessions`), and turns away at random from the
/// tenth that has not logged in yet (`MaxStartups`), unless it is configured otherwise.
pub(crate) const MAX_SESSIONS: usize = 8;

/// The commands on each machine.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    machines: Mutex<HashMap<Connection, Arc<Semaphore>>>,
}

impl Sessions {
    /// Waits in line for a session. It ends when what is returned is dropped. Only machines that
    /// are reached by `ssh` have a limit.
    pub(crate) async fn enter(&self, connection: &Connection) -> Option<OwnedSemaphorePermit> {
        let Connection::Ssh(target) = connection else {
            return None;
        };
        let most = target.sessions.map_or(MAX_SESSIONS, usize::from);
        let sessions = {
            let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(most));
            machines
                .entry(connection.clone())
                .or_insert_with(new)
                .clone()
        };
        // It is never closed.
        sessions.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::SshTarget;

    fn ssh(host: &str) -> Connection {
        Connection::Ssh(Box::new(SshTarget {
            host: host.to_owned(),
            ..SshTarget::default()
        }))
    }

    #[tokio::test]
    async fn each_machine_has_its_own_line() {
        let sessions = Sessions::default();
        let mut inside = Vec::new();
        for _ in 0..MAX_SESSIONS {
            inside.push(sessions.enter(&ssh("one")).await);
        }
        let one = ssh("one");
        let mut waits = Box::pin(sessions.enter(&one));
        let pending = std::future::poll_fn(|context| {
            std::task::Poll::Ready(waits.as_mut().poll(context).is_pending())
        });
        assert!(pending.await);
        assert!(sessions.enter(&ssh("two")).await.is_some());
        assert!(sessions.enter(&Connection::Local).await.is_none());
        inside.pop();
        assert!(waits.await.is_some());
    }
}
