//! Completion in the patterns of tests: the parts that may follow what has been typed.

use super::item::{Completion, CompletionKind, Completions};
use crate::checked_file::{CheckedFile, ROOT_FILE};
use crate::patterns::started;
use lockstep_base::node_path::{parts, typed_ranges};
use lockstep_base::source::{Name, Span};
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{NodeForms, SourceNode, SourceNodes, ValueForms, written};
use lockstep_syntax::ast::ItemKind;
use lockstep_syntax::lexer::{Token, TokenKind, tokens_around};

/// The content of the pattern around a place, as a range of the text: up to the closing quotes, or
/// up to the place where they are missing.
pub fn pattern_at(text: &str, offset: usize) -> Option<std::ops::Range<usize>> {
    let before = text.get(..offset)?;
    let line = before.get(before.rfind('\n').map_or(0, |end| end + 1)..)?;
    if !line.contains(['"', '\'']) {
        return None;
    }
    let all = tokens_around(text, offset);
    let at = all
        .iter()
        .position(|token| token.start < offset && offset <= token.end)?;
    let token = all.get(at).filter(|it| it.kind == TokenKind::Text)?;
    let before = all.get(..at)?.iter().rev();
    let mut words = before.filter(|it| !is_space(it));
    if !matches!(words.next()?.text(text), "expect" | "given" | "before") {
        return None;
    }
    let literal = token.text(text);
    let start = token.start + 1;
    let quote = literal.chars().next()?;
    let is_closed = literal.len() > 1 && literal.ends_with(quote);
    let long = matches!(literal.get(..3), Some("\"\"\"" | "'''"));
    let is_one = matches!(quote, '"' | '\'') && !long;
    let end = if is_closed { token.end - 1 } else { offset };
    (is_one && start <= offset && offset <= end).then_some(start..end)
}

fn is_space(token: &Token) -> bool {
    matches!(
        token.kind,
        TokenKind::Comment | TokenKind::Blank | TokenKind::LineEnd
    )
}

/// The patterns that begin like the one around a place, with one more part. All of the file must
/// have been checked.
pub fn complete_pattern(
    checked: &CheckedFile,
    text: &str,
    offset: usize,
    content: std::ops::Range<usize>,
) -> Completions {
    let typed = text.get(content.start..offset).unwrap_or("");
    let last = typed_ranges(typed).pop().unwrap_or(0..typed.len());
    let before = typed.get(..last.start).unwrap_or("");
    let part = typed.get(last).unwrap_or("");
    let nodes = SourceNodes::new(checked.program());
    let mut found: Vec<Completion> = Vec::new();
    for node in next_nodes(checked, &nodes, offset, before) {
        let kind = kind(node);
        let forms = nodes.forms(node);
        let texts = match part.find('[') {
            Some(open) if part.get(..open) == Some(&*forms.name) => {
                let likely = |value| nodes.likely_cells(node, value);
                with_values(&forms, part.get(open + 1..).unwrap_or(""), likely)
            }
            Some(_) => Vec::new(),
            None => vec![open_part(&forms, 0, &[])],
        };
        found.extend(texts.into_iter().map(|text| {
            let item = Completion::new(format!("{before}{text}"), kind);
            item.rank(if kind == CompletionKind::Keyword {
                2
            } else {
                1
            })
        }));
    }
    if !part.contains('[') && !before.ends_with("**/") {
        let any = Completion::new(format!("{before}**/"), CompletionKind::Keyword);
        found.push(any.doc(Some("Any number of parts, also none.")).rank(3));
    }
    Completions {
        replace: Some(Span::new(ROOT_FILE, content.start, content.end)),
        items: found,
        partial: true,
    }
}

/// The nodes that may follow the parts before.
fn next_nodes<'p>(
    checked: &CheckedFile,
    nodes: &SourceNodes<'p>,
    offset: usize,
    before: &str,
) -> Vec<SourceNode<'p>> {
    let all = nodes.pipelines();
    let items = checked.tree(ROOT_FILE).map_or(&[][..], |tree| &tree.items);
    let own = items.iter().find_map(|item| match &item.kind {
        ItemKind::Test { body, .. } if item.span.range().contains(&offset) => {
            started(checked, body)
        }
        _ => None,
    });
    let pipelines = match own.and_then(|at| all.get(at)) {
        Some(pipeline) => vec![*pipeline],
        None => all,
    };
    let Some(before) = before.strip_suffix('/') else {
        return pipelines;
    };
    let used = parts(before).count();
    let is_open = parts(before).all(|part| part == "**");
    let steps = nodes.steps(&pipelines, before);
    let ends = steps.iter().filter(|step| {
        // An open end stands for what is in what it has reached, too.
        let rest = parts(before).skip(step.used);
        step.used == used || rest.into_iter().all(|part| part == "**")
    });
    let inside = ends.flat_map(|step| nodes.inside(step.node));
    match is_open {
        true => inside.chain(pipelines.iter().copied()).collect(),
        false => inside.collect(),
    }
}

fn kind(node: SourceNode<'_>) -> CompletionKind {
    match node {
        SourceNode::Pipeline(_) => CompletionKind::Pipeline,
        SourceNode::Handler(..) => CompletionKind::Keyword,
        SourceNode::Statement(stmt) => match &stmt.kind {
            StmtKind::Stage { .. } | StmtKind::Step { .. } => CompletionKind::Value,
            StmtKind::Call(_) => CompletionKind::Workflow,
            StmtKind::Action { .. } => CompletionKind::Action,
            StmtKind::Deploy { .. } => CompletionKind::Service,
            _ => CompletionKind::Keyword,
        },
    }
}

/// A part with these values, and open ones behind them.
fn open_part(forms: &NodeForms, given: usize, values: &[String]) -> String {
    if forms.values.is_empty() {
        return forms.name.to_string();
    }
    let open = forms.values.iter().skip(given).map(|value| match value {
        ValueForms::Text(text) => written(text),
        ValueForms::Any | ValueForms::Services(_) | ValueForms::Infrastructures(_) => {
            String::from("*")
        }
    });
    let values: Vec<String> = values.iter().cloned().chain(open).collect();
    format!("{}[{}]", forms.name, values.join(", "))
}

/// The parts with each value that may stand where one has been begun; `likely` has some of those
/// that may be any.
fn with_values(forms: &NodeForms, typed: &str, likely: impl Fn(usize) -> Vec<Name>) -> Vec<String> {
    let mut given: Vec<String> = typed.split(", ").map(String::from).collect();
    given.pop();
    let Some(value) = forms.values.get(given.len()) else {
        return Vec::new();
    };
    let any = std::iter::once(String::from("*"));
    let names = |names: &[Name]| names.iter().map(|name| written(name)).collect::<Vec<_>>();
    let known = match value {
        ValueForms::Any => names(&likely(given.len())),
        ValueForms::Text(text) => vec![written(text)],
        ValueForms::Services(services) => names(services),
        ValueForms::Infrastructures(places) => {
            let places = names(places);
            let whole = places.iter().filter_map(|it| it.split_once('.'));
            let whole: Vec<String> = whole.map(|(of, _)| format!("{of}.*")).collect();
            places.into_iter().chain(whole).collect()
        }
    };
    let all = known.into_iter().chain(any).map(|value| {
        let values: Vec<String> = given.iter().cloned().chain([value]).collect();
        open_part(forms, values.len(), &values)
    });
    all.collect()
}
