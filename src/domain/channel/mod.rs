//! Channels: over which ways people are told of incidents; who is told of what, when, and how often.

mod bucket;
mod letter;
mod secrets;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::bucket::{A_MINUTE, Bucket, parcels};
pub use self::letter::{Due, Letter, News, Topic};
pub use self::secrets::{Secrets, SecretsError};
use super::account::AccountName;
use super::calendar::{Day, TimeOfDay};
use super::incident::{Change, Kind, Severity, Step};
use super::moment::Moment;
use super::strategy::{NameError, StrategyName};

/// How long what is to be told waits for more of the same.
pub const GROUPING: Duration = Duration::from_secs(30);

/// How long something is tried to be told.
pub const TOLD_WITHIN: Duration = Duration::from_hours(24);

/// After the first attempt that failed the next one comes so much later; then twice as much later, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_mins(30);

/// When a trading day is told of: everything that was traded has been reported by then.
pub const REPORT_AT: TimeOfDay = TimeOfDay::of(15, 30);

/// The longest time without an acknowledgement after which another channel is told: minutes of a day.
const LONGEST_WAIT: u16 = 24 * 60;

/// A channel's name: 1 to 100 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelName(StrategyName);

impl ChannelName {
    /// Reads a name, which follows the rules of strategies' names.
    ///
    /// # Errors
    /// When the text is empty, too long or holds a control character.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        StrategyName::parse(text).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// By whom a channel is carried.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ChannelKind {
    /// A robot of a group in WeCom (企业微信).
    Wecom,
    /// A robot of a group in DingTalk (钉钉).
    Dingtalk,
    /// A robot of a group in Feishu (飞书).
    Feishu,
    /// Bark, an app for iPhones.
    Bark,
    /// PushPlus (推送加), which hands on to WeChat.
    Pushplus,
    /// ServerChan (Server酱), which hands on to WeChat.
    Serverchan,
    /// Mail, over SMTP.
    Mail,
    /// An address of one's own.
    Webhook,
}

/// What a channel is written in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, strum::Display, strum::EnumString, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Language {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

/// Of which kinds of incidents a channel tells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub enum Incidents {
    /// Of all, also of those that a later version knows.
    #[default]
    All,
    /// Of these.
    These(BTreeSet<Kind>),
}

impl Incidents {
    /// Whether a kind is among them.
    pub fn hold(&self, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::These(kinds) => kinds.contains(&kind),
        }
    }
}

impl TryFrom<Vec<String>> for Incidents {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        if words.iter().any(|word| word == "*") {
            return Ok(Self::All);
        }
        if words.is_empty() {
            return Err("incidents must name a kind of incident, or be [\"*\"]".to_owned());
        }
        let kind = |word: &String| word.parse().map_err(|_| format!("there is no kind of incident {word:?}"));
        words.iter().map(kind).collect::<Result<_, _>>().map(Self::These)
    }
}

impl From<Incidents> for Vec<String> {
    fn from(incidents: Incidents) -> Self {
        match incidents {
            Incidents::All => vec!["*".to_owned()],
            Incidents::These(kinds) => kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
        }
    }
}

/// When a channel is quiet, by Shanghai's clocks: what is no alarm waits for its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// From when.
    pub from: TimeOfDay,
    /// Until when; past midnight where that comes before `from`.
    pub to: TimeOfDay,
}

impl Quiet {
    /// When it ends, where a moment lies in it.
    pub fn end(self, now: Moment) -> Option<Moment> {
        let today = Day::of(now);
        let (from, to) = (today.at(self.from), today.at(self.to));
        if self.from <= self.to {
            (from <= now && now < to).then_some(to)
        } else if now < to {
            Some(to)
        } else {
            (from <= now).then(|| today.next().at(self.to))
        }
    }
}

/// Who is told when nobody acknowledges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Over which channel.
    pub to: ChannelName,
    /// After how many minutes.
    pub after: u16,
}

/// What a channel tells, and how. No secret is in it: it is kept in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Terms {
    /// Of which kinds of incidents.
    #[serde(default)]
    pub incidents: Incidents,
    /// Of which accounts' incidents; of all where none is named. What is about no account is told in any case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountName>,
    /// From which severity on.
    #[serde(default = "notice")]
    pub severity: Severity,
    /// When it is quiet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// In which language.
    #[serde(default)]
    pub language: Language,
    /// Who is told when nobody acknowledges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalation>,
    /// Whether it tells what each trading day was like.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub daily: bool,
}

const fn notice() -> Severity {
    Severity::Notice
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            incidents: Incidents::All,
            accounts: Vec::new(),
            severity: notice(),
            quiet: None,
            language: Language::Zh,
            escalate: None,
            daily: false,
        }
    }
}

/// What is wrong with a channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The address, or what goes with it, cannot be used.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Quiet hours that are none.
    #[error("quiet.from and quiet.to must differ")]
    Quiet,
    /// The other channel is the same.
    #[error("escalate.to must be another channel")]
    ToItself,
    /// The other channel does not exist.
    #[error("escalate.to names no channel")]
    ToNobody,
    /// It would be told at once, or never.
    #[error("escalate.after must be 1 to 1440 minutes")]
    After,
    /// Another channel leads to it.
    #[error("another channel escalates to this one")]
    Needed,
    /// A channel that is new has no address yet.
    #[error("url is missing: a new channel, and one of another kind, needs its address")]
    NoAddress,
}

impl Terms {
    /// Whether they fit a channel of that name.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self, name: &ChannelName) -> Result<(), ChannelError> {
        if self.quiet.is_some_and(|quiet| quiet.from == quiet.to) {
            return Err(ChannelError::Quiet);
        }
        match &self.escalate {
            Some(escalation) if escalation.to == *name => Err(ChannelError::ToItself),
            Some(escalation) if !(1..=LONGEST_WAIT).contains(&escalation.after) => Err(ChannelError::After),
            _ => Ok(()),
        }
    }

    /// Whether an incident is told.
    fn tell(&self, step: &Step) -> bool {
        let (kind, account) = (step.concern.kind(), step.concern.account());
        let is_ours = account.is_none_or(|account| self.accounts.is_empty() || self.accounts.contains(account));
        is_ours && kind.severity() >= self.severity && self.incidents.hold(kind)
    }

    /// When something may be told that came up at a moment.
    fn due_at(&self, severity: Severity, now: Moment) -> Moment {
        let quiet = self.quiet.filter(|_| severity < Severity::Alarm);
        quiet.and_then(|quiet| quiet.end(now)).unwrap_or_else(|| now.plus(GROUPING))
    }
}

/// A channel as the history knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// By whom it is carried.
    pub kind: ChannelKind,
    /// Where it leads, without what is secret.
    pub address: String,
    /// Drawn anew with each address and secret, so that the history says when they changed, and nothing of them.
    pub credential: String,
    /// What it tells.
    #[serde(flatten)]
    pub terms: Terms,
}

/// Who is to be told of a step of an incident, and when.
pub fn due<'a>(channels: impl Iterator<Item = (&'a ChannelName, &'a Channel)>, step: &Step) -> Vec<Due> {
    let letter = |unacknowledged| Letter::Incident(News { unacknowledged, step: step.clone() });
    let mut all = Vec::new();
    for (name, channel) in channels.filter(|(_, channel)| channel.terms.tell(step)) {
        // Nobody need be woken because something is over.
        let severity = if step.change == Change::Ended { Severity::Notice } else { step.concern.kind().severity() };
        let at = channel.terms.due_at(severity, step.at);
        all.push(Due { channel: name.clone(), letter: letter(false), at });
        if let Some(escalation) = channel.terms.escalate.as_ref().filter(|_| step.change == Change::Begun) {
            // From when the first channel speaks: nobody can acknowledge what the quiet hours keep.
            let at = at.plus(Duration::from_mins(escalation.after.into()));
            all.push(Due { channel: escalation.to.clone(), letter: letter(true), at });
        }
    }
    all
}

/// Which channels are to tell what a day was like, once it is over.
pub fn reports_due<'a>(
    channels: impl Iterator<Item = (&'a ChannelName, &'a Channel)>,
    day: Day,
    now: Moment,
) -> Vec<Due> {
    let wanted = channels.filter(|(_, channel)| channel.terms.daily);
    let due = |(name, channel): (&ChannelName, &Channel)| {
        let at = channel.terms.due_at(Severity::Notice, now);
        Due { channel: name.clone(), letter: Letter::Report { report: day }, at }
    };
    wanted.map(due).collect()
}

/// How long to wait after so many attempts that failed.
pub fn pause(attempts: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::super::incident::{Concern, IncidentId};
    use super::*;

    fn name(text: &str) -> ChannelName {
        ChannelName::parse(text).unwrap()
    }

    fn channel(terms: Terms) -> Channel {
        Channel { kind: ChannelKind::Wecom, address: String::new(), credential: String::new(), terms }
    }

    /// 2026-01-05, a Monday, at an hour of Shanghai's.
    fn at(hour: i64) -> Moment {
        Moment::from_micros(1_767_542_400_000_000).plus(Duration::from_hours(u64::try_from(hour).unwrap()))
    }

    fn step(concern: Concern, change: Change, at: Moment) -> Step {
        Step { id: IncidentId::new(1), change, concern, began_at: at, at }
    }

    fn drift(account: &str) -> Concern {
        let account = AccountName::parse(account).unwrap();
        Concern::Drift { account, instruments: Vec::new(), count: 1, since: at(9) }
    }

    const DISK: Concern = Concern::Disk { free: 1, total: 100 };
    const BACKUP: Concern = Concern::Backup { made_at: None, error: None };
    const CALENDAR: fn() -> Concern = || Concern::CalendarUnknown { from: Day::of(at(0)) };

    fn told(terms: &Terms, concern: Concern) -> bool {
        terms.tell(&step(concern, Change::Begun, at(10)))
    }

    fn terms(json: &str) -> Result<Terms, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_channel_tells_what_it_was_asked_for() {
        let all = Terms::default();
        assert!(told(&all, DISK) && told(&all, drift("b")) && told(&all, CALENDAR()));
        let some =
            terms(r#"{"incidents": ["drift", "disk", "calendar_unknown"], "accounts": ["a"], "severity": "warning"}"#);
        let some = some.unwrap();
        assert!(told(&some, drift("a")) && told(&some, DISK));
        assert!(!told(&some, drift("b")), "another account's");
        assert!(!told(&some, CALENDAR()), "not urgent enough");
        assert!(!told(&some, BACKUP), "another kind");
        assert_eq!(terms(&serde_json::to_string(&some).unwrap()).unwrap(), some);
        assert!(terms(r#"{"incidents": ["drifts"]}"#).is_err() && terms(r#"{"incidents": []}"#).is_err());
        assert_eq!(terms(r#"{"incidents": ["drift", "*"]}"#).unwrap().incidents, Incidents::All);
    }

    #[test]
    fn quiet_hours_go_by_shanghais_clocks_and_past_midnight() {
        let quiet = |from: &str, to: &str| Quiet { from: from.parse().unwrap(), to: to.parse().unwrap() };
        let night = quiet("22:00", "08:00");
        assert_eq!(night.end(at(7)), Some(at(8)));
        assert_eq!((night.end(at(8)), night.end(at(21))), (None, None));
        assert_eq!(night.end(at(22)), Some(at(32)));
        let lunch = quiet("12:00", "13:00");
        assert_eq!((lunch.end(at(11)), lunch.end(at(12)), lunch.end(at(13))), (None, Some(at(13)), None));
    }

    #[test]
    fn who_is_told_when() {
        let quiet = Some(Quiet { from: "22:00".parse().unwrap(), to: "08:00".parse().unwrap() });
        let escalate = Some(Escalation { to: name("boss"), after: 10 });
        let desk = channel(Terms { quiet, escalate, ..Terms::default() });
        let boss = channel(Terms { severity: Severity::Alarm, ..Terms::default() });
        let (desk_name, boss_name) = (name("desk"), name("boss"));
        let said = |concern: Concern, change, now| -> Vec<(String, bool, Moment)> {
            let channels = [(&desk_name, &desk), (&boss_name, &boss)].into_iter();
            let due = due(channels, &step(concern, change, now)).into_iter();
            due.map(|due| (due.channel.to_string(), due.letter.is_escalation(), due.at)).collect()
        };
        let ten = Duration::from_mins(10);
        let soon = |hour| at(hour).plus(GROUPING);
        let by_day = [("desk".to_owned(), false, soon(10)), ("boss".to_owned(), true, soon(10).plus(ten))];
        assert_eq!(said(BACKUP, Change::Begun, at(10)), by_day);
        assert_eq!(said(BACKUP, Change::Ended, at(10)), [("desk".to_owned(), false, soon(10))]);
        let times = |said: Vec<(String, bool, Moment)>| said.into_iter().map(|said| said.2).collect::<Vec<_>>();
        assert_eq!(times(said(BACKUP, Change::Begun, at(23))), [at(32), at(32).plus(ten)]);
        let alarm = [soon(23), soon(23).plus(ten), soon(23)];
        assert_eq!(times(said(DISK, Change::Begun, at(23))), alarm, "an alarm does not wait");
        assert_eq!(times(said(DISK, Change::Ended, at(23))), [at(32), soon(23)], "its end does");
    }

    #[test]
    fn a_letter_is_read_as_it_was_written() {
        let news = |unacknowledged| News { unacknowledged, step: step(drift("a"), Change::Again, at(9)) };
        let report = Letter::Report { report: Day::of(at(9)) };
        for letter in [Letter::Incident(news(false)), Letter::Incident(news(true)), report] {
            assert_eq!(serde_json::from_str::<Letter>(&serde_json::to_string(&letter).unwrap()).unwrap(), letter);
        }
    }

    #[test]
    fn terms_that_cannot_be_kept_are_refused() {
        let check = |json: &str| terms(json).unwrap().check(&name("desk"));
        assert_eq!(check(r#"{"quiet": {"from": "08:00", "to": "08:00"}}"#), Err(ChannelError::Quiet));
        assert_eq!(check(r#"{"escalate": {"to": "desk", "after": 5}}"#), Err(ChannelError::ToItself));
        assert_eq!(check(r#"{"escalate": {"to": "boss", "after": 0}}"#), Err(ChannelError::After));
        assert_eq!(check(r#"{"escalate": {"to": "boss", "after": 1440}}"#), Ok(()));
    }

    #[test]
    fn pauses_grow_up_to_half_an_hour() {
        let seconds: Vec<u64> = [0, 1, 2, 3, 7, 8, u32::MAX].map(|attempts| pause(attempts).as_secs()).into();
        assert_eq!(seconds, [30, 30, 60, 120, 1_800, 1_800, 1_800]);
    }
}
