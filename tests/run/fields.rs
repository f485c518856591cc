//! Fields of services that are made from other fields: where one is overridden, what is made from it
//! has the overridden value as well.

use super::file;

#[test]
fn an_override_reaches_the_fields_that_are_made_from_it() {
    let program = r#"
kind k { service { image: string  manifest: string  note: string = "none" } deploy using w }
workflow w(s: service<k>, i: infrastructure<k>) { log "${i.name}: ${s.manifest} ${s.note}" }
service a: k {
  image = "x:1"
  manifest = "image ${a.image} of ${a.name}"
  note = "by ${a.manifest}"
}
environment e {
  override a { image = "y:2" }
  infrastructure one: k { override a { image = "z:${length(a.image)}" } }
  infrastructure two: k {}
  infrastructure three: k { override a { manifest = "own" } }
}
environment f { infrastructure four: k {} }
pipeline p { serial i in e.* { deploy a to i } deploy a to f.four }
"#;
    let texts = |args: &[&str]| -> Vec<String> {
        let said = file(program)
            .args(["--format", "json"])
            .args(args.iter().copied())
            .said();
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
        let events = said
            .stdout
            .lines()
            .filter(|line| line.contains("\"kind\":\"log\""));
        let events =
            events.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        events
            .filter_map(|event| Some(event["text"].as_str()?.to_owned()))
            .collect()
    };
    assert_eq!(
        texts(&[]),
        [
            "e.one: image z:3 of a by image z:3 of a",
            "e.two: image y:2 of a by image y:2 of a",
            "e.three: own by own",
            "f.four: image x:1 of a by image x:1 of a",
        ]
    );
    let fixed = texts(&["--set", "a.image=s:9"]);
    assert!(fixed[0].starts_with("e.one: image s:9 of a"), "{fixed:?}");
}
