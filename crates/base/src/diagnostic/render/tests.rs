//! Tests of the diagnostics as text.

use super::style::is_hostile;
use super::*;
use crate::diagnostic::codes::SYNTAX;
use crate::source::Span;

fn spot(sources: &Sources, file: FileId, text: &str) -> Span {
    let at = sources
        .get(file)
        .and_then(|source| source.text.find(text))
        .expect("the text is there");
    Span::new(file, at, at + text.len())
}

fn shop() -> (Sources, FileId, FileId) {
    let mut sources = Sources::default();
    let shop = sources.add(
        "shop.deploy",
        "from \"./hooks.deploy\" import notify\n\npipeline release {\n  stage prod {\n\
         \tnotify(\"日本語\", tset)\n  }\n}\n",
    );
    let hooks = sources.add(
        "./hooks.deploy",
        "## Tells everyone.\naction notify(text: string) -> bool\n",
    );
    (sources, shop, hooks)
}

fn plain(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    render(
        diagnostics,
        sources,
        RenderStyle {
            width: 80,
            ..RenderStyle::PLAIN
        },
    )
}

#[test]
fn one_place_with_help() {
    let (sources, shop, _) = shop();
    let wrong = Diagnostic::error(
        SYNTAX,
        spot(&sources, shop, "tset"),
        "nothing is named `tset`",
    )
    .here("not known here")
    .help("did you mean `test`?");
    insta::assert_snapshot!(plain(&[wrong], &sources));
}

#[test]
fn places_in_several_files() {
    let (sources, shop, hooks) = shop();
    let wrong = Diagnostic::error(
        SYNTAX,
        spot(&sources, shop, "notify(\"日本語\", tset)"),
        "`notify` takes 1 argument, but 2 are given",
    )
    .here("2 arguments")
    .label(spot(&sources, shop, "stage prod"), "in this stage")
    .label(
        spot(&sources, hooks, "notify(text: string)"),
        "declared here",
    )
    .help("leave out the second one:\n  notify(\"日本語\")");
    let warning = Diagnostic::warning(
        SYNTAX,
        spot(&sources, shop, "release"),
        "this pipeline deploys nothing",
    );
    insta::assert_snapshot!(plain(&[wrong, warning], &sources));
}

#[test]
fn the_primary_place_comes_first() {
    let mut sources = Sources::default();
    let lines = "let a = 1\n\n\n\nlet b = 2\nlet c = 3\n\n\n\nlet d = 4\n";
    let file = sources.add("shop.deploy", lines);
    let wrong = Diagnostic::error(SYNTAX, spot(&sources, file, "d"), "wrong")
        .here("here")
        .label(spot(&sources, file, "c"), "near each other")
        .label(spot(&sources, file, "b"), "near each other")
        .label(spot(&sources, file, "a"), "far away");
    insta::assert_snapshot!(plain(&[wrong], &sources));
}

#[test]
fn ascii_and_colours() {
    let mut sources = Sources::default();
    let shop = sources.add("shop.deploy", "\npipeline release {\n  stage prod {\n");
    let wrong = Diagnostic::error(SYNTAX, spot(&sources, shop, "release"), "wrong name")
        .here("this one")
        .label(spot(&sources, shop, "prod"), "because of this")
        .help("choose another");
    let ascii = RenderStyle {
        unicode: false,
        ..RenderStyle::PLAIN
    };
    let drawn = render(std::slice::from_ref(&wrong), &sources, ascii);
    assert!(drawn.is_ascii(), "{drawn}");
    insta::assert_snapshot!("ascii", drawn);
    let color = RenderStyle {
        color: true,
        ..RenderStyle::PLAIN
    };
    let drawn = render(&[wrong], &sources, color).replace('\u{1b}', "ESC");
    insta::assert_snapshot!("colours", drawn);
}

#[test]
fn a_message_of_several_lines() {
    let (sources, shop, _) = shop();
    let wrong = Diagnostic::error(
        SYNTAX,
        spot(
            &sources,
            shop,
            "stage prod {\n\tnotify(\"日本語\", tset)\n  }",
        ),
        "this can hang\nstrand 1 waits for `b`\nstrand 2 waits for `a`",
    );
    insta::assert_snapshot!(plain(&[wrong], &sources));
}

#[test]
fn at_the_end_of_the_text() {
    let mut sources = Sources::default();
    let open = sources.add("open.deploy", "pipeline a {\n\n\n");
    let bare = sources.add("bare.deploy", "pipeline a {");
    let blank = sources.add("blank.deploy", "\n\n");
    let ends = [open, bare, blank].map(|file| {
        let end = sources.get(file).map_or(0, |source| source.text.len());
        Diagnostic::error(SYNTAX, Span::new(file, end, end), "the file ends too early").here("here")
    });
    insta::assert_snapshot!(plain(&ends, &sources));
    // A text without a word has no place that can be drawn, not even beside another one.
    let spaces = sources.add("spaces.deploy", " ");
    let wrong = Diagnostic::error(SYNTAX, Span::new(spaces, 1, 1), "wrong")
        .label(Span::new(spaces, 0, 0), "first");
    let drawn = plain(&[wrong], &sources);
    assert!(
        drawn.starts_with("error[E0101]: wrong\n  at spaces.deploy\n"),
        "{drawn}"
    );
}

#[test]
fn nothing_that_a_terminal_would_obey() {
    let mut sources = Sources::default();
    let file = sources.add(
        "evil\u{1b}[2J",
        "let a = \"\u{1b}[31m\u{202e}\u{9b}\r\" b\r\nlet c\r\n",
    );
    let wrong = Diagnostic::error(SYNTAX, spot(&sources, file, "b"), "bad `\u{1b}[0m\u{202e}`")
        .here("\u{7}here")
        .help("\u{8}no");
    let drawn = plain(&[wrong], &sources);
    assert!(!drawn.chars().any(is_hostile), "{drawn:?}");
    insta::assert_snapshot!(drawn);
}

#[test]
fn long_lines_and_long_places_are_cut() {
    let mut sources = Sources::default();
    let long = "x".repeat(100_000);
    let file = sources.add(
        "long.deploy",
        format!("let a = \"{long}\" oops {long} end\nlet b = 1\n"),
    );
    let far = Diagnostic::error(SYNTAX, spot(&sources, file, "oops"), "wrong")
        .here("here")
        .label(spot(&sources, file, "let a"), "begun here")
        .label(spot(&sources, file, "end"), "ended here")
        .label(spot(&sources, file, "let b"), "next line");
    let whole = Diagnostic::error(SYNTAX, spot(&sources, file, &long), "all of it");
    let drawn = plain(&[far, whole], &sources);
    assert!(drawn.len() < 4000, "{} bytes", drawn.len());
    for text in ["oops", "begun here", "ended here", "next line"] {
        assert!(drawn.contains(text), "{text} is missing:\n{drawn}");
    }
}

#[test]
fn at_most_fifty_of_a_file() {
    let (sources, shop, _) = shop();
    let wrong = Diagnostic::error(SYNTAX, spot(&sources, shop, "release"), "wrong");
    let drawn = plain(&vec![wrong; 63], &sources);
    assert_eq!(drawn.matches("error[E0101]").count(), 50);
    assert!(
        drawn.ends_with("and 13 more in shop.deploy\n63 errors\n"),
        "{drawn}"
    );
}

#[test]
fn without_a_place() {
    let wrong = Diagnostic::without_place(SYNTAX, "there is no file").help("name one");
    insta::assert_snapshot!(plain(&[wrong], &Sources::default()));
}

#[test]
fn counts() {
    assert_eq!(render(&[], &Sources::default(), RenderStyle::PLAIN), "");
    assert_eq!(summary(&[]), "nothing to report");
}

mod any_place {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn can_be_drawn(
            text in "[a-z \t\r\n日é\u{1b}]{0,60}",
            places in proptest::collection::vec((0usize..80, 0usize..80), 1..4),
            width in 0usize..100,
        ) {
            let mut sources = Sources::default();
            let file = sources.add("a.deploy", text);
            let mut labels = places.into_iter().map(|(a, b)| Span::new(file, a.min(b), a.max(b)));
            let first = labels.next().unwrap_or(Span::start_of(file));
            let wrong = labels.fold(
                Diagnostic::error(SYNTAX, first, "wrong").here("first place"),
                |wrong, span| wrong.label(span, "other place"),
            );
            let drawn = render(&[wrong], &sources, RenderStyle { width, ..RenderStyle::PLAIN });
            prop_assert!(drawn.starts_with("error[E0101]: wrong\n"));
            prop_assert!(drawn.contains("first place") || drawn.contains("  at a.deploy"));
        }
    }
}
