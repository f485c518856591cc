//! Modules of JavaScript as one script, which a page can have in it: each module becomes a function
//! of its own, so that its names meet those of no other, and gives what it exports.
//!
//! It is no parser. It knows the two forms in which these modules import and export: an
//! `import { a, b as c } from "./name.js";` and an `export` at the beginning of a line.

use std::fmt::Write;

use crate::drawing::DrawingFile;

/// What is wrong with a module for this purpose.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BundleFault {
    /// It imports what does not stand before it.
    NotBefore(String),
    /// An import or export in a form that is not known.
    NotUnderstood(String),
}

/// One script of modules, each of which stands behind those that it imports.
pub(super) fn bundle(modules: &[DrawingFile]) -> Result<String, BundleFault> {
    let mut out = String::from("\"use strict\";\nconst modules = {};\n");
    let mut known: Vec<&str> = Vec::new();
    for module in modules {
        let _ = writeln!(out, "modules[\"{}\"] = (() => {{", module.name);
        let mut exported: Vec<&str> = Vec::new();
        let mut rest = module.text;
        while !rest.is_empty() {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            if line.starts_with("import ") {
                let (import, after) = rest.split_once(";\n").unwrap_or((rest, ""));
                let (names, from) = imported(import)?;
                if !known.contains(&from) {
                    return Err(BundleFault::NotBefore(from.to_owned()));
                }
                let _ = writeln!(out, "const {{ {names} }} = modules[\"{from}\"];");
                rest = after;
                continue;
            }
            let own = match line.strip_prefix("export ") {
                Some(own) => {
                    exported.push(declared(own)?);
                    own
                }
                None => line,
            };
            out.push_str(own.trim_end_matches('\r'));
            out.push('\n');
            rest = after;
        }
        let _ = writeln!(out, "return {{ {} }};\n}})();", exported.join(", "));
        known.push(module.name);
    }
    Ok(out)
}

/// What an import names, as a pattern of an object, and the module that it is from.
fn imported(import: &str) -> Result<(String, &str), BundleFault> {
    let fault = || BundleFault::NotUnderstood(import.to_owned());
    let inside = import.strip_prefix("import {").ok_or_else(fault)?;
    let (names, from) = inside.split_once("} from \"./").ok_or_else(fault)?;
    let from = from.strip_suffix('"').ok_or_else(fault)?;
    let names = names.split(',').map(str::trim).filter(|it| !it.is_empty());
    let names: Vec<String> = names.map(|name| name.replace(" as ", ": ")).collect();
    Ok((names.join(", "), from))
}

/// The name that a declaration declares.
fn declared(text: &str) -> Result<&str, BundleFault> {
    let starts = ["function* ", "function ", "class ", "const "];
    let name = starts.iter().find_map(|start| text.strip_prefix(start));
    let name = name.map(|it| {
        let end = it.find(|char: char| !char.is_alphanumeric() && char != '_' && char != '$');
        &it[..end.unwrap_or(it.len())]
    });
    match name {
        Some(name) if !name.is_empty() => Ok(name),
        _ => Err(BundleFault::NotUnderstood(format!("export {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn module(name: &'static str, text: &'static str) -> DrawingFile {
        DrawingFile { name, text }
    }

    #[test]
    fn modules_become_functions_that_give_what_they_export() {
        let one = "// One.\n\nconst own = 1;\nexport const a = own;\nexport function* b() {}\n";
        let two = "import { a,\n  b as c } from \"./one.js\";\nexport class Two {}\nc(a);\n";
        let found = bundle(&[module("one.js", one), module("two.js", two)]).unwrap();
        insta::assert_snapshot!(found, @r#"
        "use strict";
        const modules = {};
        modules["one.js"] = (() => {
        // One.

        const own = 1;
        const a = own;
        function* b() {}
        return { a, b };
        })();
        modules["two.js"] = (() => {
        const { a, b: c } = modules["one.js"];
        class Two {}
        c(a);
        return { Two };
        })();
        "#);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "import x from \"./one.js\";\n",
            "import * as x from \"./one.js\";\n",
            "import \"./one.js\";\n",
            "import { x } from \"https://example.org/one.js\";\n",
            "export default 1;\n",
            "export { x };\n",
            "export let x = 1;\n",
            "export async function x() {}\n",
        ] {
            let found = bundle(&[module("one.js", ""), module("two.js", text)]);
            let is_refused = matches!(found, Err(BundleFault::NotUnderstood(_)));
            assert!(is_refused, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_module_that_comes_later_cannot_be_imported() {
        let found = bundle(&[module("one.js", "import { x } from \"./two.js\";\n")]);
        assert_eq!(found, Err(BundleFault::NotBefore(String::from("two.js"))));
    }
}
