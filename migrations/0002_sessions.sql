-- Who is logged in to the pages. A session is stored as the SHA-256 of what its cookie holds.

CREATE TABLE sessions (
    digest       BLOB    PRIMARY KEY NOT NULL CONSTRAINT session_digest_length CHECK (length(digest) = 32),
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL -- to the minute
) STRICT, WITHOUT ROWID;
