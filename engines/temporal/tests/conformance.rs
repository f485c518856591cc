//! The same runs on the driver of the process and on a Temporal server: what they tell is the same,
//! but for the order of what the plan leaves open. The cases are the programs of `tests/corpus/run`
//! and random ones. Their commands are stand-ins that end when the test says so, in the order of a
//! simulated run: so both drivers are faced with the same world.
//!
//! `LOCKSTEP_CONFORMANCE=PART` runs the cases with this in their names.

mod cases;
mod compare;
mod story;
mod told;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use crate::server::{TemporalServer, Worker};
use cases::{Case, Where};

/// So many cases are run at once: they wait more than they work. Each is in a namespace of its own,
/// as locks are shared by all runs of a namespace.
const NAMESPACES: usize = 8;

/// So many cases are compared at least.
const FEWEST: usize = 200;

#[test]
fn runs_are_the_same_on_a_temporal_server() {
    let begun = Instant::now();
    let names: Vec<String> = (0..NAMESPACES).map(|it| format!("runs-{it}")).collect();
    let server = TemporalServer::start(names.iter().map(String::as_str));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wanted = std::env::var("LOCKSTEP_CONFORMANCE").unwrap_or_default();
    let all = cases::all();
    let total = all.len();
    let cases: Vec<Case> = all
        .into_iter()
        .filter(|case| case.name.contains(&wanted))
        .collect();
    let place = Where::prepare(folder.path(), &cases);
    let next = Mutex::new(cases.iter().enumerate());
    let wrong: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|threads| {
        for name in names.iter().take(cases.len()) {
            threads.spawn(|| {
                let url = server.url(name);
                let _worker = Worker::start(&url, &["--max", "200"], &place.env());
                loop {
                    let taken = next.lock().expect("no panic").next();
                    let Some((number, case)) = taken else { return };
                    let own: PathBuf = folder.path().join(format!("case-{number}"));
                    if let Err(why) = case.compare(&place, &own, &url) {
                        let why = format!("== {}\n{why}", case.name);
                        println!("{why}");
                        wrong.lock().expect("no panic").push(why);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    let compared = cases.len();
    println!("{compared} cases compared in {:?}", begun.elapsed());
    assert!(
        wrong.is_empty(),
        "{} of {compared} cases differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(total >= FEWEST, "there are {total} cases");
}
