//! What a message says, in both languages: what, which, since when, what the terminal does meanwhile, and where to click.
//! Whoever reads it stands somewhere with a telephone in the hand.

mod report;

use std::cmp::Reverse;

use crate::clock::Zone;
use crate::desk::daily::Daily;
use crate::domain::account::AccountName;
use crate::domain::calendar::Day;
use crate::domain::channel::{Language, Letter, News};
use crate::domain::incident::{Change, Concern, Severity};
use crate::domain::moment::Moment;

pub use self::report::drift_texts;

/// The longest title, in characters: of the longest that every robot takes.
const LONGEST_TITLE: usize = 100;

/// The longest part that somebody else has written, in characters.
const LONGEST_WORDS: usize = 100;

/// How many incidents a message lists that tells of several.
const MOST_LINES: usize = 12;

/// A message, before a robot gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// What a lock screen shows.
    pub(super) title: String,
    /// The rest, in lines.
    pub(super) body: String,
    /// Where to click.
    pub(super) link: String,
    /// How urgent the most urgent is that it tells of; None where it tells of no incident.
    pub(super) severity: Option<Severity>,
    /// What has become of which incidents, for programs.
    pub(super) news: Vec<News>,
    /// The days that it tells of, for programs.
    pub(super) reports: Vec<Day>,
}

/// Who speaks: in which language, by which zone's clocks, and where the pages are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice<'a> {
    /// In which language.
    pub(super) language: Language,
    /// By whose clocks times are told.
    pub(super) zone: &'a Zone,
    /// Where the pages are: `https://example.com`.
    pub(super) base_url: &'a str,
}

/// What is said of a concern.
#[derive(Debug)]
pub struct Said {
    /// What and which.
    pub what: String,
    /// What more there is to it; perhaps empty.
    pub more: String,
    /// What the terminal does until it is over.
    pub meanwhile: &'static str,
    /// The page on which to act.
    pub path: String,
}

/// What is said of a concern where it is shown and not sent.
pub fn said(concern: &Concern, language: Language, zone: &Zone) -> Said {
    Voice { language, zone, base_url: "" }.said(concern)
}

impl Voice<'_> {
    fn pick<T>(&self, chinese: T, english: T) -> T {
        match self.language {
            Language::Zh => chinese,
            Language::En => english,
        }
    }

    /// That a channel works.
    pub(super) fn test(&self, channel: &str) -> Message {
        let (title, body) = self.pick(
            (format!("jq2qmt 测试：{channel}"), "这是一条测试消息：收到它，说明该渠道可用。没有发生任何异常。"),
            (
                format!("jq2qmt test: {channel}"),
                "This is a test: whoever reads it is reached by this channel. Nothing is wrong.",
            ),
        );
        self.message(title, body.to_owned(), "/channels")
    }

    /// What is to be told together, with the reports that it tells of.
    pub(super) fn tell(&self, letters: Vec<Letter>, reports: &[Daily]) -> Message {
        let (mut news, mut days) = (Vec::new(), Vec::new());
        for letter in letters {
            match letter {
                Letter::Incident(one) => news.push(one),
                Letter::Report { report } => days.push(report),
            }
        }
        // Only the first are named: the most urgent ones.
        news.sort_by_key(|one| Reverse(one.step.concern.kind().severity()));
        let severity = news.iter().map(|one| one.step.concern.kind().severity()).max();
        let message = match (&news[..], reports) {
            ([one], []) => self.one(one),
            ([], [report]) => self.report(report),
            _ => self.several(&news, &days),
        };
        Message { severity, news, reports: days, ..message }
    }

    fn one(&self, news: &News) -> Message {
        let said = self.said(&news.step.concern);
        let since = self.since(news);
        let meanwhile = if news.step.change == Change::Ended { "" } else { said.meanwhile };
        let lines = [since.as_str(), said.more.as_str(), meanwhile];
        let body = lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        self.message(self.title(news), body, &said.path)
    }

    fn several(&self, news: &[News], days: &[Day]) -> Message {
        let titles = news.iter().map(|one| self.title(one)).chain(days.iter().map(|day| self.report_title(*day)));
        let mut lines: Vec<String> = titles.take(MOST_LINES).map(|title| format!("· {title}")).collect();
        let count = news.len() + days.len();
        let rest = count.saturating_sub(MOST_LINES);
        if rest > 0 {
            lines.push(self.pick(format!("· 另有 {rest} 件"), format!("· and {rest} more")));
        }
        // Of one kind, they have the terminal's part in common.
        if let [first, ..] = news
            && days.is_empty()
            && first.step.change != Change::Ended
            && news.iter().all(|one| one.topic() == first.topic())
        {
            lines.push(self.said(&first.step.concern).meanwhile.to_owned());
        }
        let title = self.pick(format!("jq2qmt：{count} 件事需要知道"), format!("jq2qmt: {count} things to know"));
        self.message(title, lines.join("\n"), if news.is_empty() { "/reports" } else { "/incidents" })
    }

    /// A message that tells of nothing that programs know.
    fn message(&self, title: String, body: String, path: &str) -> Message {
        Message { title, body, link: self.link(path), severity: None, news: Vec::new(), reports: Vec::new() }
    }

    /// What has become of what, in a line.
    fn title(&self, news: &News) -> String {
        let what = self.said(&news.step.concern).what;
        let mark = match (news.unacknowledged, news.step.change, news.step.concern.kind().severity()) {
            (true, ..) => self.pick("【无人确认】", "[Nobody acknowledged] "),
            (_, Change::Ended, _) => self.pick("【已恢复】", "[Over] "),
            (_, Change::Again, _) => self.pick("【仍在持续】", "[Still so] "),
            (_, Change::Changed, _) => self.pick("【有变化】", "[Changed] "),
            (_, Change::Begun, Severity::Alarm) => self.pick("【警报】", "[Alarm] "),
            (_, Change::Begun, Severity::Warning) => self.pick("【警告】", "[Warning] "),
            (_, Change::Begun, Severity::Notice) => self.pick("【提示】", "[Notice] "),
        };
        short(&format!("{mark}{what}"), LONGEST_TITLE)
    }

    /// Since when, and until when it is over.
    fn since(&self, news: &News) -> String {
        let (from, to) = (self.time(news.step.began_at), self.time(news.step.at));
        if news.step.change == Change::Ended {
            self.pick(format!("发生于 {from}，结束于 {to}。"), format!("From {from} to {to}."))
        } else {
            self.pick(format!("自 {from} 起。"), format!("Since {from}."))
        }
    }

    fn time(&self, moment: Moment) -> String {
        self.zone.seconds(moment)
    }

    fn link(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    fn instruments(&self, instruments: &[String], count: usize) -> String {
        let named = instruments.join(self.pick("、", ", "));
        if count > instruments.len() {
            self.pick(format!("{named} 等 {count} 只"), format!("{named} and others, {count} in all"))
        } else {
            named
        }
    }

    fn said(&self, concern: &Concern) -> Said {
        let (what, more) = self.facts(concern);
        let (chinese, english) = meanwhile(concern);
        Said { what, more, meanwhile: self.pick(chinese, english), path: path(concern) }
    }

    /// What was found in which, and what more there is to it.
    fn facts(&self, concern: &Concern) -> (String, String) {
        match concern {
            Concern::StrategyLate { strategy, due } => {
                let due = self.time(*due);
                self.pick(
                    (format!("策略 {strategy} 没有按时推送"), format!("应在 {due} 之前推送。")),
                    (format!("Strategy {strategy} has not pushed in time"), format!("A push was due by {due}.")),
                )
            }
            Concern::StrategySilent { strategy, since } => {
                let since = self.time(*since);
                self.pick(
                    (format!("策略 {strategy} 今天没有推送"), format!("最近一次推送：{since}。")),
                    (format!("Strategy {strategy} has not pushed today"), format!("Its last push: {since}.")),
                )
            }
            Concern::TerminalSilent { account, since } => {
                let since = self.time(*since);
                self.pick(
                    (format!("账户 {account} 的终端没有来查询目标"), format!("最近一次收到它的消息：{since}。")),
                    (format!("The terminal of account {account} does not ask"), format!("Last heard of at {since}.")),
                )
            }
            Concern::Drift { account, instruments, count, since } => {
                let (named, since) = (self.instruments(instruments, *count), self.time(*since));
                self.pick(
                    (
                        format!("账户 {account} 的持仓与目标不一致：{count} 只"),
                        format!("{named}；不一致始于 {since}。"),
                    ),
                    (format!("Account {account} differs from its target: {count}"), format!("{named}; since {since}.")),
                )
            }
            Concern::PushHeld { strategy, .. } => self.pick(
                (format!("策略 {strategy} 有一次推送等待批准"), "请查看原因，然后批准或丢弃。".to_owned()),
                (
                    format!("A push of strategy {strategy} waits for you"),
                    "See why, then approve or discard it.".to_owned(),
                ),
            ),
            Concern::Locked { account, instruments, count } => {
                let named = self.instruments(instruments, *count);
                self.pick(
                    (
                        format!("账户 {account} 的持仓有不明变动：{count} 只已锁定"),
                        format!("{named}。成交解释不了这些变动。"),
                    ),
                    (
                        format!("Holdings of account {account} changed by other than trades: {count} locked"),
                        format!("{named}. No trade explains the change."),
                    ),
                )
            }
            Concern::BelowZero { instruments, count } => {
                let named = self.instruments(instruments, *count);
                self.pick(
                    (format!("目标总持仓为负：{count} 只"), format!("{named}。手工调整减去的多于策略持有的。")),
                    (
                        format!("The merged total is below zero: {count}"),
                        format!("{named}. More is taken away than there is."),
                    ),
                )
            }
            Concern::RefusedSignatures { address, count } => self.pick(
                (format!("来自 {address} 的推送签名被拒绝：{count} 次"), "密钥配置有误，或有人在尝试。".to_owned()),
                (
                    format!("Pushes from {address} were refused for their signatures: {count}"),
                    "A key is set up wrongly, or somebody tries.".to_owned(),
                ),
            ),
            Concern::OtherTerminal { account, address } => self.pick(
                (format!("另一个终端在查询账户 {account}"), format!("它的地址：{}。", words(address))),
                (format!("Another terminal asks for account {account}"), format!("Its address: {}.", words(address))),
            ),
            Concern::OrdersRejected { account, instrument, count, reason } => {
                self.orders_rejected(account, instrument, *count, reason.as_deref())
            }
            Concern::Backup { made_at, error } => self.backup(*made_at, error.as_deref()),
            Concern::Certificate { expires_at } => self.certificate(*expires_at),
            Concern::Disk { free, total } => self.disk(*free, *total),
            Concern::Clock { ahead } => self.clock(*ahead),
            Concern::CalendarUnknown { from } => self.pick(
                (format!("交易日历不知道 {from} 起哪些日子休市"), "请填入交易所公布的休市日。".to_owned()),
                (
                    format!("The calendar does not know which days from {from} on are closed"),
                    "Enter the closures that the exchanges announced.".to_owned(),
                ),
            ),
        }
    }

    /// That the broker rejects orders.
    fn orders_rejected(
        &self,
        account: &AccountName,
        instrument: &str,
        count: u64,
        reason: Option<&str>,
    ) -> (String, String) {
        let reason = reason.map(words).filter(|reason| !reason.is_empty());
        let says =
            reason.map(|reason| self.pick(format!("柜台的说明：{reason}"), format!("The broker says: {reason}")));
        let what = self.pick(
            format!("账户 {account} 的 {instrument} 委托被拒 {count} 次"),
            format!("Orders for {instrument} in account {account} are rejected: {count}"),
        );
        (what, says.unwrap_or_default())
    }

    /// How the last copy went.
    fn backup(&self, made_at: Option<Moment>, error: Option<&str>) -> (String, String) {
        let made = made_at.map_or_else(|| self.pick("从未".to_owned(), "never".to_owned()), |at| self.time(at));
        let error = error.map(words).unwrap_or_default();
        self.pick(
            (
                if error.is_empty() { "备份过期" } else { "备份失败" }.to_owned(),
                format!("最近一次备份：{made}。{error}"),
            ),
            (
                if error.is_empty() { "The backup is too old" } else { "The backup failed" }.to_owned(),
                format!("The last one was made: {made}. {error}").trim_end().to_owned(),
            ),
        )
    }

    /// When the certificate ends.
    fn certificate(&self, expires_at: Moment) -> (String, String) {
        let at = self.time(expires_at);
        self.pick(
            ("服务器证书即将到期".to_owned(), format!("到期时间：{at}。请更新证书文件，不需要重启。")),
            ("The certificate expires soon".to_owned(), format!("At {at}. Renew its files; no restart is needed.")),
        )
    }

    /// What is free on the disk.
    fn disk(&self, free: u64, total: u64) -> (String, String) {
        let (free, total) = (free >> 20, total >> 20);
        self.pick(
            ("数据库所在磁盘将满".to_owned(), format!("剩余 {free} MiB，共 {total} MiB。")),
            ("The disk of the database is nearly full".to_owned(), format!("{free} MiB of {total} MiB are free.")),
        )
    }

    /// How far the clock is off.
    fn clock(&self, ahead: i64) -> (String, String) {
        let seconds = ahead.unsigned_abs() / 1_000_000;
        let (zh, en) = if ahead < 0 { ("慢", "behind") } else { ("快", "ahead") };
        self.pick(
            (
                format!("服务器时钟{zh}了 {seconds} 秒"),
                "请校准时间；若它是准的，是推送或报告一方的时钟不对。".to_owned(),
            ),
            (
                format!("The server's clock is {seconds} s {en}"),
                "Set it right; or, where it is right, that of the machine that pushes or reports.".to_owned(),
            ),
        )
    }
}

/// What the terminal does until it is over.
const fn meanwhile(concern: &Concern) -> (&'static str, &'static str) {
    match concern {
        Concern::StrategyLate { .. } => (
            "它上一份持仓继续有效；今天还没有推送过的策略，终端不交易它的证券。",
            "Its last list stays in force; where it has not pushed today at all, terminals do not trade its instruments.",
        ),
        Concern::StrategySilent { .. } => (
            "在它推送之前，终端不交易它的证券，持仓保持不变。",
            "Until it pushes, terminals do not trade its instruments: holdings stay as they are.",
        ),
        Concern::TerminalSilent { .. } => (
            "在它恢复之前不会下单，持仓保持不变，目标的变化不会成交。",
            "Until it is back nothing is ordered: holdings stay as they are, and new targets are not traded.",
        ),
        Concern::Drift { .. } => (
            "终端继续向目标交易；已锁定的证券除外。",
            "The terminal goes on trading towards the target, but for what is locked.",
        ),
        Concern::PushHeld { .. } => (
            "批准之前目标保持不变，终端不按它交易。",
            "Until you approve it the target stays as it is, and terminals do not trade on it.",
        ),
        Concern::Locked { .. } => (
            "解除锁定之前，终端不交易这些证券。",
            "Until they are released, the terminal does not trade these instruments.",
        ),
        Concern::BelowZero { .. } => {
            ("终端按零处理：卖出全部，不会做空。", "Terminals take it as zero: they sell all of it, and never short.")
        }
        Concern::RefusedSignatures { .. } => {
            ("这些推送没有生效，目标保持不变。", "None of these pushes counts; targets stay as they are.")
        }
        Concern::OtherTerminal { .. } => (
            "它得不到目标；原来的终端照常交易。",
            "It is told no target; the terminal that has the account trades as before.",
        ),
        Concern::OrdersRejected { .. } => (
            "该证券达不到目标；其他证券照常交易。",
            "This instrument does not reach its target; others are traded as usual.",
        ),
        Concern::Backup { .. } => ("终端照常交易。", "Terminals trade as usual."),
        Concern::Certificate { .. } => (
            "到期之前照常；到期后终端连接不上，不会下单。",
            "Until then all is as usual; afterwards terminals cannot connect and order nothing.",
        ),
        Concern::Disk { .. } => (
            "写满之后推送会被拒绝，目标停留在最后一次推送。",
            "Once it is full pushes are refused, and targets stay at the last ones.",
        ),
        Concern::Clock { .. } => (
            "偏差大时签名会被拒绝，今天的推送可能被当作昨天的：那时终端不交易。",
            "Where it is far off, signatures are refused and today may be taken for another day: terminals then do not trade.",
        ),
        Concern::CalendarUnknown { .. } => (
            "那些日子里缺推送不会报警；没有当天推送的证券，终端不交易。",
            "On those days a missing push raises no alarm, and terminals trade nothing without a push of the day.",
        ),
    }
}

/// The page on which to act.
fn path(concern: &Concern) -> String {
    let encoded =
        |name: &str| percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string();
    match concern {
        Concern::StrategyLate { strategy, .. } | Concern::StrategySilent { strategy, .. } => {
            format!("/strategies/{}", encoded(strategy.as_str()))
        }
        Concern::TerminalSilent { account, .. }
        | Concern::Drift { account, .. }
        | Concern::Locked { account, .. }
        | Concern::OtherTerminal { account, .. }
        | Concern::OrdersRejected { account, .. } => format!("/accounts/{}", encoded(account.as_str())),
        Concern::PushHeld { .. } => "/holds".to_owned(),
        Concern::BelowZero { .. } => "/".to_owned(),
        Concern::RefusedSignatures { .. } => "/keys".to_owned(),
        Concern::CalendarUnknown { .. } => "/calendar".to_owned(),
        Concern::Backup { .. } | Concern::Certificate { .. } | Concern::Disk { .. } | Concern::Clock { .. } => {
            "/incidents".to_owned()
        }
    }
}

/// Words of somebody else's: in one line, and not many.
fn words(text: &str) -> String {
    short(&text.split(char::is_control).collect::<Vec<_>>().join(" "), LONGEST_WORDS)
}

/// As much of a text as has room.
pub(super) fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
