//! Instruments of all boards, and prices that walk at random between each day's limits. None of them was ever traded so.

use std::collections::HashMap;

use crate::domain::board::Board;
use crate::domain::code::{Code, Instrument, Notation};
use crate::domain::decimal::Decimal;

/// Code as `JoinQuant` spells it, name, and the price that the walk keeps near: thousandths of CNY.
type Listed = (&'static str, &'static str, i64);

const LISTED: [Listed; 111] = [
    ("600000.XSHG", "浦发银行", 8_900),
    ("600009.XSHG", "上海机场", 36_400),
    ("600016.XSHG", "民生银行", 4_020),
    ("600019.XSHG", "宝钢股份", 6_850),
    ("600028.XSHG", "中国石化", 6_310),
    ("600030.XSHG", "中信证券", 27_600),
    ("600031.XSHG", "三一重工", 18_900),
    ("600036.XSHG", "招商银行", 41_200),
    ("600048.XSHG", "保利发展", 9_300),
    ("600050.XSHG", "中国联通", 5_420),
    ("600104.XSHG", "上汽集团", 16_800),
    ("600111.XSHG", "北方稀土", 24_300),
    ("600150.XSHG", "中国船舶", 34_500),
    ("600196.XSHG", "复星医药", 26_100),
    ("600276.XSHG", "恒瑞医药", 48_700),
    ("600309.XSHG", "万华化学", 71_900),
    ("600406.XSHG", "国电南瑞", 23_800),
    ("600436.XSHG", "片仔癀", 214_500),
    ("600519.XSHG", "贵州茅台", 1_486_520),
    ("600547.XSHG", "山东黄金", 28_300),
    ("600585.XSHG", "海螺水泥", 24_900),
    ("600660.XSHG", "福耀玻璃", 58_200),
    ("600690.XSHG", "海尔智家", 27_400),
    ("600809.XSHG", "山西汾酒", 198_600),
    ("600887.XSHG", "伊利股份", 28_100),
    ("600900.XSHG", "长江电力", 28_600),
    ("601012.XSHG", "隆基绿能", 16_200),
    ("601088.XSHG", "中国神华", 40_300),
    ("601166.XSHG", "兴业银行", 19_800),
    ("601225.XSHG", "陕西煤业", 23_100),
    ("601288.XSHG", "农业银行", 5_180),
    ("601318.XSHG", "中国平安", 52_700),
    ("601328.XSHG", "交通银行", 7_260),
    ("601398.XSHG", "工商银行", 6_540),
    ("601601.XSHG", "中国太保", 33_800),
    ("601668.XSHG", "中国建筑", 5_870),
    ("601688.XSHG", "华泰证券", 17_300),
    ("601857.XSHG", "中国石油", 8_760),
    ("601888.XSHG", "中国中免", 67_400),
    ("601899.XSHG", "紫金矿业", 17_900),
    ("603259.XSHG", "药明康德", 62_300),
    ("603288.XSHG", "海天味业", 40_800),
    ("603501.XSHG", "韦尔股份", 104_600),
    ("603986.XSHG", "兆易创新", 92_700),
    ("688008.XSHG", "澜起科技", 66_400),
    ("688009.XSHG", "中国通号", 5_310),
    ("688012.XSHG", "中微公司", 187_300),
    ("688036.XSHG", "传音控股", 88_900),
    ("688041.XSHG", "海光信息", 131_200),
    ("688111.XSHG", "金山办公", 276_800),
    ("688126.XSHG", "沪硅产业", 18_400),
    ("688169.XSHG", "石头科技", 224_600),
    ("688187.XSHG", "时代电气", 47_900),
    ("688223.XSHG", "晶科能源", 7_620),
    ("688271.XSHG", "联影医疗", 124_300),
    ("688303.XSHG", "大全能源", 22_700),
    ("688396.XSHG", "华润微", 47_600),
    ("688599.XSHG", "天合光能", 19_500),
    ("688981.XSHG", "中芯国际", 92_100),
    ("000001.XSHE", "平安银行", 11_370),
    ("000002.XSHE", "万科A", 8_120),
    ("000063.XSHE", "中兴通讯", 31_600),
    ("000100.XSHE", "TCL科技", 4_680),
    ("000333.XSHE", "美的集团", 74_500),
    ("000338.XSHE", "潍柴动力", 15_300),
    ("000425.XSHE", "徐工机械", 8_140),
    ("000538.XSHE", "云南白药", 57_200),
    ("000568.XSHE", "泸州老窖", 131_900),
    ("000625.XSHE", "长安汽车", 13_700),
    ("000651.XSHE", "格力电器", 43_800),
    ("000725.XSHE", "京东方A", 4_310),
    ("000776.XSHE", "广发证券", 16_400),
    ("000792.XSHE", "盐湖股份", 17_600),
    ("000858.XSHE", "五粮液", 141_300),
    ("001979.XSHE", "招商蛇口", 10_600),
    ("002027.XSHE", "分众传媒", 7_040),
    ("002129.XSHE", "TCL中环", 9_270),
    ("002142.XSHE", "宁波银行", 24_800),
    ("002230.XSHE", "科大讯飞", 48_900),
    ("002304.XSHE", "洋河股份", 83_600),
    ("002352.XSHE", "顺丰控股", 41_700),
    ("002415.XSHE", "海康威视", 31_200),
    ("002460.XSHE", "赣锋锂业", 38_400),
    ("002475.XSHE", "立讯精密", 41_500),
    ("002594.XSHE", "比亚迪", 231_050),
    ("002714.XSHE", "牧原股份", 40_200),
    ("300014.XSHE", "亿纬锂能", 46_800),
    ("300015.XSHE", "爱尔眼科", 13_200),
    ("300059.XSHE", "东方财富", 23_900),
    ("300124.XSHE", "汇川技术", 61_700),
    ("300274.XSHE", "阳光电源", 74_300),
    ("300308.XSHE", "中际旭创", 128_400),
    ("300750.XSHE", "宁德时代", 248_810),
    ("300760.XSHE", "迈瑞医疗", 251_600),
    ("430047.BJ", "诺思兰德", 13_600),
    ("832000.BJ", "安徽凤凰", 14_900),
    ("835185.BJ", "贝特瑞", 21_800),
    ("836239.BJ", "长虹能源", 26_300),
    ("872925.BJ", "锦好医疗", 18_700),
    ("920002.BJ", "万达轴承", 54_200),
    ("510300.XSHG", "沪深300ETF", 3_912),
    ("510500.XSHG", "中证500ETF", 5_874),
    ("512880.XSHG", "证券ETF", 1_092),
    ("511880.XSHG", "银华日利", 100_200),
    ("518880.XSHG", "黄金ETF", 5_447),
    ("159915.XSHE", "创业板ETF", 2_034),
    ("159919.XSHE", "沪深300ETF嘉实", 3_987),
    ("110059.XSHG", "浦发转债", 108_900),
    ("113050.XSHG", "南银转债", 124_300),
    ("123107.XSHE", "温氏转债", 132_600),
    ("127056.XSHE", "中特转债", 116_400),
];

/// Numbers that follow from a seed: `SplitMix64`, whose steps are the same for ever.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From one number on, and before another.
    pub(super) fn within(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.next() >> 1).unwrap_or_default() % (to - from).max(1)
    }

    /// One of so many places.
    pub(super) fn place(&mut self, count: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % count.max(1)
    }
}

/// An instrument and its price. Prices are thousandths of CNY.
#[derive(Debug)]
pub(super) struct Quote {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) board: &'static Board,
    /// As a terminal spells it.
    pub(super) qmt: Code,
    usual: i64,
    /// The price in millionths of CNY: steps are finer than prices.
    exact: i64,
    close: i64,
    /// Whether it stands at its upper limit all day.
    is_sealed: bool,
}

impl Quote {
    fn new((code, name, usual): Listed) -> Option<Self> {
        let parsed = Code::parse(code).ok()?;
        let board = Board::of(&parsed.instrument())?;
        let qmt = parsed.to(Notation::Qmt);
        Some(Self { code, name, board, qmt, usual, exact: usual * 1_000, close: usual, is_sealed: false })
    }

    fn tick(&self) -> i64 {
        if self.board.is_of_shares() { 10 } else { 1 }
    }

    /// The last price.
    pub(super) fn price(&self) -> i64 {
        let tick = self.tick();
        (self.exact / 1_000 + tick / 2) / tick * tick
    }

    /// The price so many ticks above it, within the day's limits.
    pub(super) fn beside(&self, ticks: i64) -> i64 {
        (self.price() + ticks * self.tick()).clamp(self.limit(-1), self.limit(1))
    }

    fn limit(&self, way: i64) -> i64 {
        let percent = match self.board.id {
            "bse" => 30,
            "sse_star" | "szse_chinext" | "sse_bonds" | "szse_bonds" => 20,
            _ => 10,
        };
        let tick = self.tick();
        (self.close * (100 + way * percent) / 100 + tick / 2) / tick * tick
    }

    /// Whether nobody sells.
    pub(super) fn is_at_upper(&self) -> bool {
        self.price() >= self.limit(1)
    }

    /// Whether nobody buys.
    pub(super) fn is_at_lower(&self) -> bool {
        self.price() <= self.limit(-1)
    }

    /// How many shares the smallest order has, and by how much targets of strategies differ.
    pub(super) fn lot(&self) -> (i64, i64) {
        let least = i64::from(self.board.least);
        (least, if self.board.lot == 1 { 100 } else { i64::from(self.board.lot) })
    }

    fn walk(&mut self, random: &mut Random, steps: i64) {
        if self.is_sealed {
            return;
        }
        let volatility = if self.board.is_of_shares() { 33 } else { 12 };
        let chance: i64 = (0..3).map(|_| random.within(-100, 101)).sum();
        self.exact += self.exact / 1_000 * chance * volatility * steps / 1_000;
        // A walk of ten years would end anywhere.
        self.exact += (self.usual * 1_000 - self.exact) / 7_500;
        self.exact = self.exact.clamp(self.limit(-1) * 1_000, self.limit(1) * 1_000);
    }
}

/// All instruments; known by their place.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) quotes: Vec<Quote>,
    places: HashMap<Instrument, usize>,
}

impl Market {
    pub(super) fn new() -> Self {
        let quotes: Vec<Quote> = LISTED.into_iter().filter_map(Quote::new).collect();
        let places = quotes.iter().enumerate().map(|(place, quote)| (quote.qmt.instrument(), place)).collect();
        Self { quotes, places }
    }

    pub(super) fn find(&self, instrument: &Instrument) -> Option<usize> {
        self.places.get(instrument).copied()
    }

    /// Where an instrument stands that is known to be listed.
    pub(super) fn place_of(&self, code: &str) -> usize {
        self.quotes.iter().position(|quote| quote.code == code).unwrap_or_default()
    }

    /// A day begins: what was paid last is what its limits are counted from, and the night has moved it.
    pub(super) fn begin_day(&mut self, random: &mut Random) {
        for quote in &mut self.quotes {
            quote.is_sealed = false;
            quote.close = quote.price();
            quote.walk(random, 2);
        }
    }

    /// Some time passes.
    pub(super) fn pass(&mut self, random: &mut Random) {
        for quote in &mut self.quotes {
            quote.walk(random, 1);
        }
    }

    /// An instrument stands at its upper limit for the rest of the day.
    pub(super) fn seal(&mut self, place: usize) {
        let quote = &mut self.quotes[place];
        quote.exact = quote.limit(1) * 1_000;
        quote.is_sealed = true;
    }
}

/// Thousandths of CNY as a number.
pub(super) fn money(thousandths: i64) -> Decimal {
    Decimal::thousandths(i128::from(thousandths))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_instrument_is_listed_once_on_a_board_and_all_boards_have_some() {
        let market = Market::new();
        assert_eq!((market.quotes.len(), market.places.len()), (LISTED.len(), LISTED.len()));
        let boards: HashSet<&str> = market.quotes.iter().map(|quote| quote.board.id).collect();
        let all: HashSet<&str> = crate::domain::board::boards().iter().map(|board| board.id).collect();
        assert_eq!(boards, all);
    }

    #[test]
    fn prices_stay_within_the_days_limits_and_near_the_usual() {
        let (mut market, mut random) = (Market::new(), Random::new(1));
        for _ in 0..250 {
            market.begin_day(&mut random);
            for _ in 0..30 {
                market.pass(&mut random);
                for quote in &market.quotes {
                    let price = quote.price();
                    assert!(quote.limit(-1) <= price && price <= quote.limit(1) && price % quote.tick() == 0);
                    assert!(quote.usual / 4 < price && price < quote.usual * 4, "{} at {price}", quote.code);
                }
            }
        }
    }
}
