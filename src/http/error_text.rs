//! What errors read like: status, stable code, and the text in Chinese and English.

use std::borrow::Cow;

use axum::http::StatusCode;

use super::error::{AppError, Fault, Invalid, whole_seconds};
use crate::auth::Denied;
use crate::auth::password::WeakPassword;
use crate::domain::channel::{ChannelError, SecretsError};
use crate::domain::code::CodeError;
use crate::domain::decimal::DecimalError;
use crate::domain::position::{Breach, Field, MAX_POSITIONS};
use crate::domain::strategy::{NameError, StrategyName};
use crate::ledger::Rejected;

/// How an error reads to whoever gets it.
pub(super) struct Text {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) chinese: Cow<'static, str>,
    pub(super) english: Cow<'static, str>,
}

impl Text {
    fn new(
        status: StatusCode,
        code: &'static str,
        chinese: impl Into<Cow<'static, str>>,
        english: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, chinese: chinese.into(), english: english.into() }
    }
}

impl Invalid {
    fn text(&self) -> Text {
        fn bad(
            code: &'static str,
            chinese: impl Into<Cow<'static, str>>,
            english: impl Into<Cow<'static, str>>,
        ) -> Text {
            Text::new(StatusCode::BAD_REQUEST, code, chinese, english)
        }
        match self {
            Self::Format(english) => bad("invalid_format", "无效的数据格式", english.clone()),
            Self::Name(error) => bad(
                "invalid_strategy_name",
                format!("策略名称无效: {}", name_error_zh(*error)),
                format!("strategy_name {error}"),
            ),
            Self::NameNotText => {
                bad("invalid_strategy_name", "策略名称无效: 必须是字符串", "strategy_name must be a string")
            }
            Self::TooManyPositions => bad(
                "too_many_positions",
                format!("持仓太多: 每个策略最多 {MAX_POSITIONS} 条"),
                format!("a strategy's list has at most {MAX_POSITIONS} positions"),
            ),
            Self::PositionNotObject { index } => bad(
                "invalid_position",
                format!("第 {} 条持仓无效: 必须是对象", index + 1),
                format!("position {} must be an object", index + 1),
            ),
            Self::Position { index, field, fault } => {
                let (chinese, english) = fault_texts(*field, *fault);
                bad(
                    "invalid_position",
                    format!("第 {} 条持仓的 {field} 无效: {chinese}", index + 1),
                    format!("position {}: {english}", index + 1),
                )
            }
            Self::Sequence => bad(
                "invalid_sequence",
                "sequence 无效: 必须是非负整数",
                "sequence must be an integer from 0 to 9223372036854775807",
            ),
            Self::TotalValue => bad(
                "invalid_total_value",
                "total_value 无效: 必须是不小于 0 的金额（元）",
                "total_value must be an amount of money from 0 on (CNY)",
            ),
            Self::DecidedAt => bad(
                "invalid_decided_at",
                "decided_at 无效: 必须是带时区的 RFC 3339 时间，例如 2026-01-05T14:50:00+08:00",
                "decided_at must be a time of RFC 3339 with its offset, such as 2026-01-05T14:50:00+08:00",
            ),
            Self::AccountName(error) => bad(
                "invalid_account_name",
                format!("账户名称无效: {}", name_error_zh(*error)),
                format!("the account's name {error}"),
            ),
            Self::ChannelName(error) => bad(
                "invalid_channel_name",
                format!("渠道名称无效: {}", name_error_zh(*error)),
                format!("the channel's name {error}"),
            ),
            Self::Channel(error) => bad("invalid_channel", channel_error_zh(error), error.to_string()),
            Self::Terminal => bad(
                "invalid_terminal",
                "X-Terminal 无效: 1 到 100 个 ASCII 字符",
                "X-Terminal must have 1 to 100 ASCII characters",
            ),
            Self::Report { place, fault } => {
                bad("invalid_report", format!("上报内容无效: {place}: {fault}"), format!("{place}: {fault}"))
            }
            Self::IfMatch => bad(
                "invalid_if_match",
                "If-Match 无效: 必须是带引号的版本号，例如 \"12\"",
                "If-Match must be one quoted revision, such as \"12\"",
            ),
            Self::Query(parameter) => bad(
                "invalid_query",
                format!("查询参数 {parameter} 无效"),
                format!("the query parameter {parameter} cannot be understood"),
            ),
            Self::MissingNewPassword => bad("missing_new_password", "缺少新密码", "new_password is missing"),
            Self::WeakPassword(error) => bad(
                "weak_password",
                match error {
                    WeakPassword::TooShort => "新密码太短: 至少 10 个字符",
                    WeakPassword::TooLong => "新密码太长: 最多 1000 个字符",
                    WeakPassword::Blank => "新密码的首尾不能是空白",
                    WeakPassword::Guessable => {
                        "新密码太容易猜到: 它是常见的词、键盘上的一排、日期或重复。请用几个不相干的词"
                    }
                },
                error.to_string(),
            ),
        }
    }
}

impl AppError {
    /// Its stable code.
    pub(super) fn code(&self) -> &'static str {
        self.text().code
    }

    /// What it says, in English.
    pub(super) fn in_english(&self) -> String {
        self.text().english.into_owned()
    }

    /// How the error reads.
    pub(super) fn text(&self) -> Text {
        use StatusCode as S;
        match self {
            Self::Invalid(invalid) => invalid.text(),
            Self::Denied(denied) => denied_text(denied),
            Self::Rejected(rejected) => rejected_text(rejected),
            Self::Unavailable(_) => later(
                "store_unavailable",
                "存储暂时不可用，未做任何更改，请稍后重试",
                "the store is unavailable now, nothing was changed; try again shortly",
            ),
            Self::OutcomeUnknown => later(
                "outcome_unknown",
                "写入时存储出错，无法确定更改是否已保存；请查看现在的状态，或稍后重新提交同样的内容（重复提交同样的持仓不会有影响）",
                "the store failed while writing, and whether the change was stored is not known; look at what is there now, \
                 or send the same again shortly (the same list twice does no harm)",
            ),
            Self::UnknownStrategy(unknown) => {
                missing("unknown_strategy", format!("策略不存在: {}", unknown.0), unknown.to_string())
            }
            Self::UnknownAccount(_)
            | Self::Incomplete(_)
            | Self::Paused(_)
            | Self::NeverTraded(_)
            | Self::OtherTerminal { .. } => self.text_for_terminals(),
            Self::UnknownChannel(_)
            | Self::ChannelRefused(_)
            | Self::NobodyHeard(_)
            | Self::NobodyLooks
            | Self::NothingReported(_) => self.text_for_watchers(),
            Self::UnknownRevision(revision) => missing(
                "unknown_revision",
                format!("版本不存在: {revision}"),
                format!("there is no revision {revision}"),
            ),
            Self::Folded(until) => Text::new(
                S::GONE,
                "folded",
                format!("版本 {until} 及更早的历史已归档（检查点），本服务器不再保存，请查阅归档文件"),
                format!("revisions up to {until} were folded into the checkpoint: only the archive still knows them"),
            ),
            Self::UnknownIncident(id) => missing(
                "unknown_incident",
                format!("没有编号为 {} 的未结事件", id.get()),
                format!("no incident {} stands", id.get()),
            ),
            Self::NothingToRestore { strategy, revision } => missing(
                "nothing_to_restore",
                format!("策略 {strategy} 在版本 {revision} 时不存在，无法恢复"),
                format!("strategy {:?} did not exist at revision {revision}", strategy.as_str()),
            ),
            Self::KeyNameTaken => {
                Text::new(S::CONFLICT, "key_name_taken", "已有同名密钥", "there is a key of that name already")
            }
            Self::NotFound => missing("not_found", "路径不存在", "there is nothing at this path"),
            Self::MethodNotAllowed => Text::new(
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "不支持的请求方法",
                "this path does not take this method",
            ),
            Self::SlowBody => Text::new(
                S::REQUEST_TIMEOUT,
                "slow_request",
                "请求体接收超时，未做任何更改",
                "the body took too long to arrive; nothing was changed",
            ),
            Self::BodyTooLarge { limit } => Text::new(
                S::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("请求体太大: 最多 {} KiB", limit >> 10),
                format!("the body is larger than {} KiB", limit >> 10),
            ),
            Self::UnsupportedMediaType(wanted) => Text::new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!("不支持的内容类型: 需要 Content-Type: {wanted}"),
                format!("the Content-Type must be {wanted}"),
            ),
            Self::Overloaded => {
                later("overloaded", "服务器繁忙，请稍后重试", "too many requests at a time; try again shortly")
            }
            Self::Timeout => later(
                "timeout",
                "处理超时，结果未知，请重新推送",
                "the answer took too long; whether the request took effect is unknown, so send it again",
            ),
            Self::Failing(task) => later(
                "failing",
                "服务器的必要任务已停止，进程即将退出，未做任何更改",
                format!("{task} has stopped and the server is about to exit; nothing was changed"),
            ),
            Self::Internal => Text::new(
                S::INTERNAL_SERVER_ERROR,
                "internal_error",
                "服务器内部错误",
                "an error of the server; the cause is in its log",
            ),
        }
    }
}

impl AppError {
    /// What keeps people from being told, or is told to whoever watches.
    fn text_for_watchers(&self) -> Text {
        use StatusCode as S;
        match self {
            Self::UnknownChannel(name) => missing(
                "unknown_channel",
                format!("通知渠道不存在: {name}"),
                format!("there is no channel {:?}", name.as_str()),
            ),
            Self::ChannelRefused(error) => Text::new(
                S::BAD_GATEWAY,
                "channel_refused",
                format!("渠道没有收下消息: {error}"),
                format!("the channel did not take the message: {error}"),
            ),
            Self::NobodyHeard(age) => {
                let (chinese, english) = match age {
                    Some(age) => {
                        (format!("最近一次是 {} 秒前", age.as_secs()), format!("the last was {} s ago", age.as_secs()))
                    }
                    None => ("从未有过".to_owned(), "there was none".to_owned()),
                };
                let english = format!("nobody was heard of in time: {english}");
                Text::new(S::SERVICE_UNAVAILABLE, "nobody_heard", format!("太久没有收到消息: {chinese}"), english)
            }
            Self::NothingReported(name) => missing(
                "nothing_reported",
                format!("账户 {name} 还没有终端上报"),
                format!("no terminal has reported for account {:?} yet", name.as_str()),
            ),
            Self::NobodyLooks => Text::new(
                S::SERVICE_UNAVAILABLE,
                "nobody_looks",
                "异常已无人查看，原因见服务器日志",
                "incidents are not looked for any more; the cause is in the log of the server",
            ),
            other => other.text(),
        }
    }

    /// What keeps a terminal from its account's target.
    fn text_for_terminals(&self) -> Text {
        match self {
            Self::UnknownAccount(name) => missing(
                "unknown_account",
                format!("账户不存在: {name}"),
                format!("there is no account {:?}", name.as_str()),
            ),
            Self::Incomplete(incomplete) => {
                let names: Vec<&str> = incomplete.0.iter().map(StrategyName::as_str).collect();
                Text::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "incomplete",
                    format!(
                        "账户的目标不完整，终端不应交易: 尚未收到这些策略的持仓，或它们已删除: {}",
                        names.join("、")
                    ),
                    format!("the target is incomplete and nothing may be traded: {incomplete}"),
                )
            }
            Self::Paused(note) => {
                let (zh, en) = match note {
                    Some(note) => (format!("（{note}）"), format!(" ({note})")),
                    None => (String::new(), String::new()),
                };
                Text::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "paused",
                    format!("操作员已暂停，终端不应交易{zh}"),
                    format!("the operator paused it, and nothing may be traded{en}"),
                )
            }
            Self::NeverTraded(codes) => {
                let names = |comma| codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(comma);
                Text::new(
                    StatusCode::CONFLICT,
                    "never_traded",
                    format!(
                        "旧格式无法表达“从不交易”，终端不应交易: {}。请让终端改为查询账户的目标，或从账户中删去它们并在终端的设置里保护",
                        names("、")
                    ),
                    format!(
                        "the old shape cannot say what is never to be traded, and nothing may be: {}; let the terminal ask for \
                         the account's target, or take them out of the account and protect them in the terminal's settings",
                        names(", ")
                    ),
                )
            }
            Self::OtherTerminal { name, address, since } => {
                let who = name.as_ref().map_or_else(|| address.to_string(), |name| format!("{name} ({address})"));
                Text::new(
                    StatusCode::CONFLICT,
                    "other_terminal",
                    format!(
                        "账户正由另一个终端使用: {who}，自 {since} 起。请停掉其中一个；最后一次通信 60 秒后账户自动释放"
                    ),
                    format!(
                        "another terminal holds the account: {who}, since {since}; stop one of them, the account is free \
                         60 s after the last word"
                    ),
                )
            }
            other => other.text(),
        }
    }
}

/// What may go better in a moment.
fn later(code: &'static str, chinese: &'static str, english: impl Into<Cow<'static, str>>) -> Text {
    Text::new(StatusCode::SERVICE_UNAVAILABLE, code, chinese, english)
}

/// What is not there.
fn missing(code: &'static str, chinese: impl Into<Cow<'static, str>>, english: impl Into<Cow<'static, str>>) -> Text {
    Text::new(StatusCode::NOT_FOUND, code, chinese, english)
}

fn channel_error_zh(error: &ChannelError) -> &'static str {
    match error {
        ChannelError::Secrets(SecretsError::Url) => "url 无效: 请填写完整地址，例如 https://example.com/path",
        ChannelError::Secrets(SecretsError::MailUrl) => {
            "url 无效: 请填写 smtps://主机 或 smtp://主机，端口不同时加上 :端口"
        }
        ChannelError::Secrets(SecretsError::MailAddress) => "邮件需要 from 和 to: 例如 me@example.com",
        ChannelError::Secrets(SecretsError::NoMail) => "from、to 和 username 只用于邮件",
        ChannelError::Secrets(SecretsError::Secret) => "secret 无效: 1 到 2000 个字符，不能有控制字符",
        ChannelError::Secrets(SecretsError::Unsigned) => "webhook 需要 secret: 消息用它签名",
        ChannelError::Quiet => "免打扰的开始和结束不能相同",
        ChannelError::ToItself => "escalate.to 必须是另一个渠道",
        ChannelError::ToNobody => "escalate.to 指向的渠道不存在",
        ChannelError::After => "escalate.after 必须是 1 到 1440 分钟",
        ChannelError::Needed => "另有渠道在无人确认时转到这一个，请先修改那一个",
        ChannelError::NoAddress => "缺少 url: 新渠道，或换了类型的渠道，需要地址",
    }
}

fn name_error_zh(error: NameError) -> &'static str {
    match error {
        NameError::Empty => "不能为空",
        NameError::TooLong => "最多 100 个字符",
        NameError::ControlCharacter => "不能包含控制字符",
    }
}

pub(super) fn fault_texts(field: Field, fault: Fault) -> (Cow<'static, str>, String) {
    let (chinese, english) = match fault {
        Fault::Missing => ("缺少该字段", format!("{field} is missing")),
        Fault::WrongType("string") => ("必须是字符串", format!("{field} must be a string")),
        Fault::NotMoney => {
            ("必须是不小于 0 的金额（元）", format!("{field} must be an amount of money from 0 on (CNY)"))
        }
        Fault::NotADay => ("必须是日期，例如 2026-12-31", format!("{field} must be a day such as 2026-12-31")),
        Fault::Past(today) => {
            let chinese = format!("不能早于今天（{today}）");
            return (chinese.into(), format!("{field} must not be before today, {today}"));
        }
        Fault::WrongType(wanted) => ("必须是数字", format!("{field} must be a {wanted}")),
        Fault::Number(error) => {
            let chinese = match error {
                DecimalError::NotANumber => "不是数字",
                DecimalError::TooLarge => "超出可精确计算的范围: 绝对值须小于 10^12",
                DecimalError::TooFine => "超出可精确计算的范围: 最多 24 位小数",
            };
            (chinese, format!("{field} {error}"))
        }
        Fault::Breach(breach) => {
            let chinese = match breach {
                Breach::Code(CodeError::Empty) => "不能为空",
                Breach::Code(CodeError::TooLong) => "最多 64 个字符",
                Breach::Code(CodeError::ControlCharacter) => "不能包含控制字符",
                Breach::NegativeVolume => "不能为负数",
                Breach::CostNotPositive => "必须大于 0",
                Breach::AmountTooLarge => "数量与成本之积超出可精确计算的范围: 须小于 10^18",
                Breach::TextTooLong(_) => "文字太长",
            };
            (chinese, breach.to_string())
        }
    };
    (chinese.into(), english)
}

fn denied_text(refused: &Denied) -> Text {
    use StatusCode as S;
    let (status, code, chinese): (S, &str, Cow<'static, str>) = match refused {
        Denied::MissingToken => (S::UNAUTHORIZED, "missing_token", "缺少认证令牌".into()),
        Denied::MalformedToken(_) => (S::UNAUTHORIZED, "malformed_token", "认证令牌格式错误".into()),
        Denied::TokenExpired => (S::UNAUTHORIZED, "token_expired", "认证失败: 令牌已过期".into()),
        Denied::TokenFromFuture => {
            (S::UNAUTHORIZED, "token_from_future", "认证失败: 令牌时间超前，请校准签名机器的时钟".into())
        }
        Denied::UnknownClient(_) => (S::UNAUTHORIZED, "unknown_client", "认证失败: 未知的客户端".into()),
        Denied::BadSignature => (S::UNAUTHORIZED, "bad_signature", "认证失败: 签名验证失败".into()),
        Denied::TokenMismatch(field) => {
            (S::UNAUTHORIZED, "token_mismatch", format!("认证失败: 令牌与本次请求不符 ({field})").into())
        }
        Denied::UnboundToken => (S::FORBIDDEN, "unbound_token", "该客户端的令牌必须绑定请求体 (body_sha256)".into()),
        Denied::StrategyForbidden(name) => {
            (S::FORBIDDEN, "strategy_forbidden", format!("该凭证无权推送策略: {name}").into())
        }
        Denied::OverlayForbidden(name) => (
            S::FORBIDDEN,
            "strategy_forbidden",
            format!(
                "{name} 是手工调整，属于操作员: 客户端或密钥须有以 ADJUSTMENT_ 开头的策略模式 (clients.toml 的 strategies，\
                 或 key add --strategy)"
            )
            .into(),
        ),
        Denied::MissingPassword => (S::UNAUTHORIZED, "missing_password", "缺少内部密码".into()),
        Denied::WrongPassword => (S::UNAUTHORIZED, "wrong_password", "密码验证失败".into()),
        Denied::LockedOut { retry_after } => (
            S::TOO_MANY_REQUESTS,
            "locked_out",
            format!("密码错误次数过多，请在 {} 秒后重试", whole_seconds(*retry_after)).into(),
        ),
        Denied::Crowded { retry_after } => (
            S::TOO_MANY_REQUESTS,
            "locked_out",
            format!(
                "有人正从许多地址猜测密码，请在 {} 秒后重试；一周内登录成功过的地址和服务器本机不受影响",
                whole_seconds(*retry_after)
            )
            .into(),
        ),
        Denied::NotLoggedIn => (S::UNAUTHORIZED, "not_logged_in", "未登录或登录已过期".into()),
        Denied::ForeignForm => (S::FORBIDDEN, "foreign_form", "表单已失效，请重新打开页面后再提交".into()),
        Denied::ForeignSite => (
            S::FORBIDDEN,
            "foreign_form",
            "该请求来自其他网站的页面。若反向代理没有传递 Host，请用 --public-host 域名 启动服务器".into(),
        ),
        Denied::UnknownHost(_) => (
            S::FORBIDDEN,
            "unknown_host",
            "请求的主机名不是本服务器的: 请用 IP 地址或 localhost 访问，或用 --public-host 域名 启动服务器".into(),
        ),
        Denied::ThroughProxy => (
            S::FORBIDDEN,
            "reads_unsaid",
            "请求经过了代理，说明其他机器也能访问本服务器: 请用 --reads key (持 API 密钥者可读) 或 --reads open \
             (所有人可读) 启动服务器"
                .into(),
        ),
        Denied::MissingReadCredential => (S::UNAUTHORIZED, "missing_api_key", "缺少 API 密钥".into()),
        Denied::MissingBoundKey => (
            S::UNAUTHORIZED,
            "missing_bound_key",
            "上报需要绑定该账户的 API 密钥: jq2qmt key add 名称 --account 账户".into(),
        ),
        Denied::UnknownApiKey => (S::UNAUTHORIZED, "unknown_api_key", "API 密钥无效或已吊销".into()),
        Denied::WrongScope(scope) => {
            (S::FORBIDDEN, "wrong_scope", format!("API 密钥权限不足: 需要 {scope} 权限").into())
        }
        Denied::BoundKey(account) => (
            S::FORBIDDEN,
            "bound_key",
            format!("该密钥绑定账户 {account}: 只能读取该账户的目标和交易日历，并上报").into(),
        ),
        Denied::Unavailable(_) => (S::SERVICE_UNAVAILABLE, "unavailable", "暂时无法验证凭证，请稍后重试".into()),
    };
    let english = match refused {
        Denied::Unavailable(_) => "credentials cannot be checked now; try again shortly".into(),
        other => other.to_string(),
    };
    Text::new(status, code, chinese, english)
}

fn rejected_text(rejected: &Rejected) -> Text {
    use StatusCode as S;
    match rejected {
        Rejected::StaleSequence { last } => {
            Text::new(S::CONFLICT, "stale_sequence", format!("sequence 已过期: 必须大于 {last}"), rejected.to_string())
        }
        Rejected::RevisionMoved { current } => Text::new(
            S::PRECONDITION_FAILED,
            "revision_moved",
            format!("策略已被他人更新: 当前版本为 {current}"),
            rejected.to_string(),
        ),
        Rejected::UnknownStrategy(name) => {
            Text::new(S::NOT_FOUND, "unknown_strategy", format!("策略不存在: {name}"), rejected.to_string())
        }
        Rejected::TokenReplayed => {
            Text::new(S::UNAUTHORIZED, "token_replayed", "认证失败: 令牌已被使用", rejected.to_string())
        }
        Rejected::TokenForgotten => denied_text(&Denied::TokenExpired),
        Rejected::UnknownAccount(name) => {
            missing("unknown_account", format!("账户不存在: {name}"), rejected.to_string())
        }
        Rejected::Guarded(_) => Text::new(
            S::UNPROCESSABLE_ENTITY,
            "guard",
            "推送被检查规则拒绝，目标保持不变",
            "a guard refuses this push; the target stays as it was",
        ),
        Rejected::HoldGone { hold, waiting } => {
            let newer =
                waiting.map_or_else(String::new, |waiting| format!("；现在等待的是推送 {waiting}，请查看后再决定"));
            Text::new(S::CONFLICT, "hold_gone", format!("推送 {hold} 已不在等待{newer}"), rejected.to_string())
        }
        Rejected::WaitingUnsaid(hold) => Text::new(
            S::CONFLICT,
            "waiting_unsaid",
            format!("推送 {hold} 正在等待: 请用 waiting 说明生效 (apply) 还是丢弃 (discard)"),
            rejected.to_string(),
        ),
        Rejected::NothingWaits => Text::new(S::CONFLICT, "nothing_waits", "没有等待的推送", rejected.to_string()),
        Rejected::StaleReport { .. } => {
            Text::new(S::CONFLICT, "stale_report", "已有更晚的上报：较早的上报不再接受", rejected.to_string())
        }
        Rejected::ReportFromFuture { .. } => {
            Text::new(S::BAD_REQUEST, "report_from_future", "上报时间超前：请校准终端机器的时钟", rejected.to_string())
        }
        Rejected::NotLocked => missing("not_locked", "没有被锁定的证券", rejected.to_string()),
        Rejected::WrongState(state) => Text::new(
            S::CONFLICT,
            "wrong_state",
            format!("策略当前状态为 {}，不能这样做: 请先更改状态", state.as_str()),
            rejected.to_string(),
        ),
    }
}
