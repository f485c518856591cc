//! The errors of imports and names: one diagnostic constructor for each.

use super::{DeclKind, Modules, std as library};
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_base::source::{FileId, Span};
use lockstep_base::world::FileError;
use lockstep_syntax::ast::{Ident, ItemKind};

pub fn unreadable_root(at: Span, path: &str, why: &FileError) -> Diagnostic {
    Diagnostic::error(
        codes::IMPORT_FILE,
        at,
        format!("cannot read `{path}`: {why}"),
    )
}

pub fn unreadable_import(at: Span, written: &str, target: &str, why: &FileError) -> Diagnostic {
    if super::path::is_std(target) {
        let paths: Vec<String> = library::paths().collect();
        let near = suggest::closest(written, paths.iter().map(String::as_str));
        let error = Diagnostic::error(
            codes::IMPORT_FILE,
            at,
            format!("the library has no file `{target}`"),
        )
        .here("imported here")
        .help_opt(match paths.as_slice() {
            [] => None,
            _ => Some(format!("the library has {}", and_list(&paths))),
        })
        .help_opt(suggest::did_you_mean(
            written,
            paths.iter().map(String::as_str),
        ));
        return match near.first() {
            Some(first) => error.fix(format!("change to `{first}`"), at, format!("\"{first}\"")),
            None => error,
        };
    }
    let error = Diagnostic::error(
        codes::IMPORT_FILE,
        at,
        format!("cannot read `{target}`: {why}"),
    )
    .here("imported here");
    if written.ends_with(".deploy") {
        return error.help("a path is relative to the folder of the file that imports it");
    }
    let right = format!("\"{written}.deploy\"");
    error
        .help(format!(
            "a file is named with its ending: `{written}.deploy`"
        ))
        .fix("add the ending", at, right)
}

pub fn path_not_plain(at: Span) -> Diagnostic {
    Diagnostic::error(codes::IMPORT_FILE, at, "the path of an import is computed")
        .here("has an interpolation")
        .help("write the path as plain text")
}

/// A circle of imports, in order; none where there is no import in it. Each file is named, the
/// first one at the end as well.
pub fn import_cycle(imports: &[Span], names: &[String]) -> Option<Diagnostic> {
    let (first, others) = imports.split_first()?;
    let chain: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let (message, here) = match (chain.as_slice(), others) {
        ([own, ..], []) => (format!("{own} imports itself"), "imports this file"),
        _ => {
            let message = format!("files import each other: {}", chain.join(" → "));
            (message, "this import leads back to this file")
        }
    };
    let error = Diagnostic::error(codes::IMPORT_CYCLE, *first, message)
        .here(here)
        .help("move what both need into a file of its own");
    let (last, between) = match others.split_last() {
        Some((last, between)) => (Some(last), between),
        None => (None, others),
    };
    let error = between
        .iter()
        .fold(error, |error, at| error.label(*at, "through this import"));
    Some(match last {
        Some(last) => error.label(*last, "closes the cycle"),
        None => error,
    })
}

/// A name that is declared twice in one file.
pub fn duplicate(second: &Ident, first: Span) -> Diagnostic {
    Diagnostic::error(
        codes::DUPLICATE,
        second.span,
        format!("`{}` is declared twice", second.name),
    )
    .here("declared again")
    .label(first, "first declared here")
    .help("every name is unique in its file: choose another")
}

/// A name that the language itself needs.
pub fn reserved(name: &Ident, why: &str) -> Diagnostic {
    Diagnostic::error(
        codes::TAKEN,
        name.span,
        format!("`{}` cannot be declared: {why}", name.name),
    )
    .help("choose another name")
}

pub fn builtin_name(name: &Ident, sort: DeclKind) -> Diagnostic {
    reserved(
        name,
        &format!(
            "it is a built-in function, and a call of the {} would look the same",
            sort.word()
        ),
    )
}

pub fn input_in_two_files(second: &Ident, first: Span) -> Diagnostic {
    Diagnostic::error(
        codes::INPUT_TWICE,
        second.span,
        format!("two files have an input `{}`", second.name),
    )
    .here("declared again")
    .label(first, "first declared here")
    .help("an input is given by its name alone: rename one, or import it from the other file")
}

pub fn not_exported<'a>(
    modules: &Modules,
    from: FileId,
    name: &Ident,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let file = modules
        .sources
        .get(from)
        .map_or_else(String::new, |source| source.name.to_string());
    let error = Diagnostic::error(
        codes::NOT_EXPORTED,
        name.span,
        format!("`{file}` declares no `{}`", name.name),
    );
    if let Some(imported) = imported_name(modules, from, name) {
        return error
            .label(imported, "it is only imported there")
            .help("import it from the file that declares it");
    }
    with_suggestion(error, name, candidates)
}

/// Where a file imports a name itself.
fn imported_name(modules: &Modules, file: FileId, name: &Ident) -> Option<Span> {
    modules.module(file).ast.items.iter().find_map(|item| {
        let ItemKind::From { names, .. } = &item.kind else {
            return None;
        };
        let bound = names
            .iter()
            .map(|entry| entry.alias.as_ref().unwrap_or(&entry.name));
        bound
            .filter(|bound| bound.name == name.name)
            .map(|bound| bound.span)
            .next()
    })
}

/// A name that refers to nothing.
pub fn unknown(name: &Ident, wanted: &[DeclKind], near: &[String]) -> Diagnostic {
    let error = Diagnostic::error(
        codes::UNKNOWN,
        name.span,
        format!("there is no {} `{}`", sorts(wanted), name.name),
    );
    let error = match wanted {
        [sort] => error.help(match sort {
            DeclKind::Kind => format!(
                "declare it with `kind {} {{ … }}`, or import it: `from \"std/kubernetes\" import \
                 kubernetes`",
                name.name
            ),
            sort => format!(
                "declare it with `{} {} …`, or import it",
                sort.word(),
                name.name
            ),
        }),
        _ => error,
    };
    with_suggestion(error, name, near.iter().map(String::as_str))
}

pub fn unknown_namespace(name: &Ident, near: &[&str]) -> Diagnostic {
    let error = Diagnostic::error(
        codes::UNKNOWN,
        name.span,
        format!("there is no namespace `{}`", name.name),
    )
    .help("a namespace is bound by `import \"…\" as NAME`");
    with_suggestion(error, name, near.iter().copied())
}

pub fn not_a_namespace(name: &Ident, is: &str, declared: Span) -> Diagnostic {
    Diagnostic::error(
        codes::WRONG_SORT,
        name.span,
        format!("`{}` is {is}, not a namespace", name.name),
    )
    .label(declared, "declared here")
}

pub fn wrong_sort(
    name: &Ident,
    is: &str,
    declared: Span,
    wanted: &[DeclKind],
    near: &[String],
) -> Diagnostic {
    let want: Vec<&str> = wanted.iter().map(|sort| sort.with_article()).collect();
    let want = match want.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => want.join(""),
    };
    Diagnostic::error(
        codes::WRONG_SORT,
        name.span,
        format!("`{}` is {is}, not {}", name.name, want),
    )
    .here(format!("expected {} here", want))
    .label(declared, "declared here")
    .suggest(&name.name, name.span, near.iter().map(String::as_str))
}

/// Says which names may have been meant, and offers each.
pub fn with_suggestion<'a>(
    error: Diagnostic,
    name: &Ident,
    candidates: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    error.suggest(&name.name, name.span, candidates)
}

fn sorts(wanted: &[DeclKind]) -> String {
    let words: Vec<&str> = wanted.iter().map(|sort| sort.word()).collect();
    words.join(" or ")
}

fn and_list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// A kind that extends itself, directly or through others.
pub(super) fn kind_extends_itself(name: &Ident) -> Diagnostic {
    let message = format!("kind `{}` extends itself", name.name);
    Diagnostic::error(codes::CIRCLE, name.span, message)
        .help("a kind extends one that stands without it: take the `extends` out")
}
