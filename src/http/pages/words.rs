//! What values of the domain are called, in both languages.

use super::super::reason_text::{ReasonDto, hold_texts};
use super::texts::Texts;
use crate::alert::drift_texts;
use crate::domain::account::Fresh;
use crate::domain::board::{Board, Rounding};
use crate::domain::calendar::Weekday;
use crate::domain::channel::ChannelKind;
use crate::domain::code::Code;
use crate::domain::drift::DriftPart;
use crate::domain::guard::{Finding, RuleName, Then};
use crate::domain::hold::Reason;
use crate::domain::report;
use crate::domain::revision::RevisionKind;
use crate::domain::schedule::{Days, Punctuality};
use crate::domain::state::State;
use crate::domain::target::HoldReason;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "templates call methods, by reference")]
impl Texts {
    /// What a kind of revision is called.
    pub(super) const fn of_kind(&self, kind: &RevisionKind) -> &'static str {
        match kind {
            RevisionKind::Push => self.kind_push,
            RevisionKind::Edit => self.kind_edit,
            RevisionKind::Restore => self.kind_restore,
            RevisionKind::Remove => self.kind_remove,
            RevisionKind::Import => self.kind_import,
            RevisionKind::Approve => self.kind_approve,
            RevisionKind::Flat => self.kind_flat,
            RevisionKind::Sequence => self.kind_sequence,
            RevisionKind::Set => self.kind_set,
            RevisionKind::Withdraw => self.kind_withdraw,
            RevisionKind::Hold => self.kind_hold,
            RevisionKind::Discard => self.kind_discard,
            RevisionKind::Supersede => self.kind_supersede,
            RevisionKind::Lock => self.kind_lock,
            RevisionKind::Release => self.kind_release,
            RevisionKind::Compact => self.kind_compact,
            RevisionKind::Expire => self.kind_expire,
        }
    }

    /// What a day of the week is called.
    pub(super) const fn of_weekday(&self, day: &Weekday) -> &'static str {
        match day {
            Weekday::Monday => self.on_monday,
            Weekday::Tuesday => self.on_tuesday,
            Weekday::Wednesday => self.on_wednesday,
            Weekday::Thursday => self.on_thursday,
            Weekday::Friday => self.on_friday,
            Weekday::Saturday => self.on_saturday,
            Weekday::Sunday => self.on_sunday,
        }
    }

    /// What a state is called.
    pub(super) const fn of_state(&self, state: &State) -> &'static str {
        match state {
            State::Live => self.state_live,
            State::Frozen => self.state_frozen,
            State::Flat => self.state_flat,
            State::Closed => self.state_closed,
        }
    }

    /// What a state means to the terminal, once it is so.
    pub(super) const fn meaning_of(&self, state: &State) -> &'static str {
        match state {
            State::Live => self.meaning_live,
            State::Frozen => self.meaning_frozen,
            State::Flat => self.meaning_flat,
            State::Closed => self.meaning_closed,
        }
    }

    /// What it is called to bring a strategy into a state.
    pub(super) const fn deed_of(&self, state: &State) -> &'static str {
        match state {
            State::Live => self.make_live,
            State::Frozen => self.make_frozen,
            State::Flat => self.make_flat,
            State::Closed => self.delete,
        }
    }

    /// How a strategy keeps its schedule.
    /// What a kind of conflict is called, and what it means.
    pub(super) fn of_conflict(&self, kind: &str) -> (&'static str, &'static str) {
        match kind {
            "crossing" => (self.conflict_crossing, self.crossing_lead),
            "negative" => (self.conflict_negative, self.negative_lead),
            "adjustment" => (self.conflict_adjustment, self.adjustment_lead),
            _ => (self.conflict_shared, self.shared_lead),
        }
    }

    pub(super) const fn of_punctuality(&self, punctuality: &Punctuality) -> &'static str {
        match punctuality {
            Punctuality::OnTime => self.on_time,
            Punctuality::Late => self.late,
            Punctuality::Silent => self.silent,
            Punctuality::NotDue => self.not_due,
            Punctuality::Unknown => self.day_unknown,
        }
    }

    /// Which days a schedule is about.
    pub(super) const fn of_days(&self, days: &Days) -> &'static str {
        match days {
            Days::Trading => self.days_trading,
            Days::All => self.days_all,
        }
    }

    /// What happens to a push that a rule finds something in.
    pub(super) const fn of_then(&self, then: &Then) -> &'static str {
        match then {
            Then::Warn => self.then_warn,
            Then::Hold => self.then_hold,
            Then::Reject => self.then_reject,
        }
    }

    /// What a rule looks at.
    pub(super) const fn of_rule(&self, rule: &RuleName) -> &'static str {
        match rule {
            RuleName::Empty => self.rule_empty,
            RuleName::Shrinks => self.rule_shrinks,
            RuleName::Grows => self.rule_grows,
            RuleName::Turnover => self.rule_turnover,
            RuleName::InstrumentShare => self.rule_instrument_share,
            RuleName::InstrumentCost => self.rule_instrument_cost,
            RuleName::Invested => self.rule_invested,
            RuleName::Instruments => self.rule_instruments,
            RuleName::UnknownCode => self.rule_unknown_code,
            RuleName::Flips => self.rule_flips,
            RuleName::Twin => self.rule_twin,
            RuleName::Hours => self.rule_hours,
            RuleName::SequenceLeap => self.rule_sequence_leap,
        }
    }

    /// How volumes become lots.
    pub(super) const fn of_rounding(&self, rounding: &Rounding) -> &'static str {
        match rounding {
            Rounding::Nearest => self.rounding_nearest,
            Rounding::Down => self.rounding_down,
        }
    }

    /// Whose word a line needs.
    pub(super) const fn of_fresh(&self, fresh: &Fresh) -> &'static str {
        match fresh {
            Fresh::Today => self.fresh_today,
            Fresh::Any => self.fresh_any,
        }
    }

    /// By whom a channel is carried.
    pub(super) const fn of_channel_kind(&self, kind: &ChannelKind) -> &'static str {
        match kind {
            ChannelKind::Wecom => self.channel_wecom,
            ChannelKind::Dingtalk => self.channel_dingtalk,
            ChannelKind::Feishu => self.channel_feishu,
            ChannelKind::Bark => "Bark",
            ChannelKind::Pushplus => "PushPlus",
            ChannelKind::Serverchan => self.channel_serverchan,
            ChannelKind::Mail => self.channel_mail,
            ChannelKind::Webhook => "Webhook",
        }
    }

    /// Why a push waits.
    pub(super) fn of_reason(&self, reason: &Reason) -> String {
        let reason = ReasonDto::of_hold(reason);
        self.pick(reason.text, reason.message)
    }

    /// What a guard found.
    pub(super) fn of_finding(&self, finding: &Finding) -> String {
        let reason = ReasonDto::of(finding);
        self.pick(reason.text, reason.message)
    }

    /// Why a part of a difference is there: in the terminal's own words where it gives some.
    pub(super) fn of_drift(&self, part: &DriftPart) -> String {
        let (chinese, english) = drift_texts(part.reason);
        part.words.as_deref().unwrap_or_else(|| self.pick(chinese, english)).to_owned()
    }

    /// Why something differs, in our words.
    pub(super) fn of_drift_reason(&self, reason: &report::Reason) -> &'static str {
        let (chinese, english) = drift_texts(*reason);
        self.pick(chinese, english)
    }

    /// Why a line is not traded.
    pub(super) fn of_line_hold(&self, reason: &HoldReason) -> String {
        let (_, chinese, english) = hold_texts(reason);
        self.pick(chinese, english)
    }

    /// What volumes of an instrument count.
    pub(super) fn unit_of(&self, code: &Code) -> &'static str {
        match Board::of(&code.instrument()) {
            Some(board) if board.same_day => self.unit_bonds,
            Some(board) if !board.is_of_shares() => self.unit_funds,
            _ => self.unit_shares,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::texts::{CHINESE, ENGLISH};
    use super::*;

    #[test]
    fn volumes_count_what_is_traded() {
        for (code, chinese, english) in [
            ("600519.SH", "股", "shares"),
            ("510300.SH", "份", "units"),
            ("113050.SH", "张", "bonds"),
            ("X", "股", "shares"),
        ] {
            let code = Code::parse(code).unwrap();
            assert_eq!((CHINESE.unit_of(&code), ENGLISH.unit_of(&code)), (chinese, english), "{code}");
        }
    }
}
