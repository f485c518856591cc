//! Real programs are started.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::process::{Pid, WaitOptions, waitpid};

use super::{ProgramStart, Started, start};

/// What a shell prints when a script is started with these variables, with its exit code.
fn shell(script: &str, input: &str, variables: &[(&str, &str)]) -> (String, Option<i32>) {
    let arguments = [OsStr::new("-c"), OsStr::new(script)];
    let variables: Vec<(&OsStr, &OsStr)> = (variables.iter())
        .map(|(name, text)| (OsStr::new(*name), OsStr::new(*text)))
        .collect();
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(input.as_bytes()).expect("it is written");
    drop(writer);
    let (mut output, streams) = output();
    let started = start(&ProgramStart {
        program: OsStr::new("sh"),
        arguments: &arguments,
        environment: &variables,
        folder: Path::new("/usr"),
        streams: [reader.as_fd(), streams.as_fd(), streams.as_fd()],
    });
    drop(streams);
    let code = wait(&started.expect("it starts"));
    let mut text = String::new();
    output.read_to_string(&mut text).expect("a text");
    (text, code)
}

fn output() -> (File, OwnedFd) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (File::from(OwnedFd::from(reader)), OwnedFd::from(writer))
}

fn wait(started: &Started) -> Option<i32> {
    let id = Pid::from_raw(started.id as i32).expect("a number");
    let ended = waitpid(Some(id), WaitOptions::empty()).expect("it is reaped");
    ended.and_then(|(_, status)| status.exit_status())
}

/// Starts a program with a `PATH` only, with its error.
fn fails(program: &str, path: &str, folder: &Path) -> std::io::Error {
    let nothing = File::open("/dev/null").expect("it is there");
    let started = start(&ProgramStart {
        program: OsStr::new(program),
        arguments: &[],
        environment: &[(OsStr::new("PATH"), OsStr::new(path))],
        folder,
        streams: [nothing.as_fd(), nothing.as_fd(), nothing.as_fd()],
    });
    started.expect_err("it does not start")
}

#[test]
fn a_program_gets_what_it_is_given() {
    let script = r#"read line; echo "$line $A $(pwd)"; echo oops >&2; exit 7"#;
    let variables = [("A", "b c"), ("PATH", "/nowhere::/usr/bin:/bin")];
    assert_eq!(
        shell(script, "text\n", &variables),
        (String::from("text b c /usr\noops\n"), Some(7))
    );
    assert_eq!(
        shell("env", "", &[]).1,
        Some(0),
        "it is found without a PATH"
    );
}

#[test]
fn it_has_a_group_and_no_descriptors_of_this_process() {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let _open = File::open(here).expect("it is there");
    let script = "readlink /proc/$$/fd/*; [ $$ = $(ps -o pgid= -p $$ | tr -d ' ') ]";
    let (said, code) = shell(script, "", &[("PATH", "/usr/bin:/bin")]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(here), "{said}");
}

#[test]
fn no_signal_is_blocked_or_handled() {
    let script = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/$$/status | cut -f2 | tr '\\n' ' '; :";
    let (said, _) = shell(script, "", &[("PATH", "/usr/bin:/bin")]);
    let masks: Vec<u64> = (said.split_whitespace())
        .map(|mask| u64::from_str_radix(mask, 16).expect("a mask"))
        .collect();
    let sigpipe = 1 << 12;
    let shell_handles = 1 << 16 | 1 << 1;
    let [blocked, ignored, handled] = masks[..] else {
        panic!("{said}");
    };
    assert_eq!(
        (blocked, ignored & sigpipe, handled & !shell_handles),
        (0, 0, 0)
    );
}

#[test]
fn what_cannot_be_started_says_why() {
    let folder = std::env::temp_dir().join(format!("lockstep-spawn-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("not-a-program")).expect("a folder");
    std::fs::write(folder.join("text"), "no program").expect("a file");
    let here = folder.to_str().expect("a text");
    let path = format!("/nowhere:{here}");
    let error = |program: &str, folder: &Path| fails(program, &path, folder).kind();
    assert_eq!(error("no-such-program", &folder), ErrorKind::NotFound);
    assert_eq!(error("./no-such-program", &folder), ErrorKind::NotFound);
    assert_eq!(error("true", Path::new("/nowhere")), ErrorKind::NotFound);
    assert_eq!(
        error("true", &folder.join("text")),
        ErrorKind::NotADirectory
    );
    assert_eq!(error("text", &folder), ErrorKind::PermissionDenied);
    assert_eq!(error("not-a-program", &folder), ErrorKind::PermissionDenied);
    assert_eq!(error("a\0b", &folder), ErrorKind::InvalidInput);
    assert_eq!(error("", &folder), ErrorKind::NotFound);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.join("text"), mode).expect("it is set");
    let error = fails("text", &path, &folder);
    assert_eq!(error.raw_os_error(), Some(libc::ENOEXEC));
    std::fs::remove_dir_all(&folder).expect("it is removed");
}

#[test]
fn a_descriptor_shows_the_end() {
    let (_, streams) = output();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let started = start(&ProgramStart {
        program: OsStr::new("cat"),
        arguments: &[],
        environment: &[],
        folder: Path::new("/"),
        streams: [reader.as_fd(), streams.as_fd(), streams.as_fd()],
    });
    let started = started.expect("it starts");
    let ended = |wait_ms: i64| {
        let mut all = [rustix::event::PollFd::new(
            &started.process,
            rustix::event::PollFlags::IN,
        )];
        let time = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: wait_ms * 1_000_000,
        };
        rustix::event::poll(&mut all, Some(&time)).expect("it is asked") > 0
    };
    assert!(!ended(20), "its input is open");
    drop(writer);
    assert!(ended(999));
    assert_eq!(wait(&started), Some(0));
}

/// Many threads start programs at once, while signals come: no program is lost, and none is
/// started with the streams of another.
#[test]
fn threads_start_programs_at_once() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..50 {
                    let text = format!("{thread} {round}");
                    let said = shell("cat", &text, &[("PATH", "/bin:/usr/bin")]);
                    assert_eq!(said, (text, Some(0)));
                }
            });
        }
    });
}
