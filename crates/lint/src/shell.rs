//! What the shell commands of a script do, as far as rules need it: its pipelines, and known
//! properties of its programs. Works on the shell AST that the compiler has made (`ir::command`).

use lockstep_lang::ir::CommandTemplate;
use lockstep_lang::ir::command::{Form, List, Pipeline, ShellCommand, ShellForm, ShellWord, VALUE};

/// A pipeline of a script.
#[derive(Debug, Clone, Copy)]
pub struct Found<'t> {
    /// The pipeline.
    pub pipeline: &'t Pipeline,
    /// Whether its output goes somewhere else than to that of the script: into another command, a
    /// file or a word.
    pub captured: bool,
}

/// The pipelines of a script, nested ones before the command that they belong to.
pub fn pipelines(script: &List) -> Vec<Found<'_>> {
    fn collect<'t>(list: &'t List, captured: bool, found: &mut Vec<Found<'t>>) {
        for pipeline in list {
            let last = pipeline.commands.len().saturating_sub(1);
            for (at, command) in pipeline.commands.iter().enumerate() {
                for inner in &command.substitutions {
                    collect(&inner.list, true, found);
                }
                let captured = captured || at < last || redirected(command);
                match &command.form {
                    ShellForm::Simple(_) => {}
                    ShellForm::Group(inner) => collect(inner, captured, found),
                    ShellForm::Compound(lists) => {
                        lists
                            .iter()
                            .for_each(|inner| collect(inner, captured, found));
                    }
                }
            }
            found.push(Found { pipeline, captured });
        }
    }
    let mut found = Vec::new();
    collect(script, false, &mut found);
    found
}

/// The words of a simple command; nothing of another one.
pub fn words(command: &ShellCommand) -> &[ShellWord] {
    match &command.form {
        ShellForm::Simple(words) => words,
        ShellForm::Group(_) | ShellForm::Compound(_) => &[],
    }
}

/// The program of a command, without its directory; nothing where it is a value or not a program.
pub fn name(command: &ShellCommand) -> Option<&str> {
    let name = &words(command).first()?.text;
    let name = name.rsplit('/').next().unwrap_or(name);
    (!name.is_empty() && !name.contains(VALUE)).then_some(name)
}

/// Whether the output of a command goes into a file.
pub fn redirected(command: &ShellCommand) -> bool {
    let shown = ["1", "2", "/dev/stderr", "/dev/stdout", "/dev/tty"];
    command.redirections.iter().any(|it| {
        it.operator.contains('>')
            && it.operator != "<>"
            && it.stream.as_deref().is_none_or(|stream| stream == "1")
            && !shown.contains(&it.target.text.as_str())
    })
}

/// Whether a program never fails on its own.
pub fn cannot_fail(name: &str) -> bool {
    matches!(name, "echo" | "printf" | "true" | ":" | "yes")
}

/// Whether it is run by `sh`, where a failure inside a pipe goes unnoticed.
pub fn is_sh(command: &CommandTemplate) -> bool {
    matches!(command.form, Form::Shell { bash: false, .. })
}

/// Programs that talk to another machine whatever their arguments are.
const NETWORK_PROGRAMS: &[&str] = &[
    "ansible-playbook",
    "aws",
    "az",
    "curl",
    "doctl",
    "flyctl",
    "ftp",
    "gcloud",
    "gh",
    "glab",
    "gsutil",
    "heroku",
    "helm",
    "http",
    "https",
    "kubectl",
    "lftp",
    "mysql",
    "nc",
    "nomad",
    "oc",
    "ping",
    "psql",
    "rclone",
    "redis-cli",
    "rsync",
    "s3cmd",
    "scp",
    "sftp",
    "skopeo",
    "ssh",
    "terraform",
    "tofu",
    "vault",
    "wget",
];

/// Programs that talk to another machine with one of these as their first word.
const NETWORK_SUBCOMMANDS: &[(&str, &[&str])] = &[
    ("git", &["clone", "fetch", "pull", "push", "ls-remote"]),
    ("docker", &["push", "pull", "login"]),
    ("podman", &["push", "pull", "login"]),
    ("npm", &["ci", "install", "publish"]),
    ("cargo", &["publish"]),
    ("twine", &["upload"]),
];

/// The program of a command that talks to another machine, if one does.
pub fn network(command: &CommandTemplate) -> Option<String> {
    let talks = |simple: &ShellCommand| {
        let name = name(simple)?;
        let first = subcommand(simple);
        let sometimes = NETWORK_SUBCOMMANDS
            .iter()
            .find(|(program, _)| *program == name);
        let talks = NETWORK_PROGRAMS.contains(&name)
            || sometimes
                .is_some_and(|(_, words)| first.is_some_and(|first| words.contains(&first)));
        talks.then(|| name.to_string())
    };
    pipelines(&command.tree())
        .iter()
        .flat_map(|found| &found.pipeline.commands)
        .find_map(talks)
}

/// The first word of a command's arguments that is not an option, such as `push`.
fn subcommand(command: &ShellCommand) -> Option<&str> {
    let mut words = words(command).iter().skip(1);
    while let Some(word) = words.next() {
        match word.text.as_str() {
            // These options take a value.
            "-c" | "-C" | "-n" | "--namespace" | "--context" => {
                words.next();
            }
            option if option.starts_with('-') => {}
            word => return Some(word),
        }
    }
    None
}

/// Programs that only read.
const READ_ONLY_PROGRAMS: &[&str] = &[
    "[",
    "[[",
    ":",
    "basename",
    "cat",
    "command",
    "cut",
    "date",
    "diff",
    "dirname",
    "du",
    "echo",
    "exit",
    "false",
    "grep",
    "head",
    "hostname",
    "id",
    "jq",
    "ls",
    "nc",
    "nslookup",
    "ping",
    "printf",
    "pwd",
    "readlink",
    "set",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "tail",
    "test",
    "tr",
    "true",
    "uname",
    "uniq",
    "wc",
    "which",
    "whoami",
];

/// Programs that only read with one of these as their first word.
const READ_ONLY_SUBCOMMANDS: &[(&str, &[&str])] = &[
    (
        "kubectl",
        &["get", "describe", "diff", "logs", "wait", "version"],
    ),
    (
        "git",
        &[
            "diff",
            "log",
            "ls-remote",
            "rev-parse",
            "show",
            "status",
            "describe",
        ],
    ),
    ("docker", &["images", "inspect", "logs", "ps"]),
    (
        "helm",
        &["get", "list", "status", "diff", "template", "lint"],
    ),
    ("terraform", &["plan", "show", "validate", "output"]),
];

/// Whether a command is known to change nothing.
pub fn only_looks(command: &CommandTemplate) -> bool {
    let script = command.tree();
    let pipelines = pipelines(&script);
    let mut commands = pipelines.iter().flat_map(|found| &found.pipeline.commands);
    commands.all(|command| {
        if redirected(command) {
            return false;
        }
        let Some(name) = name(command) else {
            // Nested commands are checked, too; a command without words sets variables.
            return words(command).is_empty();
        };
        let first = subcommand(command);
        let with = READ_ONLY_SUBCOMMANDS
            .iter()
            .find(|(program, _)| *program == name);
        let asks = name == "curl" && !words(command).iter().any(|word| sends(&word.text));
        READ_ONLY_PROGRAMS.contains(&name)
            || asks
            || with.is_some_and(|(_, words)| first.is_some_and(|first| words.contains(&first)))
    })
}

/// Whether a word makes `curl` do more than fetch.
fn sends(word: &str) -> bool {
    let long = ["--data", "--form", "--request", "--upload-file", "--json"];
    long.iter().any(|long| word.starts_with(long))
        || (word.starts_with('-') && !word.starts_with("--") && word.contains(['d', 'F', 'X', 'T']))
}
