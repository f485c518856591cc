//! Shipped files and documentation have no lint findings: the examples, the standard library, and
//! the complete programs of the pages.

use std::path::Path;

use lockstep_base::diagnostic::codes;
use lockstep_lint::Config;

use crate::support::compiler::{Files, lint_with};
use crate::support::markdown::blocks;
use crate::tidy::files;

/// Blocks of the documentation show one thing each, so rules about missing parts do not apply.
const BLOCKS: &[&str] = &[
    "unused-declaration",
    "unused-input",
    "unused-value",
    "unused-parameter",
];

fn complaints(name: &str, text: &str, known: &Files, config: &Config) -> Option<String> {
    let mut all = known.clone();
    all.insert(name.to_string(), text.to_string());
    let verdict = lint_with(&all, name, config);
    // Files that are read when a run is planned lie beside it, and are not looked for here.
    let mut found = verdict.diagnostics.iter();
    let any = found.any(|it| it.code != codes::FILE);
    any.then(|| format!("{name}:\n{}", verdict.shown()))
}

#[test]
fn examples_and_the_library_are_fine() {
    let mut wrong = Vec::new();
    let all = files(&["examples", "stdlib"], "deploy");
    for file in &all {
        let path = Path::new(&file.path);
        let name = path.file_name().expect("a name").to_string_lossy();
        // What lies beside it can be imported.
        let beside = all.iter().filter_map(|it| {
            let other = Path::new(&it.path);
            let is_beside = other.parent() == path.parent();
            let name = || other.file_name().expect("a name").to_string_lossy();
            is_beside.then(|| (name().into_owned(), it.text.clone()))
        });
        let known: Files = beside.collect();
        let config = Config::default();
        wrong.extend(complaints(&name, &file.text, &known, &config));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn programs_of_the_documentation_are_fine() {
    let mut config = Config::default();
    for rule in BLOCKS {
        config.set(rule, lockstep_lint::Level::Off).expect("a rule");
    }
    let mut pages = files(&["."], "md");
    pages.retain(|page| page.path == "README.md" || page.path.starts_with("docs/"));
    // This page shows findings, and its sessions are compared.
    pages.retain(|page| page.path != "docs/lint.md");
    let mut wrong = Vec::new();
    let mut looked = 0;
    for page in &pages {
        let mut known = Files::new();
        for block in blocks(&page.text).expect("good blocks") {
            if block.tags != ["deploy"] {
                continue;
            }
            let name = block.file().unwrap_or("page.deploy").to_string();
            looked += 1;
            let found = complaints(&name, &block.text, &known, &config);
            wrong.extend(found.map(|found| format!("{}:{}\n{found}", page.path, block.line)));
            known.insert(name, block.text.clone());
        }
    }
    assert!(looked > 20, "only {looked} blocks were looked at");
    assert!(
        wrong.is_empty(),
        "{} blocks:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
