//! Harness NextGen: pipelines with the services, environments, infrastructures, input sets and
//! templates that they refer to.

mod cluster;
mod deployment;
mod expression;
mod failure;
mod inputs;
mod kinds;
mod overlay;
mod pipeline;
mod scope;
mod steps;
mod strategy;
mod targets;

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::Imported;
use crate::declared::Declared;
use crate::finish::{Barriers, finish};
use crate::notes::{NoteKind, Notes, SourceFile};
use crate::program::Piece;
use crate::value::Expr;
use crate::yaml::{Node, Value};
use deployment::{Declaration, Kind};
use overlay::{Layer, expand, overlay};

/// What has been imported so far.
pub(crate) struct Importer<'a> {
    declared: Declared,
    /// The name and the identifier of the pipeline.
    pipeline: (String, String),
    variables: HashMap<String, Expr>,
    stage_variables: HashMap<(String, String), Expr>,
    /// Documentation of inputs.
    docs: HashMap<String, String>,
    kinds: IndexMap<String, Kind>,
    /// The deployment type of the stage or document at hand.
    kind: String,
    services: IndexMap<String, Declaration>,
    environments: IndexMap<String, Declaration>,
    groups: HashMap<String, Vec<String>>,
    stage_services: HashMap<String, Vec<String>>,
    stage_targets: HashMap<String, Vec<String>>,
    workflows: Vec<Piece>,
    /// Comments that have no better place than the file.
    file_comments: Vec<Piece>,
    barriers: Barriers,
    /// The place at hand.
    at: (usize, u32, u32),
    /// Any node.
    anchor: &'a Node,
}

/// The documents of all files, by what they hold.
#[derive(Default)]
struct Documents {
    pipelines: Vec<Node>,
    services: Vec<Node>,
    environments: Vec<Node>,
    infrastructures: Vec<Node>,
    groups: Vec<Node>,
    input_sets: Vec<Node>,
    templates: Vec<Node>,
    /// Everything else, with its key.
    others: Vec<(String, Node)>,
}

impl Documents {
    /// The list for documents with this key at their root.
    fn of(&mut self, key: &str) -> Option<&mut Vec<Node>> {
        Some(match key {
            "pipeline" => &mut self.pipelines,
            "service" => &mut self.services,
            "environment" => &mut self.environments,
            "infrastructureDefinition" => &mut self.infrastructures,
            "environmentGroup" => &mut self.groups,
            "inputSet" => &mut self.input_sets,
            "template" => &mut self.templates,
            _ => return None,
        })
    }

    fn add(&mut self, document: Node) {
        let known = match &document.value {
            Value::Map(entries) => entries.iter().any(|(key, _)| self.of(&key.text).is_some()),
            Value::Scalar { .. } | Value::List(_) => false,
        };
        match document.value {
            Value::Map(entries) if known => {
                for (key, value) in entries {
                    match self.of(&key.text) {
                        Some(list) => list.push(value),
                        None => self.others.push((key.text, value)),
                    }
                }
            }
            _ if document.is_empty() => {}
            _ => self.others.push(("a document".into(), document)),
        }
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, &Node)> {
        let groups = [
            ("pipeline", &self.pipelines),
            ("service", &self.services),
            ("environment", &self.environments),
            ("infrastructureDefinition", &self.infrastructures),
            ("environmentGroup", &self.groups),
            ("inputSet", &self.input_sets),
            ("template", &self.templates),
        ];
        groups
            .into_iter()
            .flat_map(|(name, list)| list.iter().map(move |it| (name, it)))
    }
}

/// Imports the files of a pipeline.
pub(crate) fn import(files: &[SourceFile]) -> Imported {
    let notes = Notes::new(files);
    let Some(documents) = crate::read_all(files, &notes) else {
        return Imported::unreadable(notes);
    };
    let mut sorted = Documents::default();
    documents.into_iter().for_each(|it| sorted.add(it));
    for (key, other) in &sorted.others {
        let texts = [
            key.as_str(),
            "it is none of pipeline, service, environment, infrastructureDefinition, \
             environmentGroup, inputSet and template",
            "give the files of the pipeline alone",
        ];
        notes.add_at(
            NoteKind::NotImported,
            other.file,
            (other.line, other.column),
            texts,
        );
        other.skip();
    }
    if !sorted
        .pipelines
        .iter()
        .any(|it| it.has("stages") || it.has("template"))
    {
        let texts = [
            "no pipeline",
            "none of the files has a `pipeline:` with `stages:`",
            "give the file of the pipeline, as Harness' YAML editor shows it",
        ];
        notes.add_at(NoteKind::Unreadable, 0, (1, 1), texts);
        return Imported::unreadable(notes);
    }
    lay_over(&mut sorted);
    let Some(first) = sorted.pipelines.first() else {
        return Imported::unreadable(notes);
    };
    let importer = Importer {
        declared: Declared::new(notes),
        pipeline: Default::default(),
        variables: HashMap::new(),
        stage_variables: HashMap::new(),
        docs: HashMap::new(),
        kinds: IndexMap::new(),
        kind: "Kubernetes".into(),
        services: IndexMap::new(),
        environments: IndexMap::new(),
        groups: HashMap::new(),
        stage_services: HashMap::new(),
        stage_targets: HashMap::new(),
        workflows: Vec::new(),
        file_comments: Vec::new(),
        barriers: Barriers::new(),
        at: (first.file, first.line, first.column),
        anchor: first,
    };
    importer.all(&sorted)
}

/// Puts templates in their places, and the values of input sets over the inputs.
fn lay_over(documents: &mut Documents) {
    let mut templates = HashMap::new();
    for template in &documents.templates {
        let Some(name) = template.text_of("identifier").map(ToString::to_string) else {
            continue;
        };
        let version = template
            .text_of("versionLabel")
            .unwrap_or_default()
            .to_string();
        Declared::pass_over(
            template,
            &[
                "name",
                "type",
                "tags",
                "orgIdentifier",
                "projectIdentifier",
                "description",
                "icon",
            ],
        );
        let Some(spec) = template.get("spec") else {
            continue;
        };
        let copy = spec.clone();
        spec.skip();
        templates.insert(format!("{name}@{version}"), copy.clone());
        templates.insert(name, copy);
    }
    let mut count = 0;
    for pipeline in &mut documents.pipelines {
        expand(pipeline, &templates, 0, &mut count);
    }
    let sets = std::mem::take(&mut documents.input_sets);
    for set in &sets {
        let keys = [
            "identifier",
            "name",
            "tags",
            "orgIdentifier",
            "projectIdentifier",
            "description",
        ];
        Declared::pass_over(set, &keys);
        let Some(values) = set.get("pipeline") else {
            continue;
        };
        for pipeline in &mut documents.pipelines {
            overlay(pipeline, values, Layer::Defaults);
        }
    }
    documents.input_sets = sets;
}

impl Importer<'_> {
    fn declared_at(&mut self, node: &Node) {
        self.at = (node.file, node.line, node.column);
    }

    fn all(mut self, documents: &Documents) -> Imported {
        for group in &documents.groups {
            self.group_document(group);
        }
        for service in &documents.services {
            self.service_document(service);
        }
        for environment in &documents.environments {
            self.environment_document(environment);
        }
        for infrastructure in &documents.infrastructures {
            self.infrastructure_document(infrastructure);
        }
        let mut pipelines = Vec::new();
        for pipeline in &documents.pipelines {
            pipelines.push(Piece::Gap);
            pipelines.extend(self.pipeline_document(pipeline));
        }
        let places = self.deployment_pieces();
        let mut comments = self.file_comments;
        for (name, document) in documents.all() {
            // An input set says the same for several pipelines.
            let found = self.declared.leftovers(document);
            if !found.is_empty() {
                comments.push(Piece::comment(format!("Of {name}:")));
            }
            comments.extend(found);
        }
        let (declarations, notes) = self.declared.into_pieces();
        let mut pieces = declarations;
        pieces.extend(places);
        pieces.extend(self.workflows);
        pieces.extend(pipelines);
        if !comments.is_empty() {
            pieces.push(Piece::Gap);
            pieces.extend(comments);
        }
        finish(pieces, &self.barriers, notes)
    }
}
