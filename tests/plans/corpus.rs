//! The files of `tests/corpus/plan`: their first comment lines are commands, and the output of
//! these is in a snapshot next to the file.

use std::fmt::Write;

use tempfile::TempDir;

use crate::support::session::perform;

/// The commands in the first lines of a file: `# $ lockstep plan …`.
pub fn commands(text: &str) -> Vec<&str> {
    let comments = text.lines().take_while(|line| line.starts_with('#'));
    comments
        .filter_map(|line| line.strip_prefix("# $ "))
        .collect()
}

#[test]
fn plans_are_shown() {
    insta::glob!("../corpus/plan", "*.deploy", |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        let name = path.file_name().expect("a name");
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::write(folder.path().join(name), &text).expect("the file is written");
        let commands = commands(&text);
        assert!(!commands.is_empty(), "{} has no commands", path.display());
        let mut said = String::new();
        for command in commands {
            let (output, code) = perform(command, folder.path());
            let ended = match code {
                0 => String::new(),
                code => format!("exit code {code}\n"),
            };
            writeln!(said, "$ {command}\n{output}{ended}").expect("text takes text");
        }
        insta::with_settings!({
            snapshot_path => "../corpus/plan/snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
            // How long a run takes is not what is tested.
            filters => [
                (r"(succeeded|failed) in \d+\.\ds", "$1 in [TIME]"),
                (r"(?m)^   \d:\d\d ", "   0:00 "),
            ],
        }, {
            insta::assert_snapshot!("plan", said);
        });
    });
}
