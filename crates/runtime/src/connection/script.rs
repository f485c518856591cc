//! The script that runs a command on the remote side of a connection.

use std::fmt::Write as _;

use super::quoted;

/// A command for the remote side.
pub(crate) struct RemoteScript<'a> {
    /// The marker at the beginning of the report.
    pub(crate) token: &'a str,
    /// The words to execute.
    pub(crate) words: &'a [String],
    /// Environment variables for them.
    pub(crate) env: &'a [(String, String)],
    /// The working directory, relative to the one where the connection ends.
    pub(crate) dir: Option<&'a str>,
    /// Whether the command's standard error goes where its standard output does.
    pub(crate) streams_joined: bool,
}

/// Why a command cannot be run over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptError {
    /// No shell takes this for the name of a variable.
    Name(String),
    /// The text of this variable contains a NUL.
    ZeroInVariable(String),
    /// An argument contains a NUL.
    ZeroInArgument,
}

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => {
                write!(f, "`{name}` cannot name a variable over a connection")
            }
            Self::ZeroInVariable(name) => write!(
                f,
                "the variable `{name}` holds the character `\\u{{0}}`, which no variable can"
            ),
            Self::ZeroInArgument => {
                f.write_str("an argument holds the character `\\u{0}`, which no argument can")
            }
        }
    }
}

impl std::error::Error for ScriptError {}

impl RemoteScript<'_> {
    /// The script on the remote command line: it reads its input up to a marker and executes it. It
    /// contains no single quotes and is one line, so that it passes through any shell.
    pub(crate) fn bootstrap(&self) -> String {
        format!(
            "n=$(printf \"\\\\nx\"); n=${{n%x}}; p=; while IFS= read -r l; do \
             if [ \"$l\" = {}-run ]; then eval \"$p\"; exit; fi; p=\"$p$l$n\"; done; exit 1",
            self.token
        )
    }

    /// The text for its standard input.
    pub(crate) fn input(&self) -> Result<String, ScriptError> {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |args: std::fmt::Arguments<'_>| {
            let _ = text.write_fmt(args);
        };
        line(format_args!("lockstep_token={}\n", self.token));
        for (name, value) in self.env {
            if !is_name(name) {
                return Err(ScriptError::Name(name.clone()));
            }
            if value.contains('\0') {
                return Err(ScriptError::ZeroInVariable(name.clone()));
            }
            line(format_args!("export {name}={}\n", quoted(value)));
        }
        line(format_args!("printf '%s start\\n' \"$lockstep_token\"\n"));
        if let Some(dir) = self.dir {
            line(format_args!("lockstep_dir={}\n", quoted(dir)));
            text.push_str(ENTER_FOLDER_SCRIPT);
        }
        text.push_str(PREPARE_SCRIPT);
        for word in self.words {
            if word.contains('\0') {
                return Err(ScriptError::ZeroInArgument);
            }
            text.push_str(&quoted(word));
            text.push(' ');
        }
        if self.streams_joined {
            text.push_str("2>&1 ");
        }
        text.push_str(SUPERVISE_SCRIPT);
        let _ = writeln!(text, "{}-run", self.token);
        Ok(text)
    }
}

/// Changes to the directory, or reports that it cannot.
const ENTER_FOLDER_SCRIPT: &str = r#"case $lockstep_dir in -*) lockstep_dir=./$lockstep_dir ;; esac
cd "$lockstep_dir" || { printf '%s dir 0\n%s end\n' "$lockstep_token" "$lockstep_token"; exit 1; }
"#;

/// Redirects the input, which only this script may read, and begins a process group where there is
/// a program for that.
const PREPARE_SCRIPT: &str = r#"LOCKSTEP_OUTPUT=$(mktemp 2>/dev/null) ||
  LOCKSTEP_OUTPUT=/tmp/lockstep-output-$$
export LOCKSTEP_OUTPUT
exec 3<&0 </dev/null
lockstep_group=
if command -v setsid >/dev/null 2>&1; then lockstep_group=setsid; fi
$lockstep_group "#;

/// Runs the command, ends it when asked or when the connection is lost, and reports. What is left
/// of a process group that was asked to end gets 10 more seconds, as on the local machine.
const SUPERVISE_SCRIPT: &str = r#"3<&- &
lockstep_child=$!
lockstep_stop=$LOCKSTEP_OUTPUT-stop
lockstep_kill() {
  kill -s "$1" -- "-$lockstep_child" || kill -s "$1" "$lockstep_child"
}
{
  while IFS= read -r lockstep_line; do
    case $lockstep_line in
      term) : >>"$lockstep_stop"; lockstep_kill TERM ;;
      kill) echo kill >>"$lockstep_stop"; lockstep_kill KILL ;;
    esac
  done
  : >>"$lockstep_stop"
  lockstep_kill TERM
  sleep 10
  echo kill >>"$lockstep_stop"
  lockstep_kill KILL
} <&3 >/dev/null 2>&1 &
lockstep_watch=$!
exec 3<&-
wait "$lockstep_child"
lockstep_status=$?
if [ -f "$lockstep_stop" ]; then
  lockstep_count=0
  while kill -s 0 -- "-$lockstep_child" && [ ! -s "$lockstep_stop" ] &&
    [ "$lockstep_count" -lt 100 ]; do
    sleep 0.1 || sleep 1
    lockstep_count=$((lockstep_count + 1))
  done
  kill -s KILL -- "-$lockstep_child"
  rm -f "$lockstep_stop"
fi 2>/dev/null
kill "$lockstep_watch" 2>/dev/null
printf '%s code %s\n' "$lockstep_token" "$lockstep_status"
if [ -f "$LOCKSTEP_OUTPUT" ]; then cat "$LOCKSTEP_OUTPUT"; rm -f "$LOCKSTEP_OUTPUT"; fi
printf '%s end\n' "$lockstep_token"
"#;

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|char| char == '_' || char.is_ascii_alphanumeric())
}
