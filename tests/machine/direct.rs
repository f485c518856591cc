//! Configures the simulated world: how long commands take, which fail, what people answer. Tests
//! use methods, files of the corpus their first comment lines:
//!
//! ```text
//! # takes PATTERN 100ms            how long it takes; 10 ms by default
//! # stops PATTERN 100ms            how long it goes on after it was asked to stop
//! # fails PATTERN [times 2] [exit 3 | class timeout]
//! # prints PATTERN text            its standard output
//! # outputs PATTERN key=value [from 2]      one of its outputs, from that start on
//! # answers PATTERN no | yes | retry | ignore | rollback | abort [after 10s]
//! # silent PATTERN                 nobody answers
//! # holds PATTERN until PATTERN    it cannot end before the other has started
//! # together PATTERN 3             it cannot end before three of them run at once
//! # cancels 250ms                  when the run is cancelled
//! # deployed 250ms web prod.eu     another run has deployed there, at that time
//! # unclear 250ms web prod.eu      another run was stopped there, at that time
//! # input name=value
//! # seed 7
//! ```
//!
//! If several lines match, the last one counts.

use lockstep_base::node_path::NodePath;
use lockstep_base::value::Value;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::{
    Answer, ApprovalAnswer, EffectOutcome, FailureChoice, LaterDeployment, LeftHalfDone, Question,
    UnclearPlace,
};
use lockstep_lang::ir::FailureClass;
use lockstep_verify::simulate::{EffectCourse, Latch, SimulationScript, StartedEffect};

#[derive(Clone, Default)]
pub struct Direction {
    pub inputs: Vec<(String, String)>,
    pub seed: u64,
    rules: Vec<(PathPattern, Rule)>,
    cancel_at: Option<i64>,
    later: Vec<(i64, LaterDeployment)>,
    unclear: Vec<(i64, UnclearPlace)>,
}

#[derive(Clone)]
enum Rule {
    Takes(i64),
    Stops(i64),
    Fails {
        times: u32,
        class: FailureClass,
        code: i64,
    },
    Prints(String),
    Outputs(String, String, u32),
    Answers(Option<(i64, Answer)>),
    Holds(PathPattern),
    Together(usize),
}

/// The default duration of a command, in milliseconds.
const USUAL_MS: i64 = 10;

impl Direction {
    /// The configuration in a text's first comment lines.
    pub fn read(text: &str) -> Self {
        let mut direction = Self::default();
        for line in text.lines().map_while(|line| line.strip_prefix('#')) {
            let words = words(line);
            if let Some((verb, rest)) = words.split_first() {
                let read = direction.line(verb, rest);
                read.unwrap_or_else(|| panic!("`#{line}` is no direction"));
            }
        }
        direction
    }

    fn line(&mut self, verb: &str, rest: &[&str]) -> Option<()> {
        match (verb, rest) {
            ("takes", [pattern, time]) => self.rule(pattern, Rule::Takes(ms(time)?)),
            ("stops", [pattern, time]) => self.rule(pattern, Rule::Stops(ms(time)?)),
            ("fails", [pattern, how @ ..]) => self.rule(pattern, fails(how)?),
            ("prints", [pattern, text @ ..]) => self.rule(pattern, Rule::Prints(text.join(" "))),
            ("outputs", [pattern, output, from @ ..]) => {
                let (key, value) = output.split_once('=')?;
                let before = match from {
                    [] => 0,
                    ["from", number] => number.parse::<u32>().ok()?.checked_sub(1)?,
                    _ => return None,
                };
                self.rule(pattern, Rule::Outputs(key.into(), value.into(), before));
            }
            ("answers", [pattern, answer]) => {
                self.rule(pattern, Rule::Answers(Some((0, word(answer)?))));
            }
            ("answers", [pattern, answer, "after", time]) => {
                self.rule(pattern, Rule::Answers(Some((ms(time)?, word(answer)?))));
            }
            ("silent", [pattern]) => self.rule(pattern, Rule::Answers(None)),
            ("holds", [pattern, "until", other]) => {
                self.rule(pattern, Rule::Holds(PathPattern::new(other)));
            }
            ("together", [pattern, count]) => {
                self.rule(pattern, Rule::Together(count.parse().ok()?));
            }
            ("cancels", [time]) => self.cancel_at = Some(ms(time)?),
            ("deployed", [time, service, target]) => {
                let deployment = LaterDeployment {
                    number: self.later.len() as i64 + 1,
                    run: "r-later".into(),
                    service: (*service).into(),
                    target: (*target).into(),
                    blocks: false,
                };
                self.later.push((ms(time)?, deployment));
            }
            ("unclear", [time, service, target]) => {
                let place = UnclearPlace {
                    service: (*service).into(),
                    target: (*target).into(),
                    run: "r-other".into(),
                    left: LeftHalfDone::BrokenOff,
                };
                self.unclear.push((ms(time)?, place));
            }
            ("seed", [seed]) => self.seed = seed.parse().ok()?,
            ("input", [input]) => {
                let (name, value) = input.split_once('=')?;
                self.inputs.push((name.into(), value.into()));
            }
            _ => return None,
        }
        Some(())
    }

    fn rule(&mut self, pattern: &str, rule: Rule) {
        self.rules.push((PathPattern::new(pattern), rule));
    }

    /// The duration of the commands of these nodes.
    pub fn takes(mut self, pattern: &str, ms: i64) -> Self {
        self.rule(pattern, Rule::Takes(ms));
        self
    }

    /// Commands of these nodes exit with 1.
    pub fn fails(mut self, pattern: &str) -> Self {
        self.rule(pattern, fails(&[]).expect("a rule"));
        self
    }

    /// Commands of these nodes end only once this many of them run at once.
    pub fn together(mut self, pattern: &str, count: usize) -> Self {
        self.rule(pattern, Rule::Together(count));
        self
    }

    /// Sets an input of the program.
    pub fn input(mut self, name: &str, value: &str) -> Self {
        self.inputs.push((name.into(), value.into()));
        self
    }

    /// The same world with another seed.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn of<'d>(&'d self, node: &'d str) -> impl Iterator<Item = &'d Rule> {
        let rules = self
            .rules
            .iter()
            .filter(|(pattern, _)| pattern.matches(node));
        rules.map(|(_, rule)| rule)
    }

    fn outcome(&self, started: &StartedEffect) -> EffectOutcome {
        let (mut stdout, mut outputs, mut failure) = (String::new(), Vec::new(), None);
        for rule in self.of(&started.node) {
            match rule {
                Rule::Prints(text) => stdout.clone_from(text),
                Rule::Outputs(key, value, from) if started.before >= *from => {
                    outputs.push((key.as_str(), Value::string(value.as_str())));
                }
                Rule::Fails { times, class, code } if started.before < *times => {
                    failure = Some((*class, *code));
                }
                _ => {}
            }
        }
        let code = failure.map_or(0, |(_, code)| code);
        let said = |(class, code)| match class {
            FailureClass::Exit => (class, format!("exit code {code}")),
            other => (other, format!("it failed by {}", other.as_str())),
        };
        let value = Value::map([
            ("stdout", Value::string(stdout)),
            ("stderr", Value::string("")),
            ("code", Value::Int(code)),
            ("outputs", Value::map(outputs)),
        ]);
        EffectOutcome {
            value,
            failure: failure.map(said),
            ending: Default::default(),
        }
    }
}

impl SimulationScript for Direction {
    fn course(&mut self, started: &StartedEffect) -> EffectCourse {
        let mut course = EffectCourse::new(USUAL_MS, self.outcome(started));
        let mut until = Vec::new();
        for (pattern, rule) in &self.rules {
            if !pattern.matches(&started.node) {
                continue;
            }
            match rule {
                Rule::Takes(ms) => course.takes_ms = *ms,
                Rule::Stops(ms) => course.stops_ms = *ms,
                Rule::Holds(other) => until.push(other.clone()),
                Rule::Together(count) => {
                    course.latch = Some(Latch::Together(pattern.as_str().into(), *count));
                }
                _ => {}
            }
        }
        if !until.is_empty() {
            course.latch = Some(Latch::Started(until));
        }
        course
    }

    fn answer(&mut self, node: &NodePath, question: &Question) -> Option<(i64, Answer)> {
        let answers = self.of(node).filter_map(|rule| match rule {
            Rule::Answers(answer) => Some(answer.clone()),
            _ => None,
        });
        answers.last().unwrap_or_else(|| {
            let answer = match question {
                Question::Approve { .. } => ApprovalAnswer::Yes.into(),
                Question::Failed { .. } => FailureChoice::Retry.into(),
            };
            Some((0, answer))
        })
    }

    fn cancel_at(&self) -> Option<i64> {
        self.cancel_at
    }

    fn later_deployments(&self) -> Vec<(i64, LaterDeployment)> {
        self.later.clone()
    }

    fn unclear_places(&self) -> Vec<(i64, UnclearPlace)> {
        self.unclear.clone()
    }

    fn records(&self) -> bool {
        true
    }
}

fn fails(how: &[&str]) -> Option<Rule> {
    let (mut times, mut class, mut code) = (u32::MAX, FailureClass::Exit, 1);
    let mut rest = how;
    while let [key, value, more @ ..] = rest {
        match *key {
            "times" => times = value.parse().ok()?,
            "exit" => code = value.parse().ok()?,
            "class" => {
                class = FailureClass::ALL
                    .into_iter()
                    .find(|class| class.as_str() == *value)?;
            }
            _ => return None,
        }
        rest = more;
    }
    rest.is_empty()
        .then_some(Rule::Fails { times, class, code })
}

fn word(answer: &str) -> Option<Answer> {
    Some(match answer {
        "yes" => ApprovalAnswer::Yes.into(),
        "no" => ApprovalAnswer::No(String::new()).into(),
        "retry" => FailureChoice::Retry.into(),
        "ignore" => FailureChoice::Ignore.into(),
        "rollback" => FailureChoice::Rollback.into(),
        "abort" => FailureChoice::Abort.into(),
        "nobody" => Answer::Nobody,
        _ => return None,
    })
}

fn ms(text: &str) -> Option<i64> {
    let unit = text.find(|char: char| !char.is_ascii_digit())?;
    let number: i64 = text[..unit].parse().ok()?;
    let factor = match &text[unit..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(number * factor)
}

/// The words of a line; a blank in brackets does not separate words.
fn words(line: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0_i32, 0);
    let mut found = Vec::new();
    for (at, char) in line.char_indices().chain([(line.len(), ' ')]) {
        match char {
            '[' => depth += 1,
            ']' => depth -= 1,
            ' ' if depth <= 0 => {
                if start < at {
                    found.push(&line[start..at]);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn a_direction_is_read() {
    let mut direction = Direction::read(
        "# takes **/deploy[a, *]/** 2s\n# fails **/run times 1 exit 3\n# cancels 5s\n\
         # outputs ** tag=v1\n\n# not a direction\npipeline p {}\n",
    );
    let mut course = |before| {
        let (node, text) = ("p/deploy[a, x.y]/run".into(), "true".into());
        direction.course(&StartedEffect { node, text, before })
    };
    assert_eq!(course(0).takes_ms, 2_000);
    assert_eq!(
        course(0).outcome.failure,
        Some((FailureClass::Exit, String::from("exit code 3")))
    );
    assert_eq!(course(1).outcome.failure, None);
    assert_eq!(direction.cancel_at(), Some(5_000));
}
