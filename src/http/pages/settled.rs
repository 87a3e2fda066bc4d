//! What was settled, member by member, as people read it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::texts::Texts;
use crate::domain::changes::Changes;
use crate::domain::guard::{Finding, RuleName};
use crate::domain::state::State;

/// How many characters of a value are shown.
const MOST: usize = 300;

/// What a push that waits repeats of its revision.
const REPEATED: [&str; 4] = ["at", "actor_kind", "actor", "address"];

/// A member of a document that is another one than before.
pub(super) struct SettledLine {
    member: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl SettledLine {
    /// The members that differ between a document's bodies. That a push waits no more says nothing about its members.
    pub(super) fn all(changes: &Changes) -> Vec<Self> {
        let Changes::Document(change) = changes else { return Vec::new() };
        Self::between(change.before.as_deref(), change.after.as_deref())
    }

    /// The members that differ between two bodies.
    pub(super) fn between(before: Option<&str>, after: Option<&str>) -> Vec<Self> {
        let (before, after) = (members(before), members(after));
        let is_hold = |members: &BTreeMap<String, Value>| members.contains_key("reasons");
        if is_hold(&before) && after.is_empty() {
            return Vec::new();
        }
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let line = |name: &String| {
            let (before, after) = (before.get(name).cloned(), after.get(name).cloned());
            (before != after).then(|| Self { member: name.clone(), before, after })
        };
        names.into_iter().filter_map(line).collect()
    }

    /// What the member is called.
    pub(super) fn word(&self, t: &Texts) -> String {
        word(&self.member, t).map_or_else(|| self.member.clone(), str::to_owned)
    }

    pub(super) fn before(&self, t: &Texts) -> String {
        readable(&self.member, self.before.as_ref(), t)
    }

    pub(super) fn after(&self, t: &Texts) -> String {
        readable(&self.member, self.after.as_ref(), t)
    }
}

/// The members of a body: those of an account beside what is remembered for it, the entries of guards by their patterns.
fn members(body: Option<&str>) -> BTreeMap<String, Value> {
    let mut all = match body.map(serde_json::from_str) {
        Some(Ok(Value::Object(members))) => members,
        Some(Ok(Value::Array(entries))) => entries_by_pattern(entries),
        Some(Ok(other)) => Map::from_iter([("*".to_owned(), other)]),
        _ => Map::new(),
    };
    if let Some(Value::Object(account)) = all.remove("account") {
        all.extend(account);
    }
    // What is said of a checkpoint is for machines, but for these.
    if all.contains_key("seal") {
        all.retain(|name, _| ["revision", "hash", "archive"].contains(&name.as_str()));
    }
    if all.contains_key("reasons") {
        all.retain(|name, _| !REPEATED.contains(&name.as_str()));
    }
    // What says nothing is not told.
    let tells = |value: &Value| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty());
    all.into_iter().filter(|(_, value)| tells(value)).collect()
}

/// Each entry of guards under its place and pattern: the first that covers a strategy counts. What is locked, by its code: shares.
fn entries_by_pattern(entries: Vec<Value>) -> Map<String, Value> {
    let entry = |(n, entry): (usize, Value)| {
        if let Some(code) = entry["code"].as_str() {
            return (code.to_owned(), entry["shares"].clone());
        }
        let pattern = entry["strategies"].as_str().unwrap_or_default();
        (format!("{}. {pattern}", n + 1), entry["rules"].clone())
    };
    entries.into_iter().enumerate().map(entry).collect()
}

/// What a member is called, where it is known.
fn word(member: &str, t: &Texts) -> Option<&'static str> {
    Some(match member {
        "state" => t.state,
        "revision" => t.revision,
        "hash" => t.chain_hash,
        "archive" => t.archive,
        "note" => t.note,
        "target" => t.goes_back_to,
        "paused" => t.topic_pause,
        "by" => t.times,
        "days" => t.days_legend,
        "strategies" => t.strategies,
        "adjustments" => t.adjustments,
        "protected" => t.protected,
        "rounding" => t.rounding,
        "fresh" => t.fresh,
        "costs" => t.costs,
        "broker" => t.broker,
        "former" => t.former,
        "reasons" => t.why_it_waits,
        "list" => t.positions_count,
        "total_value" => t.total_value,
        "open" => t.days_open,
        "closed" => t.days_closed,
        "known_through" => t.known_through,
        "kind" => t.channel_kind,
        "address" => t.channel_address,
        "credential" => t.channel_credential,
        "incidents" => t.channel_incidents,
        "accounts" => t.channel_accounts,
        "severity" => t.channel_severity,
        "quiet" => t.quiet_hours,
        "language" => t.channel_language,
        "escalate" => t.escalation,
        _ => return None,
    })
}

/// A value as a line shows it.
fn readable(member: &str, value: Option<&Value>, t: &Texts) -> String {
    let text = match (member, value) {
        (_, None | Some(Value::Null)) => "–".to_owned(),
        (_, Some(Value::Bool(true))) => t.yes.to_owned(),
        (_, Some(Value::Bool(false))) => t.no.to_owned(),
        ("list", Some(Value::Array(list))) => list.len().to_string(),
        ("reasons" | "strategies" | "protected" | "former", Some(Value::Array(all))) => {
            all.iter().map(|one| item(member, one, t)).collect::<Vec<_>>().join(t.comma)
        }
        (_, Some(Value::Array(all))) if all.is_empty() => "–".to_owned(),
        (_, Some(Value::Array(all))) => all.iter().map(plain).collect::<Vec<_>>().join(t.comma),
        ("costs", Some(Value::Object(costs))) => costs
            .iter()
            .map(|(name, cost)| format!("{} {}", cost_word(name, t), plain(cost)))
            .collect::<Vec<_>>()
            .join(t.comma),
        ("quiet", Some(hours @ Value::Object(_))) => format!("{} – {}", plain(&hours["from"]), plain(&hours["to"])),
        ("escalate", Some(next @ Value::Object(_))) => {
            format!("{} · {} {}", plain(&next["to"]), plain(&next["after"]), t.escalate_after)
        }
        (_, Some(Value::Object(rules))) => {
            rules.iter().map(|(name, rule)| rule_words(name, rule, t)).collect::<Vec<_>>().join(t.comma)
        }
        (member, Some(Value::String(text))) => value_word(member, text, t).map_or_else(|| text.clone(), str::to_owned),
        (_, Some(other)) => other.to_string(),
    };
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An element of a member that is a list.
fn item(member: &str, value: &Value, t: &Texts) -> String {
    match member {
        "strategies" => format!("{} × {}", plain(&value["name"]), plain(&value["scale"])),
        "protected" if value["volume"].is_null() => format!("{} {}", plain(&value["code"]), t.never_traded),
        "protected" => format!("{} {}", plain(&value["code"]), plain(&value["volume"])),
        "former" => plain(&value[0]),
        _ => reason(value, t).unwrap_or_else(|| value.to_string()),
    }
}

/// Why a push waits.
fn reason(value: &Value, t: &Texts) -> Option<String> {
    if let Some(state) = value["state"].as_str() {
        return state.parse::<State>().ok().map(|state| t.of_state(&state).to_owned());
    }
    let finding = Finding::deserialize(&value["guard"]).ok()?;
    Some(t.of_finding(&finding))
}

fn cost_word<'a>(name: &'a str, t: &Texts) -> &'a str {
    match name {
        "commission" => t.commission,
        "least" => t.least,
        "duty" => t.duty,
        "transfer" => t.transfer,
        other => other,
    }
}

/// A rule of a guard: what it looks at, its limit, and what it does.
fn rule_words(name: &str, rule: &Value, t: &Texts) -> String {
    let known = name.parse::<RuleName>().ok();
    let words = known.map_or(name, |rule| t.of_rule(&rule));
    let limit = ["over", "minutes", "times"].iter().find_map(|member| rule.get(*member));
    let limit = limit.map(|limit| format!(" {}", readable("", Some(limit), t))).unwrap_or_default();
    let then = rule["then"].as_str().unwrap_or_default();
    format!("{words}{limit} → {}", value_word("then", then, t).unwrap_or(then))
}

/// What a word of a document is called.
fn value_word(member: &str, text: &str, t: &Texts) -> Option<&'static str> {
    Some(match (member, text) {
        ("state", _) => t.of_state(&text.parse().ok()?),
        ("then", "warn") => t.then_warn,
        ("then", "hold") => t.then_hold,
        ("then", "reject") => t.then_reject,
        ("days", "trading") => t.days_trading,
        ("days", "all") => t.days_all,
        ("adjustments", "all") => t.all_adjustments,
        ("rounding", "nearest") => t.rounding_nearest,
        ("rounding", "down") => t.rounding_down,
        ("fresh", "today") => t.fresh_today,
        ("fresh", "any") => t.fresh_any,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::texts::{CHINESE, ENGLISH};
    use super::*;

    fn read(before: Option<&str>, after: Option<&str>, t: &Texts) -> Vec<String> {
        let lines = SettledLine::between(before, after);
        lines.iter().map(|line| format!("{}: {} → {}", line.word(t), line.before(t), line.after(t))).collect()
    }

    #[test]
    fn documents_are_told_in_words() {
        assert_eq!(
            read(None, Some(r#"{"state":"frozen","note":"<b>"}"#), &CHINESE),
            ["备注: – → <b>", "状态: – → 冻结"]
        );
        let account = r#"{"account":{"strategies":[{"name":"alpha","scale":"0.5"}],"adjustments":"all"},"former":[["000001.SZ",null]]}"#;
        assert_eq!(
            read(
                Some(r#"{"account":{"strategies":[{"name":"alpha","scale":"1"}],"adjustments":"all"}}"#),
                Some(account),
                &ENGLISH
            ),
            ["wanted before: – → 000001.SZ", "Strategies: alpha × 1 → alpha × 0.5"]
        );
        let channel = r#"{"kind":"mail","quiet":{"from":"22:00","to":"08:00"},"escalate":{"to":"boss","after":10}}"#;
        assert_eq!(
            read(None, Some(channel), &ENGLISH),
            [
                "When nobody acknowledges, tell: – → boss · 10 minutes later",
                "Kind: – → mail",
                "Quiet hours (Shanghai; alarms come through): – → 22:00 – 08:00"
            ]
        );
        let guards = r#"[{"strategies":"a*","rules":{"grows":{"over":3,"then":"hold"}}}]"#;
        assert_eq!(
            read(Some("[]"), Some(guards), &ENGLISH),
            ["1. a*: – → grows: invested cost grows by more than a factor 3 → hold"]
        );
    }

    #[test]
    fn a_push_that_waits_is_told_by_its_reasons_and_one_that_waits_no_more_by_nothing() {
        let hold = r#"{"at":1,"actor_kind":"client","actor":"a","list":[[1,2],[3,4]],"reasons":[{"state":"flat"}]}"#;
        assert_eq!(read(None, Some(hold), &CHINESE), ["持仓数: – → 2", "等待的原因: – → 清零"]);
        assert_eq!(read(Some(hold), None, &CHINESE), [""; 0]);
    }
}
