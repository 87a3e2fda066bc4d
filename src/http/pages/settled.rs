//! What was settled, member by member, as people read it. A kind of document or a member that is new does not compile here
//! until it has a word.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;

use super::super::incident_text::{kind_texts, severity_texts};
use super::texts::Texts;
use super::view::View;
use crate::domain::account::{Account, Adjustments, Costs, Protected, Share};
use crate::domain::book::Mark;
use crate::domain::calendar::Calendar;
use crate::domain::changes::DocumentChange;
use crate::domain::channel::{Channel, Escalation, Incidents, Language, Quiet, Terms};
use crate::domain::checkpoint::Checkpoint;
use crate::domain::guard::{Flips, Guard, Hours, Over, Plain, RuleName, Rules, Then};
use crate::domain::hold::Hold;
use crate::domain::lock::Lock;
use crate::domain::position::PositionList;
use crate::domain::revision::{Revision, Topic};
use crate::domain::settings::{Former, Setting, Settled};
use crate::domain::state::{Pause, Standing};
use crate::ledger::read_setting;

/// How many characters of a value are shown.
const MOST: usize = 300;

/// A member of a document that is another one than before.
pub(super) struct SettledLine {
    pub(super) word: String,
    pub(super) before: String,
    pub(super) after: String,
}

impl SettledLine {
    /// The members that differ between a document's bodies.
    pub(super) fn all(topic: &Topic, change: &DocumentChange, v: &View) -> Vec<Self> {
        // Read without its mark, a push that waits names the revision that noted it first only where that is another.
        let read = |body| read_setting(topic, Some(body), Mark::START).map_err(|_| body);
        let [before, after] = [&change.before, &change.after].map(|body| body.as_deref().map(read));
        let waits = |side: &Option<Result<Setting, &str>>| matches!(side, Some(Ok(Setting::Hold(_))));
        if waits(&before) && !waits(&after) {
            // That a push waits no more says nothing about its members.
            return Vec::new();
        }
        let [before, after] = [&before, &after].map(|side| match side {
            None => Vec::new(),
            Some(Ok(setting)) => of_setting(setting, v),
            // By another version, perhaps: it is shown as it was written.
            Some(Err(body)) => told([(v.t.as_written, Some((*body).to_owned()))]),
        });
        Self::between(&before, &after, v.t)
    }

    /// What differs between two ways to settle an account; None for none.
    pub(super) fn of_account(before: Option<&Account>, after: Option<&Account>, v: &View) -> Vec<Self> {
        let [before, after] = [before, after].map(|account| account.map(|it| of_account(it, v.t)).unwrap_or_default());
        Self::between(&before, &after, v.t)
    }

    /// What differs between two calendars.
    pub(super) fn of_calendar(before: &Calendar, after: &Calendar, v: &View) -> Vec<Self> {
        Self::between(&of_calendar(before, v.t), &of_calendar(after, v.t), v.t)
    }

    fn between(before: &[Member], after: &[Member], t: &Texts) -> Vec<Self> {
        let mut later: HashMap<&str, &Member> = after.iter().map(|member| (&*member.word, member)).collect();
        let mut both: Vec<_> = before.iter().map(|member| (Some(member), later.remove(&*member.word))).collect();
        both.extend(after.iter().filter(|one| later.contains_key(&*one.word)).map(|one| (None, Some(one))));
        let line = |(before, after): (Option<&Member>, Option<&Member>)| {
            let word = before.or(after).filter(|_| before != after)?.word.to_string();
            let (before, mut after) = (shown(before), shown(after));
            if before == after {
                after = t.differs(&after);
            }
            Some(Self { word, before, after })
        };
        both.into_iter().filter_map(line).collect()
    }
}

/// What a document says of one thing.
#[derive(PartialEq)]
struct Member<'a> {
    word: Cow<'static, str>,
    text: String,
    /// The list of which the text says only how long it is.
    list: Option<&'a PositionList>,
}

fn shown(member: Option<&Member>) -> String {
    let text = member.map_or("–", |member| &member.text);
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The members that say something.
fn told<'a, W: Into<Cow<'static, str>>>(members: impl IntoIterator<Item = (W, Option<String>)>) -> Vec<Member<'a>> {
    let said = |(word, text): (W, Option<String>)| {
        let text = text.filter(|text| !text.is_empty())?;
        Some(Member { word: word.into(), text, list: None })
    };
    members.into_iter().filter_map(said).collect()
}

fn joined(all: impl IntoIterator<Item = impl Display>, t: &Texts) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(t.comma)
}

fn yes_or_no(is_so: bool, t: &Texts) -> String {
    if is_so { t.yes } else { t.no }.to_owned()
}

fn of_setting<'a>(setting: &'a Setting, v: &View) -> Vec<Member<'a>> {
    let t = v.t;
    match setting {
        Setting::State(Standing { state, note, target, said_at }) => told([
            (t.state, Some(t.of_state(state).to_owned())),
            (t.note, note.clone()),
            (t.goes_back_to, target.map(|target| target.to_string())),
            (t.said_at, said_at.map(|at| v.time(&at))),
        ]),
        Setting::Hold(Some(hold)) => of_hold(hold, t),
        Setting::Hold(None) | Setting::Schedule(None) | Setting::Channel(None) => Vec::new(),
        Setting::Taken(sequence) => told([(t.last_sequence, Some(sequence.to_string()))]),
        Setting::Schedule(Some(schedule)) => {
            let (by, days) = schedule.parts();
            told([(t.times, Some(joined(by, t))), (t.days_legend, Some(t.of_days(&days).to_owned()))])
        }
        // Name and revision are those of the document.
        Setting::Account(Settled { name: _, account, former, mark: _ }) => {
            let mut members = of_account(account, t);
            members.extend(of_former(former, t));
            members
        }
        Setting::NoAccount(former) => of_former(former, t),
        Setting::Pause(Pause { paused, note }) => {
            told([(t.topic_pause, Some(yes_or_no(*paused, t))), (t.note, note.clone())])
        }
        Setting::Guards(guards) => {
            // Under their places and patterns: the first that covers a strategy counts.
            let entry = |(n, Guard { strategies, rules }): (usize, &Guard)| {
                (format!("{}. {}", n + 1, strategies.as_str()), Some(of_rules(rules, t)))
            };
            told(guards.entries().iter().enumerate().map(entry))
        }
        Setting::Locks(locks) => {
            // Since when is told by the revision.
            let lock = |Lock { code, shares, at: _ }: &Lock| (code.to_string(), Some(shares.to_string()));
            told(locks.iter().map(lock))
        }
        Setting::Calendar(calendar) => of_calendar(calendar, t),
        Setting::Channel(Some(channel)) => of_channel(channel, t),
        // The rest is for machines.
        Setting::Checkpoint(Checkpoint { revision, at: _, hash, seal: _, archive, revisions: _ }) => told([
            (t.revision, Some(revision.to_string())),
            (t.chain_hash, Some(hash.clone())),
            (t.archive, Some(archive.clone())),
        ]),
    }
}

/// Who pushed, when and from where is told by the revision.
fn of_hold<'a>(hold: &'a Hold, t: &Texts) -> Vec<Member<'a>> {
    let Hold { id, at: _, actor: _, address: _, list, total_value, sequence, reasons } = hold;
    let mut members = vec![Member { word: t.positions_count.into(), text: list.len().to_string(), list: Some(list) }];
    members.extend(told([
        (t.why_it_waits, Some(joined(reasons.iter().map(|reason| t.of_reason(reason)), t))),
        (t.waits_since, (*id != Revision::NONE).then(|| id.to_string())),
        (t.total_value, total_value.map(|value| value.to_string())),
        (t.last_sequence, sequence.map(|sequence| sequence.to_string())),
    ]));
    members
}

fn of_account(account: &Account, t: &Texts) -> Vec<Member<'static>> {
    let Account { strategies, adjustments, protected, rounding, fresh, costs, broker } = account;
    let share = |Share { name, scale }: &Share| format!("{name} × {scale}");
    let own = |Protected { code, volume }: &Protected| match volume {
        Some(volume) => format!("{code} {volume}"),
        None => format!("{code} {}", t.never_traded),
    };
    let cost = |Costs { commission, least, duty, transfer }: &Costs| {
        let all = [(t.commission, commission), (t.least, least), (t.duty, duty), (t.transfer, transfer)];
        joined(all.map(|(word, cost)| format!("{word} {cost}")), t)
    };
    told([
        (t.strategies, Some(joined(strategies.iter().map(share), t))),
        (
            t.adjustments,
            Some(match adjustments {
                Adjustments::All => t.all_adjustments.to_owned(),
                Adjustments::Named(names) => joined(names, t),
            }),
        ),
        (t.protected, Some(joined(protected.iter().map(own), t))),
        (t.rounding, Some(t.of_rounding(rounding).to_owned())),
        (t.fresh, Some(t.of_fresh(fresh).to_owned())),
        (t.costs, costs.as_ref().map(cost)),
        (t.broker, broker.clone()),
    ])
}

fn of_former(former: &[Former], t: &Texts) -> Vec<Member<'static>> {
    let one = |Former { code, name }: &Former| match name {
        Some(name) => format!("{code} {name}"),
        None => code.to_string(),
    };
    told([(t.former, Some(joined(former.iter().map(one), t)))])
}

/// The rules that are on: what each looks at, its limit, and what it does.
fn of_rules(rules: &Rules, t: &Texts) -> String {
    let Rules {
        empty,
        shrinks,
        grows,
        turnover,
        instrument_share,
        instrument_cost,
        invested,
        instruments,
        unknown_code,
        flips,
        twin,
        hours,
        sequence_leap,
    } = rules;
    let words = |rule, limit: &str, then: &Then| {
        let blank = if limit.is_empty() { "" } else { " " };
        format!("{}{blank}{limit} → {}", t.of_rule(&rule), t.of_then(then))
    };
    let plain = |rule, on: &Option<Plain>| on.as_ref().map(|Plain { then }| words(rule, "", then));
    let over = |rule, on: &Option<Over>| on.as_ref().map(|Over { over, then }| words(rule, &over.to_string(), then));
    let all = [
        plain(RuleName::Empty, empty),
        over(RuleName::Shrinks, shrinks),
        over(RuleName::Grows, grows),
        over(RuleName::Turnover, turnover),
        over(RuleName::InstrumentShare, instrument_share),
        over(RuleName::InstrumentCost, instrument_cost),
        over(RuleName::Invested, invested),
        over(RuleName::Instruments, instruments),
        plain(RuleName::UnknownCode, unknown_code),
        flips.as_ref().map(|Flips { minutes, then }| words(RuleName::Flips, &minutes.to_string(), then)),
        plain(RuleName::Twin, twin),
        hours.as_ref().map(|Hours { times, then }| words(RuleName::Hours, &joined(times, t), then)),
        plain(RuleName::SequenceLeap, sequence_leap),
    ];
    let on: Vec<String> = all.into_iter().flatten().collect();
    if on.is_empty() { t.no_rule.to_owned() } else { on.join(t.comma) }
}

fn of_calendar(calendar: &Calendar, t: &Texts) -> Vec<Member<'static>> {
    let (open, closed, known_through) = calendar.parts();
    told([
        (t.days_open, Some(joined(open, t))),
        (t.days_closed, Some(joined(closed, t))),
        (t.known_through, known_through.map(|day| day.to_string())),
    ])
}

fn of_channel(channel: &Channel, t: &Texts) -> Vec<Member<'static>> {
    let Channel { kind, address, credential, terms } = channel;
    let Terms { incidents, accounts, severity, quiet, language, escalate, daily } = terms;
    let pick = |(chinese, english)| t.pick(chinese, english);
    let incidents = match incidents {
        Incidents::All => t.all_incidents.to_owned(),
        Incidents::These(kinds) => joined(kinds.iter().map(|kind| pick(kind_texts(*kind))), t),
    };
    // As the form offers them.
    let language = match language {
        Language::Zh => "中文".to_owned(),
        Language::En => "English".to_owned(),
    };
    told([
        (t.channel_kind, Some(t.of_channel_kind(kind).to_owned())),
        (t.channel_address, Some(address.clone())),
        (t.channel_credential, Some(credential.clone())),
        (t.channel_incidents, Some(incidents)),
        (t.daily_report, Some(yes_or_no(*daily, t))),
        (t.channel_severity, Some(pick(severity_texts(*severity)).to_owned())),
        (t.accounts, Some(joined(accounts, t))),
        (t.quiet_hours, quiet.map(|Quiet { from, to }| format!("{from} – {to}"))),
        (t.channel_language, Some(language)),
        (
            t.escalation,
            escalate.as_ref().map(|Escalation { to, after }| format!("{to} · {after} {}", t.escalate_after)),
        ),
    ])
}
