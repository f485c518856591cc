use std::sync::Mutex;

use lockstep_runtime::http::HttpError;

use super::*;

/// A registry that answers these, in order, and remembers what it was asked.
struct Registry {
    answers: Mutex<Vec<HttpResponse>>,
    asked: Mutex<Vec<String>>,
}

impl HttpClient for Registry {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let headers = request.headers.iter();
        let login = headers.filter(|(name, _)| name == "Authorization");
        let login: String = login.map(|(_, value)| format!(" {value}")).collect();
        let asked = format!("{} {}{login}", request.method, request.url);
        self.asked.lock().unwrap().push(asked);
        Ok(self.answers.lock().unwrap().remove(0))
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> HttpResponse {
    let texts = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    HttpResponse {
        status,
        reason: None,
        headers: texts.collect(),
        body: body.to_owned(),
    }
}

fn ask(image: &str, answers: Vec<HttpResponse>) -> (Result<String, String>, Vec<String>) {
    let registry = Registry {
        answers: answers.into(),
        asked: Mutex::default(),
    };
    let login = |host: &str| (host == "ghcr.io").then(|| String::from("YTpi"));
    let found = digest_with(image, &registry, login);
    (found, registry.asked.into_inner().unwrap())
}

#[test]
fn names_of_images_are_split_as_everywhere() {
    let parts = |image: &str| {
        let name = ImageName::of(image)?;
        Some(format!("{} {} {}", name.host, name.repository, name.tag))
    };
    let is = |image: &str, wanted: &str| assert_eq!(parts(image).as_deref(), Some(wanted));
    is("nginx", "registry-1.docker.io library/nginx latest");
    is("team/web:v1", "registry-1.docker.io team/web v1");
    is("ghcr.io/team/web", "ghcr.io team/web latest");
    is("127.0.0.1:5000/web:main", "127.0.0.1:5000 web main");
    for wrong in ["", "a b", "ghcr.io/../x", "web@sha256:12", "x?y", "web:"] {
        assert_eq!(parts(wrong), None, "{wrong}");
    }
}

#[test]
fn a_token_is_asked_for_where_the_registry_wants_one() {
    let challenge = "Bearer realm=\"https://ghcr.io/token\",service=\"ghcr.io\"";
    let (found, asked) = ask(
        "ghcr.io/team/web:main",
        vec![
            answer(401, &[("Www-Authenticate", challenge)], ""),
            answer(200, &[], "{\"token\":\"abc\"}"),
            answer(200, &[("docker-content-digest", "sha256:12")], ""),
        ],
    );
    assert_eq!(found.as_deref(), Ok("sha256:12"));
    assert_eq!(
        asked,
        [
            "HEAD https://ghcr.io/v2/team/web/manifests/main",
            "GET https://ghcr.io/token?scope=repository%3Ateam%2Fweb%3Apull&service=ghcr.io \
             Basic YTpi",
            "HEAD https://ghcr.io/v2/team/web/manifests/main Bearer abc",
        ]
    );
}

#[test]
fn a_password_goes_nowhere_unencrypted() {
    let challenge = "Bearer realm=\"http://elsewhere.example/token\"";
    let answers = vec![answer(401, &[("www-authenticate", challenge)], "")];
    let (found, asked) = ask("ghcr.io/team/web", answers);
    assert!(found.unwrap_err().contains("HTTPS"));
    assert_eq!(asked.len(), 1);
    // Nor does a login go to a registry that has not asked for one.
    let digest = [("Docker-Content-Digest", "sha256:1")];
    let (_, asked) = ask("ghcr.io/team/web", vec![answer(200, &digest, "")]);
    assert_eq!(asked, ["HEAD https://ghcr.io/v2/team/web/manifests/latest"]);
}

#[test]
fn what_is_wrong_is_said() {
    let said = |status: u16| ask("127.0.0.1:5000/web", vec![answer(status, &[], "")]).0;
    assert_eq!(said(404).unwrap_err(), "127.0.0.1:5000 has no `web:latest`");
    assert!(said(401).unwrap_err().contains("podman login"));
    assert!(said(200).unwrap_err().contains("did not say the digest"));
    assert!(said(500).unwrap_err().contains("answered 500"));
}

#[test]
fn a_login_is_for_its_registry_alone() {
    let file = r#"{"auths": {
        "docker.io": {"auth": "aHVi"}, "ghcr.io": {"auth": "Z2hj"}, "bad.example": {"auth": "\n"}
    }}"#;
    let login = |host: &str| login_in(file, host);
    assert_eq!(login("registry-1.docker.io").as_deref(), Some("aHVi"));
    assert_eq!(login("ghcr.io").as_deref(), Some("Z2hj"));
    assert_eq!(login("elsewhere.example"), None);
    assert_eq!(login("bad.example"), None);
}
