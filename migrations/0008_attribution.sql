-- How what accounts hold is divided among the strategies that want it. It follows from the events, which are kept.

-- What each owner holds and has gained at the end of each day on which something of it changed.
CREATE TABLE attributed (
    id      INTEGER PRIMARY KEY NOT NULL,
    account TEXT    NOT NULL,
    owner   TEXT    NOT NULL, -- the strategy or overlay; empty for what is nobody's
    day     INTEGER NOT NULL, -- in Shanghai, since the Unix epoch
    totals  TEXT    NOT NULL, -- JSON: what was counted since the beginning
    parts   TEXT    NOT NULL, -- JSON: what it holds of each instrument
    CONSTRAINT attributed_once UNIQUE (account, owner, day)
) STRICT;

-- What else is known of an account's days: the last prices, what lists that lag leave open, what the day's orders were charged.
CREATE TABLE attributed_days (
    account TEXT    NOT NULL,
    day     INTEGER NOT NULL,
    body    TEXT    NOT NULL, -- JSON
    PRIMARY KEY (account, day)
) STRICT;

-- What reports said that changed it, in their order.
CREATE TABLE attribution_events (
    id      INTEGER PRIMARY KEY NOT NULL,
    account TEXT NOT NULL,
    body    TEXT NOT NULL -- JSON
) STRICT;

CREATE INDEX attribution_events_by_account ON attribution_events (account, id);

CREATE TRIGGER attribution_events_are_not_updated BEFORE UPDATE ON attribution_events
BEGIN SELECT RAISE (ABORT, 'attribution_events are append-only'); END;
CREATE TRIGGER attribution_events_are_not_deleted BEFORE DELETE ON attribution_events
BEGIN SELECT RAISE (ABORT, 'attribution_events are append-only'); END;
