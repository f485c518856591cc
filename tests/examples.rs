//! The examples and the shipped library: all of them are fine, and the shop really runs.

use std::path::Path;

use tempfile::TempDir;

use crate::support::program::{command, copy, program, run};
use crate::support::session::{matches, perform};
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

/// The examples in a folder of their own, where they may change files.
fn examples() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    copy(&examples, &folder.path().join("examples"));
    folder
}

#[test]
fn the_shop_is_deployed_upgraded_and_rolled_back() {
    let folder = examples();
    let shop = |arguments: &str| {
        let line = format!("lockstep run examples/shop/shop.deploy {arguments}");
        perform(&line, folder.path())
    };
    let live = |place: &str| {
        let link = folder
            .path()
            .join("examples/shop/site")
            .join(place)
            .join("current");
        let target = std::fs::read_link(link).expect("a release is live");
        target
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let (said, code) = shop("");
    assert!(
        matches("…\n✓ run [RUN] succeeded in …: 12 deployed\n", &said),
        "{said}"
    );
    assert_eq!((code, live("prod/us/web").as_deref()), (0, Some("v1")));

    let (said, code) = shop("-i version=v2 -i targets=prod.eu");
    assert!(
        matches("…\n✓ run [RUN] succeeded in …: 9 deployed\n", &said),
        "{said}"
    );
    assert_eq!((code, live("prod/eu/web").as_deref()), (0, Some("v2")));
    assert_eq!(live("prod/us/web").as_deref(), Some("v1"));

    let (said, code) = shop("-i version=v3-bad");
    let end = "…\n✗ run [RUN] failed in …: 6 deployed, 3 rolled back, 3 not started\n";
    assert!(matches(end, &said), "{said}");
    assert_eq!((code, live("prod/eu/web").as_deref()), (1, Some("v2")));
    assert_eq!(live("staging/north/web").as_deref(), Some("v3-bad"));

    let (said, code) = shop("-i version=latest");
    assert!(said.starts_with("error[E0724]: "), "{said}");
    assert_eq!(code, 2);
}
