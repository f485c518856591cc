//! A text as one word of a shell, for the commands that messages offer.

use std::borrow::Cow;

/// The word that a shell reads as this text.
pub(super) fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-+,:@%=".contains(char);
    match !text.is_empty() && text.chars().all(plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', "'\\''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_same_text() {
        assert_eq!(shell_word("a/b-1.deploy"), "a/b-1.deploy");
        for text in ["", "my shop", "it's", "$HOME", "a;b", "~", "ä", "\\"] {
            let script = format!("printf %s {}", shell_word(text));
            let said = std::process::Command::new("sh")
                .args(["-c", &script])
                .output();
            let said = said.expect("a shell").stdout;
            assert_eq!(String::from_utf8_lossy(&said), text);
        }
    }
}
