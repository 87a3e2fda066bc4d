-- Whether this is a copy that was never served from: whoever puts it in the place of a database, by hand and on another machine too,
-- begins another lineage.
ALTER TABLE upkeep ADD COLUMN is_copy INTEGER NOT NULL DEFAULT 0 CONSTRAINT is_copy_or_not CHECK (is_copy IN (0, 1));
