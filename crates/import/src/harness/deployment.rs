//! Services, environments and infrastructures, and the kinds that they belong to.

use indexmap::IndexMap;

use super::Importer;
use super::scope::Scope;
use crate::declared::Declared;
use crate::program::{Block, Piece};
use crate::value::{Expr, Part, Ty};
use crate::words::{name, quoted};
use crate::yaml::Node;

/// A field of a kind: its type, its default, and where it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Field {
    ty: &'static str,
    default: Option<String>,
    place: (usize, u32, u32),
}

/// A kind of deployment.
#[derive(Debug, Clone, Default)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) service: IndexMap<String, Field>,
    pub(super) infrastructure: IndexMap<String, Field>,
    pub(super) programs: Vec<String>,
}

/// A service, an environment or an infrastructure with its fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Declaration {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) kind: String,
    pub(super) fields: IndexMap<String, Expr>,
    pub(super) inner: IndexMap<String, Declaration>,
    pub(super) comments: Vec<Piece>,
}

impl Importer<'_> {
    /// The kind of a deployment type, which is the current one then.
    pub(super) fn enter_kind(&mut self, deployment_type: &str) {
        self.kind = deployment_type.to_string();
        if self.kinds.contains_key(deployment_type) {
            return;
        }
        let name = match deployment_type {
            "Kubernetes" => "kubernetes".into(),
            "NativeHelm" => "helm".into(),
            "Ssh" => "hosts".into(),
            other => other.to_lowercase(),
        };
        let kind = Kind {
            name: self.declared.names.give(&name),
            ..Kind::default()
        };
        self.kinds.insert(deployment_type.to_string(), kind);
    }

    pub(super) fn kind_name(&self) -> String {
        self.kinds
            .get(&self.kind)
            .map(|it| it.name.clone())
            .unwrap_or_default()
    }

    fn field(&mut self, of_service: bool, name: &str, ty: &'static str, default: Option<&str>) {
        let place = self.at;
        let Some(kind) = self.kinds.get_mut(&self.kind) else {
            return;
        };
        let fields = match of_service {
            true => &mut kind.service,
            false => &mut kind.infrastructure,
        };
        let default = default.map(ToString::to_string);
        fields
            .entry(name.to_string())
            .or_insert(Field { ty, default, place });
    }

    pub(super) fn use_service_default(&mut self, name: &str, default: &str) {
        self.field(true, name, "string", Some(default));
    }

    pub(super) fn use_infrastructure_default(&mut self, name: &str, default: &str) {
        self.field(false, name, "string", Some(default));
    }

    pub(super) fn use_infrastructure_field(&mut self, name: &str) {
        let ty = if name == "hosts" {
            "[string]"
        } else {
            "string"
        };
        let default = if name == "hosts" { "[]" } else { "\"\"" };
        self.field(false, name, ty, Some(default));
    }

    /// Whether a service of the kind has files of values.
    pub(super) fn helm_values(&mut self) -> bool {
        let found = self
            .services
            .values()
            .any(|it| it.fields.contains_key("values"));
        if found {
            self.field(true, "values", "[string]", Some("[]"));
        }
        found
    }

    pub(super) fn use_service_field(&mut self, written: &str) -> Option<Expr> {
        let field = name(written);
        let given = self.services.values().map(|it| it.fields.get(&field));
        let (word, ty) = type_of_field(given.flatten());
        self.field(true, &field, word, None);
        Some(Expr::new(format!("s.{field}"), ty))
    }

    pub(super) fn use_environment_field(&mut self, written: &str) -> Option<Expr> {
        let field = name(written);
        let given = self.environments.values().map(|it| it.fields.get(&field));
        let (word, ty) = type_of_field(given.flatten());
        self.field(false, &field, word, None);
        Some(Expr::new(format!("i.{field}"), ty))
    }

    pub(super) fn use_program(&mut self, program: &str) {
        if let Some(kind) = self.kinds.get_mut(&self.kind)
            && !kind.programs.iter().any(|it| it == program)
        {
            kind.programs.push(program.into());
        }
    }

    /// A service by its identifier, declared where it is not there.
    pub(super) fn service(&mut self, id: &str) -> String {
        let id = id.rsplit('.').next().unwrap_or(id).to_string();
        let kind = self.kind.clone();
        if !self.services.contains_key(&id) {
            let name = self.declared.names.give(&id);
            let service = Declaration {
                name,
                ..Declaration::default()
            };
            self.services.insert(id.clone(), service);
        }
        let service = &mut self.services[&id];
        if service.kind.is_empty() {
            service.kind = kind;
        }
        service.name.clone()
    }

    pub(super) fn environment(&mut self, id: &str) -> String {
        let id = id.rsplit('.').next().unwrap_or(id);
        if !self.environments.contains_key(id) {
            let environment = Declaration {
                name: self.declared.names.give(id),
                ..Declaration::default()
            };
            self.environments.insert(id.to_string(), environment);
        }
        self.environments[id].name.clone()
    }

    /// An infrastructure of an environment, by both names.
    pub(super) fn infrastructure(&mut self, environment: &str, id: &str) -> String {
        let outer = self.environment(environment);
        let kind = self.kind.clone();
        let environment = environment.rsplit('.').next().unwrap_or(environment);
        let inner = &mut self.environments[environment].inner;
        let infrastructure = inner.entry(id.to_string()).or_insert_with(|| Declaration {
            name: name(id),
            ..Declaration::default()
        });
        if infrastructure.kind.is_empty() {
            infrastructure.kind = kind;
        }
        format!("{outer}.{}", infrastructure.name)
    }

    /// A `service:` document.
    pub(super) fn service_document(&mut self, node: &Node) {
        let id = node.text_of("identifier").unwrap_or("service").to_string();
        let definition = node.get("serviceDefinition");
        let kind = definition
            .and_then(|it| it.text_of("type"))
            .unwrap_or("Kubernetes");
        self.enter_kind(kind);
        self.service(&id);
        let doc = node.text_of("description").or_else(|| node.text_of("name"));
        self.services[&id].doc = doc.unwrap_or_default().to_string();
        node.get("name").and_then(Node::text);
        if let Some(definition) = definition {
            self.service_definition(definition, &id);
        }
        Declared::pass_over(
            node,
            &[
                "tags",
                "orgIdentifier",
                "projectIdentifier",
                "gitOpsEnabled",
            ],
        );
        let comments = self.declared.leftovers(node);
        self.services[&id].comments.extend(comments);
    }

    fn set_service(&mut self, id: &str, field: &str, value: Expr) {
        if let Some(service) = self.services.get_mut(id) {
            service.fields.entry(field.to_string()).or_insert(value);
        }
    }

    /// A field that may be a runtime input of this service.
    fn service_value(&mut self, node: &Node, id: &str, field: &str) {
        let asks = node.peek().is_some_and(|it| it.starts_with("<+input>"));
        if asks && self.services[id].fields.contains_key(field) {
            node.skip();
            return;
        }
        let scope = Scope {
            within: id.to_string(),
            ..Scope::default()
        };
        let value = self.value(node, field, &scope);
        let value = match value.ty {
            Ty::Secret => value,
            _ => value.as_text(),
        };
        self.set_service(id, field, value);
    }

    /// What a service consists of: artifacts, manifests, variables.
    pub(super) fn service_definition(&mut self, node: &Node, id: &str) {
        node.get("type").and_then(Node::text);
        let Some(spec) = node.get("spec") else { return };
        for variable in spec.items_of("variables") {
            let Some(key) = variable.text_of("name").map(name) else {
                continue;
            };
            let secret = variable.text_of("type") == Some("Secret");
            Declared::pass_over(variable, &["description", "required"]);
            let Some(value) = variable.get("value") else {
                continue;
            };
            match secret && !value.peek().unwrap_or_default().contains("<+") {
                true => {
                    let value = self
                        .declared
                        .secret(value, value.text().unwrap_or_default());
                    self.set_service(id, &key, value);
                }
                false => self.service_value(value, id, &key),
            }
        }
        if let Some(primary) = spec.at(&["artifacts", "primary"]) {
            primary.get("primaryArtifactRef").inspect(|it| it.skip());
            let sources = primary.items_of("sources");
            match sources {
                [] => self.artifact(primary, id),
                sources => sources.iter().take(1).for_each(|it| self.artifact(it, id)),
            }
        }
        let manifests = spec.items_of("manifests");
        for item in manifests {
            if let Some(manifest) = item.get("manifest") {
                self.manifest(manifest, id);
            }
        }
    }

    fn artifact(&mut self, node: &Node, id: &str) {
        Declared::pass_over(node, &["identifier", "type"]);
        let Some(spec) = node.get("spec") else { return };
        let why = "the program that pulls the image has its own credentials";
        self.declared.drop_keys(spec, &[("connectorRef", why)]);
        if spec.get("digest").is_some_and(Node::is_empty) {
            spec.get("digest").inspect(|it| it.skip());
        }
        if let Some(tag) = spec.get("tag") {
            self.service_value(tag, id, "tag");
        }
        let Some(path) = spec.get("imagePath") else {
            return;
        };
        self.service_value(path, id, "image-path");
        let fields = &self.services[id].fields;
        let parts = match (fields.get("image-path"), fields.get("tag")) {
            (Some(path), Some(tag)) => vec![
                Part::Value(path.clone()),
                Part::Literal(":".into()),
                Part::Value(tag.clone()),
            ],
            (Some(path), None) => vec![Part::Value(path.clone())],
            (None, _) => return,
        };
        let image = Self::joined(parts);
        self.set_service(id, "image", image);
    }

    fn manifest(&mut self, node: &Node, id: &str) {
        Declared::pass_over(node, &["identifier"]);
        let kind = node.text_of("type").unwrap_or_default().to_string();
        let Some(spec) = node.get("spec") else { return };
        let scope = Scope::default();
        let store = spec.get("store");
        let inner = store.and_then(|it| it.get("spec"));
        let paths = ["paths", "files", "folderPath"]
            .iter()
            .find_map(|key| inner?.get(key));
        let paths: Vec<Expr> = (paths.map(Node::one_or_many).unwrap_or_default().iter())
            .map(|it| self.value(it, "path", &scope).as_text())
            .collect();
        let field = match kind.as_str() {
            "K8sManifest" => "manifests",
            "HelmChart" => "chart",
            "Values" => "values",
            _ => return node.forget(),
        };
        let texts: Vec<String> = paths.iter().map(|it| it.text.clone()).collect();
        let value = match (field, paths.as_slice()) {
            (_, []) => None,
            ("values", _) => Some(Expr::new(format!("[{}]", texts.join(", ")), Ty::List)),
            (_, [one]) => Some(one.clone()),
            // kubectl takes several files with commas between them.
            _ => Some(Expr::new(
                format!("join([{}], \",\")", texts.join(", ")),
                Ty::Text,
            )),
        };
        if let Some(value) = value {
            self.set_service(id, field, value);
        }
        let values = spec
            .get("valuesPaths")
            .map(Node::one_or_many)
            .unwrap_or_default();
        if !values.is_empty() && kind == "HelmChart" {
            let texts: Vec<String> = values
                .iter()
                .map(|it| self.value(it, "path", &scope).as_text().text)
                .collect();
            let list = Expr::new(format!("[{}]", texts.join(", ")), Ty::List);
            self.set_service(id, "values", list);
        }
        if let Some(store) = store {
            let why = "files are read from the folder of the pipeline's file: check them out there";
            self.declared
                .notes
                .add(crate::NoteKind::Dropped, store, "store", why, "");
            store.skip();
        }
        for key in ["skipResourceVersioning", "enableDeclarativeRollback"] {
            if spec.get(key).and_then(Node::peek) == Some("false") {
                spec.get(key).inspect(|it| it.skip());
            }
        }
        spec.get("helmVersion").inspect(|it| it.skip());
    }

    /// An `environment:` document.
    pub(super) fn environment_document(&mut self, node: &Node) {
        let id = node
            .text_of("identifier")
            .unwrap_or("environment")
            .to_string();
        self.environment(&id);
        let doc = node.text_of("description").or_else(|| node.text_of("name"));
        self.environments[&id].doc = doc.unwrap_or_default().to_string();
        let scope = Scope {
            within: id.clone(),
            ..Scope::default()
        };
        for variable in node.items_of("variables") {
            let Some(key) = variable.text_of("name").map(name) else {
                continue;
            };
            let secret = variable.text_of("type") == Some("Secret");
            Declared::pass_over(variable, &["description", "required"]);
            let Some(value) = variable.get("value") else {
                continue;
            };
            let value = match secret && !value.peek().unwrap_or_default().contains("<+") {
                true => self
                    .declared
                    .secret(value, value.text().unwrap_or_default()),
                false => self.value(value, &key, &scope),
            };
            let value = if value.ty == Ty::Secret {
                value
            } else {
                value.as_text()
            };
            self.environments[&id].fields.insert(key, value);
        }
        node.get("name").and_then(Node::text);
        Declared::pass_over(
            node,
            &["tags", "orgIdentifier", "projectIdentifier", "type"],
        );
        let comments = self.declared.leftovers(node);
        self.environments[&id].comments.extend(comments);
    }

    /// An `infrastructureDefinition:` document.
    pub(super) fn infrastructure_document(&mut self, node: &Node) {
        let id = node
            .text_of("identifier")
            .unwrap_or("infrastructure")
            .to_string();
        let environment = node
            .text_of("environmentRef")
            .unwrap_or("environment")
            .to_string();
        let kind = node
            .text_of("deploymentType")
            .unwrap_or("Kubernetes")
            .to_string();
        self.enter_kind(&kind);
        self.infrastructure(&environment, &id);
        let mut fields = match node.get("spec") {
            Some(spec) => self.infrastructure_spec(spec, &id),
            None => IndexMap::new(),
        };
        let simultaneous = node.flag_of("allowSimultaneousDeployments").or_else(|| {
            node.get("spec")
                .and_then(|it| it.flag_of("allowSimultaneousDeployments"))
        });
        if simultaneous == Some(true) {
            fields.insert("exclusive".into(), Expr::scalar("false"));
        }
        node.get("name").and_then(Node::text);
        let keys = [
            "tags",
            "orgIdentifier",
            "projectIdentifier",
            "type",
            "description",
        ];
        Declared::pass_over(node, &keys);
        let comments = self.declared.leftovers(node);
        let environment = environment
            .rsplit('.')
            .next()
            .unwrap_or(&environment)
            .to_string();
        if let Some(found) = self.environments[&environment].inner.get_mut(&id) {
            found.fields.extend(fields);
            found.comments.extend(comments);
        }
    }

    /// Where an infrastructure is.
    fn infrastructure_spec(&mut self, spec: &Node, id: &str) -> IndexMap<String, Expr> {
        let mut fields = IndexMap::new();
        let scope = Scope {
            within: id.to_string(),
            ..Scope::default()
        };
        let keys = [
            ("connectorRef", "context"),
            ("namespace", "namespace"),
            ("releaseName", "release"),
        ];
        for (key, field) in keys {
            let Some(value) = spec.get(key).filter(|it| !it.is_empty()) else {
                continue;
            };
            if key == "releaseName" && value.peek().is_some_and(|it| it.contains("INFRA_KEY")) {
                let why = "a release is called by its service here";
                self.declared
                    .notes
                    .add(crate::NoteKind::Dropped, value, key, why, "");
                value.skip();
                continue;
            }
            if key == "connectorRef" {
                let why = "the connector's name is the context of kubectl now";
                let advice = "call the context so, or write its name";
                self.declared.changed(value, key, why, advice);
            }
            let value = self.value(value, field, &scope).as_text();
            fields.insert(field.to_string(), value);
            self.field(false, field, "string", Some("\"\""));
        }
        let hosts = spec.get("hosts").map(Node::one_or_many).unwrap_or_default();
        if !hosts.is_empty() {
            let texts: Vec<String> = hosts
                .iter()
                .map(|it| self.value(it, "host", &scope).as_text().text)
                .collect();
            let list = Expr::new(format!("[{}]", texts.join(", ")), Ty::List);
            fields.insert("hosts".into(), list);
            self.use_infrastructure_field("hosts");
        }
        let why = "ssh has its own configuration and keys";
        self.declared
            .drop_keys(spec, &[("sshKeyRef", why), ("credentialsRef", why)]);
        fields
    }

    /// The default of a field that is asked for and has no value everywhere: an input, or what is
    /// usual, which is reported.
    fn field_default(&mut self, field: &Field, name: &str, missing: bool) -> Option<String> {
        if !missing {
            return field.default.clone();
        }
        let (file, line, column) = field.place;
        let mut node = Node::scalar("", self.anchor);
        (node.file, node.line, node.column) = (file, line, column);
        if let Some(default) = &field.default {
            if default.len() > 2 {
                let why = format!("no FILE says what it is; it is {default} now");
                let advice = "give the files of services and infrastructures, or write it";
                self.declared.changed(&node, name, &why, advice);
            }
            return Some(default.clone());
        }
        let why = "no FILE says what it is";
        Some(self.declared.unknown(&node, name, why).text)
    }

    /// What services and infrastructures say is kept, also where no step asks for it.
    fn keep_all_fields(&mut self) {
        let places = self.environments.values().flat_map(|it| it.inner.values());
        let all = [
            (true, self.services.values().cloned().collect::<Vec<_>>()),
            (false, places.cloned().collect()),
        ];
        for (of_service, declarations) in all {
            for declaration in declarations {
                self.kind.clone_from(&declaration.kind);
                for (name, value) in declaration.fields.iter().filter(|it| it.0 != "exclusive") {
                    let (ty, default) = match value.ty {
                        Ty::Secret => ("secret", "\"\""),
                        Ty::List => ("[string]", "[]"),
                        _ => ("string", "\"\""),
                    };
                    self.field(of_service, name, ty, Some(default));
                }
            }
        }
    }

    /// The declarations of kinds, services, environments and infrastructures.
    pub(super) fn deployment_pieces(&mut self) -> Vec<Piece> {
        self.keep_all_fields();
        let mut pieces = Vec::new();
        let kinds: Vec<(String, Kind)> = self.kinds.clone().into_iter().collect();
        for (id, kind) in &kinds {
            pieces.push(self.kind_piece(id, kind));
        }
        for service in self.services.clone().into_values() {
            let Some(kind) = self.kinds.get(&service.kind) else {
                continue;
            };
            let fields = kept(&service.fields, &kind.service);
            let head = format!("service {}: {}", service.name, kind.name);
            pieces.extend(documented(&service, head, fields, Vec::new()));
        }
        for environment in self.environments.clone().into_values() {
            let mut inner = Vec::new();
            for infrastructure in environment.inner.values() {
                let Some(kind) = self.kinds.get(&infrastructure.kind) else {
                    continue;
                };
                let fields = kept(&infrastructure.fields, &kind.infrastructure);
                let head = format!("infrastructure {}: {}", infrastructure.name, kind.name);
                inner.extend(documented(infrastructure, head, fields, Vec::new()));
            }
            let fields = environment.fields.iter();
            let fields = fields.map(|(name, value)| assigned(name, value)).collect();
            let head = format!("environment {}", environment.name);
            pieces.extend(documented(&environment, head, fields, inner));
        }
        pieces
    }

    fn kind_piece(&mut self, id: &str, kind: &Kind) -> Piece {
        let mut body: Vec<Piece> = kind
            .programs
            .iter()
            .map(|it| Piece::line(format!("requires {}", quoted(it))))
            .collect();
        let mut lines = Vec::new();
        for (name, field) in &kind.service {
            let mut of_kind = self.services.values().filter(|it| it.kind == id);
            let missing = of_kind.any(|it| !it.fields.contains_key(name));
            let default = self.field_default(field, &format!("service-{name}"), missing);
            lines.push(declared_field(name, field.ty, default));
        }
        if !lines.is_empty() {
            body.push(Piece::block("service", lines));
        }
        let mut lines = Vec::new();
        for (name, field) in &kind.infrastructure {
            let missing = self.environments.values().any(|outer| {
                let mut of_kind = outer.inner.values().filter(|it| it.kind == id);
                of_kind.any(|it| !it.fields.contains_key(name) && !outer.fields.contains_key(name))
            });
            let default = self.field_default(field, &format!("environment-{name}"), missing);
            lines.push(declared_field(name, field.ty, default));
        }
        if !lines.is_empty() {
            body.push(Piece::block("infrastructure", lines));
        }
        Piece::Block(Block::new(format!("kind {}", kind.name), body))
    }
}

fn declared_field(name: &str, ty: &str, default: Option<String>) -> Piece {
    let default = default.map(|it| format!(" = {it}")).unwrap_or_default();
    Piece::line(format!("{name}: {ty}{default}"))
}

fn assigned(name: &str, value: &Expr) -> Piece {
    Piece::line(format!("{name} = {}", value.text))
}

/// The fields that the kind has; the others are asked for by nobody.
fn kept(fields: &IndexMap<String, Expr>, kind: &IndexMap<String, Field>) -> Vec<Piece> {
    let used = |name: &String| kind.contains_key(name) || name == "exclusive";
    let fields = fields.iter().filter(|(name, _)| used(name));
    fields.map(|(name, value)| assigned(name, value)).collect()
}

fn documented(of: &Declaration, head: String, fields: Vec<Piece>, inner: Vec<Piece>) -> Vec<Piece> {
    let mut pieces = vec![Piece::Gap];
    if !of.doc.is_empty() && !crate::words::same_words(&of.doc, &of.name) {
        pieces.push(Piece::Doc(crate::notes::one_line(&of.doc)));
    }
    let mut body = of.comments.clone();
    body.extend(fields);
    body.extend(inner);
    pieces.push(Piece::block(head, body));
    pieces
}

/// The type of a field by the values that it is given: a secret where one of them is.
fn type_of_field<'v>(mut given: impl Iterator<Item = &'v Expr>) -> (&'static str, Ty) {
    match given.any(|it| it.ty == Ty::Secret) {
        true => ("secret", Ty::Secret),
        false => ("string", Ty::Text),
    }
}
