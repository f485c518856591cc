//! Lowers loops and matrices.

use super::statement::StatementPlace;
use super::tail::StatementTail;
use super::{TreeBuilder, add, behind};
use crate::ast::*;
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

impl<'t> TreeBuilder<'t> {
    pub(super) fn serial_or_parallel(
        &mut self,
        parts: &mut Parts<'_>,
        order: Order,
        place: StatementPlace,
        tail: &mut StatementTail,
    ) -> StmtKind {
        let what = match order {
            Order::Serial => "`serial`",
            Order::Parallel => "`parallel`",
        };
        let axis = parts.accept(Rule::over).map(|pair| {
            let keyword = place.keyword;
            let end = self.span(&pair);
            let mut inner = Parts::of(pair);
            let var = self.name_of(&mut inner, "a variable");
            let second = self.second(&mut inner);
            let list = self.list_of(&mut inner, "a list after `in`");
            let by = self.cell_name(&mut inner);
            Axis {
                order: Some((order, keyword)),
                var,
                second,
                list,
                by,
                span: keyword.to(end),
            }
        });
        let body = self.body(parts, what, place.all, tail);
        match (axis, order) {
            (Some(axis), _) => StmtKind::Loop { axis, body },
            (None, Order::Serial) => StmtKind::Serial { body },
            (None, Order::Parallel) => StmtKind::Parallel { body },
        }
    }

    pub(super) fn matrix(
        &mut self,
        parts: &mut Parts<'_>,
        place: StatementPlace,
        tail: &mut StatementTail,
    ) -> StmtKind {
        let mut axes = Vec::new();
        let mut filter = None;
        let mut include = Vec::new();
        for pair in parts.by_ref() {
            let span = self.span(&pair);
            match pair.rule() {
                Rule::axis => add(&mut axes, self.axis(pair, span)),
                Rule::filter => {
                    let cond = self.expr_of(&mut Parts::of(pair), "a condition after `where`");
                    self.once(filter.replace(cond).is_some(), span, "where");
                }
                Rule::include => {
                    let cells = self.expr_of(&mut Parts::of(pair), "a record after `include`");
                    add(&mut include, cells);
                }
                _ => self.tail_part(pair, "`matrix`", tail),
            }
        }
        if axes.is_empty() && self.report_broken() == tail.problems {
            self.report(errors::no_axis(behind(place.keyword)));
        }
        StmtKind::Matrix {
            axes,
            filter,
            include,
            body: tail.body.take().unwrap_or_else(|| self.no_block(place.all)),
        }
    }

    fn axis(&mut self, pair: Pair<'_>, span: Span) -> Axis {
        let mut parts = Parts::of(pair);
        let order = parts.accept(Rule::order).map(|pair| {
            let order = if pair.text() == "serial" {
                Order::Serial
            } else {
                Order::Parallel
            };
            (order, self.span_exact(&pair))
        });
        let var = self.name_of(&mut parts, "a variable");
        let second = self.second(&mut parts);
        let list = self.expr_of(&mut parts, "a list after `in`");
        let by = self.cell_name(&mut parts);
        Axis {
            order,
            var,
            second,
            list,
            by,
            span,
        }
    }

    /// What the cells of an axis are called: `by h.name`.
    fn cell_name(&mut self, parts: &mut Parts<'_>) -> Option<Expr> {
        let mut inner = Parts::of(parts.accept(Rule::by)?);
        Some(self.expr_of(&mut inner, "a name for each cell after `by`"))
    }

    /// `(k, v) in MAP`: the first of them; the second is read when the brackets are gone.
    pub(super) fn pair_in_brackets(&mut self, pair: Pair<'_>) -> Ident {
        let (start, end) = (pair.start(), pair.end());
        let edits = vec![
            (self.place(start, start + 1), String::from(" ")),
            (self.place(end - 1, end), String::from(" ")),
        ];
        let error = errors::pair_in_brackets(self.span_exact(&pair), edits.clone());
        self.repair_all(edits, error);
        self.name_of(&mut Parts::of(pair), "a variable")
    }

    /// The second of two variables: `k, v in MAP`.
    pub(super) fn second(&mut self, parts: &mut Parts<'_>) -> Option<Ident> {
        let second = (parts.accept(Rule::second)).or_else(|| parts.accept(Rule::behind_comma));
        let mut inner = Parts::of(second?);
        if let Some(pair) = inner.accept(Rule::no_comma) {
            self.no_comma(&pair);
        }
        if inner.peek() == Some(Rule::ident) {
            return Some(self.name_of(&mut inner, "a second variable"));
        }
        // What follows is `in`, which is not meant as a name.
        let place = self.after_last_word(inner.next()?.start());
        self.report(errors::missing_part(place, "a second variable after `,`"));
        Some(self.no_name(place))
    }
}
