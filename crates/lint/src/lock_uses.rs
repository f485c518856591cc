//! Which locks the pipelines of a file take, and under which others: what is known before a run.

use lockstep_base::source::{Name, Span};
use lockstep_base::value::Value;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{Locals, Plan, TreeId, body, infrastructure_lock, named_lock};

/// A lock that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockUse {
    /// Its name.
    pub name: Name,
    /// How many may hold it.
    pub limit: i64,
    /// Where.
    pub span: Span,
    /// The locks that are held there, the outermost first.
    pub held: Vec<(Name, Span)>,
}

/// The locks that a plan takes. Names and limits that only the run knows are left out.
pub fn lock_uses(plan: &Plan) -> Vec<LockUse> {
    let mut uses = LockUses {
        plan,
        held: Vec::new(),
        found: Vec::new(),
    };
    uses.visit(plan.tree.root());
    uses.found
}

struct LockUses<'a> {
    plan: &'a Plan,
    held: Vec<(Name, Span)>,
    found: Vec<LockUse>,
}

impl LockUses<'_> {
    fn visit(&mut self, id: TreeId) {
        let node = self.plan.tree.get(id);
        let span = node.stmt.span;
        let before = self.held.len();
        if let StmtKind::Lock {
            resource, limit, ..
        } = &node.stmt.kind
        {
            let walk = self.plan.walk();
            let nothing = Locals::default();
            let names = walk.lock_names(resource, &nothing).ok();
            let limit = limit.as_ref().map(|limit| walk.eval(limit, &nothing));
            let limit = match limit {
                None => Some(1),
                Some(Ok(Value::Int(limit))) => Some(limit),
                Some(Ok(_) | Err(_)) => None,
            };
            if let (Some(names), Some(limit)) = (names, limit) {
                let names: Vec<Name> = names.into_iter().map(named_lock).collect();
                // None of them is held before the others.
                for name in &names {
                    self.note(name.clone(), limit, span);
                }
                if limit == 1 {
                    self.held.extend(names.into_iter().map(|name| (name, span)));
                }
            }
        } else if node.holds_locks && node.shares_locks {
            self.visit_holder(id);
        }
        let node = self.plan.tree.get(id);
        let handlers = node.on_failure.iter().chain(&node.always).chain(&node.undo);
        for inner in node.bodies.iter().chain(handlers) {
            inner.iter().for_each(|id| self.visit(*id));
        }
        self.held.truncate(before);
    }

    /// A stage, or what is `atomic` around stages, takes the locks of its infrastructures with its
    /// first deployment. For what is locked
    /// in it that counts only where the lock is around a deployment to one of them: they are held
    /// there, or taken.
    fn visit_holder(&mut self, id: TreeId) {
        let node = self.plan.tree.get(id);
        let walk = self.plan.walk();
        let Ok(sum) = walk.summary(body(node), &Locals::default()) else {
            return;
        };
        let is_first = body(node).first().is_some_and(|first| {
            let mut locals = Locals::default();
            (walk.summary_of_node(*first, &mut locals)).is_ok_and(|sum| !sum.targets.is_empty())
                && !matches!(self.plan.tree.get(*first).stmt.kind, StmtKind::Lock { .. })
        });
        let targets = sum.targets.keys().copied();
        for target in targets.filter(|it| self.plan.bound.facts.is_exclusive(*it)) {
            let name = infrastructure_lock(walk.display(&Value::Infrastructure(target)));
            match is_first {
                true => self.take(name, 1, node.stmt.span),
                false => self.note(name, 1, node.stmt.span),
            }
        }
    }

    fn take(&mut self, name: Name, limit: i64, span: Span) {
        self.note(name.clone(), limit, span);
        if limit == 1 {
            self.held.push((name, span));
        }
    }

    fn note(&mut self, name: Name, limit: i64, span: Span) {
        let held = self.held.clone();
        self.found.push(LockUse {
            name,
            limit,
            span,
            held,
        });
    }
}
