//! Steps of a job: commands, and actions, of which few have a counterpart.

use lockstep_lang::ir::command::code::outputs::CODE_VARIABLES;

use super::Importer;
use super::expression::Status;
use super::scope::Scope;
use crate::declared::Declared;
use crate::foreign::{Slice, github_slices};
use crate::notes::NoteKind;
use crate::program::{Block, Piece, acts};
use crate::script::{self, Script};
use crate::shell::is_plain;
use crate::value::{Expr, Ty};
use crate::words::{name, quoted, same_words};
use crate::yaml::Node;

/// The steps of a job: what is done, and what is done after failures or in any case.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) main: Vec<Piece>,
    pub(super) failed: Vec<Piece>,
    pub(super) cancelled: Vec<Piece>,
    pub(super) always: Vec<Piece>,
}

impl Body {
    /// Its handlers, each with the variables around its commands.
    pub(super) fn handlers(&self, around: &dyn Fn(Vec<Piece>) -> Vec<Piece>) -> Vec<Block> {
        let parts = [
            ("on failure(cancelled)", &self.cancelled),
            ("on failure", &self.failed),
            ("always", &self.always),
        ];
        let parts = parts.into_iter().filter(|(_, body)| acts(body));
        parts
            .map(|(head, body)| Block::new(head, around(body.clone())))
            .collect()
    }
}

/// Actions that nothing here needs.
const NOT_NEEDED: [(&str, &str); 1] = [(
    "actions/checkout",
    "the files are those of the folder that the file is in",
)];

/// Actions with advice of their own.
const ADVICE: [(&str, &str, &str); 4] = [
    (
        "actions/setup-",
        "programs are installed already",
        "ask for it with `requires \"PROGRAM\"`",
    ),
    (
        "actions/cache",
        "files of earlier runs stay where they are",
        "leave it out",
    ),
    (
        "actions/upload-artifact",
        "files stay in the folder",
        "leave it out, or copy the files",
    ),
    (
        "actions/download-artifact",
        "files stay in the folder",
        "leave it out, or copy the files",
    ),
];

/// Adds the variables that steps before have set; those of the step itself count before them.
fn given(scope: &Scope, variables: &mut Vec<(String, Expr)>) {
    for (variable, step) in &scope.set_by {
        if !variables.iter().any(|(name, _)| name == variable) {
            let path = match scope.backwards {
                true => format!("{step}?.outputs?[{}] ?? \"\"", quoted(variable)),
                false => format!("{step}.outputs?[{}] ?? \"\"", quoted(variable)),
            };
            variables.push((variable.clone(), Expr::compound(path, Ty::Text)));
        }
    }
}

/// The variables that a script sets for the steps behind it, where it writes their names down:
/// `echo "NAME=value" >> $GITHUB_ENV`.
fn set_for_others(script: &str) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for line in script.lines().filter(|it| it.contains("GITHUB_ENV")) {
        let rest = line
            .trim()
            .strip_prefix("echo ")?
            .trim_start_matches(['"', '\'']);
        let (variable, _) = rest.split_once('=')?;
        let plain = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let fine = !variable.is_empty()
            && variable.chars().all(plain)
            && !variable.starts_with(|it: char| it.is_ascii_digit())
            && !variable.starts_with("LOCKSTEP_")
            && !CODE_VARIABLES.contains(&variable);
        if !fine || line.contains("<<") {
            return None;
        }
        if !names.iter().any(|it| it == variable) {
            names.push(variable.to_string());
        }
    }
    Some(names)
}

impl Importer {
    pub(super) fn steps(&mut self, list: &[Node], scope: &mut Scope) -> Body {
        let mut body = Body::default();
        let mut late: Option<&Node> = None;
        for step in list {
            let (status, pieces) = self.step(step, scope);
            if status != Status::Success {
                late = Some(step);
            } else if let Some(late) = late.take().filter(|_| acts(&pieces)) {
                let why = "it runs when the job has ended, not before the steps below it";
                self.declared.changed(late, "if", why, "");
            }
            match status {
                Status::Success => body.main.extend(pieces),
                Status::Failure => body.failed.extend(pieces),
                Status::Cancelled => body.cancelled.extend(pieces),
                Status::All => body.always.extend(pieces),
            }
        }
        body
    }

    fn step(&mut self, node: &Node, scope: &mut Scope) -> (Status, Vec<Piece>) {
        let title = node.text_of("name").unwrap_or_default().to_string();
        let id = node.text_of("id").map(ToString::to_string);
        let hint = id.clone().unwrap_or_else(|| title.clone());
        let hint = if hint.is_empty() {
            "step".to_string()
        } else {
            name(&hint)
        };
        let (status, condition) = match node.get("if") {
            Some(condition) => self.condition(condition, scope, &hint),
            None => (Status::Success, None),
        };
        let mut inner = scope.clone();
        inner.backwards |= status != Status::Success;
        let ignores = self.ignores(node);
        let seen = status == Status::Success && condition.is_none() && !ignores;
        let script = node.get("run").and_then(Node::peek).unwrap_or_default();
        inner.sets = set_for_others(script).filter(|_| seen).unwrap_or_default();
        let made = match node.get("uses") {
            Some(uses) => self.action(node, uses),
            None => self.command(node, &inner),
        };
        let mut head = String::new();
        if let Some(minutes) = self.minutes(node) {
            head.push_str(&format!(" timeout {minutes}"));
        }
        let comments = self.declared.leftovers(node);
        if !acts(&made) {
            return (status, made.into_iter().chain(comments).collect());
        }
        let named = id.is_some() || !title.is_empty() || !head.is_empty() || ignores;
        let named = named || !inner.sets.is_empty();
        let mut pieces = comments;
        pieces.push(Piece::at(node));
        match named {
            false => pieces.extend(made),
            true => {
                let step = scope.names.give(&hint);
                let mut block = Block::new(format!("step {step}{head}"), made);
                if ignores {
                    let why = Piece::comment("`continue-on-error` of the step.");
                    let verdict = vec![why, Piece::line("ignore")];
                    block.handlers.push(Block::new("on failure", verdict));
                }
                if let Some(id) = id.filter(|_| condition.is_none() && !ignores) {
                    scope.steps.insert(id, step.clone());
                }
                for variable in std::mem::take(&mut inner.sets) {
                    scope.set_by.retain(|(name, _)| *name != variable);
                    scope.set_by.push((variable, step.clone()));
                }
                if !title.is_empty() && !same_words(&title, &step) {
                    pieces.push(Piece::Doc(crate::notes::one_line(&title)));
                }
                pieces.push(Piece::Block(block));
            }
        }
        if let Some(condition) = condition {
            pieces = vec![Piece::block(format!("if {}", condition.text), pieces)];
        }
        (status, pieces)
    }

    /// Whether a failure of a step or a job counts as a success.
    pub(super) fn ignores(&mut self, node: &Node) -> bool {
        node.flag_of("continue-on-error") == Some(true)
    }

    /// `timeout-minutes` as a duration.
    pub(super) fn minutes(&mut self, node: &Node) -> Option<String> {
        let minutes = node.get("timeout-minutes")?;
        let number: u64 = minutes
            .peek()?
            .parse()
            .ok()
            .filter(|it| *it > 0 && *it < 1_000_000)?;
        minutes.skip();
        Some(crate::words::written(number * 60_000))
    }

    /// A step that uses an action.
    fn action(&mut self, node: &Node, uses: &Node) -> Vec<Piece> {
        let action = uses.text().unwrap_or_default().to_string();
        let plain = action.split('@').next().unwrap_or_default();
        Declared::pass_over(node, &["with", "env"]);
        if let Some((_, why)) = NOT_NEEDED.iter().find(|(it, _)| *it == plain) {
            self.declared
                .notes
                .add(NoteKind::Dropped, uses, &action, why, "");
            return Vec::new();
        }
        let advised = ADVICE.iter().find(|(it, ..)| plain.starts_with(it));
        let (why, advice) = match advised {
            Some((_, why, advice)) => (*why, *advice),
            None => (
                "actions have no counterpart",
                "write what it does as a command with `run`",
            ),
        };
        vec![
            self.declared
                .not_imported(uses, &format!("uses: {action}"), why, advice),
        ]
    }

    /// A step with a command.
    fn command(&mut self, node: &Node, scope: &Scope) -> Vec<Piece> {
        let Some(run) = node.get("run").filter(|it| it.peek().is_some()) else {
            return Vec::new();
        };
        let shell = node.text_of("shell").map(ToString::to_string);
        let shell = shell.or_else(|| self.shell.clone());
        let folder = node
            .get("working-directory")
            .map(|it| self.value(it, scope));
        let folder = folder.or_else(|| self.folder.clone());
        let folder = folder
            .map(|it| format!(" in {}", it.as_text().text))
            .unwrap_or_default();
        let mut variables = Vec::new();
        let mut refused = Vec::new();
        let mut inner = scope.clone();
        for (key, value) in node.get("env").map(Node::entries).unwrap_or_default() {
            let node = value;
            let value = self.value(value, scope);
            inner.env.insert(key.text.clone(), value.clone());
            match self.declared.refused_variable(node, &key.text, &value) {
                Some(comment) => refused.push(comment),
                None => variables.push((key.text.clone(), value)),
            }
        }
        let text = run.text().unwrap_or_default().to_string();
        let slices = github_slices(text.trim_end());
        let made = script::script(&slices, |written| self.reference(run, written, &inner));
        let Some(script) = made else {
            let why = "its values cannot be told from its text";
            return vec![
                self.declared
                    .not_imported(run, "run", why, "write it by hand"),
            ];
        };
        let (before, using) = match shell.as_deref() {
            None => ("set +u +o pipefail\n", " using bash"),
            Some("bash") => ("set +u\n", " using bash"),
            Some("sh") => ("set +u\n", ""),
            Some("python") if slices.iter().all(|it| matches!(it, Slice::Text(_))) => {
                let text = crate::words::raw(&script.text);
                let env = script::env(&variables);
                return vec![Piece::line(format!(
                    "run 'python3 -' stdin {text}{folder}{env}"
                ))];
            }
            Some(other) => {
                let what = format!("a script of {other}");
                let why = "only scripts of sh and bash are carried over";
                let advice = "run its interpreter with the script on its standard input";
                return vec![self.declared.not_imported(run, &what, why, advice)];
            }
        };
        given(scope, &mut variables);
        let mut all = Script {
            text: script.text,
            variables,
        };
        all.variables.extend(script.variables);
        let (files, comments) = self.files(run, &mut all, scope);
        let plain = slices.iter().all(|it| matches!(it, Slice::Text(_)));
        let line = match plain && files.is_empty() && is_plain(&all.text) {
            true => script::run(&all, "", "", &folder),
            false => {
                let before = format!("{before}{files}");
                script::run(&all, &before, "", &format!("{using}{folder}"))
            }
        };
        refused.extend(comments);
        refused.push(Piece::line(line));
        refused
    }

    /// What a script uses of what GitHub's runner gives it: files that it writes to, and variables.
    fn files(&mut self, node: &Node, script: &mut Script, scope: &Scope) -> (String, Vec<Piece>) {
        let mut lines = String::new();
        let mut comments = Vec::new();
        let text = script.text.clone();
        let used = |name: &str| crate::finish::has_word(&text, name);
        if used("GITHUB_OUTPUT") {
            lines.push_str("GITHUB_OUTPUT=$LOCKSTEP_OUTPUT\n");
        }
        if used("GITHUB_WORKSPACE") {
            lines.push_str("GITHUB_WORKSPACE=$PWD\n");
        }
        if used("GITHUB_STEP_SUMMARY") {
            lines.push_str("GITHUB_STEP_SUMMARY=/dev/stderr\n");
            let why = "there is no page for it: it is shown with the output";
            self.declared.changed(node, "GITHUB_STEP_SUMMARY", why, "");
        }
        for file in ["GITHUB_ENV", "GITHUB_PATH"] {
            if file == "GITHUB_ENV" && !scope.sets.is_empty() {
                lines.push_str("GITHUB_ENV=$LOCKSTEP_OUTPUT\n");
            } else if used(file) {
                lines.push_str(&format!("{file}=/dev/null\n"));
                let why = "what one command sets is not set for the others";
                let advice = "hand it on as an output, by `$LOCKSTEP_OUTPUT`";
                comments.push(self.declared.not_imported(node, file, why, advice));
            }
        }
        const VARIABLES: [&str; 11] = [
            "GITHUB_SHA",
            "GITHUB_REF",
            "GITHUB_REF_NAME",
            "GITHUB_REPOSITORY",
            "GITHUB_ACTOR",
            "GITHUB_RUN_ID",
            "GITHUB_RUN_NUMBER",
            "GITHUB_HEAD_REF",
            "GITHUB_BASE_REF",
            "GITHUB_EVENT_NAME",
            "GITHUB_TOKEN",
        ];
        for variable in VARIABLES {
            let given = script.variables.iter().any(|(name, _)| name == variable)
                || scope.env.contains_key(variable);
            // GitHub sets no token by itself.
            if variable != "GITHUB_TOKEN" && !given && used(variable) {
                let written = format!("github.{}", variable["GITHUB_".len()..].to_lowercase());
                let value: Expr = self.reference(node, &written, scope);
                script.variables.push((variable.to_string(), value));
            }
        }
        (lines, comments)
    }
}
