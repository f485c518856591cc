//! Which services a stage deploys, and where to: names, lists, groups, and what only a run knows.

use super::Importer;
use super::scope::Scope;
use super::strategy::Loop;
use crate::declared::Declared;
use crate::value::{Expr, Ty};
use crate::words::name;
use crate::yaml::Node;

/// Which services, or which infrastructures, a stage has.
pub(super) struct Chosen {
    /// Expressions of single ones, or of lists (`prod.*`).
    pub(super) list: Vec<String>,
    pub(super) parallel: bool,
}

impl Chosen {
    /// The one that it is, if it is one.
    pub(super) fn single(&self) -> Option<&str> {
        match self.list.as_slice() {
            [one] if !one.ends_with(".*") && !one.starts_with('*') => Some(one),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> String {
        match self.list.as_slice() {
            // What is a list already, such as an input.
            [one] if one.starts_with('*') => one[1..].to_string(),
            [one] if one.ends_with(".*") => one.clone(),
            list => format!("[{}]", list.join(", ")),
        }
    }

    pub(super) fn word(&self) -> &'static str {
        if self.parallel { "parallel" } else { "serial" }
    }
}

impl Importer<'_> {
    /// The services of a stage.
    pub(super) fn services_of(
        &mut self,
        spec: &Node,
        stage: &str,
        scope: &Scope,
        looped: Option<&Loop>,
    ) -> Chosen {
        let mut list = Vec::new();
        let mut parallel = true;
        if let Some(service) = spec.get("service").filter(|it| !it.is_empty()) {
            if let Some(other) = service.at(&["useFromStage", "stage"]).and_then(Node::text) {
                list.extend(self.stage_services.get(other).cloned().unwrap_or_default());
            }
            list.extend(self.service_of(service, stage, scope, looped));
        }
        if let Some(services) = spec.get("services").filter(|it| !it.is_empty()) {
            if let Some(other) = services.at(&["useFromStage", "stage"]).and_then(Node::text) {
                list.extend(self.stage_services.get(other).cloned().unwrap_or_default());
            }
            for service in services.items_of("values") {
                list.extend(self.service_of(service, stage, scope, looped));
            }
            let metadata = services.get("metadata");
            parallel = metadata
                .and_then(|it| it.flag_of("parallel"))
                .unwrap_or(true);
        }
        if list.is_empty() {
            list.push(self.service("service"));
        }
        self.stage_services.insert(stage.to_string(), list.clone());
        Chosen { list, parallel }
    }

    fn service_of(
        &mut self,
        node: &Node,
        stage: &str,
        scope: &Scope,
        looped: Option<&Loop>,
    ) -> Option<String> {
        let reference = node.get("serviceRef")?;
        let written = reference.peek()?.to_string();
        if !written.contains("<+") {
            reference.skip();
            let name = self.service(&written);
            let id = written.rsplit('.').next().unwrap_or(&written).to_string();
            if let Some(definition) = node.at(&["serviceInputs", "serviceDefinition"]) {
                self.service_definition(definition, &id);
            }
            return Some(name);
        }
        let candidates = candidates(&written, looped);
        if candidates.is_empty() {
            let ty = format!("service<{}>", self.kind_name());
            let why = "which services there are is not in the files";
            let advice = "declare them with `service NAME: KIND { … }`";
            return Some(self.chosen(reference, stage, "service", &ty, [why, advice]));
        }
        let inner = Scope {
            within: stage.to_string(),
            ..scope.clone()
        };
        let value = self.value(reference, "service", &inner).as_text();
        candidates.iter().for_each(|it| {
            self.service(it);
        });
        Some(format!("{}[{}]", self.kind_name(), value.text))
    }

    /// The infrastructures of a stage, in the order written.
    pub(super) fn targets_of(
        &mut self,
        spec: &Node,
        stage: &str,
        scope: &Scope,
        looped: Option<&Loop>,
    ) -> Chosen {
        let mut list = Vec::new();
        let mut parallel = false;
        if let Some(environment) = spec.get("environment").filter(|it| !it.is_empty()) {
            if let Some(other) = environment
                .at(&["useFromStage", "stage"])
                .and_then(Node::text)
            {
                list.extend(self.stage_targets.get(other).cloned().unwrap_or_default());
            }
            list.extend(self.targets_in(environment, stage, scope, looped));
        }
        for key in ["environments", "environmentGroup"] {
            let Some(outer) = spec.get(key).filter(|it| !it.is_empty()) else {
                continue;
            };
            let metadata = outer.get("metadata");
            match metadata.and_then(|it| it.flag_of("parallel")) {
                Some(said) => parallel = said,
                None => {
                    let why =
                        "nothing says whether its infrastructures are deployed to in parallel";
                    self.declared
                        .changed(outer, key, why, "they come one after the other now");
                }
            }
            let group = outer
                .get("envGroupRef")
                .and_then(Node::text)
                .map(ToString::to_string);
            let values = outer.get("values").or_else(|| outer.get("environments"));
            let mut found = Vec::new();
            for environment in values.map(Node::items).unwrap_or_default() {
                found.extend(self.targets_in(environment, stage, scope, looped));
            }
            if outer.flag_of("deployToAll") == Some(true) && found.is_empty() {
                let known = group.as_ref().and_then(|it| self.groups.get(it)).cloned();
                for environment in known.unwrap_or_default() {
                    let name = self.environment(&environment);
                    found.push(format!("{name}.*"));
                }
            }
            list.extend(found);
        }
        if let Some(older) = spec.get("infrastructure").filter(|it| !it.is_empty()) {
            let environment = older
                .get("environment")
                .and_then(|it| it.text_of("identifier"));
            let environment = environment.or_else(|| older.text_of("environmentRef"));
            let infrastructure = older.text_of("infrastructureDefinitionRef");
            let infrastructure = infrastructure.unwrap_or("infrastructure").to_string();
            let outer = environment.map(ToString::to_string);
            let outer = outer.or_else(|| {
                let single = list.first()?.split('.').next()?.to_string();
                Some(single)
            });
            list =
                vec![self.infrastructure(&outer.unwrap_or("environment".into()), &infrastructure)];
        }
        if list.is_empty() {
            list.push(self.infrastructure("environment", "infrastructure"));
            let why = "no environment is named here";
            self.declared
                .changed(spec, "environment", why, "name it in the file");
        }
        self.stage_targets.insert(stage.to_string(), list.clone());
        Chosen { list, parallel }
    }

    /// The infrastructures of one environment of a stage.
    fn targets_in(
        &mut self,
        node: &Node,
        stage: &str,
        scope: &Scope,
        looped: Option<&Loop>,
    ) -> Vec<String> {
        let Some(reference) = node.get("environmentRef") else {
            return Vec::new();
        };
        let Some(written) = reference.peek().map(ToString::to_string) else {
            return Vec::new();
        };
        node.flag_of("deployToAll");
        let definitions = node.get("infrastructureDefinitions");
        let definitions = definitions.or_else(|| node.get("infrastructureDefinition"));
        let inner = Scope {
            within: stage.to_string(),
            ..scope.clone()
        };
        let fixed = !written.contains("<+");
        let outers = match fixed {
            true => vec![written.clone()],
            false => candidates(&written, looped),
        };
        if outers.is_empty() {
            definitions
                .filter(|it| it.peek().is_some())
                .inspect(|it| it.skip());
            let ty = format!("[infrastructure<{}>]", self.kind_name());
            let why = "which environments there are is not in the files";
            let advice = "declare them with `environment NAME { infrastructure … }`";
            let input = self.chosen(reference, stage, "targets", &ty, [why, advice]);
            return vec![format!("*{input}")];
        }
        let environment = match fixed {
            true => {
                reference.skip();
                None
            }
            false => Some(self.value(reference, "environment", &inner).as_text()),
        };
        for outer in &outers {
            self.environment(outer);
        }
        let mut found = Vec::new();
        let items = definitions.map(Node::one_or_many).unwrap_or_default();
        let single = definitions.filter(|it| it.has("identifier"));
        let items = single.map(std::slice::from_ref).unwrap_or(items);
        for item in items {
            let id = if item.peek().is_some() {
                Some(item)
            } else {
                item.get("identifier")
            };
            let Some(id) = id.filter(|it| it.peek().is_some()) else {
                continue;
            };
            found.push(self.target(id, &outers, environment.as_ref(), &inner, looped));
        }
        match found.is_empty() {
            true => vec![self.all_of(node, reference, &outers, environment.as_ref())],
            false => found,
        }
    }

    /// All infrastructures of an environment, where none is named.
    fn all_of(
        &mut self,
        node: &Node,
        reference: &Node,
        outers: &[String],
        environment: Option<&Expr>,
    ) -> String {
        let written = reference.peek().unwrap_or_default();
        let outer = outers.first().cloned().unwrap_or_default();
        let is_known = |it: &String| {
            let it = it.rsplit('.').next().unwrap_or(it);
            self.environments
                .get(it)
                .is_some_and(|it| !it.inner.is_empty())
        };
        let known = outers.iter().any(is_known);
        let all = node.flag_of("deployToAll") == Some(true);
        if !known && all {
            let why = "it deploys to all infrastructures, and no FILE says which there are";
            let advice = "give the files of the infrastructures, too, or declare them";
            self.declared.changed(reference, written, why, advice);
        } else if !known {
            let why = "no infrastructure is named here";
            self.declared
                .changed(reference, written, why, "name it in the file");
        }
        match environment {
            None if !known && !all => self.infrastructure(&outer, "infrastructure"),
            None => format!("{}.*", self.environment(&outer)),
            Some(value) => format!(
                "*[i for i in {}.infrastructures if i.environment.name == {}]",
                self.kind_name(),
                value.text
            ),
        }
    }

    /// An input by which services or infrastructures are chosen that no file declares.
    fn chosen(
        &mut self,
        reference: &Node,
        stage: &str,
        what: &str,
        ty: &str,
        [why, advice]: [&str; 2],
    ) -> String {
        let written = reference.text().unwrap_or_default().to_string();
        let new = crate::declared::NewInput {
            key: &format!("{what} {stage} {written}"),
            name: &format!("{stage}-{what}"),
            ty,
            ..Default::default()
        };
        let input = self.declared.input(new, Ty::Json).text;
        let why = format!("{why}; the input `{input}` chooses now");
        self.declared.changed(reference, &written, &why, advice);
        input
    }

    /// One infrastructure, by names that are written or values.
    fn target(
        &mut self,
        id: &Node,
        outers: &[String],
        environment: Option<&Expr>,
        scope: &Scope,
        looped: Option<&Loop>,
    ) -> String {
        let written = id.peek().unwrap_or_default().to_string();
        let fixed = !written.contains("<+");
        let inners = match fixed {
            true => vec![written.clone()],
            false => candidates(&written, looped),
        };
        for outer in outers {
            for inner in &inners {
                self.infrastructure(outer, inner);
            }
        }
        if fixed {
            id.skip();
            if environment.is_none() {
                return self.infrastructure(&outers[0], &written);
            }
        }
        let inner = match fixed {
            true => Expr::literal(&name(&written)),
            false => self.value(id, "infrastructure", scope).as_text(),
        };
        match environment {
            None => format!("{}[{}]", self.environment(&outers[0]), inner.text),
            Some(environment) => {
                let parts = vec![
                    crate::value::Part::Value(environment.clone()),
                    crate::value::Part::Literal(".".into()),
                    crate::value::Part::Value(inner),
                ];
                let both = Self::joined(parts);
                format!(
                    "[i for i in {}.infrastructures if i.name == {}][0]",
                    self.kind_name(),
                    both.text
                )
            }
        }
    }

    /// An `environmentGroup:` document.
    pub(super) fn group_document(&mut self, node: &Node) {
        let id = node.text_of("identifier").unwrap_or_default().to_string();
        let list = node.items_of("envIdentifiers").iter();
        let list = list
            .filter_map(Node::text)
            .map(ToString::to_string)
            .collect();
        self.groups.insert(id, list);
        let keys = [
            "name",
            "description",
            "color",
            "tags",
            "orgIdentifier",
            "projectIdentifier",
        ];
        Declared::pass_over(node, &keys);
    }
}

/// The texts that a reference can be: those of an axis, or allowed values and a default.
fn candidates(written: &str, looped: Option<&Loop>) -> Vec<String> {
    let inner = written
        .trim()
        .strip_prefix("<+")
        .and_then(|it| it.strip_suffix('>'));
    let axis = inner.and_then(|it| {
        it.strip_prefix("stage.")
            .unwrap_or(it)
            .strip_prefix("matrix.")
    });
    if let Some((axis, looped)) = axis.zip(looped) {
        return looped.texts.get(axis).cloned().unwrap_or_default();
    }
    let mut found: Vec<String> = Vec::new();
    for (call, arguments) in super::inputs::suffixes(written).unwrap_or_default() {
        if matches!(call, "default" | "allowedValues") && !arguments.contains("<+") {
            let texts = arguments
                .split(',')
                .map(|it| it.trim().trim_matches(['"', '\'']).to_string());
            for text in texts.filter(|it| !it.is_empty()) {
                if !found.contains(&text) {
                    found.push(text);
                }
            }
        }
    }
    found
}
