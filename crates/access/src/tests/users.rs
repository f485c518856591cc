//! Users and groups.

use super::*;
use crate::{AccessErrorKind, Grant, MembershipSource, On, Pattern, Right, Who};

#[test]
fn a_name_is_taken_once_whatever_its_case() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let alice = user(&store, "Alice", false);
    assert_eq!(alice.name.as_str(), "alice");
    assert_eq!(alice.display_name, "alice");
    let again = NewUser {
        name: name("ALICE"),
        display_name: String::from("Another"),
        email: None,
        password: None,
        is_admin: false,
    };
    let error = store.create_user(&again, at(1)).unwrap_err();
    assert_eq!(error.kind, AccessErrorKind::Exists);
    let unclean = NewUser {
        name: name("bob"),
        display_name: String::from("Bob\u{1b}[2J"),
        ..again
    };
    let error = store.create_user(&unclean, at(1)).unwrap_err();
    assert_eq!(error.kind, AccessErrorKind::Invalid);
}

#[test]
fn the_last_administrator_stays_one() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user(&store, "alice", true);
    user(&store, "bob", false);
    for refused in [
        store.set_admin(&name("alice"), false),
        store.set_disabled(&name("alice"), true, at(1)),
    ] {
        assert_eq!(refused.unwrap_err().kind, AccessErrorKind::Refused);
    }
    let alice = store.user(&name("alice")).unwrap().unwrap();
    assert!(alice.is_admin && !alice.is_disabled);
    store.set_admin(&name("bob"), true).unwrap();
    store.set_disabled(&name("bob"), true, at(1)).unwrap();
    // One who is disabled does not count.
    assert!(store.set_admin(&name("alice"), false).is_err());
    store.set_disabled(&name("bob"), false, at(2)).unwrap();
    store.set_admin(&name("alice"), false).unwrap();
    let error = store.set_admin(&name("nobody"), true).unwrap_err();
    assert_eq!(error.kind, AccessErrorKind::NotFound);
}

#[test]
fn what_a_provider_says_of_groups_leaves_the_others_alone() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user(&store, "alice", false);
    store.create_group(&group("ops")).unwrap();
    assert_eq!(
        store.create_group(&group("ops")).unwrap_err().kind,
        AccessErrorKind::Exists
    );
    store.add_member(&group("ops"), &name("alice")).unwrap();
    store.add_member(&group("ops"), &name("alice")).unwrap();
    let (_, id) = store.numbered_user(&name("alice")).unwrap();
    store
        .set_provider_groups(id, &[group("ops"), group("/dev"), group("/dev")])
        .unwrap();
    assert_eq!(
        store.groups_of(&name("alice")).unwrap(),
        [group("/dev"), group("ops")]
    );
    let ops = store
        .groups()
        .unwrap()
        .into_iter()
        .find(|it| it.name == group("ops"))
        .unwrap();
    let sources: Vec<_> = ops.members.iter().map(|it| it.source).collect();
    assert_eq!(
        sources,
        [MembershipSource::Manual, MembershipSource::Provider]
    );
    store.set_provider_groups(id, &[]).unwrap();
    assert_eq!(store.groups_of(&name("alice")).unwrap(), [group("ops")]);
    store.set_provider_groups(id, &[group("ops")]).unwrap();
    store.remove_member(&group("ops"), &name("alice")).unwrap();
    // The provider's membership is ended by the provider.
    assert_eq!(store.groups_of(&name("alice")).unwrap(), [group("ops")]);
    assert!(store.remove_member(&group("ops"), &name("alice")).is_err());
    assert!(store.add_member(&group("none"), &name("alice")).is_err());
}

#[test]
fn a_group_that_is_made_again_does_not_find_old_grants() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    store.create_group(&group("ops")).unwrap();
    let grant = Grant {
        who: Who::Group(group("ops")),
        right: Right::FreezeException,
        on: On::Targets(Pattern::all()),
    };
    let one = store.grant(&grant).unwrap();
    assert_eq!(store.grant(&grant).unwrap(), one);
    store.delete_group(&group("ops")).unwrap();
    store.create_group(&group("ops")).unwrap();
    assert!(store.grants().unwrap().iter().all(|it| it.grant != grant));
}

#[test]
fn a_grant_is_of_somebody_who_exists_and_never_of_administration() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user(&store, "alice", false);
    let on = On::Pipelines(Pattern::all());
    for (who, right, kind) in [
        (
            Who::User(name("bob")),
            Right::Run,
            AccessErrorKind::NotFound,
        ),
        (
            Who::Group(group("ops")),
            Right::Run,
            AccessErrorKind::NotFound,
        ),
        (
            Who::User(name("alice")),
            Right::Admin,
            AccessErrorKind::Invalid,
        ),
    ] {
        let on = on.clone();
        assert_eq!(
            store.grant(&Grant { who, right, on }).unwrap_err().kind,
            kind
        );
    }
    let who = Who::User(name("alice"));
    let right = Right::FreezeException;
    let grant = Grant { who, right, on };
    let stored = store.grant(&grant).unwrap();
    assert_eq!(store.revoke_grant(stored.id).unwrap(), grant);
    assert!(store.revoke_grant(stored.id).is_err());
}

#[test]
fn a_grant_that_is_not_understood_is_an_error() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    (store.connection())
        .execute("UPDATE grants SET permitted = 'fly' WHERE id = 1", [])
        .unwrap();
    assert_eq!(store.grants().unwrap_err().kind, AccessErrorKind::Damaged);
}
