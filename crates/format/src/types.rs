//! Prints type expressions.

use super::expression::RECORD_BRACKETS;
use super::line::LinePiece;
use super::printer::{Printed, Printer, TokenGap, Unprintable};
use lockstep_syntax::ast::{TypeExpr, TypeKind};

impl Printer<'_> {
    /// A type.
    pub(super) fn ty(&mut self, ty: &TypeExpr) -> Printed {
        match &ty.kind {
            TypeKind::Name(name) => self.ident(name),
            TypeKind::Member(space, name) => {
                self.ident(space)?;
                self.sign(".")?;
                self.ident(name)
            }
            TypeKind::Of(name, kind) => {
                self.ident(name)?;
                self.sign("<")?;
                self.path(kind)?;
                self.sign(">")
            }
            TypeKind::List(element) => {
                self.sign("[")?;
                self.ty(element)?;
                self.sign("]")
            }
            TypeKind::Map(key, value) => {
                self.sign("{")?;
                self.ty(key)?;
                self.sign(":")?;
                self.gap(TokenGap::Space);
                self.ty(value)?;
                self.skip_comma();
                self.sign("}")
            }
            TypeKind::Record(fields) => {
                self.brackets(RECORD_BRACKETS, fields, |printer, (name, ty)| {
                    printer.ident(name)?;
                    printer.sign(":")?;
                    printer.gap(TokenGap::Space);
                    printer.ty(ty)
                })
            }
            TypeKind::Optional(inner) => {
                self.ty(inner)?;
                self.sign("?")
            }
            TypeKind::OneOf(texts) => {
                self.open(false);
                self.push(LinePiece::In);
                for (place, text) in texts.iter().enumerate() {
                    if place > 0 {
                        self.gap(TokenGap::Line);
                        self.sign("|")?;
                        self.gap(TokenGap::Space);
                    }
                    self.string(text)?;
                }
                self.push(LinePiece::Out);
                self.close();
                Ok(())
            }
            TypeKind::Error => Err(Unprintable),
        }
    }
}
