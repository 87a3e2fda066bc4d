//! Rule by rule: to whom shares go.

use super::*;

const NOW: Moment = Moment::from_micros(1_767_578_400_000_000);

/// A report that is not the first.
const LOOK: Look = Look { at: NOW, day: Day::of(NOW), is_first: false, costs: None };

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn wish(owner: &str, id: i64, shares: i64) -> Wish {
    Wish {
        owner: StrategyName::parse(owner).unwrap(),
        id,
        shares,
        weight: u128::from(shares.unsigned_abs()),
        revision: Revision::new(id),
        pushed_at: NOW,
        price: Some(decimal("10")),
    }
}

/// What a report says that holds so many at a cost each, and at 10 CNY a share.
fn held(shares: i64, cost: &str) -> Touch {
    Touch {
        kept: 0,
        held: Some(shares),
        basis: (shares > 0).then(|| Money::of(decimal(cost), shares)),
        price: Some(decimal("10")),
        price_before: Some(decimal("10")),
        seen: Some(Revision::new(9)),
        ..Touch::default()
    }
}

fn traded(side: Side, shares: i64) -> Traded {
    Traded { side, shares, price: decimal("10"), fee: Money::ZERO, is_estimated: false, by_hand: false, at: NOW }
}

/// An instrument of which alpha wants 600 and beta 300, and each has what it wants.
fn settled() -> Item {
    let wishes = vec![wish("alpha", 1, 600), wish("beta", 2, 300)];
    let touch = Touch { wishes, trades: vec![traded(Side::Buy, 900)], ..held(900, "10") };
    let (item, _) = Item::default().follow(&touch, LOOK);
    assert_eq!(volumes(&item), [("alpha", 600), ("beta", 300)]);
    item
}

fn follow(item: &Item, touch: &Touch) -> (Item, Counted) {
    item.follow(touch, LOOK)
}

/// Who has how much, without who has nothing; nobody is called so.
fn volumes(item: &Item) -> Vec<(&str, i64)> {
    let named = |part: &'_ Part| part.volume != 0;
    let parts = item.parts.iter().filter(|part| named(part));
    parts.map(|part| (part.owner.as_ref().map_or("nobody", StrategyName::as_str), part.volume)).collect()
}

fn cost_of(item: &Item, place: usize) -> String {
    item.parts[place].cost.to_string()
}

#[test]
fn bonus_shares_are_whose_shares_bore_them_and_cost_nothing() {
    let (item, counted) = follow(&settled(), &held(1170, "7.6923"));
    assert_eq!(volumes(&item), [("alpha", 780), ("beta", 390)]);
    assert_eq!((cost_of(&item, 0), cost_of(&item, 1)), ("6000".into(), "3000".into()));
    assert!(counted.is_empty(), "nothing was gained: {counted:?}");
}

#[test]
fn shares_that_are_put_together_go_from_all_and_keep_their_cost() {
    let (item, _) = follow(&settled(), &held(90, "100"));
    assert_eq!(volumes(&item), [("alpha", 60), ("beta", 30)]);
    assert_eq!(cost_of(&item, 0), "6000");
    // All that is lost so is lost.
    let (item, counted) = follow(&settled(), &Touch { basis: Some(Money::of(decimal("9000"), 1)), ..held(0, "0") });
    assert_eq!(volumes(&item), []);
    assert_eq!(counted.values().map(|one| one.realized).sum::<Money>().to_string(), "-9000");
}

#[test]
fn what_was_paid_for_by_hand_is_nobodys() {
    for (shares, cost) in [(1000, "10"), (800, "10")] {
        let (item, counted) = follow(&settled(), &held(shares, cost));
        assert_eq!(volumes(&item), [("alpha", 600), ("beta", 300), ("nobody", shares - 900)]);
        assert_eq!(counted[&None].entered.to_string(), ((shares - 900) * 10).to_string());
    }
    // Nor is what came when nothing says what it cost.
    let (item, _) = follow(&settled(), &Touch { basis: None, ..held(1170, "0") });
    assert_eq!(volumes(&item), [("alpha", 600), ("beta", 300), ("nobody", 270)]);
}

#[test]
fn what_was_sold_by_hand_and_is_bought_again_is_nobodys() {
    let (item, _) = follow(&settled(), &held(400, "10"));
    assert_eq!(volumes(&item), [("alpha", 600), ("beta", 300), ("nobody", -500)]);
    let (item, _) = follow(&item, &Touch { trades: vec![traded(Side::Buy, 500)], ..held(900, "10") });
    assert_eq!(volumes(&item), [("alpha", 600), ("beta", 300)]);
}

#[test]
fn lists_that_lag_give_nothing_to_anybody() {
    let touch = Touch { held: None, basis: None, ..held(0, "0") };
    assert_eq!(follow(&settled(), &touch).0, settled());
}

#[test]
fn shares_cross_but_for_those_on_their_way_to_the_market() {
    let wishes = vec![wish("alpha", 1, 100), wish("beta", 2, 800)];
    let open = |shares| Ordered { open: shares, first_at: None };
    for (selling, buying, crossed) in [(0, 0, 500), (300, 0, 200), (0, 400, 100), (600, 0, 0)] {
        let touch = Touch { wishes: wishes.clone(), selling: open(selling), buying: open(buying), ..held(900, "10") };
        let (item, counted) = follow(&settled(), &touch);
        assert_eq!(volumes(&item), [("alpha", 600 - crossed), ("beta", 300 + crossed)]);
        let spared: Money = counted.values().map(|one| one.crossed).sum();
        assert_eq!(spared, Money::of(decimal("20"), crossed));
    }
    let unpriced = Touch { wishes: wishes.clone(), price: None, price_before: None, ..held(900, "10") };
    assert_eq!(volumes(&follow(&settled(), &unpriced).0), [("alpha", 600), ("beta", 300)]);
    // What is not traded now is not taken over either.
    let line_held = Touch { wishes, is_held: true, ..held(900, "10") };
    assert_eq!(volumes(&follow(&settled(), &line_held).0), [("alpha", 600), ("beta", 300)]);
}

#[test]
fn what_is_gone_and_dropped_leaves_nothing_behind() {
    let gone = Touch { price: None, ..held(0, "0") };
    let (item, _) = follow(&settled(), &gone);
    assert_eq!(volumes(&item), [("alpha", 600), ("beta", 300), ("nobody", -900)]);
    let (item, counted) = follow(&item, &Touch { wishes: vec![wish("alpha", 3, 0), wish("beta", 4, 0)], ..gone });
    assert_eq!(volumes(&item), []);
    assert_eq!(counted.values().map(|one| one.crossed).sum::<Money>(), Money::ZERO, "no trade was spared");
}

#[test]
fn what_others_move_is_no_shortfall_of_a_decision_that_is_carried_out() {
    // An overlay takes 100 of alpha's away, at a price far from that of its decision.
    let other = Wish { shares: 500, ..wish("alpha", 1, 600) };
    let sold = Traded { price: decimal("15"), ..traded(Side::Sell, 100) };
    let (item, counted) = follow(&settled(), &Touch { wishes: vec![other], trades: vec![sold], ..held(800, "10") });
    assert_eq!(volumes(&item), [("alpha", 500), ("beta", 300)]);
    let all: Money = counted.values().map(|one| one.delay + one.execution).sum();
    assert_eq!(all.to_string(), "-500", "against the last price before the trade");
    let (_, counted) = follow(&settled(), &held(1170, "7.6923"));
    assert!(counted.is_empty());
}

#[test]
fn a_trade_goes_to_who_lacks_it_then_to_who_lacked_it() {
    // Alpha wanted 1,000 and wants 600 again; of 500 that came, beta lacks 100.
    let (item, _) = follow(&settled(), &Touch { wishes: vec![wish("alpha", 1, 1000)], ..held(900, "10") });
    let wishes = vec![wish("alpha", 1, 600), wish("beta", 2, 400)];
    let (price, price_before) = (None, None);
    let touch = Touch { wishes, trades: vec![traded(Side::Buy, 500)], price, price_before, ..held(1400, "10") };
    assert_eq!(volumes(&follow(&item, &touch).0), [("alpha", 1000), ("beta", 400)]);
    // By hand it is nobody's, whoever lacks it.
    let by_hand = Traded { by_hand: true, ..traded(Side::Buy, 100) };
    let touch = Touch { trades: vec![by_hand], price: None, price_before: None, ..held(1000, "10") };
    assert_eq!(volumes(&follow(&item, &touch).0), [("alpha", 600), ("beta", 300), ("nobody", 100)]);
}

#[test]
fn who_decides_anew_has_missed_what_was_not_traded() {
    let (item, _) = follow(&settled(), &Touch { wishes: vec![wish("alpha", 1, 1000)], ..held(900, "10") });
    let dearer = Touch { price: Some(decimal("11")), ..held(900, "10") };
    let (_, counted) = follow(&item, &Touch { wishes: vec![wish("alpha", 3, 600)], ..dearer });
    assert_eq!(counted.values().map(|one| one.missed).sum::<Money>().to_string(), "400");
}

#[test]
fn what_is_the_owners_own_is_not_given_away() {
    let touch = Touch { kept: 200, ..held(1100, "10") };
    let (item, _) = follow(&settled(), &touch);
    assert_eq!(volumes(&item), [("alpha", 600), ("beta", 300), ("nobody", 200)]);
    let (item, _) = follow(&item, &Touch { wishes: vec![wish("alpha", 3, 700)], ..touch });
    assert_eq!(volumes(&item), [("alpha", 600), ("beta", 300), ("nobody", 200)]);
    let (item, _) = follow(&item, &Touch { kept: 150, ..held(1100, "10") });
    assert_eq!(volumes(&item), [("alpha", 650), ("beta", 300), ("nobody", 150)]);
}
