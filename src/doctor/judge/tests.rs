use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::*;
use crate::clock::Zone;
use crate::config::Places;
use crate::desk::incidents::Disk;
use crate::domain::book::Book;
use crate::domain::channel::ChannelName;
use crate::store::channels::ChannelStanding;
use crate::store::operator::Operator;

/// 2026-01-05 14:50:00 in Shanghai.
const NOW: Moment = Moment::from_micros(1_767_595_800_000_000);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn setup() -> Setup {
    Setup {
        places: Places { data_dir: "data".into(), keys_dir: "keys".into() },
        listen: "127.0.0.1:5366".parse().unwrap(),
        reads: Reads::Open,
        is_proxied: false,
        tls: None,
        file: None,
        backups: None,
        zone: Zone::named("Asia/Shanghai").unwrap(),
    }
}

fn seen() -> Seen {
    let operator = Operator { password_hash: String::new(), created_at: NOW.minus(DAY), updated_at: NOW.minus(DAY) };
    Seen {
        book: Book::default(),
        operator: Some(operator),
        newest_token: Some(NOW),
        clock_ahead: None,
        channels: HashMap::new(),
    }
}

fn telegraph(standing: ChannelStanding, tried: Option<Outcome>) -> ChannelFacts {
    ChannelFacts { name: ChannelName::parse("telegraph").unwrap(), standing, tried }
}

/// A set-up in which nothing is to be done.
fn healthy() -> Facts {
    let standing = ChannelStanding { delivered_at: Some(NOW.minus(HOUR)), ..ChannelStanding::default() };
    Facts {
        now: NOW,
        setup: setup(),
        keys: Ok(keyed()),
        rights: Some(held(Thing::Key, 0o644)),
        database: Ok(seen()),
        pages: Pages::Sound,
        server: Running::Answers(200, Some(NOW)),
        certificate: None,
        disks: vec![volume(50 << 30, 0)],
        files: Some(1 << 20),
        engine: Ok(sqlite(true)),
        copies: Some(copies_of(Some(NOW.minus(HOUR)), None)),
        channels: vec![telegraph(standing, None)],
    }
}

fn sqlite(is_mended: bool) -> Engine {
    Engine { name: "SQLite", version: "3.51.2".to_owned(), is_mended, mended: "3.51.3".to_owned() }
}

fn keyed() -> Inspection {
    let (problems, keyless, files) = (Vec::new(), Vec::new(), Vec::new());
    Inspection { keys: 2, weakest: Some(2048), is_default_wide: false, keyless, problems, files }
}

fn held(thing: Thing, mode: u32) -> Vec<Held> {
    vec![Held { path: "there".into(), thing, mode }]
}

fn volume(free: u64, needs: u64) -> Volume {
    Volume { folder: "data".into(), disk: Some(Disk { free, total: 100 << 30 }), needs }
}

fn copies_of(newest: Option<Moment>, failure: Option<&str>) -> Copies {
    let plan = Plan { every: HOUR, keep: 48, folder: PathBuf::from("backups") };
    Copies { plan, newest, failure: failure.map(str::to_owned), is_same_disk: false, damage: None }
}

/// The findings of a check, where one thing is otherwise: level and English words.
fn found(check: Check, change: impl FnOnce(&mut Facts)) -> Vec<(Level, String)> {
    let mut facts = healthy();
    change(&mut facts);
    let findings = judge(&facts);
    for Finding { meaning, todo, level, .. } in &findings {
        assert!(!meaning.zh.is_empty() && !meaning.en.is_empty());
        assert_eq!(todo.is_none(), *level == Level::Ok, "what is not well has something to do: {meaning:?}");
    }
    let of_check = findings.into_iter().filter(|finding| finding.check == check);
    of_check.map(|finding| (finding.level, finding.meaning.en)).collect()
}

fn level(check: Check, change: impl FnOnce(&mut Facts)) -> Level {
    let found = found(check, change);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].0
}

#[test]
fn where_all_is_well_nothing_is_to_be_done() {
    let findings = judge(&healthy());
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.level != Level::Ok).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let mut checks: Vec<&str> = findings.iter().map(|finding| finding.check.as_str()).collect();
    checks.dedup();
    assert_eq!(
        checks,
        [
            "listen",
            "certificate",
            "keys",
            "rights",
            "database",
            "password",
            "server",
            "clock",
            "backup",
            "disk",
            "files",
            "sqlite",
            "calendar",
            "channel"
        ]
    );
}

#[test]
fn open_reading_on_an_address_of_the_internet_is_a_fault() {
    for (listen, is_proxied, reads, expected) in [
        ("127.0.0.1:1", false, Reads::Open, Level::Ok),
        ("[::1]:1", false, Reads::Open, Level::Ok),
        ("127.0.0.1:1", true, Reads::Open, Level::Notice),
        ("192.168.1.2:1", false, Reads::Open, Level::Notice),
        ("[fd00::1]:1", false, Reads::Open, Level::Notice),
        ("0.0.0.0:1", false, Reads::Open, Level::Fault),
        ("[::]:1", false, Reads::Open, Level::Fault),
        ("203.0.113.5:1", false, Reads::Open, Level::Fault),
        ("0.0.0.0:1", false, Reads::Key, Level::Ok),
    ] {
        let listen: SocketAddr = listen.parse().unwrap();
        let change = |facts: &mut Facts| {
            (facts.setup.listen, facts.setup.is_proxied, facts.setup.reads) = (listen, is_proxied, reads);
        };
        assert_eq!(level(Check::Listen, change), expected, "{listen} {reads:?}");
    }
}

#[test]
fn a_certificate_that_ends_soon_is_noticed_and_one_that_has_is_a_fault() {
    let at = |certificate: Option<Result<Option<Moment>, String>>| {
        level(Check::Certificate, |facts| facts.certificate = certificate)
    };
    assert_eq!(at(Some(Ok(Some(NOW.plus(15 * DAY))))), Level::Ok);
    assert_eq!(at(Some(Ok(Some(NOW.plus(14 * DAY))))), Level::Notice);
    assert_eq!(at(Some(Ok(Some(NOW)))), Level::Fault);
    assert_eq!(at(Some(Ok(None))), Level::Notice);
    assert_eq!(at(Some(Err("inconsistent keys".to_owned()))), Level::Fault);
    let plain = |listen: &str, is_proxied| {
        let listen = listen.parse().unwrap();
        level(Check::Certificate, |facts| (facts.setup.listen, facts.setup.is_proxied) = (listen, is_proxied))
    };
    assert_eq!([plain("127.0.0.1:1", false), plain("10.0.0.1:1", true)], [Level::Ok; 2]);
    assert_eq!(plain("10.0.0.1:1", false), Level::Notice, "in the clear");
}

#[test]
fn what_is_wrong_with_a_key_is_told_of_each() {
    let private = || KeyringError::PrivateKey("keys/a.pem".into());
    let open = || KeyringError::OpenToOthers("keys".into());
    let problems = found(Check::Keys, |facts| {
        facts.keys = Ok(Inspection { problems: vec![private(), open()], ..keyed() });
    });
    assert_eq!(problems.len(), 2);
    assert!(problems.iter().all(|(level, _)| *level == Level::Fault), "{problems:?}");
    assert!(problems[0].1.contains("private key") && problems[1].1.contains("written by others"), "{problems:?}");
    let none = Inspection { keys: 0, weakest: None, ..keyed() };
    assert_eq!(level(Check::Keys, |facts| facts.keys = Ok(none)), Level::Notice);
    let gone = KeyringError::Io { path: "keys".into(), source: std::io::ErrorKind::NotFound.into() };
    assert_eq!(level(Check::Keys, |facts| facts.keys = Err(gone)), Level::Fault);
}

#[test]
fn who_is_narrowed_less_than_it_seems_is_told() {
    let wide = Inspection { is_default_wide: true, ..keyed() };
    let [(Level::Ok, _), (Level::Notice, words)] = &found(Check::Keys, |facts| facts.keys = Ok(wide))[..] else {
        panic!("one that is well and a notice");
    };
    assert!(words.starts_with("default.pem is not narrowed"), "{words}");
    let keyless = vec!["ann".to_owned(), "bob\u{1b}".to_owned()];
    let told = found(Check::Keys, |facts| facts.keys = Ok(Inspection { keyless, ..keyed() }));
    assert_eq!(told.iter().map(|(level, _)| *level).collect::<Vec<_>>(), [Level::Ok, Level::Notice, Level::Notice]);
    assert!(told[1].1.contains("narrows ann") && !told[2].1.contains('\u{1b}'), "{told:?}");
}

#[test]
fn what_others_can_write_is_a_fault_and_what_they_can_look_into_a_notice() {
    use Thing::{CertificateKey, DataFolder, Key, SecretSettings, Settings};
    for (thing, mode, expected) in [
        (DataFolder, 0o700, Level::Ok),
        (DataFolder, 0o750, Level::Notice),
        (DataFolder, 0o711, Level::Notice),
        (DataFolder, 0o770, Level::Fault),
        (Key, 0o444, Level::Ok),
        (Key, 0o664, Level::Fault),
        (Key, 0o646, Level::Fault),
        (Settings, 0o644, Level::Ok),
        (Settings, 0o664, Level::Fault),
        (CertificateKey, 0o640, Level::Ok),
        (CertificateKey, 0o644, Level::Fault),
        (CertificateKey, 0o620, Level::Fault),
        (SecretSettings, 0o640, Level::Ok),
        (SecretSettings, 0o644, Level::Notice),
        (SecretSettings, 0o666, Level::Fault),
    ] {
        let change = |facts: &mut Facts| facts.rights = Some(held(thing, mode));
        assert_eq!(level(Check::Rights, change), expected, "{thing:?} {mode:o}");
    }
    let unseen = found(Check::Rights, |facts| facts.rights = None);
    assert!(matches!(&unseen[..], [(Level::Notice, words)] if words.starts_with("not looked at")), "{unseen:?}");
    assert_eq!(found(Check::Rights, |facts| facts.rights = Some(Vec::new())), [], "nothing is there yet");
}

#[test]
fn a_database_that_cannot_be_used_is_a_fault_and_hides_what_stands_in_it() {
    for (error, expected) in [
        (OpenError::Missing("data/jq2qmt.db".to_owned()), Level::Fault),
        (OpenError::Older, Level::Notice),
        (OpenError::Newer(9999), Level::Fault),
        (OpenError::HalfMigrated(5), Level::Fault),
        (OpenError::Corrupt("gone".to_owned()), Level::Fault),
        (OpenError::Unusable("locked".to_owned()), Level::Fault),
    ] {
        let text = error.to_string();
        let mut facts = healthy();
        (facts.database, facts.channels) = (Err(error), Vec::new());
        let findings = judge(&facts);
        let of = |check: Check| findings.iter().filter(move |finding| finding.check == check);
        assert_eq!(of(Check::Database).map(|finding| finding.level).collect::<Vec<_>>(), [expected], "{text}");
        for check in [Check::Password, Check::Clock, Check::Calendar, Check::Channel] {
            assert_eq!(of(check).count(), 0, "{check:?} is not known");
        }
    }
    let pages = |pages| level(Check::Database, |facts| facts.pages = pages);
    assert_eq!(pages(Pages::Damaged("page 7 is never used".to_owned())), Level::Fault);
    assert_eq!(pages(Pages::TooMany), Level::Notice);
}

#[test]
fn without_a_password_nobody_logs_in() {
    let none = Seen { operator: None, ..seen() };
    assert_eq!(level(Check::Password, |facts| facts.database = Ok(none)), Level::Fault);
}

#[test]
fn a_server_that_does_not_answer_is_a_fault() {
    for (running, expected) in [
        (Running::Itself, Level::Ok),
        (Running::Unasked, Level::Ok),
        (Running::Answers(200, None), Level::Ok),
        (Running::Answers(503, None), Level::Fault),
        (Running::Silent("refused".to_owned()), Level::Fault),
        (Running::Not, Level::Notice),
        (Running::Unknown("denied".to_owned()), Level::Notice),
    ] {
        assert_eq!(level(Check::Server, |facts| facts.server = running.clone()), expected, "{running:?}");
    }
}

#[test]
fn a_clock_is_held_against_changes_tokens_and_the_server() {
    let clock = |change: &dyn Fn(&mut Seen, &mut Facts)| {
        found(Check::Clock, |facts| {
            let mut seen = seen();
            change(&mut seen, facts);
            facts.database = Ok(seen);
        })
        .remove(0)
    };
    let (behind, words) = clock(&|seen, _| seen.book.note_change(NOW.plus(2 * HOUR)));
    assert_eq!(behind, Level::Fault);
    assert!(words.contains("2 h behind the newest change"), "{words}");
    let (ahead, words) = clock(&|seen, _| seen.newest_token = Some(NOW.plus(Duration::from_secs(11))));
    assert_eq!(ahead, Level::Notice);
    assert!(words.contains("11 s from now"), "{words}");
    for at in [NOW.plus(3 * HOUR), NOW.minus(3 * HOUR)] {
        let (off, words) = clock(&|_, facts| facts.server = Running::Answers(200, Some(at)));
        assert_eq!(off, Level::Fault);
        assert!(words.contains("3 h off"), "{words}");
    }
    let (off, words) = clock(&|seen, _| seen.clock_ahead = Some(600_000_000));
    assert_eq!(off, Level::Fault);
    assert!(words.contains("10 min ahead of what terminals report or clients sign"), "{words}");
    let (_, words) = clock(&|seen, _| seen.book.note_change(NOW));
    assert_eq!(words, "it agrees with the newest token and the server's answers");
    let (_, words) = clock(&|seen, facts| (seen.newest_token, facts.server) = (None, Running::Not));
    assert_eq!(words, "there is no change, token or answer yet to hold it against");
    let near = NOW.minus(Duration::from_secs(10));
    assert_eq!(clock(&|_, facts| facts.server = Running::Answers(200, Some(near))).0, Level::Ok);
}

#[test]
fn copies_that_stay_away_are_a_fault() {
    let late = NOW.minus(3 * HOUR + Duration::from_secs(1));
    for (newest, failure, born, expected) in [
        (Some(NOW.minus(3 * HOUR)), None, NOW.minus(DAY), Level::Ok),
        (Some(late), None, NOW.minus(DAY), Level::Fault),
        (Some(NOW), Some("the disk is full"), NOW.minus(DAY), Level::Fault),
        (None, None, NOW.minus(HOUR), Level::Notice),
        (None, None, NOW.minus(DAY), Level::Fault),
    ] {
        let change = |facts: &mut Facts| {
            let mut seen = seen();
            seen.operator.as_mut().unwrap().created_at = born;
            (facts.copies, facts.database) = (Some(copies_of(newest, failure)), Ok(seen));
        };
        assert_eq!(level(Check::Backup, change), expected, "{newest:?} {failure:?}");
    }
    assert_eq!(level(Check::Backup, |facts| facts.copies = None), Level::Notice);
    let of_newest = |change: fn(&mut Copies)| {
        let mut copies = copies_of(Some(NOW.minus(HOUR)), None);
        change(&mut copies);
        level(Check::Backup, |facts| facts.copies = Some(copies))
    };
    assert_eq!(of_newest(|copies| copies.is_same_disk = true), Level::Notice);
    assert_eq!(of_newest(|copies| copies.damage = Some("malformed".to_owned())), Level::Fault);
}

#[test]
fn a_disk_that_fills_is_noticed_before_it_is_full() {
    let disk = |free, needs| level(Check::Disk, |facts| facts.disks = vec![volume(free, needs)]);
    assert_eq!(disk(1 << 30, 0), Level::Ok);
    assert_eq!(disk((1 << 30) - 1, 0), Level::Notice);
    assert_eq!(disk((128 << 20) - 1, 0), Level::Fault);
    assert_eq!(disk(4 << 30, 5 << 30), Level::Fault, "the next copy does not fit");
    let unknown = Volume { folder: "data".into(), disk: None, needs: 0 };
    assert_eq!(level(Check::Disk, |facts| facts.disks = vec![unknown]), Level::Notice);
}

#[test]
fn few_open_files_are_few_connections() {
    let files = |most| found(Check::Files, |facts| facts.files = most);
    assert_eq!(files(Some(2176))[0].0, Level::Ok);
    assert_eq!(files(Some(2175))[0].0, Level::Notice);
    assert_eq!(files(Some(511))[0].0, Level::Fault);
    assert_eq!(files(None), []);
}

#[test]
fn an_engine_that_may_lose_commits_is_a_fault() {
    assert_eq!(level(Check::Sqlite, |facts| facts.engine = Ok(sqlite(false))), Level::Fault);
    assert_eq!(level(Check::Sqlite, |facts| facts.engine = Err(OpenError::Unusable("no".to_owned()))), Level::Fault);
}

#[test]
fn the_calendar_knows_this_year_and_in_december_the_next() {
    let at = |date: &str| {
        let now = date.parse::<Day>().unwrap().begins_at();
        // Every other check is of no matter here.
        level(Check::Calendar, |facts| facts.now = now)
    };
    assert_eq!(at("2026-11-30"), Level::Ok);
    assert_eq!(at("2026-12-01"), Level::Notice);
    assert_eq!(at("2027-01-01"), Level::Fault);
}

#[test]
fn a_channel_is_as_good_as_its_last_message() {
    let failed = |at: Moment| Some((at, "invalid webhook url".to_owned()));
    let channel = |delivered_at, failed, tried| {
        let standing = ChannelStanding { delivered_at, failed, waiting: 0 };
        level(Check::Channel, |facts| facts.channels = vec![telegraph(standing, tried)])
    };
    let (before, after) = (NOW.minus(2 * HOUR), NOW.minus(HOUR));
    assert_eq!(channel(Some(after), failed(before), None), Level::Ok);
    assert_eq!(channel(Some(before), failed(after), None), Level::Fault);
    assert_eq!(channel(None, failed(before), None), Level::Fault);
    assert_eq!(channel(None, None, None), Level::Notice);
    assert_eq!(channel(None, failed(before), Some(Outcome::Delivered)), Level::Ok, "what was tried just now counts");
    assert_eq!(channel(Some(after), None, Some(Outcome::Refused("no".to_owned()))), Level::Fault);
    assert_eq!(level(Check::Channel, |facts| facts.channels.clear()), Level::Notice);
}

#[test]
fn a_span_is_told_in_a_unit_of_which_there_are_some() {
    let told = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(|seconds| span(Duration::from_secs(seconds)).en);
    assert_eq!(told, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
}
