//! The symbols that a file declares, with their documentation.

use super::syntax_node::SyntaxNode;
use lockstep_base::source::{Name, Span};
use lockstep_syntax::ast::{ExprKind, File, Ident, Item, ItemKind, StmtKind};

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words of the language")]
pub enum SymbolKind {
    Namespace,
    Input,
    Let,
    Group,
    Secret,
    Service,
    Environment,
    Infrastructure,
    Kind,
    /// A field that a kind declares, or that an environment gives.
    Field,
    Workflow,
    Action,
    Function,
    /// A type that has a name.
    Type,
    Window,
    Pipeline,
    Test,
    Trigger,
    Parameter,
    /// A `let` in a body.
    Local,
    /// The variable of a loop, an axis or a comprehension.
    Variable,
    Stage,
    Step,
}

impl SymbolKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Input => "input",
            Self::Let | Self::Local => "let",
            Self::Group => "group",
            Self::Secret => "secret",
            Self::Service => "service",
            Self::Environment => "environment",
            Self::Infrastructure => "infrastructure",
            Self::Kind => "kind",
            Self::Field => "field",
            Self::Workflow => "workflow",
            Self::Action => "action",
            Self::Function => "function",
            Self::Type => "type",
            Self::Window => "window",
            Self::Pipeline => "pipeline",
            Self::Test => "test",
            Self::Trigger => "trigger",
            Self::Parameter => "parameter",
            Self::Variable => "variable",
            Self::Stage => "stage",
            Self::Step => "step",
        }
    }

    /// Whether other files may name it: a parameter is named by the arguments of calls, stages and
    /// steps by patterns of tests.
    pub fn is_named_elsewhere(self) -> bool {
        !matches!(
            self,
            Self::Local | Self::Variable | Self::Test | Self::Trigger | Self::Namespace
        )
    }

    /// Whether it is visible only in its own body or expression.
    pub fn is_local(self) -> bool {
        matches!(
            self,
            Self::Parameter | Self::Local | Self::Variable | Self::Stage | Self::Step
        )
    }
}

/// A declared symbol.
#[derive(Debug, Clone)]
pub struct Symbol {
    /// Its name.
    pub name: Name,
    /// Its kind.
    pub kind: SymbolKind,
    /// The span of its name.
    pub at: Span,
    /// The span of the whole declaration.
    pub whole: Span,
    /// The span of the declaration up to its body.
    pub head: Span,
    /// Its documentation.
    pub doc: Option<Name>,
    /// The index of the symbol that contains it; containers come first.
    pub within: Option<usize>,
}

impl Symbol {
    /// The symbol that a declaration at the top level declares.
    pub fn of_item(item: &Item) -> Option<Self> {
        symbol(SyntaxNode::Item(item), None)
    }
}

/// All symbols of a file, in source order; containers come before their members.
pub fn symbols(file: &File) -> Vec<Symbol> {
    let mut found = Vec::new();
    for item in &file.items {
        collect(SyntaxNode::Item(item), None, &mut found);
    }
    found
}

fn collect(node: SyntaxNode<'_>, within: Option<usize>, found: &mut Vec<Symbol>) {
    let own = symbol(node, within);
    found.extend(second(node, within));
    let inner = match own {
        Some(symbol) => {
            found.push(symbol);
            // Only symbols with a body or fields are containers.
            match node {
                SyntaxNode::Item(_) | SyntaxNode::Infrastructure(_) | SyntaxNode::Stmt(_) => {
                    Some(found.len() - 1)
                }
                _ => within,
            }
        }
        None => within,
    };
    node.children(&mut |child| collect(child, inner, found));
}

fn symbol(node: SyntaxNode<'_>, within: Option<usize>) -> Option<Symbol> {
    let whole = node.span();
    let made = |name: &Ident, kind: SymbolKind, head: Span, doc: &Option<Name>| {
        // The parser puts an empty name where one is missing.
        (!name.name.is_empty()).then(|| Symbol {
            name: name.name.clone(),
            kind,
            at: name.span,
            whole,
            head,
            doc: doc.clone(),
            within,
        })
    };
    match node {
        SyntaxNode::Item(item) => {
            let (name, kind, end) = of_item(item)?;
            let head = Span {
                end: end.unwrap_or(whole.end).max(name.span.end),
                ..whole
            };
            made(&name, kind, head, &item.doc)
        }
        SyntaxNode::Infrastructure(place) => {
            let head = Span {
                end: place.kind.span().end,
                ..whole
            };
            made(&place.name, SymbolKind::Infrastructure, head, &place.doc)
        }
        SyntaxNode::FieldDecl(field) => made(&field.name, SymbolKind::Field, whole, &field.doc),
        SyntaxNode::Param(param) => made(&param.name, SymbolKind::Parameter, whole, &param.doc),
        SyntaxNode::Each(each) => made(&each.var, SymbolKind::Variable, whole, &None),
        SyntaxNode::Axis(axis) => made(&axis.var, SymbolKind::Variable, whole, &None),
        SyntaxNode::Expr(expr) => match &expr.kind {
            ExprKind::Comprehension(of) => made(&of.var, SymbolKind::Variable, of.var.span, &None),
            _ => None,
        },
        SyntaxNode::Stmt(stmt) => match &stmt.kind {
            StmtKind::Stage { name, .. } => made(name, SymbolKind::Stage, stmt.head, &stmt.doc),
            StmtKind::Step { name, .. } => made(name, SymbolKind::Step, stmt.head, &stmt.doc),
            StmtKind::Let { name, .. } => made(name, SymbolKind::Local, stmt.head, &stmt.doc),
            _ => None,
        },
        _ => None,
    }
}

/// The second of two variables of an axis or a comprehension.
fn second(node: SyntaxNode<'_>, within: Option<usize>) -> Option<Symbol> {
    let second = match node {
        SyntaxNode::Axis(axis) => axis.second.as_ref(),
        SyntaxNode::Expr(expr) => match &expr.kind {
            ExprKind::Comprehension(of) => of.second.as_ref(),
            _ => None,
        },
        _ => None,
    };
    let name = second.filter(|name| !name.name.is_empty())?;
    Some(Symbol {
        name: name.name.clone(),
        kind: SymbolKind::Variable,
        at: name.span,
        whole: name.span,
        head: name.span,
        doc: None,
        within,
    })
}

/// The name of a declaration, what it is, and where its head ends if it has a body.
fn of_item(item: &Item) -> Option<(Ident, SymbolKind, Option<u32>)> {
    let (name, kind, end) = match &item.kind {
        ItemKind::Import { alias, .. } => (alias, SymbolKind::Namespace, None),
        ItemKind::Input { name, .. } => (name, SymbolKind::Input, None),
        ItemKind::Secret { name, .. } => (name, SymbolKind::Secret, None),
        ItemKind::Let { name, .. } => (name, SymbolKind::Let, None),
        ItemKind::Service {
            name, kind, using, ..
        } => {
            let end = using.as_ref().map_or(kind.span().end, |it| it.span.end);
            (name, SymbolKind::Service, Some(end))
        }
        ItemKind::Environment(it) => (&it.name, SymbolKind::Environment, Some(it.name.span.end)),
        ItemKind::Group { name, .. } => (name, SymbolKind::Group, None),
        ItemKind::Kind(it) => (&it.name, SymbolKind::Kind, Some(it.name.span.end)),
        ItemKind::Workflow { name, body, .. } => {
            (name, SymbolKind::Workflow, Some(body.span.start))
        }
        ItemKind::Action { name, .. } => (name, SymbolKind::Action, None),
        ItemKind::Function { name, value, .. } => {
            (name, SymbolKind::Function, Some(value.span.start))
        }
        ItemKind::Type { name, .. } => (name, SymbolKind::Type, None),
        ItemKind::Window { name, .. } => (name, SymbolKind::Window, Some(name.span.end)),
        ItemKind::Pipeline { name, body, .. } => {
            (name, SymbolKind::Pipeline, Some(body.span.start))
        }
        ItemKind::Test {
            name, body_span, ..
        } => {
            let text = Ident {
                name: name.plain()?,
                span: name.span,
            };
            return Some((text, SymbolKind::Test, Some(body_span.start)));
        }
        ItemKind::Trigger(trigger) => (&trigger.name, SymbolKind::Trigger, None),
        ItemKind::From { .. } | ItemKind::Error => return None,
    };
    Some((name.clone(), kind, end))
}
