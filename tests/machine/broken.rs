//! Broken invariants: on an event that a machine cannot have been waiting for it stops with a
//! report, and releases no effects.

use lockstep_base::value::Value;
use lockstep_engine::{
    Answer, ApprovalAnswer, Breach, BrokenInvariant, Effect, EffectId, EffectOutcome, Event,
    FailureChoice, Machine,
};
use lockstep_lang::ir::FailureClass;
use lockstep_verify::simulate::run_facts;

use super::play::plan;

/// A machine after the start of a program whose first statement requests effect 1.
fn begun(text: &str) -> Machine {
    let mut machine = Machine::new(plan(text, &[]), run_facts(), 1);
    let effects = machine.handle(0, Event::Start);
    assert!(!effects.is_empty() && machine.broken().is_none());
    machine
}

/// The invariant that a machine reports for an event. It does nothing any more then.
#[track_caller]
fn breaks(mut machine: Machine, event: Event) -> BrokenInvariant {
    let left = machine.active_entries();
    assert_eq!(machine.handle(7, event), []);
    let broken = machine.broken().cloned().expect("a broken rule");
    assert_eq!(machine.finished(), None);
    for event in [
        Event::Cancel,
        Event::Ended {
            id: EffectId(1),
            outcome: EffectOutcome::good(Value::None),
        },
    ] {
        assert_eq!(machine.handle(8, event), []);
        assert_eq!(machine.broken(), Some(&broken));
    }
    assert!(machine.active_entries() <= left);
    broken
}

#[test]
fn an_event_answers_what_it_names() {
    let id = EffectId(1);
    let ended = || Event::Ended {
        id,
        outcome: EffectOutcome::good(Value::None),
    };
    let answered = || Event::Answered {
        id,
        answer: ApprovalAnswer::Yes.into(),
        from: None,
    };
    let programs = [
        ("pipeline p { run \"x\" }", "Ended"),
        ("pipeline p { wait 3s }", "Fired"),
        ("pipeline p { lock \"l\" { log \"x\" } }", "Acquired"),
        ("pipeline p { approve \"x\" }", "Answered"),
    ];
    let events = || {
        [
            ("Ended", ended()),
            ("Fired", Event::Fired { id }),
            ("Acquired", Event::Acquired { id }),
            ("Answered", answered()),
        ]
    };
    for (text, right) in programs {
        for (name, event) in events() {
            let mut machine = begun(text);
            if name == right {
                let effects = machine.handle(7, event);
                let told = |it: &Effect| matches!(it, Effect::Tell(_));
                assert!(effects.iter().any(told), "{text}: {name}");
                assert_eq!(machine.broken(), None, "{text}: {name}");
                continue;
            }
            let broken = breaks(machine, event);
            assert_eq!(broken.breach, Breach::WrongAnswer(id), "{text}: {name}");
            let event = broken.event.expect("an event");
            assert_eq!(
                (event.name, event.effect, event.clock_ms),
                (name, Some(id), 7)
            );
            let report = broken.report();
            let line = |word| report.iter().find(|(it, _)| *it == word).map(|(_, it)| it);
            assert!(
                line("node").is_some_and(|it| it.starts_with("p/")),
                "{report:?}"
            );
            assert!(line("state").is_some() && line("where").is_some());
            assert_eq!(
                line("version").map(String::as_str),
                Some(env!("CARGO_PKG_VERSION"))
            );
        }
    }
}

#[test]
fn an_answer_is_one_to_the_kind_of_question() {
    let id = EffectId(1);
    for answer in [FailureChoice::Retry.into(), Answer::Nobody] {
        let event = Event::Answered {
            id,
            answer,
            from: None,
        };
        let broken = breaks(begun("pipeline p { approve \"x\" }"), event);
        assert_eq!(broken.breach, Breach::WrongAnswer(id));
    }
    let mut machine = begun("pipeline p { run \"x\" on failure { ask } }");
    let outcome = EffectOutcome::failed(FailureClass::Exit, "exit code 1");
    let effects = machine.handle(1, Event::Ended { id, outcome });
    let asked = effects.iter().find_map(|it| match it {
        Effect::Ask { id, .. } => Some(*id),
        _ => None,
    });
    let id = asked.expect("a question");
    let answer = ApprovalAnswer::Yes.into();
    let broken = breaks(
        machine,
        Event::Answered {
            id,
            answer,
            from: None,
        },
    );
    assert_eq!(broken.breach, Breach::WrongAnswer(id));
}

#[test]
fn an_event_for_what_does_not_matter_any_more_changes_nothing() {
    let mut machine = begun("pipeline p { run \"x\" }");
    assert_eq!(machine.handle(1, Event::Fired { id: EffectId(99) }), []);
    assert_eq!(machine.broken(), None);
}

#[test]
fn a_run_starts_once() {
    let broken = breaks(begun("pipeline p { run \"x\" }"), Event::Start);
    assert_eq!(broken.breach, Breach::StartedTwice);
    assert_eq!(broken.node, None);
}
