//! The dependency order of definitions (topological sort), and which definitions depend on
//! themselves. Only names are considered: cycles through what they do not show, such as a field of
//! a service that only the run knows, are found when values are computed.

use std::collections::{HashMap, HashSet};

use crate::resolve::{Decl, DeclKind, Modules, NameTarget};
use lockstep_base::diagnostic::{Diagnostic, Diagnostics};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_syntax::ast::{self, ExprKind as Form};
use lockstep_syntax::visit::{self, Visit};

use super::{DeclTypes, errors};

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum DefinitionNode {
    Global(u32),
    Environment(u32, Name),
    Infrastructure(u32, Name),
    Service(u32, Name),
    ServiceDefault(u32, Name),
    InfrastructureDefault(u32, Name),
    Function(u32),
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
        places: HashMap::new(),
    };
    graph.collect();
    let edges = graph.edges();
    graph.sort(&edges, diagnostics)
}

struct DefinitionGraph<'g, 'a> {
    modules: &'g Modules,
    tables: &'g DeclTypes<'a>,
    nodes: Vec<(DefinitionNode, FileId, &'a ast::Expr)>,
    /// The nodes that are defaults, which see the other fields of the same service or
    /// infrastructure; those of a kind see its other defaults.
    defaults: HashSet<usize>,
    places: HashMap<DefinitionNode, usize>,
}

type DefinitionEdges = Vec<Vec<(usize, Span)>>;

impl<'a> DefinitionGraph<'_, 'a> {
    fn add(&mut self, node: DefinitionNode, file: FileId, value: &'a ast::Expr) {
        if !self.places.contains_key(&node) {
            self.places.insert(node.clone(), self.nodes.len());
            self.nodes.push((node, file, value));
        }
    }

    /// A default of one service or infrastructure, which is not given the field.
    fn add_default(&mut self, node: DefinitionNode, file: FileId, value: &'a ast::Expr) {
        let at = self.nodes.len();
        self.add(node, file, value);
        if self.nodes.len() > at {
            self.defaults.insert(at);
        }
    }

    fn collect(&mut self) {
        for (id, global) in self.tables.globals.iter().enumerate() {
            if let Some(value) = global.value {
                self.add(DefinitionNode::Global(id as u32), global.file, value);
            }
        }
        for (id, function) in self.tables.functions.iter().enumerate() {
            if let Some(value) = function.value {
                self.add(DefinitionNode::Function(id as u32), function.file, value);
            }
        }
        for (id, kind) in self.tables.kinds.iter().enumerate() {
            let id = id as u32;
            for (name, field) in &kind.service {
                if let Some(default) = field.decl.and_then(|decl| decl.default.as_ref()) {
                    let node = DefinitionNode::ServiceDefault(id, name.clone());
                    self.add_default(node, default.span.file, default);
                }
            }
            for (name, field) in &kind.infrastructure {
                if let Some(default) = field.decl.and_then(|decl| decl.default.as_ref()) {
                    let node = DefinitionNode::InfrastructureDefault(id, name.clone());
                    self.add_default(node, default.span.file, default);
                }
            }
        }
        for (id, service) in self.tables.services.iter().enumerate() {
            for field in service.fields {
                let node = DefinitionNode::Service(id as u32, field.name.name.clone());
                self.add(node, service.file, &field.value);
            }
            let Some(kind) = service.kind.map(|kind| &self.tables.kinds[kind as usize]) else {
                continue;
            };
            for (name, field) in &kind.service {
                if let Some(default) = field.decl.and_then(|decl| decl.default.as_ref()) {
                    let node = DefinitionNode::Service(id as u32, name.clone());
                    self.add_default(node, kind.file, default);
                }
            }
        }
        for (id, environment) in self.tables.environments.iter().enumerate() {
            for (name, field) in &environment.fields {
                let node = DefinitionNode::Environment(id as u32, name.clone());
                self.add(node, environment.file, &field.value);
            }
        }
        for (id, place) in self.tables.infrastructures.iter().enumerate() {
            let file = self.tables.environments[place.environment as usize].file;
            for field in &place.decl.fields {
                let node = DefinitionNode::Infrastructure(id as u32, field.name.name.clone());
                self.add(node, file, &field.value);
            }
            let environment = &self.tables.environments[place.environment as usize];
            let Some(kind) = place.kind.map(|kind| &self.tables.kinds[kind as usize]) else {
                continue;
            };
            for (name, field) in &kind.infrastructure {
                let inherited = environment.fields.contains_key(name);
                if let Some(default) = field.decl.and_then(|decl| decl.default.as_ref())
                    && !inherited
                {
                    let node = DefinitionNode::Infrastructure(id as u32, name.clone());
                    self.add_default(node, kind.file, default);
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
    fn sibling(&self, node: &DefinitionNode, name: &Name) -> Option<Option<usize>> {
        let is_name = &**name == "name";
        match node {
            DefinitionNode::Service(id, _) => {
                let kind = self.tables.services[*id as usize].kind?;
                let declared = &self.tables.kinds[kind as usize].service;
                let found = declared.contains_key(name) || is_name;
                found.then(|| self.field_of_service(*id, name))
            }
            DefinitionNode::Infrastructure(id, _) => {
                let kind = self.tables.infrastructures[*id as usize].kind?;
                let declared = &self.tables.kinds[kind as usize].infrastructure;
                let found = declared.contains_key(name) || is_name;
                found.then(|| self.field_of_place(*id, name))
            }
            DefinitionNode::ServiceDefault(kind, _) => {
                let declared = &self.tables.kinds[*kind as usize].service;
                let node = DefinitionNode::ServiceDefault(*kind, name.clone());
                let found = declared.contains_key(name) || is_name;
                found.then(|| self.places.get(&node).copied())
            }
            DefinitionNode::InfrastructureDefault(kind, _) => {
                let declared = &self.tables.kinds[*kind as usize].infrastructure;
                let node = DefinitionNode::InfrastructureDefault(*kind, name.clone());
                let found = declared.contains_key(name) || is_name;
                found.then(|| self.places.get(&node).copied())
            }
            DefinitionNode::Global(_)
            | DefinitionNode::Environment(..)
            | DefinitionNode::Function(_) => None,
        }
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
        let function = DefinitionNode::Function(decl.index);
        let is_function = decl.sort == DeclKind::Function;
        self.places.get(&function).copied().filter(|_| is_function)
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
                }) => self.places.get(&DefinitionNode::Global(index)).copied(),
                _ => None,
            }),
            Form::Field(of, name) => {
                if let Some(decl) = self.decl(file, expr, hides) {
                    let node = match decl.sort {
                        DeclKind::Let | DeclKind::Input | DeclKind::Group => {
                            DefinitionNode::Global(decl.index)
                        }
                        _ => return Some(None),
                    };
                    return Some(self.places.get(&node).copied());
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
                    } => Some(
                        self.places
                            .get(&DefinitionNode::Environment(index, name.clone()))
                            .copied(),
                    ),
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
        let given = self
            .places
            .get(&DefinitionNode::Infrastructure(id, name.clone()));
        let inherited = || {
            self.places.get(&DefinitionNode::Environment(
                place.environment,
                name.clone(),
            ))
        };
        let default = || {
            let node = DefinitionNode::InfrastructureDefault(place.kind?, name.clone());
            self.places.get(&node)
        };
        given.or_else(inherited).or_else(default).copied()
    }

    fn field_of_service(&self, id: u32, name: &Name) -> Option<usize> {
        let kind = self.tables.services[id as usize].kind;
        let given = self.places.get(&DefinitionNode::Service(id, name.clone()));
        let default = || {
            self.places
                .get(&DefinitionNode::ServiceDefault(kind?, name.clone()))
        };
        given.or_else(default).copied()
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
            DefinitionNode::Environment(id, name) if in_cycle[at] => {
                Some(Definition::CycleField(*id, name.clone()))
            }
            DefinitionNode::Environment(id, name) => Some(Definition::Field(*id, name.clone())),
            _ => None,
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
        let (DefinitionNode::ServiceDefault(_, name)
        | DefinitionNode::InfrastructureDefault(_, name)
        | DefinitionNode::Service(_, name)
        | DefinitionNode::Infrastructure(_, name)) = definition
        else {
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
            DefinitionNode::Environment(id, name) => {
                let of = &self.tables.environments[*id as usize].decl.name.name;
                format!("{of}.{name}")
            }
            DefinitionNode::Infrastructure(id, name) => {
                format!("{}.{name}", self.tables.infrastructures[*id as usize].name)
            }
            DefinitionNode::Service(id, name) => {
                format!("{}.{name}", self.tables.services[*id as usize].name.name)
            }
            DefinitionNode::ServiceDefault(id, name)
            | DefinitionNode::InfrastructureDefault(id, name) => {
                let of = &self.tables.kinds[*id as usize].decl.name.name;
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
