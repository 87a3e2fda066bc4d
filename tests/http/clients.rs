//! The keys folder: rotation, narrowing, and changes while the server runs.

use std::time::Duration;

use jq2qmt::auth::keyring::{Keyring, KeyringError};
use jq2qmt::auth::token::{Bound, sign};
use jq2qmt::clock::Clock;
use jq2qmt::domain::moment::Moment;
use jq2qmt::store::api_keys::Scope;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::json;

use crate::app::{ALICE, Answer, App, Client, DEFAULT, MALLORY, START, UPDATE, add_key};

async fn push_as(app: &App, id: &str, with: &Client, strategy: &str) -> Answer {
    let body = json!({"strategy_name": strategy, "positions": []}).to_string();
    let bound = Bound { method: "POST", path: UPDATE, body: body.as_bytes() };
    let token = sign(&with.key, id, app.clock.now(), bound).unwrap();
    app.post(UPDATE, &[("x-auth-token", &token)], body).await
}

fn look_again(app: &App) {
    app.clock.advance(Duration::from_secs(1));
}

#[tokio::test]
async fn keys_come_and_go_without_a_restart() {
    let app = App::start().await;
    let bad = (401, "bad_signature".to_owned());
    assert_eq!(push_as(&app, "alice", &MALLORY, "a").await.refusal(), bad);
    // A second key of the same client, so that keys can be changed without a gap.
    std::fs::write(app.keys().join("alice.2026.pem"), MALLORY.public_pem()).unwrap();
    // A key that was put there just now is known at once; one that was taken away, within a second.
    push_as(&app, "alice", &MALLORY, "a").await.ok();
    push_as(&app, "alice", &ALICE, "a").await.ok();
    std::fs::remove_file(app.keys().join("alice.pem")).unwrap();
    look_again(&app);
    assert_eq!(push_as(&app, "alice", &ALICE, "a").await.refusal(), bad);
    push_as(&app, "alice", &MALLORY, "a").await.ok();
    // With no key left and no default, nobody is known.
    for file in ["alice.2026.pem", "default.pem"] {
        std::fs::remove_file(app.keys().join(file)).unwrap();
    }
    look_again(&app);
    assert_eq!(push_as(&app, "alice", &MALLORY, "a").await.refusal(), (401, "unknown_client".to_owned()));
    let info = app.get("/api/v1/auth/info").await.ok();
    assert_eq!(
        (&info["crypto_enabled"], &info["auth_type"], &info["public_key"]),
        (&json!(false), &json!("simple"), &json!(null))
    );
}

#[tokio::test]
async fn a_key_that_is_taken_away_is_gone_within_a_second_however_the_clock_is_set() {
    for jump in [-10, 10].map(|hours: i64| hours * 3_600_000_000) {
        let app = App::start().await;
        app.clock.set(Moment::from_micros(app.clock.now().as_micros() + jump));
        std::fs::remove_file(app.keys().join("default.pem")).unwrap();
        look_again(&app);
        let refused = push_as(&app, "anybody", &DEFAULT, "a").await.refusal();
        assert_eq!(refused, (401, "unknown_client".to_owned()), "{jump}");
    }
}

#[tokio::test]
async fn a_file_that_breaks_while_running_takes_only_itself_away() {
    let app = App::start().await;
    std::fs::write(app.keys().join("bob.pem"), DEFAULT.public_pem()).unwrap();
    for broken in [&b"-----BEGIN PUBLIC KEY-----\nhalf"[..], &[0xff, 0xfe]] {
        std::fs::write(app.keys().join("alice.pem"), broken).unwrap();
        look_again(&app);
        push_as(&app, "bob", &DEFAULT, "a").await.ok();
        // Alice's file is broken: she is nobody now, not the default client.
        assert_eq!(push_as(&app, "alice", &ALICE, "a").await.refusal().1, "bad_signature");
        assert_eq!(push_as(&app, "alice", &DEFAULT, "a").await.refusal().1, "bad_signature");
    }
}

#[tokio::test]
async fn clients_are_narrowed() {
    let app = App::start().await;
    let rules = app.keys().join("clients.toml");
    std::fs::write(
        &rules,
        "[alice]\nstrategies = [\"alpha\", \"beta-*\"]\nunbound = false\n[default]\nstrategies = []\n",
    )
    .unwrap();
    look_again(&app);
    push_as(&app, "alice", &ALICE, "alpha").await.ok();
    push_as(&app, "alice", &ALICE, "beta-策略").await.ok();
    let forbidden = (403, "strategy_forbidden".to_owned());
    assert_eq!(push_as(&app, "alice", &ALICE, "alpha2").await.refusal(), forbidden);
    assert_eq!(push_as(&app, "anybody", &DEFAULT, "alpha").await.refusal(), forbidden);
    let unbound = ALICE.unbound_token(app.clock.now());
    let body = r#"{"strategy_name":"alpha","positions":[]}"#;
    let answer = app.post(UPDATE, &[("x-auth-token", &unbound)], body).await;
    assert_eq!(answer.refusal(), (403, "unbound_token".to_owned()));

    // A typing error widens nobody, nor does a file that is no text or that an editor is about to fill.
    for mistake in [&b"[alice]\nstrategy = [\"*\"]\n"[..], &[0xff, 0xfe], b"", b"# nobody\n"] {
        std::fs::write(&rules, mistake).unwrap();
        look_again(&app);
        assert_eq!(push_as(&app, "alice", &ALICE, "alpha2").await.refusal(), forbidden);
    }
    std::fs::remove_file(&rules).unwrap();
    look_again(&app);
    push_as(&app, "alice", &ALICE, "alpha2").await.ok();
}

#[tokio::test]
async fn a_file_that_only_looks_the_same_is_read_again() {
    let app = App::start().await;
    let path = app.keys().join("alice.pem");
    let before = std::fs::metadata(&path).unwrap();
    push_as(&app, "alice", &ALICE, "a").await.ok();
    // As a copy that keeps times does: same name, same length, same time.
    let put = |in_place: bool, client: &Client| {
        let written = if in_place { path.clone() } else { app.keys().join("new") };
        std::fs::write(&written, client.public_pem()).unwrap();
        let file = std::fs::File::options().write(true).open(&written).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
        std::fs::rename(&written, &path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), before.len());
    };
    for (in_place, [now, gone]) in [(true, [&*MALLORY, &*ALICE]), (false, [&*ALICE, &*MALLORY])] {
        put(in_place, now);
        look_again(&app);
        assert_eq!(push_as(&app, "alice", gone, "a").await.refusal().1, "bad_signature", "{in_place}");
        push_as(&app, "alice", now, "a").await.ok();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_passed_over() {
    let app = App::start().await;
    std::fs::create_dir(app.keys().join("folder.pem")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(app.keys().join("socket.pem")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(app.keys().join("pipe.pem")).status().unwrap();
    assert!(pipe.success());
    look_again(&app);
    push_as(&app, "alice", &ALICE, "a").await.ok();
    assert_eq!(Keyring::open(&app.keys(), app.clock.clone()).map(|_| ()).map_err(|error| error.to_string()), Ok(()));
}

#[tokio::test]
async fn an_overlay_is_for_who_was_given_it_by_that_name() {
    let app = App::start().await;
    let rules = app.keys().join("clients.toml");
    let refused = push_as(&app, "alice", &ALICE, "ADJUSTMENT_MAIN").await;
    assert!(refused.json()["message"].as_str().unwrap().contains("a pattern that begins with ADJUSTMENT_"));
    assert_eq!(refused.refusal(), (403, "strategy_forbidden".to_owned()), "who may push everything");
    for (patterns, allowed) in [
        (r#"["*"]"#, false),
        (r#"["A*", "ADJUSTMENT*", "*MAIN"]"#, false),
        (r#"["ADJUSTMENT_OTHER"]"#, false),
        (r#"["alpha", "ADJUSTMENT_M*"]"#, true),
        (r#"["ADJUSTMENT_*"]"#, true),
    ] {
        std::fs::write(&rules, format!("[alice]\nstrategies = {patterns}\n")).unwrap();
        look_again(&app);
        let answer = push_as(&app, "alice", &ALICE, "ADJUSTMENT_MAIN").await;
        assert_eq!(answer.status.as_u16(), if allowed { 200 } else { 403 }, "{patterns}");
    }
    for (n, (patterns, allowed)) in
        [(vec![], false), (vec!["*"], false), (vec!["ADJUSTMENT_*"], true)].into_iter().enumerate()
    {
        let key = add_key(&app, &format!("script {n}"), Scope::Write, &patterns).await;
        let body = json!({"strategy_name": "ADJUSTMENT_MAIN", "positions": []}).to_string();
        let answer = app.post(UPDATE, &[("x-api-key", &key)], body).await;
        assert_eq!(answer.status.as_u16(), if allowed { 200 } else { 403 }, "{patterns:?}");
    }
}

#[test]
fn what_does_not_belong_in_the_folder_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Keyring::open(dir.path(), Clock::manual(START)).map(|_| ()).map_err(|error| error.to_string());
    let file = dir.path().join("alice.pem");
    assert_eq!(open(), Ok(()));
    std::fs::write(&file, "hello").unwrap();
    assert!(open().unwrap_err().contains("not an RSA public key"));
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(open().unwrap_err().contains("it is not text"));
    std::fs::write(&file, ALICE.key.to_pkcs8_pem(LineEnding::LF).unwrap().as_str()).unwrap();
    assert!(
        matches!(Keyring::open(dir.path(), Clock::manual(START)), Err(KeyringError::PrivateKey(path)) if path == file)
    );
    std::fs::write(&file, ALICE.public_pem()).unwrap();
    assert_eq!(open(), Ok(()));
    std::fs::write(dir.path().join(".pem"), ALICE.public_pem()).unwrap();
    std::fs::write(dir.path().join("notes.txt"), "not a key").unwrap();
    assert_eq!(open(), Ok(()), "a file without an extension or with another is none of ours");
    for rules in ["[alice]\nstrategies = \"alpha\"", "[alice]\nunbounded = true", "alice"] {
        std::fs::write(dir.path().join("clients.toml"), rules).unwrap();
        assert!(open().unwrap_err().contains("clients.toml"), "{rules}");
    }
    assert!(
        Keyring::open(&dir.path().join("nowhere"), Clock::manual(START)).unwrap_err().to_string().contains("nowhere")
    );
}

#[test]
fn small_keys_stop_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let small = Client { id: "small", key: rsa::RsaPrivateKey::new(&mut rand::rng(), 1024).unwrap() };
    std::fs::write(dir.path().join("small.pem"), small.public_pem()).unwrap();
    let error = Keyring::open(dir.path(), Clock::manual(START)).unwrap_err().to_string();
    assert!(error.contains("1024 bits"), "{error}");
}
