//! What the rules look at: the trees, the program, and the plans if there are any.
//! It does not know the rules.

use std::collections::HashMap;

use super::Checked;
use super::config::Config;
use super::effects::Effects;
use super::rule::Needs;
use lockstep_base::diagnostic::Severity;
use lockstep_base::source::{FileId, Source, Span};
use lockstep_lang::eval::Scope;
use lockstep_lang::ir::lower::Constants;
use lockstep_lang::ir::{self, Program};
use lockstep_lang::resolve::{Module, Modules};
use lockstep_plan::{Locals, Plan};
use lockstep_syntax::ast::{self, ItemKind, Stmt};

use super::tree;

/// The file that was asked for; what it imports is only looked at to understand it.
pub const FILE: FileId = FileId(0);

/// All that a rule may look at.
pub struct Context<'a> {
    /// What the compiler made of the file.
    checked: Checked<'a>,
    /// What the project says of it.
    pub config: &'a Config,
    /// The program, if it has no errors.
    pub program: Option<&'a Program>,
    /// The plans of its pipelines, as far as inputs allow.
    pub plans: &'a [&'a Plan],
    /// What the statements of the program can do; empty without a program.
    pub effects: Effects<'a>,
    /// All statements of all files by where their heads stand.
    written: HashMap<Span, &'a Stmt>,
}

impl<'a> Context<'a> {
    /// What there is to look at.
    pub fn new(checked: Checked<'a>, plans: &'a [&'a Plan], config: &'a Config) -> Self {
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

    /// Whether what a rule needs is there.
    pub fn allows(&self, needs: Needs) -> bool {
        match needs {
            Needs::Syntax => true,
            Needs::Names => !self.is_broken(),
            Needs::Program => self.program.is_some(),
        }
    }

    /// Whether text could not be read, so that the tree may lack names and statements.
    fn is_broken(&self) -> bool {
        let mut errors = self.checked.diagnostics.iter();
        errors.any(|it| {
            it.severity == Severity::Error
                && it.code.as_str().starts_with("E01")
                && it.span().is_none_or(|span| span.file == FILE)
        })
    }

    /// All files.
    pub fn modules(&self) -> &'a Modules {
        self.checked.modules
    }

    /// The file that was asked for.
    pub fn module(&self) -> Option<&'a Module> {
        self.checked.modules.files.first()
    }

    /// The declarations of the file that was asked for.
    pub fn items(&self) -> &'a [ast::Item] {
        self.module().map_or(&[], |module| &module.ast.items)
    }

    /// The text of the file that was asked for.
    pub fn source(&self) -> Option<&'a Source> {
        self.checked.modules.sources.get(FILE)
    }

    /// The text under a span.
    pub fn text(&self, span: Span) -> &'a str {
        self.checked.modules.sources.text(span)
    }

    /// Hands the constants of the program to `see`: what holds for every run.
    pub fn with_constants(&self, see: &mut dyn FnMut(&'a Program, &dyn Scope)) {
        if let Some(program) = self.program {
            see(program, &Constants::new(program, true));
        }
    }

    /// Hands what is known to `see`: the constants first, then what each plan knows besides.
    pub fn each_scope(&self, see: &mut dyn FnMut(&dyn Scope)) {
        self.with_constants(&mut |_, scope| see(scope));
        let locals = Locals::default();
        for plan in self.plans {
            see(&plan.walk().sight(&locals));
        }
    }

    /// Whether a span is in the library that is part of the program.
    pub fn is_library(&self, span: Span) -> bool {
        let source = self.checked.modules.sources.get(span.file);
        source.is_some_and(|source| source.name.starts_with("std/"))
    }

    /// Whether the file that was asked for has something that can be started: all else in it must
    /// be of use to that. A file without is there to be imported.
    pub fn is_library_file(&self) -> bool {
        !self
            .items()
            .iter()
            .any(|item| matches!(item.kind, ItemKind::Pipeline { .. } | ItemKind::Test { .. }))
    }

    /// The statement as it was written, by its lowered form.
    pub fn written(&self, stmt: &ir::Stmt) -> Option<&'a Stmt> {
        self.written.get(&stmt.span).copied()
    }

    /// Where the statement, else the declaration, begins that a span belongs to most closely.
    pub fn statement_start(&self, span: Span) -> u32 {
        let holds = |other: &Span| {
            other.file == span.file && other.start <= span.start && span.end <= other.end
        };
        let stmts = self.written.values().map(|stmt| stmt.span);
        let items = self.modules().files.get(span.file.0 as usize);
        let items = items.iter().flat_map(|module| &module.ast.items);
        let around = stmts.chain(items.map(|item| item.span)).filter(holds);
        around
            .min_by_key(|other| other.end - other.start)
            .map_or(span.start, |around| around.start)
    }

    /// Whether a comment stands inside a span, other than one that suppresses findings.
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
