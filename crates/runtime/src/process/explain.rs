//! Messages in plain words about why a command could not be started, or how it ended.

use std::io::{Error, ErrorKind};
use std::path::Path;

use super::PreparedCommand;

/// The maximum size of a single argument or variable on Linux, with its final NUL, in bytes.
const MAX_ARGUMENT_BYTES: usize = 128 * 1024;

/// What is wrong with a program or its folder, wherever it was to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartProblem {
    /// Its folder does not exist.
    NoFolder,
    /// Its folder is a file.
    FolderIsFile,
    /// Its folder may not be entered.
    ClosedFolder,
    /// There is no file at its path.
    NoFile,
    /// Its first line names an interpreter that does not exist.
    NoInterpreter,
    /// It is not on the PATH.
    NotOnPath {
        /// Whether a file with its name is in its folder.
        beside: bool,
    },
    /// It is a folder.
    IsFolder,
    /// Nobody may execute it.
    NotExecutable,
}

impl StartProblem {
    /// The message. `folder` is that where the program was to start.
    pub(crate) fn message(self, program: &str, folder: &str) -> String {
        match self {
            Self::NoFolder => format!("its folder {folder} does not exist"),
            Self::FolderIsFile => format!("its folder {folder} is a file"),
            Self::ClosedFolder => format!("its folder {folder} may not be entered"),
            Self::NoFile => format!("`{program}` does not exist in {folder}"),
            Self::NoInterpreter => {
                format!("`{program}` names an interpreter in its first line that does not exist")
            }
            Self::NotOnPath { beside } => {
                let hint = match beside {
                    true => format!("write `./{program}` for the file in its folder"),
                    false => String::from("install it, or name it with its path"),
                };
                format!("`{program}` was not found on the PATH: {hint}")
            }
            Self::IsFolder => format!("`{program}` is a folder"),
            Self::NotExecutable if program.contains('/') => {
                format!("`{program}` is not executable: `chmod +x` makes it so")
            }
            Self::NotExecutable => format!("`{program}` is not executable"),
        }
    }

    /// What the system's error means here.
    fn of(command: &PreparedCommand, error: &Error) -> Option<Self> {
        let program = &command.program;
        if !command.dir.is_dir() {
            return Some(match command.dir.exists() {
                true => Self::FolderIsFile,
                false => Self::NoFolder,
            });
        }
        if rustix::fs::access(&command.dir, rustix::fs::Access::EXEC_OK).is_err() {
            return Some(Self::ClosedFolder);
        }
        let file = command.dir.join(program);
        let has_path = program.contains('/');
        match error.kind() {
            ErrorKind::NotFound if !has_path => Some(Self::NotOnPath {
                beside: file.is_file(),
            }),
            ErrorKind::NotFound if file.exists() => Some(Self::NoInterpreter),
            ErrorKind::NotFound => Some(Self::NoFile),
            ErrorKind::PermissionDenied if has_path && file.is_dir() => Some(Self::IsFolder),
            ErrorKind::PermissionDenied => Some(Self::NotExecutable),
            _ => None,
        }
    }
}

/// Why a program did not start.
pub(super) fn not_started(command: &PreparedCommand, error: &Error) -> String {
    let program = &command.program;
    if let Some(problem) = StartProblem::of(command, error) {
        return problem.message(program, &format!("`{}`", command.dir.display()));
    }
    match error.kind() {
        ErrorKind::ArgumentListTooLong => too_long(command),
        _ if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => format!(
            "`{program}` could not be started: no more files may be open at once here \
             (`ulimit -n`); `--max` lets fewer commands run at once"
        ),
        _ => format!("`{program}` could not be started: {error}"),
    }
}

fn too_long(command: &PreparedCommand) -> String {
    let program = &command.program;
    let texts = (command.arguments.iter().map(String::len))
        .chain((command.env.iter()).map(|(name, text)| name.len() + 1 + text.len()));
    match texts.max() {
        Some(longest) if longest >= MAX_ARGUMENT_BYTES => format!(
            "a text of {longest} bytes is too long to be handed to `{program}` (the system takes \
             {} at most): write it to a file",
            MAX_ARGUMENT_BYTES - 1
        ),
        _ => format!(
            "all arguments and variables together are too long to be handed to `{program}`: write \
             some to a file"
        ),
    }
}

/// Why a command cannot be passed to the system at all: a text with a NUL, a bad variable.
pub(super) fn unusable(command: &PreparedCommand) -> Option<String> {
    let nul = |text: &str| text.contains('\0');
    if nul(&command.program) || command.arguments.iter().any(|text| nul(text)) {
        return Some(String::from(
            "an argument holds the character `\\u{0}`, which no argument can",
        ));
    }
    if command.program.is_empty() {
        return Some(String::from("the name of the program is empty"));
    }
    command.env.iter().find_map(|(name, text)| {
        if name.is_empty() || name.contains('=') || nul(name) {
            Some(format!("`{name}` cannot name a variable"))
        } else if nul(text) {
            Some(format!(
                "the variable `{name}` holds the character `\\u{{0}}`, which no variable can"
            ))
        } else {
            None
        }
    })
}

/// What a shell says of a program that the system does not start because of its arguments.
const TOO_LONG_MESSAGE: &str = "Argument list too long";

/// The meaning of an exit code; a shell has some of its own. `written` is what the command has
/// written to its two streams.
pub(crate) fn exit_message(code: i32, shell: bool, written: [&str; 2]) -> String {
    let is_too_long = || {
        let mut last = written.iter().flat_map(|text| text.lines().rev().take(3));
        last.any(|line| line.trim_end().ends_with(TOO_LONG_MESSAGE))
    };
    match code {
        126 | 127 if is_too_long() => format!(
            "exit code {code}: the arguments and variables of a command in it are too long for the \
             system: hand it some of them in a file or by `stdin`"
        ),
        127 if shell => String::from("exit code 127: a command in it was not found"),
        126 if shell => String::from("exit code 126: a command in it is not executable"),
        129..=192 => match signal_name(code - 128) {
            Some(name) => format!("exit code {code}, as after {name}"),
            None => format!("exit code {code}"),
        },
        _ => format!("exit code {code}"),
    }
}

/// The signal that ended a command.
pub(crate) fn signal_message(signal: i32, core: bool) -> String {
    let name = signal_name(signal).map_or_else(|| format!("signal {signal}"), String::from);
    let dumped = if core { ", core dumped" } else { "" };
    format!("killed by {name}{dumped}")
}

fn signal_name(signal: i32) -> Option<&'static str> {
    // The numbers that all Linux architectures share, and macOS where it agrees.
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        7 if cfg!(target_os = "linux") => "SIGBUS",
        10 if cfg!(target_os = "linux") => "SIGUSR1",
        12 if cfg!(target_os = "linux") => "SIGUSR2",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// Whether the system found the file but cannot execute it directly: a script without a first line
/// that names its interpreter.
pub(super) fn is_bare_script(error: &Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error())
}

/// Whether a program's file is open for writing, for instance in a fork that has not yet closed the
/// descriptors of its parent.
pub(super) fn is_busy(error: &Error) -> bool {
    error.kind() == ErrorKind::ExecutableFileBusy
}

/// The path of a program that is named without one.
pub(super) fn on_path(program: &str, path: &str) -> Option<std::path::PathBuf> {
    std::env::split_paths(path)
        .map(|folder| Path::new(&folder).join(program))
        .find(|file| file.is_file())
}
