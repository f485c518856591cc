//! Runs `test` blocks: simulates the pipeline many times in virtual time, each time with another
//! order of concurrent events (schedule), and checks the block's expectations. Must not execute
//! anything.

mod conditions;
mod diagnostics;
mod excluded;
mod expectations;
mod given;
mod lent;
mod nodes;
mod outcome;
mod pattern_suggestions;
mod schedules;
mod stray_patterns;
mod timeline;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::conformance::Violation;
use crate::simulate::{Trace, simulate};
use expectations::Expectation;
use given::GivenRule;
pub(crate) use lent::LentWorld;
pub use lent::{LentResults, lend_inputs};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Value;
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_engine::run_event::{RunEvent, RunEventKind};
use lockstep_lang::eval::{EmptyScope, Expr, Halt, eval};
use lockstep_lang::ir::{Given, Program, Test, TestKind, TestStmt};
use lockstep_plan::{DeployedVersion, Locals, Plan, RunRequest, bind, display};
use schedules::{ScheduleExplorer, ScheduleMode};
pub(crate) use stray_patterns::stray_patterns;
use world::TestWorld;

/// The default number of schedules of a test.
pub const DEFAULT_SCHEDULES: u32 = 100;

/// The maximum number of events that are handled for one test by default: a large pipeline is run
/// under fewer schedules.
const MAX_DEFAULT_EVENTS: u64 = 3_000_000;

/// The minimum number of schedules, however large the pipeline is.
const MIN_SCHEDULES: u32 = 10;

/// When the virtual time of a schedule's events begins, in milliseconds since 1970: with 2026.
pub const START_MS: i64 = 1_767_225_600_000;

/// How thoroughly tests are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TestLimits {
    /// The seed of the first schedule; the others follow. Seed 0 is the order of the source.
    pub seed: u64,
    /// The number of schedules; the default where there is none.
    pub schedules: Option<u32>,
}

/// What came of a test.
#[derive(Debug, Clone)]
pub struct TestVerdict {
    /// What the test says.
    pub name: Name,
    /// Where that stands.
    pub span: Span,
    /// Under how many schedules it ran.
    pub schedules: u32,
    /// Whether those are all that there are.
    pub all: bool,
    /// What is wrong; nothing if the test passes.
    pub findings: Vec<TestFinding>,
    /// In what a run has not followed its plan: a bug in this program.
    pub unexpected: Option<Violation>,
}

impl TestVerdict {
    /// Whether nothing is wrong.
    pub fn passes(&self) -> bool {
        self.findings.is_empty() && self.unexpected.is_none()
    }
}

/// Something that is wrong with a test, or that a test found.
#[derive(Debug, Clone)]
pub struct TestFinding {
    /// What, and where in the source.
    pub diagnostic: Diagnostic,
    /// A schedule in which it is so, where it is so in some only.
    pub schedule: Option<FailingSchedule>,
}

/// A schedule in which a test fails.
#[derive(Debug, Clone)]
pub struct FailingSchedule {
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
    limits: TestLimits,
    environment: &dyn EnvironmentVariables,
    files: &dyn Files,
) -> TestVerdict {
    let mut verdict = TestVerdict {
        name: test.name.clone(),
        span: test.span,
        schedules: 0,
        all: false,
        findings: Vec::new(),
        unexpected: None,
    };
    let wrong = conditions::wrong(program, test, environment, files);
    if is_about_values(test) {
        verdict.findings = wrong.into_iter().map(always).collect();
        return verdict;
    }
    match PreparedTest::new(program, test, environment, files) {
        Ok(mut trial) => {
            trial.explore(limits, &mut verdict);
            verdict.findings.extend(wrong.into_iter().map(always));
            (verdict.findings).sort_by_key(|finding| finding.diagnostic.span());
        }
        Err(mistakes) => verdict.findings = mistakes.into_iter().map(always).collect(),
    }
    verdict
}

/// What is wrong whatever the schedule.
fn always(diagnostic: Diagnostic) -> TestFinding {
    TestFinding {
        diagnostic,
        schedule: None,
    }
}

/// Whether a test starts nothing, and asks for values alone.
fn is_about_values(test: &Test) -> bool {
    let starts = |stmt: &TestStmt| matches!(stmt.kind, TestKind::Start { .. });
    let asks = |stmt: &TestStmt| matches!(stmt.kind, TestKind::ExpectCondition(_));
    !test.stmts.iter().any(starts) && test.stmts.iter().any(asks)
}

/// A test that is ready to run.
struct PreparedTest {
    plan: Arc<Plan>,
    world: TestWorld,
    expects: Vec<Expectation>,
    /// For each expectation that did not hold: how often, and how it first came about.
    broken: BTreeMap<usize, (u32, ScheduleMode)>,
}

impl PreparedTest {
    fn new(
        program: &Program,
        test: &Test,
        environment: &dyn EnvironmentVariables,
        files: &dyn Files,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut asked = RunRequest {
            written: IndexMap::new(),
            ..RunRequest::default()
        };
        let mut start = test.span;
        let mut deployed = Vec::new();
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
                TestKind::GivenDeployed {
                    service,
                    target,
                    value,
                } => match deployed_version(program, [service, target, value]) {
                    Ok(version) => deployed.extend(version),
                    Err(mistake) => return Err(vec![mistake]),
                },
                TestKind::GivenRun { .. }
                | TestKind::GivenNode { .. }
                | TestKind::ExpectStatus { .. }
                | TestKind::ExpectOrder { .. }
                | TestKind::ExpectCondition(_) => {}
            }
        }
        asked.deployed = Some(deployed);
        let plan = bind(program, &asked, environment, files).and_then(crate::proved);
        let plan = plan.map_err(|all| diagnostics::of_plan(all, program, start))?;
        let plan = Arc::new(plan);
        let rules = rules(&plan, test)?;
        let expects = expectations::expects(test, &plan.bound.pipeline().name);
        let patterns = expectations::patterns(&expects);
        Ok(Self {
            world: TestWorld::new(plan.clone(), rules, patterns),
            plan,
            expects,
            broken: BTreeMap::new(),
        })
    }

    /// Runs the test under all schedules, or enough of them.
    fn explore(&mut self, limits: TestLimits, verdict: &mut TestVerdict) {
        let max = limits.schedules;
        let mut ways = ScheduleExplorer::new(limits.seed, max.unwrap_or(DEFAULT_SCHEDULES));
        while let Some(way) = ways.next_way() {
            let trace = self.play(&way);
            if max.is_none() {
                let fitting = MAX_DEFAULT_EVENTS / self.world.events.max(1);
                ways.limit(
                    u32::try_from(fitting)
                        .unwrap_or(u32::MAX)
                        .max(MIN_SCHEDULES),
                );
            }
            if let Some(counted) = ways.played(self.world.choices.take_made()) {
                if let Some(mistake) = self.unfinished(&trace) {
                    verdict.findings.push(mistake);
                    break;
                }
                self.evaluate(&counted);
            }
        }
        verdict.schedules = ways.counted();
        verdict.all = ways.is_complete();
        verdict.unexpected = self.world.unexpected.take();
        self.conclude(verdict);
    }

    /// Runs it once.
    fn play(&mut self, way: &ScheduleMode) -> Trace {
        self.world.begin(way);
        simulate(&self.plan, way.seed(), &mut self.world)
    }

    fn evaluate(&mut self, way: &ScheduleMode) {
        for (at, expect) in self.expects.iter().enumerate() {
            if !expect.holds(&self.world.nodes, self.world.status) {
                let (count, _) = self.broken.entry(at).or_insert_with(|| (0, way.clone()));
                *count += 1;
            }
        }
    }

    /// What is wrong where a run did not end.
    fn unfinished(&mut self, trace: &Trace) -> Option<TestFinding> {
        if trace.status.is_some() {
            return None;
        }
        let start = self.plan.bound.pipeline().body.span;
        Some(TestFinding {
            diagnostic: diagnostics::never_ends(&self.world, start),
            schedule: None,
        })
    }

    /// Collects everything that is wrong, in source order.
    fn conclude(&mut self, verdict: &mut TestVerdict) {
        let outline = std::cell::OnceCell::new();
        let paths = || {
            outline
                .get_or_init(|| pattern_suggestions::paths(&self.plan))
                .as_slice()
        };
        for diagnostic in diagnostics::of_givens(&self.world, &self.plan, &paths) {
            verdict.findings.push(TestFinding {
                diagnostic,
                schedule: None,
            });
        }
        let mut nowhere = Vec::new();
        for expect in &self.expects {
            nowhere.push(diagnostics::of_expect(expect, &self.world.nodes, &paths));
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
            let events = self.replay(&way);
            let Some(expect) = self.expects.get(at) else {
                continue;
            };
            let world = &self.world;
            let diagnostic = diagnostics::broken(expect, &world.nodes, world.status, &events);
            let (events, left_out) = timeline::of_schedule(&events, &expect.patterns());
            let schedule = FailingSchedule {
                seed: way.own_seed(),
                failing,
                events,
                left_out,
            };
            verdict.findings.push(TestFinding {
                diagnostic,
                schedule: Some(schedule),
            });
        }
        for diagnostic in nowhere.into_iter().flatten() {
            verdict.findings.push(TestFinding {
                diagnostic,
                schedule: None,
            });
        }
        verdict
            .findings
            .sort_by_key(|finding| finding.diagnostic.span());
    }

    /// Everything that happens in a schedule.
    fn replay(&mut self, way: &ScheduleMode) -> Vec<(i64, RunEventKind)> {
        self.world.keeps = true;
        let trace = self.play(way);
        self.world.keeps = false;
        trace.events
    }
}

/// The value of an expression in a `given`.
fn given_value(plan: &Plan, expr: &Expr, locals: &Locals) -> Result<Value, Diagnostic> {
    plan.walk().eval(expr, locals).map_err(|halt| match halt {
        Halt::Fault(fault) => *fault,
        Halt::Unknown => {
            let message = "the value of this `given` is only known while running";
            Diagnostic::error(codes::GIVEN_VALUE, expr.span, message)
        }
    })
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<Name> {
    match list {
        Value::List(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(Name::from)
            .collect(),
        _ => Vec::new(),
    }
}

/// What a `given` says is deployed somewhere; nothing where nothing is.
fn deployed_version(
    program: &Program,
    parts: [&Expr; 3],
) -> Result<Option<DeployedVersion>, Diagnostic> {
    let mut values = Vec::new();
    for part in parts {
        values.push(match eval(part, &EmptyScope) {
            Ok(value) => value,
            Err(Halt::Fault(fault)) => return Err(*fault),
            Err(Halt::Unknown) => {
                let message = "what a test says is deployed must be written out";
                return Err(Diagnostic::error(codes::GIVEN_VALUE, part.span, message));
            }
        });
    }
    let [service, target, value] = values.as_slice() else {
        return Ok(None);
    };
    let Some(fields) = value.as_map() else {
        return Ok(None);
    };
    let text = |name: &str| match fields.get(name) {
        Some(Value::String(text)) => text.clone(),
        _ => Name::default(),
    };
    let age_ms = match fields.get("age") {
        Some(Value::Duration(ms)) => *ms,
        _ => 0,
    };
    Ok(Some(DeployedVersion {
        service: display(program, service).into(),
        target: display(program, target).into(),
        after: text("after"),
        since: text("since"),
        run: text("run"),
        age_ms,
    }))
}

/// What the `given`s say, evaluated.
fn rules(plan: &Plan, test: &Test) -> Result<Vec<GivenRule>, Vec<Diagnostic>> {
    let mut wrong = Vec::new();
    let mut rules = Vec::new();
    let locals = Locals::default();
    for stmt in &test.stmts {
        let then = match &stmt.kind {
            TestKind::GivenRun { then, .. } | TestKind::GivenNode { then, .. } => then,
            TestKind::GivenInput { .. }
            | TestKind::GivenDeployed { .. }
            | TestKind::Start { .. }
            | TestKind::ExpectStatus { .. }
            | TestKind::ExpectOrder { .. }
            | TestKind::ExpectCondition(_) => continue,
        };
        let then = match then {
            Given::Returns(value) => match given_value(plan, value, &locals) {
                Ok(value) => given::GivenEffect::Returns(value),
                Err(fault) => {
                    wrong.push(fault);
                    continue;
                }
            },
            Given::Fails(class) => given::GivenEffect::Fails(*class),
            Given::Refused => given::GivenEffect::Refused,
            Given::Approved(None) => given::GivenEffect::Approved(None),
            Given::Approved(Some(people)) => match given_value(plan, people, &locals) {
                Ok(people) => given::GivenEffect::Approved(Some(texts(&people))),
                Err(fault) => {
                    wrong.push(fault);
                    continue;
                }
            },
        };
        rules.extend(GivenRule::new(stmt, then));
    }
    match wrong.is_empty() {
        true => Ok(rules),
        false => Err(wrong),
    }
}
