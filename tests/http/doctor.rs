//! The page of the doctor: what is wrong stands first, with what to do.

use std::time::Duration;

use jq2qmt::auth::rights::Reads;
use jq2qmt::clock::Zone;
use jq2qmt::config::Places;
use jq2qmt::doctor::{Doctor, Setup};

use crate::app::App;
use crate::pages::Browser;

async fn app() -> App {
    let app = App::start().await;
    app.state.examined_by(Doctor::new(Setup {
        places: Places { data_dir: app.dir.path().to_owned(), keys_dir: app.keys() },
        listen: "127.0.0.1:5366".parse().unwrap(),
        reads: Reads::Open,
        is_proxied: false,
        tls: None,
        file: None,
        backups: None,
        zone: Zone::named("Asia/Shanghai").unwrap(),
    }));
    app
}

/// The badges of a page, in their order.
fn levels(page: &str) -> Vec<&str> {
    let badges = page.split("<span class=\"badge ").skip(1);
    badges.map(|badge| badge.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn the_page_tells_the_operator_alone_what_the_command_line_tells() {
    let app = app().await;
    let answer = Browser::new(&app).get("/doctor").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/login?next=%2Fdoctor"));
    let mut browser = Browser::operator(&app).await;
    assert!(browser.page("/").await.contains("<a href=\"/doctor\">体检</a>"));
    let page = browser.page("/doctor").await;
    for check in ["公钥目录", "文件权限", "数据库", "操作员密码", "时钟", "备份", "磁盘", "交易日历", "通知渠道"]
    {
        assert!(page.contains(&format!("<th scope=\"row\">{check}</th>")), "{check}: {page}");
    }
    assert!(page.contains("正在运行：本页由它给出") && page.contains("用 --backup-every 1h 启动"), "{page}");
    assert!(!levels(&page).contains(&"fault"), "{page}");
    browser.get("/language?to=en").await;
    let page = browser.page("/doctor").await;
    assert!(page.contains("it runs: this is its answer") && page.contains("Faults: 0; notices: "), "{page}");
}

#[tokio::test]
async fn what_is_wrong_stands_first_and_is_looked_for_again_after_a_moment() {
    let app = app().await;
    let mut browser = Browser::operator(&app).await;
    std::fs::write(app.keys().join("<b>.pem"), "no key").unwrap();
    let page = browser.page("/doctor").await;
    assert_eq!(levels(&page)[0], "fault", "{page}");
    assert!(page.contains("class=\"notice bad\"") && page.contains("换上正确的文件或删除它"), "{page}");
    assert!(!page.contains("<b>.pem") && page.contains("&#60;b&#62;.pem"), "{page}");
    std::fs::remove_file(app.keys().join("<b>.pem")).unwrap();
    assert_eq!(levels(&browser.page("/doctor").await)[0], "fault", "an open page does not look again and again");
    app.clock.advance(Duration::from_secs(10));
    let page = browser.page("/doctor").await;
    assert_ne!(levels(&page)[0], "fault", "{page}");
    for key in ["alice.pem", "default.pem"] {
        std::fs::remove_file(app.keys().join(key)).unwrap();
    }
    app.clock.advance(Duration::from_secs(10));
    assert!(browser.page("/doctor").await.contains("没有公钥"));
}
