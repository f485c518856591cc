//! Lowers commands: their text in pieces, their working directory and their environment variables.
//! The text is parsed by [`crate::ir::command`].

use std::sync::LazyLock;

use crate::eval::{Expr, ExprKind, InterpolationPart};
use crate::ir::command::code::outputs::CODE_VARIABLES;
use crate::ir::command::{
    CommandInputs, CommandPiece, CommandTemplate, Form, SecretVariable, StandardInput, TextPart,
    Transfer, analyse,
};
use crate::resolve::DeclKind;
use crate::types::{Typed, errors as type_errors, holds_secret};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{Type, Value};
use lockstep_syntax::ast::{self, BinaryOp, StringPart};

use super::body::BodyContext;
use super::{ProgramLowering, errors};

/// What a command gives.
pub(super) fn run_type() -> Type {
    static RUN_TYPE: LazyLock<Type> = LazyLock::new(|| {
        Type::record([
            ("stdout", Type::String),
            ("stderr", Type::String),
            ("code", Type::Int),
            ("outputs", Type::Map(Box::new(Type::String))),
            ("cut", Type::Bool),
            ("tail", Type::optional(Type::String)),
        ])
    });
    RUN_TYPE.clone()
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
        let (env, mut secrets) = self.environment_variables(body, run.variables());
        // Those of the `with` blocks around it.
        let own = |name: &Name| env.iter().any(|(given, _)| given == name);
        let around = body.variables.iter().filter(|it| !own(&it.name));
        secrets.extend(around.cloned());
        let (stdin, fed) = match &run.stdin {
            Some(stdin) => {
                let (stdin, fed) = self.written_text(body, stdin, "`stdin`");
                (Some(stdin), Some(fed))
            }
            None => (None, None),
        };
        let inputs = CommandInputs {
            secrets,
            stdin: fed,
        };
        let form = bash.map(|bash| analyse(&pieces, bash, &inputs));
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
        let on = run.on.as_ref().map(|on| self.place(body, on));
        CommandTemplate {
            form,
            text,
            dir,
            env,
            stdin,
            on,
            query: run.query,
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
                    let source = self.check.modules.sources.get(span.file);
                    let source = source.map_or("", |source| &source.text);
                    pieces.push(CommandPiece::text(text.clone(), *span, source, command.raw));
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
                    let options = list && self.begins_with_option(body, &expr) == Some(true);
                    shown.push(TextPart::Value(expr.clone()));
                    pieces.push(CommandPiece::Value {
                        expr,
                        span: *span,
                        list,
                        secret,
                        fixed,
                        plain,
                        options,
                    });
                }
            }
        }
        if pieces.is_empty() {
            pieces.push(CommandPiece::Text {
                text: "".into(),
                span: command.span,
                starts: None,
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
            ExprKind::Convert(of, ty) if **ty == Type::Path => self.is_fixed(of),
            ExprKind::Local(_)
            | ExprKind::Record(_)
            | ExprKind::Field(..)
            | ExprKind::Star(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::IfSome { .. }
            | ExprKind::Bind { .. }
            | ExprKind::Convert(..)
            | ExprKind::Call(..) => false,
        }
    }

    /// Whether the file begins a list or a text with an option; `None` for an empty list.
    pub(super) fn begins_with_option(&mut self, body: &BodyContext, list: &Expr) -> Option<bool> {
        let both = |first: Option<bool>, second: Option<bool>| match (first, second) {
            (Some(first), Some(second)) => Some(first && second),
            (one, other) => one.or(other),
        };
        match &list.kind {
            ExprKind::Const(Value::List(items)) => {
                let first = items.first()?;
                Some(first.as_str().is_some_and(|text| text.starts_with('-')))
            }
            ExprKind::List(items) => self.begins_with_option(body, &items.first()?.value),
            ExprKind::Interpolate(parts) => Some(matches!(parts.first(),
                Some(InterpolationPart::Text(text)) if text.starts_with('-'))),
            ExprKind::Const(text) => Some(text.as_str().is_some_and(|text| text.starts_with('-'))),
            ExprKind::Binary(BinaryOp::Add, first, second) => self
                .begins_with_option(body, first)
                .or_else(|| self.begins_with_option(body, second)),
            ExprKind::If(_, then, other) => both(
                self.begins_with_option(body, then),
                self.begins_with_option(body, other),
            ),
            ExprKind::Global(id) => {
                let global = self.check.tables.globals.get(id.0 as usize);
                if global.is_none_or(|global| global.sort != DeclKind::Let) {
                    return Some(false);
                }
                let value = self.check.global(id.0).expr;
                self.begins_with_option(body, &value)
            }
            ExprKind::Local(slot) => Some(body.options.contains(slot)),
            ExprKind::Run(_)
            | ExprKind::Record(_)
            | ExprKind::Field(..)
            | ExprKind::Star(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::IfSome { .. }
            | ExprKind::Bind { .. }
            | ExprKind::Convert(..)
            | ExprKind::Call(..) => Some(false),
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

    /// `send …`, `fetch …`
    pub(super) fn transfer(
        &mut self,
        body: &mut BodyContext,
        transfer: &ast::Transfer,
    ) -> CommandTemplate {
        let word = transfer.direction.word();
        if let (Some(mode), false) = (&transfer.mode, transfer.is_text) {
            self.check.report(errors::idle_clause("mode", mode.span));
        }
        if let (Some(at), true) = (transfer.replacing, transfer.is_text) {
            self.check.report(errors::idle_clause("replacing", at));
        }
        let source = match transfer.is_text {
            true => self.written_text(body, &transfer.source, "`send text`").0,
            false => self.transfer_path(body, &transfer.source, word),
        };
        let to = self.transfer_path(body, &transfer.to, "to");
        let on = transfer.on.as_ref().map(|on| self.place(body, on));
        // What is written is data, and often long: its path says which it is.
        let shown = match transfer.is_text {
            true => vec![TextPart::Text("send text to ".into())],
            false => vec![
                TextPart::Text(format!("{word} ").into()),
                TextPart::Value(source.clone()),
                TextPart::Text(" to ".into()),
            ],
        };
        CommandTemplate {
            form: Form::Transfer(Box::new(Transfer {
                direction: transfer.direction,
                is_text: transfer.is_text,
                source,
                to: to.clone(),
                replacing: transfer.replacing.is_some(),
                mode: transfer.mode.as_ref().map(|mode| mode.bits),
            })),
            text: shown.into_iter().chain([TextPart::Value(to)]).collect(),
            dir: None,
            env: Vec::new(),
            stdin: None,
            on,
            query: false,
            operands: Vec::new(),
        }
    }

    fn transfer_path(&mut self, body: &mut BodyContext, path: &ast::Expr, word: &str) -> Expr {
        let path = self.value(body, path, &Type::String, &format!("`{word}`"));
        if path.as_const().and_then(Value::as_str) == Some("") {
            self.check.report(errors::empty_path(path.span));
        }
        path
    }

    /// A text or a secret that is written somewhere.
    fn written_text(
        &mut self,
        body: &mut BodyContext,
        stdin: &ast::Expr,
        what: &str,
    ) -> (Expr, StandardInput) {
        let typed = self.check.expr(&mut body.locals, stdin, None);
        let secret = typed.ty == Type::Secret;
        let (is_json, span) = (typed.ty == Type::Json, typed.expr.span);
        let expr = match &typed.ty {
            Type::Secret | Type::Json => self.as_texts(body, typed),
            _ => self.check.fit(typed, &Type::String, what, None),
        };
        let fed = StandardInput {
            span,
            secret,
            fixed: !is_json && !secret && self.is_text_of_file(&expr),
            text: expr
                .as_const()
                .and_then(|text| text.as_str())
                .map(Name::from),
        };
        (expr, fed)
    }

    /// Whether a text is written in the file, or in one that it names.
    fn is_text_of_file(&mut self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Call(builtin, args) if builtin.0.name == "file" => {
                args.iter().all(|arg| self.is_fixed(arg))
            }
            _ => self.is_fixed(expr),
        }
    }

    pub(super) fn environment_variables(
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
        // It begins with a slash.
        Type::Path => true,
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
