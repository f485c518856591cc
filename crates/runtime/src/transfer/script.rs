//! The script of a transfer on the other side. It is one line for `sh`, which needs nothing there
//! but `tar` and what every POSIX system has.

use std::fmt::Write as _;

use super::Payload;
use crate::connection::{LINE_END_SCRIPT, add_script, enter_folder, in_line};

/// A transfer on the other side.
pub(crate) struct TransferScript<'a> {
    /// The path there.
    pub(crate) path: &'a str,
    /// The name of what is unfinished, beside its place: no other transfer uses it.
    pub(crate) mark: &'a str,
    /// What is to be done.
    pub(crate) task: TransferTask<'a>,
}

/// What the script does.
pub(crate) enum TransferTask<'a> {
    /// It stores its standard input.
    Store {
        /// What comes.
        payload: &'a Payload,
        /// Whether it may take the place of a folder.
        replacing: bool,
    },
    /// It writes what is at the path to its standard output.
    Write,
}

impl TransferScript<'_> {
    /// The script for a shell on this machine.
    pub(crate) fn local(&self) -> String {
        format!("{}{}", self.line_end(None), self.text())
    }

    /// The line for a shell on another machine, in a folder there. It reports as commands do.
    pub(crate) fn remote(&self, token: &str, dir: Option<&str>) -> String {
        let mut text = String::from(self.line_end(dir));
        enter_folder(&mut text, token, dir);
        text.push_str("( ");
        text.push_str(&self.text());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "); printf '%s code %s 0\\n%s outputs\\n%s end\\n' {token} $? {token} {token}"
        );
        text
    }

    /// What a text with line ends needs in a line.
    fn line_end(&self, dir: Option<&str>) -> &'static str {
        match self.path.contains('\n') || dir.is_some_and(|dir| dir.contains('\n')) {
            true => LINE_END_SCRIPT,
            false => "",
        }
    }

    /// The text of the script. It ends with code 0 where all is done, else with a line on the
    /// standard error that says why.
    fn text(&self) -> String {
        let mut text = format!(
            "lockstep_path={}; lockstep_mark={}; ",
            in_line(self.path),
            self.mark
        );
        add_script(&mut text, COMMON);
        match &self.task {
            TransferTask::Write => add_script(&mut text, WRITE),
            TransferTask::Store { payload, replacing } => {
                // Writing to a string cannot fail.
                let _ = write!(
                    text,
                    "lockstep_mode={:04o}; lockstep_replacing={}; ",
                    payload.mode(),
                    if *replacing { "yes" } else { "" }
                );
                add_script(&mut text, PREPARE);
                match payload.bytes() {
                    Some(bytes) => {
                        let _ = write!(text, "lockstep_bytes={bytes}; ");
                        add_script(&mut text, STORE_FILE);
                    }
                    None => add_script(&mut text, STORE_FOLDER),
                }
            }
        }
        text
    }
}

/// Says why it fails. Takes the path apart: its folder and its name.
const COMMON: &str = r#"lockstep_fail() { printf '%s\n' "$1" >&2; exit 1; };
case $lockstep_path in
  '') lockstep_fail 'the path is empty' ;;
  -*) lockstep_path=./$lockstep_path ;;
esac;
while [ "${lockstep_path%/}" != "$lockstep_path" ] && [ "$lockstep_path" != / ]; do
  lockstep_path=${lockstep_path%/};
done;
lockstep_name=${lockstep_path##*/};
case $lockstep_path in
  */*) lockstep_folder=${lockstep_path%/*}; [ -n "$lockstep_folder" ] || lockstep_folder=/ ;;
  *) lockstep_folder=. ;;
esac;
"#;

/// Writes what is at the path: a line that says what it is, and an archive.
const WRITE: &str = r#"if [ -d "$lockstep_path" ]; then
  printf 'folder\n'; exec tar -cf - -C "$lockstep_path" .;
fi;
if [ -f "$lockstep_path" ]; then
  printf 'file\n'; exec tar -chf - -C "$lockstep_folder" "./$lockstep_name";
fi;
if [ -e "$lockstep_path" ]; then
  lockstep_fail "\`$lockstep_path\` is neither a file nor a folder";
fi;
lockstep_fail "\`$lockstep_path\` does not exist";
"#;

/// Makes room for what comes, beside its place. What an earlier try has moved away is put back.
const PREPARE: &str = r#"case $lockstep_name in
  ''|.|..) lockstep_fail "\`$lockstep_path\` has no name of its own: give the path that it gets" ;;
esac;
mkdir -p "$lockstep_folder" || exit 1;
lockstep_new=$lockstep_folder/$lockstep_mark;
lockstep_old=$lockstep_new-old;
trap 'rm -rf "$lockstep_new"' EXIT;
trap 'exit 143' HUP INT TERM;
if [ -e "$lockstep_old" ] && [ ! -e "$lockstep_path" ]; then
  mv "$lockstep_old" "$lockstep_path" || exit 1;
fi;
rm -rf "$lockstep_new" "$lockstep_old" || exit 1;
lockstep_put() {
  if [ ! -e "$lockstep_path" ] && [ ! -L "$lockstep_path" ]; then
    mv "$lockstep_new" "$lockstep_path" || exit 1;
    return;
  fi;
  mv "$lockstep_path" "$lockstep_old" || exit 1;
  mv "$lockstep_new" "$lockstep_path" || {
    mv "$lockstep_old" "$lockstep_path";
    exit 1;
  };
  rm -rf "$lockstep_old";
};
"#;

/// Stores a file.
const STORE_FILE: &str = r#"if [ -d "$lockstep_path" ] && [ -z "$lockstep_replacing" ]; then
  lockstep_fail "\`$lockstep_path\` is a folder: a file takes its place only with \`replacing\`";
fi;
(umask 077; cat >"$lockstep_new") || exit 1;
lockstep_count=$(wc -c <"$lockstep_new");
if [ "$lockstep_count" -ne "$lockstep_bytes" ]; then
  lockstep_fail 'it has not arrived as a whole';
fi;
chmod "$lockstep_mode" "$lockstep_new" || exit 1;
if [ -d "$lockstep_path" ]; then lockstep_put;
else mv -f "$lockstep_new" "$lockstep_path" || exit 1; fi;
"#;

/// Stores a folder. One that holds the same stays as it is.
const STORE_FOLDER: &str = r#"(umask 077; mkdir "$lockstep_new") || exit 1;
tar -xpf - -C "$lockstep_new" || exit 1;
if [ ! -f "$lockstep_new/$lockstep_mark" ]; then
  lockstep_fail 'it has not arrived as a whole';
fi;
rm -f "$lockstep_new/$lockstep_mark" && chmod "$lockstep_mode" "$lockstep_new" || exit 1;
lockstep_same() (
  for lockstep_one in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$lockstep_one" ] || [ -L "$lockstep_one" ] || continue;
    lockstep_other=$2/${lockstep_one##*/};
    if [ -L "$lockstep_one" ] || [ -L "$lockstep_other" ]; then
      if [ -L "$lockstep_one" ] && [ -L "$lockstep_other" ] &&
        [ "$(readlink "$lockstep_one")" = "$(readlink "$lockstep_other")" ]; then continue; fi;
    elif [ -d "$lockstep_one" ]; then
      if [ -d "$lockstep_other" ]; then
        lockstep_same "$lockstep_one" "$lockstep_other" || exit 1;
        continue;
      fi;
    elif [ -f "$lockstep_other" ] && cmp -s "$lockstep_one" "$lockstep_other"; then
      if [ -x "$lockstep_one" ] && [ -x "$lockstep_other" ]; then continue; fi;
      if [ ! -x "$lockstep_one" ] && [ ! -x "$lockstep_other" ]; then continue; fi;
    fi;
    printf '%s\n' "${lockstep_other#"$lockstep_path"/}";
    exit 1;
  done;
  for lockstep_other in "$2"/* "$2"/.[!.]* "$2"/..?*; do
    [ -e "$lockstep_other" ] || [ -L "$lockstep_other" ] || continue;
    lockstep_one=$1/${lockstep_other##*/};
    if [ ! -e "$lockstep_one" ] && [ ! -L "$lockstep_one" ]; then
      printf '%s\n' "${lockstep_other#"$lockstep_path"/}";
      exit 1;
    fi;
  done;
);
if [ -d "$lockstep_path" ] && [ -z "$lockstep_replacing" ]; then
  lockstep_what=$(lockstep_same "$lockstep_new" "$lockstep_path") || {
    lockstep_what="holds something else (\`$lockstep_what\` differs)";
    lockstep_what="$lockstep_what; with \`replacing\` it is replaced";
    lockstep_fail "\`$lockstep_path\` is a folder that $lockstep_what";
  };
else lockstep_put; fi;
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_one_line_whatever_the_path() {
        let payload = Payload::text(String::from("x"), None, false);
        for path in ["a", "it's", "two\nlines", "-rf", "$(touch x)"] {
            for task in [
                TransferTask::Write,
                TransferTask::Store {
                    payload: &payload,
                    replacing: true,
                },
            ] {
                let mark = ".lockstep-1";
                let script = TransferScript { path, mark, task };
                assert!(!script.local().contains('\n'), "{path:?}");
                assert_eq!(script.remote("T", Some(path)).matches('\n').count(), 1);
            }
        }
    }
}
