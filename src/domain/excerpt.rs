//! Text from outside as it may stand in a log or on a terminal.

use std::fmt::{self, Write as _};

/// The most that is shown of a text, in characters of it.
const MOST: usize = 200;

/// A text of which nothing but letters and signs reaches the eye: at most 200 of its characters, and what would move a
/// cursor, end a line or turn the direction of writing is spelled out (`\n`, `\u{202e}`).
#[derive(Debug, Clone, Copy)]
pub struct Excerpt<'a>(pub &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(MOST) {
            match character {
                '"' | '\'' | '\\' => f.write_char(character)?,
                other => write!(f, "{}", other.escape_debug())?,
            }
        }
        if characters.next().is_some() { f.write_char('…') } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_stays_and_what_would_act_is_spelled_out() {
        for (text, shown) in [
            ("", ""),
            ("/strategies/双均线 \"a\\b\"", "/strategies/双均线 \"a\\b\""),
            ("a\nERROR b\r\0", "a\\nERROR b\\r\\0"),
            ("\u{1b}[2J\u{7f}\u{9b}31m", "\\u{1b}[2J\\u{7f}\\u{9b}31m"),
            ("gpj\u{202e}exe\u{2028}", "gpj\\u{202e}exe\\u{2028}"),
        ] {
            assert_eq!(Excerpt(text).to_string(), shown);
        }
    }

    #[test]
    fn two_hundred_characters_are_enough() {
        assert_eq!(Excerpt(&"策".repeat(200)).to_string(), "策".repeat(200));
        assert_eq!(Excerpt(&"策".repeat(201)).to_string(), format!("{}…", "策".repeat(200)));
    }
}
