//! Expressions of GitHub Actions, such as `${{ needs.build.outputs.image }}`.

use super::Importer;
use super::scope::Scope;
use crate::foreign::{Foreign, Operator, Segment, Slice, github_slices, parse, plain};
use crate::value::{Expr, Part, Template, Ty, alike, operation};
use crate::words::{name, quoted};
use crate::yaml::Node;

/// When something runs, by what an `if` says of what was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Failure,
    Cancelled,
    All,
}

impl Importer {
    /// A text with expressions in it.
    pub(super) fn value(&mut self, node: &Node, scope: &Scope) -> Expr {
        let text = node.text().unwrap_or_default();
        let mut template = Template::default();
        for slice in github_slices(text) {
            match slice {
                Slice::Text(text) => template.literal(text),
                Slice::Expression(written) => {
                    let value = self.reference(node, written, scope);
                    template.0.push(Part::Value(value));
                }
            }
        }
        template.expr()
    }

    /// What stands between `${{` and `}}`.
    pub(super) fn reference(&mut self, node: &Node, written: &str, scope: &Scope) -> Expr {
        let found = parse(written).and_then(|parsed| self.translate(node, &parsed, scope));
        match found {
            Some(found) => found,
            None => self
                .declared
                .unknown(node, written, "nothing here has this value"),
        }
    }

    /// The condition of an `if`, and when it is asked.
    pub(super) fn condition(
        &mut self,
        node: &Node,
        scope: &Scope,
        hint: &str,
    ) -> (Status, Option<Expr>) {
        let text = node.text().unwrap_or_default().trim();
        let inner = text
            .strip_prefix("${{")
            .and_then(|it| it.strip_suffix("}}"));
        let inner = inner
            .filter(|it| !it.contains("${{"))
            .unwrap_or(text)
            .trim();
        let mut status = Status::Success;
        let parsed = parse(inner).and_then(|it| without_status(it, &mut status));
        let parsed = match parsed {
            Some(None) => return (status, None),
            Some(Some(parsed)) => Some(parsed),
            None => None,
        };
        let mut inner_scope = scope.clone();
        inner_scope.backwards |= status != Status::Success;
        let found = parsed
            .and_then(|parsed| self.translate(node, &parsed, &inner_scope))
            .and_then(|found| found.as_condition());
        match found {
            Some(found) if found.literal.as_deref() == Some("true") => (status, None),
            Some(found) => (status, Some(found)),
            None => (
                status,
                Some(self.declared.decision(node, &format!("if-{hint}"), text)),
            ),
        }
    }

    fn translate(&mut self, node: &Node, foreign: &Foreign, scope: &Scope) -> Option<Expr> {
        match foreign {
            Foreign::Text(text) => Some(Expr::literal(text)),
            Foreign::Literal(text) => Some(Expr::scalar(text)),
            Foreign::Null => Some(Expr::literal("")),
            Foreign::Path(path) => self.path(node, path, scope),
            Foreign::Not(inner) => {
                let inner = self.translate(node, inner, scope)?.as_condition()?;
                Some(Expr::compound(format!("not {}", inner.inner()), Ty::Bool))
            }
            Foreign::If(..) => None,
            Foreign::Binary(operator, left, right) => {
                if let (Operator::Or, Foreign::Binary(Operator::And, condition, then)) =
                    (operator, &**left)
                {
                    let condition = self.translate(node, condition, scope)?;
                    let then = self.translate(node, then, scope)?;
                    let other = self.translate(node, right, scope)?;
                    if then.ty != Ty::Bool || other.ty != Ty::Bool {
                        return choice(&condition.as_condition()?, &then, &other);
                    }
                }
                let left = self.translate(node, left, scope)?;
                let right = self.translate(node, right, scope)?;
                let texts = left.ty == Ty::Text && right.ty == Ty::Text;
                match operator {
                    Operator::Or if texts => choice(&left.as_condition()?, &left, &right),
                    Operator::And if texts => {
                        choice(&left.as_condition()?, &right, &Expr::literal(""))
                    }
                    Operator::Plus | Operator::Matches => None,
                    operator => operation(*operator, &left, &right),
                }
            }
        }
    }

    fn path(&mut self, node: &Node, path: &[Segment], scope: &Scope) -> Option<Expr> {
        if let [
            Segment::Field(function),
            Segment::Call(arguments),
            rest @ ..,
        ] = path
        {
            let arguments: Option<Vec<Expr>> = arguments
                .iter()
                .map(|it| self.translate(node, it, scope))
                .collect();
            let result = call(function, &arguments?)?;
            return match rest {
                [] => Some(result),
                rest => {
                    let names = plain(rest)?;
                    let path: String = names.iter().map(|it| format!("[{}]", quoted(it))).collect();
                    Some(Expr::new(format!("{}{path}", result.inner()), Ty::Json))
                }
            };
        }
        let names = plain(path)?;
        match self.named(node, &names, scope) {
            None if names.len() > 1 => {
                // A part that is not known does not make all of it unknown.
                let why = "nothing here has this value";
                Some(self.declared.unknown(node, &names.join("."), why))
            }
            found => found,
        }
    }

    fn named(&mut self, node: &Node, names: &[&str], scope: &Scope) -> Option<Expr> {
        let text = |text: &str| Some(Expr::new(text, Ty::Text));
        match names {
            ["inputs", input] | ["github", "event", "inputs", input] => {
                scope.inputs.get(*input).cloned()
            }
            ["secrets", "GITHUB_TOKEN"] | ["github", "token"] => {
                let why = "no token is made for a run: the secret is read from its variable";
                self.declared
                    .changed(node, "GITHUB_TOKEN", why, "set GITHUB_TOKEN");
                Some(self.declared.secret(node, "GITHUB_TOKEN"))
            }
            ["secrets", id] => {
                let handed = scope.secrets.get(*id).cloned();
                Some(handed.unwrap_or_else(|| self.declared.secret(node, id)))
            }
            ["env", variable] => scope.env.get(*variable).cloned(),
            // What a combination does not have is empty.
            ["matrix", axis] if !scope.matrix.is_empty() => Some(
                scope
                    .matrix
                    .get(*axis)
                    .cloned()
                    .unwrap_or(Expr::literal("")),
            ),
            ["matrix", axis, field] => {
                let axis = scope.matrix.get(*axis).filter(|it| it.ty == Ty::Record)?;
                let field = name(field);
                let ty = scope.locals.iter().rfind(|(name, _)| *name == axis.text);
                let known = ty.is_some_and(|(_, ty)| ty.contains(&format!(" {field}: ")));
                Some(match known {
                    true => Expr::new(format!("{}.{field}", axis.text), Ty::Text),
                    false => Expr::literal(""),
                })
            }
            ["needs", job, "outputs", output] => {
                let result = scope.needs.get(*job)?;
                Some(Expr::new(
                    format!("{}.{}", result.text, name(output)),
                    Ty::Text,
                ))
            }
            ["needs", job, "result"] if scope.needed.iter().any(|it| it == job) => {
                // It would not have come so far else.
                (!scope.backwards).then(|| Expr::literal("success"))
            }
            ["steps", id, "outputs", output] => {
                let step = scope.steps.get(*id)?;
                Some(match scope.backwards {
                    true => {
                        let path = format!("{step}?.outputs?[{}] ?? \"\"", quoted(output));
                        Expr::compound(path, Ty::Text)
                    }
                    false => Expr::new(format!("{step}.outputs[{}]", quoted(output)), Ty::Text),
                })
            }
            ["github", "workflow"] => Some(Expr::literal(&scope.workflow)),
            ["github", "job"] => Some(Expr::literal(&scope.job)),
            ["github", "run_id" | "run_number"] => text("run.id"),
            ["github", "run_attempt"] => Some(Expr::scalar("1")),
            ["github", "actor" | "triggering_actor"] => text("run.user"),
            ["runner", "temp"] => text("run.scratch"),
            _ => None,
        }
    }
}

/// An expression without the functions that ask how it went so far; `None` where they stand among
/// others so that they cannot be taken out, `Some(None)` where nothing is left.
fn without_status(foreign: Foreign, status: &mut Status) -> Option<Option<Foreign>> {
    match foreign {
        Foreign::Binary(Operator::And, left, right) => {
            let left = without_status(*left, status)?;
            let right = without_status(*right, status)?;
            Some(match (left, right) {
                (Some(left), Some(right)) => Some(Foreign::Binary(
                    Operator::And,
                    Box::new(left),
                    Box::new(right),
                )),
                (left, right) => left.or(right),
            })
        }
        Foreign::Not(inner) if status_of(&inner) == Some(Status::Cancelled) => {
            *status = Status::All;
            Some(None)
        }
        other => match status_of(&other) {
            Some(found) => {
                if found != Status::Success {
                    *status = found;
                }
                Some(None)
            }
            None if asks(&other) => None,
            None => Some(Some(other)),
        },
    }
}

/// Whether a status is asked for somewhere in it.
fn asks(foreign: &Foreign) -> bool {
    if status_of(foreign).is_some() {
        return true;
    }
    match foreign {
        Foreign::Binary(_, left, right) => asks(left) || asks(right),
        Foreign::Not(inner) => asks(inner),
        Foreign::If(one, two, three) => asks(one) || asks(two) || asks(three),
        Foreign::Text(_) | Foreign::Literal(_) | Foreign::Null | Foreign::Path(_) => false,
    }
}

fn status_of(foreign: &Foreign) -> Option<Status> {
    let Foreign::Path(path) = foreign else {
        return None;
    };
    let [Segment::Field(function), Segment::Call(arguments)] = path.as_slice() else {
        return None;
    };
    if !arguments.is_empty() {
        return None;
    }
    match function.as_str() {
        "success" => Some(Status::Success),
        "failure" => Some(Status::Failure),
        "cancelled" => Some(Status::Cancelled),
        "always" => Some(Status::All),
        _ => None,
    }
}

fn choice(condition: &Expr, then: &Expr, other: &Expr) -> Option<Expr> {
    let (then, other) = alike(then, other)?;
    let text = format!(
        "if {} then {} else {}",
        condition.text, then.text, other.text
    );
    Some(Expr::compound(text, then.ty))
}

/// A function of GitHub Actions.
fn call(function: &str, arguments: &[Expr]) -> Option<Expr> {
    if arguments.iter().any(|it| it.ty == Ty::Secret) {
        return None;
    }
    let all = |texts: Vec<String>, function: &str| format!("{function}({})", texts.join(", "));
    let as_texts = || {
        arguments
            .iter()
            .map(|it| it.as_text().text)
            .collect::<Vec<_>>()
    };
    let (text, ty) = match (function, arguments) {
        ("contains", [whole, part]) => {
            let whole = if whole.ty == Ty::Json {
                format!("string({})", whole.text)
            } else {
                whole.as_text().text
            };
            (all(vec![whole, part.as_text().text], "contains"), Ty::Bool)
        }
        ("startsWith", [_, _]) => (all(as_texts(), "starts-with"), Ty::Bool),
        ("endsWith", [_, _]) => (all(as_texts(), "ends-with"), Ty::Bool),
        ("format", [_, ..]) => (all(as_texts(), "format"), Ty::Text),
        ("toJSON", [value]) => (format!("json({})", value.text), Ty::Text),
        ("fromJSON", [value]) => match &value.literal {
            Some(literal) if Expr::scalar(literal).ty != Ty::Text => {
                return Some(Expr::scalar(literal));
            }
            _ => (format!("from-json({})", value.as_text().text), Ty::Json),
        },
        _ => return None,
    };
    Some(Expr::new(text, ty))
}
