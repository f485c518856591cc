//! Options whose word is a setting that can name a program: `ssh -o ProxyCommand=…`, `git -c
//! core.pager=…`, `rsync -e …`. A value there would decide what is executed. The tests are
//! generated from these rows.

use super::arguments::basename;
use super::programs::Language;
use super::taint::Taint;
use super::{Finding, Reader, Use};
use crate::ir::command::VALUE;
use crate::ir::command::tree::ShellWord;

/// Options of programs whose word is `NAME=VALUE` or `NAME VALUE`.
#[derive(Debug)]
pub struct Settings {
    /// The programs.
    pub names: &'static [&'static str],
    /// The options.
    pub options: &'static str,
    /// The settings that name programs, in lower case; `*` stands for anything. Without any, the
    /// word itself names a program.
    pub runs: &'static str,
    /// Words before the option behind which it means something else.
    pub unless: &'static str,
}

const SSH_RUNS: &str = "proxycommand localcommand knownhostscommand include match \
    pkcs11provider securitykeyprovider xauthlocation";

const GIT_RUNS: &str = "core.pager core.sshcommand core.editor core.fsmonitor core.hookspath \
    core.gitproxy core.askpass core.alternaterefscommand alias.* pager.* credential.* diff.* \
    difftool.* merge.* mergetool.* filter.* gpg.* sequence.editor include.path includeif.* \
    protocol.* remote.* submodule.* url.* init.templatedir browser.* man.* web.browser \
    interactive.difffilter uploadpack.* receive.* sendemail.* imap.tunnel http.proxy* trailer.*";

/// The rows.
pub const SETTINGS: &[Settings] = &[
    Settings {
        names: &["ssh", "autossh", "scp", "sftp", "ssh-copy-id", "sshfs"],
        options: "-o",
        runs: SSH_RUNS,
        unless: "",
    },
    Settings {
        names: &["git"],
        options: "-c --config",
        runs: GIT_RUNS,
        unless: "commit switch checkout branch tag",
    },
    Settings {
        names: &["git"],
        options: "--upload-pack --receive-pack --exec --exec-path --extcmd --open-files-in-pager",
        runs: "",
        unless: "",
    },
    Settings {
        names: &["rsync"],
        options: "-e --rsh --rsync-path",
        runs: "",
        unless: "",
    },
    Settings {
        names: &["scp", "sftp"],
        options: "-S",
        runs: "",
        unless: "",
    },
    Settings {
        names: &["sort"],
        options: "--compress-program",
        runs: "",
        unless: "",
    },
    Settings {
        names: &["zip"],
        options: "-TT --unzip-command",
        runs: "",
        unless: "",
    },
    Settings {
        names: &["man"],
        options: "-P --pager",
        runs: "",
        unless: "",
    },
    Settings {
        names: &["wget"],
        options: "--use-askpass",
        runs: "",
        unless: "",
    },
];

/// Finds the values that decide what a program executes by one of its settings.
pub fn check(words: &[ShellWord], taints: &[Taint], found: &mut Vec<Finding>) {
    let Some(name) = words.first().and_then(ShellWord::known).map(basename) else {
        return;
    };
    for row in SETTINGS.iter().filter(|row| row.names.contains(&name)) {
        let mut elsewhere = false;
        for (at, (word, taint)) in words.iter().zip(taints).enumerate().skip(1) {
            if word.known() == Some("--") {
                break;
            }
            elsewhere |= word.known().is_some_and(|text| has(row.unless, text));
            if elsewhere || taint.is_empty() {
                continue;
            }
            let behind = words.get(at - 1).and_then(ShellWord::known);
            let setting = match behind.filter(|option| at > 1 && has(row.options, option)) {
                Some(_) => Some(word.text.as_str()),
                None => attached(row, &word.text),
            };
            if setting.is_some_and(|setting| runs(row, setting)) {
                found.extend(taint.iter().map(|piece| Finding {
                    piece: *piece,
                    used: Use::Code(Language::Shell),
                    reader: Reader::Setting(name.to_string()),
                    direct: true,
                }));
            }
        }
    }
}

fn has(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|one| one == word)
}

/// The setting in the same word as its option: `-oProxyCommand=…`, `--rsh=…`.
fn attached<'w>(row: &Settings, word: &'w str) -> Option<&'w str> {
    row.options.split_ascii_whitespace().find_map(|option| {
        let rest = word.strip_prefix(option)?;
        match option.starts_with("--") {
            true => rest.strip_prefix('='),
            false => (!rest.is_empty()).then_some(rest),
        }
    })
}

/// Whether a setting names a program, or may: where its name is not written out.
fn runs(row: &Settings, setting: &str) -> bool {
    if row.runs.is_empty() {
        return true;
    }
    let end = setting.find(['=', ' ']);
    let name = &setting[..end.unwrap_or(setting.len())];
    if end.is_none() || name.contains(VALUE) || name.contains(['$', '`']) {
        return true;
    }
    let name = name.to_ascii_lowercase();
    row.runs
        .split_ascii_whitespace()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        })
}
