//! Lowers `test` blocks: the names in them must exist, and their values must have the right types.

use crate::eval::GlobalId;
use crate::ir::{Given, Test, TestKind, TestStmt};
use crate::resolve::DeclKind;
use crate::types::{LocalScope, errors as type_errors};
use lockstep_base::diagnostic::codes;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, ItemKind, TestKind as Form, TestPath};

use super::{ProgramLowering, errors};

/// The statuses, as the language lists them.
const STATUSES: [&str; 13] = [
    "pending",
    "queued",
    "waiting",
    "running",
    "succeeded",
    "ignored",
    "failed",
    "skipped",
    "cancelled",
    "superseded",
    "rolling-back",
    "rolled-back",
    "rollback-failed",
];

/// Whether a test asks for values alone, so that nothing need be started.
fn is_about_values(body: &[ast::TestStmt]) -> bool {
    let mut asks = false;
    for stmt in body {
        match stmt.kind {
            Form::ExpectCondition(_) => asks = true,
            Form::GivenInput { .. }
            | Form::GivenDeployed { .. }
            | Form::Start { .. }
            | Form::Error => {}
            Form::GivenRun { .. }
            | Form::GivenNode { .. }
            | Form::ExpectStatus { .. }
            | Form::ExpectOrder { .. } => return false,
        }
    }
    asks
}

impl ProgramLowering<'_> {
    /// All tests are checked; those of the first file are returned.
    pub(super) fn test_blocks(&mut self) -> Vec<Test> {
        let modules = self.check.modules;
        let runnable = self.runnable().into_iter().enumerate();
        self.places = runnable.map(|(at, (_, id))| (id, at as u32)).collect();
        let mut kept = Vec::new();
        for (at, module) in modules.files.iter().enumerate() {
            let file = FileId(at as u32);
            for item in &module.ast.items {
                let ItemKind::Test { name, body, .. } = &item.kind else {
                    continue;
                };
                if !self.is_in_focus(item.span) {
                    continue;
                }
                let test = self.test_block(file, name, body);
                if at == 0 {
                    kept.push(test);
                }
            }
        }
        kept
    }

    fn test_block(&mut self, file: FileId, name: &ast::StringLit, body: &[ast::TestStmt]) -> Test {
        let stmts = body
            .iter()
            .filter_map(|stmt| {
                let kind = self.test_stmt(file, stmt)?;
                let span = stmt.span;
                Some(TestStmt { kind, span })
            })
            .collect();
        let mut start: Option<Span> = None;
        for stmt in body {
            if !matches!(stmt.kind, Form::Start { .. }) {
                continue;
            }
            match start {
                None => start = Some(stmt.span),
                Some(first) => self.check.report(errors::starts_twice(stmt.span, first)),
            }
        }
        let broken = body.iter().any(|stmt| matches!(stmt.kind, Form::Error));
        if start.is_none() && !broken && !is_about_values(body) {
            self.check.report(errors::starts_nothing(name.span));
        }
        Test {
            name: self.pattern(name).unwrap_or_else(|| "".into()),
            span: name.span,
            stmts,
        }
    }

    fn test_stmt(&mut self, file: FileId, stmt: &ast::TestStmt) -> Option<TestKind> {
        Some(match &stmt.kind {
            Form::Error => return None,
            Form::GivenInput { name, value } => return self.given_input(file, name, value),
            Form::GivenRun { pattern, then } => {
                let fields = match super::commands::run_type() {
                    Type::Record(fields) => fields,
                    _ => Default::default(),
                };
                let some = fields
                    .iter()
                    .map(|(name, ty)| (name.clone(), Type::optional(ty.clone())));
                let want = Type::record(some);
                let then = self.given(file, then, Some(&want));
                TestKind::GivenRun {
                    pattern: self.pattern(pattern)?,
                    then: then?,
                }
            }
            Form::GivenDeployed {
                service,
                target,
                value,
            } => {
                let mut locals = LocalScope::new(file);
                let mut one =
                    |expr, want: Type, what| self.check.check(&mut locals, expr, &want, what, None);
                TestKind::GivenDeployed {
                    service: one(service, Type::Service(None), "what is deployed"),
                    target: one(target, Type::Infrastructure(None), "where it is deployed"),
                    value: one(value, deployed_type(), "what is deployed there"),
                }
            }
            Form::GivenNode { path, then } => {
                let then = self.given(file, then, None);
                TestKind::GivenNode {
                    path: self.pattern(path)?,
                    then: then?,
                }
            }
            Form::Start { pipeline } => TestKind::Start {
                pipeline: self.test_pipeline(file, pipeline)?,
            },
            Form::ExpectStatus { path, status } => {
                let path = self.test_path(file, path);
                if !STATUSES.contains(&&*status.name) {
                    let known = STATUSES.into_iter();
                    let error = type_errors::unknown_word(codes::TEST, status, "status", known);
                    self.check.report(error);
                    return None;
                }
                TestKind::ExpectStatus {
                    path: path?,
                    status: status.name.clone(),
                }
            }
            Form::ExpectOrder { first, second } => {
                let first = self.test_path(file, first);
                let second = self.test_path(file, second);
                TestKind::ExpectOrder {
                    first: first?,
                    second: second?,
                }
            }
            Form::ExpectCondition(condition) => {
                let mut locals = LocalScope::new(file);
                let what = "what is expected";
                let condition = self
                    .check
                    .check(&mut locals, condition, &Type::Bool, what, None);
                TestKind::ExpectCondition(condition)
            }
        })
    }

    fn given_input(
        &mut self,
        file: FileId,
        name: &ast::Ident,
        value: &ast::Expr,
    ) -> Option<TestKind> {
        let path = ast::Path {
            namespace: None,
            name: name.clone(),
        };
        let mut locals = LocalScope::new(file);
        let input = match self.check.modules.path(file, &path, DeclKind::Input) {
            Ok(input) => input,
            Err(error) => {
                self.check.report_opt(error);
                self.check.expr(&mut locals, value, None);
                return None;
            }
        };
        let decl = &self.check.tables.globals[input as usize];
        let want = decl.written.clone().unwrap_or(Type::Any);
        let (declared, what) = (decl.written_span, format!("input `{}`", name.name));
        let value = self.check.check(&mut locals, value, &want, &what, declared);
        Some(TestKind::GivenInput {
            input: GlobalId(input),
            value,
        })
    }

    fn given(&mut self, file: FileId, given: &ast::Given, want: Option<&Type>) -> Option<Given> {
        Some(match given {
            ast::Given::Returns(value) => {
                let mut locals = LocalScope::new(file);
                Given::Returns(match want {
                    Some(want) => {
                        let what = "what the command returns";
                        self.check.check(&mut locals, value, want, what, None)
                    }
                    None => {
                        let what = "what a test returns";
                        self.check.plain(&mut locals, value, what).expr
                    }
                })
            }
            ast::Given::Fails(None) => Given::Fails(None),
            ast::Given::Fails(Some(class)) => Given::Fails(Some(self.class(class)?)),
            ast::Given::Refused => Given::Refused,
            ast::Given::Approved(None) => Given::Approved(None),
            ast::Given::Approved(Some(people)) => {
                let mut locals = LocalScope::new(file);
                let (want, what) = (Type::list(Type::String), "the list after `by`");
                let people = self.check.check(&mut locals, people, &want, what, None);
                Given::Approved(Some(people))
            }
        })
    }

    /// The pipeline that a test starts, by its place in the program.
    fn test_pipeline(&mut self, file: FileId, name: &ast::Ident) -> Option<u32> {
        let path = ast::Path {
            namespace: None,
            name: name.clone(),
        };
        match self.check.modules.path(file, &path, DeclKind::Pipeline) {
            Ok(pipeline) => self.places.get(&pipeline).copied(),
            Err(error) => {
                self.check.report_opt(error);
                None
            }
        }
    }

    /// A pattern, or the name of a pipeline.
    fn test_path(&mut self, file: FileId, path: &TestPath) -> Option<Name> {
        match path {
            TestPath::Pattern(text) => self.pattern(text),
            TestPath::Name(name) => {
                let path = ast::Path {
                    namespace: None,
                    name: name.clone(),
                };
                match self.check.modules.path(file, &path, DeclKind::Pipeline) {
                    Ok(_) => Some(name.name.clone()),
                    Err(error) => {
                        self.check.report_opt(error);
                        None
                    }
                }
            }
        }
    }

    /// A text that is written out.
    fn pattern(&mut self, text: &ast::StringLit) -> Option<Name> {
        let plain = text.plain();
        if plain.is_none() {
            self.check.report(errors::computed_pattern(text.span));
        }
        plain
    }
}

/// What a test may say is deployed somewhere: only what matters to it.
fn deployed_type() -> Type {
    Type::optional(Type::record([
        ("after", Type::optional(Type::String)),
        ("since", Type::optional(Type::String)),
        ("run", Type::optional(Type::String)),
        ("age", Type::optional(Type::Duration)),
    ]))
}
