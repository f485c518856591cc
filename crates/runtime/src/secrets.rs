//! The texts of the declared secrets, read when a run starts and kept in memory only.
//! It does not know where a secret is used; whatever leaves the program goes through its
//! [`Redactor`].

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::process::{Care, Groups};
use super::redact::Redactor;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{SecretPart, Value};
use lockstep_base::world::Environment;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::{Secret, SecretSource};

/// The texts of all secrets of a program.
pub struct Vault {
    texts: Vec<Name>,
    redactor: Redactor,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({} secrets)", self.texts.len())
    }
}

/// A secret that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// The secret.
    pub secret: Name,
    /// Where it is declared.
    pub span: Span,
    /// Why, as words that follow its name: `` the variable `TOKEN` is not set ``.
    pub message: String,
}

impl Vault {
    /// A vault with these texts, by the secrets' places in the program's table.
    pub fn new<S: Into<Name>>(texts: impl IntoIterator<Item = S>) -> Self {
        let texts: Vec<Name> = texts.into_iter().map(Into::into).collect();
        let redactor = Redactor::new(&texts);
        Self { texts, redactor }
    }

    /// Reads all secrets of a program. `value` evaluates an expression; `folder` is where a
    /// source file lies, for files and commands named relative to it. Commands are put into the
    /// care of `groups`, so that they end with this program.
    ///
    /// # Errors
    ///
    /// All secrets that could not be read.
    pub async fn read(
        secrets: &[Secret],
        value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
        folder: &dyn Fn(FileId) -> PathBuf,
        environment: &dyn Environment,
        groups: Option<&dyn Groups>,
    ) -> Result<Self, Vec<Unreadable>> {
        let mut texts = Vec::new();
        let mut failures = Vec::new();
        for secret in secrets {
            let folder = folder(secret.span.file);
            let text = match arguments(&secret.source, value) {
                Err(message) => Err(message),
                Ok(arguments) => {
                    source_text(&secret.source, &arguments, &folder, environment, groups).await
                }
            };
            let text = text.and_then(|text| match text.contains('\0') {
                true => Err(String::from(
                    "it holds a character that no variable can hold",
                )),
                false => Ok(text),
            });
            match text {
                Ok(text) => texts.push(text),
                Err(message) => failures.push(Unreadable {
                    secret: secret.name.clone(),
                    span: secret.span,
                    message,
                }),
            }
        }
        if !failures.is_empty() {
            // What a program says about its failure may show another secret.
            let redactor = Redactor::new(&texts);
            for failure in &mut failures {
                failure.message = redactor.mask(&failure.message);
            }
            return Err(failures);
        }
        Ok(Self::new(texts))
    }

    /// The text of a secret, or of a text.
    ///
    /// # Errors
    ///
    /// A sentence, where the value is neither, or names a secret that is not of this program.
    pub fn text(&self, value: &Value) -> Result<String, String> {
        match value {
            Value::String(text) => Ok(text.to_string()),
            Value::Secret(parts) => {
                let mut out = String::new();
                for part in parts.iter() {
                    match part {
                        SecretPart::Text(text) => out.push_str(text),
                        SecretPart::Secret(at) => match self.texts.get(*at as usize) {
                            Some(text) => out.push_str(text),
                            None => return Err(format!("there is no secret number {at}")),
                        },
                    }
                }
                Ok(out)
            }
            _ => Err(String::from("a command takes only texts and secrets")),
        }
    }

    /// A redactor for a stream.
    pub fn redactor(&self) -> Redactor {
        self.redactor.fresh()
    }

    /// A text without secrets.
    pub fn mask(&self, text: &str) -> String {
        self.redactor.mask(text)
    }
}

/// The evaluated texts of a source.
fn arguments(
    source: &SecretSource,
    value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
) -> Result<Vec<Name>, String> {
    let exprs: Vec<&Expr> = match source {
        SecretSource::Env(expr) | SecretSource::File(expr) => vec![expr],
        SecretSource::Command(exprs) => exprs.iter().collect(),
    };
    exprs
        .into_iter()
        .map(|expr| match value(expr) {
            Ok(Value::String(text)) => Ok(text),
            Ok(_) => Err(String::from("its source is not a text")),
            Err(Halt::Fault(diagnostic)) => Err(diagnostic.message),
            Err(Halt::Unknown) => Err(String::from("its source is not known before the run")),
        })
        .collect()
}

async fn source_text(
    source: &SecretSource,
    arguments: &[Name],
    folder: &Path,
    environment: &dyn Environment,
    groups: Option<&dyn Groups>,
) -> Result<String, String> {
    let [first, rest @ ..] = arguments else {
        return Err(String::from("its command is empty"));
    };
    match source {
        SecretSource::Env(_) => environment
            .var(first)
            .ok_or_else(|| format!("the variable `{first}` is not set")),
        SecretSource::File(_) => {
            let bytes = std::fs::read(folder.join(&**first)).map_err(|error| {
                let why = match error.kind() {
                    std::io::ErrorKind::NotFound => String::from("does not exist"),
                    std::io::ErrorKind::PermissionDenied => String::from("may not be read"),
                    std::io::ErrorKind::IsADirectory => String::from("is a folder"),
                    _ => format!("cannot be read: {error}"),
                };
                format!("the file `{first}` {why}")
            })?;
            let text = String::from_utf8(bytes)
                .map_err(|_| format!("the file `{first}` is not UTF-8 text"))?;
            Ok(without_line_end(text))
        }
        SecretSource::Command(_) => command_text(first, rest, folder, groups).await,
    }
}

async fn command_text(
    program: &str,
    rest: &[Name],
    folder: &Path,
    groups: Option<&dyn Groups>,
) -> Result<String, String> {
    let (care, variable) = match groups.map(|groups| Care::of(groups, false)) {
        Some((care, variable)) => (Some(care), variable),
        None => (None, None),
    };
    let child = tokio::process::Command::new(program)
        .args(rest.iter().map(|argument| &**argument))
        .envs(variable)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("the program `{program}` was not found"),
            _ => format!("the program `{program}` could not be started: {error}"),
        })?;
    if let (Some(care), Some(id)) = (&care, child.id()) {
        care.born(id);
    }
    let mut group = Group {
        id: child.id().and_then(|id| i32::try_from(id).ok()),
        _care: care,
    };
    let output = child.wait_with_output().await;
    group.id = None;
    let output =
        output.map_err(|error| format!("what `{program}` wrote cannot be read: {error}"))?;
    if !output.status.success() {
        let mut message = format!("the command `{program}` failed ({})", output.status);
        let stderr = String::from_utf8_lossy(&output.stderr);
        if let Some(last) = stderr.lines().rfind(|line| !line.trim().is_empty()) {
            // Writing to a string cannot fail.
            let _ = write!(message, ": {}", last.trim());
        }
        return Err(message);
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| format!("what the command `{program}` wrote is not UTF-8 text"))?;
    Ok(without_line_end(text))
}

/// The process group of a command that has not ended. It is killed when nobody waits any more.
struct Group<'a> {
    id: Option<i32>,
    _care: Option<Care<'a>>,
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.and_then(rustix::process::Pid::from_raw) {
            // It fails only where nobody is left.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
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

    struct Variables;

    impl Environment for Variables {
        fn var(&self, name: &str) -> Option<String> {
            (name == "TOKEN").then(|| String::from("t0k3n-in-env"))
        }
    }

    fn secret(name: &str, source: SecretSource) -> Secret {
        Secret {
            name: name.into(),
            span: Span::start_of(FileId(0)),
            source,
        }
    }

    fn text(text: &str) -> Expr {
        Expr::constant(Value::string(text), Span::start_of(FileId(0)))
    }

    fn command(words: &[&str]) -> SecretSource {
        SecretSource::Command(words.iter().map(|word| text(word)).collect())
    }

    async fn read(secrets: &[Secret], folder: &Path) -> Result<Vault, Vec<Unreadable>> {
        let mut value = |expr: &Expr| expr.as_const().cloned().ok_or(Halt::Unknown);
        let folder = |_| folder.to_path_buf();
        Vault::read(secrets, &mut value, &folder, &Variables, None).await
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
                "the command `sh` failed (exit status: 3): no ***",
                "it holds a character that no variable can hold",
            ]
        );
    }
}
