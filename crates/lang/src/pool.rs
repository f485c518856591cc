//! The field `pool` of infrastructures names the workers that carry out what is done there, on an
//! engine that has workers. Here is what its name may be.

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;

/// The field of an infrastructure that names its pool.
pub const POOL_FIELD: &str = "pool";

/// The most characters that a pool's name may have.
pub const MAX_POOL_NAME: usize = 100;

/// What a pool's name is made of.
pub const POOL_NAME_RULE: &str =
    "a pool's name has 1 to 100 characters: ASCII letters, digits, `-`, `_` and `.`";

/// Why a text cannot be the name of a pool, as a sentence without a full stop; nothing where it
/// can.
pub fn wrong_pool_name(name: &str) -> Option<String> {
    let count = name.chars().count();
    let strange = name.chars().find(|c| !is_of_pool_name(*c));
    match (count, strange) {
        (0, _) => Some(String::from("it is empty")),
        (_, Some(' ')) => Some(String::from("it has a blank")),
        (_, Some(strange)) => Some(format!("it has `{}`", strange.escape_debug())),
        (count, None) if count > MAX_POOL_NAME => Some(format!("it has {count} characters")),
        (_, None) => None,
    }
}

/// What is wrong with the pool of `whose`, that is called `name`, if something is.
pub fn wrong_pool(at: Span, whose: &str, name: &str) -> Option<Diagnostic> {
    let why = wrong_pool_name(name)?;
    let message = match name.chars().count() {
        0 => format!("the pool of {whose} has no name"),
        count if count > MAX_POOL_NAME => format!("the name of the pool of {whose} is too long"),
        _ => {
            let shown = name.escape_debug();
            format!("the pool of {whose} cannot be called `{shown}`")
        }
    };
    let help = match name.is_empty() {
        true => format!("write `{POOL_FIELD} = none` where there is none"),
        false => String::from(POOL_NAME_RULE),
    };
    let diagnostic = Diagnostic::error(codes::POOL_NAME, at, message);
    Some(diagnostic.here(why).help(help))
}

fn is_of_pool_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_1_to_100_characters_that_are_the_same_everywhere() {
        let most = "a".repeat(MAX_POOL_NAME);
        for name in ["e", "eu-west", "Kunde_7.intern", &most] {
            assert_eq!(wrong_pool_name(name), None, "{name}");
        }
        let long = "a".repeat(MAX_POOL_NAME + 1);
        let wrong = [
            ("", "it is empty"),
            ("eu west", "it has a blank"),
            ("eu/west", "it has `/`"),
            ("münchen", "it has `ü`"),
            ("eu\n", "it has `\\n`"),
            (&long, "it has 101 characters"),
        ];
        for (name, why) in wrong {
            assert_eq!(wrong_pool_name(name).as_deref(), Some(why), "{name}");
        }
    }
}
