//! What is expected at a place: a value of some type, a member, a kind, a keyword.

use super::fields;
use super::item::{Completion, CompletionKind};
use super::keywords::{self, keyword, keywords};
use super::nearby::NearbyTokens;
use super::{triggers, values};
use crate::checked_file::{CheckedFile, ROOT_FILE};
use crate::scope;
use crate::syntax_node::{SyntaxNode, enclosing_nodes};
use lockstep_base::source::FileId;
use lockstep_base::value::Type;
use lockstep_lang::ir::FailureClass;
use lockstep_lang::resolve::{DeclKind, NameTarget};
use lockstep_syntax::ast::{Expr, ExprKind, Ident, ItemKind, LetValue, RecordKey, StmtKind};
use lockstep_syntax::lexer::{Token, TokenKind};

/// What is expected.
pub enum CompletionContext {
    /// Nothing that can be completed: a new name, a number.
    Nothing,
    /// Keywords.
    Words(Vec<Completion>),
    /// What can begin a statement: keywords, and what can be called.
    Statement(Vec<Completion>),
    /// A member of this expression.
    Member(Expr),
    /// A value, if possible of this type; and keywords that may stand there, too.
    Value(Option<Type>, Vec<Completion>),
    /// The name of a declaration of one of these sorts.
    Declared(Vec<DeclKind>),
    /// A kind.
    Kind,
    /// A type.
    Type,
    /// A name that this file exports, of these sorts; of any sort if there are none.
    Export(FileId, &'static [DeclKind]),
    /// The name of a field.
    Fields(Vec<Completion>),
}

/// Whether the name at a place stands in an expression.
pub fn is_expression(checked: &CheckedFile, offset: u32) -> bool {
    let tree = checked.tree(ROOT_FILE);
    let nodes = tree
        .map(|tree| enclosing_nodes(tree, offset))
        .unwrap_or_default();
    nodes.iter().enumerate().any(|(at, node)| match node {
        SyntaxNode::Expr(expr) => match &expr.kind {
            ExprKind::Field(of, name) => {
                let outer = at.checked_sub(2).and_then(|at| nodes.get(at..at + 2));
                let callee = matches!(outer, Some([SyntaxNode::Stmt(_), SyntaxNode::Expr(_)]));
                let space = match &of.kind {
                    ExprKind::Name(space) => checked.modules().find(ROOT_FILE, &space.name),
                    _ => None,
                };
                let space = matches!(
                    space.map(|binding| binding.target),
                    Some(NameTarget::Namespace(_))
                );
                holds(name, offset) && of.span.end <= offset && (!callee || space)
            }
            _ => false,
        },
        SyntaxNode::Path(path) => path.namespace.is_some(),
        _ => false,
    })
}

/// The missing closing delimiter of the string or the interpolation at a place.
pub fn unclosed(text: &str, tokens: &[Token], offset: usize) -> Option<&'static str> {
    let rest = text.get(offset..)?;
    let line = rest.get(..rest.find(['\n', '\r']).unwrap_or(rest.len()))?;
    let at = tokens
        .iter()
        .position(|it| it.start <= offset && offset < it.end)?;
    let token = tokens.get(at)?;
    let whole = token.text(text);
    if token.kind == TokenKind::Text {
        let closed = whole.ends_with('"') && whole.len() > 1 || whole.starts_with("\"\"\"");
        let goes_on = tokens
            .get(at + 1)
            .is_some_and(|next| next.text(text) == "${");
        let open_raw = whole.starts_with('\'')
            && !whole.starts_with("'''")
            && (whole.len() == 1 || !whole.ends_with('\''));
        if open_raw {
            return Some("'");
        }
        return (whole.starts_with('"') && !closed && !goes_on).then_some("\"");
    }
    let mut open: Vec<&str> = Vec::new();
    for token in tokens.iter().take(at) {
        match token.text(text) {
            word @ ("(" | "[" | "{" | "${") => open.push(word),
            ")" | "]" | "}" => drop(open.pop()),
            _ => {}
        }
    }
    if !open.contains(&"${") || line.contains('}') {
        return None;
    }
    Some(if line.contains('"') { "}" } else { "}\"" })
}

/// The start of the chain `a.b(c)[d].` before a token.
pub fn chain_start(text: &str, tokens: &[Token], at: usize) -> usize {
    let mut start = tokens.get(at).map_or(0, |token| token.start);
    let mut depth = 0;
    for token in tokens.iter().take(at).rev() {
        let word = token.text(text);
        let gap = text.get(token.end..start).unwrap_or("");
        if depth == 0 && gap.contains(['\n', '\r']) {
            break;
        }
        match word {
            ")" | "]" => depth += 1,
            "(" | "[" if depth > 0 => depth -= 1,
            "." => {}
            _ if depth > 0 || token.kind == TokenKind::Word => {}
            _ => break,
        }
        start = token.start;
    }
    start
}

/// The expected type at a place.
pub fn wanted(checked: &CheckedFile, offset: u32) -> Option<&Type> {
    let wanted = checked.wanted().iter();
    let fits = wanted.filter(|(at, _)| at.start <= offset && offset <= at.end);
    fits.min_by_key(|(at, _)| at.end - at.start)
        .map(|(_, ty)| ty)
}

fn holds(name: &Ident, offset: u32) -> bool {
    name.span.start <= offset && offset < name.span.end
}

/// What is expected at a place.
pub fn want(checked: &CheckedFile, around_it: &NearbyTokens<'_>, offset: u32) -> CompletionContext {
    let Some(tree) = checked.tree(ROOT_FILE) else {
        return CompletionContext::Nothing;
    };
    let nodes = enclosing_nodes(tree, offset);
    if let Some(want) = triggers::part_name(checked, &nodes, offset) {
        return want;
    }
    if let Some(want) = in_record(checked, around_it, &nodes) {
        return want;
    }
    if let Some(want) = after_words(checked, around_it, offset) {
        return want;
    }
    if around_it.begins() && !in_brackets(&nodes, offset) {
        return beginning(checked, around_it, &nodes, offset);
    }
    by_tree(checked, around_it, &nodes, offset)
        .unwrap_or_else(|| by_words(checked, around_it, &nodes, offset))
}

/// What follows words that the AST cannot tell apart before the next one is there.
fn after_words(
    checked: &CheckedFile,
    words: &NearbyTokens<'_>,
    offset: u32,
) -> Option<CompletionContext> {
    match words.before() {
        // A handler of what ends here, or a statement or clause.
        "on" => {
            let own_line = words.begins_line(words.at - 1);
            let failure = keyword((
                "failure",
                "What is done when it fails.",
                "failure {\n  $0\n}",
            ));
            let failure = failure.rank(if own_line { 3 } else { 0 });
            let place = Some(Type::Infrastructure(None));
            Some(CompletionContext::Value(place, vec![failure]))
        }
        "<" if matches!(words.back(2), "service" | "infrastructure") => {
            Some(CompletionContext::Declared(vec![DeclKind::Kind]))
        }
        "timeout" | "grace" | "wait" | "every" | "for" => {
            let ty = wanted(checked, offset).cloned().unwrap_or(Type::Duration);
            (ty == Type::Duration)
                .then(|| CompletionContext::Value(Some(ty), keywords::durations()))
        }
        _ => None,
    }
}

/// Whether a place is inside of a list, a record or the like.
fn in_brackets(nodes: &[SyntaxNode<'_>], offset: u32) -> bool {
    nodes.iter().any(|node| match node {
        SyntaxNode::Expr(expr) => match &expr.kind {
            ExprKind::Record(_) | ExprKind::List(_) | ExprKind::Paren(_) => {
                expr.span.start < offset && offset < expr.span.end
            }
            ExprKind::Call(callee, _) => callee.span.end < offset,
            _ => false,
        },
        SyntaxNode::Use(using) => using.path.span().end < offset,
        SyntaxNode::TriggerPart(part) => part.name.span.end < offset,
        SyntaxNode::Param(_) => true,
        _ => false,
    })
}

/// The names of the fields of a record whose fields are determined by the word before it; a name
/// without a value does not make a record.
fn in_record(
    checked: &CheckedFile,
    words: &NearbyTokens<'_>,
    nodes: &[SyntaxNode<'_>],
) -> Option<CompletionContext> {
    if !matches!(words.before(), "{" | ",") {
        return None;
    }
    let field = |name: &str, ty: &str| {
        Completion::new(name, CompletionKind::Field)
            .detail(ty)
            .insert(format!("{name}: "))
            .rank(0)
    };
    match words.holder() {
        "env" => {
            let (command, given) = words.environment()?;
            let found = fields::variables(checked, command, &given);
            Some(CompletionContext::Fields(found))
        }
        "returns" => Some(CompletionContext::Fields(
            [
                ("stdout", "string"),
                ("stderr", "string"),
                ("code", "int"),
                ("outputs", "{string: string}"),
                ("cut", "bool"),
                ("tail", "string?"),
            ]
            .map(|(name, ty)| field(name, ty))
            .to_vec(),
        )),
        "include" => nodes.iter().rev().find_map(|node| match node {
            SyntaxNode::Stmt(stmt) => match &stmt.kind {
                StmtKind::Matrix { axes, .. } => Some(CompletionContext::Fields(
                    axes.iter().map(|axis| field(&axis.var.name, "")).collect(),
                )),
                _ => None,
            },
            _ => None,
        }),
        _ => None,
    }
}

/// What is expected according to the AST.
fn by_tree(
    checked: &CheckedFile,
    words: &NearbyTokens<'_>,
    nodes: &[SyntaxNode<'_>],
    offset: u32,
) -> Option<CompletionContext> {
    let (last, before) = nodes.split_last()?;
    let SyntaxNode::Ident(name) = last else {
        return None;
    };
    if !holds(name, offset) {
        return None;
    }
    let parent = before.last()?;
    Some(match parent {
        SyntaxNode::Path(path) => {
            let sorts: &[DeclKind] = match before.iter().rev().nth(1) {
                Some(SyntaxNode::Use(_)) => &[DeclKind::Workflow],
                Some(SyntaxNode::Override(_)) => &[DeclKind::Service],
                _ => &[DeclKind::Kind],
            };
            match &path.namespace {
                Some(space) if !holds(space, offset) => {
                    match checked.modules().namespace(ROOT_FILE, space) {
                        Ok(file) => CompletionContext::Export(file, sorts),
                        Err(_) => CompletionContext::Nothing,
                    }
                }
                _ => CompletionContext::Declared(sorts.to_vec()),
            }
        }
        SyntaxNode::Type(_) => CompletionContext::Type,
        SyntaxNode::Import(import) if holds(&import.name, offset) => {
            let item = before.iter().find_map(|node| match node {
                SyntaxNode::Item(item) => Some(item.span),
                _ => None,
            })?;
            let module = checked.modules().module(ROOT_FILE);
            let mut imports = module.imports.iter();
            let import = imports.find(|it| item.start <= it.span.start && it.span.end <= item.end);
            match import.and_then(|import| import.file) {
                Some(file) => CompletionContext::Export(file, &[]),
                None => CompletionContext::Nothing,
            }
        }
        SyntaxNode::Handler(_) => CompletionContext::Words(classes()),
        SyntaxNode::Field(field) if holds(&field.name, offset) => {
            CompletionContext::Fields(fields::fields(checked, before, offset))
        }
        SyntaxNode::Arg(_) => {
            CompletionContext::Value(wanted(checked, offset).cloned(), Vec::new())
        }
        SyntaxNode::TestStmt(_) => test_word(checked, words),
        SyntaxNode::Stmt(stmt) => match &stmt.kind {
            StmtKind::Run(_) => CompletionContext::Words(vec![word("bash")]),
            StmtKind::Ask { .. } => {
                CompletionContext::Words(vec![word("ignore"), word("rollback"), word("abort")])
            }
            _ => CompletionContext::Nothing,
        },
        SyntaxNode::Expr(expr) => return of_expr(checked, before, expr, offset),
        _ => CompletionContext::Nothing,
    })
}

fn of_expr(
    checked: &CheckedFile,
    before: &[SyntaxNode<'_>],
    expr: &Expr,
    offset: u32,
) -> Option<CompletionContext> {
    Some(match &expr.kind {
        ExprKind::Field(of, name) if holds(name, offset) => {
            CompletionContext::Member((**of).clone())
        }
        ExprKind::Record(entries) => {
            let own = entries.iter().any(|(key, _)| match key {
                RecordKey::Name(name) => holds(name, offset),
                RecordKey::String(_) => false,
            });
            if !own {
                return None;
            }
            match wanted(checked, offset) {
                Some(Type::Record(fields)) => CompletionContext::Fields(
                    fields
                        .iter()
                        .map(|(name, ty)| {
                            Completion::new(&**name, CompletionKind::Field)
                                .detail(ty.to_string())
                                .insert(format!("{name}: "))
                                .rank(0)
                        })
                        .collect(),
                ),
                _ => CompletionContext::Nothing,
            }
        }
        ExprKind::Name(_) => {
            // A statement that is one name could be any statement.
            if let Some(SyntaxNode::Stmt(stmt)) = before.iter().rev().nth(1)
                && matches!(stmt.kind, StmtKind::Call(_))
            {
                return None;
            }
            if let Some(SyntaxNode::Axis(_)) = before.iter().rev().nth(1) {
                return Some(CompletionContext::Value(
                    Some(Type::list(Type::Any)),
                    Vec::new(),
                ));
            }
            let more = arguments(checked, before, offset);
            CompletionContext::Value(wanted(checked, offset).cloned(), more)
        }
        _ => return None,
    })
}

/// The names of the parameters of the call around a place, if an argument begins there.
fn arguments(checked: &CheckedFile, before: &[SyntaxNode<'_>], offset: u32) -> Vec<Completion> {
    let mut nodes = before.iter().rev();
    let Some(SyntaxNode::Arg(arg)) = nodes.find(|node| !matches!(node, SyntaxNode::Expr(_))) else {
        return Vec::new();
    };
    if arg.name.is_some() || arg.value.span.start > offset {
        return Vec::new();
    }
    let named = |args: &[lockstep_syntax::ast::Arg]| -> Vec<String> {
        let names = args.iter().filter_map(|arg| arg.name.as_ref());
        names.map(|name| name.name.to_string()).collect()
    };
    let (given, signature) = match nodes.next() {
        Some(SyntaxNode::Expr(call)) => {
            let ExprKind::Call(callee, args) = &call.kind else {
                return Vec::new();
            };
            (named(args), crate::signature::of(checked, callee))
        }
        Some(SyntaxNode::TriggerPart(part)) => {
            return triggers::argument_names(checked, part, &named(&part.args));
        }
        Some(SyntaxNode::Use(using)) => {
            let of = crate::signature::of_path(checked, &using.path, true);
            (named(&using.args), of)
        }
        _ => return Vec::new(),
    };
    let params = signature
        .map(|it| it.params)
        .unwrap_or_default()
        .into_iter();
    let free = params.filter(|param| !given.contains(&param.name));
    free.map(|param| {
        Completion::new(format!("{}:", param.name), CompletionKind::Parameter)
            .detail(param.label)
            .insert(format!("{}: ", param.name))
            .rank(3)
    })
    .collect()
}

fn word(word: &str) -> Completion {
    Completion::new(word, CompletionKind::Keyword)
}

fn classes() -> Vec<Completion> {
    FailureClass::ALL
        .iter()
        .map(|class| word(class.as_str()))
        .collect()
}

/// The innermost node around a place that can hold declarations, fields or statements.
fn holder<'n, 'a>(nodes: &'n [SyntaxNode<'a>], offset: u32) -> Option<&'n SyntaxNode<'a>> {
    let inside = |span: lockstep_base::source::Span| span.start < offset && offset < span.end;
    nodes.iter().rev().find(|node| match node {
        SyntaxNode::Block(block) => inside(block.span),
        SyntaxNode::Infrastructure(place) => place.kind.span().end < offset && inside(place.span),
        SyntaxNode::Override(entry) => entry.service.span().end < offset && inside(entry.span),
        SyntaxNode::Item(item) => inside(item.span) && !matches!(item.kind, ItemKind::Error),
        _ => false,
    })
}

/// What can stand where a statement, a field or a declaration begins.
fn beginning(
    checked: &CheckedFile,
    words: &NearbyTokens<'_>,
    nodes: &[SyntaxNode<'_>],
    offset: u32,
) -> CompletionContext {
    let inner = |of: &str| -> Vec<Completion> {
        let inner = keywords::INNER.iter().filter(|(holder, _)| *holder == of);
        inner.map(|(_, entry)| keyword(*entry)).collect()
    };
    match holder(nodes, offset) {
        Some(SyntaxNode::Block(_)) => {
            let mut found = statements(checked, words, nodes, offset);
            found.extend(values::callable(checked));
            CompletionContext::Statement(found)
        }
        Some(SyntaxNode::Infrastructure(_)) => {
            let mut found = fields::fields(checked, nodes, offset);
            found.extend(inner("infrastructure"));
            CompletionContext::Fields(found)
        }
        Some(SyntaxNode::Override(_)) => {
            CompletionContext::Fields(fields::fields(checked, nodes, offset))
        }
        Some(SyntaxNode::Item(item)) => match &item.kind {
            ItemKind::Service { .. } | ItemKind::Window { .. } => {
                CompletionContext::Fields(fields::fields(checked, nodes, offset))
            }
            ItemKind::Environment(_) => {
                let mut found = fields::fields(checked, nodes, offset);
                found.extend(inner("environment"));
                CompletionContext::Fields(found)
            }
            ItemKind::Kind(_) => CompletionContext::Words(inner("kind")),
            ItemKind::Test { .. } => CompletionContext::Words(keywords(keywords::TESTS)),
            _ => CompletionContext::Nothing,
        },
        _ => CompletionContext::Words(declarations(words)),
    }
}

fn declarations(words: &NearbyTokens<'_>) -> Vec<Completion> {
    let mut found = keywords(keywords::DECLARATIONS);
    if words.before() == "}" && !words.begins_line(words.at) {
        let handlers = keywords(keywords::HANDLERS).into_iter();
        let handlers = handlers.filter(|it| !it.label.starts_with("undo"));
        found.extend(handlers.map(|it| it.rank(0)));
    }
    found
}

/// The keywords that can begin a statement, or continue the one before it.
fn statements(
    checked: &CheckedFile,
    words: &NearbyTokens<'_>,
    nodes: &[SyntaxNode<'_>],
    offset: u32,
) -> Vec<Completion> {
    let mut found = keywords(keywords::STATEMENTS);
    found.extend(keywords(keywords::RESULTS));
    let in_failure = checked
        .tree(ROOT_FILE)
        .is_some_and(|tree| scope::in_failure(tree, offset));
    if in_failure {
        found.extend(keywords(keywords::VERDICTS));
    }
    if words.before() != "{" {
        let before = statement_before(nodes, offset);
        let near = words.before() == "}" && !words.begins_line(words.at);
        let rank = if near { 0 } else { 5 };
        let undone = before.is_none_or(can_be_undone);
        let handlers = keywords(keywords::HANDLERS).into_iter();
        let handlers = handlers.filter(|it| undone || !it.label.starts_with("undo"));
        found.extend(handlers.map(|it| it.rank(rank)));
        match before {
            Some(StmtKind::If { .. }) if words.before() == "}" => {
                found.push(word("else").rank(rank));
            }
            Some(before) => found.extend(first_word(before).map(modifiers).unwrap_or_default()),
            None => {}
        }
    }
    found
}

/// The statement that ends before a place, in the innermost block.
fn statement_before<'a>(nodes: &[SyntaxNode<'a>], offset: u32) -> Option<&'a StmtKind> {
    let block = nodes.iter().rev().find_map(|node| match node {
        SyntaxNode::Block(block) => Some(*block),
        _ => None,
    })?;
    let mut before = block.stmts.iter().rev();
    before
        .find(|stmt| stmt.span.end <= offset)
        .map(|stmt| &stmt.kind)
}

/// Whether a statement can have an `undo`.
fn can_be_undone(kind: &StmtKind) -> bool {
    match kind {
        StmtKind::Let {
            value: LetValue::Effect(stmt),
            ..
        } => can_be_undone(&stmt.kind),
        StmtKind::Step { .. } | StmtKind::Run(_) | StmtKind::Transfer(_) | StmtKind::Call(_) => {
            true
        }
        _ => false,
    }
}

/// The keyword of a statement whose modifiers come after everything else.
fn first_word(kind: &StmtKind) -> Option<&'static str> {
    Some(match kind {
        StmtKind::Deploy { .. } => "deploy",
        StmtKind::Run(_) => "run",
        StmtKind::Transfer(transfer) => transfer.direction.word(),
        StmtKind::Call(_) => "call",
        StmtKind::Approve { .. } => "approve",
        StmtKind::Barrier { .. } => "barrier",
        StmtKind::Let {
            value: LetValue::Effect(stmt),
            ..
        } => return first_word(&stmt.kind),
        _ => return None,
    })
}

/// The modifiers and clauses that a statement takes.
fn modifiers(statement: &str) -> Vec<Completion> {
    let modifiers = keywords::MODIFIERS.iter();
    let modifiers = modifiers.filter(|(.., on)| on.contains(&statement));
    let modifiers = modifiers.map(|(word, doc, snippet, _)| keyword((word, doc, snippet)));
    let clauses = keywords::CLAUSES.iter().filter(|(of, ..)| *of == statement);
    let clauses = clauses.map(|(_, word, doc, snippet)| keyword((word, doc, snippet)));
    modifiers.chain(clauses).map(|it| it.rank(1)).collect()
}

fn test_word(checked: &CheckedFile, words: &NearbyTokens<'_>) -> CompletionContext {
    match words.line() {
        "start" => CompletionContext::Declared(vec![DeclKind::Pipeline]),
        "given" if words.before() == "given" => given(checked),
        "given" if words.before() == "fails" => CompletionContext::Words(classes()),
        "given" => {
            let refused = if words.back(2) == "given" {
                keywords::ENDS
            } else {
                &keywords::ENDS[..2]
            };
            CompletionContext::Words(keywords(refused))
        }
        "expect" if words.before() == "expect" => {
            CompletionContext::Declared(vec![DeclKind::Pipeline])
        }
        "expect" if words.before() == "before" => CompletionContext::Nothing,
        _ => {
            let statuses = keywords::STATUSES.iter().map(|status| word(status));
            let before = word("before").snippet("before \"$0\"").rank(6);
            CompletionContext::Words(statuses.chain([before]).collect())
        }
    }
}

/// What a test can assume: the value of an input, and how a command or a node ends.
fn given(checked: &CheckedFile) -> CompletionContext {
    let mut found = values::declared(checked, &[DeclKind::Input]);
    for input in &mut found {
        input.insert = Some(format!("{} = ", input.label));
    }
    found.extend(keywords(keywords::GIVEN).into_iter().map(|it| it.rank(2)));
    CompletionContext::Words(found)
}

/// What is expected according to the preceding words, where the AST has no node.
fn by_words(
    checked: &CheckedFile,
    words: &NearbyTokens<'_>,
    nodes: &[SyntaxNode<'_>],
    offset: u32,
) -> CompletionContext {
    let line = words.line();
    let ty = wanted(checked, offset).cloned();
    match words.before() {
        "deploy" => return CompletionContext::Value(Some(Type::Service(None)), Vec::new()),
        "send" | "fetch" => return CompletionContext::Value(Some(Type::String), Vec::new()),
        "to" if matches!(line, "send" | "fetch") || matches!(words.back(3), "send" | "fetch") => {
            return CompletionContext::Value(Some(Type::String), Vec::new());
        }
        "to" => {
            return CompletionContext::Value(Some(Type::Infrastructure(None)), Vec::new());
        }
        "using" if matches!(line, "run" | "query") => {
            return CompletionContext::Words(vec![word("bash")]);
        }
        "using" => return CompletionContext::Declared(vec![DeclKind::Workflow]),
        "override" => return CompletionContext::Declared(vec![DeclKind::Service]),
        "start" => return CompletionContext::Declared(vec![DeclKind::Pipeline]),
        "import" if line == "from" => return CompletionContext::Nothing,
        "fail" => {
            let fast = keyword(("fast", "A failure cancels the others.", "fast"));
            return CompletionContext::Value(Some(Type::String), vec![fast]);
        }
        "rollback" => return CompletionContext::Words(vec![word("stage"), word("pipeline")]),
        "on failure" | "failure" => return CompletionContext::Nothing,
        ":" if matches!(line, "service" | "infrastructure") => return CompletionContext::Kind,
        ":" if matches!(words.back(3), "let" | "input") => return CompletionContext::Type,
        "=" if words.back(3) == "type" => return CompletionContext::Type,
        "=" if words.back(2) == "window" => {
            return CompletionContext::Declared(vec![DeclKind::Window]);
        }
        ":" | "->" if matches!(line, "workflow" | "action" | "function") => {
            return CompletionContext::Type;
        }
        ":" => return CompletionContext::Value(ty, Vec::new()),
        "from" | "import" if words.begins_line(words.at - 1) => {
            return CompletionContext::Words(values::quoted_paths());
        }
        "given" | "expect" => return test_word(checked, words),
        "stage" | "step" | "barrier" | "service" | "environment" | "workflow" | "pipeline"
        | "kind" | "group" | "window" | "input" | "secret" | "let" | "action"
        | "infrastructure" | "trigger" => {
            return CompletionContext::Nothing;
        }
        "as" if line == "fail" => return CompletionContext::Words(classes()),
        "as" => return CompletionContext::Nothing,
        "across" => return CompletionContext::Words(vec![word("stage"), word("pipeline")]),
        "in" if matches!(line, "serial" | "parallel" | "matrix" | "let")
            && !matches!(words.back(3), "run" | "query") =>
        {
            let list = Type::list(Type::Any);
            return CompletionContext::Value(Some(ty.unwrap_or(list)), Vec::new());
        }
        "=" | "(" | "[" | "," | "+" | "-" | "*" | "/" | "%" | "==" | "!=" | "<" | "<=" | ">"
        | ">=" | "??" | "and" | "or" | "not" | "in" | "if" | "then" | "else" | "log" | "wait"
        | "return" | "yield" | "where" | "every" | "timeout" | "max" | "retry" | "by" | "lock"
        | "approve" | "count" | "except" | "limit" | "${" | "{" | "batches" | "tolerate"
        | "stdin" | "grace" => {
            return CompletionContext::Value(ty, Vec::new());
        }
        _ => {}
    }
    let follow = match line {
        "import" if words.back(2) == "import" => vec![word("as").snippet("as ${1:name}")],
        "from" if words.back(2) == "from" => vec![word("import").snippet("import $0")],
        "import" | "from" => return CompletionContext::Nothing,
        "expect" | "given" => return test_word(checked, words),
        "pipeline" => modifiers("pipeline"),
        "serial" | "parallel" if in_matrix(nodes) => modifiers("matrix"),
        "where" | "include" => modifiers("matrix"),
        "service" | "input" | "trigger" => modifiers(line),
        "}" => {
            let mut found = keywords(keywords::HANDLERS);
            found.push(word("else"));
            found
        }
        word => {
            let own = keywords::STATEMENTS
                .iter()
                .any(|(statement, ..)| *statement == word);
            modifiers(if own { word } else { "call" })
        }
    };
    CompletionContext::Words(follow)
}

fn in_matrix(nodes: &[SyntaxNode<'_>]) -> bool {
    nodes.iter().any(|node| match node {
        SyntaxNode::Stmt(stmt) => matches!(stmt.kind, StmtKind::Matrix { .. }),
        _ => false,
    })
}
