//! Expressions of Harness, such as `<+pipeline.variables.tag>`, as expressions of the language.

use super::Importer;
use super::scope::{Scope, StepResult};
use crate::foreign::{Foreign, Operator, Segment, Slice, harness_slices, parse, plain};
use crate::value::{Expr, Part, Template, Ty, alike, operation, whole_match};
use crate::words::quoted;
use crate::yaml::Node;

impl Importer<'_> {
    /// A value of a file: a text with expressions, or a runtime input.
    pub(super) fn value(&mut self, node: &Node, hint: &str, scope: &Scope) -> Expr {
        self.declared_at(node);
        let text = node.text().unwrap_or_default();
        if text.starts_with("<+input>") {
            let name = match scope.within.as_str() {
                "" => hint.to_string(),
                within => format!("{within}-{hint}"),
            };
            return self.runtime_input(node, &name, "String", None, scope);
        }
        self.text(node, text, scope)
    }

    /// A text with expressions in it.
    pub(super) fn text(&mut self, node: &Node, text: &str, scope: &Scope) -> Expr {
        let mut template = Template::default();
        for slice in harness_slices(text) {
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

    /// What stands between `<+` and `>`.
    pub(super) fn reference(&mut self, node: &Node, written: &str, scope: &Scope) -> Expr {
        self.declared_at(node);
        let found = parse(written).and_then(|parsed| self.translate(&parsed, scope));
        match found {
            Some(found) => found,
            None => {
                let written = format!("<+{written}>");
                self.declared
                    .unknown(node, &written, "nothing here has this value")
            }
        }
    }

    /// A condition, as an expression of type bool.
    pub(super) fn condition(&mut self, node: &Node, scope: &Scope, name: &str) -> Expr {
        self.declared_at(node);
        let text = node.text().unwrap_or_default().trim();
        let found = parse(text)
            .and_then(|parsed| self.translate(&parsed, scope))
            .and_then(|found| match (&found.literal, found.ty) {
                (Some(literal), _) => Some(Expr::scalar(literal)).filter(|it| it.ty == Ty::Bool),
                (None, Ty::Text) => alike(&found, &Expr::scalar("true")).map(|(left, _)| {
                    Expr::compound(format!("{} == \"true\"", left.inner()), Ty::Bool)
                }),
                (None, Ty::Bool) => Some(found),
                (None, _) => None,
            });
        match found {
            Some(found) => found,
            None => self.declared.decision(node, name, text),
        }
    }

    pub(super) fn translate(&mut self, foreign: &Foreign, scope: &Scope) -> Option<Expr> {
        match foreign {
            Foreign::Text(text) => Some(Expr::literal(text)),
            Foreign::Literal(text) => Some(Expr::scalar(text)),
            Foreign::Null => None,
            Foreign::Path(path) => match self.path(path, scope) {
                Some(found) => Some(found),
                // A part that is not known does not make all of it unknown.
                None => match plain(path)?.as_slice() {
                    [] | [_] => None,
                    names => Some(self.unknown_part(&names.join("."))),
                },
            },
            Foreign::Not(inner) => {
                let inner = self.translate(inner, scope)?.as_condition()?;
                Some(Expr::compound(format!("not {}", inner.inner()), Ty::Bool))
            }
            Foreign::If(condition, then, other) => {
                let condition = self.translate(condition, scope)?.as_condition()?;
                let then = self.translate(then, scope)?;
                let other = self.translate(other, scope)?;
                let (then, other) = alike(&then, &other)?;
                let text = format!(
                    "if {} then {} else {}",
                    condition.text, then.text, other.text
                );
                Some(Expr::compound(text, then.ty))
            }
            Foreign::Binary(operator, left, right) => {
                let left = self.translate(left, scope)?;
                let right = self.translate(right, scope)?;
                operation(*operator, &left, &right)
            }
        }
    }

    /// The place at hand.
    fn here(&self) -> Node {
        let mut node = Node::scalar("", self.anchor);
        (node.file, node.line, node.column) = self.at;
        node
    }

    /// An input for a part of an expression.
    fn unknown_part(&mut self, path: &str) -> Expr {
        let node = self.here();
        let written = format!("<+{path}>");
        self.declared
            .unknown(&node, &written, "nothing here has this value")
    }

    /// A path such as `pipeline.variables.tag` or `secrets.getValue("x")`.
    fn path(&mut self, path: &[Segment], scope: &Scope) -> Option<Expr> {
        if let [
            Segment::Field(secrets),
            Segment::Field(get),
            Segment::Call(arguments),
        ] = path
            && secrets == "secrets"
            && get == "getValue"
        {
            let [Foreign::Text(id)] = arguments.as_slice() else {
                return None;
            };
            let node = self.here();
            return Some(self.declared.secret(&node, id));
        }
        if let [head @ .., Segment::Field(method), Segment::Call(arguments)] = path {
            let on = match head {
                [Segment::Index(value)] => self.translate(value, scope)?,
                head => self.path(head, scope)?,
            };
            let arguments: Option<Vec<Expr>> = arguments
                .iter()
                .map(|it| self.translate(it, scope))
                .collect();
            return method_call(&on, method, &arguments?);
        }
        let names = plain(path)?;
        self.named(&names, scope)
    }

    /// A path of names alone.
    fn named(&mut self, names: &[&str], scope: &Scope) -> Option<Expr> {
        let text = |text: &str| Some(Expr::new(text, Ty::Text));
        match names {
            ["pipeline", "variables", name] | ["variables", "pipeline", name] => {
                self.variables.get(*name).cloned()
            }
            ["pipeline", "name"] => Some(Expr::literal(&self.pipeline.0)),
            ["pipeline", "identifier"] => Some(Expr::literal(&self.pipeline.1)),
            ["pipeline", "executionId" | "sequenceId"] => text("run.id"),
            ["pipeline", "startTs"] => text("run.started-at"),
            ["pipeline", "triggeredBy", "name" | "email"] => text("run.user"),
            ["stage", "name"] => Some(Expr::literal(&scope.stage.0)),
            ["stage", "identifier"] => Some(Expr::literal(&scope.stage.1)),
            ["stage", "variables", name] => scope.stage_variables.get(*name).cloned(),
            ["pipeline", "stages", stage, "variables", name] => self
                .stage_variables
                .get(&(stage.to_string(), name.to_string()))
                .cloned(),
            ["stage", "matrix", axis, rest @ ..] => field(scope.stage_axes.get(*axis)?, rest),
            ["matrix", axis, rest @ ..] => {
                let axis = scope
                    .axes
                    .get(*axis)
                    .or_else(|| scope.stage_axes.get(*axis))?;
                field(axis, rest)
            }
            ["repeat", "item"] => scope.item.clone(),
            ["strategy" | "step" | "stage" | "stepGroup", "iteration"] => scope.iteration.clone(),
            [
                "strategy" | "step" | "stage",
                "iterations" | "totalIterations",
            ] => scope.iterations.clone(),
            ["secrets", id] => {
                let node = self.here();
                Some(self.declared.secret(&node, id))
            }
            _ if scope.deployment => self
                .of_deployment(names)
                .or_else(|| Self::step_output(names, scope)),
            _ => Self::step_output(names, scope),
        }
    }

    /// What a deployment knows of its service and its infrastructure.
    fn of_deployment(&mut self, names: &[&str]) -> Option<Expr> {
        let text = |text: &str| Some(Expr::new(text, Ty::Text));
        match names {
            ["service", "name" | "identifier"] => text("s.name"),
            ["serviceVariables", name] | ["service", "variables", name] => {
                self.use_service_field(name)
            }
            ["artifact" | "artifacts", rest @ ..] => {
                let rest = match rest {
                    ["primary", rest @ ..] => rest,
                    rest => rest,
                };
                match rest {
                    [part @ ("image" | "tag" | "imagePath" | "version")] => {
                        let part = if *part == "version" { "tag" } else { part };
                        self.use_service_field(part)
                    }
                    _ => None,
                }
            }
            ["env", "name" | "identifier"] => text("i.environment.name"),
            ["env", "variables", name] => self.use_environment_field(name),
            [
                "infra" | "infrastructure",
                "name" | "identifier" | "infraIdentifier",
            ] => text("split(i.name, \".\")[1]"),
            ["infra", "namespace"] => text("i.namespace"),
            ["infra", "connectorRef"] => text("i.context"),
            ["infra", "releaseName"] => text("i.release"),
            ["INFRA_KEY" | "INFRA_KEY_SHORT_ID"] => text("i.name"),
            ["stage", "output", "hosts"] => Some(Expr::new("i.hosts", Ty::List)),
            _ => None,
        }
    }

    fn step_output(names: &[&str], scope: &Scope) -> Option<Expr> {
        let at = names.iter().rposition(|it| *it == "steps")?;
        // Only steps of the same stage can be seen.
        let ours = matches!(names[0], "execution" | "steps" | "stepGroup")
            || names.starts_with(&["stage", "spec", "execution"])
            || names.starts_with(&["pipeline", "stages", scope.stage.1.as_str()]);
        let (id, rest) = names[at + 1..].split_first()?;
        let result = scope.steps.get(*id).filter(|_| ours)?;
        let optional = if scope.backwards { "?" } else { "" };
        let (text, ty) = match (result, rest) {
            (StepResult::Command(name), ["output", "outputVariables", variable]) => (
                format!("{name}{optional}.outputs{optional}[{}]", quoted(variable)),
                Ty::Text,
            ),
            (StepResult::Request(name), ["output", "httpResponseCode"]) => {
                (format!("{name}{optional}.status"), Ty::Int)
            }
            (StepResult::Request(name), ["output", "httpResponseBody"]) => {
                (format!("{name}{optional}.body"), Ty::Text)
            }
            _ => return None,
        };
        Some(match (scope.backwards, ty) {
            (true, Ty::Int) => Expr::compound(format!("{text} ?? 0"), ty),
            (true, _) => Expr::compound(format!("{text} ?? \"\""), ty),
            (false, _) => Expr::new(text, ty),
        })
    }
}

/// A field of a record of a matrix.
fn field(axis: &Expr, rest: &[&str]) -> Option<Expr> {
    match rest {
        [] => Some(axis.clone()),
        [name] => {
            let name = crate::words::name(name);
            Some(Expr::new(format!("{}.{name}", axis.inner()), Ty::Text))
        }
        _ => None,
    }
}

/// A method of Java's strings.
fn method_call(on: &Expr, method: &str, arguments: &[Expr]) -> Option<Expr> {
    let texts: Vec<String> = arguments.iter().map(|it| it.as_text().text).collect();
    let on = match on.ty {
        Ty::Secret | Ty::Record | Ty::Json => return None,
        Ty::List => on.clone(),
        _ => on.as_text(),
    };
    let call = |function: &str| {
        let mut all = vec![on.text.clone()];
        all.extend(texts.iter().cloned());
        format!("{function}({})", all.join(", "))
    };
    let (text, ty) = match (method, arguments.len()) {
        ("contains", 1) => (call("contains"), Ty::Bool),
        ("startsWith", 1) => (call("starts-with"), Ty::Bool),
        ("endsWith", 1) => (call("ends-with"), Ty::Bool),
        ("matches", 1) => return Some(whole_match(&on, &arguments[0])),
        ("equals", 1) => return operation(Operator::Equal, &on, &arguments[0]),
        ("isEmpty", 0) => return Some(Expr::compound(format!("{} == \"\"", on.inner()), Ty::Bool)),
        ("toLowerCase", 0) => (call("lower"), Ty::Text),
        ("toUpperCase", 0) => (call("upper"), Ty::Text),
        ("trim", 0) => (call("trim"), Ty::Text),
        ("replace", 2) => (call("replace"), Ty::Text),
        ("split", 1) => (call("split"), Ty::List),
        ("substring", 1 | 2) => {
            let places: Vec<String> = arguments.iter().map(|it| it.text.clone()).collect();
            (
                format!("slice({}, {})", on.text, places.join(", ")),
                Ty::Text,
            )
        }
        ("concat", 1) => return operation(Operator::Plus, &on, &arguments[0]),
        _ => return None,
    };
    Some(Expr::new(text, ty))
}
