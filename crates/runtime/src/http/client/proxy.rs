//! Which proxy a request goes through: the variables that curl and most other programs read.

use std::net::IpAddr;

use super::super::HttpError;
use super::super::address::{Address, Scheme, host_and_port};
use super::{Variable, basic};

/// A proxy, and the variable that names it.
pub(super) struct Proxy {
    variable: &'static str,
    scheme: ProxyScheme,
    /// Without brackets.
    address: Address,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ProxyScheme {
    Web(Scheme),
    Socks(&'static str),
}

impl Proxy {
    /// The proxy for an address, if there is one. The error is a sentence, without a password.
    pub fn of(to: &Address, variable: Variable<'_>) -> Result<Option<Self>, String> {
        // Small letters come first, as with curl: they alone are never made of a header of a
        // request, as `HTTP_PROXY` is in CGI.
        let names = match to.scheme {
            Scheme::Http => ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
            Scheme::Https => ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        };
        // One that is set to nothing says that there is no proxy.
        let Some((name, text)) = names.iter().find_map(|name| Some((*name, variable(name)?)))
        else {
            return Ok(None);
        };
        let text = text.into_string().map_err(|_| malformed(name))?;
        if text.is_empty() || is_excepted(to, variable) {
            return Ok(None);
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => (String::from("http"), text.as_str()),
        };
        let scheme = match scheme.as_str() {
            "http" => ProxyScheme::Web(Scheme::Http),
            "https" => ProxyScheme::Web(Scheme::Https),
            "socks4" => ProxyScheme::Socks("socks4"),
            "socks4a" => ProxyScheme::Socks("socks4a"),
            "socks" | "socks5" => ProxyScheme::Socks("socks5"),
            "socks5h" => ProxyScheme::Socks("socks5h"),
            _ => return Err(malformed(name)),
        };
        let as_web = match scheme {
            ProxyScheme::Web(Scheme::Https) => "https",
            _ => "http",
        };
        let address = Address::parse(&format!("{as_web}://{rest}"));
        Ok(Some(Self {
            variable: name,
            scheme,
            address: Address {
                path: String::new(),
                ..address.ok_or_else(|| malformed(name))?
            },
        }))
    }

    /// Whether there is TLS between this program and the proxy.
    pub fn has_tls(&self) -> bool {
        self.scheme == ProxyScheme::Web(Scheme::Https)
    }

    /// Whether the proxy reads a request to this address and passes it on; everything else goes
    /// through a tunnel.
    pub fn forwards(&self, to: &Address) -> bool {
        to.scheme == Scheme::Http && self.scheme == ProxyScheme::Web(Scheme::Http)
    }

    /// What the library makes tunnels with.
    pub fn tunnel(&self) -> Result<ureq::Proxy, HttpError> {
        let text = match self.scheme {
            ProxyScheme::Web(_) => self.address.to_string(),
            ProxyScheme::Socks(scheme) => {
                let port = self.address.port.unwrap_or(1080);
                let user = self.address.user.as_ref();
                let user = user.map(|user| format!("{user}@")).unwrap_or_default();
                format!("{scheme}://{user}{}:{port}", self.address.host)
            }
        };
        ureq::Proxy::new(&text).map_err(|_| HttpError::Request(malformed(self.variable)))
    }

    /// Where it is, without a user and a password.
    pub fn uri(&self) -> Result<ureq::http::Uri, HttpError> {
        let uri = format!("{}/", self.address.origin()).parse();
        uri.map_err(|_| HttpError::Request(malformed(self.variable)))
    }

    /// What a request that it passes on has for it.
    pub fn credentials(&self) -> Option<String> {
        self.address.user.as_deref().map(basic)
    }

    pub fn wants_credentials(&self) -> String {
        let asks = match self.address.user {
            Some(_) => "does not accept the user and the password of that variable",
            None => "asks for a user and a password, as in `http://USER:PASSWORD@HOST:PORT`",
        };
        format!("{self} {asks} (407 Proxy Authentication Required)")
    }

    /// Why it has made no tunnel, by the status of its answer.
    pub fn refusal(&self, status: Option<u16>, to: &Address) -> HttpError {
        let target = format!("{}:{}", to.host, to.effective_port());
        match status {
            Some(407) => HttpError::Authentication(self.wants_credentials()),
            Some(403) => HttpError::Authentication(format!(
                "{self} does not allow connections to {target} (403)"
            )),
            Some(status) => {
                HttpError::Connection(format!("{self} made no connection to {target} ({status})"))
            }
            None => HttpError::Connection(format!("{self} made no connection to {target}")),
        }
    }
}

/// `the proxy http://proxy.example:3128 (HTTPS_PROXY)`.
impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = self.address.origin();
        let origin = match self.scheme {
            ProxyScheme::Web(_) => origin,
            ProxyScheme::Socks(scheme) => origin.replacen("http", scheme, 1),
        };
        write!(f, "the proxy {origin} ({})", self.variable)
    }
}

fn malformed(variable: &str) -> String {
    format!(
        "the variable `{variable}` names no proxy: it is `http://HOST:PORT`, also with `https`, \
         `socks5`, `socks5h`, `socks4` or `socks4a`, and `USER:PASSWORD@` before the host"
    )
}

/// Whether requests to there go through no proxy.
fn is_excepted(to: &Address, variable: Variable<'_>) -> bool {
    let list = variable("no_proxy").or_else(|| variable("NO_PROXY"));
    let list = list.and_then(|list| list.into_string().ok());
    let list = list.unwrap_or_default();
    list.split([',', ' '])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| excepts(entry, to))
}

/// Whether an entry of `NO_PROXY` means this address.
fn excepts(entry: &str, to: &Address) -> bool {
    if entry == "*" {
        return true;
    }
    let host = to.host.trim_start_matches('[').trim_end_matches(']');
    let entry = entry.to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if let (Some((network, bits)), Some(address)) = (entry.split_once('/'), address) {
        let range = network.parse().ok().zip(bits.parse().ok());
        return range.is_some_and(|(network, bits)| is_inside(address, network, bits));
    }
    if let Ok(excepted) = entry.parse::<IpAddr>() {
        return address == Some(excepted);
    }
    let Some((name, port)) = host_and_port(&entry) else {
        return false;
    };
    if port.is_some_and(|port| port != to.effective_port()) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.trim_start_matches('*').trim_start_matches('.');
    let is_below = || {
        let above = host.strip_suffix(name);
        address.is_none() && above.is_some_and(|above| above.ends_with('.'))
    };
    host == name || (!name.is_empty() && is_below())
}

/// Whether an address belongs to a network with a prefix of this many bits.
fn is_inside(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let is_equal = |a: u128, b: u128, width: u32| {
        bits <= width && (bits == 0 || a >> (width - bits) == b >> (width - bits))
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => is_equal(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => is_equal(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).into())
        };
        let to = Address::parse(url).expect("an address");
        Ok(Proxy::of(&to, &variable)?.map(|proxy| proxy.to_string()))
    }

    #[test]
    fn the_scheme_of_the_address_and_small_letters_decide() {
        let all = [
            ("http_proxy", "a"),
            ("HTTP_PROXY", "b:1"),
            ("HTTPS_PROXY", "https://u:p@c:2/"),
            ("ALL_PROXY", "socks5h://u:p@d"),
        ];
        let proxy = |url, from| found(url, &all[from..]).expect("valid").expect("a proxy");
        assert_eq!(proxy("http://x", 0), "the proxy http://a (http_proxy)");
        assert_eq!(proxy("http://x", 1), "the proxy http://b:1 (HTTP_PROXY)");
        assert_eq!(proxy("https://x", 0), "the proxy https://c:2 (HTTPS_PROXY)");
        assert_eq!(proxy("http://x", 2), "the proxy socks5h://d (ALL_PROXY)");
        assert_eq!(found("http://x", &[("HTTPS_PROXY", "c")]), Ok(None));
        assert_eq!(
            found("http://x", &[("http_proxy", ""), ("ALL_PROXY", "d")]),
            Ok(None)
        );
        for wrong in ["http://", "ftp://u:pass@h", "http://h:port"] {
            let error = found("http://x", &[("HTTP_PROXY", wrong)]).expect_err(wrong);
            assert!(error.contains("`HTTP_PROXY` names no proxy"), "{error}");
            assert!(!error.contains(":pass@"), "{error}");
        }
    }

    #[test]
    fn exceptions_are_hosts_domains_ports_and_networks() {
        for (entry, url, excepted) in [
            ("*", "http://x", true),
            ("a.example", "http://a.example", true),
            ("a.example", "http://B.A.example", true),
            (".a.example", "http://a.example", true),
            ("*.a.example", "http://b.a.example", true),
            ("a.example", "http://ba.example", false),
            ("a.example:8080", "http://a.example", false),
            ("a.example:443", "https://a.example", true),
            ("x, a.example", "http://a.example", true),
            ("x a.example", "http://a.example", true),
            ("10.0.0.0/8", "http://10.2.3.4", true),
            ("10.0.0.0/8", "http://11.2.3.4", false),
            ("10.0.0.0/8", "http://a.example", false),
            ("10.0.0.0/99", "http://10.0.0.0", false),
            ("0.0.0.0/0", "http://11.2.3.4", true),
            ("127.0.0.1", "http://127.0.0.1:99", true),
            ("0.0.1", "http://127.0.0.1", false),
            ("::1", "http://[::1]:99", true),
            ("fd00::/8", "http://[fd12::1]", true),
            ("", "http://x", false),
            (".", "http://x", false),
        ] {
            let variables = [
                ("HTTP_PROXY", "p"),
                ("HTTPS_PROXY", "p"),
                ("NO_PROXY", entry),
            ];
            let proxy = found(url, &variables).expect("valid");
            assert_eq!(proxy.is_none(), excepted, "{entry} {url}");
        }
        let both = [("HTTP_PROXY", "p"), ("NO_PROXY", "x"), ("no_proxy", "y")];
        assert!(found("http://x", &both).expect("valid").is_some());
    }
}
