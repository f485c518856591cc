//! `secret-shown`: a command that writes a secret to its output, or makes the shell print its
//! commands with it. Only programs that are known to print their arguments are reported.

use std::collections::HashSet;

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::shell::{self, Found};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_lang::eval::builtins::SECRET_FILE;
use lockstep_lang::eval::{Expr, ExprKind, Function, Slot};
use lockstep_lang::ir::command::{ShellCommand, ShellWord, TextPart};
use lockstep_lang::ir::visit::{each_part, each_stmt};
use lockstep_lang::ir::{CommandTemplate, Param, Program, Stmt, StmtKind};
use lockstep_lang::types::holds_secret;

pub(super) const RULE: Rule = Rule::new(codes::SECRET_SHOWN, "secret-shown", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    for workflow in program
        .workflows
        .iter()
        .filter(|it| it.span.file == ROOT_FILE)
    {
        let secret = |param: &&Param| holds_secret(&param.ty);
        let mut look = SecretVisitor {
            program,
            secrets: workflow
                .params
                .iter()
                .filter(secret)
                .map(|it| it.slot)
                .collect(),
            found,
        };
        for stmt in &workflow.body.stmts {
            each_stmt(stmt, &mut |stmt| look.stmt(stmt));
        }
    }
    for pipeline in &program.pipelines {
        let mut look = SecretVisitor {
            program,
            secrets: HashSet::new(),
            found,
        };
        each_stmt(&pipeline.body, &mut |stmt| look.stmt(stmt));
    }
}

struct SecretVisitor<'a, 'f> {
    program: &'a Program,
    /// The locals that hold secrets.
    secrets: HashSet<Slot>,
    found: &'f mut Vec<Diagnostic>,
}

impl SecretVisitor<'_, '_> {
    fn stmt(&mut self, stmt: &Stmt) {
        if let (Some(value), Some(slot)) = (stmt.kind.bound_value(), stmt.bind)
            && self.is_secret(value)
        {
            self.secrets.insert(slot);
        }
        if let StmtKind::Run(command) = &stmt.kind
            && let Some((message, here)) = self.shown(command)
        {
            self.found.push(
                Diagnostic::warning(codes::SECRET_SHOWN, stmt.span, message)
                    .here(here)
                    .help(
                        "hand it to the program that needs it: by `env { … }`, or through a pipe; \
                         output is masked, but not what others make of it",
                    ),
            );
        }
    }

    fn is_secret(&self, expr: &Expr) -> bool {
        let mut found = false;
        // The path of a secret's file is no secret.
        let mut paths: Vec<&Expr> = Vec::new();
        each_part(expr, &mut |part| {
            if let ExprKind::Call(Function(function), args) = &part.kind
                && function.name == SECRET_FILE.name
            {
                args.iter()
                    .for_each(|of| each_part(of, &mut |part| paths.push(part)));
            }
            if paths.iter().any(|it| std::ptr::eq(*it, part)) {
                return;
            }
            found |= match &part.kind {
                ExprKind::Const(value) => value.has_secret(),
                ExprKind::Local(slot) => self.secrets.contains(slot),
                ExprKind::Global(id) => {
                    let global = self.program.globals.get(id.0 as usize);
                    global.is_some_and(|global| holds_secret(&global.ty))
                }
                ExprKind::Field(_, name) => self.is_secret_field(name),
                ExprKind::Run(_)
                | ExprKind::Interpolate(_)
                | ExprKind::List(_)
                | ExprKind::Record(_)
                | ExprKind::Star(_)
                | ExprKind::Index(..)
                | ExprKind::Unary(..)
                | ExprKind::Binary(..)
                | ExprKind::If(..)
                | ExprKind::Comprehension { .. }
                | ExprKind::IfSome { .. }
                | ExprKind::Bind { .. }
                | ExprKind::Convert(..)
                | ExprKind::Call(..) => false,
            };
        });
        found
    }

    /// Whether this field holds a secret in every kind that has it.
    fn is_secret_field(&self, name: &Name) -> bool {
        let kinds = self.program.kinds.iter();
        let fields = kinds.flat_map(|kind| [kind.service.get(name), kind.infrastructure.get(name)]);
        let mut fields = fields.flatten().peekable();
        fields.peek().is_some() && fields.all(|field| holds_secret(&field.ty))
    }

    /// How a command shows a secret, if it does.
    fn shown(&self, command: &CommandTemplate) -> Option<(&'static str, String)> {
        let secret: Vec<bool> = (command.text.iter())
            .map(|part| matches!(part, TextPart::Value(value) if self.is_secret(value)))
            .collect();
        let env = command
            .env
            .iter()
            .filter(|(_, value)| self.is_secret(value));
        let variables: Vec<&Name> = env.map(|(name, _)| name).collect();
        if !secret.contains(&true) && variables.is_empty() {
            return None;
        }
        let script = command.tree();
        let pipelines = shell::pipelines(&script);
        let mut commands = pipelines.iter().flat_map(|found| &found.pipeline.commands);
        if commands.any(traces) {
            let here = String::from("the shell writes every command with its values");
            return Some(("commands with a secret in them are written out", here));
        }
        let is_variable = |name: &String| variables.iter().any(|variable| &***variable == name);
        let holds = |word: &ShellWord| {
            word.values.iter().any(|at| secret.get(*at) == Some(&true))
                || word.variables.iter().any(is_variable)
        };
        let shows = |found: &Found<'_>| {
            let last = found.pipeline.commands.last()?;
            if found.captured || shell::redirected(last) {
                return None;
            }
            let name = shell::name(last)?;
            let words = shell::words(last);
            // The text after `<<<` acts like an argument.
            let texts = last.redirections.iter().filter(|it| it.operator == "<<<");
            let mut read = words.iter().chain(texts.map(|it| &it.target));
            let writes = matches!(name, "echo" | "printf" | "cat") && read.any(holds);
            let lists = matches!(name, "env" | "printenv" | "export" | "set")
                && (words.iter().skip(1)).all(|word| word.text == "-p" || is_variable(&word.text))
                && !variables.is_empty();
            (writes || lists).then(|| name.to_string())
        };
        let name = pipelines.iter().find_map(shows)?;
        let here = format!("`{name}` writes it to the output");
        Some(("a secret is written to the output", here))
    }
}

/// Whether a command makes the shell print its commands (`set -x`).
fn traces(command: &ShellCommand) -> bool {
    let option = |word: &ShellWord| {
        let text = &word.text;
        text.starts_with('-') && !text.starts_with("--") && text.contains('x')
    };
    let words = shell::words(command);
    match shell::name(command) {
        Some("set") => {
            let words = words.get(1..).unwrap_or_default();
            words.iter().any(option)
                || words
                    .windows(2)
                    .any(|pair| pair[0].text == "-o" && pair[1].text == "xtrace")
        }
        Some("sh" | "bash" | "dash" | "ksh" | "zsh") => words.get(1).is_some_and(option),
        _ => false,
    }
}
