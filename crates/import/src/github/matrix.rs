//! `strategy.matrix`: its lists as axes, or, with `include`, the combinations as a list of records.

use indexmap::IndexMap;

use super::Importer;
use super::scope::Scope;
use crate::program::Piece;
use crate::value::{Expr, Ty};
use crate::words::{name, quoted};
use crate::yaml::{Key, Node, Value};

/// How many combinations GitHub allows.
const MAX_CELLS: usize = 256;

/// The loop around a job.
#[derive(Debug, Default)]
pub(super) struct Matrix {
    pub(super) head: String,
    /// The texts that each key can have, where they are written.
    pub(super) texts: IndexMap<String, Vec<String>>,
    pub(super) comments: Vec<Piece>,
}

/// A combination: the texts of its keys.
type Cell = IndexMap<String, String>;

impl Importer {
    /// The loop that the matrix of a job is; its values are in the scope then.
    pub(super) fn matrix(&mut self, job: &Node, scope: &mut Scope) -> Option<Matrix> {
        let strategy = job.get("strategy").filter(|it| !it.is_empty())?;
        let matrix = strategy.get("matrix")?;
        let mut found = Matrix::default();
        let count = match self.combinations(matrix, scope) {
            Some(cells) => Some(self.records(matrix, &cells, scope, &mut found)),
            None => self.axes(matrix, scope, &mut found)?,
        };
        let most = strategy.get("max-parallel").and_then(Node::text);
        let most = most
            .and_then(|it| it.parse::<usize>().ok())
            .filter(|it| *it > 0);
        if let Some(most) = most.filter(|most| count.is_none_or(|count| *most < count)) {
            found.head.push_str(&format!(" max {most}"));
        }
        let fails_fast = strategy.get("fail-fast");
        match fails_fast.and_then(Node::peek) {
            Some("false") => fails_fast.into_iter().for_each(Node::skip),
            Some("true") | None => {
                fails_fast.into_iter().for_each(Node::skip);
                if count != Some(1) {
                    found.head.push_str(" fail fast");
                }
            }
            Some(_) => {
                let node = fails_fast.unwrap_or(strategy);
                let why = "whether it fails fast is written here";
                let comment =
                    self.declared
                        .not_imported(node, "fail-fast", why, "write `fail fast`");
                node.skip();
                found.comments.push(comment);
            }
        }
        Some(found)
    }

    /// The combinations, where there is an `include` and all values are written.
    fn combinations(&mut self, matrix: &Node, scope: &Scope) -> Option<Vec<Cell>> {
        let Value::Map(entries) = &matrix.value else {
            return None;
        };
        if !matrix.has("include") {
            return None;
        }
        let written = |node: &Node| node.peek().is_some_and(|it| !it.contains("${{"));
        let is_written = |node: &Node| match &node.value {
            Value::List(items) => items.iter().all(|item| match &item.value {
                Value::Map(entries) => entries.iter().all(|(_, it)| written(it)),
                Value::Scalar { .. } => written(item),
                Value::List(_) => false,
            }),
            Value::Scalar { .. } | Value::Map(_) => false,
        };
        let is_list = |key: &Key| matches!(key.text.as_str(), "include" | "exclude");
        let is_plain = |node: &Node| match &node.value {
            Value::List(items) => items.iter().all(|it| it.peek().is_some()),
            Value::Scalar { .. } | Value::Map(_) => false,
        };
        if !entries
            .iter()
            .all(|(key, it)| is_written(it) && (is_list(key) || is_plain(it)))
        {
            return None;
        }
        let mut cells: Vec<Cell> = vec![Cell::new()];
        let mut axes: Vec<&str> = Vec::new();
        for (key, list) in matrix.entries() {
            if matches!(key.text.as_str(), "include" | "exclude") {
                continue;
            }
            axes.push(&key.text);
            let texts: Vec<&str> = list.items().iter().filter_map(Node::text).collect();
            let more = cells.iter().flat_map(|cell| {
                texts.iter().map(|text| {
                    let mut cell = cell.clone();
                    cell.insert(key.text.clone(), (*text).to_string());
                    cell
                })
            });
            cells = more.take(MAX_CELLS + 1).collect();
        }
        if axes.is_empty() {
            cells.clear();
        }
        let pairs = |item: &Node| -> Vec<(String, String)> {
            let entries = item.entries().iter();
            entries
                .filter_map(|(key, it)| Some((key.text.clone(), it.text()?.into())))
                .collect()
        };
        for left_out in matrix.items_of("exclude") {
            let pairs = pairs(left_out);
            cells.retain(|cell| !pairs.iter().all(|(key, text)| cell.get(key) == Some(text)));
        }
        let original = cells.clone();
        let count = original.len();
        for added in matrix.items_of("include") {
            let pairs = pairs(added);
            let mut fits = false;
            for (cell, first) in cells.iter_mut().take(count).zip(&original) {
                if pairs
                    .iter()
                    .all(|(key, text)| first.get(key).is_none_or(|it| it == text))
                {
                    cell.extend(pairs.iter().cloned());
                    fits = true;
                }
            }
            if !fits {
                cells.push(pairs.into_iter().collect());
            }
        }
        let _ = scope;
        (cells.len() <= MAX_CELLS).then_some(cells)
    }

    /// A loop over records; what a combination does not have is an empty text.
    fn records(
        &mut self,
        matrix: &Node,
        cells: &[Cell],
        scope: &mut Scope,
        found: &mut Matrix,
    ) -> usize {
        let mut keys: Vec<&String> = Vec::new();
        for key in cells.iter().flat_map(IndexMap::keys) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let variable = scope.names.give("cell");
        let records: Vec<String> = (cells.iter())
            .map(|cell| {
                let field = |key: &&String| {
                    let text = cell.get(*key).map(String::as_str).unwrap_or_default();
                    format!("{}: {}", name(key), quoted(text))
                };
                format!(
                    "{{ {} }}",
                    keys.iter().map(field).collect::<Vec<_>>().join(", ")
                )
            })
            .collect();
        let types: Vec<String> = keys
            .iter()
            .map(|it| format!("{}: string", name(it)))
            .collect();
        for key in &keys {
            let value = Expr::new(format!("{variable}.{}", name(key)), Ty::Text);
            scope.matrix.insert((*key).clone(), value);
            let mut texts: Vec<String> = Vec::new();
            for text in cells.iter().filter_map(|it| it.get(*key)) {
                if !texts.contains(text) {
                    texts.push(text.clone());
                }
            }
            found.texts.insert((*key).clone(), texts);
        }
        // A cell is called by its axes, or by its first key where there are none.
        let axes = matrix.entries().iter().map(|(key, _)| &key.text);
        let axes: Vec<&String> = axes
            .filter(|it| !matches!(it.as_str(), "include" | "exclude"))
            .collect();
        let named = if axes.is_empty() {
            keys.iter().take(1).copied().collect()
        } else {
            axes
        };
        let label: Vec<String> = named
            .iter()
            .map(|it| format!("${{{variable}.{}}}", name(it)))
            .collect();
        scope
            .locals
            .push((variable.clone(), format!("{{ {} }}", types.join(", "))));
        let records = records.join(", ");
        let label = label.join(" ");
        found.head = format!("parallel {variable} in [{records}] by \"{label}\"");
        cells.len()
    }

    /// A loop over axes. How many cells there are, where that is written.
    fn axes(
        &mut self,
        matrix: &Node,
        scope: &mut Scope,
        found: &mut Matrix,
    ) -> Option<Option<usize>> {
        let mut axes = Vec::new();
        let mut count = Some(1);
        for (key, list) in matrix.entries() {
            if matches!(key.text.as_str(), "include" | "exclude") {
                continue;
            }
            let (text, of_list) = match list.peek() {
                Some(_) => {
                    let value = self.value(list, scope);
                    match value.ty {
                        Ty::Json => (value.text, None),
                        Ty::Text => (format!("from-json({})", value.text), None),
                        _ => {
                            list.forget();
                            continue;
                        }
                    }
                }
                None => {
                    let mut values = Vec::new();
                    for item in list.items().iter().filter(|it| it.peek().is_some()) {
                        values.push(self.value(item, scope).as_text());
                    }
                    let texts = values.iter().filter_map(|it| it.literal.clone()).collect();
                    found.texts.insert(key.text.clone(), texts);
                    let texts: Vec<String> = values.into_iter().map(|it| it.text).collect();
                    (format!("[{}]", texts.join(", ")), Some(texts.len()))
                }
            };
            let records = self.record_list(list, scope);
            let (text, of_list) = match &records {
                Some((text, count, _)) => (text.clone(), Some(*count)),
                None => (text, of_list),
            };
            count = count.zip(of_list).map(|(all, one)| all * one);
            let variable = scope.names.give(&key.text);
            let (ty, word) = match records {
                Some((_, _, word)) => (Ty::Record, word),
                None => (Ty::Text, "string".to_string()),
            };
            scope
                .matrix
                .insert(key.text.clone(), Expr::new(&variable, ty));
            scope.locals.push((variable.clone(), word));
            let text = match of_list {
                Some(_) => text,
                None => self.list_of_texts(&text, &key.text),
            };
            // A record is called by its first field.
            let first = scope
                .locals
                .last()
                .and_then(|(_, ty)| ty.strip_prefix("{ "));
            let first = first.and_then(|it| it.split(':').next());
            let label = first.map(|it| format!(" by \"${{{variable}.{it}}}\""));
            axes.push(format!("{variable} in {text}{}", label.unwrap_or_default()));
        }
        let rules = excluded(matrix, scope);
        let word = match (axes.len(), rules.is_empty()) {
            (0, _) => return None,
            (1, true) => "parallel",
            _ => "matrix",
        };
        let rule = match rules.is_empty() {
            true => String::new(),
            false => format!(" where {}", rules.join(" and ")),
        };
        found.head = format!("{word} {}{rule}", axes.join(" "));
        Some(count.filter(|_| rule.is_empty()))
    }

    /// A list of mappings as a list of records, how many they are, and their type.
    fn record_list(&mut self, list: &Node, scope: &Scope) -> Option<(String, usize, String)> {
        let Value::List(items) = &list.value else {
            return None;
        };
        if items.is_empty() || !items.iter().all(|it| matches!(it.value, Value::Map(_))) {
            return None;
        }
        let mut fields: Vec<&str> = Vec::new();
        for (key, value) in list.items().iter().flat_map(Node::entries) {
            if value.peek().is_some() && !fields.contains(&key.text.as_str()) {
                fields.push(&key.text);
            }
        }
        let mut records = Vec::new();
        for item in items {
            let mut parts = Vec::new();
            for field in &fields {
                let value = match item.get(field).filter(|it| it.peek().is_some()) {
                    Some(value) => self.value(value, scope).as_text().text,
                    None => "\"\"".into(),
                };
                parts.push(format!("{}: {value}", name(field)));
            }
            records.push(format!("{{ {} }}", parts.join(", ")));
        }
        let types: Vec<String> = fields
            .iter()
            .map(|it| format!("{}: string", name(it)))
            .collect();
        let text = format!("[{}]", records.join(", "));
        Some((text, items.len(), format!("{{ {} }}", types.join(", "))))
    }

    /// JSON as a list of texts: what is converted is checked, and a function may say its type.
    fn list_of_texts(&mut self, text: &str, hint: &str) -> String {
        let _ = hint;
        self.needs_texts = true;
        format!("texts({text})")
    }
}

/// Conditions that leave combinations out.
fn excluded(matrix: &Node, scope: &Scope) -> Vec<String> {
    let mut rules = Vec::new();
    for left_out in matrix.items_of("exclude") {
        let mut parts = Vec::new();
        for (key, value) in left_out.entries() {
            let axis = scope.matrix.get(&key.text).filter(|it| it.ty == Ty::Text);
            let Some(axis) = axis else {
                continue;
            };
            let Some(text) = value.text() else { continue };
            parts.push(format!("{} == {}", axis.text, quoted(text)));
        }
        if !parts.is_empty() {
            rules.push(format!("not ({})", parts.join(" and ")));
        }
    }
    rules
}
