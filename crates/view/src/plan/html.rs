//! A plan as a page for browsers: one file that needs nothing else and asks for nothing. Its policy
//! permits the script and the style sheet that are in it, by their digests, and no request.
//!
//! *Invariant:* no value of a plan can become markup or code. What stands in the markup is escaped,
//! and the data of the drawing is JSON without a character that could end its element.

mod script;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lockstep_base::shown;
use lockstep_outline::{Input, Outline};
use sha2::{Digest, Sha256};

use super::text::{Section, amounts, remarks, sections};
use crate::drawing::{DrawingFile, ICON, MODULES, STYLES};
use crate::text;

/// What the page of a plan does beside the drawing.
const PAGE: DrawingFile = DrawingFile {
    name: "page.js",
    text: include_str!("html/page.js"),
};

/// What the page of a plan looks like beside the drawing.
const PAGE_STYLE: DrawingFile = DrawingFile {
    name: "page.css",
    text: include_str!("html/page.css"),
};

/// So many rows of a section are shown.
const MAX_SECTION_ROWS: usize = 100;

/// So many inputs are seen without asking; the others are a click away.
const MAX_INPUTS: usize = 20;

/// The plan as a page; `file` is the file that it is the plan of.
pub fn html(outline: &Outline, file: &str) -> String {
    let script = script();
    let style = style();
    let data = data(outline);
    let pipeline = escaped(&outline.pipeline);
    let file = escaped(file);
    let mut out = String::with_capacity(data.len() + script.len() + style.len() + 8_192);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'\">\n\
         <title>Plan of {pipeline} in {file}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:image/svg+xml;base64,{}\">\n\
         <style>{style}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#drawing\">Skip to the drawing</a>\n\
         <main class=\"page\">\n",
        digest(&script),
        digest(&style),
        STANDARD.encode(ICON),
    );
    head(&mut out, outline, &pipeline, &file);
    out.push_str(
        "<div id=\"drawing\" tabindex=\"-1\">\n\
         <noscript><p class=\"callout\">The drawing needs JavaScript. <code>lockstep plan</code> \
         shows the plan as text.</p></noscript>\n</div>\n",
    );
    for section in sections(outline) {
        said(&mut out, &section);
    }
    let _ = write!(
        out,
        "</main>\n<div id=\"live\" class=\"unseen\" role=\"status\" aria-live=\"polite\"></div>\n\
         <script type=\"application/json\" id=\"plan\">{data}</script>\n\
         <script>{script}</script>\n</body>\n</html>\n"
    );
    out
}

/// What stands above the drawing: the same as above the tree of a plan as text.
fn head(out: &mut String, outline: &Outline, pipeline: &str, file: &str) {
    let _ = write!(
        out,
        "<header>\n<div class=\"title-row\"><h1>{pipeline} <code>{file}</code></h1></div>\n\
         <p class=\"amounts\">{}</p>\n",
        escaped(&amounts(outline).join(", ")),
    );
    let doc = outline.doc.as_deref().map(str::trim).unwrap_or_default();
    if !doc.is_empty() {
        let _ = writeln!(out, "<p class=\"doc\">{}</p>", escaped_lines(doc));
    }
    let remarks = remarks(outline);
    if !remarks.is_empty() {
        let _ = writeln!(
            out,
            "<p class=\"dim\">{}</p>",
            escaped(&remarks.join(" · "))
        );
    }
    let (seen, more) = outline
        .inputs
        .split_at(outline.inputs.len().min(MAX_INPUTS));
    let set = outline
        .set
        .iter()
        .map(|it| (it, " <dd class=\"dim\">set</dd>"));
    let seen: Vec<(&Input, &str)> = seen.iter().map(|it| (it, "")).chain(set).collect();
    inputs(out, &seen);
    if !more.is_empty() {
        let count = crate::phrases::count_text(more.len(), "more input");
        let _ = writeln!(out, "<details><summary>{count}</summary>");
        let more: Vec<(&Input, &str)> = more.iter().map(|it| (it, "")).collect();
        inputs(out, &more);
        out.push_str("</details>\n");
    }
    out.push_str("</header>\n");
}

fn inputs(out: &mut String, all: &[(&Input, &str)]) {
    if all.is_empty() {
        return;
    }
    out.push_str("<dl class=\"facts\">\n");
    for (input, note) in all {
        let value = match input.value.as_str() {
            "" => "\"\"",
            value => value,
        };
        let _ = writeln!(
            out,
            "<div><dt>{}</dt><dd><code class=\"cut\" title=\"{}\">{}</code></dd>{note}</div>",
            escaped(&input.name),
            escaped(value),
            escaped(&text::first_line(value, "…")),
        );
    }
    out.push_str("</dl>\n");
}

/// A heading with named texts.
fn said(out: &mut String, section: &Section) {
    let _ = writeln!(
        out,
        "<section>\n<h2>{}</h2>\n<dl class=\"named\">",
        escaped(section.title)
    );
    for (name, text) in section.rows.iter().take(MAX_SECTION_ROWS) {
        let _ = writeln!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            escaped(name),
            escaped(text)
        );
    }
    out.push_str("</dl>\n");
    let more = section.rows.len().saturating_sub(MAX_SECTION_ROWS);
    if more > 0 {
        let _ = writeln!(out, "<p class=\"dim\">… {more} more</p>");
    }
    out.push_str("</section>\n");
}

/// The script of the page. The modules are ours, and a test bundles them.
fn script() -> String {
    let modules: Vec<DrawingFile> = MODULES.iter().copied().chain([PAGE]).collect();
    script::bundle(&modules).unwrap_or_default()
}

fn style() -> String {
    let all = STYLES.iter().chain([&PAGE_STYLE]);
    let all: String = all.map(|it| it.text).collect();
    // A parser of HTML reads line ends as `\n`, and so the digest has to.
    all.replace('\r', "")
}

/// How a policy names a script or a style sheet.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// The outline as JSON that stays in its element: `<`, `>` and `&`, which markup begins with, can
/// be only in its strings, where they are written as escapes. What hides or would be obeyed is
/// written so that it is seen, as everywhere.
fn data(outline: &Outline) -> String {
    // Only maps with keys that are not strings could not be serialized, and there are none.
    let json = serde_json::to_string(outline).unwrap_or_default();
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    for char in json.chars() {
        match char {
            '<' | '>' | '&' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char if shown::is_hidden(char) => {
                let _ = write!(out, "\\\\u{{{:x}}}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out
}

/// A text on one line, as it stands in an element or an attribute.
fn escaped(text: &str) -> String {
    markup(&shown::line(text))
}

/// The same of a text that may have several lines.
fn escaped_lines(text: &str) -> String {
    markup(&shown::lines(text))
}

fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests;
