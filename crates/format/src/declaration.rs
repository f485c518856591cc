//! Prints declarations.

use super::body::{BodyMember, BraceLayout, one_line, stays_on_line};
use super::expression::PARENTHESIS_BRACKETS;
use super::line::LinePiece;
use super::printer::{Printed, Printer, TokenGap, Unprintable};
use super::statement::Clause;
use lockstep_syntax::ast::*;

impl Printer<'_> {
    /// A declaration.
    pub(super) fn item(&mut self, item: &Item) -> Printed {
        let short = one_line(item.span, self.text)
            && match &item.kind {
                ItemKind::Service { .. }
                | ItemKind::Environment(_)
                | ItemKind::Kind(_)
                | ItemKind::Window { .. } => true,
                ItemKind::Workflow { body, .. } => stays_on_line(&[body], self.text),
                ItemKind::Pipeline { body, handlers, .. } => {
                    let handled = handlers.iter().filter_map(super::statement::body_of);
                    stays_on_line(&handled.chain([body]).collect::<Vec<_>>(), self.text)
                }
                ItemKind::Import { .. }
                | ItemKind::From { .. }
                | ItemKind::Input { .. }
                | ItemKind::Secret { .. }
                | ItemKind::Let { .. }
                | ItemKind::Group { .. }
                | ItemKind::Action { .. }
                | ItemKind::Function { .. }
                | ItemKind::Type { .. }
                | ItemKind::Test { .. }
                | ItemKind::Trigger(_)
                | ItemKind::Error => false,
            };
        self.short_or_long(short, |printer| printer.item_parts(item))
    }

    fn item_parts(&mut self, item: &Item) -> Printed {
        match &item.kind {
            ItemKind::Import { path, alias } => {
                self.sign("import")?;
                self.gap(TokenGap::Space);
                self.string(path)?;
                self.word("as")?;
                self.gap(TokenGap::Space);
                self.ident(alias)
            }
            ItemKind::From { path, names } => self.from(path, names),
            ItemKind::Input {
                name,
                ty,
                default,
                rule,
            } => self.input(name, ty, default.as_ref(), rule.as_ref()),
            ItemKind::Secret { name, ty, source } => {
                self.sign("secret")?;
                self.named_value(name, ty.as_ref(), source)
            }
            ItemKind::Let { name, ty, value } => {
                self.sign("let")?;
                self.named_value(name, ty.as_ref(), value)
            }
            ItemKind::Group { name, value } => {
                self.sign("group")?;
                self.named_value(name, None, value)
            }
            ItemKind::Service {
                name,
                text,
                kind,
                using,
                each,
                fields,
            } => {
                self.sign("service")?;
                self.name_and_kind(name, text.as_deref(), kind)?;
                let using = using.iter().map(Clause::Using);
                let clauses: Vec<Clause<'_>> =
                    using.chain(each.as_deref().map(Clause::Each)).collect();
                let fields: Vec<BodyMember<'_>> = fields.iter().map(BodyMember::Field).collect();
                let grouped = self.clauses(&clauses)?;
                self.body(&fields, item.span.end, BraceLayout::of(grouped))
            }
            ItemKind::Environment(environment) => self.environment(environment, item.span.end),
            ItemKind::Window { name, fields } => {
                self.sign("window")?;
                self.gap(TokenGap::Space);
                self.ident(name)?;
                let fields: Vec<BodyMember<'_>> = fields.iter().map(BodyMember::Field).collect();
                self.body(&fields, item.span.end, BraceLayout::Plain)
            }
            ItemKind::Kind(kind) => self.kind(kind, item.span.end),
            ItemKind::Workflow {
                name,
                params,
                result,
                requires,
                body,
            } => {
                self.sign("workflow")?;
                self.signature(name, params, result.as_ref())?;
                let clauses: Vec<Clause<'_>> = requires.iter().map(Clause::Requires).collect();
                let grouped = self.clauses(&clauses)?;
                self.block(body, BraceLayout::of(grouped))
            }
            ItemKind::Action {
                name,
                params,
                result,
            } => {
                self.sign("action")?;
                self.signature(name, params, result.as_ref())
            }
            ItemKind::Function {
                name,
                params,
                result,
                value,
            } => {
                self.sign("function")?;
                self.signature(name, params, Some(result))?;
                self.word("=")?;
                self.gap(TokenGap::Space);
                self.expr(value)
            }
            ItemKind::Type { name, ty } => {
                self.sign("type")?;
                self.name_and_type(name, None)?;
                self.gap(TokenGap::Space);
                self.ty(ty)
            }
            ItemKind::Pipeline {
                name,
                requires,
                queues,
                modifiers,
                body,
                handlers,
            } => {
                self.sign("pipeline")?;
                self.gap(TokenGap::Space);
                self.ident(name)?;
                let mut clauses: Vec<Clause<'_>> = modifiers.iter().map(Clause::Modifier).collect();
                clauses.extend(requires.iter().map(Clause::Requires));
                clauses.extend(queues.iter().map(Clause::Queue));
                clauses.sort_by_key(Clause::place);
                let grouped = self.clauses(&clauses)?;
                self.block(body, BraceLayout::of(grouped))?;
                self.handlers(handlers)
            }
            ItemKind::Test {
                name,
                body,
                body_span,
            } => {
                self.sign("test")?;
                self.gap(TokenGap::Space);
                self.string(name)?;
                let body: Vec<BodyMember<'_>> = body.iter().map(BodyMember::Test).collect();
                self.body(&body, body_span.end, BraceLayout::Plain)
            }
            ItemKind::Trigger(trigger) => self.trigger(trigger),
            ItemKind::Error => Err(Unprintable),
        }
    }

    fn from(&mut self, path: &StringLit, names: &[ImportName]) -> Printed {
        self.sign("from")?;
        self.gap(TokenGap::Space);
        self.string(path)?;
        self.word("import")?;
        self.open_line(false);
        self.push(LinePiece::In);
        self.gap(TokenGap::Line);
        for (place, import) in names.iter().enumerate() {
            self.ident(&import.name)?;
            if let Some(alias) = &import.alias {
                self.word("as")?;
                self.gap(TokenGap::Space);
                self.ident(alias)?;
            }
            if place + 1 < names.len() {
                if !self.skip_comma() {
                    return Err(Unprintable);
                }
                self.push(LinePiece::Sign(","));
                self.gap(TokenGap::Line);
            }
        }
        self.push(LinePiece::Out);
        self.close();
        Ok(())
    }

    fn input(
        &mut self,
        name: &Ident,
        ty: &TypeExpr,
        default: Option<&Expr>,
        rule: Option<&Expr>,
    ) -> Printed {
        self.sign("input")?;
        self.gap(TokenGap::Space);
        self.declared(name, ty, default)?;
        if let Some(rule) = rule {
            self.clauses(&[Clause::Where(rule)])?;
            self.close();
        }
        Ok(())
    }

    /// What it fires on stands behind the name; the rest may each have its line.
    fn trigger(&mut self, trigger: &Trigger) -> Printed {
        let (Some(on), Some(starts)) = (&trigger.on, &trigger.starts) else {
            return Err(Unprintable);
        };
        self.sign("trigger")?;
        self.gap(TokenGap::Space);
        self.ident(&trigger.name)?;
        let mut clauses = vec![Clause::Called("on", on)];
        clauses.extend(trigger.filter.as_ref().map(Clause::Where));
        clauses.push(Clause::Called("starts", starts));
        self.clauses(&clauses)?;
        self.close();
        Ok(())
    }

    /// `name: type = default`
    pub(super) fn declared(
        &mut self,
        name: &Ident,
        ty: &TypeExpr,
        default: Option<&Expr>,
    ) -> Printed {
        self.ident(name)?;
        self.sign(":")?;
        self.gap(TokenGap::Space);
        self.ty(ty)?;
        if let Some(default) = default {
            self.word("=")?;
            self.gap(TokenGap::Space);
            self.expr(default)?;
        }
        Ok(())
    }

    /// `name: type = value` behind a keyword.
    fn named_value(&mut self, name: &Ident, ty: Option<&TypeExpr>, value: &Expr) -> Printed {
        self.name_and_type(name, ty)?;
        self.gap(TokenGap::Space);
        self.expr(value)
    }

    /// `name: type =` behind a keyword.
    pub(super) fn name_and_type(&mut self, name: &Ident, ty: Option<&TypeExpr>) -> Printed {
        self.gap(TokenGap::Space);
        self.ident(name)?;
        if let Some(ty) = ty {
            self.sign(":")?;
            self.gap(TokenGap::Space);
            self.ty(ty)?;
        }
        self.word("=")
    }

    /// `name: kind` behind a keyword.
    /// `NAME: KIND`; what is made from data has a text as its name.
    pub(super) fn name_and_kind(
        &mut self,
        name: &Ident,
        text: Option<&Expr>,
        kind: &Path,
    ) -> Printed {
        self.gap(TokenGap::Space);
        match text {
            Some(text) => self.expr(text)?,
            None => self.ident(name)?,
        }
        self.sign(":")?;
        self.gap(TokenGap::Space);
        self.path(kind)
    }

    fn signature(&mut self, name: &Ident, params: &[Param], result: Option<&TypeExpr>) -> Printed {
        self.gap(TokenGap::Space);
        self.ident(name)?;
        self.brackets(PARENTHESIS_BRACKETS, params, |printer, param| {
            printer.declared(&param.name, &param.ty, param.default.as_ref())
        })?;
        if let Some(result) = result {
            self.word("->")?;
            self.gap(TokenGap::Space);
            self.ty(result)?;
        }
        Ok(())
    }
}
