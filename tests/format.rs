//! The formatter preserves the meaning, every comment and every byte of any file, and is
//! idempotent.

mod corpus;
mod damage;
mod generate;
mod tokens;
mod told;

use lockstep_base::source::FileId;
use lockstep_format::{apply, checked, edits, format, format_text, range};
use lockstep_syntax::parse;

use damage::damaged;
pub use generate::file;
use tokens::Chance;

/// How many random files are formatted: a few hundred, or the value of the variable.
pub fn cases(usual: u64) -> u64 {
    let wanted = std::env::var("LOCKSTEP_FORMAT_CASES").ok();
    wanted.and_then(|it| it.parse().ok()).unwrap_or(usual)
}

/// Formats a file without syntax errors and checks all invariants.
fn keeps_all(text: &str) -> Result<(), String> {
    let read = parse(FileId(0), text);
    if let Some(mistake) = read.diagnostics.first() {
        return Err(format!("it has a mistake: {mistake:?}"));
    }
    let kept = format(&read, text).preserved;
    if let Some(first) = kept.first() {
        let left = &text[first.range()];
        return Err(format!("left as it stands: {left}"));
    }
    // The formatter itself compares meaning, comments and stability.
    let formatted = format_text(text).map_err(|mistake| {
        let would = format(&read, text).text;
        format!(
            "{mistake}:\n{would}\n--- again:\n{}",
            format(&parse(FileId(0), &would), &would).text
        )
    })?;
    let again = format_text(&formatted).map_err(|mistake| mistake.to_string())?;
    if again != formatted {
        return Err(format!("changed once more:\n{formatted}\n{again}"));
    }
    Ok(())
}

#[test]
fn random_files_keep_all() {
    for seed in 0..cases(400) {
        let text = file(seed);
        if let Err(why) = keeps_all(&text) {
            panic!("seed {seed}: {why}\n--- of\n{text}");
        }
    }
}

/// A long text is read in pieces as long as nothing in it changes; a short one never is.
#[test]
fn long_files_are_formatted_as_short_ones_are() {
    for seed in 0..cases(100) {
        let unit = file(seed).trim_start_matches('\u{feff}').to_owned() + "\n";
        let times = 40_000 / unit.len() + 1;
        let long = unit.repeat(times);
        let read = parse(FileId(0), &long);
        assert_eq!(read.diagnostics, [], "seed {seed}");
        let would = format(&read, &long);
        for (text, what) in [(&long, "written"), (&would.text, "formatted")] {
            let formatted = checked(text).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
            assert_eq!(formatted.text, would.text, "seed {seed}, {what}");
            let whole = format(&parse(FileId(0), text), text);
            assert_eq!(formatted, whole, "seed {seed}, {what}");
        }
        // One more blank, near the end.
        let place = would.text.trim_end().rfind(' ').expect("a blank");
        let mut changed = would.text.clone();
        changed.insert(place, ' ');
        let read = parse(FileId(0), &changed);
        if read.diagnostics.is_empty() {
            let formatted = checked(&changed).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
            assert_eq!(formatted, format(&read, &changed), "seed {seed}, changed");
        }
    }
}

/// What is new in the language is in the random files too.
#[test]
fn random_files_have_every_word_of_the_language() {
    let files: Vec<String> = (0..400).map(file).collect();
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let written: std::collections::HashSet<&str> = files
        .iter()
        .flat_map(|text| text.split(|c| !is_part(c)))
        .collect();
    let words = lockstep_syntax::words::all();
    let missing: Vec<&str> = words.filter(|word| !written.contains(word)).collect();
    assert_eq!(missing, [""; 0], "no random file has these");
}

/// A text without what the formatter may change: white space, and commas at the ends of lists.
fn substance(text: &str) -> String {
    let kept = |char: &char| !char.is_ascii_whitespace() && *char != ',';
    text.chars().filter(kept).collect()
}

#[test]
fn damaged_files_lose_nothing() {
    let mut around = 0;
    let count = cases(400);
    for seed in 0..count {
        let text = damaged(seed);
        let formatted = match format_text(&text) {
            Ok(formatted) => formatted,
            Err(mistake) => panic!("seed {seed}: {mistake}\n--- of\n{text}"),
        };
        assert_eq!(substance(&formatted), substance(&text), "seed {seed}");
        let again = format_text(&formatted);
        assert_eq!(again.as_ref(), Ok(&formatted), "seed {seed}");
        around += u64::from(formatted != text);
    }
    // Most are formatted around their errors.
    assert!(around * 10 > count * 6, "{around} of {count}");
}

#[test]
fn ranges_change_only_their_lines() {
    for seed in 0..cases(200) / 2 {
        let text = file(seed);
        let formatted = format_text(&text).expect("it is formatted");
        let all = range(&text, 0..text.len()).expect("it is formatted");
        assert_eq!(apply(&text, &all), formatted, "seed {seed}");
        assert_eq!(edits(&text, &formatted).as_ref(), Some(&all), "seed {seed}");
        let mut chance = Chance::new(seed);
        let start = chance.below(text.len());
        let some = range(&text, start..start + chance.below(80)).expect("it is formatted");
        assert!(some.iter().all(|edit| all.contains(edit)), "seed {seed}");
        let partly = apply(&text, &some);
        assert_eq!(substance(&partly), substance(&text), "seed {seed}");
        let read = parse(FileId(0), &partly);
        assert_eq!(read.diagnostics, [], "seed {seed}");
    }
}

#[test]
fn a_range_moves_a_string_as_a_whole() {
    let text = "pipeline  p {\n  log  \"a\"\n  run \"\"\"\na\nb\n\"\"\"\n}\n";
    let at = text.find("b\n").expect("the second line of the string");
    let some = range(text, at..at).expect("it is formatted");
    assert_eq!(
        apply(text, &some),
        "pipeline  p {\n  log  \"a\"\n  run \"\"\"\n    a\n    b\n    \"\"\"\n}\n"
    );
    assert_eq!(range(text, 3..3).expect("it is formatted").len(), 1);
}

#[test]
fn line_ends_and_byte_order_marks() {
    let cases = [
        ("", ""),
        ("\n\n", ""),
        ("# only a comment", "# only a comment\n"),
        (
            "let a = 1\r\nlet b = 2 # c\r\n",
            "let a = 1\nlet b = 2  # c\n",
        ),
        ("\u{feff}let a = 1", "\u{feff}let a = 1\n"),
        ("\u{feff}\n# c\n", "\u{feff}# c\n"),
        (
            "let a = \"\"\"\r\n  x\r\n  \"\"\"\r\n",
            "let a = \"\"\"\n  x\n  \"\"\"\n",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(format_text(text).as_deref(), Ok(wanted), "{text:?}");
    }
}
