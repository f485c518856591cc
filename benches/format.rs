//! The speed of the formatter, compared with `ruff format`, measured in turn. Processor time is
//! compared, since other programs on the machine disturb it less than wall time:
//!
//! ```sh
//! cargo bench --no-default-features --bench format -- [RUFF [FILE.py]]
//! ```
//!
//! Ruff formats code of the same shape as the dense one here, and the file if there is one.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a program for developers: it stops where something is not as it should be"
)]

use std::hint::black_box;
use std::process::{Command, Stdio};

use lockstep_base::source::FileId;
use lockstep_format::{format, format_text};
use lockstep_syntax::parse;

const ROUNDS: usize = 5;
/// The clock is coarse, so the work is repeated.
const REPEATS: usize = 4;
const SIZE: usize = 2_000_000;

const SOURCES: &[&str] = &[
    include_str!("../stdlib/release.deploy"),
    include_str!("../stdlib/health.deploy"),
    include_str!("../examples/shop/shop.deploy"),
    include_str!("../examples/barriers/barriers.deploy"),
    include_str!("../examples/orders/orders.deploy"),
];

/// Code with few comments, equal in both languages as far as they have the same constructs.
const DENSE: &str = include_str!("dense-deploy.txt");
const DENSE_PYTHON: &str = include_str!("dense-python.txt");

/// Code of about the requested size.
fn dense(unit: &str) -> String {
    let numbered = (0..).map(|at: u32| unit.replace('@', &at.to_string()));
    let mut size = 0;
    let mut all = String::new();
    for unit in numbered.take_while(|unit| {
        size += unit.len();
        size < SIZE
    }) {
        all.push_str(&unit);
    }
    all
}

/// The standard library and the examples, repeated.
fn commented() -> String {
    let all = SOURCES.concat();
    all.repeat(SIZE / all.len() + 1)
}

fn formatted(text: &str) -> String {
    format_text(text).expect("it can be formatted")
}

/// The same with every line indented twice as far.
fn unformatted(text: &str) -> String {
    let wider = |line: &str| {
        let blanks = line.len() - line.trim_start_matches(' ').len();
        format!("{}{line}\n", " ".repeat(blanks))
    };
    text.lines().map(wider).collect()
}

/// The processor time of this process and of its children that have ended, in seconds.
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

/// Megabytes per second of processor time.
fn speed(size: usize, work: &dyn Fn()) -> f64 {
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

type Work<'w> = (String, usize, Box<dyn Fn() + 'w>);

/// The measurements for a text.
fn works<'w>(what: &str, good: &'w str, bad: &'w str, all: &mut Vec<Work<'w>>) {
    let read = parse(FileId(0), good);
    let mut add = |how: &str, size: usize, work: Box<dyn Fn() + 'w>| {
        all.push((format!("{what}, {how}"), size, work));
    };
    let size = good.len();
    add(
        "reading alone",
        size,
        Box::new(|| drop(black_box(parse(FileId(0), good)))),
    );
    add(
        "printing alone",
        size,
        Box::new(move || drop(black_box(format(&read, good)))),
    );
    add(
        "formatted already",
        size,
        Box::new(|| drop(black_box(format_text(good)))),
    );
    add(
        "changed and proved",
        bad.len(),
        Box::new(|| drop(black_box(format_text(bad)))),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    let good = [formatted(&dense(DENSE)), formatted(&commented())];
    let bad = [unformatted(&good[0]), unformatted(&good[1])];
    let mut all = Vec::new();
    works("dense", &good[0], &bad[0], &mut all);
    works("with comments", &good[1], &bad[1], &mut all);
    let folder = std::env::temp_dir().join("lockstep-bench-format.py");
    if let Some(program) = arguments.first() {
        std::fs::write(&folder, dense(DENSE_PYTHON)).expect("a file is written");
        let files = [folder.to_str()].into_iter().flatten();
        for file in files.chain(arguments.get(1).map(String::as_str)) {
            let size = std::fs::metadata(file).expect("a file").len() as usize;
            let file = file.to_owned();
            let name = format!("ruff format --check, {file}");
            all.push((name, size, Box::new(move || ruff(program, &file))));
        }
    }
    let mut speeds = vec![Vec::new(); all.len()];
    for _ in 0..ROUNDS {
        for ((_, size, work), speeds) in all.iter().zip(&mut speeds) {
            speeds.push(speed(*size, work));
        }
    }
    for ((name, ..), mut speeds) in all.iter().zip(speeds) {
        speeds.sort_by(f64::total_cmp);
        if let (Some(middle), Some(best)) = (speeds.get(speeds.len() / 2), speeds.last()) {
            println!("{name:<50} {middle:>7.1} MB/s   best {best:>7.1}");
        }
    }
    let _ = std::fs::remove_file(folder);
}
