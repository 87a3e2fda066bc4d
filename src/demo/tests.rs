use std::collections::HashSet;

use super::*;
use crate::domain::calendar::Day;
use crate::domain::drift::drift;
use crate::domain::state::State;
use crate::ledger::Ledger;

/// A time in the week of 2026-01-05, which is a Monday; days from 0.
fn at(day: u64, hours: u64, minutes: u64) -> Moment {
    let monday: Day = "2026-01-05".parse().unwrap();
    monday.begins_at().plus(Duration::from_secs(day * 86_400 + hours * 3_600 + minutes * 60))
}

/// The ledger of the example book at a moment.
fn example(now: Moment) -> Ledger {
    let ledger = Ledger::default();
    let (mut world, days) = World::example(now).unwrap();
    let mut draft = ledger.draft(days[0].begins_at(), HashSet::new());
    for day in days {
        world.live(&mut draft, day, now).unwrap();
    }
    world.report(&mut draft, now).unwrap();
    draft.finish().0
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let (one, two) = (example(at(3, 9, 45)), example(at(3, 9, 45)));
    assert_eq!(one.head, two.head);
    assert_eq!(one.attributions, two.attributions);
    for (account, reported) in one.book.reports() {
        assert_eq!(two.book.reported(account), Some(reported));
    }
}

#[test]
fn whenever_it_is_looked_at_the_story_is_there() {
    // In the auction, and on a Sunday.
    for now in [at(0, 9, 26), at(6, 15, 0)] {
        let ledger = example(now);
        let book = &ledger.book;
        assert!(is_example(book));
        assert_eq!(book.strategies().count(), 13);
        assert_eq!(book.strategies().map(|strategy| strategy.list.len()).max(), Some(60));
        let strategy = |name: &str| book.strategy(&StrategyName::parse(name).unwrap()).unwrap();
        assert_eq!(strategy(strategies::WRONG).list.len(), 1, "the wrong list is in force");
        let holds: Vec<&str> = book.settings().holds().map(|(name, _)| name.as_str()).collect();
        assert_eq!(holds, [strategies::FROZEN]);
        assert_eq!(book.settings().state(&strategy(strategies::FROZEN).name), State::Frozen);
        let silent = now.since(strategy(strategies::SILENT).last_push_at.unwrap());
        assert!(silent > Duration::from_hours(48), "silent for {silent:?} at {now:?}");
        let locked: Vec<usize> = book
            .settings()
            .accounts()
            .map(|(name, _)| book.settings().locks(name).map_or(0, |(locks, _)| locks.len()))
            .collect();
        assert_eq!(locked.iter().sum::<usize>(), 1, "{now:?}");
        for (name, settled) in book.settings().accounts() {
            let reported = book.reported(name).unwrap();
            assert!(!reported.is_silent(now) && reported.holdings.len() > 10);
            let target = book.target(settled, now).unwrap();
            let differing = drift(&target, reported, book.settings().calendar(), now);
            let reasons: HashSet<&str> =
                differing.iter().flat_map(|line| &line.parts).map(|part| part.reason.as_str()).collect();
            assert!(reasons.contains("held_line") && !reasons.contains("unexplained"), "{name} {now:?}: {reasons:?}");
        }
    }
}
