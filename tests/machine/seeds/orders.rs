//! Statements 1 to 13: cells, order, width.

use lockstep_outline::Outline;

use super::{Direction, cell, command, play, staged};
use crate::machine::play::{Play, plan};

const ALL: [&str; 3] = ["S1", "S2", "S3"];

/// Services × infrastructures by waves, each wave a list of `service@infrastructure`.
struct Order {
    /// The statement and its scenario.
    says: &'static str,
    axes: &'static str,
    /// What the members of one wave have in common.
    together: &'static [&'static str],
    waves: Vec<Vec<String>>,
}

fn cells(services: &[&str], targets: &[&str]) -> Vec<String> {
    let of = |target: &&str| {
        let of = services
            .iter()
            .map(move |service| (service.to_string(), target.to_string()));
        of.collect::<Vec<_>>()
    };
    let all = targets.iter().flat_map(of);
    all.map(|(service, target)| format!("{service}@{target}"))
        .collect()
}

fn services_together(targets: &[&str]) -> Vec<Vec<String>> {
    targets
        .iter()
        .map(|target| cells(&ALL, &[target]))
        .collect()
}

fn targets_together(targets: &[&str]) -> Vec<Vec<String>> {
    ALL.iter()
        .map(|service| cells(&[service], targets))
        .collect()
}

const TWO: [&str; 2] = ["E1.I1", "E1.I2"];
const FOUR: [&str; 4] = ["E1.I1", "E1.I2", "E2.K82", "E2.K81"];

fn orders() -> Vec<Order> {
    vec![
        Order {
            says: "5: services serial, targets serial: the infrastructure is the outer loop",
            axes: "serial i in E1.* serial s in [S1, S2, S3]",
            together: &[],
            waves: cells(&ALL, &TWO)
                .into_iter()
                .map(|cell| vec![cell])
                .collect(),
        },
        Order {
            says: "6: services parallel, targets serial: a full wave for each infrastructure",
            axes: "serial i in E1.* parallel s in [S1, S2, S3]",
            together: &["**/deploy[*, E1.I1]/**", "**/deploy[*, E1.I2]/**"],
            waves: services_together(&TWO),
        },
        Order {
            says: "7: services serial, targets parallel: all have S1 before any gets S2",
            axes: "serial s in [S1, S2, S3] parallel i in E1.*",
            together: &[
                "**/deploy[S1, *]/**",
                "**/deploy[S2, *]/**",
                "**/deploy[S3, *]/**",
            ],
            waves: targets_together(&TWO),
        },
        Order {
            says: "8: both parallel: no order",
            axes: "parallel i in E1.* parallel s in [S1, S2, S3]",
            together: &["**/deploy[*, *]/**"],
            waves: vec![cells(&ALL, &TWO)],
        },
        Order {
            says: "9: services parallel, environments and infrastructures serial, K82 before K81",
            axes: "serial i in [E1.*, E2.*] parallel s in [S1, S2, S3]",
            together: &[
                "**/deploy[*, E1.I1]/**",
                "**/deploy[*, E1.I2]/**",
                "**/deploy[*, E2.K82]/**",
                "**/deploy[*, E2.K81]/**",
            ],
            waves: services_together(&FOUR),
        },
        Order {
            says: "10: services serial, environments and infrastructures parallel",
            axes: "serial s in [S1, S2, S3] parallel i in [E1.*, E2.*]",
            together: &[
                "**/deploy[S1, *]/**",
                "**/deploy[S2, *]/**",
                "**/deploy[S3, *]/**",
            ],
            waves: targets_together(&FOUR),
        },
    ]
}

impl Order {
    fn text(&self) -> String {
        staged(&format!("matrix {} {{ deploy s to i }}", self.axes))
    }

    /// S1 on the first infrastructure is fast and S2 there slow: a sliding window would let the
    /// next wave in.
    fn direction(&self) -> Direction {
        let direction = Direction::default()
            .takes("**", 50)
            .takes(&command("S1", "E1.I1"), 5)
            .takes(&command("S2", "E1.I1"), 500)
            .takes(&command("S1", "E2.K82"), 1);
        let wave = self.waves[0].len();
        self.together.iter().fold(direction, |direction, pattern| {
            direction.together(pattern, wave)
        })
    }

    fn play(&self) -> Play {
        play(&self.text(), &self.direction())
    }
}

fn pattern(name: &str) -> String {
    let (service, target) = name.split_once('@').expect("a cell");
    cell(service, target)
}

/// The deployments in the order in which they started.
fn started(play: &Play) -> Vec<String> {
    let starts = play.story();
    let mut found = Vec::new();
    for line in starts
        .lines()
        .filter_map(|line| line.strip_suffix(" starts"))
    {
        let Some((_, deployment)) = line.rsplit_once("/deploy[") else {
            continue;
        };
        if let Some((service, target)) = deployment.trim_end_matches(']').split_once(", ")
            && !target.contains('/')
        {
            found.push(format!("{service}@{target}"));
        }
    }
    found
}

#[test]
fn s1_services_times_targets_and_each_pair_is_a_deployment_of_its_own() {
    for order in orders() {
        let play = order.play();
        play.assert_ended("succeeded");
        for cell in order.waves.iter().flatten() {
            play.assert_status(&pattern(cell), "succeeded");
            assert_eq!(play.starts(&pattern(cell)), 1, "{}", order.says);
        }
        let all: usize = order.waves.iter().map(Vec::len).sum();
        assert_eq!(
            play.statuses("**/deploy[*, *]").len(),
            all,
            "{}",
            order.says
        );
    }
}

#[test]
fn s2_s5_to_s10_the_orders_and_that_serial_is_a_wave_and_no_window() {
    for order in orders() {
        let play = order.play();
        for (at, wave) in order.waves.iter().enumerate() {
            for member in wave {
                for other in wave.iter().filter(|other| *other != member) {
                    play.assert_overlap(&pattern(member), &pattern(other));
                }
                for next in order.waves.get(at + 1).into_iter().flatten() {
                    play.assert_before(&pattern(member), &pattern(next));
                }
            }
        }
    }
}

#[test]
fn s3_without_a_word_services_run_in_parallel() {
    let text = staged("matrix serial i in E1.* s in [S1, S2, S3] { deploy s to i }");
    let direction = Direction::default().together("**/deploy[*, E1.I1]/**", 3);
    let play = play(&text, &direction.together("**/deploy[*, E1.I2]/**", 3));
    play.assert_ended("succeeded");
    assert_eq!(play.trace.width, 3);
}

#[test]
fn s4_the_declared_order_is_the_order() {
    let text = staged("matrix serial i in E2.* serial s in [S3, S1, S2] { deploy s to i }");
    let play = play(&text, &Direction::default());
    let order = cells(&["S3", "S1", "S2"], &["E2.K82", "E2.K81"]);
    assert_eq!(started(&play), order);
}

#[test]
fn s11_deployments_start_and_are_listed_by_infrastructure_or_in_waves_by_service() {
    for order in orders() {
        let listed: Vec<String> = order.waves.concat();
        assert_eq!(started(&order.play()), listed, "{}", order.says);
    }
}

/// Three services on two infrastructures: the sizes differ, so that swapped loops show.
#[test]
fn s12_s13_the_width_is_what_the_axes_say_and_is_shown() {
    for (axes, width) in [
        ("serial i in E1.* serial s in [S1, S2, S3]", 1),
        ("serial i in E1.* parallel s in [S1, S2, S3]", 3),
        ("serial s in [S1, S2, S3] parallel i in E1.*", 2),
        ("parallel i in E1.* serial s in [S1, S2, S3]", 2),
        ("parallel i in E1.* parallel s in [S1, S2, S3]", 6),
        ("parallel i in [E1.*, E2.*] parallel s in [S1, S2, S3]", 12),
    ] {
        let text = staged(&format!("matrix {axes} {{ deploy s to i }}"));
        assert_eq!(
            play(&text, &Direction::default()).trace.width,
            width,
            "{axes}"
        );
        let shown = Outline::of(&plan(&text, &[])).width;
        assert_eq!(shown.deployments, Some(width as u64), "{axes}");
    }
}

/// A2: the lane is there too, where every infrastructure goes at its own pace.
#[test]
fn a2_a_lane_is_one_chain_for_each_infrastructure() {
    let text = staged("matrix parallel i in E1.* serial s in [S1, S2, S3] { deploy s to i }");
    let direction = Direction::default().takes("**/deploy[*, E1.I1]/**", 100);
    let play = play(&text, &direction.takes("**/deploy[*, E1.I2]/**", 10));
    for target in TWO {
        play.assert_before(&cell("S1", target), &cell("S2", target));
        play.assert_before(&cell("S2", target), &cell("S3", target));
    }
    // The fast lane has ended before the slow one is through with its first.
    play.assert_before(&cell("S3", "E1.I2"), &cell("S2", "E1.I1"));
}
