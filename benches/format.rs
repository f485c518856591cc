//! How fast the formatter is, beside `ruff format`, measured in turn. What counts is processor
//! time, which other programs on the machine disturb less than the time on the wall:
//!
//! ```sh
//! cargo bench --no-default-features --bench format -- [RUFF FILE.py]
//! ```
//!
//! It does not know how the formatter works.

use std::hint::black_box;
use std::process::{Command, Stdio};

use lockstep::format::{format, format_text};
use lockstep::source::FileId;
use lockstep::syntax::parse;

const ROUNDS: usize = 5;
/// The clock is coarse.
const REPEATS: usize = 4;
const SIZE: usize = 2_000_000;

const SOURCES: &[&str] = &[
    include_str!("../stdlib/release.deploy"),
    include_str!("../stdlib/health.deploy"),
    include_str!("../examples/shop/shop.deploy"),
    include_str!("../examples/barriers/barriers.deploy"),
    include_str!("../examples/orders/orders.deploy"),
];

/// A formatted file of about the wanted size.
fn formatted() -> String {
    let all = SOURCES.concat();
    let text = all.repeat(SIZE / all.len() + 1);
    format_text(&text).expect("it can be formatted")
}

/// The same with every line indented twice as far.
fn unformatted(text: &str) -> String {
    let wider = |line: &str| {
        let blanks = line.len() - line.trim_start_matches(' ').len();
        format!("{}{line}\n", " ".repeat(blanks))
    };
    text.lines().map(wider).collect()
}

/// The processor time of this process and of those that it has waited for, in seconds.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a Linux system");
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let numbers: Vec<f64> = behind_name
        .split_whitespace()
        .map(|number| number.parse().unwrap_or(0.0))
        .collect();
    // In hundredths of a second: user, system, and both of the children.
    numbers[11..15].iter().sum::<f64>() / 100.0
}

/// Megabytes a second of processor time.
fn speed(size: usize, work: impl Fn()) -> f64 {
    let begun = processor_time();
    for _ in 0..REPEATS {
        work();
    }
    let took = processor_time() - begun;
    (size * REPEATS) as f64 / 1e6 / took.max(0.01)
}

fn ruff(path: &str, source: &str) {
    let status = Command::new(path)
        .args(["format", "--no-cache", "--quiet", "--check", source])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.expect("ruff runs");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|it| *it != "--bench")
        .collect();
    let good = formatted();
    let bad = unformatted(&good);
    let read = parse(FileId(0), &good);
    let mut table: Vec<(&str, Vec<f64>)> = vec![
        ("reading alone", Vec::new()),
        ("printing alone", Vec::new()),
        ("a formatted file", Vec::new()),
        ("an unformatted file, with the proof", Vec::new()),
        ("ruff format --check", Vec::new()),
    ];
    for _ in 0..ROUNDS {
        let speeds = [
            speed(good.len(), || drop(black_box(parse(FileId(0), &good)))),
            speed(good.len(), || drop(black_box(format(&read, &good)))),
            speed(good.len(), || drop(black_box(format_text(&good)))),
            speed(bad.len(), || drop(black_box(format_text(&bad)))),
        ];
        for (row, speed) in table.iter_mut().zip(speeds) {
            row.1.push(speed);
        }
        if let [path, source] = arguments.as_slice() {
            let size = std::fs::metadata(source).expect("a file").len() as usize;
            table[4].1.push(speed(size, || ruff(path, source)));
        }
    }
    for (name, mut speeds) in table {
        speeds.sort_by(f64::total_cmp);
        if let (Some(middle), Some(best)) = (speeds.get(speeds.len() / 2), speeds.last()) {
            println!("{name:<40} {middle:>7.1} MB/s   best {best:>7.1}");
        }
    }
}
