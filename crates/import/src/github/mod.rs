//! GitHub Actions: a workflow that deploys, with the reusable workflows that it calls.

mod expression;
mod graph;
mod jobs;
mod matrix;
mod scope;
mod steps;

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::Imported;
use crate::declared::{Declared, NewInput};
use crate::finish::{Barriers, finish};
use crate::notes::{NoteKind, Notes, SourceFile};
use crate::program::{Block, Piece};
use crate::value::{Expr, Ty};
use crate::words::{name, quoted};
use crate::yaml::{Node, Value};
use scope::Scope;

/// A file with a workflow.
pub(super) struct File<'n> {
    pub(super) node: &'n Node,
    /// The name of the file without its ending.
    stem: String,
}

/// A reusable workflow.
#[derive(Debug, Clone, Default)]
pub(super) struct Reusable {
    pub(super) name: String,
    /// The inputs: what they are called there and here, and their types.
    pub(super) inputs: Vec<(String, String, Ty)>,
    pub(super) secrets: Vec<(String, String)>,
    pub(super) gives: bool,
    /// The type of what it gives.
    pub(super) result: String,
}

/// What has been imported so far.
pub(crate) struct Importer {
    declared: Declared,
    /// By the name of their files.
    reusable: HashMap<String, Reusable>,
    /// The texts that inputs can have, as far as they are written.
    choices: HashMap<String, Vec<String>>,
    environments: IndexMap<String, String>,
    workflows: Vec<Piece>,
    file_comments: Vec<Piece>,
    /// The results of jobs and their types.
    results: Vec<(String, String)>,
    shell: Option<String>,
    folder: Option<Expr>,
    needs_place: bool,
    needs_texts: bool,
}

/// The name of a file in a path.
pub(super) fn file_name(path: &str) -> &str {
    let path = path.split('@').next().unwrap_or(path);
    path.rsplit('/').next().unwrap_or(path)
}

/// Imports a workflow and those that it calls.
pub(crate) fn import(files: &[SourceFile]) -> Imported {
    let notes = Notes::new(files);
    let Some(documents) = crate::read_all(files, &notes) else {
        return Imported::unreadable(notes);
    };
    let is_workflow = |it: &Node| it.has("jobs");
    if !documents.iter().any(is_workflow) {
        let texts = [
            "no workflow",
            "none of the files has `jobs:`",
            "give the file of a workflow",
        ];
        notes.add_at(NoteKind::Unreadable, 0, (1, 1), texts);
        return Imported::unreadable(notes);
    }
    let mut found = Vec::new();
    for document in &documents {
        if !is_workflow(document) {
            let texts = ["a document", "it is no workflow", "give workflows alone"];
            let place = (document.line, document.column);
            notes.add_at(NoteKind::NotImported, document.file, place, texts);
            document.skip();
            continue;
        }
        let path = files
            .get(document.file)
            .map(|it| it.path.as_str())
            .unwrap_or_default();
        let stem = file_name(path)
            .split('.')
            .next()
            .unwrap_or("workflow")
            .to_string();
        found.push(File {
            node: document,
            stem,
        });
    }
    let importer = Importer {
        declared: Declared::new(notes),
        reusable: HashMap::new(),
        choices: HashMap::new(),
        environments: IndexMap::new(),
        workflows: Vec::new(),
        file_comments: Vec::new(),
        results: Vec::new(),
        shell: None,
        folder: None,
        needs_place: false,
        needs_texts: false,
    };
    importer.all(&found, files)
}

/// The triggers of a workflow: `on:` as a text, a list or a mapping.
fn trigger<'n>(file: &File<'n>, name: &str) -> Option<&'n Node> {
    let on = file.node.get("on")?;
    match &on.value {
        Value::Map(_) => on.get(name),
        Value::List(items) => items.iter().find(|it| it.peek() == Some(name)),
        Value::Scalar { text, .. } => (text == name).then_some(on),
    }
}

impl Importer {
    fn all(mut self, files: &[File<'_>], sources: &[SourceFile]) -> Imported {
        // Names of everything that the file declares itself.
        for taken in ["site", "app", "place", "texts"] {
            self.declared.names.give(taken);
        }
        let called = called_files(files);
        let (reusable, main): (Vec<&File<'_>>, Vec<&File<'_>>) = files.iter().partition(|file| {
            let path = sources
                .get(file.node.file)
                .map(|it| it.path.as_str())
                .unwrap_or_default();
            trigger(file, "workflow_call").is_some() && called.contains_key(file_name(path))
        });
        self.collect_choices(files, sources, &called);
        // Those that are called first, however the files are given.
        let mut left = reusable;
        let mut written: Vec<Piece> = Vec::new();
        while !left.is_empty() {
            let ready = left.iter().position(|file| {
                let mut of_file = calls(file).into_iter();
                !of_file.any(|path| left.iter().any(|it| is_file(it, sources, &path)))
            });
            let file = left.remove(ready.unwrap_or(0));
            let pieces = self.reusable_file(file, sources);
            written.extend(pieces);
        }
        let mut pipelines = Vec::new();
        for file in &main {
            pipelines.push(Piece::Gap);
            pipelines.extend(self.pipeline_file(file));
        }
        let mut comments = std::mem::take(&mut self.file_comments);
        for file in files {
            comments.extend(self.declared.leftovers(file.node));
        }
        let places = self.place_pieces();
        let (mut pieces, notes) = self.declared.into_pieces();
        pieces.extend(places);
        pieces.extend(self.workflows);
        pieces.extend(written);
        pieces.extend(pipelines);
        if !comments.is_empty() {
            pieces.push(Piece::Gap);
            pieces.extend(comments);
        }
        finish(pieces, &Barriers::new(), notes)
    }

    /// The texts that inputs can have: choices, defaults, and what calls hand over.
    fn collect_choices(
        &mut self,
        files: &[File<'_>],
        sources: &[SourceFile],
        called: &HashMap<String, Vec<(String, String)>>,
    ) {
        for file in files {
            for event in ["workflow_dispatch", "workflow_call"] {
                let inputs = trigger(file, event).and_then(|it| it.get("inputs"));
                for (key, input) in inputs.map(Node::entries).unwrap_or_default() {
                    let options = input
                        .get("options")
                        .map(Node::one_or_many)
                        .unwrap_or_default();
                    let default = input.get("default").and_then(Node::peek);
                    let texts = options.iter().filter_map(Node::peek).chain(default);
                    let list = self.choices.entry(key.text.clone()).or_default();
                    for text in texts.filter(|it| !it.is_empty()) {
                        if !list.iter().any(|it| it == text) {
                            list.push(text.to_string());
                        }
                    }
                }
            }
            let path = sources
                .get(file.node.file)
                .map(|it| it.path.as_str())
                .unwrap_or_default();
            for (input, text) in called.get(file_name(path)).into_iter().flatten() {
                let list = self.choices.entry(input.clone()).or_default();
                if !list.contains(text) {
                    list.push(text.clone());
                }
            }
        }
    }

    pub(super) fn environment(&mut self, text: &str) -> String {
        if let Some(found) = self.environments.get(text) {
            return found.clone();
        }
        let name = self.declared.names.give(text);
        self.environments.insert(text.to_string(), name.clone());
        name
    }

    /// The kind, the service and the environments of deployments.
    fn place_pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self.needs_texts {
            pieces.push(Piece::line("function texts(list: json) -> [string] = list"));
            pieces.push(Piece::Gap);
        }
        if self.environments.is_empty() && !self.needs_place {
            return pieces;
        }
        pieces.push(Piece::Doc(
            "Where jobs with an `environment` deploy to.".into(),
        ));
        pieces.push(Piece::line("kind site {}"));
        pieces.push(Piece::Gap);
        pieces.push(Piece::Doc("What jobs with an `environment` deploy.".into()));
        pieces.push(Piece::line("service app: site {}"));
        for name in self.environments.values() {
            pieces.push(Piece::Gap);
            let inner = vec![Piece::line("infrastructure main: site {}")];
            pieces.push(Piece::block(format!("environment {name}"), inner));
        }
        if self.needs_place {
            pieces.push(Piece::Gap);
            pieces.push(Piece::line(
                "function place(environment: string) -> infrastructure<site> =\n  \
                 [i for i in site.infrastructures if i.environment.name == environment][0]",
            ));
        }
        pieces
    }

    /// What every workflow may say, and nothing here needs.
    fn drop_of_file(&mut self, file: &File<'_>) {
        let token = "no token is made for a run";
        let named = "a run is called by its number";
        self.declared
            .drop_keys(file.node, &[("permissions", token), ("run-name", named)]);
        let Some(on) = file.node.get("on") else {
            return;
        };
        let known = |it: &str| matches!(it, "workflow_dispatch" | "workflow_call");
        let names: Vec<(&str, &Node)> = match &on.value {
            Value::Map(_) => on
                .entries()
                .iter()
                .map(|(key, it)| (key.text.as_str(), it))
                .collect(),
            _ => on
                .one_or_many()
                .iter()
                .filter_map(|it| Some((it.peek()?, it)))
                .collect(),
        };
        for (event, node) in names {
            if known(event) {
                if node.peek().is_some() {
                    node.skip();
                }
                continue;
            }
            node.skip();
            let why = "what starts a run is not taken over";
            let advice = "declare a `trigger`, or start the run in a CI job: see the page on CI";
            self.declared.notes.add(
                NoteKind::Dropped,
                node,
                &format!("on: {event}"),
                why,
                advice,
            );
        }
    }

    fn pipeline_file(&mut self, file: &File<'_>) -> Vec<Piece> {
        let title = file.node.text_of("name").unwrap_or_default().to_string();
        let mut scope = Scope {
            workflow: if title.is_empty() {
                file.stem.clone()
            } else {
                title.clone()
            },
            ..Scope::default()
        };
        for event in ["workflow_dispatch", "workflow_call"] {
            let inputs = trigger(file, event).and_then(|it| it.get("inputs"));
            for (key, node) in inputs.map(Node::entries).unwrap_or_default() {
                let input = self.dispatch_input(&key.text, node);
                scope.inputs.insert(key.text.clone(), input);
            }
            if event == "workflow_call" {
                trigger(file, event).into_iter().for_each(|it| {
                    Declared::pass_over(it, &["secrets", "outputs"]);
                });
            }
        }
        self.drop_of_file(file);
        let pipeline = self.declared.names.give(&file.stem);
        scope.names = self.declared.names.clone();
        let mut head = format!("pipeline {pipeline}");
        if let Some(node) = file.node.get("concurrency").filter(|it| !it.is_empty()) {
            head.push_str(&self.queue(node, &scope));
        }
        let (body, handlers) = self.jobs(file, &mut scope);
        let mut pieces = Vec::new();
        if !title.is_empty() && !crate::words::same_words(&title, &pipeline) {
            pieces.push(Piece::Doc(crate::notes::one_line(&title)));
        }
        let mut block = Block::new(head, body);
        block.handlers = handlers;
        pieces.push(Piece::Block(block));
        pieces
    }

    /// `concurrency` of a workflow: the runs of a group go one after the other.
    fn queue(&mut self, node: &Node, scope: &Scope) -> String {
        let group = match node.peek() {
            Some(_) => Some(self.value(node, scope)),
            None => node.get("group").map(|it| self.value(it, scope)),
        };
        let Some(group) = group else {
            return String::new();
        };
        if node.flag_of("cancel-in-progress") == Some(true) {
            let why = "a run that has begun is not stopped: the newer one waits";
            self.declared.changed(
                node,
                "cancel-in-progress",
                why,
                "`lockstep cancel` stops a run",
            );
        }
        format!(" queue {} keep latest", group.as_text().text)
    }

    /// An input of `workflow_dispatch`.
    fn dispatch_input(&mut self, id: &str, node: &Node) -> Expr {
        let kind = node.text_of("type").unwrap_or("string").to_string();
        let doc = node.text_of("description").map(ToString::to_string);
        let required = node.flag_of("required").unwrap_or(false);
        let default = node
            .get("default")
            .and_then(Node::text)
            .map(ToString::to_string);
        let options = node
            .get("options")
            .map(Node::one_or_many)
            .unwrap_or_default();
        let options: Vec<&str> = options.iter().filter_map(Node::text).collect();
        let (ty, word) = match kind.as_str() {
            "boolean" => (Ty::Bool, "bool".to_string()),
            "number" => (Ty::Float, "float".into()),
            "choice" if !options.is_empty() => {
                let texts: Vec<String> = options.iter().map(|it| quoted(it)).collect();
                (Ty::Text, texts.join(" | "))
            }
            _ => (Ty::Text, "string".into()),
        };
        let fits = |text: &String| match ty {
            Ty::Bool => text == "true" || text == "false",
            Ty::Float => matches!(Expr::scalar(text).ty, Ty::Int | Ty::Float),
            _ => options.is_empty() || options.contains(&text.as_str()),
        };
        let default = match (default.filter(fits), required) {
            (Some(text), _) if ty == Ty::Text => Some(quoted(&text)),
            (Some(text), _) => Some(text),
            (None, true) => None,
            // What is not given is empty there; a choice is its first option.
            (None, false) => match (ty, options.first()) {
                (Ty::Bool, _) => Some("false".into()),
                (Ty::Float, _) => None,
                (_, Some(first)) => Some(quoted(first)),
                (_, None) => Some("\"\"".into()),
            },
        };
        let new = NewInput {
            key: &format!("dispatch {id}"),
            name: id,
            ty: &word,
            default,
            rule: None,
            doc: doc.as_deref(),
        };
        self.declared.input(new, ty)
    }

    /// A reusable workflow, as a workflow with parameters.
    fn reusable_file(&mut self, file: &File<'_>, sources: &[SourceFile]) -> Vec<Piece> {
        let title = file.node.text_of("name").unwrap_or_default().to_string();
        // A call of a workflow must not look like one of a function.
        let wanted = match lockstep_lang::eval::builtins::find(&name(&file.stem)) {
            Some(_) => format!("{}-workflow", file.stem),
            None => file.stem.clone(),
        };
        let name_here = self.declared.names.give(&wanted);
        let mut scope = Scope {
            workflow: if title.is_empty() {
                file.stem.clone()
            } else {
                title
            },
            names: self.declared.names.clone(),
            ..Scope::default()
        };
        let mut made = Reusable {
            name: name_here.clone(),
            ..Reusable::default()
        };
        let call = trigger(file, "workflow_call");
        let parameters = parameters(call, &mut scope, &mut made);
        self.drop_of_file(file);
        if let Some(node) = file.node.get("concurrency").filter(|it| !it.is_empty()) {
            let why = "a workflow that is called has no queue of its own";
            let comment = self
                .declared
                .not_imported(node, "concurrency", why, "write `lock`");
            node.skip();
            self.file_comments.push(comment);
        }
        let results = self.results.len();
        let (mut body, handlers) = self.jobs(file, &mut scope);
        if !handlers.is_empty() {
            let mut block = Block::new("serial", body);
            block.handlers = handlers;
            body = vec![Piece::Block(block)];
        }
        let mut head = format!("workflow {name_here}({})", parameters.join(", "));
        if let Some((values, ty)) = self.returned(call, &scope) {
            head.push_str(&format!(" -> {ty}"));
            body.push(Piece::line(format!("return {values}")));
            (made.gives, made.result) = (true, ty);
        }
        self.results.truncate(results);
        let path = sources
            .get(file.node.file)
            .map(|it| it.path.as_str())
            .unwrap_or_default();
        self.reusable.insert(file_name(path).to_string(), made);
        vec![Piece::Gap, Piece::block(head, body)]
    }

    /// What a reusable workflow gives, as a record and its type.
    fn returned(&mut self, call: Option<&Node>, scope: &Scope) -> Option<(String, String)> {
        let mut fields = Vec::new();
        let outputs = call.and_then(|it| it.get("outputs"));
        for (key, node) in outputs.map(Node::entries).unwrap_or_default() {
            Declared::pass_over(node, &["description"]);
            let Some(value) = node.get("value") else {
                continue;
            };
            let text = value.peek().unwrap_or_default().replace("jobs.", "needs.");
            let changed = Node::scalar(&text, value);
            value.skip();
            let value = self.value(&changed, scope).as_text();
            fields.push((name(&key.text), value.text));
        }
        (!fields.is_empty()).then(|| record(&fields))
    }
}

/// Names with texts as a record, and its type.
pub(super) fn record(fields: &[(String, String)]) -> (String, String) {
    let values: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let types: Vec<String> = fields
        .iter()
        .map(|(name, _)| format!("{name}: string"))
        .collect();
    (
        format!("{{ {} }}", values.join(", ")),
        format!("{{ {} }}", types.join(", ")),
    )
}

/// The parameters of a reusable workflow: its inputs and the secrets that are handed to it.
fn parameters(call: Option<&Node>, scope: &mut Scope, made: &mut Reusable) -> Vec<String> {
    let mut parameters = Vec::new();
    let inputs = call.and_then(|it| it.get("inputs"));
    for (key, node) in inputs.map(Node::entries).unwrap_or_default() {
        let parameter = scope.names.give(&key.text);
        let (ty, word) = match node.text_of("type") {
            Some("boolean") => (Ty::Bool, "bool"),
            Some("number") => (Ty::Float, "float"),
            _ => (Ty::Text, "string"),
        };
        Declared::pass_over(node, &["description", "deprecationMessage"]);
        let required = node.flag_of("required").unwrap_or(false);
        let default = node.get("default").and_then(Node::text).map(|it| match ty {
            Ty::Text => quoted(it),
            _ => it.to_string(),
        });
        let default = default.or_else(|| match (required, ty) {
            (true, _) => None,
            (false, Ty::Bool) => Some("false".into()),
            (false, Ty::Float) => Some("0".into()),
            (false, _) => Some("\"\"".into()),
        });
        let default = default.map(|it| format!(" = {it}")).unwrap_or_default();
        parameters.push(format!("{parameter}: {word}{default}"));
        scope
            .inputs
            .insert(key.text.clone(), Expr::new(&parameter, ty));
        scope.locals.push((parameter.clone(), word.into()));
        made.inputs.push((key.text.clone(), parameter, ty));
    }
    let secrets = call.and_then(|it| it.get("secrets"));
    for (key, node) in secrets.map(Node::entries).unwrap_or_default() {
        Declared::pass_over(node, &["description", "required"]);
        let parameter = scope.names.give(&format!("{}-handed", key.text));
        parameters.push(format!("{parameter}: secret"));
        scope
            .secrets
            .insert(key.text.clone(), Expr::new(&parameter, Ty::Secret));
        scope.locals.push((parameter.clone(), "secret".into()));
        made.secrets.push((key.text.clone(), parameter));
    }
    parameters
}

fn is_file(file: &File<'_>, sources: &[SourceFile], path: &str) -> bool {
    let own = sources
        .get(file.node.file)
        .map(|it| it.path.as_str())
        .unwrap_or_default();
    file_name(own) == file_name(path)
}

/// The paths of the workflows that a file calls.
fn calls(file: &File<'_>) -> Vec<String> {
    let jobs = file.node.get("jobs").map(Node::entries).unwrap_or_default();
    let uses = jobs.iter().filter_map(|(_, job)| job.get("uses")?.peek());
    uses.map(ToString::to_string).collect()
}

/// The files that are called, with the texts that are handed over to their inputs.
fn called_files(files: &[File<'_>]) -> HashMap<String, Vec<(String, String)>> {
    let mut found: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for file in files {
        for (_, job) in file.node.get("jobs").map(Node::entries).unwrap_or_default() {
            let Some(path) = job.get("uses").and_then(Node::peek) else {
                continue;
            };
            let list = found.entry(file_name(path).to_string()).or_default();
            let matrix = job.at(&["strategy", "matrix"]);
            for (key, value) in job.get("with").map(Node::entries).unwrap_or_default() {
                let Some(text) = value.peek() else { continue };
                let inner = text
                    .trim()
                    .strip_prefix("${{")
                    .and_then(|it| it.strip_suffix("}}"));
                let axis = inner.and_then(|it| it.trim().strip_prefix("matrix."));
                match axis.zip(matrix) {
                    Some((axis, matrix)) => {
                        let values = matrix.get(axis).map(Node::one_or_many).unwrap_or_default();
                        let more = matrix
                            .get("include")
                            .map(Node::one_or_many)
                            .unwrap_or_default();
                        let more = more.iter().filter_map(|it| it.get(axis));
                        let texts = values.iter().chain(more).filter_map(Node::peek);
                        list.extend(texts.map(|it| (key.text.clone(), it.to_string())));
                    }
                    None if text.contains("${{") => {}
                    None => list.push((key.text.clone(), text.to_string())),
                }
            }
        }
    }
    found
}
