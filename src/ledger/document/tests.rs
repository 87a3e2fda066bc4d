//! What is hashed stays as it is, whatever the API that shares its forms comes to call it.

use std::collections::BTreeSet;

use strum::EnumCount as _;

use super::*;
use crate::domain::changes::{Changes, DocumentChange};
use crate::domain::position::PositionList;
use crate::domain::revision::{RevisionKind, Subject};
use crate::domain::strategy::Kind;
use crate::ledger::chain::{Head, Record};

/// A document of each kind with all that it can say, and others that say it otherwise.
const STORED: [(&str, &str, &str); 16] = [
    ("state", "alpha", r#"{"state":"flat","note":"a pause","target":7,"said_at":1767595800000000}"#),
    ("state", "alpha", r#"{"state":"closed"}"#),
    (
        "hold",
        "alpha",
        r#"{"first":7,"at":1767595800000000,"actor_kind":"client","actor":"alice","address":"192.0.2.7","list":[["100","10.5",1048576,"平安银行","000001.XSHE","a","10.4"]],"sequence":3,"total_value":"100000","reasons":[{"guard":{"rule":"unknown_code","then":"hold","code":"000001.SZ","value":"1","limit":"0"}},{"state":"frozen"}]}"#,
    ),
    ("hold", "alpha", r#"{"sequence":3}"#),
    ("schedule", "alpha", r#"{"by":["09:35","14:50"],"days":"trading"}"#),
    ("schedule", "alpha", r#"{"by":["09:35"],"days":"all"}"#),
    (
        "account",
        "main",
        r#"{"account":{"strategies":[{"name":"alpha","scale":"0.5"}],"adjustments":"all","protected":[{"code":"600000.SH","volume":"100"},{"code":"000001.SZ","volume":null}],"rounding":"nearest","fresh":"today","costs":{"commission":"0.00025","least":"5","duty":"0.0005","transfer":"0.00001"},"broker":"one"},"former":[["000002.SZ","万科"],["X",null]]}"#,
    ),
    (
        "account",
        "main",
        r#"{"account":{"strategies":[{"name":"alpha","scale":"1"}],"adjustments":["ADJUSTMENT_A"],"rounding":"down","fresh":"any"}}"#,
    ),
    ("account", "main", r#"{"former":[["000002.SZ","万科"]]}"#),
    ("pause", "main", r#"{"paused":true,"note":"a pause"}"#),
    (
        "guards",
        "",
        r#"[{"strategies":"alpha*","rules":{"empty":{"then":"hold"},"shrinks":{"over":0.8,"then":"hold"},"grows":{"over":3,"then":"reject"},"turnover":{"over":1.5,"then":"warn"},"instrument_share":{"over":0.1,"then":"warn"},"instrument_cost":{"over":100000,"then":"warn"},"invested":{"over":999.99,"then":"hold"},"instruments":{"over":50,"then":"warn"},"unknown_code":{"then":"hold"},"flips":{"minutes":10,"then":"warn"},"twin":{"then":"warn"},"hours":{"times":["09:15-11:30"],"then":"reject"},"sequence_leap":{"then":"warn"}}}]"#,
    ),
    ("locks", "main", r#"[{"code":"000001.SZ","shares":-100,"at":1767595800000000}]"#),
    ("calendar", "", r#"{"open":["2026-01-05"],"closed":["2027-01-01"],"known_through":"2027-12-31"}"#),
    (
        "channel",
        "desk",
        r#"{"kind":"wecom","address":"https://example.com/…","credential":"c0ffee","incidents":["*"],"severity":"notice","language":"zh"}"#,
    ),
    (
        "channel",
        "desk",
        r#"{"kind":"mail","address":"smtps://example.com","credential":"c0ffee","incidents":["drift","disk"],"accounts":["main"],"severity":"warning","quiet":{"from":"22:00","to":"08:00"},"language":"en","escalate":{"to":"boss","after":5},"daily":true}"#,
    ),
    ("checkpoint", "", r#"{"revision":7,"at":1767595800000000,"hash":"aa","seal":"bb","archive":"cc","revisions":7}"#),
];

/// A document as it is written; a kind that is new is written here and pinned above.
fn written(setting: &Setting) -> Option<Arc<str>> {
    match setting {
        Setting::State(standing) => Some(write(standing)),
        Setting::Hold(hold) => hold.as_ref().map(write_hold),
        Setting::Taken(sequence) => Some(write_taken(*sequence)),
        Setting::Schedule(schedule) => schedule.as_ref().map(write),
        Setting::Account(Settled { account, former, .. }) => write_account(Some(account), former),
        Setting::NoAccount(former) => write_account(None, former),
        Setting::Pause(pause) => Some(write(pause)),
        Setting::Guards(guards) => Some(write(guards)),
        Setting::Locks(locks) => Some(write(locks)),
        Setting::Calendar(calendar) => Some(write(calendar)),
        Setting::Channel(channel) => channel.as_ref().map(write),
        Setting::Checkpoint(checkpoint) => Some(write(checkpoint)),
    }
}

#[test]
fn a_document_of_each_kind_is_written_as_it_always_was() {
    let mut kinds = BTreeSet::new();
    for (kind, name, body) in STORED {
        kinds.insert(kind);
        let (topic, mark) = (Topic::parse(kind, name).unwrap(), Mark::START);
        let stored = DocumentState { id: 1, topic, mark, revisions: 1, body: Some(body.into()) };
        let setting = stored.setting().unwrap_or_else(|error| panic!("{kind} {body}: {error}"));
        assert_eq!(written(&setting).as_deref(), Some(body), "{kind}");
    }
    assert_eq!(kinds.len(), Topic::COUNT, "a kind is not pinned");
}

/// As Python says it by the rule in docs/ledger.md.
const fn hash_of(subject: &Subject) -> &'static str {
    match subject {
        Subject::Strategy(_) => "4906dd353aecb46c498e0237d9355a763248e2d647f45fccdd1f49d3a787fd6a",
        Subject::Document(_) => "cdeb498508292b06084dfae7cfffd79a7a7a75f3c44815a61e3d743b745a00de",
    }
}

#[test]
fn a_revision_of_each_kind_of_subject_has_the_hash_that_it_always_had() {
    let alpha = || StrategyName::parse("alpha").unwrap();
    let (_, _, body) = STORED[0];
    let document = DocumentChange { before: None, after: Some(body.into()) };
    let list = read_list(Kind::Ordinary, r#"[["100","10.5",1048576,"平安银行","000001.XSHE","a","10.4"]]"#).unwrap();
    for (subject, changes) in [
        (Subject::Strategy(alpha()), Changes::List(PositionList::default().changes_to(&list))),
        (Subject::Document(Topic::State(alpha())), Changes::Document(document)),
    ] {
        let (kind, actor) = (RevisionKind::Push, Actor::Client("alice".to_owned()));
        let address = Some("192.0.2.7".to_owned());
        let record = Record { subject, subject_id: 1, kind, actor, address, note: None, changes };
        let entry = record.follow(&Head::START, Moment::from_micros(1_767_595_800_000_000));
        assert_eq!(hex::encode(entry.hash), hash_of(&entry.record.subject), "{:?}", entry.record.subject);
    }
}
