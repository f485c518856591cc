//! One-time links.

use super::*;
use crate::{AccessErrorKind, InvitationPurpose, InvitationRefusal, NewAccount};

fn account(user: Option<&str>) -> NewAccount {
    NewAccount {
        name: user.map(name),
        display_name: String::from("Alice A."),
        email: Some(String::from("alice@example.org")),
        password: password(PASSWORD),
    }
}

#[test]
fn the_first_administrator_comes_by_a_link_and_is_the_only_one() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let old = store.first_admin_link(at(0)).unwrap();
    let link = store.first_admin_link(at(1)).unwrap();
    let token = link.token.reveal();
    let refused = store.accept_invitation(old.token.reveal(), &account(Some("alice")), at(2));
    assert_eq!(refused, Err(InvitationRefusal::Unknown));
    // Without a name the link stays valid.
    let refused = store.accept_invitation(token, &account(None), at(2));
    assert!(matches!(refused, Err(InvitationRefusal::Access(_))));
    let found = store.invitation(token, at(2)).unwrap();
    assert_eq!(found.purpose, InvitationPurpose::FirstAdmin);
    let alice = store
        .accept_invitation(token, &account(Some("alice")), at(2))
        .unwrap();
    assert!(alice.is_admin && alice.has_password);
    assert_eq!(alice.display_name, "Alice A.");
    let again = store.accept_invitation(token, &account(Some("bob")), at(2));
    assert_eq!(again, Err(InvitationRefusal::Used));
    assert_eq!(
        store.first_admin_link(at(3)).unwrap_err().kind,
        AccessErrorKind::Refused
    );
    assert!(store.log_in("alice", PASSWORD, "a", at(3)).is_ok());
}

#[test]
fn the_link_of_the_first_administrator_is_void_once_there_is_a_user() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let link = store.first_admin_link(at(0)).unwrap();
    user(&store, "bob", true);
    let refused = store.accept_invitation(link.token.reveal(), &account(Some("alice")), at(2));
    assert_eq!(refused, Err(InvitationRefusal::Used));
    assert!(store.user(&name("alice")).unwrap().is_none());
}

#[test]
fn an_invitation_creates_a_user_under_the_name_that_it_gives() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user(&store, "root", true);
    let root = name("root");
    assert!(store.invite_user(Some(&root), &root, at(0)).is_err());
    let link = store
        .invite_user(Some(&name("carol")), &root, at(0))
        .unwrap();
    let carol = store
        .accept_invitation(link.token.reveal(), &account(Some("root")), at(1))
        .unwrap();
    assert_eq!(carol.name, name("carol"));
    assert!(!carol.is_admin);
    // A name that is taken leaves the link valid, and the other user's password alone.
    let link = store.invite_user(None, &root, at(0)).unwrap();
    let token = link.token.reveal();
    let refused = store.accept_invitation(token, &account(Some("root")), at(1));
    assert!(matches!(refused, Err(InvitationRefusal::Access(_))));
    assert!(!store.user(&root).unwrap().unwrap().has_password);
    store
        .accept_invitation(token, &account(Some("dave")), at(1))
        .unwrap();
}

#[test]
fn a_link_ends_by_its_time_or_by_hand() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user(&store, "root", true);
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    let link = store.invite_user(None, &name("root"), at(0)).unwrap();
    let token = link.token.reveal();
    assert_eq!(link.stored.expires_at, later(at(0), week));
    assert!(store.invitation(token, later(at(-1), week)).is_ok());
    assert_eq!(
        store.invitation(token, later(at(0), week)),
        Err(InvitationRefusal::Expired)
    );
    assert_eq!(
        store.invitations(at(1)).unwrap(),
        std::slice::from_ref(&link.stored)
    );
    assert!(store.invitations(later(at(0), week)).unwrap().is_empty());
    store.revoke_invitation(link.stored.id, at(1)).unwrap();
    assert_eq!(
        store.invitation(token, at(2)),
        Err(InvitationRefusal::Unknown)
    );
    assert!(store.revoke_invitation(link.stored.id, at(1)).is_err());
    for unknown in ["", "x", &"A".repeat(43), &"é".repeat(43)] {
        assert_eq!(
            store.invitation(unknown, at(2)),
            Err(InvitationRefusal::Unknown)
        );
    }
}

#[test]
fn a_reset_sets_the_password_and_ends_the_sessions() {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    user(&store, "root", true);
    let (alice, root) = (user_with_password(&store, "alice").name, name("root"));
    let session = store.open_session(&alice, "a", "b", at(0)).unwrap();
    let old = store.password_reset_link(&alice, &root, at(0)).unwrap();
    let link = store.password_reset_link(&alice, &root, at(1)).unwrap();
    let new = NewAccount {
        password: password("another long password"),
        ..account(Some("root"))
    };
    let refused = store.accept_invitation(old.token.reveal(), &new, at(2));
    assert_eq!(refused, Err(InvitationRefusal::Unknown));
    let changed = store
        .accept_invitation(link.token.reveal(), &new, at(2))
        .unwrap();
    assert_eq!(
        (changed.name, changed.display_name.as_str()),
        (alice.clone(), "alice")
    );
    assert!(
        store
            .session(session.token.reveal(), at(2))
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .log_in("alice", "another long password", "a", at(2))
            .is_ok()
    );
    // A change of the password makes what there was void.
    let link = store.password_reset_link(&alice, &root, at(2)).unwrap();
    store
        .set_password(&alice, &password(PASSWORD), None, at(2))
        .unwrap();
    let refused = store.invitation(link.token.reveal(), at(2));
    assert_eq!(refused, Err(InvitationRefusal::Unknown));
    // Of a user who is disabled there is no reset, and what there was is void.
    let link = store.password_reset_link(&alice, &root, at(3)).unwrap();
    store.set_disabled(&alice, true, at(4)).unwrap();
    store.set_disabled(&alice, false, at(5)).unwrap();
    let refused = store.accept_invitation(link.token.reveal(), &new, at(6));
    assert_eq!(refused, Err(InvitationRefusal::Unknown));
    store.set_disabled(&alice, true, at(7)).unwrap();
    assert!(store.password_reset_link(&alice, &root, at(8)).is_err());
}

#[test]
fn a_link_that_many_use_at_once_creates_one_user() {
    let Fresh { store, folder } = fresh();
    let link = store.first_admin_link(at(0)).unwrap();
    let path = folder.path().join("server.db");
    let created = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|index| {
                let (path, token) = (&path, link.token.reveal());
                scope.spawn(move || {
                    let store = AccessStore::open(path).unwrap();
                    let mine = account(Some(&format!("user{index}")));
                    store.accept_invitation(token, &mine, at(1)).is_ok()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|it| it.join().unwrap())
            .filter(|it| *it)
            .count()
    });
    assert_eq!(created, 1);
    assert_eq!(store.users().unwrap().len(), 1);
}
