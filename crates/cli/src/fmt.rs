//! `lockstep fmt`: formats files, or checks their format.

mod diff;

use std::io::Read;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::arguments::Fmt;
use super::exit::Exit;
use super::files::{self, CallerFiles};
use super::find::{self, DefaultFiles};
use super::output::Output;
use super::replace;
use super::shell_word::shell_word;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::diagnostic::codes::{CANNOT_READ, CANNOT_WRITE};
use lockstep_base::diagnostic::render::{Ink, clean};
use lockstep_base::source::Source;
use lockstep_base::world::{FileError, Files};
use lockstep_format::{self as format, Formatted, FormatterDefect};

/// The display name of standard input.
const STDIN_NAME: &str = "standard input";

/// The result for one file.
struct FormatOutcome {
    path: String,
    /// The original text, if it can be read; nothing where it stays as it is.
    old: String,
    /// The formatted text, or why there is none; nothing where it stays as it is.
    new: Result<Formatted, FormatError>,
}

/// Why a file is not formatted.
enum FormatError {
    /// It cannot be read or written.
    Outside(Diagnostic),
    /// The formatter would change its meaning.
    Inside(FormatterDefect),
}

impl FormatOutcome {
    fn changed(&self) -> bool {
        self.new.as_ref().is_ok_and(|new| new.text != self.old)
    }
}

/// The counts of files by result.
#[derive(Default)]
struct FormatCounts {
    changed: usize,
    all: usize,
    wrong: bool,
}

pub(super) fn run(arguments: &Fmt, output: &mut Output) -> Exit {
    if arguments.paths.iter().any(|path| path == "-") {
        return match arguments.paths.as_slice() {
            [_] => stdin(arguments, output),
            _ => output.refuse(&Diagnostic::without_place(
                CANNOT_READ,
                "cannot read `-` (standard input) together with files",
            )),
        };
    }
    let (paths, mistakes) = find::files(&arguments.paths, DefaultFiles::Below);
    let mut counts = FormatCounts::default();
    for mistake in &mistakes {
        output.refuse(mistake);
        counts.wrong = true;
    }
    let writes = !arguments.check && !arguments.diff;
    for outcome in all(paths, writes) {
        print_outcome(&outcome, arguments, &mut counts, output);
    }
    summary(&counts, arguments, output);
    exit(&counts, writes)
}

fn exit(counts: &FormatCounts, writes: bool) -> Exit {
    match counts.wrong {
        true => Exit::Refused,
        false if !writes && counts.changed > 0 => Exit::Failed,
        false => Exit::Succeeded,
    }
}

/// Formats all files, several in parallel, and writes them if requested. One that cannot be
/// formatted does not stop the others.
fn all(paths: Vec<String>, writes: bool) -> Vec<FormatOutcome> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(paths.len());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(paths.len()));
    let work = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = file(path, writes);
            if let Ok(mut done) = done.lock() {
                done.push(outcome);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by(|a, b| a.path.cmp(&b.path));
    done
}

fn file(path: &str, writes: bool) -> FormatOutcome {
    let outcome = |old: String, new| FormatOutcome {
        path: path.to_string(),
        old,
        new,
    };
    let old = match CallerFiles.read(path) {
        Ok(text) => text,
        Err(why) => {
            return outcome(
                String::new(),
                Err(FormatError::Outside(files::cannot_read(path, &why))),
            );
        }
    };
    let new = format::checked(&old).map_err(FormatError::Inside);
    let new = new.and_then(|new| {
        if writes && new.text != old {
            replace::replace(path, &new.text).map_err(|why| {
                let message = format!("cannot write `{path}`: {}", FileError::from(&why));
                FormatError::Outside(Diagnostic::without_place(CANNOT_WRITE, message))
            })?;
        }
        Ok(new)
    });
    match new {
        // Nothing is told of it, however many there are.
        Ok(new) if new.text == old && !new.broken => {
            outcome(String::new(), Ok(Formatted::default()))
        }
        new => outcome(old, new),
    }
}

/// Reports the result for a file.
fn print_outcome(
    outcome: &FormatOutcome,
    arguments: &Fmt,
    counts: &mut FormatCounts,
    output: &mut Output,
) {
    counts.all += 1;
    let new = match &outcome.new {
        Ok(new) => new,
        Err(trouble) => {
            counts.wrong = true;
            return refuse(&outcome.path, trouble, output);
        }
    };
    if outcome.changed() {
        counts.changed += 1;
        if arguments.diff {
            let style = output.stdout_style();
            output.print(&diff::diff(&outcome.path, &outcome.old, &new.text, style));
        } else if arguments.check {
            output.print(&format!("{}\n", clean(&outcome.path)));
        }
    }
    if new.broken {
        counts.wrong = true;
        left(outcome, new, output);
    }
}

/// Reports why a file is not formatted.
fn refuse(path: &str, trouble: &FormatError, output: &mut Output) {
    match trouble {
        FormatError::Outside(mistake) => drop(output.refuse(mistake)),
        FormatError::Inside(mistake) => {
            let word = output.stderr_style().paint(Ink::Error, "error");
            let path = clean(path);
            output.complain(&format!(
                "{word}: {path} is not formatted: {mistake}\n  \
                 help: this is a bug in Lockstep, please report it with the file\n"
            ));
        }
    }
}

/// Reports which part of a file was left unchanged.
fn left(outcome: &FormatOutcome, new: &Formatted, output: &mut Output) {
    let source = Source::new(outcome.path.as_str(), outcome.old.as_str());
    let place = new.preserved.first().map_or(String::new(), |span| {
        let (line, column) = source.line_column(span.start);
        format!(":{line}:{column}")
    });
    let path = clean(&outcome.path);
    let word = output.stderr_style().paint(Ink::Error, "error");
    let how = match outcome.path == STDIN_NAME {
        true => String::new(),
        false => format!(
            "; `lockstep check {}` says why",
            clean(&shell_word(&outcome.path))
        ),
    };
    output.complain(&format!(
        "{word}: {path}{place} has errors and was left unchanged there{how}\n"
    ));
}

fn summary(counts: &FormatCounts, arguments: &Fmt, output: &mut Output) {
    let files = |count: usize| match count {
        1 => String::from("1 file"),
        count => format!("{count} files"),
    };
    let same = counts.all - counts.changed;
    if arguments.check || arguments.diff {
        if counts.changed > 0 {
            let are = if counts.changed == 1 { "is" } else { "are" };
            let text = format!("{} {are} not formatted\n", files(counts.changed));
            output.complain(&text);
        }
        return;
    }
    output.print(&match (counts.changed, same) {
        (0, 0) => String::new(),
        (0, same) => format!("{} unchanged\n", files(same)),
        (changed, 0) => format!("{} formatted\n", files(changed)),
        (changed, same) => format!("{} formatted, {same} unchanged\n", files(changed)),
    });
}

/// Formats standard input. The text is written in any case, so that an editor never loses it.
fn stdin(arguments: &Fmt, output: &mut Output) -> Exit {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    let text = read
        .map_err(FileError::from)
        .and_then(|_| Ok(String::from_utf8(bytes)?));
    let old = match text {
        Ok(text) => text,
        Err(why) => {
            let message = format!("cannot read {STDIN_NAME}: {why}");
            return output.refuse(&Diagnostic::without_place(CANNOT_READ, message));
        }
    };
    let outcome = FormatOutcome {
        path: STDIN_NAME.to_string(),
        new: format::checked(&old).map_err(FormatError::Inside),
        old,
    };
    let writes = !arguments.check && !arguments.diff;
    if writes {
        let new = outcome.new.as_ref().map_or(&outcome.old, |new| &new.text);
        output.print(new);
    }
    let mut counts = FormatCounts::default();
    print_outcome(&outcome, arguments, &mut counts, output);
    exit(&counts, writes)
}
