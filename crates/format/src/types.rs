//! Prints type expressions.

use super::expression::RECORD;
use super::line::Piece;
use super::printer::{Done, Gap, Printer, Stop};
use lockstep_syntax::ast::{TypeExpr, TypeKind};

impl Printer<'_> {
    /// A type.
    pub(super) fn ty(&mut self, ty: &TypeExpr) -> Done {
        match &ty.kind {
            TypeKind::Name(name) => self.ident(name),
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
                self.gap(Gap::Space);
                self.ty(value)?;
                self.skip_comma();
                self.sign("}")
            }
            TypeKind::Record(fields) => self.brackets(RECORD, fields, |printer, (name, ty)| {
                printer.ident(name)?;
                printer.sign(":")?;
                printer.gap(Gap::Space);
                printer.ty(ty)
            }),
            TypeKind::Optional(inner) => {
                self.ty(inner)?;
                self.sign("?")
            }
            TypeKind::OneOf(texts) => {
                self.open(false);
                self.push(Piece::In);
                for (place, text) in texts.iter().enumerate() {
                    if place > 0 {
                        self.gap(Gap::Line);
                        self.sign("|")?;
                        self.gap(Gap::Space);
                    }
                    self.string(text)?;
                }
                self.push(Piece::Out);
                self.close();
                Ok(())
            }
            TypeKind::Error => Err(Stop),
        }
    }
}
