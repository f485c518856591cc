//! Pools: in which of them the machine has each command and each action carried out, on an engine
//! that has workers.

use lockstep_engine::Effect;

use super::direct::Direction;
use super::play::{Play, plan};

/// A program with this pipeline, whose deployments do `body`.
fn program(body: &str, pipeline: &str) -> String {
    format!(
        "kind app {{ infrastructure {{ connect: connection = ssh(\"host\") }} deploy using roll }}
workflow roll(s: service<app>, i: infrastructure<app>) {{ {body} }}
service web: app {{}}
environment prod {{
  pool = \"eu\"
  infrastructure eu: app {{}}
  infrastructure us: app {{ pool = \"us\" }}
  infrastructure plain: app {{ pool = none }}
}}
pipeline p {{ {pipeline} }}"
    )
}

/// What is carried out, in order, with the pool of each: `roll@eu`, `here@-`.
fn pools(play: &Play) -> Vec<String> {
    let effects = play.trace.handled.iter().flat_map(|it| &it.effects);
    let pools = effects.filter_map(|effect| match effect {
        Effect::Run { command, .. } => Some((command.text.as_str(), &command.pool)),
        Effect::Act { call, .. } => Some((&*call.action, &call.pool)),
        _ => None,
    });
    pools
        .map(|(what, pool)| format!("{what}@{}", pool.as_deref().unwrap_or("-")))
        .collect()
}

#[track_caller]
fn assert_pools(body: &str, pipeline: &str, direction: &Direction, wanted: &[&str]) {
    let text = program(body, pipeline);
    let play = Play::new(&text, direction);
    assert_eq!(pools(&play), wanted, "{text}");
}

#[test]
fn what_a_deployment_does_is_done_in_the_pool_of_its_infrastructure() {
    let body = "run \"roll\"
  run \"here\" on local()
  run \"elsewhere\" on ssh(\"other\")
  http.get(\"https://example.com/\")
  verify for 1ms every 1ms { run \"look\" }
  with on local() in \"web\" { run \"beside\" http.get(\"https://example.com/\") }
  send text \"a\" to \"b\"";
    let one = |pool: &str| {
        let all = "roll here elsewhere http.get look beside http.get send text a to b";
        let all = all.replace("send text a to b", "send");
        let names = all.split(' ').map(|it| format!("{it}@{pool}"));
        names.collect::<Vec<_>>()
    };
    for (place, pool) in [("eu", "eu"), ("us", "us"), ("plain", "-")] {
        let text = program(body, &format!("deploy web to prod.{place}"));
        let mut found = pools(&Play::new(&text, &Direction::default()));
        found.dedup();
        let shown = found.iter().map(|it| match it.starts_with("send") {
            true => format!("send@{}", it.rsplit_once('@').expect("a pool").1),
            false => it.clone(),
        });
        assert_eq!(shown.collect::<Vec<_>>(), one(pool), "{place}");
    }
}

#[test]
fn an_infrastructure_behind_on_is_reached_from_its_own_pool() {
    let body = "run \"there\" on prod.us
  run \"as around\" on prod.plain
  with on prod.us {
    run \"in\"
    http.get(\"https://example.com/\")
    run \"at hand\" on local()
    run \"as the deployment\" on prod.plain
    with on prod.eu { run \"inner\" }
  }
  run \"back\"";
    let wanted = [
        "there@us",
        "as around@eu",
        "in@us",
        "http.get@us",
        "at hand@us",
        "as the deployment@eu",
        "inner@eu",
        "back@eu",
    ];
    let direction = Direction::default();
    assert_pools(body, "deploy web to prod.eu", &direction, &wanted);
}

#[test]
fn outside_of_deployments_only_on_names_a_pool() {
    let pipeline = "run \"here\"
  http.get(\"https://example.com/\")
  run \"there\" on prod.us
  run \"nowhere in particular\" on prod.plain
  run \"connected\" on ssh(\"other\")
  with on prod.us {
    run \"in\"
    http.get(\"https://example.com/\")
    run \"of none\" on prod.plain
    deploy web to prod.plain
    deploy web to prod.eu
  }
  let found = run \"find\"
  run \"found\" on prod[found.stdout]
  deploy web to prod[found.stdout]";
    let wanted = [
        "here@-",
        "http.get@-",
        "there@us",
        "nowhere in particular@-",
        "connected@-",
        "in@us",
        "http.get@us",
        "of none@-",
        "roll@-",
        "roll@eu",
        "find@-",
        "found@us",
        "roll@us",
    ];
    let direction = Direction::read("# prints ** us");
    assert_pools("run \"roll\"", pipeline, &direction, &wanted);
}

/// The handlers of what is in a deployment are in it; those behind `deploy` are around it, as the
/// place of their commands is.
#[test]
fn ways_back_and_handlers_are_done_in_the_pool_of_what_they_belong_to() {
    let body = "run \"roll\" undo { run \"back\" run \"back here\" on local() }
  run \"move\" on prod.us undo { run \"move back\" }
  with on prod.us { run \"in\" undo { run \"out\" } }
  step fail { run \"fail\" } on failure { run \"note\" } always { http.get(\"https://example.com/\") }";
    let pipeline = "deploy web to prod.eu
  on failure { run \"told\" rollback }
  always { run \"last\" }";
    let wanted = [
        "roll@eu",
        "move@us",
        "in@us",
        "fail@eu",
        "note@eu",
        "http.get@eu",
        "told@-",
        "out@us",
        "move back@eu",
        "back@eu",
        "back here@eu",
        "last@-",
    ];
    let direction = Direction::default().fails("**/fail/run");
    assert_pools(body, pipeline, &direction, &wanted);
}

/// What happens in a run is the same with pools and without, but for who does it.
#[test]
fn a_pool_changes_nothing_but_who_does_it() {
    let body = "run \"roll\" undo { run \"back\" }
  run \"move\" on prod.us
  step fail { run \"fail\" }";
    let with = program(
        body,
        "serial i in prod.* { deploy web to i } on failure { rollback }",
    );
    let without: Vec<&str> = with.lines().filter(|it| *it != "  pool = \"eu\"").collect();
    let without = without
        .join("\n")
        .replace("pool = \"us\"", "")
        .replace("pool = none", "");
    assert!(!without.contains("pool"), "{without}");
    let direction = Direction::default().fails("**/fail/run");
    let [with, without] = [&with, &without].map(|text| Play::new(text, &direction));
    assert_eq!(with.trace.events, without.trace.events);
    assert!(
        pools(&with).iter().any(|it| it == "back@eu"),
        "{:?}",
        pools(&with)
    );
    assert!(
        pools(&without).iter().all(|it| it.ends_with("@-")),
        "{:?}",
        pools(&without)
    );
}

/// A run that is resumed calls its open actions in the pool that was named first.
/// What was stored before there were pools is read as it was.
#[test]
fn requests_without_a_pool_are_stored_as_they_were() {
    let text = program(
        "run \"roll\"",
        "deploy web to prod.plain deploy web to prod.us",
    );
    let play = Play::of(&text, &plan(&text, &[]), &Direction::default());
    let effects = play.trace.handled.iter().flat_map(|it| &it.effects);
    let stored = effects.filter_map(|effect| match effect {
        Effect::Run { command, .. } => Some(serde_json::to_value(command).expect("JSON")),
        _ => None,
    });
    let pools: Vec<_> = stored.map(|it| it.get("pool").cloned()).collect();
    assert_eq!(pools, [None, Some("us".into())]);
}
