//! The orders of services and infrastructures, proved by latches: the members of a wave cannot
//! end before all of them have started, and one of them is slow.

use super::Told;
use super::latches::{in_waves, latches, log, together, waits};

/// Runs a pipeline whose waves are these, in this order, and nothing else.
#[track_caller]
fn runs_in_waves(pipeline: &str, waves: &[&[&str]]) {
    let mut test = latches(&format!("pipeline order {{\n{pipeline}\n}}"));
    for wave in waves {
        test = together(test, wave);
        let last = wave.last().expect("a wave has members");
        test = test.file(&format!("slow/{last}"), "");
    }
    let told = Told::by(&test);
    assert_eq!(told.code, 0, "{:#?}", told.events.last());
    in_waves(&log(&test), waves);
    let mut wanted: Vec<String> = waves.concat().iter().map(|it| it.to_string()).collect();
    wanted.sort();
    let deployments = told.deployments();
    assert_eq!(deployments.keys().cloned().collect::<Vec<_>>(), wanted);
    assert!(deployments.values().all(|status| *status == "succeeded"));
}

#[test]
fn services_and_infrastructures_serial() {
    runs_in_waves(
        "matrix serial i in first.* serial s in [a, b, c] { deploy s to i }",
        &[
            &["a@first.one"],
            &["b@first.one"],
            &["c@first.one"],
            &["a@first.two"],
            &["b@first.two"],
            &["c@first.two"],
        ],
    );
}

#[test]
fn services_parallel_infrastructures_serial() {
    runs_in_waves(
        "matrix serial i in first.* parallel s in [a, b, c] { deploy s to i }",
        &[
            &["a@first.one", "b@first.one", "c@first.one"],
            &["a@first.two", "b@first.two", "c@first.two"],
        ],
    );
}

#[test]
fn services_serial_infrastructures_parallel_in_waves() {
    runs_in_waves(
        "matrix serial s in [a, b, c] parallel i in first.* { deploy s to i }",
        &[
            &["a@first.one", "a@first.two"],
            &["b@first.one", "b@first.two"],
            &["c@first.one", "c@first.two"],
        ],
    );
}

/// The first infrastructure is finished before the second has its first service: so the second
/// waits for nobody, and the first is not delayed.
#[test]
fn services_serial_each_infrastructure_at_its_own_pace() {
    let test = latches(
        "pipeline order { matrix parallel i in first.* serial s in [a, b, c] { deploy s to i } }",
    );
    let test = waits(test, "a@first.one", &["started/a@first.two".into()]);
    let test = waits(test, "a@first.two", &["ended/c@first.one".into()]);
    let told = Told::by(&test);
    assert_eq!(told.code, 0, "{:#?}", told.events.last());
    let log = log(&test);
    let lane = |place: &str| -> Vec<&str> {
        let own = log.iter().filter(|line| line.ends_with(place));
        own.map(|line| line.trim_end_matches(place)).collect()
    };
    let wanted = ["start a", "end a", "start b", "end b", "start c", "end c"];
    assert_eq!(lane("@first.one"), wanted);
    assert_eq!(lane("@first.two"), wanted);
}

#[test]
fn services_and_infrastructures_parallel() {
    runs_in_waves(
        "matrix parallel i in first.* parallel s in [a, b, c] { deploy s to i }",
        &[&[
            "a@first.one",
            "b@first.one",
            "c@first.one",
            "a@first.two",
            "b@first.two",
            "c@first.two",
        ]],
    );
}

#[test]
fn several_environments_serial_in_the_order_written() {
    runs_in_waves(
        "matrix serial i in [first.*, second.*] parallel s in [a, b] { deploy s to i }",
        &[
            &["a@first.one", "b@first.one"],
            &["a@first.two", "b@first.two"],
            &["a@second.k82", "b@second.k82"],
            &["a@second.k81", "b@second.k81"],
        ],
    );
}

#[test]
fn several_environments_parallel() {
    runs_in_waves(
        "matrix serial s in [a, b] parallel i in [first.*, second.*] { deploy s to i }",
        &[
            &["a@first.one", "a@first.two", "a@second.k82", "a@second.k81"],
            &["b@first.one", "b@first.two", "b@second.k82", "b@second.k81"],
        ],
    );
}

/// Of six cells two run at once: each finished one lets the next one in.
#[test]
fn a_limit_lets_cells_in_one_by_one() {
    let test = latches(
        "pipeline order { matrix parallel i in first.* parallel s in [a, b, c] max 2 \
         { deploy s to i } }",
    );
    // The first cell ends last of all: the second slot is used by the five others in turn.
    let test = waits(test, "a@first.one", &["ended/c@first.two".into()]);
    let told = Told::by(&test);
    assert_eq!(told.code, 0, "{:#?}", told.events.last());
    let log = log(&test);
    let others: Vec<&str> = (log.iter().map(String::as_str))
        .filter(|line| !line.ends_with(" a@first.one"))
        .collect();
    let wanted: Vec<String> = ["b@first.one", "c@first.one", "a@first.two", "b@first.two"]
        .into_iter()
        .chain(["c@first.two"])
        .flat_map(|cell| [format!("start {cell}"), format!("end {cell}")])
        .collect();
    assert_eq!(others, wanted);
    assert_eq!(log.last().map(String::as_str), Some("end a@first.one"));
}

#[test]
fn batches_follow_each_other() {
    let pipeline = "matrix i in [first.*, second.*] batches [1, 50%] { deploy a to i }";
    runs_in_waves(
        pipeline,
        &[
            &["a@first.one"],
            &["a@first.two", "a@second.k82"],
            &["a@second.k81"],
        ],
    );
}
