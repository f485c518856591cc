//! Signal handling: turns signals into control requests to a run.

use std::task::Poll;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use lockstep_runtime::driver::ControlRequest;

/// Within this time a second signal is the first one once more: a terminal sends Ctrl-C also to a
/// wrapper such as `make` or `timeout`, which passes it on. Nobody presses a key twice as fast.
const ECHO_TIME: Duration = Duration::from_millis(100);

/// When a signal was sent is not known, only when it is heard, and that may be long after: where
/// the machine is busy, or this program was stopped. So it is listened for that time in parts, and
/// none of them counts for more than it was to take.
const ECHO_PARTS: u32 = 5;

/// Whether the run has been asked to end.
#[derive(Clone, Copy)]
enum Asked {
    No,
    /// So shortly before that the next request is an echo; for so many parts of the time.
    Just(u32),
    Yes,
}

/// The first signal cancels the run, the second stops it immediately, and so does the loss of the
/// terminal: it can be resumed. From here on none of them ends this program by itself.
pub(crate) fn listen(control: UnboundedSender<ControlRequest>) -> tokio::task::JoinHandle<()> {
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
        let mut asked = Asked::No;
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
            let heard = match asked {
                Asked::No | Asked::Yes => next.await,
                Asked::Just(parts) => tokio::select! {
                    biased;
                    heard = next => heard,
                    () = tokio::time::sleep(ECHO_TIME / ECHO_PARTS) => {
                        asked = match parts.checked_sub(1) {
                            Some(left @ 1..) => Asked::Just(left),
                            Some(0) | None => Asked::Yes,
                        };
                        continue;
                    }
                },
            };
            let wish = match (heard, asked) {
                (Heard::Hangup, _) | (Heard::Request, Asked::Yes) => ControlRequest::Kill,
                (Heard::Request, Asked::No) => ControlRequest::Cancel,
                (Heard::Request, Asked::Just(_)) => continue,
            };
            if matches!(asked, Asked::No) {
                asked = Asked::Just(ECHO_PARTS);
            }
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
