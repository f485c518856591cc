//! Random texts: strings, and raw texts.

use super::Generator;

impl Generator {
    pub(super) fn string(&mut self) {
        let text = match self.chance.below(11) {
            0 => String::from("\"\""),
            1 => String::from("\"${a.b} and ${ f(x,  \"y\") }\""),
            2 => String::from("\"# no comment, { [ (\""),
            3 => String::from("\"\\\"quoted\\\" \\u{1F680} ${\"${a}\"}\""),
            4 => String::from("\"a text that is so long that hardly anything has room beside it\""),
            5 => self.long_string(),
            6 => String::from("\"\"\"on one line\"\"\""),
            7 => String::from("'raw ${a} \\n \"quoted\" # no comment'"),
            8 => self.raw_lines(),
            _ => format!("\"text {}\"", self.chance.below(100)),
        };
        self.put(text);
    }

    fn long_string(&mut self) -> String {
        let margin = self.chance.pick(&["", "  ", "      ", "\t"]);
        let end = self.chance.pick(&["\n", "\n", "\r\n"]);
        let lines = [
            "first ${a}",
            "  deeper # no comment",
            "",
            "   ",
            "trailing  ",
            "${x} \"quoted\" \"\"",
        ];
        let mut text = String::from("\"\"\"");
        text.push_str(end);
        for _ in 0..self.chance.below(5) {
            let line = self.chance.pick(&lines);
            if !line.trim().is_empty() || self.chance.one_in(2) {
                text.push_str(margin);
            }
            text.push_str(line);
            text.push_str(end);
        }
        if self.chance.one_in(8) {
            text.push_str(margin);
            text.push_str("${a +\n b}");
            text.push_str(end);
        }
        match self.chance.one_in(8) {
            // The quotes follow text: nothing is removed from the lines.
            true => text.push_str("the end"),
            false => text.push_str(margin),
        }
        text.push_str("\"\"\"");
        text
    }

    fn raw_lines(&mut self) -> String {
        let margin = self.chance.pick(&["", "  ", "      ", "\t"]);
        let lines = ["first ${a}", "  it's ''' not the end", "trailing  ", "\\"];
        let mut text = String::from("'''\n");
        for _ in 0..self.chance.below(5) {
            text.push_str(margin);
            text.push_str(self.chance.pick(&lines));
            text.push('\n');
        }
        text.push_str(margin);
        text.push_str("'''");
        text
    }
}
