//! The addresses of requests: their parts, and what a redirect makes of them.

/// An address with `http://` or `https://`, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub scheme: Scheme,
    /// A user and a password, as they are written before the `@`.
    pub user: Option<String>,
    /// In small letters; an address of IPv6 has its brackets.
    pub host: String,
    /// The port that is written.
    pub port: Option<u16>,
    /// What stands behind the host, from `/` or `?` on and without a fragment; it may be empty.
    pub path: String,
}

/// What comes before `://`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Address {
    /// Reads an address; nothing where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let rest = without_fragment(rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_string()), host),
            None => (None, authority),
        };
        let (host, port) = host_and_port(host)?;
        Some(Self {
            scheme,
            user,
            host: host.to_ascii_lowercase(),
            port,
            path: path.to_string(),
        })
    }

    /// The port that is connected to.
    pub fn effective_port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.scheme.default_port())
    }

    /// Scheme, host and port, without a user and a password.
    pub fn origin(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.scheme.as_str(), self.host)
    }

    /// The address that the header `location` of an answer from here names.
    pub fn redirected(&self, location: &str) -> Option<Self> {
        let location = encoded(location);
        let scheme = location.find(':').map(|at| &location[..at]);
        let has_scheme = scheme.is_some_and(|scheme| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && (scheme.bytes()).all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c))
        });
        if has_scheme {
            return Self::parse(&location);
        }
        if location.starts_with("//") {
            return Self::parse(&format!("{}:{location}", self.scheme.as_str()));
        }
        let location = without_fragment(&location);
        let (own_path, own_query) = split_query(&self.path);
        let (path, query) = split_query(location);
        let path = match path {
            // Only another query, or none at all: the same page.
            "" if query.is_empty() => format!("{own_path}{own_query}"),
            "" => format!("{own_path}{query}"),
            path if path.starts_with('/') => format!("{}{query}", without_dots(path)),
            path => {
                let folder = own_path.rfind('/').map_or("/", |at| &own_path[..=at]);
                format!("{}{query}", without_dots(&format!("{folder}{path}")))
            }
        };
        Some(Self {
            path,
            ..self.clone()
        })
    }
}

/// The complete address, with the user and the password that it has.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://", self.scheme.as_str())?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

/// An address as it is shown to people: without a user and a password.
pub(super) fn shown(url: &str) -> String {
    match Address::parse(url) {
        Some(address) if address.user.is_some() => Address {
            user: None,
            ..address
        }
        .to_string(),
        _ => url.to_string(),
    }
}

/// Splits `HOST`, `HOST:PORT` and `[IPV6]:PORT`.
pub(super) fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let after_host = match text.starts_with('[') {
        true => text.find(']')? + 1,
        false => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(after_host);
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        None => return None,
        Some("") => None,
        Some(port) => Some(port.parse().ok()?),
    };
    (!host.is_empty()).then_some((host, port))
}

fn without_fragment(text: &str) -> &str {
    text.split_once('#').map_or(text, |(before, _)| before)
}

fn split_query(path: &str) -> (&str, &str) {
    path.split_at(path.find('?').unwrap_or(path.len()))
}

/// The same path without the segments `.` and `..`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// What may not stand in an address as `%XX`: servers send spaces and letters as they are.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.trim().bytes() {
        match byte {
            0x21..=0x7e => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_parts() {
        for (text, origin, port, path) in [
            ("http://Shop.example", "http://shop.example", 80, ""),
            ("HTTPS://a:8443/x?y#z", "https://a:8443", 8443, "/x?y"),
            ("https://u:p@a?q=@", "https://a", 443, "?q=@"),
            ("http://[::1]:80/", "http://[::1]:80", 80, "/"),
            ("http://[::1]", "http://[::1]", 80, ""),
            ("http://a:/x", "http://a", 80, "/x"),
        ] {
            let address = Address::parse(text).expect(text);
            assert_eq!(address.origin(), origin, "{text}");
            assert_eq!(address.effective_port(), port, "{text}");
            assert_eq!(address.path, path, "{text}");
        }
        for text in [
            "a",
            "ftp://a",
            "http://",
            "http://:80",
            "http://a:x",
            "http://[::1",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        assert_eq!(shown("https://u:p@a/x"), "https://a/x");
    }

    #[test]
    fn a_location_is_read_from_where_it_was_answered() {
        let from = Address::parse("https://u:p@a.example:8443/x/y?q=1").expect("an address");
        for (location, expected) in [
            ("http://b.example/z", "http://b.example/z"),
            ("//b.example/z", "https://b.example/z"),
            ("/z", "https://u:p@a.example:8443/z"),
            ("z", "https://u:p@a.example:8443/x/z"),
            ("./z?k=1#top", "https://u:p@a.example:8443/x/z?k=1"),
            ("../../../z", "https://u:p@a.example:8443/z"),
            ("..", "https://u:p@a.example:8443/"),
            ("?k=1", "https://u:p@a.example:8443/x/y?k=1"),
            ("", "https://u:p@a.example:8443/x/y?q=1"),
            ("/a:b", "https://u:p@a.example:8443/a:b"),
            ("/é x", "https://u:p@a.example:8443/%C3%A9%20x"),
        ] {
            let to = from.redirected(location).expect(location);
            assert_eq!(to.to_string(), expected, "{location}");
        }
        assert_eq!(from.redirected("mailto:a@b.example"), None);
    }
}
