//! The limit on the size of files (`ulimit -f`): a write beyond it is an error to report, whichever
//! file it is of, and not the silent end of this program by a signal.

use rustix::process::{Resource, getrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// Sent for a write beyond the largest file that this program may have; the same number on Linux
/// and macOS.
const SIGXFSZ: i32 = 25;

/// From here on such a write fails. A handler, unlike an ignored signal, is not inherited by
/// commands; it stays when the runtime that it is made in is gone.
///
/// Where there is no limit nothing is done: the signal is sent for a limit alone.
pub(super) fn report_writes_beyond_it() {
    if getrlimit(Resource::Fsize).current.is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    if let Ok(runtime) = runtime {
        let _inside = runtime.enter();
        // Without it this program ends as every other does.
        let _ = signal(SignalKind::from_raw(SIGXFSZ));
    }
}
