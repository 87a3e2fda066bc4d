//! What contradicts what: lists against each other, overlays against lists, accounts that share a broker's.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use strum::IntoStaticStr;

use super::account::AccountName;
use super::book::{Book, sums};
use super::code::{Code, Instrument};
use super::decimal::{Scaled, Volume};
use super::moment::Moment;
use super::position::InstrumentChange;
use super::strategy::{Kind, StrategyName};
use super::target::{HoldReason, TargetLine};
use super::total::Selection;

/// Something that contradicts something else, in one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The instrument, as somebody spelled it.
    pub code: Code,
    /// What it is called, where that was said.
    pub name: Option<SmolStr>,
    /// What is the matter.
    pub matter: Matter,
}

/// What contradicts what. Volumes are shares.
#[derive(Debug, Clone, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Matter {
    /// Some strategies bought what others sold.
    Crossing {
        /// Who bought how much.
        buys: Vec<(StrategyName, Volume)>,
        /// Who sold how much.
        sells: Vec<(StrategyName, Volume)>,
        /// How much of it would change hands among them.
        volume: Volume,
    },
    /// Less than nothing is wanted.
    Negative(Short),
    /// An overlay takes away what is not there, or what a strategy has just bought.
    Adjustment {
        /// The overlay.
        overlay: StrategyName,
        /// How much it takes away.
        takes: Volume,
        /// How much the strategies want.
        wanted: Volume,
        /// Who bought how much lately.
        bought: Vec<(StrategyName, Volume)>,
    },
    /// Several accounts that are one at the broker's follow it: each takes the holdings of all for its own.
    Shared {
        /// What the broker calls that account.
        broker: String,
        /// What each of them is to hold.
        accounts: Vec<(AccountName, Volume)>,
    },
}

/// Where less than nothing is wanted, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Short {
    /// In the total over all lists.
    Total(Volume),
    /// In an account.
    Account(AccountName, Scaled),
}

impl Matter {
    /// Every kind.
    pub const KINDS: [&str; 4] = ["crossing", "negative", "adjustment", "shared"];

    /// The kind of it, as it is answered.
    pub fn kind(&self) -> &'static str {
        self.into()
    }
}

/// What an account is to hold, as far as its strategies are known: one that stands still trades again once they are.
struct Wish<'a> {
    account: &'a AccountName,
    broker: Option<&'a str>,
    lines: Vec<TargetLine>,
    is_complete: bool,
}

/// What strategies bought and sold within a time, instrument by instrument.
#[derive(Debug, Clone, Default)]
pub struct Moves(BTreeMap<Instrument, Moved>);

#[derive(Debug, Clone)]
struct Moved {
    code: Code,
    name: Option<SmolStr>,
    /// By how much each strategy's target rose, below zero where it fell.
    net: BTreeMap<StrategyName, Volume>,
}

impl Moves {
    /// Adds what a revision changed in a strategy's list. What an overlay adds and takes is nobody's trade.
    pub fn note(&mut self, strategy: &StrategyName, changes: &[InstrumentChange]) {
        if strategy.kind() == Kind::Adjustment {
            return;
        }
        for change in changes {
            let Some(placed) = change.after.first().or(change.before.first()) else { continue };
            let (code, name) = (placed.position.code(), placed.position.name());
            let moved = self.0.entry(change.instrument.clone()).or_insert_with(|| Moved {
                code: code.clone(),
                name: name.map(SmolStr::from),
                net: BTreeMap::new(),
            });
            *moved.net.entry(strategy.clone()).or_default() += sums(&change.after).0 - sums(&change.before).0;
        }
    }

    /// Who bought how much of an instrument.
    fn buys(&self, instrument: &Instrument) -> Vec<(StrategyName, Volume)> {
        self.0.get(instrument).map(Moved::buys).unwrap_or_default()
    }
}

impl Moved {
    fn buys(&self) -> Vec<(StrategyName, Volume)> {
        let bought = self.net.iter().filter(|(_, volume)| **volume > Volume::default());
        bought.map(|(name, volume)| (name.clone(), *volume)).collect()
    }

    fn sells(&self) -> Vec<(StrategyName, Volume)> {
        let sold = self.net.iter().filter(|(_, volume)| **volume < Volume::default());
        sold.map(|(name, volume)| (name.clone(), Volume::default() - *volume)).collect()
    }
}

fn sum(parts: &[(StrategyName, Volume)]) -> Volume {
    parts.iter().map(|(_, volume)| *volume).sum()
}

impl Book {
    /// Everything that contradicts something else: kind by kind, instrument by instrument. `moves` are what strategies
    /// bought and sold lately, at `now`.
    pub fn conflicts(&self, moves: &Moves, now: Moment) -> Vec<Conflict> {
        let accounts = self.settings().accounts();
        let targets: Vec<Wish<'_>> = accounts
            .map(|(account, settled)| {
                let (lines, is_complete) = self.known_lines(settled, now);
                Wish { account, broker: settled.account.broker.as_deref(), lines, is_complete }
            })
            .collect();
        let mut conflicts = crossings(moves);
        conflicts.extend(self.negatives(&targets));
        conflicts.extend(self.contradicting(moves));
        conflicts.extend(shared(&targets));
        conflicts
    }

    fn negatives(&self, targets: &[Wish<'_>]) -> Vec<Conflict> {
        // The selection of all names nobody who could be unknown.
        let total = self.total(&Selection::All).map(|total| total.lines).unwrap_or_default();
        let in_total = total.into_iter().filter(|line| line.volume < Volume::default()).map(|line| Conflict {
            code: line.code,
            name: line.name,
            matter: Matter::Negative(Short::Total(line.volume)),
        });
        // What is not known of a strategy may make up for what an overlay takes.
        let in_accounts = targets.iter().filter(|wish| wish.is_complete).flat_map(|wish| {
            wish.lines.iter().filter(|line| line.exact.is_negative()).map(|line| Conflict {
                code: line.code.clone(),
                name: line.name.clone(),
                matter: Matter::Negative(Short::Account(wish.account.clone(), line.exact)),
            })
        });
        let mut negatives: Vec<Conflict> = in_total.chain(in_accounts).collect();
        negatives.sort_by_cached_key(|conflict| conflict.code.instrument());
        negatives
    }

    /// Overlays that take away more than is wanted, or what a strategy has just bought.
    fn contradicting(&self, moves: &Moves) -> Vec<Conflict> {
        let mut found = Vec::new();
        for overlay in self.adjustments.iter().filter_map(|id| self.by_id(*id)) {
            let mut takes: BTreeMap<Instrument, (&Code, Option<&str>, Volume)> = BTreeMap::new();
            for position in overlay.list.iter() {
                let line = takes.entry(position.code().instrument());
                line.or_insert((position.code(), position.name(), Volume::default())).2 -= position.volume().into();
            }
            for (instrument, (code, name, takes)) in takes {
                let wanted = self.holdings.get(&instrument).map(|sums| sums.ordinary.volume).unwrap_or_default();
                let bought = moves.buys(&instrument);
                if takes > Volume::default() && (takes > wanted || !bought.is_empty()) {
                    let overlay = overlay.name.clone();
                    let matter = Matter::Adjustment { overlay, takes, wanted, bought };
                    found.push(Conflict { code: code.clone(), name: name.map(SmolStr::from), matter });
                }
            }
        }
        found
    }
}

fn crossings(moves: &Moves) -> Vec<Conflict> {
    let crossing = |moved: &Moved| {
        let (buys, sells) = (moved.buys(), moved.sells());
        let volume = sum(&buys).min(sum(&sells));
        (volume > Volume::default()).then(|| Conflict {
            code: moved.code.clone(),
            name: moved.name.clone(),
            matter: Matter::Crossing { buys, sells, volume },
        })
    };
    moves.0.values().filter_map(crossing).collect()
}

/// Instruments that several accounts list which are one at the broker's, where one of them wants some: what it buys, the
/// others take for theirs. What an account never trades disturbs nobody.
fn shared(targets: &[Wish<'_>]) -> Vec<Conflict> {
    let mut listed: BTreeMap<(&str, Instrument), Vec<(&AccountName, &TargetLine)>> = BTreeMap::new();
    for Wish { account, broker, lines, .. } in targets {
        let Some(broker) = broker else { continue };
        let is_traded =
            |line: &&TargetLine| !line.hold.as_ref().is_some_and(|hold| matches!(hold.reason, HoldReason::Protected));
        for line in lines.iter().filter(is_traded) {
            listed.entry((broker, line.code.instrument())).or_default().push((account, line));
        }
    }
    let several =
        listed.into_iter().filter(|(_, lines)| lines.len() > 1 && lines.iter().any(|(_, line)| !line.volume.is_zero()));
    several
        .filter_map(|((broker, _), lines)| {
            let first = lines.first()?.1;
            let (code, name) = (first.code.clone(), first.name.clone());
            let accounts = lines.iter().map(|(account, line)| ((*account).clone(), line.volume)).collect();
            Some(Conflict { code, name, matter: Matter::Shared { broker: broker.to_owned(), accounts } })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::book::{Mark, Strategy, Told};
    use super::super::decimal::Decimal;
    use super::super::position::{Position, PositionList};
    use super::super::revision::{Revision, Topic};
    use super::super::settings::{Setting, Settled};
    use super::super::strategy::StrategyId;
    use super::*;

    fn name(text: &str) -> StrategyName {
        StrategyName::parse(text).unwrap()
    }

    fn mark(revision: i64) -> Mark {
        Mark { revision: Revision::new(revision), chain: [0; 8], updated_at: Moment::from_micros(revision) }
    }

    /// A book, and what moved in it since it was empty.
    #[derive(Default)]
    struct World {
        book: Book,
        moves: Moves,
        revision: i64,
    }

    impl World {
        fn push(&mut self, to: &str, list: &[(&str, i32)]) {
            let to = name(to);
            let position = |(code, volume): &(&str, i32)| {
                let (volume, cost) = (Decimal::parse(&volume.to_string()).unwrap(), Decimal::ONE);
                Position::new(to.kind(), code, None, volume, cost, None).unwrap()
            };
            let current = self.book.strategy(&to).cloned();
            let before = current.as_ref().map(|current| current.list.clone()).unwrap_or_default();
            let list: PositionList = before.followed_by(list.iter().map(position).collect());
            let changes = before.changes_to(&list);
            self.moves.note(&to, &changes);
            self.revision += 1;
            let id = current.as_ref().map_or(StrategyId::new(self.revision), |current| current.id);
            let (mark, told) = (mark(self.revision), Told::default());
            let (revisions, last_push_at, sequence) = (1, None, None);
            let strategy = Arc::new(Strategy { id, name: to, list, mark, revisions, last_push_at, sequence, told });
            if current.is_some() {
                self.book.replace(&strategy, &changes);
            } else {
                self.book.add(strategy);
            }
        }

        fn account(&mut self, account: &str, settings: &str) {
            let name = AccountName::parse(account).unwrap();
            self.revision += 1;
            let (account, mark) = (serde_json::from_str(settings).unwrap(), mark(self.revision));
            let settled = Setting::Account(Settled { name: name.clone(), account, former: Vec::new(), mark });
            self.book.settings_mut().settle(Topic::Account(name), settled, mark);
        }

        fn forget_moves(&mut self) {
            self.moves = Moves::default();
        }

        /// Each conflict in a line.
        fn conflicts(&self) -> Vec<String> {
            fn list<N: ToString>(parts: &[(N, Volume)]) -> String {
                parts
                    .iter()
                    .map(|(name, volume)| format!("{} {volume}", name.to_string()))
                    .collect::<Vec<_>>()
                    .join(", ")
            }
            let tell = |conflict: &Conflict| {
                let rest = match &conflict.matter {
                    Matter::Crossing { buys, sells, volume } => {
                        format!("{} | {} | {volume}", list(buys), list(sells))
                    }
                    Matter::Negative(Short::Total(volume)) => volume.to_string(),
                    Matter::Negative(Short::Account(account, exact)) => format!("{account} {exact}"),
                    Matter::Adjustment { overlay, takes, wanted, bought } => {
                        format!("{overlay} {takes} of {wanted} | {}", list(bought))
                    }
                    Matter::Shared { broker, accounts } => format!("{broker}: {}", list(accounts)),
                };
                format!("{} {} {rest}", conflict.matter.kind(), conflict.code.instrument())
            };
            self.book.conflicts(&self.moves, Moment::from_micros(0)).iter().map(tell).collect()
        }
    }

    #[test]
    fn what_one_buys_and_another_sells_crosses() {
        let mut world = World::default();
        world.push("alpha", &[("000001.XSHE", 500), ("600000.SH", 100)]);
        world.push("beta", &[("000001.SZ", 100)]);
        assert_eq!(world.conflicts(), Vec::<String>::new());
        world.forget_moves();
        world.push("alpha", &[("000001.XSHE", 200), ("600000.SH", 100)]);
        world.push("beta", &[("000001.SZ", 150)]);
        world.push("gamma", &[("000001.SZ", 30)]);
        assert_eq!(world.conflicts(), ["crossing 000001.SZ beta 50, gamma 30 | alpha 300 | 80"]);
        // What was taken back within the window was no trade.
        world.push("alpha", &[("000001.XSHE", 500), ("600000.SH", 100)]);
        assert_eq!(world.conflicts(), Vec::<String>::new());
    }

    #[test]
    fn an_overlay_contradicts_what_is_not_there_and_what_was_bought() {
        let mut world = World::default();
        world.push("alpha", &[("000001.SZ", 500), ("600000.SH", 100)]);
        world.forget_moves();
        world.push("ADJUSTMENT_A", &[("000001.SZ", -500), ("600000.SH", 50)]);
        assert_eq!(world.conflicts(), Vec::<String>::new());
        world.push("alpha", &[("000001.SZ", 600), ("600000.SH", 200)]);
        assert_eq!(world.conflicts(), ["adjustment 000001.SZ ADJUSTMENT_A 500 of 600 | alpha 100"]);
        world.forget_moves();
        world.push("ADJUSTMENT_A", &[("000001.SZ", -700), ("000001.XSHE", 50), ("113050.SH", -10)]);
        assert_eq!(
            world.conflicts(),
            [
                "negative 000001.SZ -50",
                "negative 113050.SH -10",
                "adjustment 000001.SZ ADJUSTMENT_A 650 of 600 | ",
                "adjustment 113050.SH ADJUSTMENT_A 10 of 0 | ",
            ]
        );
    }

    #[test]
    fn an_account_may_be_short_where_the_total_is_not() {
        let mut world = World::default();
        world.push("alpha", &[("000001.SZ", 500)]);
        world.push("ADJUSTMENT_A", &[("000001.SZ", -200)]);
        world.forget_moves();
        let half = r#"{"strategies": [{"name": "alpha", "scale": "0.25"}], "adjustments": "all"}"#;
        world.account("half", half);
        world.account("unknown", r#"{"strategies": [{"name": "nobody"}], "adjustments": "all"}"#);
        assert_eq!(world.conflicts(), ["negative 000001.SZ half -75"]);
    }

    #[test]
    fn accounts_that_are_one_at_the_broker_share_what_both_list() {
        let mut world = World::default();
        world.push("alpha", &[("000001.SZ", 500), ("600000.SH", 100)]);
        world.push("beta", &[("000001.SZ", 300), ("600000.SH", 0), ("113050.SH", 0)]);
        world.push("gamma", &[("000001.SZ", 300), ("113050.SH", 0)]);
        world.forget_moves();
        let of = |strategy: &str, more: &str| format!(r#"{{"strategies": [{{"name": "{strategy}"}}]{more}}}"#);
        world.account("one", &of("alpha", r#", "broker": "88""#));
        world.account("two", &of("beta", r#", "broker": "88""#));
        world.account("three", &of("gamma", r#", "broker": "99""#));
        world.account("four", &of("gamma", ""));
        // A line that is to be nothing sells what the other account buys.
        assert_eq!(world.conflicts(), ["shared 000001.SZ 88: one 500, two 300", "shared 600000.SH 88: one 100, two 0"]);
        // Whom one of its strategies keeps from trading today may trade tomorrow.
        world.account("two", r#"{"strategies": [{"name": "beta"}, {"name": "nobody"}], "broker": "88"}"#);
        assert_eq!(world.conflicts(), ["shared 000001.SZ 88: one 500, two 300", "shared 600000.SH 88: one 100, two 0"]);
        let never = r#", "broker": "88", "protected": [{"code": "000001.SZ", "volume": null}]"#;
        world.account("one", &of("alpha", never));
        assert_eq!(world.conflicts(), ["shared 600000.SH 88: one 100, two 0"]);
    }
}
