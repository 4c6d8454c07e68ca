-- How many mails were sent to each mailbox, and how many people each firm has added, in the last day (ADR 152). A
-- mailbox has a keyed hash for a name. A row changes with the attempts that it counts, in their transaction.

-- +goose Up
CREATE TABLE mailbox_counts (
    mailbox bytea PRIMARY KEY,
    version bigint NOT NULL, -- a transaction that has read another version decides again
    mails jsonb NOT NULL,    -- rules.Counted, of all firms
    until timestamptz NOT NULL -- when none of them counts any more
);
CREATE INDEX mailbox_counts_until ON mailbox_counts (until);
CREATE TABLE added_people_counts (
    firm_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    added jsonb NOT NULL, -- rules.Tally
    until timestamptz NOT NULL
);
INSERT INTO migrations (migration, least_worker) VALUES (70, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 70;
DROP TABLE added_people_counts;
DROP TABLE mailbox_counts;
