-- In which blocks an item changed, 64 blocks in a row: an item had a page of its own once the history was long, and a push
-- wrote as many pages as it had instruments. An era takes few, and a block is noted once it is whole.
CREATE TABLE item_eras (
    era    INTEGER NOT NULL, -- the block's number divided by 64, and that is the revision's divided by 64
    item   TEXT    NOT NULL,
    blocks INTEGER NOT NULL, -- a bit for each block of the era in which it changed
    PRIMARY KEY (era, item)
) STRICT, WITHOUT ROWID;

INSERT INTO item_eras (era, item, blocks)
SELECT block / 64, item, sum(1 << (block % 64)) FROM item_blocks GROUP BY block / 64, item;

DROP TABLE item_blocks;
