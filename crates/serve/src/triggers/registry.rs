//! The digest that a registry has for a tag (OCI distribution).

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockstep_runtime::http::{HttpClient, HttpRequest, HttpResponse, SystemHttp};

/// A registry has to answer within this time.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What an image may be of.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// An image by its parts.
#[derive(Debug, PartialEq, Eq)]
struct ImageName {
    host: String,
    repository: String,
    tag: String,
}

/// The digest of an image now: `sha256:…`.
pub(crate) fn digest(image: &str) -> Result<String, String> {
    digest_with(image, &SystemHttp, credentials)
}

fn digest_with(
    image: &str,
    client: &dyn HttpClient,
    credentials: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let name = ImageName::of(image).ok_or_else(|| format!("`{image}` is no name of an image"))?;
    let scheme = match is_local(&name.host) {
        true => "http",
        false => "https",
    };
    let (host, repository, tag) = (&name.host, &name.repository, &name.tag);
    let url = format!("{scheme}://{host}/v2/{repository}/manifests/{tag}");
    let basic = credentials(&name.host).map(|basic| format!("Basic {basic}"));
    let ask = |authorization: Option<&str>| send(client, "HEAD", &url, authorization);
    let mut answer = ask(None)?;
    if answer.status == 401 {
        let challenge = header(&answer, "www-authenticate")
            .unwrap_or_default()
            .to_owned();
        let authorization = match parameters(&challenge, "bearer") {
            Some(parameters) => Some(token(client, &parameters, basic.as_deref(), &name)?),
            None => basic,
        };
        let missing = || format!("{host} wants a login: `podman login {host}` stores one");
        answer = ask(Some(&authorization.ok_or_else(missing)?))?;
    }
    match answer.status {
        200 => {}
        401 | 403 => return Err(format!("{host} does not let this login see `{image}`")),
        404 => return Err(format!("{host} has no `{repository}:{tag}`")),
        status => return Err(format!("{host} answered {status} for `{image}`")),
    }
    let digest = header(&answer, "docker-content-digest").map(str::to_owned);
    digest.ok_or_else(|| format!("{host} did not say the digest of `{image}`"))
}

fn send(
    client: &dyn HttpClient,
    method: &str,
    url: &str,
    authorization: Option<&str>,
) -> Result<HttpResponse, String> {
    let mut headers = vec![(String::from("Accept"), String::from(MANIFESTS))];
    headers.extend(authorization.map(|it| (String::from("Authorization"), it.to_owned())));
    let request = HttpRequest {
        method: method.to_owned(),
        url: url.to_owned(),
        headers,
        body: None,
        timeout: TIMEOUT,
        identity: None,
    };
    client.send(&request).map_err(|error| error.to_string())
}

fn header<'r>(response: &'r HttpResponse, name: &str) -> Option<&'r str> {
    let mut headers = response.headers.iter();
    let found = headers.find(|(it, _)| it.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The parameters of a challenge of a scheme: `Bearer realm="…",service="…"`.
fn parameters(challenge: &str, scheme: &str) -> Option<Vec<(String, String)>> {
    let (word, rest) = challenge.split_once(' ')?;
    if !word.eq_ignore_ascii_case(scheme) {
        return None;
    }
    let mut all = Vec::new();
    let mut rest = rest;
    while let Some((name, value)) = rest.split_once("=\"") {
        let (value, behind) = value.split_once('"')?;
        let name = name.trim_matches([',', ' ']);
        all.push((name.to_ascii_lowercase(), value.to_owned()));
        rest = behind;
    }
    Some(all)
}

/// A token of the service that the registry names.
fn token(
    client: &dyn HttpClient,
    parameters: &[(String, String)],
    basic: Option<&str>,
    name: &ImageName,
) -> Result<String, String> {
    let of = |wanted: &str| {
        let mut all = parameters.iter();
        all.find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    let realm = of("realm").ok_or("the registry does not say where a token is to be had")?;
    // A password goes nowhere unencrypted that is not this machine.
    let host = realm
        .strip_prefix("http://")
        .map(|rest| rest.split('/').next().unwrap_or(rest));
    if host.is_some_and(|host| !is_local(host)) {
        return Err(format!("the token service {realm} is not reached by HTTPS"));
    }
    let scope = format!("repository:{}:pull", name.repository);
    let mut url = format!("{realm}?scope={}", escaped(&scope));
    if let Some(service) = of("service") {
        url.push_str(&format!("&service={}", escaped(service)));
    }
    let answer = send(client, "GET", &url, basic)?;
    if answer.status != 200 {
        return Err(format!("{realm} gave no token: {}", answer.status));
    }
    let data: serde_json::Value =
        serde_json::from_str(&answer.body).map_err(|_| format!("{realm} gave no token"))?;
    let token = data.get("token").or_else(|| data.get("access_token"));
    let token = token.and_then(serde_json::Value::as_str);
    let token = token.filter(|it| it.chars().all(|char| char.is_ascii_graphic()));
    token
        .map(|it| format!("Bearer {it}"))
        .ok_or_else(|| format!("{realm} gave no token"))
}

fn escaped(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    escaped.collect()
}

fn is_local(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

impl ImageName {
    fn of(image: &str) -> Option<Self> {
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "._-/:@[]".contains(char);
        if !image.chars().all(is_plain) || image.contains("..") {
            return None;
        }
        let is_host = |first: &str| first.contains(['.', ':']) || first == "localhost";
        let (host, rest) = match image.split_once('/') {
            Some((first, rest)) if is_host(first) => (first.to_owned(), rest.to_owned()),
            Some(_) => (String::from("registry-1.docker.io"), image.to_owned()),
            None => (
                String::from("registry-1.docker.io"),
                format!("library/{image}"),
            ),
        };
        let host = match host.as_str() {
            "docker.io" | "index.docker.io" => String::from("registry-1.docker.io"),
            _ => host,
        };
        // One that is named by its digest never changes.
        let rest_has_digest = rest.contains('@');
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository.to_owned(), tag.to_owned()),
            None => (rest, String::from("latest")),
        };
        let is_whole = repository.split('/').all(|part| !part.is_empty());
        let is_named = is_whole && !image.is_empty() && !tag.is_empty() && !rest_has_digest;
        is_named.then_some(Self {
            host,
            repository,
            tag,
        })
    }
}

/// The stored login for a registry, as `podman login` and `docker login` write it.
fn credentials(host: &str) -> Option<String> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = variable("HOME");
    let files = [
        variable("REGISTRY_AUTH_FILE"),
        variable("XDG_RUNTIME_DIR").map(|it| it.join("containers/auth.json")),
        home.as_ref()
            .map(|it| it.join(".config/containers/auth.json")),
        variable("DOCKER_CONFIG").map(|it| it.join("config.json")),
        home.map(|it| it.join(".docker/config.json")),
    ];
    files.into_iter().flatten().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        login_in(&text, host)
    })
}

/// The login for a registry in such a file. That of one registry is never for another.
fn login_in(text: &str, host: &str) -> Option<String> {
    let keys: &[&str] = match host {
        // Docker and Podman write it differently.
        "registry-1.docker.io" => &["https://index.docker.io/v1/", "docker.io"],
        host => &[host],
    };
    let data: serde_json::Value = serde_json::from_str(text).ok()?;
    let auths = data.get("auths")?;
    let basic = keys.iter().find_map(|key| auths.get(key)?.get("auth"))?;
    // What is no base64 would not be a header.
    let basic = basic.as_str()?;
    STANDARD.decode(basic).ok().map(|_| basic.to_owned())
}

#[cfg(test)]
mod tests;
