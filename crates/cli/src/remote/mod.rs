//! The commands on the runs of a server (`lockstep serve`) in place of those of a state directory.
//! What the API answers is brought into the form of what is stored here, and drawn as that is.

mod answers;
mod approve;
mod cancel;
mod client;
mod follow;
mod interrupts;
mod lists;
mod logs;
mod named;
mod show;
mod start;

use std::net::IpAddr;
use std::path::Path;

use super::exit::Exit;
use super::output::Output;
use super::shell_word::shell_word;
use lockstep_base::diagnostic::{Diagnostic, codes};

pub(super) use approve::{ApproveRequest, approve, open_questions};
pub(super) use cancel::cancel;
pub(super) use client::RemoteServer;
pub(super) use lists::{ledger, locks, runs};
pub(super) use logs::{LogsRequest, logs};
pub(super) use show::show;
pub(super) use start::{resume, retry, run, undo};

/// The variable that names a server.
const SERVER_VARIABLE: &str = "LOCKSTEP_SERVER";
/// The variable that holds a token.
const TOKEN_VARIABLE: &str = "LOCKSTEP_TOKEN";

/// The server that the environment names, if it does.
pub(super) fn server_of_variable() -> Option<String> {
    let named = std::env::var(SERVER_VARIABLE).ok();
    named.filter(|url| !url.trim().is_empty())
}

/// A server that can be asked: its address is one that a token can be sent to, and there is one.
pub(super) fn open(
    url: &str,
    token_file: Option<&Path>,
    output: &mut Output,
) -> Result<RemoteServer, Exit> {
    let url = address(url).map_err(|mistake| output.refuse(&mistake))?;
    let token = token(token_file).map_err(|mistake| output.refuse(&mistake))?;
    Ok(RemoteServer::new(url, token))
}

fn mistake(message: impl Into<String>) -> Diagnostic {
    Diagnostic::without_place(codes::REMOTE, message.into())
}

/// The address of a server, without a `/` at the end.
fn address(url: &str) -> Result<String, Diagnostic> {
    let url = url.trim().trim_end_matches('/');
    let malformed = || {
        let shown = match url.contains('@') {
            // It may be a password.
            true => String::from("the address of the server"),
            false => format!("`{url}`"),
        };
        let message = format!("{shown} is not the address of a server");
        mistake(message).help("write it as `https://HOST` or `https://HOST:PORT`")
    };
    let (scheme, host) = url.split_once("://").ok_or_else(malformed)?;
    let is_host = |char: char| char.is_ascii_alphanumeric() || ".-:[]_".contains(char);
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(malformed());
    }
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok(format!("https://{host}")),
        "http" if is_this_machine(host) => Ok(format!("http://{host}")),
        "http" => {
            let message = format!("the token would go to `{url}` without encryption");
            let help =
                format!("use `https://{host}`: `http` is for a server on this machine alone");
            Err(mistake(message).help(help))
        }
        _ => Err(malformed()),
    }
}

/// Whether a host with its port is this machine, whoever is asked.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_loopback = name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback());
    is_loopback || name.eq_ignore_ascii_case("localhost")
}

fn token(file: Option<&Path>) -> Result<String, Diagnostic> {
    let (token, place) = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let message = format!("the token in `{}` cannot be read: {error}", path.display());
                mistake(message)
            })?;
            (text, format!("`{}`", path.display()))
        }
        None => {
            let token = std::env::var(TOKEN_VARIABLE).unwrap_or_default();
            (token, format!("`{TOKEN_VARIABLE}`"))
        }
    };
    let token = token.trim();
    let help = "make one on the pages of the server, and put it into `LOCKSTEP_TOKEN`, or into a \
                file that `--token-file` names";
    if token.is_empty() {
        let message = match file {
            Some(_) => format!("there is no token in {place}"),
            None => String::from("there is no token for the server"),
        };
        return Err(mistake(message).help(help));
    }
    // Nothing of it is shown.
    if !token.chars().all(|char| char.is_ascii_graphic()) {
        return Err(mistake(format!("what {place} holds is not a token")).help(help));
    }
    Ok(token.to_owned())
}

impl RemoteServer {
    /// The words `--server URL`, if they are needed to find it again.
    pub(super) fn words(&self) -> String {
        let of_variable = server_of_variable().and_then(|url| address(&url).ok());
        match of_variable.is_some_and(|url| url == self.url) {
            true => String::new(),
            false => format!(" --server {}", shell_word(&self.url)),
        }
    }
}

/// Refuses the name of somebody else: a server knows by the token who asks.
pub(super) fn refuse_name(who: Option<&str>, output: &mut Output) -> Result<(), Exit> {
    let instead = "a server knows by the token who asks: use a token of that person";
    refuse_options(&[("--as", who.is_some(), instead)], output)
}

/// Refuses a file of groups: a server has its own.
pub(super) fn refuse_groups(is_given: bool, output: &mut Output) -> Result<(), Exit> {
    let instead = "a server has groups of its own, on its page of users";
    refuse_options(&[("--groups", is_given, instead)], output)
}

/// Refuses what cannot be asked of a server: the options that were given, and what to do instead.
fn refuse_options(given: &[(&str, bool, &str)], output: &mut Output) -> Result<(), Exit> {
    let found = given.iter().find(|(_, is_given, _)| *is_given);
    match found {
        None => Ok(()),
        Some((option, _, instead)) => {
            let message = format!("`{option}` cannot be used with a server");
            Err(output.refuse(&mistake(message).help(*instead)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_by_https_or_stays_on_this_machine() {
        let fine = |url: &str| address(url).expect("an address");
        assert_eq!(fine("https://a.example/"), "https://a.example");
        assert_eq!(fine("HTTPS://a.example:7420"), "https://a.example:7420");
        for url in [
            "http://127.0.0.1:7420",
            "http://localhost",
            "http://[::1]:7420",
        ] {
            assert_eq!(fine(url), url);
        }
        let wrong = |url: &str| address(url).expect_err("it is refused").message;
        for url in [
            "http://a.example",
            "http://127.0.0.1.example",
            "http://localhost.example:80",
            "http://[2001:db8::1]",
        ] {
            assert!(wrong(url).contains("without encryption"), "{url}");
        }
        for url in ["a.example", "ftp://a", "https://", "https://a/b?c", ""] {
            assert!(wrong(url).contains("not the address"), "{url}");
        }
        assert!(!wrong("https://ada:secret@a.example").contains("secret"));
    }
}
