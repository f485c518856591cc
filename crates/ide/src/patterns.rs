//! The patterns for paths in tests, and what their parts name: `**/deploy[web, prod.*]/push` names
//! the service `web`, the environment `prod` and the step `push`. Only the tests of the checked
//! file itself are looked at: those of an imported file start pipelines that this check may not
//! know.

use std::collections::HashMap;
use std::ops::Range;

use super::checked_file::{CheckedFile, ROOT_FILE};
use super::symbol::SymbolKind;
use super::syntax_node::{SyntaxNode, walk};
use lockstep_base::node_path::typed_ranges;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{Type, Value};
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{PatternStep, SourceNode, SourceNodes, lock_name_exprs, written};
use lockstep_syntax::ast::{
    Axis, ExprKind, ItemKind, LetValue, Stmt, StmtKind as Form, StringLit, TestKind, TestPath,
    TestStmt,
};

/// A pattern of a test.
#[derive(Debug, Clone)]
pub struct TestPattern {
    /// What it says.
    pub text: Name,
    /// Where it stands, with its quotes.
    pub at: Span,
    /// Where its text begins, if it stands there as it is, without escapes.
    start: Option<u32>,
    /// The pipeline that the test starts, by its place in the program; nothing where it starts
    /// none.
    pipeline: Option<usize>,
}

impl TestPattern {
    /// The pipelines whose nodes it may stand for.
    pub fn pipelines<'p>(&self, nodes: &SourceNodes<'p>) -> Vec<SourceNode<'p>> {
        let all = nodes.pipelines();
        match self.pipeline.and_then(|at| all.get(at)) {
            Some(started) => vec![*started],
            None => all,
        }
    }

    /// A part of its text as a place of the file.
    fn place(&self, part: &Range<usize>) -> Option<Span> {
        let start = self.start? as usize;
        let file = self.at.file;
        Some(Span::new(file, start + part.start, start + part.end))
    }

    /// Its text after these changes of its file.
    pub fn changed(&self, edits: &[(Span, String)]) -> String {
        let mut text = self.text.to_string();
        let start = self.start.unwrap_or(u32::MAX);
        let inside = |at: &Span| at.file == self.at.file && start <= at.start;
        let mut own: Vec<&(Span, String)> = edits.iter().filter(|(at, _)| inside(at)).collect();
        own.sort_by_key(|(at, _)| std::cmp::Reverse(at.start));
        for (at, new) in own {
            let range = (at.start - start) as usize..(at.end - start) as usize;
            if at.end <= self.at.end && text.get(range.clone()).is_some() {
                text.replace_range(range, new);
            }
        }
        text
    }
}

/// What a part of a pattern names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatternName {
    /// What is declared by the name at this place.
    Symbol(Span),
    /// The barrier of the statement with this head.
    Barrier(Span),
    /// The lock with this name.
    Lock(Name),
}

/// A part of a pattern that names something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PatternUse {
    /// The part.
    pub at: Span,
    /// What it names.
    pub name: PatternName,
}

/// The patterns of the tests of the checked file.
pub fn patterns(checked: &CheckedFile) -> Vec<TestPattern> {
    let items = checked.tree(ROOT_FILE).map_or(&[][..], |tree| &tree.items);
    let mut found = Vec::new();
    for item in items {
        let ItemKind::Test { body, .. } = &item.kind else {
            continue;
        };
        let pipeline = started(checked, body);
        for literal in body.iter().flat_map(literals) {
            let Some(text) = literal.plain() else {
                continue;
            };
            let quotes = if literal.multiline { 3 } else { 1 };
            let inside = Span {
                start: literal.span.start + quotes,
                end: literal.span.end.saturating_sub(quotes),
                ..literal.span
            };
            found.push(TestPattern {
                start: (checked.text(inside) == &*text).then_some(inside.start),
                text,
                at: literal.span,
                pipeline,
            });
        }
    }
    found
}

fn literals(stmt: &TestStmt) -> Vec<&StringLit> {
    fn of_path(path: &TestPath) -> Option<&StringLit> {
        match path {
            TestPath::Pattern(text) => Some(text),
            TestPath::Name(_) => None,
        }
    }
    match &stmt.kind {
        TestKind::GivenNode { path, .. } => vec![path],
        TestKind::ExpectStatus { path, .. } => of_path(path).into_iter().collect(),
        TestKind::ExpectOrder { first, second } => {
            [first, second].into_iter().filter_map(of_path).collect()
        }
        TestKind::GivenInput { .. }
        | TestKind::GivenRun { .. }
        | TestKind::GivenDeployed { .. }
        | TestKind::Start { .. }
        | TestKind::ExpectCondition(_)
        | TestKind::Error => Vec::new(),
    }
}

/// The pipeline that a test starts, by its place in the program.
pub fn started(checked: &CheckedFile, body: &[TestStmt]) -> Option<usize> {
    let name = body.iter().find_map(|stmt| match &stmt.kind {
        TestKind::Start { pipeline } => Some(&pipeline.name),
        _ => None,
    })?;
    let mut pipelines = checked.program().pipelines.iter();
    pipelines.position(|it| it.name == *name)
}

/// What the parts of all patterns name, in order.
pub fn uses(checked: &CheckedFile) -> Vec<PatternUse> {
    let patterns = patterns(checked);
    if patterns.is_empty() {
        return Vec::new();
    }
    let nodes = SourceNodes::new(checked.program());
    let names = PatternNames {
        checked,
        statements: statements(checked),
        symbols: symbols_by_head(checked),
    };
    let mut found = Vec::new();
    for pattern in &patterns {
        let parts = typed_ranges(&pattern.text);
        for step in nodes.steps(&pattern.pipelines(&nodes), &pattern.text) {
            if let Some(part) = parts.get(step.part) {
                names.of_step(pattern, part, &step, &nodes, &mut found);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The statements of all files by their heads.
fn statements(checked: &CheckedFile) -> HashMap<Span, &Stmt> {
    let mut found = HashMap::new();
    for module in &checked.modules().files {
        walk(&module.ast, &mut |node| {
            if let SyntaxNode::Stmt(stmt) = node {
                found.insert(stmt.head, stmt);
            }
            true
        });
    }
    found
}

/// The stages and steps of all files by the heads of their statements.
fn symbols_by_head(checked: &CheckedFile) -> HashMap<Span, Span> {
    let files = 0..checked.modules().files.len();
    let all = files.flat_map(|file| checked.symbols(FileId(file as u32)));
    let named = all.filter(|it| matches!(it.kind, SymbolKind::Stage | SymbolKind::Step));
    named.map(|it| (it.head, it.at)).collect()
}

struct PatternNames<'c> {
    checked: &'c CheckedFile,
    statements: HashMap<Span, &'c Stmt>,
    symbols: HashMap<Span, Span>,
}

impl PatternNames<'_> {
    /// What a part names where it stands for a node.
    fn of_step(
        &self,
        pattern: &TestPattern,
        part: &Range<usize>,
        step: &PatternStep<'_>,
        nodes: &SourceNodes<'_>,
        found: &mut Vec<PatternUse>,
    ) {
        let Some(text) = pattern.text.get(part.clone()) else {
            return;
        };
        let forms = nodes.forms(step.node);
        let end = text.find(['[', '#']).unwrap_or(text.len());
        if text.get(..end) == Some(&*forms.name)
            && let Some(declared) = self.declaration(step.node)
            && let Some(at) = pattern.place(&(part.start..part.start + end))
        {
            let name = PatternName::Symbol(declared);
            found.push(PatternUse { at, name });
        }
        let SourceNode::Statement(stmt) = step.node else {
            return;
        };
        let values = values(text);
        if values.len() != forms.values.len() {
            return;
        }
        for (at, value) in values.into_iter().enumerate() {
            let Some(text) = text.get(value.clone()) else {
                continue;
            };
            let shifted = |range: Range<usize>| {
                let start = part.start + value.start;
                pattern.place(&(start + range.start..start + range.end))
            };
            for (range, name) in self.of_value(stmt, at, text) {
                found.extend(shifted(range).map(|at| PatternUse { at, name }));
            }
        }
    }

    /// The declaration of what a node is called by.
    fn declaration(&self, node: SourceNode<'_>) -> Option<Span> {
        let program = self.checked.program();
        let at = match node {
            SourceNode::Pipeline(pipeline) => {
                let binding = self.checked.modules().find(ROOT_FILE, &pipeline.name)?;
                self.checked.modules().declared_at(binding)
            }
            SourceNode::Handler(..) => return None,
            SourceNode::Statement(stmt) => match &stmt.kind {
                StmtKind::Stage { .. } | StmtKind::Step { .. } => *self.symbols.get(&stmt.span)?,
                StmtKind::Call(using) => program.workflows.get(using.workflow.0 as usize)?.span,
                StmtKind::Action { action, .. } => program.actions.get(*action as usize)?.span,
                _ => return None,
            },
        };
        self.checked.declared(at).map(|symbol| symbol.at)
    }

    /// What the value with this number names in the brackets of a statement.
    fn of_value(
        &self,
        stmt: &lockstep_lang::ir::Stmt,
        number: usize,
        text: &str,
    ) -> Vec<(Range<usize>, PatternName)> {
        let all = 0..text.len();
        match (&stmt.kind, number) {
            (StmtKind::Deploy { .. }, 0) => self.service(text),
            (StmtKind::Deploy { .. }, _) => self.infrastructure(text),
            (StmtKind::Barrier { name, .. }, 0) if written(name) == text => {
                vec![(all, PatternName::Barrier(stmt.span))]
            }
            (StmtKind::Lock { resource, .. }, _) => {
                let names = lock_name_exprs(resource);
                let name = names.get(number).and_then(|name| name.as_const());
                match name.and_then(Value::as_str) {
                    Some(name) if written(name) == text => {
                        vec![(all, PatternName::Lock(Name::from(name)))]
                    }
                    Some(_) | None => Vec::new(),
                }
            }
            (StmtKind::Matrix(_) | StmtKind::Barrier { .. }, _) => {
                match self.type_of_value(stmt.span, number) {
                    Some(Type::Service(_)) => self.service(text),
                    Some(Type::Infrastructure(_)) => self.infrastructure(text),
                    Some(Type::Environment) => self.environment(text, all),
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    /// The type of a value in the brackets of a loop, a matrix or a barrier.
    fn type_of_value(&self, head: Span, number: usize) -> Option<Type> {
        let mut stmt = *self.statements.get(&head)?;
        if let Form::Let {
            value: LetValue::Effect(inner),
            ..
        } = &stmt.kind
        {
            stmt = inner;
        }
        match &stmt.kind {
            Form::Loop { axis, .. } => self.type_of_names(axis),
            Form::Matrix { axes, .. } => self.type_of_names(axes.get(number)?),
            Form::Barrier { key: Some(key), .. } => {
                if let Some(ty) = self.checked.type_at(key.span) {
                    return Some(ty.clone());
                }
                let ExprKind::Name(name) = &key.kind else {
                    return None;
                };
                let named = self.checked.name_at(name.span.file, name.span.start)?;
                self.checked.type_of(named.symbol)
            }
            _ => None,
        }
    }

    /// The type of what the cells of an axis are called by; nothing where `by` names them.
    fn type_of_names(&self, axis: &Axis) -> Option<Type> {
        match axis.by {
            Some(_) => None,
            None => self.checked.type_at(axis.var.span).cloned(),
        }
    }

    fn service(&self, text: &str) -> Vec<(Range<usize>, PatternName)> {
        let services = self.checked.program().services.iter();
        let named = services.filter(|it| written(&it.name) == text);
        named
            .map(|it| (0..text.len(), PatternName::Symbol(it.span)))
            .collect()
    }

    fn environment(&self, text: &str, at: Range<usize>) -> Vec<(Range<usize>, PatternName)> {
        let environments = self.checked.program().environments.iter();
        let named = environments.filter(|it| &*it.name == text);
        named
            .map(|it| (at.clone(), PatternName::Symbol(it.span)))
            .collect()
    }

    /// The environment and the infrastructure of `prod.eu`, `prod.*` or `*.eu`.
    fn infrastructure(&self, text: &str) -> Vec<(Range<usize>, PatternName)> {
        let Some((environment, own)) = text.split_once('.') else {
            return Vec::new();
        };
        let mut found = self.environment(environment, 0..environment.len());
        let start = environment.len() + 1;
        for place in &self.checked.program().infrastructures {
            let Some((of, name)) = place.name.split_once('.') else {
                continue;
            };
            if name == own && (of == environment || environment.contains('*')) {
                let at = start..text.len();
                found.push((at, PatternName::Symbol(place.span)));
            }
        }
        found
    }
}

/// The values in the brackets of a part.
fn values(part: &str) -> Vec<Range<usize>> {
    let brackets = part.find('[').zip(part.rfind(']'));
    let Some((open, close)) = brackets.filter(|(open, close)| open < close) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut start = open + 1;
    for value in part.get(start..close).unwrap_or("").split(", ") {
        found.push(start..start + value.len());
        start += value.len() + 2;
    }
    found
}
