//! What kinds of incidents are called, and how urgent they are, in Chinese and English.

use crate::domain::incident::{Kind, Severity};

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
        Severity::Alarm => ("警报", "alarm"),
    }
}
