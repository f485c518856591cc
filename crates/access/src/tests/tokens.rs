//! API tokens.

use super::*;
use crate::{
    AccessErrorKind, MAX_TOKEN_DAYS, Pattern, Principal, Right, Scope, StoredToken, TokenRefusal,
    Via,
};

fn scope() -> Scope {
    Scope::of([Right::View, Right::Run])
}

fn boxed(token: StoredToken) -> Box<StoredToken> {
    Box::new(token)
}

#[test]
fn a_token_is_its_owners_with_its_scope() {
    let Fresh { store, folder } = fresh();
    let alice = user(&store, "alice", true).name;
    store.create_group(&group("ops")).unwrap();
    store.add_member(&group("ops"), &alice).unwrap();
    let new = store
        .create_token(
            &Principal::system(),
            &alice,
            " ci ",
            &scope(),
            at(1000),
            at(0),
        )
        .unwrap();
    let text = new.token.reveal().to_owned();
    assert_eq!(new.stored.name, "ci");
    let (principal, stored) = store.authenticate_token(&text, at(1)).unwrap();
    assert_eq!(
        (principal.user.as_str(), principal.is_admin),
        ("alice", true)
    );
    assert_eq!(principal.groups, [group("ops")]);
    let via = Via::Token {
        name: String::from("ci"),
        scope: scope(),
    };
    assert_eq!(principal.via, via);
    assert_eq!(stored.id, new.stored.id);
    // The text is nowhere in the files.
    drop(store);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(20).any(|it| it == &text.as_bytes()[4..24]));
    }
}

#[test]
fn its_last_use_is_written_once_a_minute() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let alice = user(&store, "alice", true).name;
    let new = store
        .create_token(
            &Principal::system(),
            &alice,
            "ci",
            &scope(),
            at(1000),
            at(0),
        )
        .unwrap();
    let text = new.token.reveal();
    let used = || store.token(new.stored.id).unwrap().last_used_at;
    assert_eq!(used(), None);
    for (time, seen) in [(5, 5), (6, 5), (64, 5), (65, 65), (66, 65)] {
        store.authenticate_token(text, at(time)).unwrap();
        assert_eq!(used(), Some(at(seen)));
    }
}

#[test]
fn a_token_that_is_over_says_why() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user(&store, "root", true);
    let alice = user(&store, "alice", false).name;
    let make = || {
        store
            .create_token(
                &Principal::system(),
                &alice,
                "ci",
                &scope(),
                at(1000),
                at(0),
            )
            .unwrap()
    };
    let new = make();
    let text = new.token.reveal();
    assert!(store.authenticate_token(text, at(999)).is_ok());
    let stored = || store.token(new.stored.id).unwrap();
    let expired = TokenRefusal::Expired(boxed(stored()));
    assert_eq!(
        store.authenticate_token(text, at(1000)).unwrap_err(),
        expired
    );
    store.revoke_token(new.stored.id, at(10)).unwrap();
    store.revoke_token(new.stored.id, at(11)).unwrap();
    assert_eq!(stored().revoked_at, Some(at(10)));
    let revoked = TokenRefusal::Revoked(boxed(stored()));
    assert_eq!(store.authenticate_token(text, at(12)).unwrap_err(), revoked);
    assert!(!revoked.to_string().contains(text));

    let other = make();
    store.set_disabled(&alice, true, at(13)).unwrap();
    let refused = |time| {
        store
            .authenticate_token(other.token.reveal(), at(time))
            .unwrap_err()
    };
    assert!(matches!(refused(14), TokenRefusal::Revoked(_)));
    assert!(
        store
            .create_token(
                &Principal::system(),
                &alice,
                "ci",
                &scope(),
                at(1000),
                at(0)
            )
            .is_err()
    );
    // It does not come back with its owner.
    store.set_disabled(&alice, false, at(15)).unwrap();
    assert!(matches!(refused(16), TokenRefusal::Revoked(_)));
    assert_eq!(store.tokens(Some(&alice)).unwrap().len(), 2);
    assert!(store.tokens(Some(&name("root"))).unwrap().is_empty());

    let unknown = make();
    store
        .connection()
        .execute("DELETE FROM api_tokens", [])
        .unwrap();
    let refused = store
        .authenticate_token(unknown.token.reveal(), at(1))
        .unwrap_err();
    assert_eq!(refused, TokenRefusal::Unknown);
    assert_eq!(
        store.authenticate_token("lst_x", at(1)).unwrap_err(),
        TokenRefusal::Malformed
    );
}

#[test]
fn a_token_always_ends_within_a_year() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let alice = user(&store, "alice", true).name;
    let last = later(at(0), Duration::from_secs(MAX_TOKEN_DAYS * 24 * 60 * 60));
    let make = |end| store.create_token(&Principal::system(), &alice, "ci", &scope(), end, at(0));
    assert!(make(last).is_ok());
    for end in [later(last, Duration::from_secs(1)), at(0), at(-1)] {
        assert_eq!(make(end).unwrap_err().kind, AccessErrorKind::Invalid);
    }
    assert!(
        store
            .create_token(&Principal::system(), &alice, " ", &scope(), at(1), at(0))
            .is_err()
    );
    assert!(
        store
            .create_token(&Principal::system(), &alice, "a\nb", &scope(), at(1), at(0))
            .is_err()
    );
}

#[test]
fn a_scope_that_makes_no_sense_is_refused() {
    let narrowed = |rights: &[Right]| Scope {
        pipelines: Some(vec![Pattern::all()]),
        ..Scope::of(rights.iter().copied())
    };
    let empty = Scope {
        targets: Some(Vec::new()),
        ..scope()
    };
    for wrong in [
        Scope::of([]),
        Scope::of([Right::Run]),
        narrowed(&[Right::Admin]),
        empty,
    ] {
        assert!(wrong.check().is_err(), "{wrong:?}");
    }
    for right in [
        Scope::of([Right::Admin]),
        narrowed(&[Right::View, Right::Run]),
    ] {
        assert!(right.check().is_ok(), "{right:?}");
        let text = serde_json::to_string(&right).unwrap();
        assert_eq!(serde_json::from_str::<Scope>(&text).unwrap(), right);
    }
    // What a later version may write narrows in a way that this one does not know.
    assert!(serde_json::from_str::<Scope>(r#"{"rights":["view"],"hours":"9-17"}"#).is_err());
}

#[test]
fn a_token_is_made_by_its_owner_in_person() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let (alice, bob) = (
        user(&store, "alice", true).name,
        user(&store, "bob", false).name,
    );
    let session = store.open_session(&alice, "a", "b", at(0)).unwrap();
    let session = store
        .session(session.token.reveal(), at(0))
        .unwrap()
        .unwrap()
        .principal;
    let make = |by: &Principal, owner| store.create_token(by, owner, "ci", &scope(), at(9), at(0));
    let new = make(&session, &alice).unwrap();
    let (token, _) = store.authenticate_token(new.token.reveal(), at(1)).unwrap();
    for (by, owner) in [
        (&session, &bob),
        (&token, &alice),
        (&Principal::trigger("alice", "p"), &alice),
    ] {
        assert_eq!(
            make(by, owner).unwrap_err().kind,
            AccessErrorKind::Refused,
            "{by:?}"
        );
    }
}
