//! The whole server as the binary runs it, in this process.

use std::future::pending;
use std::time::Duration;

use jq2qmt::auth::reach::Reach;
use jq2qmt::auth::rights::Reads;
use jq2qmt::clock::{Clock, Zone};
use jq2qmt::config::{Config, Places};
use jq2qmt::lifecycle::Lifecycle;
use jq2qmt::startup::{bind, serve};

use crate::app::{ALICE, PASSWORD};

#[tokio::test]
async fn a_task_that_ends_takes_the_server_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (data_dir, keys_dir) = (dir.path().join("data"), dir.path().join("keys"));
    jq2qmt::first_start::create_keys_dir(&keys_dir).unwrap();
    // With a key there, the first start need not make one.
    std::fs::write(keys_dir.join("alice.pem"), ALICE.public_pem()).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = Config {
        backups: None,
        places: Places { data_dir, keys_dir },
        listen,
        reads: Reads::Open,
        reach: Reach::default(),
        tls: None,
        file: None,
        zone: Zone::named("Asia/Shanghai").unwrap(),
        token_max_age: Duration::from_mins(5),
        drift_after: Duration::from_mins(10),
        new: false,
        heartbeat: None,
        demo: false,
        first_password: Some(PASSWORD.to_owned()),
        manager: None,
    };
    let lifecycle = Lifecycle::new();
    lifecycle.thread("a task", || Err::<(), _>("the disk is gone")).unwrap();
    let served = serve(config, bind(listen).unwrap(), Clock::system(), lifecycle.clone(), pending()).await;
    assert_eq!(served.unwrap_err().to_string(), "a task has stopped: the disk is gone");
    lifecycle.end();
}
