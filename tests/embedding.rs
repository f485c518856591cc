//! The example of embedding runs and says what is written down, its page is made from it, and what
//! the library shows at its root stays small.

use std::path::Path;

use crate::docs::generated;

#[path = "../examples/embed/main.rs"]
#[expect(dead_code, reason = "the tests do not start it as a program")]
mod embed;

const EXAMPLE: &str = include_str!("../examples/embed/main.rs");
const PAGE: &str = "docs/embedding.md";

/// The most names at the root of the library.
const MAX_ROOT_NAMES: usize = 60;

#[tokio::test(flavor = "current_thread")]
async fn the_example_says_what_it_said() {
    let state = tempfile::tempdir().expect("a folder");
    let mut said = Vec::new();
    let run = embed::transcript(state.path(), &mut said).await;
    run.unwrap_or_else(|error| panic!("{error}"));
    let said = String::from_utf8(said).expect("text");
    let first = said.split("\n\n").next().expect("a first run");
    generated::check(PAGE, "transcript", &format!("```text\n{first}\n```\n"));
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("transcript", said);
    });
}

#[test]
fn the_page_is_made_from_the_example() {
    for name in [
        "actions",
        "engine",
        "questions",
        "events",
        "run",
        "resume",
        "cancel",
    ] {
        let begin = format!("// ANCHOR: {name}\n");
        let end = format!("// ANCHOR_END: {name}\n");
        let (_, rest) = EXAMPLE.split_once(&begin).expect("a region");
        let (region, _) = rest.split_once(&end).expect("its end");
        generated::check(PAGE, name, &format!("```rust\n{region}```\n"));
    }
    let pipeline = include_str!("../examples/embed/release.deploy");
    let (_, pipeline) = pipeline.split_once("\n\n").expect("a comment");
    generated::check(PAGE, "pipeline", &format!("```text\n{pipeline}```\n"));
}

#[test]
fn the_declarations_beside_the_example_are_those_of_its_actions() {
    let state = tempfile::tempdir().expect("a folder");
    let engine = embed::engine(state.path(), &lockstep::SimulatedClock::new());
    let file = "examples/embed/host.deploy";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let there = std::fs::read_to_string(path).expect("a readable file");
    assert_eq!(there, engine.declarations(), "{file} is stale");
    generated::check(
        PAGE,
        "declarations",
        &format!("```text\n{}```\n", engine.declarations()),
    );
}

#[test]
fn the_root_of_the_library_is_small() {
    let root = syn::parse_file(include_str!("../src/lib.rs")).expect("Rust");
    let mut names = Vec::new();
    for item in root.items {
        match item {
            syn::Item::Use(item) => collect(&item.tree, &mut names),
            _ => panic!("the root only re-exports"),
        }
    }
    let count = names.len();
    assert!(count > 20, "{names:?}");
    assert!(
        count <= MAX_ROOT_NAMES,
        "{count} names at the root, at most {MAX_ROOT_NAMES}: move some into a module: {names:?}"
    );
}

/// The names that a `use` brings in.
fn collect(tree: &syn::UseTree, names: &mut Vec<String>) {
    match tree {
        syn::UseTree::Path(path) => collect(&path.tree, names),
        syn::UseTree::Name(name) => names.push(name.ident.to_string()),
        syn::UseTree::Rename(rename) => names.push(rename.rename.to_string()),
        syn::UseTree::Group(group) => group.items.iter().for_each(|it| collect(it, names)),
        syn::UseTree::Glob(_) => panic!("the root names what it shows"),
    }
}
