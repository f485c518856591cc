//! Locks: stages that share an infrastructure follow each other, others overlap.

use super::latches::{in_waves, latches, log, together};
use super::{Told, text};

#[test]
fn parallel_stages_on_one_infrastructure_follow_each_other() {
    let test = latches(
        "pipeline p { parallel {
           stage x { deploy a to first.one }
           stage y { deploy b to first.one }
           stage z { deploy c to first.one }
         } }",
    );
    let test = ["a", "b", "c"].iter().fold(test, |test, service| {
        test.file(&format!("slow/{service}@first.one"), "")
    });
    let told = Told::by(&test);
    assert_eq!(told.code, 0);
    in_waves(
        &log(&test),
        &[&["a@first.one"], &["b@first.one"], &["c@first.one"]],
    );
    let mut waits: Vec<&str> = (told.of_kind("node-waiting"))
        .map(|it| {
            assert_eq!(it["waiting"]["names"][0], "first.one");
            text(&it["node"])
        })
        .collect();
    // It is emitted again when somebody else holds the lock.
    waits.dedup();
    assert_eq!(
        waits,
        [
            "p/parallel/y/deploy[b, first.one]",
            "p/parallel/z/deploy[c, first.one]"
        ]
    );
}

#[test]
fn stages_on_different_infrastructures_overlap_and_so_do_deployments_of_one_stage() {
    let test = latches(
        "pipeline p { parallel {
           stage x { parallel { deploy a to first.one deploy b to first.one } }
           stage y { deploy c to first.two }
         } }",
    );
    let cells = ["a@first.one", "b@first.one", "c@first.two"];
    let test = together(test, &cells);
    assert_eq!(Told::by(&test).code, 0);
    in_waves(&log(&test), &[&cells]);
}

/// Each stage needs both infrastructures, in opposite orders: they are acquired together.
#[test]
fn stages_that_need_the_same_two_never_hold_one_each() {
    let test = latches(
        "pipeline p { parallel {
           stage x { serial { deploy a to first.one deploy a to first.two } }
           stage y { serial { deploy b to first.two deploy b to first.one } }
         } }",
    );
    let test = test
        .file("slow/a@first.one", "")
        .file("slow/b@first.two", "");
    let told = Told::by(&test);
    assert_eq!(told.code, 0);
    let log = log(&test);
    let at = |line: &str| log.iter().position(|it| it == line).expect("it is logged");
    assert!(at("end a@first.two") < at("start b@first.two"), "{log:?}");
}

#[test]
fn a_lock_that_is_turned_off_holds_nobody_up() {
    let test = latches(
        "environment open { infrastructure one: latch { exclusive = false } }
         pipeline p { parallel {
           stage x { deploy a to open.one }
           stage y { deploy b to open.one }
         } }",
    );
    let test = together(test, &["a@open.one", "b@open.one"]);
    assert_eq!(Told::by(&test).code, 0);
}

#[test]
fn a_named_lock_has_its_places() {
    let test = super::file(
        "pipeline p {
           parallel n in [1, 2, 3, 4] {
             lock \"licence\" limit 2 {
               run \"sh work.sh ${n}\"
             }
           }
         }",
    )
    .file("work.sh", "echo start >> log\nsleep 0.1\necho end >> log\n");
    assert_eq!(Told::by(&test).code, 0);
    let mut running = 0;
    let mut most = 0;
    for line in log(&test) {
        running += if line == "start" { 1 } else { -1 };
        most = most.max(running);
    }
    assert_eq!((running, most), (0, 2));
}
