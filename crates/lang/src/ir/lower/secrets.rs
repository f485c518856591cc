//! Lowers secrets: where their text comes from. Must not read it.

use crate::ir::{Secret, SecretSource};
use crate::types::LocalScope;
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, ExprKind as Form, ItemKind};

use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    pub(super) fn secrets(&mut self) -> Vec<Secret> {
        let modules = self.check.modules;
        let mut secrets = Vec::new();
        for site in &modules.decls.secrets {
            let ItemKind::Secret { name, source } = &modules.item(site).kind else {
                continue;
            };
            let mut locals = LocalScope::new(site.file);
            let source = self.secret_source(&mut locals, source);
            secrets.push(Secret {
                name: name.name.clone(),
                span: name.span,
                source: source.unwrap_or(SecretSource::Command(Vec::new())),
            });
        }
        secrets
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
        for arg in args {
            if let Some(name) = &arg.name {
                self.check.report(errors::secret_argument_named(name.span));
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
            ("file", 1) => texts.pop().map(SecretSource::File),
            _ => {
                self.check
                    .report(errors::secret_arguments(source.span, word, texts.len()));
                None
            }
        }
    }
}
