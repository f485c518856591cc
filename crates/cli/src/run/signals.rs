//! Signal handling: turns signals into control requests to a run.

use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use lockstep_runtime::driver::ControlRequest;

/// Within this time a second signal is the first one once more: a terminal sends Ctrl-C also to a
/// wrapper such as `make` or `timeout`, which passes it on. Nobody presses a key twice as fast.
const ECHO_TIME: Duration = Duration::from_millis(100);

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
        let mut asked: Option<Instant> = None;
        loop {
            let next = std::future::poll_fn(|context| {
                let mut came = |stream: &mut Signal| stream.poll_recv(context).is_ready();
                if hangups.as_mut().is_some_and(&mut came) {
                    return Poll::Ready(Heard::Hangup);
                }
                // Each is polled, so that both are awaited, and neither is heard twice.
                match asks
                    .iter_mut()
                    .flatten()
                    .filter_map(|it| came(it).then_some(()))
                    .count()
                {
                    0 => Poll::Pending,
                    _ => Poll::Ready(Heard::Request),
                }
            });
            let wish = match (next.await, asked) {
                (Heard::Hangup, _) => ControlRequest::Kill,
                (Heard::Request, None) => ControlRequest::Cancel,
                (Heard::Request, Some(at)) if at.elapsed() < ECHO_TIME => continue,
                (Heard::Request, Some(_)) => ControlRequest::Kill,
            };
            asked.get_or_insert_with(Instant::now);
            if control.send(wish).is_err() {
                // The run has just ended.
                return;
            }
        }
    })
}

/// What a signal says.
enum Heard {
    /// The terminal is lost.
    Hangup,
    /// The run is to end.
    Request,
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
