//! What an engine that cannot be used is refused with, before anything of a run is sent.

use std::process::Command;

use crate::server::{TemporalServer, program};

#[track_caller]
fn refused(words: &[&str], url: &str, said: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ended = Command::new(program())
        .args(words)
        .args(["--engine", url])
        .current_dir(folder.path())
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    for said in said {
        assert!(stderr.contains(said), "`{said}` is not in\n{stderr}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let server = TemporalServer::start(["here"]);
    let url = server.url("elsewhere");
    let said = [
        "E0738",
        "has no namespace `elsewhere`",
        "temporal operator namespace create -n elsewhere",
    ];
    for words in [&["runs"][..], &["worker"], &["ledger"]] {
        refused(words, &url, &said);
    }
    drop(server);
    refused(&["runs"], &url, &["E0738", "cannot be used"]);
}
