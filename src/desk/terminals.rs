//! Terminals: one for an account at a time, so that two copies of a trading program never trade against each other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::account::AccountName;
use crate::domain::moment::Moment;

/// For how long after its last word an account is a terminal's.
pub const HELD_FOR: Duration = Duration::from_mins(1);

/// The longest name that a terminal may give itself, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// Who asks for an account's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// What it calls itself for its lifetime; None for one that does not, which is told by its address.
    pub name: Option<String>,
    /// Where it is.
    pub address: IpAddr,
    /// Whether it shows a key that is bound to the account. One that does takes it from one that does not, so that whoever
    /// merely may read cannot keep an account from its terminal.
    pub is_bound: bool,
}

impl Terminal {
    /// Whether both are the same, as far as can be known.
    fn is(&self, other: &Self) -> bool {
        match (&self.name, &other.name) {
            (Some(one), Some(two)) => one == two,
            (None, None) => self.address == other.address,
            _ => false,
        }
    }
}

/// A terminal that holds an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Which one.
    pub terminal: Terminal,
    /// Since when.
    pub since: Moment,
    /// When it was last heard of.
    pub heard_at: Moment,
}

#[derive(Debug)]
struct Seat {
    holder: Holder,
    /// When it was last heard of, by what the clock has run: nobody loses an account because the time was set.
    heard: Duration,
    /// How many of its polls wait for something new.
    waiting: usize,
    contest: Option<Contest>,
}

/// That another terminal asks for an account that one has.
#[derive(Debug, Clone, Copy)]
struct Contest {
    /// From where it asked last.
    address: IpAddr,
    /// When it first asked, and when it did last, by what the clock has run.
    since: Duration,
    last: Duration,
}

/// For how long another terminal is taken to be still asking.
const STILL_ASKING: Duration = Duration::from_mins(2);

/// Who holds which account. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Terminals(Arc<Mutex<HashMap<AccountName, Seat>>>);

/// A poll that waits: its terminal keeps the account meanwhile.
#[derive(Debug)]
pub struct WaitingPoll {
    terminals: Terminals,
    account: AccountName,
    terminal: Terminal,
}

impl Terminals {
    /// Gives a terminal an account, or keeps it for the one that has it. `running` is what the clock has run.
    ///
    /// # Errors
    /// The other terminal that holds it.
    pub fn take(
        &self,
        account: &AccountName,
        terminal: &Terminal,
        now: Moment,
        running: Duration,
    ) -> Result<(), Holder> {
        let mut seats = self.locked();
        if let Some(seat) = seats.get_mut(account) {
            if seat.holder.terminal.is(terminal) {
                seat.heard = running;
                seat.holder.heard_at = now;
                seat.holder.terminal = terminal.clone();
                return Ok(());
            }
            let yields = terminal.is_bound && !seat.holder.terminal.is_bound;
            if !yields && (seat.waiting > 0 || running.saturating_sub(seat.heard) < HELD_FOR) {
                let before = seat.contest.filter(|contest| running.saturating_sub(contest.last) < STILL_ASKING);
                let since = before.map_or(running, |contest| contest.since);
                seat.contest = Some(Contest { address: terminal.address, since, last: running });
                return Err(seat.holder.clone());
            }
        }
        let holder = Holder { terminal: terminal.clone(), since: now, heard_at: now };
        seats.insert(account.clone(), Seat { holder, heard: running, waiting: 0, contest: None });
        Ok(())
    }

    /// Keeps the account for a terminal whose poll waits.
    pub fn waiting(&self, account: &AccountName, terminal: &Terminal) -> WaitingPoll {
        if let Some(seat) = self.locked().get_mut(account).filter(|seat| seat.holder.terminal.is(terminal)) {
            seat.waiting += 1;
        }
        WaitingPoll { terminals: self.clone(), account: account.clone(), terminal: terminal.clone() }
    }

    /// Who holds an account; None when nobody has been heard of for a while.
    pub fn holder(&self, account: &AccountName, running: Duration) -> Option<Holder> {
        let seats = self.locked();
        let seat = seats.get(account)?;
        let holds = seat.waiting > 0 || running.saturating_sub(seat.heard) < HELD_FOR;
        holds.then(|| seat.holder.clone())
    }

    /// When any terminal was last heard of; None when none has been since the server began.
    pub fn last_heard_at(&self) -> Option<Moment> {
        self.locked().values().map(|seat| seat.holder.heard_at).max()
    }

    /// When an account's terminal was last heard of, though it may be gone; None where none was since the server began.
    pub fn heard_at(&self, account: &AccountName) -> Option<Moment> {
        self.locked().get(account).map(|seat| seat.holder.heard_at)
    }

    /// From where another terminal asks for an account that one has. One that begins anew under another name asks for a while
    /// until the account is free: that is not meant.
    pub fn contested(&self, account: &AccountName, running: Duration) -> Option<IpAddr> {
        let contest = self.locked().get(account)?.contest?;
        let lasts = contest.last.saturating_sub(contest.since) > HELD_FOR;
        (lasts && running.saturating_sub(contest.last) < STILL_ASKING).then_some(contest.address)
    }

    /// Frees an account, because the operator says so; false when nobody held it.
    pub fn release(&self, account: &AccountName) -> bool {
        self.locked().remove(account).is_some()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<AccountName, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WaitingPoll {
    fn drop(&mut self) {
        let mut seats = self.terminals.locked();
        if let Some(seat) = seats.get_mut(&self.account).filter(|seat| seat.holder.terminal.is(&self.terminal)) {
            seat.waiting = seat.waiting.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main() -> AccountName {
        AccountName::parse("main").unwrap()
    }

    fn terminal(name: Option<&str>, address: &str) -> Terminal {
        Terminal { name: name.map(str::to_owned), address: address.parse().unwrap(), is_bound: true }
    }

    fn take(terminals: &Terminals, terminal: &Terminal, seconds: u64) -> Result<(), Holder> {
        let now = Moment::from_micros(i64::try_from(seconds).unwrap() * 1_000_000);
        terminals.take(&main(), terminal, now, Duration::from_secs(seconds))
    }

    #[test]
    fn an_account_is_the_first_ones_until_a_minute_after_its_last_word() {
        let terminals = Terminals::default();
        let (one, two) = (terminal(Some("one"), "192.0.2.1"), terminal(Some("two"), "192.0.2.1"));
        take(&terminals, &one, 0).unwrap();
        take(&terminals, &one, 50).unwrap();
        let holder = take(&terminals, &two, 109).unwrap_err();
        assert_eq!((holder.terminal.name.as_deref(), holder.since), (Some("one"), Moment::from_micros(0)));
        take(&terminals, &two, 110).unwrap();
        assert!(take(&terminals, &one, 111).is_err());
    }

    #[test]
    fn who_gives_no_name_is_known_by_the_address() {
        let terminals = Terminals::default();
        take(&terminals, &terminal(None, "192.0.2.1"), 0).unwrap();
        take(&terminals, &terminal(None, "192.0.2.1"), 1).unwrap();
        assert!(take(&terminals, &terminal(None, "192.0.2.2"), 2).is_err());
        assert!(take(&terminals, &terminal(Some("one"), "192.0.2.1"), 3).is_err());
    }

    #[test]
    fn who_merely_reads_keeps_no_account_from_its_terminal() {
        let terminals = Terminals::default();
        let stranger = Terminal { is_bound: false, ..terminal(Some("stranger"), "192.0.2.9") };
        let own = terminal(Some("own"), "192.0.2.1");
        take(&terminals, &stranger, 0).unwrap();
        take(&terminals, &own, 1).unwrap();
        assert!(take(&terminals, &stranger, 2).is_err());
    }

    #[test]
    fn a_terminal_that_waits_keeps_the_account() {
        let terminals = Terminals::default();
        let (one, two) = (terminal(Some("one"), "192.0.2.1"), terminal(Some("two"), "192.0.2.2"));
        take(&terminals, &one, 0).unwrap();
        let waiting = terminals.waiting(&main(), &one);
        assert!(take(&terminals, &two, 1_000).is_err());
        drop(waiting);
        take(&terminals, &two, 1_000).unwrap();
    }

    #[test]
    fn who_asks_on_for_an_account_that_another_has_contests_it() {
        let terminals = Terminals::default();
        let (one, two) = (terminal(Some("one"), "192.0.2.1"), terminal(Some("two"), "192.0.2.2"));
        let contested = |seconds: u64| terminals.contested(&main(), Duration::from_secs(seconds));
        for seconds in (0..=70).step_by(10) {
            take(&terminals, &one, seconds).unwrap();
            assert!(take(&terminals, &two, seconds).is_err());
            assert_eq!(contested(seconds).is_some(), seconds > 60, "{seconds}");
        }
        assert_eq!(contested(189), Some(two.address));
        assert_eq!(contested(190), None, "it has given up");
        take(&terminals, &two, 190).unwrap();
        assert_eq!(contested(190), None);
    }

    #[test]
    fn what_the_operator_frees_is_free() {
        let terminals = Terminals::default();
        take(&terminals, &terminal(Some("one"), "192.0.2.1"), 0).unwrap();
        assert!(terminals.release(&main()) && !terminals.release(&main()));
        take(&terminals, &terminal(Some("two"), "192.0.2.2"), 1).unwrap();
        assert!(terminals.holder(&main(), Duration::from_mins(1)).is_some());
        assert!(terminals.holder(&main(), Duration::from_secs(61)).is_none());
    }
}
