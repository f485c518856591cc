//! Completions for the values of arguments: files, names of the program, runs.

use std::path::{Path, PathBuf};

use clap::Arg;
use indexmap::IndexSet;

use super::candidate::Candidate;
use super::target::PrecedingArguments;
use crate::files::{self, CallerEnvironment, OpenedFile};
use lockstep_base::diagnostic::Code;
use lockstep_base::node_path;
use lockstep_base::value::Type;
use lockstep_engine::run_event::RunEventKind;
use lockstep_lang::compile::{Compilation, compile};
use lockstep_lang::ir::Program;
use lockstep_lint as lint;
use lockstep_plan::{self as plan, InputValue, Plan, RunRequest};
use lockstep_store::{Store, StoredRun};
use lockstep_syntax::ast::ItemKind;
use lockstep_verify::what_if::{self, WhatIfError, WhatIfRequest};

/// The default name of the state directory.
const DEFAULT_STATE_DIR: &str = crate::state::DEFAULT_STATE_DIR;

/// The values of an argument of a command; `current` is the typed part.
pub(super) fn values(
    command: &str,
    arg: &Arg,
    current: &str,
    given: &PrecedingArguments,
) -> Vec<Candidate> {
    let names = arg.get_value_names().unwrap_or_default();
    let name = names.first().map_or("", |name| name.as_str());
    match name {
        "FILE" | "PATHS" if arg.is_positional() => {
            let mut offers = paths(current, &["deploy"]);
            if matches!(command, "plan" | "run") {
                offers.extend(pipelines(given));
            }
            offers
        }
        "FILE" if arg.get_id() == "groups" => paths(current, &["toml"]),
        "FILE" if matches!(arg.get_id().as_str(), "out" | "plan") => paths(current, &["plan"]),
        "FILE" => paths(current, &["json", "yaml", "yml", "toml"]),
        "DIR" | "FOLDER" => paths(current, &[]),
        "PIPELINE" => pipelines(given),
        "NAME=VALUE" => inputs(current, given),
        "PATH=VALUE" => fields(given),
        "RUN" => runs(command, given),
        "PATH" if command == "approve" => questions(given),
        "PATH" if matches!(command, "logs" | "undo") => at_depth(logged(given), current),
        "PATH" if matches!(command, "plan" | "run") => at_depth(planned(given), current),
        "TEXT" if command == "test" => tests(given),
        "TEST" => tests(given),
        "CODE" => codes(),
        _ => Vec::new(),
    }
}

/// Files with one of these endings, and folders.
fn paths(current: &str, endings: &[&str]) -> Vec<Candidate> {
    let folder = current.rfind('/').map_or("", |at| &current[..=at]);
    let read = match folder {
        "" => std::fs::read_dir("."),
        folder => std::fs::read_dir(folder),
    };
    let hidden = current.len() > folder.len() && current[folder.len()..].starts_with('.');
    let mut offers = Vec::new();
    for entry in read.into_iter().flatten().flatten() {
        let (Ok(name), path) = (entry.file_name().into_string(), entry.path()) else {
            continue;
        };
        let ending = path.extension().and_then(|ending| ending.to_str());
        if name.starts_with('.') != hidden {
            continue;
        }
        if path.is_dir() {
            offers.push(Candidate::plain(format!("{folder}{name}/")));
        } else if ending.is_some_and(|ending| endings.contains(&ending)) {
            offers.push(Candidate::plain(format!("{folder}{name}")));
        }
    }
    offers.sort_by(|one, other| one.value.cmp(&other.value));
    offers
}

/// The file that the command works on, if it is known, and its compilation.
fn compiled(given: &PrecedingArguments) -> Option<(OpenedFile, Compilation)> {
    let mut named = ["file", "paths", "files"].into_iter();
    let named = named.find_map(|name| given.get(name));
    let named = named.filter(|path| Path::new(path).is_file());
    let opened = files::open(named).ok()?;
    let compilation = compile(&opened, &opened.path);
    Some((opened, compilation))
}

fn pipelines(given: &PrecedingArguments) -> Vec<Candidate> {
    let Some((_, compilation)) = compiled(given) else {
        return Vec::new();
    };
    let items = compilation.modules.files.first();
    let items = items.iter().flat_map(|module| &module.ast.items);
    let pipelines = items.filter_map(|item| match &item.kind {
        ItemKind::Pipeline { name, .. } => {
            let doc = item.doc.as_deref().unwrap_or("pipeline");
            Some(Candidate::new(&*name.name, doc))
        }
        _ => None,
    });
    pipelines.collect()
}

/// `name=`, followed by the values that the input's type allows.
fn inputs(current: &str, given: &PrecedingArguments) -> Vec<Candidate> {
    let Some(program) = program(given) else {
        return Vec::new();
    };
    let Some((name, value)) = current.split_once('=') else {
        let taken: Vec<&str> = given.all("inputs").collect();
        let is_free = |name: &str| {
            let has = |pair: &&str| pair.split_once('=').is_some_and(|(it, _)| it == name);
            !taken.iter().any(has)
        };
        let all = plan::inputs(&program).filter(|input| is_free(&input.name));
        let offers = all.map(|input| {
            let what = match &input.doc {
                Some(doc) => format!("{}: {doc}", input.ty),
                None => input.ty.to_string(),
            };
            Candidate::new(format!("{}=", input.name), what)
        });
        return offers.collect();
    };
    let mut inputs = plan::inputs(&program);
    let Some(input) = inputs.find(|input| *input.name == *name) else {
        return Vec::new();
    };
    let (list, of) = match bare(&input.ty) {
        Type::List(of) => (true, bare(of)),
        of => (false, of),
    };
    // In a list, what is before the last comma stays.
    let written = match list {
        true => value.rfind(',').map_or("", |at| &value[..=at]),
        false => "",
    };
    let taken: Vec<&str> = written.split(',').map(str::trim).collect();
    let offers = of_type(of, list, &program).into_iter();
    let offers = offers.filter(|offer| !taken.contains(&offer.value.as_str()));
    offers
        .map(|offer| offer.behind(&format!("{name}={written}")))
        .collect()
}

/// The type without `?`.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Optional(of) => bare(of),
        ty => ty,
    }
}

fn of_type(ty: &Type, list: bool, program: &Program) -> Vec<Candidate> {
    match ty {
        Type::Bool => ["true", "false"].map(Candidate::plain).to_vec(),
        Type::OneOf(texts) => texts.iter().map(|text| Candidate::plain(&**text)).collect(),
        Type::Service(_) => {
            let services = program.services.iter();
            services.map(|it| Candidate::plain(&*it.name)).collect()
        }
        Type::Environment => {
            let environments = program.environments.iter();
            environments.map(|it| Candidate::plain(&*it.name)).collect()
        }
        Type::Infrastructure(_) => {
            let places = program.infrastructures.iter();
            let mut offers: Vec<Candidate> = places.map(|it| Candidate::plain(&*it.name)).collect();
            if list {
                let all = program.environments.iter();
                let all = all.map(|it| Candidate::new(format!("{}.*", it.name), "all of them"));
                let groups = program.groups.iter();
                offers.extend(all);
                offers.extend(groups.map(|it| Candidate::new(&*it.name, "group")));
            }
            offers
        }
        _ => Vec::new(),
    }
}

/// `service.field=` and `environment.infrastructure.field=`
fn fields(given: &PrecedingArguments) -> Vec<Candidate> {
    let Some(program) = program(given) else {
        return Vec::new();
    };
    let kind = |place: u32| program.kinds.get(place as usize);
    let mut offers = Vec::new();
    for service in &program.services {
        let fields = kind(service.kind).into_iter().flat_map(|it| &it.service);
        offers.extend(fields.map(|(name, field)| {
            Candidate::new(format!("{}.{name}=", service.name), field.ty.to_string())
        }));
    }
    for place in &program.infrastructures {
        let fields = kind(place.kind).into_iter();
        let fields = fields.flat_map(|it| &it.infrastructure);
        offers.extend(fields.map(|(name, field)| {
            Candidate::new(format!("{}.{name}=", place.name), field.ty.to_string())
        }));
    }
    offers
}

fn program(given: &PrecedingArguments) -> Option<Program> {
    compiled(given)?.1.program
}

fn store(given: &PrecedingArguments) -> Option<Store> {
    // Nobody waits for the answer of a server while they type.
    if given.get("server").is_some() {
        return None;
    }
    let folder = given
        .get("state")
        .map_or(PathBuf::from(DEFAULT_STATE_DIR), PathBuf::from);
    Store::open_existing(&folder).ok()?
}

/// The runs that a command applies to, the last one first.
fn runs(command: &str, given: &PrecedingArguments) -> Vec<Candidate> {
    let runs = store(given).and_then(|store| store.runs("").ok());
    let fits = |run: &StoredRun| match command {
        "resume" => run.status.as_str() == "stopped",
        "cancel" | "approve" => run.status.as_str() == "running",
        "retry" => !matches!(run.status.as_str(), "running" | "stopped" | "succeeded"),
        "undo" => run.undoes.is_none() && !matches!(run.status.as_str(), "running" | "stopped"),
        _ => true,
    };
    let runs = runs.into_iter().flatten().filter(fits).take(50);
    let offer = |run: StoredRun| {
        let what = format!("{}, {}", run.pipeline, run.status.as_str());
        Candidate::new(&*run.id, what)
    };
    runs.map(offer).collect()
}

/// The run that is named, else the last one.
fn run(store: &Store, given: &PrecedingArguments) -> Option<StoredRun> {
    let named = given.get("run").unwrap_or_default();
    store.runs(named).ok()?.into_iter().next()
}

/// The paths of open questions.
fn questions(given: &PrecedingArguments) -> Vec<Candidate> {
    let found = store(given).and_then(|store| {
        let run = run(&store, given)?;
        store.questions(run.number).ok()
    });
    let offer = |asked: lockstep_store::StoredQuestion| {
        let text = asked.question.text().to_string();
        Candidate::new(asked.node, text)
    };
    found.into_iter().flatten().map(offer).collect()
}

/// The paths up to the depth of the typed one, so that they are completed level by level.
fn at_depth(paths: Vec<String>, current: &str) -> Vec<Candidate> {
    let depth = node_path::parts(current).count();
    let fits = |it: &String| node_path::parts(it).count() == depth;
    paths
        .into_iter()
        .filter(fits)
        .map(Candidate::plain)
        .collect()
}

/// The paths of nodes that have run.
fn logged(given: &PrecedingArguments) -> Vec<String> {
    let events = store(given).and_then(|store| {
        let run = run(&store, given)?;
        store.published_events(run.number, 1).ok()
    });
    let mut paths = IndexSet::new();
    for event in events.into_iter().flatten() {
        if let RunEventKind::NodeStarted { node, .. } = event.what {
            paths.insert(node.to_string());
        }
    }
    paths.into_iter().collect()
}

/// The paths of what can fail in a plan.
fn planned(given: &PrecedingArguments) -> Vec<String> {
    let plan = compiled(given).and_then(|(opened, compilation)| {
        let program = compilation.program?;
        let named = given.get("file").filter(|word| !Path::new(word).exists());
        let pipeline = given.get("pipeline").or(named);
        let mut asked = RunRequest {
            pipeline: pipeline.map(String::from),
            ..RunRequest::default()
        };
        for (name, value) in given.all("inputs").filter_map(|pair| pair.split_once('=')) {
            asked
                .inputs
                .insert(name.into(), InputValue::Text(value.into()));
        }
        let bound = plan::bind(&program, &asked, &CallerEnvironment, &opened);
        bound.and_then(Plan::new).ok()
    });
    let nothing = WhatIfRequest {
        path: Some(String::from("?")),
        ..WhatIfRequest::default()
    };
    match plan.map(|plan| what_if::what_if(plan, &nothing)) {
        Some(Err(WhatIfError::NoSuchPath(paths))) => {
            paths.iter().map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    }
}

fn tests(given: &PrecedingArguments) -> Vec<Candidate> {
    let tests = program(given).map(|program| program.tests);
    let tests = tests.into_iter().flatten();
    tests.map(|test| Candidate::plain(&*test.name)).collect()
}

/// Codes, and the names of the lint rules.
fn codes() -> Vec<Candidate> {
    let codes = Code::all().map(|code| Candidate::new(code.as_str(), code.title()));
    let rules = lint::rules().iter();
    let rules = rules.map(|rule| Candidate::new(rule.name, rule.code.title()));
    codes.chain(rules).collect()
}
