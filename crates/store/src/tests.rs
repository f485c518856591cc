//! The state directory alone: what is written can be read again, also by another process.

use super::*;
use lockstep_base::node_path::NodePath;
use lockstep_engine::run_event::{NodeKind, RunEventKind, Status};
use lockstep_engine::{
    Answer, ApprovalAnswer, EffectId, Event, FailureChoice, LockDemand, Question,
};
use lockstep_plan::{BoundInputs, RunFacts};
use lockstep_runtime::inbox::{InboxRequest, InboxRequestKind};
use lockstep_runtime::journal::{Journal as _, JournalEntry, JournalError, JournalRecord};
use lockstep_runtime::secrets::SecretVault;

fn bound() -> BoundInputs {
    bound_of("pipeline p { run \"true\" }\n")
}

fn bound_of(text: &str) -> BoundInputs {
    struct NoSources<'a>(&'a str);
    impl lockstep_base::world::Files for NoSources<'_> {
        fn read(&self, path: &str) -> Result<String, lockstep_base::world::FileError> {
            match path {
                "a.deploy" => Ok(String::from(self.0)),
                _ => Err(lockstep_base::world::FileError::NotFound),
            }
        }
    }
    impl lockstep_base::world::EnvironmentVariables for NoSources<'_> {
        fn var(&self, _: &str) -> Result<String, lockstep_base::world::VariableError> {
            Err(lockstep_base::world::VariableError::NotSet)
        }
    }
    let world = NoSources(text);
    let compiled = lockstep_lang::compile::compile(&world, "a.deploy");
    let program = compiled
        .program
        .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    lockstep_plan::bind(
        &program,
        &lockstep_plan::RunRequest::default(),
        &world,
        &world,
    )
    .unwrap()
}

pub(super) fn begin(store: &Store, id: &str) -> StoredRun {
    begin_bound(store, id, "2026-01-02T03:04:05.678Z", &bound())
}

fn begin_bound(store: &Store, id: &str, at: &str, bound: &BoundInputs) -> StoredRun {
    let vault = SecretVault::new(Vec::<String>::new());
    let new = NewRun {
        bound,
        vault: &vault,
        facts: RunFacts::new(id.into(), "ada".into(), at.parse().unwrap())
            .with_max_commands(Some(3)),
        inputs: serde_json::json!({ "tag": "v1" }),
        file: "a.deploy",
        folder: "/here",
        source_folders: &["/here".into()],
        seed: u64::MAX,
        parent: None,
        undoes: None,
    };
    let run = store.begin(&new).unwrap();
    let state = store.folder().to_string_lossy();
    assert_eq!(run.facts(), new.facts.clone().with_scratch_in(&state));
    assert_eq!(store.bound(&run).unwrap(), *bound);
    run
}

pub(super) fn record(seq: u64, event: Event, told: Vec<RunEventKind>) -> JournalRecord {
    JournalRecord {
        seq,
        at: jiff::Timestamp::from_millisecond(1000 + seq.cast_signed()).unwrap(),
        clock: seq.cast_signed(),
        what: JournalEntry::Event(event),
        told,
    }
}

#[test]
fn runs_are_found_by_the_beginning_of_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Store::open_existing(folder.path()).unwrap().is_none());
    let store = Store::open(folder.path()).unwrap();
    begin(&store, "r-aa1");
    begin(&store, "r-aa2");
    begin(&store, "r-b_%");
    let other = Store::open_existing(folder.path()).unwrap().unwrap();
    let ids = |prefix| {
        let runs = other.runs(prefix).unwrap();
        runs.into_iter()
            .map(|run| run.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("r-aa"), ["r-aa2", "r-aa1"]);
    assert_eq!(ids("r-b_"), ["r-b_%"]);
    assert_eq!(ids("r-_"), [""; 0]);
    assert_eq!(ids("").len(), 3);
    let run = other.runs("r-b").unwrap().remove(0);
    assert_eq!((run.seed, run.most, &*run.user), (u64::MAX, Some(3), "ada"));
    assert_eq!(run.inputs, serde_json::json!({ "tag": "v1" }));
    let programs: i64 = (store.db)
        .query_row("SELECT count(*) FROM programs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(programs, 1, "the same program is kept once");
}

#[test]
fn a_run_that_is_driven_is_not_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = begin(&store, "r-1");
    assert_eq!(run.status, RunStatus::Running);
    let error = store.claim(run.number).unwrap_err();
    let wanted = format!("run r-1 is being run by process {}", std::process::id());
    assert_eq!(error.message, wanted);
    // A process that no longer exists.
    (store.db)
        .execute("UPDATE runs SET owner_start = 'another boot:1'", [])
        .unwrap();
    if std::path::Path::new("/proc").exists() {
        assert_eq!(store.run(run.number).unwrap().status, RunStatus::Stopped);
        store.claim(run.number).unwrap();
        store.claim(run.number).unwrap_err();
    }
    store.release(run.number).unwrap();
    assert_eq!(store.run(run.number).unwrap().status, RunStatus::Stopped);
    store.claim(run.number).unwrap();
    let told = vec![RunEventKind::RunFinished {
        status: Status::RollbackFailed,
        failure: None,
    }];
    let mut journal = RunJournal::new(store.reopen().unwrap(), run.number);
    journal.write(&[record(1, Event::Start, told)]).unwrap();
    let error = store.claim(run.number).unwrap_err();
    assert_eq!(error.message, "run r-1 has ended: rollback-failed");
}

#[test]
fn a_journal_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (one, two) = (begin(&store, "r-1"), begin(&store, "r-2"));
    let told = |run: &StoredRun| {
        vec![RunEventKind::RunStarted {
            run: run.id.clone(),
            pipeline: run.pipeline.clone(),
            outside_window: None,
        }]
    };
    let mut records = Vec::new();
    for run in [&one, &two] {
        let mut journal = RunJournal::new(store.reopen().unwrap(), run.number);
        records = vec![
            record(1, Event::Start, told(run)),
            record(2, Event::Fired { id: EffectId(7) }, Vec::new()),
            record(3, Event::Cancel, Vec::new()),
        ];
        records[1].what = JournalEntry::Begun(EffectId(7));
        journal.write(&records[..1]).unwrap();
        journal.write(&records[1..]).unwrap();
    }
    let read = store.records(two.number).unwrap();
    records[0].told = told(&two);
    assert_eq!(read, records);
    assert_eq!(store.last_sequence(one.number).unwrap(), 3);
    let events = store.published_events(one.number, 1).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].seq, events[0].at.to_string().as_str()),
        (1, "1970-01-01T00:00:01.001Z")
    );
    assert_eq!(events[0].what, told(&one)[0]);
    (store.db)
        .execute("DELETE FROM journal WHERE seq = 2", [])
        .unwrap();
    assert_eq!(
        store.records(two.number).unwrap_err().kind,
        StoreErrorKind::Damaged
    );
}

#[test]
fn the_nodes_that_started_are_those_of_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = begin(&store, "r-1");
    let started = |node: &str| RunEventKind::NodeStarted {
        node: node.into(),
        kind: NodeKind::Run,
        text: Some(String::from(
            "echo '{\"event\":\"node-started\",\"node\":\"x\"}'",
        )),
        place: None,
        deployment: None,
    };
    let ended = |node: &str| RunEventKind::NodeFinished {
        node: node.into(),
        kind: NodeKind::Run,
        status: Status::Succeeded,
        failure: None,
        deployment: None,
    };
    let begun = RunEventKind::RunStarted {
        run: run.id.clone(),
        pipeline: run.pipeline.clone(),
        outside_window: None,
    };
    let strange = "p/serial[a \"b\"\n\\ é]/run";
    let mut journal = RunJournal::new(store.reopen().unwrap(), run.number);
    let told = [
        vec![begun, started("p/a"), ended("p/a"), started(strange)],
        Vec::new(),
        vec![ended(strange), started("p/a"), ended("p/a")],
    ];
    for (seq, told) in (1..).zip(told) {
        journal.write(&[record(seq, Event::Start, told)]).unwrap();
    }
    for (from, count) in [(1, 3), (2, 1), (3, 1), (4, 0)] {
        let mut found = Vec::new();
        let read = store.started_nodes(run.number, from, |node, at| {
            found.push((NodePath::read(node), at));
        });
        read.unwrap();
        let events = store.published_events(run.number, from).unwrap();
        let starts = events.into_iter().filter_map(|event| match event.what {
            RunEventKind::NodeStarted { node, .. } => Some((node, event.at)),
            _ => None,
        });
        assert_eq!(found, starts.collect::<Vec<_>>());
        assert_eq!(found.len(), count, "from {from}");
    }
    (store.db)
        .execute("UPDATE journal SET told = '[{}' WHERE seq = 3", [])
        .unwrap();
    let read = store.started_nodes(run.number, 1, |_, _| {});
    assert_eq!(read.unwrap_err().kind, StoreErrorKind::Damaged);
}

/// Makes the process of all runs one of another machine with its last heartbeat so long ago.
fn move_away(store: &Store, silent_ms: i64) {
    let update = "UPDATE runs SET owner_place = 'another boot pid:[1]', owner_host = 'elsewhere', \
        heard_at = ?";
    store
        .db
        .execute(update, [now().as_millisecond() - silent_ms])
        .unwrap();
}

#[test]
fn a_run_that_is_driven_elsewhere_is_claimed_when_nothing_was_heard_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = begin(&store, "r-1");
    // A number that no process here has: that proves nothing.
    store
        .db
        .execute("UPDATE runs SET owner = 1 << 30", [])
        .unwrap();
    move_away(&store, 7000);
    assert_eq!(store.run(run.number).unwrap().status, RunStatus::Running);
    let error = store.claim(run.number).unwrap_err();
    let wanted = "run r-1 is being run by process 1073741824 on elsewhere, last heartbeat 7 s \
                  ago; its lease expires after 60 s";
    assert_eq!(error.message, wanted);
    move_away(&store, 61_000);
    assert_eq!(store.run(run.number).unwrap().status, RunStatus::Stopped);
    store.claim(run.number).unwrap();
    assert_eq!(store.run(run.number).unwrap().status, RunStatus::Running);
}

#[test]
fn a_process_whose_run_was_taken_writes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = begin(&store, "r-1").number;
    let mut journal = RunJournal::new(store.reopen().unwrap(), run);
    journal
        .write(&[record(1, Event::Start, Vec::new())])
        .unwrap();
    move_away(&store, 61_000);
    let heard = |store: &Store| {
        store
            .run(run)
            .unwrap()
            .owner
            .unwrap()
            .heard_at
            .as_millisecond()
    };
    let before = heard(&store);
    journal.note_clock(7).unwrap();
    assert!(heard(&store) > before + 60_000);
    // Another run takes its locks over.
    let silent = LockChange {
        revoked: vec![run],
        silent: vec![run],
        ..LockChange::default()
    };
    store.change_locks(|_| silent).unwrap();
    let next = record(2, Event::Cancel, Vec::new());
    let error = journal.write(std::slice::from_ref(&next)).unwrap_err();
    assert_eq!(error, JournalError::Taken);
    journal.note_clock(9).unwrap_err();
    assert_eq!(store.records(run).unwrap().len(), 1);
    assert_eq!(store.run(run).unwrap().clock, 7);
    // It does not release what another one drives.
    store.claim(run).unwrap();
    store
        .db
        .execute("UPDATE runs SET owner = owner + 1", [])
        .unwrap();
    store.release(run).unwrap();
    assert!(store.run(run).unwrap().owner.is_some());
}

/// Migration of a directory of the first version.
#[test]
fn an_earlier_version_is_brought_up_to_date() {
    let (folder, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path()).unwrap();
    let run = begin(&store, "r-1").number;
    let mut journal = RunJournal::new(store.reopen().unwrap(), run);
    journal
        .write(&[record(1, Event::Start, Vec::new())])
        .unwrap();
    let db = Connection::open(old.path().join("state.db")).unwrap();
    db.execute_batch(MIGRATIONS[0]).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    let path = folder.path().join("state.db");
    db.execute("ATTACH ? AS new", [path.to_str().unwrap()])
        .unwrap();
    for table in ["programs", "runs"] {
        let columns = "SELECT group_concat(name) FROM pragma_table_info(?)";
        let columns: String = db.query_row(columns, [table], |row| row.get(0)).unwrap();
        let copy =
            format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}");
        db.execute(&copy, []).unwrap();
    }
    let copy = "INSERT INTO main.journal (key, at, clock, event, told) \
        SELECT key, at, clock, event, told FROM new.journal";
    db.execute(copy, []).unwrap();
    drop(db);
    let old = Store::open(old.path()).unwrap();
    let found = old.runs("").unwrap().remove(0);
    assert_eq!((&*found.id, found.status), ("r-1", RunStatus::Running));
    assert_eq!(old.bound(&found).unwrap(), bound());
    assert_eq!(old.records(run).unwrap(), store.records(run).unwrap());
    old.release(run).unwrap();
    old.claim(run).unwrap();
    let owner = old.run(run).unwrap().owner.unwrap();
    assert!(owner.is_within_sight() && !owner.place.is_empty());
}

#[test]
fn a_later_version_and_what_is_no_database_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.db.pragma_update(None, "user_version", 99).unwrap();
    let trouble = |folder: &Path| Store::open(folder).unwrap_err().kind;
    assert_eq!(trouble(folder.path()), StoreErrorKind::Later);
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("state.db"), "x".repeat(8192)).unwrap();
    assert_eq!(trouble(other.path()), StoreErrorKind::Damaged);
}

#[test]
fn locks_questions_requests_and_approvals_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = begin(&store, "r-1").number;
    let effect = EffectId(4);
    let holder = LockHolder { run, effect };
    let want = |name: &str| LockDemand {
        name: name.into(),
        limit: 2,
    };
    store
        .request_locks(holder, "p/stage", &[want("a"), want("b")])
        .unwrap();
    store
        .request_locks(holder, "p/stage", &[want("c")])
        .unwrap();
    let names = || {
        let locks = store.locks().unwrap();
        locks
            .into_iter()
            .map(|lock| lock.want.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(), ["a", "b"]);
    store.release_locks(holder, &["a".into()]).unwrap();
    assert_eq!(names(), ["b"]);
    store.release_locks(holder, &[]).unwrap();
    assert_eq!(names(), [""; 0]);

    let question = Question::Failed { text: "why".into() };
    store.put_question(run, effect, "p/ask", &question).unwrap();
    assert_eq!(store.questions(run).unwrap()[0].question, question);
    store.withdraw_question(run, effect).unwrap();
    assert!(store.questions(run).unwrap().is_empty());

    let asking = InboxRequestKind::Answer(effect, ApprovalAnswer::No("because".into()).into());
    let number = store.request(run, &asking, "bob", Some("sorry")).unwrap();
    store
        .request(run, &InboxRequestKind::Cancel, "bob", None)
        .unwrap();
    assert_eq!(store.requests(run).unwrap()[0].asking, asking);
    assert_eq!(store.request_status(number).unwrap(), RequestStatus::NotYet);
    let settled = InboxRequest {
        comment: Some("***".into()),
        asking: InboxRequestKind::Answer(effect, ApprovalAnswer::No("***".into()).into()),
        ..store.requests(run).unwrap().remove(0)
    };
    store.settle_request(&settled, Some("no")).unwrap();
    let of_it = "SELECT comment || answer FROM requests WHERE number = ?";
    let kept = |number: i64| store.db.query_row(of_it, [number], |row| row.get(0));
    let texts: Option<String> = kept(number).unwrap();
    let texts = texts.unwrap();
    assert!(
        !texts.contains("sorry") && !texts.contains("because"),
        "{texts}"
    );
    assert_eq!(
        store.request_status(number).unwrap(),
        RequestStatus::Refused("no".into())
    );
    assert_eq!(
        store.requests(run).unwrap()[0].asking,
        InboxRequestKind::Cancel
    );

    let approval = Approval {
        run,
        effect,
        node: "p/approve".into(),
        question: "really?".into(),
        answer: ApprovalAnswer::Yes.into(),
        uid: Some(7),
        who: "bob".into(),
        comment: None,
        plan_hash: "00".into(),
        answered_at: jiff::Timestamp::UNIX_EPOCH,
    }
    .now();
    store.insert_approval(&approval).unwrap();
    assert_eq!(store.approvals(run).unwrap(), [approval]);
}

/// As deep as a program can be nested.
#[test]
fn a_deep_program_is_read_as_it_was_written() {
    // Values may be nested less deeply than the expressions for them.
    let nested = |open: &str, close: &str| {
        let deep = if open == "[" { 45 } else { 60 };
        format!("{}n{}", open.repeat(deep), close.repeat(deep))
    };
    let text = format!(
        "pipeline p {{ let n = 1 let a = {} let b = {} let c = {} let d = {} {} log \"${{n}}\" {} }}",
        nested("(1 + ", ")"),
        nested("-(", ")"),
        nested("[", "]"),
        nested("(if n == 1 then ", " else 2)"),
        "serial { if n == 1 { ".repeat(20),
        "} } ".repeat(20),
    );
    let bound = bound_of(&text);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    begin_bound(&store, "r-1", "2026-01-02T03:04:05.678Z", &bound);
}

/// A runner may be killed after a lock was granted and before that is in its journal.
#[test]
fn a_lock_that_was_granted_unheard_is_heard_of_when_the_run_is_continued() {
    use crate::SharedLocks;
    use lockstep_engine::PendingLockRequest;
    use lockstep_runtime::locks::Locks as _;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = begin(&store, "r-1").number;
    let wants = vec![LockDemand {
        name: "db".into(),
        limit: 1,
    }];
    let mut locks = SharedLocks::new(&store, run).unwrap();
    for id in [4, 5] {
        let node = "p/lock[db]".into();
        locks.acquire(EffectId(id), &node, wants.clone()).unwrap();
    }
    assert_eq!(locks.granted().unwrap(), [EffectId(4)]);
    let request = PendingLockRequest {
        node: "p/lock[db]".into(),
        wants,
        queued: true,
        granted: false,
    };
    let requests = [4, 5].map(|id| (EffectId(id), request.clone()));
    let mut locks = SharedLocks::new(&store, run).unwrap();
    assert_eq!(locks.restore(&requests).unwrap(), []);
    assert_eq!(locks.granted().unwrap(), [EffectId(4)]);
    assert_eq!(locks.granted().unwrap(), []);
    locks.release(EffectId(4), &[]).unwrap();
    assert_eq!(locks.granted().unwrap(), [EffectId(5)]);
}

/// Also a run that was killed before anything of it was recorded is older than who came later.
#[test]
fn a_resumed_run_without_a_journal_hears_of_what_is_newer() {
    use crate::SharedLocks;
    use lockstep_runtime::locks::Locks as _;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (old, new) = (begin(&store, "r-1").number, begin(&store, "r-2").number);
    let deployment = lockstep_engine::run_event::DeploymentRecord {
        service: "web".into(),
        target: "prod.eu".into(),
        before: None,
        after: None,
        changed: None,
    };
    let started = lockstep_engine::run_event::RunEventKind::NodeStarted {
        node: "p/deploy[web, prod.eu]".into(),
        kind: lockstep_engine::run_event::NodeKind::Deploy,
        text: None,
        place: None,
        deployment: Some(deployment),
    };
    store.record_deployment(new, &started, now()).unwrap();
    for is_resumed in [true, false] {
        let locks = SharedLocks::new(&store, old).unwrap();
        let told = locks.resumed(is_resumed).deployed_meanwhile().unwrap();
        let later = told.unwrap_or_default().later;
        let blocks: Vec<bool> = later.iter().map(|it| it.blocks).collect();
        assert_eq!(blocks, [is_resumed]);
    }
    let forced = SharedLocks::new(&store, old).unwrap().resumed(true);
    let told = forced.forced(true).deployed_meanwhile().unwrap();
    assert_eq!(told.unwrap_or_default().later, []);
}

/// A run that is copied late is not what is there now.
#[test]
fn a_copy_has_deployments_in_the_order_of_their_times() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.mark_as_copy().unwrap();
    let store = store.reopen().unwrap();
    let (old, new) = (begin(&store, "r-1").number, begin(&store, "r-2").number);
    let begins = lockstep_engine::run_event::DeploymentRecord {
        service: "web".into(),
        target: "prod.eu".into(),
        before: None,
        after: None,
        changed: None,
    };
    let started = RunEventKind::NodeStarted {
        node: "p/deploy[web, prod.eu]".into(),
        kind: NodeKind::Deploy,
        text: None,
        place: None,
        deployment: Some(begins),
    };
    let later = now() + std::time::Duration::from_secs(1);
    store.record_deployment(new, &started, later).unwrap();
    store.record_deployment(old, &started, now()).unwrap();
    let runs: Vec<lockstep_base::source::Name> = (store.ledger().unwrap().into_iter())
        .map(|line| line.run)
        .collect();
    assert_eq!(runs, ["r-2".into()]);
}

fn ids(runs: &[StoredRun]) -> Vec<&str> {
    runs.iter().map(|run| &*run.id).collect()
}

/// They come to a copy in any order, and none is left out where a list is read in pages.
#[test]
fn a_copy_lists_runs_in_the_order_of_their_times() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.mark_as_copy().unwrap();
    for (id, at) in [("r-3", 3), ("r-1", 1), ("r-4", 4), ("r-0", 1), ("r-2", 2)] {
        let at = format!("2026-01-02T03:04:0{at}Z");
        begin_bound(&store, id, &at, &bound());
    }
    let expected = ["r-4", "r-3", "r-2", "r-0", "r-1"];
    assert_eq!(ids(&store.runs("").unwrap()), expected);
    assert_eq!(ids(&store.unended_runs().unwrap()), expected);
    let (mut read, mut before) = (Vec::new(), None);
    loop {
        let page = store.runs_before(before, 2).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        read.extend(page);
    }
    assert_eq!(ids(&read), expected);
    let new = store.stored_after(read[1].number).unwrap();
    assert_eq!(new.len(), 4, "{new:?}");
}

/// Who remembers a number would take another run for the one that is gone.
#[test]
fn the_number_of_a_forgotten_run_is_not_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let first = begin(&store, "r-1");
    let last = begin(&store, "r-2");
    for (run, seq) in [(&first, 1), (&last, 1)] {
        let ended = RunEventKind::RunFinished {
            status: Status::Succeeded,
            failure: None,
        };
        let mut journal = RunJournal::new(store.reopen().unwrap(), run.number);
        let written = journal.write(&[record(seq, Event::Start, vec![ended])]);
        written.unwrap();
    }
    assert!(store.forget(&last).unwrap());
    assert_eq!(store.last_number().unwrap(), last.number);
    let new = begin(&store, "r-3");
    assert!(new.number > last.number);
    assert_eq!(store.stored_after(last.number).unwrap(), [new.number]);
    assert_eq!(store.stored_after(first.number).unwrap(), [new.number]);
}

#[test]
fn a_copy_of_an_engine_and_runs_of_this_machine_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.refuse_copy().unwrap();
    begin(&store, "r-1");
    let refused = store.mark_as_copy().unwrap_err();
    assert!(refused.message.contains("no engine drives"), "{refused:?}");
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.mark_as_copy().unwrap();
    begin(&store, "r-1");
    store.mark_as_copy().unwrap();
    let refused = store.refuse_copy().unwrap_err();
    assert!(refused.message.contains("--engine"), "{refused:?}");
}

#[test]
fn an_answer_fits_its_question() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (run, effect) = (begin(&store, "r-1").number, EffectId(7));
    let question = Question::Failed { text: "why".into() };
    store.put_question(run, effect, "p/run", &question).unwrap();
    let asked = store.questions(run).unwrap().remove(0);
    let answer = |answer: Answer| store.answer(&asked, &answer, "bob", None).unwrap();
    assert_eq!(answer(ApprovalAnswer::Yes.into()), AnswerStatus::Unfit);
    assert!(store.requests(run).unwrap().is_empty());
    let given = answer(FailureChoice::Retry.into());
    assert!(matches!(given, AnswerStatus::Given(_)), "{given:?}");
}

#[test]
fn a_question_of_before_is_still_read() {
    let stored = r#"{"Approve":{"text":"Ship it?","by":["ops"]}}"#;
    let read: Question = serde_json::from_str(stored).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), stored);
}
