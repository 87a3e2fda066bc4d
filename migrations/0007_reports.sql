-- What terminals report of their accounts. It is no decision, so it has no revision.

-- The newest report of each account, with what follows from it and the ones before.
CREATE TABLE reports (
    account TEXT PRIMARY KEY NOT NULL,
    body    TEXT NOT NULL, -- JSON
    seal    BLOB NOT NULL CONSTRAINT report_seal_length CHECK (length(seal) = 32) -- SHA-256 over the row
) STRICT, WITHOUT ROWID;

-- How holdings moved, report by report. Volumes are shares; times are the server's.
CREATE TABLE holding_changes (
    id      INTEGER PRIMARY KEY NOT NULL,
    account TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    item    TEXT    NOT NULL, -- the instrument
    code    TEXT    NOT NULL, -- as the terminal spells it
    before  INTEGER NOT NULL,
    after   INTEGER NOT NULL,
    filled  INTEGER NOT NULL, -- what of the difference trades of ours explain
    price   TEXT -- the last one: CNY per share
) STRICT;

CREATE INDEX holding_changes_by_account ON holding_changes (account, at);

-- Trades, each once, however often it is reported.
CREATE TABLE fills (
    account  TEXT    NOT NULL,
    day      INTEGER NOT NULL, -- in Shanghai, since the Unix epoch
    fill     TEXT    NOT NULL, -- the exchange's number
    order_id TEXT,
    code     TEXT    NOT NULL,
    side     TEXT    NOT NULL CONSTRAINT fill_side CHECK (side IN ('buy', 'sell')),
    volume   INTEGER NOT NULL CONSTRAINT fill_volume CHECK (volume > 0), -- shares
    price    TEXT    NOT NULL, -- CNY per share
    fee      TEXT, -- CNY
    at       INTEGER NOT NULL, -- by the terminal's clock
    heard_at INTEGER NOT NULL,
    PRIMARY KEY (account, day, fill)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER holding_changes_are_not_updated BEFORE UPDATE ON holding_changes
BEGIN SELECT RAISE (ABORT, 'holding_changes are append-only'); END;
CREATE TRIGGER holding_changes_are_not_deleted BEFORE DELETE ON holding_changes
BEGIN SELECT RAISE (ABORT, 'holding_changes are append-only'); END;
CREATE TRIGGER fills_are_not_updated BEFORE UPDATE ON fills
BEGIN SELECT RAISE (ABORT, 'fills are append-only'); END;
CREATE TRIGGER fills_are_not_deleted BEFORE DELETE ON fills
BEGIN SELECT RAISE (ABORT, 'fills are append-only'); END;
