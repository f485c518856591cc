//! Lowers windows: when may be deployed. Their texts are constants, and are read here.

use jiff::tz::TimeZone;

use crate::ir::window::{Misread, read_except, read_open, similar_zones};
use crate::ir::{OutsideWindow, Window};
use crate::types::errors as type_errors;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_syntax::ast::{self, ExprKind as Form, ItemKind, StringPart};

use super::ProgramLowering;

/// The fields of a window.
const FIELDS: [&str; 4] = ["open", "except", "zone", "outside"];

impl ProgramLowering<'_> {
    pub(super) fn windows(&mut self) -> Vec<Window> {
        let modules = self.check.modules;
        let mut windows = Vec::new();
        for site in &modules.decls.windows {
            let item = modules.item(site);
            let ItemKind::Window { name, fields } = &item.kind else {
                continue;
            };
            let mut window = Window {
                name: name.name.clone(),
                doc: item.doc.clone(),
                span: name.span,
                open: Vec::new(),
                except: Vec::new(),
                zone: "UTC".into(),
                outside: OutsideWindow::Wait,
            };
            self.window_fields(&mut window, fields);
            let is_open = fields.iter().any(|it| &*it.name.name == "open");
            if !is_open && !modules.is_broken(item.span) {
                self.check.report(never_open(name.span, &name.name));
            }
            windows.push(window);
        }
        windows
    }

    fn window_fields(&mut self, window: &mut Window, fields: &[ast::Field]) {
        for (at, field) in fields.iter().enumerate() {
            let same = |other: &&ast::Field| other.name.name == field.name.name;
            if let Some(first) = fields.iter().take(at).find(same) {
                let twice = type_errors::field_twice(&field.name, first.name.span);
                self.check.report(twice);
                continue;
            }
            match &*field.name.name {
                "open" => {
                    let texts = self.window_texts(&field.value);
                    if matches!(&field.value.kind, Form::List(parts) if parts.is_empty()) {
                        self.check
                            .report(never_open(field.value.span, &window.name));
                    }
                    for text in texts.into_iter().flatten() {
                        match read_open(&text.text) {
                            Ok(times) => window.open.extend(times),
                            Err(wrong) => self.check.report(text.misread(wrong)),
                        }
                    }
                }
                "except" => {
                    for text in self.window_texts(&field.value).into_iter().flatten() {
                        match read_except(&text.text) {
                            Ok(closed) => window.except.push(closed),
                            Err(wrong) => self.check.report(text.misread(wrong)),
                        }
                    }
                }
                "zone" => {
                    if let Some(text) = self.window_text(&field.value) {
                        self.window_zone(window, &text);
                    }
                }
                "outside" => {
                    if let Some(text) = self.window_text(&field.value) {
                        self.window_outside(window, text);
                    }
                }
                _ => {
                    let known = FIELDS.into_iter();
                    let unknown = type_errors::unknown_field(&field.name, "a window", known, None);
                    self.check.report(unknown);
                }
            }
        }
    }

    fn window_zone(&mut self, window: &mut Window, text: &WindowText) {
        match TimeZone::get(&text.text) {
            Ok(zone) => {
                let known = zone
                    .iana_name()
                    .map_or_else(|| text.text.clone(), Name::from);
                window.zone = known;
            }
            Err(_) => {
                let message = format!("there is no time zone `{}`", text.text);
                let help = similar_zones(&text.text);
                let error = Diagnostic::error(codes::WINDOW, text.at(0..text.text.len()), message)
                    .here("not in the IANA database")
                    .help(help.unwrap_or_else(|| {
                        String::from("write a name such as `Europe/Berlin` or `UTC`")
                    }));
                self.check.report(error);
            }
        }
    }

    fn window_outside(&mut self, window: &mut Window, text: WindowText) {
        let all = OutsideWindow::ALL;
        match all.into_iter().find(|it| it.as_str() == &*text.text) {
            Some(outside) => window.outside = outside,
            None => {
                let word = ast::Ident {
                    span: text.at(0..text.text.len()),
                    name: text.text,
                };
                let known = all.into_iter().map(OutsideWindow::as_str);
                let what = "answer to what comes outside of a window,";
                let unknown = type_errors::unknown_word(codes::WINDOW, &word, what, known);
                self.check.report(unknown);
            }
        }
    }

    /// A list of texts; a text alone is a list of one.
    fn window_texts(&mut self, value: &ast::Expr) -> Option<Vec<WindowText>> {
        match &value.kind {
            Form::List(parts) => Some(
                parts
                    .iter()
                    .filter_map(|part| self.window_text(part))
                    .collect(),
            ),
            _ => self.window_text(value).map(|text| vec![text]),
        }
    }

    /// A text without values: a window is known before anything else is.
    fn window_text(&mut self, value: &ast::Expr) -> Option<WindowText> {
        let found = match &value.kind {
            Form::String(text) => text.plain().map(|plain| (plain, text)),
            Form::Error => return None,
            _ => None,
        };
        let Some((plain, text)) = found else {
            let error = Diagnostic::error(codes::WINDOW, value.span, "this must be a plain text")
                .here("not a text without values")
                .help("a window is the same for every run: write its times as texts");
            self.check.report(error);
            return None;
        };
        let exact = match text.parts.as_slice() {
            [StringPart::Text { span, .. }] => Some(*span),
            _ => None,
        };
        let exact = exact.filter(|it| (it.end - it.start) as usize == plain.len());
        Some(WindowText {
            text: plain,
            whole: text.span,
            exact,
        })
    }
}

/// A text with its place.
struct WindowText {
    text: Name,
    whole: Span,
    /// The place of its bytes, where it is written as it is.
    exact: Option<Span>,
}

impl WindowText {
    /// The place of some of its bytes.
    fn at(&self, part: std::ops::Range<usize>) -> Span {
        match self.exact {
            Some(all) if part.start < part.end => {
                let start = all.start as usize;
                Span::new(all.file, start + part.start, start + part.end)
            }
            _ => self.whole,
        }
    }

    fn misread(&self, wrong: Misread) -> Diagnostic {
        Diagnostic::error(codes::WINDOW, self.at(wrong.at), wrong.message)
            .here("not understood")
            .help_opt(wrong.help)
    }
}

/// A window without opening times.
fn never_open(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error(codes::WINDOW, at, format!("window `{name}` is never open"))
        .here("no opening times")
        .help("say when may be deployed: `open = [\"mon-fri 09:00-16:00\"]`")
}
