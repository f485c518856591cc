//! The settings as they may be shown. A secret that was written into them by mistake must not get
//! into a log with the line that a message points at: it is hidden in the text itself, so that
//! whatever draws lines draws none of it. All stays at its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys below `serve` whose values are no secrets, whatever stands there.
const PLAIN: [&str; 15] = [
    "addresses",
    "admin-group",
    "allowed-email-domains",
    "allowed-groups",
    "channel",
    "client-id",
    "env",
    "file",
    "from",
    "groups-claim",
    "label",
    "name-claim",
    "on",
    "pipelines",
    "scopes",
];
/// Keys with words or addresses: a word that is an address, or an address with a password, is not
/// what belongs there.
const WORDS: [&str; 2] = ["to", "user"];
const ADDRESSES: [&str; 2] = ["issuer", "smtp"];

/// The text without what may be a secret.
pub(super) fn masked(text: &str) -> String {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut hidden = Vec::new();
    if let Some(serve) = table.get_ref().get("serve") {
        hide(serve, "serve", "", &mut hidden);
    }
    if !errors.is_empty() {
        hidden.extend(lines(text));
    }
    let mut bytes = text.as_bytes().to_vec();
    for range in hidden {
        for byte in bytes.get_mut(range).into_iter().flatten() {
            if !matches!(byte, b'\n' | b'\r' | b'"' | b'\'') {
                *byte = b'*';
            }
        }
    }
    // Whole characters are replaced.
    String::from_utf8(bytes).unwrap_or_default()
}

fn is_plain(key: &str, inside: &str, text: &str) -> bool {
    let is_address = ADDRESSES.contains(&key) || (key, inside) == ("url", "serve");
    PLAIN.contains(&key)
        || WORDS.contains(&key) && !text.contains("://")
        || is_address && !text.contains('@')
}

fn hide(value: &Spanned<DeValue<'_>>, key: &str, inside: &str, hidden: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => {
            for (name, value) in table {
                hide(value, name.get_ref(), key, hidden);
            }
        }
        DeValue::Array(items) => {
            for item in items.iter() {
                hide(item, key, inside, hidden);
            }
        }
        DeValue::String(text) if is_plain(key, inside, text) => {}
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => hidden.push(value.span()),
    }
}

/// What may be secret in the lines of a text that is no TOML, so that nobody knows for sure which
/// value is that of which key.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let (mut start, mut is_ours, mut inside) = (0, false, "");
    for line in text.split_inclusive('\n') {
        let (at, words) = (start, line.trim());
        start += line.len();
        let header = words.trim_start_matches('[');
        if words.starts_with('[') {
            is_ours = header.trim_start().starts_with("serve");
            inside = match header.trim_end_matches(']').trim() {
                "serve" => "serve",
                _ => "",
            };
            continue;
        }
        if !is_ours && !header.starts_with("serve") || words.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            // The rest of a text over several lines.
            hidden.push(at..start);
            continue;
        };
        let key = key.trim().trim_matches(['"', '\'']);
        let key = key.rsplit('.').next().unwrap_or(key).trim();
        let place = value.trim_start().strip_prefix('{').map(str::trim_start);
        let is_place = place.is_some_and(|it| it.starts_with("env") || it.starts_with("file"));
        if !is_place && !is_plain(key, inside, value) {
            hidden.push(start - value.len()..start);
        }
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn no_secret_of_the_server_is_left() {
        let text = r#"
            file = "a.deploy"
            [serve]
            url = "https://deploy.example.com"
            pasword = "hunter2"
            oidc = { issuer = "https://a:hunter2@b", client-id = "c", client-secret = "hunter2" }
            [[serve.notify]]
            to = "slack"
            url = "https://hooks.slack.com/hunter2"
            token = ["hunter2", 2]
            password = '''
            hunter2'''
            secret = { env = "HOOK", value = "hunter2é" }
            on = ["failed"]
        "#;
        let shown = masked(text);
        assert!(!shown.contains("hunter2"), "{shown}");
        for plain in [
            "a.deploy",
            "https://deploy.example.com",
            "\"c\"",
            "slack\"",
            "\"HOOK\"",
            "failed",
        ] {
            assert!(shown.contains(plain), "{plain}: {shown}");
        }
        assert_eq!(shown.len(), text.len());
        assert_eq!(shown.lines().count(), text.lines().count());
    }

    #[test]
    fn none_is_left_in_what_is_no_toml_either() {
        for text in [
            "[serve.oidc]\nclient-secret = \"hunter2\n",
            "[serve.oidc]\nclient-secret = hunter2\nissuer = \"https://a.example\"\n",
            "[serve.oidc]\nclient-secret = \"\"\"\nhunter2\n",
            "[serve.oidc]\nclient-secret \"hunter2\"\n",
            "serve.oidc.client-secret = 'hunter2\n",
            "serve = { oidc = { client-secret = \"hunter2\"\n",
            "[[serve.notify]\nurl = \"https://a:hunter2@b\"\n",
            "[serve.oidc]\nclient-secret = { value = \"hunter2\"\n",
            "[[serve.notify]]\nto = \"slack\nurl = \"https://hooks.slack.com/hunter2\"\n",
        ] {
            let shown = masked(text);
            assert!(!shown.contains("hunter2"), "{text}\n{shown}");
            assert_eq!(shown.len(), text.len());
        }
        let fine = "[lint\nunused-value = \"off\"\n[serve]\nurl = \"https://a.example\"\n";
        assert_eq!(masked(fine), fine);
    }
}
