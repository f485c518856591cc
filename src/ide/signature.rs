//! The parameters of the call around a place, and which of them is being given.
//! It does not know how an editor shows them.

use super::checked::Checked;
use super::lex::tokens;
use super::node::{Node, around};
use super::symbol::Symbol;
use crate::eval::builtins::{self, Builtin};
use crate::resolve::{Decl, Sort};
use crate::source::{FileId, Span};
use crate::syntax::ast::{Arg, Expr, ExprKind, ItemKind, Param, Path, TypeKind};
use crate::types::BUILTIN_ACTIONS;
use crate::value::Type;

/// What can be called, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// All of it: `rolling(tries: int = 3) -> string`.
    pub label: String,
    /// Its parameters.
    pub params: Vec<Parameter>,
    /// Its documentation.
    pub doc: Option<String>,
    /// Which parameter is being given, if that is known.
    pub active: Option<usize>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// As it stands in the signature.
    pub label: String,
    /// Its documentation.
    pub doc: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it takes all further arguments.
    pub rest: bool,
}

/// The signature of the call around a place.
pub fn signature(checked: &Checked, file: FileId, offset: u32) -> Option<Signature> {
    let tree = checked.tree(file)?;
    let nodes = around(tree, offset);
    let (mut found, args, inside) = nodes.iter().rev().find_map(|node| match node {
        Node::Expr(Expr {
            kind: ExprKind::Call(callee, args),
            span,
        }) => {
            let inside = between(checked, callee.span, *span, offset)?;
            Some((of(checked, callee)?, args, inside))
        }
        Node::Use(using) => {
            let inside = between(checked, using.path.span(), using.span, offset)?;
            Some((of_path(checked, &using.path, true)?, &using.args, inside))
        }
        _ => None,
    })?;
    found.active = active(checked, &found.params, args, inside, offset);
    Some(found)
}

/// The text between the parentheses of a call up to its end, if a place is in there.
fn between(checked: &Checked, callee: Span, whole: Span, offset: u32) -> Option<Span> {
    let rest = Span {
        start: callee.end,
        ..whole
    };
    let text = checked.text(rest);
    let open = text.find('(')?;
    let start = callee.end + u32::try_from(open).ok()? + 1;
    let closed = text.ends_with(')');
    (start <= offset && (offset < whole.end || !closed)).then_some(Span { start, ..whole })
}

/// Which parameter is given at a place.
fn active(
    checked: &Checked,
    params: &[Parameter],
    args: &[Arg],
    inside: Span,
    offset: u32,
) -> Option<usize> {
    let before = Span {
        end: offset,
        ..inside
    };
    let text = checked.text(before);
    let mut depth = 0usize;
    let mut place = 0usize;
    for token in tokens(text) {
        match token.text(text) {
            "(" | "[" | "{" | "${" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => place += 1,
            _ => {}
        }
    }
    if let Some(arg) = args.get(place)
        && let Some(name) = &arg.name
    {
        return params.iter().position(|param| *param.name == *name.name);
    }
    let given = args
        .iter()
        .take(place)
        .filter(|arg| arg.name.is_none())
        .count();
    let given = given.max(place.min(params.len())).min(place);
    match params.last() {
        Some(last) if last.rest && given >= params.len() => Some(params.len() - 1),
        _ => (given < params.len()).then_some(given),
    }
}

/// The signature of what is called.
pub fn of(checked: &Checked, callee: &Expr) -> Option<Signature> {
    match &callee.kind {
        ExprKind::Paren(inner) => of(checked, inner),
        ExprKind::Name(name) => {
            let path = Path {
                namespace: None,
                name: name.clone(),
            };
            of_path(checked, &path, false).or_else(|| builtins::find(&name.name).map(of_builtin))
        }
        ExprKind::Field(space, name) => {
            let ExprKind::Name(space) = &space.kind else {
                return None;
            };
            let path = Path {
                namespace: Some(space.clone()),
                name: name.clone(),
            };
            let action = format!("{}.{}", space.name, name.name);
            of_path(checked, &path, false).or_else(|| of_action(&action))
        }
        _ => None,
    }
}

/// The signature of a workflow or an action; after `using` the service and the infrastructure
/// are not among its parameters.
pub fn of_path(checked: &Checked, path: &Path, using: bool) -> Option<Signature> {
    let wanted = [Sort::Workflow, Sort::Action];
    let decl = checked
        .modules()
        .path_of(path.name.span.file, path, &wanted)
        .ok()?;
    Some(of_decl(checked, decl, using))
}

fn of_decl(checked: &Checked, decl: Decl, using: bool) -> Signature {
    let site = checked.modules().decls.site(decl);
    let item = checked.modules().item(site);
    let (params, result) = match &item.kind {
        ItemKind::Workflow { params, result, .. } | ItemKind::Action { params, result, .. } => {
            (params.as_slice(), result.as_ref())
        }
        _ => (&[][..], None),
    };
    let params = params.iter().skip(if using { 2 } else { 0 });
    let params: Vec<Parameter> = params.map(|param| of_param(checked, param)).collect();
    let labels: Vec<&str> = params.iter().map(|param| param.label.as_str()).collect();
    let result = result.map(|ty| format!(" -> {}", checked.text(ty.span)));
    Signature {
        label: format!(
            "{}({}){}",
            site.name.name,
            labels.join(", "),
            result.unwrap_or_default()
        ),
        params,
        doc: item.doc.as_ref().map(ToString::to_string),
        active: None,
    }
}

fn of_param(checked: &Checked, param: &Param) -> Parameter {
    let text = super::hover::one_line(checked.text(Node::Param(param).span()));
    Parameter {
        name: param.name.name.to_string(),
        label: text,
        doc: param.doc.as_ref().map(ToString::to_string),
        required: is_required(param),
        rest: false,
    }
}

fn is_required(param: &Param) -> bool {
    param.default.is_none() && !matches!(param.ty.kind, TypeKind::Optional(_))
}

fn of_builtin(builtin: &'static Builtin) -> Signature {
    let params = builtin.params.iter().map(|param| Parameter {
        name: param.name.to_owned(),
        label: param.to_string(),
        doc: None,
        required: !param.optional && !param.rest,
        rest: param.rest,
    });
    Signature {
        label: builtin.signature(),
        params: params.collect(),
        doc: Some(builtin.doc.to_owned()),
        active: None,
    }
}

fn of_action(name: &str) -> Option<Signature> {
    let action = BUILTIN_ACTIONS.iter().find(|action| action.name == name)?;
    let params: Vec<Parameter> = (action.params)()
        .into_iter()
        .map(|(name, ty)| Parameter {
            name: name.to_owned(),
            label: format!("{name}: {ty}"),
            doc: None,
            required: !matches!(ty, Type::Optional(_)),
            rest: false,
        })
        .collect();
    let labels: Vec<&str> = params.iter().map(|param| param.label.as_str()).collect();
    Some(Signature {
        label: format!("{name}({}) -> {}", labels.join(", "), (action.result)()),
        params,
        doc: Some(String::from("Sends a request over HTTP.")),
        active: None,
    })
}

/// The names of the parameters that a call of a workflow or an action must give.
pub fn required(checked: &Checked, symbol: &Symbol) -> Vec<String> {
    let modules = checked.modules();
    let sites = modules.decls.workflows.iter().chain(&modules.decls.actions);
    let mut sites = sites.filter(|site| site.name.span == symbol.at);
    let item = sites.next().map(|site| modules.item(site));
    let params = match item.map(|item| &item.kind) {
        Some(ItemKind::Workflow { params, .. } | ItemKind::Action { params, .. }) => params,
        _ => return Vec::new(),
    };
    let required = params.iter().filter(|param| is_required(param));
    required.map(|param| param.name.name.to_string()).collect()
}
