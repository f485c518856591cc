//! Exhaustive matches: code that decides has no `_` arm over statements, expressions, operations,
//! events and effects. The places that must answer for a new statement are those that
//! CONTRIBUTING.md lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use syn::spanned::Spanned;
use syn::visit::Visit;

use super::{File, files, none};

/// The enums that must be matched exhaustively. One of the same name in the syntax tree (imported
/// by a path with `ast` in it) is another.
const WATCHED: &[&str] = &[
    "StmtKind",
    "TestKind",
    "HandlerVerdict",
    "ExprKind",
    "NodeKind",
    "ItemKind",
    "ModelOp",
    "WaitCause",
    "SearchStep",
    "Event",
    "Effect",
    "RunEventKind",
    "WaitReason",
];

/// Where decisions are made: the folders and files, as parts of a path.
const DECIDING: &[&str] = &[
    "lang/src/ir/properties.rs",
    "lang/src/ir/visit.rs",
    "lang/src/ir/lower/constants.rs",
    "lang/src/ir/lower/prune.rs",
    "lang/src/eval/visit.rs",
    "plan/src/",
    "outline/src/",
    "engine/src/",
    "verify/src/",
    "lint/src/",
    "view/src/",
    "runtime/src/driver/effects.rs",
    "runtime/src/replay.rs",
];

/// Where a question that is asked by `matches!` must be one of those in `ir/properties.rs`, instead
/// of a local one: a lint rule may be about one statement, a plan never is.
const ASKING: &[&str] = &["plan/src/", "outline/src/", "verify/src/", "view/src/"];

const GUIDE: &str = "CONTRIBUTING.md";
const LIST_BEGINS: &str = "<!-- the places that answer for a statement -->\n";
const LIST_ENDS: &str = "<!-- up to here: `INSTA_UPDATE=always cargo test tidy` writes it -->\n";

fn lies_in(path: &str, places: &[&str]) -> bool {
    let path = format!("/{path}");
    places
        .iter()
        .any(|place| path.contains(&format!("/{place}")))
}

/// A `match` or `matches!` over a watched enum.
#[derive(Debug)]
struct Found {
    line: usize,
    over: &'static str,
    /// Whether an arm matches whatever is not named.
    passes_over: bool,
    /// Whether it is a `matches!`.
    is_question: bool,
}

/// The matches in one file, without its tests.
fn matches(file: &File) -> Vec<Found> {
    let parsed = match syn::parse_file(&file.text) {
        Ok(parsed) => parsed,
        Err(error) => panic!("{}: {error}", file.path),
    };
    let mut names = Names::default();
    names.visit_file(&parsed);
    let mut look = Look {
        names: &names,
        own: None,
        found: Vec::new(),
    };
    look.visit_file(&parsed);
    look.found
}

fn watched(name: &str) -> Option<&'static str> {
    WATCHED.iter().copied().find(|it| *it == name)
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    let test = |it: &syn::Attribute| {
        it.path().is_ident("test")
            || it.path().is_ident("cfg")
                && it
                    .parse_args::<syn::Path>()
                    .is_ok_and(|it| it.is_ident("test"))
    };
    attributes.iter().any(test)
}

/// What the names in a file refer to.
#[derive(Default)]
struct Names {
    /// Aliases of watched enums; nothing for those of the syntax tree.
    enums: HashMap<String, Option<&'static str>>,
    /// Variants that are imported by themselves.
    variants: HashMap<String, &'static str>,
}

impl Names {
    fn import(&mut self, tree: &syn::UseTree, path: &[String]) {
        match tree {
            syn::UseTree::Path(inner) => {
                let path: Vec<String> = path
                    .iter()
                    .cloned()
                    .chain([inner.ident.to_string()])
                    .collect();
                self.import(&inner.tree, &path);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|it| self.import(it, path)),
            syn::UseTree::Name(name) => {
                self.name(path, &name.ident.to_string(), &name.ident.to_string())
            }
            syn::UseTree::Rename(name) => {
                self.name(path, &name.ident.to_string(), &name.rename.to_string());
            }
            syn::UseTree::Glob(glob) => {
                let over = path.last().and_then(|it| self.resolve(it));
                assert!(
                    over.is_none(),
                    "line {}: name the variants",
                    glob.span().start().line
                );
            }
        }
    }

    fn name(&mut self, path: &[String], name: &str, called: &str) {
        if let Some(over) = path.last().and_then(|it| self.resolve(it)) {
            self.variants.insert(called.to_owned(), over);
        } else if let Some(over) = watched(name) {
            let of_tree = path.iter().any(|it| it == "ast");
            self.enums
                .insert(called.to_owned(), (!of_tree).then_some(over));
        }
    }

    fn resolve(&self, name: &str) -> Option<&'static str> {
        match self.enums.get(name) {
            Some(known) => *known,
            None => watched(name),
        }
    }

    /// The enum that a path in a pattern is a variant of. `own` is what `Self` refers to.
    fn variant_of(&self, path: &syn::Path, own: Option<&'static str>) -> Option<&'static str> {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        match parts.as_slice() {
            [name] => self.variants.get(name).copied(),
            [.., outer, kind, _] if outer == "ast" && watched(kind).is_some() => None,
            [.., kind, _] if kind == "Self" => own,
            [.., kind, _] => self.resolve(kind),
            [] => None,
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        // Twice: a group may name the enum before or after its variants.
        self.import(&item.tree, &[]);
        self.import(&item.tree, &[]);
    }
}

struct Look<'n> {
    names: &'n Names,
    own: Option<&'static str>,
    found: Vec<Found>,
}

impl Look<'_> {
    fn arms(&mut self, line: usize, arms: &[(&syn::Pat, bool)], is_question: bool) {
        let mut over = BTreeMap::new();
        self.column(arms, &mut over);
        for (over, passes_over) in over {
            self.found.push(Found {
                line,
                over,
                passes_over,
                is_question,
            });
        }
    }

    /// The variants that the patterns of arms name at one position, and whether one matches the
    /// rest. An arm with a guard never does.
    fn column(&self, arms: &[(&syn::Pat, bool)], over: &mut BTreeMap<&'static str, bool>) {
        let mut all = Vec::new();
        for (pattern, guarded) in arms {
            flatten(pattern, *guarded, &mut all);
        }
        let mut named = BTreeSet::new();
        let mut inside: BTreeMap<String, Vec<(&syn::Pat, bool)>> = BTreeMap::new();
        let mut tuples: BTreeMap<usize, Vec<(&syn::Pat, bool)>> = BTreeMap::new();
        for (pattern, guarded) in &all {
            named.extend(match pattern {
                syn::Pat::Ident(name) => self.names.variants.get(&name.ident.to_string()).copied(),
                other => path_of(other).and_then(|it| self.names.variant_of(it, self.own)),
            });
            match pattern {
                syn::Pat::TupleStruct(of) if of.elems.len() == 1 => {
                    let path = &of.path;
                    let key = quote_path(path);
                    inside
                        .entry(key)
                        .or_default()
                        .push((&of.elems[0], *guarded));
                }
                syn::Pat::Tuple(of) => {
                    for (at, element) in of.elems.iter().enumerate() {
                        // If another element is refutable, the arm does not match the rest.
                        let others = of.elems.iter().enumerate();
                        let open = others.filter(|(other, _)| *other != at);
                        let open = open.into_iter().all(|(_, it)| self.takes_all(it));
                        let element = (element, *guarded || !open);
                        tuples.entry(at).or_default().push(element);
                    }
                }
                _ => {}
            }
        }
        let rest = all
            .iter()
            .any(|(it, guarded)| !guarded && self.takes_all(it));
        for over_this in named {
            *over.entry(over_this).or_default() |= rest;
        }
        for patterns in inside.values().chain(tuples.values()) {
            let mut below = BTreeMap::new();
            self.column(patterns, &mut below);
            for (name, passes_over) in below {
                *over.entry(name).or_default() |= passes_over || rest;
            }
        }
    }

    /// Whether a pattern is irrefutable.
    fn takes_all(&self, pattern: &syn::Pat) -> bool {
        match pattern {
            syn::Pat::Wild(_) | syn::Pat::Rest(_) => true,
            syn::Pat::Ident(name) => {
                let name_of = name.ident.to_string();
                let is_name = name_of.starts_with(|it: char| it.is_lowercase() || it == '_');
                is_name
                    && name
                        .subpat
                        .as_ref()
                        .is_none_or(|(_, it)| self.takes_all(it))
            }
            syn::Pat::Tuple(of) => of.elems.iter().all(|it| self.takes_all(it)),
            syn::Pat::Paren(of) => self.takes_all(&of.pat),
            syn::Pat::Reference(of) => self.takes_all(&of.pat),
            syn::Pat::Or(of) => of.cases.iter().any(|it| self.takes_all(it)),
            _ => false,
        }
    }
}

/// The alternatives of a pattern, each with whether it has a guard.
fn flatten<'p>(pattern: &'p syn::Pat, guarded: bool, out: &mut Vec<(&'p syn::Pat, bool)>) {
    match pattern {
        syn::Pat::Or(of) => of.cases.iter().for_each(|it| flatten(it, guarded, out)),
        syn::Pat::Paren(of) => flatten(&of.pat, guarded, out),
        syn::Pat::Reference(of) => flatten(&of.pat, guarded, out),
        syn::Pat::Ident(syn::PatIdent {
            subpat: Some((_, of)),
            ..
        }) => flatten(of, guarded, out),
        other => out.push((other, guarded)),
    }
}

fn path_of(pattern: &syn::Pat) -> Option<&syn::Path> {
    match pattern {
        syn::Pat::Path(of) => Some(&of.path),
        syn::Pat::Struct(of) => Some(&of.path),
        syn::Pat::TupleStruct(of) => Some(&of.path),
        _ => None,
    }
}

fn quote_path(path: &syn::Path) -> String {
    let parts: Vec<String> = path
        .segments
        .iter()
        .map(|it| it.ident.to_string())
        .collect();
    parts.join("::")
}

impl<'ast> Visit<'ast> for Look<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let around = self.own;
        self.own = match &*item.self_ty {
            syn::Type::Path(of) => {
                let name = of.path.segments.last().map(|it| it.ident.to_string());
                name.and_then(|name| self.names.resolve(&name))
            }
            _ => None,
        };
        syn::visit::visit_item_impl(self, item);
        self.own = around;
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        let arms: Vec<(&syn::Pat, bool)> = expr
            .arms
            .iter()
            .map(|arm| (&arm.pat, arm.guard.is_some()))
            .collect();
        self.arms(expr.match_token.span.start().line, &arms, false);
        syn::visit::visit_expr_match(self, expr);
    }

    /// The body of a macro is not parsed: the names in it and an arm for the rest are searched in
    /// its text.
    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let text = item.mac.tokens.to_string();
        let line = item.mac.path.span().start().line;
        let named = |name: &&&str| text.contains(&format!("{name} ::"));
        for over in WATCHED.iter().filter(named) {
            self.found.push(Found {
                line,
                over,
                passes_over: text.contains("_ =>"),
                is_question: false,
            });
        }
    }

    fn visit_macro(&mut self, of: &'ast syn::Macro) {
        let parse = |input: syn::parse::ParseStream| {
            let expr: syn::Expr = input.parse()?;
            input.parse::<syn::Token![,]>()?;
            let pattern = syn::Pat::parse_multi_with_leading_vert(input)?;
            let _rest: proc_macro2::TokenStream = input.parse()?;
            Ok((expr, pattern))
        };
        if of.path.is_ident("matches")
            && let Ok((expr, pattern)) = of.parse_body_with(parse)
        {
            self.arms(of.path.span().start().line, &[(&pattern, true)], true);
            self.visit_expr(&expr);
        }
    }
}

/// Checks one file.
fn complaints(file: &File) -> Vec<String> {
    let path = &file.path;
    let mut found = Vec::new();
    for Found {
        line,
        over,
        passes_over,
        is_question,
    } in matches(file)
    {
        if passes_over && lies_in(path, DECIDING) {
            found.push(format!(
                "{path}:{line}: an arm takes every {over} that is not named: name them all, so \
                 that a new one must have an answer here"
            ));
        }
        if is_question && over == "StmtKind" && lies_in(path, ASKING) {
            found.push(format!(
                "{path}:{line}: `matches!` answers `no` for statements that do not exist yet: ask \
                 it in ir/properties.rs, of all of them"
            ));
        }
    }
    found
}

fn shipped_files() -> Vec<File> {
    let mut all = files(&["src", "crates"], "rs");
    all.retain(|file| !file.is_test && !file.path.contains("/tests/"));
    all
}

#[test]
fn nothing_that_decides_passes_over_a_statement() {
    none(shipped_files().iter().flat_map(complaints).collect());
}

#[test]
fn every_deciding_place_exists() {
    let all = shipped_files();
    for place in DECIDING.iter().chain(ASKING) {
        assert!(
            all.iter().any(|file| lies_in(&file.path, &[place])),
            "there is no `{place}`"
        );
    }
}

/// The list for CONTRIBUTING.md, generated from the code: the files with a `match` that names every
/// statement of a program, and how many each has.
fn answering() -> String {
    let mut list = String::new();
    for file in shipped_files() {
        let full = |it: &&Found| it.over == "StmtKind" && !it.passes_over && !it.is_question;
        let count = matches(&file).iter().filter(full).count();
        let times = match count {
            0 => continue,
            1 => String::new(),
            count => format!(" ({count} times)"),
        };
        list.push_str(&format!("- `{}`{times}\n", file.path));
    }
    list
}

#[test]
fn the_guide_lists_the_places_that_answer_for_a_statement() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE);
    let text = std::fs::read_to_string(&path).expect("the guide");
    let (before, rest) = text.split_once(LIST_BEGINS).expect("where the list begins");
    let (listed, after) = rest.split_once(LIST_ENDS).expect("where the list ends");
    let real = answering();
    if listed == real {
        return;
    }
    if std::env::var("INSTA_UPDATE").is_ok_and(|it| it == "always") {
        let text = format!("{before}{LIST_BEGINS}{real}{LIST_ENDS}{after}");
        return std::fs::write(&path, text).expect("a guide that can be written");
    }
    panic!("{GUIDE} lists other places than those that answer for a statement:\n{real}");
}

fn file(path: &str, text: &str) -> File {
    File {
        path: path.into(),
        text: text.into(),
        is_test: false,
    }
}

#[test]
fn an_arm_that_passes_over_the_rest_is_found() {
    for text in [
        "fn a(k: &StmtKind) -> u8 { match k { StmtKind::Wait(_) => 1, _ => 0 } }",
        "fn a(k: &StmtKind) -> u8 { match k { StmtKind::Wait(_) => 1, other => of(other) } }",
        "fn a(k: &ir::StmtKind) -> u8 { match k { crate::ir::StmtKind::Wait(_) => 1, _ => 0 } }",
        "fn a() { match last { Some(StmtKind::Wait(_)) => 1, _ => 0 } }",
        "fn a() { match last { Some(StmtKind::Wait(_)) => 1, None => 2, Some(_) => 0 } }",
        "fn a() { match (k, n) { (StmtKind::Wait(_), 1) => 1, (_, _) => 0 } }",
        "fn a() { match (k, n) { (StmtKind::Wait(_), _) => 1, (_, _) => 0 } }",
        "fn a() { match k { StmtKind::Verdict(HandlerVerdict::Abort) => 1, StmtKind::Verdict(_) => 0 } }",
        "use crate::ir::StmtKind as Kind; fn a() { match k { Kind::Wait(_) => 1, _ => 0 } }",
        "fn a() { use NodeKind::{Run, Step}; match k { Run | Step => 1, _ => 0 } }",
        "use NodeKind as Kind; fn a() { match k { Kind::Run if x => 1, Kind::Log => 2, _ => 0 } }",
        "impl ModelOp { fn a(&self) { match self { Self::Fail => 1, _ => 0 } } }",
        "fn a() { list.map(|it| match it { RunEventKind::RunStarted { .. } => 1, _ => 0 }) }",
        "macro_rules! a { () => { match k { StmtKind::Wait(_) => 1, _ => 0 } } }",
        "fn a() { match effect { Effect::Tell(_) => {} #[allow(x)] _ => {} } }",
    ] {
        let found = complaints(&file("crates/plan/src/sample.rs", text));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
    }
}

#[test]
fn a_question_of_its_own_is_found() {
    for text in [
        "fn a(k: &StmtKind) -> bool { matches!(k, StmtKind::Wait(_)) }",
        "fn a(k: &StmtKind) -> bool { let b = || matches!(x.get(k), Some(StmtKind::If { .. }) if y); b() }",
    ] {
        let found = complaints(&file("crates/plan/src/sample.rs", text));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        let found = complaints(&file("crates/lint/src/rules/sample.rs", text));
        assert_eq!(found, [""; 0], "{text}");
    }
}

#[test]
fn what_is_fine_is_left_alone() {
    for (path, text) in [
        (
            "crates/plan/src/sample.rs",
            "fn a() { match k { StmtKind::Wait(_) => 1, StmtKind::Log(_) => 2 } }",
        ),
        (
            "crates/plan/src/sample.rs",
            "fn a() { match k { StmtKind::Wait(_) => 1, _ if b => 3, StmtKind::Log(_) => 2 } }",
        ),
        (
            "crates/plan/src/sample.rs",
            "fn a() { match (k, b) { (_, true) => 1, (StmtKind::Wait(_), _) => 2 } }",
        ),
        (
            "crates/lint/src/sample.rs",
            "use crate::syntax::ast::{Stmt, StmtKind}; \
             fn a() { match k { StmtKind::Wait(_) => 1, _ => 2 } }",
        ),
        (
            "crates/lint/src/sample.rs",
            "fn a() { match k { ast::StmtKind::Wait(_) => 1, _ => 2 } }",
        ),
        (
            "crates/plan/src/sample.rs",
            "#[cfg(test)] mod tests { fn a() { match k { StmtKind::Wait(_) => 1, _ => 2 } } }",
        ),
        (
            "crates/plan/src/sample.rs",
            "fn a() { match value { Value::Int(_) => 1, _ => 2 } }",
        ),
        (
            "crates/cli/src/sample.rs",
            "fn a() { match k { StmtKind::Wait(_) => 1, _ => 2 } }",
        ),
    ] {
        assert_eq!(complaints(&file(path, text)), [""; 0], "{text}");
    }
}
