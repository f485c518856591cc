//! A value that begins with `-` is refused where a program would read an option (E0620), unless the
//! file itself writes it there.

use std::os::unix::fs::PermissionsExt;

use super::Told;

/// A program with options that prints its arguments in brackets.
const KUBECTL: &str = "#!/bin/sh\nprintf '[%s]' \"$@\"\necho\n";

const REST: &str = r#"
input x: string = "-x"
input eu: string = "eu"
let wide = "--wide"
workflow flags(of: string) -> [string] {
  let context = "--context"
  if of == "" { return [] }
  return [context, of]
}
workflow same(of: [string]) -> [string] { return of }
"#;

/// What `./kubectl ${k} get` is given, where `k` is made by `lets`; `None` where it is refused.
#[track_caller]
fn arguments(lets: &str) -> Option<String> {
    arguments_of("kubectl", lets, "run \"./kubectl ${k} get\"")
}

/// What a program of this name is given by a command.
#[track_caller]
fn arguments_of(program: &str, lets: &str, command: &str) -> Option<String> {
    let text = format!("{REST}pipeline p {{\n  {lets}\n  {command}\n}}\n");
    let test = super::file(&text).file(program, KUBECTL);
    let rights = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(test.path(program), rights).expect("rights");
    let told = Told::by(&test);
    if told.code == 0 {
        return told.output().last().map(|line| (*line).to_owned());
    }
    let (class, message) = told.failure("p/run");
    assert_eq!(class, "failed", "{lets}");
    assert!(message.contains("(E0620)"), "{lets}: {message}");
    None
}

#[test]
fn the_file_may_write_options_into_a_value() {
    for (lets, given) in [
        ("let k = [\"--context\", eu]", "[--context][eu][get]"),
        ("let k = flags(eu)", "[--context][eu][get]"),
        (
            "let k = [\"--l=${n}\" for n in [eu, \"b\"]]",
            "[--l=eu][--l=b][get]",
        ),
        (
            "let k = flatten([[\"-f\", n] for n in [eu, \"b\"]]) + [\"-v\"]",
            "[-f][eu][-f][b][-v][get]",
        ),
        (
            "let k = flatten([[\"-f\", eu], [\"-g\"]])",
            "[-f][eu][-g][get]",
        ),
        (
            "let k = flags(eu) let k2 = k let k3 = k2",
            "[--context][eu][get]",
        ),
        (
            "let a = flags(eu) let k = a + [wide, \"--x=${x}\"]",
            "[--context][eu][--wide][--x=-x][get]",
        ),
        (
            "let k = if eu == \"eu\" then [wide] else []",
            "[--wide][get]",
        ),
        (
            "let k = if eu == \"eu\" then wide else \"none\"",
            "[--wide][get]",
        ),
        ("let k = \"--name=${x}\"", "[--name=-x][get]"),
        ("let k = [eu]", "[eu][get]"),
    ] {
        assert_eq!(arguments(lets).as_deref(), Some(given), "{lets}");
    }
}

#[test]
fn what_ends_the_options_stands_behind_those_that_the_file_writes() {
    for (lets, command, given) in [
        (
            "let k = [\"-r\", \"-f\"]",
            "${k} ${x}",
            Some("[-r][-f][--][-x]"),
        ),
        (
            "let k = [\"-s\", eu]",
            "${k} ${x}",
            Some("[-s][eu][--][-x]"),
        ),
        ("let k = [wide]", "${k} ${eu}", Some("[--wide][--][eu]")),
        ("let k = [x]", "${k} ${eu}", Some("[--][-x][eu]")),
        ("let k = [\"-s\", x]", "${k} ${eu}", None),
        ("let k = [\"-r\"]", "${x} ${k}", None),
    ] {
        let run = format!("run \"./rm {command}\"");
        assert_eq!(
            arguments_of("rm", lets, &run).as_deref(),
            given,
            "{lets}: {command}"
        );
    }
}

#[test]
fn data_is_not_an_option_whatever_stands_beside_it() {
    for lets in [
        "let k = x",
        "let k = [x]",
        "let k = [\"--context\", x]",
        "let k = flags(x)",
        "let k = if eu == \"eu\" then [x] else [\"-y\"]",
        "let k = \"${x}y\"",
        "let a = [x] let k = a + [wide]",
        "let k = same([\"--context\", x])",
        "let k = split(\"-a -b\", \" \")",
        "let k = [y for y in [x]]",
    ] {
        assert_eq!(arguments(lets), None, "{lets}");
    }
}

#[test]
fn what_is_made_for_each_element_is_no_way_for_data() {
    for lets in [
        "let k = [n for n in [\"-f\", x]]",
        "let k = flatten([[\"-f\", n] for n in [x]])",
        "let k = flatten([[\"-f\"], [x]])",
    ] {
        assert_eq!(arguments(lets), None, "{lets}");
    }
}
