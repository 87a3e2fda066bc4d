//! Instrument codes: three notations of the field, one identity.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The longest code accepted, in characters; real ones have 5 to 12.
pub const MAX_CODE_CHARS: usize = 64;

/// A mainland stock exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exchange {
    /// Shanghai Stock Exchange.
    Shanghai,
    /// Shenzhen Stock Exchange.
    Shenzhen,
    /// Beijing Stock Exchange.
    Beijing,
}

/// How a code is to be spelled in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Notation {
    /// As the first contributor spelled it.
    #[default]
    AsPushed,
    /// `JoinQuant`: `000001.XSHE`.
    Jq,
    /// `QMT`: `000001.SZ`.
    Qmt,
}

/// The spellings of an exchange that clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Suffix {
    Xshg,
    Sh,
    Xshe,
    Sz,
    Xbse,
    Bjse,
    Bj,
}

impl Suffix {
    const ALL: [Self; 7] = [Self::Xshg, Self::Sh, Self::Xshe, Self::Sz, Self::Xbse, Self::Bjse, Self::Bj];

    const fn text(self) -> &'static str {
        match self {
            Self::Xshg => "XSHG",
            Self::Sh => "SH",
            Self::Xshe => "XSHE",
            Self::Sz => "SZ",
            Self::Xbse => "XBSE",
            Self::Bjse => "BJSE",
            Self::Bj => "BJ",
        }
    }

    const fn exchange(self) -> Exchange {
        match self {
            Self::Xshg | Self::Sh => Exchange::Shanghai,
            Self::Xshe | Self::Sz => Exchange::Shenzhen,
            Self::Xbse | Self::Bjse | Self::Bj => Exchange::Beijing,
        }
    }
}

impl Exchange {
    /// The suffix that `QMT` knows it by: `SH`, `SZ`, `BJ`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shanghai => Suffix::Sh.text(),
            Self::Shenzhen => Suffix::Sz.text(),
            Self::Beijing => Suffix::Bj.text(),
        }
    }

    const fn suffix(self, notation: Notation) -> Option<Suffix> {
        match (notation, self) {
            (Notation::AsPushed, _) => None,
            (Notation::Jq, Self::Shanghai) => Some(Suffix::Xshg),
            (Notation::Jq, Self::Shenzhen) => Some(Suffix::Xshe),
            (Notation::Jq, Self::Beijing) => Some(Suffix::Xbse),
            (Notation::Qmt, Self::Shanghai) => Some(Suffix::Sh),
            (Notation::Qmt, Self::Shenzhen) => Some(Suffix::Sz),
            (Notation::Qmt, Self::Beijing) => Some(Suffix::Bj),
        }
    }
}

/// Why a text is not a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is longer than [`MAX_CODE_CHARS`].
    #[error("is longer than 64 characters")]
    TooLong,
    /// The text holds a control character.
    #[error("contains a control character")]
    ControlCharacter,
}

/// An instrument's code as somebody spelled it.
///
/// `000001.XSHE` and `000001.SZ` are different codes of the same [`Instrument`]. A code whose suffix names no known
/// exchange is opaque: it is equal only to itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code {
    symbol: SmolStr,
    suffix: Option<Suffix>,
}

impl Code {
    /// Reads a code in any notation.
    ///
    /// # Errors
    /// When the text is empty, too long or holds a control character.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        if text.is_empty() {
            return Err(CodeError::Empty);
        }
        if text.len() > MAX_CODE_CHARS && text.chars().nth(MAX_CODE_CHARS).is_some() {
            return Err(CodeError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(CodeError::ControlCharacter);
        }
        let known = text.rsplit_once('.').filter(|(symbol, _)| !symbol.is_empty()).and_then(|(symbol, suffix)| {
            let suffix = Suffix::ALL.into_iter().find(|known| known.text() == suffix)?;
            Some(Self { symbol: symbol.into(), suffix: Some(suffix) })
        });
        Ok(known.unwrap_or_else(|| Self { symbol: text.into(), suffix: None }))
    }

    /// Reads a code as people type it: in either notation and any case, or six digits alone, whose exchange follows
    /// from the ranges that the exchanges number by. None when that leaves open what is meant.
    pub fn infer(text: &str) -> Option<Self> {
        let text = text.trim().to_uppercase();
        if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::parse(&text).ok().filter(|code| code.suffix.is_some() || text.contains('.'));
        }
        let begins = |ranges: &[&str]| ranges.iter().any(|range| text.starts_with(range));
        let suffix = if begins(&["43", "83", "87", "88", "920"]) {
            Suffix::Bj
        } else if begins(&["5", "60", "68", "900", "110", "111", "113", "118", "204"]) {
            Suffix::Xshg
        } else if begins(&["00", "30", "15", "16", "18", "123", "127", "128", "131", "200"]) {
            Suffix::Xshe
        } else {
            return None;
        };
        Some(Self { symbol: text.into(), suffix: Some(suffix) })
    }

    /// What the code names, whatever its notation.
    pub fn instrument(&self) -> Instrument {
        Instrument { symbol: self.symbol.clone(), exchange: self.suffix.map(Suffix::exchange) }
    }

    /// The same instrument's code in another notation; an opaque code stays as it is.
    #[must_use]
    pub fn to(&self, notation: Notation) -> Self {
        let suffix = self.suffix.map(|suffix| suffix.exchange().suffix(notation).unwrap_or(suffix));
        Self { symbol: self.symbol.clone(), suffix }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.suffix {
            Some(suffix) => [&self.symbol, ".", suffix.text()].into_iter().try_for_each(|part| f.write_str(part)),
            None => f.write_str(&self.symbol),
        }
    }
}

impl TryFrom<String> for Code {
    type Error = CodeError;

    fn try_from(text: String) -> Result<Self, CodeError> {
        Self::parse(&text)
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

/// What is traded: the identity behind every notation of a code. Printed in QMT's notation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instrument {
    symbol: SmolStr,
    exchange: Option<Exchange>,
}

impl Instrument {
    /// What its exchange calls it: six digits, mostly.
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Its code as strategies on `JoinQuant` spell it.
    pub fn jq_code(&self) -> Code {
        self.code(Notation::Jq)
    }

    /// Where it is listed; None for an opaque code.
    pub const fn exchange(&self) -> Option<Exchange> {
        self.exchange
    }

    fn code(&self, notation: Notation) -> Code {
        let suffix = self.exchange.and_then(|exchange| exchange.suffix(notation));
        Code { symbol: self.symbol.clone(), suffix }
    }
}

impl TryFrom<String> for Instrument {
    type Error = CodeError;

    fn try_from(text: String) -> Result<Self, CodeError> {
        Code::parse(&text).map(|code| code.instrument())
    }
}

impl From<Instrument> for String {
    fn from(instrument: Instrument) -> Self {
        instrument.to_string()
    }
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code(Notation::Qmt).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instrument(text: &str) -> Instrument {
        Code::parse(text).unwrap().instrument()
    }

    #[test]
    fn notations_of_one_exchange_name_one_instrument() {
        for group in [
            &["600000.XSHG", "600000.SH"][..],
            &["000001.XSHE", "000001.SZ"],
            &["430047.XBSE", "430047.BJSE", "430047.BJ"],
        ] {
            for text in group {
                assert_eq!(instrument(text), instrument(group[0]), "{text}");
            }
        }
        assert_ne!(instrument("000001.SH"), instrument("000001.SZ"));
    }

    #[test]
    fn what_people_type_is_understood() {
        for (text, code) in [
            ("600000", Some("600000.XSHG")),
            (" 000001 ", Some("000001.XSHE")),
            ("300750", Some("300750.XSHE")),
            ("688001", Some("688001.XSHG")),
            ("510300", Some("510300.XSHG")),
            ("159915", Some("159915.XSHE")),
            ("113001", Some("113001.XSHG")),
            ("127001", Some("127001.XSHE")),
            ("920002", Some("920002.BJ")),
            ("000001.sh", Some("000001.SH")),
            ("if2401.ccfx", Some("IF2401.CCFX")),
            ("700000", None),
            ("60000", None),
            ("平安银行", None),
            ("", None),
        ] {
            assert_eq!(Code::infer(text).map(|code| code.to_string()).as_deref(), code, "{text:?}");
        }
    }

    #[test]
    fn an_unknown_suffix_is_opaque() {
        for text in ["IF2401.CCFX", "000001", "000001.sz", ".SZ", "000001.", "平安银行"] {
            let code = Code::parse(text).unwrap();
            assert_eq!(code.to(Notation::Jq), code);
            assert_eq!(code.to(Notation::Qmt).to_string(), text);
            assert_eq!(code.instrument().to_string(), text);
        }
        assert_ne!(instrument("000001"), instrument("000001.SZ"));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        assert_eq!(Code::parse(""), Err(CodeError::Empty));
        assert_eq!(Code::parse(&"9".repeat(65)), Err(CodeError::TooLong));
        assert!(Code::parse(&"证".repeat(64)).is_ok());
        assert_eq!(Code::parse("0000\n01.SZ"), Err(CodeError::ControlCharacter));
    }

    proptest! {
        #[test]
        fn a_code_printed_and_parsed_again_is_the_same(
            symbol in "[0-9A-Z.]{1,8}",
            suffix in prop::sample::select(vec!["", ".XSHG", ".SH", ".XSHE", ".SZ", ".XBSE", ".BJSE", ".BJ", ".HK"]),
        ) {
            let text = format!("{symbol}{suffix}");
            let code = Code::parse(&text).unwrap();
            prop_assert_eq!(code.to_string(), text);
            prop_assert_eq!(&Code::parse(&code.to_string()).unwrap(), &code);
            for notation in [Notation::AsPushed, Notation::Jq, Notation::Qmt] {
                let other = Code::parse(&code.to(notation).to_string()).unwrap();
                prop_assert_eq!(other.instrument(), code.instrument());
            }
            prop_assert_eq!(Code::parse(&code.instrument().to_string()).unwrap().instrument(), code.instrument());
        }
    }
}
