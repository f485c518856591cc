//! What arrives at each kind of target.

use std::sync::Arc;
use std::time::Duration;

use lockstep_stand_ins::{HttpReceiver, answer};
use serde_json::json;

use super::super::deliver::{Delivery, Sent};
use super::super::post::SendError;
use super::super::target::{Target, Targets};
use super::receivers::MailReceiver;
use super::{delivery, hostile};
use crate::tests::read_settings;

/// The targets of a `[[serve.notify]]`, whose secrets are in files of these names.
fn targets(settings: &str, secrets: &[(&str, &str)]) -> Vec<Arc<Target>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in secrets {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let settings = read_settings(&format!("[[serve.notify]]\n{settings}"));
    let targets = Targets::new(&settings.notify, folder.path()).unwrap();
    targets.all().to_vec()
}

fn webhook(receiver: &HttpReceiver) -> Arc<Target> {
    let text = format!(
        "to = \"webhook\"\nurl = \"{}\"\nsecret = {{ file = \"s\" }}",
        receiver.url("/hook?key=hidden")
    );
    targets(&text, &[("s", "it is secret\n")]).remove(0)
}

fn refusal(sent: Result<Sent, SendError>) -> SendError {
    sent.unwrap_err()
}

#[test]
fn a_webhook_gets_the_data_under_an_id_and_signed() {
    let receiver = HttpReceiver::start();
    let sent = webhook(&receiver).send(&delivery(hostile())).unwrap();
    assert_eq!(sent.thread, None);
    let [arrived] = &receiver.arrived()[..] else {
        panic!("one request arrives");
    };
    assert_eq!(arrived.path, "/hook?key=hidden");
    let header = |name: &str| arrived.headers[name].as_str();
    assert_eq!(header("content-type"), "application/json; charset=utf-8");
    assert_eq!(header("idempotency-key"), "r-7f3a2c.7-0.0123456789abcdef");
    let signed = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"it is secret");
    let signature = header("x-lockstep-signature")
        .strip_prefix("sha256=")
        .unwrap();
    let signature: Vec<u8> = (0..signature.len() / 2)
        .map(|at| u8::from_str_radix(&signature[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    ring::hmac::verify(&signed, arrived.body.as_bytes(), &signature).unwrap();
    assert_eq!(
        arrived.json(),
        json!({
            "event": "failed",
            "run": "r-7f3a2c",
            "pipeline": "shop.deploy/ship",
            "user": "ada",
            "at": "2026-03-14T09:26:53.000Z",
            "url": "https://deploy.example.com/runs/r-7f3a2c",
            "status": "failed",
            "failure": {
                "class": "exit",
                "node": "ship/web on live.eu/push",
                "message": "see [this](https://evil.example)",
            },
            "deployments": [{
                "service": "web",
                "target": "live.eu",
                "node": "ship/web on live.eu",
                "message": "exit code 3\nBcc: <!channel> & *all*",
            }],
        })
    );
}

/// RFC 4231, test case 2.
#[test]
fn a_signature_is_that_of_the_standard() {
    assert_eq!(
        super::super::webhook::signature("Jefe", b"what do ya want for nothing?"),
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn refusals_say_what_to_do_and_nothing_secret() {
    let receiver = HttpReceiver::start();
    let target = webhook(&receiver);
    let elsewhere = HttpReceiver::start();
    receiver.say(answer(
        307,
        &format!("location: {}\r\n", elsewhere.url("/")),
        "",
    ));
    receiver.say(answer(429, "retry-after: 7\r\n", ""));
    receiver.say(answer(503, "retry-after: 99999999\r\n", "hidden"));
    receiver.say(answer(422, "", "hidden"));
    let refused: Vec<SendError> = (0..4)
        .map(|_| refusal(target.send(&delivery(hostile()))))
        .collect();
    let shown: Vec<(&str, bool, Option<Duration>)> = (refused.iter())
        .map(|it| (it.message.as_str(), it.is_final, it.retry_after))
        .collect();
    let seconds = |it| Some(Duration::from_secs(it));
    assert_eq!(
        shown,
        [
            (
                "it answers with status 307: redirects are not followed, so write the address \
                 that it leads to",
                false,
                None
            ),
            ("it answers with status 429", false, seconds(7)),
            ("it answers with status 503", false, seconds(900)),
            ("it answers with status 422", true, None),
        ]
    );
    assert!(elsewhere.arrived().is_empty(), "the redirect was followed");
    let gone = "to = \"webhook\"\nurl = \"http://127.0.0.1:1/hidden\"";
    let gone = targets(gone, &[]).remove(0);
    let error = refusal(gone.send(&delivery(hostile())));
    assert_eq!(error, SendError::now("it refuses the connection"));
}

#[test]
fn an_endless_answer_is_not_read() {
    let receiver = HttpReceiver::start();
    receiver.say(answer(200, "", &"x".repeat(1024 * 1024)));
    webhook(&receiver).send(&delivery(hostile())).unwrap();
}

#[test]
fn a_slack_webhook_gets_texts_without_markup() {
    let receiver = HttpReceiver::start();
    let text = "to = \"slack\"\nurl = { file = \"s\" }";
    let target = targets(text, &[("s", &receiver.url("/services/T/B/x"))]).remove(0);
    assert_eq!(target.name, "Slack by the file `s`");
    target.send(&delivery(hostile())).unwrap();
    let body = receiver.arrived()[0].json();
    assert_eq!(body["text"], ":x: shop.deploy/ship has failed");
    let texts: Vec<&str> = (body["blocks"].as_array().unwrap().iter())
        .map(|it| it["text"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            ":x: shop.deploy/ship has failed",
            "Run: r-7f3a2c\nStarted by: ada\nAt: 2026-03-14T09:26:53.000Z\n\
             Failed deployment: web on live.eu: exit code 3\nBcc: &lt;!channel&gt; &amp; *all*\n\
             Failure: see [this](https://evil.example)\nFailed node: ship/web on live.eu/push\n",
            "<https://deploy.example.com/runs/r-7f3a2c|Open the run>",
        ]
    );
    assert!(
        body["blocks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["text"]["verbatim"] == true)
    );
}

#[test]
fn a_slack_bot_writes_one_thread_for_each_run() {
    let receiver = HttpReceiver::start();
    let text = "to = \"slack\"\ntoken = { file = \"s\" }\nchannel = \"#deploys\"";
    let target = targets(text, &[("s", "xoxb-1\n")]).remove(0);
    let target = target.with_api(&receiver.url("/api/chat.postMessage"));
    receiver.say(answer(200, "", r#"{"ok":true,"ts":"1773480413.0001"}"#));
    let sent = target.send(&delivery(hostile())).unwrap();
    assert_eq!(sent.thread.as_deref(), Some("1773480413.0001"));
    receiver.say(answer(200, "", r#"{"ok":true,"ts":"1773480413.0002"}"#));
    let second = Delivery {
        thread: sent.thread,
        ..delivery(hostile())
    };
    target.send(&second).unwrap();
    receiver.say(answer(
        200,
        "",
        r#"{"ok":false,"error":"channel_not_found"}"#,
    ));
    let error = refusal(target.send(&second));
    assert_eq!(error, SendError::now("Slack answers `channel_not_found`"));
    receiver.say(answer(200, "", r#"{"ok":false,"error":"<script>xoxb-1"}"#));
    let error = refusal(target.send(&second));
    assert_eq!(error, SendError::now("Slack answers `an error`"));
    let arrived = receiver.arrived();
    assert_eq!(arrived[0].headers["authorization"], "Bearer xoxb-1");
    let (first, second) = (arrived[0].json(), arrived[1].json());
    assert_eq!(
        (&first["channel"], &first["thread_ts"]),
        (&json!("#deploys"), &json!(null))
    );
    assert_eq!(second["thread_ts"], "1773480413.0001");
    assert_eq!(second["reply_broadcast"], true);
}

#[test]
fn teams_gets_a_card_whose_values_have_no_markup() {
    let receiver = HttpReceiver::start();
    let text = "to = \"teams\"\nurl = { file = \"s\" }";
    let target = targets(text, &[("s", &receiver.url("/workflows/1?sig=x"))]).remove(0);
    target.send(&delivery(hostile())).unwrap();
    let body = receiver.arrived()[0].json();
    let card = &body["attachments"][0];
    assert_eq!(
        card["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let card = &card["content"];
    assert_eq!(
        (&card["type"], &card["version"]),
        (&json!("AdaptiveCard"), &json!("1.4"))
    );
    // The texts of a `TextBlock` would be Markdown.
    let lines = card["body"].as_array().unwrap();
    assert!(
        lines.iter().all(|it| it["type"] == "RichTextBlock"),
        "{lines:?}"
    );
    assert_eq!(
        lines[5]["inlines"],
        json!([
            { "type": "TextRun", "text": "Failure: ", "weight": "Bolder" },
            { "type": "TextRun", "text": "see [this](https://evil.example)", "weight": "Default" },
        ])
    );
    assert_eq!(
        card["actions"][0]["url"],
        "https://deploy.example.com/runs/r-7f3a2c"
    );
}

fn mail(receiver: &MailReceiver, addresses: &str) -> Vec<Arc<Target>> {
    let text = format!(
        "to = \"mail\"\nsmtp = \"{}\"\nfrom = \"Lockstep <lockstep@example.com>\"\n\
         user = \"lockstep\"\npassword = {{ file = \"s\" }}\naddresses = [{addresses}]",
        receiver.url()
    );
    targets(&text, &[("s", "pass\n")])
}

#[test]
fn a_mail_is_plain_text_and_its_headers_are_ours() {
    let receiver = MailReceiver::start();
    let all = mail(
        &receiver,
        "\"ada@example.com\", \"Grace <grace@example.com>\"",
    );
    let [ada, grace] = &all[..] else {
        panic!("each address is a target");
    };
    assert_eq!(grace.name, "mail to grace@example.com");
    let mut message = hostile();
    message.pipeline = String::from("ship\r\nBcc: evil@example.com\r\n\r\n<b>Grüße</b>");
    ada.send(&delivery(message)).unwrap();
    let reply = Delivery {
        is_first: false,
        ..delivery(hostile())
    };
    ada.send(&reply).unwrap();
    grace.send(&delivery(hostile())).unwrap();
    let [first, second, third] = &receiver.arrived()[..] else {
        panic!("three mails arrive");
    };
    assert_eq!(
        first.from.split(" BODY").next(),
        Some("MAIL FROM:<lockstep@example.com>")
    );
    assert_eq!(first.to, ["RCPT TO:<ada@example.com>"]);
    assert_eq!(third.to, ["RCPT TO:<grace@example.com>"]);
    assert!(first.headers("bcc").is_empty(), "{}", first.text);
    assert_eq!(first.headers("from"), ["Lockstep <lockstep@example.com>"]);
    assert_eq!(first.headers("content-type"), ["text/plain; charset=utf-8"]);
    assert_eq!(first.headers("date"), ["Sat, 14 Mar 2026 09:26:53 +0000"]);
    // All mails of a run are one thread.
    let root = "<r-7f3a2c.0123456789abcdef@example.com>";
    assert_eq!(first.headers("message-id"), [root]);
    assert!(first.headers("in-reply-to").is_empty());
    assert_eq!(
        second.headers("message-id"),
        ["<r-7f3a2c.7-0.0123456789abcdef@example.com>"]
    );
    assert_eq!(second.headers("in-reply-to"), [root]);
    assert_eq!(second.headers("references"), [root]);
    assert_eq!(
        second.headers("subject"),
        ["shop.deploy/ship has failed (r-7f3a2c)"]
    );
    let (_, body) = second.text.split_once("\n\n").unwrap();
    assert_eq!(
        body,
        "shop.deploy/ship has failed\n\nRun: r-7f3a2c\nStarted by: ada\n\
         At: 2026-03-14T09:26:53.000Z\nFailed deployment: web on live.eu: exit code 3\n  \
         Bcc: <!channel> & *all*\nFailure: see [this](https://evil.example)\n\
         Failed node: ship/web on live.eu/push\n\n\
         https://deploy.example.com/runs/r-7f3a2c\n"
    );
    // `\0lockstep\0pass`
    assert_eq!(
        receiver.logins.lock().unwrap()[0],
        "AUTH PLAIN AGxvY2tzdGVwAHBhc3M="
    );
}

#[test]
fn a_mail_server_that_refuses_is_quoted_without_the_password() {
    let receiver = MailReceiver::start();
    let ada = mail(&receiver, "\"ada@example.com\"").remove(0);
    receiver
        .answers
        .lock()
        .unwrap()
        .extend(["550 no pass here", "451 later"]);
    let error = refusal(ada.send(&delivery(hostile())));
    let said = "the mail server answers: permanent error (550): no *** here";
    assert_eq!((error.message.as_str(), error.is_final), (said, true));
    let error = refusal(ada.send(&delivery(hostile())));
    assert!(!error.is_final, "{error:?}");
}
