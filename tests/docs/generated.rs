//! Generated parts of pages, between a line `<!-- made: NAME -->` and a line `<!-- end -->`: a test
//! fails if they are out of date, and rewrites them with `INSTA_UPDATE=always`.

use std::path::{Path, PathBuf};

/// The page with the part `name` replaced. The error is the reason why it could not be.
fn replaced(page: &str, name: &str, part: &str) -> Result<String, String> {
    let begin = format!("<!-- made: {name} -->\n");
    let end = "<!-- end -->";
    let missing = || format!("it has no `{}` … `{end}`", begin.trim());
    let (before, rest) = page.split_once(&begin).ok_or_else(missing)?;
    let at = rest.find(end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}{part}{}", &rest[at..]))
}

fn page_file(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(page)
}

/// Compares the part `name` of a page with the expected text.
#[track_caller]
pub fn check(page: &str, name: &str, part: &str) {
    let path = page_file(page);
    let text = std::fs::read_to_string(&path).expect("a readable page");
    let fresh = match replaced(&text, name, part) {
        Ok(fresh) => fresh,
        Err(why) => panic!("{page}: {why}"),
    };
    if fresh != text && std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        return std::fs::write(&path, fresh).expect("the page is written");
    }
    assert!(
        fresh == text,
        "{page} is stale: run the tests with INSTA_UPDATE=always"
    );
}

#[test]
fn a_part_is_replaced() {
    let page = "a\n<!-- made: x -->\nold\n<!-- end -->\nb\n<!-- made: y -->\n<!-- end -->\n";
    let fresh = "a\n<!-- made: x -->\nnew\n<!-- end -->\nb\n<!-- made: y -->\n<!-- end -->\n";
    assert_eq!(replaced(page, "x", "new\n").as_deref(), Ok(fresh));
    assert!(replaced(page, "z", "new\n").is_err());
    assert!(replaced("<!-- made: x -->\n", "x", "new\n").is_err());
}
