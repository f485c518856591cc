//! A run that a bug of the program itself stops: it prints a report, and can be shown and resumed
//! afterwards.

use std::path::PathBuf;
use std::sync::Arc;

use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::RunEvent;
use lockstep_engine::{Breach, EffectId, LockDemand, Machine, PendingLockRequest, Question};
use lockstep_plan::Plan;
use lockstep_runtime::clock::SystemClock;
use lockstep_runtime::driver::{
    AnswerSender, DriveError, DriverExit, Platform, RecordedRun, RunHost, RunPersistence,
    RunSettings, drive,
};
use lockstep_runtime::http::NoHttp;
use lockstep_runtime::locks::{Locks, LocksError};
use lockstep_runtime::process::SystemSpawner;
use lockstep_runtime::replay::replay;
use lockstep_runtime::secrets::SecretVault;
use lockstep_runtime::shown_events::EventRedactor;
use lockstep_store::{RunJournal, Store};

use super::durable::{killed, says};
use super::latches::log;
use crate::support::Test;

/// Changes the journal of the test's run.
fn change(test: &Test, text: &str) {
    let database = rusqlite::Connection::open(test.path(".lockstep/state.db"));
    let database = database.expect("a database");
    database.execute_batch(text).expect("a change");
}

/// The run can be shown and, once the bug is fixed, is resumed to its end.
#[track_caller]
fn goes_on(test: &Test) {
    let shown = says(test, &["show"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("one"), "{}", shown.stdout);
    std::fs::write(test.path("go"), "").expect("a file");
    let said = says(test, &["resume"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(log(test), ["one v1", "other", "waited", "last three"]);
}

#[test]
fn a_journal_that_breaks_a_rule_of_the_machine_stops_the_run_with_a_report() {
    let test = killed();
    // The result of a command is recorded as if it were a timer's.
    let wrong = r#"
        CREATE TABLE before AS SELECT key, event FROM journal WHERE seq = 2;
        UPDATE journal SET event = '{"Event":{"Fired":{"id":1}}}' WHERE seq = 2;
    "#;
    change(&test, wrong);
    let said = says(&test, &["resume"]);
    assert_eq!(said.code, 5, "{}\n{}", said.stdout, said.stderr);
    for part in [
        "was stopped: internal error in lockstep",
        "`lockstep show r-",
        "`lockstep resume r-",
        "what     the event does not answer what effect 1 asked for",
        "node     p/one/run (tree ",
        "state    running, effect, try 1, not stopping",
        "event    Fired of effect 1, at ",
        "where    crates/engine/src/begin_statement.rs:",
        concat!("version  ", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(said.stderr.contains(part), "{part}\n{}", said.stderr);
    }
    let right = "
        UPDATE journal SET event = (SELECT event FROM before) WHERE seq = 2;
        DROP TABLE before;
    ";
    change(&test, right);
    goes_on(&test);
}

/// Reports a command as a lock, and that it is held.
struct WrongLocks(Option<EffectId>);

impl Locks for WrongLocks {
    fn restore(
        &mut self,
        _: &[(EffectId, PendingLockRequest)],
    ) -> Result<Vec<EffectId>, LocksError> {
        Ok(Vec::new())
    }

    fn acquire(&mut self, _: EffectId, _: &NodePath, _: Vec<LockDemand>) -> Result<(), LocksError> {
        Ok(())
    }

    fn release(&mut self, _: EffectId, _: &[Name]) -> Result<(), LocksError> {
        Ok(())
    }

    fn granted(&mut self) -> Result<Vec<EffectId>, LocksError> {
        Ok(self.0.take().into_iter().collect())
    }
}

struct Nobody;

impl RunHost for Nobody {
    fn observe(&mut self, _: &RunEvent) {}

    fn ask(&mut self, _: &NodePath, _: &Question, _: AnswerSender) {}
}

#[test]
fn a_run_whose_machine_breaks_a_rule_ends_broken_and_goes_on_where_it_was() {
    let test = killed();
    let store = Store::open_existing(&test.path(".lockstep"));
    let store = store.expect("a state directory").expect("it is there");
    let run = store.runs("").expect("runs").remove(0);
    let run = store.claim(run.number).expect("it can be continued");
    let plan = Plan::new(store.bound(&run).expect("a plan")).expect("a plan");
    let plan = Arc::new(plan);
    let records = store.records(run.number).expect("a journal");
    let before = records.len();
    let mut machine = Machine::new(plan.clone(), run.facts(), run.seed);
    let mut redactor = EventRedactor::new(Arc::new(SecretVault::new(Vec::<String>::new())));
    let replayed = replay(&mut machine, records.clone(), &mut redactor, |_, _, _| {});
    let replayed = replayed.expect("it fits");
    let command = replayed.left.commands.keys().next().copied();
    let journal = RunJournal::new(store.reopen().expect("a connection"), run.number);
    let keeping = RunPersistence {
        journal: Some(Box::new(journal)),
        past: RecordedRun {
            records,
            clock: run.clock,
            ..RecordedRun::default()
        },
        locks: Box::new(WrongLocks(command)),
        logs: Some(store.run_logs(&run.id)),
        ..RunPersistence::default()
    };
    let folder = test.path("");
    let settings = RunSettings {
        found_programs: Default::default(),
        run: run.facts(),
        seed: run.seed,
        max: 8,
        folder: std::sync::Arc::new(move |_| PathBuf::from(&folder)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let platform = Platform {
        clock: Arc::new(SystemClock::new()),
        spawner: Arc::new(SystemSpawner::new(&std::env::temp_dir()).expect("a folder")),
        http: Arc::new(NoHttp),
    };
    let vault = Arc::new(SecretVault::new([] as [&str; 0]));
    let (_control, controls) = tokio::sync::mpsc::unbounded_channel();
    let mut host = Nobody;
    let driven = drive(
        plan, vault, platform, settings, keeping, &mut host, controls,
    );
    let ending = runtime.block_on(driven);
    let DriverExit::Broken(DriveError::Machine(broken)) = ending else {
        panic!("it ends with a report, not {ending:?}");
    };
    let command = command.expect("a command is under way");
    assert_eq!(broken.breach, Breach::WrongAnswer(command));
    let node = broken.node.expect("it is about a node");
    assert_eq!(&*node.path, "p/parallel/run");
    // The event that the machine could not handle is not in the journal, that of the resumption is.
    assert_eq!(store.records(run.number).expect("it").len(), before + 1);
    store.release(run.number).expect("it is free");
    goes_on(&test);
}
