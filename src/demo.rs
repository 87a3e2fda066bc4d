//! Three strategies and an adjustment, so that a newcomer sees every page alive. Their names mark them as examples.

use anyhow::Context as _;

use crate::domain::decimal::Decimal;
use crate::domain::position::Position;
use crate::domain::revision::Actor;
use crate::domain::strategy::StrategyName;
use crate::ledger::{Change, Deed};
use crate::store::Store;

type DemoPosition = (&'static str, &'static str, &'static str, &'static str);

const DEMO: [(&str, &[DemoPosition]); 4] = [
    (
        "DEMO_双均线策略",
        &[
            ("000001.XSHE", "平安银行", "3000", "11.37"),
            ("600519.XSHG", "贵州茅台", "200", "1486.52"),
            ("300750.XSHE", "宁德时代", "500", "188.8137219"),
        ],
    ),
    (
        "DEMO_小市值轮动",
        &[
            ("000001.XSHE", "平安银行", "1200", "11.52"),
            ("002594.XSHE", "比亚迪", "400", "231.05"),
            ("688981.XSHG", "中芯国际", "600", "52.18"),
            ("430047.BJ", "诺思兰德", "1000", "13.6"),
        ],
    ),
    (
        "DEMO_ETF动量",
        &[
            ("510300.XSHG", "沪深300ETF", "20000", "3.912"),
            ("518880.XSHG", "黄金ETF", "8000", "5.447"),
            ("159915.XSHE", "创业板ETF", "15000", "2.034"),
        ],
    ),
    ("ADJUSTMENT_DEMO", &[("000001.XSHE", "平安银行", "-200", "11.4"), ("511880.XSHG", "银华日利", "100", "100.2")]),
];

/// Fills an empty store.
///
/// # Errors
/// When the store cannot be written.
pub async fn fill(store: &Store) -> anyhow::Result<()> {
    for (name, rows) in DEMO {
        let strategy = StrategyName::parse(name)?;
        let position = |(code, name, volume, cost): &DemoPosition| -> anyhow::Result<Position> {
            let (volume, cost) = (Decimal::parse(volume)?, Decimal::parse(cost)?);
            Ok(Position::new(strategy.kind(), code, Some(name), volume, cost, None)?)
        };
        let positions = rows.iter().map(position).collect::<Result<_, _>>()?;
        let by = Actor::Import("demo".to_owned());
        store
            .submit(Change::new(strategy.clone(), Deed::Replace(positions), by, None))
            .await
            .context("the demonstration cannot be stored")?;
    }
    Ok(())
}
