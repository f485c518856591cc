//! Rights as they come out of the database.

use super::*;
use crate::{Grant, On, Pattern, Principal, Right, Scope, Who};

#[test]
fn a_new_server_lets_users_and_triggers_do_what_they_did_before() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let alice = user(&store, "alice", false).name;
    let new = store.open_session(&alice, "a", "b", at(0)).unwrap();
    let principal = store
        .session(new.token.reveal(), at(1))
        .unwrap()
        .unwrap()
        .principal;
    let permissions = store.permissions_of(&principal).unwrap();
    for right in [
        Right::View,
        Right::Run,
        Right::Approve,
        Right::Cancel,
        Right::Answer,
    ] {
        assert!(
            permissions.may_on_run(right, "shop.deploy/release", &["prod.eu"]),
            "{right}"
        );
    }
    for right in [Right::FreezeException, Right::Admin] {
        assert!(
            !permissions.may_on_run(right, "shop.deploy/release", &["prod.eu"]),
            "{right}"
        );
    }
    let trigger = Principal::trigger("nightly", "shop.deploy/release");
    let permissions = store.permissions_of(&trigger).unwrap();
    assert!(permissions.may_on_run(Right::Run, "shop.deploy/release", &["prod.eu"]));
    assert!(!permissions.may_on_run(Right::Run, "shop.deploy/other", &["prod.eu"]));
    assert!(!permissions.may_on_run(Right::Cancel, "shop.deploy/release", &["prod.eu"]));
}

#[test]
fn production_can_be_taken_from_everybody_and_given_to_some() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let (alice, bob) = (
        user(&store, "alice", false).name,
        user(&store, "bob", false).name,
    );
    store.create_group(&group("ops")).unwrap();
    store.add_member(&group("ops"), &alice).unwrap();
    for stored in store.grants().unwrap() {
        let is_target = matches!(stored.grant.on, On::Targets(_));
        if is_target && stored.grant.right != Right::View {
            store.revoke_grant(stored.id).unwrap();
        }
    }
    for (who, pattern) in [
        (Who::Everyone, "test"),
        (Who::Group(group("ops")), "prod"),
        (Who::Trigger(Pattern::new("night*").unwrap()), "prod.eu"),
    ] {
        let on = On::Targets(Pattern::new(pattern).unwrap());
        let right = Right::Run;
        store.grant(&Grant { who, right, on }).unwrap();
    }
    let scope = Scope::of([Right::View, Right::Run]);
    let of = |who: &UserName| {
        let token = store
            .create_token(&Principal::system(), who, "t", &scope, at(100), at(0))
            .unwrap();
        let (principal, _) = store
            .authenticate_token(token.token.reveal(), at(1))
            .unwrap();
        store.permissions_of(&principal).unwrap()
    };
    let (alice, bob) = (of(&alice), of(&bob));
    let targets = ["test.a", "prod.eu", "test.b", "prod.us"];
    assert!(alice.may_on_run(Right::Run, "p", &targets));
    assert_eq!(
        bob.first_missing_targets(Right::Run, &targets),
        ["prod.eu", "prod.us"]
    );
    assert!(bob.may_on_run(Right::View, "p", &targets));
    let trigger = |name| {
        store
            .permissions_of(&Principal::trigger(name, "p"))
            .unwrap()
    };
    assert!(trigger("nightly").may_on_run(Right::Run, "p", &["prod.eu"]));
    assert!(!trigger("nightly").may_on_run(Right::Run, "p", &["prod.us"]));
    assert!(!trigger("push").may_on_run(Right::Run, "p", &["prod.eu"]));
}
