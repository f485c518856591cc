//! Programs whose arguments are executed as code or read as names of variables: `eval`, `sh -c`,
//! `ssh`, `read` and the like. A value there is an error (shell injection). The arguments of other
//! programs are not checked.

use super::compound::is_prefix;
use super::word::{ScannedWord, assigns};
use super::{InterpolationPlace, ShellScanner};
use crate::ir::command::errors;

/// Programs that take code behind `-c`.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "rbash"];

/// Programs that start the program named by their arguments, with the options that take a further
/// word.
const WRAPPERS: [(&str, &str); 14] = [
    ("builtin", ""),
    ("command", ""),
    ("doas", "uCL"),
    ("env", "uCS"),
    ("exec", "a"),
    ("ionice", "cnpPu"),
    ("nice", "n"),
    ("nohup", ""),
    ("setsid", ""),
    ("sshpass", "pfde"),
    ("stdbuf", "ioe"),
    ("sudo", "ughpCTUDR"),
    ("timeout", "sk"),
    ("xargs", "IinPLdaEs"),
];

/// Options of `ssh` that take a further word.
const SSH_OPTIONS: &str = "BbcDEeFIiJLlmOoPpQRSWw";

impl ShellScanner<'_> {
    /// Checks a simple command: its name and its arguments.
    pub(super) fn check(&mut self, words: &[ScannedWord]) {
        if !words.iter().any(|word| self.has_value(word)) {
            return;
        }
        let texts: Vec<Option<String>> = words.iter().map(ScannedWord::text).collect();
        self.check_shells(words, &texts);
        let at = self.skip_wrappers(words, &texts);
        let Some(name) = texts.get(at).and_then(Option::as_deref) else {
            return;
        };
        let arguments = words.get(at + 1..).unwrap_or_default();
        let texts = texts.get(at + 1..).unwrap_or_default();
        match basename(name) {
            "eval" => self.refuse_all(arguments, errors::as_code_of_eval),
            "alias" => self.refuse_all(arguments, errors::as_code_of_alias),
            "trap" => {
                let first = texts.iter().position(|text| text.as_deref() != Some("--"));
                if let Some(code) = first.and_then(|first| arguments.get(first)) {
                    self.refuse_word(code, errors::as_code_of_trap);
                }
            }
            "su" | "runuser" => self.check_su(arguments, texts),
            "ssh" => self.check_ssh(arguments, texts),
            "let" => self.refuse_all(arguments, errors::in_arithmetic),
            "export" | "readonly" | "declare" | "typeset" | "local" => {
                self.check_declaration(arguments, texts);
            }
            "unset" | "getopts" => self.refuse_all(arguments, errors::as_variable),
            "read" => self.check_names(arguments, texts, "dnNtuip"),
            "mapfile" | "readarray" => self.check_names(arguments, texts, "dnOsuc"),
            "printf" => self.refuse_behind(arguments, texts, "-v"),
            "test" | "[" => self.refuse_behind(arguments, texts, "-v"),
            _ => {}
        }
    }

    fn refuse_all(
        &mut self,
        words: &[ScannedWord],
        why: impl Fn(lockstep_base::source::Span) -> lockstep_base::diagnostic::Diagnostic,
    ) {
        for word in words {
            self.refuse_word(word, &why);
        }
    }

    /// The code behind `-c` of a shell, wherever in the command the shell is named: behind `sudo`,
    /// `docker exec …`, `xargs`, `find -exec`.
    fn check_shells(&mut self, words: &[ScannedWord], texts: &[Option<String>]) {
        for (at, text) in texts.iter().enumerate() {
            let is_shell = (text.as_deref()).is_some_and(|text| SHELLS.contains(&basename(text)));
            if is_shell
                && let Some(code) = code_word(texts, at + 1)
                && let Some(word) = words.get(code)
            {
                self.refuse_word(word, errors::as_code_of_shell);
            }
        }
    }

    /// The place of the program that is started in the end.
    fn skip_wrappers(&mut self, words: &[ScannedWord], texts: &[Option<String>]) -> usize {
        let mut at = 0;
        loop {
            let name = texts.get(at).and_then(Option::as_deref).unwrap_or_default();
            let Some((name, options)) = WRAPPERS.iter().find(|(known, _)| *known == basename(name))
            else {
                return at;
            };
            let mut asks = false;
            at += 1;
            while let Some(Some(text)) = texts.get(at)
                && is_prefix(text)
            {
                asks |= matches!(text.as_str(), "-v" | "-V");
                at += if takes_word(text, options) { 2 } else { 1 };
            }
            // `command -v NAME` only looks it up.
            if matches!(*name, "builtin" | "command" | "exec")
                && !asks
                && let Some(word) = words.get(at)
            {
                self.refuse_word(word, errors::as_command);
            }
        }
    }

    fn check_su(&mut self, words: &[ScannedWord], texts: &[Option<String>]) {
        for (at, text) in texts.iter().enumerate() {
            let is_code = matches!(text.as_deref(), Some("-c" | "--command"));
            if is_code && let Some(word) = words.get(at + 1) {
                self.refuse_word(word, errors::as_code_of_shell);
            }
        }
    }

    /// `ssh` joins the words behind the host with blanks, and a shell over there reads them.
    fn check_ssh(&mut self, words: &[ScannedWord], texts: &[Option<String>]) {
        let mut at = 0;
        while let Some(Some(text)) = texts.get(at)
            && text.starts_with('-')
        {
            at += if takes_word(text, SSH_OPTIONS) { 2 } else { 1 };
        }
        let host = words.get(at).map(|word| word.first..word.last);
        for seen in host.unwrap_or_default() {
            let piece = self.seen[seen].0;
            if self.places[piece] == Some(InterpolationPlace::Spread) {
                self.refuse(piece, errors::over_ssh);
            }
        }
        let code = words.get(at + 1..).unwrap_or_default();
        self.refuse_all(code, errors::over_ssh);
    }

    /// `export` and the like: a value may stand behind `NAME=` only.
    fn check_declaration(&mut self, words: &[ScannedWord], texts: &[Option<String>]) {
        let integers = texts.iter().flatten().any(|text| {
            text.strip_prefix('-')
                .is_some_and(|options| options.contains('i'))
        });
        for word in words {
            if !assigns(&word.head()) {
                self.refuse_word(word, errors::as_variable);
            } else if integers {
                self.refuse_word(word, errors::in_arithmetic);
            }
        }
    }

    /// `read` and the like: operands are names of variables, `options` take a further word.
    fn check_names(&mut self, words: &[ScannedWord], texts: &[Option<String>], options: &str) {
        let mut at = 0;
        while let Some(word) = words.get(at) {
            match texts.get(at) {
                Some(Some(text)) if takes_word(text, options) => at += 1,
                _ => self.refuse_word(word, errors::as_variable),
            }
            at += 1;
        }
    }

    fn refuse_behind(&mut self, words: &[ScannedWord], texts: &[Option<String>], option: &str) {
        for (at, text) in texts.iter().enumerate() {
            if text.as_deref() == Some(option)
                && let Some(word) = words.get(at + 1)
            {
                self.refuse_word(word, errors::as_variable);
            }
        }
    }
}

/// The last part of a path.
fn basename(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// Whether an option's word is `-x` with one of these letters at its end.
fn takes_word(text: &str, letters: &str) -> bool {
    text.len() > 1
        && text.starts_with('-')
        && !text.starts_with("--")
        && text.ends_with(|last| letters.contains(last))
}

/// The place of the code that a shell's arguments hold, if they hold any.
fn code_word(texts: &[Option<String>], first: usize) -> Option<usize> {
    let mut at = first;
    let mut code = false;
    while let Some(Some(text)) = texts.get(at)
        && text.len() > 1
        && text.starts_with(['-', '+'])
    {
        at += 1;
        if text == "--" {
            break;
        }
        if matches!(text.as_str(), "--rcfile" | "--init-file") {
            at += 1;
        }
        if !text.starts_with("--") {
            code |= text.starts_with('-') && text.contains('c');
            // `-o pipefail`, also at the end of several: `-euo pipefail`.
            at += usize::from(text.ends_with(['o', 'O']));
        }
    }
    code.then_some(at)
}
