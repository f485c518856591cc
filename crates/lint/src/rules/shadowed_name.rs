//! `shadowed-name`: a name in a body that shadows another one which could be meant. Steps and
//! stages shadow nothing.

use super::super::context::{Context, ROOT_FILE};
use super::super::names;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::resolve::{DeclKind, NameTarget};
use lockstep_syntax::ast::{Axis, Block, Expr, ExprKind, Ident, ItemKind, Stmt, StmtKind};

pub(super) const RULE: Rule =
    Rule::new(codes::SHADOWED_NAME, "shadowed-name", check).needs(RuleInput::Names);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut look = NameVisitor {
        context,
        stack: Vec::new(),
        found,
    };
    for item in context.items() {
        look.stack.clear();
        match &item.kind {
            ItemKind::Workflow { params, .. } | ItemKind::Action { params, .. } => {
                params.iter().for_each(|param| look.add(&param.name));
            }
            // A function is one expression, made for what is handed to it: its parameters are
            // meant, whatever else is called so.
            ItemKind::Function { params, .. } => {
                look.stack.extend(params.iter().map(|param| &param.name));
            }
            _ => {}
        }
        tree::item_exprs(item)
            .into_iter()
            .for_each(|it| look.expr(it));
        for (_, block) in tree::item_blocks(item) {
            look.block(block);
        }
    }
}

struct NameVisitor<'a, 'f> {
    context: &'a Context<'a>,
    /// The names of the body that are visible here.
    stack: Vec<&'a Ident>,
    found: &'f mut Vec<Diagnostic>,
}

impl<'a> NameVisitor<'a, '_> {
    fn add(&mut self, name: &'a Ident) {
        if !names::is_unnamed(&name.name) {
            let local = self
                .stack
                .iter()
                .rev()
                .find(|other| other.name == name.name);
            match local.map(|other| other.span) {
                Some(first) => self.found.push(hides(name, "another value", first)),
                None => self.declared(name),
            }
        }
        self.stack.push(name);
    }

    fn declared(&mut self, name: &'a Ident) {
        let Some(binding) = self.context.modules().find(ROOT_FILE, &name.name) else {
            return;
        };
        let what = match binding.target {
            NameTarget::Decl(decl) => match decl.sort {
                // These are not values, so they are never meant where a value stands.
                DeclKind::Kind
                | DeclKind::Workflow
                | DeclKind::Action
                | DeclKind::Pipeline
                | DeclKind::Function
                | DeclKind::Type
                | DeclKind::Trigger => return,
                sort => sort.with_article(),
            },
            NameTarget::Namespace(_) => "a namespace",
            NameTarget::Lost => return,
        };
        self.found.push(hides(name, what, binding.span));
    }

    fn block(&mut self, block: &'a Block) {
        let mark = self.stack.len();
        for stmt in &block.stmts {
            self.stmt(stmt);
            if let StmtKind::Let { name, .. } = &stmt.kind {
                self.add(name);
            }
        }
        self.stack.truncate(mark);
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        let mark = self.stack.len();
        tree::exprs(stmt).into_iter().for_each(|it| self.expr(it));
        let axes: &[Axis] = match &stmt.kind {
            StmtKind::Loop { axis, .. } => std::slice::from_ref(axis),
            StmtKind::Matrix { axes, .. } => axes,
            _ => &[],
        };
        for axis in axes {
            self.add(&axis.var);
            axis.second.iter().for_each(|second| self.add(second));
        }
        for (_, block) in tree::blocks(stmt) {
            self.block(block);
        }
        if let Some(inner) = tree::effect(stmt) {
            self.stmt(inner);
        }
        self.stack.truncate(mark);
    }

    fn expr(&mut self, expr: &'a Expr) {
        let mark = self.stack.len();
        if let ExprKind::Comprehension(of) = &expr.kind {
            self.add(&of.var);
            of.second.iter().for_each(|second| self.add(second));
        }
        tree::parts(expr)
            .into_iter()
            .for_each(|part| self.expr(part));
        self.stack.truncate(mark);
    }
}

fn hides(name: &Ident, what: &str, first: Span) -> Diagnostic {
    let message = format!("`{}` hides {what} of the same name", name.name);
    Diagnostic::warning(codes::SHADOWED_NAME, name.span, message)
        .here("from here on this one is meant")
        .label(first, "hidden")
        .help("give one of the two another name")
}
