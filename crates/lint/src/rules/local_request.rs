//! `local-request`: `http.*` to `localhost` in the deployment of an infrastructure that is
//! elsewhere. Requests are sent from this machine, wherever commands run.

use std::collections::HashSet;

use super::super::context::{Context, ROOT_FILE};
use super::super::places::{connection_elsewhere, deploying};
use super::super::rule::Rule;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::eval::{Expr, ExprKind, InterpolationPart};
use lockstep_lang::ir::visit::each_stmt;
use lockstep_lang::ir::{Program, Stmt, StmtKind, WorkflowId};

pub(super) const RULE: Rule = Rule::new(codes::LOCAL_REQUEST, "local-request", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    let mut open: Vec<WorkflowId> = (program.infrastructures.iter())
        .filter(|infrastructure| connection_elsewhere(infrastructure).is_some())
        .flat_map(|infrastructure| deploying(program, infrastructure.kind))
        .collect();
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        let workflow = program.workflows.get(id.0 as usize);
        let Some(workflow) = workflow.filter(|_| seen.insert(id)) else {
            continue;
        };
        for stmt in &workflow.body.stmts {
            each_stmt(stmt, &mut |stmt| {
                if let StmtKind::Call(call) = &stmt.kind {
                    open.push(call.workflow);
                }
                found.extend(to_this_machine(program, stmt));
            });
        }
    }
}

fn to_this_machine(program: &Program, stmt: &Stmt) -> Option<Diagnostic> {
    let StmtKind::Action { action, args } = &stmt.kind else {
        return None;
    };
    let action = program.actions.get(*action as usize)?;
    let url = args.first()?.as_ref()?;
    let is_local = action.name.starts_with("http.") && is_localhost(beginning(url)?);
    (is_local && stmt.span.file == ROOT_FILE).then(|| {
        Diagnostic::warning(
            codes::LOCAL_REQUEST,
            url.span,
            "this request does not go to where the deployment runs",
        )
        .here("it is sent from the machine that Lockstep runs on")
        .help(
            "name the address of the infrastructure, or ask there by a command such as \
             `run \"curl --fail …\"`",
        )
    })
}

/// The beginning of a text, as far as it is written.
fn beginning(text: &Expr) -> Option<&str> {
    if let ExprKind::Interpolate(parts) = &text.kind {
        return match parts.first()? {
            InterpolationPart::Text(text) => Some(text),
            InterpolationPart::Value(_) => None,
        };
    }
    text.as_const()?.as_str()
}

/// Whether a URL names this machine.
fn is_localhost(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = match rest.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => rest.split(['/', ':', '?', '#']).next(),
    };
    host.is_some_and(|host| host == "localhost" || host == "::1" || host.starts_with("127."))
}
