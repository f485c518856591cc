//! A command as it is displayed to people: as it was written, with its values quoted so that they
//! look like what they are, data.

use super::TextPart;
use crate::eval::Expr;
use lockstep_base::value::Value;

/// A value with more characters than this is shown by its beginning.
const SHOWN_CHARS: usize = 40;

/// A list with more elements than this is shown by its first ones.
const SHOWN_ITEMS: usize = 8;

/// The beginning of a value's text, where it is long or has several lines: what a command does
/// must not be hidden by what it is done with.
pub fn beginning(text: String) -> String {
    let first = text.lines().next().unwrap_or_default();
    let end = first.char_indices().nth(SHOWN_CHARS);
    let first = &first[..end.map_or(first.len(), |(end, _)| end)];
    match first.len() == text.trim_end_matches('\n').len() {
        true => text,
        false => format!("{}…", first.trim_end()),
    }
}

/// The elements of a list as words: the first ones, and how many follow.
pub fn first_words(items: &[Value], word: &dyn Fn(&Value) -> String) -> String {
    let mut words: Vec<String> = items.iter().take(SHOWN_ITEMS).map(word).collect();
    if items.len() > SHOWN_ITEMS {
        words.push(format!("… ({} more)", items.len() - SHOWN_ITEMS));
    }
    words.join(" ")
}

/// The text of a command. What has no value yet is a question mark; `display` masks secrets.
pub fn display(
    parts: &[TextPart],
    value: &mut dyn FnMut(&Expr) -> Option<Value>,
    display: &dyn Fn(&Value) -> String,
) -> String {
    let list = |items: &[Value], word: &dyn Fn(&Value) -> String| {
        let words: Vec<String> = items.iter().map(word).collect();
        words.join(" ")
    };
    displayed(parts, value, display, &list)
}

/// The text of a command, of long values only the beginning.
pub fn display_shortly(
    parts: &[TextPart],
    value: &mut dyn FnMut(&Expr) -> Option<Value>,
    display: &dyn Fn(&Value) -> String,
) -> String {
    let display = |value: &Value| beginning(display(value));
    displayed(parts, value, &display, &first_words)
}

/// How the elements of a list become one text, each by itself.
type ListText<'a> = &'a dyn Fn(&[Value], &dyn Fn(&Value) -> String) -> String;

fn displayed(
    parts: &[TextPart],
    value: &mut dyn FnMut(&Expr) -> Option<Value>,
    display: &dyn Fn(&Value) -> String,
    list: ListText<'_>,
) -> String {
    let mut text = String::new();
    let mut quotes = QuoteState::None;
    for part in parts {
        match part {
            TextPart::Text(written) => {
                quotes = quotes.after(written);
                text.push_str(written);
            }
            TextPart::Value(expr) => match value(expr) {
                Some(Value::List(items)) if quotes == QuoteState::None => {
                    text.push_str(&list(&items, &|item| quotes.value(item, display)));
                }
                Some(value) => text.push_str(&quotes.value(&value, display)),
                None => text.push('?'),
            },
        }
    }
    text
}

/// The quotes that are open at a place of a command's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    None,
    Single,
    Double,
}

impl QuoteState {
    fn after(mut self, text: &str) -> Self {
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            self = match (self, char) {
                (Self::None | Self::Double, '\\') => {
                    chars.next();
                    self
                }
                (Self::None, '\'') => Self::Single,
                (Self::None, '"') => Self::Double,
                (Self::Single, '\'') | (Self::Double, '"') => Self::None,
                _ => self,
            };
        }
        self
    }

    fn value(self, value: &Value, display: &dyn Fn(&Value) -> String) -> String {
        match value {
            // Its text is a mask.
            Value::Secret(_) => display(value),
            Value::List(items) if self == Self::None => {
                let items = items.iter().map(|item| self.value(item, display));
                items.collect::<Vec<_>>().join(" ")
            }
            _ => self.quoted(&display(value)),
        }
    }

    fn quoted(self, text: &str) -> String {
        let plain = |char: char| char.is_alphanumeric() || "_-./:=@%+,^".contains(char);
        match self {
            Self::None if !text.is_empty() && text.chars().all(plain) => text.to_string(),
            Self::None => format!("'{}'", text.replace('\'', r"'\''")),
            Self::Single => text.to_string(),
            Self::Double => {
                let mut escaped = String::with_capacity(text.len());
                for char in text.chars() {
                    if "\\\"$`".contains(char) {
                        escaped.push('\\');
                    }
                    escaped.push(char);
                }
                escaped
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display_with(before: &str, value: Value) -> String {
        let display =
            |value: &Value| lockstep_base::value::text::display(value, &|_| String::from("eu"));
        let text = QuoteState::None.after(before).value(&value, &display);
        format!("{before}{text}")
    }

    #[test]
    fn of_a_long_value_the_beginning_is_shown() {
        for (text, shown) in [
            ("short", "short"),
            ("one line\n", "one line\n"),
            ("", ""),
            ("apiVersion: v1\nkind: Pod\n", "apiVersion: v1…"),
            ("\nsecond", "…"),
        ] {
            assert_eq!(beginning(text.to_string()), shown);
        }
        let long = beginning("é".repeat(41));
        assert_eq!(long, format!("{}…", "é".repeat(40)));
        assert_eq!(beginning("é".repeat(40)), "é".repeat(40));
    }

    #[test]
    fn values_look_like_data() {
        let nasty = "x; rm -rf \"$HOME\"";
        for (before, value, text) in [
            ("echo ", Value::string("prod/eu-1"), "echo prod/eu-1"),
            ("echo ", Value::string(nasty), "echo 'x; rm -rf \"$HOME\"'"),
            (
                "echo \"",
                Value::string(nasty),
                "echo \"x; rm -rf \\\"\\$HOME\\\"",
            ),
            ("echo \"a\" ", Value::string("b c"), "echo \"a\" 'b c'"),
            ("echo '\"' ", Value::string("it's"), "echo '\"' 'it'\\''s'"),
            ("[ -n ", Value::string(""), "[ -n ''"),
            ("[ -n \"", Value::string(""), "[ -n \""),
            (
                "x ",
                Value::list([Value::string("a b"), Value::Int(1)]),
                "x 'a b' 1",
            ),
            (
                "x ",
                Value::Secret([].into_iter().collect::<Vec<_>>().into()),
                "x ***",
            ),
        ] {
            assert_eq!(display_with(before, value), text);
        }
    }
}
