use lockstep::source::FileId;
fn main() {
    let unit = format!(
        "{}\n{}",
        include_str!("../src/syntax/tests/samples/first.deploy"),
        include_str!("../src/syntax/tests/samples/everything.deploy")
    );
    let mut text = String::new();
    while text.len() < 200_000 {
        text.push_str(&unit);
        text.push('\n');
    }
    for (what, bad) in [
        ("clean", ""),
        ("typo", "pipelin x { log 1 }\n"),
        ("open", "pipeline x {\n log \"abc\n}\n"),
        ("brace", "pipeline x {\n  stage a {\n   log 1\n}\n"),
        (
            "hole",
            "pipeline x {\n  let y =\n  log 1\n  depoly x to y\n}\n",
        ),
    ] {
        let at = text[..100_000].rfind("\npipeline other").unwrap() + 1;
        let t2 = format!("{}{bad}{}", &text[..at], &text[at..]);
        for _ in 0..3 {
            let t = std::time::Instant::now();
            let p = lockstep::syntax::parse(FileId(0), &t2);
            println!("{what} {} {:?}", p.diagnostics.len(), t.elapsed());
        }
    }
}
