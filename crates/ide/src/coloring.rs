//! Semantic highlighting: classifies every word of a file. Comments, strings and numbers come from
//! the text, names from what they resolve to.

use std::collections::{HashMap, HashSet};

use super::checked_file::CheckedFile;
use super::symbol::{Symbol, SymbolKind};
use super::syntax_node::{SyntaxNode, walk};
use lockstep_base::source::{FileId, Span};
use lockstep_lang::eval::builtins;
use lockstep_lang::ir::command::{ShellMark, shell_marks};
use lockstep_syntax::ast::{ExprKind, Given, StmtKind, StringLit, StringPart, TestKind, TypeKind};
use lockstep_syntax::lexer::{TokenKind, tokens};

/// The class of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum HighlightKind {
    Comment,
    String,
    /// A piece of the text of a command.
    Command,
    /// Quoted text in a command.
    ShellText,
    /// A variable of the shell in a command.
    ShellVariable,
    Number,
    Keyword,
    Operator,
    Type,
    Symbol(SymbolKind),
    /// A built-in function.
    Function,
    /// A field that nothing in the files declares.
    Property,
    /// A word that selects something: a failure class, a status.
    Word,
}

/// A classified range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HighlightedRange {
    /// The span; on one line unless it is a comment or a string.
    pub at: Span,
    /// Its class.
    pub color: HighlightKind,
    /// Whether the name is declared here.
    pub declares: bool,
    /// Whether it comes from the standard library or is built in.
    pub library: bool,
}

/// The classes of the words of a file, in order.
pub fn colors(checked: &CheckedFile, file: FileId) -> Vec<HighlightedRange> {
    let (Some(tree), Some(source)) = (checked.tree(file), checked.source(file)) else {
        return Vec::new();
    };
    let mut names: HashMap<u32, HighlightedRange> = HashMap::new();
    let mut commands = HashSet::new();
    let mut values = HashSet::new();
    let mut marks = Vec::new();
    walk(tree, &mut |node| {
        if let SyntaxNode::Stmt(stmt) = node
            && let StmtKind::Run(run) = &stmt.kind
        {
            commands.extend(pieces(&run.command));
            let bash = run.using.as_ref().is_some_and(|it| &*it.name == "bash");
            marks.extend(shell_marks(&run.command, &source.text, bash));
        }
        if let SyntaxNode::Expr(expr) = node
            && let ExprKind::Name(name) = &expr.kind
        {
            values.insert(name.span.start);
        }
        // The class by the AST has precedence over the class by the token.
        for (at, color) in of_node(node) {
            names.entry(at.start).or_insert(plain(at, color));
        }
        true
    });
    let used = checked.names().iter().filter(|(at, _)| at.file == file);
    for (at, declared) in used {
        if let Some(symbol) = checked.declared(*declared) {
            let mut range = of_symbol(checked, *at, symbol);
            // In a value a kind stands for its services, which are not the library's.
            if symbol.kind == SymbolKind::Kind && values.contains(&at.start) {
                range.color = HighlightKind::Symbol(SymbolKind::Service);
                range.library = false;
            }
            names.insert(at.start, range);
        }
    }
    for symbol in checked.symbols(file) {
        if symbol.kind != SymbolKind::Test {
            names.insert(symbol.at.start, of_symbol(checked, symbol.at, symbol));
        }
    }
    marks.sort_by_key(|(at, _)| (at.start, std::cmp::Reverse(at.end)));
    let text = &source.text;
    let all = tokens(text).into_iter().filter_map(|token| {
        let at = Span::new(file, token.start, token.end);
        let color = match token.kind {
            TokenKind::Comment => HighlightKind::Comment,
            TokenKind::Text if commands.contains(&at.start) => HighlightKind::Command,
            TokenKind::Text => HighlightKind::String,
            TokenKind::Number => HighlightKind::Number,
            TokenKind::Word => {
                return Some(
                    names
                        .get(&at.start)
                        .copied()
                        .unwrap_or(plain(at, HighlightKind::Keyword)),
                );
            }
            TokenKind::Sign => match token.text(text) {
                "(" | ")" | "[" | "]" | "{" | "}" | "," | ":" | "." => return None,
                _ => HighlightKind::Operator,
            },
            TokenKind::Blank | TokenKind::LineEnd | TokenKind::Strange => {
                return None;
            }
        };
        Some(plain(at, color))
    });
    let all: Vec<HighlightedRange> = all.collect();
    with_marks(all, &marks)
}

/// The ranges of commands, cut where the shell reads something else than words.
fn with_marks(all: Vec<HighlightedRange>, marks: &[(Span, ShellMark)]) -> Vec<HighlightedRange> {
    let mut found = Vec::new();
    let mut next = 0;
    for range in all {
        if range.color != HighlightKind::Command {
            found.push(range);
            continue;
        }
        // Marks are in the order of the text, and so are the ranges.
        while marks
            .get(next)
            .is_some_and(|(at, _)| at.end <= range.at.start)
        {
            next += 1;
        }
        let own = marks.get(next..).unwrap_or_default().iter();
        let own = own.take_while(|(at, _)| at.start < range.at.end);
        let mut cuts: Vec<(u32, HighlightKind)> = vec![(range.at.start, HighlightKind::Command)];
        let mut open: Vec<(u32, HighlightKind)> = vec![(range.at.end, HighlightKind::Command)];
        for (at, mark) in own {
            close(&mut open, &mut cuts, at.start);
            let color = match mark {
                ShellMark::Quoted => HighlightKind::ShellText,
                ShellMark::Variable => HighlightKind::ShellVariable,
                ShellMark::Comment => HighlightKind::Comment,
                ShellMark::Commands => HighlightKind::Command,
            };
            cuts.push((at.start, color));
            open.push((at.end, color));
        }
        close(&mut open, &mut cuts, range.at.end);
        let ends = cuts.iter().skip(1).map(|(start, _)| *start);
        let ends: Vec<u32> = ends.chain([range.at.end]).collect();
        for ((start, color), end) in cuts.into_iter().zip(ends) {
            if start < end {
                let at = Span {
                    start,
                    end,
                    ..range.at
                };
                found.push(plain(at, color));
            }
        }
    }
    found
}

/// Closes the marks that end before a place: what is around them goes on there.
fn close(open: &mut Vec<(u32, HighlightKind)>, cuts: &mut Vec<(u32, HighlightKind)>, before: u32) {
    while open.len() > 1
        && let Some((end, _)) = open.last().copied()
        && end <= before
    {
        open.pop();
        if let Some((_, around)) = open.last() {
            cuts.push((end, *around));
        }
    }
}

/// Where the pieces of a string begin.
fn pieces(text: &StringLit) -> impl Iterator<Item = u32> {
    let further = text.parts.iter().filter_map(|part| match part {
        StringPart::Interpolation { span, .. } => Some(span.end),
        StringPart::Text { .. } => None,
    });
    further.chain([text.span.start])
}

fn plain(at: Span, color: HighlightKind) -> HighlightedRange {
    HighlightedRange {
        at,
        color,
        declares: false,
        library: false,
    }
}

fn of_symbol(checked: &CheckedFile, at: Span, symbol: &Symbol) -> HighlightedRange {
    let source = checked.source(symbol.at.file);
    HighlightedRange {
        at,
        color: HighlightKind::Symbol(symbol.kind),
        declares: at == symbol.at,
        library: source.is_some_and(|source| lockstep_lang::resolve::is_std(&source.name)),
    }
}

/// The words of an AST node that are not keywords, as far as its form alone determines their class.
fn of_node(node: SyntaxNode<'_>) -> Vec<(Span, HighlightKind)> {
    match node {
        // Whatever is found where a name is expected is a name, even if it does not resolve.
        SyntaxNode::Ident(name) => vec![(name.span, HighlightKind::Property)],
        SyntaxNode::Expr(expr) => match &expr.kind {
            ExprKind::Call(callee, _) => match &callee.kind {
                ExprKind::Name(name) if builtins::find(&name.name).is_some() => {
                    vec![(name.span, HighlightKind::Function)]
                }
                ExprKind::Field(space, name) => match &space.kind {
                    ExprKind::Name(space) if &*space.name == "http" => vec![
                        (space.span, HighlightKind::Symbol(SymbolKind::Namespace)),
                        (name.span, HighlightKind::Function),
                    ],
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            },
            _ => Vec::new(),
        },
        SyntaxNode::Type(ty) => match &ty.kind {
            TypeKind::Name(name) | TypeKind::Of(name, _) => vec![(name.span, HighlightKind::Type)],
            TypeKind::Member(space, name) => vec![
                (space.span, HighlightKind::Symbol(SymbolKind::Namespace)),
                (name.span, HighlightKind::Type),
            ],
            _ => Vec::new(),
        },
        SyntaxNode::Handler(handler) => match &handler.kind {
            lockstep_syntax::ast::HandlerKind::OnFailure { classes, .. } => classes
                .iter()
                .map(|class| (class.span, HighlightKind::Word))
                .collect(),
            _ => Vec::new(),
        },
        SyntaxNode::TestStmt(stmt) => match &stmt.kind {
            TestKind::ExpectStatus { status, .. } => vec![(status.span, HighlightKind::Word)],
            TestKind::GivenRun { then, .. } | TestKind::GivenNode { then, .. } => match then {
                Given::Fails(Some(class)) => vec![(class.span, HighlightKind::Word)],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
