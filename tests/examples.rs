//! The examples and the standard library have no findings. `run::examples` runs them.

use std::path::Path;

use crate::support::program::{command, program, run};
use crate::tidy::files;

#[test]
fn examples_and_library_are_fine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in files(&["examples", "stdlib"], "deploy") {
        let mut check = command(program(), root);
        check.args(["check", &file.path]);
        let said = run(check);
        let fine = said.stdout.starts_with(&format!("{} is fine: ", file.path));
        assert!(fine && said.code == 0, "{}{}", said.stdout, said.stderr);
    }
}
