//! Places that an earlier run has left half done: a run that would deploy there does not start.
//! What it would find there is not what was there before, so it could not take it back.

use super::exit::Exit;
use super::output::Output;
use super::state;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::Value;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{Locals, Plan};
use lockstep_store::{Store, StoreError, UnclearPlace};

/// Checks that no place is unclear to which a plan deploys.
pub(super) fn check(
    store: &Store,
    plan: &Plan,
    force: bool,
    output: &mut Output,
) -> Result<(), Exit> {
    if force {
        return Ok(());
    }
    let found = match places(store, plan) {
        Ok(found) => found,
        Err(error) => return Err(state::refuse(&error, output)),
    };
    match found.first() {
        Some(place) => Err(output.refuse(&unclear(store, place))),
        None => Ok(()),
    }
}

fn places(store: &Store, plan: &Plan) -> Result<Vec<UnclearPlace>, StoreError> {
    let mut found = store.unclear_places()?;
    if found.is_empty() {
        return Ok(found);
    }
    let walk = plan.walk();
    let body = lockstep_plan::body(plan.tree.get(plan.tree.root()));
    let Ok(sum) = walk.summary(body, &Locals::default()) else {
        return Ok(Vec::new());
    };
    let deployed: Vec<(String, String)> = (sum.places.iter())
        .map(|(service, target)| {
            let service = Value::Service {
                id: *service,
                at: None,
            };
            let target = Value::Infrastructure(*target);
            (walk.display(&service), walk.display(&target))
        })
        .collect();
    found.retain(|place| {
        let is_same = |(service, target): &(String, String)| {
            **service == *place.service && **target == *place.target
        };
        deployed.iter().any(is_same)
    });
    let mut kept = Vec::new();
    for place in found {
        if !place.is_done || may_be_taken_back(store, &place)? {
            kept.push(place);
        }
    }
    Ok(kept)
}

/// Whether a run that was broken off may still take back what it has deployed.
fn may_be_taken_back(store: &Store, place: &UnclearPlace) -> Result<bool, StoreError> {
    let bound = store.bound(&store.run(place.run)?)?;
    let Ok(plan) = Plan::new(bound) else {
        return Ok(true);
    };
    let takes_back = |(_, node): (_, &lockstep_plan::PlanNode)| {
        let is_deployment = matches!(node.stmt.kind, StmtKind::Deploy { .. });
        node.has_deploy && !is_deployment && (node.stmt.modifiers.atomic || node.may_roll_back)
    };
    Ok(plan.tree.iter().any(takes_back))
}

fn unclear(store: &Store, place: &UnclearPlace) -> Diagnostic {
    let UnclearPlace {
        service,
        target,
        id,
        ..
    } = place;
    let words = state::words(store.folder());
    let (why, help) = match place.is_broken_off {
        true => (
            format!("run {id} was stopped there and is unfinished"),
            format!("resume it with `lockstep resume {id}{words}`, or deploy with `--force`"),
        ),
        false => (
            format!("run {id} could not roll it back"),
            format!(
                "see `lockstep show {id}{words}`, bring it into order, and deploy with `--force`"
            ),
        ),
    };
    let message = format!("what {target} has of {service} is unclear: {why}");
    Diagnostic::without_place(codes::UNCLEAR_PLACE, message).help(help)
}
