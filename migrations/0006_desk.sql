-- What the operator settles around the lists (states, guards, schedules, accounts, pauses, pushes that wait), and what
-- strategies wanted once.

-- Nothing stood in it yet: documents get a seal, as strategies have one.
DROP TABLE documents;
CREATE TABLE documents (
    id        INTEGER PRIMARY KEY NOT NULL,
    kind      TEXT    NOT NULL, -- what it describes
    name      TEXT    NOT NULL, -- empty where there is only one
    revision  INTEGER NOT NULL, -- the newest
    revisions INTEGER NOT NULL, -- how many it has
    seal      BLOB    NOT NULL CONSTRAINT document_seal_length CHECK (length(seal) = 32), -- SHA-256 over the row and the hash of its newest revision
    body      TEXT -- JSON as it stands now; NULL once it is withdrawn
) STRICT;

CREATE UNIQUE INDEX documents_by_name ON documents (kind, name);

-- When the list in force was last said, by its program or by the operator; NULL when an older version wrote the row.
ALTER TABLE strategies ADD COLUMN spoken_at INTEGER;
-- Which of a day's times of its schedule were met, as JSON.
ALTER TABLE strategies ADD COLUMN met TEXT;
-- The strategy's own equity, as its last push told it: CNY.
ALTER TABLE strategies ADD COLUMN total_value TEXT;

-- Instruments that left a list, by the name of the strategy: an account's target lists them as zero.
CREATE TABLE past_instruments (
    strategy TEXT    NOT NULL,
    item     TEXT    NOT NULL,
    code     TEXT    NOT NULL, -- as it was spelled last
    name     TEXT,
    revision INTEGER NOT NULL, -- since which the list was without it
    at       INTEGER NOT NULL,
    seal     BLOB    NOT NULL CONSTRAINT past_seal_length CHECK (length(seal) = 8), -- the beginning of a SHA-256 over the row
    PRIMARY KEY (strategy, item)
) STRICT, WITHOUT ROWID;

-- The program makes them from the history at its next start, with what else repeats it.
DELETE FROM kept_lists;
DELETE FROM item_blocks;
UPDATE upkeep SET is_unfolded = 0;

-- Whether pushes are guarded though nobody settled a guard: a first start turns some on, an upgrade none.
ALTER TABLE upkeep ADD COLUMN is_guarded INTEGER NOT NULL DEFAULT 0 CONSTRAINT is_guarded_is_bool CHECK (is_guarded IN (0, 1));
UPDATE upkeep SET is_guarded = 1 WHERE NOT EXISTS (SELECT 1 FROM revisions);

-- Keys that are bound to an account: they read its target and report for it, and nothing else.
CREATE TABLE api_keys_with_accounts (
    id           INTEGER PRIMARY KEY NOT NULL,
    name         TEXT    NOT NULL CONSTRAINT api_key_name CHECK (length(name) BETWEEN 1 AND 100),
    scope        TEXT    NOT NULL CONSTRAINT api_key_scope CHECK (scope IN ('read', 'write', 'account')),
    strategies   TEXT    NOT NULL, -- JSON array of patterns; [] for every strategy
    account      TEXT,
    prefix       TEXT    NOT NULL,
    digest       BLOB    NOT NULL UNIQUE CONSTRAINT api_key_digest_length CHECK (length(digest) = 32),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER,
    CONSTRAINT account_keys_name_one CHECK ((scope = 'account') = (account IS NOT NULL))
) STRICT;

INSERT INTO api_keys_with_accounts
SELECT id, name, scope, strategies, NULL, prefix, digest, created_at, last_used_at, revoked_at FROM api_keys;

DROP TABLE api_keys;
ALTER TABLE api_keys_with_accounts RENAME TO api_keys;

CREATE UNIQUE INDEX api_keys_by_name ON api_keys (name) WHERE revoked_at IS NULL;
