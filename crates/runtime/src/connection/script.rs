//! The script that runs a command on the remote side of a connection.

use std::fmt::Write as _;
use std::time::Duration;

use super::{quoted, random};

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
    /// How many bytes behind the script are the command's standard input, if it has one.
    pub(crate) stdin_bytes: Option<usize>,
    /// How long the command may take to end when it is asked to.
    pub(crate) grace: Duration,
    /// Whether the command's standard error goes where its standard output does.
    pub(crate) streams_joined: bool,
    /// Whether somebody waits for processes whose parent has ended, as on a machine, so that the
    /// end need not wait for what is cleared away.
    pub(crate) leaves_orphans: bool,
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
    /// The script on the remote command line: it reads one line and executes it. It contains no
    /// single quotes and is one line, so that it passes through any shell.
    pub(crate) const BOOTSTRAP: &'static str = "IFS= read -r l && eval \"$l\"";

    /// The text for its standard input: one line, since a shell reads its input byte by byte, and
    /// what takes many lines of it needs a process.
    pub(crate) fn input(&self) -> Result<String, ScriptError> {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let add = |text: &mut String, args: std::fmt::Arguments<'_>| {
            let _ = text.write_fmt(args);
        };
        let has_line_end = |text: &str| text.contains('\n');
        if self.words.iter().any(|word| has_line_end(word))
            || self.env.iter().any(|(_, value)| has_line_end(value))
            || self.dir.is_some_and(has_line_end)
        {
            text.push_str(LINE_END_SCRIPT);
        }
        for (name, value) in self.env {
            if !is_name(name) {
                return Err(ScriptError::Name(name.clone()));
            }
            if value.contains('\0') {
                return Err(ScriptError::ZeroInVariable(name.clone()));
            }
            add(
                &mut text,
                format_args!("export {name}={}; ", in_line(value)),
            );
        }
        // The token is set after the variables, so that none of them can take its place.
        enter_folder(&mut text, self.token, self.dir);
        if let Some(bytes) = self.stdin_bytes {
            add(&mut text, format_args!("lockstep_bytes={bytes}; "));
            add_script(&mut text, STDIN_SCRIPT);
        }
        // Whole seconds, for every `sleep`.
        let grace = self.grace.as_millis().div_ceil(1000);
        add(
            &mut text,
            format_args!("lockstep_grace={grace}; lockstep_name={}; ", random()),
        );
        add_script(&mut text, PREPARE_SCRIPT);
        for word in self.words {
            if word.contains('\0') {
                return Err(ScriptError::ZeroInArgument);
            }
            text.push_str(&in_line(word));
            text.push(' ');
        }
        if self.streams_joined {
            text.push_str("2>&1 ");
        }
        text.push_str(match self.stdin_bytes {
            Some(_) => "<&4 4<&- ",
            None => "</dev/null ",
        });
        add_script(&mut text, SUPERVISE_SCRIPT);
        if self.leaves_orphans {
            text.push('&');
        }
        text.push('\n');
        Ok(text)
    }
}

/// Reports the start, and changes to a directory.
pub(crate) fn enter_folder(text: &mut String, token: &str, dir: Option<&str>) {
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "lockstep_token={token}; printf '%s start\\n' {token}; "
    );
    if let Some(dir) = dir {
        let _ = write!(text, "lockstep_dir={}; ", in_line(dir));
        add_script(text, ENTER_FOLDER_SCRIPT);
    }
}

/// A text quoted as one word, without a line end.
pub(crate) fn in_line(text: &str) -> String {
    quoted(text).replace('\n', "'\"$lockstep_line_end\"'")
}

/// Adds a script as a part of the line.
pub(crate) fn add_script(text: &mut String, script: &str) {
    for line in script.lines() {
        text.push_str(line.trim_start());
        text.push(' ');
    }
}

/// What [`in_line`] takes for a line end.
pub(crate) const LINE_END_SCRIPT: &str =
    "lockstep_line_end=$(printf '\\nx'); lockstep_line_end=${lockstep_line_end%x}; ";

/// Changes to the directory, or reports that it cannot.
const ENTER_FOLDER_SCRIPT: &str = r#"case $lockstep_dir in -*) lockstep_dir=./$lockstep_dir ;; esac;
cd "$lockstep_dir" || { printf '%s dir 0\n%s end\n' "$lockstep_token" "$lockstep_token"; exit 1; };
"#;

/// Takes the command's standard input, which follows the script, into a file that nobody else can
/// open. What reads it must not read on into the lines behind it: `dd` reads byte by byte.
const STDIN_SCRIPT: &str = r#"lockstep_stdin=$(umask 077; mktemp 2>/dev/null || {
  : >/tmp/lockstep-stdin-$$ && echo /tmp/lockstep-stdin-$$; });
if head --version 2>/dev/null | grep -q GNU; then head -c "$lockstep_bytes" >"$lockstep_stdin";
else dd bs=1 count="$lockstep_bytes" >"$lockstep_stdin" 2>/dev/null; fi;
exec 4<"$lockstep_stdin";
lockstep_count=$(wc -c <"$lockstep_stdin");
rm -f "$lockstep_stdin";
if [ "$lockstep_count" -ne "$lockstep_bytes" ]; then
  printf '%s stdin 0\n%s end\n' "$lockstep_token" "$lockstep_token"; exit 1;
fi;
"#;

/// Makes the file for outputs, which nobody else may read, without a further process: the file
/// beside it, later for what the shell says of the command's end, first takes the mask that is to
/// be set again. Redirects the input, which only this script may read, and begins a process group
/// where there is a program for that.
const PREPARE_SCRIPT: &str = r#"LOCKSTEP_OUTPUT=${TMPDIR:-/tmp};
[ -d "$LOCKSTEP_OUTPUT" ] || LOCKSTEP_OUTPUT=/tmp;
LOCKSTEP_OUTPUT=$LOCKSTEP_OUTPUT/lockstep-$lockstep_name;
export LOCKSTEP_OUTPUT;
lockstep_said=$LOCKSTEP_OUTPUT-said;
lockstep_mask=;
{
  umask >"$lockstep_said" && read -r lockstep_mask <"$lockstep_said";
  if [ -n "$lockstep_mask" ]; then
    umask 077; true >"$LOCKSTEP_OUTPUT"; umask "$lockstep_mask";
  fi;
} 2>/dev/null;
exec 3<&0 </dev/null;
lockstep_group=;
if command -v setsid >/dev/null 2>&1; then lockstep_group=setsid; fi;
$lockstep_group
"#;

/// Runs the command, ends it when asked or when the connection is lost, and reports. What is left
/// of a process group that was asked to end gets its grace, as on the local machine. An exit code
/// of more than 128 may be a signal: which it is, a shell says of its jobs (`dash`), or when it has
/// waited for one.
const SUPERVISE_SCRIPT: &str = r#"3<&- &
exec 4<&-;
lockstep_child=$!;
lockstep_stop=$LOCKSTEP_OUTPUT-stop;
lockstep_kill() {
  kill -s "$1" -- "-$lockstep_child" || kill -s "$1" "$lockstep_child";
};
{
  while IFS= read -r lockstep_line; do
    case $lockstep_line in
      term) true >>"$lockstep_stop"; lockstep_kill TERM ;;
      kill) echo kill >>"$lockstep_stop"; lockstep_kill KILL ;;
    esac;
  done;
  true >>"$lockstep_stop";
  lockstep_kill TERM;
  sleep "$lockstep_grace";
  echo kill >>"$lockstep_stop";
  lockstep_kill KILL;
} <&3 >/dev/null 2>&1 &
lockstep_watch=$!;
exec 3<&-;
if [ -n "$lockstep_mask" ]; then wait "$lockstep_child" 2>"$lockstep_said";
else wait "$lockstep_child" 2>/dev/null; fi;
lockstep_status=$?;
if [ -f "$lockstep_stop" ]; then
  lockstep_count=0;
  while kill -s 0 -- "-$lockstep_child" && [ ! -s "$lockstep_stop" ] &&
    [ "$lockstep_count" -lt "$((lockstep_grace * 10))" ]; do
    sleep 0.1 || sleep 1;
    lockstep_count=$((lockstep_count + 1));
  done;
  kill -s KILL -- "-$lockstep_child";
  rm -f "$lockstep_stop";
fi 2>/dev/null;
kill "$lockstep_watch" 2>/dev/null;
lockstep_how=;
if [ -s "$lockstep_said" ]; then lockstep_how=signal; fi;
printf '%s code %s %s %s\n' "$lockstep_token" "$lockstep_status" "$lockstep_child" "$lockstep_how";
if [ "$lockstep_status" -gt 128 ]; then jobs -l 2>/dev/null; fi;
printf '%s outputs\n' "$lockstep_token";
if [ -s "$LOCKSTEP_OUTPUT" ] && [ -f "$LOCKSTEP_OUTPUT" ]; then cat "$LOCKSTEP_OUTPUT"; fi;
printf '%s end\n' "$lockstep_token";
rm -f "$LOCKSTEP_OUTPUT" "$lockstep_said" </dev/null >/dev/null 2>&1
"#;

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|char| char == '_' || char.is_ascii_alphanumeric())
}
