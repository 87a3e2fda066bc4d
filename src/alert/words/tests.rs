use super::*;
use crate::domain::account::AccountName;
use crate::domain::calendar::Day;
use crate::domain::incident::{IncidentId, Step};
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;

/// 2026-01-05 10:00 in Shanghai, a Monday.
const MORNING: Moment = Moment::from_micros(1_767_578_400_000_000);

/// One of each kind.
fn concerns() -> Vec<Concern> {
    let strategy = || StrategyName::parse("alpha").unwrap();
    let account = || AccountName::parse("main").unwrap();
    let instruments = || vec!["600000.SH".to_owned(), "000001.SZ".to_owned()];
    let address = || "192.0.2.7".to_owned();
    vec![
        Concern::StrategyLate { strategy: strategy(), due: MORNING },
        Concern::StrategySilent { strategy: strategy(), since: MORNING },
        Concern::TerminalSilent { account: account(), since: MORNING },
        Concern::Drift { account: account(), instruments: instruments(), count: 7, since: MORNING },
        Concern::PushHeld { strategy: strategy(), hold: Revision::new(12), reasons: Vec::new() },
        Concern::Locked { account: account(), instruments: instruments(), count: 2 },
        Concern::BelowZero { instruments: instruments(), count: 2 },
        Concern::RefusedSignatures { address: address(), count: 20 },
        Concern::OtherTerminal { account: account(), address: address() },
        Concern::OrdersRejected {
            account: account(),
            instrument: "600000.SH".to_owned(),
            count: 5,
            reason: Some("可用资金不足".to_owned()),
        },
        Concern::Backup { made_at: Some(MORNING), error: Some("No space left on device".to_owned()) },
        Concern::Certificate { expires_at: MORNING },
        Concern::Disk { free: 2 << 30, total: 40 << 30 },
        Concern::Clock { ahead: -90_000_000 },
        Concern::CalendarUnknown { from: Day::last_of(2026).next() },
    ]
}

fn letter(concern: Concern, change: Change) -> Letter {
    let step = Step { id: IncidentId::new(1), change, concern, began_at: MORNING, at: MORNING };
    Letter::Incident(News { unacknowledged: false, step })
}

fn tell(language: Language, letters: Vec<Letter>) -> Message {
    let zone = Zone::named("Asia/Shanghai").unwrap();
    Voice { language, zone: &zone, base_url: "https://qmt.example.com" }.tell(letters, &[])
}

fn text(message: &Message) -> String {
    format!("{}\n{}\n{}", message.title, message.body, message.link)
}

/// What a document shows of every kind, in a block.
fn shown(language: Language) -> String {
    let begun = concerns().into_iter().map(|concern| text(&tell(language, vec![letter(concern, Change::Begun)])));
    let several = ["alpha", "beta"].map(|name| {
        let strategy = StrategyName::parse(name).unwrap();
        letter(Concern::StrategySilent { strategy, since: MORNING }, Change::Begun)
    });
    let ended = text(&tell(language, vec![letter(concerns().swap_remove(2), Change::Ended)]));
    let all: Vec<String> = begun.chain([text(&tell(language, several.into())), ended]).collect();
    format!("```text\n{}\n```", all.join("\n\n"))
}

#[test]
fn the_document_shows_what_is_sent() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/alerts.md")).unwrap();
    for language in [Language::Zh, Language::En] {
        let shown = shown(language);
        assert!(document.contains(&shown), "docs/alerts.md must hold this:\n{shown}");
    }
}

#[test]
fn a_message_says_what_since_when_what_meanwhile_and_where() {
    for concern in concerns() {
        for language in [Language::Zh, Language::En] {
            let message = tell(language, vec![letter(concern.clone(), Change::Begun)]);
            assert!(message.title.chars().count() <= LONGEST_TITLE && !message.title.contains('\n'), "{message:?}");
            assert!(message.body.contains("2026-01-05 10:00:00"), "{message:?}");
            let (chinese, english) = meanwhile(&concern);
            assert!(message.body.ends_with(if language == Language::Zh { chinese } else { english }), "{message:?}");
            assert!(message.link.starts_with("https://qmt.example.com/"), "{message:?}");
            assert_eq!(message.severity, Some(concern.kind().severity()));
        }
    }
}

#[test]
fn names_from_elsewhere_stay_short_and_in_their_line() {
    let strategy = StrategyName::parse(&"长".repeat(100)).unwrap();
    let message = tell(Language::Zh, vec![letter(Concern::StrategySilent { strategy, since: MORNING }, Change::Begun)]);
    assert_eq!(message.title.chars().count(), LONGEST_TITLE + 1);
    let account = AccountName::parse("主账户/1").unwrap();
    let reason = Some("a\nb\u{7}".repeat(100));
    let rejected = Concern::OrdersRejected { account, instrument: "600000.SH".to_owned(), count: 5, reason };
    let message = tell(Language::En, vec![letter(rejected, Change::Begun)]);
    assert_eq!((message.body.lines().count(), message.body.contains('\u{7}')), (3, false), "{message:?}");
    assert_eq!(message.link, "https://qmt.example.com/accounts/%E4%B8%BB%E8%B4%A6%E6%88%B7%2F1");
}

#[test]
fn of_many_the_first_dozen_is_named() {
    let many = vec![letter(concerns().swap_remove(0), Change::Begun); 20];
    let message = tell(Language::En, many);
    assert_eq!((&*message.title, message.body.lines().count()), ("jq2qmt: 20 things to know", 14));
    assert!(message.body.contains("· and 8 more\n"), "{message:?}");
}
