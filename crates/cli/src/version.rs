//! `lockstep --version`. It is answered before the parser of arguments is made: other programs ask
//! it before each thing that they do, and the parser knows all subcommands with all their options.

use std::ffi::OsString;

/// What is said, the same as the parser says.
const TEXT: &str = concat!("lockstep ", env!("CARGO_PKG_VERSION"), "\n");

/// The answer, if nothing else is asked.
pub(super) fn answer(arguments: &[OsString]) -> Option<&'static str> {
    let [_, word] = arguments else {
        return None;
    };
    (word == "--version" || word == "-V").then_some(TEXT)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn the_parser_says_the_same() {
        for word in ["--version", "-V"] {
            let arguments = ["lockstep", word].map(OsString::from);
            let parsed = Arguments::try_parse_from(&arguments);
            let said = parsed.expect_err("it is no command").render().to_string();
            assert_eq!(answer(&arguments), Some(said.as_str()));
        }
        for words in [
            &["lockstep"][..],
            &["lockstep", "-V", "run"],
            &["lockstep", "version"],
        ] {
            let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert_eq!(answer(&arguments), None, "{words:?}");
        }
    }
}
