use lockstep::source::FileId;
fn main() {
    let unit = format!(
        "{}\n{}",
        include_str!("../src/syntax/tests/samples/first.deploy"),
        include_str!("../src/syntax/tests/samples/everything.deploy")
    );
    let target: usize = std::env::args()
        .nth(1)
        .map_or(5_000_000, |a| a.parse().unwrap());
    let mut text = String::new();
    while text.len() < target {
        text.push_str(&unit);
        text.push('\n');
    }
    for _ in 0..4 {
        let t = std::time::Instant::now();
        let p = lockstep::syntax::parse(FileId(0), &text);
        let e = t.elapsed();
        let n = p.file.items.len();
        println!(
            "{} bytes {} items {} diags {:?} {:.1} MB/s",
            text.len(),
            n,
            p.diagnostics.len(),
            e,
            text.len() as f64 / e.as_secs_f64() / 1e6
        );
        if let Some(d) = p.diagnostics.first() {
            println!("{d:?}");
        }
        let t = std::time::Instant::now();
        drop(p);
        println!("drop {:?}", t.elapsed());
    }
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    for l in s.lines().filter(|l| l.starts_with("VmHWM")) {
        println!("{l}");
    }
}
