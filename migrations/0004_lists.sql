-- A strategy's list in one row with the strategy, under a seal that is checked when it is read; what a revision changed in
-- one row with the revision, half as large; and what makes the past quick to reach. The columns and tables that only
-- repeat the history are filled by the program at its next start.

-- [[volume, cost, place, name, code, remark], ...], the numbers as text, a remark that there is none of left out.
ALTER TABLE strategies ADD COLUMN list TEXT NOT NULL DEFAULT '[]';
-- How many revisions it has: over all strategies they are as many as there are revisions.
ALTER TABLE strategies ADD COLUMN revisions INTEGER NOT NULL DEFAULT 0;
-- SHA-256 over the row and the hash of its newest revision.
ALTER TABLE strategies ADD COLUMN seal BLOB NOT NULL DEFAULT x'';

UPDATE strategies SET list = (
    SELECT json_group_array(json_array(volume, cost, place, name, code, remark))
    FROM (SELECT * FROM positions WHERE strategy_id = strategies.id ORDER BY place)
);
DROP TABLE positions;

-- Also those that are gone: a name's whole history.
CREATE INDEX strategies_by_any_name ON strategies (name);

CREATE TABLE revisions_with_changes (
    id          INTEGER PRIMARY KEY NOT NULL,
    strategy_id INTEGER REFERENCES strategies (id),
    document_id INTEGER REFERENCES documents (id),
    kind        TEXT    NOT NULL,
    at          INTEGER NOT NULL CONSTRAINT one_change_a_moment UNIQUE,
    actor_kind  TEXT    NOT NULL,
    actor       TEXT    NOT NULL, -- client id, key name, 'operator', or where an import came from
    address     TEXT, -- where the request came from
    note        TEXT,
    hash        BLOB    NOT NULL CONSTRAINT hash_length CHECK (length(hash) = 32), -- also over the hash of the one before
    -- Of a list [[instrument, before, after], ...] with rows as in a list, or null for nothing. A row before leaves out
    -- what is at its end no name, the code in JoinQuant's notation and no remark; a row after, what is at its end as in
    -- the row before.
    changes     TEXT    NOT NULL,
    CONSTRAINT one_subject CHECK ((strategy_id IS NULL) <> (document_id IS NULL))
) STRICT;

INSERT INTO revisions_with_changes
SELECT id, strategy_id, document_id, kind, at, actor_kind, actor, address, note, hash, (
    SELECT json_group_array(json_array(
        item,
        CASE WHEN before IS NULL THEN json('null') ELSE json((
            SELECT json_group_array(json_array(value ->> 3, value ->> 4, value ->> 0, value ->> 2, value ->> 1, value ->> 5))
            FROM json_each(before)
        )) END,
        CASE WHEN after IS NULL THEN json('null') ELSE json((
            SELECT json_group_array(json_array(value ->> 3, value ->> 4, value ->> 0, value ->> 2, value ->> 1, value ->> 5))
            FROM json_each(after)
        )) END
    ))
    FROM (SELECT * FROM changes WHERE revision_id = revisions.id ORDER BY item)
) FROM revisions;

DROP TABLE changes;
DROP TABLE revisions;
ALTER TABLE revisions_with_changes RENAME TO revisions;

CREATE INDEX revisions_by_strategy ON revisions (strategy_id, id) WHERE strategy_id IS NOT NULL;
CREATE INDEX revisions_by_document ON revisions (document_id, id) WHERE document_id IS NOT NULL;

CREATE TRIGGER revisions_are_not_updated BEFORE UPDATE ON revisions
BEGIN SELECT RAISE (ABORT, 'revisions are append-only'); END;
CREATE TRIGGER revisions_are_not_deleted BEFORE DELETE ON revisions
BEGIN SELECT RAISE (ABORT, 'revisions are append-only'); END;

-- A strategy's whole list every so many of its revisions: from there the next ones are near.
CREATE TABLE kept_lists (
    strategy_id INTEGER NOT NULL REFERENCES strategies (id),
    revision    INTEGER NOT NULL REFERENCES revisions (id),
    updated_at  INTEGER NOT NULL, -- when a poller had last seen something change
    digest      BLOB    NOT NULL, -- SHA-256 over the other columns
    list        TEXT    NOT NULL,
    PRIMARY KEY (strategy_id, revision)
) STRICT;

-- In which blocks of 64 revisions an item changed.
CREATE TABLE item_blocks (
    item  TEXT    NOT NULL,
    block INTEGER NOT NULL, -- the revision's number divided by 64
    PRIMARY KEY (item, block)
) STRICT, WITHOUT ROWID;

-- 1 once kept lists, blocks, counts and seals were made for what older versions wrote.
ALTER TABLE upkeep ADD COLUMN is_unfolded INTEGER NOT NULL DEFAULT 0 CONSTRAINT is_unfolded_is_bool CHECK (is_unfolded IN (0, 1));
