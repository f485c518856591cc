//! Lowers commands: their text in pieces, their working directory and their environment variables.
//! The text is parsed by [`crate::ir::command`].

use crate::eval::{Expr, ExprKind, InterpolationPart};
use crate::ir::command::code::outputs::CODE_VARIABLES;
use crate::ir::command::{CommandPiece, CommandTemplate, Form, SecretVariable, TextPart, analyse};
use crate::resolve::DeclKind;
use crate::types::{Typed, errors as type_errors, holds_secret};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, StringPart};

use super::body::BodyContext;
use super::{ProgramLowering, errors};

/// What a command gives.
pub(super) fn run_type() -> Type {
    Type::record([
        ("stdout", Type::String),
        ("stderr", Type::String),
        ("code", Type::Int),
        ("outputs", Type::Map(Box::new(Type::String))),
        ("cut", Type::Bool),
        ("tail", Type::optional(Type::String)),
    ])
}

impl ProgramLowering<'_> {
    /// `run "…" …`
    pub(super) fn command(&mut self, body: &mut BodyContext, run: &ast::Run) -> CommandTemplate {
        let bash = match run.using.as_ref().map(|shell| &*shell.name) {
            None | Some("sh") => Some(false),
            Some("bash") => Some(true),
            Some(_) => None,
        };
        if let (None, Some(shell)) = (bash, &run.using) {
            // The text is probably written for the other program.
            self.check.report(errors::unknown_shell(shell));
        }
        let (pieces, text) = self.pieces(body, &run.command);
        let (env, secrets) = self.environment_variables(body, run.variables());
        let form = bash.map(|bash| analyse(&pieces, bash, &secrets));
        let (form, operands) = match form.unwrap_or_else(|| Err(Vec::new())) {
            Ok(analysed) => (analysed.form, analysed.operands),
            Err(errors) => {
                // Of a string that has no end, the text is not what was meant.
                if !self.check.modules.is_broken(run.command.span) {
                    self.check.diagnostics.extend(errors);
                }
                (Form::Direct(Vec::new()), Vec::new())
            }
        };
        let dir = run
            .dir
            .as_ref()
            .map(|dir| self.value(body, dir, &Type::String, "the working directory"));
        let on = run.on.as_ref().map(|on| {
            let want = Type::Infrastructure(None);
            self.value(body, on, &want, "`on`")
        });
        CommandTemplate {
            form,
            text,
            dir,
            env,
            on,
            operands,
        }
    }

    fn pieces(
        &mut self,
        body: &mut BodyContext,
        command: &ast::StringLit,
    ) -> (Vec<CommandPiece>, Vec<TextPart>) {
        let mut pieces = Vec::with_capacity(command.parts.len());
        let mut shown = Vec::with_capacity(command.parts.len());
        for part in &command.parts {
            match part {
                StringPart::Text { text, span } => {
                    let written = self.check.modules.sources.text(*span);
                    pieces.extend(lines_of(text, written, *span));
                    shown.push(TextPart::Text(text.clone()));
                }
                StringPart::Interpolation { expr, span } => {
                    let typed = self.check.expr(&mut body.locals, expr, None);
                    let list = matches!(typed.ty, Type::List(_));
                    let secret = holds_secret(&typed.ty);
                    let of = match &typed.ty {
                        Type::List(of) => of,
                        other => other,
                    };
                    let plain = begins_no_option(of);
                    let is_text = of.interpolates() || *of == Type::Secret;
                    let expr = if is_text {
                        self.as_texts(body, typed)
                    } else {
                        let error = type_errors::cannot_interpolate(&self.check, &typed);
                        self.check.report(error);
                        crate::types::poison(typed.expr.span)
                    };
                    let fixed = self.is_fixed(&expr);
                    shown.push(TextPart::Value(expr.clone()));
                    pieces.push(CommandPiece::Value {
                        expr,
                        span: *span,
                        list,
                        secret,
                        fixed,
                        plain,
                    });
                }
            }
        }
        if pieces.is_empty() {
            pieces.push(CommandPiece::Text {
                text: "".into(),
                span: command.span,
            });
        }
        (pieces, shown)
    }

    /// Whether the file alone decides what an expression is.
    fn is_fixed(&mut self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Const(_) | ExprKind::Run(_) => true,
            ExprKind::Global(id) => {
                let global = self.check.tables.globals.get(id.0 as usize);
                global.is_some_and(|global| global.sort == DeclKind::Let) && {
                    let value = self.check.global(id.0).expr;
                    self.is_fixed(&value)
                }
            }
            ExprKind::Interpolate(parts) => parts.iter().all(|part| match part {
                InterpolationPart::Text(_) => true,
                InterpolationPart::Value(value) => self.is_fixed(value),
            }),
            ExprKind::List(items) => items.iter().all(|item| self.is_fixed(&item.value)),
            ExprKind::Binary(_, left, right) => self.is_fixed(left) && self.is_fixed(right),
            ExprKind::If(_, then, other) => self.is_fixed(then) && self.is_fixed(other),
            ExprKind::Local(_)
            | ExprKind::Record(_)
            | ExprKind::Field(..)
            | ExprKind::Star(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::IfSome { .. }
            | ExprKind::Convert(..)
            | ExprKind::Call(..) => false,
        }
    }

    /// A value as a command gets it: JSON, which may turn out to be `null`, is made a text, so that
    /// a command never gets an empty text in place of what is not there. So is each element.
    fn as_texts(&mut self, body: &mut BodyContext, typed: Typed) -> Expr {
        let span = typed.expr.span;
        let text = |expr| Expr {
            kind: ExprKind::Interpolate(vec![InterpolationPart::Value(expr)]),
            span,
        };
        match &typed.ty {
            Type::Json => text(typed.expr),
            Type::List(of) if **of == Type::Json => {
                let late = self.check.is_late(&body.locals, &typed.expr);
                let slot = body.locals.slot(late);
                let element = ExprKind::Local(slot);
                let kind = ExprKind::Comprehension {
                    body: Box::new(text(Expr {
                        kind: element,
                        span,
                    })),
                    slot,
                    list: Box::new(typed.expr),
                    cond: None,
                };
                Expr { kind, span }
            }
            _ => typed.expr,
        }
    }

    fn environment_variables(
        &mut self,
        body: &mut BodyContext,
        env: &[(ast::RecordKey, ast::Expr)],
    ) -> (Vec<(Name, Expr)>, Vec<SecretVariable>) {
        let mut secrets = Vec::new();
        let mut found: Vec<(Name, Expr)> = Vec::new();
        let mut places: Vec<Span> = Vec::new();
        for (key, value) in env {
            let Some((name, span, _)) = self.check.key(key) else {
                continue;
            };
            if let Some(at) = found.iter().position(|(other, _)| *other == name) {
                let error = type_errors::key_twice(&name, span, places[at]);
                self.check.report(error);
            } else if !is_variable(&name) {
                self.check.report(errors::variable_name(&name, span));
            } else if name.starts_with("LOCKSTEP_") {
                self.check.report(errors::own_variable(&name, span));
            }
            let typed = self.check.expr(&mut body.locals, value, None);
            if CODE_VARIABLES.contains(&&*name) && !self.is_fixed(&typed.expr) {
                self.check
                    .report(errors::code_variable(&name, typed.expr.span));
            }
            if typed.ty == Type::Secret {
                secrets.push(SecretVariable {
                    name: name.clone(),
                    span: typed.expr.span,
                });
            }
            let expr = if typed.ty.interpolates() || typed.ty == Type::Secret {
                self.as_texts(body, typed)
            } else {
                let error = type_errors::cannot_interpolate(&self.check, &typed);
                self.check.report(error);
                crate::types::poison(typed.expr.span)
            };
            found.push((name, expr));
            places.push(span);
        }
        (found, secrets)
    }
}

/// Whether the text of a value of this type never begins with `-` and a letter.
fn begins_no_option(ty: &Type) -> bool {
    match ty {
        Type::String | Type::Any | Type::Secret | Type::Json | Type::Optional(_) => false,
        other => other.interpolates(),
    }
}

/// Whether a text can name a variable of a command's environment.
fn is_variable(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

/// The lines of a text with their places in the source, where they are written as they are read;
/// else the text as a whole. A long text is read without the indentation of its lines.
fn lines_of(text: &Name, written: &str, span: Span) -> Vec<CommandPiece> {
    let whole = |text: Name, span| CommandPiece::Text { text, span };
    if written.len() == text.len() {
        return vec![whole(text.clone(), span)];
    }
    let mut pieces = Vec::new();
    let mut at = span.start as usize;
    let mut sources = written.split_inclusive('\n');
    for line in text.split_inclusive('\n') {
        let source = sources.next().unwrap_or_default();
        let bare = |line: &'_ str| line.trim_end_matches(['\n', '\r']).len();
        let indent = bare(source).checked_sub(bare(line));
        let is_same =
            indent.and_then(|indent| source.get(indent..bare(source))) == line.get(..bare(line));
        let (Some(indent), true) = (indent, is_same) else {
            return vec![whole(text.clone(), span)];
        };
        let start = at + indent;
        let place = Span::new(span.file, start, start + line.len());
        pieces.push(whole(line.into(), place));
        at += source.len();
    }
    pieces
}
