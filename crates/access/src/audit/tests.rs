use std::io::Cursor;

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::tests::{Fresh, at, fresh, user};
use crate::{AccessError, AccessErrorKind};

fn entry(action: &str, object: &str) -> AuditEntry {
    AuditEntry {
        at: at(0),
        who: String::from("alice"),
        via: String::from("session"),
        client: String::from("192.0.2.1"),
        action: action.to_owned(),
        object: object.to_owned(),
        outcome: String::from("ok"),
        detail: Map::new(),
    }
}

fn filled(count: usize) -> Fresh {
    let fresh = fresh();
    for index in 0..count {
        append(
            fresh.store.connection(),
            &entry("run.start", &format!("run {index}")),
        )
        .unwrap();
    }
    fresh
}

fn lines(db: &Connection) -> String {
    let mut lines = String::new();
    export(db, 1, |line| {
        lines.push_str(line);
        lines.push('\n');
        Ok::<_, AccessError>(())
    })
    .unwrap();
    lines
}

/// Does what only somebody with access to the file can do.
fn tamper(db: &Connection, sql: &str) {
    let triggers = "DROP TRIGGER audit_is_not_updated; DROP TRIGGER audit_is_not_deleted;
                    DROP TRIGGER audit_is_appended;";
    db.execute_batch(triggers).unwrap();
    assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
}

fn broken(db: &Connection) -> AuditBreak {
    match verify(db) {
        Err(AuditFault::Break(found)) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_log_is_whole() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let db = store.connection();
    assert_eq!(verify(db).unwrap(), AuditHead::EMPTY);
    assert_eq!(head(db).unwrap(), AuditHead::EMPTY);
    assert_eq!(
        verify_since(db, &AuditHead::EMPTY).unwrap(),
        AuditHead::EMPTY
    );
    assert_eq!(
        verify_lines(Cursor::new("")).unwrap().head,
        AuditHead::EMPTY
    );
    let other = AuditHead {
        hash: [1; 32],
        ..AuditHead::EMPTY
    };
    assert!(verify_since(db, &other).is_err());
}

#[test]
fn a_head_is_written_and_read() {
    let Fresh {
        store,
        folder: _folder,
    } = filled(3);
    let found = head(store.connection()).unwrap();
    assert_eq!(found.to_string().parse(), Ok(found));
    assert_eq!(AuditHead::EMPTY.to_string().parse(), Ok(AuditHead::EMPTY));
    let digits = "0".repeat(63);
    for wrong in [
        "",
        "3",
        "3:",
        "x:00",
        &format!("3:{digits}"),
        &format!("3:{digits}é"),
        &format!("-1:{digits}0"),
        &format!("3:+{digits}"),
    ] {
        assert!(wrong.parse::<AuditHead>().is_err(), "{wrong}");
    }
}

#[test]
fn nothing_is_changed_or_deleted_through_the_database() {
    let Fresh {
        store,
        folder: _folder,
    } = filled(3);
    let db = store.connection();
    let copy = "INSERT OR REPLACE INTO audit SELECT seq, at_ms, 'bob', via, client, action, object,
                outcome, detail, previous, hash FROM audit WHERE seq = 2";
    let hole = "INSERT INTO audit SELECT seq + 9, at_ms, who, via, client, action, object,
                outcome, detail, previous, hash FROM audit WHERE seq = 2";
    let conflict = "INSERT INTO audit SELECT * FROM audit WHERE seq = 2
                    ON CONFLICT DO UPDATE SET who = 'bob'";
    for sql in [
        "UPDATE audit SET who = 'bob'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 3",
        copy,
        hole,
        conflict,
    ] {
        let error = db.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(verify(db).unwrap().seq, 3);
}

#[test]
fn every_change_of_a_field_is_found() {
    for column in [
        "at_ms", "who", "via", "client", "action", "object", "outcome", "detail",
    ] {
        let Fresh {
            store,
            folder: _folder,
        } = filled(4);
        let value = if column == "at_ms" { "7" } else { "'x'" };
        tamper(
            store.connection(),
            &format!("UPDATE audit SET {column} = {value} WHERE seq = 3"),
        );
        let found = broken(store.connection());
        assert_eq!(
            (found.seq, found.what.as_str()),
            (3, "was changed"),
            "{column}"
        );
    }
    for column in ["previous", "hash"] {
        let Fresh {
            store,
            folder: _folder,
        } = filled(4);
        let sql = format!("UPDATE audit SET {column} = zeroblob(32) WHERE seq = 3");
        tamper(store.connection(), &sql);
        assert_eq!(broken(store.connection()).seq, 3, "{column}");
    }
}

/// Whoever changes an entry and computes its hash anew must do so for all that follow.
#[test]
fn a_changed_entry_with_a_hash_of_its_own_is_found_at_the_next_one() {
    let Fresh {
        store,
        folder: _folder,
    } = filled(5);
    let db = store.connection();
    let mut record = entries(db, &AuditFilter::default()).unwrap().remove(2);
    assert_eq!(record.seq, 3);
    record.who = String::from("bob");
    record.hash = chain::hash(&record);
    tamper(db, "UPDATE audit SET who = 'bob' WHERE seq = 3");
    db.execute("UPDATE audit SET hash = ? WHERE seq = 3", [record.hash])
        .unwrap();
    let found = broken(db);
    assert_eq!(
        (found.seq, found.what.contains("does not follow")),
        (4, true)
    );
    let text = lines(db);
    assert_eq!(verify_lines(Cursor::new(&text)).unwrap_err().seq, 4);
    // Each line by itself is whole.
    assert!(text.lines().all(|line| verify_line(1, line).is_ok()));
}

#[test]
fn what_moves_from_one_field_to_the_next_is_found() {
    let Fresh {
        store,
        folder: _folder,
    } = filled(1);
    tamper(
        store.connection(),
        "UPDATE audit SET who = 'alic', via = 'e' || via",
    );
    assert_eq!(broken(store.connection()).seq, 1);
}

#[test]
fn holes_and_other_orders_are_found() {
    let Fresh {
        store,
        folder: _folder,
    } = filled(5);
    tamper(store.connection(), "DELETE FROM audit WHERE seq = 3");
    let found = broken(store.connection());
    assert_eq!(
        (found.seq, found.what.as_str()),
        (3, "is missing: 4 follows 2")
    );

    let Fresh {
        store,
        folder: _folder,
    } = filled(5);
    tamper(store.connection(), "DELETE FROM audit WHERE seq = 1");
    assert_eq!(broken(store.connection()).seq, 1);

    // The hole is closed.
    let Fresh {
        store,
        folder: _folder,
    } = filled(5);
    tamper(store.connection(), "DELETE FROM audit WHERE seq = 3");
    store
        .connection()
        .execute("UPDATE audit SET seq = seq - 1 WHERE seq > 3", [])
        .unwrap();
    assert_eq!(broken(store.connection()).seq, 3);

    let Fresh {
        store,
        folder: _folder,
    } = filled(5);
    tamper(
        store.connection(),
        "UPDATE audit SET seq = -2 WHERE seq = 2",
    );
    store
        .connection()
        .execute("UPDATE audit SET seq = 2 WHERE seq = 3", [])
        .unwrap();
    store
        .connection()
        .execute("UPDATE audit SET seq = 3 WHERE seq = -2", [])
        .unwrap();
    assert_eq!(broken(store.connection()).seq, 2);

    let Fresh {
        store,
        folder: _folder,
    } = filled(2);
    tamper(
        store.connection(),
        "UPDATE audit SET seq = -2 WHERE seq = 2",
    );
    assert_eq!(broken(store.connection()).seq, -2);
}

#[test]
fn a_head_finds_a_cut_end_and_a_log_that_was_written_anew() {
    let Fresh {
        store,
        folder: _folder,
    } = filled(5);
    let db = store.connection();
    let anchor = head(db).unwrap();
    assert_eq!(verify_since(db, &anchor).unwrap(), anchor);
    append(db, &entry("run.start", "more")).unwrap();
    assert_eq!(verify_since(db, &anchor).unwrap(), head(db).unwrap());
    assert_eq!(
        verify_since(db, &AuditHead::EMPTY).unwrap(),
        head(db).unwrap()
    );
    tamper(db, "DELETE FROM audit WHERE seq >= 5");
    // By itself, what is left is whole.
    assert_eq!(verify(db).unwrap().seq, 4);
    let cut = |fault| match fault {
        Err(AuditFault::Break(found)) => (found.seq, found.what),
        other => panic!("{other:?}"),
    };
    let (seq, what) = cut(verify_since(db, &anchor));
    assert_eq!((seq, what.contains("is missing")), (5, true));
    append(db, &entry("run.start", "another")).unwrap();
    append(db, &entry("run.start", "another")).unwrap();
    assert_eq!(verify(db).unwrap().seq, 6);
    let (seq, what) = cut(verify_since(db, &anchor));
    assert_eq!((seq, what.contains("written anew")), (5, true), "{what}");
    // The anchor's entry is missing, later ones are there.
    let Fresh {
        store,
        folder: _folder,
    } = filled(5);
    let db = store.connection();
    let anchor = verify_lines(Cursor::new(
        lines(db).lines().take(3).collect::<Vec<_>>().join("\n"),
    ));
    let anchor = anchor.unwrap().head;
    assert_eq!(anchor.seq, 3);
    tamper(db, "DELETE FROM audit WHERE seq = 3");
    assert_eq!(cut(verify_since(db, &anchor)).0, 3);
}

#[test]
fn what_is_found_is_filtered_and_paged() {
    let Fresh {
        store,
        folder: _folder,
    } = filled(10);
    let db = store.connection();
    let other = AuditEntry {
        who: String::from("bob"),
        ..entry("user.disable", "carol")
    };
    append(db, &other).unwrap();
    let seqs = |filter: AuditFilter| -> Vec<i64> {
        entries(db, &filter)
            .unwrap()
            .iter()
            .map(|it| it.seq)
            .collect()
    };
    let all = AuditFilter::default();
    assert_eq!(seqs(all.clone()), Vec::from_iter((1..=11).rev()));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        seqs(AuditFilter {
            who: some("bob"),
            ..all.clone()
        }),
        [11]
    );
    assert_eq!(
        seqs(AuditFilter {
            action: some("user.disable"),
            ..all.clone()
        }),
        [11]
    );
    assert_eq!(
        seqs(AuditFilter {
            object: some("run 4"),
            ..all.clone()
        }),
        [5]
    );
    let page = AuditFilter {
        who: some("alice"),
        before_seq: Some(9),
        limit: Some(3),
        ..all.clone()
    };
    assert_eq!(seqs(page), [8, 7, 6]);
    assert_eq!(
        seqs(AuditFilter {
            limit: Some(0),
            ..all
        }),
        [0i64; 0]
    );
}

#[test]
fn an_entry_is_a_part_of_the_transaction_that_it_tells_of() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let db = store.connection();
    let failed = store.in_transaction(|| {
        user(&store, "alice", true);
        append(db, &entry("user.create", "alice"))?;
        Err::<(), _>(AccessError::invalid("no"))
    });
    assert_eq!(failed.unwrap_err().kind, AccessErrorKind::Invalid);
    assert_eq!(head(db).unwrap(), AuditHead::EMPTY);
    store
        .in_transaction(|| {
            user(&store, "alice", true);
            append(db, &entry("user.create", "alice"))
        })
        .unwrap();
    assert_eq!(verify(db).unwrap().seq, 1);
}

#[test]
fn many_writers_make_one_chain() {
    let Fresh { store, folder } = fresh();
    let path = folder.path().join("server.db");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let store = crate::AccessStore::open(path).unwrap();
                for index in 0..25 {
                    append(
                        store.connection(),
                        &entry("a", &format!("{writer} {index}")),
                    )
                    .unwrap();
                }
            });
        }
    });
    assert_eq!(verify(store.connection()).unwrap().seq, 100);
    assert_eq!(
        entries(store.connection(), &AuditFilter::default())
            .unwrap()
            .len(),
        100
    );
}

/// The database to which this process is to write, in a test with several processes.
const WRITE_TO: &str = "LOCKSTEP_ACCESS_TEST_WRITE_TO";

/// What each process of the next test does.
#[test]
fn writes_for_the_test_with_several_processes() {
    let Some(path) = std::env::var_os(WRITE_TO) else {
        return;
    };
    let store = crate::AccessStore::open(path.as_ref()).unwrap();
    for index in 0..20 {
        append(
            store.connection(),
            &entry("a", &format!("{} {index}", std::process::id())),
        )
        .unwrap();
    }
}

#[test]
fn several_processes_make_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.db");
    let processes: Vec<_> = (0..4)
        .map(|_| {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "audit::tests::writes_for_the_test_with_several_processes",
                ])
                .env(WRITE_TO, &path)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let store = crate::AccessStore::open(&path).unwrap();
    assert_eq!(verify(store.connection()).unwrap().seq, 80);
}

#[test]
fn what_strangers_choose_is_cut_and_the_chain_stays_whole() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let db = store.connection();
    let mut long = entry("login", &"ä".repeat(3000));
    long.detail
        .insert(String::from("a"), Value::from("b".repeat(100_000)));
    let record = append(db, &long).unwrap();
    assert!(record.object.len() <= 1024 + '…'.len_utf8() && record.object.ends_with('…'));
    let detail = record.detail().unwrap();
    assert_eq!(detail.keys().collect::<Vec<_>>(), ["left-out-bytes"]);
    verify(db).unwrap();
    verify_lines(Cursor::new(lines(db))).unwrap();
}

#[test]
fn a_line_cannot_be_forged_by_what_is_in_it() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let db = store.connection();
    let evil = "a\n{\"seq\":2}\r\u{1b}[2J\u{202e}\u{9b}\u{2028}\u{feff}\"\\\u{e0041}é😀";
    append(db, &entry("login", evil)).unwrap();
    let text = lines(db);
    assert_eq!(text.lines().count(), 1);
    assert!(!text.trim_end().chars().any(is_unsafe_to_show), "{text}");
    let record = verify_line(1, text.trim_end()).unwrap();
    assert_eq!(record.object, evil);
    assert_eq!(record, entries(db, &AuditFilter::default()).unwrap()[0]);
    assert_eq!(
        shown("a\nb\u{1b}[2J\u{202e}é"),
        "a\\u{a}b\\u{1b}[2J\\u{202e}é"
    );
}

#[test]
fn exported_lines_are_checked_without_the_database() {
    let Fresh {
        store,
        folder: _folder,
    } = filled(5);
    let db = store.connection();
    let text = lines(db);
    let whole = verify_lines(Cursor::new(&text)).unwrap();
    assert_eq!(
        (whole.before, whole.head),
        (AuditHead::EMPTY, head(db).unwrap())
    );
    let all: Vec<&str> = text.lines().collect();
    let check = |lines: &[&str]| verify_lines(Cursor::new(lines.join("\n")));
    // A part is a chain that says where it begins.
    let part = check(&all[2..]).unwrap();
    assert_eq!((part.before.seq, part.head), (2, whole.head));
    assert_eq!(check(&all[..2]).unwrap().head, part.before);
    for (wrong, seq) in [
        (vec![all[0], all[2]], 2),
        (vec![all[1], all[0]], 1),
        (vec![all[0], all[0]], 1),
        (vec![all[0], "{}"], 2),
        (vec![all[0], "no json"], 2),
    ] {
        assert_eq!(check(&wrong).unwrap_err().seq, seq, "{wrong:?}");
    }
    for (from, to) in [
        ("alice", "bobby"),
        ("run 3", "run 2"),
        ("\"ok\"", "\"no\""),
        ("\"at\":\"2027", "\"at\":\"2026"),
        ("\"seq\":4", "\"seq\":4,\"more\":1"),
    ] {
        let changed = text.lines().nth(3).unwrap().replace(from, to);
        assert_ne!(changed, all[3], "{from}");
        assert_eq!(
            check(&[all[2], &changed]).unwrap_err().seq.min(4),
            if from.contains("seq") { 2 } else { 4 }
        );
    }
}

/// The bytes that are hashed are a part of the format: exports of today must be verified by
/// versions of tomorrow.
#[test]
fn the_hash_is_the_documented_one() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let record = append(store.connection(), &entry("login", "é")).unwrap();
    let mut bytes = b"lockstep audit 1\n".to_vec();
    bytes.extend(1i64.to_be_bytes());
    bytes.extend(at(0).as_millisecond().to_be_bytes());
    for text in ["alice", "session", "192.0.2.1", "login", "é", "ok", "{}"] {
        bytes.extend((text.len() as u64).to_be_bytes());
        bytes.extend(text.bytes());
    }
    bytes.extend([0; 32]);
    use sha2::Digest as _;
    let expected: [u8; 32] = sha2::Sha256::digest(&bytes).into();
    assert_eq!(record.hash, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_texts_come_out_as_they_went_in_and_any_changed_byte_is_found(
        texts in prop::collection::vec(any::<[String; 3]>(), 1..4),
        at_byte in any::<prop::sample::Index>(),
        by in 1u8..=255,
    ) {
        let Fresh { store, folder: _folder } = fresh();
        let db = store.connection();
        for [who, object, value] in &texts {
            let mut one = entry("a", object);
            one.who.clone_from(who);
            one.detail.insert(who.clone(), Value::from(value.as_str()));
            append(db, &one).unwrap();
        }
        let text = lines(db);
        let before = verify_lines(Cursor::new(&text)).unwrap();
        prop_assert_eq!(before.head, verify(db).unwrap());
        let mut found = entries(db, &AuditFilter::default()).unwrap();
        found.reverse();
        for (record, [who, object, value]) in found.iter().zip(&texts) {
            prop_assert_eq!((&record.who, &record.object), (who, object));
            prop_assert_eq!(&record.detail().unwrap()[who], value);
        }
        let mut bytes = text.clone().into_bytes();
        let index = at_byte.index(bytes.len() - 1);
        bytes[index] ^= by;
        if let Ok(after) = verify_lines(Cursor::new(&bytes)) {
            // Only where the bytes mean the same: an escape in other letters, a blank.
            let changed = String::from_utf8(bytes).unwrap();
            let read = |text: &str| -> Vec<Value> {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                lines.map(|line| serde_json::from_str(line).unwrap()).collect()
            };
            let same = |text: &str| -> Vec<String> {
                read(text).iter().map(|it| it.to_string().to_ascii_lowercase()).collect()
            };
            prop_assert_eq!(same(&changed), same(&text));
            prop_assert_eq!(after, before);
        }
    }
}
