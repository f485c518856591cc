//! The types that operators declare against the values that they return.

use super::{SampleScope, expr, type_of};
use crate::eval::operators::{OperatorError, apply, apply_unary, result, unary_result};
use crate::eval::{BinaryOp, Expr, ExprKind, UnaryOp, eval};
use lockstep_base::value::{Type, Value};

const SAMPLES: [&str; 17] = [
    "none", "true", "3", "0", "2.5", "\"a\"", "\"\"", "90s", "5%", "[1, 2]", "[\"a\"]", "[]",
    "{ a: 1 }", "token", "eu", "shop", "qa",
];

const STRICT: [BinaryOp; 12] = [
    BinaryOp::Eq,
    BinaryOp::Ne,
    BinaryOp::Lt,
    BinaryOp::Le,
    BinaryOp::Gt,
    BinaryOp::Ge,
    BinaryOp::In,
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Rem,
];

fn sample(source: &str) -> Value {
    eval(&expr(source), &SampleScope).expect("a value")
}

#[test]
fn an_operator_has_a_type_where_it_has_a_value() {
    let mut fitting = 0;
    for op in STRICT {
        for (a, b) in SAMPLES.iter().flat_map(|a| SAMPLES.map(|b| (*a, b))) {
            let (left, right) = (sample(a), sample(b));
            let promised = result(op, &type_of(&left), &type_of(&right));
            let what = format!("{a} {op:?} {b}: {promised:?}");
            match (apply(op, &left, &right), promised) {
                (Ok(value), Some(ty)) => {
                    fitting += 1;
                    assert!(ty.accepts(&type_of(&value)), "{what} but {value:?}");
                    assert_ne!(ty, Type::Any, "{what}");
                }
                (Err(OperatorError::DivisionByZero), Some(_)) => {
                    assert!(matches!(op, BinaryOp::Div | BinaryOp::Rem), "{what}");
                }
                (Err(OperatorError::Unfit), None) => {}
                // Values of different types are never equal, nor in one another; to compare
                // them is a slip that only the checker sees.
                (Ok(Value::Bool(answer)), None) => {
                    assert!(
                        matches!(op, BinaryOp::Eq | BinaryOp::Ne | BinaryOp::In),
                        "{what}"
                    );
                    assert_eq!(answer, op == BinaryOp::Ne, "{what}");
                }
                // Lists of anything can be joined; that the list then has no type, too.
                (Ok(Value::List(_)), None) => assert_eq!(op, BinaryOp::Add, "{what}"),
                (done, _) => panic!("{what} but {done:?}"),
            }
        }
    }
    assert!(fitting > 100, "only {fitting} fit");
}

#[test]
fn an_operator_before_a_value_too() {
    for op in [UnaryOp::Neg, UnaryOp::Not] {
        for source in SAMPLES {
            let value = sample(source);
            let promised = unary_result(op, &type_of(&value));
            let given = apply_unary(op, &value).ok().map(|value| type_of(&value));
            assert_eq!(promised, given, "{op:?} {source}");
        }
    }
}

#[test]
fn types_of_operators() {
    use Type::{Any, Bool, Duration, Float, Int, Json, Percent, Secret, String};
    let optional = Type::optional;
    let texts = || Type::OneOf(vec!["a".into(), "b".into()]);
    for (left, op, right, expected) in [
        (Int, BinaryOp::Add, Float, "float"),
        (Int, BinaryOp::Div, Int, "int"),
        (Duration, BinaryOp::Mul, Percent, "duration"),
        (Int, BinaryOp::Mul, Percent, "float"),
        (texts(), BinaryOp::Add, String, "string"),
        (texts(), BinaryOp::Add, Secret, "secret"),
        (
            Type::list(Int),
            BinaryOp::Add,
            Type::list(Type::None),
            "[int?]",
        ),
        (Any, BinaryOp::Add, Int, "anything"),
        (optional(Int), BinaryOp::Else, Int, "int"),
        (optional(Int), BinaryOp::Else, optional(Int), "int?"),
        (Type::None, BinaryOp::Else, Int, "int"),
        (Int, BinaryOp::Else, Int, "int"),
        (optional(texts()), BinaryOp::Else, String, "string"),
        (Json, BinaryOp::Else, String, "json"),
        (Bool, BinaryOp::And, Bool, "bool"),
        (optional(Int), BinaryOp::Eq, Int, "bool"),
        (optional(Secret), BinaryOp::Eq, Type::None, "bool"),
        (Json, BinaryOp::Eq, String, "bool"),
        (String, BinaryOp::In, Json, "bool"),
        (Int, BinaryOp::In, Type::list(Float), "bool"),
        (texts(), BinaryOp::Lt, String, "bool"),
    ] {
        let ty = result(op, &left, &right).map(|ty| ty.to_string());
        assert_eq!(ty.as_deref(), Some(expected), "{left} {op:?} {right}");
    }
    for (left, op, right) in [
        (optional(Int), BinaryOp::Add, Int),
        (optional(Bool), BinaryOp::And, Bool),
        (Json, BinaryOp::Add, Int),
        (Json, BinaryOp::Lt, Int),
        (String, BinaryOp::Add, Int),
        (Duration, BinaryOp::Add, Int),
        (Int, BinaryOp::Else, String),
        (Secret, BinaryOp::Eq, Secret),
        (Int, BinaryOp::In, String),
        (Int, BinaryOp::Eq, String),
    ] {
        assert_eq!(result(op, &left, &right), None, "{left} {op:?} {right}");
    }
}

#[test]
fn a_name_behind_a_map_must_exist() {
    let map = || expr("ports");
    let span = map().span;
    let of = |ty: &Type, name: &str| {
        let member = Expr::member(map(), ty, name.into(), span);
        eval(&member, &SampleScope).ok()
    };
    let maps = [
        Type::Map(Box::new(Type::Int)),
        Type::Json,
        Type::optional(Type::Json),
    ];
    for ty in maps {
        assert_eq!(of(&ty, "web"), Some(Value::Int(80)));
        assert_eq!(of(&ty, "wbe"), None);
    }
    let record = Type::record([("web", Type::Int), ("debug", Type::optional(Type::Int))]);
    assert_eq!(of(&record, "web"), Some(Value::Int(80)));
    assert_eq!(of(&record, "debug"), Some(Value::None));
    assert!(matches!(
        Expr::member(map(), &record, "web".into(), span).kind,
        ExprKind::Field(..)
    ));
}
