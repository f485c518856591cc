//! Binds a pipeline's inputs and the fields fixed for one run, and reports all missing and invalid
//! values at once.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use serde::{Deserialize, Serialize};

use super::facts::{FactFinder, Facts, FieldOwner, GivenValues, Outside};
use super::from_data;
use super::given_names::{NamedBy, names_given, own_id, places_given, short_name};
use super::{BoundInputs, DeployedVersion, EvalScope, Locals};
use super::{paths, pools};
use lockstep_base::diagnostic::suggest::{did_you_mean, or_list};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{EnvironmentId, InfrastructureId, KindRef, ServiceId, Type, Value};
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_lang::eval::{self, Expr, GlobalId, Halt, Scope};
use lockstep_lang::ir::{Global, GlobalSource, Infrastructure, Program, needed_inputs};
use lockstep_lang::pool::{POOL_FIELD, POOL_NAME_RULE, wrong_pool_name};

/// A value as it was given: text of the command line, or data of an input file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputValue {
    /// `-i name=text`
    Text(String),
    /// From a JSON, YAML or TOML file.
    Json(serde_json::Value),
}

/// A request for one run of a program: pipeline, inputs and fields.
#[derive(Debug, Clone, Default)]
pub struct RunRequest {
    /// The pipeline; may be left out where there is only one.
    pub pipeline: Option<String>,
    /// The inputs.
    pub inputs: IndexMap<String, InputValue>,
    /// Fields to fix: `checkout.replicas`, `prod.eu.context`.
    pub fields: IndexMap<String, String>,
    /// Inputs that are given as expressions of the program, by a test. They have been checked.
    pub written: IndexMap<GlobalId, Expr>,
    /// What is deployed where, for `deployed(…)`; without it, that is not known.
    pub deployed: Option<Vec<DeployedVersion>>,
}

/// Binds a program to the request for one run.
pub fn bind(
    program: &Program,
    asked: &RunRequest,
    environment: &dyn EnvironmentVariables,
    files: &dyn Files,
) -> Result<BoundInputs, Vec<Diagnostic>> {
    let mut binder = Binder {
        program,
        given: GivenValues::default(),
        needed: HashSet::new(),
        diagnostics: Vec::new(),
        files,
    };
    let pipeline = binder.pipeline(asked.pipeline.as_deref());
    binder.given.deployed.clone_from(&asked.deployed);
    let needed = pipeline.map(|pipeline| needed_inputs(program, pipeline));
    binder.needed = needed.unwrap_or_default();
    binder.unknown_inputs(asked);
    let mut outside = Outside::default();
    let mut made = None;
    let mut held_back = Vec::new();
    let binder = if from_data::has_templates(program) {
        // What comes from data is known before what names it.
        binder.inputs(asked, &|ty| !names_things(ty));
        let finder = FactFinder::new(program, binder.given.clone(), environment, files);
        let all = match from_data::make(program, &finder) {
            Ok(all) => all,
            Err(found) => {
                binder.diagnostics.extend(found);
                return Err(binder.diagnostics);
            }
        };
        outside = finder.into_outside();
        let mut binder = Binder {
            program: made.insert(all.program),
            ..binder
        };
        let before = binder.diagnostics.len();
        binder.inputs(asked, &names_things);
        binder.fields(asked);
        if all.is_open {
            // That a name is unknown may come of what is missing.
            let late = binder.diagnostics.split_off(before);
            let (missing, rest) = late
                .into_iter()
                .partition(|it| it.code == codes::MISSING_INPUT);
            binder.diagnostics.extend::<Vec<_>>(missing);
            held_back = rest;
        }
        Binder { program, ..binder }
    } else {
        binder.inputs(asked, &|_| true);
        binder.fields(asked);
        binder
    };
    let Binder {
        given,
        mut diagnostics,
        ..
    } = binder;
    if let Some(made) = &mut made {
        let found = from_data::name_overridden(made, &given, (environment, files));
        diagnostics.extend(found);
    }
    let declared = program;
    let program = made.as_ref().unwrap_or(declared);
    let finder = FactFinder::new(program, given, environment, files).having_read(outside);
    for (at, global) in program.globals.iter().enumerate() {
        diagnostics.extend(broken_rule(program, &finder, GlobalId(at as u32), global));
    }
    let facts = match finder.facts() {
        Ok(facts) => {
            diagnostics.extend(held_back);
            facts
        }
        Err(faults) => {
            diagnostics.extend(faults);
            return Err(diagnostics);
        }
    };
    check_groups(program, &facts, &mut diagnostics);
    pools::check(program, &facts, &mut diagnostics);
    match pipeline {
        Some(pipeline) if diagnostics.is_empty() => Ok(BoundInputs {
            program: Arc::new(made.unwrap_or_else(|| declared.clone())),
            pipeline,
            facts: Arc::new(facts),
        }),
        _ => Err(diagnostics),
    }
}

struct Binder<'a> {
    program: &'a Program,
    given: GivenValues,
    /// The inputs that the pipeline can reach.
    needed: HashSet<Name>,
    diagnostics: Vec<Diagnostic>,
    /// The caller's.
    files: &'a dyn Files,
}

impl Binder<'_> {
    fn pipeline(&mut self, asked: Option<&str>) -> Option<u32> {
        let pipelines = &self.program.pipelines;
        let names: Vec<&str> = pipelines.iter().map(|pipeline| &*pipeline.name).collect();
        let problem = match (asked, pipelines.as_slice()) {
            (Some(name), _) => {
                if let Some(at) = names.iter().position(|other| *other == name) {
                    return Some(at as u32);
                }
                let help = did_you_mean(name, names.iter().copied())
                    .unwrap_or_else(|| format!("this file has {}", or_list(&names)));
                Diagnostic::without_place(
                    codes::NO_PIPELINE,
                    format!("there is no pipeline `{name}`"),
                )
                .help(help)
            }
            (None, [_]) => return Some(0),
            (None, []) => {
                Diagnostic::without_place(codes::NO_PIPELINE, "this file has no pipeline")
                    .help("write `pipeline NAME { … }`")
            }
            (None, _) => Diagnostic::without_place(
                codes::NO_PIPELINE,
                "this file has several pipelines, and none was named",
            )
            .help(format!("name {} after the file", or_list(&names))),
        };
        self.diagnostics.push(problem);
        None
    }

    /// The inputs of all files, by name.
    fn inputs_of_program(&self) -> impl Iterator<Item = (GlobalId, &Global, bool)> {
        self.program
            .globals
            .iter()
            .enumerate()
            .filter_map(|(at, global)| match &global.source {
                GlobalSource::Input { default, .. } => {
                    Some((GlobalId(at as u32), global, default.is_some()))
                }
                GlobalSource::Let(_) => None,
            })
    }

    /// Reports what is given for inputs that do not exist.
    fn unknown_inputs(&mut self, asked: &RunRequest) {
        let inputs = self.inputs_of_program();
        let inputs: Vec<Name> = inputs.map(|(_, input, _)| input.name.clone()).collect();
        for name in asked.inputs.keys() {
            if inputs.iter().all(|input| **input != **name) {
                let names = inputs.iter().map(|input| &**input);
                let help = did_you_mean(name, names).unwrap_or_else(|| {
                    if inputs.is_empty() {
                        String::from("this file declares no inputs")
                    } else {
                        let names: Vec<&str> = inputs.iter().map(|it| &**it).collect();
                        format!(
                            "the inputs are {}",
                            or_list(&names).replace(" or ", " and ")
                        )
                    }
                });
                let message = format!("there is no input `{name}`");
                let diagnostic = Diagnostic::without_place(codes::UNKNOWN_INPUT, message);
                self.diagnostics.push(diagnostic.help(help));
            }
        }
    }

    /// The inputs whose types are among these.
    fn inputs(&mut self, asked: &RunRequest, among: &dyn Fn(&Type) -> bool) {
        let inputs: Vec<(GlobalId, Name, Type, Span, bool)> = self
            .inputs_of_program()
            .filter(|(_, input, _)| among(&input.ty))
            .map(|(id, input, default)| {
                (
                    id,
                    input.name.clone(),
                    input.ty.clone(),
                    input.span,
                    default,
                )
            })
            .collect();
        for (id, name, ty, span, has_default) in inputs {
            match asked.inputs.get(&*name) {
                Some(raw) => match self.convert(raw, &ty) {
                    Ok(value) => {
                        self.given.inputs.insert(id, value);
                    }
                    Err(problem) => self.diagnostics.push(
                        Diagnostic::error(
                            codes::WRONG_INPUT,
                            span,
                            format!("the value given for input `{name}` does not fit: {problem}"),
                        )
                        .here(format!("it is declared as `{ty}` here")),
                    ),
                },
                None if asked.written.contains_key(&id) => {
                    let value = asked.written.get(&id).cloned();
                    self.given.written.extend(value.map(|value| (id, value)));
                }
                None if has_default || !self.needed.contains(&name) => {}
                None => self.diagnostics.push(
                    Diagnostic::error(
                        codes::MISSING_INPUT,
                        span,
                        format!("input `{name}` is missing"),
                    )
                    .here("it has no default, so it must be given")
                    .help(format!("give it with `-i {name}=…`")),
                ),
            }
        }
    }

    fn convert(&self, raw: &InputValue, ty: &Type) -> Result<Value, String> {
        match ty {
            Type::List(of) if matches!(**of, Type::Infrastructure(_)) => {
                let (names, by) = places_given(raw)?;
                self.places(&names, by, of)
            }
            Type::List(of) if matches!(**of, Type::Service(_)) => {
                let names = names_given(raw)?;
                let mut services = Vec::new();
                for name in &names {
                    let service = self.one(name, of)?;
                    if services.contains(&service) {
                        return Err(format!("`{name}` is named twice"));
                    }
                    services.push(service);
                }
                Ok(Value::list(services))
            }
            Type::Optional(of) => match raw {
                InputValue::Json(serde_json::Value::Null) => Ok(Value::None),
                InputValue::Text(text) if text.trim() == "none" => self.none_or(raw, of),
                raw => self.convert(raw, of),
            },
            Type::Infrastructure(_) | Type::Service(_) | Type::Environment => match raw {
                InputValue::Text(name) | InputValue::Json(serde_json::Value::String(name)) => {
                    self.one(name, ty)
                }
                InputValue::Json(_) => Err(String::from("expected a name")),
            },
            _ => paths::given(raw, ty, self.files),
        }
    }

    /// `none`, unless something is called so that the type can be.
    fn none_or(&self, raw: &InputValue, of: &Type) -> Result<Value, String> {
        let names = match of {
            Type::Service(_) | Type::Infrastructure(_) | Type::Environment => true,
            Type::List(of) => matches!(
                **of,
                Type::Service(_) | Type::Infrastructure(_) | Type::Environment
            ),
            Type::OneOf(_) => true,
            _ => false,
        };
        let named = names.then(|| self.convert(raw, of).ok()).flatten();
        Ok(named.unwrap_or(Value::None))
    }

    /// The one service, environment or infrastructure with this name or id.
    fn one(&self, name: &str, ty: &Type) -> Result<Value, String> {
        let program = self.program;
        match ty {
            Type::Service(kind) => {
                let named = program
                    .services
                    .iter()
                    .position(|service| *service.name == *name);
                let at = named.ok_or_else(|| {
                    let names = program.services.iter().map(|service| &*service.name);
                    not_found("service", name, names)
                })?;
                let found = &program.services[at];
                self.check_kind(name, found.kind, kind.as_ref())?;
                Ok(Value::Service {
                    id: ServiceId(at as u32),
                    at: None,
                })
            }
            Type::Environment => {
                let named = program.environments.iter().position(|it| *it.name == *name);
                let at = named.ok_or_else(|| {
                    not_found(
                        "environment",
                        name,
                        program.environments.iter().map(|it| &*it.name),
                    )
                })?;
                Ok(Value::Environment(EnvironmentId(at as u32)))
            }
            _ => match self.places(&[name.to_string()], NamedBy::Any, ty)? {
                Value::List(found) if found.len() == 1 => Ok(found[0].clone()),
                _ => Err(format!(
                    "`{name}` names several infrastructures, but one is expected"
                )),
            },
        }
    }

    /// Infrastructures by name, id, group or `prod.*`. The error names all wrong entries.
    fn places(&self, names: &[String], by: NamedBy, ty: &Type) -> Result<Value, String> {
        let mut found: Vec<InfrastructureId> = Vec::new();
        let mut wrong: Vec<String> = Vec::new();
        for name in names {
            let entry = match name.is_empty() {
                true => Err(format!("an entry is empty; {}", self.candidates())),
                false => self.place(name, by),
            };
            let ids = entry.unwrap_or_else(|message| {
                wrong.push(message);
                Vec::new()
            });
            for id in ids {
                match self.fits(id, ty) {
                    Err(message) => wrong.push(message),
                    Ok(name) if found.contains(&id) => {
                        wrong.push(format!("`{name}` is named twice"));
                    }
                    Ok(_) => found.push(id),
                }
            }
        }
        let mut told = HashSet::new();
        wrong.retain(|message| told.insert(message.clone()));
        match wrong.is_empty() {
            true => Ok(Value::list(found.into_iter().map(Value::Infrastructure))),
            false => Err(wrong.join("; ")),
        }
    }

    /// The name of an infrastructure of the wanted kind.
    fn fits(&self, id: InfrastructureId, ty: &Type) -> Result<&str, String> {
        let Some(infrastructure) = self.program.infrastructures.get(id.0 as usize) else {
            return Ok("");
        };
        if let Type::Infrastructure(kind) = ty {
            self.check_kind(&infrastructure.name, infrastructure.kind, kind.as_ref())?;
        }
        Ok(&infrastructure.name)
    }

    fn check_kind(&self, name: &str, is: u32, wanted: Option<&KindRef>) -> Result<(), String> {
        match wanted {
            Some(wanted) if !self.program.is_of_kind(is, wanted.id) => {
                Err(format!("`{name}` is not of kind `{}`", wanted.name))
            }
            _ => Ok(()),
        }
    }

    fn place(&self, name: &str, by: NamedBy) -> Result<Vec<InfrastructureId>, String> {
        let program = self.program;
        let all = || (0..program.infrastructures.len() as u32).map(InfrastructureId);
        let get = |id: InfrastructureId| &program.infrastructures[id.0 as usize];
        if by == NamedBy::Id {
            return self.place_by_id(name);
        }
        if let Some(environment) = name.strip_suffix(".*") {
            let named = program
                .environments
                .iter()
                .find(|it| *it.name == *environment);
            return named.map(|it| it.infrastructures.clone()).ok_or_else(|| {
                let names = program.environments.iter().map(|it| &*it.name);
                not_found("environment", environment, names)
            });
        }
        if let Some(group) = program.groups.iter().find(|group| *group.name == *name) {
            return self.group(group);
        }
        if let Some(id) = all().find(|id| *get(*id).name == *name) {
            return Ok(vec![id]);
        }
        let by_id: Vec<InfrastructureId> = all()
            .filter(|id| {
                let infrastructure = get(*id);
                // One with an id of its own is still called by its short name, too.
                let is_id = by == NamedBy::Any && own_id(infrastructure).as_deref() == Some(name);
                is_id || short_name(infrastructure) == name
            })
            .collect();
        match by_id.as_slice() {
            [_] => Ok(by_id),
            [] if program.environments.iter().any(|it| *it.name == *name) => Err(format!(
                "`{name}` is an environment; its infrastructures are `{name}.*`"
            )),
            [] => {
                let names = program.infrastructures.iter().map(|it| &*it.name);
                let names = names.chain(program.groups.iter().map(|it| &*it.name));
                let near = did_you_mean(name, names).unwrap_or_else(|| self.candidates());
                Err(format!(
                    "there is no infrastructure or group `{name}`; {near}"
                ))
            }
            several => {
                let names: Vec<&str> = several.iter().map(|id| &*get(*id).name).collect();
                Err(format!(
                    "`{name}` may be {}; write the full name",
                    or_list(&names)
                ))
            }
        }
    }

    /// The one infrastructure with this id; one that has none is called by its name.
    fn place_by_id(&self, id: &str) -> Result<Vec<InfrastructureId>, String> {
        let all = || self.program.infrastructures.iter();
        let id_of = |it: &Infrastructure| own_id(it).unwrap_or_else(|| it.name.to_string());
        let found = all().zip(0..).filter(|(it, _)| id_of(it) == id);
        let found: Vec<InfrastructureId> = found.map(|(_, at)| InfrastructureId(at)).collect();
        match found.as_slice() {
            [_] => Ok(found),
            [] => {
                let ids: Vec<String> = all().map(id_of).collect();
                let near = did_you_mean(id, ids.iter().map(String::as_str));
                let near = near.unwrap_or_else(|| self.candidates());
                Err(format!(
                    "there is no infrastructure with the id `{id}`; {near}"
                ))
            }
            several => {
                let names = several
                    .iter()
                    .map(|id| &*self.program.infrastructures[id.0 as usize].name);
                let names: Vec<&str> = names.collect();
                Err(format!(
                    "`{id}` is the id of {}; name one of them",
                    or_list(&names)
                ))
            }
        }
    }

    fn group(&self, group: &lockstep_lang::ir::Group) -> Result<Vec<InfrastructureId>, String> {
        let facts = Facts::default();
        let locals = Locals::default();
        let sight = EvalScope {
            program: self.program,
            facts: &facts,
            locals: &locals,
            run: None,
        };
        match sight.eval(&group.value) {
            Ok(Value::List(items)) => Ok(items
                .iter()
                .filter_map(|item| match item {
                    Value::Infrastructure(id) => Some(*id),
                    _ => None,
                })
                .collect()),
            _ => Err(format!("the group `{}` cannot be named here", group.name)),
        }
    }

    fn candidates(&self) -> String {
        let groups = self.program.groups.iter().map(|group| &*group.name);
        let names: Vec<&str> = self
            .program
            .infrastructures
            .iter()
            .map(|it| &*it.name)
            .chain(groups)
            .collect();
        format!("there are {}", or_list(&names).replace(" or ", " and "))
    }

    /// `--set checkout.replicas=9`, `--set prod.eu.context=…`.
    fn fields(&mut self, asked: &RunRequest) {
        for (path, text) in &asked.fields {
            if let Err(problem) = self.field(path, text) {
                let message = format!("`--set {path}` does not fit: {problem}");
                self.diagnostics
                    .push(Diagnostic::without_place(codes::WRONG_SET, message));
            }
        }
    }

    fn field(&mut self, path: &str, given: &str) -> Result<(), String> {
        let program = self.program;
        let (owner, field) = path
            .rsplit_once('.')
            .ok_or("write `--set NAME.FIELD=VALUE`")?;
        let service = program.services.iter().position(|it| *it.name == *owner);
        let place = program
            .infrastructures
            .iter()
            .position(|it| *it.name == *owner);
        let environment = program
            .environments
            .iter()
            .position(|it| *it.name == *owner);
        let (owner, declared) = if let Some(at) = service {
            let kind = program.kinds.get(program.services[at].kind as usize);
            (
                FieldOwner::Service(ServiceId(at as u32)),
                kind.map(|kind| &kind.service),
            )
        } else if let Some(at) = place {
            let kind = program.kinds.get(program.infrastructures[at].kind as usize);
            (
                FieldOwner::Infrastructure(InfrastructureId(at as u32)),
                kind.map(|it| &it.infrastructure),
            )
        } else if let Some(at) = environment {
            let id = EnvironmentId(at as u32);
            let kind = program
                .infrastructures
                .iter()
                .find(|it| it.environment == id);
            let kind = kind.and_then(|it| program.kinds.get(it.kind as usize));
            (
                FieldOwner::Environment(id),
                kind.map(|kind| &kind.infrastructure),
            )
        } else {
            let services = program.services.iter().map(|it| &*it.name);
            let names = services.chain(program.infrastructures.iter().map(|it| &*it.name));
            let names = names.chain(program.environments.iter().map(|it| &*it.name));
            return Err(not_found(
                "service, environment or infrastructure",
                owner,
                names,
            ));
        };
        let ty = match declared.and_then(|fields| fields.get(field)) {
            Some(declared) => declared.ty.clone(),
            None if field == "id" && place.is_some() => Type::String,
            None if field == "exclusive" && place.is_some() => Type::Bool,
            None if field == POOL_FIELD && place.is_some() => Type::optional(Type::String),
            None => {
                let names = declared
                    .into_iter()
                    .flat_map(|it| it.keys())
                    .map(|it| &**it);
                return Err(not_found("field", field, names));
            }
        };
        let value = self.convert(&InputValue::Text(given.to_string()), &ty)?;
        if let Value::String(name) = &value
            && field == POOL_FIELD
            && service.is_none()
            && let Some(why) = wrong_pool_name(name)
        {
            return Err(format!("{why}, but {POOL_NAME_RULE}"));
        }
        self.given.fields.insert((owner, Name::from(field)), value);
        Ok(())
    }
}

/// Whether values of a type name services, environments or infrastructures.
fn names_things(ty: &Type) -> bool {
    match ty {
        Type::Service(_) | Type::Infrastructure(_) | Type::Environment => true,
        Type::List(of) | Type::Map(of) | Type::Optional(of) => names_things(of),
        Type::Record(fields) => fields.values().any(names_things),
        _ => false,
    }
}

fn not_found<'n>(what: &str, name: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    let near = did_you_mean(name, names.clone()).unwrap_or_else(|| {
        let names: Vec<&str> = names.collect();
        if names.is_empty() {
            String::from("there is none")
        } else {
            format!("there are {}", or_list(&names).replace(" or ", " and "))
        }
    });
    format!("there is no {what} `{name}`; {near}")
}

/// What is wrong with an input's value by the rule after its `where`. An input without a value
/// has been reported already.
fn broken_rule(
    program: &Program,
    finder: &FactFinder<'_>,
    id: GlobalId,
    input: &Global,
) -> Option<Diagnostic> {
    let GlobalSource::Input {
        rule: Some(rule), ..
    } = &input.source
    else {
        return None;
    };
    let value = Scope::global(finder, id).ok()?;
    match eval::eval(rule, finder) {
        Ok(Value::Bool(false)) => {
            let said = program.sources.text(rule.span);
            let (value, name) = (super::display(program, &value), &input.name);
            let message = format!("`{value}` is not allowed for input `{name}`");
            let diagnostic = Diagnostic::error(codes::RULE_BROKEN, rule.span, message)
                .here("this rule must hold")
                .help(format!("give a value for which `{said}` is true"));
            Some(diagnostic)
        }
        Ok(_) | Err(Halt::Unknown) => None,
        Err(Halt::Fault(fault)) => Some(*fault),
    }
}

/// A group names each infrastructure once.
fn check_groups(program: &Program, facts: &Facts, diagnostics: &mut Vec<Diagnostic>) {
    let locals = Locals::default();
    let sight = EvalScope {
        program,
        facts,
        locals: &locals,
        run: None,
    };
    for group in &program.groups {
        let Ok(Value::List(items)) = sight.eval(&group.value) else {
            continue;
        };
        for (at, item) in items.iter().enumerate() {
            if items.iter().take(at).any(|other| other == item) {
                let name = super::display(program, item);
                let message = format!("group `{}` names `{name}` twice", group.name);
                diagnostics.push(Diagnostic::error(
                    codes::REPEATED_IN_GROUP,
                    group.span,
                    message,
                ));
            }
        }
    }
}

/// The inputs of a pipeline: what can be given, for `lockstep inputs` and for editors.
pub fn inputs(program: &Program) -> impl Iterator<Item = &Global> {
    program
        .globals
        .iter()
        .filter(|global| matches!(global.source, GlobalSource::Input { .. }))
}

/// The inputs that have no default and are not given, of those that the pipeline can reach; of all
/// pipelines where none is named.
pub fn missing<'p>(
    program: &'p Program,
    asked: &RunRequest,
) -> impl Iterator<Item = &'p Global> + use<'p> {
    let given: Vec<String> = asked.inputs.keys().cloned().collect();
    let pipelines = program.pipelines.iter();
    let named = |name: &str| asked.pipeline.as_deref().is_none_or(|asked| asked == name);
    let needed: HashSet<Name> = pipelines
        .enumerate()
        .filter(|(_, pipeline)| named(&pipeline.name))
        .flat_map(|(at, _)| needed_inputs(program, at as u32))
        .collect();
    inputs(program).filter(move |input| {
        let is_needed = matches!(&input.source, GlobalSource::Input { default: None, .. });
        is_needed && needed.contains(&input.name) && !given.iter().any(|name| **name == *input.name)
    })
}

/// Whether a value would do for an input; if not, why, as a sentence without a full stop. A rule
/// that also reads inputs without a value is left for [`bind`].
pub fn try_input(
    program: &Program,
    name: &str,
    raw: &InputValue,
    environment: &dyn EnvironmentVariables,
    files: &dyn Files,
) -> Result<(), String> {
    let mut binder = Binder {
        program,
        given: GivenValues::default(),
        needed: HashSet::new(),
        diagnostics: Vec::new(),
        files,
    };
    let found = binder
        .inputs_of_program()
        .find(|(_, input, _)| *input.name == *name);
    let Some((id, input, _)) = found else {
        return Err(format!("there is no input `{name}`"));
    };
    let value = binder.convert(raw, &input.ty)?;
    binder.given.inputs.insert(id, value);
    let finder = FactFinder::new(program, binder.given, environment, files);
    match broken_rule(program, &finder, id, &program.globals[id.0 as usize]) {
        Some(wrong) => Err(wrong.message),
        None => Ok(()),
    }
}

/// What is declared in a program, evaluated without a run.
pub struct DeclaredValues<'a> {
    finder: FactFinder<'a>,
}

impl<'a> DeclaredValues<'a> {
    /// With inputs that are given as expressions of the program, by a test, and with what is
    /// deployed.
    pub fn new(
        program: &'a Program,
        asked: RunRequest,
        environment: &'a dyn EnvironmentVariables,
        files: &'a dyn Files,
    ) -> Self {
        let given = GivenValues {
            written: asked.written,
            deployed: asked.deployed,
            ..GivenValues::default()
        };
        let finder = FactFinder::new(program, given, environment, files);
        Self { finder }
    }

    /// The value of an expression; or what is wrong, which is nothing where it is only unknown.
    pub fn eval(&self, expr: &Expr) -> Result<Value, Vec<Diagnostic>> {
        match eval::eval(expr, &self.finder) {
            Ok(value) => Ok(value),
            Err(Halt::Fault(fault)) => Err(vec![*fault]),
            Err(Halt::Unknown) => Err(self.finder.take_faults()),
        }
    }
}
