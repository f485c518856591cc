//! The pages in `docs/library` are generated from the standard library's sources and their
//! documentation.

use std::fmt::Write;

use lockstep_base::source::{Name, Sources, Span};
use lockstep_syntax::ast::{FieldDecl, Item, ItemKind, Kind, Param};
use lockstep_syntax::parse;

use super::functions::folded;
use super::generated;
use crate::tidy::files;

/// One file of the standard library.
struct Library {
    text: String,
}

impl Library {
    fn at(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    /// The comment at the beginning of the file, as Markdown: indented lines are a block.
    fn opening(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix('#'));
        let mut text = String::new();
        let mut block = false;
        for line in lines {
            let indented = line.starts_with("   ");
            if indented != block {
                text.push_str(if indented { "```text\n" } else { "```\n" });
                block = indented;
            }
            text.push_str(if indented { &line[3..] } else { line.trim() });
            text.push('\n');
        }
        text
    }

    fn kind(&self, kind: &Kind, doc: Option<&Name>) -> String {
        let mut text = format!("### kind {}\n\n{}\n", kind.name.name, said(doc));
        for (what, fields) in [
            ("A service has", &kind.service),
            ("An infrastructure has", &kind.infrastructure),
        ] {
            if !fields.is_empty() {
                // Writing to a string does not fail.
                let _ = write!(text, "\n{what}\n\n");
                fields
                    .iter()
                    .for_each(|field| text.push_str(&self.field(field)));
            }
        }
        if let Some(deploy) = &kind.deploy {
            let workflow = &deploy.path.name.name;
            let _ = write!(
                text,
                "\nIt is deployed by [{0}](#workflow-{0}).\n",
                workflow
            );
        }
        text
    }

    fn field(&self, field: &FieldDecl) -> String {
        let default = match &field.default {
            Some(default) => format!(", `{}` where none is given", self.at(default.span).trim()),
            None => String::new(),
        };
        let ty = self.at(field.ty.span);
        let line = format!(
            "- `{}: {ty}`{default}. {}",
            field.name.name,
            said(field.doc.as_ref())
        );
        format!("{}\n", folded(&line).replace('\n', "\n  "))
    }

    /// What is written as it is in the file.
    fn plain(&self, word: &str, name: &str, item: &Item) -> String {
        let written = self.at(item.span).trim_end();
        let doc = said(item.doc.as_ref());
        format!("### {word} {name}\n\n```text\n{written}\n```\n\n{doc}\n")
    }

    fn workflow(&self, name: &str, params: &[Param], head: Span, doc: Option<&Name>) -> String {
        let head = self.at(head).trim_end();
        let mut text = format!(
            "### workflow {name}\n\n```text\n{head}\n```\n\n{}\n",
            said(doc)
        );
        for param in params.iter().filter(|param| param.doc.is_some()) {
            let doc = param.doc.as_deref().unwrap_or_default();
            let line = format!("- `{}`: {doc}", param.name.name);
            let _ = write!(text, "\n{}\n", folded(&line).replace('\n', "\n  "));
        }
        text
    }
}

/// A documentation on one line, or wrapped.
fn said(doc: Option<&Name>) -> String {
    folded(doc.map_or("", |doc| doc))
}

fn part(name: &str, text: &str) -> String {
    let mut sources = Sources::default();
    let parsed = parse(sources.add(name, text), text);
    assert!(parsed.diagnostics.is_empty(), "{name} has mistakes");
    let library = Library {
        text: text.to_string(),
    };
    let mut part = format!("\n{}", library.opening());
    for item in &parsed.file.items {
        let (name, section) = match &item.kind {
            ItemKind::Kind(kind) => {
                let section = library.kind(kind, item.doc.as_ref());
                (&kind.name.name, section)
            }
            ItemKind::Workflow {
                name, params, body, ..
            } => {
                let head = Span {
                    end: body.span.start,
                    ..item.span
                };
                let section = library.workflow(&name.name, params, head, item.doc.as_ref());
                (&name.name, section)
            }
            // Functions and types that are for others are described.
            ItemKind::Function { name, .. } if item.doc.is_some() => {
                (&name.name, library.plain("function", &name.name, item))
            }
            ItemKind::Type { name, .. } if item.doc.is_some() => {
                (&name.name, library.plain("type", &name.name, item))
            }
            _ => continue,
        };
        assert!(
            item.doc.is_some(),
            "`{name}` of the library is not described"
        );
        part.push('\n');
        part.push_str(&section);
    }
    part.push('\n');
    part
}

#[test]
fn the_pages_of_the_library_are_fresh() {
    let index = std::fs::read_to_string("docs/library.md").expect("a readable page");
    for file in files(&["stdlib"], "deploy") {
        let name = file
            .path
            .trim_end_matches(".deploy")
            .replace("stdlib/", "std/");
        let page = format!("docs/{}.md", name.replace("std/", "library/"));
        generated::check(&page, &name, &part(&name, &file.text));
        let listed = format!("]({})", page.trim_start_matches("docs/"));
        assert!(index.contains(&listed), "docs/library.md lacks {name}");
    }
}
