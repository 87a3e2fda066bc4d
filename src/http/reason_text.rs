//! Why a push waits, is refused or warned of, and why a line must not be traded: in Chinese and English.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::guard::{Finding, RuleName as Rule};
use crate::domain::hold::Reason;
use crate::domain::state::State;
use crate::domain::strategy::StrategyName;
use crate::domain::target::HoldReason;

/// A reason as it is answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reason)]
pub(super) struct ReasonDto {
    /// The guard's rule, or the strategy's state.
    rule: &'static str,
    /// In Chinese.
    pub(super) text: String,
    /// In English.
    pub(super) message: String,
    /// What was found, in the rule's unit.
    value: Option<String>,
    /// What would have been allowed.
    limit: Option<String>,
}

impl ReasonDto {
    /// A guard's finding.
    pub(super) fn of(finding: &Finding) -> Self {
        let (text, message) = finding_texts(finding);
        let (value, limit) = (Some(finding.value.clone()), finding.limit.clone());
        Self { rule: finding.rule.as_str(), text, message, value, limit }
    }

    /// Why a push waits.
    pub(super) fn of_hold(reason: &Reason) -> Self {
        match reason {
            Reason::Guard(finding) => Self::of(finding),
            Reason::State(state) => {
                let (text, message) = state_texts(*state);
                let (text, message) = (text.to_owned(), message.to_owned());
                Self { rule: state.as_str(), text, message, value: None, limit: None }
            }
        }
    }
}

fn state_texts(state: State) -> (&'static str, &'static str) {
    match state {
        State::Live => ("策略正常", "the strategy is live"),
        State::Frozen => (
            "操作员已冻结该策略：目标保持不变，推送等待批准",
            "the operator froze the strategy: its target stays, pushes wait",
        ),
        State::Flat => (
            "操作员已将该策略清零：目标为零，推送等待批准",
            "the operator made the strategy flat: its target is zero, pushes wait",
        ),
        State::Closed => ("操作员已删除该策略：推送等待批准", "the operator deleted the strategy: pushes wait"),
    }
}

/// What a rule found, in Chinese and English.
fn finding_texts(finding: &Finding) -> (String, String) {
    let (value, limit) = (&finding.value, finding.limit.as_deref().unwrap_or_default());
    let code = finding.code.as_deref().unwrap_or_default();
    match finding.rule {
        Rule::Empty => (
            "推送了空列表，而当前（或删除前）的持仓不为空".to_owned(),
            "the list is empty, and the current one, or the one before it was deleted, is not".to_owned(),
        ),
        Rule::Shrinks => (
            format!("持仓成本减少了 {value}（比例），上限 {limit}"),
            format!("invested cost falls by {value} of the current, more than {limit}"),
        ),
        Rule::Grows => (
            format!("持仓成本变为当前的 {value} 倍，上限 {limit}"),
            format!("invested cost is {value} times the current, more than {limit}"),
        ),
        Rule::Turnover => (
            format!("换手为 {value}（比例），上限 {limit}"),
            format!("turnover is {value} of the larger invested cost, more than {limit}"),
        ),
        Rule::InstrumentShare => {
            (format!("{code} 占比 {value}，上限 {limit}"), format!("{code} is {value} of the list, more than {limit}"))
        }
        Rule::InstrumentCost => (
            format!("{code} 的成本 {value} 元，上限 {limit} 元"),
            format!("{code} costs {value} CNY, more than {limit}"),
        ),
        Rule::Invested => (
            format!("持仓成本合计 {value} 元，上限 {limit} 元"),
            format!("the list costs {value} CNY, more than {limit}"),
        ),
        Rule::Instruments => {
            (format!("共 {value} 条持仓，上限 {limit} 条"), format!("the list has {value} lines, more than {limit}"))
        }
        Rule::UnknownCode => (
            format!("{value} 个代码的交易所或板块未知（如 {code}），终端无法交易"),
            format!("exchange or board of {value} codes is not known (such as {code}), and no terminal can trade them"),
        ),
        Rule::Flips => (
            format!("{value} 分钟内换成另一份持仓又换回：可能有两个程序使用同一策略名"),
            format!("the list went to another and back within {value} minutes: two senders under one name?"),
        ),
        Rule::Twin => (
            format!("与策略 {value} 的持仓完全相同：可能是同一策略改了名，持仓会加倍"),
            format!("the same list as strategy {value}: a strategy that was renamed counts twice"),
        ),
        Rule::Hours => {
            (format!("推送时间 {value} 不在允许的时段（{limit}）内"), format!("pushed at {value}, outside of {limit}"))
        }
        Rule::SequenceLeap => (
            format!("sequence 超前了 {value} 微秒（上限 {limit}）：发送端的时钟可能走快，之后的推送会被拒绝"),
            format!(
                "sequence {value} runs ahead by more than {limit}: a sender's clock ran ahead, and its later pushes would be refused"
            ),
        ),
    }
}

/// Why a line must not be traded: a stable word, Chinese, English.
pub(super) fn hold_texts(reason: &HoldReason) -> (&'static str, String, String) {
    match reason {
        HoldReason::Protected => {
            ("protected", "受保护的证券：从不交易".to_owned(), "protected: it is never traded".to_owned())
        }
        HoldReason::UnknownCode => (
            "unknown_code",
            "代码没有可识别的交易所：终端不交易此行".to_owned(),
            "the code names no known exchange: this line is not traded".to_owned(),
        ),
        HoldReason::UnexplainedChange(shares) => (
            "unexplained_change",
            format!("持仓变动了 {shares:+} 股，没有成交可以解释：策略重新推送或操作员解除之前不交易"),
            format!(
                "the holding changed by {shares:+} shares, which no fill explains; nothing is traded until the strategies push \
                 again or the operator releases it"
            ),
        ),
        HoldReason::NotFresh(silent) => (
            "not_fresh",
            format!("策略 {} 今天尚未推送：不按昨天的目标交易", names(silent, "、")),
            format!("not heard of today: {}; nothing is traded on yesterday's word", names(silent, ", ")),
        ),
    }
}

/// Names, not more of them than a sentence takes.
fn names(all: &[StrategyName], comma: &str) -> String {
    const NAMED: usize = 5;
    let named: Vec<&str> = all.iter().take(NAMED).map(StrategyName::as_str).collect();
    let rest = if all.len() > NAMED { "…" } else { "" };
    named.join(comma) + rest
}
