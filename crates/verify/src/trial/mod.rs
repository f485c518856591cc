//! Runs `test` blocks: simulates the pipeline many times in virtual time, each time with another
//! order of concurrent events (schedule), and checks the block's expectations. Must not execute
//! anything.

mod given;
mod judge;
mod mistakes;
mod nearby;
mod nodes;
mod outcome;
mod schedules;
mod story;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::audit::Violation;
use crate::simulate::{Trace, simulate};
use given::Rule;
use judge::Expect;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::world::{Environment, Files};
use lockstep_engine::notice::{Happened, RunEvent};
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::{Given, Program, Test, TestKind};
use lockstep_plan::{Asked, Locals, Plan, bind};
use schedules::{Way, Ways};
use world::World;

/// The default number of schedules of a test.
pub const SCHEDULES: u32 = 100;

/// The maximum number of events that are handled for one test by default: a large pipeline is run
/// under fewer schedules.
const EVENTS: u64 = 3_000_000;

/// The minimum number of schedules, however large the pipeline is.
const FEWEST: u32 = 10;

/// When the virtual time of a schedule's events begins, in milliseconds since 1970: with 2026.
pub const BEGIN_MS: i64 = 1_767_225_600_000;

/// How thoroughly tests are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// The seed of the first schedule; the others follow. Seed 0 is the order of the source.
    pub seed: u64,
    /// The number of schedules; the default where there is none.
    pub schedules: Option<u32>,
}

/// What came of a test.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What the test says.
    pub name: Name,
    /// Where that stands.
    pub span: Span,
    /// Under how many schedules it ran.
    pub schedules: u32,
    /// Whether those are all that there are.
    pub all: bool,
    /// What is wrong; nothing if the test passes.
    pub findings: Vec<Finding>,
    /// In what a run has not followed its plan: a bug in this program.
    pub stray: Option<Violation>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn passes(&self) -> bool {
        self.findings.is_empty() && self.stray.is_none()
    }
}

/// Something that is wrong with a test, or that a test found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What, and where in the source.
    pub diagnostic: Diagnostic,
    /// A schedule in which it is so, where it is so in some only.
    pub schedule: Option<Schedule>,
}

/// A schedule in which a test fails.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The seed that leads to it; nothing where all schedules were tried one after the other.
    pub seed: Option<u64>,
    /// In how many schedules the same is so.
    pub failing: u32,
    /// What happened, as far as it matters.
    pub events: Vec<RunEvent>,
    /// How many events were left out.
    pub left_out: usize,
}

/// Runs a test of a program.
pub fn run(
    program: &Program,
    test: &Test,
    limits: Limits,
    environment: &dyn Environment,
    files: &dyn Files,
) -> Verdict {
    let mut verdict = Verdict {
        name: test.name.clone(),
        span: test.span,
        schedules: 0,
        all: false,
        findings: Vec::new(),
        stray: None,
    };
    match Trial::new(program, test, environment, files) {
        Ok(mut trial) => trial.explore(limits, &mut verdict),
        Err(mistakes) => {
            let finding = |diagnostic| Finding {
                diagnostic,
                schedule: None,
            };
            verdict.findings = mistakes.into_iter().map(finding).collect();
        }
    }
    verdict
}

/// A test that is ready to run.
struct Trial {
    plan: Arc<Plan>,
    world: World,
    expects: Vec<Expect>,
    /// For each expectation that did not hold: how often, and how it first came about.
    broken: BTreeMap<usize, (u32, Way)>,
}

impl Trial {
    fn new(
        program: &Program,
        test: &Test,
        environment: &dyn Environment,
        files: &dyn Files,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut asked = Asked {
            written: IndexMap::new(),
            ..Asked::default()
        };
        let mut start = test.span;
        for stmt in &test.stmts {
            match &stmt.kind {
                TestKind::GivenInput { input, value } => {
                    asked.written.insert(*input, value.clone());
                }
                TestKind::Start { pipeline } => {
                    let pipeline = program.pipelines.get(*pipeline as usize);
                    asked.pipeline = pipeline.map(|it| it.name.to_string());
                    start = stmt.span;
                }
                TestKind::GivenRun { .. }
                | TestKind::GivenNode { .. }
                | TestKind::ExpectStatus { .. }
                | TestKind::ExpectOrder { .. } => {}
            }
        }
        let plan = bind(program, &asked, environment, files).and_then(crate::proved);
        let plan = plan.map_err(|all| mistakes::of_plan(all, program, start))?;
        let plan = Arc::new(plan);
        let rules = rules(&plan, test)?;
        let expects = judge::expects(test, &plan.bound.pipeline().name);
        let patterns = judge::patterns(&expects);
        Ok(Self {
            world: World::new(plan.clone(), rules, patterns),
            plan,
            expects,
            broken: BTreeMap::new(),
        })
    }

    /// Runs the test under all schedules, or enough of them.
    fn explore(&mut self, limits: Limits, verdict: &mut Verdict) {
        let wanted = limits.schedules;
        let mut ways = Ways::new(limits.seed, wanted.unwrap_or(SCHEDULES));
        while let Some(way) = ways.next_way() {
            let trace = self.play(&way);
            if wanted.is_none() {
                let fitting = EVENTS / self.world.events.max(1);
                ways.most(u32::try_from(fitting).unwrap_or(u32::MAX).max(FEWEST));
            }
            if let Some(counted) = ways.played(self.world.choices.take_made()) {
                if let Some(mistake) = self.unfinished(&trace) {
                    verdict.findings.push(mistake);
                    break;
                }
                self.judge(&counted);
            }
        }
        verdict.schedules = ways.counted();
        verdict.all = ways.is_complete();
        verdict.stray = self.world.stray.take();
        self.conclude(verdict);
    }

    /// Runs it once.
    fn play(&mut self, way: &Way) -> Trace {
        self.world.begin(way);
        simulate(&self.plan, way.seed(), &mut self.world)
    }

    fn judge(&mut self, way: &Way) {
        for (at, expect) in self.expects.iter().enumerate() {
            if !expect.holds(&self.world.nodes, self.world.status) {
                let (count, _) = self.broken.entry(at).or_insert_with(|| (0, way.clone()));
                *count += 1;
            }
        }
    }

    /// What is wrong where a run did not end.
    fn unfinished(&mut self, trace: &Trace) -> Option<Finding> {
        if trace.status.is_some() {
            return None;
        }
        let start = self.plan.bound.pipeline().body.span;
        Some(Finding {
            diagnostic: mistakes::never_ends(&self.world, start),
            schedule: None,
        })
    }

    /// Collects everything that is wrong, in source order.
    fn conclude(&mut self, verdict: &mut Verdict) {
        for diagnostic in mistakes::of_givens(&self.world) {
            verdict.findings.push(Finding {
                diagnostic,
                schedule: None,
            });
        }
        let outline = std::cell::OnceCell::new();
        let paths = || outline.get_or_init(|| nearby::paths(&self.plan)).as_slice();
        let mut nowhere = Vec::new();
        for expect in &self.expects {
            nowhere.push(mistakes::of_expect(expect, &self.world.nodes, &paths));
        }
        let mut broken = std::mem::take(&mut self.broken);
        if !verdict.findings.is_empty() {
            // What is expected may fail only because something else was given than was meant.
            broken.clear();
        }
        for (at, (failing, way)) in broken {
            if nowhere.get(at).is_some_and(Option::is_some) {
                continue;
            }
            let told = self.replay(&way);
            let Some(expect) = self.expects.get(at) else {
                continue;
            };
            let world = &self.world;
            let diagnostic = mistakes::broken(expect, &world.nodes, world.status, &told);
            let (events, left_out) = story::of(&told, &expect.patterns());
            let schedule = Schedule {
                seed: way.own_seed(),
                failing,
                events,
                left_out,
            };
            verdict.findings.push(Finding {
                diagnostic,
                schedule: Some(schedule),
            });
        }
        for diagnostic in nowhere.into_iter().flatten() {
            verdict.findings.push(Finding {
                diagnostic,
                schedule: None,
            });
        }
        verdict
            .findings
            .sort_by_key(|finding| finding.diagnostic.span());
    }

    /// Everything that happens in a schedule.
    fn replay(&mut self, way: &Way) -> Vec<(i64, Happened)> {
        self.world.keeps = true;
        let trace = self.play(way);
        self.world.keeps = false;
        trace.told
    }
}

/// What the `given`s say, evaluated.
fn rules(plan: &Plan, test: &Test) -> Result<Vec<Rule>, Vec<Diagnostic>> {
    let mut wrong = Vec::new();
    let mut rules = Vec::new();
    let locals = Locals::default();
    for stmt in &test.stmts {
        let then = match &stmt.kind {
            TestKind::GivenRun { then, .. } | TestKind::GivenNode { then, .. } => then,
            TestKind::GivenInput { .. }
            | TestKind::Start { .. }
            | TestKind::ExpectStatus { .. }
            | TestKind::ExpectOrder { .. } => continue,
        };
        let then = match then {
            Given::Returns(value) => match plan.walk().eval(value, &locals) {
                Ok(value) => given::Then::Returns(value),
                Err(Halt::Fault(fault)) => {
                    wrong.push(*fault);
                    continue;
                }
                Err(Halt::Unknown) => {
                    let message = "the value of this `given` is only known while running";
                    wrong.push(Diagnostic::error(codes::GIVEN_VALUE, value.span, message));
                    continue;
                }
            },
            Given::Fails(class) => given::Then::Fails(*class),
            Given::Refused => given::Then::Refused,
        };
        rules.extend(Rule::new(stmt, then));
    }
    match wrong.is_empty() {
        true => Ok(rules),
        false => Err(wrong),
    }
}
