//! Reads `[serve]`: each setting by itself, so that all mistakes are said at once.

use std::ops::Range;

use lockstep_access::Pattern;
use lockstep_access::oidc::{HttpFetch, HttpRequest, HttpResponse, Oidc, OidcConfig};
use lockstep_base::diagnostic::suggest::did_you_mean;
use toml::de::DeTable;

use super::reader::{SettingsMistake, TableReader, Written};
use super::{
    LABEL, MAX_LABEL_CHARACTERS, MailSettings, NotifyEvent, NotifySettings, NotifyTarget,
    OidcSettings, SecretSource, ServeSettings, ServeUrl, SettingText, WHERE,
};
use crate::notify::{check_mail_address, check_mail_server};

/// What settings are checked with that are wrong in nothing but what is being checked.
const SOME_ADDRESS: &str = "https://lockstep.invalid/";

/// Settings are checked without asking anybody.
struct NoFetch;

impl HttpFetch for NoFetch {
    fn fetch(&self, _: &HttpRequest) -> Result<HttpResponse, String> {
        Err(String::from("nothing is asked"))
    }
}

impl ServeSettings {
    /// Reads the table `serve` of a TOML text; `at` is its place there.
    ///
    /// # Errors
    ///
    /// All mistakes. No message holds a text that could be a secret.
    pub fn read(table: &DeTable<'_>, at: Range<usize>) -> Result<Self, Vec<SettingsMistake>> {
        let mut serve = TableReader::new("[serve]", table, at);
        let url = serve.text("url");
        let mut settings = Self {
            url: serve.checked(url, |text| ServeUrl::new(&text)),
            ..Self::default()
        };
        let mut mistakes = Vec::new();
        if let Some(mut table) = serve.table("oidc", "[serve.oidc]") {
            settings.oidc = oidc(&mut table);
            mistakes.extend(table.finish());
        }
        for mut table in serve.tables("notify", "[[serve.notify]]") {
            settings.notify.extend(notify(&mut table));
            mistakes.extend(table.finish());
        }
        mistakes.extend(serve.finish());
        mistakes.sort_by_key(|it| it.at.start);
        match mistakes.is_empty() {
            true => Ok(settings),
            false => Err(mistakes),
        }
    }
}

/// `[serve.oidc]`; nothing where something is missing, which is a mistake of the table.
fn oidc(table: &mut TableReader<'_>) -> Option<OidcSettings> {
    table.need("issuer");
    table.need("client-id");
    let issuer = table.text("issuer");
    let issuer = table.checked(issuer, |issuer| {
        checked(OidcConfig::new(&issuer, "c", SOME_ADDRESS)).map(|()| issuer)
    });
    let client_id = table.text("client-id");
    let client_id = table.checked(client_id, |client| {
        checked(OidcConfig::new(SOME_ADDRESS, &client, SOME_ADDRESS)).map(|()| client)
    });
    let client_secret = table.secret("client-secret").map(|it| it.value);
    let scopes = table.texts("scopes").map(values);
    let name_claim = table.text("name-claim").map(|it| it.value);
    let groups_claim = table.text("groups-claim").map(|it| it.value);
    let admin_group = table.text("admin-group");
    let allowed_groups = table.texts("allowed-groups");
    let allowed_email_domains = table.texts("allowed-email-domains").map(values);
    let label = table.text("label");
    let label = table.checked(label, |label| match is_label(&label) {
        true => Ok(label),
        false => Err(format!(
            "`label` has 1 to {MAX_LABEL_CHARACTERS} characters, in one line"
        )),
    });
    if !table.has("groups-claim") {
        let of_groups = [
            admin_group.as_ref().map(|it| it.at.clone()),
            (allowed_groups.as_ref())
                .filter(|it| !it.value.is_empty())
                .map(|it| it.at.clone()),
        ];
        for at in of_groups.into_iter().flatten() {
            let message = "groups of the provider need the claim that they are in";
            let help = "name it with `groups-claim = \"groups\"`";
            table.mistake(SettingsMistake::new(at, message).help(help));
        }
    }
    let admin_group = admin_group.map(|it| it.value);
    Some(OidcSettings {
        issuer: issuer?,
        client_id: client_id?,
        client_secret,
        scopes,
        name_claim,
        groups_claim,
        admin_group,
        allowed_groups: allowed_groups.map(values).unwrap_or_default(),
        allowed_email_domains: allowed_email_domains.unwrap_or_default(),
        label: label.unwrap_or_else(|| LABEL.to_owned()),
    })
}

fn checked(config: OidcConfig) -> Result<(), String> {
    // A name before the host may come with a password: it is not shown.
    if config.issuer.contains('@') {
        return Err(String::from(
            "the issuer is an address without a name or a password",
        ));
    }
    let checked = Oidc::new(config, Box::new(NoFetch));
    checked.map(|_| ()).map_err(|error| error.message)
}

fn is_label(label: &str) -> bool {
    !label.trim().is_empty()
        && label.chars().count() <= MAX_LABEL_CHARACTERS
        && !label.chars().any(char::is_control)
}

fn values(written: Written<Vec<Written<String>>>) -> Vec<String> {
    written.value.into_iter().map(|it| it.value).collect()
}

/// What `to` says.
#[derive(Debug, Clone, Copy)]
enum TargetWord {
    Webhook,
    Slack,
    Teams,
    Mail,
}

impl TargetWord {
    const ALL: [Self; 4] = [Self::Webhook, Self::Slack, Self::Teams, Self::Mail];

    fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Mail => "mail",
        }
    }
}

/// The keys of a `[[serve.notify]]` that say how messages get there.
const WAYS: [&str; 9] = [
    "url",
    "secret",
    "token",
    "channel",
    "smtp",
    "user",
    "password",
    "from",
    "addresses",
];

/// The keys of a table, read whatever they are for.
struct Ways {
    url: Option<Written<SettingText>>,
    secret: Option<SecretSource>,
    token: Option<SecretSource>,
    channel: Option<String>,
    smtp: Option<String>,
    user: Option<String>,
    password: Option<SecretSource>,
    from: Option<String>,
    addresses: Option<Vec<String>>,
}

/// `[[serve.notify]]`
fn notify(table: &mut TableReader<'_>) -> Option<NotifySettings> {
    table.need("to");
    let to = table.text("to");
    let word = to.and_then(|to| word(table, to, "target", TargetWord::ALL, TargetWord::as_str));
    let on = table.texts("on").map(|on| events(table, on));
    let pipelines = table.texts("pipelines").map(|all| patterns(table, all));
    let ways = ways(table);
    let to = target(table, word?, ways)?;
    Some(NotifySettings {
        to,
        on: on.unwrap_or_else(|| NotifyEvent::USUAL.to_vec()),
        pipelines: pipelines.unwrap_or_else(|| vec![Pattern::all()]),
    })
}

/// One of some words. What is written is not shown: it may be an address that is secret.
fn word<T: Copy>(
    table: &mut TableReader<'_>,
    written: Written<String>,
    what: &str,
    all: impl IntoIterator<Item = T>,
    as_str: fn(T) -> &'static str,
) -> Option<T> {
    let all: Vec<T> = all.into_iter().collect();
    if let Some(found) = all.iter().find(|it| as_str(**it) == written.value) {
        return Some(*found);
    }
    let words: Vec<&str> = all.into_iter().map(as_str).collect();
    let near = did_you_mean(&written.value, words.iter().copied());
    let list = format!("there are `{}`", words.join("`, `"));
    let message = format!("there is no such {what}");
    table.mistake(SettingsMistake::new(written.at, message).help(near.unwrap_or(list)));
    None
}

fn empty(table: &mut TableReader<'_>, key: &str, list: &Written<Vec<Written<String>>>) {
    if list.value.is_empty() {
        let message = format!("`{key}` is empty, so that nobody is notified");
        let help = "leave it out for the usual";
        table.mistake(SettingsMistake::new(list.at.clone(), message).help(help));
    }
}

fn events(table: &mut TableReader<'_>, on: Written<Vec<Written<String>>>) -> Vec<NotifyEvent> {
    empty(table, "on", &on);
    let on = on.value.into_iter();
    on.filter_map(|it| word(table, it, "event", NotifyEvent::ALL, NotifyEvent::as_str))
        .collect()
}

fn patterns(table: &mut TableReader<'_>, all: Written<Vec<Written<String>>>) -> Vec<Pattern> {
    empty(table, "pipelines", &all);
    let check = |text: String| Pattern::new(&text).map_err(|error| error.message);
    let all = all.value.into_iter();
    all.filter_map(|it| table.checked(Some(it), check))
        .collect()
}

fn ways(table: &mut TableReader<'_>) -> Ways {
    let url = table.text_or_secret("url");
    let secret = table.secret("secret").map(|it| it.value);
    let token = table.secret("token").map(|it| it.value);
    let channel = table.text("channel").map(|it| it.value);
    let smtp = table.text("smtp");
    let smtp = table.checked(smtp, |text| check_mail_server(&text).map(|()| text));
    let user = table.text("user").map(|it| it.value);
    let password = table.secret("password").map(|it| it.value);
    let from = table.text("from");
    let from = table.checked(from, |text| check_mail_address(&text).map(|()| text));
    let addresses = table.texts("addresses").map(|all| {
        if all.value.is_empty() {
            table.mistake(SettingsMistake::new(all.at, "`addresses` names nobody"));
        }
        let check = |text: String| check_mail_address(&text).map(|()| text);
        let all = all.value.into_iter();
        all.filter_map(|it| table.checked(Some(it), check))
            .collect()
    });
    Ways {
        url,
        secret,
        token,
        channel,
        smtp,
        user,
        password,
        from,
        addresses,
    }
}

/// How messages get to a target; nothing where something is missing, which is a mistake of the
/// table.
fn target(table: &mut TableReader<'_>, word: TargetWord, ways: Ways) -> Option<NotifyTarget> {
    match word {
        TargetWord::Webhook => {
            only(table, word, &["url", "secret"]);
            if !table.has("url") {
                table.whole("`to = \"webhook\"` needs `url = \"https://…\"`");
            }
            let (url, secret) = (ways.url?.value, ways.secret);
            Some(NotifyTarget::Webhook { url, secret })
        }
        TargetWord::Slack if table.has("token") || table.has("channel") => {
            only(table, word, &["token", "channel"]);
            if !table.has("token") || !table.has("channel") {
                table.whole("`to = \"slack\"` needs `token` and `channel` together, or `url`");
            }
            let (token, channel) = (ways.token?, ways.channel?);
            Some(NotifyTarget::SlackBot { token, channel })
        }
        TargetWord::Slack => {
            only(table, word, &["url", "token", "channel"]);
            let url = secret_url(table, word, ways.url)?;
            Some(NotifyTarget::SlackWebhook { url })
        }
        TargetWord::Teams => {
            only(table, word, &["url"]);
            let url = secret_url(table, word, ways.url)?;
            Some(NotifyTarget::Teams { url })
        }
        TargetWord::Mail => {
            only(
                table,
                word,
                &["smtp", "user", "password", "from", "addresses"],
            );
            let needed = ["smtp", "from", "addresses"];
            if !needed.iter().all(|key| table.has(key)) {
                table.whole("`to = \"mail\"` needs `smtp`, `from` and `addresses`");
            }
            let alone = match (table.has("user"), table.has("password")) {
                (true, false) => table.place("user"),
                (false, true) => table.place("password"),
                (true, true) | (false, false) => None,
            };
            if let Some(at) = alone {
                let message = "`user` and `password` belong together";
                table.mistake(SettingsMistake::new(at, message));
            }
            Some(NotifyTarget::Mail(MailSettings {
                smtp: ways.smtp?,
                user: ways.user,
                password: ways.password,
                from: ways.from?,
                addresses: ways.addresses?,
            }))
        }
    }
}

/// Refuses keys that mean nothing for what is written in `to`.
fn only(table: &mut TableReader<'_>, word: TargetWord, allowed: &[&str]) {
    for key in WAYS.iter().filter(|key| !allowed.contains(key)) {
        let Some(at) = table.place(key) else {
            continue;
        };
        let message = format!(
            "`{key}` means nothing for `to = \"{}\"`, which has `{}`",
            word.as_str(),
            allowed.join("`, `")
        );
        table.mistake(SettingsMistake::new(at, message));
    }
}

/// An address that lets everybody write who knows it.
fn secret_url(
    table: &mut TableReader<'_>,
    word: TargetWord,
    url: Option<Written<SettingText>>,
) -> Option<SecretSource> {
    let word = word.as_str();
    match url {
        Some(Written {
            value: SettingText::Secret(source),
            ..
        }) => Some(source),
        Some(Written { at, .. }) => {
            let message = format!("whoever knows the `url` of `to = \"{word}\"` can write there");
            let help = format!("name its place, with {WHERE}");
            table.mistake(SettingsMistake::new(at, message).help(help));
            None
        }
        None => {
            if !table.has("url") {
                table.whole(format!(
                    "`to = \"{word}\"` needs `url = {{ env = \"NAME\" }}`"
                ));
            }
            None
        }
    }
}
