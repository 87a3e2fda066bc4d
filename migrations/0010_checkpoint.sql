-- What `jq2qmt compact` leaves of the revisions that it folds. Of each subject its newest one stays in the table revisions, so that
-- what stands there now still hangs on it; the others are in an archive.

-- One row, or none. Where the chain had led up to a revision; a later document of the kind `checkpoint` repeats the seal.
CREATE TABLE checkpoint (
    id       INTEGER PRIMARY KEY NOT NULL CONSTRAINT checkpoint_is_one_row CHECK (id = 1),
    revision INTEGER NOT NULL, -- the last that was folded
    at       INTEGER NOT NULL,
    hash     BLOB    NOT NULL CONSTRAINT checkpoint_hash_length CHECK (length(hash) = 32),
    state    TEXT    NOT NULL, -- JSON
    seal     BLOB    NOT NULL CONSTRAINT checkpoint_seal_length CHECK (length(seal) = 32) -- SHA-256 over the row
) STRICT;
