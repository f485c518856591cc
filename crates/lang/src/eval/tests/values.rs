//! The results of operators and of the other forms of expressions.

use super::{SampleScope, exact, expr};
use crate::eval::{EmptyScope, Expr, ExprKind, GlobalId, RunField, eval};
use lockstep_base::value::{SecretPart, Value};

/// Each expression gives exactly what the other one gives.
fn same(table: &[(&str, &str)]) {
    for (source, expected) in table {
        assert_eq!(exact(source), exact(expected), "{source}");
    }
}

#[test]
fn numbers() {
    same(&[
        ("1 + 2 * 3 - 4", "3"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("7 % 3", "1"),
        ("-7 % 3", "-1"),
        ("7 % -3", "1"),
        ("least % -1", "0"),
        ("least / 1 == least", "true"),
        ("9223372036854775806 + 1", "9223372036854775807"),
        ("-9223372036854775807 - 1", "least"),
        ("1 + 0.5", "1.5"),
        ("0.5 + 1", "1.5"),
        ("3 - 0.5", "2.5"),
        ("2 * 0.5", "1.0"),
        ("7 / 2.0", "3.5"),
        ("7.5 % 2", "1.5"),
        ("-7.5 % 2", "-1.5"),
        ("0.1 + 0.2 == 0.3", "false"),
        ("- -3", "3"),
        ("-2.5", "0 - 2.5"),
        ("10 - 3 - 2", "5"),
        ("100 / 10 / 2", "5"),
    ]);
}

#[test]
fn durations_and_percents() {
    same(&[
        ("1h + 30m", "1h30m"),
        ("30s - 1m", "-30s"),
        ("-(1h)", "0s - 1h"),
        ("30s * 4", "2m"),
        ("4 * 30s", "2m"),
        ("1s * 0.5", "500ms"),
        ("0.0015 * 1s", "2ms"),
        ("10s / 4", "2s500ms"),
        ("10s / 4.0", "2s500ms"),
        ("1h / 30m", "2.0"),
        ("70s % 1m", "10s"),
        ("1h * 10%", "6m"),
        ("10% * 1h", "6m"),
        ("10% + 5%", "15%"),
        ("10% - 15%", "-5%"),
        ("-(5%)", "0% - 5%"),
        ("50% * 50%", "25%"),
        ("100% / 4", "25%"),
        ("100% / 0.5", "200%"),
        ("50% / 25%", "2.0"),
        ("200 * 10%", "20.0"),
        ("10% * 200", "20.0"),
        ("2.5 * 10%", "0.25"),
        ("100 * 29%", "29.0"),
    ]);
}

#[test]
fn texts_and_lists() {
    same(&[
        ("\"ab\" + \"\" + \"ü\"", "\"abü\""),
        ("[1] + [] + [2, 3]", "[1, 2, 3]"),
        ("[] + []", "[]"),
        ("[1, [2].*, [].*, [3, 4].*]", "[1, 2, 3, 4]"),
        ("[[2].*]", "[2]"),
        ("[1, 2][1]", "2"),
        ("{ a: 1, \"b c\": 2 }[\"b c\"]", "2"),
        ("{ a: 1 }.a", "1"),
        ("{ a: 1 }.b", "none"),
        ("{ a: 1, a: 2 }", "{ a: 2 }"),
        ("[x * 2 for x in [1, 2, 3] if x != 2]", "[2, 6]"),
        ("[x for x in []]", "[]"),
        (
            "[[x * y for y in range(0, x)] for x in range(0, 4)]",
            "[[], [0], [0, 2], [0, 3, 6]]",
        ),
        ("[x + x for x in [x for x in [1]]]", "[2]"),
        ("if 1 < 2 then \"a\" else \"b\"", "\"a\""),
        (
            "if 1 > 2 then \"a\" else if true then \"b\" else \"c\"",
            "\"b\"",
        ),
    ]);
}

#[test]
fn comparisons() {
    let holds = [
        "1 == 1.0",
        "1 != 2",
        "9007199254740993 != 9007199254740992.0",
        "\"a\" == \"a\"",
        "\"a\" != \"A\"",
        "1h == 60m",
        "[1, [2]] == [1.0, [2]]",
        "[1, 2] != [2, 1]",
        "{ a: 1, b: 2 } == { b: 2, a: 1 }",
        "none == none",
        "1 != none",
        "1 != \"1\"",
        "1s != 1000",
        "eu == eu",
        "shop == shop",
        "qa.*[0] == eu",
        "qa.*[1] != eu",
        "1 < 1.5",
        "2 >= 2",
        "2.0 <= 2",
        "\"Z\" < \"a\"",
        "\"a\" < \"ab\"",
        "\"z\" < \"ä\"",
        "90s > 1m",
        "5% <= 5%",
        "2 in [1, 2]",
        "2.0 in [1, 2]",
        "not (3 in [1, 2])",
        "not (1 in [])",
        "\"eas\" in \"release\"",
        "\"\" in \"\"",
        "\"web\" in ports",
        "not (\"80\" in ports)",
        "eu in qa.*",
        "[1] in [[1], [2]]",
        "none in [none]",
    ];
    for source in holds {
        assert_eq!(exact(source), "Bool(true)", "{source}");
    }
}

#[test]
fn what_is_not_needed_is_not_looked_at() {
    same(&[
        ("false and 1 / 0 == 1", "false"),
        ("true or 1 / 0 == 1", "true"),
        ("false and unknown", "false"),
        ("true or unknown", "true"),
        ("1 ?? 1 / 0", "1"),
        ("none ?? 2", "2"),
        ("none ?? none ?? 3", "3"),
        ("true and true and false", "false"),
        ("false or false or true", "true"),
        ("false and true or true", "true"),
        ("not true or true", "true"),
        ("if true then 1 else 1 / 0", "1"),
        ("[1 / x for x in [0, 1] if x > 0]", "[1]"),
    ]);
}

#[test]
fn the_unknown() {
    for source in [
        "unknown",
        "unknown + 1",
        "1 + unknown",
        "-unknown",
        "not unknown",
        "unknown and false",
        "unknown or 1 / 0 == 1",
        "true and unknown",
        "unknown ?? 1",
        "unknown == unknown",
        "if unknown then 1 / 0 else 2",
        "[1, unknown]",
        "[unknown.*]",
        "{ a: unknown }",
        "\"${unknown} ${1}\"",
        "unknown.name",
        "unknown[0]",
        "[1][unknown]",
        "lower(unknown)",
        "[x for x in unknown]",
        "[x for x in [1] if unknown]",
        "[unknown for x in [1]]",
        "env(\"LATER\")",
        "[1, unknown][0]",
    ] {
        assert_eq!(exact(source), "unknown", "{source}");
    }
    // The element is never evaluated.
    assert_eq!(exact("[unknown for x in []]"), "List([])");
}

#[test]
fn interpolation() {
    same(&[
        (
            "\"${1}-${\"ü\"}-${1h30m}-${2.50}-${10%}-${true}\"",
            "\"1-ü-1h30m-2.5-10%-true\"",
        ),
        (
            "\"${[1, \"a\"]} ${{ a: none }}\"",
            "\"[1,\\\"a\\\"] {\\\"a\\\":null}\"",
        ),
        ("\"${\"${\"x\"}\"}\"", "\"x\""),
        ("\"${eu}\"", "\"qa.eu\""),
        ("\"${ports[\"web\"] + 1}\"", "\"81\""),
    ]);
}

fn secret_parts(source: &str) -> Vec<SecretPart> {
    match eval(&expr(source), &SampleScope) {
        Ok(Value::Secret(parts)) => parts.to_vec(),
        other => panic!("{source} gives {other:?}"),
    }
}

#[test]
fn what_is_made_from_a_secret_is_a_secret() {
    let text = |text: &str| SecretPart::Text(text.into());
    let secret = || SecretPart::Secret(0);
    for (source, parts) in [
        ("\"${token}\"", vec![secret()]),
        (
            "\"Bearer ${1}${token}!\"",
            vec![text("Bearer 1"), secret(), text("!")],
        ),
        (
            "\"a${\"b${token}c\"}d${token}\"",
            vec![text("ab"), secret(), text("cd"), secret()],
        ),
        ("\"a\" + token", vec![text("a"), secret()]),
        ("token + \"a\"", vec![secret(), text("a")]),
        ("token + token", vec![secret(), secret()]),
        ("[token][0]", vec![secret()]),
        ("none ?? token", vec![secret()]),
    ] {
        assert_eq!(secret_parts(source), parts, "{source}");
    }
}

#[test]
fn a_secret_of_plain_text_stays_one() {
    let plain = Value::Secret(vec![SecretPart::Text("x".into())].into());
    let part = expr("\"a${token}\"");
    let ExprKind::Interpolate(mut parts) = part.kind else {
        panic!("no interpolation")
    };
    parts[1] = crate::eval::InterpolationPart::Value(Expr::constant(plain, part.span));
    let whole = Expr {
        kind: ExprKind::Interpolate(parts),
        span: part.span,
    };
    match eval(&whole, &SampleScope) {
        Ok(Value::Secret(parts)) => assert_eq!(*parts, [SecretPart::Text("ax".into())]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_outside() {
    same(&[
        ("env(\"HOME\")", "\"/root\""),
        ("env(\"HOME\", \"x\")", "\"/root\""),
        ("env(\"EMPTY\", \"x\")", "\"\""),
        ("env(\"NO\", \"x\")", "\"x\""),
        ("env(\"NO\", none)", "none"),
        ("file(\"VERSION\")", "\"1.4.2\\n\""),
        ("shop.image", "\"image of shop\""),
        ("eu.name", "\"name of qa.eu\""),
        ("[i.id for i in qa.*]", "[\"id of qa.eu\", \"id of qa.us\"]"),
    ]);
    let span = expr("1").span;
    for (kind, shown) in [
        (ExprKind::Global(GlobalId(7)), "Ok(Int(7))"),
        (ExprKind::Run(RunField::User), "Ok(String(\"ada\"))"),
        (ExprKind::Run(RunField::Id), "Err(Unknown)"),
    ] {
        let value = eval(&Expr { kind, span }, &SampleScope);
        assert_eq!(format!("{value:?}"), shown);
    }
}

#[test]
fn without_a_scope_only_constants_have_a_value() {
    for (source, shown) in [
        ("1 + 2", "Ok(Int(3))"),
        ("ports", "Err(Unknown)"),
        ("length(qa.*)", "Err(Unknown)"),
        ("env(\"HOME\", \"x\")", "Err(Unknown)"),
        ("file(\"VERSION\")", "Err(Unknown)"),
        ("[x + 1 for x in [1, 2]]", "Ok(List([Int(2), Int(3)]))"),
    ] {
        let value = eval(&expr(source), &EmptyScope);
        assert_eq!(format!("{value:?}"), shown, "{source}");
    }
    let star = ExprKind::Star(Box::new(Expr::constant(
        Value::Environment(lockstep_base::value::EnvironmentId(0)),
        expr("1").span,
    )));
    let star = Expr {
        kind: star,
        span: expr("1").span,
    };
    assert!(matches!(
        eval(&star, &EmptyScope),
        Err(crate::eval::Halt::Unknown)
    ));
}
