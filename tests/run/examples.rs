//! The examples, run from copies as their comments say.

use std::path::Path;

use super::Told;
use crate::support::Test;
use crate::support::running::{Running, until};

/// An example in a fresh folder: its files, without what runs have left there.
fn example(name: &str) -> Test {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    copy(Test::new(), &from, "").args(["run"])
}

fn copy(mut test: Test, from: &Path, below: &str) -> Test {
    let entries = std::fs::read_dir(from).expect("the example is there");
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let to = format!("{below}{name}");
        test = match path.is_dir() {
            _ if name == "site" || name.starts_with('.') || name.ends_with(".log") => test,
            true => copy(test, &path, &format!("{to}/")),
            false => test.file(&to, std::fs::read(&path).expect("a file")),
        };
    }
    test
}

/// The example `shop` with these arguments.
fn shop(test: &Test, args: &[&str]) -> crate::support::program::Said {
    let mut command = test.command();
    command.args(args);
    let said = crate::support::program::run(command);
    crate::support::program::Said {
        stdout: crate::support::redact::redact(&said.stdout, &test.path("")),
        ..said
    }
}

/// The targets of the links of production.
fn production(test: &Test) -> Vec<String> {
    let mut links = Vec::new();
    for place in ["eu", "us"] {
        for service in ["catalog", "cart", "web"] {
            let link = test.path(&format!("site/prod/{place}/{service}/current"));
            let to = std::fs::read_link(&link).expect("a link");
            links.push(to.display().to_string());
            assert!(link.join("index.txt").is_file());
        }
    }
    links.dedup();
    links
}

/// The output below the lines of the run: failures, ledger, last line.
fn ledger(said: &str) -> &str {
    let (_, ledger) = said.split_once("\n\n").expect("an empty line");
    ledger
}

/// Durations differ from run to run.
fn without_times(text: &str) -> String {
    let times = regex::Regex::new(r"\b\d+\.\ds\b").expect("a pattern");
    times.replace_all(text, "[T]").into_owned()
}

#[test]
fn the_shop_is_deployed_upgraded_and_kept() {
    let test = example("shop");
    let first = shop(&test, &[]);
    assert_eq!((first.stderr.as_str(), first.code), ("", 0));
    assert_eq!(production(&test), ["releases/v1"]);
    insta::assert_snapshot!("shop_first", without_times(ledger(&first.stdout)));

    let second = shop(&test, &["-i", "version=v2"]);
    assert_eq!((second.stderr.as_str(), second.code), ("", 0));
    assert_eq!(production(&test), ["releases/v2"]);
    insta::assert_snapshot!("shop_second", without_times(ledger(&second.stdout)));

    let third = shop(&test, &["-i", "version=v3-bad"]);
    assert_eq!((third.stderr.as_str(), third.code), ("", 1));
    assert_eq!(production(&test), ["releases/v2"]);
    // Which of the three fails first is not determined, nor whether the others get as far.
    let parts = ledger(&third.stdout).split("\n\n");
    let (failures, rest): (Vec<&str>, Vec<&str>) =
        parts.partition(|part| part.starts_with("✗ ship/"));
    assert!((1..=3).contains(&failures.len()), "{}", third.stdout);
    for failure in failures {
        assert!(failure.contains("answers with errors"), "{failure}");
        assert!(
            failure.contains("smoke-test/run\n  exit code 3\n"),
            "{failure}"
        );
    }
    insta::assert_snapshot!("shop_third", without_times(&rest.join("\n\n")));
    for place in ["eu", "us"] {
        for service in ["catalog", "cart", "web"] {
            let releases = test.path(&format!("site/prod/{place}/{service}/releases"));
            let mut left: Vec<String> = std::fs::read_dir(releases)
                .expect("a folder")
                .map(|entry| entry.expect("an entry").file_name().display().to_string())
                .collect();
            left.sort();
            assert_eq!(left, ["v1", "v2"], "{service} on {place}");
        }
    }
}

/// The whole output of a run in which nothing is parallel is always the same.
#[test]
fn a_whole_run_reads_well() {
    let test = example("shop");
    let shop_file = test.path("shop.deploy");
    let text = std::fs::read_to_string(&shop_file).expect("the shop");
    let serial = text.replace("      parallel ", "      serial ");
    assert_ne!(text, serial);
    // Cells that follow each other cannot meet at a barrier.
    let serial = serial.replace("  barrier placed[i.name]\n", "");
    std::fs::write(&shop_file, serial).expect("the file is written");
    assert_eq!(shop(&test, &[]).code, 0);
    let said = shop(&test, &["-i", "version=v2-bad", "-i", "targets=prod.us"]);
    assert_eq!((said.stderr.as_str(), said.code), ("", 1));
    let stamps = regex::Regex::new(r"(?m)^   \d:\d\d  ").expect("a pattern");
    let said = without_times(&said.stdout);
    insta::assert_snapshot!("shop_serial", stamps.replace_all(&said, "   [AT]  "));
}

#[test]
fn the_inputs_of_the_shop_are_checked() {
    let test = example("shop");
    let said = shop(&test, &["-i", "version=2", "-i", "targets=prod.eu,prod.uk"]);
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    assert!(said.stderr.contains("prod.uk"), "{}", said.stderr);
    assert!(!test.path("site").exists());
}

/// Each order records every deployment once, in its order as far as it has one.
#[test]
fn the_six_orders() {
    let infrastructure = |line: &str| line.split_once(" to ").expect("a line").1.to_string();
    let service = |line: &str| line.split_once(" to ").expect("a line").0.to_string();
    for (pipeline, cells, major) in [
        ("serial-serial", 6, true),
        ("services-parallel", 6, true),
        ("infrastructures-parallel", 6, false),
        ("waves", 6, false),
        ("all-parallel", 6, false),
        ("several-environments", 12, true),
    ] {
        let test = example("orders").args(["orders.deploy", pipeline]);
        let told = Told::by(&test);
        assert_eq!(told.code, 0, "{pipeline}");
        let log = std::fs::read_to_string(test.path("orders.log")).expect("the log");
        let lines: Vec<&str> = log.lines().collect();
        let mut distinct = lines.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((lines.len(), distinct.len()), (cells, cells), "{log}");
        if major {
            let mut places: Vec<String> = lines.iter().map(|line| infrastructure(line)).collect();
            places.dedup();
            let all = ["first.one", "first.two", "second.three", "second.four"];
            assert_eq!(places, all[..cells / 3], "{pipeline}");
        }
        let in_order = |services: Vec<String>| services == ["a", "b", "c"];
        if pipeline == "serial-serial" || pipeline == "infrastructures-parallel" {
            for place in ["first.one", "first.two"] {
                let own = lines.iter().filter(|line| infrastructure(line) == place);
                assert!(in_order(own.map(|line| service(line)).collect()), "{log}");
            }
        }
        if pipeline == "waves" {
            let mut services: Vec<String> = lines.iter().map(|line| service(line)).collect();
            services.dedup();
            assert!(in_order(services), "{log}");
        }
    }
}

#[test]
fn the_backend_waits_for_the_frontend() {
    let test = example("barriers");
    let told = Told::by(&test);
    assert_eq!(told.code, 0);
    for (place, service) in [("be", "backend"), ("fe", "frontend")] {
        let file = test.path(&format!("site/{place}/installed.txt"));
        let text = std::fs::read_to_string(file).expect("it is installed");
        assert_eq!(text, format!("{service}\n"));
    }
}

#[test]
fn the_backend_goes_when_the_frontend_fails() {
    let test = example("barriers").args(["-i", "frontend-works=false"]);
    let said = test.said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 1));
    for place in ["be", "fe"] {
        let folder = test.path(&format!("site/{place}"));
        assert!(folder.is_dir(), "it was there");
        assert!(!folder.join("installed.txt").exists(), "it was taken back");
    }
    insta::assert_snapshot!("barriers_fail", without_times(ledger(&said.stdout)));
}

/// What a region of the example `regions` holds: its machines, and those that serve it, with their
/// images.
fn region(test: &Test, name: &str) -> (Vec<String>, Vec<String>) {
    let folder = test.path(&format!("site/{name}"));
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).expect("a file");
    let mut machines: Vec<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().display().to_string())
        .filter(|file| file != "serving")
        .collect();
    machines.sort();
    let mut serving: Vec<String> = read("serving").lines().map(String::from).collect();
    serving.sort();
    for machine in &machines {
        assert!(read(machine).contains("exec serve --port \"${PORT:-8080}\""));
    }
    (machines, serving)
}

/// What all regions hold; nothing but the machines that serve is left in any.
fn regions(test: &Test) -> Vec<Vec<String>> {
    let all = ["eu-1", "us-1", "ap-1"].map(|name| {
        let (machines, serving) = region(test, name);
        assert_eq!(machines, serving, "{name}");
        serving
    });
    assert_eq!(all.each_ref().map(Vec::len), [2, 2, 1]);
    assert!(!test.path("site/sa-1").exists(), "it is closed");
    all.to_vec()
}

#[test]
fn regions_are_upgraded_and_taken_back_by_the_ids_of_their_machines() {
    let test = example("regions");
    let first = shop(&test, &[]);
    assert_eq!((first.stderr.as_str(), first.code), ("", 0));
    let v1 = regions(&test);
    let second = shop(&test, &["-i", "version=v2"]);
    assert_eq!((second.stderr.as_str(), second.code), ("", 0));
    let v2 = regions(&test);
    assert!(v1.iter().flatten().all(|id| !v2.concat().contains(id)));
    insta::assert_snapshot!("regions_second", without_times(ledger(&second.stdout)));

    let third = shop(&test, &["-i", "version=v3-bad-us-1"]);
    assert_eq!((third.stderr.as_str(), third.code), ("", 1));
    assert_eq!(regions(&test), v2);
    let ids = regex::Regex::new(r"m-\w{6}").expect("a pattern");
    // How far the third region has come when the second one fails is not determined.
    let told = without_times(ledger(&third.stdout));
    let told = told.lines().filter(|line| !line.contains("prod.ap-1"));
    let told: Vec<&str> = told.collect();
    let told = ids.replace_all(&told.join("\n"), "[ID]").into_owned();
    let blanks = regex::Regex::new(" {3,}").expect("a pattern");
    insta::assert_snapshot!("regions_third", blanks.replace_all(&told, "  "));

    let token = std::fs::read_to_string(test.path("site/token")).expect("the token");
    for said in [first, second, third] {
        assert!(!said.stdout.contains(token.trim()), "{}", said.stdout);
    }
    let news = std::fs::read_to_string(test.path("site/news.txt")).expect("the news");
    assert_eq!(
        news,
        "v1 succeeded: prod.eu-1, prod.us-1, prod.ap-1\n\
         v2 succeeded: prod.eu-1, prod.us-1, prod.ap-1\n\
         v3-bad-us-1 rolled-back: nowhere\n"
    );
}

#[test]
fn two_others_agree_that_the_other_regions_follow() {
    let test = example("regions")
        .file(
            ".lockstep/groups.toml",
            "release-managers = [\"ada\", \"grace\"]\n",
        )
        .env("USER", "linus");
    let answers = Test::new().args(["approve", "--yes", "--state"]);
    let approve = |who: &str| {
        let mut command = answers.command();
        command.arg(test.path(".lockstep")).args(["--as", who]);
        crate::support::program::run(command).code
    };
    let mut command = test.command();
    command.args(["-i", "ask=true", "--format", "plain"]);
    let running = Running::start(command);
    until("ada agrees", || approve("ada") == 0);
    assert!(test.path("site/eu-1").exists() && !test.path("site/us-1").exists());
    assert_eq!(approve("linus"), 2, "who ships does not count");
    until("grace agrees", || approve("grace") == 0);
    let said = running.end();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    regions(&test);
}
