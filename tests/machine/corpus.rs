//! The programs of `tests/corpus/run`: each configures its simulated world by its first comment
//! lines, and has its event log in a snapshot. Together they cover every transition of the states.

use lockstep_engine::state::Transitions;

use super::direct::Direction;
use super::play::{Play, plan, try_plan};

/// With how many other seeds each program is run, too.
const SEEDS: u64 = 12;

/// Programs that do not compile.
fn broken() -> Vec<String> {
    let mut broken = Vec::new();
    insta::glob!("../corpus/run", "*.deploy", |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        let inputs = Direction::read(&text).inputs;
        if let Err(said) = try_plan(&text, &inputs) {
            broken.push(format!("{}: {said}", path.display()));
        }
    });
    broken
}

#[test]
fn stories() {
    assert_eq!(broken(), [""; 0]);
    let mut transitions = Transitions::default();
    insta::glob!("../corpus/run", "*.deploy", |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        let direction = Direction::read(&text);
        let plan = plan(&text, &direction.inputs);
        let play = Play::of(&text, &plan, &direction);
        let directions: Vec<&str> = text.lines().take_while(|it| it.starts_with('#')).collect();
        let width = play.trace.width;
        let story = format!(
            "{}\n\n{}at most {width} at once\n",
            directions.join("\n"),
            play.story()
        );
        insta::with_settings!({
            snapshot_path => "../corpus/run",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!("story", story);
        });
        // With another seed it ends, too.
        for seed in 1..=SEEDS {
            Play::of(&text, &plan, &direction.clone().seeded(seed));
        }
        transitions.add(play.trace.transitions);
    });
    assert_eq!(
        transitions.missing(),
        [],
        "no program sees these transitions"
    );
    assert_eq!(
        transitions.missing_activities(),
        [],
        "no program sees these transitions of what a node does"
    );
}
