-- Current state and history side by side. Times are microseconds UTC; volumes and costs are exact decimals as text.

CREATE TABLE strategies (
    id           INTEGER PRIMARY KEY NOT NULL, -- also the order of the strategies: by creation
    name         TEXT    NOT NULL CONSTRAINT strategy_name CHECK (length(name) BETWEEN 1 AND 100),
    revision     INTEGER NOT NULL, -- the newest
    updated_at   INTEGER NOT NULL, -- when a poller last saw something change
    last_push_at INTEGER NOT NULL, -- changed or not
    sequence     INTEGER CONSTRAINT sequence_not_negative CHECK (sequence >= 0),
    removed      INTEGER NOT NULL DEFAULT 0 CONSTRAINT removed_is_bool CHECK (removed IN (0, 1))
) STRICT;

-- A name that was removed may be pushed anew, as a new strategy.
CREATE UNIQUE INDEX strategies_by_name ON strategies (name) WHERE removed = 0;

CREATE TABLE positions (
    strategy_id INTEGER NOT NULL REFERENCES strategies (id),
    place       INTEGER NOT NULL, -- grows along the list, with gaps
    code        TEXT    NOT NULL CONSTRAINT code_not_empty CHECK (code <> ''),
    name        TEXT,
    volume      TEXT    NOT NULL,
    cost        TEXT    NOT NULL,
    remark      TEXT,
    PRIMARY KEY (strategy_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE revisions (
    id          INTEGER PRIMARY KEY NOT NULL,
    strategy_id INTEGER NOT NULL REFERENCES strategies (id),
    kind        TEXT    NOT NULL CONSTRAINT revision_kind CHECK (kind IN ('push', 'edit', 'restore', 'remove', 'import')),
    at          INTEGER NOT NULL CONSTRAINT one_change_a_moment UNIQUE,
    actor_kind  TEXT    NOT NULL CONSTRAINT revision_actor CHECK (actor_kind IN ('client', 'key', 'operator', 'import')),
    actor       TEXT    NOT NULL, -- client id, key name, 'operator', or where an import came from
    address     TEXT, -- where the request came from
    note        TEXT,
    parent_hash BLOB    NOT NULL CONSTRAINT parent_hash_length CHECK (length(parent_hash) = 32),
    hash        BLOB    NOT NULL CONSTRAINT hash_length CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX revisions_by_strategy ON revisions (strategy_id, id);

-- Before and after: what the list held of the instrument, as [[place, code, name, volume, cost, remark], ...];
-- NULL for nothing. The list as of a revision is the last change of each instrument at or before it, by place.
CREATE TABLE changes (
    revision_id INTEGER NOT NULL REFERENCES revisions (id),
    instrument  TEXT    NOT NULL,
    before      TEXT,
    after       TEXT,
    PRIMARY KEY (revision_id, instrument)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER revisions_are_not_updated BEFORE UPDATE ON revisions
BEGIN SELECT RAISE (ABORT, 'revisions are append-only'); END;
CREATE TRIGGER revisions_are_not_deleted BEFORE DELETE ON revisions
BEGIN SELECT RAISE (ABORT, 'revisions are append-only'); END;
CREATE TRIGGER changes_are_not_updated BEFORE UPDATE ON changes
BEGIN SELECT RAISE (ABORT, 'changes are append-only'); END;
CREATE TRIGGER changes_are_not_deleted BEFORE DELETE ON changes
BEGIN SELECT RAISE (ABORT, 'changes are append-only'); END;

-- Ordered by time first, so that neighbours in time share a page and old ones go in one sweep.
CREATE TABLE used_tokens (
    signed_at INTEGER NOT NULL,
    digest    BLOB    NOT NULL CONSTRAINT digest_length CHECK (length(digest) = 32),
    PRIMARY KEY (signed_at, digest)
) STRICT, WITHOUT ROWID;

-- One row. Tokens signed before tokens_forgotten_before are refused unseen: whether they were used is no longer known.
CREATE TABLE upkeep (
    id                      INTEGER PRIMARY KEY NOT NULL CONSTRAINT upkeep_is_one_row CHECK (id = 1),
    tokens_forgotten_before INTEGER NOT NULL,
    probed_at               INTEGER NOT NULL
) STRICT;
INSERT INTO upkeep (id, tokens_forgotten_before, probed_at) VALUES (1, 0, 0);

CREATE TABLE operator (
    id            INTEGER PRIMARY KEY NOT NULL CONSTRAINT operator_is_one_row CHECK (id = 1),
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id           INTEGER PRIMARY KEY NOT NULL,
    name         TEXT    NOT NULL CONSTRAINT api_key_name CHECK (length(name) BETWEEN 1 AND 100),
    scope        TEXT    NOT NULL CONSTRAINT api_key_scope CHECK (scope IN ('read', 'write')),
    strategies   TEXT    NOT NULL, -- JSON array of patterns; [] for every strategy
    prefix       TEXT    NOT NULL,
    digest       BLOB    NOT NULL UNIQUE CONSTRAINT api_key_digest_length CHECK (length(digest) = 32),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;

CREATE UNIQUE INDEX api_keys_by_name ON api_keys (name) WHERE revoked_at IS NULL;
