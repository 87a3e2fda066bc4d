//! A robot of a chat group, as a channel meets it: on this machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;

pub(crate) const GOOD: &str = r#"{"errcode":0,"errmsg":"ok"}"#;
pub(crate) const LIMIT: &str = r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#;

/// A robot: what it was sent, and what it answers.
pub(crate) struct Robot {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Value>>>,
    answer: Arc<Mutex<String>>,
}

impl Robot {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/cgi-bin/webhook/send?key=pl4nted", listener.local_addr().unwrap());
        let (heard, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(GOOD.to_owned())));
        let robot = Self { url, heard: Arc::clone(&heard), answer: Arc::clone(&answer) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while stream.read_line(&mut line).unwrap() > 2 {
                    let lower = line.to_lowercase();
                    length = lower.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap());
                    line.clear();
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                heard.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                let body = answer.lock().unwrap().clone();
                let status_line =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.get_mut().write_all((status_line + &body).as_bytes()).unwrap();
            }
        });
        robot
    }

    pub(crate) fn answers(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().unwrap());
    }

    /// What it was told since it was asked last.
    pub(crate) fn heard(&self) -> Vec<String> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        heard.iter().map(|told| told["text"]["content"].as_str().unwrap().to_owned()).collect()
    }
}
