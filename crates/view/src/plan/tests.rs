use super::*;
use crate::Style;
use lockstep_lang::ir::Order;
use lockstep_outline::{
    BarrierMembers, Count, DeployTarget, Input, Item, ItemKind, PeakConcurrency, SerializedStages,
};

fn text_of(outline: &Outline, width: usize) -> String {
    let how = PlanTextOptions {
        style: Style::PLAIN,
        width,
        full: false,
    };
    text(outline, how)
}

fn item(kind: ItemKind, label: &str) -> Item {
    Item {
        kind,
        label: label.into(),
        ..Item::default()
    }
}

fn group(kind: ItemKind, label: &str, order: Order, items: Vec<Item>) -> Item {
    Item {
        order: Some(order),
        items,
        ..item(kind, label)
    }
}

fn deploy(service: &str, target: &str) -> Item {
    let deploy = DeployTarget {
        service: service.into(),
        target: target.into(),
        using: Some("release".into()),
    };
    let steps = ["prepare", "switch", "check"].map(|step| item(ItemKind::Step, step));
    Item {
        deploy: Some(deploy),
        ..group(
            ItemKind::Deploy,
            &format!("{service} to {target}"),
            Order::Serial,
            steps.to_vec(),
        )
    }
}

fn cell(label: &str, items: Vec<Item>) -> Item {
    group(ItemKind::Cell, label, Order::Serial, items)
}

/// A stage with a matrix of two infrastructures and three services, the last of them not listed.
fn stage() -> Item {
    let rows = ["prod.eu", "prod.us"].map(|target| {
        let cells = ["cart", "web"].map(|service| cell(service, vec![deploy(service, target)]));
        Item {
            cells: Some(3),
            unlisted: 1,
            ..group(ItemKind::Axis, target, Order::Parallel, cells.to_vec())
        }
    });
    let matrix = Item {
        cells: Some(9),
        unlisted: 3,
        notes: vec!["max 4".into()],
        ..group(
            ItemKind::Matrix,
            "serial target, parallel service",
            Order::Serial,
            rows.to_vec(),
        )
    };
    let places = ["eu", "us", "ap", "sa", "af", "me"];
    Item {
        path: Some("release/prod".into()),
        locks: places.iter().map(|place| format!("prod.{place}")).collect(),
        notes: vec!["atomic".into(), "timeout 2h".into(), "on failure".into()],
        ..group(ItemKind::Stage, "prod", Order::Serial, vec![matrix])
    }
}

fn outline() -> Outline {
    let approve = Item {
        notes: vec![
            "by release-managers, everybody-else".into(),
            "timeout 1h".into(),
        ],
        ..item(
            ItemKind::Approve,
            "\"Ship v12 to production, now or never?\"",
        )
    };
    let strand = |name: &str| {
        let barrier = Item {
            meeting: Some(0),
            ..item(ItemKind::Barrier, "ready")
        };
        let run = item(ItemKind::Run, &format!("set -e\nmake {name}\nmake more"));
        group(ItemKind::Serial, "", Order::Serial, vec![run, barrier])
    };
    let both = vec![strand("one"), strand("two"), item(ItemKind::Wait, "5m")];
    Outline {
        version: 1,
        pipeline: "release".into(),
        doc: Some("Ships it.\nThe rest is not shown.".into()),
        inputs: [
            ("tag", "v12"),
            ("targets", "prod.eu, prod.us"),
            ("note", ""),
        ]
        .map(|(name, value)| Input {
            name: name.into(),
            value: value.into(),
        })
        .to_vec(),
        deployments: Count::exactly(9),
        width: PeakConcurrency {
            deployments: Some(4),
            commands: Some(8),
        },
        longest_ms: Some(3 * 3_600_000),
        locks: vec!["prod.me".into()],
        notes: vec!["atomic".into()],
        items: vec![
            approve,
            group(ItemKind::Parallel, "", Order::Parallel, both),
            stage(),
        ],
        meetings: vec![BarrierMembers {
            barrier: "ready".into(),
            within: "prod.eu".into(),
            strands: 9,
            open: false,
            who: vec!["serial".into(), "serial#2".into()],
        }],
        turns: vec![SerializedStages {
            stages: ["release/prod".into(), "release/late/prod, again".into()],
            locks: vec!["prod.eu".into()],
        }],
        ..Outline::default()
    }
}

#[test]
fn a_plan_on_a_usual_terminal() {
    insta::assert_snapshot!(text_of(&outline(), 80));
}

#[test]
fn a_plan_on_a_wide_terminal() {
    insta::assert_snapshot!(text_of(&outline(), 120));
}

#[test]
fn a_plan_on_a_narrow_terminal() {
    insta::assert_snapshot!(text_of(&outline(), 40));
}

#[test]
fn a_plan_in_ascii_and_colours() {
    let how = PlanTextOptions {
        style: Style {
            color: true,
            unicode: false,
        },
        width: 80,
        full: false,
    };
    let text = text(&outline(), how);
    assert!(text.is_ascii());
    insta::assert_snapshot!(text.replace('\u{1b}', "ESC"));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in 1..140 {
        let text = text_of(&outline(), width);
        for line in text.lines() {
            assert!(crate::text::width(line) <= width, "{width}: {line}");
        }
    }
}

#[test]
fn what_a_terminal_would_obey_is_left_out() {
    let hostile = "a\u{1b}[2Jb\u{202e}c";
    let kinds = [
        ItemKind::Stage,
        ItemKind::Run,
        ItemKind::Approve,
        ItemKind::Cell,
    ];
    let items = kinds.map(|kind| Item {
        notes: vec![hostile.into()],
        locks: vec![hostile.into()],
        ..item(kind, hostile)
    });
    let outline = Outline {
        pipeline: hostile.into(),
        doc: Some(hostile.into()),
        inputs: vec![Input {
            name: hostile.into(),
            value: hostile.into(),
        }],
        locks: vec![hostile.into()],
        notes: vec![hostile.into()],
        items: items.into(),
        meetings: vec![BarrierMembers {
            barrier: hostile.into(),
            within: hostile.into(),
            strands: 2,
            open: false,
            who: vec![hostile.into()],
        }],
        turns: vec![SerializedStages {
            stages: [hostile.into(), hostile.into()],
            locks: vec![hostile.into()],
        }],
        ..Outline::default()
    };
    for text in [
        text_of(&outline, 100),
        mermaid(&outline, true),
        dot(&outline, true),
    ] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}

#[test]
fn counts_that_only_the_run_knows() {
    let said = |least, most, width| {
        let outline = Outline {
            pipeline: "p".into(),
            deployments: Count { least, most },
            width: PeakConcurrency {
                deployments: width,
                commands: width,
            },
            ..Outline::default()
        };
        let text = text_of(&outline, 100);
        text.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(said(0, Some(0), Some(0)), "p: no deployments");
    assert_eq!(
        said(1, Some(1), Some(1)),
        "p: 1 deployment, up to 1 at once"
    );
    assert_eq!(
        said(0, Some(3), Some(2)),
        "p: up to 3 deployments, up to 2 at once"
    );
    assert_eq!(
        said(1, Some(3), Some(2)),
        "p: 1 to 3 deployments, up to 2 at once"
    );
    assert_eq!(
        said(2, None, None),
        "p: 2 deployments or more, how many at once is known only at run time"
    );
}
