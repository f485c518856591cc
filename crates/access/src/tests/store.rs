//! The database file.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::{AccessError, AccessErrorKind, Right, Who};

#[test]
fn the_file_is_its_owners_alone_and_shared_with_other_tables() {
    let Fresh { folder, store } = fresh();
    let db = store.connection();
    db.execute_batch("CREATE TABLE other (a); PRAGMA user_version = 7")
        .unwrap();
    user(&store, "alice", true);
    for file in ["server.db", "server.db-wal", "server.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let again = AccessStore::open(&folder.path().join("server.db")).unwrap();
    assert_eq!(again.users().unwrap().len(), 1);
    let version: i64 = (again.connection())
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 7);
}

#[test]
fn a_file_that_others_may_read_is_closed_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.db");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    AccessStore::open(&path).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_later_version_and_what_is_no_database_are_refused() {
    let Fresh { folder, store } = fresh();
    store
        .connection()
        .execute("UPDATE access_schema SET version = 99", [])
        .unwrap();
    let error = AccessStore::open(&folder.path().join("server.db")).unwrap_err();
    assert_eq!(error.kind, AccessErrorKind::Later);
    let other = folder.path().join("other.db");
    std::fs::write(
        &other,
        "no database at all, but long enough to be one ".repeat(100),
    )
    .unwrap();
    let error = AccessStore::open(&other).unwrap_err();
    assert_eq!(error.kind, AccessErrorKind::Damaged, "{error}");
    let error = AccessStore::open(&folder.path().join("missing/server.db")).unwrap_err();
    assert_eq!(error.kind, AccessErrorKind::ReadOnly, "{error}");
}

/// Of a database of the first version everything is there, with its numbers.
#[test]
fn an_earlier_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(include_str!("../schema.sql")).unwrap();
    db.execute_batch(
        "CREATE TABLE access_schema (version INTEGER NOT NULL) STRICT;
         INSERT INTO access_schema VALUES (1);
         DELETE FROM grants WHERE id = 2;
         INSERT INTO users (id, name, display_name, created_ms) VALUES (4, 'alice', '', 1);
         INSERT INTO sessions VALUES (7, x'00', 4, 'a', 'b', 1, 1);",
    )
    .unwrap();
    let numbers = |db: &rusqlite::Connection, table: &str| -> Vec<i64> {
        let mut rows = db
            .prepare(&format!("SELECT id FROM {table} ORDER BY id"))
            .unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    };
    let before = ["users", "sessions", "grants"].map(|table| numbers(&db, table));
    drop(db);
    let store = AccessStore::open(&path).unwrap();
    let after = ["users", "sessions", "grants"].map(|table| numbers(store.connection(), table));
    assert_eq!(before, after);
    let new = store.open_session(&name("alice"), "a", "b", at(0)).unwrap();
    assert_eq!(new.session.id, 8);
}

/// A page may show a grant that is gone: to take it back must not take back another one.
#[test]
fn the_number_of_a_grant_that_is_gone_is_not_given_again() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let last = store.grants().unwrap().pop().unwrap();
    store.revoke_grant(last.id).unwrap();
    let new = store.grant(&last.grant).unwrap();
    assert_ne!(new.id, last.id);
    assert!(store.revoke_grant(last.id).is_err());
}

#[test]
fn many_threads_can_create_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.db");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| AccessStore::open(&path).unwrap().grants().unwrap().len()))
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 12);
        }
    });
}

#[test]
fn a_transaction_is_whole_or_nothing_also_within_another() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let failed = store.in_transaction(|| {
        user(&store, "alice", true);
        Err::<(), _>(AccessError::invalid("no"))
    });
    assert!(failed.is_err());
    assert!(store.has_no_users().unwrap());
    let done: Result<(), AccessError> = store.in_transaction(|| {
        user(&store, "alice", true);
        let inner = store.in_transaction(|| {
            user(&store, "bob", true);
            store.in_transaction(|| {
                user(&store, "carol", true);
                Ok::<_, AccessError>(())
            })?;
            Err::<(), _>(AccessError::invalid("no"))
        });
        assert!(inner.is_err());
        Ok(())
    });
    done.unwrap();
    let names: Vec<_> = store
        .users()
        .unwrap()
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, [name("alice")]);
}

#[test]
fn a_panic_takes_a_transaction_back() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.in_transaction(|| -> Result<(), AccessError> {
            user(&store, "alice", true);
            panic!("on purpose");
        })
    }));
    assert!(broken.is_err());
    assert!(store.has_no_users().unwrap());
    user(&store, "bob", true);
}

#[test]
fn a_new_database_lets_every_user_do_everything_but_two_things() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let grants = store.grants().unwrap();
    let count =
        |is: &dyn Fn(&crate::Grant) -> bool| grants.iter().filter(|it| is(&it.grant)).count();
    assert_eq!(count(&|grant| grant.who == Who::Everyone), 10);
    assert_eq!(count(&|grant| matches!(grant.who, Who::Trigger(_))), 2);
    assert_eq!(count(&|grant| grant.right == Right::FreezeException), 0);
    assert_eq!(count(&|grant| grant.right == Right::Admin), 0);
}
