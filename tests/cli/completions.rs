//! `lockstep completions`, `lockstep man`, and the hooks that call the program.

use std::process::Command;

use crate::support::Test;

#[test]
fn every_shell_gets_its_script() {
    for (shell, sign) in [
        ("bash", "complete -F _lockstep"),
        ("zsh", "#compdef lockstep"),
        ("fish", "complete -c lockstep"),
        ("elvish", "edit:completion:arg-completer[lockstep]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let said = Test::new().args(["completions", shell]).said();
        assert_eq!((said.stderr.as_str(), said.code), ("", 0), "{shell}");
        assert!(said.stdout.contains(sign), "{shell}: {}", said.stdout);
        assert!(said.stdout.contains("explain"), "{shell}");
    }
}

/// What bash offers after these words.
#[test]
fn bash_completes() {
    let test = Test::new().args(["completions", "bash"]);
    let script = test.path("script.sh");
    std::fs::write(&script, test.said().stdout).expect("it is written");
    let ask = "source \"$0\"; COMP_WORDS=(lockstep fmt --); COMP_CWORD=2; \
               _lockstep lockstep -- fmt; echo \"${COMPREPLY[*]}\"";
    let Ok(output) = Command::new("bash").args(["-c", ask]).arg(&script).output() else {
        eprintln!("skipped: there is no bash");
        return;
    };
    let offered = String::from_utf8_lossy(&output.stdout);
    for word in ["--check", "--diff", "--color", "--help"] {
        assert!(offered.contains(word), "{offered}");
    }
}

#[test]
fn manual_pages_are_written() {
    let test = Test::new().args(["man", "--out", "pages"]);
    let said = test.said();
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str(), said.code),
        ("", "", 0)
    );
    for page in ["lockstep.1", "lockstep-fmt.1", "lockstep-run.1"] {
        let text = std::fs::read_to_string(test.path("pages").join(page)).expect(page);
        assert!(text.contains(".SH NAME"), "{page}: {text}");
    }
    Test::new()
        .file("pages", "")
        .args(["man", "--out", "pages"])
        .stderr("error[E0750]: cannot write `pages`: file exists\n")
        .exits(2);
}

#[test]
fn hooks_call_the_program() {
    #[derive(serde::Deserialize)]
    struct Hook {
        id: String,
        entry: String,
        language: String,
        files: String,
    }
    let text = include_str!("../../.pre-commit-hooks.yaml");
    let hooks: Vec<Hook> = serde_yaml_ng::from_str(text).expect("YAML");
    assert_eq!(hooks.len(), 2);
    for hook in hooks {
        assert_eq!(hook.language, "rust", "{}", hook.id);
        let files = regex::Regex::new(&hook.files).expect("a pattern");
        assert!(files.is_match("a/b.deploy") && !files.is_match("a.deploy.bak"));
        let words = hook.entry.strip_prefix("lockstep ").expect("the program");
        Test::new()
            .file("a.deploy", "pipeline a { log \"a\" }\n")
            .file("b.deploy", "pipeline b { log \"b\" }\n")
            .args(words.split(' ').chain(["a.deploy", "b.deploy"]))
            .stdout(match words {
                "fmt" => "2 files unchanged\n",
                _ => "2 files are fine\n",
            })
            .exits(0);
    }
}
