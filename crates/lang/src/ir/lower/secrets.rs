//! Lowers secrets: where their text comes from. Must not read it.

use crate::eval::Expr;
use crate::ir::{Secret, SecretSource};
use crate::resolve::has_none;
use crate::types::LocalScope;
use lockstep_base::value::{Type, Value};
use lockstep_syntax::ast::{self, ExprKind as Form, ItemKind};

use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    pub(super) fn secrets(&mut self) -> Vec<Secret> {
        let modules = self.check.modules;
        let mut secrets = Vec::new();
        for site in &modules.decls.secrets {
            let ItemKind::Secret { name, ty, source } = &modules.item(site).kind else {
                continue;
            };
            let mut locals = LocalScope::new(site.file);
            if let Some(ty) = ty {
                self.same_as_type(ty, source);
            }
            let optional = has_none(source);
            let source = self.secret_source(&mut locals, source);
            secrets.push(Secret {
                name: name.name.clone(),
                span: name.span,
                source: source.unwrap_or(SecretSource::Command(Vec::new())),
                optional,
            });
        }
        secrets
    }

    /// Whether a secret may be missing is said by its source, and its type says the same.
    fn same_as_type(&mut self, ty: &ast::TypeExpr, source: &ast::Expr) {
        match (&ty.kind, has_none(source)) {
            (ast::TypeKind::Optional(_), false) => {
                let error = errors::secret_never_missing(ty.span, source);
                self.check.report(error);
            }
            (ast::TypeKind::Name(_), true) => {
                self.check.report(errors::secret_may_be_missing(ty.span));
            }
            _ => {}
        }
    }

    fn secret_source(
        &mut self,
        locals: &mut LocalScope,
        source: &ast::Expr,
    ) -> Option<SecretSource> {
        let (callee, args) = match &source.kind {
            Form::Paren(inner) => return self.secret_source(locals, inner),
            Form::Error => return None,
            Form::Call(callee, args) => (callee, args),
            Form::None
            | Form::Bool(_)
            | Form::Int(_)
            | Form::Float(_)
            | Form::Percent(_)
            | Form::Duration(_)
            | Form::String(_)
            | Form::Name(_)
            | Form::List(_)
            | Form::Record(_)
            | Form::Field(..)
            | Form::Star(_)
            | Form::Maybe(_)
            | Form::Index(..)
            | Form::Unary(..)
            | Form::Binary(..)
            | Form::If(..)
            | Form::Comprehension { .. } => {
                self.check.report(errors::secret_source(source.span));
                return None;
            }
        };
        let word = if let Form::Name(name) = &callee.kind
            && matches!(&*name.name, "env" | "file" | "command")
        {
            &*name.name
        } else {
            self.check.report(errors::secret_source(callee.span));
            self.check.arguments_alone(locals, args);
            return None;
        };
        let mut texts = Vec::new();
        for (at, arg) in args.iter().enumerate() {
            if let Some(name) = &arg.name {
                self.check.report(errors::secret_argument_named(name.span));
            }
            // Where no default may stand, their number is the mistake.
            let is_none = matches!(arg.value.kind, Form::None);
            let is_default = (word, at) == ("env", 1) && args.len() == 2;
            if is_default || (is_none && at > 0 && word != "command") {
                if !is_none {
                    self.check.report(errors::secret_default(arg.value.span));
                }
                texts.push(Expr::constant(Value::None, arg.value.span));
                continue;
            }
            let what = format!("an argument of `{word}`");
            texts.push(
                self.check
                    .check(locals, &arg.value, &Type::String, &what, None),
            );
        }
        match (word, texts.len()) {
            ("command", 1..) => Some(SecretSource::Command(texts)),
            ("env", 1) => texts.pop().map(SecretSource::Env),
            // What is behind the name is `none`, or a mistake that has been reported.
            ("env", 2) => texts.drain(..).next().map(SecretSource::Env),
            ("file", 1) => texts.pop().map(SecretSource::File),
            _ => {
                self.check
                    .report(errors::secret_arguments(source.span, word, texts.len()));
                None
            }
        }
    }
}
