//! `jq2qmt backup` and `jq2qmt restore`

use std::path::Path;

use anyhow::Context as _;

use super::say;
use crate::clock::{Clock, Zone};
use crate::config::{BackupOptions, Places};
use crate::startup;
use crate::store::backups::{Backup, back_up, put_back};

/// Copies the database, also beside a server that goes on writing.
pub(super) async fn make(places: &Places, options: &BackupOptions) -> anyhow::Result<()> {
    let made = back_up(&places.database(), &options.file, options.force).await;
    let made = made.with_context(|| format!("no copy was made at {}", options.file.display()))?;
    say(format_args!("copied to {}: {}", options.file.display(), about(&made)?))?;
    Ok(())
}

/// Puts a copy in the place of the database, where no server uses it.
pub(super) async fn restore(places: &Places, file: &Path, clock: &Clock) -> anyhow::Result<()> {
    let _lock = startup::hold_data_dir(places)?;
    let done = put_back(file, &places.database(), clock.now()).await;
    let done = done.with_context(|| format!("{} is not put back", file.display()))?;
    say(format_args!("put back {}: {}", file.display(), about(&done.backup)?))?;
    if let Some(aside) = done.aside {
        say(format_args!("what was there before lies in {}", aside.display()))?;
    }
    say(format_args!(
        "the lineage is now {}: tokens signed before now are refused, and a terminal that waits for your word trades again \
         once its LINEAGE says so",
        done.lineage
    ))?;
    say(
        "the password and the API keys are those of the copy: look whether one is back that you had revoked (jq2qmt key list)",
    )?;
    Ok(())
}

fn about(backup: &Backup) -> anyhow::Result<String> {
    let Backup { revisions, head, bytes } = backup;
    let at = Zone::named("Asia/Shanghai")?.rfc3339(head.at);
    Ok(format!("{revisions} revisions, head {} of {at}, {bytes} bytes", hex::encode(head.hash)))
}
