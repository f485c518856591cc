//! What a person asks with Ctrl-C of a run of a server: from before the run is started, so that at
//! no moment a signal ends this program and leaves a run behind that nobody asked to leave.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::exit::Exit;
use super::super::output::Output;
use super::super::run::signals::listen;
use lockstep_runtime::driver::ControlRequest;

const EARLY_NOTICE: &str = "\
cancelling as soon as the server has answered; Ctrl-C again leaves the run to the server
";

/// What is asked of a run by signals.
pub(super) struct Interrupts {
    pub(super) runtime: Runtime,
    pub(super) requests: UnboundedReceiver<ControlRequest>,
    pub(super) listener: JoinHandle<()>,
    /// Whether the run has to be cancelled that is being started.
    pub(super) cancels: bool,
}

/// A person does not wait any longer.
#[derive(Debug)]
pub(super) struct Left;

impl Interrupts {
    /// From here on no signal ends this program by itself.
    pub(super) fn listen(output: &mut Output) -> Result<Self, Exit> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| {
            output.complain(&format!("error: the run cannot be followed: {error}\n"));
            Exit::Stopped
        })?;
        let (control, requests) = unbounded_channel();
        let listener = {
            let _inside = runtime.enter();
            listen(control)
        };
        Ok(Self {
            runtime,
            requests,
            listener,
            cancels: false,
        })
    }

    /// The answer to a request, which is sent by another thread.
    pub(super) fn answer<T: Send + 'static>(
        &mut self,
        ask: impl FnOnce() -> T + Send + 'static,
        output: &mut Output,
    ) -> Result<T, Left> {
        let (to, answer) = oneshot::channel();
        let asking = move || {
            // Nobody may wait any longer.
            let _ = to.send(ask());
        };
        if let Err(error) = std::thread::Builder::new().spawn(asking) {
            output.complain(&format!("error: the server cannot be asked: {error}\n"));
            return Err(Left);
        }
        self.wait(async { answer.await.map_err(|_| Left) }, output)?
    }

    /// Waits for a time, or until the run has to be cancelled.
    pub(super) fn pause(&mut self, time: Duration, output: &mut Output) -> Result<(), Left> {
        // Outside of the runtime there is no clock.
        self.wait(async { tokio::time::sleep(time).await }, output)
    }

    fn wait<T>(&mut self, work: impl Future<Output = T>, output: &mut Output) -> Result<T, Left> {
        let Self {
            runtime,
            requests,
            cancels,
            ..
        } = self;
        runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    Some(asked) = requests.recv() => match asked {
                        ControlRequest::Cancel => {
                            *cancels = true;
                            output.complain(EARLY_NOTICE);
                        }
                        ControlRequest::Kill => return Err(Left),
                    },
                    done = &mut work => return Ok(done),
                }
            }
        })
    }
}
