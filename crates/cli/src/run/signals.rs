//! Signal handling: turns signals into control requests to a run.

use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use lockstep_runtime::driver::ControlRequest;

/// The first signal cancels the run, the second stops it immediately, and so does the loss of the
/// terminal: it can be resumed. From here on none of them ends this program by itself.
pub(super) fn listen(control: UnboundedSender<ControlRequest>) -> tokio::task::JoinHandle<()> {
    let stream = |kind| signal(kind).ok();
    let mut asks = [
        stream(SignalKind::interrupt()),
        stream(SignalKind::terminate()),
    ];
    let mut hangups = match ignores_hangups() {
        true => None,
        false => stream(SignalKind::hangup()),
    };
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            let next = std::future::poll_fn(|context| {
                if hangups
                    .as_mut()
                    .is_some_and(|it| it.poll_recv(context).is_ready())
                {
                    return Poll::Ready(ControlRequest::Kill);
                }
                let came = |stream: &mut Signal| stream.poll_recv(context);
                match asks
                    .iter_mut()
                    .flatten()
                    .map(came)
                    .any(|came| came.is_ready())
                {
                    true if asked => Poll::Ready(ControlRequest::Kill),
                    true => Poll::Ready(ControlRequest::Cancel),
                    false => Poll::Pending,
                }
            });
            let wish = next.await;
            asked = true;
            if control.send(wish).is_err() {
                // The run has just ended.
                return;
            }
        }
    })
}

/// Whether the parent process wants this program to outlive its terminal, as `nohup` does. Detected
/// on Linux only.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = (status.lines())
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}
