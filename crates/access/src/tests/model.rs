//! Random sequences of sessions and one-time links, against a model that is as simple as possible.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{Credential, InvitationRefusal};

#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Open(usize),
    Use(usize),
    End(usize),
    EndOthers(usize),
    Disable(usize),
    Enable(usize),
    Invite,
    Peek(usize),
    Accept(usize),
    Revoke(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0usize..8;
    prop_oneof![
        3 => prop_oneof![Just(30i64), Just(3600), Just(6 * 3600), Just(13 * 3600), Just(86_400)]
            .prop_map(Step::Wait),
        3 => (0usize..3).prop_map(Step::Open),
        4 => any.clone().prop_map(Step::Use),
        1 => any.clone().prop_map(Step::End),
        1 => any.clone().prop_map(Step::EndOthers),
        1 => (0usize..3).prop_map(Step::Disable),
        1 => (0usize..3).prop_map(Step::Enable),
        2 => Just(Step::Invite),
        3 => any.clone().prop_map(Step::Peek),
        2 => any.clone().prop_map(Step::Accept),
        1 => any.prop_map(Step::Revoke),
    ]
}

const USERS: [&str; 3] = ["u0", "u1", "u2"];

struct OneSession {
    token: Credential,
    id: i64,
    user: usize,
    opened: i64,
    /// As it is stored: to the minute.
    seen: i64,
    is_ended: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Use {
    Not,
    Used,
    Revoked,
}

struct OneLink {
    token: Credential,
    id: i64,
    made: i64,
    used: Use,
}

impl OneLink {
    fn expected(&self, now: i64) -> Result<(), InvitationRefusal> {
        match self.used {
            Use::Used => Err(InvitationRefusal::Used),
            Use::Revoked => Err(InvitationRefusal::Unknown),
            Use::Not if now - self.made >= 7 * 86_400 => Err(InvitationRefusal::Expired),
            Use::Not => Ok(()),
        }
    }
}

fn run(steps: Vec<Step>) {
    let Fresh {
        store,
        folder: _folder,
    } = fresh();
    let root = user(&store, "root", true).name;
    for text in USERS {
        user(&store, text, false);
    }
    let mut now = 0;
    let mut disabled = [false; 3];
    let mut sessions: Vec<OneSession> = Vec::new();
    let mut links: BTreeMap<usize, OneLink> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Wait(seconds) => now += seconds,
            Step::Open(index) => {
                let opened = store.open_session(&name(USERS[index]), "a", "b", at(now));
                assert_eq!(opened.is_err(), disabled[index]);
                if let Ok(new) = opened {
                    sessions.push(OneSession {
                        token: new.token,
                        id: new.session.id,
                        user: index,
                        opened: now,
                        seen: now,
                        is_ended: false,
                    });
                }
            }
            Step::Use(index) => {
                let Some(session) = sessions.get_mut(index) else {
                    continue;
                };
                let is_over = session.is_ended
                    || now - session.seen >= 12 * 3600
                    || now - session.opened >= 7 * 86_400;
                let found = store.session(session.token.reveal(), at(now)).unwrap();
                assert_eq!(found.is_none(), is_over);
                if let Some(found) = found {
                    assert_eq!(found.user.name, name(USERS[session.user]));
                    if now - session.seen >= 60 {
                        session.seen = now;
                    }
                }
            }
            Step::End(index) => {
                let Some(session) = sessions.get_mut(index) else {
                    continue;
                };
                store
                    .end_session(&name(USERS[session.user]), session.id)
                    .unwrap();
                session.is_ended = true;
            }
            Step::EndOthers(index) => {
                let Some((user, keep)) = sessions.get(index).map(|it| (it.user, it.id)) else {
                    continue;
                };
                store.end_sessions(&name(USERS[user]), Some(keep)).unwrap();
                for session in &mut sessions {
                    session.is_ended |= session.user == user && session.id != keep;
                }
            }
            Step::Disable(index) => {
                store
                    .set_disabled(&name(USERS[index]), true, at(now))
                    .unwrap();
                disabled[index] = true;
                for session in &mut sessions {
                    session.is_ended |= session.user == index;
                }
            }
            Step::Enable(index) => {
                store
                    .set_disabled(&name(USERS[index]), false, at(now))
                    .unwrap();
                disabled[index] = false;
            }
            Step::Invite => {
                let link = store.invite_user(None, &root, at(now)).unwrap();
                let link = OneLink {
                    token: link.token,
                    id: link.stored.id,
                    made: now,
                    used: Use::Not,
                };
                links.insert(links.len(), link);
            }
            Step::Peek(index) => {
                let Some(link) = links.get(&index) else {
                    continue;
                };
                let found = store.invitation(link.token.reveal(), at(now));
                assert_eq!(found.map(|_| ()), link.expected(now));
            }
            Step::Accept(index) => {
                let Some(link) = links.get_mut(&index) else {
                    continue;
                };
                let account = crate::NewAccount {
                    name: Some(name(&format!("new{index}"))),
                    display_name: String::new(),
                    email: None,
                    password: password(PASSWORD),
                };
                let created = store.accept_invitation(link.token.reveal(), &account, at(now));
                assert_eq!(created.map(|_| ()), link.expected(now));
                if link.expected(now).is_ok() {
                    link.used = Use::Used;
                }
            }
            Step::Revoke(index) => {
                let Some(link) = links.get_mut(&index) else {
                    continue;
                };
                let revoked = store.revoke_invitation(link.id, at(now));
                assert_eq!(revoked.is_ok(), link.used == Use::Not);
                if link.used == Use::Not {
                    link.used = Use::Revoked;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn sessions_and_links_are_as_the_model_says(steps in prop::collection::vec(step(), 1..60)) {
        run(steps);
    }
}
