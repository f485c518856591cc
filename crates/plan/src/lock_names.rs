//! The names of locks: those of infrastructures and those that a program names itself are never the
//! same.

use super::locals::Locals;
use super::walk::PlanWalk;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, ExprKind, Halt};

/// The name of an infrastructure's lock.
pub fn infrastructure_lock(name: impl std::fmt::Display) -> Name {
    Name::from(format!("{INFRASTRUCTURE_LOCK}{name}"))
}

/// The name of a lock that a program names itself; never that of an infrastructure.
pub fn named_lock(name: impl std::fmt::Display) -> Name {
    Name::from(format!("{NAMED_LOCK}{name}"))
}

/// The name of the lock that is the place in a queue of runs; never that of another lock.
pub fn queue_lock(name: impl std::fmt::Display) -> Name {
    Name::from(format!("{QUEUE_LOCK}{name}"))
}

/// The queue whose place a lock is, if it is one.
pub fn queue_of_lock(name: &str) -> Option<&str> {
    name.strip_prefix(QUEUE_LOCK)
}

/// What people call a lock: the infrastructure, or what the program names it; a place in a queue is
/// called `queue prod`.
pub fn lock_for_people(name: &str) -> &str {
    let named = name.strip_prefix(INFRASTRUCTURE_LOCK);
    let named = named.or_else(|| name.strip_prefix(NAMED_LOCK));
    named.unwrap_or(name)
}

impl PlanWalk<'_> {
    /// The names that a `lock` takes together, each once, in the order written.
    ///
    /// # Errors
    ///
    /// Where they are not known, or have a mistake.
    pub fn lock_names(&self, resource: &Expr, locals: &Locals) -> Result<Vec<Name>, Halt> {
        Ok(self.lock_names_in(&self.eval(resource, locals)?))
    }

    /// The names in the value of such an expression, each once.
    pub fn lock_names_in(&self, value: &Value) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        let several = match value {
            Value::List(several) => several.as_slice(),
            one => std::slice::from_ref(one),
        };
        for name in several {
            let name = Name::from(self.display(name));
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// The expressions of the names that a `lock` takes, as far as they are written one by one.
pub fn lock_name_exprs(resource: &Expr) -> Vec<&Expr> {
    let ExprKind::List(items) = &resource.kind else {
        return vec![resource];
    };
    items.iter().map(|item| &item.value).collect()
}

const INFRASTRUCTURE_LOCK: &str = "infrastructure ";
const NAMED_LOCK: &str = "lock ";
const QUEUE_LOCK: &str = "queue ";
