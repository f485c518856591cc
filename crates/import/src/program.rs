//! The program that is written: a small tree of pieces of text, which is laid out by the formatter
//! at the end.

/// A statement, a field, a comment or a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text of one or more lines.
    Line(String),
    /// A comment, which is broken into lines.
    Comment(String),
    /// Text that is no part of the program, line by line in comments.
    Quoted(String),
    /// Documentation of what follows.
    Doc(String),
    /// An empty line.
    Gap,
    /// Where what follows stands in the file that is imported; it is not written.
    At((usize, u32, u32)),
    /// A head with a body and handlers.
    Block(Block),
}

/// A head with a body and handlers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Block {
    pub(crate) head: String,
    pub(crate) body: Vec<Piece>,
    /// What stands behind the body, such as `undo`.
    pub(crate) handlers: Vec<Block>,
}

impl Block {
    pub(crate) fn new(head: impl Into<String>, body: Vec<Piece>) -> Self {
        Self {
            head: head.into(),
            body,
            handlers: Vec::new(),
        }
    }
}

impl Piece {
    pub(crate) fn line(text: impl Into<String>) -> Self {
        Self::Line(text.into())
    }

    pub(crate) fn comment(text: impl Into<String>) -> Self {
        Self::Comment(text.into())
    }

    /// The place of a node.
    pub(crate) fn at(node: &crate::yaml::Node) -> Self {
        Self::At((node.file, node.line, node.column))
    }

    pub(crate) fn block(head: impl Into<String>, body: Vec<Self>) -> Self {
        Self::Block(Block::new(head, body))
    }

    /// Whether something happens there.
    pub(crate) fn acts(&self) -> bool {
        matches!(self, Self::Line(_) | Self::Block(_))
    }
}

/// Whether a body does anything.
pub(crate) fn acts(body: &[Piece]) -> bool {
    body.iter().any(Piece::acts)
}

/// The pieces as text.
pub(crate) fn text(pieces: &[Piece]) -> String {
    let mut out = String::new();
    write(&mut out, pieces, 0);
    out
}

fn write(out: &mut String, pieces: &[Piece], depth: usize) {
    for piece in pieces {
        match piece {
            Piece::Line(text) => lines(out, text, depth),
            Piece::Comment(text) => comment(out, "#", text, depth),
            Piece::Doc(text) => comment(out, "##", text, depth),
            Piece::Quoted(text) => {
                for line in text.lines() {
                    let line = line.replace(|it: char| it.is_control(), " ");
                    out.push_str(&"  ".repeat(depth));
                    out.push_str(format!("#   {line}").trim_end());
                    out.push('\n');
                }
            }
            Piece::Gap => out.push('\n'),
            Piece::At(_) => {}
            Piece::Block(block) => {
                write_block(out, block, depth);
                out.push('\n');
            }
        }
    }
}

/// A block without the line end behind it.
fn write_block(out: &mut String, block: &Block, depth: usize) {
    lines(out, &block.head, depth);
    out.pop();
    out.push_str(" {\n");
    write(out, &block.body, depth + 1);
    out.push_str(&"  ".repeat(depth));
    out.push('}');
    for handler in &block.handlers {
        out.push(' ');
        let mut text = String::new();
        write_block(&mut text, handler, depth);
        out.push_str(text.trim_start());
    }
}

fn lines(out: &mut String, text: &str, depth: usize) {
    for line in text.split('\n') {
        if !line.is_empty() {
            out.push_str(&"  ".repeat(depth));
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// A comment in lines of at most 96 columns.
fn comment(out: &mut String, sign: &str, text: &str, depth: usize) {
    let pad = "  ".repeat(depth);
    let width = 96usize.saturating_sub(pad.len() + sign.len()).max(40);
    for line in text.lines() {
        let clean: String = line
            .chars()
            .map(|it| if it.is_control() { ' ' } else { it })
            .collect();
        let mut current = String::new();
        for word in clean.split_whitespace() {
            let long = current.chars().count() + word.chars().count() + 1 > width;
            if long && !current.is_empty() {
                out.push_str(&format!("{pad}{sign} {current}\n"));
                current.clear();
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        match current.as_str() {
            "" => out.push_str(&format!("{pad}{sign}\n")),
            current => out.push_str(&format!("{pad}{sign} {current}\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_handlers_and_raw_texts_keep_their_indentation() {
        let run = Piece::line("run '''\necho a\n\n  echo b\n'''");
        let mut block = Block::new("step a", vec![run, Piece::comment("a\nb")]);
        block
            .handlers
            .push(Block::new("undo", vec![Piece::line("log \"x\"")]));
        let said = text(&[Piece::Block(block)]);
        assert_eq!(
            said,
            "step a {\n  run '''\n  echo a\n\n    echo b\n  '''\n  # a\n  # b\n} undo {\n  \
             log \"x\"\n}\n"
        );
    }
}
