//! A real `sshd` on this machine, with its default limits, and a client that knows it as `target`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::Test;
use super::running::{signal, until};

/// A server of this user; it and its sessions end with the test.
pub struct Sshd {
    child: Option<Child>,
    program: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Sshd {
    /// Prepares one in the folder of a test, whose `ssh` then knows it as `target`; none where the
    /// machine has no `sshd`. `settings` are lines of its configuration beyond its defaults.
    pub fn prepare(test: &Test, settings: &str) -> Option<Self> {
        let programs = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
        let found = programs
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists());
        let Some(program) = found else {
            println!("SKIPPED: there is no sshd on this machine (Debian: openssh-server)");
            return None;
        };
        // As root it wants this folder; as somebody else it does not.
        let _ = std::fs::create_dir_all("/run/sshd");
        let folder = test.path("sshd");
        let here = folder.display();
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        for key in ["hostkey", "id", "stranger"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.join(key))
                .status();
            assert!(made.unwrap().success());
        }
        std::fs::copy(folder.join("id.pub"), folder.join("keys")).unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
        // Of two lines that set variables the first counts. The start files of the shell of whoever
        // tests this may print, and wait for each other.
        write(
            "sshd.conf",
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/hostkey\nPidFile none\n\
                 AuthorizedKeysFile {here}/keys\nPasswordAuthentication no\nUsePAM no\n\
                 KbdInteractiveAuthentication no\nStrictModes no\n{settings}\nSetEnv HOME={here}\n"
            ),
        );
        let key = std::fs::read_to_string(folder.join("hostkey.pub")).unwrap();
        write("known", format!("[127.0.0.1]:{port} {key}"));
        write(
            "config",
            format!(
                "Host target\n HostName 127.0.0.1\n Port {port}\n IdentityFile {here}/id\n\
                 Host *\n IdentitiesOnly yes\n UserKnownHostsFile {here}/known\n"
            ),
        );
        // It notes when it is called to open a connection.
        let client = format!(
            "#!/bin/sh\ncase \" $* \" in *' -N '*) echo opens >>'{here}/calls';; esac\n\
             exec /usr/bin/ssh -F '{here}/config' \"$@\"\n"
        );
        write("bin/ssh", client);
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.join("bin/ssh"), mode).unwrap();
        Some(Self {
            child: None,
            program,
            folder,
            port,
        })
    }

    /// The same, started.
    pub fn start(test: &Test, settings: &str) -> Option<Self> {
        let mut server = Self::prepare(test, settings)?;
        server.listen();
        Some(server)
    }

    /// Starts it.
    pub fn listen(&mut self) {
        let log = std::fs::File::create(self.folder.join("log")).unwrap();
        let child = Command::new(&self.program)
            .args(["-D", "-e", "-f"])
            .arg(self.folder.join("sshd.conf"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        let at = ("127.0.0.1", self.port);
        until("sshd listens", || std::net::TcpStream::connect(at).is_ok());
    }

    /// A command of a test, with the client of this server.
    pub fn command(&self, test: &Test) -> Command {
        let mut command = test.command();
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.folder.join("bin");
        command.env("PATH", format!("{}:{path}", bin.display()));
        command
    }

    /// How often a connection was opened.
    pub fn openings(&self) -> usize {
        let calls = std::fs::read_to_string(self.folder.join("calls"));
        calls.unwrap_or_default().lines().count()
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap();
        log.matches("Accepted publickey").count()
    }

    /// Sends a signal to the processes of its connections.
    pub fn signal_sessions(&self, name: &str) {
        let Some(child) = &self.child else {
            return;
        };
        let mut found = vec![child.id()];
        let mut next = 0;
        while let Some(of) = found.get(next) {
            let children = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children"));
            let children = children.unwrap_or_default();
            let numbers = children
                .split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok());
            found.extend(numbers);
            next += 1;
        }
        for id in found.iter().skip(1) {
            let words = std::fs::read_to_string(format!("/proc/{id}/cmdline"));
            if words.is_ok_and(|words| words.starts_with("sshd")) {
                signal(&id.to_string(), name);
            }
        }
    }

    /// The clients of it that are alive.
    pub fn clients(&self) -> Vec<String> {
        let config = format!("{}/config", self.folder.display());
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let words = |id: &str| {
            let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).replace('\0', " ")
        };
        let ids = processes.filter_map(|entry| entry.file_name().into_string().ok());
        ids.map(|id| words(&id))
            .filter(|words| words.contains(&config))
            .collect()
    }

    /// Waits until it has no client.
    #[track_caller]
    pub fn is_left(&self) {
        until("the connections end", || self.clients().is_empty());
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.signal_sessions("KILL");
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
