-- Room for revisions about other things than strategies: whatever else is kept (an account, the guards, a hold, a lock)
-- is a document, its revisions stand in the same chain, and it needs no table of its own.
CREATE TABLE documents (
    id       INTEGER PRIMARY KEY NOT NULL,
    kind     TEXT    NOT NULL, -- what it describes
    name     TEXT    NOT NULL,
    revision INTEGER NOT NULL, -- the newest
    body     TEXT -- JSON as it stands now; NULL once it is withdrawn
) STRICT;

CREATE UNIQUE INDEX documents_by_name ON documents (kind, name);

-- SQLite cannot loosen a table, only copy it. The new one has no CHECK on its kinds: they are the program's to know, and
-- each new one would mean copying the whole history again.
CREATE TABLE revisions_of_subjects (
    id          INTEGER PRIMARY KEY NOT NULL,
    strategy_id INTEGER REFERENCES strategies (id),
    document_id INTEGER REFERENCES documents (id),
    kind        TEXT    NOT NULL,
    at          INTEGER NOT NULL CONSTRAINT one_change_a_moment UNIQUE,
    actor_kind  TEXT    NOT NULL,
    actor       TEXT    NOT NULL, -- client id, key name, 'operator', or where an import came from
    address     TEXT, -- where the request came from
    note        TEXT,
    parent_hash BLOB    NOT NULL CONSTRAINT parent_hash_length CHECK (length(parent_hash) = 32),
    hash        BLOB    NOT NULL CONSTRAINT hash_length CHECK (length(hash) = 32),
    CONSTRAINT one_subject CHECK ((strategy_id IS NULL) <> (document_id IS NULL))
) STRICT;

INSERT INTO revisions_of_subjects
SELECT id, strategy_id, NULL, kind, at, actor_kind, actor, address, note, parent_hash, hash FROM revisions;

DROP TABLE revisions;
ALTER TABLE revisions_of_subjects RENAME TO revisions;

CREATE INDEX revisions_by_strategy ON revisions (strategy_id, id) WHERE strategy_id IS NOT NULL;
CREATE INDEX revisions_by_document ON revisions (document_id, id) WHERE document_id IS NOT NULL;

CREATE TRIGGER revisions_are_not_updated BEFORE UPDATE ON revisions
BEGIN SELECT RAISE (ABORT, 'revisions are append-only'); END;
CREATE TRIGGER revisions_are_not_deleted BEFORE DELETE ON revisions
BEGIN SELECT RAISE (ABORT, 'revisions are append-only'); END;

-- What a revision changed, item by item: of a list the instruments, of a document its parts.
ALTER TABLE changes RENAME COLUMN instrument TO item;
