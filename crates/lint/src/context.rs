//! The context in which rules run: the ASTs, the program, and the plans if there are any.

use std::collections::HashMap;
use std::sync::Arc;

use super::LintInput;
use super::config::Config;
use super::effects::Effects;
use super::rule::RuleInput;
use lockstep_base::diagnostic::Severity;
use lockstep_base::source::{FileId, Source, Span};
use lockstep_lang::eval::Scope;
use lockstep_lang::ir::lower::Constants;
use lockstep_lang::ir::{self, Program};
use lockstep_lang::resolve::{Module, Modules};
use lockstep_plan::{Facts, Locals, Plan};
use lockstep_syntax::ast::{self, ItemKind, Stmt};

use super::tree;

/// The file that is linted; imported files are read only as far as it needs them.
pub const ROOT_FILE: FileId = FileId(0);

/// The input of a rule.
pub struct Context<'a> {
    /// The result of compiling the file.
    checked: LintInput<'a>,
    /// The configuration for the file.
    pub config: &'a Config,
    /// The program, if it has no errors.
    pub program: Option<&'a Program>,
    /// The plans of its pipelines, as far as inputs allow.
    pub plans: &'a [&'a Plan],
    /// What the statements of the program can do; empty without a program.
    pub effects: Effects<'a>,
    /// The statements of all files by the spans of their heads.
    written: HashMap<Span, &'a Stmt>,
}

impl<'a> Context<'a> {
    /// The context for a compiled file.
    pub fn new(checked: LintInput<'a>, plans: &'a [&'a Plan], config: &'a Config) -> Self {
        let mut written = HashMap::new();
        for module in &checked.modules.files {
            tree::each_stmt_of(&module.ast, &mut |stmt| {
                written.insert(stmt.head, stmt);
            });
        }
        let program = checked.program;
        Self {
            checked,
            config,
            program,
            plans,
            effects: Effects::of(program),
            written,
        }
    }

    /// Whether what a rule needs is available.
    pub fn allows(&self, needs: RuleInput) -> bool {
        match needs {
            RuleInput::Syntax => true,
            RuleInput::Names => !self.is_broken(),
            RuleInput::Program => self.program.is_some(),
        }
    }

    /// Whether parts of the text could not be parsed, so that the AST may lack names and
    /// statements.
    fn is_broken(&self) -> bool {
        let mut errors = self.checked.diagnostics.iter();
        errors.any(|it| {
            it.severity == Severity::Error
                && it.code.as_str().starts_with("E01")
                && it.span().is_none_or(|span| span.file == ROOT_FILE)
        })
    }

    /// All files.
    pub fn modules(&self) -> &'a Modules {
        self.checked.modules
    }

    /// The module of the linted file.
    pub fn module(&self) -> Option<&'a Module> {
        self.checked.modules.files.first()
    }

    /// The declarations of the linted file.
    pub fn items(&self) -> &'a [ast::Item] {
        self.module().map_or(&[], |module| &module.ast.items)
    }

    /// The text of the linted file.
    pub fn source(&self) -> Option<&'a Source> {
        self.checked.modules.sources.get(ROOT_FILE)
    }

    /// The text under a span.
    pub fn text(&self, span: Span) -> &'a str {
        self.checked.modules.sources.text(span)
    }

    /// Calls `see` with the scope of the program's constants: what holds for every run.
    pub fn with_constants(&self, see: &mut dyn FnMut(&'a Program, &dyn Scope)) {
        if let Some(program) = self.program {
            see(program, &Constants::new(program, true));
        }
    }

    /// Calls `see` with each scope: the constants first, then what plans know in addition, once
    /// where several know the same.
    pub fn each_scope(&self, see: &mut dyn FnMut(&dyn Scope)) {
        self.with_constants(&mut |_, scope| see(scope));
        let locals = Locals::default();
        let mut seen: Vec<&Arc<Facts>> = Vec::new();
        for plan in self.plans {
            let facts = &plan.bound.facts;
            if !seen.iter().any(|it| Arc::ptr_eq(it, facts)) {
                seen.push(facts);
                see(&plan.walk().eval_scope(&locals));
            }
        }
    }

    /// Whether a span is in the standard library that is part of the program.
    pub fn is_library(&self, span: Span) -> bool {
        let source = self.checked.modules.sources.get(span.file);
        source.is_some_and(|source| source.name.starts_with("std/"))
    }

    /// Whether the linted file is a library: it has no entry point (no pipeline and no test) and is
    /// meant to be imported. In other files everything must be of use to an entry point.
    pub fn is_library_file(&self) -> bool {
        !self
            .items()
            .iter()
            .any(|item| matches!(item.kind, ItemKind::Pipeline { .. } | ItemKind::Test { .. }))
    }

    /// The statement in the AST that was lowered to this IR statement.
    pub fn written(&self, stmt: &ir::Stmt) -> Option<&'a Stmt> {
        self.written.get(&stmt.span).copied()
    }

    /// Whether a comment other than a suppression is inside a span.
    pub fn has_comment(&self, span: Span) -> bool {
        let Some(module) = self.modules().files.get(span.file.0 as usize) else {
            return false;
        };
        let from = module
            .comments
            .partition_point(|comment| comment.span.start < span.start);
        module.comments[from..]
            .iter()
            .take_while(|comment| comment.span.end <= span.end)
            .any(|comment| super::allow::is_reason(self.text(comment.span)))
    }
}
