//! Styled output: tones, marks, and lines made of styled pieces.

use super::{phrases, text};

/// What the output can show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether it shows colours (`NO_COLOR` is handled by the caller).
    pub color: bool,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
}

impl Style {
    /// Unicode, without colours.
    pub const PLAIN: Self = Self {
        color: false,
        unicode: true,
    };

    /// `→`
    pub fn arrow(self) -> &'static str {
        self.pick("→", "->")
    }

    /// `·`
    pub fn dot(self) -> &'static str {
        self.pick("·", "-")
    }

    /// `—`
    pub fn dash(self) -> &'static str {
        self.pick("—", "-")
    }

    /// `│`
    pub fn bar(self) -> &'static str {
        self.pick("│", "|")
    }

    /// `…`
    pub fn ellipsis(self) -> &'static str {
        self.pick("…", "...")
    }

    /// Stands where so many characters are not shown.
    pub(super) fn left_out(self, characters: usize) -> String {
        let more = phrases::count_text(characters, "more character");
        format!("{} ({more})", self.ellipsis())
    }

    /// `⏎`
    pub fn line_end(self) -> &'static str {
        self.pick("⏎", "\\n")
    }

    /// `∥`
    pub fn beside(self) -> &'static str {
        self.pick("∥", "=")
    }

    /// `×`
    pub fn times(self) -> &'static str {
        self.pick("×", "x")
    }

    /// The symbol for a mark.
    pub fn mark(self, mark: LineSymbol) -> &'static str {
        match mark {
            LineSymbol::None => " ",
            LineSymbol::Good => self.pick("✓", "+"),
            LineSymbol::Bad => self.pick("✗", "x"),
            LineSymbol::Back => self.pick("↶", "<"),
            LineSymbol::Run => self.pick("▸", ">"),
            LineSymbol::Wait => self.pick("◦", "."),
            LineSymbol::Again => self.pick("↻", "~"),
            LineSymbol::Skip => self.pick("·", "-"),
            LineSymbol::Warn => "!",
            LineSymbol::Ask => "?",
        }
    }

    fn pick(self, sign: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { sign } else { ascii }
    }
}

/// A symbol before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the signs say it")]
pub enum LineSymbol {
    None,
    Good,
    Bad,
    Back,
    Run,
    Wait,
    Again,
    Skip,
    Warn,
    Ask,
}

impl LineSymbol {
    /// Its tone.
    pub fn tone(self) -> Tone {
        match self {
            Self::Good => Tone::Good,
            Self::Bad => Tone::Bad,
            Self::Back | Self::Again | Self::Warn | Self::Ask => Tone::Warn,
            Self::Run => Tone::Note,
            Self::None | Self::Wait | Self::Skip => Tone::Dim,
        }
    }
}

/// The tone of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Default.
    Plain,
    /// Emphasized.
    Bold,
    /// Subdued.
    Dim,
    /// Success: green.
    Good,
    /// Failure: red.
    Bad,
    /// Needs attention: yellow.
    Warn,
    /// In progress: cyan.
    Note,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Warn => "33",
            Self::Note => "36",
        }
    }
}

/// A line that is no longer is shown as a whole, in characters.
pub(super) const MAX_SHOWN_CHARS: usize = 1_000;

/// A line of styled pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StyledLine {
    pieces: Vec<(Tone, String)>,
}

impl StyledLine {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of one piece.
    pub fn of(tone: Tone, text: impl Into<String>) -> Self {
        let mut line = Self::new();
        line.add(tone, text);
        line
    }

    /// Adds a piece.
    pub fn add(&mut self, tone: Tone, text: impl Into<String>) -> &mut Self {
        let text = text.into();
        if !text.is_empty() {
            self.pieces.push((tone, text));
        }
        self
    }

    /// Adds the pieces of another line.
    pub fn append(&mut self, line: StyledLine) -> &mut Self {
        self.pieces.extend(line.pieces);
        self
    }

    /// Adds blanks up to a column.
    pub fn pad(&mut self, column: usize) -> &mut Self {
        let blanks = column.saturating_sub(self.width());
        self.add(Tone::Plain, " ".repeat(blanks))
    }

    /// Its width in columns.
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text::width(text)).sum()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Cuts it to `room` columns.
    pub fn fit(&mut self, room: usize, style: Style) -> &mut Self {
        if self.width() <= room {
            return self;
        }
        let mut used = 0;
        for at in 0..self.pieces.len() {
            let last = at + 1 == self.pieces.len();
            let piece = &mut self.pieces[at].1;
            let wide = text::width(piece);
            // A piece that is followed by another one must leave room for the ellipsis.
            if used + wide + usize::from(!last) * text::width(style.ellipsis()) <= room {
                used += wide;
                continue;
            }
            // A blank that never fits ensures that the ellipsis is written.
            let cut = format!("{piece}{}", " ".repeat(room + 1));
            *piece = text::cut(&cut, room - used, style.ellipsis()).into_owned();
            self.pieces.truncate(at + 1);
            break;
        }
        self
    }

    /// Cuts what people cannot read anyway, and says how much is not shown.
    pub fn shorten(&mut self, style: Style) -> &mut Self {
        let mut room = MAX_SHOWN_CHARS;
        for at in 0..self.pieces.len() {
            let text = &mut self.pieces[at].1;
            // No character is shorter than a byte.
            if text.len() <= room {
                room -= text.len();
                continue;
            }
            let Some((end, _)) = text.char_indices().nth(room) else {
                room -= text.chars().count();
                continue;
            };
            let mut left = text[end..].chars().count();
            text.truncate(end);
            left += (self.pieces.drain(at + 1..))
                .map(|(_, text)| text.chars().count())
                .sum::<usize>();
            self.add(Tone::Dim, style.left_out(left));
            break;
        }
        self
    }

    /// The line with escape sequences, without blanks at its end.
    pub fn paint(&self, style: Style) -> String {
        let mut out = self.paint_start(style);
        out.truncate(out.trim_end_matches(' ').len());
        out
    }

    /// The same, with the blanks at its end: more text follows on the line.
    pub(super) fn paint_start(&self, style: Style) -> String {
        let mut out = String::new();
        for (tone, text) in &self.pieces {
            if style.color && *tone != Tone::Plain && !text.trim().is_empty() {
                out.push_str(&format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code()));
            } else {
                out.push_str(text);
            }
        }
        out
    }

    /// How many bytes its texts have.
    pub(super) fn text_bytes(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> StyledLine {
        let mut line = StyledLine::new();
        line.add(Tone::Good, "✓")
            .add(Tone::Plain, " checkout")
            .add(Tone::Dim, " deployed");
        line
    }

    fn fitted(room: usize) -> String {
        line().fit(room, Style::PLAIN).paint(Style::PLAIN)
    }

    #[test]
    fn a_line_is_cut_to_its_room_and_says_so() {
        assert_eq!(fitted(19), "✓ checkout deployed");
        assert_eq!(fitted(18), "✓ checkout deploy…");
        assert_eq!(fitted(11), "✓ checkout…");
        assert_eq!(fitted(10), "✓ checkou…");
        assert_eq!(fitted(1), "…");
        assert_eq!(fitted(0), "");
        for room in 0..20 {
            assert!(line().fit(room, Style::PLAIN).width() <= room, "at {room}");
        }
    }

    #[test]
    fn a_line_that_nobody_can_read_is_cut_and_says_how_much() {
        let shortened = |texts: &[&str]| {
            let mut line = StyledLine::new();
            texts.iter().for_each(|text| {
                line.add(Tone::Plain, *text);
            });
            line.shorten(Style::PLAIN).paint(Style::PLAIN)
        };
        let [long, wide] = ["x".repeat(999), "é".repeat(1_000)];
        for whole in [vec!["ab"], vec![&*long, "a"], vec![&*wide], vec!["", "a"]] {
            assert_eq!(shortened(&whole), whole.concat());
        }
        assert_eq!(
            shortened(&[&long, "abc", "def"]),
            format!("{long}a… (5 more characters)")
        );
        assert_eq!(
            shortened(&["a", &wide]),
            format!("a{}… (1 more character)", "é".repeat(999))
        );
    }

    #[test]
    fn colours_are_only_written_where_they_are_wanted() {
        let color = Style {
            color: true,
            ..Style::PLAIN
        };
        assert_eq!(
            line().paint(color),
            "\u{1b}[32m✓\u{1b}[0m checkout\u{1b}[2m deployed\u{1b}[0m"
        );
    }
}
