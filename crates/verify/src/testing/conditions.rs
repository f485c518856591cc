//! The conditions of a test, `expect image("shop") == "registry/shop"`: they are about what is
//! declared, so they hold or not whatever a run does.

use indexmap::IndexMap;

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::Value;
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_lang::eval::{BinaryOp, Expr, ExprKind};
use lockstep_lang::ir::{Program, Test, TestKind};
use lockstep_plan::{DeclaredValues, RunRequest, display, with_made};

/// The conditions that do not hold, and those that have no value.
pub(super) fn wrong(
    program: &Program,
    test: &Test,
    environment: &dyn EnvironmentVariables,
    files: &dyn Files,
) -> Vec<Diagnostic> {
    let mut written = IndexMap::new();
    let mut deployed = Vec::new();
    let mut found = Vec::new();
    let mut conditions = Vec::new();
    for stmt in &test.stmts {
        match &stmt.kind {
            TestKind::GivenInput { input, value } => {
                written.insert(*input, value.clone());
            }
            TestKind::ExpectCondition(condition) => conditions.push(condition),
            TestKind::GivenDeployed {
                service,
                target,
                value,
            } => match super::deployed_version(program, [service, target, value]) {
                Ok(version) => deployed.extend(version),
                Err(mistake) => found.push(mistake),
            },
            TestKind::GivenRun { .. }
            | TestKind::GivenNode { .. }
            | TestKind::Start { .. }
            | TestKind::ExpectStatus { .. }
            | TestKind::ExpectOrder { .. } => {}
        }
    }
    let asked = RunRequest {
        written,
        deployed: Some(deployed),
        ..RunRequest::default()
    };
    if conditions.is_empty() {
        return found;
    }
    let program = match with_made(program, &asked, environment, files) {
        Ok(program) => program,
        Err(faults) => {
            found.extend(faults);
            return found;
        }
    };
    let values = DeclaredValues::new(&program, asked, environment, files);
    for condition in conditions {
        match values.eval(condition) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => found.push(broken(&program, &values, condition)),
            Err(faults) if faults.is_empty() => found.push(unknown(condition)),
            Err(faults) => found.extend(faults),
        }
    }
    found
}

/// A condition that does not hold; where it compares, what it compares.
fn broken(program: &Program, values: &DeclaredValues<'_>, condition: &Expr) -> Diagnostic {
    let message = "this does not hold";
    let broken = Diagnostic::error(codes::EXPECT_BROKEN, condition.span, message);
    let ExprKind::Binary(op, left, right) = &condition.kind else {
        return broken.here("expected to be true");
    };
    let compares = match op {
        BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::In => true,
        BinaryOp::Else
        | BinaryOp::Or
        | BinaryOp::And
        | BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::Div
        | BinaryOp::Rem => false,
    };
    match (values.eval(left), values.eval(right)) {
        (Ok(one), Ok(other)) if compares => broken
            .here("expected to be true")
            .label(left.span, shown(program, &one))
            .label(right.span, shown(program, &other)),
        _ => broken.here("expected to be true"),
    }
}

fn shown(program: &Program, value: &Value) -> String {
    format!("this is `{}`", display(program, value))
}

/// A condition that needs an input that is not given, or something of a run.
fn unknown(condition: &Expr) -> Diagnostic {
    let message = "this has no value here";
    Diagnostic::error(codes::EXPECT_NOTHING, condition.span, message)
        .here("it needs an input that is not given, or what only a run knows")
        .help("give the inputs that it reads: `given NAME = …`")
}
