-- What somebody should be told of, and to whom it is told. Observations are no decisions: they have no revision.

CREATE TABLE incidents (
    id              INTEGER PRIMARY KEY NOT NULL,
    kind            TEXT    NOT NULL,
    subject         TEXT    NOT NULL, -- what it is about; empty where there is only one
    finding         TEXT    NOT NULL, -- JSON: what was told last
    began_at        INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    told_at         INTEGER NOT NULL, -- when it was told last
    ended_at        INTEGER,
    acknowledged_at INTEGER,
    acknowledged_by TEXT -- an IP address
) STRICT;

-- One at a time for each kind and subject.
CREATE UNIQUE INDEX incidents_that_stand ON incidents (kind, subject) WHERE ended_at IS NULL;
CREATE INDEX incidents_by_end ON incidents (ended_at);

-- What is to be sent: written in the transaction that made the incident, deleted or settled once it is delivered or too old.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY NOT NULL,
    channel      TEXT    NOT NULL,
    incident     INTEGER, -- NULL for what is no incident: a report, a test
    body         TEXT    NOT NULL, -- JSON: what is to be said, without words
    created_at   INTEGER NOT NULL, -- when it was to be sent first: a day later it is given up
    due_at       INTEGER NOT NULL, -- not before
    attempts     INTEGER NOT NULL,
    failed_at    INTEGER, -- when the last attempt failed
    error        TEXT, -- and why
    delivered_at INTEGER,
    given_up_at  INTEGER
) STRICT;

CREATE INDEX outbox_that_waits ON outbox (due_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE INDEX outbox_by_end ON outbox (coalesce(delivered_at, given_up_at));
CREATE INDEX outbox_by_channel ON outbox (channel, id);

-- What must not stand in the history: a channel's document says the rest.
CREATE TABLE channel_secrets (
    channel TEXT PRIMARY KEY NOT NULL,
    body    TEXT NOT NULL -- JSON: the address and what signs
) STRICT, WITHOUT ROWID;
