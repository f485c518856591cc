//! Mail: plain text, and one thread for each run.

use std::time::Duration;

use lettre::address::Address;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message as Mail, SmtpTransport, Transport};
use lockstep_access::Credential;

use super::deliver::Delivery;
use super::message::Message;
use super::post::SendError;
use super::text::line;
use crate::settings::MailSettings;

/// The mail server answers each command within this time.
const TIMEOUT: Duration = Duration::from_secs(10);
/// No more of what the mail server says is shown.
const MAX_SAID: usize = 200;

/// The mailbox of one who is notified.
pub(super) struct Mailer {
    transport: SmtpTransport,
    password: Option<Credential>,
    from: Mailbox,
    to: Mailbox,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mailer({})", self.to.email)
    }
}

/// The address of a mail server.
#[derive(Debug, PartialEq, Eq)]
struct SmtpServer<'a> {
    host: &'a str,
    port: u16,
    encryption: Encryption,
}

#[derive(Debug, PartialEq, Eq)]
enum Encryption {
    FromTheStart,
    /// It begins plain, and the server has to agree on encryption (STARTTLS).
    Required,
    /// What does not leave this machine needs none.
    None,
}

fn server(text: &str) -> Result<SmtpServer<'_>, String> {
    let wrong = || String::from("`smtp` is `\"smtps://HOST:465\"` or `\"smtp://HOST:587\"`");
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(wrong)?;
            (host, port.strip_prefix(':'))
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let is_host = |char: char| char.is_ascii_alphanumeric() || ".-:".contains(char);
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(wrong());
    }
    let (usual, encryption) = match scheme {
        "smtps" => (465, Encryption::FromTheStart),
        "smtp" if matches!(host, "localhost" | "127.0.0.1" | "::1") => (25, Encryption::None),
        "smtp" => (587, Encryption::Required),
        _ => return Err(wrong()),
    };
    let port = port.map_or(Ok(usual), str::parse);
    Ok(SmtpServer {
        host,
        port: port.map_err(|_| wrong())?,
        encryption,
    })
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    let read: Result<Mailbox, _> = text.parse();
    read.map_err(|_| format!("`{}` is no address of mail", line(text, 100)))
}

/// Finds what is wrong with the address of a mail server.
pub(crate) fn check_server(text: &str) -> Result<(), String> {
    server(text).map(|_| ())
}

/// Finds what is wrong with an address of mail.
pub(crate) fn check_address(text: &str) -> Result<(), String> {
    mailbox(text).map(|_| ())
}

impl Mailer {
    /// The mailbox with this address.
    pub(super) fn new(
        settings: &MailSettings,
        address: &str,
        password: Option<Credential>,
    ) -> Result<Self, String> {
        let server = server(&settings.smtp)?;
        let tls = || {
            let made = TlsParameters::new(server.host.to_owned());
            made.map_err(|_| format!("`{}` cannot be used with TLS", server.host))
        };
        let tls = match server.encryption {
            Encryption::FromTheStart => Tls::Wrapper(tls()?),
            Encryption::Required => Tls::Required(tls()?),
            Encryption::None => Tls::None,
        };
        let mut transport = SmtpTransport::builder_dangerous(server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let (Some(user), Some(password)) = (&settings.user, &password) {
            let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
            transport = transport.credentials(credentials);
        }
        Ok(Self {
            transport: transport.build(),
            password,
            from: mailbox(&settings.from)?,
            to: mailbox(address)?,
        })
    }

    pub(super) fn send(&self, delivery: &Delivery) -> Result<(), SendError> {
        let sent = self.transport.send(&self.mail(delivery)?);
        sent.map(|_| ()).map_err(|error| self.refusal(&error))
    }

    fn mail(&self, delivery: &Delivery) -> Result<Mail, SendError> {
        let domain = self.from.email.domain();
        let root = format!("<{}@{domain}>", delivery.root);
        let id = format!("<{}@{domain}>", delivery.id);
        let headers = Mail::builder()
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(delivery.message.subject())
            .date(delivery.at);
        let headers = match delivery.is_first {
            true => headers.message_id(Some(root)),
            false => replies(headers.message_id(Some(id)), root),
        };
        let mail = headers
            .header(ContentType::TEXT_PLAIN)
            .body(body(&delivery.message));
        mail.map_err(|_| SendError {
            message: String::from("the mail cannot be written"),
            is_final: true,
            retry_after: None,
        })
    }

    fn refusal(&self, error: &lettre::transport::smtp::Error) -> SendError {
        let status = error.status().map(u16::from);
        let mut said = match status {
            Some(_) => line(&format!("the mail server answers: {error}"), MAX_SAID),
            None if error.is_timeout() => String::from("the mail server does not answer in time"),
            None if error.is_tls() => String::from("TLS with the mail server fails"),
            None => String::from("the mail server cannot be reached, or is none"),
        };
        if let Some(password) = &self.password {
            said = said.replace(password.reveal(), "***");
        }
        SendError {
            message: said,
            // 53x: the password is wrong or missing, which can be corrected.
            is_final: error.is_permanent() && !status.is_some_and(|it| (530..540).contains(&it)),
            retry_after: None,
        }
    }

    /// The address, as it is known to people.
    pub(super) fn address(&self) -> &Address {
        &self.to.email
    }
}

fn replies(headers: MessageBuilder, root: String) -> MessageBuilder {
    headers.in_reply_to(root.clone()).references(root)
}

fn body(message: &Message) -> String {
    let mut text = format!("{}\n\n", message.title());
    for (name, value) in message.facts() {
        text.push_str(&format!("{name}: {}\n", value.replace('\n', "\n  ")));
    }
    text.push_str(&format!("\n{}", message.url));
    text
}
