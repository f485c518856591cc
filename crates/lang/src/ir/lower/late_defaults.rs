//! Gives each service and infrastructure its own of the defaults that are made from other fields of
//! the same one: they are fields like any that is written, and so are worked out last, with what
//! overrides and the command line say.

use crate::eval::visit::{children_mut, each_part};
use crate::eval::{Expr, ExprKind, OWNER};
use crate::ir::{KindField, Program};
use indexmap::IndexMap;
use lockstep_base::source::Name;
use lockstep_base::value::{InfrastructureId, ServiceId, Value};

/// Copies the defaults that name their owner to all that have the fields and are not given them: to
/// those that are declared by a name, and once more when those that come from data are made.
pub fn copy(program: &mut Program) {
    for (at, service) in program.services.iter_mut().enumerate() {
        let Some(kind) = program.kinds.get(service.kind as usize) else {
            continue;
        };
        let id = ServiceId(u32::try_from(at).unwrap_or(u32::MAX));
        let owner = Value::Service { id, at: None };
        give(&mut service.fields, &kind.service, &owner, &|_| false);
    }
    for (at, place) in program.infrastructures.iter_mut().enumerate() {
        let environment = program.environments.get(place.environment.0 as usize);
        let kind = program.kinds.get(place.kind as usize);
        let Some((environment, kind)) = environment.zip(kind) else {
            continue;
        };
        let id = InfrastructureId(u32::try_from(at).unwrap_or(u32::MAX));
        let inherited = |name: &Name| environment.fields.contains_key(name);
        let owner = Value::Infrastructure(id);
        give(&mut place.fields, &kind.infrastructure, &owner, &inherited);
    }
}

fn give(
    fields: &mut IndexMap<Name, Expr>,
    declared: &IndexMap<Name, KindField>,
    owner: &Value,
    inherited: &dyn Fn(&Name) -> bool,
) {
    for (name, field) in declared {
        let Some(default) = &field.default else {
            continue;
        };
        if fields.contains_key(name) || inherited(name) || !names_owner(default) {
            continue;
        }
        let mut own = default.clone();
        stand_in(&mut own, owner);
        fields.insert(name.clone(), own);
    }
}

fn names_owner(expr: &Expr) -> bool {
    let mut found = false;
    each_part(expr, &mut |part| {
        found |= part.kind == ExprKind::Local(OWNER)
    });
    found
}

fn stand_in(expr: &mut Expr, owner: &Value) {
    if expr.kind == ExprKind::Local(OWNER) {
        expr.kind = ExprKind::Const(owner.clone());
    }
    children_mut(expr, &mut |child| stand_in(child, owner));
}
