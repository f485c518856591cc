//! Sessions of browsers.

use super::*;
use crate::{IDLE_LIMIT, LIFETIME, Via};

#[test]
fn a_session_is_found_by_its_cookie_alone() {
    let Fresh { store, folder } = fresh();
    let alice = user(&store, "alice", true).name;
    let long = "ä".repeat(400);
    let new = store
        .open_session(&alice, "192.0.2.1", &long, at(0))
        .unwrap();
    let token = new.token.reveal().to_owned();
    assert!(new.session.agent.len() <= 256);
    let found = store.session(&token, at(1)).unwrap().unwrap();
    assert_eq!(
        (found.user.name.clone(), found.principal.via.clone()),
        (alice, Via::Session)
    );
    assert!(found.principal.is_admin);
    for other in ["", &token[1..], &token.replace(|_| true, "A")] {
        assert!(store.session(other, at(1)).unwrap().is_none());
    }
    drop(store);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [&token, found.csrf.reveal()] {
            assert!(!bytes.windows(20).any(|it| it == &secret.as_bytes()[..20]));
        }
    }
}

#[test]
fn the_token_against_forged_requests_is_of_one_session() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let alice = user(&store, "alice", true).name;
    let open = || store.open_session(&alice, "a", "b", at(0)).unwrap();
    let (one, other) = (open(), open());
    let found = store.session(one.token.reveal(), at(1)).unwrap().unwrap();
    assert_eq!(found.csrf, one.csrf);
    assert!(found.is_csrf(one.csrf.reveal()));
    let wrong = [
        other.csrf.reveal(),
        "",
        one.token.reveal(),
        &one.csrf.reveal()[1..],
    ];
    assert!(wrong.iter().all(|text| !found.is_csrf(text)));
}

#[test]
fn a_session_ends_when_nothing_comes_and_in_any_case() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let alice = user(&store, "alice", true).name;
    let new = store.open_session(&alice, "a", "b", at(0)).unwrap();
    let token = new.token.reveal();
    let is_there = |time| store.session(token, time).unwrap().is_some();
    let second = Duration::from_secs(1);
    let mut time = at(0);
    while let Some(next) =
        Some(later(time, IDLE_LIMIT - second)).filter(|it| *it < later(at(0), LIFETIME))
    {
        assert!(is_there(next));
        time = next;
    }
    assert!(is_there(later(at(-1), LIFETIME)));
    assert!(!is_there(later(at(0), LIFETIME)));
    let new = store.open_session(&alice, "a", "b", at(0)).unwrap();
    assert_eq!(new.session.ends_at(), later(at(0), IDLE_LIMIT));
    let token = new.token.reveal();
    assert!(
        store
            .session(token, later(at(0), IDLE_LIMIT))
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .session(token, later(at(-1), IDLE_LIMIT))
            .unwrap()
            .is_some()
    );
}

#[test]
fn sessions_are_listed_and_ended_by_their_user() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user(&store, "root", true);
    let (alice, bob) = (
        user(&store, "alice", false).name,
        user(&store, "bob", false).name,
    );
    let open = |who, time| store.open_session(who, "a", "b", at(time)).unwrap();
    let (one, two, other) = (open(&alice, 0), open(&alice, 1), open(&bob, 2));
    let ids = |who: &UserName| -> Vec<i64> {
        store
            .sessions_of(who, at(3))
            .unwrap()
            .iter()
            .map(|it| it.id)
            .collect()
    };
    assert_eq!(ids(&alice), [two.session.id, one.session.id]);
    store.end_session(&bob, one.session.id).unwrap();
    assert_eq!(ids(&alice).len(), 2);
    store.end_session(&alice, one.session.id).unwrap();
    assert_eq!(ids(&alice), [two.session.id]);
    open(&alice, 3);
    assert_eq!(store.end_sessions(&alice, Some(two.session.id)).unwrap(), 1);
    assert_eq!(store.end_sessions(&alice, None).unwrap(), 1);
    assert_eq!(ids(&bob), [other.session.id]);
    store.set_disabled(&bob, true, at(4)).unwrap();
    assert!(ids(&bob).is_empty());
    assert!(store.open_session(&bob, "a", "b", at(5)).is_err());
    // Of rights that change the session knows at once.
    let new = open(&alice, 6);
    store.set_admin(&alice, true).unwrap();
    let found = store.session(new.token.reveal(), at(7)).unwrap().unwrap();
    assert!(found.principal.is_admin);
}

/// A page may show a session that is over: to end it must not end another one.
#[test]
fn the_number_of_a_session_that_is_over_is_not_given_again() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let alice = user(&store, "alice", false).name;
    let old = store.open_session(&alice, "a", "b", at(0)).unwrap();
    // It is removed when the next one is opened, as it is over.
    let new = store.open_session(&alice, "a", "b", later(at(0), IDLE_LIMIT));
    let new = new.unwrap().session;
    assert_ne!(new.id, old.session.id);
    store.end_session(&alice, old.session.id).unwrap();
    let left = store.sessions_of(&alice, later(at(1), IDLE_LIMIT)).unwrap();
    assert_eq!(left, [new]);
}
