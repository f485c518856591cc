//! The dependency order of definitions (topological sort), and which definitions depend on
//! themselves. Only names are considered: cycles through what they do not show, such as a field of
//! a service that only the run knows, are found when values are computed.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::resolve::{Decl, DeclKind, Modules, NameTarget};
use lockstep_base::diagnostic::{Diagnostic, Diagnostics};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_syntax::ast::{self, ExprKind as Form};
use lockstep_syntax::visit::{self, Visit};

use super::{DeclTypes, FieldType, errors};

/// A definition, in the order in which they are to be checked.
pub enum Definition {
    /// An input, a `let` or a group.
    Global(u32),
    /// A field of an environment.
    Field(u32, Name),
    /// An input, a `let` or a group that needs itself; it has been reported.
    Cycle(u32),
    /// A field of an environment that needs itself; it has been reported.
    CycleField(u32, Name),
    /// A function. There is no value for one that needs itself.
    Function(u32),
}

/// Something with a value that a name can lead to.
#[derive(Debug, Clone, Copy)]
enum DefinitionNode<'g> {
    Global(u32),
    Function(u32),
    Field(FieldHolder, u32, &'g Name),
}

/// What has fields.
#[derive(Debug, Clone, Copy)]
enum FieldHolder {
    Environment,
    Infrastructure,
    Service,
    /// A kind has defaults for services and for infrastructures.
    ServiceDefaults,
    InfrastructureDefaults,
}

/// How many sorts of [`FieldHolder`] there are.
const FIELD_HOLDERS: usize = 5;

/// Where the nodes of definitions are. The fields of one holder are beside each other, and few.
#[derive(Debug, Default)]
struct NodePlaces {
    globals: HashMap<u32, usize>,
    functions: HashMap<u32, usize>,
    fields: [Vec<Range<usize>>; FIELD_HOLDERS],
}

/// Orders all definitions and reports those that need themselves.
pub fn order(
    modules: &Modules,
    tables: &DeclTypes<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Definition> {
    let mut graph = DefinitionGraph {
        modules,
        tables,
        nodes: Vec::new(),
        defaults: HashSet::new(),
        places: NodePlaces::default(),
    };
    graph.collect();
    let edges = graph.edges();
    graph.sort(&edges, diagnostics)
}

struct DefinitionGraph<'g, 'a> {
    modules: &'g Modules,
    tables: &'g DeclTypes<'a>,
    nodes: Vec<(DefinitionNode<'g>, FileId, &'a ast::Expr)>,
    /// The nodes that are defaults, which see the other fields of the same service or
    /// infrastructure; those of a kind see its other defaults.
    defaults: HashSet<usize>,
    places: NodePlaces,
}

type DefinitionEdges = Vec<Vec<(usize, Span)>>;

impl<'g, 'a> DefinitionGraph<'g, 'a> {
    /// The fields that are added next are those of one more holder.
    fn add_holder(&mut self, holder: FieldHolder) {
        let at = self.nodes.len();
        self.places.fields[holder as usize].push(at..at);
    }

    /// Adds a field of the last holder, unless that has one of this name.
    fn add_field(
        &mut self,
        holder: FieldHolder,
        name: &'g Name,
        (file, value): (FileId, &'a ast::Expr),
    ) -> bool {
        let all = &self.places.fields[holder as usize];
        let Some(id) = all.len().checked_sub(1).map(|id| id as u32) else {
            return false;
        };
        if self.field(holder, id, name).is_some() {
            return false;
        }
        let node = DefinitionNode::Field(holder, id, name);
        self.nodes.push((node, file, value));
        if let Some(range) = self.places.fields[holder as usize].last_mut() {
            range.end = self.nodes.len();
        }
        true
    }

    /// Adds a field that is a default, if one is declared and the holder is not given the field.
    fn add_default(&mut self, holder: FieldHolder, (name, field): (&'g Name, &FieldType<'a>)) {
        // One that is inherited may stand in another file than the kind.
        if let Some(default) = field.decl.and_then(|decl| decl.default.as_ref())
            && self.add_field(holder, name, (default.span.file, default))
        {
            self.defaults.insert(self.nodes.len() - 1);
        }
    }

    /// The node of a field.
    fn field(&self, holder: FieldHolder, id: u32, name: &Name) -> Option<usize> {
        let range = self.places.fields[holder as usize].get(id as usize)?;
        let found = self
            .nodes
            .get(range.clone())?
            .iter()
            .position(|node| matches!(node.0, DefinitionNode::Field(_, _, own) if own == name));
        Some(range.start + found?)
    }

    fn collect(&mut self) {
        let tables = self.tables;
        for (id, global) in tables.globals.iter().enumerate() {
            if let Some(value) = global.value {
                self.places.globals.insert(id as u32, self.nodes.len());
                let node = DefinitionNode::Global(id as u32);
                self.nodes.push((node, global.file, value));
            }
        }
        for (id, function) in tables.functions.iter().enumerate() {
            if let Some(value) = function.value {
                self.places.functions.insert(id as u32, self.nodes.len());
                let node = DefinitionNode::Function(id as u32);
                self.nodes.push((node, function.file, value));
            }
        }
        for kind in &tables.kinds {
            for (holder, fields) in [
                (FieldHolder::ServiceDefaults, &kind.service),
                (FieldHolder::InfrastructureDefaults, &kind.infrastructure),
            ] {
                self.add_holder(holder);
                for field in fields {
                    self.add_default(holder, field);
                }
            }
        }
        for service in &tables.services {
            let holder = FieldHolder::Service;
            self.add_holder(holder);
            for field in service.fields {
                self.add_field(holder, &field.name.name, (service.file, &field.value));
            }
            if let Some(kind) = service.kind.map(|kind| &tables.kinds[kind as usize]) {
                for field in &kind.service {
                    self.add_default(holder, field);
                }
            }
        }
        for environment in &tables.environments {
            let holder = FieldHolder::Environment;
            self.add_holder(holder);
            for (name, field) in &environment.fields {
                self.add_field(holder, name, (environment.file, &field.value));
            }
        }
        for place in &tables.infrastructures {
            let environment = &tables.environments[place.environment as usize];
            let holder = FieldHolder::Infrastructure;
            self.add_holder(holder);
            for field in &place.decl.fields {
                self.add_field(holder, &field.name.name, (environment.file, &field.value));
            }
            if let Some(kind) = place.kind.map(|kind| &tables.kinds[kind as usize]) {
                let own = kind.infrastructure.iter();
                for field in own.filter(|(name, _)| !environment.fields.contains_key(*name)) {
                    self.add_default(holder, field);
                }
            }
        }
    }

    fn edges(&self) -> DefinitionEdges {
        let all = self.nodes.iter().enumerate();
        all.map(|(at, (node, file, value))| {
            let DefinitionNode::Function(id) = node else {
                let mut found = self.references(*file, value, &[], &|_| None);
                if self.defaults.contains(&at) {
                    let own = |name: &Name| self.sibling(node, name);
                    found = self.references(*file, value, &[], &own);
                }
                return found;
            };
            let params = &self.tables.functions[*id as usize].params;
            let names: Vec<&Name> = params.iter().map(|(_, param)| &param.name.name).collect();
            let mut found = self.references(*file, value, &names, &|_| None);
            // A default sees the parameters before its own.
            for (at, (_, param)) in params.iter().enumerate() {
                let default = param.default.iter();
                let defaults =
                    default.map(|it| self.references(*file, it, &names[..at], &|_| None));
                found.extend(defaults.flatten());
            }
            found
        })
        .collect()
    }

    /// The field of the same service or infrastructure that a name in a default stands for.
    fn sibling(&self, node: &DefinitionNode<'_>, name: &Name) -> Option<Option<usize>> {
        let DefinitionNode::Field(holder, id, _) = *node else {
            return None;
        };
        let kind = match holder {
            FieldHolder::Environment => return None,
            FieldHolder::Service => self.tables.services[id as usize].kind?,
            FieldHolder::Infrastructure => self.tables.infrastructures[id as usize].kind?,
            FieldHolder::ServiceDefaults | FieldHolder::InfrastructureDefaults => id,
        };
        let kind = &self.tables.kinds[kind as usize];
        let declared = match holder {
            FieldHolder::Service | FieldHolder::ServiceDefaults => &kind.service,
            _ => &kind.infrastructure,
        };
        let found = declared.contains_key(name) || &**name == "name";
        found.then(|| match holder {
            FieldHolder::Service => self.field_of_service(id, name),
            FieldHolder::Infrastructure => self.field_of_place(id, name),
            _ => self.field(holder, id, name),
        })
    }

    /// The definitions that an expression names, in which `params` are names of its own, and `own`
    /// says which names are fields beside it.
    fn references(
        &self,
        file: FileId,
        value: &ast::Expr,
        params: &[&Name],
        own: &dyn Fn(&Name) -> Option<Option<usize>>,
    ) -> Vec<(usize, Span)> {
        let mut found = Vec::new();
        // The variables of comprehensions around: each with the one around it.
        let mut bound: Vec<(Option<usize>, &Name)> = Vec::new();
        let mut open: Vec<(&ast::Expr, Option<usize>)> = vec![(value, None)];
        while let Some((expr, scope)) = open.pop() {
            let hides = |name: &Name| {
                if params.contains(&name) {
                    return true;
                }
                let mut at = scope;
                while let Some(here) = at {
                    if bound[here].1 == name {
                        return true;
                    }
                    at = bound[here].0;
                }
                false
            };
            if let Form::Call(callee, _) = &expr.kind
                && let Some(function) = self.called(file, callee)
            {
                found.push((function, callee.span));
            }
            if let Form::Name(name) = &expr.kind
                && !hides(&name.name)
                && let Some(field) = own(&name.name)
            {
                found.extend(field.into_iter().map(|node| (node, expr.span)));
                continue;
            }
            if let Some(node) = self.named(file, expr, &hides) {
                found.extend(node.into_iter().map(|node| (node, expr.span)));
                continue;
            }
            if let Form::Comprehension(of) = &expr.kind {
                let ast::Comprehension {
                    key,
                    body,
                    var,
                    second,
                    list,
                    cond,
                } = &**of;
                open.push((list, scope));
                bound.push((scope, &var.name));
                let mut inner = Some(bound.len() - 1);
                if let Some(second) = second {
                    bound.push((inner, &second.name));
                    inner = Some(bound.len() - 1);
                }
                open.extend(key_parts(key.as_ref()).map(|part| (part, inner)));
                open.push((body, inner));
                open.extend(cond.as_ref().map(|cond| (cond, inner)));
                continue;
            }
            children(expr, &mut |child| open.push((child, scope)));
        }
        found
    }

    /// The function behind a callee, for which local names do not count.
    fn called(&self, file: FileId, callee: &ast::Expr) -> Option<usize> {
        let decl = self.decl(file, callee, &|_| false)?;
        let is_function = decl.sort == DeclKind::Function;
        let function = self.places.functions.get(&decl.index).copied();
        function.filter(|_| is_function)
    }

    /// The definition that an expression names as a whole: `Some(None)` for a name without one.
    fn named(
        &self,
        file: FileId,
        expr: &ast::Expr,
        hides: &dyn Fn(&Name) -> bool,
    ) -> Option<Option<usize>> {
        match &expr.kind {
            Form::Name(_) => Some(match self.decl(file, expr, hides) {
                Some(Decl {
                    sort: DeclKind::Let | DeclKind::Input | DeclKind::Group,
                    index,
                }) => self.places.globals.get(&index).copied(),
                _ => None,
            }),
            Form::Field(of, name) => {
                if let Some(decl) = self.decl(file, expr, hides) {
                    return Some(match decl.sort {
                        DeclKind::Let | DeclKind::Input | DeclKind::Group => {
                            self.places.globals.get(&decl.index).copied()
                        }
                        _ => None,
                    });
                }
                let name = &name.name;
                if let Some(place) = self.place(file, of, hides) {
                    return Some(self.field_of_place(place, name));
                }
                match self.decl(file, of, hides)? {
                    Decl {
                        sort: DeclKind::Service,
                        index,
                    } => Some(self.field_of_service(index, name)),
                    Decl {
                        sort: DeclKind::Environment,
                        index,
                    } => Some(self.field(FieldHolder::Environment, index, name)),
                    _ => None,
                }
            }
            Form::Paren(_)
            | Form::None
            | Form::Bool(_)
            | Form::Int(_)
            | Form::Float(_)
            | Form::Percent(_)
            | Form::Duration(_)
            | Form::String(_)
            | Form::List(_)
            | Form::Record(_)
            | Form::Star(_)
            | Form::Maybe(_)
            | Form::Index(..)
            | Form::Unary(..)
            | Form::Binary(..)
            | Form::If(..)
            | Form::Comprehension(_)
            | Form::Call(..)
            | Form::Error => None,
        }
    }

    /// The declaration behind `name` or `ns.name`.
    fn decl(&self, file: FileId, expr: &ast::Expr, hides: &dyn Fn(&Name) -> bool) -> Option<Decl> {
        let target = match &expr.kind {
            Form::Paren(inner) => return self.decl(file, inner, hides),
            Form::Name(name) if !hides(&name.name) => self.modules.find(file, &name.name)?.target,
            Form::Field(of, member) => {
                let Form::Name(space) = &of.kind else {
                    return None;
                };
                if hides(&space.name) {
                    return None;
                }
                match self.modules.find(file, &space.name)?.target {
                    NameTarget::Namespace(space) => self.modules.find(space, &member.name)?.target,
                    NameTarget::Decl(_) | NameTarget::Lost => return None,
                }
            }
            // A name that is hidden refers to a variable.
            Form::Name(_)
            | Form::None
            | Form::Bool(_)
            | Form::Int(_)
            | Form::Float(_)
            | Form::Percent(_)
            | Form::Duration(_)
            | Form::String(_)
            | Form::List(_)
            | Form::Record(_)
            | Form::Star(_)
            | Form::Maybe(_)
            | Form::Index(..)
            | Form::Unary(..)
            | Form::Binary(..)
            | Form::If(..)
            | Form::Comprehension(_)
            | Form::Call(..)
            | Form::Error => return None,
        };
        match target {
            NameTarget::Decl(decl) => Some(decl),
            NameTarget::Namespace(_) | NameTarget::Lost => None,
        }
    }

    /// The infrastructure behind `environment.name`.
    fn place(&self, file: FileId, expr: &ast::Expr, hides: &dyn Fn(&Name) -> bool) -> Option<u32> {
        if let Form::Paren(inner) = &expr.kind {
            return self.place(file, inner, hides);
        }
        let Form::Field(of, name) = &expr.kind else {
            return None;
        };
        match self.decl(file, of, hides)? {
            Decl {
                sort: DeclKind::Environment,
                index,
            } => self.tables.environments[index as usize]
                .infrastructures
                .get(&name.name)
                .copied(),
            _ => None,
        }
    }

    fn field_of_place(&self, id: u32, name: &Name) -> Option<usize> {
        let place = &self.tables.infrastructures[id as usize];
        let given = self.field(FieldHolder::Infrastructure, id, name);
        let inherited = || self.field(FieldHolder::Environment, place.environment, name);
        let default = || self.field(FieldHolder::InfrastructureDefaults, place.kind?, name);
        given.or_else(inherited).or_else(default)
    }

    fn field_of_service(&self, id: u32, name: &Name) -> Option<usize> {
        let kind = self.tables.services[id as usize].kind;
        let given = self.field(FieldHolder::Service, id, name);
        given.or_else(|| self.field(FieldHolder::ServiceDefaults, kind?, name))
    }

    /// A depth-first walk with a stack of its own.
    fn sort(&self, edges: &DefinitionEdges, diagnostics: &mut Diagnostics) -> Vec<Definition> {
        let mut state = vec![VisitState::New; self.nodes.len()];
        let mut in_cycle = vec![false; self.nodes.len()];
        // The circles that were told, by their places: that of a kind is one of all that have its
        // defaults.
        let mut told: HashSet<Vec<Span>> = HashSet::new();
        let mut sorted = Vec::new();
        for start in 0..self.nodes.len() {
            if state[start] != VisitState::New {
                continue;
            }
            state[start] = VisitState::Open;
            let mut stack: Vec<(usize, usize)> = vec![(start, 0)];
            while let Some((here, next)) = stack.last_mut() {
                let here = *here;
                let Some((target, _)) = edges[here].get(*next).copied() else {
                    state[here] = VisitState::Done;
                    sorted.push(here);
                    stack.pop();
                    continue;
                };
                *next += 1;
                match state[target] {
                    VisitState::Done => {}
                    VisitState::New => {
                        state[target] = VisitState::Open;
                        stack.push((target, 0));
                    }
                    VisitState::Open => {
                        let from = stack.iter().position(|(node, _)| *node == target);
                        let cycle = &stack[from.unwrap_or(0)..];
                        cycle.iter().for_each(|(node, _)| in_cycle[*node] = true);
                        let links = self.links(cycle, edges);
                        let mut places: Vec<Span> = links.iter().map(|(_, span)| *span).collect();
                        places.sort_unstable();
                        if told.insert(places) {
                            diagnostics.push(self.cycle(&links));
                        }
                    }
                }
            }
        }
        let needs = sorted.into_iter().filter_map(|at| match &self.nodes[at].0 {
            DefinitionNode::Global(id) if in_cycle[at] => Some(Definition::Cycle(*id)),
            DefinitionNode::Global(id) => Some(Definition::Global(*id)),
            DefinitionNode::Function(_) if in_cycle[at] => None,
            DefinitionNode::Function(id) => Some(Definition::Function(*id)),
            DefinitionNode::Field(FieldHolder::Environment, id, name) => {
                let name = Name::clone(name);
                Some(match in_cycle[at] {
                    true => Definition::CycleField(*id, name),
                    false => Definition::Field(*id, name),
                })
            }
            DefinitionNode::Field(..) => None,
        });
        needs.collect()
    }

    /// The definitions of a circle, and where each names the next; the one that stands first in the
    /// source comes first.
    fn links(&self, cycle: &[(usize, usize)], edges: &DefinitionEdges) -> Vec<(usize, Span)> {
        let places: Vec<(usize, Span)> = cycle
            .iter()
            .map(|(node, next)| {
                let at = edges[*node].get(next.saturating_sub(1));
                (
                    *node,
                    at.map_or(self.nodes[*node].2.span, |(_, span)| *span),
                )
            })
            .collect();
        let first = (0..places.len())
            .min_by_key(|at| places[*at].1)
            .unwrap_or(0);
        [&places[first..], &places[..first]].concat()
    }

    fn cycle(&self, links: &[(usize, Span)]) -> Diagnostic {
        let shown: Vec<(String, Span)> = (links.iter())
            .map(|(node, span)| (self.show(*node), *span))
            .collect();
        let meant = links.iter().find_map(|(node, _)| self.hidden_by(*node));
        errors::needs_itself(&shown, meant)
    }

    /// What the file calls as the field is called whose default is in a circle: it may have been
    /// meant, but in a default a field goes before it.
    fn hidden_by(&self, node: usize) -> Option<(&'static str, &Name)> {
        let (definition, file, _) = &self.nodes[node];
        let DefinitionNode::Field(_, _, name) = *definition else {
            return None;
        };
        if !self.defaults.contains(&node) {
            return None;
        }
        match self.modules.find(*file, name)?.target {
            NameTarget::Decl(Decl {
                sort: sort @ (DeclKind::Input | DeclKind::Let),
                ..
            }) => Some((sort.word(), name)),
            _ => None,
        }
    }

    fn show(&self, node: usize) -> String {
        match &self.nodes[node].0 {
            DefinitionNode::Global(id) => self.tables.globals[*id as usize].name.name.to_string(),
            DefinitionNode::Function(id) => {
                self.tables.functions[*id as usize].name.name.to_string()
            }
            DefinitionNode::Field(holder, id, name) => {
                let id = *id as usize;
                let of = match holder {
                    FieldHolder::Environment => &self.tables.environments[id].decl.name.name,
                    FieldHolder::Infrastructure => &self.tables.infrastructures[id].name,
                    FieldHolder::Service => &self.tables.services[id].name.name,
                    FieldHolder::ServiceDefaults | FieldHolder::InfrastructureDefaults => {
                        &self.tables.kinds[id].decl.name.name
                    }
                };
                format!("{of}.{name}")
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum VisitState {
    New,
    Open,
    Done,
}

/// The expressions in the text of a key; one that is a name is a variable of its comprehension,
/// or is found where it is checked.
fn key_parts(key: Option<&ast::RecordKey>) -> impl Iterator<Item = &ast::Expr> {
    let parts = match key {
        Some(ast::RecordKey::String(text)) => text.parts.as_slice(),
        Some(ast::RecordKey::Name(_)) | None => &[],
    };
    parts.iter().filter_map(|part| match part {
        ast::StringPart::Interpolation { expr, .. } => Some(expr),
        ast::StringPart::Text { .. } => None,
    })
}

/// Calls `see` for the expressions directly inside one that is no comprehension.
fn children<'e>(expr: &'e ast::Expr, see: &mut dyn FnMut(&'e ast::Expr)) {
    visit::walk_expr(&mut Children { see }, expr);
}

struct Children<'s, 'e> {
    see: &'s mut dyn FnMut(&'e ast::Expr),
}

impl<'e> Visit<'e> for Children<'_, 'e> {
    fn visit_expr(&mut self, expr: &'e ast::Expr) {
        (self.see)(expr);
    }

    fn visit_expr_kind(&mut self, kind: &'e Form) {
        // The callee is a function's name, which is not a value.
        match kind {
            Form::Call(callee, args) if matches!(callee.kind, Form::Name(_)) => {
                args.iter().for_each(|arg| self.visit_arg(arg));
            }
            _ => visit::walk_expr_kind(self, kind),
        }
    }
}
