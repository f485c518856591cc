//! Renders a subset of Markdown as text for a terminal: headings, paragraphs, lists, code.

use lockstep_base::diagnostic::render::{Ink, RenderStyle};

/// The maximum width of paragraphs, in columns.
const MAX_PARAGRAPH_COLUMNS: usize = 80;

/// The page for a terminal. Headings are bold, code is indented.
pub(super) fn show(page: &str, style: RenderStyle) -> String {
    let width = style.width.min(MAX_PARAGRAPH_COLUMNS);
    let mut out = String::new();
    let mut paragraph = String::new();
    let mut in_code = false;
    for line in page.lines() {
        let starts_item = line.trim_start().starts_with("- ");
        let is_text = !in_code && !line.is_empty() && !line.starts_with(['#', '`']);
        if is_text && !starts_item {
            paragraph.push_str(line.trim());
            paragraph.push(' ');
            continue;
        }
        out.push_str(&wrap(&paragraph, width, style));
        paragraph.clear();
        match line {
            _ if line.starts_with("```") => in_code = !in_code,
            _ if in_code => out.push_str(format!("    {line}").trim_end()),
            _ if starts_item => paragraph = format!("{} ", line.trim()),
            _ if line.starts_with('`') => paragraph = format!("{} ", line.trim()),
            _ => out.push_str(&style.paint(Ink::Bold, line.trim_start_matches('#').trim())),
        }
        if !line.starts_with("```") && paragraph.is_empty() {
            out.push('\n');
        }
    }
    out.push_str(&wrap(&paragraph, width, style));
    out
}

/// The words of a paragraph wrapped to this width, with code words highlighted.
fn wrap(paragraph: &str, width: usize, style: RenderStyle) -> String {
    let mut out = String::new();
    let mut column = 0;
    let indent = if paragraph.starts_with("- ") {
        "  "
    } else {
        ""
    };
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            out.push_str(indent);
            column = indent.len();
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    if column > 0 {
        out.push('\n');
    }
    ink_code(&out, style)
}

/// Highlights what is between backticks, and leaves the backticks if there are no colours.
fn ink_code(text: &str, style: RenderStyle) -> String {
    if !style.color || !text.matches('`').count().is_multiple_of(2) {
        return text.to_string();
    }
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| match at % 2 {
            0 => part.to_string(),
            _ => style.paint(Ink::Name, part),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# E0000: a title\n\nSome words that are so many that they do not fit on \
        one line of the narrow\nterminal, with `code` in them.\n\n- one\n- two words that go on \
        and on until they need another line\n\n```deploy\npipeline a {\n\n  log \"# b\"\n}\n```\n\
        \nThe end.\n";

    #[test]
    fn a_page_on_a_terminal() {
        let narrow = RenderStyle {
            width: 40,
            ..RenderStyle::PLAIN
        };
        insta::assert_snapshot!(show(PAGE, narrow));
        let color = RenderStyle {
            color: true,
            ..narrow
        };
        insta::assert_snapshot!("coloured", show(PAGE, color).replace('\u{1b}', "ESC"));
    }
}
