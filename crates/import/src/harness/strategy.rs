//! Looping strategies of Harness: `matrix`, `repeat` and `parallelism` as loops.

use std::collections::HashMap;

use super::Importer;
use super::scope::Scope;
use crate::program::{Block, Piece};
use crate::value::{Expr, Part, Template, Ty};
use crate::words::{name, quoted};
use crate::yaml::{Node, Value};

/// A loop around a stage, a group or a step.
#[derive(Debug, Clone, Default)]
pub(super) struct Loop {
    pub(super) head: String,
    pub(super) axes: HashMap<String, Expr>,
    pub(super) item: Option<Expr>,
    pub(super) iteration: Option<Expr>,
    pub(super) iterations: Option<Expr>,
    /// The names of its values and their types, for workflows that need them.
    pub(super) parameters: Vec<(String, String)>,
    /// The texts that each axis can have, where they are written.
    pub(super) texts: HashMap<String, Vec<String>>,
    pub(super) comments: Vec<Piece>,
}

impl Loop {
    /// The body in the loop.
    pub(super) fn around(self, body: Vec<Piece>) -> Vec<Piece> {
        let mut pieces = self.comments;
        pieces.push(Piece::Block(Block::new(self.head, body)));
        pieces
    }

    /// What can be seen in the loop of a step.
    pub(super) fn enter(&self, scope: &mut Scope) {
        scope.axes.extend(self.axes.clone());
        for (own, outer) in [
            (&self.item, &mut scope.item),
            (&self.iteration, &mut scope.iteration),
            (&self.iterations, &mut scope.iterations),
        ] {
            if own.is_some() {
                outer.clone_from(own);
            }
        }
    }
}

/// A list of a loop.
struct Elements {
    text: String,
    /// The type of an element.
    ty: Ty,
    written: String,
    count: Option<usize>,
    texts: Vec<String>,
}

impl Elements {
    /// How a cell is called: a record by its first field.
    fn label(&self, name: &str) -> String {
        let first = self
            .written
            .strip_prefix("{ ")
            .and_then(|it| it.split(':').next());
        first
            .map(|it| format!(" by \"${{{name}.{it}}}\""))
            .unwrap_or_default()
    }
}

/// Whether a text stands anywhere in a node.
fn mentions(node: &Node, text: &str) -> bool {
    match &node.value {
        Value::Scalar { text: found, .. } => found.contains(text),
        Value::List(items) => items.iter().any(|it| mentions(it, text)),
        Value::Map(entries) => entries.iter().any(|(_, it)| mentions(it, text)),
    }
}

impl Importer<'_> {
    /// The loop that the `strategy` of a node is.
    pub(super) fn looped(&mut self, node: &Node, scope: &mut Scope) -> Option<Loop> {
        let strategy = node.get("strategy").filter(|it| !it.is_empty())?;
        let counted = mentions(node, ".iteration>");
        let mut found = if let Some(matrix) = strategy.get("matrix") {
            self.matrix(matrix, scope, counted)?
        } else if let Some(repeat) = strategy.get("repeat") {
            self.repeat(repeat, scope, counted)?
        } else {
            let times = strategy.get("parallelism")?;
            self.times(times, scope)?
        };
        let inner = strategy.get("matrix").or_else(|| strategy.get("repeat"));
        let most = strategy.get("maxConcurrency");
        let most = most.or_else(|| inner.and_then(|it| it.get("maxConcurrency")));
        if let Some(most) = most {
            let count = found.iterations.as_ref().and_then(|it| it.literal.clone());
            let count = count.and_then(|it| it.parse::<usize>().ok());
            let text = most.peek().unwrap_or_default();
            let text = super::inputs::default_of(text).unwrap_or(text).to_string();
            match text.parse::<usize>() {
                Ok(most_at_once) if most_at_once > 0 => {
                    most.skip();
                    if count.is_none_or(|count| most_at_once < count) {
                        found.head.push_str(&format!(" max {most_at_once}"));
                    }
                }
                _ => {
                    most.skip();
                    let what = format!("maxConcurrency: {text}");
                    let why = "it is a number that is written here";
                    let comment = self
                        .declared
                        .not_imported(most, &what, why, "write `max N`");
                    found.comments.push(comment);
                }
            }
        }
        Some(found)
    }

    fn times(&mut self, times: &Node, scope: &mut Scope) -> Option<Loop> {
        let value = match times.peek()?.starts_with("<+input>") {
            true => self.runtime_input(times, "times", "Number", None, scope),
            false => Expr::scalar(times.text()?),
        };
        if value.ty != Ty::Int {
            times.forget();
            return None;
        }
        let name = scope.names.give("iteration");
        let expr = Expr::new(&name, Ty::Int);
        Some(Loop {
            head: format!("parallel {name} in range(0, {})", value.text),
            item: Some(expr.clone()),
            iteration: Some(expr),
            iterations: Some(value),
            parameters: vec![(name, "int".into())],
            ..Loop::default()
        })
    }

    fn repeat(&mut self, repeat: &Node, scope: &mut Scope, counted: bool) -> Option<Loop> {
        if let Some(times) = repeat.get("times") {
            return self.times(times, scope);
        }
        let elements = self.elements(repeat.get("items")?, "items", scope)?;
        let name = scope.names.give("item");
        let mut found = Loop {
            item: Some(Expr::new(&name, elements.ty)),
            iterations: elements.count.map(|it| Expr::scalar(&it.to_string())),
            ..Loop::default()
        };
        self.one_axis(&mut found, &name, &elements, scope, counted);
        Some(found)
    }

    /// A loop with one list; its places have a name where they are asked for.
    fn one_axis(
        &mut self,
        found: &mut Loop,
        name: &str,
        elements: &Elements,
        scope: &mut Scope,
        counted: bool,
    ) {
        found
            .parameters
            .push((name.to_string(), elements.written.clone()));
        let variables = match counted {
            true => {
                let place = scope.names.give("iteration");
                found.iteration = Some(Expr::new(&place, Ty::Int));
                found.parameters.push((place.clone(), "int".into()));
                format!("{place}, {name}")
            }
            false => name.to_string(),
        };
        let label = if counted {
            String::new()
        } else {
            elements.label(name)
        };
        found.head = format!("parallel {variables} in {}{label}", elements.text);
    }

    fn matrix(&mut self, matrix: &Node, scope: &mut Scope, counted: bool) -> Option<Loop> {
        let mut found = Loop::default();
        let mut axes = Vec::new();
        let mut count = Some(1);
        for (key, list) in matrix.entries() {
            if matches!(key.text.as_str(), "exclude" | "nodeName" | "maxConcurrency") {
                continue;
            }
            let Some(elements) = self.elements(list, &key.text, scope) else {
                continue;
            };
            let name = scope.names.give(&key.text);
            found
                .axes
                .insert(key.text.clone(), Expr::new(&name, elements.ty));
            found.texts.insert(key.text.clone(), elements.texts.clone());
            count = count.zip(elements.count).map(|(all, one)| all * one);
            axes.push((name, elements));
        }
        if let Some(label) = matrix.get("nodeName") {
            label.skip();
            let why = "a cell is called by its values here";
            self.declared
                .notes
                .add(crate::NoteKind::Dropped, label, "nodeName", why, "");
        }
        let rule = self.excluded(matrix, &found.axes);
        match (axes.as_slice(), rule.is_empty()) {
            ([], _) => return None,
            ([(name, elements)], true) => {
                self.one_axis(&mut found, &name.clone(), elements, scope, counted);
            }
            _ => {
                let texts: Vec<String> = (axes.iter())
                    .map(|(name, it)| format!("{name} in {}{}", it.text, it.label(name)))
                    .collect();
                let types = axes
                    .iter()
                    .map(|(name, it)| (name.clone(), it.written.clone()));
                found.parameters = types.collect();
                found.head = format!("matrix {}{rule}", texts.join(" "));
            }
        }
        if rule.is_empty() {
            found.iterations = count.map(|it| Expr::scalar(&it.to_string()));
        }
        Some(found)
    }

    /// `where not (…)` for the combinations that are left out.
    fn excluded(&mut self, matrix: &Node, axes: &HashMap<String, Expr>) -> String {
        let mut rules = Vec::new();
        for combination in matrix.items_of("exclude") {
            let mut parts = Vec::new();
            for (key, value) in combination.entries() {
                let axis = axes.get(&key.text).filter(|it| it.ty == Ty::Text);
                let Some((axis, text)) = axis.zip(value.peek()) else {
                    continue;
                };
                value.skip();
                parts.push(format!("{} == {}", axis.text, quoted(text)));
            }
            match parts.len() {
                0 => {}
                1 => rules.push(format!("not {}", parenthesised(&parts))),
                _ => rules.push(format!("not ({})", parts.join(" and "))),
            }
        }
        match rules.is_empty() {
            true => String::new(),
            false => format!(" where {}", rules.join(" and ")),
        }
    }

    /// The list of an axis: texts, records, or an expression that gives a list.
    fn elements(&mut self, node: &Node, hint: &str, scope: &Scope) -> Option<Elements> {
        if let Some(text) = node.peek().filter(|it| !it.is_empty()) {
            let expr = match text.starts_with("<+input>") {
                true => self.list_input(node, hint, scope),
                false => self.value(node, hint, scope),
            };
            let text = match expr.ty {
                Ty::List => expr.text,
                Ty::Secret | Ty::Record => {
                    node.forget();
                    return None;
                }
                _ => format!("split({}, \",\")", expr.as_text().text),
            };
            return Some(Elements {
                text,
                ty: Ty::Text,
                written: "string".into(),
                count: None,
                texts: Vec::new(),
            });
        }
        let items = node.items();
        let records = items.iter().any(|it| matches!(it.value, Value::Map(_)));
        match records {
            true => self.records(items, hint, scope),
            false => {
                let mut values = Vec::new();
                let mut texts = Vec::new();
                for item in items.iter().filter(|it| it.peek().is_some()) {
                    let value = self.value(item, hint, scope).as_text();
                    texts.extend(value.literal.clone());
                    values.push(value.text);
                }
                Some(Elements {
                    text: format!("[{}]", values.join(", ")),
                    ty: Ty::Text,
                    written: "string".into(),
                    count: Some(values.len()),
                    texts,
                })
            }
        }
    }

    /// A list of records, in which every record has all fields.
    fn records(&mut self, items: &[Node], hint: &str, scope: &Scope) -> Option<Elements> {
        let mut fields: Vec<String> = Vec::new();
        for (key, _) in items.iter().flat_map(Node::entries) {
            if !fields.contains(&key.text) {
                fields.push(key.text.clone());
            }
        }
        let mut texts = Vec::new();
        for item in items {
            let mut parts = Vec::new();
            for field in &fields {
                let value = match item.get(field).filter(|it| it.peek().is_some()) {
                    Some(value) => self.value(value, hint, scope).as_text().text,
                    None => "\"\"".into(),
                };
                parts.push(format!("{}: {value}", name(field)));
            }
            texts.push(format!("{{ {} }}", parts.join(", ")));
        }
        let types: Vec<String> = fields
            .iter()
            .map(|field| format!("{}: string", name(field)))
            .collect();
        Some(Elements {
            text: format!("[{}]", texts.join(", ")),
            ty: Ty::Record,
            written: format!("{{ {} }}", types.join(", ")),
            count: Some(items.len()),
            texts: Vec::new(),
        })
    }

    /// A runtime input that is a list.
    fn list_input(&mut self, node: &Node, hint: &str, scope: &Scope) -> Expr {
        let text = node.text().unwrap_or_default();
        let default = super::inputs::default_of(text).map(|list| {
            let inner = list.trim_start_matches('[').trim_end_matches(']');
            let items = inner.split(',').map(str::trim).filter(|it| !it.is_empty());
            let items = items.map(|it| quoted(it.trim_matches(['"', '\''])));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        });
        let name = match scope.within.as_str() {
            "" => hint.to_string(),
            within => format!("{within}-{hint}"),
        };
        let new = crate::declared::NewInput {
            key: &format!("list {}:{}", node.file, node.line),
            name: &name,
            ty: "[string]",
            default,
            ..Default::default()
        };
        self.declared.input(new, Ty::List)
    }

    /// A text of a fixed part and a value.
    pub(super) fn joined(parts: Vec<Part>) -> Expr {
        Template(parts).expr()
    }
}

fn parenthesised(parts: &[String]) -> String {
    format!("({})", parts.join(" and "))
}
