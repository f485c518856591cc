//! The script that runs a command on the remote side of a connection.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use super::{quoted, random};

/// A command for the remote side.
pub(crate) struct RemoteScript<'a> {
    /// The marker at the beginning of the report.
    pub(crate) token: &'a str,
    /// The words to execute.
    pub(crate) words: &'a [String],
    /// Whether it is checked that the first one can be executed: a shell with a script says itself
    /// what it cannot start.
    pub(crate) checks_program: bool,
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
    /// The text for its standard input: one line, since a shell reads its input byte by byte, and
    /// what takes many lines of it needs a process. What is the same for all commands is in
    /// [`bootstrap`].
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
        if self.words.iter().any(|word| word.contains('\0')) {
            return Err(ScriptError::ZeroInArgument);
        }
        // The token is set after the variables, so that none of them can take its place.
        enter_folder(&mut text, self.token, self.dir);
        if let (true, Some(program)) = (self.checks_program, self.words.first()) {
            add(
                &mut text,
                format_args!("lockstep_program={}; ", in_line(program)),
            );
            add_script(
                &mut text,
                match program.contains('/') {
                    true => CHECK_FILE_SCRIPT,
                    false => CHECK_PATH_SCRIPT,
                },
            );
        }
        if let Some(bytes) = self.stdin_bytes {
            add(
                &mut text,
                format_args!("lockstep_bytes={bytes}; lockstep_take; "),
            );
        }
        // Whole seconds, for every `sleep`.
        let grace = self.grace.as_millis().div_ceil(1000);
        add(
            &mut text,
            format_args!(
                "lockstep_grace={grace}; lockstep_name={}; lockstep_prepare; $lockstep_group ",
                random()
            ),
        );
        for word in self.words {
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
        text.push_str(
            "3<&- & lockstep_child=$!; lockstep_stop=$LOCKSTEP_OUTPUT-stop; \
             lockstep_watch <&3 >/dev/null 2>&1 & lockstep_watch=$!; lockstep_supervise\n",
        );
        Ok(text)
    }
}

/// The script on the remote command line: it knows all that does not depend on the command, reads
/// one line and executes it. It is one line without what a login shell might read in another way
/// than `sh` between single quotes: `'`, `!`, and `\` before itself.
pub(crate) fn bootstrap() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut text = String::new();
        add_script(&mut text, FUNCTIONS_SCRIPT);
        text.push_str("IFS= read -r lockstep_line && eval \"$lockstep_line\"");
        text
    });
    &TEXT
}

/// Reports the start, and changes to a directory.
pub(crate) fn enter_folder(text: &mut String, token: &str, dir: Option<&str>) {
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "lockstep_token={token}; printf '%s start\\n' {token}; "
    );
    if let Some(dir) = dir {
        let _ = write!(text, "lockstep_dir={}; lockstep_enter; ", in_line(dir));
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

/// Reports what is wrong with a program that is named by its path.
const CHECK_FILE_SCRIPT: &str = r#"if [ -d "$lockstep_program" ]; then lockstep_refuse folder;
elif [ ! -e "$lockstep_program" ]; then lockstep_refuse no-file;
elif [ ! -x "$lockstep_program" ]; then lockstep_refuse closed;
elif read -r lockstep_line <"$lockstep_program"; then
  case $lockstep_line in '#!'*/*)
    lockstep_line=${lockstep_line#??};
    lockstep_line=${lockstep_line#"${lockstep_line%%[! ]*}"};
    [ -e "${lockstep_line%%[ ]*}" ] || lockstep_refuse no-interpreter ;;
  esac;
fi 2>/dev/null;
"#;

/// Reports that a program is not on the PATH. The shell knows where to look, and programs of its
/// own (`busybox`).
const CHECK_PATH_SCRIPT: &str = r#"command -v "$lockstep_program" >/dev/null 2>&1 || {
  lockstep_rest=$PATH:;
  while [ -n "$lockstep_rest" ]; do
    lockstep_at=${lockstep_rest%%:*};
    lockstep_rest=${lockstep_rest#*:};
    [ ! -f "${lockstep_at:-.}/$lockstep_program" ] || lockstep_refuse closed;
  done;
  [ ! -f "$lockstep_program" ] || lockstep_refuse beside;
  lockstep_refuse no-program;
};
"#;

/// What each command needs.
///
/// - `lockstep_refuse` reports why the command is not started. It ends well, since some clients say
///   something of another end.
/// - `lockstep_enter` changes to the directory.
/// - `lockstep_take` takes the command's standard input, which follows the line, into a file that
///   nobody else can open. What reads it must not read on into the lines behind it: `dd` reads byte
///   by byte.
/// - `lockstep_prepare` makes the file for outputs, which nobody else may read, without a further
///   process: the file beside it, later for what the shell says of the command's end, first takes
///   the mask that is to be set again. It redirects the input, which only this script may read, and
///   begins a process group where there is a program for that.
/// - `lockstep_supervise` ends the command when asked or when the connection is lost, and reports.
///   What is left of the process group of one that was asked to end or has failed is ended, and
///   gets its grace, as on the local machine. A process that has ended is not left, also where
///   nobody waits for it: the first process of a container is often a `sleep` or a `cat`. An exit
///   code of more than 128 may be a signal: which it is, a shell says of its jobs (`dash`), or when
///   it has waited for one.
const FUNCTIONS_SCRIPT: &str = r#"lockstep_refuse() {
  printf "%s $1 0\n%s end\n" "$lockstep_token" "$lockstep_token";
  exit 0;
};
lockstep_enter() {
  case $lockstep_dir in -*) lockstep_dir=./$lockstep_dir ;; esac;
  cd "$lockstep_dir" 2>/dev/null || {
    if [ -e "$lockstep_dir" ] && [ -d "$lockstep_dir" ]; then lockstep_refuse closed-dir; fi;
    if [ -e "$lockstep_dir" ]; then lockstep_refuse file-dir; fi;
    lockstep_refuse no-dir;
  };
};
lockstep_take() {
  lockstep_stdin=$(umask 077; mktemp 2>/dev/null || {
    : >/tmp/lockstep-stdin-$$ && echo /tmp/lockstep-stdin-$$; });
  [ -n "$lockstep_stdin" ] || lockstep_refuse stdin;
  if head --version 2>/dev/null | grep -q GNU; then head -c "$lockstep_bytes" >"$lockstep_stdin";
  else dd bs=1 count="$lockstep_bytes" >"$lockstep_stdin" 2>/dev/null; fi;
  exec 4<"$lockstep_stdin";
  lockstep_count=$(wc -c <"$lockstep_stdin");
  rm -f "$lockstep_stdin";
  [ "$lockstep_count" -eq "$lockstep_bytes" ] || lockstep_refuse stdin;
};
lockstep_prepare() {
  LOCKSTEP_OUTPUT=${TMPDIR:-/tmp};
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
};
lockstep_kill() {
  kill -s "$1" -- "-$lockstep_child" || kill -s "$1" "$lockstep_child";
};
lockstep_watch() {
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
};
lockstep_is_left() {
  kill -s 0 -- "-$lockstep_child" || return 1;
  [ -r /proc/self/stat ] || return 0;
  for lockstep_at in /proc/[0-9]*/stat; do
    read -r lockstep_line <"$lockstep_at" || continue;
    set -- ${lockstep_line##*) };
    case $3:$1 in "$lockstep_child":Z) ;; "$lockstep_child":*) return 0 ;; esac;
  done;
  return 1;
};
lockstep_end_group() {
  lockstep_count=0;
  while lockstep_is_left; do
    if [ -s "$lockstep_stop" ]; then break; fi;
    if [ "$lockstep_count" -ge "$((lockstep_grace * 10))" ]; then lockstep_forced=forced; break; fi;
    sleep 0.1 || sleep 1;
    lockstep_count=$((lockstep_count + 1));
  done;
  kill -s KILL -- "-$lockstep_child";
  rm -f "$lockstep_stop";
};
lockstep_supervise() {
  exec 4<&-;
  exec 3<&-;
  if [ -n "$lockstep_mask" ]; then wait "$lockstep_child" 2>"$lockstep_said";
  else wait "$lockstep_child" 2>/dev/null; fi;
  lockstep_status=$?;
  lockstep_forced=no;
  if [ -f "$lockstep_stop" ]; then lockstep_end_group;
  elif [ "$lockstep_status" -ne 0 ] && kill -s TERM -- "-$lockstep_child"; then
    lockstep_end_group;
  fi 2>/dev/null;
  kill "$lockstep_watch" 2>/dev/null;
  lockstep_how=;
  if [ -s "$lockstep_said" ]; then lockstep_how=signal; fi;
  printf "%s code %s %s %s %s\n" "$lockstep_token" "$lockstep_status" "$lockstep_child"
    "$lockstep_forced" "$lockstep_how";
  if [ "$lockstep_status" -gt 128 ]; then jobs -l 2>/dev/null; fi;
  printf "%s outputs\n" "$lockstep_token";
  if [ -s "$LOCKSTEP_OUTPUT" ] && [ -f "$LOCKSTEP_OUTPUT" ]; then cat "$LOCKSTEP_OUTPUT"; fi;
  printf "%s end\n" "$lockstep_token";
  exec rm -f "$LOCKSTEP_OUTPUT" "$lockstep_said" </dev/null >/dev/null 2>&1;
};
"#;

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|char| char == '_' || char.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_login_shell_reads_the_same_between_single_quotes() {
        for special in ["'", "!", "\n", "\\\\"] {
            assert!(!bootstrap().contains(special), "{special:?}");
        }
    }
}
