use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::names::{GroupName, UserName};
use crate::pattern::Pattern;

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn session(user: &str, groups: &[&str], is_admin: bool) -> Principal {
    Principal {
        user: user.to_owned(),
        groups: groups
            .iter()
            .map(|it| GroupName::new(it).unwrap())
            .collect(),
        is_admin,
        via: Via::Session,
    }
}

fn with_scope(principal: &Principal, scope: Scope) -> Principal {
    Principal {
        via: Via::Token {
            name: String::from("t"),
            scope,
        },
        ..principal.clone()
    }
}

fn grant(who: Who, right: Right, on: On) -> Grant {
    Grant { who, right, on }
}

#[test]
fn without_a_grant_nothing_is_permitted_but_to_administrators_and_the_server() {
    for right in Right::ALL {
        let may = |principal: &Principal| {
            let permissions = Permissions::new(principal, []);
            permissions.may_on_run(right, "p", &["prod.eu"])
        };
        assert!(!may(&session("alice", &["ops"], false)), "{right}");
        assert!(may(&session("alice", &[], true)), "{right}");
        assert!(may(&Principal::system()), "{right}");
        assert!(!may(&Principal::trigger("nightly", "p")), "{right}");
    }
}

#[test]
fn a_right_counts_only_together_with_the_view() {
    let alice = session("alice", &[], false);
    let on = || On::Pipelines(pattern("p"));
    let run = grant(Who::Everyone, Right::Run, on());
    let view = grant(Who::Everyone, Right::View, on());
    assert!(!Permissions::new(&alice, [run.clone()]).on_pipeline(Right::Run, "p"));
    assert!(Permissions::new(&alice, [view.clone()]).on_pipeline(Right::View, "p"));
    assert!(!Permissions::new(&alice, [view.clone()]).on_pipeline(Right::Run, "p"));
    let both = Permissions::new(&alice, [run, view]);
    assert!(both.on_pipeline(Right::Run, "p"));
    assert!(both.may_on_run::<&str>(Right::Run, "p", &[]));
    assert!(!both.may_on_run(Right::Run, "p", &["prod"]));
    assert!(!both.on_target(Right::Run, "p"));
}

#[test]
fn a_grant_is_for_whom_it_names() {
    let on = || On::Targets(Pattern::all());
    let may = |principal: &Principal, who: Who| {
        Permissions::new(principal, [grant(who, Right::View, on())]).on_target(Right::View, "prod")
    };
    let alice = session("alice", &["ops", "dev"], false);
    let trigger = Principal::trigger("alice", "p");
    let user = |name: &str| Who::User(UserName::new(name).unwrap());
    let group = |name: &str| Who::Group(GroupName::new(name).unwrap());
    assert!(may(&alice, Who::Everyone));
    assert!(may(&alice, user("alice")));
    assert!(!may(&alice, user("bob")));
    assert!(may(&alice, group("dev")));
    assert!(!may(&alice, group("Dev")));
    assert!(!may(&alice, Who::Trigger(Pattern::all())));
    assert!(may(&trigger, Who::Trigger(pattern("al*"))));
    assert!(!may(&trigger, Who::Trigger(pattern("bob"))));
    assert!(!may(&trigger, Who::Everyone));
    assert!(!may(&trigger, user("alice")));
}

#[test]
fn a_token_of_an_administrator_administers_only_where_its_scope_says_so() {
    let admin = session("alice", &[], true);
    let may = |scope| Permissions::new(&with_scope(&admin, scope), []);
    let run = may(Scope::of([Right::View, Right::Run]));
    assert!(run.on_pipeline(Right::Run, "p") && !run.is_admin());
    assert!(!run.on_pipeline(Right::Approve, "p") && !run.on_pipeline(Right::Admin, "p"));
    assert!(may(Scope::of([Right::Admin])).is_admin());
    assert!(!may(Scope::of([Right::Admin])).on_pipeline(Right::View, "p"));
    let narrowed = Scope {
        pipelines: Some(vec![pattern("p*")]),
        targets: Some(vec![pattern("test")]),
        rights: Right::ALL.into(),
    };
    let narrowed = may(narrowed);
    assert!(!narrowed.is_admin());
    assert!(narrowed.on_pipeline(Right::Run, "p1") && !narrowed.on_pipeline(Right::Run, "q"));
    assert!(narrowed.on_target(Right::Run, "test.a") && !narrowed.on_target(Right::Run, "prod"));
    // Not even an administrator's flag on a trigger makes it one.
    let trigger = Principal {
        is_admin: true,
        ..Principal::trigger("t", "p")
    };
    assert!(!Permissions::new(&trigger, []).is_admin());
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        Just("*"),
        Just("p"),
        Just("p*"),
        Just("q"),
        Just("prod"),
        Just("prod.*"),
        Just("*.eu"),
        Just("prod.eu"),
        Just("*d*")
    ]
    .prop_map(pattern)
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let who = prop_oneof![
        Just(Who::Everyone),
        Just(Who::User(UserName::new("alice").unwrap())),
        Just(Who::User(UserName::new("bob").unwrap())),
        Just(Who::Group(GroupName::new("ops").unwrap())),
        Just(Who::Trigger(pattern("*"))),
        Just(Who::Trigger(pattern("n*"))),
    ];
    let on = (any_pattern(), any::<bool>()).prop_map(|(pattern, is_target)| match is_target {
        true => On::Targets(pattern),
        false => On::Pipelines(pattern),
    });
    (who, 0..Right::ALL.len(), on).prop_map(|(who, right, on)| grant(who, Right::ALL[right], on))
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let patterns = || prop::option::of(prop::collection::vec(any_pattern(), 1..3));
    let rights = prop::collection::btree_set(0..Right::ALL.len(), 0..6);
    (rights, patterns(), patterns()).prop_map(|(rights, pipelines, targets)| Scope {
        rights: rights.into_iter().map(|it| Right::ALL[it]).collect(),
        pipelines,
        targets,
    })
}

fn any_principal() -> impl Strategy<Value = Principal> {
    let user = (any::<bool>(), any::<bool>()).prop_map(|(is_ops, is_admin)| {
        session("alice", if is_ops { &["ops"] } else { &[] }, is_admin)
    });
    let token = (user.clone(), any_scope()).prop_map(|(user, scope)| with_scope(&user, scope));
    prop_oneof![
        user,
        token,
        Just(Principal::trigger("nightly", "p")),
        Just(Principal::trigger("push", "q")),
        Just(Principal::system()),
    ]
}

const PIPELINES: [&str; 3] = ["p", "pp", "q"];
const TARGETS: [&str; 5] = ["prod", "prod.eu", "prod.us", "test.eu", "d"];

/// Everything that is permitted, written out.
fn all(permissions: &Permissions) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for right in Right::ALL {
        for pipeline in PIPELINES {
            if permissions.on_pipeline(right, pipeline) {
                all.insert(format!("{right} pipeline {pipeline}"));
            }
            for targets in [&TARGETS[..], &TARGETS[1..3], &[]] {
                if permissions.may_on_run(right, pipeline, targets) {
                    all.insert(format!("{right} run {pipeline} {targets:?}"));
                }
            }
        }
        for target in TARGETS {
            if permissions.on_target(right, target) {
                all.insert(format!("{right} target {target}"));
            }
        }
    }
    if permissions.is_admin() {
        all.insert(String::from("admin"));
    }
    all
}

proptest! {
    #[test]
    fn one_more_grant_never_takes_anything_away(
        principal in any_principal(),
        grants in prop::collection::vec(any_grant(), 0..8),
        more in any_grant(),
    ) {
        let before = all(&Permissions::new(&principal, grants.clone()));
        let after = all(&Permissions::new(&principal, grants.into_iter().chain([more])));
        prop_assert!(before.is_subset(&after), "{:?}", before.difference(&after));
    }

    #[test]
    fn a_token_never_has_more_than_its_owner_and_a_wider_scope_no_less(
        is_ops in any::<bool>(),
        is_admin in any::<bool>(),
        grants in prop::collection::vec(any_grant(), 0..12),
        scope in any_scope(),
        more in 0..Right::ALL.len(),
    ) {
        let owner = session("alice", if is_ops { &["ops"] } else { &[] }, is_admin);
        let of = |principal: &Principal| all(&Permissions::new(principal, grants.clone()));
        let whole = of(&owner);
        let token = of(&with_scope(&owner, scope.clone()));
        prop_assert!(token.is_subset(&whole), "{:?}", token.difference(&whole));
        let mut wider = scope;
        wider.rights.insert(Right::ALL[more]);
        wider.targets = None;
        let wider = of(&with_scope(&owner, wider));
        prop_assert!(token.is_subset(&wider), "{:?}", token.difference(&wider));
    }

    #[test]
    fn a_run_is_its_pipeline_and_every_target(
        principal in any_principal(),
        grants in prop::collection::vec(any_grant(), 0..12),
        targets in prop::sample::subsequence(&TARGETS[..], 0..5),
    ) {
        let permissions = Permissions::new(&principal, grants);
        for right in Right::ALL {
            let missing = permissions.first_missing_targets(right, &targets);
            let expected = permissions.on_pipeline(right, "p") && missing.is_empty();
            prop_assert_eq!(permissions.may_on_run(right, "p", &targets), expected);
            if right != Right::Admin && permissions.may_on_run(right, "p", &targets) {
                prop_assert!(permissions.may_on_run(Right::View, "p", &targets));
            }
        }
    }
}
