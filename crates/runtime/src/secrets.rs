//! The declared secrets, read when a run starts and stored in memory only. Invariant: whatever
//! leaves the program goes through their [`Redactor`].

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;

use super::connection::random;
use super::made_texts::MadeTexts;
use super::process::leftovers::{CommandProcesses, ProcessLooks};
use super::process::{GroupRegistry, GuardedCommand};
use super::processes;
use super::redact::{CoveredRange, Redactor};
use super::sealed::{UnsealError, is_sealed, shown};
use super::text_file;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{MadeSecret, Value};
use lockstep_base::world::{EnvironmentVariables, FileError, VariableError};
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::{Secret, SecretSource};

/// The texts of all secrets of a program.
pub struct SecretVault {
    /// By their places in the program's table; none for those that have not been read.
    texts: Vec<Option<Name>>,
    /// The variables that secrets were read from.
    variables: Vec<Name>,
    pub(super) redactor: Redactor,
    /// Whether the program makes secrets while it runs.
    makes: bool,
    /// Whether its secrets are read by others alone: see [`SecretVault::withheld`].
    pub(super) withholds: bool,
    pub(super) made: Mutex<MadeTexts>,
    /// What texts with secrets that are to be made again are marked with: nobody can know it.
    pub(super) unopened: String,
}

impl std::fmt::Debug for SecretVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({} secrets)", self.texts.len())
    }
}

/// A secret that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretReadError {
    /// The secret.
    pub secret: Name,
    /// The span of its declaration.
    pub span: Span,
    /// The reason, as words that follow its name: `` the variable `TOKEN` is not set ``.
    pub message: String,
}

/// Why a value cannot be converted to text for a command or request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextError {
    /// It is neither a string nor a secret.
    NotText,
    /// It names a secret that the program does not have.
    UnknownSecret(u32),
    /// It names a secret that has not been made, or not again.
    NotMade(MadeSecret),
    /// What is to be made of a secret cannot be made; the reason says nothing of the secret.
    Derived(String),
}

impl std::fmt::Display for TextError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotText => f.write_str("a command takes only texts and secrets"),
            Self::UnknownSecret(at) => write!(f, "there is no secret number {at}"),
            Self::NotMade(_) => f.write_str("it needs a secret that has not been made"),
            Self::Derived(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TextError {}

/// Why a secret cannot be read. A message may contain another secret: it is masked before it is
/// shown.
#[derive(Debug)]
enum SecretError {
    /// The argument of its source is not a string.
    NotText,
    /// The argument of its source cannot be evaluated; the text of the diagnostic.
    Fault(String),
    /// The argument of its source is not known before the run.
    Unknown,
    /// Its command has no words.
    EmptyCommand,
    /// Its variable cannot be read as text.
    Variable(Name, VariableError),
    /// Its file cannot be read.
    File(Name, FileError),
    /// The program of its command was not found.
    NoProgram(String),
    /// The program of its command could not be started, for another reason.
    NotStarted(String, String),
    /// The output of the program was lost.
    OutputLost(String, String),
    /// The output of the program is not UTF-8.
    OutputNotUtf8(String),
    /// Its command failed.
    Failed {
        program: String,
        status: std::process::ExitStatus,
    },
    /// Its text cannot be one.
    Unusable(&'static str),
    /// Its source holds its own text, or one that cannot be read, which is not stored.
    Sealed,
}

impl std::fmt::Display for SecretError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotText => f.write_str("its source is not a text"),
            Self::Fault(message) => f.write_str(message),
            Self::Unknown => f.write_str("its source is not known before the run"),
            Self::EmptyCommand => f.write_str("its command is empty"),
            Self::Variable(name, why) => write!(f, "the variable `{name}` {why}"),
            Self::File(path, why) => {
                write!(f, "the file `{path}` ")?;
                match why {
                    FileError::NotFound => f.write_str("does not exist"),
                    FileError::Denied | FileError::IsFolder | FileError::NotRegular => why.fmt(f),
                    FileError::NotUtf8 { .. } => f.write_str("is not UTF-8 text"),
                    _ => write!(f, "cannot be read: {why}"),
                }
            }
            Self::NoProgram(program) => write!(f, "the program `{program}` was not found"),
            Self::NotStarted(program, why) => {
                write!(f, "the program `{program}` could not be started: {why}")
            }
            Self::OutputLost(program, why) => {
                write!(f, "what `{program}` wrote cannot be read: {why}")
            }
            Self::OutputNotUtf8(program) => {
                write!(f, "what the command `{program}` wrote is not UTF-8 text")
            }
            // What it wrote may be the secret.
            Self::Failed { program, status } => {
                write!(
                    f,
                    "the command `{program}` failed ({status}); what it wrote is not shown"
                )
            }
            Self::Unusable(why) => write!(f, "it {why}"),
            Self::Sealed => {
                f.write_str("its source holds the text of a secret, which is not stored with a run")
            }
        }
    }
}

impl std::error::Error for SecretError {}

impl std::fmt::Display for SecretReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            secret, message, ..
        } = self;
        write!(f, "secret `{secret}` could not be read: {message}")
    }
}

impl std::error::Error for SecretReadError {}

/// The target of the log events of secrets.
const TARGET: &str = "lockstep::secrets";

impl SecretVault {
    /// A vault with these texts, by the indices of the secrets in the program's table.
    pub fn new<S: Into<Name>>(texts: impl IntoIterator<Item = S>) -> Self {
        Self::of(texts.into_iter().map(|text| Some(text.into())).collect())
    }

    fn of(texts: Vec<Option<Name>>) -> Self {
        let known: Vec<&str> = (texts.iter())
            .map(|text| text.as_deref().unwrap_or_default())
            .collect();
        let redactor = Redactor::new(&known);
        Self {
            texts,
            variables: Vec::new(),
            redactor,
            makes: false,
            withholds: false,
            made: Mutex::default(),
            unopened: random(),
        }
    }

    /// The vault of whoever may not know the secrets of a run, which others read: what comes from
    /// them is sealed, stays so, and is shown with a mask in place of each secret.
    pub fn withheld() -> Self {
        Self {
            withholds: true,
            ..Self::of(Vec::new())
        }
    }

    /// The same for a program that makes secrets while it runs.
    #[must_use]
    pub fn for_secrets_that_are_made(mut self) -> Self {
        self.makes = true;
        self
    }

    /// Whether the program makes secrets while it runs.
    pub fn makes(&self) -> bool {
        self.makes
    }

    /// The texts, by the indices of the secrets in the program's table.
    pub(super) fn texts(&self) -> &[Option<Name>] {
        &self.texts
    }

    /// What of a text belongs to secrets.
    pub(super) fn covered(&self, text: &str) -> Vec<CoveredRange> {
        self.redactor.covered(text)
    }

    /// The variables that secrets were read from: commands are given them where they ask for it.
    pub fn variables(&self) -> &[Name] {
        &self.variables
    }

    /// Reads the secrets of a program; only those that are needed have to be there. `value`
    /// evaluates an expression; `folder` is the folder of a source file, for files and commands
    /// named relative to it. Commands are registered with `groups`, so that they end with this
    /// program.
    ///
    /// # Errors
    ///
    /// All secrets that could not be read.
    pub async fn read(
        (secrets, needed): (&[Secret], &HashSet<u32>),
        value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
        folder: &dyn Fn(FileId) -> PathBuf,
        environment: &dyn EnvironmentVariables,
        groups: Option<&dyn GroupRegistry>,
    ) -> Result<Self, Vec<SecretReadError>> {
        let mut texts: Vec<Option<Name>> = vec![None; secrets.len()];
        let mut variables = Vec::new();
        let mut failures = Vec::new();
        let is_needed = |at: usize| needed.contains(&(at as u32));
        // No command is run for a secret that is not needed. What lies there all the same, in a
        // variable or a file, is withheld and masked as ever; it is no mistake if it is missing.
        let is_read = |(at, secret): (usize, &Secret)| {
            let lies_there = !matches!(secret.source, SecretSource::Command(_));
            (lies_there || is_needed(at)).then_some(at)
        };
        let mut waiting: Vec<usize> = secrets.iter().enumerate().filter_map(is_read).collect();
        // The sources of a stored program may hold the texts of other secrets, which go first.
        while !waiting.is_empty() {
            let mut later = Vec::new();
            let more = waiting.len();
            for at in waiting {
                let Some(secret) = secrets.get(at) else {
                    continue;
                };
                let folder = folder(secret.span.file);
                let found = arguments(&secret.source, value).and_then(|it| opened(it, &texts));
                let text = match found {
                    Err(SecretError::Sealed) => {
                        later.push(at);
                        continue;
                    }
                    Err(error) => Err(error),
                    Ok(arguments) => {
                        if let (SecretSource::Env(_), Some(name)) =
                            (&secret.source, arguments.first())
                        {
                            variables.push(name.clone());
                        }
                        source_text(&secret.source, &arguments, &folder, environment, groups).await
                    }
                };
                let text = text.and_then(|text| usable(text).map_err(SecretError::Unusable));
                // The reason is not logged: it may contain another secret.
                let read = text.is_ok();
                tracing::debug!(target: TARGET, name = %secret.name, read, "a secret");
                match (text, texts.get_mut(at)) {
                    (Ok(text), Some(place)) => *place = Some(text.into()),
                    (Ok(_), None) => {}
                    (Err(_), _) if !is_needed(at) => {}
                    (Err(error), _) => failures.push(unreadable(secret, &error)),
                }
            }
            if later.len() == more {
                let unread = later.drain(..).filter(|at| is_needed(*at));
                let unread = unread.filter_map(|at| secrets.get(at));
                failures.extend(unread.map(|secret| unreadable(secret, &SecretError::Sealed)));
            }
            waiting = later;
        }
        let vault = Self {
            variables,
            ..Self::of(texts)
        };
        if !failures.is_empty() {
            // A message may contain another secret.
            for failure in &mut failures {
                failure.message = vault.mask(&failure.message);
            }
            failures.sort_by_key(|failure| failure.span);
            return Err(failures);
        }
        Ok(vault)
    }

    /// The secrets that can be read without running anything, for what is shown before a run:
    /// those of variables and files. The others, and those that cannot be read, are left out.
    pub fn preview(
        secrets: &[Secret],
        value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
        folder: &dyn Fn(FileId) -> PathBuf,
        environment: &dyn EnvironmentVariables,
    ) -> Self {
        let mut read = |secret: &Secret| {
            let arguments = arguments(&secret.source, value).ok()?;
            let first = arguments.first()?;
            let text = match &secret.source {
                SecretSource::Env(_) => environment.var(first).ok()?,
                SecretSource::File(_) => {
                    let path = folder(secret.span.file).join(&**first);
                    without_line_end(text_file::read(&path).ok()?)
                }
                SecretSource::Command(_) => return None,
            };
            usable(text).ok().map(Name::from)
        };
        Self::of(secrets.iter().map(&mut read).collect())
    }

    /// The text of a secret, or of a string.
    ///
    /// # Errors
    ///
    /// If the value is neither, or names a secret that is not of this program.
    pub fn text(&self, value: &Value) -> Result<String, TextError> {
        match value {
            Value::String(text) => self.opened(text),
            Value::Secret(parts) => {
                let mut out = String::new();
                for part in parts.iter() {
                    out.push_str(&self.part(part)?);
                }
                Ok(out)
            }
            _ => Err(TextError::NotText),
        }
    }

    /// A redactor for a stream.
    pub fn redactor(&self) -> Redactor {
        self.redactor.fresh()
    }

    /// A text with secrets masked.
    pub fn mask(&self, text: &str) -> String {
        if self.withholds {
            return shown(text).into_owned();
        }
        self.redactor.mask(&self.without_unopened(text))
    }
}

/// The fewest characters of a secret: a shorter text stands everywhere, so that masking it would
/// garble what is shown, and tell the secret.
const MIN_SECRET_CHARS: usize = 4;

/// A text that can be a secret, or what it does that none can do.
pub(super) fn usable<T: AsRef<str>>(text: T) -> Result<T, &'static str> {
    if text.as_ref().contains('\0') {
        return Err("holds a character that no variable can hold");
    }
    match text.as_ref().chars().count() {
        1..MIN_SECRET_CHARS => Err("has fewer than 4 characters, which cannot be masked"),
        _ => Ok(text),
    }
}

fn unreadable(secret: &Secret, error: &SecretError) -> SecretReadError {
    SecretReadError {
        secret: secret.name.clone(),
        span: secret.span,
        message: error.to_string(),
    }
}

/// The arguments of a source as they were before they were stored.
fn opened(arguments: Vec<Name>, known: &[Option<Name>]) -> Result<Vec<Name>, SecretError> {
    if !arguments.iter().any(|argument| is_sealed(argument)) {
        return Ok(arguments);
    }
    let vault = SecretVault::of(known.to_vec());
    let open = |argument: &Name| vault.unseal(argument).map(Name::from);
    let opened: Result<Vec<Name>, UnsealError> = arguments.iter().map(open).collect();
    opened.map_err(|_| SecretError::Sealed)
}

/// The evaluated texts of a source.
fn arguments(
    source: &SecretSource,
    value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
) -> Result<Vec<Name>, SecretError> {
    let exprs: Vec<&Expr> = match source {
        SecretSource::Env(expr) | SecretSource::File(expr) => vec![expr],
        SecretSource::Command(exprs) => exprs.iter().collect(),
    };
    exprs
        .into_iter()
        .map(|expr| match value(expr) {
            Ok(Value::String(text)) => Ok(text),
            Ok(_) => Err(SecretError::NotText),
            Err(Halt::Fault(diagnostic)) => Err(SecretError::Fault(diagnostic.message)),
            Err(Halt::Unknown) => Err(SecretError::Unknown),
        })
        .collect()
}

async fn source_text(
    source: &SecretSource,
    arguments: &[Name],
    folder: &Path,
    environment: &dyn EnvironmentVariables,
    groups: Option<&dyn GroupRegistry>,
) -> Result<String, SecretError> {
    let [first, rest @ ..] = arguments else {
        return Err(SecretError::EmptyCommand);
    };
    match source {
        SecretSource::Env(_) => environment
            .var(first)
            .map_err(|why| SecretError::Variable(first.clone(), why)),
        SecretSource::File(_) => {
            let text = text_file::read(&folder.join(&**first));
            let text = text.map_err(|why| SecretError::File(first.clone(), why));
            text.map(without_line_end)
        }
        SecretSource::Command(_) => command_text(first, rest, folder, groups).await,
    }
}

async fn command_text(
    program: &str,
    rest: &[Name],
    folder: &Path,
    groups: Option<&dyn GroupRegistry>,
) -> Result<String, SecretError> {
    let (care, variable) = match groups.map(|groups| GuardedCommand::of(groups, false)) {
        Some((care, variable)) => (Some(care), variable),
        None => (None, None),
    };
    let variable = variable.unwrap_or_else(|| {
        let inherited = std::env::var(processes::COMMAND_VARIABLE).ok();
        processes::variable(inherited.as_deref(), &processes::new_token(), 1)
    });
    let looks = ProcessLooks::new();
    let mut found = CommandProcesses::new(&looks, Some(&variable.1));
    let child = tokio::process::Command::new(program)
        .args(rest.iter().map(|argument| &**argument))
        .envs([variable])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SecretError::NoProgram(program.to_owned()),
            _ => SecretError::NotStarted(program.to_owned(), error.to_string()),
        })?;
    if let (Some(care), Some(id)) = (&care, child.id()) {
        care.set_group(id);
    }
    found.started(child.id());
    let mut group = SecretReaderGroup {
        id: child.id().and_then(|id| i32::try_from(id).ok()),
        found,
        _care: care,
    };
    let output = child.wait_with_output().await;
    group.id = None;
    if !output.as_ref().is_ok_and(|output| output.status.success()) {
        group.found.kill().await;
    }
    let output =
        output.map_err(|error| SecretError::OutputLost(program.to_owned(), error.to_string()))?;
    if !output.status.success() {
        return Err(SecretError::Failed {
            program: program.to_owned(),
            status: output.status,
        });
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| SecretError::OutputNotUtf8(program.to_owned()))?;
    Ok(without_line_end(text))
}

/// The processes of a command. They are killed when the future is dropped before it has ended.
struct SecretReaderGroup<'a> {
    id: Option<i32>,
    /// Its processes, in whatever group.
    found: CommandProcesses<'a>,
    _care: Option<GuardedCommand<&'a dyn GroupRegistry>>,
}

impl Drop for SecretReaderGroup<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.and_then(rustix::process::Pid::from_raw) {
            // It fails only if no process is left.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
            self.found.kill_now();
        }
    }
}

/// A text less one final line end.
pub(super) fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_base::value::SecretPart;

    struct Variables;

    impl EnvironmentVariables for Variables {
        fn var(&self, name: &str) -> Result<String, VariableError> {
            let known = (name == "TOKEN").then(|| String::from("t0k3n-in-env"));
            known.ok_or(VariableError::NotSet)
        }
    }

    fn secret(name: &str, source: SecretSource) -> Secret {
        Secret {
            name: name.into(),
            span: Span::start_of(FileId(0)),
            source,
            optional: false,
        }
    }

    fn text(text: &str) -> Expr {
        Expr::constant(Value::string(text), Span::start_of(FileId(0)))
    }

    fn command(words: &[&str]) -> SecretSource {
        SecretSource::Command(words.iter().map(|word| text(word)).collect())
    }

    async fn read(secrets: &[Secret], folder: &Path) -> Result<SecretVault, Vec<SecretReadError>> {
        let mut value = |expr: &Expr| expr.as_const().cloned().ok_or(Halt::Unknown);
        let folder = |_| folder.to_path_buf();
        let all = (0..secrets.len() as u32).collect();
        SecretVault::read((secrets, &all), &mut value, &folder, &Variables, None).await
    }

    #[tokio::test]
    async fn reads_each_kind_of_source() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "from\nfile\n\n").unwrap();
        let secrets = [
            secret("a", SecretSource::Env(text("TOKEN"))),
            secret("b", SecretSource::File(text("key"))),
            secret(
                "c",
                command(&["sh", "-c", "echo \"$1\"; pwd", "sh", "x $(id)"]),
            ),
            secret("d", command(&["printf", "line\\r\\n"])),
        ];
        let vault = read(&secrets, folder.path()).await.unwrap();
        let get = |at| {
            let value = Value::Secret(vec![SecretPart::Secret(at)].into());
            vault.text(&value).unwrap()
        };
        assert_eq!(get(0), "t0k3n-in-env");
        assert_eq!(get(1), "from\nfile\n");
        let here = folder.path().canonicalize().unwrap();
        assert_eq!(get(2), format!("x $(id)\n{}", here.display()));
        assert_eq!(get(3), "line");
        assert_eq!(vault.mask("<t0k3n-in-env>"), "<***>");
        let mixed =
            Value::Secret(vec![SecretPart::Text("Bearer ".into()), SecretPart::Secret(0)].into());
        assert_eq!(vault.text(&mixed).unwrap(), "Bearer t0k3n-in-env");
        assert!(vault.text(&Value::Int(1)).is_err());
        let unknown = Value::Secret(vec![SecretPart::Secret(9)].into());
        assert!(vault.text(&unknown).is_err());
        assert_eq!(format!("{vault:?}"), "Vault(4 secrets)");
    }

    #[tokio::test]
    async fn reports_all_failures_together_and_shows_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bytes"), [0xff, 0xfe]).unwrap();
        std::fs::write(folder.path().join("nul"), [b'a', 0]).unwrap();
        let secrets = [
            secret("good", SecretSource::Env(text("TOKEN"))),
            secret("a", SecretSource::Env(text("MISSING"))),
            secret("b", SecretSource::File(text("none"))),
            secret("c", SecretSource::File(text("bytes"))),
            secret("d", SecretSource::File(text("."))),
            secret("e", command(&["lockstep-has-no-such-program"])),
            secret(
                "f",
                command(&["sh", "-c", "echo no t0k3n-in-env >&2; exit 3"]),
            ),
            secret("g", SecretSource::File(text("nul"))),
        ];
        let failures = read(&secrets, folder.path()).await.unwrap_err();
        let messages: Vec<&str> = (failures.iter())
            .map(|failure| failure.message.as_str())
            .collect();
        assert_eq!(
            messages,
            [
                "the variable `MISSING` is not set",
                "the file `none` does not exist",
                "the file `bytes` is not UTF-8 text",
                "the file `.` is a folder",
                "the program `lockstep-has-no-such-program` was not found",
                "the command `sh` failed (exit status: 3); what it wrote is not shown",
                "it holds a character that no variable can hold",
            ]
        );
    }
}
