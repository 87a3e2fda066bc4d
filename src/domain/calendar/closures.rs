//! On which weekdays from 2015 to 2026 the exchanges of Shanghai and Shenzhen do not trade.
//!
//! Source: the State Council's yearly notices on public holidays (国务院办公厅关于部分节假日安排的通知), which the exchanges
//! follow in their own yearly notices of closure (休市安排), with one exception: on 2024-02-09, New Year's Eve, they alone
//! were closed. The weekdays of the notices, as the Python packages chinesecalendar 1.11.0 and holidays 0.109 tell them, were
//! held against the closures of XSHG in `exchange_calendars` 4.13.2: they differ in that day and in no other. Changes at short
//! notice are in it: the holiday of 2015-09-03, and the Spring Festival of 2020, which was made longer.

use super::Day;

/// The source, for who asks the server.
pub const SOURCE: &str = "国务院办公厅节假日安排通知；上海、深圳证券交易所休市安排 (State Council holiday notices; SSE and SZSE closure notices)";

/// The first and the last day that the closures are about.
pub(super) const KNOWN: (Day, Day) = (Day::of_date(2015, 1, 1), Day::of_date(2026, 12, 31));

/// A closure, from its first to its last weekday: year, month and day, month and day.
const fn closed(year: i64, from: (i64, i64), to: (i64, i64)) -> (Day, Day) {
    (Day::of_date(year, from.0, from.1), Day::of_date(year, to.0, to.1))
}

/// The closures, in order.
pub(super) static CLOSURES: [(Day, Day); 81] = [
    closed(2015, (1, 1), (1, 2)),
    closed(2015, (2, 18), (2, 24)),
    closed(2015, (4, 6), (4, 6)),
    closed(2015, (5, 1), (5, 1)),
    closed(2015, (6, 22), (6, 22)),
    closed(2015, (9, 3), (9, 4)),
    closed(2015, (10, 1), (10, 7)),
    closed(2016, (1, 1), (1, 1)),
    closed(2016, (2, 8), (2, 12)),
    closed(2016, (4, 4), (4, 4)),
    closed(2016, (5, 2), (5, 2)),
    closed(2016, (6, 9), (6, 10)),
    closed(2016, (9, 15), (9, 16)),
    closed(2016, (10, 3), (10, 7)),
    closed(2017, (1, 2), (1, 2)),
    closed(2017, (1, 27), (2, 2)),
    closed(2017, (4, 3), (4, 4)),
    closed(2017, (5, 1), (5, 1)),
    closed(2017, (5, 29), (5, 30)),
    closed(2017, (10, 2), (10, 6)),
    closed(2018, (1, 1), (1, 1)),
    closed(2018, (2, 15), (2, 21)),
    closed(2018, (4, 5), (4, 6)),
    closed(2018, (4, 30), (5, 1)),
    closed(2018, (6, 18), (6, 18)),
    closed(2018, (9, 24), (9, 24)),
    closed(2018, (10, 1), (10, 5)),
    closed(2018, (12, 31), (12, 31)),
    closed(2019, (1, 1), (1, 1)),
    closed(2019, (2, 4), (2, 8)),
    closed(2019, (4, 5), (4, 5)),
    closed(2019, (5, 1), (5, 3)),
    closed(2019, (6, 7), (6, 7)),
    closed(2019, (9, 13), (9, 13)),
    closed(2019, (10, 1), (10, 7)),
    closed(2020, (1, 1), (1, 1)),
    closed(2020, (1, 24), (1, 31)),
    closed(2020, (4, 6), (4, 6)),
    closed(2020, (5, 1), (5, 5)),
    closed(2020, (6, 25), (6, 26)),
    closed(2020, (10, 1), (10, 8)),
    closed(2021, (1, 1), (1, 1)),
    closed(2021, (2, 11), (2, 17)),
    closed(2021, (4, 5), (4, 5)),
    closed(2021, (5, 3), (5, 5)),
    closed(2021, (6, 14), (6, 14)),
    closed(2021, (9, 20), (9, 21)),
    closed(2021, (10, 1), (10, 7)),
    closed(2022, (1, 3), (1, 3)),
    closed(2022, (1, 31), (2, 4)),
    closed(2022, (4, 4), (4, 5)),
    closed(2022, (5, 2), (5, 4)),
    closed(2022, (6, 3), (6, 3)),
    closed(2022, (9, 12), (9, 12)),
    closed(2022, (10, 3), (10, 7)),
    closed(2023, (1, 2), (1, 2)),
    closed(2023, (1, 23), (1, 27)),
    closed(2023, (4, 5), (4, 5)),
    closed(2023, (5, 1), (5, 3)),
    closed(2023, (6, 22), (6, 23)),
    closed(2023, (9, 29), (10, 6)),
    closed(2024, (1, 1), (1, 1)),
    closed(2024, (2, 9), (2, 16)),
    closed(2024, (4, 4), (4, 5)),
    closed(2024, (5, 1), (5, 3)),
    closed(2024, (6, 10), (6, 10)),
    closed(2024, (9, 16), (9, 17)),
    closed(2024, (10, 1), (10, 7)),
    closed(2025, (1, 1), (1, 1)),
    closed(2025, (1, 28), (2, 4)),
    closed(2025, (4, 4), (4, 4)),
    closed(2025, (5, 1), (5, 5)),
    closed(2025, (6, 2), (6, 2)),
    closed(2025, (10, 1), (10, 8)),
    closed(2026, (1, 1), (1, 2)),
    closed(2026, (2, 16), (2, 23)),
    closed(2026, (4, 6), (4, 6)),
    closed(2026, (5, 1), (5, 5)),
    closed(2026, (6, 19), (6, 19)),
    closed(2026, (9, 25), (9, 25)),
    closed(2026, (10, 1), (10, 7)),
];
