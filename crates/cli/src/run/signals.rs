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
/// the machine is busy, or this program was stopped. So it is listened for in a thread that does
/// nothing else, for that time in parts, and none of them counts for more than it was to take.
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
/// terminal: it can be resumed. From here on, until the run ends, none of them ends this program by
/// itself.
pub(super) fn listen(control: UnboundedSender<ControlRequest>) -> std::io::Result<()> {
    // A thread: the run's own may be busy with the output of a command for longer than it takes
    // to press a key twice.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::new()
    };
    std::thread::Builder::new()
        .name(String::from("signals"))
        .spawn(move || runtime.block_on(pass_on(&mut signals, &control)))?;
    Ok(())
}

/// Passes on what signals ask for, until the run has ended.
async fn pass_on(signals: &mut Signals, control: &UnboundedSender<ControlRequest>) {
    let mut asked = Asked::No;
    loop {
        let echo_part = async {
            match asked {
                Asked::No | Asked::Yes => std::future::pending().await,
                Asked::Just(parts) => {
                    tokio::time::sleep(ECHO_TIME / ECHO_PARTS).await;
                    parts
                }
            }
        };
        let heard = tokio::select! {
            biased;
            heard = signals.next() => heard,
            parts = echo_part => {
                asked = match parts.checked_sub(1) {
                    Some(left @ 1..) => Asked::Just(left),
                    Some(0) | None => Asked::Yes,
                };
                continue;
            }
            () = control.closed() => return,
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
            return;
        }
    }
}

/// The signals that are listened for.
struct Signals {
    requests: [Option<Signal>; 2],
    hangups: Option<Signal>,
}

impl Signals {
    /// Listens from now on.
    fn new() -> Self {
        let stream = |kind| signal(kind).ok();
        Self {
            requests: [
                stream(SignalKind::interrupt()),
                stream(SignalKind::terminate()),
            ],
            hangups: match ignores_hangups() {
                true => None,
                false => stream(SignalKind::hangup()),
            },
        }
    }

    async fn next(&mut self) -> Heard {
        std::future::poll_fn(|context| {
            let mut came = |stream: &mut Signal| stream.poll_recv(context).is_ready();
            if self.hangups.as_mut().is_some_and(&mut came) {
                return Poll::Ready(Heard::Hangup);
            }
            // Each is polled, so that both are awaited, and neither is heard twice.
            let requests = self.requests.iter_mut().flatten();
            match requests.filter_map(|it| came(it).then_some(())).count() {
                0 => Poll::Pending,
                _ => Poll::Ready(Heard::Request),
            }
        })
        .await
    }
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
