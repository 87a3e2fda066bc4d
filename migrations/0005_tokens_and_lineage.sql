-- Of which times of signing it is no longer known whether a token was used: [[from, until], ...], both included. The single
-- moment that stood here could come to lie in the future, and kept every token out until then.
ALTER TABLE upkeep ADD COLUMN tokens_forgotten TEXT NOT NULL DEFAULT '[]';
UPDATE upkeep SET tokens_forgotten =
    json_array(json_array(0, min(tokens_forgotten_before - 1, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)))
WHERE tokens_forgotten_before > 0;
ALTER TABLE upkeep DROP COLUMN tokens_forgotten_before;

-- Grows whenever an older copy of the database is put back.
ALTER TABLE upkeep ADD COLUMN lineage INTEGER NOT NULL DEFAULT 1;
