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
