//! Lowers `trigger`: what it fires on is known without a run, what it starts is given the event.

use std::collections::{HashMap, HashSet};

use crate::eval::visit::each_part;
use crate::eval::{Expr, ExprKind, GlobalId, Halt, Slot, eval};
use crate::ir::cron::Cron;
use crate::ir::file_pattern::file_pattern;
use crate::ir::{
    Global, GlobalSource, Missed, Program, Trigger, TriggerKind, WebhookSource, needed_inputs,
    time_zone, time_zones,
};
use crate::resolve::DeclKind;
use crate::types::{LocalScope, Parameter, Typed, errors as type_errors, holds_secret, is_poison};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{SecretPart, Type, Value};
use lockstep_syntax::ast::{self, ExprKind as Form, ItemKind};
use lockstep_syntax::visit::{Visit, walk_expr};

use super::constant_scope::ConstantScope;
use super::constants::ValueRange;
use super::{ProgramLowering, trigger_errors as errors};

/// What triggers can fire on.
const SOURCES: [&str; 4] = ["schedule", "webhook", "artifact", "change"];

/// How often an image is looked at, in milliseconds.
const ARTIFACT_EVERY_MS: i64 = 300_000;

/// How often files are looked at, in milliseconds.
const CHANGE_EVERY_MS: i64 = 60_000;

/// The fields of `event`: on what they are known, with their types.
fn event_fields() -> [(&'static str, &'static str, Type); 5] {
    [
        ("at", "", Type::String),
        ("payload", "webhook", Type::Json),
        ("digest", "artifact", Type::String),
        ("commit", "change", Type::String),
        ("paths", "change", Type::list(Type::String)),
    ]
}

impl ProgramLowering<'_> {
    /// All triggers are checked; those of the first file are returned.
    pub(super) fn triggers(&mut self, program: &Program) -> Vec<Trigger> {
        let modules = self.check.modules;
        let circles = self.check.diagnostics.has(codes::CIRCLE);
        let mut kept = Vec::new();
        for site in &modules.decls.triggers {
            let item = modules.item(site);
            let ItemKind::Trigger(trigger) = &item.kind else {
                continue;
            };
            if !self.is_in_focus(item.span) {
                continue;
            }
            let mut lowering = TriggerLowering {
                program,
                facts: ConstantScope::new(program, circles),
                lower: self,
                file: site.file,
            };
            let lowered = lowering.trigger(trigger, item.doc.clone());
            kept.extend(lowered.filter(|_| site.file == FileId(0)));
        }
        kept
    }
}

struct TriggerLowering<'l, 'c, 'p> {
    lower: &'l mut ProgramLowering<'c>,
    program: &'p Program,
    facts: ConstantScope<'p>,
    file: FileId,
}

/// What is handed to one of the inputs of the pipeline.
type InputValues = Vec<(GlobalId, Expr)>;

impl TriggerLowering<'_, '_, '_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.lower.check.report(diagnostic);
    }

    fn trigger(&mut self, trigger: &ast::Trigger, doc: Option<Name>) -> Option<Trigger> {
        let kind = trigger.on.as_ref().map(|on| self.fires_on(on));
        let mut locals = LocalScope::new(self.file);
        let event = self.event(&mut locals, trigger);
        let filter = trigger.filter.as_ref().map(|filter| {
            let what = "the condition after `where`";
            let check = &mut self.lower.check;
            check.check(&mut locals, filter, &Type::Bool, what, None)
        });
        self.known_early(filter.iter(), "the condition after `where`");
        let started = trigger.starts.as_ref().map(|starts| {
            let pipeline = self.pipeline(&starts.name);
            let inputs = self.inputs(&mut locals, starts, pipeline);
            (pipeline, inputs)
        });
        let (pipeline, inputs) = started?;
        Some(Trigger {
            name: trigger.name.name.clone(),
            doc,
            span: trigger.name.span,
            kind: kind??,
            event,
            filter,
            pipeline: pipeline?,
            inputs,
        })
    }

    /// Introduces `event`. A field that is known to others only is reported where it is read.
    fn event(&mut self, locals: &mut LocalScope, trigger: &ast::Trigger) -> Slot {
        let on = trigger.on.as_ref();
        let word = on.map_or("", |on| &*on.name.name);
        let known = SOURCES.contains(&word);
        let mut read = EventFields::default();
        let given = trigger.starts.iter().flat_map(|starts| &starts.args);
        let exprs = trigger.filter.iter().chain(given.map(|arg| &arg.value));
        exprs.for_each(|expr| read.visit_expr(expr));
        let mut fields = Vec::new();
        for (name, of, ty) in event_fields() {
            let wrong = read.found.get(name).copied();
            match (of.is_empty() || of == word, known, wrong) {
                (true, ..) => fields.push((name, ty)),
                // What it fires on is not known, so that nothing is known of the event.
                (false, false, _) => fields.push((name, Type::Any)),
                (false, true, Some(at)) => {
                    self.report(errors::event_field(at, name, word, of));
                    fields.push((name, Type::Any));
                }
                (false, true, None) => {}
            }
        }
        let declared = on.map_or(trigger.name.span, |on| on.name.span);
        locals.add(&"event".into(), declared, Type::record(fields), false)
    }

    /// What a trigger fires on.
    fn fires_on(&mut self, on: &ast::TriggerPart) -> Option<TriggerKind> {
        let word = &*on.name.name;
        let text = Type::String;
        let params: Vec<Parameter> = match word {
            "schedule" => vec![
                parameter("cron", text.clone(), true),
                parameter("zone", text, false),
                parameter("missed", words(Missed::ALL.map(Missed::as_str)), false),
            ],
            "webhook" => vec![
                parameter("secret", Type::Secret, true),
                parameter(
                    "from",
                    words(WebhookSource::ALL.map(WebhookSource::as_str)),
                    false,
                ),
            ],
            "artifact" => vec![
                parameter("image", text, true),
                parameter("every", Type::Duration, false),
            ],
            "change" => vec![
                parameter("paths", Type::list(text.clone()), true),
                parameter("branch", text, false),
                parameter("every", Type::Duration, false),
            ],
            _ => {
                if !word.is_empty() {
                    let known = SOURCES.into_iter();
                    let what = "event source";
                    let error = type_errors::unknown_word(codes::TRIGGER, &on.name, what, known);
                    self.report(error);
                }
                self.lower
                    .check
                    .arguments_alone(&mut LocalScope::new(self.file), &on.args);
                return None;
            }
        };
        let mut locals = LocalScope::new(self.file);
        let what = format!("`{word}`");
        let check = &mut self.lower.check;
        let bound = check.arguments(&mut locals, &what, &params, &on.args, on.name.span);
        if !bound.good {
            return None;
        }
        let mut args = params.iter().zip(bound.args);
        let mut next = || {
            args.next()
                .and_then(|(param, arg)| Some((param.name.clone(), arg?)))
        };
        let (first, second, third) = (next(), next(), next());
        match word {
            "schedule" => self.schedule(first, second, third),
            "webhook" => self.webhook(first, second),
            "artifact" => {
                let image = self.text(first);
                let every = self.every(second, ARTIFACT_EVERY_MS);
                let (image, every) = (image??, every?);
                Some(TriggerKind::Artifact { image, every })
            }
            _ => self.change(on, first, second, third),
        }
    }

    fn schedule(
        &mut self,
        cron: GivenArgument,
        zone: GivenArgument,
        missed: GivenArgument,
    ) -> Option<TriggerKind> {
        let place = |given: &GivenArgument| given.as_ref().map(|(_, typed)| typed.expr.span);
        let (cron_at, zone_at) = (place(&cron), place(&zone));
        let (cron, zone, missed) = (self.text(cron), self.text(zone), self.text(missed));
        if let (Some(Some(text)), Some(at)) = (&cron, cron_at) {
            match Cron::parse(text) {
                Ok(times) if times.comes() => {}
                Ok(_) => self.report(errors::never_comes(at, text)),
                Err(reason) => self.report(errors::no_schedule(at, text, &reason)),
            }
        }
        if let (Some(Some(name)), Some(at)) = (&zone, zone_at)
            && time_zone(name).is_none()
        {
            self.report(errors::unknown_zone(at, name, &time_zones()));
        }
        let missed = missed?;
        let is = |it: &Missed| Some(it.as_str()) == missed.as_deref();
        Some(TriggerKind::Schedule {
            cron: cron??,
            zone: zone?.unwrap_or_else(|| "UTC".into()),
            missed: Missed::ALL.into_iter().find(is).unwrap_or_default(),
        })
    }

    fn webhook(&mut self, secret: GivenArgument, from: GivenArgument) -> Option<TriggerKind> {
        let from = self.text(from);
        let (_, typed) = secret?;
        if is_poison(&typed.expr) {
            return None;
        }
        let Some(Value::Secret(parts)) = typed.expr.as_const() else {
            self.report(errors::no_declared_secret(typed.expr.span));
            return None;
        };
        let [SecretPart::Secret(secret)] = parts.as_slice() else {
            self.report(errors::no_declared_secret(typed.expr.span));
            return None;
        };
        let from = from?;
        let is = |it: &WebhookSource| Some(it.as_str()) == from.as_deref();
        Some(TriggerKind::Webhook {
            secret: *secret,
            from: WebhookSource::ALL.into_iter().find(is).unwrap_or_default(),
        })
    }

    fn change(
        &mut self,
        on: &ast::TriggerPart,
        paths: GivenArgument,
        branch: GivenArgument,
        every: GivenArgument,
    ) -> Option<TriggerKind> {
        let at = paths.as_ref().map(|(_, typed)| typed.expr.span);
        let paths = self.constant(paths);
        let branch = self.text(branch);
        let every = self.every(every, CHANGE_EVERY_MS);
        let Value::List(paths) = paths?? else {
            return None;
        };
        let texts = paths
            .iter()
            .filter_map(|path| path.as_str().map(Name::from));
        let paths: Vec<Name> = texts.collect();
        let at = at.unwrap_or(on.name.span);
        if paths.is_empty() {
            self.report(errors::no_paths(at));
        }
        for (place, path) in pattern_places(on, at, paths.len()).zip(&paths) {
            if path.trim().is_empty() {
                self.report(errors::no_paths(place));
            } else if let Err(wrong) = file_pattern(path) {
                self.report(errors::no_pattern(place, path, &wrong));
            }
        }
        Some(TriggerKind::Change {
            paths,
            branch: branch?,
            every: every?,
        })
    }

    /// How often is looked, in milliseconds; nothing where it is not known, which is reported.
    fn every(&mut self, given: GivenArgument, otherwise: i64) -> Option<i64> {
        if let Some((_, typed)) = &given {
            self.lower
                .bound(&typed.expr, ValueRange::Positive, "`every`");
        }
        match self.constant(given)? {
            Some(Value::Duration(every)) => Some(every),
            _ => Some(otherwise),
        }
    }

    /// A text that is known now, if one is given; nothing at all where it is not known.
    fn text(&mut self, given: GivenArgument) -> Option<Option<Name>> {
        let at = given
            .as_ref()
            .map(|(name, typed)| (name.clone(), typed.expr.span));
        let Some(Value::String(text)) = self.constant(given)? else {
            return Some(None);
        };
        if let Some((name, at)) = at
            && text.trim().is_empty()
        {
            self.report(errors::empty_text(at, &name));
            return None;
        }
        Some(Some(text))
    }

    /// A value that is known now, if one is given; nothing at all where it is not known, which is
    /// reported.
    fn constant(&mut self, given: GivenArgument) -> Option<Option<Value>> {
        let Some((name, typed)) = given else {
            return Some(None);
        };
        if is_poison(&typed.expr) {
            return None;
        }
        self.facts.prepare(&typed.expr);
        match eval(&typed.expr, &self.facts) {
            Ok(value) => Some(Some(value)),
            Err(Halt::Fault(fault)) => {
                self.report(*fault);
                None
            }
            Err(Halt::Unknown) => {
                self.report(errors::not_constant(typed.expr.span, &name));
                None
            }
        }
    }

    /// The pipeline, by its place in the program; nothing for one of another file.
    fn pipeline(&mut self, name: &ast::Ident) -> Option<u32> {
        let path = ast::Path {
            namespace: None,
            name: name.clone(),
        };
        let check = &mut self.lower.check;
        match check.modules.path(self.file, &path, DeclKind::Pipeline) {
            Ok(pipeline) => self.lower.places.get(&pipeline).copied(),
            Err(error) => {
                check.report_opt(error);
                None
            }
        }
    }

    /// What is handed to the inputs of the pipeline.
    fn inputs(
        &mut self,
        locals: &mut LocalScope,
        starts: &ast::TriggerPart,
        pipeline: Option<u32>,
    ) -> InputValues {
        let mut given: InputValues = Vec::new();
        let mut places: HashMap<u32, Span> = HashMap::new();
        let mut lost = false;
        for arg in &starts.args {
            let input = match &arg.name {
                Some(name) => self.input(name),
                None => {
                    self.report(errors::input_without_name(arg.value.span));
                    None
                }
            };
            let Some(input) = input else {
                lost = true;
                self.lower.check.expr(locals, &arg.value, None);
                continue;
            };
            let at = arg.name.as_ref().map_or(arg.value.span, |name| name.span);
            let value = self.input_value(locals, input, &arg.value);
            if let Some(first) = places.insert(input, at) {
                let name = self.lower.check.tables.globals[input as usize].name;
                let error = type_errors::argument_twice(arg.value.span, &name.name, first);
                self.report(error);
                continue;
            }
            self.known_early([&value], "what is given for an input");
            given.push((GlobalId(input), value));
        }
        if let (Some(pipeline), false) = (pipeline, lost) {
            self.missing_inputs(&starts.name, pipeline, &places);
        }
        given
    }

    /// The input of a name, whichever file declares it: as on the command line.
    fn input(&mut self, name: &ast::Ident) -> Option<u32> {
        let globals = &self.lower.check.tables.globals;
        let inputs = || globals.iter().filter(|it| it.sort == DeclKind::Input);
        let is = |it: &crate::types::GlobalDecl<'_>| {
            it.sort == DeclKind::Input && it.name.name == name.name
        };
        match globals.iter().position(is) {
            Some(at) => {
                let declared = globals[at].name.span;
                self.lower.check.modules.uses.name(name.span, declared);
                u32::try_from(at).ok()
            }
            None if self.lower.check.modules.is_lost(self.file, &name.name) => None,
            None => {
                let names: Vec<Name> = inputs().map(|it| it.name.name.clone()).collect();
                self.report(errors::unknown_input(name, &names));
                None
            }
        }
    }

    /// The value for an input. Data of an event is converted when it is there, as that which a
    /// person gives, and so are the names of infrastructures.
    fn input_value(&mut self, locals: &mut LocalScope, input: u32, value: &ast::Expr) -> Expr {
        let check = &mut self.lower.check;
        let decl = &check.tables.globals[input as usize];
        let want = decl.written.clone().unwrap_or(Type::Any);
        let (declared, name) = (decl.written_span, decl.name.name.clone());
        let what = format!("input `{name}`");
        let typed = check.expr(locals, value, Some(&want));
        if holds_secret(&typed.ty) {
            let at = typed.expr.span;
            check.report(type_errors::secret_here(at, &what));
            return Typed::unknown(at).expr;
        }
        if has_json(&typed.ty) || names_things(&want) && is_names(&typed.ty) {
            return typed.expr;
        }
        check.fit(typed, &want, &what, declared)
    }

    /// Reports the inputs that the pipeline needs and nothing gives, in one message.
    fn missing_inputs(&mut self, name: &ast::Ident, pipeline: u32, given: &HashMap<u32, Span>) {
        let needed = needed_inputs(self.program, pipeline);
        let mut missing = Vec::new();
        for (at, global) in (0..).zip(&self.program.globals) {
            let open = matches!(&global.source, GlobalSource::Input { default: None, .. });
            if open && needed.contains(&global.name) && !given.contains_key(&at) {
                missing.push(global);
            }
        }
        if !missing.is_empty() {
            self.report(errors::missing_inputs(name, &missing));
        }
    }

    /// Reports what depends on an input that has no value before the run.
    fn known_early<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>, what: &str) {
        for expr in exprs {
            let open = input_without_value(self.program, expr);
            if let Some(input) = open {
                self.report(errors::reads_input(
                    expr.span,
                    what,
                    &input.name,
                    input.span,
                ));
            }
        }
    }
}

/// An input without a default that an expression reads, by itself or through a `let`. What is
/// named alone, such as a service or `prod.*`, may have fields that depend on anything.
fn input_without_value<'p>(program: &'p Program, expr: &Expr) -> Option<&'p Global> {
    let read = |expr: &Expr, open: &mut Vec<GlobalId>| {
        each_part(expr, &mut |part| {
            if let ExprKind::Global(id) = part.kind {
                open.push(id);
            }
        });
    };
    let mut open = Vec::new();
    let mut seen = HashSet::new();
    read(expr, &mut open);
    while let Some(id) = open.pop() {
        let Some(global) = program.globals.get(id.0 as usize) else {
            continue;
        };
        match &global.source {
            GlobalSource::Input { default: None, .. } => return Some(global),
            GlobalSource::Let(value)
            | GlobalSource::Input {
                default: Some(value),
                ..
            } if seen.insert(id) => read(value, &mut open),
            GlobalSource::Let(_) | GlobalSource::Input { .. } => {}
        }
    }
    None
}

/// Where the patterns of `change` stand: each by itself where the list is written out, else all at
/// one place.
fn pattern_places(
    on: &ast::TriggerPart,
    whole: Span,
    count: usize,
) -> impl Iterator<Item = Span> + '_ {
    let is_paths = |arg: &&ast::Arg| arg.name.as_ref().is_none_or(|it| &*it.name == "paths");
    let written = on.args.iter().find(is_paths).map(|arg| &arg.value.kind);
    let parts: &[ast::Expr] = match written {
        Some(Form::List(parts)) if parts.len() == count => parts,
        _ => &[],
    };
    (0..count).map(move |at| parts.get(at).map_or(whole, |part| part.span))
}

/// An argument with the name of its parameter, if it is given.
type GivenArgument = Option<(String, Typed)>;

fn parameter(name: &str, ty: Type, required: bool) -> Parameter {
    Parameter {
        name: name.to_owned(),
        ty,
        optional: !required,
        rest: false,
        span: None,
        json_as_text: false,
        takes_secrets: false,
        free_kind: None,
    }
}

fn words<const N: usize>(words: [&str; N]) -> Type {
    Type::OneOf(words.map(Name::from).into())
}

/// Whether a value is data of an event, or has it inside.
fn has_json(ty: &Type) -> bool {
    match ty {
        Type::Json => true,
        Type::List(of) | Type::Map(of) | Type::Optional(of) => has_json(of),
        Type::Record(fields) => fields.values().any(has_json),
        _ => false,
    }
}

/// Whether values of a type are services, environments or infrastructures.
fn names_things(ty: &Type) -> bool {
    match ty {
        Type::Service(_) | Type::Infrastructure(_) | Type::Environment => true,
        Type::List(of) | Type::Optional(of) => names_things(of),
        _ => false,
    }
}

/// Whether values of a type are texts that can be names.
fn is_names(ty: &Type) -> bool {
    match ty {
        Type::List(of) => is_names(of),
        ty => ty.is_text(),
    }
}

/// The fields of `event` that expressions read, each with the first place.
#[derive(Default)]
struct EventFields {
    found: HashMap<Name, Span>,
}

impl<'a> Visit<'a> for EventFields {
    fn visit_expr(&mut self, expr: &'a ast::Expr) {
        if let Form::Field(of, name) = &expr.kind {
            let of = match &of.kind {
                Form::Maybe(of) => of,
                _ => of,
            };
            if matches!(&of.kind, Form::Name(of) if &*of.name == "event") {
                self.found.entry(name.name.clone()).or_insert(name.span);
            }
        }
        walk_expr(self, expr);
    }
}
