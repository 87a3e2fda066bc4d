//! In which volumes the exchanges trade, by code: the trading rules of SSE, SZSE and BSE (2023).

use super::code::{Exchange, Instrument};
use super::decimal::Volume;

/// What one order to buy may be: shares, of convertible bonds pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Board {
    /// The smallest order.
    pub least: u32,
    /// By how much orders differ.
    pub step: u32,
}

/// Main boards, `ChiNext` and funds.
const HUNDREDS: Board = Board { least: 100, step: 100 };
const STAR: Board = Board { least: 200, step: 1 };
const BEIJING: Board = Board { least: 100, step: 1 };
const BONDS: Board = Board { least: 10, step: 10 };

/// How codes begin, and what they are.
const BOARDS: [(Exchange, &[&str], Board); 6] = [
    (Exchange::Shanghai, &["60", "5"], HUNDREDS),
    (Exchange::Shanghai, &["688", "689"], STAR),
    (Exchange::Shanghai, &["110", "111", "113", "118"], BONDS),
    (Exchange::Shenzhen, &["00", "300", "301", "302", "15", "16", "18"], HUNDREDS),
    (Exchange::Shenzhen, &["123", "127", "128"], BONDS),
    (Exchange::Beijing, &["43", "83", "87", "88", "920"], BEIJING),
];

impl Board {
    /// Where an instrument is traded; None for a code that says nothing about it.
    pub fn of(instrument: &Instrument) -> Option<Self> {
        let (symbol, exchange) = (instrument.symbol(), instrument.exchange()?);
        let is_listed = symbol.len() == 6 && symbol.bytes().all(|byte| byte.is_ascii_digit());
        let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| symbol.starts_with(beginning));
        let found = BOARDS.iter().find(|(at, beginnings, _)| *at == exchange && begins(beginnings));
        found.filter(|_| is_listed).map(|(_, _, board)| *board)
    }

    /// Whether so much can be bought to the share.
    pub fn takes(self, volume: Volume) -> bool {
        volume >= Volume::whole(self.least) && volume.is_multiple_of(self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::Code;
    use super::super::decimal::Decimal;
    use super::*;

    fn board(code: &str) -> Option<Board> {
        Board::of(&Code::parse(code).unwrap().instrument())
    }

    #[test]
    fn a_code_says_where_it_is_traded() {
        for (board_of, codes) in [
            (HUNDREDS, &["600000.SH", "605599.XSHG", "000001.XSHE", "003816.SZ"][..]),
            (HUNDREDS, &["300750.SZ", "301001.XSHE", "302132.SZ"]),
            (HUNDREDS, &["510300.SH", "588000.XSHG", "159915.SZ", "161725.SZ", "180101.XSHE"]),
            (STAR, &["688981.XSHG", "689009.SH"]),
            (BEIJING, &["430047.BJ", "832000.BJSE", "873169.BJ", "889001.BJ", "920002.XBSE"]),
            (BONDS, &["110059.SH", "111010.SH", "113050.XSHG", "118000.SH", "123001.SZ", "127012.SZ", "128136.XSHE"]),
        ] {
            for code in codes {
                assert_eq!(board(code), Some(board_of), "{code}");
            }
        }
    }

    #[test]
    fn of_other_codes_nothing_is_said() {
        for code in [
            "000001.SH",
            "600000.SZ",
            "204001.SH",
            "131810.SZ",
            "700700.SH",
            "303000.SZ",
            "900901.SH",
            "200002.SZ",
            "810001.BJ",
            "60000.SH",
            "6000000.SH",
            "60000X.SH",
            "IF2401.CCFX",
            "600000",
            "CASH",
        ] {
            assert_eq!(board(code), None, "{code}");
        }
    }

    #[test]
    fn whole_lots_can_be_bought() {
        for (board, volumes, taken) in [
            (HUNDREDS, &["100", "200", "1000000"][..], true),
            (HUNDREDS, &["1", "99", "150", "100.5", "0.001", "0", "-100"], false),
            (STAR, &["200", "201", "999"], true),
            (STAR, &["199", "100", "200.5"], false),
            (BEIJING, &["100", "101"], true),
            (BEIJING, &["99", "100.000000000000000000000001"], false),
            (BONDS, &["10", "20"], true),
            (BONDS, &["5", "15"], false),
        ] {
            for volume in volumes {
                let shares = Decimal::parse(volume).unwrap().into();
                assert_eq!(board.takes(shares), taken, "{board:?} {volume}");
            }
        }
    }
}
