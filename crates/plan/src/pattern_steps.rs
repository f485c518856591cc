//! Which statements a pattern for paths can stand for, by the source alone:
//! `**/deploy[*, prod.eu]` stands for all deployments that may go there, whatever the inputs are.
//! What this does not find no run has. Must not depend on values: an axis may have any, a number
//! may be any.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ptr;

use lockstep_base::node_path::{HandlerPart, PathPart, parts, typed};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{Type, Value};
use lockstep_lang::eval::{Expr, ExprKind};
use lockstep_lang::ir::{Block, Pipeline, Program, Stmt, StmtKind};

use super::lock_names::lock_name_exprs;
use super::tree::{called_workflows, label};

/// A node of a pipeline as the source has it: one for each statement, however often it is reached.
#[derive(Debug, Clone, Copy)]
pub enum SourceNode<'p> {
    /// A pipeline.
    Pipeline(&'p Pipeline),
    /// A statement with a name in paths.
    Statement(&'p Stmt),
    /// What stands beside a statement: the part, and the statement.
    Handler(HandlerPart, &'p Stmt),
}

impl<'p> SourceNode<'p> {
    /// The statement, of a pipeline the one with its body.
    pub fn stmt(self) -> &'p Stmt {
        match self {
            Self::Pipeline(pipeline) => &pipeline.body,
            Self::Statement(stmt) | Self::Handler(_, stmt) => stmt,
        }
    }

    fn key(self) -> NodeKey {
        let handler = match self {
            Self::Handler(part, _) => Some(part.as_str()),
            Self::Pipeline(_) | Self::Statement(_) => None,
        };
        (ptr::from_ref(self.stmt()), handler)
    }
}

type NodeKey = (*const Stmt, Option<&'static str>);

/// A part of a pattern that stands for a node.
#[derive(Debug, Clone, Copy)]
pub struct PatternStep<'p> {
    /// The node.
    pub node: SourceNode<'p>,
    /// Which part of the pattern, from 0.
    pub part: usize,
    /// How many parts of the pattern have been used up behind it. A `**` is not used up.
    pub used: usize,
}

impl PatternStep<'_> {
    /// What tells steps apart: two patterns with the same steps stand for the same nodes.
    pub fn key(&self) -> (Span, Option<&'static str>, usize, usize) {
        let (_, handler) = self.node.key();
        (self.node.stmt().span, handler, self.part, self.used)
    }
}

/// What a node may be called in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeForms {
    /// The name, without values and numbers.
    pub name: Name,
    /// What each value in brackets may be; nothing where there are no brackets.
    pub values: Vec<ValueForms>,
}

/// What a value in brackets may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueForms {
    /// Whatever there is.
    Any,
    /// One of the services.
    Services(Vec<Name>),
    /// One of the infrastructures, by their full names.
    Infrastructures(Vec<Name>),
    /// This text.
    Text(Name),
}

impl ValueForms {
    /// The texts that it may be, as they are written in paths; nothing where it may be any.
    fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Any => None,
            Self::Text(text) => Some(vec![written(text)]),
            Self::Services(names) | Self::Infrastructures(names) => {
                Some(names.iter().map(|name| written(name)).collect())
            }
        }
    }
}

/// A value as it is written in a path.
pub fn written(value: &str) -> String {
    let part = PathPart::with_values("", vec![value.into()], 1).text();
    let inside = part.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inside.unwrap_or(&part).to_owned()
}

/// Another name for things of a program, to see what patterns would stand for with it.
#[derive(Debug, Clone)]
pub struct OtherName {
    /// What has it: names of declarations, heads of statements.
    pub of: HashSet<Span>,
    /// The lock that has it.
    pub lock: Option<Name>,
    /// The name.
    pub name: Name,
}

/// A program, and what its nodes are called in paths.
#[derive(Debug, Clone)]
pub struct SourceNodes<'p> {
    program: &'p Program,
    other: Option<OtherName>,
}

impl<'p> SourceNodes<'p> {
    /// The nodes as they are called.
    pub fn new(program: &'p Program) -> Self {
        Self {
            program,
            other: None,
        }
    }

    /// The same nodes, some of which are called otherwise.
    #[must_use]
    pub fn renamed(&self, other: OtherName) -> Self {
        Self {
            program: self.program,
            other: Some(other),
        }
    }

    fn called(&self, declared: Span, own: &Name) -> Name {
        match &self.other {
            Some(other) if other.of.contains(&declared) => other.name.clone(),
            Some(_) | None => own.clone(),
        }
    }

    fn services(&self) -> Vec<Name> {
        let services = self.program.services.iter();
        services.map(|it| self.called(it.span, &it.name)).collect()
    }

    fn infrastructures(&self) -> Vec<Name> {
        let all = self.program.infrastructures.iter().map(|it| {
            let environment = self.program.environments.get(it.environment.0 as usize);
            let own = it.name.rsplit_once('.').map_or(&*it.name, |(_, own)| own);
            let own = self.called(it.span, &Name::from(own));
            match environment {
                Some(of) => Name::from(format!("{}.{own}", self.called(of.span, &of.name))),
                None => own,
            }
        });
        all.collect()
    }

    /// What a node may be called.
    pub fn forms(&self, node: SourceNode<'_>) -> NodeForms {
        let plain = |name: Name| NodeForms {
            name,
            values: Vec::new(),
        };
        let stmt = match node {
            SourceNode::Pipeline(pipeline) => {
                return plain(self.called(pipeline.body.span, &pipeline.name));
            }
            SourceNode::Handler(part, _) => return plain(Name::from(part.as_str())),
            SourceNode::Statement(stmt) => stmt,
        };
        let name = label(self.program, stmt).0;
        let name = name.unwrap_or_else(|| Name::from(""));
        match &stmt.kind {
            StmtKind::Stage { .. } | StmtKind::Step { .. } => plain(self.called(stmt.span, &name)),
            // `let eu = promote(…)` calls it so, whatever the workflow is called.
            StmtKind::Call(using) if using.called.is_some() => plain(name),
            StmtKind::Call(using) => {
                let workflow = self.program.workflows.get(using.workflow.0 as usize);
                plain(workflow.map_or(name, |it| self.called(it.span, &it.name)))
            }
            StmtKind::Action { action, .. } => {
                let action = self.program.actions.get(*action as usize);
                plain(action.map_or(name, |it| self.called(it.span, &it.name)))
            }
            StmtKind::Deploy { .. } => NodeForms {
                name,
                values: vec![
                    match self
                        .program
                        .service_templates
                        .iter()
                        .all(|it| it.made.is_some())
                    {
                        true => ValueForms::Services(self.services()),
                        false => ValueForms::Any,
                    },
                    match self
                        .program
                        .infrastructure_templates
                        .iter()
                        .all(|it| it.made.is_some())
                    {
                        true => ValueForms::Infrastructures(self.infrastructures()),
                        false => ValueForms::Any,
                    },
                ],
            },
            StmtKind::Matrix(matrix) => NodeForms {
                name,
                values: matrix.axes.iter().map(|_| ValueForms::Any).collect(),
            },
            StmtKind::Barrier { name: own, key, .. } => {
                let own = ValueForms::Text(self.called(stmt.span, own));
                let key = key.iter().map(|_| ValueForms::Any);
                NodeForms {
                    name,
                    values: std::iter::once(own).chain(key).collect(),
                }
            }
            StmtKind::Lock { resource, .. } => NodeForms {
                name,
                values: self.lock(resource),
            },
            StmtKind::Block(_)
            | StmtKind::Parallel(_)
            | StmtKind::Run(_)
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => plain(name),
        }
    }

    /// What the cells of a loop may be called as far as the source says it, for a value in brackets
    /// that may be any: what an editor offers, and by which nothing is refused.
    pub fn likely_cells(&self, node: SourceNode<'_>, value: usize) -> Vec<Name> {
        let StmtKind::Matrix(matrix) = &node.stmt().kind else {
            return Vec::new();
        };
        let axis = matrix.axes.get(value).filter(|axis| axis.by.is_none());
        let Some(axis) = axis else {
            return Vec::new();
        };
        let text = |value: &Value| match value {
            Value::String(text) => Some(Name::from(&**text)),
            _ => None,
        };
        if let Some(Value::List(list)) = axis.list.as_const() {
            return list.iter().filter_map(text).collect();
        }
        if let ExprKind::List(items) = &axis.list.kind {
            let values = items.iter().filter_map(|item| item.value.as_const());
            let texts: Vec<Name> = values.filter_map(text).collect();
            if !texts.is_empty() {
                return texts;
            }
        }
        match &axis.of {
            Some(Type::Infrastructure(_)) => self.infrastructures(),
            Some(Type::Service(_)) => self.services(),
            Some(Type::OneOf(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    fn lock(&self, resource: &Expr) -> Vec<ValueForms> {
        let form = |name: &Expr| {
            let Some(Value::String(name)) = name.as_const() else {
                return ValueForms::Any;
            };
            let name = Name::from(&**name);
            ValueForms::Text(match &self.other {
                Some(other) if other.lock.as_ref() == Some(&name) => other.name.clone(),
                Some(_) | None => name,
            })
        };
        lock_name_exprs(resource).into_iter().map(form).collect()
    }

    /// The pipelines.
    pub fn pipelines(&self) -> Vec<SourceNode<'p>> {
        let pipelines = self.program.pipelines.iter();
        pipelines.map(SourceNode::Pipeline).collect()
    }

    /// The nodes directly in a node.
    pub fn inside(&self, node: SourceNode<'p>) -> Vec<SourceNode<'p>> {
        let mut found = Vec::new();
        match node {
            SourceNode::Handler(part, stmt) => {
                for body in handler_bodies(stmt, part) {
                    self.add(body, &mut found);
                }
            }
            SourceNode::Pipeline(_) | SourceNode::Statement(_) => {
                let stmt = node.stmt();
                for body in self.bodies(stmt) {
                    self.add(body, &mut found);
                }
                found.extend(handlers(stmt));
            }
        }
        found
    }

    /// What runs in a statement; of a call what the workflow does, of a deployment all that it may
    /// turn out to use.
    fn bodies(&self, stmt: &'p Stmt) -> Vec<&'p Block> {
        let of_workflows = called_workflows(self.program, stmt)
            .into_iter()
            .filter_map(|id| Some(&self.program.workflows.get(id.0 as usize)?.body));
        stmt.bodies().into_iter().chain(of_workflows).collect()
    }

    fn add(&self, block: &'p Block, found: &mut Vec<SourceNode<'p>>) {
        for stmt in &block.stmts {
            if label(self.program, stmt).0.is_none() {
                for body in stmt.bodies() {
                    self.add(body, found);
                }
                found.extend(handlers(stmt));
                continue;
            }
            found.push(SourceNode::Statement(stmt));
            // A loop has no place of its own beside its cells: its handlers are in what is around.
            if stmt.kind.matrix().is_some() {
                found.extend(handlers(stmt));
            }
        }
    }

    /// How a pattern leads from these nodes to what it stands for; nothing where it stands for
    /// nothing. A node that the pattern passes on no way to its end is not among them.
    pub fn steps(&self, from: &[SourceNode<'p>], pattern: &str) -> Vec<PatternStep<'p>> {
        let pattern = typed(pattern);
        let parts: Vec<&str> = parts(&pattern).collect();
        StepSearch {
            nodes: self,
            parts: &parts,
            contexts: HashMap::new(),
            forms: HashMap::new(),
            waiting: VecDeque::new(),
            steps: Vec::new(),
        }
        .found(from)
    }
}

fn handlers(stmt: &Stmt) -> impl Iterator<Item = SourceNode<'_>> {
    let parts = HandlerPart::ALL.into_iter();
    let given = parts.filter(|part| handler_bodies(stmt, *part).next().is_some());
    given.map(|part| SourceNode::Handler(part, stmt))
}

fn handler_bodies(stmt: &Stmt, part: HandlerPart) -> impl Iterator<Item = &Block> {
    let handlers = &stmt.handlers;
    let (one, more) = match part {
        HandlerPart::Undo => (handlers.undo.as_ref(), [].as_slice()),
        HandlerPart::OnFailure => (None, handlers.on_failure.as_slice()),
        HandlerPart::Always => (handlers.always.as_ref(), [].as_slice()),
        HandlerPart::Watch => {
            let watch = handlers.watch.as_ref();
            (watch.map(|it| &it.body), [].as_slice())
        }
        HandlerPart::Between => {
            let between = stmt.kind.matrix().and_then(|it| it.between.as_ref());
            (between.map(|it| &it.body), [].as_slice())
        }
    };
    one.into_iter().chain(more.iter().map(|it| &it.body))
}

/// A search for what a pattern stands for: a node and how many parts are used up are a context.
struct StepSearch<'s, 'p> {
    nodes: &'s SourceNodes<'p>,
    parts: &'s [&'s str],
    contexts: HashMap<(NodeKey, usize), usize>,
    forms: HashMap<NodeKey, NodeForms>,
    waiting: VecDeque<(usize, SourceNode<'p>, usize)>,
    /// From which context each step is made, and to which it leads.
    steps: Vec<(Option<usize>, PatternStep<'p>, usize)>,
}

impl<'p> StepSearch<'_, 'p> {
    fn found(mut self, from: &[SourceNode<'p>]) -> Vec<PatternStep<'p>> {
        for node in from {
            self.step(None, *node, 0);
        }
        while let Some((context, node, used)) = self.waiting.pop_front() {
            for child in self.nodes.inside(node) {
                self.step(Some(context), child, used);
            }
        }
        let mut leads = vec![false; self.contexts.len()];
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.contexts.len()];
        let mut ends = Vec::new();
        for (from, step, to) in &self.steps {
            if let (Some(from), Some(before)) = (from, before.get_mut(*to)) {
                before.push(*from);
            }
            if self.is_end(step.used) {
                ends.push(*to);
            }
        }
        while let Some(context) = ends.pop() {
            if let Some(leads) = leads.get_mut(context)
                && !*leads
            {
                *leads = true;
                ends.extend(before.get(context).into_iter().flatten());
            }
        }
        let good = self
            .steps
            .into_iter()
            .filter(|(_, _, to)| leads.get(*to) == Some(&true));
        let mut seen = HashSet::new();
        good.map(|(_, step, _)| step)
            .filter(|step| seen.insert((step.node.key(), step.part, step.used)))
            .collect()
    }

    /// Whether nothing of the pattern is left, or only what may stand for nothing.
    fn is_end(&self, used: usize) -> bool {
        let rest = self.parts.get(used..).unwrap_or_default();
        rest.iter().all(|part| *part == "**")
    }

    fn step(&mut self, from: Option<usize>, node: SourceNode<'p>, used: usize) {
        let mut part = used;
        while let Some(text) = self.parts.get(part) {
            let is_open = *text == "**";
            let after = if is_open { part } else { part + 1 };
            if is_open || self.can_be(text, node) {
                let to = self.context(node, after);
                let step = PatternStep {
                    node,
                    part,
                    used: after,
                };
                self.steps.push((from, step, to));
            }
            if !is_open {
                return;
            }
            part += 1;
        }
    }

    fn can_be(&mut self, part: &str, node: SourceNode<'p>) -> bool {
        let forms = self.forms.entry(node.key());
        can_be(part, forms.or_insert_with(|| self.nodes.forms(node)))
    }

    fn context(&mut self, node: SourceNode<'p>, used: usize) -> usize {
        let next = self.contexts.len();
        let key = (node.key(), used);
        *self.contexts.entry(key).or_insert_with(|| {
            self.waiting.push_back((next, node, used));
            next
        })
    }
}

/// Whether a part of a pattern can be a node that may be called so.
fn can_be(part: &str, forms: &NodeForms) -> bool {
    if !may_begin_with(part, &forms.name) {
        return false;
    }
    let values: Vec<String> = forms
        .values
        .iter()
        .map(|value| match value.texts() {
            Some(texts) => <[String; 1]>::try_from(texts).map_or("*".into(), |[one]| one),
            None => String::from("*"),
        })
        .collect();
    let behind = match values.is_empty() {
        true => String::new(),
        false => format!("[{}]", values.join(", ")),
    };
    let name = &forms.name;
    let written = [
        format!("{name}{behind}"),
        format!("{name}#*{behind}"),
        format!("{name}{behind}#*"),
        format!("{name}#*{behind}#*"),
    ];
    written.iter().any(|it| overlap(part, it)) && values_fit(part, &forms.values)
}

/// Whether a pattern may match a text that begins with `name`.
fn may_begin_with(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut fits = |c| match pattern.next() {
        Some('*') => Some(true),
        Some(next) if next == c => None,
        Some(_) | None => Some(false),
    };
    name.chars().find_map(&mut fits).unwrap_or(true)
}

/// Whether the values of a part can be these, each for itself where there are as many.
fn values_fit(part: &str, forms: &[ValueForms]) -> bool {
    let Some((open, close)) = part.find('[').zip(part.rfind(']')) else {
        return true;
    };
    let inside: Vec<&str> = part
        .get(open + 1..close)
        .map_or(Vec::new(), |inside| inside.split(", ").collect());
    if inside.len() != forms.len() {
        return true;
    }
    inside.iter().zip(forms).all(|(pattern, forms)| {
        let texts = forms.texts();
        texts.is_none_or(|texts| texts.iter().any(|text| overlap(pattern, text)))
    })
}

/// Whether there is a text that both patterns match; a `*` is any text.
fn overlap(one: &str, other: &str) -> bool {
    // Most differ in what stands before the first `*`.
    let (mut one, mut other) = (one, other);
    loop {
        match (one.chars().next(), other.chars().next()) {
            (None, None) => return true,
            (Some('*'), _) | (_, Some('*')) => break,
            (Some(c), Some(same)) if c == same => {
                one = &one[c.len_utf8()..];
                other = &other[c.len_utf8()..];
            }
            (Some(_), _) | (None, _) => return false,
        }
    }
    let other: Vec<char> = other.chars().collect();
    // `at[i]`: whether what has been read of the one can be the first `i` characters of the other.
    let mut at = vec![false; other.len() + 1];
    let open = |at: &mut [bool]| {
        for (i, c) in other.iter().enumerate() {
            if *c == '*' && at.get(i) == Some(&true) {
                at[i + 1] = true;
            }
        }
    };
    at[0] = true;
    open(&mut at);
    for c in one.chars() {
        let mut next = vec![false; other.len() + 1];
        for i in 0..=other.len() {
            let here = other.get(i);
            if c == '*' {
                // Any of what is behind, too.
                let before = i > 0 && next[i - 1];
                next[i] = at[i] || before;
                continue;
            }
            if !at[i] {
                continue;
            }
            if here == Some(&'*') {
                next[i] = true;
            }
            if here == Some(&c) {
                next[i + 1] = true;
            }
        }
        open(&mut next);
        at = next;
    }
    at.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_where_a_text_matches_both() {
        for (one, other, wanted) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a*", "*b", true),
            ("a*c", "ab*d", false),
            ("*", "", true),
            ("a", "a*", true),
            ("", "*", true),
            ("run#2", "run#*", true),
            ("run", "run#*", false),
            ("deploy[*, prod.*]", "deploy[*, *]", true),
            ("deploy[web]", "deploy[*, *]", false),
            ("deploy[*]", "deploy[*, *]", true),
            ("*x*", "y*", true),
            ("x", "**", true),
        ] {
            assert_eq!(overlap(one, other), wanted, "{one} {other}");
            assert_eq!(overlap(other, one), wanted, "{other} {one}");
        }
    }

    #[test]
    fn a_name_is_compared_up_to_the_first_star() {
        for (pattern, name, wanted) in [
            ("deploy[*]", "deploy", true),
            ("dep*", "deploy", true),
            ("*", "deploy", true),
            ("depot", "deploy", false),
            ("dep", "deploy", false),
            ("deploy#2", "deploy", true),
            ("x", "", true),
        ] {
            assert_eq!(may_begin_with(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn values_are_compared_each_for_itself() {
        let names = |names: &[&str]| names.iter().map(|name| Name::from(*name)).collect();
        let forms = NodeForms {
            name: Name::from("deploy"),
            values: vec![
                ValueForms::Services(names(&["web", "a/b"])),
                ValueForms::Infrastructures(names(&["prod.eu", "qa.one"])),
            ],
        };
        for (part, wanted) in [
            ("deploy[web, prod.eu]", true),
            ("deploy[*, prod.*]", true),
            ("deploy[*, prod.us]", false),
            ("deploy[wep, *]", false),
            ("deploy[a%2Fb, *]", true),
            ("deploy[*]", true),
            ("deploy", false),
            ("deploy[web, prod.eu]#2", true),
            ("deploy*", true),
            ("*", true),
            ("*[*, qa.one]", true),
        ] {
            assert_eq!(can_be(part, &forms), wanted, "{part}");
        }
    }
}
