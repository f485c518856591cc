//! Children of a command in whatever session, group or environment: gone when the command was
//! stopped or has failed, and left alone when it ended well.

use super::*;

/// How a child is started; it writes its process number to the file `$1`.
const WAYS: [(&str, &str); 8] = [
    ("in the group", "sh child.sh $1 &"),
    ("in the group, its parent gone", "(sh child.sh $1 &)"),
    ("in a session", "setsid sh child.sh $1 &"),
    ("in a session, its parent gone", "(setsid sh child.sh $1 &)"),
    (
        "in a session of a session",
        "setsid setsid sh child.sh $1 &",
    ),
    (
        "twice forked",
        "setsid sh -c 'sh child.sh $1 & exit' sh $1 &",
    ),
    (
        "without variables",
        "setsid env -i \"PATH=$PATH\" sh child.sh $1 &",
    ),
    (
        "deaf",
        "setsid sh -c 'trap \"\" TERM HUP; exec sh child.sh $1' sh $1 &",
    ),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Well,
    Fails,
    HasBadOutputs,
    Stopped(StopRequest),
    Dropped,
}

/// Runs a command with a child that was started in some way, and returns the child's number when
/// the command is over.
async fn over(way: &str, end: End) -> (String, Option<CommandResult>) {
    let bench = ProcessFixture::new();
    let file = |name: &str| bench.folder.path().join(name);
    let child = "echo $$ > $1.new; mv $1.new $1; while :; do sleep 0.05; done";
    std::fs::write(file("child.sh"), child).unwrap();
    let last = match end {
        End::Well => "exit 0",
        End::Fails => "exit 3",
        End::HasBadOutputs => "echo oops > \"$LOCKSTEP_OUTPUT\"",
        End::Stopped(_) | End::Dropped => "wait; sleep 20",
    };
    // Its output is its own, so that nothing but the rule ends it.
    let start = format!("exec 3>&1 >/dev/null 2>&1; {way}\nuntil [ -s pid ]; do sleep 0.01; done");
    let script = format!("set -- pid; {start}; echo ready >&3; {last}");
    let (sender, stop) = watch::channel(None);
    let (told, mut ready) = watch::channel(false);
    let listener = |_, _: &str| {
        told.send_replace(true);
        if let End::Stopped(how) = end {
            sender.send_replace(Some(how));
        }
    };
    let run = bench
        .spawner
        .run(bench.spawn(sh(&script)), &bench.vault, listener, stop);
    let ended = match end {
        End::Dropped => tokio::select! {
            ended = run => panic!("{way}: {ended:?}"),
            _ = ready.wait_for(|is| *is) => None,
        },
        End::Well | End::Fails | End::HasBadOutputs | End::Stopped(_) => Some(run.await),
    };
    (
        std::fs::read_to_string(file("pid"))
            .unwrap()
            .trim()
            .to_owned(),
        ended,
    )
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_is_left_of_a_command_that_was_stopped_or_has_failed() {
    for end in [
        End::Fails,
        End::HasBadOutputs,
        End::Stopped(StopRequest::Term),
        End::Stopped(StopRequest::Kill),
        End::Dropped,
    ] {
        for (name, way) in WAYS {
            // Without its variables, and with another parent, nothing tells whose it was.
            let is_unknown =
                name == "without variables" && matches!(end, End::Fails | End::HasBadOutputs);
            let (pid, ended) = over(way, end).await;
            assert_eq!(lives(&pid), is_unknown, "{name}, {end:?}: {ended:?}");
            if is_unknown {
                std::process::Command::new("kill")
                    .args(["-9", &pid])
                    .status()
                    .unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_is_left_of_a_command_that_ended_well_lives_on() {
    for (name, way) in WAYS {
        let (pid, ended) = over(way, End::Well).await;
        assert!(
            matches!(ended, Some(CommandResult::Exited { .. })),
            "{name}: {ended:?}"
        );
        assert!(lives(&pid), "{name}");
        std::process::Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap();
    }
}
