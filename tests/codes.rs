//! Every code has a page whose wrong example gives that code and no other, and whose right
//! example gives none. An example is one file, or several that begin with `# file: NAME`; where
//! a shell session follows, the program is run instead of the compiler. Codes of `lint` are found
//! by linting.

use std::path::Path;
use std::sync::LazyLock;

use lockstep_base::diagnostic::Code;
use regex::Regex;
use tempfile::TempDir;

use crate::support::compiler::{Files, compile, lint};
use crate::support::markdown::{Block, blocks};
use crate::support::session::{calls, perform};

/// The file name of an example without one.
const UNNAMED: &str = "release.deploy";

/// The parts of a page.
struct Page {
    wrong: Vec<Block>,
    right: Vec<Block>,
}

/// Splits a page into its parts.
fn parse(code: &str, text: &str) -> Result<Page, String> {
    let title = text.lines().next().unwrap_or_default();
    let words = title.strip_prefix(&format!("# {code}: "));
    let Some(words) = words.filter(|words| !words.trim().is_empty()) else {
        return Err(format!("the title line is not `# {code}: …`"));
    };
    if words.ends_with('.') {
        return Err(String::from("the title ends in a full stop"));
    }
    let (intro, examples) = text
        .split_once("\nWrong:\n")
        .ok_or("there is no `Wrong:`")?;
    let (wrong, right) = examples
        .split_once("\nRight:\n")
        .ok_or("there is no `Right:`")?;
    if intro.lines().skip(1).all(|line| line.trim().is_empty()) {
        return Err(String::from("nothing is explained"));
    }
    let page = Page {
        wrong: blocks(wrong)?,
        right: blocks(right)?,
    };
    for (name, part) in [("Wrong", &page.wrong), ("Right", &page.right)] {
        if part.is_empty() {
            return Err(format!("`{name}:` has no example"));
        }
        if let Some(other) = part
            .iter()
            .find(|block| !block.is("deploy") && !block.is("sh"))
        {
            return Err(format!("`{name}:` has a block of {:?}", other.tags));
        }
    }
    Ok(page)
}

/// The codes that an example yields, and all output.
fn codes(
    code: &str,
    example: &[Block],
    files: &mut Files,
    folder: &Path,
) -> Result<(Vec<String>, String), String> {
    let mut main = None;
    for block in example.iter().filter(|block| block.is("deploy")) {
        let name = block.file().unwrap_or(UNNAMED);
        if main.is_none() || block.file().is_none() {
            main = Some(name.to_string());
        }
        std::fs::write(folder.join(name), &block.text).map_err(|error| error.to_string())?;
        files.insert(name.to_string(), block.text.clone());
    }
    let sessions: Vec<&Block> = example.iter().filter(|block| block.is("sh")).collect();
    if sessions.is_empty() {
        let main = main.ok_or("there is no file to compile")?;
        // The examples of a lint rule must be free of all other findings, too.
        let verdict = match code.starts_with('L') {
            true => lint(files, &main, code),
            false => compile(files, &main),
        };
        let codes = verdict.codes().into_iter().map(|code| code.to_string());
        return Ok((codes.collect(), verdict.shown()));
    }
    let mut said = String::new();
    for session in sessions {
        for call in calls(&session.text)? {
            said.push_str(&format!(
                "$ {}\n{}",
                call.command,
                perform(&call.command, folder).0
            ));
        }
    }
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^(?:error|warning)\[(E\d{4})\]|^  failed: .*\((E\d{4})\)$")
            .expect("a pattern")
    });
    let mut codes: Vec<String> = CODE
        .captures_iter(&said)
        .map(|found| {
            found
                .iter()
                .skip(1)
                .flatten()
                .next()
                .map_or_else(String::new, |code| code.as_str().into())
        })
        .collect();
    codes.sort();
    codes.dedup();
    Ok((codes, said))
}

/// Checks a page.
fn complaint(code: &str, text: &str) -> Result<(), String> {
    let page = parse(code, text)?;
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let mut files = Files::new();
    let (found, said) = codes(code, &page.wrong, &mut files, folder.path())?;
    if found != [code] {
        return Err(format!("the wrong example gives {found:?}:\n{said}"));
    }
    let (found, said) = codes(code, &page.right, &mut files, folder.path())?;
    match found.is_empty() && !said.contains("\nerror: ") {
        true => Ok(()),
        false => Err(format!("the right example gives {found:?}:\n{said}")),
    }
}

#[test]
fn examples_give_what_their_pages_say() {
    let found: Vec<String> = Code::all()
        .filter_map(|code| {
            let wrong = complaint(code.as_str(), code.page()).err()?;
            Some(format!("{code}: {wrong}"))
        })
        .collect();
    assert!(
        found.is_empty(),
        "{} pages:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn a_bad_page_is_found() {
    let fine = Code::find("E0101").expect("the first code").page();
    let session = Code::find("E0704").expect("the code of a command").page();
    assert_eq!(complaint("E0101", fine), Ok(()));
    for (code, page) in [
        ("E0102", fine.to_string()),
        ("E0101", fine.replace("Right:", "Correct:")),
        ("E0101", fine.replace("pipelin ", "pipeline ")),
        ("E0101", fine.replace("pipeline ", "pipelin ")),
        ("E0101", fine.replace("```deploy", "```")),
        (
            "E0101",
            fine.replacen("is not valid here", "is not valid here.", 1),
        ),
        ("E0704", session.replace("explain E9999", "explain E0704")),
        ("E0704", session.replace("explain E0704", "explain E9999")),
        ("E0704", session.replace("explain E0704", "explian E0704")),
    ] {
        assert!(complaint(code, &page).is_err(), "{page}");
    }
}
