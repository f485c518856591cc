//! Lowers `with` blocks: a place, a folder and variables for the commands in them.

use crate::ir::StmtKind;
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast;

use super::body::{BodyContext, StatementContext};
use super::{ProgramLowering, errors};

/// What a `with` is written with, before its body.
pub(super) type WithParts<'a> = (
    &'a Option<ast::Expr>,
    &'a Option<ast::Expr>,
    Option<&'a ast::Variables>,
);

impl ProgramLowering<'_> {
    pub(super) fn with_stmt(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        head: Span,
        (on, dir, env): WithParts<'_>,
        block: &ast::Block,
    ) -> StmtKind {
        let before_body = Span {
            end: block.span.start,
            ..head
        };
        let is_empty = on.is_none() && dir.is_none() && env.is_none();
        if is_empty && !self.check.modules.is_broken(before_body) {
            self.check.report(errors::empty_with(head));
        }
        let target = on.as_ref().map(|on| self.place(body, on));
        let dir =
            (dir.as_ref()).map(|dir| self.value(body, dir, &Type::String, "the working directory"));
        let entries = env.map_or(&[][..], |env| &env.entries);
        let (env, secrets) = self.environment_variables(body, entries);
        let outer = body.variables.clone();
        // An inner variable hides the outer one of its name.
        body.variables
            .retain(|it| !env.iter().any(|(name, _)| *name == it.name));
        body.variables.extend(secrets);
        let inside = self.block(body, place, block);
        body.variables = outer;
        StmtKind::On {
            target,
            dir,
            env,
            with: true,
            body: inside,
        }
    }
}
