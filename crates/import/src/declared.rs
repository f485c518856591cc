//! What an import has declared so far, and the report that it keeps: inputs, secrets and values of
//! the whole file, each under the key of what it was in the other tool.

use indexmap::IndexMap;
use lockstep_lang::ir::command::code::outputs::CODE_VARIABLES;

use crate::notes::{NoteKind, Notes, one_line};
use crate::program::{Piece, acts};
use crate::value::{Expr, Ty};
use crate::words::{Names, quoted};
use crate::yaml::Node;

/// What an import has declared and reported.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) notes: Notes,
    pub(crate) names: Names,
    inputs: IndexMap<String, (Expr, Vec<Piece>)>,
    secrets: IndexMap<String, (Expr, Vec<Piece>)>,
    values: IndexMap<String, (Expr, Vec<Piece>)>,
}

/// An input to declare.
#[derive(Debug, Default)]
pub(crate) struct NewInput<'n> {
    /// What it is in the other tool; declared once.
    pub(crate) key: &'n str,
    pub(crate) name: &'n str,
    pub(crate) ty: &'n str,
    pub(crate) default: Option<String>,
    /// A condition on it, in which `{}` is its name.
    pub(crate) rule: Option<String>,
    pub(crate) doc: Option<&'n str>,
}

impl Declared {
    pub(crate) fn new(notes: Notes) -> Self {
        Self {
            notes,
            ..Self::default()
        }
    }

    /// Declares an input, or finds it.
    pub(crate) fn input(&mut self, new: NewInput<'_>, ty: Ty) -> Expr {
        if let Some((expr, _)) = self.inputs.get(new.key) {
            return expr.clone();
        }
        let name = self.names.give(new.name);
        let mut pieces = Vec::new();
        if let Some(doc) = new.doc.filter(|doc| !doc.trim().is_empty()) {
            pieces.push(Piece::Doc(one_line(doc)));
        }
        let default = new.default.map(|it| format!(" = {it}")).unwrap_or_default();
        let rule = new
            .rule
            .map(|it| format!(" where {}", it.replace("{}", &name)));
        let rule = rule.unwrap_or_default();
        pieces.push(Piece::line(format!(
            "input {name}: {}{default}{rule}",
            new.ty
        )));
        let expr = Expr::new(name, ty);
        self.inputs.insert(new.key.into(), (expr.clone(), pieces));
        expr
    }

    /// Declares a secret, or finds it: it is read from a variable.
    pub(crate) fn secret(&mut self, node: &Node, id: &str) -> Expr {
        if let Some((expr, _)) = self.secrets.get(id) {
            return expr.clone();
        }
        let last = id.rsplit('.').next().unwrap_or(id);
        let name = self.names.give(last);
        let variable = crate::words::variable(last);
        let why = format!("secrets are read from variables: set {variable}");
        let advice = "or read it by `file(…)` or `command(…)`";
        self.notes.add(
            NoteKind::Changed,
            node,
            &format!("secret {id}"),
            &why,
            advice,
        );
        let line = Piece::line(format!("secret {name} = env({})", quoted(&variable)));
        let expr = Expr::new(name, Ty::Secret);
        self.secrets.insert(id.into(), (expr.clone(), vec![line]));
        expr
    }

    /// Declares a value with a name, or finds it.
    pub(crate) fn value(&mut self, key: &str, name: &str, value: &Expr, doc: Option<&str>) -> Expr {
        if let Some((expr, _)) = self.values.get(key) {
            return expr.clone();
        }
        let name = self.names.give(name);
        let mut pieces = Vec::new();
        if let Some(doc) = doc.filter(|doc| !doc.trim().is_empty()) {
            pieces.push(Piece::Doc(one_line(doc)));
        }
        pieces.push(Piece::line(format!("let {name} = {}", value.text)));
        let expr = Expr::new(name, value.ty);
        self.values.insert(key.into(), (expr.clone(), pieces));
        expr
    }

    /// What stands for a value that this file cannot know: an input that must be given.
    pub(crate) fn unknown(&mut self, node: &Node, written: &str, why: &str) -> Expr {
        if let Some((expr, _)) = self.inputs.get(written) {
            return expr.clone();
        }
        let doc = format!("Stands for `{written}`, which only the other tool knows.");
        let new = NewInput {
            key: written,
            name: written,
            ty: "string",
            doc: Some(&doc),
            ..NewInput::default()
        };
        let expr = self.input(new, Ty::Text);
        let advice = format!(
            "give it with `-i {}=…`, or write what it should be",
            expr.text
        );
        let why = format!("{why}; it is the input `{}` now", expr.text);
        self.notes
            .add(NoteKind::Changed, node, written, &why, &advice);
        expr
    }

    /// What stands for a condition that cannot be translated: an input that must be given, so that
    /// nothing runs, or does not, by accident.
    pub(crate) fn decision(&mut self, node: &Node, name: &str, written: &str) -> Expr {
        let doc = format!("Whether this holds: {}", one_line(written));
        let new = NewInput {
            key: &format!("condition {name} {written}"),
            name,
            ty: "bool",
            doc: Some(&doc),
            ..NewInput::default()
        };
        let expr = self.input(new, Ty::Bool);
        let why = format!(
            "the condition has no counterpart; the input `{}` decides",
            expr.text
        );
        let advice = "give it for each run, or write the condition";
        self.notes
            .add(NoteKind::Changed, node, written, &why, advice);
        expr
    }

    /// Reports what has no counterpart. The comment is for its place.
    pub(crate) fn not_imported(&self, node: &Node, what: &str, why: &str, advice: &str) -> Piece {
        self.notes
            .add(NoteKind::NotImported, node, what, why, advice);
        Piece::comment(format!("not imported: {}: {why}", one_line(what)))
    }

    /// Whether a variable can be handed to commands; else the comment for its place.
    pub(crate) fn refused_variable(&self, node: &Node, name: &str, value: &Expr) -> Option<Piece> {
        let plain = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let why =
            if name.is_empty() || !name.chars().all(plain) || name.as_bytes()[0].is_ascii_digit() {
                "this is no name of a variable here"
            } else if name.starts_with("LOCKSTEP_") {
                "every command is given variables of this name by Lockstep itself"
            } else if CODE_VARIABLES.contains(&name) && value.literal.is_none() {
                "a value would decide what is executed"
            } else {
                return None;
            };
        let advice = "set it in the script, or choose another name";
        Some(self.not_imported(node, &format!("variable {name}"), why, advice))
    }

    /// Reports what does not do exactly the same here.
    pub(crate) fn changed(&self, node: &Node, what: &str, why: &str, advice: &str) {
        self.notes.add(NoteKind::Changed, node, what, why, advice);
    }

    /// Leaves out what nothing here needs, if it is there.
    pub(crate) fn drop_keys(&self, node: &Node, keys: &[(&str, &str)]) {
        for (key, why) in keys {
            let Some(value) = node.get(key) else { continue };
            value.skip();
            if !value.is_empty() {
                self.notes.add(NoteKind::Dropped, value, key, why, "");
            }
        }
    }

    /// Leaves out what says nothing about a run, such as tags, without a note for each.
    pub(crate) fn pass_over(node: &Node, keys: &[&str]) {
        keys.iter()
            .filter_map(|key| node.get(key))
            .for_each(Node::skip);
    }

    /// Reports everything in a node that nobody has looked at, with a comment for each.
    pub(crate) fn leftovers(&self, node: &Node) -> Vec<Piece> {
        let mut comments = Vec::new();
        node.unused("", &mut |path, place, value| {
            if value.is_empty() {
                return;
            }
            let what = match value.peek() {
                Some(text) => format!("{path}: {text}"),
                None => path,
            };
            let why = "this key has no counterpart";
            let advice = "write what it does by hand, or leave it out";
            let texts = [what.as_str(), why, advice];
            self.notes
                .add_at(NoteKind::NotImported, value.file, place, texts);
            comments.push(Piece::comment(format!("not imported: {}", one_line(&what))));
        });
        comments
    }

    /// All declarations.
    pub(crate) fn into_pieces(self) -> (Vec<Piece>, Notes) {
        let mut pieces = Vec::new();
        for group in [self.inputs, self.secrets, self.values] {
            for (_, lines) in group.into_values() {
                let documented = lines.len() > 1;
                if documented && acts(&pieces) {
                    pieces.push(Piece::Gap);
                }
                pieces.extend(lines);
            }
            if !pieces.is_empty() {
                pieces.push(Piece::Gap);
            }
        }
        (pieces, self.notes)
    }
}
