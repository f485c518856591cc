//! A process that was started: its streams, and its end. On Linux `lockstep_spawn` starts it and
//! its descriptor shows the end; elsewhere the asynchronous runtime does both.

#[cfg(target_os = "linux")]
use std::ffi::{OsStr, OsString};
use std::io::Error;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd as _;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};

use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use super::PreparedCommand;

/// A process that is killed when it is dropped before it has ended.
pub(super) struct Child {
    id: Option<u32>,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
    process: ChildProcess,
}

/// What is waited for.
enum ChildProcess {
    #[cfg(target_os = "linux")]
    Watched(linux::WatchedProcess),
    Ordinary(tokio::process::Child),
}

/// A way to start a program with its streams; what it returns is its number, too.
type StartFunction = fn(
    &PreparedCommand,
    &str,
    &[String],
    [OwnedFd; 3],
) -> Result<(Option<u32>, ChildProcess), Error>;

impl Child {
    /// Starts a program. Streams that are joined are one pipe, so that their order is that of the
    /// writes.
    pub(super) fn start(
        command: &PreparedCommand,
        program: &str,
        arguments: &[String],
    ) -> Result<Self, Error> {
        Self::start_by(ChildProcess::start, command, program, arguments)
    }

    fn start_by(
        how: StartFunction,
        command: &PreparedCommand,
        program: &str,
        arguments: &[String],
    ) -> Result<Self, Error> {
        let input = Ends::of_input(command)?;
        let (out, output) = std::io::pipe()?;
        let (err, errors) = match command.streams_joined {
            true => (None, output.try_clone()?),
            false => {
                let (err, errors) = std::io::pipe()?;
                (Some(err), errors)
            }
        };
        let (id, process) = how(
            command,
            program,
            arguments,
            [input.theirs, OwnedFd::from(output), OwnedFd::from(errors)],
        )?;
        let input = input.ours.map(std::process::ChildStdin::from);
        let err = err.map(|err| std::process::ChildStderr::from(OwnedFd::from(err)));
        let out = std::process::ChildStdout::from(OwnedFd::from(out));
        Ok(Self {
            id,
            process,
            stdin: input.map(ChildStdin::from_std).transpose()?,
            stdout: Some(ChildStdout::from_std(out)?),
            stderr: err.map(ChildStderr::from_std).transpose()?,
        })
    }

    /// Its number, which is that of its group, until it has been waited for.
    pub(super) fn id(&self) -> Option<u32> {
        self.id
    }

    /// Waits until it has ended, and reaps it. Where this is dropped before, it can be called
    /// again.
    pub(super) async fn wait(&mut self) -> Result<ExitStatus, Error> {
        match &mut self.process {
            #[cfg(target_os = "linux")]
            ChildProcess::Watched(process) => process.wait().await,
            ChildProcess::Ordinary(process) => process.wait().await,
        }
    }
}

/// The two ends of an input.
struct Ends {
    theirs: OwnedFd,
    ours: Option<OwnedFd>,
}

impl Ends {
    fn of_input(command: &PreparedCommand) -> Result<Self, Error> {
        if let Some(pipe) = &command.pipes.input {
            let theirs = pipe.try_clone()?.into();
            return Ok(Self { theirs, ours: None });
        }
        if command.input.is_some() {
            let (theirs, ours) = std::io::pipe()?;
            return Ok(Self {
                theirs: theirs.into(),
                ours: Some(ours.into()),
            });
        }
        let theirs = std::fs::File::open("/dev/null")?.into();
        Ok(Self { theirs, ours: None })
    }
}

impl ChildProcess {
    fn start(
        command: &PreparedCommand,
        program: &str,
        arguments: &[String],
        streams: [OwnedFd; 3],
    ) -> Result<(Option<u32>, Self), Error> {
        #[cfg(target_os = "linux")]
        if lockstep_spawn::is_supported() {
            let variables = variables(command);
            let variables: Vec<(&OsStr, &OsStr)> = (variables.iter())
                .map(|(name, text)| (name.as_os_str(), text.as_os_str()))
                .collect();
            let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
            let started = lockstep_spawn::start(&lockstep_spawn::ProgramStart {
                program: OsStr::new(program),
                arguments: &arguments,
                environment: &variables,
                folder: &command.dir,
                streams: [streams[0].as_fd(), streams[1].as_fd(), streams[2].as_fd()],
            })?;
            let id = started.id;
            let process = linux::WatchedProcess::new(started)?;
            return Ok((Some(id), Self::Watched(process)));
        }
        Self::start_ordinary(command, program, arguments, streams)
    }

    fn start_ordinary(
        command: &PreparedCommand,
        program: &str,
        arguments: &[String],
        streams: [OwnedFd; 3],
    ) -> Result<(Option<u32>, Self), Error> {
        // Not all variables anew: where one gives it a `PATH`, the library forks the slow way.
        let mut ordinary = tokio::process::Command::new(program);
        for name in &command.withheld {
            ordinary.env_remove(&**name);
        }
        let [input, output, errors] = streams.map(Stdio::from);
        let child = ordinary
            .args(arguments)
            .envs(command.env.iter().map(|(name, text)| (name, text)))
            .current_dir(&command.dir)
            .stdin(input)
            .stdout(output)
            .stderr(errors)
            // Not `pre_exec`, with which every start would fork this process the slow way.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok((child.id(), Self::Ordinary(child)))
    }
}

/// All variables of a command: those of this process, but for what it is not given, and its own.
#[cfg(target_os = "linux")]
fn variables(command: &PreparedCommand) -> Vec<(OsString, OsString)> {
    let mut all: Vec<(OsString, OsString)> = std::env::vars_os()
        .filter(|(name, _)| !command.withheld.iter().any(|it| OsStr::new(&**it) == name))
        .collect();
    for (name, text) in &command.env {
        match all.iter_mut().find(|(known, _)| known == OsStr::new(name)) {
            Some((_, known)) => *known = OsString::from(text),
            None => all.push((OsString::from(name), OsString::from(text))),
        }
    }
    all
}

#[cfg(target_os = "linux")]
mod linux {
    //! A process whose descriptor shows its end.

    use std::io::Error;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use lockstep_spawn::Started;
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
    use tokio::net::unix::pipe::Receiver;

    /// A process that is killed when it is dropped before it has been reaped.
    pub(super) struct WatchedProcess {
        id: Pid,
        /// Its descriptor, until it has been reaped. Only whether it is readable is asked: the
        /// asynchronous runtime has no other safe type for it.
        process: Option<Receiver>,
        status: Option<ExitStatus>,
    }

    impl WatchedProcess {
        pub(super) fn new(started: Started) -> Result<Self, Error> {
            let number = i32::try_from(started.id).ok().and_then(Pid::from_raw);
            let id = number.ok_or_else(|| Error::other("the process has no number"))?;
            match Receiver::from_owned_fd_unchecked(started.process) {
                Ok(process) => Ok(Self {
                    id,
                    process: Some(process),
                    status: None,
                }),
                Err(error) => {
                    end(id);
                    Err(error)
                }
            }
        }

        pub(super) async fn wait(&mut self) -> Result<ExitStatus, Error> {
            loop {
                let Some(process) = &self.process else {
                    let unknown = || Error::other("its end is unknown");
                    return self.status.ok_or_else(unknown);
                };
                process.readable().await?;
                match waitpid(Some(self.id), WaitOptions::NOHANG)? {
                    Some((_, status)) => {
                        self.status = Some(ExitStatus::from_raw(status.as_raw()));
                        self.process = None;
                    }
                    // It was said too early.
                    None => tokio::task::yield_now().await,
                }
            }
        }
    }

    impl Drop for WatchedProcess {
        fn drop(&mut self) {
            if self.process.is_some() {
                end(self.id);
            }
        }
    }

    /// Kills a process and reaps it: mostly at once, else on a thread, as its disk may be gone.
    fn end(id: Pid) {
        // It fails only if the process has ended.
        let _ = kill_process(id, Signal::KILL);
        if matches!(waitpid(Some(id), WaitOptions::NOHANG), Ok(None)) {
            let wait = move || waitpid(Some(id), WaitOptions::empty());
            // Without a thread the system reaps it when this process ends.
            let _ = std::thread::Builder::new().spawn(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What a script writes when it is started so, with its exit code.
    async fn told(how: StartFunction, is_joined: bool) -> (String, String, Option<i32>) {
        let command = PreparedCommand {
            env: vec![
                (String::from("A"), String::from("first")),
                (String::from("A"), String::from("b c")),
            ],
            withheld: vec!["HOME".into()],
            dir: "/usr".into(),
            input: Some(Vec::new()),
            streams_joined: is_joined,
            ..PreparedCommand::default()
        };
        let script =
            "read line; echo $line $A ${HOME-none} $(pwd) ${PATH:+path}; echo no >&2; exit 7";
        let arguments = [String::from("-c"), String::from(script)];
        let started = Child::start_by(how, &command, "sh", &arguments);
        let mut child = started.expect("it starts");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(b"text\n").await.expect("it is written");
        let (mut out, mut err) = (String::new(), String::new());
        let stdout = child.stdout.as_mut().expect("a pipe");
        stdout.read_to_string(&mut out).await.expect("a text");
        if let Some(stderr) = &mut child.stderr {
            stderr.read_to_string(&mut err).await.expect("a text");
        }
        let status = child.wait().await.expect("its end");
        assert_eq!(child.wait().await.expect("its end"), status, "asked again");
        (out, err, status.code())
    }

    /// What older systems and others than Linux do is the same.
    #[tokio::test]
    async fn both_ways_to_start_give_a_program_the_same() {
        for how in [ChildProcess::start, ChildProcess::start_ordinary] as [StartFunction; 2] {
            let own = "text b c none /usr path\n";
            let apart = (String::from(own), String::from("no\n"), Some(7));
            assert_eq!(told(how, false).await, apart);
            let joined = (format!("{own}no\n"), String::new(), Some(7));
            assert_eq!(told(how, true).await, joined);
        }
    }

    /// One that is dropped before its end is killed, and does not stay as a zombie.
    #[tokio::test]
    async fn what_is_dropped_ends() {
        for how in [ChildProcess::start, ChildProcess::start_ordinary] as [StartFunction; 2] {
            let command = PreparedCommand {
                dir: "/".into(),
                ..PreparedCommand::default()
            };
            let arguments = [String::from("30")];
            let child = Child::start_by(how, &command, "sleep", &arguments).expect("it starts");
            let number = child.id().expect("a number").cast_signed();
            let id = rustix::process::Pid::from_raw(number).expect("a number");
            drop(child);
            let begun = std::time::Instant::now();
            while rustix::process::test_kill_process(id).is_ok() {
                assert!(begun.elapsed().as_secs() < 20, "it is still there");
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    }
}
