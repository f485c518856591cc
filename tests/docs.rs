//! Everything that the documentation shows is compiled or run. A block of `deploy` compiles; one of
//! `deploy,wrong` has errors; one of `deploy,fragment` is declarations or statements that can be
//! parsed; one of `deploy,body` is statements that compile in a pipeline after the declarations of
//! the page's `# file: declarations.deploy`. A first line `# file: NAME.deploy` names a file, which
//! later files of the page can import and its sessions (blocks of `sh` with `$ lockstep …`) can
//! use. Sessions show the output, with `…` for what differs; ids of runs and durations may differ.

mod commands;
mod functions;
pub mod generated;
mod library;
#[cfg(unix)]
mod programs;

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use tempfile::TempDir;

use crate::support::compiler::{Files, Verdict, compile, read};
use crate::support::markdown::{Block, blocks};
use crate::support::program::copy;
use crate::support::redact::redact;
use crate::support::session::{calls, matches, perform};
use crate::tidy::files;

/// The maximum width of a page, in columns.
const WIDEST: usize = 110;
/// The file with the declarations of a page for blocks of `deploy,body`.
const DECLARATIONS: &str = "declarations.deploy";

/// Checks a page.
fn complaints(path: &str, page: &str) -> Vec<String> {
    let blocks = match blocks(page) {
        Ok(blocks) => blocks,
        Err(why) => return vec![format!("{path}: {why}")],
    };
    let folder = TempDir::new().expect("a temporary folder");
    if page.contains("examples/") {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        copy(&examples, &folder.path().join("examples"));
        remove_leftovers(&folder.path().join("examples"));
    }
    let mut known = Files::new();
    let mut found = broken_links(path, page);
    if path == "README.md" || path.starts_with("docs/") {
        found.extend(wide_lines(path, page));
    }
    for block in &blocks {
        let wrong = match block.tags.first().map(String::as_str) {
            Some("deploy") => source(block, &mut known, folder.path()),
            Some("sh") => session(block, folder.path()),
            _ => Ok(()),
        };
        if let Err(why) = wrong {
            found.push(format!("{path}:{}: {why}", block.line));
        }
    }
    found
}

/// Removes what runs of the examples have left in them.
fn remove_leftovers(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match path.is_dir() {
            true if name == "site" || name == ".lockstep" => {
                std::fs::remove_dir_all(&path).expect("it is removed");
            }
            true => remove_leftovers(&path),
            false if name.ends_with(".log") => std::fs::remove_file(&path).expect("it is removed"),
            false => {}
        }
    }
}

fn wide_lines(path: &str, page: &str) -> Vec<String> {
    let wide = |(at, line): (usize, &str)| {
        let width = line.chars().count();
        (width > WIDEST).then(|| format!("{path}:{}: {width} columns wide", at + 1))
    };
    page.lines().enumerate().filter_map(wide).collect()
}

/// Links to missing files of the repository, or to missing headings in them.
fn broken_links(path: &str, page: &str) -> Vec<String> {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)").expect("a pattern"));
    let page_file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let broken = |link: regex::Captures<'_>| {
        let target = match &link[1] {
            "" => path.to_string(),
            other => other.to_string(),
        };
        let text = match &link[1] {
            "" => Some(page.to_string()),
            other => std::fs::read_to_string(page_file.with_file_name(other)).ok(),
        };
        let there = page_file.with_file_name(&target).exists() || link[1].is_empty();
        if !there {
            return Some(format!("{path}: there is no `{target}`"));
        }
        let wanted = link.get(2)?.as_str();
        let known = text.is_some_and(|text| headings(&text).any(|it| it == wanted));
        (!known).then(|| format!("{path}: `{target}` has no heading `#{wanted}`"))
    };
    LINK.captures_iter(page).filter_map(broken).collect()
}

/// The anchors of a page's headings, as code hosts generate them.
fn headings(page: &str) -> impl Iterator<Item = String> {
    let mut code = false;
    page.lines().filter_map(move |line| {
        code ^= line.trim_start().starts_with("```");
        let title = line.strip_prefix('#').filter(|_| !code)?;
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = |char: &char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_');
        Some(
            title
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-"),
        )
    })
}

fn source(block: &Block, known: &mut Files, folder: &Path) -> Result<(), String> {
    let name = block.file().unwrap_or("page.deploy");
    known.insert(name.to_string(), block.text.clone());
    if block.file().is_some() {
        let path = folder.join(name);
        path.parent().map(std::fs::create_dir_all);
        std::fs::write(path, &block.text).map_err(|error| error.to_string())?;
    }
    let verdict = match block.tags.get(1).map(String::as_str) {
        Some("fragment") => read(&block.text),
        Some("body") => body(block, known),
        _ => compile(known, name),
    };
    match (block.tags.get(1).map(String::as_str), verdict.has_errors()) {
        (None | Some("fragment" | "body"), false) | (Some("wrong"), true) => Ok(()),
        (None | Some("fragment" | "body"), true) => {
            Err(format!("it has errors:\n{}", verdict.shown()))
        }
        (Some("wrong"), false) => Err(String::from("it has no errors")),
        (Some(other), _) => Err(format!("`{other}` is not known after `deploy`")),
    }
}

/// Compiles statements in a pipeline after the page's declarations.
fn body(block: &Block, known: &Files) -> Verdict {
    let declarations = known.get(DECLARATIONS).map_or("", String::as_str);
    let text = format!("{declarations}\npipeline page {{\n{}}}\n", block.text);
    compile(
        &Files::from([("page.deploy".to_string(), text)]),
        "page.deploy",
    )
}

/// Normalizes what differs between runs: ids of runs and durations.
fn steady(text: &str, folder: &Path) -> String {
    static CLOCK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?m)^   \d:\d\d  ").expect("a pattern"));
    static TOOK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b\d\.\ds\b").expect("a pattern"));
    let text = CLOCK.replace_all(text, "   0:00  ");
    redact(&TOOK.replace_all(&text, "0.0s"), folder)
}

fn session(block: &Block, folder: &Path) -> Result<(), String> {
    static OURS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?m)^\$ (.* )?lockstep\b").expect("a pattern"));
    if !OURS.is_match(&block.text) {
        return Ok(());
    }
    for call in calls(&block.text)? {
        let (said, _) = perform(&call.command, folder);
        if !matches(&steady(&call.shown, folder), &steady(&said, folder)) {
            return Err(format!("`{}` says\n{said}", call.command));
        }
    }
    Ok(())
}

#[test]
fn every_page_is_named_in_the_readme() {
    let readme = std::fs::read_to_string("README.md").expect("a readable page");
    let pages = files(&["docs"], "md");
    assert!(pages.len() > 5, "the pages are not found");
    // Those of the library are in its list.
    let hidden = (pages.iter())
        .filter(|it| !it.path.starts_with("docs/library/"))
        .filter(|it| !readme.contains(&format!("({})", it.path)));
    let hidden: Vec<&str> = hidden.map(|page| page.path.as_str()).collect();
    assert!(hidden.is_empty(), "README.md does not lead to {hidden:?}");
}

#[test]
fn what_the_pages_show_is_true() {
    let mut pages = files(&["."], "md");
    pages.retain(|page| !page.path.contains('/') || page.path.starts_with("docs/"));
    assert!(
        pages.iter().any(|page| page.path == "README.md"),
        "README.md is not looked at"
    );
    let found: Vec<String> = pages
        .iter()
        .flat_map(|page| complaints(&page.path, &page.text))
        .collect();
    assert!(
        found.is_empty(),
        "{} blocks:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn a_bad_block_is_found() {
    let good = "# A-b c!\n```deploy\n# file: declarations.deploy\nlet x = 1\n```\n\
                ```deploy,body\nlog \"${x}\"\n```\n```deploy\npipeline a {\n}\n```\n```deploy,wrong\npipelin a {}\n```\n\
                ```deploy,fragment\nlog \"a\"\n```\n```sh\n$ lockstep --version\nlockstep …\n```\n\
                ```text\npipelin\n```\n```sh\ncargo build\n```\n\
                [a](README.md#install) [b](https://c.d) [e](#a-b-c)\n";
    assert_eq!(complaints("good.md", good), [""; 0]);
    for bad in [
        "```deploy\npipelin a {}\n```\n",
        "```deploy,wrong\npipeline a {\n}\n```\n",
        "```deploy,fragment\nlog (\n```\n",
        "```deploy,rong\npipeline a {\n}\n```\n",
        "```deploy\npipeline a {\n}\n",
        "```sh\n$ lockstep --version\nlockstep 0.0.0\n```\n",
        "```sh\n$ lockstep --version\n```\n",
        "```sh\n$ A=b lockstep --version\n```\n",
        "see [this](nowhere.md#there)\n",
        "see [this](README.md#nowhere)\n",
        "see [this](#nowhere)\n",
        "```deploy,body\nlog \"${x}\"\n```\n",
    ] {
        assert_eq!(complaints("bad.md", bad).len(), 1, "{bad}");
    }
    assert_eq!(complaints("docs/bad.md", &"x".repeat(WIDEST + 1)).len(), 1);
}
