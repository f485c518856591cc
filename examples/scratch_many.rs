use lockstep::source::FileId;
fn main() {
    for line in [
        "depoly a to b\n",
        "let x =\n",
        "x = 5;\n",
        "foo bar\n",
        "log \"open\n",
        "log 'a' && b\n",
        "}\n",
        "serial {\n",
        "log \"${\n",
        "log \"\"\"${\n",
        "for x in y {\n",
        "a ? b : c\n",
        "// x\n",
        "f(a b c\n",
    ] {
        let text = format!("pipeline p {{\n{}\n}}", line.repeat(2000));
        let t = std::time::Instant::now();
        let p = lockstep::syntax::parse(FileId(0), &text);
        println!("{:?} {} {:?}", line, p.diagnostics.len(), t.elapsed());
        let t = std::time::Instant::now();
        let text = line.repeat(2000);
        let p = lockstep::syntax::parse(FileId(0), &text);
        println!("   top {} {:?}", p.diagnostics.len(), t.elapsed());
    }
}
