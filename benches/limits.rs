//! What the machine can do at best, for `benches/speed.py` to hold the server against: a bare axum route that returns
//! the same bytes, and bare signature verifications by the same crate.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a measuring tool, run by hand")]
#![expect(clippy::disallowed_methods, reason = "a stopwatch reads the clock")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::pss::{Signature, VerifyingKey};
use rsa::signature::Verifier as _;
use sha2::Sha256;

fn main() {
    let arguments: Vec<String> = std::env::args().filter(|argument| argument != "--bench").skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", body] => serve(Path::new(body)),
        ["verify", key, message, signature] => verify(key, message, signature),
        _ => println!("usage: limits serve BODY_FILE | limits verify KEY.pem MESSAGE_FILE SIGNATURE_FILE"),
    }
}

/// `GET /bytes` answers the file's bytes, `GET /304` an empty 304.
#[tokio::main]
async fn serve(body: &Path) {
    let body = Bytes::from(std::fs::read(body).expect("the body's file"));
    let app = Router::new()
        .route("/bytes", get(async move || ([(CONTENT_TYPE, "application/json")], body.clone())))
        .route("/304", get(async || StatusCode::NOT_MODIFIED));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("listening on http://{}", listener.local_addr().expect("an address"));
    axum::serve(listener, app).await.expect("serving");
}

/// Prints verifications a second on all cores.
fn verify(key: &str, message: &str, signature: &str) {
    let key = std::fs::read_to_string(key).expect("the key's file");
    let key: VerifyingKey<Sha256> =
        VerifyingKey::new_with_auto_salt_len(rsa::RsaPublicKey::from_public_key_pem(&key).expect("a public key"));
    let message = std::fs::read(message).expect("the message's file");
    let signature =
        Signature::try_from(std::fs::read(signature).expect("the signature's file").as_slice()).expect("a signature");
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    key.verify(&message, &signature).expect("a good signature");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(Duration::from_secs(3));
        stop.store(true, Ordering::Relaxed);
    });
    let count = u32::try_from(count.into_inner()).expect("a count");
    println!("{:.1}", f64::from(count) / start.elapsed().as_secs_f64());
}
