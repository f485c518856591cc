//! What the inputs of a test exclude: the branches that its plan knows not to be taken. A `given`
//! for something in them is not wrong, as the tests beside it may take them.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::HashSet;

use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_lang::ir::StmtKind;
use lockstep_lang::ir::command::TextPart;
use lockstep_plan::{Locals, Plan, PlanNode, PlanSequence, PlanWalk, SourceNodes, TreeId};

use super::given::Glob;

/// How many statements are looked at; of a larger plan nothing is said.
const MAX_STATEMENTS: usize = 100_000;

/// The statements of a plan that are in such branches only.
pub(super) struct Excluded<'p> {
    plan: &'p Plan,
    walk: PlanWalk<'p>,
    /// Those in branches that are not taken, and all others.
    dead: Vec<TreeId>,
    live: HashSet<Span>,
    left: usize,
}

impl<'p> Excluded<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        let mut found = Self {
            plan,
            walk: plan.walk(),
            dead: Vec::new(),
            live: HashSet::new(),
            left: MAX_STATEMENTS,
        };
        found.node(plan.tree.root(), &mut Locals::default(), true);
        let (left, live) = (found.left, &found.live);
        let tree = &plan.tree;
        found
            .dead
            .retain(|id| left > 0 && !live.contains(&tree.get(*id).stmt.span));
        found
    }

    /// Whether one of them is a command that a pattern may stand for.
    pub(super) fn has_command(&self, glob: &Glob) -> bool {
        self.dead.iter().any(|id| {
            let command = self.plan.tree.get(*id).stmt.kind.command();
            command.is_some_and(|command| {
                let text: String = (command.text.iter())
                    .map(|part| match part {
                        TextPart::Text(text) => &**text,
                        TextPart::Value(_) => "*",
                    })
                    .collect();
                glob.meets(&text)
            })
        })
    }

    /// Whether one of them is a node that a pattern may stand for.
    pub(super) fn has_node(&self, pattern: &PathPattern) -> bool {
        let nodes = SourceNodes::new(&self.plan.bound.program);
        let mut all = nodes.pipelines();
        all.retain(|node| node.stmt().span == self.plan.bound.pipeline().body.span);
        let steps = nodes.steps(&all, pattern.as_str());
        let dead =
            |span: Span| (self.dead.iter()).any(|id| self.plan.tree.get(*id).stmt.span == span);
        steps.iter().any(|step| dead(step.node.stmt().span))
    }

    fn sequence(&mut self, body: &PlanSequence, locals: &Locals, live: bool) {
        let mut locals = locals.clone();
        for id in body.iter() {
            self.node(*id, &mut locals, live);
        }
    }

    fn node(&mut self, id: TreeId, locals: &mut Locals, live: bool) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let node = self.plan.tree.get(id);
        if live {
            self.live.insert(node.stmt.span);
        } else {
            self.dead.push(id);
        }
        let taken = self.taken(node, locals, live);
        let mut inside = locals.clone();
        if let StmtKind::Call(using) = &node.stmt.kind {
            inside = self.walk.call(using, locals).unwrap_or_default();
        }
        for (body, taken) in node.bodies.iter().zip(taken) {
            self.sequence(body, &inside, taken);
        }
        for (_, body) in &node.workflows {
            self.sequence(body, &Locals::default(), live);
        }
        let handlers = [&node.undo, &node.always, &node.watch, &node.between];
        let handlers = handlers.into_iter().flatten().chain(&node.on_failure);
        for body in handlers {
            self.sequence(body, locals, live);
        }
        if let Some(slot) = node.stmt.bind {
            let value = node.stmt.kind.bound_value();
            *locals = match value.map(|value| self.walk.eval(value, locals)) {
                Some(Ok(value)) => locals.bind(slot, value),
                Some(Err(_)) | None => locals.bind_unknown(slot),
            };
        }
    }

    /// Which bodies of a statement may be taken.
    fn taken(&self, node: &PlanNode, locals: &Locals, live: bool) -> Vec<bool> {
        let mut taken = vec![live; node.bodies.len()];
        let StmtKind::If { branches, .. } = &node.stmt.kind else {
            return taken;
        };
        for (at, (condition, _)) in branches.iter().enumerate() {
            match self.walk.eval(condition, locals) {
                Ok(Value::Bool(false)) => taken[at] = false,
                Ok(Value::Bool(true)) => {
                    taken
                        .iter_mut()
                        .skip(at + 1)
                        .for_each(|later| *later = false);
                    break;
                }
                Ok(_) | Err(_) => {}
            }
        }
        taken
    }
}
