//! Writes a database of years of trading for `benches/speed.py`: twenty strategies of fifty instruments that push four times a
//! day and change each line every time, and an account whose terminal follows them.

#![expect(clippy::print_stdout, reason = "a measuring tool, run by hand")]
#![expect(clippy::disallowed_methods, reason = "a stopwatch reads the clock")]

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser as _;
use jq2qmt::demo::World;
use jq2qmt::domain::calendar::{Calendar, Day};
use jq2qmt::domain::moment::Moment;
use jq2qmt::store::chronicle::Chronicle;

/// A measuring tool; see benches/speed.py.
#[derive(clap::Parser)]
struct Options {
    /// The database, which must not be there yet.
    database: PathBuf,
    /// How many trading days.
    #[arg(long, default_value_t = 2_500)]
    days: usize,
    #[arg(long, default_value_t = 20)]
    strategies: usize,
    /// The first day.
    #[arg(long, default_value = "2016-01-04")]
    from: Day,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // Cargo says that it is a bench.
    let options = Options::parse_from(std::env::args_os().filter(|argument| argument != "--bench"));
    let start = Instant::now();
    let mut chronicle = Chronicle::open(&options.database, options.from.begins_at()).await?;
    let mut world = World::tireless(options.strategies, options.from)?;
    let days = std::iter::successors(Some(options.from), |day| Some(day.next()))
        .filter(|day| Calendar::default().may_trade(*day));
    let mut last = options.from;
    for day in days.take(options.days) {
        let mut draft = chronicle.draft(day.begins_at());
        world.live(&mut draft, day, Moment::from_micros(i64::MAX))?;
        chronicle.write(draft).await?;
        last = day;
    }
    let revisions = chronicle.book().revision();
    chronicle.close().await?;
    println!("{{\"last\": \"{last}\", \"revisions\": {revisions}, \"seconds\": {:.1}}}", start.elapsed().as_secs_f64());
    Ok(())
}
