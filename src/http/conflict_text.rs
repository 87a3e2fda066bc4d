//! What contradicts what, in Chinese and English.

use std::fmt::Display;

use crate::domain::conflict::{Conflict, Matter, Short};
use crate::domain::decimal::Volume;

/// A conflict in a sentence, Chinese and English. `window` is within how many seconds something was bought and sold.
pub(super) fn conflict_texts(conflict: &Conflict, window: u64) -> (String, String) {
    let code = conflict.code.instrument();
    match &conflict.matter {
        Matter::Crossing { buys, sells, volume } => (
            format!(
                "{code} 在 {window} 秒内方向相反：{} 买入，{} 卖出，其中 {volume} 股本可互相抵消",
                list(buys, "、"),
                list(sells, "、")
            ),
            format!(
                "{code} went both ways within {window} s: bought by {}, sold by {}; {volume} would cross",
                list(buys, ", "),
                list(sells, ", ")
            ),
        ),
        Matter::Negative(Short::Total(volume)) => (
            format!("{code} 的合并目标为负（{volume}）：终端按零处理"),
            format!("the total of {code} is negative ({volume}): terminals take it for zero"),
        ),
        Matter::Negative(Short::Account(account, exact)) => (
            format!("账户 {account} 的 {code} 目标为负（{exact}）：终端按零处理"),
            format!("account {account} is to hold {exact} of {code}: its terminal takes it for zero"),
        ),
        Matter::Adjustment { overlay, takes, wanted, bought } if bought.is_empty() => (
            format!("{overlay} 从 {code} 减去 {takes}，而各策略合计只要 {wanted}"),
            format!("{overlay} takes {takes} of {code} away, and the strategies want {wanted} in all"),
        ),
        Matter::Adjustment { overlay, takes, wanted, bought } => (
            format!(
                "{overlay} 从 {code} 减去 {takes}（各策略合计 {wanted}），而 {window} 秒内 {} 买入",
                list(bought, "、")
            ),
            format!(
                "{overlay} takes {takes} of {code} away (the strategies want {wanted}), and within {window} s it was bought by {}",
                list(bought, ", ")
            ),
        ),
        Matter::Shared { broker, accounts } => (
            format!(
                "账户 {} 在券商处是同一个账户（{broker}），都列出 {code}：一方的持仓会被另一方当作自己的",
                list(accounts, "、")
            ),
            format!(
                "accounts {} are one at the broker ({broker}), and all list {code}: each takes the other's holding for its own",
                list(accounts, ", ")
            ),
        ),
    }
}

/// Names with their volumes, not more of them than a sentence takes.
fn list<N: Display>(parts: &[(N, Volume)], comma: &str) -> String {
    const NAMED: usize = 5;
    let named: Vec<String> = parts.iter().take(NAMED).map(|(name, volume)| format!("{name} {volume}")).collect();
    let rest = if parts.len() > NAMED { "…" } else { "" };
    named.join(comma) + rest
}
