//! Reads a command as a shell would, as far as advice needs it: pipelines of simple commands.
//! It is not exact, and need not be: whether a command is well-formed, and where its values
//! stand, `ir::command` has said. It does not know values.

mod scan;

use lockstep_lang::eval::Expr;
use lockstep_lang::ir::Command;
use lockstep_lang::ir::command::{Form, TextPart};
pub use scan::{Pipeline, Simple, cannot_fail};

/// What stands in a word in place of a value.
pub const VALUE: char = '\u{fffc}';

/// The pipelines of a command, in the order in which they begin.
pub fn pipelines(command: &Command) -> Vec<Pipeline> {
    let mut text = String::new();
    for part in &command.text {
        match part {
            TextPart::Text(written) => text.push_str(written),
            TextPart::Value(_) => text.push(VALUE),
        }
    }
    scan::scan(&text)
}

/// The values of a command, in the order in which [`VALUE`] stands for them.
pub fn values(command: &Command) -> Vec<&Expr> {
    let values = command.text.iter().filter_map(|part| match part {
        TextPart::Value(value) => Some(value),
        TextPart::Text(_) => None,
    });
    values.collect()
}

/// Whether it is run by `sh`, where a failure inside a pipe goes unseen.
pub fn is_sh(command: &Command) -> bool {
    matches!(command.form, Form::Shell { bash: false, .. })
}

/// Programs that talk to another machine whatever their arguments are.
const NETWORK: &[&str] = &[
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
const SOMETIMES: &[(&str, &[&str])] = &[
    ("git", &["clone", "fetch", "pull", "push", "ls-remote"]),
    ("docker", &["push", "pull", "login"]),
    ("podman", &["push", "pull", "login"]),
    ("npm", &["ci", "install", "publish"]),
    ("cargo", &["publish"]),
    ("twine", &["upload"]),
];

/// The program of a command that talks to another machine, if one does.
pub fn network(command: &Command) -> Option<String> {
    let talks = |simple: &Simple| {
        let name = simple.name()?;
        let first = subcommand(simple);
        let sometimes = SOMETIMES.iter().find(|(program, _)| *program == name);
        let talks = NETWORK.contains(&name)
            || sometimes.is_some_and(|(_, words)| {
                first.is_some_and(|first| words.contains(&first.as_str()))
            });
        talks.then(|| name.to_string())
    };
    pipelines(command)
        .iter()
        .flat_map(|pipeline| &pipeline.parts)
        .find_map(talks)
}

/// The first word of a command's arguments that is no option, such as `push`.
fn subcommand(simple: &Simple) -> Option<&String> {
    let mut words = simple.words.iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // These take a value of their own.
            "-c" | "-C" | "-n" | "--namespace" | "--context" => {
                words.next();
            }
            option if option.starts_with('-') => {}
            _ => return Some(word),
        }
    }
    None
}

/// Programs that change nothing.
const LOOKS: &[&str] = &[
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

/// Programs that change nothing with one of these as their first word.
const LOOKS_WITH: &[(&str, &[&str])] = &[
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

/// Whether a command can be seen to change nothing.
pub fn only_looks(command: &Command) -> bool {
    let pipelines = pipelines(command);
    let mut simple = pipelines.iter().flat_map(|pipeline| &pipeline.parts);
    simple.all(|simple| {
        let Some(name) = simple.name() else {
            return simple.compound && !simple.redirected;
        };
        let first = subcommand(simple);
        let with = LOOKS_WITH.iter().find(|(program, _)| *program == name);
        let asks = name == "curl" && !simple.words.iter().any(|word| sends(word));
        let looks = LOOKS.contains(&name)
            || asks
            || with.is_some_and(|(_, words)| {
                first.is_some_and(|first| words.contains(&first.as_str()))
            });
        looks && !simple.redirected
    })
}

/// Whether a word makes `curl` do more than ask.
fn sends(word: &str) -> bool {
    let long = ["--data", "--form", "--request", "--upload-file", "--json"];
    long.iter().any(|long| word.starts_with(long))
        || (word.starts_with('-') && !word.starts_with("--") && word.contains(['d', 'F', 'X', 'T']))
}
