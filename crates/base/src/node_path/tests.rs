use super::*;
use proptest::prelude::*;

const PATH: &str = "release/prod/matrix[prod.eu, checkout]/deploy[checkout, prod.eu]/verify";

#[test]
fn a_part_says_what_it_is() {
    let part = PathPart::read("matrix#2[a%2C b, %5B1%2C2%5D, ]#3");
    assert_eq!(
        (&*part.name, part.number, part.cell),
        ("matrix", 2, Some(3))
    );
    assert_eq!(part.values, ["a, b", "[1,2]", ""]);
    assert_eq!(part.ordinal(), "#3");
    let part = PathPart::read("deploy[web, prod.eu]#2");
    assert_eq!(part.deployment(), Some(("web", "prod.eu")));
    assert_eq!((part.number, part.cell), (2, None));
    assert_eq!(PathPart::read("run#2"), PathPart::named("run", 2));
    assert_eq!(PathPart::read("verify"), PathPart::named("verify", 1));
}

#[test]
fn paths_are_above_and_below_each_other() {
    let above: Vec<&str> = ancestors("a/b[x%2Fy]/c").collect();
    assert_eq!(above, ["a/b[x%2Fy]", "a"]);
    assert_eq!((parent("a"), last("a"), last("a/b")), (None, "a", "b"));
    assert_eq!(below("a/b/c", "a"), Some("b/c"));
    assert!(is_in("a/b", "a/b") && is_in("a/b/c", "a/b"));
    assert!(!is_in("a/bc", "a/b") && !is_in("a", "a/b"));
    assert_eq!(
        deployment(PATH),
        Some((String::from("checkout"), String::from("prod.eu")))
    );
    let step = NodePath::root("p").child(&PathPart::named("undo", 2));
    assert!(!is_in_handler(&step));
    assert!(is_in_handler(&step.handler(HandlerPart::Undo)));
    assert!(!is_in_handler("always/run"), "a pipeline may be called so");
}

#[test]
fn a_long_value_has_a_short_name_of_its_own() {
    let name = |value: &str| PathPart::cell("serial", 1, vec![value.into()], 1).text();
    let long = "ä".repeat(100_000);
    let (one, other) = (name(&format!("{long}a")), name(&format!("{long}b")));
    assert_ne!(one, other);
    assert!(one.len() < MAX_VALUE_BYTES && one.starts_with("serial[ää"));
    assert_eq!(PathPart::read(&one).text(), one);
    let wide = "w".repeat(300);
    assert_eq!(PathPart::read(&name(&wide)).values, [&*wide]);
    let shown = PathPart::read(&name(&wide)).shown("…");
    assert_eq!(shown, format!("serial[{}…]", "w".repeat(39)));
}

#[test]
fn what_a_person_types_may_have_a_slash_in_brackets() {
    assert_eq!(typed("**/s[a/b]/run"), "**/s[a%2Fb]/run");
    assert_eq!(typed(PATH), PATH);
    assert_eq!(typed("p/s[/x"), "p/s[/x");
}

/// Texts that look like paths.
fn value() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/",
        "[",
        "]",
        ", ",
        ",",
        "*",
        "%",
        "%2F",
        "#2",
        "a",
        "é",
        "\n",
        "\u{2028}",
        "\u{202e}",
        "\r",
        "\0",
        " ",
        "\"",
        "\\",
        "=",
        "undo",
        "serial[a]",
        "…",
    ]);
    prop_oneof![
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat()),
        any::<String>(),
    ]
}

fn part() -> impl Strategy<Value = PathPart<'static>> {
    let values = |least| prop::collection::vec(value().prop_map(Cow::Owned), least..4usize);
    let word = prop::sample::select(LOOP_WORDS.to_vec());
    let name = prop::sample::select(vec!["run", "deploy", "lock", "barrier", "prod", "serial"]);
    prop_oneof![
        (word, 1u32..4, values(1), 1u32..4)
            .prop_map(|(word, number, values, cell)| PathPart::cell(word, number, values, cell)),
        (
            prop::sample::select(vec!["deploy", "lock", "barrier"]),
            values(1),
            1u32..4
        )
            .prop_map(|(name, values, number)| PathPart::with_values(name, values, number)),
        (name, 1u32..4).prop_map(|(name, number)| PathPart::named(name, number)),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(all in prop::collection::vec(part(), 1..5)) {
        let root = NodePath::root("p");
        let path = all.iter().fold(root, |path, part| path.child(part));
        let read: Vec<PathPart<'_>> = parts(&path).skip(1).map(PathPart::read).collect();
        let long = |it: &Cow<'_, str>| it.chars().count() > 50;
        if all.iter().all(|part| !part.values.iter().any(long)) {
            prop_assert_eq!(&read, &all);
        }
        prop_assert_eq!(parts(&path).count(), all.len() + 1);
        prop_assert!(!path.chars().any(char::is_control));
        prop_assert_eq!(typed(&path), path.as_str());
    }

    #[test]
    fn different_parts_have_different_texts(one in part(), other in part()) {
        prop_assert_eq!(one == other, one.text() == other.text());
    }

    #[test]
    fn any_text_is_a_path(text in value(), other in value()) {
        let path = NodePath::read(&text);
        for part in parts(&path) {
            let part = PathPart::read(part);
            let _ = (part.text(), part.shown("..."), part.ordinal());
        }
        let _ = (deployment(&text), is_in_handler(&text), typed(&text), is_in(&text, &other));
        prop_assert!(ancestors(&path).count() < text.len() + 1);
    }
}
