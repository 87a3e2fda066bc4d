//! In which volumes and prices the exchanges trade, by code and day: the trading rules of SSE, SZSE and BSE (2023).

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::calendar::Day;
use super::code::{Exchange, Instrument};
use super::decimal::{Decimal, Volume};
use super::report::Side;

/// What may be ordered of the instruments of a board, from a day on. Volumes are shares, of convertible bonds pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Board {
    /// What it is called for ever. A board whose rule changed stands in the table once for each rule, under one id.
    pub id: &'static str,
    /// Its name in Chinese.
    pub chinese: &'static str,
    /// Its name in English.
    pub english: &'static str,
    /// Where its instruments are listed.
    pub exchange: Exchange,
    /// How their codes begin, which have six digits.
    pub codes: &'static [&'static str],
    /// The first day on which this rule holds; it holds until the next one's.
    pub from: Day,
    /// The smallest order to buy.
    pub least: u32,
    /// By how much orders to buy differ.
    pub step: u32,
    /// Of how many a target that was scaled is made up, from the smallest order on. A multiple of the step, of which the
    /// smallest order is one.
    pub lot: u32,
    /// By how much prices differ: CNY.
    pub tick: Decimal,
    /// Whether what was bought may be sold on the same day. Of some funds it may (those of bonds, gold, money and other
    /// countries' shares); their codes do not tell them apart, so for funds this says no.
    pub same_day: bool,
}

/// How an exact volume becomes one that can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Rounding {
    /// To the nearest lot, from half a lot on to the upper one.
    #[default]
    Nearest,
    /// To the lot below.
    Down,
}

impl Rounding {
    /// The rounding as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The day on which trade began in Shanghai, for rules that are older than any list that is kept here.
const ALWAYS: Day = Day::of_date(1990, 12, 19);

const CENT: Decimal = Decimal::thousandths(10);
const TENTH_OF_A_CENT: Decimal = Decimal::thousandths(1);

/// Every rule of every board. A change that an exchange has announced is entered as one more line with its day.
static BOARDS: [Board; 9] = [
    shares("sse_main", ("上海主板", "Shanghai main board"), Exchange::Shanghai, &["60"]),
    Board {
        // The first day of trade there, with the SSE's special rules for the board (2019).
        from: Day::of_date(2019, 7, 22),
        least: 200,
        step: 1,
        lot: 1,
        ..shares("sse_star", ("科创板", "STAR Market"), Exchange::Shanghai, &["688", "689"])
    },
    funds("sse_funds", ("上海基金", "Shanghai funds"), Exchange::Shanghai, &["5"]),
    bonds("sse_bonds", ("上海可转债", "Shanghai convertible bonds"), Exchange::Shanghai, &["110", "111", "113", "118"]),
    shares("szse_main", ("深圳主板", "Shenzhen main board"), Exchange::Shenzhen, &["00"]),
    Board {
        // The first day of trade there.
        from: Day::of_date(2009, 10, 30),
        ..shares("szse_chinext", ("创业板", "ChiNext"), Exchange::Shenzhen, &["300", "301", "302"])
    },
    funds("szse_funds", ("深圳基金", "Shenzhen funds"), Exchange::Shenzhen, &["15", "16", "18"]),
    bonds("szse_bonds", ("深圳可转债", "Shenzhen convertible bonds"), Exchange::Shenzhen, &["123", "127", "128"]),
    Board {
        // The day on which the exchange opened, with its trading rules (2021).
        from: Day::of_date(2021, 11, 15),
        step: 1,
        lot: 1,
        ..shares("bse", ("北交所", "Beijing Stock Exchange"), Exchange::Beijing, &["43", "83", "87", "88", "920"])
    },
];

/// Shares as they are traded on most boards.
const fn shares(
    id: &'static str,
    (chinese, english): (&'static str, &'static str),
    exchange: Exchange,
    codes: &'static [&'static str],
) -> Board {
    let (from, least, step, lot, tick, same_day) = (ALWAYS, 100, 100, 100, CENT, false);
    Board { id, chinese, english, exchange, codes, from, least, step, lot, tick, same_day }
}

const fn funds(
    id: &'static str,
    names: (&'static str, &'static str),
    exchange: Exchange,
    codes: &'static [&'static str],
) -> Board {
    Board { tick: TENTH_OF_A_CENT, ..shares(id, names, exchange, codes) }
}

/// Convertible bonds, since the rules that both exchanges made for them came into force (2022).
const fn bonds(
    id: &'static str,
    names: (&'static str, &'static str),
    exchange: Exchange,
    codes: &'static [&'static str],
) -> Board {
    let (from, tick) = (Day::of_date(2022, 8, 1), TENTH_OF_A_CENT);
    Board { from, least: 10, step: 10, lot: 10, tick, same_day: true, ..shares(id, names, exchange, codes) }
}

/// Every rule that is known, board by board, those of a board by their days.
pub fn boards() -> &'static [Board] {
    &BOARDS
}

/// What a terminal shall hold where so much is wanted, of an instrument of that board; without one, whole shares.
pub fn round(board: Option<&Board>, volume: Volume, rounding: Rounding) -> Volume {
    board.map_or_else(|| in_lots(volume, 1, 1, rounding), |board| board.round(volume, rounding))
}

impl Board {
    /// Where an instrument is traded, by the newest rule in the table; None for a code that says nothing about it. Who
    /// knows the day asks [`Board::of_at`].
    pub fn of(instrument: &Instrument) -> Option<&'static Self> {
        newest(&BOARDS, instrument, |_| true)
    }

    /// Where an instrument is traded, by the rule that holds on a day; None also before there was one.
    pub fn of_at(instrument: &Instrument, day: Day) -> Option<&'static Self> {
        newest(&BOARDS, instrument, |board| board.from <= day)
    }

    /// Whether it trades shares, which are priced in whole cents, and not funds or bonds.
    pub fn is_of_shares(&self) -> bool {
        self.tick == CENT
    }

    /// Whether so much can be bought to the share.
    pub fn takes(&self, volume: Volume) -> bool {
        volume >= Volume::whole(self.least) && volume.is_multiple_of(self.step)
    }

    /// How much of a trade the exchange takes an order for, where so much is held before it.
    pub fn tradable(&self, side: Side, volume: Volume, held: Volume) -> Volume {
        let odd = |volume: Volume| volume - volume.rounded_down(self.step);
        match side {
            Side::Buy if volume < Volume::whole(self.least) => Volume::default(),
            // What is odd of a holding is sold in one order.
            Side::Sell if odd(volume) == odd(held) => volume,
            Side::Buy | Side::Sell => volume.rounded_down(self.step),
        }
    }

    /// Whether so much is wanted of an instrument that it cannot be bought to the share. Below zero there is nothing to buy.
    pub fn is_odd(instrument: &Instrument, volume: Volume) -> bool {
        volume > Volume::default() && Self::of(instrument).is_some_and(|board| !board.takes(volume))
    }

    /// What a terminal shall hold where so much is wanted: nothing, or whole lots that can be bought. Never below zero.
    pub fn round(&self, volume: Volume, rounding: Rounding) -> Volume {
        in_lots(volume, self.least, self.lot, rounding)
    }

    /// What most boards fail at is asked first: every push asks for each of its codes.
    fn covers(&self, instrument: &Instrument) -> bool {
        let symbol = instrument.symbol();
        instrument.exchange() == Some(self.exchange)
            && self.codes.iter().any(|beginning| symbol.starts_with(beginning))
            && symbol.len() == 6
            && symbol.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// The newest rule for an instrument among those of a table that hold.
fn newest<'a>(boards: &'a [Board], instrument: &Instrument, holds: impl Fn(&Board) -> bool) -> Option<&'a Board> {
    boards.iter().filter(|board| holds(board) && board.covers(instrument)).max_by_key(|board| board.from)
}

/// Nothing, or a multiple of the lot that is at least the least, which is one itself.
fn in_lots(volume: Volume, least: u32, lot: u32, rounding: Rounding) -> Volume {
    let is_less = volume < Volume::whole(least);
    match rounding {
        _ if volume <= Volume::default() => Volume::default(),
        Rounding::Down if is_less => Volume::default(),
        Rounding::Down => volume.rounded_down(lot),
        // Between nothing and the least there is nothing to hold: half way counts here as well.
        Rounding::Nearest if is_less => volume.rounded(least),
        Rounding::Nearest => volume.rounded(lot),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::code::Code;
    use super::*;

    fn instrument(code: &str) -> Instrument {
        Code::parse(code).unwrap().instrument()
    }

    fn board(code: &str) -> Option<&'static Board> {
        Board::of(&instrument(code))
    }

    fn named(id: &str) -> &'static Board {
        boards().iter().find(|board| board.id == id).unwrap()
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn volume(text: &str) -> Volume {
        Decimal::parse(text).unwrap().into()
    }

    #[test]
    fn a_code_says_where_it_is_traded() {
        for (id, codes) in [
            ("sse_main", &["600000.SH", "605599.XSHG"][..]),
            ("szse_main", &["000001.XSHE", "003816.SZ"]),
            ("szse_chinext", &["300750.SZ", "301001.XSHE", "302132.SZ"]),
            ("sse_funds", &["510300.SH", "588000.XSHG"]),
            ("szse_funds", &["159915.SZ", "161725.SZ", "180101.XSHE"]),
            ("sse_star", &["688981.XSHG", "689009.SH"]),
            ("bse", &["430047.BJ", "832000.BJSE", "873169.BJ", "889001.BJ", "920002.XBSE"]),
            ("sse_bonds", &["110059.SH", "111010.SH", "113050.XSHG", "118000.SH"]),
            ("szse_bonds", &["123001.SZ", "127012.SZ", "128136.XSHE"]),
        ] {
            for code in codes {
                assert_eq!(board(code), Some(named(id)), "{code}");
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
    fn each_board_has_its_lots_and_ticks() {
        for (id, least, step, lot, tick, same_day) in [
            ("sse_main", 100, 100, 100, "0.01", false),
            ("sse_star", 200, 1, 1, "0.01", false),
            ("sse_funds", 100, 100, 100, "0.001", false),
            ("sse_bonds", 10, 10, 10, "0.001", true),
            ("szse_main", 100, 100, 100, "0.01", false),
            ("szse_chinext", 100, 100, 100, "0.01", false),
            ("szse_funds", 100, 100, 100, "0.001", false),
            ("szse_bonds", 10, 10, 10, "0.001", true),
            ("bse", 100, 1, 1, "0.01", false),
        ] {
            let board = named(id);
            assert_eq!((board.least, board.step, board.lot, board.same_day), (least, step, lot, same_day), "{id}");
            assert_eq!(board.tick.to_string(), tick, "{id}");
        }
    }

    #[test]
    fn every_rule_of_the_table_can_be_traded_by() {
        for (index, board) in boards().iter().enumerate() {
            assert!(board.least > 0 && board.lot > 0 && board.step > 0, "{}", board.id);
            assert!(board.lot.is_multiple_of(board.step) && board.least.is_multiple_of(board.lot), "{}", board.id);
            for other in &boards()[index + 1..] {
                let overlap =
                    |one: &Board, two: &Board| one.codes.iter().any(|code| two.covers(&six_digits(one, code)));
                let same = (board.id, board.exchange) == (other.id, other.exchange) && board.from < other.from;
                assert!(same || !(overlap(board, other) || overlap(other, board)), "{} {}", board.id, other.id);
            }
        }
    }

    fn six_digits(board: &Board, beginning: &str) -> Instrument {
        instrument(&format!("{beginning:0<6}.{}", board.exchange.as_str()))
    }

    #[test]
    fn a_rule_holds_from_its_day_on() {
        let star = instrument("688981.SH");
        assert_eq!(Board::of_at(&star, day("2019-07-21")), None);
        assert_eq!(Board::of_at(&star, day("2019-07-22")), Some(named("sse_star")));

        let announced = Board { from: day("2030-01-01"), least: 1, step: 1, lot: 1, ..*named("sse_main") };
        let table = [announced, *named("sse_main"), *named("szse_main")];
        let least =
            |on: &str| newest(&table, &instrument("600000.SH"), |board| board.from <= day(on)).map(|board| board.least);
        assert_eq!(least("1990-12-18"), None);
        assert_eq!(["1990-12-19", "2029-12-31", "2030-01-01"].map(least), [Some(100), Some(100), Some(1)]);
        let of_others = newest(&table, &instrument("000001.SZ"), |board| board.from <= day("2030-01-01"));
        assert_eq!(of_others.map(|board| board.least), Some(100));
    }

    #[test]
    fn whole_lots_can_be_bought() {
        for (id, volumes, taken) in [
            ("sse_main", &["100", "200", "1000000"][..], true),
            ("sse_main", &["1", "99", "150", "100.5", "0.001", "0", "-100"], false),
            ("sse_star", &["200", "201", "999"], true),
            ("sse_star", &["199", "100", "200.5"], false),
            ("bse", &["100", "101"], true),
            ("bse", &["99", "100.000000000000000000000001"], false),
            ("sse_bonds", &["10", "20"], true),
            ("sse_bonds", &["5", "15"], false),
        ] {
            for shares in volumes {
                assert_eq!(named(id).takes(volume(shares)), taken, "{id} {shares}");
            }
        }
    }

    #[test]
    fn what_is_wanted_is_rounded_to_what_can_be_held() {
        let hair_below = |shares: u32| format!("{}.999999999999999999999999", shares - 1);
        for (code, wanted, nearest, down) in [
            ("600000.SH", "1234.5", "1200", "1200"),
            ("600000.SH", "1250", "1300", "1200"),
            ("600000.SH", &hair_below(1250), "1200", "1200"),
            ("600000.SH", "50", "100", "0"),
            ("600000.SH", &hair_below(50), "0", "0"),
            ("688981.SH", "100", "200", "0"),
            ("688981.SH", &hair_below(100), "0", "0"),
            ("688981.SH", "199.9", "200", "0"),
            ("688981.SH", "200.5", "201", "200"),
            ("920002.BJ", "50", "100", "0"),
            ("920002.BJ", "101.4", "101", "101"),
            ("113050.SH", "15", "20", "10"),
            ("113050.SH", &hair_below(5), "0", "0"),
            ("159915.SZ", "150", "200", "100"),
            ("600000", "0.5", "1", "0"),
            ("IF2401.CCFX", "2.4", "2", "2"),
            ("600000.SH", "-1000", "0", "0"),
            ("600000", "-0.5", "0", "0"),
        ] {
            for (rounding, held) in [(Rounding::Nearest, nearest), (Rounding::Down, down)] {
                let rounded = round(board(code), volume(wanted), rounding);
                assert_eq!(rounded.to_string(), held, "{wanted} of {code} {}", rounding.as_str());
            }
        }
    }

    /// Any board or none, and any volume: mostly around what can be held, in shares and hairs of a share.
    fn wanted() -> impl Strategy<Value = (Option<&'static Board>, Volume)> {
        let hair =
            prop_oneof![Just(""), Just(".5"), Just(".499999999999999999999999"), Just(".000000000000000000000001")];
        let shares = prop_oneof![-300..1_000_i64, -1_000_000_000..1_000_000_000_i64];
        let board = prop::option::of(prop::sample::select(boards().iter().collect::<Vec<_>>()));
        (board, shares, hair).prop_map(|(board, shares, hair)| (board, volume(&format!("{shares}{hair}"))))
    }

    fn rounding() -> impl Strategy<Value = Rounding> {
        prop_oneof![Just(Rounding::Nearest), Just(Rounding::Down)]
    }

    proptest! {
        #[test]
        fn what_is_rounded_is_nothing_or_can_be_bought((board, exact) in wanted(), rounding in rounding()) {
            let held = round(board, exact, rounding);
            match board {
                Some(board) => prop_assert!(held.is_zero() || board.takes(held) && held.is_multiple_of(board.lot)),
                None => prop_assert!(held >= Volume::default() && held.is_multiple_of(1)),
            }
            prop_assert_eq!(round(board, held, rounding), held, "rounding twice");
        }

        #[test]
        fn who_wants_more_holds_no_less((board, one) in wanted(), (_, two) in wanted(), rounding in rounding()) {
            let (less, more) = (one.min(two), one.max(two));
            prop_assert!(round(board, less, rounding) <= round(board, more, rounding));
        }

        #[test]
        fn rounding_goes_to_the_nearest_or_down((board, exact) in wanted()) {
            let wanted = exact.max(Volume::default());
            let [nearest, down] = [Rounding::Nearest, Rounding::Down].map(|rounding| round(board, exact, rounding));
            prop_assert!(down <= wanted && down <= nearest);
            prop_assert!(nearest.distance(wanted) <= down.distance(wanted));
            let gap = board.map_or(1, |board| if down.is_zero() { board.least } else { board.lot });
            prop_assert!(wanted.distance(down) < Volume::whole(gap));
            prop_assert!(nearest == down || nearest.distance(down) == Volume::whole(gap));
        }
    }
}
