//! `mutable-tag`: a command that fetches an image by the tag `latest`. What that is may be another
//! image tomorrow, on the next machine, or when a deployment is taken back.

use super::super::context::Context;
use super::super::rule::Rule;
use super::super::shell;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::ir::command::ShellCommand;
use lockstep_syntax::ast;

pub(super) const RULE: Rule = Rule::new(codes::MUTABLE_TAG, "mutable-tag", check);

/// Programs, and those of their commands that fetch what is named.
const FETCHING: [(&str, &[&str]); 4] = [
    ("docker", &["run", "pull", "create"]),
    ("podman", &["run", "pull", "create"]),
    ("nerdctl", &["run", "pull", "create"]),
    ("kubectl", &["set", "run"]),
];

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    walk::commands(context, &mut |stmt, command| {
        let script = command.tree();
        let all = shell::pipelines(&script);
        let mut commands = all.iter().flat_map(|found| &found.pipeline.commands);
        let Some(image) = commands.find_map(latest) else {
            return;
        };
        let span = match context.written(stmt).map(|stmt| &stmt.kind) {
            Some(ast::StmtKind::Run(run)) => run.command.span,
            _ => stmt.span,
        };
        found.push(
            Diagnostic::warning(
                codes::MUTABLE_TAG,
                span,
                format!("`{image}` may be another image each time it is fetched"),
            )
            .here("the tag `latest` moves")
            .help("name a version, or better the digest: `shop@sha256:…`"),
        );
    });
}

/// The image that a command fetches by the tag `latest`.
fn latest(command: &ShellCommand) -> Option<String> {
    let words = shell::words(command);
    let program = words.first()?.known()?;
    let program = program.rsplit('/').next()?;
    let (_, fetching) = FETCHING.iter().find(|(name, _)| *name == program)?;
    let rest: Vec<&str> = words
        .iter()
        .skip(1)
        .filter_map(|word| word.known())
        .collect();
    let fetches = rest.iter().any(|word| fetching.contains(word));
    let image = rest.iter().find(|word| word.ends_with(":latest"))?;
    fetches.then(|| (*image).to_string())
}
