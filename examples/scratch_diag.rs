use lockstep::source::Sources;
fn main() {
    for arg in std::env::args().skip(1) {
        let text = if arg == "-" {
            std::io::read_to_string(std::io::stdin()).unwrap()
        } else {
            std::fs::read_to_string(&arg).unwrap()
        };
        for part in text.split("\n----\n") {
            println!("================\n{part}\n  ---");
            let mut s = Sources::default();
            let f = s.add("f", part);
            let p = lockstep::syntax::parse(f, part);
            for d in &p.diagnostics {
                println!(
                    "  {} {} {:?}: {}",
                    d.code,
                    s.place(d.span().unwrap()),
                    s.text(d.span().unwrap()),
                    d.message
                );
                for l in &d.labels {
                    if !l.text.is_empty() {
                        println!("      @{} {:?} {}", s.place(l.span), s.text(l.span), l.text);
                    }
                }
                if let Some(h) = &d.help {
                    println!("      help: {h}");
                }
                for x in &d.fixes {
                    println!(
                        "      fix: {} {:?}",
                        x.title,
                        x.edits
                            .iter()
                            .map(|(sp, t)| (s.place(*sp), s.text(*sp).to_string(), t.clone()))
                            .collect::<Vec<_>>()
                    );
                }
            }
            for i in &p.file.items {
                println!("  > {}", brief(&format!("{:?}", i.kind)));
            }
        }
    }
}
fn brief(s: &str) -> String {
    let re = regex::Regex::new(r#", span: \d+:\d+\.\.\d+|span: \d+:\d+\.\.\d+|, head: \d+:\d+\.\.\d+|, modifiers: \[\]|, handlers: \[\]|, doc: None|doc: None, |, multiline: false"#).unwrap();
    let s = re.replace_all(s, "");
    let re = regex::Regex::new(r#"Ident \{ name: "([^"]*)" \}"#).unwrap();
    let s = re.replace_all(&s, "$1");
    let re = regex::Regex::new(r#"Expr \{ kind: "#).unwrap();
    re.replace_all(&s, "E{").to_string()
}
