//! No value grows and no evaluation runs without bound.

use super::{SampleScope, expr};
use crate::eval::evaluate::eval_within;
use crate::eval::limits::Limits;
use crate::eval::{Halt, eval};
use lockstep_base::diagnostic::codes;
use lockstep_base::value::Value;

const SMALL: Limits = Limits {
    elements: 1_000,
    bytes: 1_000,
    steps: 20_000,
};

fn message(evaluated: Result<Value, Halt>) -> String {
    match evaluated {
        Err(Halt::Fault(fault)) if fault.code == codes::TOO_LARGE => fault.message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_limits_of_the_language() {
    const ELEMENTS: &str = "this value has more than 10 million elements";
    const BYTES: &str = "this value has more than 64 MiB of text";
    for (source, expected) in [
        (String::from("range(0, 1000000000000)"), ELEMENTS),
        (String::from("range(least, 9223372036854775807)"), ELEMENTS),
        (String::from("range(0, -10000001, -1)"), ELEMENTS),
        (String::from("replace(mebibyte, \"x\", mebibyte)"), BYTES),
        (String::from("join(range(0, 100), mebibyte)"), BYTES),
        (format!("format(\"{}\", mebibyte)", "{0}".repeat(65)), BYTES),
        (format!("\"{}\"", "${mebibyte}".repeat(65)), BYTES),
        (format!("[{}]", "mebibyte, ".repeat(65)), BYTES),
    ] {
        let text = message(eval(&expr(&source), &SampleScope));
        assert_eq!(text, expected, "{source:.100}");
    }
}

#[test]
fn growing_values_are_stopped() {
    let (elements, bytes) = ("elements", "text");
    for (source, what) in [
        (
            "[[y for y in range(0, 100)] for x in range(0, 100)]",
            elements,
        ),
        ("range(0, 600) + range(0, 600)", elements),
        ("[range(0, 600).*, range(0, 600).*]", elements),
        ("[range(0, 600), range(0, 600)]", elements),
        ("{ a: range(0, 600), b: range(0, 600) }", elements),
        (
            "flatten([range(0, 400), range(0, 400), range(0, 400)])",
            elements,
        ),
        ("\"${range(0, 500)}\"", bytes),
        ("\"${range(0, 200)}${range(0, 200)}\"", bytes),
        ("string(range(0, 500))", bytes),
        (
            "\"${token}${\"${range(0, 200)}\" + token}${range(0, 200)}\"",
            bytes,
        ),
        ("[\"0123456789\" for x in range(0, 101)]", bytes),
    ] {
        let text = message(eval_within(&expr(source), &SampleScope, SMALL));
        assert!(text.ends_with(what), "{source}: {text}");
    }
}

#[test]
fn long_evaluations_are_stopped() {
    for source in [
        "[length([y for y in range(0, 900)]) for x in range(0, 900)]",
        "[range(0, 900) == range(0, 900) for x in range(0, 900)]",
        "[x in range(0, 900) for x in range(0, 900)]",
        "[length(range(0, 900)) for x in range(0, 900)]",
    ] {
        let text = message(eval_within(&expr(source), &SampleScope, SMALL));
        assert_eq!(
            text, "evaluating this takes more than 100 million steps",
            "{source}"
        );
    }
}

#[test]
fn depth_is_limited() {
    let nest = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(eval(&expr(&nest(50)), &SampleScope).is_ok());
    // The innermost list is the 51st.
    assert!(
        message(eval(&expr(&nest(52)), &SampleScope))
            .contains("50 levels of nested lists and maps")
    );
    let json = |levels| format!("from-json(\"{}\")", nest(levels));
    assert!(eval(&expr(&json(50)), &SampleScope).is_ok());
    for levels in [52, 1_000, 100_000] {
        assert!(eval(&expr(&json(levels)), &SampleScope).is_err());
    }
}

#[test]
fn a_long_chain_of_operators_is_no_recursion() {
    let sum = vec!["1"; 5_000].join(" + ");
    assert_eq!(
        eval(&expr(&sum), &SampleScope).ok(),
        Some(Value::Int(5_000))
    );
    let text = vec!["\"x\""; 5_000].join(" + ");
    let length = eval(&expr(&format!("length({text})")), &SampleScope);
    assert_eq!(length.ok(), Some(Value::Int(5_000)));
}

#[test]
fn the_deepest_expression_fits_on_a_small_stack() {
    let wrap = |open: &str, close: &str, levels: usize| {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    let sources = [
        wrap("(1 + ", ")", 300),
        wrap("-(", ")", 300),
        wrap("int(", ")", 300),
        wrap("[", "][0]", 300),
        wrap("(if true then ", " else 2)", 300),
        // Three levels of the tree each.
        wrap("min([x for x in [", "]])", 100),
    ];
    for source in sources {
        // The reader of these tests needs more than the evaluator.
        let expr = std::thread::scope(|threads| {
            let reader = std::thread::Builder::new().stack_size(64 << 20);
            let read = reader
                .spawn_scoped(threads, || expr(&source))
                .expect("a thread");
            read.join().expect("an expression")
        });
        let done = std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(move || eval(&expr, &SampleScope).is_ok());
        assert!(done.expect("a thread").join().expect("no overflow"));
    }
}
