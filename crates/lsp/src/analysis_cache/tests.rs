//! Compares incremental checks of what changed with full checks.

use super::*;
use crate::CommandOutput;
use lockstep_base::world;
use lockstep_lint as lint;

struct NoFiles;

impl world::Files for NoFiles {
    fn read(&self, _: &str) -> Result<String, world::FileError> {
        Err(world::FileError::NotFound)
    }
}

impl world::EnvironmentVariables for NoFiles {
    fn var(&self, _: &str) -> Result<String, world::VariableError> {
        Err(world::VariableError::NotSet)
    }
}

fn outside() -> Arc<ServerEnvironment> {
    Arc::new(ServerEnvironment {
        files: Box::new(NoFiles),
        environment: Box::new(NoFiles),
        cache: None,
        execute: Box::new(|_| CommandOutput {
            good: true,
            text: String::new(),
        }),
        levels: Box::new(|_| lint::Config::default()),
        settings: crate::SettingsLanguage {
            file: "lockstep.toml",
            keys: Vec::new(),
            mistakes: Box::new(|_| Vec::new()),
        },
    })
}

fn opened(text: &str) -> (Snapshot, Arc<Document>) {
    let document = Arc::new(Document::new("file:///a/b.deploy", 1, text));
    let mut snapshot = Snapshot::default();
    snapshot
        .documents
        .insert(document.uri.clone(), document.clone());
    (snapshot, document)
}

/// Types texts into bodies and compares the incremental check of the body with a full check.
#[test]
fn a_check_of_what_changed_finds_what_a_full_check_finds() {
    let whole = include_str!("../../../../examples/shop/shop.deploy");
    let mut compared = 0;
    for (place, behind, typed) in [
        ("pipeline ", "{", "{ log unknown }"),
        ("stage ", "{", "\n  log \"a ${versio} b\"\n  wait 1s"),
        ("stage ", "{", "parallel t in nothing { deploy web to t }\n"),
        ("deploy ", "{", "x.y.z("),
        ("workflow ", "{", "return 1"),
        // What callers can see.
        ("workflow ", "(", "more: bool, other: [string] = [], "),
        ("workflow ", "workflow ", "other-"),
        ("workflow ", ")", " -> { at: string }"),
        ("pipeline ", "pipeline ", "other-"),
        ("service ", "service ", "other-"),
        ("service ", "{", "\n  source = 1\n  unknown = \"x\"\n"),
    ] {
        let Some(at) = whole.find(place) else {
            continue;
        };
        let inside = at + whole[at..].find(behind).map_or(0, |it| it + behind.len());
        let mut cache = AnalysisCache::new(outside());
        let (snapshot, document) = opened(whole);
        cache.findings(&snapshot, &document);
        let others = compared;
        for end in 1..=typed.len() {
            let text = format!("{}{}{}", &whole[..inside], &typed[..end], &whole[inside..]);
            let (snapshot, document) = opened(&text);
            let quick = cache
                .check_changed(&snapshot, &document)
                .map(|quick| quick.found);
            let mut fresh = AnalysisCache::new(outside());
            let (_, full) = fresh.findings(&snapshot, &document);
            if let Some(quick) = quick {
                assert_eq!(quick, full, "{text}");
                compared += 1;
            }
        }
        assert!(compared > others, "{place}{behind}{typed}");
    }
    assert!(compared > 100, "{compared}");
}

/// Inserts pieces of the language into bodies at random places.
#[test]
fn after_random_changes_it_finds_what_a_full_check_finds() {
    let pieces = [
        "x",
        "\"",
        "}",
        "{",
        "\n",
        "é😀",
        "log web",
        "deploy web to prod.eu",
        "barrier b",
        "let z = 1 + \"a\"",
        "on failure { }",
        "run \"a ${b}\"",
        "wait 1s",
        "undo { }",
        "parallel { log \"a\" barrier q }",
        "return 1",
        "ship",
        "# c\n",
        "timeout 1s",
        "(",
        ", more: bool = true",
        "-> string",
        "= 1",
        "other",
    ];
    let examples = [
        include_str!("../../../../examples/shop/shop.deploy"),
        include_str!("../../../../examples/barriers/barriers.deploy"),
        include_str!("../../../../examples/orders/orders.deploy"),
    ];
    let mut chance: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut below = |limit: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        (chance % limit.max(1) as u64) as usize
    };
    let mut compared = 0;
    for whole in examples {
        let mut cache = AnalysisCache::new(outside());
        let (snapshot, document) = opened(whole);
        cache.findings(&snapshot, &document);
        for _ in 0..120 {
            let mut at = below(whole.len());
            while !whole.is_char_boundary(at) {
                at -= 1;
            }
            let (before, after) = whole.split_at(at);
            let gone = below(3).min(after.chars().count());
            let after: String = after.chars().skip(gone).collect();
            let text = format!("{before} {} {after}", pieces[below(pieces.len())]);
            let (snapshot, document) = opened(&text);
            let quick = cache
                .check_changed(&snapshot, &document)
                .map(|quick| quick.found);
            let mut fresh = AnalysisCache::new(outside());
            let (_, full) = fresh.findings(&snapshot, &document);
            if let Some(quick) = quick {
                assert_eq!(quick, full, "{text}");
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared}");
}
