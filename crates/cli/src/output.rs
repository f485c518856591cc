//! Standard output and standard error. A closed pipe is not an error; a full disk is.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};

use super::exit::Exit;
use super::terminal::{self, Color};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::diagnostic::render::{Ink, RenderStyle, render};
use lockstep_base::source::Sources;
use lockstep_runtime::redact::Redactor;
use lockstep_runtime::secrets::SecretVault;

/// The two streams of the program.
pub(super) struct Output {
    color: Color,
    /// Standard output is closed (broken pipe).
    closed: bool,
    /// Why standard output could not be written.
    broken: Option<std::io::Error>,
    /// Whether a run has begun, was answered or cancelled: then the exit code says how that ended,
    /// and nothing else.
    took_effect: bool,
    /// Masks the secrets that have been read.
    redactor: Option<Redactor>,
}

impl Output {
    pub(super) fn new(color: Color) -> Self {
        Self {
            color,
            closed: false,
            broken: None,
            took_effect: false,
            redactor: None,
        }
    }

    /// Records that a run has begun, was answered or cancelled.
    pub(super) fn took_effect(&mut self) {
        self.took_effect = true;
    }

    /// From now on these secrets are masked in all that is written, whoever composed it.
    pub(super) fn mask(&mut self, vault: &SecretVault) {
        self.redactor = vault.seals().then(|| vault.redactor());
    }

    fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.redactor {
            None => Cow::Borrowed(text),
            Some(redactor) => Cow::Owned(redactor.mask_composed(text)),
        }
    }

    /// The style for standard output.
    pub(super) fn stdout_style(&self) -> RenderStyle {
        terminal::style(&std::io::stdout(), self.color)
    }

    /// The style for standard error.
    pub(super) fn stderr_style(&self) -> RenderStyle {
        terminal::style(&std::io::stderr(), self.color)
    }

    /// Writes to standard output.
    pub(super) fn print(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let text = self.masked(text);
        let mut stdout = std::io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        if let Err(error) = written {
            self.write_failed(error);
        }
    }

    /// Writes to standard error. If that fails nothing can be reported.
    pub(super) fn complain(&mut self, text: &str) {
        let text = self.masked(text);
        let mut stderr = std::io::stderr().lock();
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }

    /// Writes one usage error to standard error.
    pub(super) fn refuse(&mut self, mistake: &Diagnostic) -> Exit {
        let style = self.stderr_style();
        let text = render(std::slice::from_ref(mistake), &Sources::default(), style);
        // A single error needs no count.
        let text = text
            .rsplit_once("\n\n")
            .map_or(text.as_str(), |(text, _)| text);
        self.complain(&format!("{text}\n"));
        Exit::Refused
    }

    /// Records that standard output could not be written.
    pub(super) fn write_failed(&mut self, error: std::io::Error) {
        self.closed = true;
        if error.kind() != ErrorKind::BrokenPipe {
            self.broken = Some(error);
        }
    }

    /// The end of the program: lost output turns a success into a failure, unless something ran:
    /// the exit code of refused usage would say that nothing did.
    pub(super) fn finish(mut self, exit: Exit) -> Exit {
        let Some(error) = self.broken.take() else {
            return exit;
        };
        let word = self.stderr_style().paint(Ink::Error, "error");
        self.complain(&format!(
            "{word}: the output could not be written: {error}\n"
        ));
        match exit {
            Exit::Succeeded if !self.took_effect => Exit::Refused,
            exit => exit,
        }
    }
}
