//! The table `incidents`: what somebody should be told of.

use sqlx::{SqliteConnection, SqlitePool};

use super::json;
use crate::domain::incident::{Acknowledged, Change, Concern, Incident, IncidentId, Kind, Standing, Step};
use crate::domain::moment::Moment;
use crate::store::incidents::Which;

/// Writes what becomes of incidents.
pub(in crate::store) async fn write(connection: &mut SqliteConnection, steps: &[Step]) -> Result<(), sqlx::Error> {
    for step in steps {
        match step.change {
            Change::Begun => begin(&mut *connection, step).await?,
            Change::Changed | Change::Again => tell(&mut *connection, step).await?,
            Change::Ended => end(&mut *connection, step).await?,
        }
    }
    Ok(())
}

async fn begin(connection: &mut SqliteConnection, step: &Step) -> Result<(), sqlx::Error> {
    let key = step.concern.key();
    let (id, kind, finding, at) = (step.id.get(), key.kind.as_str(), json(&step.concern), step.at.as_micros());
    // One that could not be read stands in the way of what it was about.
    sqlx::query!(
        "UPDATE incidents SET ended_at = ? WHERE kind = ? AND subject = ? AND ended_at IS NULL",
        at,
        kind,
        key.subject
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO incidents (id, kind, subject, finding, began_at, changed_at, told_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5)",
        id,
        kind,
        key.subject,
        finding,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What has changed is another matter than what was acknowledged.
async fn tell(connection: &mut SqliteConnection, step: &Step) -> Result<(), sqlx::Error> {
    let (id, finding, at) = (step.id.get(), json(&step.concern), step.at.as_micros());
    let is_changed = step.change == Change::Changed;
    sqlx::query!(
        "UPDATE incidents SET finding = ?1, told_at = ?2, changed_at = iif(?3, ?2, changed_at),
         acknowledged_at = iif(?3, NULL, acknowledged_at), acknowledged_by = iif(?3, NULL, acknowledged_by) WHERE id = ?4",
        finding,
        at,
        is_changed,
        id
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn end(connection: &mut SqliteConnection, step: &Step) -> Result<(), sqlx::Error> {
    let (id, finding, at) = (step.id.get(), json(&step.concern), step.at.as_micros());
    sqlx::query!("UPDATE incidents SET finding = ?1, told_at = ?2, ended_at = ?2 WHERE id = ?3", finding, at, id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that the operator has seen an incident that stands; false when none of that number does.
pub(in crate::store) async fn acknowledge(
    connection: &mut SqliteConnection,
    id: IncidentId,
    by: &Acknowledged,
) -> Result<bool, sqlx::Error> {
    let (id, at) = (id.get(), by.at.as_micros());
    let noted = sqlx::query!(
        "UPDATE incidents SET acknowledged_at = ?, acknowledged_by = ? WHERE id = ? AND ended_at IS NULL",
        at,
        by.by,
        id
    )
    .execute(connection)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// An incident as its row has it.
struct IncidentRow {
    id: i64,
    finding: String,
    began_at: i64,
    changed_at: i64,
    told_at: i64,
    ended_at: Option<i64>,
    acknowledged_at: Option<i64>,
    acknowledged_by: Option<String>,
}

impl IncidentRow {
    /// None where another version wrote it.
    fn understood(self) -> Option<Incident> {
        let concern: Result<Concern, _> = serde_json::from_str(&self.finding);
        let concern = concern.inspect_err(|error| tracing::warn!(id = self.id, %error, "an incident cannot be read"));
        let concern = concern.ok()?;
        let acknowledged = self.acknowledged_at.zip(self.acknowledged_by);
        Some(Incident {
            id: IncidentId::new(self.id),
            told: concern.clone(),
            concern,
            began_at: Moment::from_micros(self.began_at),
            changed_at: Moment::from_micros(self.changed_at),
            told_at: Moment::from_micros(self.told_at),
            ended_at: self.ended_at.map(Moment::from_micros),
            acknowledged: acknowledged.map(|(at, by)| Acknowledged { at: Moment::from_micros(at), by }),
        })
    }
}

/// What stands, and the newest number that was ever given.
pub(in crate::store) async fn standing(pool: &SqlitePool) -> Result<Standing, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    // First: what begins meanwhile has a greater number, and is not among them.
    let newest: i64 =
        sqlx::query_scalar!("SELECT COALESCE(max(id), 0) FROM incidents").fetch_one(&mut *connection).await?;
    let rows = sqlx::query_as!(
        IncidentRow,
        "SELECT id, finding, began_at, changed_at, told_at, ended_at, acknowledged_at, acknowledged_by
         FROM incidents WHERE ended_at IS NULL AND id <= ?",
        newest
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(Standing::new(rows.into_iter().filter_map(IncidentRow::understood), IncidentId::new(newest)))
}

/// Incidents, the newest first, at most so many.
pub(in crate::store) async fn find(pool: &SqlitePool, which: Which, limit: u32) -> Result<Vec<Incident>, sqlx::Error> {
    let Which { is_open, kind, before } = which;
    let (kind, before) = (kind.map(Kind::as_str), before.map_or(i64::MAX, IncidentId::get));
    let rows = sqlx::query_as!(
        IncidentRow,
        "SELECT id, finding, began_at, changed_at, told_at, ended_at, acknowledged_at, acknowledged_by FROM incidents
         WHERE id < ?1 AND (?2 IS NULL OR (ended_at IS NULL) = ?2) AND (?3 IS NULL OR kind = ?3)
         ORDER BY id DESC LIMIT ?4",
        before,
        is_open,
        kind,
        limit
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().filter_map(IncidentRow::understood).collect())
}

/// The incidents that stood at any time from one moment to before another, the oldest first, at most so many.
pub(in crate::store) async fn within(
    pool: &SqlitePool,
    from: Moment,
    to: Moment,
    limit: u32,
) -> Result<Vec<Incident>, sqlx::Error> {
    let (from, to) = (from.as_micros(), to.as_micros());
    let rows = sqlx::query_as!(
        IncidentRow,
        "SELECT id, finding, began_at, changed_at, told_at, ended_at, acknowledged_at, acknowledged_by FROM incidents
         WHERE began_at < ?2 AND id IN (
             SELECT id FROM incidents WHERE ended_at IS NULL UNION ALL SELECT id FROM incidents WHERE ended_at >= ?1
         )
         ORDER BY id LIMIT ?3",
        from,
        to,
        limit
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().filter_map(IncidentRow::understood).collect())
}
