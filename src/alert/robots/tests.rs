use super::*;
use crate::domain::incident::Severity;

/// 2026-01-05 14:50:00 in Shanghai.
const NOW: Moment = Moment::from_micros(1_767_595_800_000_000);
const SECRET: &str = "SEC0123456789abcdef";

fn message(title: &str, body: &str) -> Message {
    let link = "https://example.com/".to_owned();
    Message {
        title: title.to_owned(),
        body: body.to_owned(),
        link,
        severity: Some(Severity::Alarm),
        news: Vec::new(),
        reports: Vec::new(),
    }
}

fn secrets(url: &str, secret: Option<&str>) -> Secrets {
    let secret = secret.map(str::to_owned);
    Secrets { url: url.to_owned(), secret, username: None, from: None, to: Vec::new() }
}

fn sent(kind: ChannelKind, secret: Option<&str>) -> (Request, Value) {
    let request = request(kind, &message("警报", "一\n二"), &secrets("https://robot.example/x?k=v", secret), NOW);
    let body = serde_json::from_str(&request.body).unwrap();
    (request, body)
}

#[test]
fn signatures_are_those_that_another_implementation_computes() {
    // By Python's hmac, hashlib and base64.
    let dingtalk = "P9Djq/G9Ag+gJ6cVh6l5lA+0YAIzLFDamSLOwdcQysU=";
    assert_eq!(dingtalk::signature(SECRET, NOW), ("1767595800000".to_owned(), dingtalk.to_owned()));
    let feishu = "ImVSMkedLwcx8f2rLJJhBZJVV3BQqS6TV7pfeLjIkQ4=";
    assert_eq!(feishu::signature(SECRET, NOW), ("1767595800".to_owned(), feishu.to_owned()));
    let webhook = "sha256=8f78fab9bf39e5372ee1d0605cb4c5bfd83ed38795e5778cbc90ebc0c0a1e45a";
    assert_eq!(webhook::signature(SECRET, "1767595800", "{\"title\":\"警报\"}"), webhook);
}

#[test]
fn each_robot_gets_what_it_understands() {
    use ChannelKind as K;
    let text = "警报\n一\n二\nhttps://example.com/";
    let (request, body) = sent(K::Wecom, None);
    assert_eq!((&*request.url, &body["text"]["content"]), ("https://robot.example/x?k=v", &Value::from(text)));

    let (request, body) = sent(K::Dingtalk, Some(SECRET));
    let signed =
        "https://robot.example/x?k=v&timestamp=1767595800000&sign=P9Djq%2FG9Ag%2BgJ6cVh6l5lA%2B0YAIzLFDamSLOwdcQysU%3D";
    assert_eq!((&*request.url, &body["text"]["content"]), (signed, &Value::from(text)));
    assert_eq!(sent(K::Dingtalk, None).0.url, "https://robot.example/x?k=v");

    let (_, body) = sent(K::Feishu, Some(SECRET));
    assert_eq!((&body["content"]["text"], &body["timestamp"]), (&Value::from(text), &Value::from("1767595800")));
    assert_eq!(body["sign"], "ImVSMkedLwcx8f2rLJJhBZJVV3BQqS6TV7pfeLjIkQ4=");
    assert_eq!(sent(K::Feishu, None).1.get("sign"), None);

    let (_, body) = sent(K::Bark, Some("device"));
    assert_eq!(
        (&body["title"], &body["level"], &body["device_key"]),
        (&"警报".into(), &"timeSensitive".into(), &"device".into())
    );
    let (_, body) = sent(K::Pushplus, Some("token"));
    assert_eq!((&body["title"], &body["content"], &body["token"]), (&"警报".into(), &text.into(), &"token".into()));
    let (_, body) = sent(K::Serverchan, None);
    assert_eq!((&body["title"], &body["desp"]), (&"警报".into(), &"警报\n\n一\n\n二\n\nhttps://example.com/".into()));

    let (request, body) = sent(K::Webhook, Some(SECRET));
    assert_eq!(
        (&body["title"], &body["severity"], &body["incidents"]),
        (&"警报".into(), &"alarm".into(), &Value::Array(Vec::new()))
    );
    let signature = webhook::signature(SECRET, "1767595800", &request.body);
    assert_eq!(
        request.headers[1..],
        [("x-jq2qmt-timestamp", "1767595800".to_owned()), ("x-jq2qmt-signature", signature)]
    );
}

#[test]
fn what_is_too_long_is_cut_and_its_link_stays() {
    let long = message("警报", &"长".repeat(10_000));
    for (kind, most) in [(ChannelKind::Wecom, 2_048), (ChannelKind::Feishu, 15_000)] {
        let body: Value = serde_json::from_str(&request(kind, &long, &secrets("https://x/", None), NOW).body).unwrap();
        let text = body["text"]["content"].as_str().or(body["content"]["text"].as_str()).unwrap();
        assert!(
            text.len() <= most && text.len() > most - 8 && text.ends_with("…\nhttps://example.com/"),
            "{}",
            text.len()
        );
    }
}

#[test]
fn names_from_elsewhere_call_nobody_and_draw_nothing() {
    let evil = message("<at user_id=\"all\">", "[x](https://evil.example) *b*");
    let text = request(ChannelKind::Feishu, &evil, &secrets("https://x/", None), NOW).body;
    assert!(!text.contains("<at"), "{text}");
    let text = request(ChannelKind::Serverchan, &evil, &secrets("https://x/", None), NOW).body;
    assert!(!text.contains("[x](") && !text.contains(" *b*"), "{text}");
}

#[test]
fn success_is_what_the_body_says() {
    use ChannelKind as K;
    let good = [
        (K::Wecom, r#"{"errcode":0,"errmsg":"ok"}"#),
        (K::Dingtalk, r#"{"errcode":0,"errmsg":"ok"}"#),
        (K::Feishu, r#"{"code":0,"msg":"success","data":{}}"#),
        (K::Feishu, r#"{"StatusCode":0,"StatusMessage":"success"}"#),
        (K::Bark, r#"{"code":200,"message":"success","timestamp":1767595800}"#),
        (K::Pushplus, r#"{"code":200,"msg":"请求成功","data":"075"}"#),
        (K::Serverchan, r#"{"code":0,"message":"","data":{"pushid":"1","error":"SUCCESS","errno":0}}"#),
        (K::Webhook, "anything"),
    ];
    for (kind, body) in good {
        assert_eq!(judge(kind, 200, body), Outcome::Delivered, "{kind} {body}");
        assert_ne!(judge(kind, 500, body), Outcome::Delivered, "{kind} {body}");
        assert_ne!(judge(kind, 302, body), Outcome::Delivered, "{kind} {body}");
    }
    let refused = [
        (K::Wecom, r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#, "code 93000: invalid webhook url"),
        (K::Dingtalk, r#"{"errcode":310000,"errmsg":"sign not match"}"#, "code 310000: sign not match"),
        (K::Feishu, r#"{"code":19021,"msg":"sign match fail"}"#, "code 19021: sign match fail"),
        (K::Bark, r#"{"code":400,"message":"failed to get device token"}"#, "code 400: failed to get device token"),
        (K::Pushplus, r#"{"code":903,"msg":"无效的用户令牌"}"#, "code 903: 无效的用户令牌"),
        (K::Serverchan, r#"{"code":40001,"message":"[AUTH]错误的Key"}"#, "code 40001: [AUTH]错误的Key"),
        (K::Serverchan, r#"{"code":"40001","message":"x"}"#, "code 40001: x"),
    ];
    for (kind, body, error) in refused {
        assert_eq!(judge(kind, 200, body), Outcome::Refused(error.to_owned()), "{kind}");
    }
    let limits = [
        (K::Wecom, r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#),
        (K::Dingtalk, r#"{"errcode":130101,"errmsg":"send too fast"}"#),
        (K::Dingtalk, r#"{"errcode":410100,"errmsg":"发送速度太快而限流"}"#),
        (K::Feishu, r#"{"code":11232,"msg":"frequency limited"}"#),
        (K::Pushplus, r#"{"code":900,"msg":"用户账号使用受限"}"#),
    ];
    for (kind, body) in limits {
        assert!(matches!(judge(kind, 200, body), Outcome::Limited(_)), "{kind}");
    }
    for body in ["", "<html>", "null", "[]", "0", r#"{"errcode":null}"#, r#"{"ok":true}"#, r#"{"code":[0]}"#] {
        for kind in [K::Wecom, K::Dingtalk, K::Feishu, K::Bark, K::Pushplus, K::Serverchan] {
            let error = "HTTP 200, and no answer of this robot's".to_owned();
            assert_eq!(judge(kind, 200, body), Outcome::Refused(error), "{kind} {body}");
        }
    }
    assert!(
        matches!(judge(K::Wecom, 429, ""), Outcome::Limited(_))
            && matches!(judge(K::Feishu, 429, r#"{"code":99991400,"msg":"too many"}"#), Outcome::Limited(_))
            && matches!(judge(K::Webhook, 429, ""), Outcome::Limited(_))
    );
}
