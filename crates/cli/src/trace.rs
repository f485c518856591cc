//! Logging with `tracing`: to standard error, if `LOCKSTEP_LOG` is set.

use std::io::{self, Write};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use super::output::Output;
use lockstep_base::diagnostic::render::Ink;
use lockstep_runtime::redact::Redactor;

/// The variable with the log filter, such as `debug` or `lockstep::store=trace`.
const VARIABLE: &str = "LOCKSTEP_LOG";

/// Masks the secrets of the run in all lines, once they are known. No log event should contain one;
/// this is defence in depth.
static REDACTOR: Mutex<Option<Redactor>> = Mutex::new(None);

/// Starts logging, if the environment asks for it.
pub(super) fn start(output: &mut Output) {
    let Some(setting) = std::env::var_os(VARIABLE).filter(|setting| !setting.is_empty()) else {
        return;
    };
    let filter = match EnvFilter::builder().parse(setting.to_string_lossy()) {
        Ok(filter) => filter,
        Err(why) => {
            let word = output.stderr_style().paint(Ink::Warning, "warning");
            output.complain(&format!("{word}: {VARIABLE} is not valid: {why}\n"));
            return;
        }
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Masked)
        .finish();
    // No other subscriber can be set: this is the program.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Masks these secrets in all later lines.
pub(super) fn mask(redactor: Redactor) {
    if let Ok(mut known) = REDACTOR.lock() {
        *known = Some(redactor);
    }
}

/// Standard error with secrets masked. An event is written in one piece.
struct Masked;

impl Write for Masked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Without the redactor no line is known to be free of secrets.
        let Ok(redactor) = REDACTOR.lock() else {
            return Ok(bytes.len());
        };
        let mut out = io::stderr().lock();
        match &*redactor {
            Some(redactor) => {
                let masked = redactor.mask(&String::from_utf8_lossy(bytes));
                out.write_all(masked.as_bytes())?;
            }
            None => out.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
