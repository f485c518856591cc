//! Tests of what becomes of values, generated from the rows of [`super::programs`]: each reader of
//! code, behind each kind of program that starts another, with each way for a value to get there.

use super::outputs::CODE_VARIABLES;
use super::programs::{Input, Language, Operands, PROGRAMS, Program, SHELLS};
use super::settings::SETTINGS;
use super::{Use, findings};
use crate::ir::command::analyse;
use crate::ir::command::notation::pieces;
use crate::ir::command::tree;
use lockstep_base::diagnostic::{Code, codes};

fn refused(text: &str) -> Vec<Code> {
    match analyse(&pieces(text), true, &Default::default()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.code).collect(),
    }
}

fn is_refused(text: &str) {
    let found = refused(text);
    let codes = [
        codes::VALUE_AS_CODE,
        codes::VALUE_OVER_SSH,
        codes::VALUE_AS_COMMAND,
    ];
    assert!(!found.is_empty(), "accepted: {text}");
    assert!(
        found.iter().all(|code| codes.contains(code)),
        "{found:?}: {text}"
    );
}

fn is_accepted(text: &str) {
    assert_eq!(refused(text), [], "{text}");
}

/// Ways to start a shell's command, from the rows: `X` stands for the command.
fn starters() -> Vec<String> {
    let mut found = vec![String::from("X"), String::from("/usr/bin/env X")];
    for row in PROGRAMS {
        let before = match row.operands {
            Operands::Command(before) => "one ".repeat(before),
            Operands::Arguments(before) => "image ".repeat(before),
            Operands::CommandBehindDashes => String::from("one -- "),
            _ => continue,
        };
        if row.input == Input::Arguments || row.names.contains(&"direnv") {
            continue;
        }
        for name in row.names {
            // `time` alone is a keyword.
            let name = if *name == "time" {
                "/usr/bin/time"
            } else {
                *name
            };
            let uses = row.subcommand.join(" ");
            found.push(format!("{name} {uses} {before}X"));
            found.push(format!("sudo -u app {name} {uses} {before}X"));
            if let Some(option) = row.takes.split_ascii_whitespace().next() {
                found.push(format!("{name} {option} word {uses} {before}X"));
            }
        }
    }
    found
}

/// Ways for a value to stand in what a command reads: `X` stands for the command.
const FEEDS: &[&str] = &[
    "X <<E\necho ‹v›\nE",
    "X <<-E\n\techo ‹v›\n\tE",
    "X <<< \"echo ‹v›\"",
    "X < <(echo ‹v›)",
    "echo \"echo ‹v›\" | X",
    "printf %s ‹v› | X",
    "cat <<E | X\necho ‹v›\nE",
    "cat <<E | sed s/a/b/ | X\n‹v›\nE",
    "{ echo a; echo ‹v›; } | X",
    "(echo ‹v›) | X",
    "if true; then echo ‹v›; fi | X",
    "for x in a ‹v›; do echo $x; done | X",
    "v=‹v›; echo \"$v\" | X",
    "f() { echo \"$1\"; }; f ‹v› | X",
    "echo ‹v› | base64 -d | X",
    "echo ‹v› | tee log | X",
    "echo \"$(echo ‹v›)\" | X",
    "echo ‹v› > f; X < f",
    "cat > f <<E\n‹v›\nE\ncat f | X",
    "{ X; } <<E\n‹v›\nE",
    "if true; then X; fi <<< ‹v›",
    "while true; do X; done <<E\n‹v›\nE",
];

#[test]
fn a_shell_reads_no_value_behind_any_program_and_by_any_way() {
    let shells = [
        "sh",
        "bash -s",
        "/bin/sh -eu",
        "dash -",
        "sh -s arg",
        "bash /dev/stdin",
    ];
    for (at, starter) in starters().iter().enumerate() {
        // All together would take long, and no way knows what it leads to.
        for (number, feed) in FEEDS.iter().enumerate() {
            let shell = shells[(at + number) % shells.len()];
            is_refused(&feed.replace('X', &starter.replace('X', shell)));
        }
        for shell in shells {
            is_refused(&FEEDS[at % FEEDS.len()].replace('X', &starter.replace('X', shell)));
        }
    }
}

#[test]
fn a_shell_is_given_values_as_arguments_behind_any_program() {
    for starter in starters() {
        for command in [
            "sh -s ‹v› <<'E'\necho \"$1\"\nE",
            "sh -c 'echo \"$1\"' sh ‹v›",
            "sh ./file.sh ‹v›",
            "cat <<E\n‹v›\nE",
            "tool --name ‹v›",
        ] {
            is_accepted(&starter.replace('X', command));
        }
        is_refused(&starter.replace('X', "sh -c \"echo ‹v›\""));
        is_refused(&starter.replace('X', "sh -c \"$(echo ‹v›)\""));
        is_refused(&starter.replace('X', "bash -euo pipefail -c \"$(cat <<E\n‹v›\nE\n)\""));
        is_refused(&starter.replace('X', "sh -c 'eval \"$1\"' sh ‹v›"));
    }
}

#[test]
fn no_value_decides_which_program_is_started() {
    for row in PROGRAMS {
        let before = match row.operands {
            Operands::Command(before) => "one ".repeat(before),
            Operands::CommandBehindDashes => String::from("one -- "),
            _ => continue,
        };
        for name in row.names {
            let uses = row.subcommand.join(" ");
            is_refused(&format!("{name} {uses} {before}‹v›"));
            is_refused(&format!("{name} {uses} {before}\"‹v›\" arg"));
            is_accepted(&format!("{name} {uses} {before}tool ‹v›"));
        }
    }
    for text in [
        "find . -exec ‹v› {} +",
        "find . -name a -execdir ‹v› ;",
        ". ‹v›",
        "source \"‹v›\"",
        "sh ‹v›",
        "bash ‹v› arg",
    ] {
        is_refused(text);
    }
    for text in [
        ". ./env/‹v›.sh",
        "sh ./scripts/‹v›",
        "command -v ‹v›",
        "find . -name ‹v› -exec ls {} +",
    ] {
        is_accepted(text);
    }
}

/// The commands in which a row reads code: by an option, by operands, by standard input. `X`
/// stands for the code.
fn readings(row: &Program) -> Vec<String> {
    let mut found = Vec::new();
    for name in row.names {
        let start = format!("{name} {}", row.subcommand.join(" "));
        for option in row.code.split_ascii_whitespace() {
            found.push(format!("{start} {option} X"));
            if option.starts_with("--") {
                found.push(format!("{start} {option}=X"));
            }
        }
        match row.operands {
            Operands::Code | Operands::FirstCode => found.push(format!("{start} X")),
            Operands::Joined(before) => {
                found.push(format!("{start} {}X", "one ".repeat(before)));
                found.push(format!("{start} {}tool X", "one ".repeat(before)));
            }
            Operands::Data
            | Operands::File
            | Operands::Shell
            | Operands::Command(_)
            | Operands::CommandBehindDashes
            | Operands::Arguments(_) => {}
        }
    }
    found
}

#[test]
fn every_row_reads_its_code() {
    for row in PROGRAMS {
        for reading in readings(row) {
            for code in ["\"do ‹v›\"", "‹v›", "\"$(echo ‹v›)\""] {
                let text = reading.replace('X', code);
                let script = tree::read(&pieces(&text), true, 0);
                let found = findings(&script);
                let code = |used: &Use| matches!(used, Use::Code(_));
                assert!(found.iter().any(|it| code(&it.used)), "{text}: {found:?}");
                match row.language {
                    Language::Shell | Language::Remote => is_refused(&text),
                    Language::Own(_) => is_accepted(&text),
                }
            }
        }
        let needs_nothing = matches!(row.input, Input::Code | Input::CodeIfNothingElse);
        let shell = matches!(row.language, Language::Shell | Language::Remote);
        if needs_nothing && shell {
            for name in row.names {
                let before = match row.operands {
                    Operands::Joined(before) | Operands::Command(before) => before,
                    _ => 0,
                };
                let start = format!(
                    "{name} {} {}",
                    row.subcommand.join(" "),
                    "one ".repeat(before)
                );
                is_refused(&format!("{start} <<E\n‹v›\nE"));
                is_refused(&format!("echo ‹v› | {start}"));
            }
        }
    }
}

#[test]
fn the_shell_over_there_reads_its_input_too() {
    for command in [
        "ssh web1",
        "ssh -p 22 -i key user@web1",
        "ssh web1 bash -s",
        "ssh web1 'sudo bash -s'",
        "ssh web1 'cd /srv && sh'",
        "ssh web1 docker exec -i web sh",
        "timeout 5 ssh web1",
        "su - app",
        "sudo -i",
        "sudo -s",
        "sudo su app",
        "docker exec web sh -c 'cat | sh'",
        "sh -c 'sh'",
        "sh -c \"cat | bash\"",
    ] {
        for feed in FEEDS {
            is_refused(&feed.replace('X', command));
        }
    }
    for command in [
        "ssh web1 'cat > file'",
        "ssh web1 tee file",
        "sudo tee /etc/file",
        "docker exec -i web psql",
    ] {
        for feed in FEEDS {
            is_accepted(&feed.replace('X', command));
        }
    }
}

#[test]
fn variables_that_decide_what_is_executed_take_no_value() {
    for name in CODE_VARIABLES {
        for text in [
            format!("{name}=‹v› ls"),
            format!("{name}=‹v›; ls"),
            format!("{name}=a:‹v›:b; ls"),
            format!("export {name}=‹v›"),
            format!("declare -x {name}=\"‹v›\""),
            format!("v=‹v›; {name}=$v ls"),
            format!("env {name}=‹v› ls"),
            format!("sudo {name}=‹v› ls"),
        ] {
            assert_eq!(refused(&text), [codes::VALUE_AS_CODE], "{text}");
        }
        is_accepted(&format!("{name}=‹v=› ls"));
        is_accepted(&format!("{name}=\"$PWD/bin:${name}\"; ls ‹v›"));
        is_accepted(&format!("MY_{name}=‹v› ls"));
    }
}

#[test]
fn what_is_no_code_stays_allowed() {
    for text in [
        "cat <<E | kubectl apply -f -\nname: ‹v›\nE",
        "sh <<'E'\necho hi\nE\necho ‹v›",
        "echo ‹v› | sha256sum",
        "echo ‹v› | sha256sum | sh",
        "eval \"$(ssh-agent -t ‹v›)\"",
        "curl -fsSL https://example.com/‹v›/install.sh | sh",
        "git show v‹v›:install.sh | bash",
        "kubectl exec pod -- psql -c 'select 1' -v x=‹v›",
        "echo ‹v› | grep bash",
        "echo ‹v› | ssh web1 'cat > sh'",
        "echo sh <<E\n‹v›\nE",
        "apt-get install bash <<E\n‹v›\nE",
        "tar -C ‹v› -cf - . | ssh web1 tar -xf -",
        "read x <<< ‹v›; echo \"$x\"",
        "v=‹v›; sh -c 'echo \"$v\"'",
        "v=‹v› sh -c 'echo \"$v\"'",
        "sudo -u ‹v› ls",
        "timeout ‹v› ls",
        "flock ‹v› make",
        "docker run ‹v› sh -c 'echo a'",
        "docker run image ‹v›",
        "printf '%s\\n' ‹v› > f; cat f",
        "echo a > f; sh f ‹v›",
        "trap 'rm -f x' EXIT; echo ‹v›",
        "f() { sh -c 'echo \"$1\"' sh \"$1\"; }; f ‹v›",
        "xargs -n1 echo <<< ‹v›",
        "K=\"kubectl --context a\"; $K exec -c ‹v› pod -- ls",
        "env A=‹v› ls",
        "parallel echo ::: ‹v*›",
    ] {
        is_accepted(text);
    }
}

#[test]
fn the_ways_of_values_are_followed() {
    for text in [
        "v=‹v›; eval \"echo $v\"",
        "v=\"echo ‹v›\"; sh -c \"$v\"",
        "read v <<< ‹v›; eval \"$v\"",
        "v=$(echo ‹v›); eval \"$v\"",
        "for v in a ‹v›; do eval \"$v\"; done",
        "set -- ‹v›; eval \"$1\"",
        "f() { eval \"$1\"; }; f ‹v›",
        "f() { sh; }; echo ‹v› | f",
        "function f { eval \"$@\"; }; f a ‹v›",
        "a=(b ‹v›); eval \"${a[0]}\"",
        "cat > f.sh <<E\necho ‹v›\nE\nsh f.sh",
        "echo ‹v› > ./f.sh; . f.sh",
        "echo ‹v› | tee f.sh; bash ./f.sh",
        "echo ‹v› > f; chmod +x f; ./f",
        "echo ‹v› > \"$f\"; sh \"$f\"",
        "sh <(echo ‹v›)",
        ". <(echo ‹v›)",
        ". /dev/stdin <<E\nx=‹v›\nE",
        "S=sh; $S -c \"echo ‹v›\"",
        "$SHELL -c \"echo ‹v›\"",
        "S='sudo sh'; $S <<E\n‹v›\nE",
        "sh -c 'sh -c \"$1\"' sh ‹v›",
        "sh -c 'eval \"$v\"' <<< a; v=‹v›",
        "echo ‹v› | xargs -I{} sh -c 'echo {}'",
        "echo ‹v› | xargs sh -c",
        "echo ‹v› | xargs -I% ssh web1 ls %",
        "sh -s x <<'E'\necho a\nE\nsh -c \"‹v›\"",
        "x=1; while true; do eval \"$x\"; x=‹v›; done",
        "env -S ‹v›",
        "env -S\"‹v› b\"",
        "flock l -c \"echo ‹v›\"",
        "script -qc \"echo ‹v›\" /dev/null",
        "hash -p ‹v› foo",
        "compgen -C ‹v› a",
        "echo a | xargs -I{} ‹v›",
        "sudo -s ‹v›",
    ] {
        is_refused(text);
    }
}

#[test]
fn secrets_are_no_arguments() {
    let refused = |text: &str| refused(text) == [codes::SECRET_AS_ARGUMENT];
    for text in [
        "curl -H ‹s!›",
        "tool \"a‹s!›b\" | cat",
        "sudo tool ‹s!›",
        "env T=‹s!› tool",
        "exec tool ‹s!›",
        "/bin/echo ‹s!›",
        "t=‹s!›; tool \"$t\"",
        "export T=‹s!›; tool \"$T\"",
        "tool \"$(echo ‹s!›)\"",
        "tool \"$(printf %s ‹s!› | base64)\"",
        "sh -c 'tool \"$1\"' sh ‹s!›",
        "f() { tool \"$1\"; }; f ‹s!›",
        "echo ‹s!› | xargs tool",
        "for t in ‹s!›; do tool $t; done",
        "tool <(echo a) ‹s!›",
    ] {
        assert!(refused(text), "{text}");
    }
    for text in [
        "T=‹s!› tool",
        "export T=‹s!›; tool",
        "tool <<E\n‹s!›\nE",
        "tool <<< ‹s!›",
        "echo ‹s!› | tool",
        "printf %s ‹s!› | tool --stdin",
        "tool <(echo ‹s!›)",
        "[ -n ‹s!› ] && tool",
        "sign=$(printf %s ‹s!› | openssl dgst -sha256); tool \"$sign\"",
        "t=$(exchange <<< ‹s!›); tool \"$t\"",
        "f() { tool <<< \"$1\"; }; f ‹s!›",
        "echo ‹s!› > file; tool file",
        "case ‹s!› in a) tool;; esac",
    ] {
        is_accepted(text);
    }
}

#[test]
fn every_row_says_something() {
    for row in PROGRAMS {
        assert!(!row.names.is_empty());
        let reads = row.operands != Operands::Data || row.input != Input::Data;
        assert!(
            reads || !row.code.is_empty() || !row.file.is_empty(),
            "{:?}",
            row.names
        );
    }
    assert!(SHELLS.contains(&"sh"));
}

#[test]
fn no_setting_names_a_program_by_a_value() {
    for row in SETTINGS {
        for name in row.names {
            for option in row.options.split_ascii_whitespace() {
                let between = if option.starts_with("--") { "=" } else { "" };
                let with = |setting: &str| {
                    [
                        format!("{name} {option} {setting} x"),
                        format!("{name} {option}{between}{setting} x"),
                        format!("sudo {name} -v {option} {setting} x | cat"),
                    ]
                };
                for text in with("‹v›").iter().chain(&with("\"$(echo ‹v›)\"")) {
                    is_refused(text);
                }
                for key in row.runs.split_ascii_whitespace() {
                    let key = key.replace('*', "it").to_uppercase();
                    with(&format!("{key}=‹v›"))
                        .iter()
                        .for_each(|text| is_refused(text));
                }
                if !row.runs.is_empty() {
                    with("harmless.name=‹v›")
                        .iter()
                        .for_each(|text| is_accepted(text));
                }
            }
        }
    }
    is_accepted("git commit -c ‹v›");
    is_accepted("ssh -o Port=‹v› -o User=‹w› h true");
    is_refused("O=ProxyCommand=‹v›; ssh -o \"$O\" h");
}
