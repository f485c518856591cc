//! Logins with passwords, and their limits.

use super::*;
use crate::LoginError;

const CLIENT: &str = "192.0.2.1";

fn retry_after(result: Result<User, LoginError>) -> u64 {
    match result {
        Err(LoginError::Throttled { retry_after }) => retry_after.as_secs(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_password_of_an_enabled_user_is_accepted() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user_with_password(&store, "alice");
    user_with_password(&store, "bob");
    user(&store, "carol", true);
    store.set_disabled(&name("bob"), true, at(1)).unwrap();
    let alice = store.log_in(" Alice", PASSWORD, CLIENT, at(1)).unwrap();
    assert_eq!(alice.name, name("alice"));
    let long = "a".repeat(100_000);
    for (who, text) in [
        ("alice", "correct horse batterY"),
        ("alice", ""),
        ("alice", &long),
        ("bob", PASSWORD),
        ("carol", PASSWORD),
        ("carol", ""),
        ("dave", PASSWORD),
        ("no name", PASSWORD),
        (&long, PASSWORD),
    ] {
        let client = format!("{who}.example");
        assert_eq!(
            store.log_in(who, text, &client, at(2)),
            Err(LoginError::Wrong),
            "{who}"
        );
    }
}

/// The time for which a processor has worked for this thread: not that for which it waited.
fn work() -> Duration {
    let worked = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(worked).unwrap()
}

#[test]
fn a_user_who_does_not_exist_costs_the_same_work() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user_with_password(&store, "alice");
    let fastest = |who: &str| {
        let times = (0..4).map(|at_second| {
            let begin = work();
            let client = format!("{at_second}.{who}.example");
            assert!(
                store
                    .log_in(who, "wrong password", &client, at(at_second))
                    .is_err()
            );
            work() - begin
        });
        times.min().unwrap().as_secs_f64()
    };
    let ratio = fastest("alice") / fastest("nobody");
    assert!((0.4..2.5).contains(&ratio), "{ratio}");
}

#[test]
fn a_hash_of_an_old_cost_is_replaced_at_the_next_login() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user(&store, "alice", false);
    // Made with m=256, t=1 and p=1.
    let old = "$argon2id$v=19$m=256,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$";
    let hash = crate::password::tests::cheap_hash(PASSWORD, "somesaltsomesalt");
    let db = store.connection();
    db.execute("UPDATE users SET password = ?", [format!("{old}{hash}")])
        .unwrap();
    store.log_in("alice", PASSWORD, CLIENT, at(1)).unwrap();
    let stored: String = db
        .query_row("SELECT password FROM users", [], |row| row.get(0))
        .unwrap();
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
    store.log_in("alice", PASSWORD, CLIENT, at(2)).unwrap();
}

#[test]
fn after_five_failures_each_one_doubles_the_delay() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user_with_password(&store, "alice");
    let try_at = |time, text: &str| store.log_in("alice", text, CLIENT, at(time));
    for time in 0..5 {
        assert_eq!(try_at(time, "wrong"), Err(LoginError::Wrong));
    }
    // The right password has to wait, too.
    assert_eq!(
        retry_after(store.log_in("ALICE", PASSWORD, CLIENT, at(4))),
        1
    );
    assert_eq!(try_at(5, "wrong"), Err(LoginError::Wrong));
    assert_eq!(retry_after(try_at(5, PASSWORD)), 2);
    assert_eq!(retry_after(try_at(6, PASSWORD)), 1);
    assert!(try_at(7, PASSWORD).is_ok());
    // All is forgotten.
    for time in 8..13 {
        assert_eq!(try_at(time, "wrong"), Err(LoginError::Wrong));
    }
    assert_eq!(retry_after(try_at(12, PASSWORD)), 1);
}

#[test]
fn the_delay_is_at_most_a_quarter_of_an_hour_even_if_the_clock_is_set_back() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let mut time = 0;
    let mut longest = 0;
    for _ in 0..40 {
        match store.begin_attempt("nobody", CLIENT, at(time)).unwrap() {
            Ok(_) => {}
            Err(delay) => {
                longest = longest.max(delay.as_secs());
                time += i64::try_from(delay.as_secs()).unwrap();
            }
        }
    }
    assert_eq!(longest, 15 * 60);
    store
        .begin_attempt("nobody", CLIENT, at(time + 900))
        .unwrap()
        .unwrap();
    let delay = store
        .begin_attempt("nobody", CLIENT, at(time - 100_000))
        .unwrap()
        .unwrap_err();
    assert_eq!(delay.as_secs(), 15 * 60);
    // A day later it begins anew.
    store
        .begin_attempt("nobody", CLIENT, at(time + 90_000))
        .unwrap()
        .unwrap();
    store
        .begin_attempt("nobody", CLIENT, at(time + 90_000))
        .unwrap()
        .unwrap();
}

#[test]
fn tries_at_once_are_counted_before_they_are_over() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let begun: Vec<_> = (0..8)
        .map(|_| store.begin_attempt("alice", CLIENT, at(0)).unwrap())
        .collect();
    assert_eq!(begun.iter().filter(|it| it.is_ok()).count(), 5);
}

#[test]
fn an_address_has_a_limit_of_its_own_that_a_login_does_not_lift() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let mut succeeded = 0;
    for index in 0..20 {
        // All of one network.
        let client = format!("2001:db8:1:2::{index:x}");
        let tried = store
            .begin_attempt(&format!("user{index}"), &client, at(0))
            .unwrap();
        let tried = tried.unwrap();
        if index % 2 == 0 {
            continue;
        }
        succeeded += 1;
        store.attempt_succeeded(tried, at(0)).unwrap();
    }
    assert_eq!(succeeded, 10);
    for index in 0..10 {
        let client = format!("2001:db8:1:2:ffff::{index:x}");
        store
            .begin_attempt(&format!("other{index}"), &client, at(0))
            .unwrap()
            .unwrap();
    }
    assert!(
        store
            .begin_attempt("more", "2001:db8:1:2::1", at(0))
            .unwrap()
            .is_err()
    );
    assert!(
        store
            .begin_attempt("more", "2001:db8:1:3::1", at(0))
            .unwrap()
            .is_ok()
    );
}

#[test]
fn a_name_is_limited_everywhere_but_where_its_user_was_before() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let known = store
        .begin_attempt("alice", CLIENT, at(0))
        .unwrap()
        .unwrap();
    store.attempt_succeeded(known, at(0)).unwrap();
    for index in 0..50 {
        let client = format!("198.51.100.{index}");
        store
            .begin_attempt("alice", &client, at(1))
            .unwrap()
            .unwrap();
    }
    assert!(
        store
            .begin_attempt("alice", "203.0.113.1", at(1))
            .unwrap()
            .is_err()
    );
    let known = store
        .begin_attempt("alice", CLIENT, at(1))
        .unwrap()
        .unwrap();
    store.attempt_succeeded(known, at(1)).unwrap();
    // Nor does what others do at the same address keep the user out.
    for index in 0..30 {
        let _ = store
            .begin_attempt(&format!("user{index}"), CLIENT, at(1))
            .unwrap();
    }
    assert!(store.begin_attempt("more", CLIENT, at(1)).unwrap().is_err());
    let known = store
        .begin_attempt("alice", CLIENT, at(1))
        .unwrap()
        .unwrap();
    store.attempt_succeeded(known, at(1)).unwrap();
    // After a month it is not known any more. A name that does not exist has the same limits.
    let month = 31 * 24 * 60 * 60;
    for (third, who) in [(100, "alice"), (101, "nobody")] {
        for index in 0..50 {
            let client = format!("198.51.{third}.{index}");
            store
                .begin_attempt(who, &client, at(month))
                .unwrap()
                .unwrap();
        }
        assert!(
            store
                .begin_attempt(who, CLIENT, at(month))
                .unwrap()
                .is_err(),
            "{who}"
        );
    }
}

#[test]
fn what_was_typed_as_a_name_is_not_stored() {
    let Fresh { store, folder } = fresh();
    assert!(
        store
            .log_in("my secret password", "x", CLIENT, at(0))
            .is_err()
    );
    drop(store);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|it| it == b"my secret"));
    }
}

#[test]
fn a_change_of_the_password_ends_the_other_sessions() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let alice = user_with_password(&store, "alice").name;
    let open = || {
        store
            .open_session(&alice, CLIENT, "browser", at(0))
            .unwrap()
    };
    let (mine, other) = (open(), open());
    let new = password("another long password");
    let keep = Some(mine.session.id);
    let wrong = store.change_password(&alice, "wrong", &new, CLIENT, keep, at(1));
    assert_eq!(wrong, Err(LoginError::Wrong));
    assert!(
        store
            .session(other.token.reveal(), at(1))
            .unwrap()
            .is_some()
    );
    store
        .change_password(&alice, PASSWORD, &new, CLIENT, keep, at(1))
        .unwrap();
    assert!(store.session(mine.token.reveal(), at(1)).unwrap().is_some());
    assert!(
        store
            .session(other.token.reveal(), at(1))
            .unwrap()
            .is_none()
    );
    assert!(store.log_in("alice", PASSWORD, CLIENT, at(2)).is_err());
    assert!(
        store
            .log_in("alice", "another long password", CLIENT, at(2))
            .is_ok()
    );
}
