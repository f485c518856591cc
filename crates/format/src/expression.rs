//! Prints expressions and bracketed lists.

use super::line::LinePiece;
use super::printer::{Printed, Printer, TokenGap, Unprintable};
use lockstep_syntax::ast::*;

/// How a bracketed list is printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct BracketLayout {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    /// Whether a blank stands inside the brackets.
    pub(super) wide: bool,
    /// Whether a list that was written with a line break behind its bracket keeps it.
    pub(super) keeps: bool,
}

const LIST_BRACKETS: BracketLayout = BracketLayout {
    open: "[",
    close: "]",
    wide: false,
    keeps: true,
};
pub(super) const RECORD_BRACKETS: BracketLayout = BracketLayout {
    open: "{",
    close: "}",
    wide: true,
    keeps: true,
};
pub(super) const PARENTHESIS_BRACKETS: BracketLayout = BracketLayout {
    open: "(",
    close: ")",
    wide: false,
    keeps: false,
};

impl Printer<'_> {
    /// An expression.
    pub(super) fn expr(&mut self, expr: &Expr) -> Printed {
        match &expr.kind {
            ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Percent(_)
            | ExprKind::Duration(_)
            | ExprKind::Name(_) => self.take(expr.span),
            ExprKind::String(literal) => self.string(literal),
            ExprKind::List(items) => {
                self.brackets(LIST_BRACKETS, items, |printer, item| printer.expr(item))
            }
            ExprKind::Record(entries) => self.record(entries),
            ExprKind::Field(inner, name) => {
                self.expr(inner)?;
                self.sign(".")?;
                self.ident(name)
            }
            ExprKind::Star(inner) => {
                self.expr(inner)?;
                self.sign(".")?;
                self.sign("*")
            }
            ExprKind::Maybe(inner) => {
                self.expr(inner)?;
                self.sign("?")
            }
            ExprKind::Index(inner, index) => {
                self.expr(inner)?;
                self.index(index)
            }
            ExprKind::Unary(UnaryOp::Neg, inner) => {
                self.sign("-")?;
                self.expr(inner)
            }
            ExprKind::Unary(UnaryOp::Not, inner) => {
                self.sign("not")?;
                self.gap(TokenGap::Space);
                self.expr(inner)
            }
            ExprKind::Binary(..) => {
                self.open(false);
                self.push(LinePiece::In);
                self.operands(expr)?;
                self.push(LinePiece::Out);
                self.close();
                Ok(())
            }
            ExprKind::If(..) => self.if_expr(expr),
            ExprKind::Comprehension(of) => self.comprehension(of),
            ExprKind::Call(callee, args) => {
                self.expr(callee)?;
                self.args(args)
            }
            ExprKind::Paren(inner) => self.paren(inner),
            ExprKind::Error => Err(Unprintable),
        }
    }

    /// A string literal, verbatim.
    pub(super) fn string(&mut self, literal: &StringLit) -> Printed {
        let raw = self.text.get(literal.span.range()).unwrap_or("");
        if !literal.multiline || !raw.contains('\n') {
            return self.take(literal.span);
        }
        if literal.raw {
            return self.take_lines(literal.span, false);
        }
        let on_one_line = |part: &StringPart| match part {
            StringPart::Text { .. } => true,
            StringPart::Interpolation { span, .. } => {
                !self.text.get(span.range()).unwrap_or("\n").contains('\n')
            }
        };
        let moves =
            literal.parts.iter().all(on_one_line) && super::long_string::margin(raw).is_some();
        self.take_lines(literal.span, moves)
    }

    /// A list between brackets. Broken, it has one element a line and a comma behind the last.
    pub(super) fn brackets<T>(
        &mut self,
        with: BracketLayout,
        items: &[T],
        print: impl FnMut(&mut Self, &T) -> Printed,
    ) -> Printed {
        self.opening(with.open)?;
        self.elements(with, items, print)
    }

    /// The rest of a list behind its opening bracket.
    fn elements<T>(
        &mut self,
        with: BracketLayout,
        items: &[T],
        mut print: impl FnMut(&mut Self, &T) -> Printed,
    ) -> Printed {
        if items.is_empty() && !self.has_notes() {
            return self.sign(with.close);
        }
        let broken = with.keeps && self.on_new_line();
        self.open_line(broken);
        self.push(LinePiece::In);
        let edge = if with.wide {
            TokenGap::Line
        } else {
            TokenGap::Soft
        };
        self.gap(edge);
        for (place, item) in items.iter().enumerate() {
            print(self, item)?;
            let comma = self.skip_comma();
            if place + 1 == items.len() {
                self.push(LinePiece::Comma);
            } else if comma {
                self.push(LinePiece::Sign(","));
                self.gap(TokenGap::Element);
            } else {
                return Err(Unprintable);
            }
        }
        self.notes_before_closing();
        self.push(LinePiece::Out);
        self.gap(edge);
        self.sign(with.close)?;
        self.close();
        Ok(())
    }

    /// `{ key: value }`
    pub(super) fn record(&mut self, entries: &[(RecordKey, Expr)]) -> Printed {
        self.brackets(RECORD_BRACKETS, entries, |printer, (key, value)| {
            printer.key(key)?;
            printer.expr(value)
        })
    }

    /// `key: `
    fn key(&mut self, key: &RecordKey) -> Printed {
        match key {
            RecordKey::Name(name) => self.ident(name)?,
            RecordKey::String(literal) => self.string(literal)?,
        }
        self.sign(":")?;
        self.gap(TokenGap::Space);
        Ok(())
    }

    /// `[index]`
    pub(super) fn index(&mut self, index: &Expr) -> Printed {
        self.sign("[")?;
        self.expr(index)?;
        self.sign("]")
    }

    /// The arguments of a call. A single list, record or long text gets no additional indentation.
    pub(super) fn args(&mut self, args: &[Arg]) -> Printed {
        if let [only] = args
            && hugs(&only.value)
        {
            self.opening("(")?;
            if self.has_notes() {
                return self.elements(PARENTHESIS_BRACKETS, args, Self::arg);
            }
            self.arg(only)?;
            self.skip_comma();
            return self.sign(")");
        }
        self.brackets(PARENTHESIS_BRACKETS, args, Self::arg)
    }

    fn arg(&mut self, arg: &Arg) -> Printed {
        if let Some(name) = &arg.name {
            self.ident(name)?;
            self.sign(":")?;
            self.gap(TokenGap::Space);
        }
        self.expr(&arg.value)
    }

    /// An expression in the group around, so that all its operators break with that group.
    pub(super) fn operands(&mut self, expr: &Expr) -> Printed {
        let ExprKind::Binary(op, sign, left, right) = &expr.kind else {
            return self.expr(expr);
        };
        if matches!(&left.kind, ExprKind::Binary(inner, ..) if level(*inner) == level(*op)) {
            self.operands(left)?;
        } else {
            self.expr(left)?;
        }
        self.gap(TokenGap::Line);
        self.take(*sign)?;
        self.gap(TokenGap::Space);
        self.expr(right)
    }

    fn paren(&mut self, inner: &Expr) -> Printed {
        self.open(false);
        self.opening("(")?;
        self.push(LinePiece::In);
        self.gap(TokenGap::Soft);
        self.operands(inner)?;
        self.notes_before_closing();
        self.push(LinePiece::Out);
        self.gap(TokenGap::Soft);
        self.sign(")")?;
        self.close();
        Ok(())
    }

    fn if_expr(&mut self, expr: &Expr) -> Printed {
        self.open(false);
        self.push(LinePiece::In);
        let mut rest = expr;
        while let ExprKind::If(condition, yes, no) = &rest.kind {
            self.sign("if")?;
            self.gap(TokenGap::Space);
            self.expr(condition)?;
            self.gap(TokenGap::Line);
            self.sign("then")?;
            self.gap(TokenGap::Space);
            self.expr(yes)?;
            self.gap(TokenGap::Line);
            self.sign("else")?;
            self.gap(TokenGap::Space);
            rest = no;
        }
        self.expr(rest)?;
        self.push(LinePiece::Out);
        self.close();
        Ok(())
    }

    fn comprehension(&mut self, comprehension: &Comprehension) -> Printed {
        let Comprehension {
            key,
            body,
            var,
            second,
            list,
            cond,
        } = comprehension;
        self.open(false);
        let (open, close, gap) = match key {
            Some(_) => ("{", "}", TokenGap::Line),
            None => ("[", "]", TokenGap::Soft),
        };
        self.opening(open)?;
        self.push(LinePiece::In);
        self.gap(gap);
        if let Some(key) = key {
            self.key(key)?;
        }
        self.expr(body)?;
        self.gap(TokenGap::Line);
        self.sign("for")?;
        self.gap(TokenGap::Space);
        self.ident(var)?;
        self.second(second.as_ref())?;
        self.word("in")?;
        self.gap(TokenGap::Space);
        self.expr(list)?;
        if let Some(cond) = cond {
            self.gap(TokenGap::Line);
            self.sign("if")?;
            self.gap(TokenGap::Space);
            self.expr(cond)?;
        }
        self.notes_before_closing();
        self.push(LinePiece::Out);
        self.gap(gap);
        self.sign(close)?;
        self.close();
        Ok(())
    }

    /// The second of two variables.
    pub(super) fn second(&mut self, second: Option<&Ident>) -> Printed {
        if let Some(second) = second {
            self.sign(",")?;
            self.gap(TokenGap::Space);
            self.ident(second)?;
        }
        Ok(())
    }
}

/// Whether brackets of a call stand directly around the brackets of this argument.
fn hugs(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::List(items) => !items.is_empty(),
        ExprKind::Record(entries) => !entries.is_empty(),
        ExprKind::String(literal) => literal.multiline,
        ExprKind::None
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Percent(_)
        | ExprKind::Duration(_)
        | ExprKind::Name(_)
        | ExprKind::Field(..)
        | ExprKind::Star(_)
        | ExprKind::Maybe(_)
        | ExprKind::Index(..)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::If(..)
        | ExprKind::Comprehension(_)
        | ExprKind::Call(..)
        | ExprKind::Paren(_)
        | ExprKind::Error => false,
    }
}

/// Operators of the same level need no parentheses.
fn level(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Else => 0,
        BinaryOp::Or => 1,
        BinaryOp::And => 2,
        BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::In => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => 5,
    }
}
