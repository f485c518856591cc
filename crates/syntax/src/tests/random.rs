//! Property tests: any text is parsed quickly, without a panic, into a tree whose spans are valid.

use std::time::Instant;

use proptest::prelude::*;

use super::limits::PARSE_TIME_LIMIT;
use super::{EVERYTHING, FIRST, read};
use crate::parse_expression;
use lockstep_base::source::FileId;

fn quickly(text: &str) {
    let start = Instant::now();
    let parse = read(text);
    let took = start.elapsed();
    assert!(took < PARSE_TIME_LIMIT, "{took:?} for {text:?}");
    let _ = parse_expression(FileId(0), text);
    drop(parse);
}

/// Words and signs of the language and of others, in any order.
pub(super) fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(
        "pipeline stage step serial parallel matrix deploy run let if else for in then and or not \
         true false none log fail retry timeout max batches tolerate atomic once undo on failure \
         always barrier across lock limit approve by wait verify every yield return ask ignore rollback \
         abort using env where include service environment infrastructure override group kind send fetch text replacing mode \
         workflow action test given start expect before returns fails refused import from as \
         input secret a b prod.eu x-y f( ( ) [ ] { } } { \" \"\"\" ${ \\ ' ` # ## // /* */ ; : = \
         == != < <= > >= + - * / % ?? ? . .. , | || && ! & @ $ -> => 1 2.5 10% 5m 1h30m 1_000 \
         \"a\" \"b${c}\" é “ ” – \u{a0} \u{0} elif while foreach"
            .split(' ')
            .collect::<Vec<_>>(),
    );
    let gaps = prop::sample::select(vec![" ", " ", "\n", "", "\r\n", "\n  ", "\t"]);
    prop::collection::vec((words, gaps), 0..120).prop_map(|pieces| {
        pieces
            .into_iter()
            .flat_map(|(word, gap)| [word, gap])
            .collect()
    })
}

/// A valid file with some of its bytes changed, taken out, doubled or put in.
pub(super) fn damage() -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec((0usize..10_000, 0u8..4, any::<u8>()), 1..12);
    (any::<bool>(), bytes).prop_map(|(first, changes)| {
        let mut text: Vec<u8> = if first { FIRST } else { EVERYTHING }.bytes().collect();
        for (at, how, byte) in changes {
            let at = at % text.len();
            match how {
                0 => text[at] = byte,
                1 => drop(text.remove(at)),
                2 => text.insert(at, text[at]),
                _ => text.insert(at, b"{}[]()\"'#\n=:,;"[usize::from(byte) % 14]),
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// A valid file without a part of it.
pub(super) fn cut() -> impl Strategy<Value = String> {
    (0usize..10_000, 0usize..400).prop_map(|(at, length)| {
        let chars: Vec<char> = EVERYTHING.chars().collect();
        let at = at % chars.len();
        let end = (at + length).min(chars.len());
        chars[..at].iter().chain(&chars[end..]).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn token_soup_is_read(text in soup()) {
        quickly(&text);
    }

    #[test]
    fn soup_in_a_pipeline_is_read(text in soup()) {
        quickly(&format!("pipeline p {{\n  {text}\n}}\n"));
    }

    #[test]
    fn damaged_files_are_read(text in damage()) {
        quickly(&text);
    }

    #[test]
    fn files_with_a_gap_are_read(text in cut()) {
        quickly(&text);
    }

    #[test]
    fn any_characters_are_read(text in ".{0,300}") {
        quickly(&text);
    }
}

#[test]
fn a_hundred_kilobytes_of_noise_are_read() {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for round in 0..4u32 {
        let noise: Vec<u8> = (0..100_000)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let byte = (state >> 32) as u8;
                // Once any bytes, else mostly the signs that matter.
                if round == 0 {
                    byte
                } else {
                    b"{}[]()\"'#\n=:,; ab1.${\\-"[usize::from(byte) % 23]
                }
            })
            .collect();
        quickly(&String::from_utf8_lossy(&noise));
    }
}
