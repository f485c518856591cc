//! `send` and `fetch`: on this machine and over a real `sshd`, with the same results.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use super::latches::log;
use crate::support::Test;
use crate::support::program::{Said, command, program, run};
use crate::support::running::{Running, until};
use crate::support::sshd::Sshd;

/// A pipeline `p` whose statements run at a place: `CONNECT` and its folder, `ROOT`.
fn at(connect: &str, statements: &str) -> Test {
    let test = Test::new().args(["run", "main.deploy"]);
    let root = test.path("there").display().to_string();
    let text = format!(
        "secret token = env(\"TOKEN\")\n\
         pipeline p {{\n  with on {connect} {{\n{}\n  }}\n}}\n",
        statements.replace("ROOT", &root)
    );
    let test = test.file("main.deploy", text).env("TOKEN", "s3cret");
    let dist = test.path("dist");
    std::fs::create_dir_all(dist.join("sub dir/.hidden")).unwrap();
    std::fs::create_dir_all(dist.join(".lockstep")).unwrap();
    std::fs::create_dir_all(dist.join("empty")).unwrap();
    for (name, text) in [
        ("index.html", "hello\n"),
        ("sub dir/it's \"odd\" $HOME", "odd"),
        ("sub dir/.hidden/run", "#!/bin/sh\n"),
        (".lockstep/state.db", "state"),
    ] {
        std::fs::write(dist.join(name), text).unwrap();
    }
    let executable = std::fs::Permissions::from_mode(0o750);
    std::fs::set_permissions(dist.join("sub dir/.hidden/run"), executable).unwrap();
    symlink("index.html", dist.join("link")).unwrap();
    symlink("/nowhere", dist.join("dangling")).unwrap();
    test
}

/// What is in a folder: path, mode or target, and text of each.
fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let said = match std::fs::read_link(&path) {
                Ok(target) => format!("-> {}", target.display()),
                Err(_) if meta.is_dir() => {
                    open.push(path);
                    format!("{:o}", meta.mode() & 0o777)
                }
                Err(_) => {
                    let text = std::fs::read_to_string(&path).unwrap();
                    format!("{:o} {text:?}", meta.mode() & 0o777)
                }
            };
            found.push(format!("{name} {said}"));
        }
    }
    found.sort();
    found
}

/// Runs the same statements at each kind of place, and hands over what was said and is there.
fn at_each(statements: &str, check: impl Fn(&Test, &Said)) {
    let here = at("local()", statements);
    check(&here, &run(here.command()));
    let there = at("ssh(\"target\")", statements);
    if let Some(server) = Sshd::start(&there, "") {
        check(&there, &run(server.command(&there)));
        server.is_left();
    }
}

#[test]
fn a_folder_arrives_as_it_is_and_comes_back() {
    let statements = "let sent = send \"dist\" to \"ROOT/new/web/\"\n\
         let again = send \"dist\" to \"ROOT/new/web\"\n\
         let back = fetch \"ROOT/new/web\" to \"back/web\"\n\
         run \"echo ${sent.files} ${sent.bytes} ${sent.sha256} >> log\" on local()\n\
         run \"echo ${again.sha256} ${back.sha256} ${back.files} ${back.bytes} >> log\" on local()";
    at_each(statements, |test, said| {
        assert_eq!(said.code, 0, "{said:?}");
        let mut sent = listing(&test.path("dist"));
        sent.retain(|line| !line.starts_with(".lockstep"));
        assert_eq!(sent.len(), 8);
        assert_eq!(listing(&test.path("there/new/web")), sent);
        assert_eq!(listing(&test.path("back/web")), sent);
        // As the reference says.
        let sum = Command::new("sh")
            .args([
                "-c",
                "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum",
            ])
            .current_dir(test.path("back/web"))
            .output();
        let sum = String::from_utf8(sum.unwrap().stdout).unwrap();
        let sum = sum.split(' ').next().unwrap();
        assert_eq!(
            log(test),
            [format!("3 19 {sum}"), format!("{sum} {sum} 3 19")]
        );
        // Nothing unfinished is left.
        for folder in ["there/new", "back"] {
            assert_eq!(
                listing(&test.path(folder)).len(),
                sent.len() + 1,
                "{folder}"
            );
        }
    });
}

#[test]
fn files_and_texts_take_the_place_of_files() {
    let statements = "send \"dist/index.html\" to \"ROOT/a\"\n\
         send text \"one\\n\" to \"ROOT/a\"\n\
         send text token to \"ROOT/s\"\n\
         send text \"it's $x `y` \\\\ ${token}\" to \"ROOT/-n\" mode 0640\n\
         send \"dist/sub dir/.hidden/run\" to \"ROOT/run it\"\n\
         fetch \"ROOT/run it\" to \"got\"\n\
         send text \"\" to \"ROOT/empty\"";
    at_each(statements, |test, said| {
        assert_eq!(said.code, 0, "{said:?}");
        assert!(!said.stdout.contains("s3cret"), "{said:?}");
        assert_eq!(
            listing(&test.path("there")),
            [
                "-n 640 \"it's $x `y` \\\\ s3cret\"",
                "a 644 \"one\\n\"",
                "empty 644 \"\"",
                "run it 750 \"#!/bin/sh\\n\"",
                "s 600 \"s3cret\"",
            ]
        );
        let got = std::fs::metadata(test.path("got")).unwrap();
        assert_eq!(got.mode() & 0o777, 0o750);
    });
}

#[test]
fn a_folder_that_holds_something_else_stays_unless_it_is_replaced() {
    let statements = "run \"mkdir -p ROOT/web ROOT/same && echo old > ROOT/web/old\"\n\
         send \"dist\" to \"ROOT/web\"\n\
         on failure { run \"echo ${failure.class}: ${failure.message} >> log\" on local()  ignore }\n\
         send \"dist/index.html\" to \"ROOT/web\"\n\
         on failure { run \"echo ${failure.message} >> log\" on local()  ignore }\n\
         run \"cat ROOT/web/old\"\n\
         send \"dist\" to \"ROOT/web\" replacing\n\
         run \"mkdir back && echo mine > back/mine\" on local()\n\
         fetch \"ROOT/web\" to \"back\"\n\
         on failure { run \"echo ${failure.message} >> log\" on local()  ignore }\n\
         fetch \"ROOT/web\" to \"back\" replacing\n\
         send \"dist/index.html\" to \"ROOT/web\" replacing";
    at_each(statements, |test, said| {
        assert_eq!(said.code, 0, "{said:?}");
        let root = test.path("there").display().to_string();
        let lines = log(test);
        let held = "is a folder that holds something else";
        assert!(
            lines[0].starts_with(&format!("failed: `{root}/web` {held} (`")),
            "{lines:?}"
        );
        let file =
            format!("`{root}/web` is a folder: a file takes its place only with `replacing`");
        assert_eq!(lines[1], file);
        assert!(lines[2].contains(held), "{lines:?}");
        assert_eq!(lines.len(), 3);
        assert_eq!(
            listing(&test.path("there")),
            ["same 755", "web 644 \"hello\\n\""]
        );
        assert!(!test.path("back/mine").exists());
        assert!(test.path("back/index.html").exists());
    });
}

#[test]
fn state_folders_are_left_where_they_are() {
    let statements = "run \"mkdir -p ROOT/web/sub/.lockstep/runs ROOT/web/.lockstep\"\n\
         run \"sh -c 'echo s > ROOT/web/sub/.lockstep/runs/s; echo s > ROOT/web/.lockstep/s'\"\n\
         run \"sh -c 'echo page > ROOT/web/sub/page; echo kept > ROOT/web/sub/.lockstep.toml'\"\n\
         let first = fetch \"ROOT/web\" to \"back\"\n\
         let again = fetch \"ROOT/web\" to \"back\"\n\
         run \"echo ${first.files} ${again.files} >> log\" on local()";
    at_each(statements, |test, said| {
        assert_eq!(said.code, 0, "{said:?}");
        let back = listing(&test.path("back"));
        let names: Vec<&str> = back.iter().filter_map(|it| it.split(' ').next()).collect();
        assert_eq!(names, ["sub", "sub/.lockstep.toml", "sub/page"]);
        assert_eq!(log(test), ["2 2"]);
    });
}

#[test]
fn what_is_not_there_is_said() {
    let statements = "send \"nothing\" to \"ROOT/a\"\n\
         on failure { run \"echo ${failure.message} >> log\" on local()  ignore }\n\
         fetch \"ROOT/nothing\" to \"a\"\n\
         on failure { run \"echo ${failure.message} >> log\" on local()  ignore }\n\
         fetch \"/dev/null\" to \"a\"\n\
         on failure { run \"echo ${failure.message} >> log\" on local()  ignore }\n\
         run \"mkdir -p ROOT && echo > ROOT/file\"\n\
         send \"dist\" to \"ROOT/file/below\"\n\
         on failure { run \"echo ${failure.class} >> log\" on local()  ignore }";
    at_each(statements, |test, said| {
        assert_eq!(said.code, 0, "{said:?}");
        let root = test.path("there").display().to_string();
        let nothing = test.path("nothing").display().to_string();
        assert_eq!(
            log(test),
            [
                format!("`{nothing}` does not exist on this machine"),
                format!("`{root}/nothing` does not exist"),
                String::from("`/dev/null` is neither a file nor a folder"),
                String::from("failed"),
            ]
        );
    });
}

/// Killed in the middle, the target is complete or not there, and the resumed run completes it.
#[test]
fn a_run_that_is_killed_while_it_sends_is_resumed() {
    let test = at(
        "ssh(\"target\")",
        "send \"large\" to \"ROOT/large\"\nfetch \"ROOT/large\" to \"back\"",
    );
    let Some(server) = Sshd::start(&test, "") else {
        return;
    };
    std::fs::create_dir(test.path("large")).unwrap();
    for number in 0_u32..64 {
        let bytes: Vec<u8> = (0..500_000_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761 + number) >> 13) as u8)
            .collect();
        std::fs::write(test.path(&format!("large/{number}")), bytes).unwrap();
    }
    let running = Running::start(server.command(&test));
    until("something has arrived", || {
        let there = std::fs::read_dir(test.path("there"));
        there.is_ok_and(|there| there.count() > 0)
    });
    running.signal("KILL");
    running.end();
    let mut resume = command(program(), &test.path(""));
    let started = server.command(&test);
    resume.arg("resume").env("TOKEN", "s3cret");
    for (name, value) in started.get_envs() {
        resume.env(name, value.unwrap_or_default());
    }
    let resumed = run(resume);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let same = Command::new("diff")
        .arg("-r")
        .args([test.path("large"), test.path("back")])
        .status();
    assert!(same.unwrap().success());
    assert_eq!(std::fs::read_dir(test.path("there")).unwrap().count(), 1);
    server.is_left();
}

#[test]
fn a_transfer_that_is_stopped_leaves_nothing_unfinished() {
    // The other side takes no more than it has taken.
    let test = at(
        "ssh(\"target\")",
        "send \"pipe\" to \"ROOT/x\" timeout 1s\n\
         on failure { run \"echo ${failure.class} >> log\" on local() }",
    );
    let Some(server) = Sshd::start(&test, "") else {
        return;
    };
    std::fs::create_dir(test.path("pipe")).unwrap();
    // A file that is too large to be sent in that time; it takes no room.
    let hole = std::fs::File::create(test.path("pipe/hole")).unwrap();
    hole.set_len(8 << 30).unwrap();
    let said = run(server.command(&test));
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(log(&test), ["timeout"]);
    until("nothing unfinished is there", || {
        let there = std::fs::read_dir(test.path("there"));
        there.is_ok_and(|there| there.count() == 0)
    });
    server.is_left();
}

/// A release needs nothing there beforehand: its files go over the connection.
#[test]
fn releases_go_over_a_connection() {
    let test = Test::new().file("web/index.txt", "one");
    let root = test.path("there").display().to_string();
    let text = format!(
        "from \"std/release\" import release\n\
         input version: string\n\
         service web: release {{ version = version }}\n\
         environment prod {{\n  infrastructure eu: release {{\n\
         connect = ssh(\"target\")\n    root = \"{root}\"\n  }}\n}}\n\
         pipeline ship {{\n  deploy web to prod.eu\n  run \"test ! -e bad\"\n}}\n"
    );
    let test = test.file("main.deploy", text);
    let Some(server) = Sshd::start(&test, "") else {
        return;
    };
    let ship = |version: &str| {
        let mut command = server.command(&test);
        command.args(["run", "main.deploy", "-i", &format!("version={version}")]);
        run(command)
    };
    let said = ship("v1");
    assert_eq!(said.code, 0, "{said:?}");
    std::fs::write(test.path("web/index.txt"), "two").unwrap();
    let said = ship("v2");
    assert_eq!(said.code, 0, "{said:?}");
    let current = test.path("there/web/current/index.txt");
    assert_eq!(std::fs::read_to_string(&current).unwrap(), "two");
    let mut undo = server.command(&test);
    undo.args(["undo", "--yes"]);
    let undone = run(undo);
    assert_eq!(undone.code, 0, "{undone:?}");
    assert_eq!(std::fs::read_to_string(&current).unwrap(), "one");
    assert!(!test.path("there/web/releases/v2").exists());
    server.is_left();
}
