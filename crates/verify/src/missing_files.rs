//! Files that a program reads when it is planned and that are not there, whatever the inputs are.

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::world::{FileError, Files};
use lockstep_lang::eval::visit::each_part;
use lockstep_lang::eval::{Expr, ExprKind};
use lockstep_lang::ir::{GlobalSource, Program, outside_calls};
use lockstep_plan::resolve_beside;

/// A warning for each `file("…")` whose file is not there: something may still make it before the
/// run.
pub(super) fn missing_files(program: &Program, files: &dyn Files) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut see = |expr: &Expr| {
        each_part(expr, &mut |part| {
            found.extend(missing(program, part, files));
        });
    };
    outside_calls(program).into_iter().for_each(&mut see);
    for global in &program.globals {
        match &global.source {
            GlobalSource::Let(value) => see(value),
            GlobalSource::Input { default, rule } => {
                (default.as_deref().into_iter().chain(rule)).for_each(&mut see)
            }
        }
    }
    for kind in &program.kinds {
        let fields = kind.service.values().chain(kind.infrastructure.values());
        fields
            .filter_map(|field| field.default.as_ref())
            .for_each(&mut see);
    }
    let services = program.services.iter().flat_map(|it| it.fields.values());
    for template in &program.service_templates {
        let fields = template.declared.fields.values();
        template.head().chain(fields).for_each(&mut see);
    }
    for template in &program.infrastructure_templates {
        let fields = template.declared.fields.values();
        template.head().chain(fields).for_each(&mut see);
    }
    let environments = program
        .environments
        .iter()
        .flat_map(|it| it.fields.values());
    let places = (program.infrastructures.iter()).flat_map(|it| it.fields.values());
    let overrides = (program.environments.iter().map(|it| &it.overrides))
        .chain(program.infrastructures.iter().map(|it| &it.overrides))
        .flatten()
        .flat_map(|it| it.fields.values());
    services
        .chain(environments)
        .chain(places)
        .chain(overrides)
        .for_each(&mut see);
    found.sort_by_key(Diagnostic::span);
    found.dedup();
    found
}

fn missing(program: &Program, call: &Expr, files: &dyn Files) -> Option<Diagnostic> {
    let ExprKind::Call(function, arguments) = &call.kind else {
        return None;
    };
    if function.0.name != "file" {
        return None;
    }
    let path = arguments.first()?.as_const()?.as_str()?;
    let importer = program.sources.get(call.span.file)?;
    let read = files.read(&resolve_beside(&importer.name, path));
    (read == Err(FileError::NotFound)).then(|| {
        let message = format!("the file `{path}` is not there");
        Diagnostic::warning(codes::FILE, call.span, message)
            .here("it is read when a run is planned, which fails without it")
            .help("the path is relative to the folder of the file that names it")
    })
}
