//! Pipelines and stages.

use super::Importer;
use super::failure::{Action, Strategy};
use super::scope::Scope;
use super::steps::{Body, Status, wrapped};
use super::strategy::Loop;
use crate::declared::Declared;
use crate::program::{Block, Piece, acts, text};
use crate::value::{Expr, Ty};
use crate::words::{name, same_words};
use crate::yaml::Node;

impl Importer<'_> {
    /// The `pipeline:` of a document.
    pub(super) fn pipeline_document(&mut self, node: &Node) -> Vec<Piece> {
        let id = node
            .text_of("identifier")
            .or_else(|| node.text_of("name"))
            .unwrap_or("pipeline");
        let title = node.text_of("name").unwrap_or(id).to_string();
        self.pipeline = (title.clone(), id.to_string());
        self.variables.clear();
        for variable in node.items_of("variables") {
            self.pipeline_variable(variable);
        }
        for barrier in node
            .at(&["flowControl", "barriers"])
            .map(Node::items)
            .unwrap_or_default()
        {
            Declared::pass_over(barrier, &["identifier", "name", "stages"]);
        }
        let pipeline_name = self.declared.names.give(id);
        let mut head = format!("pipeline {pipeline_name}");
        if let Some(timeout) = node.get("timeout").and_then(|it| self.duration(it)) {
            head.push_str(&format!(" timeout {timeout}"));
        }
        let mut body = Body::default();
        for item in node.items_of("stages") {
            self.stage_item(item, &mut body);
        }
        let mut pieces = Vec::new();
        let doc = node
            .text_of("description")
            .map(ToString::to_string)
            .unwrap_or(title);
        if !same_words(&doc, &pipeline_name) {
            pieces.push(Piece::Doc(crate::notes::one_line(&doc)));
        }
        self.drop_of_pipeline(node);
        let comments = self.declared.leftovers(node);
        let handlers = body.handlers();
        let mut block = Block::new(head, comments);
        block.body.extend(body.main);
        block.handlers = handlers;
        pieces.push(Piece::Block(block));
        pieces
    }

    fn drop_of_pipeline(&mut self, node: &Node) {
        let keys = [
            "tags",
            "orgIdentifier",
            "projectIdentifier",
            "allowStageExecutions",
            "fixedInputsOnRerun",
        ];
        Declared::pass_over(node, &keys);
        let delegates = "there are no delegates: commands run where Lockstep runs, or by `connect`";
        self.declared
            .drop_keys(node, &[("delegateSelectors", delegates)]);
    }

    /// A variable of the pipeline: an input, a secret or a value.
    fn pipeline_variable(&mut self, node: &Node) {
        let Some(id) = node.text_of("name").map(ToString::to_string) else {
            return;
        };
        let scope = Scope::default();
        let expr = self.variable(node, &id, &id, &scope);
        self.variables.insert(id, expr);
    }

    /// A variable of a stage or a group, which is seen by steps in it.
    pub(super) fn stage_variable(&mut self, node: &Node, stage: &str, scope: &mut Scope) {
        let Some(id) = node.text_of("name").map(ToString::to_string) else {
            return;
        };
        let key = format!("{stage}-{id}");
        let expr = self.variable(node, &key, &key, scope);
        self.stage_variables
            .insert((stage.to_string(), id.clone()), expr.clone());
        scope.stage_variables.insert(id, expr);
    }

    fn variable(&mut self, node: &Node, key: &str, name: &str, scope: &Scope) -> Expr {
        let kind = node.text_of("type").unwrap_or("String").to_string();
        let doc = node.text_of("description").map(ToString::to_string);
        // Whether it must be given is said by its default here.
        Declared::pass_over(node, &["required"]);
        let default = node
            .get("default")
            .and_then(Node::text)
            .map(ToString::to_string);
        let empty = Node::scalar("", node);
        let value = node.get("value").unwrap_or(&empty);
        let written = value.peek().unwrap_or_default();
        self.declared_at(value);
        let expr =
            if kind == "Secret" && (written.starts_with("<+input>") || !written.contains("<+")) {
                value.skip();
                let id = if written.starts_with('<') || written.is_empty() {
                    name
                } else {
                    written
                };
                self.declared.secret(value, id)
            } else if written.starts_with("<+input>") {
                if let Some(doc) = &doc {
                    self.docs.insert(name.to_string(), doc.clone());
                }
                self.runtime_input(value, name, &kind, default.as_deref(), scope)
            } else {
                let found = self.value(value, name, scope);
                let found = match (&found.literal, kind.as_str()) {
                    (Some(literal), "Number") => Expr::scalar(literal),
                    _ => found,
                };
                let local = found.text.contains("run.") || scope.seen_in(&found.text);
                match local || matches!(found.ty, Ty::Secret) {
                    true => found,
                    false => self.declared.value(key, name, &found, doc.as_deref()),
                }
            };
        let comments = self.declared.leftovers(node);
        self.file_comments.extend(comments);
        expr
    }

    fn stage_item(&mut self, item: &Node, body: &mut Body) {
        if let Some(stage) = item.get("stage") {
            let (status, pieces) = self.stage(stage);
            match status {
                Status::Success => body.main.extend(pieces),
                Status::Failure => body.failed.extend(pieces),
                Status::All => body.always.extend(pieces),
            }
        } else if let Some(parallel) = item.get("parallel") {
            let mut inner = Body::default();
            for branch in parallel.items() {
                self.stage_item(branch, &mut inner);
            }
            match acts(&inner.main) {
                true => body.main.push(Piece::block("parallel", inner.main)),
                false => body.main.extend(inner.main),
            }
            body.failed.extend(inner.failed);
            body.always.extend(inner.always);
        }
        body.main.extend(self.declared.leftovers(item));
    }

    fn stage(&mut self, node: &Node) -> (Status, Vec<Piece>) {
        let id = node
            .text_of("identifier")
            .or_else(|| node.text_of("name"))
            .unwrap_or("stage");
        let id = id.to_string();
        let title = node.text_of("name").unwrap_or(&id).to_string();
        let mut scope = Scope {
            names: self.declared.names.clone(),
            stage: (title.clone(), id.clone()),
            ..Scope::default()
        };
        let looped = self.looped(node, &mut scope);
        if let Some(looped) = &looped {
            looped.enter(&mut scope);
            scope.stage_axes = std::mem::take(&mut scope.axes);
        }
        for variable in node.items_of("variables") {
            self.stage_variable(variable, &id, &mut scope);
        }
        let (status, condition) = self.when(node, &id, &scope);
        let strategies = self.strategies(node);
        let kind = node.text_of("type").unwrap_or("Custom").to_string();
        let empty = Node::scalar("", node);
        let spec = node.get("spec").unwrap_or(&empty);
        let mut head = format!("stage {}", name(&id));
        if let Some(timeout) = node.get("timeout").and_then(|it| self.duration(it)) {
            head.push_str(&format!(" timeout {timeout}"));
        }
        let block = match kind.as_str() {
            "Deployment" => {
                let body =
                    self.deployment_stage(node, spec, &id, &scope, &strategies, looped.as_ref());
                Block::new(head, body)
            }
            "Custom" | "Approval" | "CI" => self.plain_stage(spec, head, &mut scope, &strategies),
            other => {
                let what = format!("stage {id} of type {other}");
                let why = "stages of this type have no counterpart";
                let advice = "write what it does in a stage of this file";
                let comment = self.declared.not_imported(node, &what, why, advice);
                node.skip();
                return (Status::Success, vec![comment]);
            }
        };
        let mut pieces = vec![Piece::at(node)];
        if !same_words(&title, &id) {
            pieces.push(Piece::Doc(crate::notes::one_line(&title)));
        }
        self.drop_of_stage(node, spec, &kind);
        let mut comments = self.declared.leftovers(node);
        if status != Status::Success && kind == "Deployment" {
            let what = format!("stage {id}, which runs after a failure");
            let why = "nothing is deployed in a handler";
            let advice = "start it as a pipeline of its own";
            comments.push(self.declared.not_imported(node, &what, why, advice));
            return (Status::Success, comments);
        }
        match status {
            Status::Success => pieces.push(Piece::Block(block)),
            // A stage cannot stand in a handler: its steps can.
            _ => pieces = block.body,
        }
        let pieces = wrapped(pieces, condition, looped);
        (status, comments.into_iter().chain(pieces).collect())
    }

    fn drop_of_stage(&mut self, node: &Node, spec: &Node, kind: &str) {
        Declared::pass_over(node, &["description", "tags"]);
        let delegates = "there are no delegates: commands run where Lockstep runs, or by `connect`";
        self.declared
            .drop_keys(node, &[("delegateSelectors", delegates)]);
        if kind == "CI" {
            let why = "commands run on this machine";
            let keys = [
                "infrastructure",
                "platform",
                "runtime",
                "caching",
                "buildIntelligence",
            ];
            self.declared.drop_keys(spec, &keys.map(|key| (key, why)));
            let why = "the files are those of the folder that Lockstep runs in";
            self.declared.drop_keys(spec, &[("cloneCodebase", why)]);
        }
    }

    /// A stage without a deployment.
    fn plain_stage(
        &mut self,
        spec: &Node,
        head: String,
        scope: &mut Scope,
        strategies: &[Strategy],
    ) -> Block {
        let empty = Node::scalar("", spec);
        let execution = spec.get("execution").unwrap_or(&empty);
        let undo = execution.items_of("rollbackSteps");
        let mut body = self.steps(execution.items_of("steps"), scope, strategies);
        scope.backwards = true;
        let back = self.steps(undo, scope, &[]);
        let handlers = body.handlers();
        let mut block = Block::new(head, std::mem::take(&mut body.main));
        if acts(&back.main) {
            let mut work = Block::new("step work", std::mem::take(&mut block.body));
            work.handlers.push(Block::new("undo", back.main));
            block.body.push(Piece::Block(work));
            if rolls_back(strategies) {
                let verdict = vec![Piece::line("rollback")];
                block.handlers.push(Block::new("on failure", verdict));
            }
        }
        for handler in handlers {
            match handler.head == "on failure" && !block.handlers.is_empty() {
                // What is done after a failure comes before the verdict.
                true => block.handlers[0]
                    .body
                    .splice(0..0, handler.body)
                    .for_each(drop),
                false => block.handlers.push(handler),
            }
        }
        block
    }

    /// A stage that deploys: its body, and the workflow that it deploys with.
    fn deployment_stage(
        &mut self,
        node: &Node,
        spec: &Node,
        id: &str,
        scope: &Scope,
        strategies: &[Strategy],
        looped: Option<&Loop>,
    ) -> Vec<Piece> {
        let kind = spec
            .text_of("deploymentType")
            .unwrap_or("Kubernetes")
            .to_string();
        self.declared_at(node);
        self.enter_kind(&kind);
        let services = self.services_of(spec, id, scope, looped);
        let targets = self.targets_of(spec, id, scope, looped);
        let mut inner = scope.clone();
        inner.deployment = true;
        for taken in ["s", "i"] {
            inner.names.give(taken);
        }
        let empty = Node::scalar("", spec);
        let execution = spec.get("execution").unwrap_or(&empty);
        let mut body = self.steps(execution.items_of("steps"), &mut inner, strategies);
        inner.backwards = true;
        let back = self.steps(execution.items_of("rollbackSteps"), &mut inner, &[]);
        let handlers = body.handlers();
        let mut main = std::mem::take(&mut body.main);
        let undone = acts(&back.main) && rolls_back(strategies);
        if acts(&back.main) && !undone {
            let why =
                "no failure strategy of the stage rolls back, and a deployment that fails would";
            let advice = "write it as the `undo` of the steps that it takes back";
            let at = execution.get("rollbackSteps").unwrap_or(node);
            main.push(self.declared.not_imported(at, "rollbackSteps", why, advice));
        }
        if undone || !handlers.is_empty() {
            let mut step = Block::new("step deployment", main);
            if undone {
                step.handlers.push(Block::new("undo", back.main));
            }
            step.handlers.extend(handlers);
            main = vec![Piece::Block(step)];
        }
        let workflow = self.workflow(id, main, looped);
        let mut pieces = Vec::new();
        let statement = |service: &str, target: &str| {
            Piece::line(format!("deploy {service} to {target} using {workflow}"))
        };
        let deploy = match (services.single(), targets.single()) {
            (Some(service), Some(target)) => statement(service, target),
            (Some(service), None) => Piece::block(
                format!("{} target in {}", targets.word(), targets.as_list()),
                vec![statement(service, "target")],
            ),
            (None, Some(target)) => Piece::block(
                format!("{} service in {}", services.word(), services.as_list()),
                vec![statement("service", target)],
            ),
            (None, None) => {
                let of_targets = format!("{} target in {}", targets.word(), targets.as_list());
                let of_services = format!("{} service in {}", services.word(), services.as_list());
                // Every target has a service before any gets the next one.
                let waves = !services.parallel && targets.parallel;
                let axes = match waves {
                    true => format!("{of_services}\n{of_targets}"),
                    false => format!("{of_targets}\n{of_services}"),
                };
                Piece::block(
                    format!("matrix\n{axes}"),
                    vec![statement("service", "target")],
                )
            }
        };
        pieces.push(deploy);
        pieces
    }

    /// Declares the workflow of a stage, and gives its name with the arguments that it needs.
    fn workflow(&mut self, id: &str, body: Vec<Piece>, looped: Option<&Loop>) -> String {
        let kind = self.kind_name();
        let workflow = self.declared.names.give(&format!("deploy-{id}"));
        let written = text(&body);
        let mut parameters = vec![
            format!("s: service<{kind}>"),
            format!("i: infrastructure<{kind}>"),
        ];
        let mut arguments = Vec::new();
        for (name, ty) in looped
            .map(|it| it.parameters.as_slice())
            .unwrap_or_default()
        {
            if crate::finish::has_word(&written, name) {
                parameters.push(format!("{name}: {ty}"));
                arguments.push(format!("{name}: {name}"));
            }
        }
        let head = format!("workflow {workflow}({})", parameters.join(", "));
        self.workflows.push(Piece::Gap);
        self.workflows.push(Piece::block(head, body));
        format!("{workflow}({})", arguments.join(", "))
    }
}

/// Whether a failure of a deployment rolls it back.
fn rolls_back(strategies: &[Strategy]) -> bool {
    fn does(action: &Action) -> bool {
        match action {
            Action::RollbackStage | Action::RollbackPipeline | Action::RollbackGroup => true,
            Action::Retry { then, .. } => does(then),
            Action::Ask { .. } => true,
            Action::Ignore | Action::Fail | Action::Abort | Action::RetryGroup { .. } => false,
        }
    }
    strategies.is_empty() || strategies.iter().any(|it| does(&it.action))
}

impl Scope {
    /// Whether a text names something that only this place has.
    fn seen_in(&self, text: &str) -> bool {
        let axes = self.axes.values().chain(self.stage_axes.values());
        let others = [&self.item, &self.iteration].into_iter().flatten();
        axes.chain(others)
            .any(|it| crate::finish::has_word(text, &it.text))
    }
}
