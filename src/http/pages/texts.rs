//! Every text of the pages in both languages, side by side: one that is missing does not compile.

use super::super::error_text::Text;
use crate::domain::account::AccountName;
use crate::domain::calendar::Day;
use crate::domain::code::Code;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;

/// What a page is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Chinese,
    English,
}

macro_rules! texts {
    ($($name:ident: $chinese:literal, $english:literal;)*) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(super) struct Texts {
            pub(super) language: Language,
            $(pub(super) $name: &'static str,)*
        }

        /// Chinese.
        pub(super) static CHINESE: Texts = Texts { language: Language::Chinese, $($name: $chinese,)* };

        /// English.
        pub(super) static ENGLISH: Texts = Texts { language: Language::English, $($name: $english,)* };
    };
}

/// Sentences with something to fill in.
macro_rules! sentences {
    ($($name:ident($($argument:ident: $type:ty),*): $chinese:literal, $english:literal;)*) => {
        impl Texts {
            $(pub(super) fn $name(&self, $($argument: $type),*) -> String {
                match self.language {
                    Language::Chinese => format!($chinese),
                    Language::English => format!($english),
                }
            })*
        }
    };
}

impl Texts {
    /// What is there in both languages already, in this one.
    pub(super) fn pick<T>(&self, chinese: T, english: T) -> T {
        match self.language {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    /// An error's text.
    pub(super) fn of_error(&self, text: Text) -> String {
        self.pick(text.chinese, text.english).into_owned()
    }
}

sentences! {
    drift_lines(lines: &usize, unexplained: &usize): "{lines} 行，{unexplained} 行原因不明", "{lines} lines, {unexplained} unexplained";
    drift_not_known_of(accounts: &usize): "{accounts} 个账户未知", "{accounts} not known";
    pushes_cut(counted: &usize): "本月修订太多，只统计了最新的 {counted} 条；更早的日子可能不全。", "The month has too many revisions: the newest {counted} are counted, and earlier days may lack some.";
    profit_from_to(from: Day, to: Day, profit: &str): "从 {from} 到 {to}：归属盈亏 {profit} 元。", "From {from} to {to}: attributed profit {profit} CNY.";
    span_days(n: &i64): "{n} 天", "{n} days";
    held_in(account: &AccountName): "持仓 {account}", "held in {account}";
    drifting(lines: &usize): "{lines} 行", "× {lines}";
    other_orders(count: &usize): "今日其他委托（已成、已撤、废单）：{count}", "Other orders of today (filled, cancelled, rejected): {count}";
    seconds(n: u64): "{n} 秒", "{n} s";
    minutes(n: u64): "{n} 分钟", "{n} min";
    hours(n: u64): "{n} 小时", "{n} h";
    days(n: u64): "{n} 天", "{n} d";
    seconds_ago(n: u64): "{n} 秒前", "{n} s ago";
    minutes_ago(n: u64): "{n} 分钟前", "{n} min ago";
    hours_ago(n: u64): "{n} 小时前", "{n} h ago";
    days_ago(n: u64): "{n} 天前", "{n} d ago";
    differs(text: &str): "{text}（内容不同）", "{text} (other content)";

    total_below_zero(code: &Code, volume: &str): "{code} 的目标总持仓为负（{volume} 股），终端按零处理。", "The total of {code} is below zero ({volume} shares); terminals take it as zero.";
    odd_lots(count: usize, some: &str): "{count} 个目标数量不是整手：{some}。终端按整手交易，无法正好达到。", "Targets that are no whole lots ({count}): {some}. Terminals trade whole lots and cannot reach them exactly.";
    odd_lot(code: &Code, volume: &str): "{code}（{volume}）", "{code} ({volume})";
    strategy_is_silent(name: &StrategyName, age: &str): "策略 {name} 自上个交易日以来没有推送（最近：{age}）。", "Strategy {name} has not pushed since the trading day before (last: {age}).";
    strategy_is_perhaps_silent(name: &StrategyName, age: &str): "策略 {name} 是否缺了推送无法判断（最近：{age}）：此后有交易日历不知道是否交易的日子。", "Whether strategy {name} should have pushed is not known (last: {age}): of days since then the calendar does not know whether the exchanges traded.";
    account_incomplete(account: &AccountName, names: &str): "账户 {account} 已停：{names} 从未推送或已删除，账户没有目标，其终端什么都不做。", "Account {account} stands still: {names} never pushed or was deleted, so there is no target and its terminal trades nothing.";
    account_is_paused(account: &AccountName, age: &str): "账户 {account} 已暂停（{age}）：其终端得不到目标，不会交易。", "Account {account} is paused ({age}): its terminal is told no target and does not trade.";
    stops_accounts(names: &str): "账户 {names} 列出了该策略：没有它，账户就没有目标（503 incomplete），其终端什么都不做，也不卖出它的部分，直到该策略恢复，或账户不再列出它。", "Accounts that follow it: {names}. Without it they have no target (503 incomplete), so their terminals trade nothing and do not sell its part either, until it is restored or the account no longer names it.";
    conflicts_stand(count: usize): "目标之间有 {count} 处矛盾。", "Targets contradict each other ({count}).";
    calendar_unknown(day: Day): "交易日历不知道 {day} 及以后哪些日子休市：请填入交易所公布的休市日。", "The calendar does not know which days from {day} on the exchanges are closed: enter the closures that they announced.";
    clock_is_behind(span: &str): "服务器时钟比最近一次变更晚了 {span}：时钟曾经走快，后来被校正。在赶上之前，新变更的时间只会逐次加一微秒，不代表实际发生的时刻；按时刻查询历史（as_of）请改用版本号。", "The clock is {span} behind the newest change: it ran ahead once and was put right. Until it has caught up, changes follow each other by a microsecond and their times are not when they were made; ask for the past (as_of) by revision, not by time.";
    log_lines_lost(count: u64): "日志文件缺少 {count} 行：磁盘已满，或写入跟不上。", "The log file misses lines ({count}): the disk was full, or they came faster than they could be written.";
    client_is_unbound(client: &str): "客户端 {client} 的令牌未绑定请求体，截获者可以换上另一份持仓。请升级客户端脚本。", "Client {client} sends tokens that are bound to no body; whoever intercepts one could put another list under it.";

    invested_from_to(from: &str, to: &str, low: &str, high: &str, now: &str): "从 {from} 到 {to}：最低 {low}，最高 {high}，现在 {now} 元。", "From {from} to {to}: lowest {low}, highest {high}, now {now} CNY.";

    doctor_found(faults: usize, notices: usize): "{faults} 处故障，{notices} 处需要注意。", "Faults: {faults}; notices: {notices}.";

    still_counting(name: &StrategyName): "{name} 有的行最后一天已过，但仍计入目标：时钟存疑、启动或时间跳变后尚未证实，或无法写入时，不移除任何一行。", "Lines of {name} still count though their last day is over: none is taken out while the clock is in doubt, while nothing has borne it out after a start or a jump of the time, or while nothing can be written.";
    push_waits(name: &StrategyName, age: &str): "策略 {name} 有一次推送等待批准（{age}），目标保持不变。", "A push of strategy {name} waits for you ({age}); its target stays as it is.";
    state_forbids(state: &str): "策略当前状态为“{state}”，推送不能直接批准：请先恢复运行。", "The strategy is {state}: let it live first, then decide about the push.";
    more_wait(count: usize): "另有 {count} 次推送在等待：处理完上面的会显示出来。", "More pushes wait ({count}); they show once these are decided about.";
    delete_drops(hold: Revision): "推送 {hold} 正在等待批准：删除会丢弃它。", "Push {hold} waits for you: to delete the strategy discards it.";
    lines_over(count: usize): "有 {count} 行已过有效期，不会恢复；需要时请在手工调整页重新填写。", "Lines whose last day is over stay out: {count}. Type those anew that you want, on the page of adjustments.";
    restore_drops(hold: Revision): "推送 {hold} 正在等待批准：如果不同时冻结，它会被丢弃。", "Push {hold} waits for you: unless the strategy is frozen too, it is discarded.";
    no_time(word: &str): "“{word}”不是时间：请写成 09:35", "{word:?} is no time: write it as 09:35";
    no_day(word: &str): "“{word}”不是日期：请写成 2026-01-05", "{word:?} is no day: write it as 2026-01-05";
    days_too_early(day: Day): "日期不能早于 {day}", "no day before {day}";
    no_holiday(year: i64): "{year} 年还没有填写任何休市日：每年都有节假日，请先填写休市日", "no weekday of {year} is closed yet: every year has holidays, so enter those first";
    times_count(most: usize): "请填写 1 到 {most} 个时间", "give 1 to {most} times";
    trial_lead(pushes: usize): "最近三十天有 {pushes} 次改变持仓的推送；按上面的规则，其中会有：", "Of the pushes of the last thirty days that changed a list ({pushes}), these rules would have met:";

    undo_lead(to: Revision): "恢复到版本 {to} 并冻结策略，之后的推送等待批准；执行前先显示会发生的变化。", "Back to revision {to}, and freeze, so that later pushes wait; what that changes is shown before it is done.";

    no_account_then(at: &str): "{at} 时还没有该账户：没有目标可以对比。", "There was no such account at {at}: no target to compare.";
    incomplete_then(at: &str, names: &str): "{at} 时目标不完整，终端得不到目标，因此不对比。这些策略从未推送或已删除：{names}", "At {at} the target was incomplete and terminals were told none, so nothing is compared. These strategies had never pushed or were closed: {names}";

    channel_tested(name: &str): "测试消息已由渠道 {name} 收下：请看它是否到了您那里。", "Channel {name} took the test message: see whether it has reached you.";
    channel_refused(name: &str, error: &str): "渠道 {name} 没有收下测试消息：{error}", "Channel {name} did not take the test message: {error}";

}

texts! {
    html_lang: "zh-CN", "en";
    other_language: "English", "中文";
    other_html_lang: "en", "zh-CN";
    other_in_link: "en", "zh";
    skip: "跳到正文", "Skip to content";
    overview: "今日", "Today";
    phase_open: "交易中", "trading";
    phase_between: "非交易时段", "between sessions";
    phase_closed: "休市", "exchanges closed";
    behind: "未跟上", "behind";
    goes_by_short: "终端按版本", "goes by revision";
    spoken_today: "今日已推送的策略", "fresh today";
    target_cost: "目标持仓成本", "target cost";
    against_close: "较昨收", "against the last close";
    buys_and_sells: "预计买入 / 卖出", "to buy / to sell";
    nothing_reported: "终端尚未上报", "nothing reported";
    changed_lines: "增减行数", "± lines";
    account_total_lead: "此账户的目标，与其持仓和偏差", "What this account is to hold, and what it holds";
    pushes: "推送日历", "Pushes";
    pushes_lead: "按现在的时间表。历史里只有改变持仓的推送：没有变动的日子，重复推送与没有推送分不清。长条为当日变动金额。", "By the schedule as it is now. The history holds pushes that changed the list: on other days a push that said the same again and none look alike. Bars are what was moved that day.";
    kept_on_time: "✓ 按时", "✓ on time";
    kept_late: "◷ 迟到", "◷ late";
    kept_pushed: "✓ 有推送", "✓ pushed";
    kept_missing: "✗ 未推送", "✗ none";
    kept_unknown: "? 未知", "? unknown";
    kept_closed: "休市", "closed";
    monday: "周一", "Mon";
    tuesday: "周二", "Tue";
    wednesday: "周三", "Wed";
    thursday: "周四", "Thu";
    friday: "周五", "Fri";
    performance: "表现", "Performance";
    performance_lead: "按账户成交归属到此策略，不是回测。差额为决策价与实际的差：大于零为多付。", "Attributed from the accounts' own fills, no backtest. The shortfall is decision prices against what became of them: above zero, trading was dearer.";
    no_performance: "这段时间没有账户为此策略上报过。", "No account reported anything for it in these days.";
    profit: "归属盈亏（元）", "Profit (CNY)";
    turnover: "成交金额（元）", "Turnover (CNY)";
    fees: "费用（元）", "Fees (CNY)";
    saved: "内部对冲省下（元）", "Saved by crossing (CNY)";
    shortfall: "执行差额（元）", "Shortfall (CNY)";
    shortfall_delay: "其中延迟", "of it delay";
    shortfall_execution: "其中成交", "of it execution";
    shortfall_unfilled: "其中未成交", "of it unfilled";
    market_value: "期末市值（元）", "Value at the end (CNY)";
    day: "日期", "Day";
    all_accounts: "合计", "All";
    profit_by_day: "每日盈亏", "Profit by day";
    first_day_shown: "从", "From";
    last_day_shown: "到", "To";
    show: "显示", "Show";
    restore_earlier: "恢复到较早版本", "Restore an earlier list";
    close_short: "较昨收", "vs close";
    before_short: "较上版", "vs last list";
    reported: "最近上报", "Last report";
    mode_live: "实盘", "live";
    mode_dry: "模拟运行，不下单", "dry run: orders nothing";
    goes_by: "终端按版本", "Trades on revision";
    cash: "可用资金（元）", "Cash (CNY)";
    held_value: "持仓市值（元）", "Holdings (CNY)";
    total_asset: "总资产（元）", "Total assets (CNY)";
    drift_by_reason: "偏差原因", "Drift by reason";
    held_beside: "目标之外的持仓，终端从不动：", "Held beside the target and never touched: ";
    orders_now: "终端将下的单（现在）", "Orders to come";
    orders_now_lead: "目标减去持仓和在途委托，按板块的手数取整：可卖多少卖多少，先卖后买。价格为策略的均价，不是报价。", "The target less what is held and ordered, in the board's lots and no more than may be sold; sales first. Prices are the strategies' average costs, no quotes.";
    in_flight: "在途委托", "Orders in flight";
    none_in_flight: "没有在途委托。", "No order is in flight.";
    todays_fills: "今日成交", "Fills of today";
    no_fills: "今天还没有成交。", "No fills today.";
    drift_short: "偏差", "Drift";
    all_boards: "全部", "All";
    other_boards: "其他", "Other";
    only_changed: "只看较昨收有变动", "Changed since the close";
    boards: "板块", "Boards";
    todays_pushes: "今日推送 / 时间表", "Pushes due today";
    act: "操作", "Act";
    freeze_short: "冻结", "Freeze";
    undo_short: "撤销", "Undo";
    undo_last: "撤销最近一次变动", "Undo the last change";
    thirty_days: "30 日", "30 days";
    waits: "待批", "push waits";
    adjustments: "手工调整", "Adjustments";
    conflicts: "矛盾", "Conflicts";
    conflicts_lead: "目标之间互相矛盾的地方：方向相反的买卖、负目标、减得过多的调整、共用一个券商账户的账户。", "Where targets contradict each other: bought and sold at once, below zero, taken away by an overlay, shared at one broker's account.";
    conflicts_cut: "最近的修订太多：买卖只看了其中最新的。", "Too much was pushed lately: of buys and sells the newest were looked at.";
    no_conflicts: "没有矛盾。", "Nothing contradicts anything.";
    what: "说明", "What";
    conflict_crossing: "方向相反", "Bought and sold at once";
    crossing_lead: "十分钟内有的策略买入、有的卖出同一证券。", "Within ten minutes some strategies bought what others sold.";
    conflict_negative: "目标为负", "Below zero";
    negative_lead: "减去的比有的多，终端按零处理。", "More is taken away than there is; terminals take it for zero.";
    conflict_adjustment: "调整与策略相反", "Against an overlay";
    adjustment_lead: "手工调整减去的比策略要的多，或减去的正是策略刚买入的。", "An overlay takes away more than is wanted, or what a strategy has just bought.";
    conflict_shared: "共用券商账户", "Shared at the broker";
    shared_lead: "几个账户在券商处是同一个，又都列出同一证券：各自把对方的持仓当作自己的。目标不完整的账户也列出，只算已知的策略。", "Accounts that are one at the broker list the same: each takes the other's holding for its own. Accounts whose target is incomplete count with what is known of them.";
    history: "历史", "History";
    keys: "密钥", "Keys";
    password: "密码", "Password";
    doctor: "体检", "Doctor";
    log_in: "登录", "Log in";
    log_out: "退出登录", "Log out";
    navigation: "导航", "Navigation";
    connection_lost: "与服务器的连接已断开，以下数据可能已过时。", "The connection to the server is lost; what you see may be old.";
    put_back: "服务器的数据换成了较早的副本（例如恢复了备份）。您刚才看到的变更可能已不存在，请核对。", "The server's data is an earlier copy now, as when a backup is put back. What you saw before may be gone: check it.";
    changed_now: "数据已更新", "The data was updated";
    done: "已完成", "Done";

    code: "代码", "Code";
    name: "名称", "Name";
    volume: "数量", "Volume";
    average_cost: "均价（元）", "Average cost (CNY)";
    cost: "成本（元）", "Cost (CNY)";
    invested: "持仓成本（元）", "At cost (CNY)";
    share: "占比", "Share";
    holders: "策略数", "Strategies";
    parts: "各策略持有", "Held by strategy";
    strategy: "策略", "Strategy";
    strategies: "策略", "Strategies";
    positions: "持仓", "Positions";
    positions_count: "持仓数", "Positions";
    last_push: "最近推送", "Last push";
    last_change: "最近变动", "Last change";
    demo_mark: "演示", "example";
    demo_counts: "演示数据计入目标总持仓：终端接入之前，请删除名称以 DEMO_ 或 ADJUSTMENT_DEMO 开头的策略。", "Examples count in the total: before a terminal reads it, delete the strategies whose names begin with DEMO_ or ADJUSTMENT_DEMO.";
    adjustment_mark: "手工调整", "Adjustment";
    remark: "备注", "Remark";
    last_day_counted: "有效至", "Until";
    until: "有效至", "until";
    no_last_day: "长期", "no last day";
    total: "目标总持仓", "Merged total";
    total_lead: "QMT 将读到的目标持仓", "The targets that QMT is told";
    no_strategy: "还没有任何策略推送过持仓，终端不会交易。", "No strategy has pushed yet; terminals do nothing.";
    try_a_push: "在服务器启动时所在的目录中，试推一次：", "Try a push, in the folder in which the server was started:";
    nothing_held: "合并后没有持仓：终端会清仓。", "The total is empty: terminals sell everything.";
    no_match: "没有符合条件的内容。", "Nothing matches.";
    search: "搜索", "Search";
    find: "查找策略、证券、版本或页面", "Find a strategy, an instrument, a revision or a page";
    find_field: "查找  /", "Find  /";
    find_hint: "输入策略、证券代码、名称或拼音首字母（如 gzmt）、版本号或页面名称。", "Type a strategy, an instrument's code, name or pinyin initials (such as gzmt), a revision's number, or a page.";
    instruments: "证券", "Instruments";
    pages: "页面", "Pages";
    filter_label: "只显示代码、名称或策略含有…", "Only codes, names or strategies with …";
    clear: "清除", "Clear";
    attention: "需要注意", "Needs attention";
    first_password: "操作员密码自首次启动以来没有修改过。", "The operator's password is still that of the first start.";
    comma: "、", ", ";
    and_others: "等", " and others";
    previous_page: "上一页", "Previous page";
    next_page: "下一页", "Next page";
    newer: "较新", "Newer";
    older: "较早", "Older";
    revision: "版本", "Revision";
    negative: "负持仓", "below zero";

    download_csv: "下载 CSV", "Download CSV";
    timeline: "变动记录", "What changed";
    restore: "恢复", "Restore";
    delete: "删除策略", "Delete strategy";
    invested_over_time: "持仓成本变化", "Cost over time";
    composition: "持仓构成", "Composition";
    others: "其他", "others";
    bought: "买入", "bought";
    buy: "买入", "buy";
    to_buy: "预计买入", "to buy";
    to_sell: "预计卖出", "to sell";
    sold: "卖出", "sold";
    sell: "卖出", "sell";
    new: "新增", "new";
    gone: "清仓", "gone";
    cost_changed: "成本", "cost";
    text_changed: "名称、顺序或备注变更", "name, order or remark changed";
    until_changed: "有效期变更", "last day changed";
    empty_list: "空仓（策略明确表示不持有任何证券）", "Nothing held, on purpose: the strategy pushed an empty list";
    removed_strategy: "该策略已删除，不计入目标总持仓。其历史保留，可以恢复。", "This strategy was deleted and does not count. Its history stays, and it can be restored.";
    no_changes: "首次推送，或没有证券变动", "No instrument changed";

    kind_push: "推送", "push";
    kind_edit: "编辑", "edit";
    kind_restore: "恢复", "restore";
    kind_remove: "删除", "delete";
    kind_import: "导入", "import";
    kind_approve: "批准", "approved";
    kind_flat: "清零", "flat";
    kind_sequence: "重设序号", "sequence set back";
    kind_set: "设置", "set";
    kind_withdraw: "撤销", "withdrawn";
    kind_hold: "等待批准", "waits";
    kind_discard: "丢弃", "discarded";
    kind_supersede: "被取代", "superseded";
    kind_lock: "持仓变动不明", "unexplained change";
    kind_release: "解除锁定", "released";
    kind_compact: "历史归档", "folded";
    kind_expire: "到期", "expired";

    topic_state: "策略状态", "state";
    topic_hold: "等待的推送", "push that waits";
    topic_schedule: "推送时间表", "schedule";
    topic_account: "账户", "account";
    topic_pause: "暂停", "pause";
    topic_guards: "检查规则", "guards";
    topic_locks: "锁定", "locks";
    topic_calendar: "交易日历", "calendar";
    topic_channel: "通知渠道", "channel";
    topic_checkpoint: "检查点", "checkpoint";
    operator: "操作员", "operator";
    api_key: "API 密钥", "API key";
    client: "客户端", "client";
    import: "导入", "import";
    server: "服务器", "server";

    confirm_restore: "确认恢复", "Restore";
    confirm_delete: "确认删除", "Delete";
    cancel: "取消", "Cancel";
    before: "之前", "Before";
    after: "之后", "After";
    difference: "差额", "Difference";
    will_change_list: "策略持仓的变化", "What changes in the strategy";
    will_change_total: "目标总持仓的变化（终端将据此交易）", "What changes in the total (terminals trade on it)";
    nothing_changes: "没有任何变化。", "Nothing changes.";
    delete_lead: "删除后，该策略离开列表和目标总持仓；新的推送等待批准。历史保留，可随时恢复。", "The strategy leaves lists and totals; its pushes wait. Its history stays; it can be restored.";
    total_sells: "没有账户、直接读取目标总持仓的终端会卖出它的部分。", "Terminals without an account, which read the merged total, sell its part.";
    will_change_total_alone: "目标总持仓的变化（只有直接读取它的终端据此交易）", "What changes in the total (only terminals that read it trade on it)";

    overlay: "调整表", "Overlay";
    overlay_lead: "手工调整叠加在策略之上：数量可为负，保存后立即计入目标总持仓。填写“有效至”的一行到那一天为止（北京时间，含当天），过后自动移除。", "An overlay is added to the strategies' positions: volumes may be below zero, and it counts as soon as it is saved. A line with a last day counts through that day in Shanghai and is then taken out.";
    overlay_name_hint: "名称以 ADJUSTMENT_ 开头", "Its name begins with ADJUSTMENT_";
    open: "打开", "Open";
    remove_row: "删除", "Remove";
    more_rows: "增加几行", "More rows";
    preview: "预览", "Preview";
    save: "保存", "Save";
    preview_title: "保存前后对比", "Before and after";
    unchanged: "内容没有变化，未产生新版本。", "Nothing changed; there is no new revision.";
    code_hint: "代码如 600000、600000.SH 或 600000.XSHG，也可填持仓中的名称或拼音首字母。", "A code such as 600000, 600000.SH or 600000.XSHG; or the name, or its pinyin initials, of what the book holds.";
    code_unknown: "无法判断交易所，请写成 600000.SH 的形式", "the exchange cannot be inferred; write it as 600000.SH";
    required: "必填", "is needed";
    fix_errors: "有内容需要更正，尚未保存。", "Some fields need correcting; nothing was saved.";
    previewed_other: "预览之后内容又有改动，请再看一遍再保存。", "The rows changed after the preview; look once more, then save.";
    conflict: "您编辑期间，他人已修改此表。只有他人改过的行已取他人的；其余仍是您的输入。请核对后再保存。", "Somebody changed this overlay while you were editing. Lines that only they changed are taken from theirs; all else is as you typed it. Look at it, then save.";
    their_changes: "他人的改动", "What they changed";
    merge: "两人都改过此表", "Two edited this overlay";
    merge_base: "您打开时", "When you opened it";
    merge_theirs: "他人的", "Theirs";
    merge_mine: "您的", "Yours";
    merge_both: "您的（两人改得不同）", "Yours (both changed it)";
    merge_taken: "取用", "Taken";
    more_or_less: "增减", "More or less";
    target_becomes: "总目标变为", "Total becomes";
    odd_target: "不是整手", "no whole lots";
    fill_hint: "名称和成本留空时按现有持仓填入；填写“总目标变为”时，增减由它算出。", "Name and cost are filled in from the book where you leave them out; where you say what the total becomes, more or less follows from it.";
    log_in_to_edit: "登录后才能修改。", "Log in to change anything.";

    filter: "筛选", "Filter";
    instrument: "证券", "Instrument";
    actor: "操作者", "Who";
    from_time: "从", "From";
    to_time: "到（含当天）", "Through";
    bad_filter: "筛选条件无法识别", "This filter cannot be understood";
    kind: "类型", "Kind";
    any_kind: "全部类型", "Any kind";
    today: "今日", "Today";
    yesterday: "昨日", "Yesterday";
    this_week: "本周", "This week";
    on_monday: "周一", "Monday";
    on_tuesday: "周二", "Tuesday";
    on_wednesday: "周三", "Wednesday";
    on_thursday: "周四", "Thursday";
    on_friday: "周五", "Friday";
    on_saturday: "周六", "Saturday";
    on_sunday: "周日", "Sunday";

    current_password: "当前密码", "Current password";
    new_password: "新密码", "New password";
    repeat_password: "再输入一次", "Once more";
    password_hint: "10 到 1000 个字符，首尾不能是空白；越长越好，几个不相干的词胜过符号。", "10 to 1000 characters, no blank at either end. Longer is stronger: a few unrelated words beat symbols.";
    password_set: "密码已更新，其他登录已全部失效。", "The password is set; every other session has ended.";
    passwords_differ: "两次输入不一致", "the two differ";
    set_password: "设置密码", "Set password";
    operator_password: "操作员密码", "Operator's password";
    log_in_lead: "操作员密码在首次启动时显示，可用 jq2qmt password set 重设。", "The operator's password was shown at the first start; jq2qmt password set sets another.";
    session_ended: "登录已过期。您的输入已保留：登录后可继续。", "Your session has ended. Your input is kept: log in to go on.";
    session_over: "登录已过期，请重新登录。", "Your session has ended: log in again.";
    not_kept: "登录已过期。浏览器没有说明这份输入来自哪个页面，因此没有保留：请登录后重新填写。", "Your session has ended. The browser does not say which page your input comes from, so it was not kept: log in and enter it again.";
    resumed: "已重新登录，尚未提交。这是您之前的输入：请核对后再提交。", "You are logged in again; nothing was sent yet. This is what you entered before: look at it, then send it.";
    too_long_to_keep: "登录已过期，而您的输入太长，无法保留：请登录后返回上一页重新提交。", "Your session has ended, and your input is too long to be kept: log in, then go back and submit it again.";

    clients: "客户端", "Clients";
    clients_lead: "keys 目录中的公钥：谁可以签名推送。用 jq2qmt keygen 生成，删除文件即失效。", "Public keys in the keys folder: who may push with a signature. jq2qmt keygen makes one; deleting the file ends it.";
    fingerprint: "公钥指纹（SHA-256）", "Key fingerprint (SHA-256)";
    may_push: "可推送", "May push";
    everything: "全部策略", "every strategy";
    bound_only: "仅限绑定令牌", "bound tokens only";
    api_keys: "API 密钥", "API keys";
    api_keys_lead: "读取密钥给终端，写入密钥给不能签名的脚本。密钥只显示一次。", "Keys for reading are for terminals, keys for writing for scripts that cannot sign. A key is shown once.";
    scope: "权限", "Scope";
    scope_read: "读取", "read";
    scope_write: "写入", "write";
    prefix: "前缀", "Prefix";
    created: "创建时间", "Created";
    last_used: "最近使用", "Last used";
    never: "从未", "never";
    never_pushed: "从未（由操作员填写）", "never (by the operator)";
    revoke: "吊销", "Revoke";
    revoked: "已吊销", "revoked";
    confirm_revoke: "确认吊销", "Revoke the key";
    revoke_lead: "吊销后，使用此密钥的终端或脚本立即被拒绝，且不能恢复。", "Whoever uses this key is refused from then on, and it cannot be brought back.";
    rotate: "轮换", "Rotate";
    rotate_lead: "新密钥与旧密钥同时有效：把新密钥填入使用它的程序，看到它已在使用后，再吊销旧密钥。", "Both keys are in force until you revoke the old one: give the new one to the program that uses it, see that it does, then revoke the old one.";
    old_key: "旧密钥", "The old key";
    old_key_lead: "它仍然有效：程序换用新密钥后再吊销。", "It is still in force: revoke it once the program uses the new one.";
    copy: "复制", "Copy";
    copied: "已复制", "Copied";
    stop: "。", ". ";
    rows_dense: "紧凑行距", "Dense rows";
    rows_roomy: "宽松行距", "Roomy rows";
    colours_china: "红涨绿跌", "Red is up";
    colours_west: "绿涨红跌", "Green is up";
    look: "显示", "Display";
    session_over_here: "登录已过期，以下数据不再更新。", "Your session has ended; what you see is not updated any more.";
    held_back: "数据有更新。您正在填写，页面没有刷新。", "There is newer data. The page was left as it is, since you are filling it in.";
    reload: "刷新", "Reload";
    create_key: "创建密钥", "Create key";
    patterns: "策略（可用 *，每行一个；空为全部，手工调整除外）", "Strategies (* stands for anything, one a line; empty for all but overlays)";
    key_made: "密钥已创建，只显示这一次：", "The key, shown this once:";
    key_name_taken: "已有同名密钥", "there is a key of that name already";
    key_name_bad: "名称为 1 到 100 个字符", "a name has 1 to 100 characters";
    key_reader_narrowed: "读取密钥不能限定策略", "a key for reading reads everything";
    no_keys: "还没有密钥。", "There are no keys yet.";

    daily_report: "日报", "Daily report";
    chain_hash: "哈希", "hash";
    archive: "归档文件 SHA-256", "SHA-256 of the archive";
    older_is_archived: "更早的历史已归档，请查阅归档文件", "older history is in the archive";
    before_checkpoint: "检查点之前", "before the checkpoint";
    history_ends_with: "当日账本的最后一次修订（可用 jq2qmt verify --head 核对）：", "The history ended that day with revision (hold it against jq2qmt verify --head):";
    nothing_reported_that_day: "当天没有终端上报。", "Nothing was reported that day.";
    traded_that_day: "成交", "Traded";
    nothing_traded: "没有成交。", "Nothing was traded.";
    bought_shares: "买入（股）", "Bought (shares)";
    bought_cny: "买入（元）", "Bought (CNY)";
    sold_shares: "卖出（股）", "Sold (shares)";
    sold_cny: "卖出（元）", "Sold (CNY)";
    drift_at_close: "收盘时的偏差", "Drift at the close";
    no_drift: "持仓与目标一致。", "What is held is what is wanted.";
    drift_not_known: "不知道：收盘时没有上报，或当天已过。", "Not known: nothing was reported at the close, or the day is past.";
    no_incidents_that_day: "当天没有事件。", "Nothing had to be told that day.";
    incidents: "事件", "Incidents";
    incidents_lead: "需要有人知道的事情，直到它结束。确认表示您已看到：不再重复提醒，有新的变化时仍会通知。", "What somebody must know of, until it is over. To acknowledge is to have seen it: it is not told again unless it changes.";
    no_incidents: "没有未结事件。", "Nothing stands.";
    notify_on: "开启浏览器提醒", "Notify me in this browser";
    notify_off: "关闭浏览器提醒", "Notify me no more";
    notify_denied: "浏览器禁止本站提醒：请在浏览器的网站设置中允许。", "The browser forbids it: allow notifications in its settings for this site.";
    incidents_over: "已结束", "Over";
    no_incidents_over: "还没有已结束的事件。", "Nothing has been, and is over.";
    meanwhile: "终端在此期间：", "Terminals meanwhile: ";
    acknowledge: "确认", "Acknowledge";
    acknowledged: "已确认", "acknowledged";
    look_at_it: "去处理", "Look at it";
    matter: "事情", "What";
    incident_kind: "类别", "Kind";
    began: "开始", "Began";
    ended: "结束", "Ended";
    holds: "等待批准", "Held pushes";
    holds_short: "等待批准", "Held";
    holds_lead: "这些推送尚未生效：目标保持不变，终端不会据此交易，直到您批准。", "These pushes are not in force: targets stay as they are and terminals do nothing about them until you approve.";
    no_holds: "没有等待批准的推送。", "No push waits.";
    push: "推送", "push";
    why_it_waits: "等待的原因", "Why it waits";
    approve: "批准", "Approve";
    discard: "丢弃", "Discard";
    push_superseded: "您查看期间又收到了新的推送，它取代了您看到的那一次。尚未批准或丢弃任何推送：请看过新的内容再决定。", "A newer push came while you were looking and took the place of the one you saw. Nothing was decided: look at the new one below.";
    hold_of_earlier: "这份清单是更早的交易日说的：批准后，账户的目标会更新，但终端要等该策略今天再次推送才会交易这些品种；读取旧的目标总持仓的终端会立即交易。", "This list was said on an earlier trading day: once approved, accounts' targets change, but their terminals trade its instruments only after the strategy has pushed today; terminals that read the merged total trade at once.";
    unlock: "解除锁定", "Release";
    push_gone: "这次推送已不在等待：可能已被批准、丢弃，或被已生效的新推送取代。", "This push does not wait any more: it was decided about, or a newer one is in force.";
    total_value: "策略总资产（元）", "Equity (CNY)";
    push_waits_here: "有一次推送等待批准", "A push waits for you";
    first_push_waits: "该策略的首次推送正在等待批准，尚未计入目标总持仓。", "The first push of this strategy waits; nothing of it counts yet.";
    colon: "：", ": ";

    state: "状态", "State";
    since: "自", "since";
    state_live: "运行中", "live";
    state_frozen: "冻结", "frozen";
    state_flat: "清零", "flat";
    state_closed: "已删除", "closed";
    meaning_live: "推送立即生效，终端按新的目标交易。", "A push is in force at once, and terminals trade on it.";
    meaning_frozen: "目标保持不变（已清零的仍为零），终端维持它现在的部分；新的推送等待批准。从下一个交易日起，在批准当天的推送之前，账户里它的品种都不交易，其他策略对同一品种的买卖也一并等待。", "The target stays (zero stays zero) and terminals keep its part as it is; pushes wait for your approval. From the next trading day on, accounts trade none of its instruments, not for other strategies either, until a push of that day is approved.";
    flat_comes_back: "清零之前的清单会恢复。它若不是今天推送的，账户里这些品种要等策略今天推送后才会交易；读取旧的目标总持仓的终端会立即交易。", "The list from before it was flat comes back. If it was not pushed today, accounts trade its instruments only after the strategy has pushed today; terminals that read the merged total trade at once.";
    meaning_flat: "目标为零，终端会卖出它的部分；新的推送等待批准。", "The target is zero and terminals sell its part; pushes wait for your approval.";
    meaning_closed: "不在列表和目标总持仓中；列出它的账户没有目标，其终端什么都不做；新的推送等待批准。", "Out of lists and totals; accounts that follow it have no target, and their terminals do nothing; pushes wait for your approval.";
    make_live: "恢复运行", "Let it live";
    make_frozen: "冻结", "Freeze";
    make_flat: "清零", "Make flat";
    state_now: "状态", "State";
    strategy_moved: "您查看期间，该策略又有变化，尚未执行任何操作。下面是现在的情况：请再看一遍。", "The strategy changed while you were looking, and nothing was done. This is how it stands now: look again.";
    say_what_becomes: "有一次推送在等待。请选择恢复运行时如何处理它：", "A push waits. Say what becomes of it when the strategy is live again:";
    choose_one: "请选择一项", "choose one";
    waiting_apply: "使等待的推送生效", "Apply the push that waits";
    waiting_discard: "丢弃等待的推送", "Discard the push that waits";
    note: "备注", "Note";
    note_hint: "说明原因，会记入历史", "Why; it is kept in the history";
    closed_strategy: "该策略已删除：不计入目标总持仓，新的推送等待批准。其历史保留；“恢复运行”后推送重新生效，也可以恢复到较早的版本。", "This strategy is closed: it does not count, and its pushes wait. Its history stays. Let it live for pushes to count again, or restore an earlier revision.";
    restore_lead: "恢复后，终端按下面的变化交易。", "Once restored, terminals trade on the changes below.";
    freeze_after: "同时冻结：之后的推送等待批准，不会把它覆盖", "and freeze: later pushes wait, so that none undoes it";

    strategy_settings: "时间表与序号", "Schedule and sequence";
    schedule: "推送时间表", "Schedule";
    no_schedule: "未设置", "not set";
    schedule_lead: "在这些时间之前应当收到推送。没有按时收到会提示，但不影响目标和终端。", "By these times a push is expected. A missing one is told; targets and terminals are not touched.";
    times: "时间（上海）", "Times (Shanghai)";
    times_hint: "用空格或逗号分隔，如 09:35 14:55", "Parted by blanks or commas, such as 09:35 14:55";
    days_legend: "适用于", "On";
    days_trading: "交易日", "trading days";
    days_all: "每天", "every day";
    remove_schedule: "删除时间表", "Remove the schedule";
    on_time: "按时", "on time";
    late: "迟到", "late";
    silent: "未推送", "silent";
    not_due: "今天尚未到时间", "nothing due yet today";
    day_unknown: "不知道今天是否交易日", "not known whether today is a trading day";
    last_sequence: "最近的 sequence", "Last sequence";
    sequence_lead: "推送的 sequence 必须大于它。发送端时钟走快而使后来的推送被拒绝时，在这里调回；目标和终端不受影响。", "The sequence of a push must be greater. Set it back where a sender's clock ran ahead and later pushes are refused; targets and terminals are not touched.";
    sequence_hint: "留空：接受任何 sequence", "Empty: any sequence is accepted";
    sequence_bad: "请填写不小于 0 的整数，或留空", "give a whole number from 0 on, or nothing";
    set_sequence: "设置 sequence", "Set the sequence";

    accounts: "账户", "Accounts";
    guards: "检查规则", "Guards";
    calendar: "交易日历", "Calendar";
    days_open: "交易日", "open";
    days_closed: "休市日", "closed";
    known_through: "日历完整到", "Complete through";
    calendar_lead: "上海、深圳证券交易所的交易日。账户目标的新鲜度、推送时间表、提醒和终端都按它判断。", "The trading days of Shanghai and Shenzhen: by them it is decided whose word is of today, what is due, what is told, and when terminals trade.";
    calendar_year_unknown: "日历不知道其中一些工作日是否休市：这些日子按交易日要求策略当天推送，缺推送时不判断、不报警。请填入交易所公布的休市日，再填写“日历完整到”。", "Of some weekdays it is not known whether they are closed: a word of that day is asked for as on a trading day, and whether a push is missing is not judged. Enter the closures that the exchanges announced, then up to when the calendar is complete.";
    calendar_source: "数据来源：", "Source of the data: ";
    calendar_moved: "您编辑期间，他人已修改日历（见历史）。您的输入仍在下方，尚未保存：再次保存即可。", "Somebody changed the calendar while you were editing (see the history). Your input is kept and not saved: save it again.";
    month: "月份", "Month";
    trading_days: "交易日数", "Trading days";
    closed_weekdays: "休市的工作日", "Weekdays closed";
    said_by_operator: "操作员填写", "Said by the operator";
    unknown_days: "未知", "Not known";
    set_days: "填写日期", "Set days";
    set_days_lead: "填写的内容优先于内置数据。周末总是休市，不必填写。", "What is said here comes before the data. Weekends are always closed and need not be said.";
    first_day: "开始日期", "First day";
    last_day: "结束日期（可不填）", "Last day (may be left out)";
    days_are: "这些日子", "These days are";
    days_as_data: "按内置数据", "as the data say";
    days_span_bad: "结束日期不能早于开始日期，且一次最多填写一年", "the last day must not come before the first, nor more than a year after it";
    days_weekend: "周末总是休市，不必填写", "weekends are always closed: there is nothing to say";
    days_too_many: "最多可填写 1000 天", "no more than 1000 days can be said";
    known_through_lead: "到这一天为止的全部休市日都已填写：其余工作日都是交易日。留空则以内置数据为准。", "All closures up to this day have been entered: every other weekday is a trading day. Empty: as far as the data reach.";
    all_paused: "全部查询已暂停：终端得不到目标，不会交易。推送照常接收。", "Everything is paused: terminals are told no target and do not trade. Pushes are still taken.";

    channels: "通知渠道", "Channels";
    channels_lead: "发生异常时通过这些渠道告知：企业微信、钉钉、飞书、Bark、PushPlus、Server酱、邮件或自己的地址。地址和密钥只写不读。", "Over these channels people are told when something is wrong: WeCom, DingTalk, Feishu, Bark, PushPlus, ServerChan, mail, or an address of your own. Addresses and secrets are written here and never shown.";
    no_channels: "还没有通知渠道：发生异常时没有人会被告知。", "There are no channels: nobody is told when something is wrong.";
    channel_kind: "类型", "Kind";
    channel_address: "地址（隐去密钥）", "Address (without its secret)";
    channel_credential: "地址与密钥的标记", "Mark of address and secret";
    last_delivered: "最近送达", "Last delivered";
    last_failed: "最近失败", "Last failed";
    channel_waiting: "等待发送", "Waiting";
    channel_test: "测试", "Test";
    remove_channel: "删除渠道", "Remove the channel";
    remove_channel_lead: "删除后，不再通过它告知异常，等待发送的消息一并丢弃。地址和密钥不保留，需要时请重新填写。", "Nobody is told over it any more, and what waits to be sent is dropped. Its address and secret are not kept: to have it back, type them again.";
    resumed_without_secrets: "已重新登录，尚未提交。这是您之前的输入；地址和密钥没有保留，请重新填写后再提交。", "You are logged in again; nothing was sent yet. This is what you entered before; address and secret were not kept: type them again, then send it.";
    new_channel: "新渠道", "New channel";
    change_channel: "修改渠道", "Change channel";
    secrets_stay: "地址和密钥留空则保持不变；填写新地址时请同时填写密钥。", "Address and secret stay as they are where nothing is typed; with a new address, type its secret as well.";
    channel_moved: "您编辑期间，他人已修改该渠道，尚未保存。", "Somebody changed this channel meanwhile; nothing was saved.";
    channel_terms_bad: "有内容无法识别：请检查异常类型、账户、免打扰时间和分钟数", "something cannot be understood: look at the incidents, accounts, quiet hours and minutes";
    channel_url: "完整地址", "Whole address";
    channel_url_hint: "机器人给出的完整地址；邮件为 smtps://主机。", "The whole address as the robot gives it; for mail smtps://HOST.";
    channel_secret: "密钥", "Secret";
    channel_secret_hint: "钉钉、飞书的加签密钥，PushPlus 的 token，邮件的密码，webhook 的签名密钥；其他类型不填。", "What signs (DingTalk, Feishu, webhook), PushPlus's token, or the password of mail; nothing for the others.";
    channel_wecom: "企业微信", "WeCom";
    channel_dingtalk: "钉钉", "DingTalk";
    channel_feishu: "飞书", "Feishu";
    channel_serverchan: "Server酱", "ServerChan";
    channel_mail: "邮件", "Mail";
    mail_from: "发件人", "From";
    mail_to: "收件人（可多个，用逗号分隔）", "To (commas between more)";
    mail_username: "登录名（默认与发件人相同）", "User name (the sender where nothing is typed)";
    channel_incidents: "告知哪些异常", "Incidents that it tells of";
    all_incidents: "全部", "all";
    channel_severity: "最低级别", "From which severity on";
    channel_daily: "每个交易日 15:30 之后发送日报", "The daily report, after 15:30 of each trading day";
    channel_accounts: "仅限账户（每行一个；空为全部）", "Only these accounts (one a line; empty for all)";
    quiet_hours: "免打扰（上海时间；警报除外）", "Quiet hours (Shanghai; alarms come through)";
    quiet_to: "到", "until";
    channel_language: "语言", "Language";
    escalation: "无人确认时转到", "When nobody acknowledges, tell";
    escalate_after: "分钟后", "minutes later";

    then_warn: "提醒", "warn";
    then_hold: "等待批准", "hold";
    then_reject: "拒绝", "reject";
    then_off: "关闭", "off";
    rule_empty: "空仓：清空非空的持仓", "empty: an empty list in place of one that is not";
    rule_shrinks: "缩小：持仓成本减少超过比例", "shrinks: invested cost falls by more than a part";
    rule_grows: "放大：持仓成本增加超过倍数", "grows: invested cost grows by more than a factor";
    rule_turnover: "换手：变动金额超过比例", "turnover: what is moved is more than a part";
    rule_instrument_share: "单一证券占比超过", "one instrument is more than a part of the list";
    rule_instrument_cost: "单一证券金额超过（元）", "one instrument costs more than (CNY)";
    rule_invested: "持仓成本超过（元）", "the list costs more than (CNY)";
    rule_instruments: "持仓条数超过", "more positions than";
    rule_unknown_code: "代码的交易所或板块未知", "a code of no known exchange or board";
    rule_flips: "来回切换：几分钟内换走又换回", "flips: back to an earlier list within minutes";
    rule_twin: "与另一策略的持仓相同", "the same list as another strategy";
    rule_hours: "在允许的时段之外推送", "pushed outside of these times";
    rule_sequence_leap: "sequence 超前过多", "the sequence runs far ahead";

    guards_lead: "推送生效之前先按这些规则检查：提醒（照常生效并告知发送端）、等待批准（目标不变，由您决定）或拒绝。按顺序，第一个符合策略名的条目起作用；手工调整不检查。", "A push is looked at before it counts: it is let through with a warning, waits for you while the target stays, or is refused. The first entry whose pattern covers the strategy counts; overlays are not looked at.";
    no_guards: "没有规则：所有推送立即生效。", "No rules: every push is in force at once.";
    entry: "条目", "Entry";
    pattern: "策略（* 代表任意字符）", "Strategies (* stands for anything)";
    pattern_bad: "1 到 200 个字符", "1 to 200 characters";
    remove_entry: "删除此条目", "Remove this entry";
    add_entry: "增加条目", "Add an entry";
    start_stricter: "换成较严格的一套", "Start from the stricter set";
    stricter_filled_in: "已填入较严格的一套，尚未保存：请看过试算再保存。", "The stricter set is filled in and not saved: look at the trial, then save.";
    rule: "规则", "Rule";
    then: "处理", "Then";
    limit: "界限", "Limit";
    limit_part: "0 到 1 之间，如 0.8", "between 0 and 1, such as 0.8";
    limit_factor: "大于 1，如 3", "above 1, such as 3";
    limit_positive: "大于 0", "above 0";
    limit_count: "大于 0 的整数", "a whole number above 0";
    limit_minutes: "1 到 1440 分钟", "1 to 1440 minutes";
    limit_times: "如 09:15-11:30 13:00-15:00", "such as 09:15-11:30 13:00-15:00";
    try_guards: "试算", "Try";
    tried_other: "试算之后内容又有改动，尚未保存：请看过新的试算再保存。", "The rules changed after the trial, and nothing was saved: look at the new trial, then save.";
    guards_moved: "您编辑期间，他人已修改规则（见历史）。您的输入仍在下方，尚未保存：再次保存会取代他人的改动。", "Somebody changed the rules while you were editing (see the history). Your input is kept and not saved: saving again takes the place of theirs.";
    trial: "试算：最近三十天", "Trial: the last thirty days";
    trial_cut: "推送太多，只试算了最近的一部分。", "There were more than are tried; these are the newest.";
    trial_nothing: "这些规则不会拦下任何一次推送。", "None of them would have met a rule.";
    trial_off: "未开启的规则", "Rules that are off";
    trial_off_lead: "若按“较严”一组的阈值开启，它们会这样做。", "What they would have done, had they been on as the stricter set has them.";
    trial_sequences: "历史不含 sequence，因此不试算“sequence 超前过多”。", "The history holds no sequences, so the rule about them is not tried.";
    pushes_met: "推送次数", "Pushes";
    newest: "最近的几次", "The newest";

    rounding_nearest: "四舍五入到整手", "to the nearest lot";
    rounding_down: "向下取整手", "down to a lot";
    fresh_today: "今天推送过才交易", "only what was said today";
    fresh_any: "沿用最近的目标", "whatever was said last";

    account: "账户", "Account";
    paused: "已暂停", "paused";
    accounts_lead: "每个账户按自己的倍数跟随若干策略；它的终端只交易目标里列出的证券。", "Each account follows strategies at scales of its own; its terminal trades nothing but what its target lists.";
    no_accounts: "还没有账户。不建账户时，终端按目标总持仓交易。", "There are no accounts. Without one, terminals trade on the merged total.";
    new_account: "新账户的名称", "Name of a new account";
    create_account: "新建账户", "Create an account";
    terminal: "终端", "Terminal";
    no_terminal: "一分钟内没有终端来过", "none heard of within a minute";
    heard: "最近", "last heard";
    release: "释放账户", "Release the account";
    release_lead: "释放后，另一个终端可以立即接管。请先确认原来的终端已停止。", "Another terminal can take it at once then. See first that this one has stopped.";
    incomplete: "目标不完整", "incomplete";
    incomplete_lead: "目标不完整，终端得不到目标，不会交易。这些策略从未推送或已删除：", "The target is incomplete, so terminals are told none and do not trade. These strategies never pushed or are closed:";
    target_is_told: "正常", "told";
    pause_all: "暂停全部", "Pause everything";
    resume_all: "恢复全部", "Resume everything";
    pause_all_lead: "暂停后，所有查询（账户目标与目标总持仓）都得不到目标：终端维持现状，不会交易。推送照常接收。", "While paused, no poll is told a target, neither of an account nor the merged total: terminals leave everything as it is. Pushes are still taken.";
    resume_all_lead: "恢复后，终端立即按当前目标交易。", "Once resumed, terminals trade on the targets as they stand.";
    pause_account: "暂停此账户", "Pause this account";
    resume_account: "恢复此账户", "Resume this account";
    pause_account_lead: "暂停后，此账户的终端得不到目标：维持现状，不会交易。推送照常接收。", "While paused, this account's terminal is told no target and leaves everything as it is. Pushes are still taken.";
    resume_account_lead: "恢复后，终端立即按当前目标交易。", "Once resumed, its terminal trades on the target as it stands.";
    account_paused: "此账户已暂停：终端得不到目标，不会交易。", "This account is paused: its terminal is told no target and does not trade.";
    target: "目标", "Target";
    target_lead: "终端应持有的数量。列出而为 0 的会卖出；没有列出的从不动；有“暂不交易”的行不交易。", "What the terminal is to hold. What is listed with 0 is sold, what is not listed is never touched, and a line with a hold is not traded.";
    target_empty: "目标里没有任何证券：终端不会交易。", "The target lists nothing: the terminal does not trade.";
    target_untold: "目标不完整，没有可显示的内容。", "The target is incomplete; there is nothing to show.";
    target_volume: "目标数量", "Target";
    exact: "精确值", "Exact";
    wanted_by: "来自", "Wanted by";
    hold: "暂不交易", "Hold";
    account_settings: "账户设置", "Settings";
    edit_account: "修改账户", "Change the account";
    delete_account: "删除账户", "Delete the account";
    delete_account_lead: "删除后，终端得不到目标，不会交易；它已持有的证券原样保留。绑定到此账户的密钥不再有用。历史保留。", "Its terminal is told no target then and does not trade; what it holds stays as it is. Keys that are bound to it are of no use any more. Its history stays.";
    account_moved_delete: "您查看期间，该账户又有变化，尚未删除：请再确认一遍。", "The account changed while you were looking, and was not deleted: confirm once more.";
    account_moved: "您编辑期间，他人已修改此账户。您的输入仍在下方，尚未保存；请核对他人的改动，再次预览并保存。", "Somebody changed this account while you were editing. Your input is kept below and not saved; see what changed, then preview and save again.";
    account_changes: "账户设置的变化", "What changes in the settings";
    scale: "倍数", "Scale";
    scale_lead: "倍数：策略每持有 1 股，账户持有多少股。0.5 为一半；留空为 1。", "Scale: how many shares the account holds for one of the strategy's. 0.5 is half; nothing is 1.";
    scale_bad: "大于 0、不超过 1000，最多 12 位小数", "above 0, at most 1000, with at most 12 decimals";
    capital: "按此倍数的资金（元）", "Capital at this scale (CNY)";
    untold: "推送未说明", "not told";
    wanted_capital: "想投入的资金（元）", "Wanted capital (CNY)";
    show_scale: "计算倍数", "Show the scale";
    changes_nothing: "只计算，不改变任何设置。", "This only computes and changes nothing.";
    capital_bad: "请填写大于 0 的金额；倍数不能超过 1000", "give an amount above 0; a scale is at most 1000";
    adjustments_legend: "计入此账户的手工调整", "Overlays that count in this account";
    no_adjustments: "不计入", "none";
    all_adjustments: "全部", "all";
    named_adjustments: "仅以下几个", "only these";
    overlays_label: "调整表（每行一个）", "Overlays (one a line)";
    overlays_bad: "请每行填写一个不重复的调整表名称", "name overlays, one a line, each once";
    protected: "自有股份", "Protected shares";
    protected_lead: "您自己的股份，加在目标之上，不会被卖出。数量留空：该证券从不交易。", "Shares of your own, on top of the target and never sold. Without a volume the instrument is never traded.";
    protected_bad: "不小于 0 的整数，或留空", "a whole number from 0 on, or nothing";
    never_traded: "从不交易", "never traded";
    trading: "交易", "Trading";
    rounding: "取整", "Rounding";
    fresh: "时效", "Freshness";
    costs: "费用", "Costs";
    costs_lead: "全部留空：不计费用。只填一部分时，其余按常见费率。佣金、印花税、过户费为成交金额的比例。", "All empty: no costs are reckoned with. Where only some are given, the usual ones stand for the rest. Commission, duty and transfer fee are parts of the value.";
    cost_bad: "不小于 0；比例须小于 1", "from 0 on; a part is below 1";
    commission: "佣金", "Commission";
    least: "最低佣金（元）", "Least commission (CNY)";
    duty: "印花税", "Stamp duty";
    transfer: "过户费", "Transfer fee";
    broker: "券商账户", "Broker account";
    broker_hint: "两个账户同属一个券商账户时，填写相同的名称", "the same for two accounts that are one at the broker";
    no_strategy_named: "请至少填写一个策略", "name at least one strategy";
    name_bad: "名称为 1 到 100 个字符", "a name has 1 to 100 characters";
    overlay_is_no_strategy: "手工调整请在下面选择", "overlays are chosen below";
    named_twice: "重复", "stands twice";
    orders: "终端将下的单", "Orders that the terminal would place";
    no_orders: "不会下单。", "None.";
    side: "方向", "Side";
    order_is_held: "暂不交易", "held: not traded now";
    orders_from_nothing: "账户还没有目标，以下从空仓算起。", "The account has no target yet; these begin from nothing.";
    present_unknown: "账户现在的目标不完整：不知道它按目标持有什么，也就不知道会下什么单。这些策略从未推送或已删除：", "The account's present target is incomplete: what it holds by it is not known, and so neither is what would be traded. These strategies never pushed or are closed:";
    cash_needed: "约需资金（元）", "Cash needed, about (CNY)";
    cash_there: "可用资金（元）", "Cash there (CNY)";
    cash_not_told: "终端尚未上报", "not reported";
    cash_hint: "按策略的均价估算；负数为卖出所得", "at the strategies' average costs; below zero where sales bring more";
    rounded: "取整带来的差异", "What lots change";
    goes_back_to: "恢复到版本", "goes back to revision";
    former: "曾经跟随的证券", "wanted before";
    said_at: "该目标推送于", "that target was pushed";
    waits_since: "自此版本起等待", "waits since revision";
    no_rule: "不检查", "no rule";
    as_written: "原文", "as written";
    yes: "是", "yes";
    no: "否", "no";
    everything_there_is: "全部", "everything";
    scope_account: "绑定账户", "bound to an account";
    scope_account_lead: "绑定账户的密钥给终端：只能读取该账户的目标和交易日历，并汇报，其他一概不能。", "A bound key is for a terminal: it reads that account's target and the calendar, reports for it, and nothing else.";
    key_account_unknown: "没有这个账户", "there is no such account";

    made_at: "时间", "When";
    decided_at: "策略决定的时间", "Decided at";
    address: "来源地址", "From";
    held_cost: "持仓成本（元）", "Cost of the list (CNY)";
    undo_change: "撤销此变更", "Undo this change";
    undo_later: "此后该策略还有变更，也会一并撤销。", "What the strategy changed since then is undone with it.";
    undo_settled: "回到此前的设置：执行前先显示。", "Back to what was settled before; it is shown before it is done.";
    undo_created: "此前没有：撤销就是删除它。", "There was none before: to undo it is to delete it.";
    earlier_filled_in: "已填入此前的设置，尚未保存：请核对后再保存。", "What was settled before is filled in and not saved: look at it, then save.";
    undo_first: "此前没有该策略：撤销就是删除它。", "There was no such strategy before: to undo it is to delete the strategy.";
    every_change: "全部变动", "Every change";
    settled_member: "项目", "Setting";
    buys: "买入（只 · 元）", "Buys (lines · CNY)";
    sells: "卖出（只 · 元）", "Sells (lines · CNY)";
    net: "净买入（元）", "Net (CNY)";
    at_cost: "金额按成本估算，不是市价：买入按变动后的均价，卖出按变动前的均价。", "Amounts are at cost, not at market prices: buys at the average cost after, sells at the one before.";
    amount_at_cost: "金额（元，按成本）", "CNY at cost";
    effect: "对目标的影响", "What it did to the targets";
    effect_lead: "按当时的账户设置计算；小于零的按零处理，与终端一致。", "By the accounts' settings of then; what is below zero counts as zero, as terminals take it.";
    untouched: "目标没有变化的账户", "Accounts whose targets stayed as they were";
    target_begins: "此前目标不完整，终端得不到目标；此后的目标如下，终端将据此补足。", "Before, the target was incomplete and terminals were told none. From then on it is this, and they trade what they lack of it.";
    was_incomplete: "当时目标不完整，终端得不到目标。这些策略从未推送或已删除：", "The target was incomplete, so terminals were told none. These strategies had never pushed or were closed:";

    compare: "对比", "Compare";
    to_or_now: "到（空为现在）", "To (empty: now)";
    bad_moment: "请填写版本号，或时间，如 2026-01-05 15:00", "give a revision's number, or a time such as 2026-01-05 15:00";
    or_account: "或账户的目标", "Or an account's target";
    one_of_both: "策略和账户只能填一个", "give a strategy or an account, not both";
    presets: "常用时段", "Usual spans";
    yesterdays_close: "昨日收盘", "Yesterday's close";
    todays_open: "今日开盘", "Today's open";
    last_fridays_close: "上周五收盘", "Last Friday's close";
    until_now: "现在", "now";
    nothing_differs: "没有任何差别。", "Nothing differs.";
    compare_with_now: "与现在对比", "Compare with now";

    unit_shares: "股", "shares";
    unit_funds: "份", "units";
    unit_bonds: "张", "bonds";
    which_instrument: "这个代码在多个交易所都有，请选择：", "More than one exchange lists this code; choose:";
    cost_of_holding: "持仓成本（元）", "At cost (CNY)";
    adjust_this: "手工调整", "Adjust";
    who_wants_it: "谁要持有", "Who wants it";
    nobody_wants_it: "现在没有策略要持有。", "No strategy wants it now.";
    set_by: "由哪次变更设定", "Set by";
    in_no_account: "没有账户的目标或持仓包含它。", "No account's target or holding has it.";
    holding: "持仓", "Holding";
    never_reported: "未上报", "not reported";
    drift: "偏差（持仓 − 目标）", "Drift (holding − target)";
    drift_because: "原因", "Why";
    owners: "持仓归属（持有 / 要持有）", "Whose (held / wanted)";
    nobodys: "不属于任何策略", "nobody's";
    todays_trades: "今日委托与成交", "Today's orders and fills";
    no_trades: "今天还没有委托或成交。", "Neither orders nor fills today.";
    orders_of_today: "委托", "Orders";
    fills_of_today: "成交", "Fills";
    order_number: "委托编号", "Order";
    ordered: "委托数量", "Ordered";
    traded: "成交数量", "Traded";
    price: "价格（元）", "Price (CNY)";
    by_hand: "手工", "by hand";
    order_working: "已报", "working";
    order_filled: "已成", "filled";
    order_cancelled: "已撤", "cancelled";
    order_rejected: "废单", "rejected";
    target_over_time: "目标（按策略）与持仓的变化", "Target by strategy, and holding, over time";

    doctor_lead: "服务器看自己的配置、密钥、数据库、时钟、磁盘、证书、备份、日历和通知渠道是否正常；jq2qmt doctor 在命令行给出同样的结果。", "The server looks whether its settings, keys, database, clock, disk, certificate, copies, calendar and channels are as they should be; jq2qmt doctor says the same on the command line.";
    doctor_check: "检查", "Check";
    doctor_level: "结果", "Result";
    doctor_meaning: "含义", "What it means";
    doctor_todo: "怎么做", "What to do";
    finding_ok: "正常", "ok";
    finding_notice: "注意", "notice";
    finding_fault: "故障", "fault";
    interface: "接口说明", "The interface";
    interface_lead: "服务器的每个接口：谁可以调用、参数、请求和应答。程序请读", "Every route of the server: who may ask, its parameters, bodies and answers. For programs:";
    credentials: "如何表明身份", "How to show who you are";
    looks_like: "形式", "Looks like";
    what_it_says: "含义", "What it says";
    needed: "必填", "needed";
    parameters: "参数", "Parameters";
    request_body: "请求体", "Body";
    schemas: "数据结构", "What is sent and answered";
    may_anyone: "任何人", "anyone";
    may_readers: "可读者", "who may read";
    may_pushers: "令牌或可写密钥", "signed token, or key for writing";
    may_terminals: "该账户的密钥", "the account's key";
    may_operator: "操作员密码", "operator's password";

    error_title: "出错了", "Something is wrong";
    back_to_overview: "返回总览", "Back to the overview";
}
