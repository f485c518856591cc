//! The cases: the programs of `tests/corpus/run` with their worlds, and random programs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::{Answer, ApprovalAnswer, EffectOutcome, FailureChoice, Question};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::Plan;
use lockstep_verify::simulate::{EffectCourse, SimulationScript, StartedEffect, command_value};

use super::compare::compare;
use super::story::Story;
use super::told::{Conduct, STAND_IN, Told};
use crate::machine::direct::Direction;
use crate::machine::generate::{Flavour, program};
use crate::machine::oracle::{Luck, named};
use crate::machine::play::try_plan;
use crate::server;

/// Programs of the corpus that cannot be the same on both, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("barrier-and-max-get-stuck", "its plan is refused"),
    (
        "batches-with-something-between",
        "its times are too far apart for a real clock",
    ),
    (
        "deployments-run-where-their-infrastructure-is",
        "its machines are not there",
    ),
    (
        "lock-and-barrier-that-wait-for-each-other",
        "its plan is refused",
    ),
    (
        "lock-times-out-and-is-tried-again",
        "how often it is asked depends on how quick the answers are",
    ),
    ("locks-that-wait-for-each-other", "its plan is refused"),
    (
        "superseded-deployments-are-left-alone",
        "another run has to deploy in the middle of it",
    ),
    (
        "unclear-places-are-not-deployed-to",
        "another run has to be stopped in the middle of it",
    ),
    (
        "watch-looks-while-the-body-runs",
        "a look and what it looks at end at the same time",
    ),
];

/// So many random programs are cases.
const RANDOM: usize = 110;

/// Random programs with more commands than this are left out.
const MAX_COMMANDS: usize = 16;

/// A timer takes so long at least, in real milliseconds: both drivers are quick enough for that.
const SHORTEST_TIMER_MS: f64 = 2_500.0;

/// A story takes no longer than that.
const LONGEST_STORY_MS: f64 = 25_000.0;

/// A program, and what happens while it runs.
pub struct Case {
    pub name: String,
    /// The program, with its times as they are in the real world.
    text: String,
    inputs: Vec<(String, String)>,
    plan: Arc<Plan>,
    story: Story,
    /// How many real milliseconds a virtual one takes.
    scale: f64,
}

/// What all cases use.
pub struct Where {
    folder: PathBuf,
}

impl Where {
    /// Makes the stand-ins of all commands.
    pub fn prepare(folder: &Path, cases: &[Case]) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let programs = folder.join("programs");
        std::fs::create_dir(&programs).expect("a folder");
        std::fs::create_dir(folder.join("logs")).expect("a folder");
        let stand_in = folder.join("stand-in");
        std::fs::write(&stand_in, STAND_IN).expect("a file");
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&stand_in, all).expect("it becomes a program");
        let names: HashSet<&String> = cases.iter().flat_map(|it| &it.story.programs).collect();
        for name in names {
            let link = programs.join(name);
            std::os::unix::fs::symlink(&stand_in, link).expect("a link");
        }
        Self {
            folder: folder.to_path_buf(),
        }
    }

    /// The variables of all processes.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let programs = self.folder.join("programs");
        vec![
            ("PATH", format!("{}:{path}", programs.display())),
            ("HOME", self.folder.display().to_string()),
            ("LC_ALL", String::from("C.UTF-8")),
            ("TZ", String::from("UTC")),
            (
                "LOCKSTEP_LOGS",
                self.folder.join("logs").display().to_string(),
            ),
        ]
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(server::program());
        command
            .current_dir(folder)
            .env_clear()
            .envs(self.env())
            .stdin(std::process::Stdio::null());
        command
    }
}

impl Case {
    fn new(
        name: String,
        text: &str,
        inputs: Vec<(String, String)>,
        seed: u64,
        script: &mut dyn SimulationScript,
    ) -> Result<Self, String> {
        let story = Story::of(&try_plan(text, &inputs)?, seed, script);
        let scale = story.shortest_timer.map_or(0.0, |ms| {
            let longest = LONGEST_STORY_MS / story.ends_at.max(1) as f64;
            (SHORTEST_TIMER_MS / ms as f64).min(longest)
        });
        let text = match scale > 0.0 {
            true => scaled(text, scale),
            false => text.to_owned(),
        };
        let plan = try_plan(&text, &inputs)?;
        if let Err(why) = lockstep_verify::proved(plan.bound.clone()) {
            let why: Vec<&str> = why.iter().map(|it| it.message.as_str()).collect();
            return Err(format!("its plan is refused: {}", why.join("; ")));
        }
        Ok(Self {
            name,
            plan,
            text,
            inputs,
            story,
            scale,
        })
    }

    /// Runs it on both, and says how they differ.
    pub fn compare(&self, place: &Where, own: &Path, url: &str) -> Result<(), String> {
        let local = self.run(place, &own.join("local"), &[]);
        let remote = self.run(place, &own.join("remote"), &["--engine", url]);
        compare(
            &self.plan,
            (&local, &own.join("local")),
            (&remote, &own.join("remote")),
        )
        .map_err(|why| format!("{why}\n{}", self.text))
    }

    fn run(&self, place: &Where, folder: &Path, engine: &[&str]) -> Told {
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(folder.join("case.deploy"), &self.text).expect("a file");
        let mut command = place.command(folder);
        command.args(["run", "case.deploy", "--format", "json"]);
        for (name, value) in &self.inputs {
            command.args(["-i", &format!("{name}={value}")]);
        }
        command.args(engine);
        let tool = |words: &[&str]| {
            let mut command = place.command(folder);
            command.args(words).args(engine);
            command
        };
        Conduct::start(command, folder, self.scale, &tool).follow(&self.story)
    }
}

/// All cases.
pub fn all() -> Vec<Case> {
    let mut cases = corpus();
    cases.extend(random());
    cases
}

fn corpus() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/run");
    let files = std::fs::read_dir(&folder).expect("the corpus is there");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "deploy"));
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("text");
        let mut direction = Direction::read(&text);
        let (inputs, seed) = (direction.inputs.clone(), direction.seed);
        let case = Case::new(name, &text, inputs, seed, &mut direction);
        cases.push(case.unwrap_or_else(|why| panic!("{}: {why}", file.display())));
    }
    cases
}

/// Random programs, whose ends do not depend on real time.
fn random() -> Vec<Case> {
    let cases = (1..).filter_map(random_case);
    cases.take(RANDOM).collect()
}

fn random_case(seed: u64) -> Option<Case> {
    let chance = |at: u64| {
        let luck = Luck {
            seed: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            failing: 0,
            flaky: false,
        };
        luck.number("byte", at)
    };
    let length = 20 + chance(0) % 140;
    let bytes: Vec<u8> = (1..=length).map(|at| chance(at) as u8).collect();
    let flavour = Flavour {
        lucky: true,
        timeouts: false,
        barriers: seed.is_multiple_of(2),
        watches: false,
        people: seed.is_multiple_of(3),
    };
    let text = program(&bytes, flavour).text;
    let text = text.replace(" every 3ms..5ms", " every 1ms");
    let text = text.replace(" queue \"q\" keep latest", "");
    let slow = ["wait ", "verify ", "ask ", "timeout ", "watch ", "send "];
    if slow.iter().any(|it| text.contains(it)) {
        return None;
    }
    let mut world = World {
        luck: Luck {
            seed: chance(1_000) | 1,
            failing: [5, 15, 30, 50][(chance(1_001) % 4) as usize],
            flaky: chance(1_002).is_multiple_of(4),
        },
        heard: 0,
    };
    let mut case = Case::new(
        format!("random-{seed}"),
        &text,
        Vec::new(),
        seed,
        &mut world,
    )
    .ok()?;
    case.scale = 0.0;
    case.text = text;
    let commands = case
        .story
        .moments
        .iter()
        .filter(|it| it.deed.is_some())
        .count();
    (2..=MAX_COMMANDS).contains(&commands).then_some(case)
}

/// A world with random timing.
struct World {
    luck: Luck,
    heard: usize,
}

impl SimulationScript for World {
    fn course(&mut self, started: &StartedEffect) -> EffectCourse {
        let text = named(&started.text);
        let said = if self.luck.says_yes(text) {
            "yes"
        } else {
            "no"
        };
        let fails = self.luck.fails_now(started);
        let failure = fails.then(|| (FailureClass::Exit, String::from("bad luck")));
        let salt = u64::from(started.before) + 3;
        let takes_ms = self.luck.number(text, salt) % 3_000;
        let outcome = EffectOutcome {
            value: command_value(said, i64::from(fails), []),
            failure,
            ending: Default::default(),
        };
        EffectCourse {
            stops_ms: (self.luck.number(text, salt + 50) % 4) as i64,
            ..EffectCourse::new(takes_ms as i64, outcome)
        }
    }

    fn answer(&mut self, node: &NodePath, question: &Question) -> Option<(i64, Answer)> {
        let answer = match question {
            Question::Approve(request) if self.luck.approves(&request.text) => {
                ApprovalAnswer::Yes.into()
            }
            Question::Approve(_) => ApprovalAnswer::No(String::new()).into(),
            Question::Failed { .. } if self.luck.number(node, 4).is_multiple_of(2) => {
                FailureChoice::Ignore.into()
            }
            Question::Failed { .. } => FailureChoice::Abort.into(),
        };
        Some((3, answer))
    }

    fn respondent(&mut self, _: &NodePath, _: &Question) -> Option<Name> {
        // Nobody counts twice.
        self.heard += 1;
        Some(Name::from(format!("person {}", self.heard)))
    }

    fn records(&self) -> bool {
        true
    }
}

/// The text with other times.
fn scaled(text: &str, scale: f64) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut is_word = false;
    while let Some(first) = rest.chars().next() {
        let digits = rest
            .find(|it: char| !it.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = &rest[digits..];
        let unit = &unit[..unit
            .find(|it: char| !it.is_ascii_alphanumeric())
            .unwrap_or(unit.len())];
        let factor = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => 0.0,
        };
        if digits > 0 && factor > 0.0 && !is_word {
            let ms: f64 = rest[..digits].parse().expect("a number");
            out += &format!("{}ms", (ms * factor * scale).round() as i64);
            rest = &rest[digits + unit.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
        is_word = out.ends_with(|it: char| it.is_ascii_alphanumeric() || it == '-');
    }
    out
}
