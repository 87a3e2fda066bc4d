//! Incidents on the disk: a restart loses and repeats nothing.

use jq2qmt::domain::account::AccountName;
use jq2qmt::domain::calendar::Calendar;
use jq2qmt::domain::channel::{Channel, ChannelKind, ChannelName, Secrets, Terms};
use jq2qmt::domain::incident::{Acknowledged, Concern, Found, Incident, IncidentId, Kind, Step};
use jq2qmt::domain::moment::Moment;
use jq2qmt::domain::revision::Actor;
use jq2qmt::ledger::{Document, Put};
use jq2qmt::store::incidents::Which;
use jq2qmt::store::{NotStored, Store};
use sqlx::Row as _;

use crate::{START, open, raw};

fn locked(count: usize) -> Concern {
    let instruments = (0..count).map(|n| format!("60000{n}.SH")).collect();
    Concern::Locked { account: AccountName::parse("main").unwrap(), instruments, count }
}

fn at(minutes: u64) -> Moment {
    START.plus(std::time::Duration::from_mins(minutes))
}

/// Looks, by what is on the disk, and keeps what is to be told.
async fn look(store: &Store, concerns: impl IntoIterator<Item = Concern>, minutes: u64) -> Vec<Step> {
    let mut found = Found::default();
    concerns.into_iter().for_each(|one| found.add(one));
    let steps = store.standing().await.unwrap().steps(&found, &Calendar::default(), at(minutes));
    store.keep_incidents(steps.clone()).await.unwrap();
    steps
}

/// Has everything told over a channel.
async fn tell(store: &Store) {
    let name = ChannelName::parse("phone").unwrap();
    let secrets: Secrets = serde_json::from_str(r#"{"url": "https://example.com/x"}"#).unwrap();
    let (address, credential) = (secrets.masked(), "0".to_owned());
    let channel = Channel { kind: ChannelKind::Wecom, address, credential, terms: Terms::default() };
    let document = Document::Channel(name, Some((channel, secrets)));
    store.settle(Put { document, actor: Actor::Operator, address: None, expected_revision: None }).await.unwrap();
}

fn numbers(incidents: &[Incident]) -> Vec<(i64, bool)> {
    incidents.iter().map(|one| (one.id.get(), one.ended_at.is_some())).collect()
}

#[tokio::test]
async fn what_was_told_is_known_after_a_restart_and_what_is_to_be_said_of_it_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    tell(&store).await;
    assert_eq!(
        look(&store, [locked(1), Concern::CalendarUnknown { from: "2027-01-01".parse().unwrap() }], 0).await.len(),
        2
    );
    store.close().await;

    let store = open(&path).await;
    let standing = store.standing().await.unwrap();
    assert_eq!(standing.get(&locked(1).key()).unwrap().told, locked(1));
    let steps = look(&store, [locked(2)], 20).await;
    let told: Vec<(&str, i64)> = steps.iter().map(|step| (step.change.into(), step.id.get())).collect();
    assert_eq!(told, [("changed", 1), ("ended", 2)]);
    store.close().await;

    let store = open(&path).await;
    assert_eq!(look(&store, [locked(2)], 30).await, []);
    let by = Acknowledged { at: at(31), by: "192.0.2.7".to_owned() };
    assert!(store.acknowledge(IncidentId::new(1), by.clone()).await.unwrap());
    assert!(!store.acknowledge(IncidentId::new(2), by.clone()).await.unwrap(), "it is over");
    let all = store.incidents(Which::default(), 10).await.unwrap();
    assert_eq!(numbers(&all), [(2, true), (1, false)]);
    let one = &all[1];
    assert_eq!((one.began_at, one.changed_at, one.told_at), (at(0), at(20), at(20)));
    assert_eq!((one.acknowledged.as_ref(), one.concern == locked(2)), (Some(&by), true));
    assert_eq!(look(&store, [], 40).await.len(), 1);
    assert_eq!(look(&store, [locked(1)], 50).await[0].id, IncidentId::new(3), "no number is given twice");

    let one_kind = Which { kind: Some(Kind::Locked), is_open: Some(false), before: None };
    assert_eq!(numbers(&store.incidents(one_kind, 10).await.unwrap()), [(1, true)]);
    let earlier = Which { before: Some(IncidentId::new(3)), ..Which::default() };
    assert_eq!(numbers(&store.incidents(earlier, 1).await.unwrap()), [(2, true)]);
    assert_eq!(numbers(&store.incidents_within(at(21), at(50), 10).await.unwrap()), [(1, true)]);
    store.close().await;
    let said = sqlx::query("SELECT incident FROM outbox ORDER BY id").fetch_all(&mut raw(&path).await).await.unwrap();
    assert_eq!(said.iter().map(|row| row.get::<i64, _>(0)).collect::<Vec<_>>(), [1, 2, 1, 2, 1, 3]);
}

#[tokio::test]
async fn an_incident_and_what_is_to_be_said_of_it_are_kept_together_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    tell(&store).await;
    let steps = look(&store, [locked(1)], 0).await;
    // Its number is taken.
    let kept = store.keep_incidents(steps).await;
    assert!(matches!(kept, Err(NotStored::Unavailable(_))), "{kept:?}");
    store.close().await;
    let said = sqlx::query("SELECT incident FROM outbox").fetch_all(&mut raw(&path).await).await.unwrap();
    assert_eq!(said.len(), 1);
}
