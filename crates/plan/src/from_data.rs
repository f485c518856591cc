//! Makes the services and infrastructures that are declared for each element of a list:
//! `infrastructure "${x.name}": KIND for x in LIST`. After this a program has all of them in its
//! tables, and nothing later knows that they came from data.

use std::borrow::Cow;
use std::collections::HashMap;

use super::RunRequest;
use super::facts::{FactFinder, GivenValues};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_lang::eval::visit::give_local;
use lockstep_lang::eval::{self, Expr, ExprKind, Halt, InterpolationPart, ScopeWithLocal, Slot};
use lockstep_lang::ir::lower::give_late_defaults;
use lockstep_lang::ir::{Infrastructure, Override, Program, Service, Template};

/// A program with what its templates make.
pub(super) struct Made {
    /// The program.
    pub program: Program,
    /// Whether a list could not be known, because an input is missing.
    pub is_open: bool,
}

/// Whether something of a program comes from data.
pub(super) fn has_templates(program: &Program) -> bool {
    !program.service_templates.is_empty() || !program.infrastructure_templates.is_empty()
}

/// A program with the services and infrastructures that come from data, as far as the inputs that a
/// test gives let them be known.
pub fn with_made<'a>(
    program: &'a Program,
    asked: &RunRequest,
    environment: &dyn EnvironmentVariables,
    files: &dyn Files,
) -> Result<Cow<'a, Program>, Vec<Diagnostic>> {
    if !has_templates(program) {
        return Ok(Cow::Borrowed(program));
    }
    let given = GivenValues {
        written: asked.written.clone(),
        ..GivenValues::default()
    };
    let finder = FactFinder::new(program, given.clone(), environment, files);
    let mut made = make(program, &finder)?.program;
    match name_overridden(&mut made, &given, (environment, files)) {
        faults if faults.is_empty() => Ok(Cow::Owned(made)),
        faults => Err(faults),
    }
}

/// Makes what is declared for the elements of lists.
pub(super) fn make(program: &Program, finder: &FactFinder<'_>) -> Result<Made, Vec<Diagnostic>> {
    let mut maker = Maker {
        program,
        finder,
        taken: HashMap::new(),
        diagnostics: Vec::new(),
        is_open: false,
    };
    let mut made = program.clone();
    for service in &program.services {
        let group = NameGroup::File(service.span.file.0);
        maker.take(group, &service.name, service.span);
    }
    for place in &program.infrastructures {
        let group = NameGroup::Environment(place.environment.0);
        maker.take(group, short(&place.name), place.span);
    }
    for (at, template) in program.service_templates.iter().enumerate() {
        let group = NameGroup::File(template.declared.span.file.0);
        let first = made.services.len() as u32;
        for element in maker.elements(template, group) {
            made.services.push(service_of(template, element));
        }
        made.service_templates[at].made = Some((first..made.services.len() as u32).collect());
    }
    for (at, template) in program.infrastructure_templates.iter().enumerate() {
        let environment = template.declared.environment;
        let first = made.infrastructures.len() as u32;
        for element in maker.elements(template, NameGroup::Environment(environment.0)) {
            let infrastructure = infrastructure_of(program, template, element);
            made.infrastructures.push(infrastructure);
        }
        let ids: Vec<u32> = (first..made.infrastructures.len() as u32).collect();
        if let Some(environment) = made.environments.get_mut(environment.0 as usize) {
            let new = ids.iter().copied().map(InfrastructureId);
            environment.infrastructures.extend(new);
        }
        made.infrastructure_templates[at].made = Some(ids);
    }
    give_late_defaults(&mut made);
    let places = &made.infrastructures;
    for environment in &mut made.environments {
        // They stand where their declaration does.
        environment.infrastructures.sort_by_key(|id| {
            let place = places.get(id.0 as usize);
            place.map(|place| place.span.start)
        });
    }
    match maker.diagnostics.is_empty() {
        true => Ok(Made {
            program: made,
            is_open: maker.is_open,
        }),
        false => Err(maker.diagnostics),
    }
}

/// Puts the services in the place of the texts that name them in `override KIND["web"]`.
pub(super) fn name_overridden(
    program: &mut Program,
    given: &GivenValues,
    (environment, files): (&dyn EnvironmentVariables, &dyn Files),
) -> Vec<Diagnostic> {
    let environments = program.environments.iter().map(|it| &it.overrides);
    let places = program.infrastructures.iter().map(|it| &it.overrides);
    let mut all = environments.chain(places).flatten();
    if all.all(|entry| entry.named.is_none()) {
        return Vec::new();
    }
    let seen = program.clone();
    let finder = FactFinder::new(&seen, given.clone(), environment, files);
    let mut diagnostics = Vec::new();
    let environments = program.environments.iter_mut().map(|it| &mut it.overrides);
    let places = program.infrastructures.iter_mut();
    for list in environments.chain(places.map(|it| &mut it.overrides)) {
        name_in(list, &finder, &mut diagnostics);
    }
    diagnostics
}

fn name_in(list: &mut [Override], finder: &FactFinder<'_>, found: &mut Vec<Diagnostic>) {
    for at in 0..list.len() {
        let Some(named) = list[at].named.take() else {
            continue;
        };
        match eval::eval(&named, finder) {
            Ok(Value::Service { id, .. }) => {
                let first = list.iter().position(|it| it.service == id);
                if first.is_some() {
                    let name = finder.shown(&Value::Service { id, at: None });
                    found.push(overridden_twice(named.span, &name));
                }
                list[at].service = id;
            }
            Ok(_) | Err(Halt::Unknown) => {}
            Err(Halt::Fault(fault)) => found.push(*fault),
        }
    }
}

/// What has a name that no other may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum NameGroup {
    /// The services of a file.
    File(u32),
    /// The infrastructures of an environment.
    Environment(u32),
}

/// An element for which something is declared.
struct Element {
    name: Name,
    value: Value,
}

struct Maker<'a, 'f> {
    program: &'a Program,
    finder: &'a FactFinder<'f>,
    /// The names that there are, with what has each.
    taken: HashMap<(NameGroup, Name), TakenBy>,
    diagnostics: Vec<Diagnostic>,
    is_open: bool,
}

/// What has a name already.
enum TakenBy {
    /// A declaration with a name of its own.
    Declaration(Span),
    /// An element, by its place in the data.
    Element(String),
}

impl Maker<'_, '_> {
    fn take(&mut self, group: NameGroup, name: &str, span: Span) {
        let by = TakenBy::Declaration(span);
        self.taken.insert((group, name.into()), by);
    }

    /// The elements that stay, with their names.
    fn elements<T>(&mut self, template: &Template<T>, group: NameGroup) -> Vec<Element> {
        let Some(Value::List(items)) = self.known(eval::eval(&template.list, self.finder)) else {
            return Vec::new();
        };
        let mut elements = Vec::new();
        for (at, value) in items.iter().enumerate() {
            let scope = ScopeWithLocal::new(self.finder, template.slot, value);
            let cond = template.cond.as_ref();
            let stays = cond.map(|cond| self.known(eval::eval(cond, &scope)));
            if stays.is_some_and(|stays| stays != Some(Value::Bool(true))) {
                continue;
            }
            let name = eval::eval(&template.name, &scope);
            if let Some(Value::String(name)) = self.known(name) {
                let place = self.place(template, at);
                if self.is_good(template.name.span, group, &name, place) {
                    let value = value.clone();
                    elements.push(Element { name, value });
                }
            }
        }
        elements
    }

    fn known(&mut self, value: Result<Value, Halt>) -> Option<Value> {
        match value {
            Ok(value) => Some(value),
            Err(Halt::Unknown) => {
                self.is_open = true;
                None
            }
            Err(Halt::Fault(fault)) => {
                if !self.diagnostics.contains(&fault) {
                    self.diagnostics.push(*fault);
                }
                None
            }
        }
    }

    /// Whether a name can be one, and no other has it.
    fn is_good(&mut self, at: Span, group: NameGroup, name: &Name, place: String) -> bool {
        let problem = match self.taken.get(&(group, name.clone())) {
            _ if name.is_empty() => Some(empty_name(at, &place)),
            _ if !name.chars().all(is_of_name) => Some(wrong_name(at, &place, name)),
            Some(TakenBy::Declaration(first)) => {
                Some(doubled(at, &place, name).label(*first, "declared here"))
            }
            Some(TakenBy::Element(first)) => {
                let help = format!("`{first}` has it already; change one of them");
                Some(doubled(at, &place, name).help(help))
            }
            None => None,
        };
        let is_good = problem.is_none();
        self.diagnostics.extend(problem);
        if is_good {
            let by = TakenBy::Element(place);
            self.taken.insert((group, name.clone()), by);
        }
        is_good
    }

    /// Where the name of an element stands in the data: `regions[2].name`.
    fn place<T>(&self, template: &Template<T>, at: usize) -> String {
        let list = self.program.sources.text(template.list.span);
        let list: Vec<&str> = list.split_whitespace().collect();
        let list = match list.join(" ") {
            list if list.chars().count() <= MAX_LIST_SHOWN => list,
            _ => String::from("the list"),
        };
        let path = path_from(&template.name, template.slot).unwrap_or_default();
        format!("{list}[{at}]{path}")
    }
}

/// A list that is written with more characters than this is not shown in a message.
const MAX_LIST_SHOWN: usize = 60;

/// The fields on the way from an element to what is its name, where the name is one of them.
fn path_from(name: &Expr, slot: Slot) -> Option<String> {
    match &name.kind {
        ExprKind::Local(local) if *local == slot => Some(String::new()),
        ExprKind::Interpolate(parts) => match parts.as_slice() {
            [InterpolationPart::Value(only)] => path_from(only, slot),
            _ => None,
        },
        ExprKind::Convert(of, _) => path_from(of, slot),
        ExprKind::Field(of, field) => Some(format!("{}.{field}", path_from(of, slot)?)),
        ExprKind::Index(of, index) => match index.as_const()? {
            Value::String(key) => Some(format!("{}.{key}", path_from(of, slot)?)),
            Value::Int(at) => Some(format!("{}[{at}]", path_from(of, slot)?)),
            _ => None,
        },
        ExprKind::Const(_)
        | ExprKind::Local(_)
        | ExprKind::Global(_)
        | ExprKind::Run(_)
        | ExprKind::List(_)
        | ExprKind::Record(_)
        | ExprKind::Star(_)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::If(..)
        | ExprKind::Comprehension { .. }
        | ExprKind::IfSome { .. }
        | ExprKind::Bind { .. }
        | ExprKind::Call(..) => None,
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// The name of an infrastructure within its environment.
fn short(full: &Name) -> &str {
    full.rsplit_once('.').map_or(full, |(_, short)| short)
}

fn service_of(template: &Template<Service>, element: Element) -> Service {
    let mut service = template.declared.clone();
    let give = |expr: &mut Expr| give_local(expr, template.slot, &element.value);
    service.fields.values_mut().for_each(give);
    if let Some(using) = &mut service.using {
        using.args.iter_mut().flatten().for_each(give);
    }
    service.name = element.name;
    service
}

fn infrastructure_of(
    program: &Program,
    template: &Template<Infrastructure>,
    element: Element,
) -> Infrastructure {
    let mut place = template.declared.clone();
    let give = |expr: &mut Expr| give_local(expr, template.slot, &element.value);
    place.fields.values_mut().for_each(give);
    for entry in &mut place.overrides {
        entry.fields.values_mut().for_each(give);
        entry.named.iter_mut().for_each(give);
    }
    let environment = program.environments.get(place.environment.0 as usize);
    let environment = environment.map_or("", |it| &*it.name);
    place.name = format!("{environment}.{}", element.name).into();
    place
}

fn wrong(at: Span, message: String) -> Diagnostic {
    Diagnostic::error(codes::ELEMENT_NAME, at, message)
}

fn empty_name(at: Span, place: &str) -> Diagnostic {
    wrong(at, format!("`{place}` gives an empty name")).help("give every element a name")
}

fn wrong_name(at: Span, place: &str, name: &str) -> Diagnostic {
    wrong(
        at,
        format!("`{place}` gives the name `{name}`, which cannot be one"),
    )
    .help("a name is made of letters, digits, `_` and `-`")
}

fn doubled(at: Span, place: &str, name: &str) -> Diagnostic {
    wrong(
        at,
        format!("`{place}` gives the name `{name}`, which is taken"),
    )
}

fn overridden_twice(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        codes::DUPLICATE,
        at,
        format!("`{name}` is overridden twice"),
    )
    .help("put the fields into one `override`")
}
