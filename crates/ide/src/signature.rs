//! Signature help: the parameters of the call around a place, and which of them is active.

use super::checked_file::CheckedFile;
use super::syntax_node::SyntaxNode;
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::Type;
use lockstep_lang::eval::builtins::{self, Builtin};
use lockstep_lang::resolve::{Decl, DeclKind as Declared};
use lockstep_lang::types::BUILTIN_ACTIONS;
use lockstep_syntax::ast::{Expr, ExprKind, Ident, Item, ItemKind, Param, Path, TypeKind};
use lockstep_syntax::lexer::{Token, TokenKind, tokens};

/// A callable with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The whole signature: `rolling(tries: int = 3) -> string`.
    pub label: String,
    /// Its parameters.
    pub params: Vec<ParameterInfo>,
    /// Its documentation.
    pub doc: Option<String>,
    /// The index of the active parameter, if that is known.
    pub active: Option<usize>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Its name.
    pub name: String,
    /// As it stands in the signature.
    pub label: String,
    /// Its documentation.
    pub doc: Option<String>,
    /// Whether it is required.
    pub required: bool,
    /// Whether it takes all further arguments.
    pub rest: bool,
}

/// The signature of the call around a place. It is found by the preceding tokens, so that an
/// unfinished call works as well.
pub fn signature(checked: &CheckedFile, file: FileId, offset: u32) -> Option<Signature> {
    let source = checked.source(file)?;
    let text = source.text.get(..offset as usize)?;
    let all = tokens(text);
    let mut open: Vec<usize> = Vec::new();
    for (at, token) in all.iter().enumerate() {
        match token.text(text) {
            "(" | "[" | "{" | "${" if token.kind == TokenKind::Sign => open.push(at),
            ")" | "]" | "}" if token.kind == TokenKind::Sign => drop(open.pop()),
            _ => {}
        }
    }
    // The innermost bracket that belongs to a call; lists and records may be in its arguments.
    let (bracket, mut found) = open.iter().rev().find_map(|at| {
        let callee = callee(text, file, all.get(..*at)?, all.get(*at)?)?;
        Some((*at, of_callee(checked, &callee)?))
    })?;
    found.active = active(text, &found.params, all.get(bracket + 1..)?);
    Some(found)
}

/// The tokens before the parenthesis of a call.
struct CallTarget {
    path: Path,
    /// Whether it follows `using`.
    using: bool,
}

fn callee(text: &str, file: FileId, before: &[Token], bracket: &Token) -> Option<CallTarget> {
    let (name, before) = before.split_last()?;
    let close = name.end == bracket.start;
    if bracket.text(text) != "(" || name.kind != TokenKind::Word || !close {
        return None;
    }
    let ident = |token: &Token| Ident {
        name: token.text(text).into(),
        span: Span::new(file, token.start, token.end),
    };
    let (namespace, before) = match before {
        [before @ .., space, point] if point.text(text) == "." && space.kind == TokenKind::Word => {
            (Some(ident(space)), before)
        }
        _ => (None, before),
    };
    Some(CallTarget {
        path: Path {
            namespace,
            name: ident(name),
        },
        using: before
            .last()
            .is_some_and(|token| token.text(text) == "using"),
    })
}

/// The active parameter after these tokens.
fn active(text: &str, params: &[ParameterInfo], inside: &[Token]) -> Option<usize> {
    let mut depth = 0usize;
    let mut arguments: Vec<Vec<&Token>> = vec![Vec::new()];
    for token in inside {
        match token.text(text) {
            "(" | "[" | "{" | "${" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                arguments.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = arguments.last_mut() {
            last.push(token);
        }
    }
    let name = |argument: &Vec<&Token>| match argument.as_slice() {
        [name, colon, ..] if colon.text(text) == ":" => Some(name.text(text).to_owned()),
        _ => None,
    };
    if let Some(name) = arguments.last().and_then(name) {
        return params.iter().position(|param| param.name == name);
    }
    let earlier = arguments.len().saturating_sub(1);
    let earlier: Vec<Option<String>> = arguments.iter().take(earlier).map(name).collect();
    let given = earlier.iter().filter(|name| name.is_none()).count();
    match params.last() {
        Some(last) if last.rest && given >= params.len() => Some(params.len() - 1),
        // The first that is given neither by its place nor by its name.
        _ => (params.iter().enumerate().skip(given))
            .find(|(_, param)| !earlier.contains(&Some(param.name.clone())))
            .map(|(place, _)| place),
    }
}

fn of_callee(checked: &CheckedFile, CallTarget { path, using }: &CallTarget) -> Option<Signature> {
    if let Some(found) = of_path(checked, path, *using) {
        return Some(found);
    }
    match &path.namespace {
        None => builtins::find(&path.name.name).map(of_builtin),
        Some(space) => of_action(&format!("{}.{}", space.name, path.name.name)),
    }
}

/// The signature of a callee.
pub fn of(checked: &CheckedFile, callee: &Expr) -> Option<Signature> {
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
pub fn of_path(checked: &CheckedFile, path: &Path, using: bool) -> Option<Signature> {
    let wanted = [Declared::Workflow, Declared::Action, Declared::Function];
    let decl = checked
        .modules()
        .path_of(path.name.span.file, path, &wanted)
        .ok()?;
    Some(of_decl(checked, decl, using))
}

fn of_decl(checked: &CheckedFile, decl: Decl, using: bool) -> Signature {
    let site = checked.modules().decls.site(decl);
    let item = checked.modules().item(site);
    let (params, result) = match &item.kind {
        ItemKind::Workflow { params, result, .. } | ItemKind::Action { params, result, .. } => {
            (params.as_slice(), result.as_ref())
        }
        ItemKind::Function { params, result, .. } => (params.as_slice(), Some(result)),
        _ => (&[][..], None),
    };
    let params = params.iter().skip(if using { 2 } else { 0 });
    let params: Vec<ParameterInfo> = params.map(|param| of_param(checked, param)).collect();
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

fn of_param(checked: &CheckedFile, param: &Param) -> ParameterInfo {
    let text = super::hover::one_line(checked.text(SyntaxNode::Param(param).span()));
    ParameterInfo {
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
    let params = builtin.params.iter().map(|param| ParameterInfo {
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
    let params: Vec<ParameterInfo> = (action.params)()
        .into_iter()
        .map(|(name, ty)| ParameterInfo {
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

/// The names of the required parameters of a workflow or an action.
pub fn required(item: &Item) -> Vec<String> {
    let (ItemKind::Workflow { params, .. }
    | ItemKind::Action { params, .. }
    | ItemKind::Function { params, .. }) = &item.kind
    else {
        return Vec::new();
    };
    let required = params.iter().filter(|param| is_required(param));
    required.map(|param| param.name.name.to_string()).collect()
}
