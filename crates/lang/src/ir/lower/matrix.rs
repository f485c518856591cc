//! Lowers loops and matrices.

use crate::eval::{Expr, Slot};
use crate::ir::{Axis, Between, Block, Matrix, Order, Stmt, StmtKind};
use crate::resolve;
use crate::types::{ScopeMark, errors as type_errors, holds_secret};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, ExprKind, ModifierKind, StmtKind as Form};

use super::body::{BodyContext, DoneNames, StatementContext};
use super::calls::PlaceBar;
use super::modifiers::ModifierTarget;
use super::{ProgramLowering, errors};

/// An axis with the type of its variable.
struct TypedAxis {
    axis: Axis,
    /// Where the variable stands.
    declared: Span,
    ty: Type,
}

impl ProgramLowering<'_> {
    /// Lowers a loop or a matrix; the type is that of what its cells yield, if they do.
    pub(super) fn matrix(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
    ) -> (Stmt, Option<Type>) {
        let (axes, filter, include, block): (&[ast::Axis], _, &[ast::Expr], _) = match &stmt.kind {
            Form::Loop { axis, body } => (std::slice::from_ref(axis), None, &[], body),
            Form::Matrix {
                axes,
                filter,
                include,
                body,
            } => (axes, filter.as_ref(), include, body),
            // Only loops and matrices come here.
            Form::Stage { .. }
            | Form::Serial { .. }
            | Form::Parallel { .. }
            | Form::Deploy { .. }
            | Form::Step { .. }
            | Form::Run(_)
            | Form::Transfer(_)
            | Form::Call(_)
            | Form::Let { .. }
            | Form::If { .. }
            | Form::Barrier { .. }
            | Form::Lock { .. }
            | Form::Approve { .. }
            | Form::Wait(_)
            | Form::Verify { .. }
            | Form::Log(_)
            | Form::Fail { .. }
            | Form::Return(_)
            | Form::Yield(_)
            | Form::On { .. }
            | Form::With { .. }
            | Form::Ignore
            | Form::Rollback(_)
            | Form::Abort
            | Form::Retry(_)
            | Form::Ask { .. }
            | Form::Error => return (empty(stmt), None),
        };
        let (modifiers, handlers) = self.trimmings(
            body,
            place,
            stmt,
            ModifierTarget::of(stmt),
            DoneNames::default(),
        );
        let between = self.between(body, place, stmt);
        let mark = body.locals.mark();
        let added = !include.is_empty();
        let lined = self.axes(body, axes, added);
        let filter = filter.map(|filter| self.filter(body, filter, added));
        let parallel = lined.iter().any(|line| line.axis.order == Order::Parallel);
        let inside = StatementContext {
            parallel: if parallel {
                Some(stmt.head)
            } else {
                place.parallel
            },
            ..place
        };
        let (stmts, _, yielded) = self.yielding(body, inside, block);
        body.locals.release(mark);
        let include = include
            .iter()
            .filter_map(|entry| self.include(body, entry, &lined, stmt.head))
            .collect();
        let matrix = Matrix {
            word: word(stmt),
            axes: lined.into_iter().map(|line| line.axis).collect(),
            filter,
            include,
            body: Block { stmts },
            between,
        };
        let lowered = Stmt {
            kind: StmtKind::Matrix(matrix),
            span: stmt.head,
            bind: None,
            modifiers: modifiers.into(),
            handlers: handlers.into(),
        };
        (lowered, yielded)
    }

    /// What is done between the batches, which sees the names before the loop.
    fn between(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
    ) -> Option<Between> {
        let (block, span) = stmt.modifiers.iter().find_map(|it| match &it.kind {
            ModifierKind::Batches {
                between: Some(block),
                ..
            } => Some((block, it.span)),
            _ => None,
        })?;
        let inside = StatementContext {
            handler: Some(("between", span)),
            barred: Some(PlaceBar::between(span)),
            ..place
        };
        let mark = body.locals.mark();
        let batch = Type::record([
            ("number", Type::Int),
            ("count", Type::Int),
            ("cells", Type::list(Type::String)),
        ]);
        let slot = body.locals.add(&"batch".into(), block.span, batch, true);
        body.yields.push(None);
        let lowered = self.block(body, inside, block);
        body.yields.pop();
        body.locals.release(mark);
        Some(Between {
            slot,
            body: lowered,
        })
    }

    /// What holds in every cell because `where` lets no others through. A cell that is added is
    /// not asked, so where there are some, nothing is known of any.
    fn filter(&mut self, body: &mut BodyContext, filter: &ast::Expr, added: bool) -> Expr {
        let (filter, facts) = self.check.condition(&mut body.locals, filter, "`where`");
        if !added {
            body.locals.learn(&facts.holds);
        }
        filter
    }

    fn axes(&mut self, body: &mut BodyContext, axes: &[ast::Axis], added: bool) -> Vec<TypedAxis> {
        let mut lined: Vec<TypedAxis> = Vec::new();
        let mut names: Vec<(&Name, Span)> = Vec::new();
        for (at, axis) in axes.iter().enumerate() {
            let own = body.locals.mark();
            let after = axes.get(at + 1..).unwrap_or_default();
            if let Some(second) = &axis.second {
                let mut line = self.paired_axis(body, axis, second, &mut names);
                line.axis.by = self.cell_name(body, axis, own, after);
                lined.push(line);
                continue;
            }
            let (list, of) = self.check.elements(&mut body.locals, &axis.list, "an axis");
            let (list, of) = if holds_secret(&of) {
                let error = type_errors::secret_here(axis.list.span, "the values of an axis");
                self.check.report(error);
                (crate::types::poison(axis.list.span), Type::Any)
            } else {
                (list, of)
            };
            self.own_variable(&axis.var, &mut names);
            let late = self.check.is_late(&body.locals, &list);
            self.check.modules.uses.ty(axis.var.span, &of);
            let slot: Slot = body
                .locals
                .add(&axis.var.name, axis.var.span, of.clone(), late);
            if !added {
                self.check.learn_element(&mut body.locals, slot, &list);
            }
            let by = self.cell_name(body, axis, own, after);
            let declared = axis.var.span;
            let order = axis.order.map_or(Order::Parallel, |(order, _)| order);
            let axis = Axis {
                order,
                name: axis.var.name.clone(),
                slot,
                list,
                of: Some(of.clone()),
                by,
                same: None,
            };
            lined.push(TypedAxis {
                axis,
                declared,
                ty: of,
            });
        }
        lined
    }

    /// `k, v in MAP`: the values of the axis are the keys, or the places, and name the cells.
    fn paired_axis<'a>(
        &mut self,
        body: &mut BodyContext,
        axis: &'a ast::Axis,
        second: &'a ast::Ident,
        names: &mut Vec<(&'a Name, Span)>,
    ) -> TypedAxis {
        let whole = self.check.expr(&mut body.locals, &axis.list, None);
        let late = self.check.is_late(&body.locals, &whole.expr);
        let paired = self.check.paired(whole, "an axis");
        self.own_variable(&axis.var, names);
        self.own_variable(second, names);
        let slot = self
            .check
            .introduce(&mut body.locals, &axis.var, second, &paired, late);
        TypedAxis {
            axis: Axis {
                order: axis.order.map_or(Order::Parallel, |(order, _)| order),
                name: axis.var.name.clone(),
                slot,
                same: Some(paired.both(slot, second.span)),
                list: paired.list,
                of: Some(paired.first.clone()),
                by: None,
            },
            declared: axis.var.span,
            ty: paired.first,
        }
    }

    /// What the cells of an axis are called: a text of its own variables, so that a name does not
    /// depend on where else the cell stands.
    fn cell_name(
        &mut self,
        body: &mut BodyContext,
        axis: &ast::Axis,
        own: ScopeMark,
        after: &[ast::Axis],
    ) -> Option<Expr> {
        let by = axis.by.as_ref()?;
        let after = after
            .iter()
            .flat_map(|it| std::iter::once(&it.var).chain(&it.second));
        let around = body.locals.confine(own, after);
        let name = self.value(body, by, &Type::String, "the name of a cell");
        body.locals.leave(around);
        Some(name)
    }

    /// Reports a variable whose name another axis has.
    fn own_variable<'a>(&mut self, var: &'a ast::Ident, names: &mut Vec<(&'a Name, Span)>) {
        if let Some((_, first)) = names.iter().find(|(name, _)| **name == var.name) {
            let error = resolve::duplicate(var, *first)
                .help("every axis has a variable of its own: choose another name");
            self.check.report(error);
        }
        names.push((&var.name, var.span));
    }

    /// A cell that is added: a record that names exactly the axes.
    fn include(
        &mut self,
        body: &mut BodyContext,
        entry: &ast::Expr,
        axes: &[TypedAxis],
        matrix: Span,
    ) -> Option<Vec<Expr>> {
        let names: Vec<&Name> = axes.iter().map(|line| &line.axis.name).collect();
        let entries = match &entry.kind {
            ExprKind::Record(entries) => entries,
            ExprKind::Paren(inner) => return self.include(body, inner, axes, matrix),
            ExprKind::Error => return None,
            ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Percent(_)
            | ExprKind::Duration(_)
            | ExprKind::String(_)
            | ExprKind::Name(_)
            | ExprKind::List(_)
            | ExprKind::Field(..)
            | ExprKind::Star(_)
            | ExprKind::Maybe(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::If(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::Call(..) => {
                self.check
                    .report(errors::include_no_record(entry.span, &names));
                return None;
            }
        };
        let mut cell: Vec<Option<Expr>> = axes.iter().map(|_| None).collect();
        let mut good = true;
        for (key, value) in entries {
            let Some((name, span, _)) = self.check.key(key) else {
                good = false;
                continue;
            };
            let place = names.iter().position(|axis| **axis == name);
            let Some(place) = place else {
                let name = ast::Ident { name, span };
                self.check.report(errors::include_unknown(&name, &names));
                self.check.expr(&mut body.locals, value, None);
                good = false;
                continue;
            };
            if let Some(axis) = axes.get(place) {
                self.check.modules.uses.name(span, axis.declared);
            }
            if cell[place].is_some() {
                self.check
                    .report(type_errors::key_twice(&name, span, entry.span));
            }
            let what = format!("the value of axis `{name}`");
            let expr = self.value(body, value, &axes[place].ty, &what);
            cell[place] = Some(expr);
        }
        let missing: Vec<&Name> = names
            .iter()
            .zip(&cell)
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| *name)
            .collect();
        if !missing.is_empty() {
            if good {
                self.check
                    .report(errors::include_incomplete(entry.span, &missing, matrix));
            }
            return None;
        }
        cell.into_iter().collect()
    }
}

/// The word that a loop or matrix is written with.
fn word(stmt: &ast::Stmt) -> Name {
    let Form::Loop { axis, .. } = &stmt.kind else {
        return "matrix".into();
    };
    match axis.order {
        Some((ast::Order::Serial, _)) => "serial".into(),
        Some((ast::Order::Parallel, _)) | None => "parallel".into(),
    }
}

fn empty(stmt: &ast::Stmt) -> Stmt {
    super::decls::plain(StmtKind::Block(super::decls::nothing()), stmt.head)
}
