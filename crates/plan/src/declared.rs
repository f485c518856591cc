//! What is known of services, environments and infrastructures by their declarations alone: their
//! names, the fields that all have, which there are.

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_base::value::{EnvironmentId, InfrastructureId, ServiceId, Value};
use lockstep_lang::eval::Halt;
use lockstep_lang::eval::builtins::MadeSort;
use lockstep_lang::ir::Program;
use lockstep_lang::pool::POOL_FIELD;

/// `.name`, `.kind`, `.id` and the other fields that every declaration has.
pub(crate) fn built_in_field(program: &Program, of: &Value, name: &str) -> Option<Value> {
    match of {
        Value::Service { id, .. } => {
            let service = program.services.get(id.0 as usize)?;
            match name {
                "name" => Some(Value::String(service.name.clone())),
                "kind" => Some(Value::String(
                    program.kinds.get(service.kind as usize)?.name.clone(),
                )),
                _ => None,
            }
        }
        Value::Environment(id) => {
            let environment = program.environments.get(id.0 as usize)?;
            match name {
                "name" => Some(Value::String(environment.name.clone())),
                _ => environment.infrastructures.iter().copied().find_map(|id| {
                    let full = &program.infrastructures.get(id.0 as usize)?.name;
                    let short = full.rsplit_once('.').map_or(&**full, |(_, short)| short);
                    (short == name).then_some(Value::Infrastructure(id))
                }),
            }
        }
        Value::Infrastructure(id) => {
            let infrastructure = program.infrastructures.get(id.0 as usize)?;
            match name {
                "name" => Some(Value::String(infrastructure.name.clone())),
                "id" => Some(Value::String(infrastructure.name.clone())),
                "environment" => Some(Value::Environment(infrastructure.environment)),
                "kind" => Some(Value::String(
                    program
                        .kinds
                        .get(infrastructure.kind as usize)?
                        .name
                        .clone(),
                )),
                "connect" => Some(Value::map([("type", Value::string("local"))])),
                "exclusive" => Some(Value::Bool(true)),
                POOL_FIELD => Some(Value::None),
                _ => None,
            }
        }
        _ => None,
    }
}

pub(crate) fn infrastructures_of(program: &Program, of: EnvironmentId) -> Vec<Value> {
    program
        .environments
        .get(of.0 as usize)
        .map(|environment| {
            environment
                .infrastructures
                .iter()
                .map(|id| Value::Infrastructure(*id))
                .collect()
        })
        .unwrap_or_default()
}

/// The infrastructures of an environment, once those that come from data are made.
pub(crate) fn all_infrastructures_of(
    program: &Program,
    of: EnvironmentId,
) -> Result<Vec<Value>, Halt> {
    match program.has_templates(of) {
        true => Err(Halt::Unknown),
        false => Ok(infrastructures_of(program, of)),
    }
}

/// What a declaration has made of the elements of its list.
pub(crate) fn made_of(
    program: &Program,
    sort: MadeSort,
    template: u32,
) -> Result<Vec<Value>, Halt> {
    let at = template as usize;
    let made = match sort {
        MadeSort::Services => program.service_templates.get(at).map(|it| &it.made),
        MadeSort::Infrastructures => program.infrastructure_templates.get(at).map(|it| &it.made),
    };
    let made = made.and_then(Option::as_ref).ok_or(Halt::Unknown)?;
    let value = |id: &u32| match sort {
        MadeSort::Services => Value::Service {
            id: ServiceId(*id),
            at: None,
        },
        MadeSort::Infrastructures => Value::Infrastructure(InfrastructureId(*id)),
    };
    Ok(made.iter().map(value).collect())
}

/// A value as a person would name it: the names of services and places, the text of the rest.
pub fn display(program: &Program, value: &Value) -> String {
    let name = match value {
        Value::Service { id, .. } => program.services.get(id.0 as usize).map(|it| &it.name),
        Value::Environment(id) => program.environments.get(id.0 as usize).map(|it| &it.name),
        Value::Infrastructure(id) => program
            .infrastructures
            .get(id.0 as usize)
            .map(|it| &it.name),
        Value::Secret(_) => return String::from("***"),
        _ => return lockstep_base::value::text::display(value, &|part| display(program, part)),
    };
    name.map_or_else(String::new, ToString::to_string)
}

pub(crate) fn no_field(program: &Program, of: &Value, name: &str, span: Span) -> Diagnostic {
    let owner = display(program, of);
    Diagnostic::error(
        codes::NO_FIELD,
        span,
        format!("`{owner}` has no value for `{name}`"),
    )
    .help(format!("give `{name}` where `{owner}` is declared"))
}
