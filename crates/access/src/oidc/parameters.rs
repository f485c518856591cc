//! The parameters of addresses and forms.

use std::fmt::Write as _;

/// A text with everything escaped that is not certain to stay as it is in an address or a form.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => {
                // To a text it is always written.
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

/// Names and values as the body of a form, or behind the `?` of an address.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = (pairs.iter())
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    pairs.join("&")
}
