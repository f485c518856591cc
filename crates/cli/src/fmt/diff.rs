//! The changes by formatting as a unified diff.

use similar::{ChangeTag, TextDiff};

use lockstep_base::diagnostic::render::{Ink, RenderStyle, clean};

/// The difference between the text of a file and its formatted form.
pub(super) fn diff(path: &str, old: &str, new: &str, style: RenderStyle) -> String {
    let path = clean(path);
    let mut out = format!(
        "{}\n{}\n",
        style.paint(Ink::Bold, &format!("--- {path}")),
        style.paint(Ink::Bold, &format!("+++ {path} (formatted)")),
    );
    let diff = TextDiff::from_lines(old, new);
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        out.push_str(&style.paint(Ink::Name, &hunk.header().to_string()));
        out.push('\n');
        for change in hunk.iter_changes() {
            let (sign, ink) = match change.tag() {
                ChangeTag::Equal => (' ', None),
                ChangeTag::Delete => ('-', Some(Ink::Error)),
                ChangeTag::Insert => ('+', Some(Ink::Good)),
            };
            let line = format!("{sign}{}", change.value().trim_end_matches('\n'));
            // Control characters of a file must not reach the terminal.
            let line = if style.color { clean(&line) } else { line };
            out.push_str(&ink.map_or_else(|| line.clone(), |ink| style.paint(ink, &line)));
            out.push('\n');
            if change.missing_newline() {
                out.push_str("\\ No newline at end of file\n");
            }
        }
    }
    out
}
