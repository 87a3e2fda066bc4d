//! The tools of `benches/speed.py`: what the machine can do at best (a bare axum route that returns the same bytes, bare
//! signature verifications by the same crate), and a sender of requests that were signed before the clock starts.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a measuring tool, run by hand")]
#![expect(clippy::disallowed_methods, reason = "a stopwatch reads the clock")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
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
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn main() {
    let arguments: Vec<String> = std::env::args().filter(|argument| argument != "--bench").skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", body] => serve(Path::new(body)),
        ["verify", key, message, signature] => verify(key, message, signature),
        ["replay", address, requests, sizes, connections] => {
            let file = std::fs::read(requests).expect("the requests' file");
            let sizes = std::fs::read_to_string(sizes).expect("the sizes' file");
            let mut rest = Bytes::from(file);
            let requests = sizes.lines().map(|size| rest.split_to(size.parse().expect("a size"))).collect();
            replay(address, requests, connections.parse().expect("a number"));
        }
        _ => println!(
            "usage: limits serve BODY | verify KEY MESSAGE SIGNATURE | replay ADDRESS REQUESTS SIZES CONNECTIONS"
        ),
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

/// Sends raw requests over so many connections, one at a time on each, and prints answers a second.
#[tokio::main(flavor = "current_thread")]
async fn replay(address: &str, requests: VecDeque<Bytes>, connections: usize) {
    let total = u32::try_from(requests.len()).expect("a count");
    let waiting = Rc::new(RefCell::new(requests));
    let local = tokio::task::LocalSet::new();
    let start = Instant::now();
    for _ in 0..connections {
        let (waiting, address) = (Rc::clone(&waiting), address.to_owned());
        local.spawn_local(async move {
            let mut socket = TcpStream::connect(address).await.expect("a connection");
            let mut answer = Vec::new();
            loop {
                let Some(request) = waiting.borrow_mut().pop_front() else { return };
                socket.write_all(&request).await.expect("the request sent");
                answer.clear();
                while !is_whole(&answer) {
                    assert!(socket.read_buf(&mut answer).await.expect("an answer") > 0, "the server hung up");
                }
                assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
            }
        });
    }
    local.await;
    println!("{:.1}", f64::from(total) / start.elapsed().as_secs_f64());
}

/// Whether a response with a content length has arrived.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}
