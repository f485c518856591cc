//! Hover: declaration, type, documentation and, where it is known, the value of what is at a place.

mod keyword_table;
mod keywords;

use super::cells::cells;
use super::checked_file::CheckedFile;
use super::symbol::{Symbol, SymbolKind};
use super::syntax_node::{self, SyntaxNode};
use super::{library, values};
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::Type;
use lockstep_lang::eval::builtins::{self, Builtin, SECRET_FILE};
use lockstep_lang::types::BUILTIN_ACTIONS;
use lockstep_syntax::ast::{AcrossScope, Expr, ExprKind, Stmt, StmtKind};

/// The hover of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// The place.
    pub at: Span,
    /// Code of the language: a declaration or a type.
    pub code: String,
    /// Text in Markdown, in paragraphs.
    pub text: Vec<String>,
}

/// The hover of a place of a file.
pub fn hover(checked: &CheckedFile, file: FileId, offset: u32) -> Option<Hover> {
    if let Some(named) = checked.name_at(file, offset) {
        return Some(of_symbol(checked, named.at, named.symbol));
    }
    if let Some(hover) = of_loop(checked, file, offset) {
        return Some(hover);
    }
    let tree = checked.tree(file)?;
    let nodes = syntax_node::enclosing_nodes(tree, offset);
    for node in nodes.iter().rev() {
        if let SyntaxNode::Stmt(stmt) = node
            && let Some(hover) = of_barrier(checked, stmt, offset)
        {
            return Some(hover);
        }
        let SyntaxNode::Expr(expr) = node else {
            continue;
        };
        match &expr.kind {
            ExprKind::None => {
                return Some(Hover {
                    at: expr.span,
                    code: String::from("none"),
                    text: vec![String::from(
                        "No value: what an optional type `T?` may be. `x ?? y` is `y` where `x` is \
                         `none`; where `x != none` holds, `x` is a `T`.",
                    )],
                });
            }
            ExprKind::Call(callee, _) if holds(callee.span, offset) => {
                let name = checked.text(callee.span);
                if let Some(hover) = of_builtin(callee.span, name) {
                    return Some(hover);
                }
            }
            ExprKind::Field(of, name) if holds(name.span, offset) => {
                let ty = checked.type_at(expr.span)?;
                return Some(Hover {
                    at: name.span,
                    code: format!("{}: {ty}", name.name),
                    text: field_doc(checked, of, &name.name)
                        .map(String::from)
                        .into_iter()
                        .collect(),
                });
            }
            _ => {}
        }
    }
    keywords::hover(checked, file, offset)
}

/// The documentation of a field that no declaration has.
fn field_doc(checked: &CheckedFile, of: &Expr, name: &str) -> Option<&'static str> {
    match checked.type_at(of.span) {
        Some(Type::Secret) if name == "file" => Some(SECRET_FILE.doc),
        _ => library::own_field(name),
    }
}

/// The cells of the loop or matrix whose first word is at a place.
fn of_loop(checked: &CheckedFile, file: FileId, offset: u32) -> Option<Hover> {
    let word = |head: Span| Span {
        end: head.start + checked.text(head).find(char::is_whitespace).unwrap_or(0) as u32,
        ..head
    };
    let known = cells(checked.program()).into_iter();
    let mut known = known.filter(|it| it.at.file == file && holds(word(it.at), offset));
    let found = known.next()?;
    let mut lines: Vec<String> = found.names.iter().map(|name| format!("- {name}")).collect();
    let more = found.count - found.names.len() as u64;
    if more > 0 {
        lines.push(format!("- and {more} more"));
    }
    Some(Hover {
        at: word(found.at),
        code: one_line(checked.text(found.at)),
        text: vec![found.words(), lines.join("\n")],
    })
}

/// Who meets at a barrier, at its words and its name.
fn of_barrier(checked: &CheckedFile, stmt: &Stmt, offset: u32) -> Option<Hover> {
    let StmtKind::Barrier { name, key, across } = &stmt.kind else {
        return None;
    };
    let head = Span {
        end: name.span.end,
        ..stmt.span
    };
    let wide = across.as_ref().map(|(scope, span)| (*scope, *span));
    if !holds(head, offset) && !wide.is_some_and(|(_, span)| holds(span, offset)) {
        return None;
    }
    let end = [
        key.as_ref().map(|it| it.span.end + 1),
        wide.map(|(_, span)| span.end),
    ];
    let at = Span {
        end: end.into_iter().flatten().max().unwrap_or(head.end),
        ..head
    };
    let who = match wide.map(|(scope, _)| scope) {
        None => {
            "Meets the strands of the innermost parallel block, loop or matrix around it in which \
             another strand can come to a barrier of this name and key."
        }
        Some(AcrossScope::Stage) => {
            "Meets all strands that write the same in its stage: of the innermost block there that \
             holds them all."
        }
        Some(AcrossScope::Pipeline) => {
            "Meets all strands that write the same in the pipeline: of the innermost block that \
             holds them all."
        }
    };
    let keyed = key.is_some().then_some("Each key is a barrier of its own.");
    Some(Hover {
        at,
        code: one_line(checked.text(at)),
        text: [Some(who), keyed]
            .into_iter()
            .flatten()
            .map(String::from)
            .collect(),
    })
}

fn holds(span: Span, offset: u32) -> bool {
    span.start <= offset && offset <= span.end
}

fn of_builtin(at: Span, name: &str) -> Option<Hover> {
    if let Some(builtin) = builtins::find(name) {
        return Some(Hover {
            at,
            code: builtin.signature(),
            text: std::iter::once(builtin.doc.to_owned())
                .chain(examples(builtin))
                .collect(),
        });
    }
    let action = BUILTIN_ACTIONS.iter().find(|action| action.name == name)?;
    let params = (action.params)().into_iter();
    let params: Vec<String> = params.map(|(name, ty)| format!("{name}: {ty}")).collect();
    Some(Hover {
        at,
        code: format!(
            "action {name}({}) -> {}",
            params.join(", "),
            (action.result)()
        ),
        text: vec![String::from("Sends a request over HTTP.")],
    })
}

/// A function's examples as a block of code, where it has some.
pub fn examples(builtin: &Builtin) -> Option<String> {
    if builtin.examples.is_empty() {
        return None;
    }
    let lines = builtin.examples.iter().take(3);
    let lines: Vec<String> = lines
        .map(|(call, gives)| format!("{call}  # {gives}"))
        .collect();
    Some(format!("```deploy\n{}\n```", lines.join("\n")))
}

fn of_symbol(checked: &CheckedFile, at: Span, symbol: &Symbol) -> Hover {
    let mut text: Vec<String> = symbol.doc.iter().map(|doc| doc.to_string()).collect();
    if let Some(value) = values::of(checked, symbol) {
        text.push(format!("Value: `{value}`"));
    }
    if let Some(ty) = checked.type_at(at)
        && at != symbol.at
        && checked
            .type_of(symbol)
            .is_some_and(|declared| declared != *ty)
    {
        text.push(format!("Here: `{ty}`"));
    }
    if symbol.at.file != at.file
        && let Some(source) = checked.source(symbol.at.file)
    {
        text.push(format!("From `{}`", source.name));
    }
    Hover {
        at,
        code: declaration(checked, symbol),
        text,
    }
}

/// A symbol's declaration as code, on one line where it fits.
pub fn declaration(checked: &CheckedFile, symbol: &Symbol) -> String {
    let head = one_line(checked.text(symbol.head));
    match symbol.kind {
        SymbolKind::Field => match checked.holder(symbol) {
            Some(holder) => format!("{holder}.{head}"),
            None => head,
        },
        SymbolKind::Infrastructure => match checked.holder(symbol) {
            Some(holder) => head.replacen(&*symbol.name, &format!("{holder}.{}", symbol.name), 1),
            None => head,
        },
        SymbolKind::Parameter => format!("parameter {head}"),
        SymbolKind::Let | SymbolKind::Group => typed(checked, symbol),
        SymbolKind::Local | SymbolKind::Variable => typed(checked, symbol),
        SymbolKind::Step | SymbolKind::Stage => {
            let fields = match checked.type_of(symbol) {
                Some(Type::Nothing | Type::Any) | None => return head,
                Some(ty) => ty,
            };
            format!("{head}\n# gives {fields}")
        }
        SymbolKind::Namespace => head,
        _ => head,
    }
}

fn typed(checked: &CheckedFile, symbol: &Symbol) -> String {
    let word = match symbol.kind {
        SymbolKind::Variable => "",
        _ => symbol.kind.word(),
    };
    let ty = match checked.type_of(symbol) {
        Some(Type::Any) | None => String::new(),
        Some(ty) => format!(": {ty}"),
    };
    format!("{word} {}{ty}", symbol.name)
        .trim_start()
        .to_owned()
}

/// A text with each run of white space and comments collapsed to one blank.
pub fn one_line(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let words = lines.flat_map(str::split_whitespace);
    words.collect::<Vec<_>>().join(" ")
}
