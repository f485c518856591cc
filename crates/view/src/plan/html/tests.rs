use lockstep_outline::{Item, ItemKind};

use super::*;

/// What a value would need to leave its place: of the data, of an element, of an attribute.
const NASTY: &str = "</script><script>alert(1)</script><!-- <script> ]]> \" ' & &amp; \u{2028} \
                     \u{202e} \\ \\u003c `${1}`";

fn page_of(text: &str) -> String {
    let input = Input {
        name: text.to_owned(),
        value: text.to_owned(),
    };
    let outline = Outline {
        pipeline: text.to_owned(),
        doc: Some(text.to_owned()),
        inputs: vec![input.clone()],
        set: vec![input],
        notes: vec![text.to_owned()],
        locks: vec![text.to_owned()],
        items: vec![Item {
            kind: ItemKind::Run,
            label: text.to_owned(),
            path: Some(text.into()),
            notes: vec![text.to_owned()],
            ..Item::default()
        }],
        ..Outline::default()
    };
    html(&outline, text)
}

/// What stands between these, each of which is there once.
fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    assert_eq!(text.matches(start).count(), 1, "{start}");
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn no_value_leaves_its_place() {
    let page = page_of(NASTY);
    let plain = page_of("plain");
    for mark in ["<script", "</script", "<!--", "<", ">", "\"", "'"] {
        let data = |page: &str| between(page, "id=\"plan\">", "</script>").to_owned();
        let markup = |page: &str| page.replace(&data(page), "").matches(mark).count();
        assert_eq!(markup(&page), markup(&plain), "{mark}");
        let is_markup = !matches!(mark, "\"" | "'");
        assert!(!is_markup || !data(&page).contains(mark), "{mark}");
    }
    assert!(!page.contains(['\u{2028}', '\u{202e}']));
}

#[test]
fn the_data_is_the_outline() {
    let page = page_of("a <b> & \"c\" \\ ü");
    let data = between(&page, "id=\"plan\">", "</script>");
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["items"][0]["label"], "a <b> & \"c\" \\ ü");
    // What hides is seen.
    let page = page_of("a\u{202e}b");
    let data = between(&page, "id=\"plan\">", "</script>");
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["items"][0]["label"], "a\\u{202e}b");
}

#[test]
fn the_policy_permits_what_is_in_the_page_and_nothing_else() {
    let page = page_of("plain");
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let script = between(&page, "<script>", "</script>");
    let style = between(&page, "<style>", "</style>");
    let wanted = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        digest(script),
        digest(style)
    );
    assert_eq!(policy, wanted);
    // A browser would end the elements there.
    assert!(script.len() > 10_000 && !script.contains("<!--"));
    assert!(style.len() > 5_000 && !style.contains('\r') && !script.contains('\r'));
}

/// Nothing in it is an address that a browser would ask for.
#[test]
fn nothing_is_fetched() {
    let page = page_of("plain");
    for word in [
        "src=", "http:", "https:", "url(", "@import", "fetch(", "XMLHttp", "import(",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(
        page.matches("href=").count(),
        2,
        "the icon, and the way to the drawing"
    );
}

#[test]
fn all_modules_are_bundled() {
    let modules: Vec<DrawingFile> = MODULES.iter().copied().chain([PAGE]).collect();
    let script = script::bundle(&modules).expect("all imports and exports are understood");
    for module in modules {
        let start = format!("modules[\"{}\"] = (() => {{", module.name);
        assert_eq!(script.matches(&start).count(), 1, "{}", module.name);
    }
}
