//! Redaction of secrets: replaces their texts by `***` in whatever leaves the program, also where a
//! secret is split over two reads, and in common encodings: base64, percent-encoding, JSON strings,
//! shell quoting, hexadecimal digits, in upper case or lower case, and backwards.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The replacement for a secret.
const MASK: &[u8] = b"***";

const SHOWN_MASK: &str = "***";

/// So much of the beginning of a secret before an ellipsis is masked.
const MIN_CUT_BYTES: usize = 3;

/// Only secrets of at least this many bytes are searched in other encodings, and line by line.
const MIN_ENCODED_SECRET_BYTES: usize = 4;

/// Masks secrets in a stream of bytes.
///
/// What may be the beginning of a secret is buffered until more has come: at most the part that
/// looks like one, so that a line without secrets is never late.
#[derive(Clone)]
pub struct Redactor {
    shared: Arc<SharedTable>,
    /// How many secrets were known when the table was taken.
    known: usize,
    table: Arc<PatternAutomaton>,
    state: u32,
    /// Bytes that have not been released.
    held: VecDeque<u8>,
    /// How many bytes have been released or dropped.
    released: u64,
    /// Ranges of bytes that belong to secrets, in order, apart from each other.
    covered: VecDeque<(u64, u64)>,
    /// Whether the last byte released was masked: the next one continues the same mask.
    masking: bool,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(…)")
    }
}

impl Redactor {
    /// A redactor for these secrets. Empty ones mask nothing.
    pub fn new<S: AsRef<str>>(secrets: &[S]) -> Self {
        let texts: Vec<String> = secrets.iter().map(|it| it.as_ref().to_string()).collect();
        let table = Arc::new(PatternAutomaton::of(&texts));
        Self::with(Arc::new(SharedTable {
            known: AtomicUsize::new(texts.len()),
            current: RwLock::new((texts, table)),
        }))
    }

    fn with(shared: Arc<SharedTable>) -> Self {
        let (known, table) = shared.current();
        Self {
            shared,
            known,
            table,
            state: ROOT_STATE,
            held: VecDeque::new(),
            released: 0,
            covered: VecDeque::new(),
            masking: false,
        }
    }

    /// A new redactor for the same secrets, at the start of its stream.
    pub fn fresh(&self) -> Self {
        Self::with(Arc::clone(&self.shared))
    }

    /// Adds a secret for this redactor and all that were made of it or of which it was made, also
    /// those in the midst of their streams. Returns its number.
    pub fn learn(&self, secret: &str) -> usize {
        let mut current = (self.shared.current.write()).unwrap_or_else(PoisonError::into_inner);
        let number = current.0.len();
        current.0.push(secret.to_string());
        current.1 = Arc::new(PatternAutomaton::of(&current.0));
        self.shared.known.store(current.0.len(), Ordering::Release);
        number
    }

    /// Takes over the secrets that have been added. What has been released is not held any more.
    fn refresh(&mut self) {
        if self.shared.known.load(Ordering::Acquire) == self.known {
            return;
        }
        (self.known, self.table) = self.shared.current();
        let held = self.held.iter();
        self.state = held.fold(ROOT_STATE, |state, byte| self.table.next(state, *byte));
    }

    /// Consumes bytes and returns those that are certain, masked.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        self.feed_into(bytes, &mut out);
        out
    }

    /// Consumes bytes and appends those that are certain, masked, to `out`.
    pub fn feed_into(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.refresh();
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.state == ROOT_STATE && self.held.is_empty() {
                // The usual case: no secret begins here.
                let plain = self.table.plain_prefix(rest);
                if plain > 0 {
                    out.extend_from_slice(&rest[..plain]);
                    self.released += plain as u64;
                    self.masking = false;
                    rest = &rest[plain..];
                    continue;
                }
            }
            self.step(rest[0], out);
            rest = &rest[1..];
        }
    }

    /// Ends the stream and returns the buffered bytes, masked.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.release(self.held.len(), &mut out);
        self.state = ROOT_STATE;
        self.masking = false;
        out
    }

    /// Masks a whole text.
    pub fn mask(&self, text: &str) -> String {
        let mut redactor = self.fresh();
        let mut bytes = redactor.feed(text.as_bytes());
        bytes.append(&mut redactor.finish());
        // Secrets are whole characters, so what is left is valid UTF-8.
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Masks a text that has been composed for people: a secret that was cut there is masked too.
    pub fn mask_composed(&self, text: &str) -> String {
        let whole = self.mask(text);
        let (_, table) = self.shared.current();
        let bytes = whole.as_bytes();
        let mut out = String::with_capacity(whole.len());
        let (mut state, mut from) = (ROOT_STATE, 0);
        for (at, byte) in bytes.iter().enumerate() {
            let depth = table.nodes[state as usize].depth as usize;
            let is_cut = || {
                ["\u{2026}", "..."]
                    .iter()
                    .any(|cut| bytes[at..].starts_with(cut.as_bytes()))
            };
            if depth >= MIN_CUT_BYTES && is_cut() {
                // The states of an automaton are whole characters here: what is cut is shown.
                out.push_str(whole.get(from..at - depth).unwrap_or_default());
                out.push_str(SHOWN_MASK);
                (state, from) = (ROOT_STATE, at);
            }
            state = table.next(state, *byte);
        }
        out.push_str(whole.get(from..).unwrap_or_default());
        out
    }

    /// What of a text belongs to secrets: ranges in their order, apart from each other, each a part
    /// of one form of one secret.
    pub(super) fn covered(&self, text: &str) -> Vec<CoveredRange> {
        let (_, table) = self.shared.current();
        let bytes = text.as_bytes();
        let mut found: Vec<(usize, usize, SecretForm)> = Vec::new();
        let mut state = ROOT_STATE;
        let mut at = 0;
        while at < bytes.len() {
            if state == ROOT_STATE {
                at += table.plain_prefix(&bytes[at..]);
                if at == bytes.len() {
                    break;
                }
            }
            state = table.next(state, bytes[at]);
            at += 1;
            let node = &table.nodes[state as usize];
            if node.longest > 0 {
                found.push((at - node.longest as usize, at, node.form));
            }
        }
        // Of those that begin no later than the last one ends, the one that ends last is next.
        found.sort_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
        let mut covered: Vec<CoveredRange> = Vec::new();
        let mut rest = found.into_iter().peekable();
        let mut done = 0;
        while let Some(mut best) = rest.next() {
            let from = done.max(best.0);
            while let Some(other) = rest.next_if(|(start, _, _)| *start <= from) {
                if other.1 > best.1 {
                    best = other;
                }
            }
            if best.1 <= done {
                continue;
            }
            covered.push(CoveredRange {
                text: from..best.1,
                form: best.2,
                from: from - best.0,
            });
            done = best.1;
        }
        covered
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.held.push_back(byte);
        self.state = self.table.next(self.state, byte);
        let node = &self.table.nodes[self.state as usize];
        let end = self.released + self.held.len() as u64;
        if node.longest > 0 {
            let mut start = end - u64::from(node.longest);
            while let Some(last) = self.covered.back().copied()
                && last.1 >= start
            {
                start = start.min(last.0);
                self.covered.pop_back();
            }
            self.covered.push_back((start, end));
        }
        // No later match can begin before the longest prefix seen now.
        let certain = self.held.len() - node.depth as usize;
        self.release(certain, out);
    }

    fn release(&mut self, count: usize, out: &mut Vec<u8>) {
        for byte in self.held.drain(..count) {
            while let Some((_, end)) = self.covered.front()
                && *end <= self.released
            {
                self.covered.pop_front();
            }
            let masked =
                matches!(self.covered.front(), Some((start, _)) if *start <= self.released);
            if !masked {
                out.push(byte);
            } else if !self.masking {
                out.extend_from_slice(MASK);
            }
            self.masking = masked;
            self.released += 1;
        }
    }
}

/// The secrets that redactors share, and the automaton for them.
struct SharedTable {
    known: AtomicUsize,
    current: RwLock<(Vec<String>, Arc<PatternAutomaton>)>,
}

impl SharedTable {
    fn current(&self) -> (usize, Arc<PatternAutomaton>) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        (current.0.len(), Arc::clone(&current.1))
    }
}

/// A part of a text that belongs to a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CoveredRange {
    /// Where in the text.
    pub(super) text: Range<usize>,
    /// Of which form of which secret.
    pub(super) form: SecretForm,
    /// From which byte of that form on, to its end.
    pub(super) from: usize,
}

/// One form of a secret, by their places: in the program's table, and among [`forms`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SecretForm {
    pub(super) secret: u32,
    pub(super) form: u32,
}

const ROOT_STATE: u32 = 0;

/// An Aho-Corasick automaton: it finds all patterns in one pass, and knows at every byte how much
/// of the end of the text may be a prefix of a pattern.
struct PatternAutomaton {
    nodes: Vec<AutomatonState>,
    /// Which bytes begin a pattern.
    first: [bool; 256],
}

#[derive(Default)]
struct AutomatonState {
    next: BTreeMap<u8, u32>,
    /// The node of the longest prefix of a pattern that is a suffix of this one.
    fail: u32,
    /// The depth in bytes.
    depth: u32,
    /// The length of the longest pattern that ends here; 0 where none does.
    longest: u32,
    /// What that pattern is.
    form: SecretForm,
}

impl PatternAutomaton {
    fn empty() -> Self {
        Self {
            nodes: vec![AutomatonState::default()],
            first: [false; 256],
        }
    }

    /// The automaton for all forms of secrets.
    fn of(secrets: &[String]) -> Self {
        let mut table = Self::empty();
        for (secret, text) in (0..).zip(secrets) {
            for (form, pattern) in (0..).zip(forms(text)) {
                table.insert(&pattern, SecretForm { secret, form });
            }
        }
        table.link();
        table
    }

    /// Adds a pattern. The first of those that are equal counts.
    fn insert(&mut self, pattern: &[u8], form: SecretForm) {
        let mut at = ROOT_STATE;
        for (depth, byte) in (1..).zip(pattern) {
            let fresh = self.nodes.len() as u32;
            let next = *self.nodes[at as usize].next.entry(*byte).or_insert(fresh);
            if next == fresh {
                self.nodes.push(AutomatonState {
                    depth,
                    ..AutomatonState::default()
                });
            }
            at = next;
        }
        if let Some(first) = pattern.first() {
            self.first[usize::from(*first)] = true;
            let node = &mut self.nodes[at as usize];
            if node.longest == 0 {
                node.longest = pattern.len() as u32;
                node.form = form;
            }
        }
    }

    /// Sets the fail links, breadth first.
    fn link(&mut self) {
        let mut queue: VecDeque<u32> = self.nodes[0].next.values().copied().collect();
        while let Some(at) = queue.pop_front() {
            let next: Vec<(u8, u32)> = (self.nodes[at as usize].next.iter())
                .map(|(byte, node)| (*byte, *node))
                .collect();
            let fail = self.nodes[at as usize].fail;
            for (byte, node) in next {
                let to = self.next(fail, byte);
                let suffix = &self.nodes[to as usize];
                let (longest, form) = (suffix.longest, suffix.form);
                let node_ref = &mut self.nodes[node as usize];
                node_ref.fail = to;
                if longest > node_ref.longest {
                    (node_ref.longest, node_ref.form) = (longest, form);
                }
                queue.push_back(node);
            }
        }
    }

    fn next(&self, mut at: u32, byte: u8) -> u32 {
        loop {
            let node = &self.nodes[at as usize];
            if let Some(next) = node.next.get(&byte) {
                return *next;
            }
            if at == ROOT_STATE {
                return ROOT_STATE;
            }
            at = node.fail;
        }
    }

    /// The length of the prefix in which no pattern begins.
    fn plain_prefix(&self, bytes: &[u8]) -> usize {
        // Without secrets there is only the root.
        if self.nodes.len() == 1 {
            return bytes.len();
        }
        bytes
            .iter()
            .position(|byte| self.first[usize::from(*byte)])
            .unwrap_or(bytes.len())
    }
}

/// A secret and its common encodings. A stored text names a form by its place here, so that new
/// ones come at the end; equal ones may be among them.
pub(super) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut to = Vec::new();
    if secret.is_empty() {
        return to;
    }
    to.push(secret.as_bytes().to_vec());
    if secret.len() < MIN_ENCODED_SECRET_BYTES {
        return to;
    }
    base64_forms(secret.as_bytes(), &mut to);
    hex_forms(secret.as_bytes(), &mut to);
    to.push(secret.to_uppercase().into_bytes());
    to.push(secret.to_lowercase().into_bytes());
    to.push(secret.chars().rev().collect::<String>().into_bytes());
    for kept in ["-_.~", "-_.~!'()*", "-_.~/"] {
        for (lower, plus) in [(false, false), (true, false), (false, true)] {
            to.push(percent(secret, kept, lower, plus).into_bytes());
        }
    }
    let json = serde_json::Value::from(secret).to_string();
    to.push(json.as_bytes()[1..json.len() - 1].to_vec());
    to.push(secret.replace('\'', "'\\''").into_bytes());
    for line in secret
        .lines()
        .filter(|line| line.len() >= MIN_ENCODED_SECRET_BYTES)
    {
        to.push(line.as_bytes().to_vec());
    }
    to
}

/// Adds the hexadecimal forms: in one piece, and with what `xxd`, `od` and others put between
/// bytes.
fn hex_forms(secret: &[u8], to: &mut Vec<Vec<u8>>) {
    let lower = |byte: &u8| format!("{byte:02x}");
    let upper = |byte: &u8| format!("{byte:02X}");
    for between in ["", " ", ":", "\\x"] {
        for digits in [&lower as &dyn Fn(&u8) -> String, &upper] {
            let bytes: Vec<String> = secret.iter().map(digits).collect();
            to.push(bytes.join(between).into_bytes());
        }
    }
    let pairs = |digits: &dyn Fn(&u8) -> String| {
        let bytes: Vec<String> = secret
            .chunks(2)
            .map(|pair| pair.iter().map(digits).collect())
            .collect();
        bytes.join(" ")
    };
    to.push(pairs(&lower).into_bytes());
}

/// Adds the base64 forms, also for a secret inside a longer text: it may then begin at each of
/// three positions of a group, and only the characters that depend on nothing else are certain.
fn base64_forms(secret: &[u8], to: &mut Vec<Vec<u8>>) {
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret);
        let first = (before * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&bytes);
            // A few characters alone would match too often. What is left out is an empty form, so
            // that the others have the same places for all secrets.
            let whole = if before == 0 { text.as_bytes() } else { &[] };
            to.push(whole.to_vec());
            let own = text.as_bytes().get(first..last).unwrap_or_default();
            let enough = own.len() >= if before == 0 { 5 } else { 8 };
            to.push(if enough { own.to_vec() } else { Vec::new() });
        }
    }
}

/// A text percent-encoded, but for letters, digits and the characters of `kept`.
fn percent(text: &str, kept: &str, lower: bool, plus: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let char = char::from(byte);
        if char.is_ascii_alphanumeric() || (char.is_ascii() && kept.contains(char)) {
            out.push(char);
        } else if plus && byte == b' ' {
            out.push('+');
        } else if lower {
            out.push_str(&format!("%{byte:02x}"));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(redactor: &Redactor, pieces: &[&[u8]]) -> Vec<u8> {
        let mut redactor = redactor.fresh();
        let mut out = Vec::new();
        for piece in pieces {
            out.append(&mut redactor.feed(piece));
        }
        out.append(&mut redactor.finish());
        out
    }

    #[test]
    fn masks_at_every_split() {
        let redactor = Redactor::new(&["hunter2", "hunter2-more", "two\nlines of it", "", "r2-m"]);
        for (text, masked) in [
            ("a hunter2 b", "a *** b"),
            ("hunterhunter2", "hunter***"),
            ("hunter2hunter2", "***"),
            ("hunter2-more and hunter2-mor", "*** and ***or"),
            ("hunter2-m", "***"),
            ("x two\nlines of it y", "x *** y"),
            ("x two", "x two"),
            ("lines of it", "***"),
            ("hunter", "hunter"),
            ("", ""),
        ] {
            assert_eq!(redactor.mask(text), masked, "{text}");
            let bytes = text.as_bytes();
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    assert_eq!(
                        String::from_utf8(stream(&redactor, &pieces)).unwrap(),
                        masked,
                        "{text} at {first}, {second}"
                    );
                }
            }
        }
    }

    #[test]
    fn masks_the_forms_that_programs_give_it() {
        let secret = "p@ss w\"rd/it's+ü";
        let redactor = Redactor::new(&[secret]);
        let standard = base64::engine::general_purpose::STANDARD;
        for before in ["", "a", "ab", "abc"] {
            for behind in ["", "x", "xy"] {
                let encoded = standard.encode(format!("{before}{secret}{behind}"));
                let masked = redactor.mask(&encoded);
                assert!(masked.contains("***"), "{encoded} gives {masked}");
                assert!(masked.len() < 15, "{encoded} gives {masked}");
            }
        }
        for form in [
            "p%40ss%20w%22rd%2Fit%27s%2B%C3%BC",
            "p%40ss%20w%22rd%2fit%27s%2b%c3%bc",
            "p%40ss+w%22rd%2Fit%27s%2B%C3%BC",
            "p%40ss%20w%22rd%2Fit's%2B%C3%BC",
            "p@ss w\\\"rd/it's+ü",
            "p@ss w\"rd/it'\\''s+ü",
            "P@SS W\"RD/IT'S+Ü",
            "ü+s'ti/dr\"w ss@p",
            "7040737320772272642f697427732bc3bc",
            "7040737320772272642F697427732BC3BC",
            "7040 7373 2077 2272 642f 6974 2773 2bc3 bc",
            "70 40 73 73 20 77 22 72 64 2f 69 74 27 73 2b c3 bc",
        ] {
            assert_eq!(redactor.mask(&format!("<{form}>")), "<***>");
        }
    }

    #[test]
    fn a_secret_that_was_cut_is_masked() {
        let redactor = Redactor::new(&["token-0123456789"]);
        for (text, masked) in [
            ("a token-01\u{2026} b", "a ***\u{2026} b"),
            ("a token-01... b", "a ***... b"),
            ("a to\u{2026}", "a to\u{2026}"),
            ("toktoken-\u{2026}", "tok***\u{2026}"),
            ("token-0123456789\u{2026} tok", "***\u{2026} tok"),
        ] {
            assert_eq!(redactor.mask_composed(text), masked);
        }
    }

    #[test]
    fn short_secrets_are_masked_as_they_are_only() {
        let redactor = Redactor::new(&["abc"]);
        assert_eq!(redactor.mask("xabcx YWJj"), "x***x YWJj");
        assert_eq!(Redactor::new(&["\n\n"]).mask("a\nb\n\nc"), "a\nb***c");
        assert_eq!(Redactor::new::<&str>(&[]).mask("abc"), "abc");
        assert_eq!(Redactor::new(&[""]).mask("abc"), "abc");
    }

    #[test]
    fn a_line_without_a_secret_is_not_held_back() {
        let mut redactor = Redactor::new(&["token-0123456789"]);
        assert_eq!(redactor.feed(b"hello\n"), b"hello\n");
        assert_eq!(redactor.feed(b"tok"), b"");
        assert_eq!(redactor.feed(b"yo\n"), b"tokyo\n");
    }

    /// The expected result of every redactor, computed naively.
    fn by_hand(text: &str, secrets: &[String]) -> String {
        let mut covered = vec![false; text.len()];
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            for at in 0..text.len() {
                if text.as_bytes()[at..].starts_with(secret.as_bytes()) {
                    covered[at..at + secret.len()].fill(true);
                }
            }
        }
        let mut out = String::new();
        for (at, char) in text.char_indices() {
            match (covered[at], at > 0 && covered[at - 1]) {
                (false, _) => out.push(char),
                (true, false) => out.push_str("***"),
                (true, true) => {}
            }
        }
        out
    }

    proptest! {
        #[test]
        fn agrees_with_a_search_by_hand(
            text in "[abc]{0,40}",
            secrets in prop::collection::vec("[abc]{0,3}", 0..4),
            cut in 0usize..40,
        ) {
            let redactor = Redactor::new(&secrets);
            let wanted = by_hand(&text, &secrets);
            prop_assert_eq!(redactor.mask(&text), wanted.clone());
            let cut = cut.min(text.len());
            let (a, b) = text.as_bytes().split_at(cut);
            prop_assert_eq!(String::from_utf8(stream(&redactor, &[a, b])).unwrap(), wanted);
        }
    }
}
