//! The way back, and what is certain before it: the rules of section "Failure and rollback" of the
//! language, each with a small program of its own. Random programs are judged by `reference`.

use super::direct::Direction;
use super::play::{Play, plan};
use lockstep_outline::Outline;

fn play(text: &str) -> Play {
    Play::new(text, &Direction::read(text))
}

/// The undos of a play, in the order in which they began.
fn undos(play: &Play) -> Vec<&str> {
    let commands = play.commands().into_iter();
    commands.filter(|it| it.starts_with("undo")).collect()
}

/// How many undos ran at once at most.
fn width(play: &Play) -> usize {
    let (mut live, mut most) = (0_usize, 0);
    let story = play.story();
    let undos = story.lines().filter(|it| it.contains("/undo/"));
    for line in undos.filter(|it| it.contains("/run ")) {
        match line.contains(" starts") {
            true => live += 1,
            false => live -= 1,
        }
        most = most.max(live);
    }
    most
}

#[test]
fn undos_come_in_the_reverse_order_of_the_body_whichever_try_ran_the_step() {
    let play = play(
        r#"# fails p/serial/serial/run times 1
# fails p/serial/y/run
pipeline p {
  serial atomic retry 1 {
    serial {
      run "a"
      step x { run "x" } undo { run "undo x" }
    } on failure { ignore }
    step y { run "y" } undo { run "undo y" }
  }
}"#,
    );
    assert_eq!(undos(&play), ["undo y", "undo x"]);
}

#[test]
fn batches_and_serial_axes_are_undone_in_waves_backwards() {
    for (head, waves) in [
        (
            "parallel x in range(0, 4) batches [2]",
            [["2", "3"], ["0", "1"]],
        ),
        (
            "matrix serial y in [0, 2] parallel z in [0, 1]",
            [["2", "3"], ["0", "1"]],
        ),
    ] {
        let value = if head.contains('y') {
            "${y + z}"
        } else {
            "${x}"
        };
        let text = format!(
            "# fails p/run\npipeline p atomic {{ {head} {{ step s {{ run \"did\" }} undo {{ run \
             \"undo {value}\" }} }} run \"f\" }}"
        );
        let play = play(&text);
        let undone = undos(&play);
        for (wave, cells) in undone.chunks(2).zip(waves) {
            let mut wave: Vec<&str> = wave.iter().map(|it| &it[5..]).collect();
            wave.sort_unstable();
            assert_eq!(wave, cells, "{undone:?}");
        }
        assert_eq!(width(&play), 2, "{}", play.story());
    }
}

#[test]
fn max_bounds_undos_as_it_bounds_cells() {
    for head in [
        "parallel x in range(0, 6) max 2",
        "matrix parallel x in range(0, 2) serial y in [0, 1] parallel z in [0, 1] max 2",
        "parallel x in range(0, 6) batches [2]",
    ] {
        let text = format!(
            "# fails p/run\npipeline p atomic {{ {head} {{ step s {{ run \"did\" }} undo {{ run \
             \"undo ${{x}}\" }} }} run \"f\" }}"
        );
        let play = play(&text);
        assert_eq!(width(&play), 2, "{}", play.story());
        let outline = Outline::of(&plan(&text, &[]));
        assert_eq!(outline.width.commands, Some(2));
    }
}

#[test]
fn an_undo_holds_the_locks_that_its_step_held() {
    let play = play(
        r#"# fails p/run
pipeline p atomic {
  parallel i in range(0, 4) {
    lock "db" {
      step s { run "did" } undo { lock "db" { run "undo ${i}" } }
    }
  }
  run "f"
}"#,
    );
    assert_eq!(
        (undos(&play).len(), width(&play)),
        (4, 1),
        "{}",
        play.story()
    );
}

#[test]
fn an_atomic_scope_starts_nothing_new_once_its_failure_is_certain() {
    let text = r#"# fails p/parallel/run
# takes p/parallel/serial/run 30ms
pipeline p atomic {
  parallel {
    run "bad" on failure { run "look" }
    serial {
      run "long"
      parallel max 1 { run "never" run "never" }
    } always { run "clean up" }
  }
}"#;
    let play = Play::new(text, &Direction::read(text));
    assert_eq!(play.commands(), ["bad", "long", "look", "clean up"]);
    // Where a handler can still make a success of it, the others go on.
    let text = text.replace("run \"look\"", "run \"look\"  ignore");
    let play = Play::new(&text, &Direction::read(&text));
    let never = play.commands().into_iter().filter(|it| *it == "never");
    assert_eq!(never.count(), 2, "{}", play.story());
}

#[test]
fn a_block_fails_with_what_failed_first() {
    let play = play(
        r#"# fails p/parallel/run
# takes p/parallel/run/always/run 90ms
# takes p/parallel/serial/run 30ms
pipeline p {
  parallel {
    run "first" always { run "slow" }
    serial { run "x" fail "second" }
  } on failure { log "${failure.class} ${failure.node}" }
}"#,
    );
    assert_eq!(play.logged(), ["exit p/parallel/run"]);
}

#[test]
fn a_block_that_ran_out_of_time_is_the_culprit() {
    let play = play(
        r#"# takes ** 100ms
# stops ** 30ms
pipeline p {
  parallel fail fast {
    serial {
      matrix parallel x in [1] timeout 40ms { run "slow" }
      barrier b
    }
    barrier b
  } on failure { log "${failure.class} ${failure.node}" }
}"#,
    );
    assert_eq!(play.logged(), ["timeout p/parallel/serial/matrix"]);
}

#[test]
fn what_ran_out_of_time_has_failed_also_if_it_ends_well_after_all() {
    let play = play(
        r#"# takes p/run 50ms
# stops p/run 60ms
pipeline p { run "slow" timeout 40ms }"#,
    );
    play.assert_ended("failed");
    assert_eq!(play.failure("p/run"), "timeout: took longer than 40ms");
}

#[test]
fn rollback_of_the_stage_or_pipeline_is_not_lost_on_the_way() {
    let text = r#"# fails p/g/serial[1]/b/run
# fails p/g/parallel/serial/run
pipeline p {
  stage g {
    step a { run "a" } undo { run "undo a" }
    AROUND {
      step b { run "b" } undo { run "undo b" } on failure { rollback stage }
    } MORE
    run "never"
  }
}"#;
    for (around, more) in [
        ("serial x in [1] tolerate 1", ""),
        ("serial x in [1]", "on failure { ignore }"),
        ("serial x in [1] retry 2", ""),
        ("serial x in [1]", "always { run \"always\" }"),
    ] {
        let text = text.replace("AROUND", around).replace("MORE", more);
        let play = play(&text);
        assert_eq!(undos(&play), ["undo b", "undo a"], "{}", play.story());
        assert!(!play.commands().contains(&"never"));
        let always = play.commands().last().is_some_and(|it| *it == "always");
        assert_eq!(always, more.contains("always"), "{}", play.story());
        play.assert_ended("failed");
    }
}

#[test]
fn when_a_run_is_cancelled_only_handlers_run_that_name_it() {
    let text = r#"# cancels 5ms
pipeline p {
  step s { run "s" } undo { run "undo s" } HANDLER always { run "always" }
}"#;
    for (handler, after) in [
        ("on failure { run \"handler\" }", &["always"][..]),
        (
            "on failure(cancelled) { run \"handler\" }",
            &["handler", "always"],
        ),
        (
            "on failure { run \"handler\" rollback }",
            &["undo s", "always"],
        ),
    ] {
        let play = play(&text.replace("HANDLER", handler));
        assert_eq!(play.commands()[1..], *after, "{}", play.story());
    }
}

#[test]
fn abort_rolls_nothing_back_and_runs_every_always() {
    let play = play(
        r#"# fails p/serial/step/run
pipeline p atomic {
  serial {
    step step { run "a" } undo { run "undo a" } on failure { abort } always { run "inner" }
  } always { run "middle" }
} always { run "outer" }"#,
    );
    assert_eq!(play.commands(), ["a", "inner", "middle", "outer"]);
}

#[test]
fn the_longest_time_counts_handlers_rollbacks_and_grace() {
    let longest = |text: &str| Outline::of(&plan(text, &[])).longest_ms;
    for (body, ms) in [
        ("run \"x\" timeout 500ms", 10_500),
        ("run \"x\" timeout 500ms on failure { wait 2s }", 12_500),
        ("wait 3s on_nothing", 3_000),
        (
            "serial atomic { step s { wait 1s } undo { run \"u\" timeout 1s } fail \"f\" }",
            1_000 + 11_000,
        ),
        (
            "serial timeout 1s { wait 9s } on failure { wait 2s retry 1 }",
            2 * 3_000,
        ),
        ("wait 1s", 1_000),
    ] {
        let body = body.replace(" on_nothing", "");
        let text = format!("pipeline p {{ {body} }}");
        assert_eq!(longest(&text), Some(ms), "{text}");
    }
    let text = "pipeline p { serial atomic { step s { wait 1s } undo { run \"u\" } fail \"f\" } }";
    assert_eq!(longest(text), None, "nothing bounds the undo");
}

#[test]
fn a_handler_that_only_looks_does_not_hold_up_those_at_a_barrier() {
    let text = r#"# fails p/parallel/serial/run
# takes p/parallel/serial/run/on-failure/run 500ms
pipeline p {
  parallel {
    serial { run "bad" on failure { run "look" VERDICT } barrier b }
    serial { barrier b } always { run "clean up" }
  }
}"#;
    let ends = |verdict: &str| {
        let text = text.replace("VERDICT", verdict);
        let play = Play::new(&text, &Direction::read(&text));
        let story = play.story();
        let line = story.lines().find(|it| it.contains("clean up"));
        let at = line.and_then(|it| it.split_whitespace().next()?.parse::<i64>().ok());
        at.expect("a time")
    };
    assert_eq!(ends(""), 10, "it is broken as soon as it is certain");
    assert_eq!(ends("ignore"), 510, "it may still come");
}
