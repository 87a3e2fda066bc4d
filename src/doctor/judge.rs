//! What the facts mean, and what to do. Pure: the same facts give the same findings.

use std::net::IpAddr;
use std::time::Duration;

use super::facts::{ChannelFacts, Copies, Facts, Pages, Running, Volume};
use super::rights::{Held, Thing};
use super::{Check, Finding, Level, Sentence, Setup};
use crate::alert::Outcome;
use crate::auth::keyring::{Inspection, KeyringError};
use crate::auth::rights::Reads;
use crate::desk::incidents::{CERTIFICATE_SOON, COPY_TAKES, DISK_LOW};
use crate::domain::calendar::{Calendar, Day};
use crate::domain::excerpt::Excerpt;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::domain::watch::clock_behind;
use crate::net::Bounds;
use crate::store::OpenError;
use crate::store::backups::Plan;
use crate::store::inspect::{Engine, Seen};

/// Below which a disk takes no more for long: bytes.
const DISK_FULL: u64 = 128 << 20;

/// Below how many open files hardly anybody can be connected.
const FEW_FILES: u64 = 512;

/// How far ahead of the clock a token may be signed without a word, and how far the server's clock may be off ours: what the
/// network takes, and the whole second that its answer is rounded to.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10);

/// What was found, in the order of the checks.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Facts { now, setup, .. } = facts;
    let mut findings = vec![listen(setup), certificate(setup, facts.certificate.as_ref(), *now)];
    findings.extend(keys(facts.keys.as_ref()));
    findings.extend(facts.keys.as_ref().ok().into_iter().flat_map(narrowing));
    findings.extend(rights(facts.rights.as_deref()));
    findings.push(database(&facts.database, &facts.pages));
    findings.extend(facts.database.as_ref().ok().map(|seen| password(seen, setup)));
    findings.push(server(&facts.server, setup));
    findings.extend(facts.database.as_ref().ok().map(|seen| clock(seen, &facts.server, *now)));
    findings.push(copies(facts.copies.as_ref(), facts.database.as_ref().ok(), setup, *now));
    findings.extend(facts.disks.iter().map(disk));
    findings.extend(facts.files.map(files));
    findings.push(engine(facts.engine.as_ref()));
    findings.extend(facts.database.as_ref().ok().map(|seen| calendar(seen.book.settings().calendar(), Day::of(*now))));
    match &facts.channels[..] {
        [] if facts.database.is_ok() => findings.push(no_channels()),
        channels => findings.extend(channels.iter().map(|channel| self::channel(channel, setup))),
    }
    findings
}

/// What a configuration is that cannot be used.
pub fn unusable(error: &str) -> Finding {
    let meaning = say(format!("配置不能使用：{error}"), format!("what is configured cannot be used: {error}"));
    let todo = say(
        "按上面的说明改正参数、环境变量或配置文件；服务器用它也无法启动",
        "put it right as that says, in flags, environment or file; the server does not start with it either",
    );
    Finding { check: Check::Settings, level: Level::Fault, meaning, todo: Some(todo) }
}

fn say(zh: impl Into<String>, en: impl Into<String>) -> Sentence {
    Sentence { zh: zh.into(), en: en.into() }
}

const fn ok(check: Check, meaning: Sentence) -> Finding {
    Finding { check, level: Level::Ok, meaning, todo: None }
}

const fn notice(check: Check, meaning: Sentence, todo: Sentence) -> Finding {
    Finding { check, level: Level::Notice, meaning, todo: Some(todo) }
}

const fn fault(check: Check, meaning: Sentence, todo: Sentence) -> Finding {
    Finding { check, level: Level::Fault, meaning, todo: Some(todo) }
}

/// Whether an address belongs to a network that is not the internet.
const fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

fn listen(setup: &Setup) -> Finding {
    let Setup { listen, reads, is_proxied, .. } = setup;
    if *reads == Reads::Key {
        let meaning = format!("{listen} is read with a key or by the operator alone");
        return ok(Check::Listen, say(format!("{listen}：只有持密钥者和操作员可以读取"), meaning));
    }
    if listen.ip().is_loopback() && !is_proxied {
        let meaning = format!("{listen} is reached from this machine alone, where reading is open");
        return ok(Check::Listen, say(format!("{listen}：只有本机可以访问，读取不需要密钥"), meaning));
    }
    let meaning = say(
        format!("{listen}：任何能访问该端口的人都能读取全部持仓"),
        format!("{listen}: whoever reaches the port can read every position"),
    );
    let todo = say(
        "用 jq2qmt key add NAME --scope read 给终端一把密钥，然后以 --reads key 启动",
        "give terminals a key (jq2qmt key add NAME --scope read), and start with --reads key",
    );
    let level = if is_private(listen.ip()) { Level::Notice } else { Level::Fault };
    Finding { check: Check::Listen, level, meaning, todo: Some(todo) }
}

fn certificate(setup: &Setup, loaded: Option<&Result<Option<Moment>, String>>, now: Moment) -> Finding {
    let check = Check::Certificate;
    let renew = || {
        say("更新证书；文件变化后服务器会自动重新读取", "renew it: the server reads the files again when they change")
    };
    match loaded {
        None if setup.listen.ip().is_loopback() || setup.is_proxied => ok(
            check,
            say("没有证书：只有本机或代理直接访问", "none: only this machine, or a proxy, reaches the server itself"),
        ),
        None => notice(
            check,
            say(
                "没有 HTTPS：密码和密钥在网络上明文传输",
                "there is no HTTPS: passwords and keys pass the network in the clear",
            ),
            say(
                "用 --tls-cert 和 --tls-key 指定证书，或放在反向代理之后",
                "say --tls-cert and --tls-key, or put the server behind a reverse proxy",
            ),
        ),
        Some(Err(error)) => fault(
            check,
            say(format!("证书不能使用：{error}"), format!("it cannot be used: {error}")),
            say(
                "证书和私钥要是匹配的 PEM 文件，且服务器可读",
                "certificate and key must belong together, be PEM, and be readable for the server",
            ),
        ),
        Some(Ok(None)) => notice(
            check,
            say("证书可以使用，但看不出何时到期", "it can be used; when it ends cannot be read"),
            say("自行留意到期时间", "watch for its end yourself"),
        ),
        Some(Ok(Some(ends))) => {
            let at = setup.zone.seconds(*ends);
            let meaning = say(format!("证书到期时间：{at}"), format!("it is good until {at}"));
            match *ends {
                ends if ends <= now => {
                    fault(check, say(format!("证书已于 {at} 过期"), format!("it ended at {at}")), renew())
                }
                ends if ends <= now.plus(CERTIFICATE_SOON) => notice(check, meaning, renew()),
                _ => ok(check, meaning),
            }
        }
    }
}

fn keys(inspection: Result<&Inspection, &KeyringError>) -> Vec<Finding> {
    let check = Check::Keys;
    let wrong = |error: &KeyringError| {
        let text = Excerpt(&error.to_string()).to_string();
        let meaning = say(format!("公钥目录有问题：{text}"), text);
        fault(check, meaning, mend_keys(error))
    };
    let Inspection { keys, weakest, problems, .. } = match inspection {
        Ok(inspection) => inspection,
        Err(error) => return vec![wrong(error)],
    };
    if !problems.is_empty() {
        return problems.iter().map(wrong).collect();
    }
    vec![weakest.map_or_else(
        || {
            notice(
                check,
                say("没有公钥：谁也不能用签名推送", "there is no public key: nobody can push with a signature"),
                say(
                    "用 jq2qmt keygen CLIENT_ID 生成一对密钥；只用 API 密钥推送则不需要",
                    "make a pair with jq2qmt keygen CLIENT_ID; where all push with API keys, none is needed",
                ),
            )
        },
        |bits| {
            let zh = format!("{keys} 把公钥都可以使用，最短的 {bits} 位");
            ok(check, say(zh, format!("{keys} can be used, the weakest of {bits} bits")))
        },
    )]
}

/// What narrows less than whoever wrote it may think.
fn narrowing(inspection: &Inspection) -> Vec<Finding> {
    let wide = inspection.is_default_wide.then(|| {
        notice(
            Check::Keys,
            say(
                "default.pem 没有限定策略：持有它的私钥，就能以任何没有自己公钥的客户端名推送任何普通策略",
                "default.pem is not narrowed: who has its private key pushes any ordinary strategy, under the name of any client that has no key of its own",
            ),
            say(
                "给每个客户端一对自己的密钥（jq2qmt keygen CLIENT_ID），再删除 default.pem 和 data/default_private.pem；或在 clients.toml 中用 [default] 限定它",
                "give each client a pair of its own (jq2qmt keygen CLIENT_ID), then delete default.pem and data/default_private.pem; or narrow it by [default] in clients.toml",
            ),
        )
    });
    let keyless = inspection.keyless.iter().map(|client| {
        let client = Excerpt(client);
        notice(
            Check::Keys,
            say(
                format!("clients.toml 限定了 {client}，但目录中没有它的公钥：这一条对谁都不起作用"),
                format!("clients.toml narrows {client}, of which no key is there: that entry narrows nobody"),
            ),
            say(
                "放入它的公钥（CLIENT_ID.pem），改正名字，或删除这一条",
                "put its public key there (CLIENT_ID.pem), put the name right, or delete the entry",
            ),
        )
    });
    wide.into_iter().chain(keyless).collect()
}

/// Who else may write or read what. Whoever writes a public key's file pushes with a key of their own, at once.
fn rights(held: Option<&[Held]>) -> Vec<Finding> {
    let check = Check::Rights;
    let Some(held) = held else {
        let meaning = say(
            "没有检查：在 Windows 上，这里看不到谁可以读写数据目录、公钥和配置文件",
            "not looked at: on Windows it is not seen here who may read and write data folder, keys and configuration file",
        );
        let todo = say(
            "用 icacls 自行查看：只有服务器的帐户和管理员可以写入",
            "look yourself (icacls): only the server's account and administrators are to write there",
        );
        return vec![notice(check, meaning, todo)];
    };
    let wrong: Vec<Finding> = held.iter().filter_map(open_to_others).collect();
    if !wrong.is_empty() || held.is_empty() {
        return wrong;
    }
    let zh = "他人不能写入数据目录、公钥、证书私钥和配置文件，也读不到其中的秘密";
    let en = "others can write neither data folder, nor keys' files, nor the certificate's key, nor configuration file, and read nothing secret there";
    vec![ok(check, say(zh, en))]
}

/// What others than its owner may do with a file or folder, and should not.
fn open_to_others(Held { path, thing, mode }: &Held) -> Option<Finding> {
    let path = path.display();
    let (zh, en, is_dangerous, change) = match thing {
        _ if mode & 0o022 != 0 => {
            let (zh, en) = match thing {
                Thing::DataFolder => ("他人可以换掉数据库", "they could put another database there"),
                Thing::Key => {
                    ("他人可以换成自己的公钥，并用它推送", "they could put a key of their own there, and push with it")
                }
                Thing::CertificateKey => {
                    ("他人可以换掉证书的私钥", "they could put another key of the certificate there")
                }
                Thing::Settings | Thing::SecretSettings => {
                    ("他人可以改变服务器的参数", "they could tell the server something else")
                }
            };
            let zh = format!("{path} 可以被所有者以外的人写入（{mode:03o}）：{zh}");
            (zh, format!("{path} can be written by others than its owner ({mode:03o}): {en}"), true, "go-w")
        }
        Thing::DataFolder if mode & 0o055 != 0 => (
            format!("{path} 可以被所有者以外的人进入（{mode:03o}）"),
            format!("{path} can be entered by others than its owner ({mode:03o})"),
            false,
            "go-rwx",
        ),
        Thing::CertificateKey if mode & 0o004 != 0 => (
            format!("{path} 是证书的私钥，而任何用户都能读取它（{mode:03o}）"),
            format!("every user can read {path} ({mode:03o}), the private key of the certificate"),
            true,
            "o-r",
        ),
        Thing::SecretSettings if mode & 0o004 != 0 => (
            format!("{path} 中有心跳地址，它等同于密码，而任何用户都能读取该文件（{mode:03o}）"),
            format!(
                "every user can read {path} ({mode:03o}), and with it the heartbeat's address, which is as good as a password"
            ),
            false,
            "o-r",
        ),
        _ => return None,
    };
    let todo = format!("chmod {change} {path}");
    let todo = say(format!("运行 {todo}"), format!("run {todo}"));
    let level = if is_dangerous { Level::Fault } else { Level::Notice };
    Some(Finding { check: Check::Rights, level, meaning: say(zh, en), todo: Some(todo) })
}

fn mend_keys(error: &KeyringError) -> Sentence {
    match error {
        KeyringError::PrivateKey(_) => say(
            "把私钥移到签名的机器上，这里只放公钥；若有他人读过，请换一对",
            "move it to the machine that signs, and put the public half here; where others may have read it, make another pair",
        ),
        KeyringError::OpenToOthers(_) => say(
            "去掉他人的写权限，并核对目录里的每把公钥",
            "take the right to write from others, and look at every key in it",
        ),
        KeyringError::BadFile { .. } => say(
            "换上正确的文件或删除它：下次启动会因此被拒绝",
            "put the right file there, or delete it: the next start is refused because of it",
        ),
        KeyringError::Io { .. } => say(
            "以服务器的用户运行本命令，并给该用户读取权限；--keys-dir 指定目录",
            "run this as the server's user, and let that user read it; --keys-dir names the folder",
        ),
    }
}

fn put_back() -> Sentence {
    say(
        "保留现有文件，停止服务器，用 jq2qmt restore 恢复最新的备份，再用 jq2qmt verify 核对历史",
        "keep the files, stop the server, put the newest copy back (jq2qmt restore), and walk its history (jq2qmt verify)",
    )
}

fn database(seen: &Result<Seen, OpenError>, pages: &Pages) -> Finding {
    let check = Check::Database;
    match (seen, pages) {
        (_, Pages::Damaged(damage)) => {
            let zh = format!("数据库的页面已损坏：{damage}");
            fault(check, say(zh, format!("its pages are damaged: {damage}")), put_back())
        }
        (Err(error), _) => unusable_database(error),
        (Ok(seen), Pages::Sound) => {
            let revision = seen.book.revision();
            let zh = format!("页面完好，结构是本版本的，最新版本号 {revision}");
            ok(check, say(zh, format!("sound, of this version, and at revision {revision}")))
        }
        (Ok(_), Pages::TooMany | Pages::Unread) => notice(
            check,
            say(
                "可以使用；页面太多，这里来不及逐页检查",
                "it can be used; looking through all its pages took too long here",
            ),
            say(
                "在命令行运行 jq2qmt doctor，它会一直检查到底",
                "run jq2qmt doctor on the command line, which looks to the end",
            ),
        ),
    }
}

/// What to do with a database that cannot be opened.
fn unusable_database(error: &OpenError) -> Finding {
    let todo = match error {
        OpenError::Older => say(
            "先用旧版本的程序做一份备份，再启动新版本",
            "make a copy with the program of the older version first, then start the new one",
        ),
        OpenError::Newer(_) => say(
            "使用写入它的版本，或恢复升级前的备份",
            "use the version that wrote it, or put back the copy from before the upgrade",
        ),
        OpenError::Missing(_) => say(
            "启动一次服务器，或用 --data-dir 指定正确的目录",
            "start the server once, or name the right folder with --data-dir",
        ),
        OpenError::Unusable(_) => say(
            "以服务器的用户运行本命令；若仍不能读取，恢复最新的备份",
            "run this as the server's user; where it still cannot be read, put the newest copy back",
        ),
        _ => put_back(),
    };
    let meaning = say(format!("数据库不能使用：{error}"), error.to_string());
    let found = if matches!(error, OpenError::Older) { notice } else { fault };
    found(Check::Database, meaning, todo)
}

fn password(seen: &Seen, setup: &Setup) -> Finding {
    seen.operator.as_ref().map_or_else(
        || {
            fault(
                Check::Password,
                say("没有设置操作员密码：谁也不能登录", "none is set: nobody can log in"),
                say("运行 jq2qmt password set", "run jq2qmt password set"),
            )
        },
        |operator| {
            let at = setup.zone.seconds(operator.updated_at);
            ok(Check::Password, say(format!("已设置（{at}）"), format!("set at {at}")))
        },
    )
}

fn server(running: &Running, setup: &Setup) -> Finding {
    let (check, listen) = (Check::Server, setup.listen);
    match running {
        Running::Itself => ok(check, say("正在运行：本页由它给出", "it runs: this is its answer")),
        Running::Answers(status, _) if *status < 500 => {
            ok(check, say(format!("正在运行，{listen} 有应答"), format!("one runs and answers at {listen}")))
        }
        Running::Unasked => ok(
            check,
            say("正在运行；端口为 0，不知道它监听在哪里", "one runs; with port 0 it is not known where it listens"),
        ),
        Running::Answers(status, _) => fault(
            check,
            say(
                format!("正在运行，但 {listen} 的 /healthz 返回 {status}"),
                format!("one runs, and /healthz at {listen} says {status}"),
            ),
            say(
                "查看日志；若它没有自行退出，重启服务",
                "look at the log, and restart it if it has not ended by itself",
            ),
        ),
        Running::Silent(error) => fault(
            check,
            say(
                format!("数据目录正被一个服务器使用，但 {listen} 没有应答：{error}"),
                format!("one uses the data folder, and nothing answers at {listen}: {error}"),
            ),
            say(
                "用与服务器相同的参数运行本命令；若参数相同，查看日志并重启服务",
                "run this with the server's own options; where they are, look at the log and restart it",
            ),
        ),
        Running::Not => notice(
            check,
            say("没有服务器在使用数据目录", "none uses the data folder"),
            say("启动服务；若它应当在运行，查看日志", "start it; where it should be running, look at the log"),
        ),
        Running::Unknown(error) => notice(
            check,
            say(format!("看不出是否有服务器在运行：{error}"), format!("whether one runs cannot be seen: {error}")),
            say("以服务器的用户运行本命令", "run this as the server's user"),
        ),
    }
}

fn clock(seen: &Seen, server: &Running, now: Moment) -> Finding {
    behind_changes(seen, now)
        .or_else(|| off_others(seen))
        .or_else(|| behind_tokens(seen, now))
        .or_else(|| off_server(server, now))
        .unwrap_or_else(|| ok(Check::Clock, compared(seen, server)))
}

fn keep_time() -> Sentence {
    say("用 NTP 校时，并核对时区", "let NTP keep the time, and look at the zone")
}

fn behind_changes(seen: &Seen, now: Moment) -> Option<Finding> {
    let behind = span(clock_behind(&seen.book, now)?);
    let meaning = say(
        format!("时钟比最近一次变更晚 {}：它现在慢了，或曾经走快；在赶上之前，变更的时间不准", behind.zh),
        format!(
            "it is {} behind the newest change: it is slow now, or ran ahead once; until it has caught up, times of changes are not when they were made",
            behind.en
        ),
    );
    Some(fault(Check::Clock, meaning, keep_time()))
}

/// What terminals report and clients sign contradicts the server's clock.
fn off_others(seen: &Seen) -> Option<Finding> {
    let ahead = seen.clock_ahead?;
    let (zh, en) = if ahead < 0 { ("慢", "behind") } else { ("快", "ahead of") };
    let off = span(Duration::from_micros(ahead.unsigned_abs()));
    let meaning = say(
        format!("服务器的时钟比终端的报告或有效签名的推送{zh} {}：相差大时推送会因时间被拒绝", off.zh),
        format!(
            "the server's is {} {en} what terminals report or clients sign: far off, it refuses pushes for their time",
            off.en
        ),
    );
    Some(fault(Check::Clock, meaning, keep_time()))
}

fn behind_tokens(seen: &Seen, now: Moment) -> Option<Finding> {
    let ahead = seen.newest_token.map(|signed_at| signed_at.since(now)).filter(|ahead| *ahead > CLOCK_TOLERANCE)?;
    let ahead = span(ahead);
    let meaning = say(
        format!("最新的令牌签于 {} 之后：本机慢了，或客户端快了", ahead.zh),
        format!("the newest token was signed {} from now: this clock is slow, or that client's is fast", ahead.en),
    );
    Some(notice(Check::Clock, meaning, keep_time()))
}

fn off_server(server: &Running, now: Moment) -> Option<Finding> {
    let Running::Answers(_, Some(at)) = server else { return None };
    let off = span(Some(at.since(now).max(now.since(*at))).filter(|off| *off > CLOCK_TOLERANCE)?);
    let meaning =
        say(format!("服务器的时钟与本机相差 {}", off.zh), format!("the server's clock is {} off this one", off.en));
    Some(fault(Check::Clock, meaning, keep_time()))
}

/// What the clock was held against and agrees with.
fn compared(seen: &Seen, server: &Running) -> Sentence {
    let with = [
        (seen.book.revision() > Revision::NONE).then_some(("最近的变更", "the newest change")),
        seen.newest_token.map(|_| ("最新的令牌", "the newest token")),
        matches!(server, Running::Answers(_, Some(_))).then_some(("服务器的应答", "the server's answers")),
    ];
    let (zh, en): (Vec<_>, Vec<_>) = with.into_iter().flatten().unzip();
    match en.split_last() {
        None => say("还没有可以比较的变更、令牌或应答", "there is no change, token or answer yet to hold it against"),
        Some((last, [])) => say(format!("与{}相符", zh.join("")), format!("it agrees with {last}")),
        Some((last, rest)) => {
            say(format!("与{}相符", zh.join("、")), format!("it agrees with {} and {last}", rest.join(", ")))
        }
    }
}

fn copies(copies: Option<&Copies>, seen: Option<&Seen>, setup: &Setup, now: Moment) -> Finding {
    let check = Check::Backup;
    let Some(Copies { plan, newest, failure, is_same_disk, damage }) = copies else {
        return notice(
            check,
            say("服务器不做备份：磁盘坏了，历史就没有了", "the server makes none: with its disk the history is gone"),
            say(
                "用 --backup-every 1h 启动，--backup-dir 指到另一块磁盘",
                "start it with --backup-every 1h, and let --backup-dir name another disk",
            ),
        );
    };
    if let Some(error) = failure {
        let meaning = say(format!("最近一次备份失败：{error}"), format!("the last try failed: {error}"));
        return fault(check, meaning, look_at_copies());
    }
    if let Some(damage) = damage {
        return fault(
            check,
            say(format!("最新的备份不能使用：{damage}"), format!("the newest cannot be used: {damage}")),
            say(
                "检查那块磁盘，再用 jq2qmt backup 另做一份",
                "look after that disk, and make another one (jq2qmt backup)",
            ),
        );
    }
    // Without any, it counts from when the server was first set up.
    let since = newest.or_else(|| Some(seen?.operator.as_ref()?.created_at));
    let is_late = since.is_none_or(|since| now.since(since) > 2 * plan.every + COPY_TAKES);
    let meaning = newest_copy(*newest, plan, setup);
    match newest {
        _ if is_late => fault(check, meaning, look_at_copies()),
        None => notice(
            check,
            meaning,
            say(
                "服务器启动后很快会做第一份：稍后再看",
                "the server makes the first soon after its start: look again later",
            ),
        ),
        Some(_) if *is_same_disk => notice(
            check,
            say(
                format!("{}，但与数据库在同一块磁盘上：磁盘坏了，两者都没有了", meaning.zh),
                format!("{}, but lies on the database's own disk: with it both are gone", meaning.en),
            ),
            say("用 --backup-dir 指到另一块磁盘", "let --backup-dir name another disk"),
        ),
        Some(_) => ok(check, meaning),
    }
}

fn look_at_copies() -> Sentence {
    say("查看日志和该目录的权限与空间", "look at the log, and at that folder's rights and room")
}

/// Of when the newest copy is.
fn newest_copy(newest: Option<Moment>, plan: &Plan, setup: &Setup) -> Sentence {
    let folder = plan.folder.display();
    let Some(at) = newest else {
        return say(format!("{folder} 中还没有备份"), format!("there is none in {folder} yet"));
    };
    let (at, every) = (setup.zone.seconds(at), span(plan.every));
    say(format!("最新的备份：{at}，每 {} 一份", every.zh), format!("the newest is of {at}, one every {}", every.en))
}

fn disk(volume: &Volume) -> Finding {
    let (check, folder) = (Check::Disk, volume.folder.display());
    let Some(disk) = volume.disk else {
        return notice(
            check,
            say(format!("看不出 {folder} 还有多少空间"), format!("how much is free at {folder} cannot be seen")),
            say("自行查看", "look yourself"),
        );
    };
    let (free, total) = (mib(disk.free), mib(disk.total));
    let meaning =
        say(format!("{folder}：剩余 {free} MiB，共 {total} MiB"), format!("{folder}: {free} MiB free of {total}"));
    let room = || say("腾出空间：磁盘写满后推送会被拒绝", "make room: once the disk is full, pushes are refused");
    match disk.free {
        free if free < DISK_FULL || free < volume.needs => fault(check, meaning, room()),
        free if free < DISK_LOW => notice(check, meaning, room()),
        _ => ok(check, meaning),
    }
}

const fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

fn files(most: u64) -> Finding {
    let (check, enough) = (Check::Files, Bounds::usual_files());
    let zh = format!("从这里启动的服务器最多打开 {most} 个文件");
    let meaning = say(zh, format!("a server that is started from here may open {most}"));
    let raise = || {
        say(
            format!("提高到 {enough} 以上（ulimit -Hn；systemd 中为 LimitNOFILE）"),
            format!("raise that to {enough} or more (ulimit -Hn; LimitNOFILE for systemd)"),
        )
    };
    match most {
        most if most < FEW_FILES => fault(check, meaning, raise()),
        most if most < enough => notice(check, meaning, raise()),
        _ => ok(check, meaning),
    }
}

fn engine(engine: Result<&Engine, &OpenError>) -> Finding {
    let check = Check::Sqlite;
    let Engine { name, version, is_mended, mended } = match engine {
        Ok(engine) => engine,
        Err(error) => {
            let meaning = say(format!("不能使用：{error}"), format!("it cannot be used: {error}"));
            return fault(check, meaning, say("换用另一个 jq2qmt", "use another jq2qmt"));
        }
    };
    if *is_mended {
        let zh = format!("{name} {version}：两个连接同时归并日志也不会丢失提交");
        return ok(check, say(zh, format!("{version}: two connections that fold the log at once lose no commit")));
    }
    let meaning = say(
        format!("{name} {version}：两个连接同时归并日志时可能丢失提交"),
        format!("{version}: where two connections fold the log at once, commits may be lost"),
    );
    let todo = say(
        format!("换用以 {name} {mended} 或更新版本编译的 jq2qmt"),
        format!("use a jq2qmt that was built with {name} {mended} or newer"),
    );
    fault(check, meaning, todo)
}

fn calendar(calendar: &Calendar, today: Day) -> Finding {
    let check = Check::Calendar;
    let enter = || {
        say(
            "在日历页填入交易所公布的休市日，或升级到新版本",
            "enter the closures that the exchanges announced on the page of the calendar, or take a newer version",
        )
    };
    let until = calendar.known_through();
    match calendar.unknown_soon(today) {
        None => ok(check, say(format!("已知到 {until}"), format!("known until {until}"))),
        Some(from) => {
            let zh = format!("{from} 及以后哪些日子休市还不知道");
            let meaning = say(zh, format!("which days are closed from {from} on is not known"));
            let level = if from.year() == today.year() { Level::Fault } else { Level::Notice };
            Finding { check, level, meaning, todo: Some(enter()) }
        }
    }
}

fn no_channels() -> Finding {
    notice(
        Check::Channel,
        say("没有通知渠道：发生异常时没有人会被告知", "there is none: nobody is told when something is wrong"),
        say("在通知渠道页添加一个，并发送测试消息", "add one on the page of channels, and send a test"),
    )
}

fn channel(channel: &ChannelFacts, setup: &Setup) -> Finding {
    let (check, name) = (Check::Channel, &channel.name);
    let address = || say("核对渠道的地址与密钥，再发送测试消息", "look at its address and secret, and send a test");
    if let Some(outcome) = &channel.tried {
        return match outcome {
            Outcome::Delivered => {
                ok(check, say(format!("{name} 收下了测试消息"), format!("{name} took a test message")))
            }
            Outcome::Limited(error) | Outcome::Refused(error) => {
                let zh = format!("{name} 没有收下测试消息：{error}");
                fault(check, say(zh, format!("{name} did not take a test message: {error}")), address())
            }
        };
    }
    let delivered = channel.standing.delivered_at;
    match (&channel.standing.failed, delivered) {
        (Some((at, error)), _) if delivered.is_none_or(|delivered| *at > delivered) => {
            let at = setup.zone.seconds(*at);
            let zh = format!("{name} 在 {at} 没有收下消息：{error}");
            fault(check, say(zh, format!("{name} did not take a message at {at}: {error}")), address())
        }
        (_, Some(at)) => {
            let at = setup.zone.seconds(at);
            ok(check, say(format!("{name} 最近一次送达：{at}"), format!("{name} delivered last at {at}")))
        }
        _ => notice(
            check,
            say(format!("{name} 还从未发送过消息"), format!("{name} never told anything")),
            say(
                "发送一条测试消息（渠道页，或 jq2qmt doctor --send）",
                "send a test (on the page of channels, or jq2qmt doctor --send)",
            ),
        ),
    }
}

/// A span as people say it, in the largest unit of which there are two or more.
fn span(span: Duration) -> Sentence {
    let seconds = span.as_secs();
    let (count, zh, en) = match seconds {
        0..120 => (seconds, "秒", "s"),
        120..7_200 => (seconds / 60, "分钟", "min"),
        7_200..172_800 => (seconds / 3_600, "小时", "h"),
        _ => (seconds / 86_400, "天", "d"),
    };
    say(format!("{count} {zh}"), format!("{count} {en}"))
}

#[cfg(test)]
mod tests;
