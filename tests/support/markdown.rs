//! The code blocks of Markdown pages.

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The words after the fence, split at commas: `deploy`, `wrong`.
    pub tags: Vec<String>,
    /// Its lines, each with its end.
    pub text: String,
    /// The line of its opening fence, from 1.
    pub line: usize,
}

impl Block {
    /// Whether one of its tags is this word.
    pub fn is(&self, tag: &str) -> bool {
        self.tags.iter().any(|other| other == tag)
    }

    /// `NAME` of a first line `# file: NAME`.
    pub fn file(&self) -> Option<&str> {
        let first = self.text.lines().next()?;
        first.strip_prefix("# file:").map(str::trim)
    }
}

/// All blocks of a page, in order. The error is a fence that is never closed.
pub fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    for (at, line) in page.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let fence = line.trim_start().starts_with("```");
        match &mut open {
            Some(_) if fence && line.trim() == "```" => {
                blocks.extend(open.take().map(|(block, _)| block));
            }
            Some((block, depth)) => {
                let strip = indent.min(*depth);
                block.text.push_str(&line[strip..]);
                block.text.push('\n');
            }
            None if fence => {
                let words = line.trim_start().trim_start_matches('`').trim();
                let block = Block {
                    tags: words.split(',').map(|tag| tag.trim().to_string()).collect(),
                    text: String::new(),
                    line: at + 1,
                };
                open = Some((block, indent));
            }
            None => {}
        }
    }
    match open {
        Some((block, _)) => Err(format!("line {}: the block is never closed", block.line)),
        None => Ok(blocks),
    }
}

#[test]
fn blocks_are_found() {
    let page = "a\n```deploy,wrong\n# file: a.deploy\nx\n```\nb\n- c\n  ```sh\n  $ x\n  ```\n";
    let found = blocks(page).expect("all are closed");
    assert_eq!(found.len(), 2);
    assert!(found[0].is("deploy") && found[0].is("wrong") && !found[0].is("sh"));
    assert_eq!((found[0].file(), found[0].line), (Some("a.deploy"), 2));
    assert_eq!(found[1].text, "$ x\n");
    assert_eq!(found[1].file(), None);
    assert!(blocks("```sh\nx\n").is_err());
}
