//! The built-in function `file`.

use super::args::{gives_string, no_more, path, required};
use super::{BuiltinBody, Builtin};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "file",
    doc: "The text of a file, read when the run is planned and recorded in the plan. The path \
          is relative to the folder of the file that names it.",
    params: &[required("path", path)],
    check: no_more,
    result: gives_string,
    examples: &[("trim(file(\"VERSION\"))", "\"1.4.2\"")],
    call: BuiltinBody::File,
};
