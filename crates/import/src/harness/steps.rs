//! Steps, groups of steps and steps in parallel.

use super::Importer;
use super::failure::{Action, Strategy, retry_modifier, with_handlers};
use super::scope::{Scope, StepResult};
use crate::declared::Declared;
use crate::program::{Block, Piece, acts};
use crate::value::Expr;
use crate::yaml::Node;

/// When a step or a stage runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Failure,
    All,
}

/// A list of steps: what is done, and what is done after a failure or in any case.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) main: Vec<Piece>,
    pub(super) failed: Vec<Piece>,
    pub(super) always: Vec<Piece>,
}

impl Body {
    /// Its handlers.
    pub(super) fn handlers(&self) -> Vec<Block> {
        let mut handlers = Vec::new();
        if acts(&self.failed) {
            handlers.push(Block::new("on failure", self.failed.clone()));
        }
        if acts(&self.always) {
            handlers.push(Block::new("always", self.always.clone()));
        }
        handlers
    }

    fn add(&mut self, status: Status, pieces: Vec<Piece>) {
        match status {
            Status::Success => self.main.extend(pieces),
            Status::Failure => self.failed.extend(pieces),
            Status::All => self.always.extend(pieces),
        }
    }
}

/// What a step has become.
pub(super) struct Made {
    pub(super) pieces: Vec<Piece>,
    /// Whether it stands alone, without a `step` around it.
    pub(super) bare: bool,
    pub(super) result: Option<fn(String) -> StepResult>,
}

impl Made {
    pub(super) fn step(pieces: Vec<Piece>) -> Self {
        Self {
            pieces,
            bare: false,
            result: None,
        }
    }

    pub(super) fn bare(pieces: Vec<Piece>) -> Self {
        Self {
            pieces,
            bare: true,
            result: None,
        }
    }
}

impl Importer<'_> {
    /// The steps of a list.
    pub(super) fn steps(&mut self, list: &[Node], scope: &mut Scope, outer: &[Strategy]) -> Body {
        let mut body = Body::default();
        let mut late: Option<&Node> = None;
        for (place, item) in list.iter().enumerate() {
            if let Some(queue) = item.get("step").filter(|it| self.is_queue(it)) {
                let rest = self.queue(queue, &list[place + 1..], scope, outer);
                body.main.extend(rest.main);
                body.failed.extend(rest.failed);
                body.always.extend(rest.always);
                return body;
            }
            let before = (body.main.len(), body.failed.len() + body.always.len());
            self.item(item, scope, outer, &mut body);
            if body.failed.len() + body.always.len() > before.1 {
                late = Some(item);
            } else if let Some(late) = late.filter(|_| acts(&body.main[before.0..])) {
                let why = "it runs when the steps around it have ended, not before those below it";
                self.declared.changed(late, "when", why, "");
            }
        }
        body
    }

    fn is_queue(&self, step: &Node) -> bool {
        step.get("type").and_then(Node::peek) == Some("Queue")
    }

    /// A queue step holds its key up to the end of what is around it.
    fn queue(&mut self, step: &Node, rest: &[Node], scope: &mut Scope, outer: &[Strategy]) -> Body {
        let mut comments = Vec::new();
        Declared::pass_over(
            step,
            &["identifier", "name", "type", "description", "timeout"],
        );
        let key = match step.at(&["spec", "key"]) {
            Some(key) => self.value(key, "key", scope).as_text(),
            None => Expr::literal("queue"),
        };
        if let Some(holds) = step.at(&["spec", "scope"])
            && holds.text() == Some("Pipeline")
        {
            let why = "it is held to the end of these steps, not of the pipeline";
            self.declared.changed(
                holds,
                "Queue, scope: Pipeline",
                why,
                "see `queue` of pipelines",
            );
        }
        comments.extend(self.declared.leftovers(step));
        let mut body = self.steps(rest, scope, outer);
        let lock = Block::new(format!("lock {}", key.text), std::mem::take(&mut body.main));
        body.main = comments;
        body.main.push(Piece::Block(lock));
        body
    }

    fn item(&mut self, item: &Node, scope: &mut Scope, outer: &[Strategy], body: &mut Body) {
        if let Some(step) = item.get("step") {
            let (status, pieces) = self.step(step, scope, outer);
            body.add(status, pieces);
        } else if let Some(group) = item.get("stepGroup") {
            let (status, pieces) = self.group(group, scope, outer);
            body.add(status, pieces);
        } else if let Some(parallel) = item.get("parallel") {
            let mut branches = Vec::new();
            for branch in parallel.items() {
                let mut inner = scope.clone();
                let mut one = Body::default();
                self.item(branch, &mut inner, outer, &mut one);
                let statements = one.main.iter().filter(|it| it.acts()).count();
                match statements {
                    0 | 1 => branches.extend(one.main),
                    _ => branches.push(Piece::block("serial", one.main)),
                }
                body.failed.extend(one.failed);
                body.always.extend(one.always);
            }
            match acts(&branches) {
                true => body.main.push(Piece::block("parallel", branches)),
                false => body.main.extend(branches),
            }
        }
        body.main.extend(self.declared.leftovers(item));
    }

    /// When a step or a stage runs, and under which condition.
    pub(super) fn when(
        &mut self,
        node: &Node,
        name: &str,
        scope: &Scope,
    ) -> (Status, Option<Expr>) {
        let Some(when) = node.get("when").filter(|it| !it.is_empty()) else {
            return (Status::Success, None);
        };
        if when.peek().is_some() {
            let text = when.text().unwrap_or_default().to_string();
            let decision = self.declared.decision(when, &format!("when-{name}"), &text);
            return (Status::Success, Some(decision));
        }
        let status = when
            .get("stageStatus")
            .or_else(|| when.get("pipelineStatus"));
        let status = match status.and_then(Node::text) {
            Some("Failure") => Status::Failure,
            Some("All") => Status::All,
            _ => Status::Success,
        };
        let condition = when.get("condition").filter(|it| !it.is_empty());
        let condition = condition.map(|it| self.condition(it, scope, &format!("when-{name}")));
        let condition = condition.filter(|it| it.literal.as_deref() != Some("true"));
        (status, condition)
    }

    /// A step.
    fn step(&mut self, node: &Node, scope: &mut Scope, outer: &[Strategy]) -> (Status, Vec<Piece>) {
        let id = node
            .text_of("identifier")
            .or_else(|| node.text_of("name"))
            .unwrap_or("step");
        let id = id.to_string();
        let title = node.text_of("name").unwrap_or_default().to_string();
        let mut inner = scope.clone();
        inner.within.clone_from(&id);
        let looped = self.looped(node, &mut inner);
        if let Some(looped) = &looped {
            looped.enter(&mut inner);
        }
        let (status, condition) = self.when(node, &id, &inner);
        inner.backwards |= status != Status::Success;
        let mut strategies = self.strategies(node);
        strategies.extend(outer.iter().filter(|it| !it.action.is_of_group()).cloned());
        let timeout = node.get("timeout").and_then(|it| self.duration(it));
        let made = self.made(node, &id, timeout.as_deref(), &mut inner);
        let name = scope.names.give(&id);
        let mut pieces = vec![Piece::at(node)];
        self.drop_of_step(node);
        let comments = self.declared.leftovers(node);
        let acting = acts(&made.pieces);
        match made.bare || !acting {
            true => pieces.extend(made.pieces),
            false => {
                let mut head = format!("step {name}");
                if let Some(timeout) = timeout {
                    head.push_str(&format!(" timeout {timeout}"));
                }
                let block = Block::new(head, made.pieces);
                let block = match inner.backwards || scope.backwards {
                    true => block,
                    false => with_handlers(block, &strategies),
                };
                let visible = block.head.starts_with("step") && condition.is_none();
                if let Some(result) = made.result.filter(|_| visible && looped.is_none()) {
                    scope.steps.insert(id.clone(), result(name.clone()));
                }
                if !title.is_empty() && !crate::words::same_words(&title, &id) {
                    pieces.push(Piece::Doc(crate::notes::one_line(&title)));
                }
                pieces.push(Piece::Block(block));
            }
        }
        let pieces = wrapped(pieces, condition, looped.filter(|_| acting));
        (status, comments.into_iter().chain(pieces).collect())
    }

    /// What every step may have, and nothing here needs.
    fn drop_of_step(&mut self, node: &Node) {
        Declared::pass_over(node, &["type", "description", "tags"]);
        let why = "there are no delegates: commands run where Lockstep runs, or by `connect`";
        self.declared.drop_keys(node, &[("delegateSelectors", why)]);
        if let Some(spec) = node.get("spec") {
            Declared::pass_over(spec, &["onDelegate", "includeInfraSelectors"]);
            self.declared.drop_keys(spec, &[("delegateSelectors", why)]);
        }
    }

    /// A group of steps.
    fn group(
        &mut self,
        node: &Node,
        scope: &mut Scope,
        outer: &[Strategy],
    ) -> (Status, Vec<Piece>) {
        let id = node
            .text_of("identifier")
            .or_else(|| node.text_of("name"))
            .unwrap_or("group");
        let id = id.to_string();
        node.get("name").and_then(Node::text);
        let mut inner = scope.clone();
        let looped = self.looped(node, &mut inner);
        if let Some(looped) = &looped {
            looped.enter(&mut inner);
        }
        let (status, condition) = self.when(node, &id, &inner);
        inner.backwards |= status != Status::Success;
        let own = self.strategies(node);
        let (of_group, mut all): (Vec<Strategy>, Vec<Strategy>) =
            own.into_iter().partition(|it| it.action.is_of_group());
        all.extend(outer.iter().filter(|it| !it.action.is_of_group()).cloned());
        for variable in node.items_of("variables") {
            self.stage_variable(variable, &id, &mut inner);
        }
        let mut body = self.steps(node.items_of("steps"), &mut inner, &all);
        inner.backwards = true;
        let undo = self.steps(node.items_of("rollbackSteps"), &mut inner, &[]);
        let why = "steps run on this machine, not in containers of their own";
        self.declared
            .drop_keys(node, &[("stepGroupInfra", why), ("sharedPaths", why)]);
        self.drop_of_step(node);
        let name = scope.names.give(&id);
        let mut head = format!("step {name}");
        if let Some(timeout) = node.get("timeout").and_then(|it| self.duration(it)) {
            head.push_str(&format!(" timeout {timeout}"));
        }
        let comments = self.declared.leftovers(node);
        let mut block = Block::new(head, std::mem::take(&mut body.main));
        for strategy in &of_group {
            match &strategy.action {
                Action::RetryGroup { count, pauses } => {
                    block.head.push_str(&retry_modifier(*count, pauses));
                }
                _ => block = with_handlers(block, std::slice::from_ref(strategy)),
            }
        }
        if acts(&undo.main) {
            block.handlers.insert(0, Block::new("undo", undo.main));
        }
        block.handlers.extend(body.handlers());
        let pieces = match acts(&block.body) {
            true => vec![Piece::Block(block)],
            false => block.body,
        };
        let pieces = wrapped(pieces, condition, looped);
        (status, comments.into_iter().chain(pieces).collect())
    }
}

/// Pieces under a condition, in a loop.
pub(super) fn wrapped(
    pieces: Vec<Piece>,
    condition: Option<Expr>,
    looped: Option<super::strategy::Loop>,
) -> Vec<Piece> {
    let pieces = match condition.filter(|_| acts(&pieces)) {
        Some(condition) => vec![Piece::block(format!("if {}", condition.text), pieces)],
        None => pieces,
    };
    match looped {
        Some(looped) => looped.around(pieces),
        None => pieces,
    }
}
