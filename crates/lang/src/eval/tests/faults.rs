//! Each evaluation error with its code, location and message.

use super::{SampleScope, expr};
use crate::eval::{Halt, eval};
use lockstep_base::diagnostic::{Diagnostic, codes};

fn fault(source: &str) -> Diagnostic {
    match eval(&expr(source), &SampleScope) {
        Err(Halt::Fault(fault)) => *fault,
        other => panic!("{source} gives {other:?}"),
    }
}

/// Each expression fails with the code, at the text, with the message.
fn faults(table: &[(&str, lockstep_base::diagnostic::Code, &str, &str)]) {
    for (source, code, place, message) in table {
        let fault = fault(source);
        let span = fault.span().expect("a place");
        assert_eq!(
            (fault.code, &source[span.range()], fault.message.as_str()),
            (*code, *place, *message),
            "{source}"
        );
    }
}

#[test]
fn arithmetic() {
    const WIDE: &str = "the result does not fit into 64 bits";
    const ZERO: &str = "division by zero";
    const VAST: &str = "the result is larger than any float";
    faults(&[
        (
            "1 + (9223372036854775807 + 1)",
            codes::OVERFLOW,
            "(9223372036854775807 + 1)",
            WIDE,
        ),
        (
            "1 + 9223372036854775807 + 1",
            codes::OVERFLOW,
            "1 + 9223372036854775807",
            WIDE,
        ),
        ("least - 1", codes::OVERFLOW, "least - 1", WIDE),
        (
            "1 + 3037000500 * 3037000500",
            codes::OVERFLOW,
            "3037000500 * 3037000500",
            WIDE,
        ),
        ("least / -1", codes::OVERFLOW, "least / -1", WIDE),
        ("2 * -least", codes::OVERFLOW, "-least", WIDE),
        (
            "9223372036854775807ms + 1ms",
            codes::OVERFLOW,
            "9223372036854775807ms + 1ms",
            WIDE,
        ),
        (
            "1d * 9223372036854775807",
            codes::OVERFLOW,
            "1d * 9223372036854775807",
            WIDE,
        ),
        ("1d * huge", codes::OVERFLOW, "1d * huge", WIDE),
        (
            "9223372036854775807ms * 200%",
            codes::OVERFLOW,
            "9223372036854775807ms * 200%",
            WIDE,
        ),
        ("1 + 2 / 0", codes::DIVISION_BY_ZERO, "2 / 0", ZERO),
        ("2 % 0", codes::DIVISION_BY_ZERO, "2 % 0", ZERO),
        ("2 / 0.0", codes::DIVISION_BY_ZERO, "2 / 0.0", ZERO),
        ("0.0 / 0", codes::DIVISION_BY_ZERO, "0.0 / 0", ZERO),
        ("1.5 % 0", codes::DIVISION_BY_ZERO, "1.5 % 0", ZERO),
        ("1h / 0", codes::DIVISION_BY_ZERO, "1h / 0", ZERO),
        ("1h / 0s", codes::DIVISION_BY_ZERO, "1h / 0s", ZERO),
        ("1h % 0s", codes::DIVISION_BY_ZERO, "1h % 0s", ZERO),
        ("10% / 0", codes::DIVISION_BY_ZERO, "10% / 0", ZERO),
        ("10% / 0%", codes::DIVISION_BY_ZERO, "10% / 0%", ZERO),
        ("huge * 2", codes::NOT_FINITE, "huge * 2", VAST),
        ("huge / 0.1", codes::NOT_FINITE, "huge / 0.1", VAST),
        ("huge * 1000%", codes::NOT_FINITE, "huge * 1000%", VAST),
        ("-huge - huge", codes::NOT_FINITE, "-huge - huge", VAST),
    ]);
}

#[test]
fn a_fault_is_found_beside_the_unknown() {
    const ZERO: &str = "division by zero";
    faults(&[
        ("unknown + 1 / 0", codes::DIVISION_BY_ZERO, "1 / 0", ZERO),
        ("unknown / 0", codes::DIVISION_BY_ZERO, "unknown / 0", ZERO),
        ("[unknown, 1 / 0]", codes::DIVISION_BY_ZERO, "1 / 0", ZERO),
        (
            "{ a: unknown, b: 1 / 0 }",
            codes::DIVISION_BY_ZERO,
            "1 / 0",
            ZERO,
        ),
        (
            "\"${unknown}${1 / 0}\"",
            codes::DIVISION_BY_ZERO,
            "1 / 0",
            ZERO,
        ),
        (
            "format(unknown, 1 / 0)",
            codes::DIVISION_BY_ZERO,
            "1 / 0",
            ZERO,
        ),
        ("unknown[1 / 0]", codes::DIVISION_BY_ZERO, "1 / 0", ZERO),
        (
            "[1 / x for x in [1, 0] if true]",
            codes::DIVISION_BY_ZERO,
            "1 / x",
            ZERO,
        ),
        (
            "[if x == 1 then unknown else 1 / 0 for x in [1, 0]]",
            codes::DIVISION_BY_ZERO,
            "1 / 0",
            ZERO,
        ),
    ]);
}

#[test]
fn elements_and_keys() {
    faults(&[
        (
            "[1, 2][2]",
            codes::INDEX,
            "2",
            "the list has no element 2, it has 2 elements",
        ),
        (
            "[1][1]",
            codes::INDEX,
            "1",
            "the list has no element 1, it has 1 element",
        ),
        (
            "[][0]",
            codes::INDEX,
            "0",
            "the list has no element 0, it has 0 elements",
        ),
        ("[1, 2][-1]", codes::INDEX, "-1", "a list has no element -1"),
        (
            "[1][least]",
            codes::INDEX,
            "least",
            "a list has no element -9223372036854775808",
        ),
        (
            "ports[\"wbe\"]",
            codes::KEY,
            "\"wbe\"",
            "there is no key `wbe`",
        ),
        ("{}[\"a\"]", codes::KEY, "\"a\"", "there is no key `a`"),
    ]);
    for (source, help) in [
        ("[1, 2][2]", "its elements are numbered from 0 to 1"),
        (
            "[1][-1]",
            "its only element is number 0; the last one is `x[length(x) - 1]`",
        ),
        ("[][-1]", "the list is empty"),
        ("ports[\"wbe\"]", "did you mean `web`?"),
        ("ports[\"x\"]", "its keys are `web` or `admin`"),
        ("{ a: 1 }[\"xyz\"]", "its only key is `a`"),
        ("{}[\"a\"]", "it is empty"),
        (
            "{ a1: 1, b1: 1, c1: 1, d1: 1, e1: 1, f1: 1 }[\"xyz\"]",
            "it has 6 keys, among them `a1`, `b1`, `c1`, `d1` or `e1`",
        ),
    ] {
        assert_eq!(fault(source).help.as_deref(), Some(help), "{source}");
    }
}

#[test]
fn kinds_that_do_not_fit() {
    faults(&[
        (
            "data[1] + 1",
            codes::UNFIT,
            "data[1] + 1",
            "`+` cannot be used with a text and an int",
        ),
        (
            "1h * 1h",
            codes::UNFIT,
            "1h * 1h",
            "`*` cannot be used with a duration and a duration",
        ),
        (
            "1 / 1h",
            codes::UNFIT,
            "1 / 1h",
            "`/` cannot be used with an int and a duration",
        ),
        (
            "1 / 0s",
            codes::UNFIT,
            "1 / 0s",
            "`/` cannot be used with an int and a duration",
        ),
        (
            "1 + 1s",
            codes::UNFIT,
            "1 + 1s",
            "`+` cannot be used with an int and a duration",
        ),
        (
            "{ a: 1 } + { b: 1 }",
            codes::UNFIT,
            "{ a: 1 } + { b: 1 }",
            "`+` cannot be used with a map and a map",
        ),
        (
            "1 < \"2\"",
            codes::UNFIT,
            "1 < \"2\"",
            "an int and a text have no order",
        ),
        (
            "true < false",
            codes::UNFIT,
            "true < false",
            "a bool and a bool have no order",
        ),
        (
            "1 in 2",
            codes::UNFIT,
            "1 in 2",
            "an int cannot be in an int",
        ),
        (
            "1 in \"1\"",
            codes::UNFIT,
            "1 in \"1\"",
            "an int cannot be in a text",
        ),
        (
            "token == \"a\"",
            codes::UNFIT,
            "token == \"a\"",
            "a secret cannot be compared",
        ),
        (
            "[token] != [\"a\"]",
            codes::UNFIT,
            "[token] != [\"a\"]",
            "a secret cannot be compared",
        ),
        (
            "token in [\"a\"]",
            codes::UNFIT,
            "token in [\"a\"]",
            "a secret cannot be looked for",
        ),
        (
            "not data[1]",
            codes::UNFIT,
            "data[1]",
            "expected a bool here, but this is a text",
        ),
        (
            "-data[1]",
            codes::UNFIT,
            "data[1]",
            "expected a number, duration or percent here, but this is a text",
        ),
        (
            "data[1] and true",
            codes::UNFIT,
            "data[1]",
            "expected a bool here, but this is a text",
        ),
        (
            "true and data[1]",
            codes::UNFIT,
            "data[1]",
            "expected a bool here, but this is a text",
        ),
        (
            "if data[0] then 1 else 2",
            codes::UNFIT,
            "data[0]",
            "expected a bool here, but this is none",
        ),
        (
            "[x for x in data if data[1]]",
            codes::UNFIT,
            "data[1]",
            "expected a bool here, but this is a text",
        ),
        (
            "[x for x in ports]",
            codes::UNFIT,
            "ports",
            "expected a list here, but this is a map",
        ),
        (
            "[ports.*]",
            codes::UNFIT,
            "ports",
            "expected an environment or a list here, but this is a map",
        ),
        (
            "data.name",
            codes::UNFIT,
            "data",
            "expected a record here, but this is a list",
        ),
        (
            "data[\"a\"]",
            codes::UNFIT,
            "\"a\"",
            "expected an int here, but this is a text",
        ),
        (
            "ports[0]",
            codes::UNFIT,
            "0",
            "expected a text here, but this is an int",
        ),
        (
            "\"text\"[0]",
            codes::UNFIT,
            "\"text\"",
            "expected a list or a map here, but this is a text",
        ),
        (
            "\"a${[token]}\"",
            codes::UNFIT,
            "[token]",
            "a list with a secret inside cannot become text",
        ),
    ]);
}

#[test]
fn the_outside() {
    faults(&[
        (
            "1 + env(\"NO\")",
            codes::ENV,
            "env(\"NO\")",
            "the environment variable `NO` is not set",
        ),
        (
            "file(\"x/y\")",
            codes::FILE,
            "file(\"x/y\")",
            "the file `x/y` cannot be read: no such file",
        ),
        (
            "env(data[0])",
            codes::UNFIT,
            "env(data[0])",
            "expected a text here, but this is none",
        ),
        (
            "file(data[0])",
            codes::UNFIT,
            "file(data[0])",
            "expected a text here, but this is none",
        ),
    ]);
}

#[test]
fn labels_show_the_operands() {
    let labels = |source: &str| -> Vec<String> {
        let fault = fault(source);
        let text = |label: &lockstep_base::diagnostic::Label| {
            format!("{}: {}", &source[label.span.range()], label.text)
        };
        fault.labels.iter().map(text).collect()
    };
    assert_eq!(
        labels("least - ports[\"web\"]"),
        [
            "least - ports[\"web\"]: computed here",
            "least: this is `-9223372036854775808`",
            "ports[\"web\"]: this is `80`"
        ]
    );
    assert_eq!(labels("1 / 0"), ["1 / 0: divided here"]);
    assert_eq!(
        labels("1 / (2 - 2)"),
        ["1 / (2 - 2): divided here", "(2 - 2): this is `0`"]
    );
    assert_eq!(
        labels("data + ports"),
        [
            "data + ports: ",
            "data: this is a list of 3 elements",
            "ports: this is a map of 2 entries"
        ]
    );
    assert_eq!(
        labels("token < data[1]"),
        [
            "token < data[1]: ",
            "token: this is a secret",
            "data[1]: this is `\"x\"`"
        ]
    );
    assert_eq!(
        labels("int(data[1])"),
        ["data[1]: because of this", "int(data[1]): called here"]
    );
}

#[test]
fn a_long_value_is_shortened() {
    let fault = fault("join([\"ü\" for x in range(0, 1000)], \"\") < 1");
    let shown = &fault.labels[1].text;
    assert!(shown.contains("üüü") && shown.ends_with("…`"), "{shown}");
    assert!(shown.chars().count() < 80, "{shown}");
}
