//! Texts that are stored and hold secrets: each piece of a secret is written as a reference to it,
//! which only who can read the secret can follow back. What is stored is neither clear nor lost.
//!
//! A reference stands between two marks and says which form of which secret it is, and from which
//! byte on. The mark itself, where a text has it, is written twice, so that nobody can write a
//! reference by printing one. Texts are sealed only in programs that have secrets.

use std::borrow::Cow;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::redact::forms;
use super::secrets::SecretVault;
use lockstep_base::value::SecretPart;

/// Begins and ends a reference: a character that no text has to have (a noncharacter of Unicode).
const MARK: char = '\u{fdd0}';

/// What a reference is shown as.
const SHOWN: &str = "***";

/// A stored text that cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsealError {
    /// It refers to a secret that has not been read, or that is too short now to have this part.
    Secret(u32),
    /// It was not written by this program.
    Damaged,
}

impl std::fmt::Display for UnsealError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("it holds a part of a secret that has another text now"),
            Self::Damaged => f.write_str("it is damaged"),
        }
    }
}

impl std::error::Error for UnsealError {}

/// One piece of a sealed text.
enum Piece<'a> {
    Text(&'a str),
    Mark,
    Reference([usize; 3]),
    /// A part of a secret that was made while the run went on: its recipe, form and first byte.
    Made(MadeReference<'a>),
}

/// A reference to a secret that was made while the run went on.
struct MadeReference<'a> {
    /// All of it.
    written: &'a str,
    part: SecretPart,
    form: usize,
    from: usize,
}

/// How a reference to a secret begins that was made while the run went on.
const MADE: &str = "made.";

impl<'a> MadeReference<'a> {
    fn read(written: &'a str) -> Option<Self> {
        let (form, rest) = written.strip_prefix(MADE)?.split_once('.')?;
        let (from, recipe) = rest.split_once('.')?;
        let bytes = from_hex(recipe)?;
        Some(Self {
            written,
            part: serde_json::from_slice(&bytes).ok()?,
            form: form.parse().ok()?,
            from: from.parse().ok()?,
        })
    }
}

/// A recipe for a reference. Its digits say nothing to who looks for a text in it.
fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// A form of a secret from a byte on.
pub(super) fn form_of(secret: &str, form: usize, from: usize) -> Option<String> {
    let form = forms(secret).into_iter().nth(form)?;
    String::from_utf8(form.get(from..)?.to_vec()).ok()
}

/// What begins and ends, in a text of a run that goes on, the reference to a secret that has not
/// been made again.
const UNOPENED_MARK: char = '\u{fdd1}';

/// A reference to a secret that has not been made again, in a text of a run that goes on.
pub(super) struct UnopenedText {
    pub(super) place: Range<usize>,
    pub(super) part: SecretPart,
    pub(super) form: usize,
    pub(super) from: usize,
}

/// A text with something else in the place of each reference.
pub(super) fn with_each<E>(
    text: &str,
    references: &[UnopenedText],
    other: &mut dyn FnMut(&UnopenedText) -> Result<String, E>,
) -> Result<String, E> {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for reference in references {
        out.push_str(text.get(from..reference.place.start).unwrap_or_default());
        out.push_str(&other(reference)?);
        from = reference.place.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(out)
}

/// Passes the pieces of a sealed text on.
fn pieces<'a>(
    sealed: &'a str,
    take: &mut dyn FnMut(Piece<'a>) -> Result<(), UnsealError>,
) -> Result<(), UnsealError> {
    let mut rest = sealed;
    while let Some((before, behind)) = rest.split_once(MARK) {
        take(Piece::Text(before))?;
        let (inside, behind) = behind.split_once(MARK).ok_or(UnsealError::Damaged)?;
        rest = behind;
        if inside.is_empty() {
            take(Piece::Mark)?;
            continue;
        }
        if inside.starts_with(MADE) {
            let made = MadeReference::read(inside).ok_or(UnsealError::Damaged)?;
            take(Piece::Made(made))?;
            continue;
        }
        let mut numbers = [0; 3];
        let mut written = inside.split('.');
        for number in &mut numbers {
            let next = written.next().and_then(|it| it.parse().ok());
            *number = next.ok_or(UnsealError::Damaged)?;
        }
        if written.next().is_some() {
            return Err(UnsealError::Damaged);
        }
        take(Piece::Reference(numbers))?;
    }
    take(Piece::Text(rest))
}

/// Whether a stored text refers to secrets. The mark alone, which is written twice, counts too.
pub fn is_sealed(stored: &str) -> bool {
    stored.contains(MARK)
}

/// The secrets that a stored text refers to.
pub fn references(stored: &str) -> Vec<SecretPart> {
    let mut found = Vec::new();
    if !is_sealed(stored) {
        return found;
    }
    // What is damaged is found out where it is opened.
    let _ = pieces(stored, &mut |piece| {
        match piece {
            Piece::Text(_) | Piece::Mark => {}
            Piece::Reference([secret, ..]) => {
                found.extend(u32::try_from(secret).map(SecretPart::Secret));
            }
            Piece::Made(made) => found.push(made.part),
        }
        Ok(())
    });
    found
}

/// A sealed text for people, who see a mask in place of each secret.
pub fn shown(sealed: &str) -> Cow<'_, str> {
    if !is_sealed(sealed) {
        return Cow::Borrowed(sealed);
    }
    let mut out = String::with_capacity(sealed.len());
    let opened = pieces(sealed, &mut |piece| {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Mark => out.push(MARK),
            Piece::Reference(_) | Piece::Made(_) if out.ends_with(SHOWN) => {}
            Piece::Reference(_) | Piece::Made(_) => out.push_str(SHOWN),
        }
        Ok(())
    });
    match opened {
        Ok(()) => Cow::Owned(out),
        // A text of an earlier version may have had the mark.
        Err(_) => Cow::Borrowed(sealed),
    }
}

impl SecretVault {
    /// Whether texts are sealed at all.
    pub fn seals(&self) -> bool {
        self.withholds || !self.texts().is_empty() || self.makes()
    }

    /// A text as it is stored.
    pub fn seal<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.seals() || self.withholds {
            return Cow::Borrowed(text);
        }
        let covered = self.covered(text);
        if covered.is_empty() && !text.contains(MARK) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len() + 24 * covered.len());
        let plain = |text: &str, out: &mut String| {
            for char in text.chars() {
                if char == MARK {
                    out.push(MARK);
                }
                out.push(char);
            }
        };
        let mut from = 0;
        for range in covered {
            plain(
                text.get(from..range.text.start).unwrap_or_default(),
                &mut out,
            );
            let (form, from_byte) = (range.form, range.from);
            match self.masked_part(form.secret as usize) {
                None => out.push_str(&format!(
                    "{MARK}{}.{}.{from_byte}{MARK}",
                    form.secret, form.form
                )),
                Some(part) => {
                    // A recipe is plain data, so it can be written.
                    let recipe = serde_json::to_vec(&part).unwrap_or_default();
                    let recipe = to_hex(&recipe);
                    out.push_str(&format!(
                        "{MARK}{MADE}{}.{from_byte}.{recipe}{MARK}",
                        form.form
                    ));
                }
            }
            from = range.text.end;
        }
        plain(text.get(from..).unwrap_or_default(), &mut out);
        Cow::Owned(out)
    }

    /// A stored text as it was.
    ///
    /// # Errors
    ///
    /// Where a secret that it refers to is not there, or has another text that is too short.
    pub fn unseal<'t>(&self, sealed: &'t str) -> Result<Cow<'t, str>, UnsealError> {
        if !self.seals() || self.withholds || !is_sealed(sealed) {
            return Ok(Cow::Borrowed(sealed));
        }
        let mut out = String::with_capacity(sealed.len());
        pieces(sealed, &mut |piece| {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Mark => out.push(MARK),
                Piece::Made(made) => {
                    let known = self.part(&made.part).ok();
                    let known = known.and_then(|it| form_of(&it, made.form, made.from));
                    match known {
                        Some(text) => out.push_str(&text),
                        // It is opened where it is needed, once the secret has been made again.
                        None => {
                            let (nonce, written) = (&self.unopened, made.written);
                            out.push_str(&format!(
                                "{UNOPENED_MARK}{nonce}{written}{UNOPENED_MARK}"
                            ));
                        }
                    }
                }
                Piece::Reference([secret, form, from]) => {
                    let number = u32::try_from(secret).map_err(|_| UnsealError::Damaged)?;
                    let text = self.texts().get(secret).and_then(Option::as_deref);
                    let text = text.ok_or(UnsealError::Secret(number))?;
                    let form = forms(text).into_iter().nth(form);
                    let part = form.as_deref().and_then(|form| form.get(from..));
                    let part = part.and_then(|part| std::str::from_utf8(part).ok());
                    out.push_str(part.ok_or(UnsealError::Secret(number))?);
                }
            }
            Ok(())
        })?;
        Ok(Cow::Owned(out))
    }

    /// The references to secrets that have not been made again, in a text of this run.
    pub(super) fn unopened_in(&self, text: &str) -> Vec<UnopenedText> {
        let mut found = Vec::new();
        if !self.makes() {
            return found;
        }
        let begin = format!("{UNOPENED_MARK}{}", self.unopened);
        for (start, _) in text.match_indices(&begin) {
            let inside = text.get(start + begin.len()..).unwrap_or_default();
            if let Some((written, _)) = inside.split_once(UNOPENED_MARK)
                && let Some(made) = MadeReference::read(written)
            {
                let end = start + begin.len() + written.len() + UNOPENED_MARK.len_utf8();
                found.push(UnopenedText {
                    place: start..end,
                    part: made.part,
                    form: made.form,
                    from: made.from,
                });
            }
        }
        found
    }

    /// A text of this run for people, who see a mask in place of what has not been made again.
    pub(super) fn without_unopened<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let unopened = self.unopened_in(text);
        if unopened.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = |_: &UnopenedText| Ok::<_, std::convert::Infallible>(String::from(SHOWN));
        match with_each(text, &unopened, &mut masked) {
            Ok(shown) => Cow::Owned(shown),
            Err(never) => match never {},
        }
    }

    /// JSON with all its texts sealed.
    pub fn seal_json(&self, json: &str) -> String {
        if !self.seals() {
            return json.to_owned();
        }
        let sealed = each_text(json, &mut |text| Ok(self.seal(text).into_owned()));
        // Sealing does not fail.
        sealed.unwrap_or_default()
    }

    /// Sealed JSON as it was.
    ///
    /// # Errors
    ///
    /// As [`SecretVault::unseal`].
    pub fn unseal_json(&self, sealed: &str) -> Result<String, UnsealError> {
        if !self.seals() || !is_sealed(sealed) {
            return Ok(sealed.to_owned());
        }
        each_text(sealed, &mut |text| Ok(self.unseal(text)?.into_owned()))
    }

    /// Data with all its texts sealed.
    pub fn sealed<T: Serialize + DeserializeOwned + Clone>(&self, data: &T) -> T {
        if !self.seals() {
            return data.clone();
        }
        let sealed = serde_json::to_string(data).ok();
        let sealed = sealed.map(|json| self.seal_json(&json));
        // What is stored is read back in the same way.
        let sealed = sealed.and_then(|json| serde_json::from_str(&json).ok());
        sealed.unwrap_or_else(|| data.clone())
    }

    /// Sealed data as it was.
    ///
    /// # Errors
    ///
    /// As [`SecretVault::unseal`].
    pub fn unsealed<T: Serialize + DeserializeOwned>(&self, sealed: T) -> Result<T, UnsealError> {
        if !self.seals() {
            return Ok(sealed);
        }
        let json = serde_json::to_string(&sealed).map_err(|_| UnsealError::Damaged)?;
        if !is_sealed(&json) {
            return Ok(sealed);
        }
        let json = self.unseal_json(&json)?;
        serde_json::from_str(&json).map_err(|_| UnsealError::Damaged)
    }
}

/// JSON in which each text, keys too, is replaced. It looks at texts alone, so that it needs no
/// stack however deep the JSON is.
fn each_text(
    json: &str,
    replace: &mut dyn FnMut(&str) -> Result<String, UnsealError>,
) -> Result<String, UnsealError> {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, behind)) = rest.split_once('"') {
        out.push_str(before);
        let end = end_of_text(behind).ok_or(UnsealError::Damaged)?;
        let (written, after) = (&behind[..end], &behind[end + 1..]);
        let replaced = match written.contains('\\') {
            false => replace(written)?,
            true => {
                let text = serde_json::from_str::<String>(&format!("\"{written}\""));
                replace(&text.map_err(|_| UnsealError::Damaged)?)?
            }
        };
        out.push_str(&serde_json::Value::from(replaced).to_string());
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the quote is that ends a JSON text.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn opens(vault: &SecretVault, text: &str) {
        let sealed = vault.seal(text);
        assert_eq!(vault.unseal(&sealed).unwrap(), text, "{sealed}");
        assert_eq!(shown(&sealed), vault.mask(text), "{sealed}");
    }

    #[test]
    fn who_may_not_know_a_secret_keeps_its_references_and_shows_a_mask() {
        let sealed = SecretVault::new(["hunter2-x"]);
        let sealed = sealed.seal("a hunter2-x b \u{fdd0}").into_owned();
        let vault = SecretVault::withheld();
        assert_eq!(vault.seal(&sealed), sealed);
        assert_eq!(vault.unseal(&sealed).unwrap(), sealed);
        assert_eq!(vault.sealed(&sealed), sealed);
        assert_eq!(vault.unsealed(sealed.clone()).unwrap(), sealed);
        assert_eq!(vault.mask(&sealed), "a *** b \u{fdd0}");
        assert_eq!(references(&sealed), [SecretPart::Secret(0)]);
        assert!(vault.seals());
    }

    #[test]
    fn each_form_of_a_secret_is_a_reference() {
        let secret = "p@ss w\"rd/it's+ü";
        let vault = SecretVault::new([secret, "two\nlines of it"]);
        for form in forms(secret) {
            let text = format!("<{}>", String::from_utf8(form).unwrap());
            opens(&vault, &text);
            // The whole of it is covered.
            let sealed = vault.seal(&text);
            assert!(
                text == "<>" || shown(&sealed) == "<***>",
                "{text}: {sealed}"
            );
        }
        opens(&vault, "lines of it, two\nlines of it");
    }

    #[test]
    fn a_printed_reference_is_a_text() {
        let vault = SecretVault::new(["hunter2"]);
        let other = vault.seal("it is hunter2").into_owned();
        assert!(!other.contains("hunter2"));
        // Somebody who has read the state directory makes a command print what is there.
        opens(&vault, &other);
        assert!(
            !vault
                .unseal(&vault.seal(&other))
                .unwrap()
                .contains("hunter2")
        );
        opens(&vault, "\u{fdd0}\u{fdd0}\u{fdd0}");
        assert_eq!(vault.unseal("\u{fdd0}0.0"), Err(UnsealError::Damaged));
        assert_eq!(
            vault.unseal("\u{fdd0}7.0.0\u{fdd0}"),
            Err(UnsealError::Secret(7))
        );
    }

    #[test]
    fn another_text_of_the_secret_takes_its_place() {
        let (old, new) = (
            SecretVault::new(["old-token"]),
            SecretVault::new(["a-newer-token"]),
        );
        let sealed = old.seal("Bearer old-token; b2xkLXRva2Vu").into_owned();
        assert_eq!(
            new.unseal(&sealed).unwrap(),
            "Bearer a-newer-token; YS1uZXdlci10b2tlbg"
        );
        let overlapping = SecretVault::new(["hunter2", "r2-more"]);
        let sealed = overlapping.seal("hunter2-more").into_owned();
        assert_eq!(overlapping.unseal(&sealed).unwrap(), "hunter2-more");
        let short = SecretVault::new(["hunter2", "r"]);
        assert_eq!(short.unseal(&sealed), Err(UnsealError::Secret(1)));
    }

    #[test]
    fn deep_json_is_sealed_without_a_stack() {
        let vault = SecretVault::new(["hunter2"]);
        let deep = format!(
            "{}\"hunter2\\n\"{}",
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        let sealed = vault.seal_json(&deep);
        assert!(!sealed.contains("hunter2"));
        assert_eq!(vault.unseal_json(&sealed).unwrap(), deep);
    }

    #[test]
    fn without_secrets_nothing_is_sealed() {
        let vault = SecretVault::new(Vec::<String>::new());
        assert_eq!(vault.seal("a\u{fdd0}b"), "a\u{fdd0}b");
        assert_eq!(vault.unseal("a\u{fdd0}b").unwrap(), "a\u{fdd0}b");
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_again(
            text in "[abc\u{fdd0}.0é]{0,40}",
            secrets in prop::collection::vec("[abcé]{0,5}", 0..4),
        ) {
            let vault = SecretVault::new(secrets.clone());
            let sealed = vault.seal(&text).into_owned();
            prop_assert_eq!(vault.unseal(&sealed).unwrap(), &*text);
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                prop_assert!(!sealed.contains(secret.as_str()), "{} in {}", secret, sealed);
            }
            let json = serde_json::json!({ text.clone(): [text, 1.5, null] }).to_string();
            prop_assert_eq!(vault.unseal_json(&vault.seal_json(&json)).unwrap(), json);
        }
    }
}
