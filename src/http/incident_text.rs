//! Incidents in sentences, Chinese and English: what is the matter, what terminals do meanwhile, and where to look.

use super::pages::links::{account_path, strategy_path};
use crate::clock::Zone;
use crate::domain::incident::{Concern, Kind, Severity};

/// What is the matter.
pub(super) fn incident_texts(concern: &Concern, zone: &Zone) -> (String, String) {
    match concern {
        Concern::StrategyLate { strategy, due } => {
            let due = zone.seconds(*due);
            (
                format!("策略 {strategy} 应在 {due} 之前推送，至今没有推送"),
                format!("strategy {strategy} was to push by {due} and has not pushed yet"),
            )
        }
        Concern::StrategySilent { strategy, since } => {
            let since = zone.seconds(*since);
            (
                format!("策略 {strategy} 自上个交易日以来没有推送（最近：{since}）"),
                format!("strategy {strategy} has not pushed since the trading day before (last: {since})"),
            )
        }
        Concern::TerminalSilent { account, since } => {
            let since = zone.seconds(*since);
            (
                format!("账户 {account} 的终端失联，最近一次联系在 {since}"),
                format!("the terminal of account {account} is not heard of, last at {since}"),
            )
        }
        Concern::Drift { account, instruments, count, since } => {
            let since = zone.seconds(*since);
            (
                format!(
                    "账户 {account} 有 {count} 只证券的持仓与目标不符（自 {since}）：{}",
                    list(instruments, *count, "、")
                ),
                format!(
                    "account {account} does not hold its target since {since} ({count}): {}",
                    list(instruments, *count, ", ")
                ),
            )
        }
        Concern::PushHeld { strategy, hold, .. } => (
            format!("策略 {strategy} 的推送 {hold} 等待批准"),
            format!("push {hold} of strategy {strategy} waits for approval"),
        ),
        Concern::Locked { account, instruments, count } => (
            format!("账户 {account} 有 {count} 只证券的持仓变动无法解释，已锁定：{}", list(instruments, *count, "、")),
            format!(
                "holdings of account {account} changed unexplained and are locked ({count}): {}",
                list(instruments, *count, ", ")
            ),
        ),
        Concern::BelowZero { instruments, count } => (
            format!("{count} 只证券的合并目标为负：{}", list(instruments, *count, "、")),
            format!("the total of some instruments is below zero ({count}): {}", list(instruments, *count, ", ")),
        ),
        Concern::RefusedSignatures { address, count } => (
            format!("来自 {address} 的推送签名无效，十分钟内 {count} 次"),
            format!("signatures from {address} were refused {count} times within ten minutes"),
        ),
        Concern::OtherTerminal { account, address } => (
            format!("另一个终端（{address}）在争用账户 {account}"),
            format!("another terminal ({address}) asks for account {account} as well"),
        ),
        Concern::OrdersRejected { account, instrument, count, reason } => {
            let reason = reason.as_deref().unwrap_or_default();
            let (open, close) = if reason.is_empty() { ("", "") } else { ("（", "）") };
            (
                format!("账户 {account} 的 {instrument} 今天被拒单 {count} 次{open}{reason}{close}"),
                format!("orders for {instrument} of account {account} were rejected {count} times today {reason}")
                    .trim_end()
                    .to_owned(),
            )
        }
        Concern::Backup { made_at, error } => {
            let made_at = made_at.map(|at| zone.seconds(at));
            let (last_zh, last_en) = (made_at.as_deref().unwrap_or("从未"), made_at.as_deref().unwrap_or("never"));
            match error {
                Some(error) => (
                    format!("数据库备份失败：{error}（最近成功：{last_zh}）"),
                    format!("the backup of the database failed: {error} (last made: {last_en})"),
                ),
                None => (
                    format!("数据库备份太旧（最近成功：{last_zh}）"),
                    format!("the backup of the database is old (last made: {last_en})"),
                ),
            }
        }
        Concern::Certificate { expires_at } => {
            let expires_at = zone.seconds(*expires_at);
            (format!("HTTPS 证书将于 {expires_at} 到期"), format!("the certificate for HTTPS expires at {expires_at}"))
        }
        Concern::Disk { free, total } => {
            let (free, total) = (free >> 20, total >> 20);
            (
                format!("数据目录所在磁盘将满：剩余 {free} MiB，共 {total} MiB"),
                format!("the data folder's disk is nearly full: {free} MiB of {total} MiB are free"),
            )
        }
        Concern::Clock { ahead } => {
            let seconds = ahead.unsigned_abs() / 1_000_000;
            let (zh, en) = if *ahead > 0 { ("快", "ahead") } else { ("慢", "behind") };
            (format!("服务器时钟{zh}了 {seconds} 秒"), format!("the server's clock is {seconds} s {en}"))
        }
        Concern::CalendarUnknown { from } => (
            format!("交易日历不知道 {from} 及以后哪些日子休市"),
            format!("the calendar does not know which days from {from} on the exchanges are closed"),
        ),
    }
}

/// What terminals do as long as it stands.
pub(super) const fn meanwhile_texts(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::StrategyLate | Kind::StrategySilent => (
            "账户目标中只属于该策略的行今天不交易（时效为“今天推送过才交易”时）；其余照常。",
            "Lines of accounts that it wants are not traded today, where only today's word counts; all else goes on.",
        ),
        Kind::TerminalSilent => {
            ("该账户没有任何交易，持仓维持原状。", "Nothing is traded for the account; what it holds stays as it is.")
        }
        Kind::Drift => {
            ("终端继续尝试交易差额，能交易的照常交易。", "The terminal goes on trying to trade the difference.")
        }
        Kind::PushHeld => (
            "目标不变，终端按原目标交易，直到您批准或丢弃。",
            "The target stays, and terminals trade on it, until you approve or discard the push.",
        ),
        Kind::Locked => (
            "这些证券不交易，直到策略重新推送或您解除锁定；其余照常。",
            "These instruments are not traded until their strategies push again or you release them; all else goes on.",
        ),
        Kind::BelowZero => ("终端把这些证券的目标视为零。", "Terminals take the target of these instruments for zero."),
        Kind::RefusedSignatures => {
            ("这些推送没有生效，目标不变。", "These pushes were not taken; targets stay as they are.")
        }
        Kind::OtherTerminal => (
            "只有先占用账户的终端得到目标，另一个不交易。",
            "Only the terminal that has the account is told its target; the other trades nothing.",
        ),
        Kind::OrdersRejected => (
            "终端继续按目标尝试；其余证券照常。",
            "The terminal goes on trying; other instruments are traded as usual.",
        ),
        Kind::Backup => (
            "交易照常，但若磁盘损坏，只能恢复到上次备份。",
            "Trading goes on; should the disk be lost, only the last backup is there.",
        ),
        Kind::Certificate => (
            "到期之前一切照常；到期后客户端和终端将无法连接，终端不再交易。",
            "All goes on until then; afterwards clients and terminals cannot connect, and terminals trade nothing.",
        ),
        Kind::Disk => (
            "磁盘写满后推送会被拒绝；目标不变，终端按原目标交易。",
            "Once it is full, pushes are refused; targets stay as they are, and terminals trade on them.",
        ),
        Kind::Clock => (
            "交易照常；令牌可能被当作过期，时间戳不可靠。",
            "Trading goes on; tokens may count as expired, and times are not to be relied on.",
        ),
        Kind::CalendarUnknown => (
            "照常按工作日交易；未知日期的推送是否缺失不作判断。",
            "Weekdays count as trading days; whether a push is missing on them is not judged.",
        ),
    }
}

/// What kind it is, in a few words.
pub(super) const fn kind_texts(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::StrategyLate => ("策略迟到", "strategy late"),
        Kind::StrategySilent => ("策略静默", "strategy silent"),
        Kind::TerminalSilent => ("终端失联", "terminal silent"),
        Kind::Drift => ("持仓偏差", "drift"),
        Kind::PushHeld => ("推送待批", "push waits"),
        Kind::Locked => ("证券锁定", "locked"),
        Kind::BelowZero => ("目标为负", "below zero"),
        Kind::RefusedSignatures => ("签名被拒", "signatures refused"),
        Kind::OtherTerminal => ("终端争用", "other terminal"),
        Kind::OrdersRejected => ("反复拒单", "orders rejected"),
        Kind::Backup => ("备份", "backup"),
        Kind::Certificate => ("证书", "certificate"),
        Kind::Disk => ("磁盘", "disk"),
        Kind::Clock => ("时钟", "clock"),
        Kind::CalendarUnknown => ("交易日历", "calendar"),
    }
}

/// How urgent it is.
pub(super) const fn severity_texts(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Notice => ("提示", "notice"),
        Severity::Warning => ("警告", "warning"),
        Severity::Alarm => ("紧急", "alarm"),
    }
}

/// The page on which something can be done about it.
pub(super) fn place(concern: &Concern) -> String {
    match concern {
        Concern::PushHeld { .. } => "/holds".to_owned(),
        Concern::BelowZero { .. } => "/adjustment".to_owned(),
        Concern::RefusedSignatures { .. } => "/keys".to_owned(),
        Concern::CalendarUnknown { .. } => "/calendar".to_owned(),
        Concern::Clock { .. } => "/history".to_owned(),
        other => match (other.account(), other.strategy()) {
            (Some(account), _) => account_path(account.as_str()),
            (None, Some(strategy)) => strategy_path(strategy.as_str()),
            (None, None) => "/incidents".to_owned(),
        },
    }
}

/// Names, and whether there are more.
fn list(some: &[String], count: usize, comma: &str) -> String {
    some.join(comma) + if count > some.len() { "…" } else { "" }
}
