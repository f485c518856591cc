//! Runs a command where it is to run: in line for a session, over the machine's connection, and
//! again where it has never begun.

use std::path::PathBuf;

use indexmap::IndexMap;
use lockstep_engine::OutputText;
use lockstep_engine::run_event::Stream;
use lockstep_lang::ir::FailureClass;

use super::super::connection::{self, Opening, Tries, not_connected};
use super::{
    CommandResult, EndedCommand, OutputLine, SecretVault, SpawnRequest, StopSignal, SystemSpawner,
    failed,
};

/// A connection that could not be opened.
struct NotOpened {
    failure: super::CommandFailure,
    /// What its client has said.
    said: String,
}

impl SystemSpawner {
    /// Runs a command to its end, with the output of what it has left running.
    pub(super) async fn run_and_leave(
        &self,
        spawn: SpawnRequest,
        vault: &SecretVault,
        mut listener: impl FnMut(OutputLine<'_>) + Send,
        stop: StopSignal,
    ) -> EndedCommand {
        let mut given_up = stop.clone();
        let stopped = async {
            let is_asked = given_up.wait_for(Option::is_some).await.is_ok();
            if !is_asked {
                // Nobody can ask any more.
                std::future::pending::<()>().await;
            }
        };
        let mut stopped = std::pin::pin!(stopped);
        let was_stopped = || failed(FailureClass::Cancelled, String::from("it was stopped")).into();
        let session = tokio::select! {
            biased;
            session = self.sessions.enter(&spawn.connection) => session,
            () = &mut stopped => return was_stopped(),
        };
        let mut tries = Tries::new();
        loop {
            let opened = tokio::select! {
                biased;
                () = &mut stopped, if is_elsewhere(&spawn) => return was_stopped(),
                opened = self.connected(&spawn, vault, &mut listener) => opened,
            };
            let (socket, not_opened) = match opened {
                Ok(socket) => (socket, None),
                Err(not_opened) => (None, Some(not_opened)),
            };
            let (ended, again, closing) = match &not_opened {
                None => {
                    let (socket, stop) = (socket.as_deref(), stop.clone());
                    let tried = self.try_once(&spawn, socket, vault, &mut listener, stop);
                    let tried = tried.await;
                    (tried.ended, tried.is_unstarted, tried.closing)
                }
                Some(not_opened) => {
                    let (ended, again) = not_opened.ended(vault);
                    (ended, again, None)
                }
            };
            if let Some(client) = closing {
                tokio::spawn(async move {
                    client.close().await;
                    // Until then it counts as one of those that are there at once.
                    drop(session);
                });
                return ended;
            }
            // An engine has tried to fetch an image several times.
            let again = again && !matches!(spawn.connection, connection::Connection::Image { .. });
            let pause = if again { tries.another() } else { None };
            let Some(pause) = pause else {
                if let Some(not_opened) = not_opened {
                    show(not_opened.said.lines(), vault, &mut listener);
                }
                return ended;
            };
            tracing::debug!(
                target: connection::TARGET, ?pause,
                "a command has not begun, and is tried again"
            );
            tokio::select! {
                biased;
                () = &mut stopped => return was_stopped(),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// The socket of the connection to share, which is opened if it is not open. Who opens it hears
    /// what the other side greets with.
    async fn connected(
        &self,
        spawn: &SpawnRequest,
        vault: &SecretVault,
        listener: &mut (impl FnMut(OutputLine<'_>) + Send),
    ) -> Result<Option<PathBuf>, NotOpened> {
        let opening = Opening {
            ssh: &self.ssh,
            folder: spawn.source_folder(),
            scratch: &self.scratch,
            withheld: vault.variables(),
            groups: self.groups.as_ref(),
            variable: self.variable(true),
        };
        let opened = self.masters.open(&spawn.connection, &opening).await;
        let open = opened.map_err(|said| NotOpened {
            failure: not_connected(&said, &self.ssh),
            said,
        })?;
        let Some(open) = open else {
            return Ok(None);
        };
        show(open.said.iter().map(String::as_str), vault, listener);
        Ok(Some(open.socket))
    }
}

fn is_elsewhere(spawn: &SpawnRequest) -> bool {
    spawn.connection != connection::Connection::Local
}

/// Shows what a client has said.
fn show<'a>(
    lines: impl Iterator<Item = &'a str>,
    vault: &SecretVault,
    listener: &mut (impl FnMut(OutputLine<'_>) + Send),
) {
    for line in lines {
        listener(OutputLine {
            stream: Stream::Stderr,
            text: &vault.mask(line),
            is_ended: true,
        });
    }
}

impl NotOpened {
    /// The end of a command that needed it, and whether another try is right.
    fn ended(&self, vault: &SecretVault) -> (EndedCommand, bool) {
        let (class, message, code) = &self.failure;
        let stderr = OutputText {
            text: self.said.clone(),
            is_cut: false,
        };
        let result = CommandResult::Failed {
            class: *class,
            message: vault.mask(message),
            stdout: OutputText::default(),
            stderr,
            code: *code,
            outputs: IndexMap::new(),
        };
        (result.into(), *class == FailureClass::Connection)
    }
}
