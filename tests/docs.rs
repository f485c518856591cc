//! Everything that the documentation shows is compiled or run. A block of `deploy` compiles; one
//! of `deploy,wrong` has errors; one of `deploy,fragment` is declarations or statements that can
//! be read. A first line `# file: NAME.deploy` names a file, which the page's later files can
//! import and its sessions (blocks of `sh` with `$ lockstep …`) can use. Sessions show what is
//! said, with `…` for what differs.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use tempfile::TempDir;

use crate::support::compiler::{Files, compile, read};
use crate::support::markdown::{Block, blocks};
use crate::support::program::copy;
use crate::support::session::{calls, matches, perform};
use crate::tidy::files;

/// What is wrong with a page.
fn complaints(path: &str, page: &str) -> Vec<String> {
    let blocks = match blocks(page) {
        Ok(blocks) => blocks,
        Err(why) => return vec![format!("{path}: {why}")],
    };
    let folder = TempDir::new().expect("a temporary folder");
    if page.contains("examples/") {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        copy(&examples, &folder.path().join("examples"));
    }
    let mut known = Files::new();
    let mut found = broken_links(path, page);
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

/// Links to files of the repository that are not there.
fn broken_links(path: &str, page: &str) -> Vec<String> {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\]\(([^)#:\s]+)(#[^)]*)?\)").expect("a pattern"));
    let page_file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    LINK.captures_iter(page)
        .filter(|link| !page_file.with_file_name(&link[1]).exists())
        .map(|link| format!("{path}: there is no `{}`", &link[1]))
        .collect()
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
        _ => compile(known, name),
    };
    match (block.tags.get(1).map(String::as_str), verdict.has_errors()) {
        (None | Some("fragment"), false) | (Some("wrong"), true) => Ok(()),
        (None | Some("fragment"), true) => Err(format!("it has errors:\n{}", verdict.shown())),
        (Some("wrong"), false) => Err(String::from("it has no errors")),
        (Some(other), _) => Err(format!("`{other}` is not known after `deploy`")),
    }
}

fn session(block: &Block, folder: &Path) -> Result<(), String> {
    if !block
        .text
        .lines()
        .any(|line| line.starts_with("$ lockstep"))
    {
        return Ok(());
    }
    for call in calls(&block.text)? {
        let (said, _) = perform(&call.command, folder);
        if !matches(&call.shown, &said) {
            return Err(format!("`{}` says\n{said}", call.command));
        }
    }
    Ok(())
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
    let good = "```deploy\npipeline a {\n}\n```\n```deploy,wrong\npipelin a {}\n```\n\
                ```deploy,fragment\nlog \"a\"\n```\n```sh\n$ lockstep --version\nlockstep …\n```\n\
                ```text\npipelin\n```\n```sh\ncargo build\n```\n\
                [a](README.md) [b](https://c.d) [e](#f)\n";
    assert_eq!(complaints("good.md", good), [""; 0]);
    for bad in [
        "```deploy\npipelin a {}\n```\n",
        "```deploy,wrong\npipeline a {\n}\n```\n",
        "```deploy,fragment\nlog (\n```\n",
        "```deploy,rong\npipeline a {\n}\n```\n",
        "```deploy\npipeline a {\n}\n",
        "```sh\n$ lockstep --version\nlockstep 0.0.0\n```\n",
        "```sh\n$ lockstep --version\n```\n",
        "see [this](nowhere.md#there)\n",
    ] {
        assert_eq!(complaints("bad.md", bad).len(), 1, "{bad}");
    }
}
