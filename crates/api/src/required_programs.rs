//! Looks for the programs that a plan requires, before its first command: at all places that the
//! plan knows, and all at once. A place that cannot be reached is not judged.

use tokio::task::JoinSet;

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::eval::Scope as _;
use lockstep_lang::ir::Requirement;
use lockstep_plan::{Locals, Plan};
use lockstep_runtime::connection::Connection;
use lockstep_runtime::required_programs::{Finding, FoundPrograms, ProgramSearch};

/// The errors about the programs that are not there, or have another version. What is fine is
/// remembered.
pub(crate) async fn missing(
    search: &ProgramSearch,
    plan: &Plan,
    fine: &FoundPrograms,
) -> Vec<Diagnostic> {
    let required = plan.required_programs();
    let mut looks = JoinSet::new();
    for (number, needed) in required.iter().enumerate() {
        for place in &needed.places {
            let Some(connection) = connection(plan, *place) else {
                continue;
            };
            let requirement = needed.requirement.clone();
            let place = *place;
            let look = search.look(connection, requirement);
            looks.spawn(async move { (number, place, look.await) });
        }
    }
    let mut found = looks.join_all().await;
    found.sort_by_key(|(number, place, _)| (*number, *place));
    let mut diagnostics = Vec::new();
    for (number, place, finding) in &found {
        if let (Finding::Fine, Some(needed)) = (finding, required.get(*number)) {
            fine.add(needed.requirement, *place);
        }
    }
    for (number, needed) in required.iter().enumerate() {
        let own = found.iter().filter(|(of, ..)| *of == number);
        let own: Vec<(String, &Finding)> = own
            .map(|(_, place, finding)| (name(plan, *place), finding))
            .collect();
        diagnostics.extend(judge(needed.requirement, &own));
    }
    diagnostics
}

/// The connection to a place; nothing if it has none.
fn connection(plan: &Plan, place: Option<InfrastructureId>) -> Option<Connection> {
    let Some(place) = place else {
        return Some(Connection::Local);
    };
    let locals = Locals::default();
    let walk = plan.walk();
    let span = plan
        .bound
        .program
        .infrastructures
        .get(place.0 as usize)?
        .span;
    let connect = (walk.eval_scope(&locals))
        .field(&Value::Infrastructure(place), &"connect".into(), span)
        .ok()?;
    Connection::from_value(&connect).ok()
}

/// A place for people.
fn name(plan: &Plan, place: Option<InfrastructureId>) -> String {
    let place = place.and_then(|id| plan.bound.program.infrastructures.get(id.0 as usize));
    place.map_or_else(|| String::from("this machine"), |it| it.name.to_string())
}

/// The error about a program, if there is one: one for all places.
fn judge(requirement: &Requirement, found: &[(String, &Finding)]) -> Option<Diagnostic> {
    let program = &requirement.program;
    let mut wrong: Vec<String> = Vec::new();
    let mut is_missing = false;
    for (place, finding) in found {
        is_missing |= **finding == Finding::Missing;
        wrong.extend(finding.complaint(place));
    }
    if wrong.is_empty() {
        return None;
    }
    let message = match is_missing {
        true => format!("`{program}` is required and is missing"),
        false => format!("`{program}` is required in another version"),
    };
    let help = match is_missing {
        true => "install it; nothing has been run",
        false => {
            "install another version, or say by which command it tells its version: \
             `requires \"…\" \"…\" by \"…\"`"
        }
    };
    let error = Diagnostic::error(codes::PROGRAM_MISSING, requirement.span, message);
    Some(error.here(wrong.join("; ")).help(help))
}
