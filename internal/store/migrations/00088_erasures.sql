-- People who were erased (ADR 171). What must outlive them stands as keyed hashes: who they were, and their blocks and
-- declines. The key stays in this table of its own, and is made once.

-- +goose Up
CREATE TABLE erasures (
    firm_id           text COLLATE "C" NOT NULL,
    hash              bytea NOT NULL,       -- of a contact's id, or of an email in normal form
    stream            timestamptz NOT NULL, -- what is older than this place never brings the person back
    sequence          bigint NOT NULL,
    erased_at         timestamptz NOT NULL,
    erased_by         text NOT NULL,
    reason            text NOT NULL,
    lifted_at         timestamptz,          -- from the place on, facts about the person count again
    lifted_by         text NOT NULL DEFAULT '',
    lifted_because    text NOT NULL DEFAULT '',
    left_out          integer NOT NULL DEFAULT 0, -- how many facts and requests were left out since
    left_out_at       timestamptz,
    left_out_stream   timestamptz NOT NULL DEFAULT '-infinity', -- the newest of these
    left_out_sequence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (firm_id, hash)
);
CREATE TABLE erasure_key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    key      bytea NOT NULL
);
INSERT INTO erasure_key (key) VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
ALTER TABLE invites ADD COLUMN erased boolean NOT NULL DEFAULT false; -- its person was erased while it was being sent
ALTER TABLE requests ADD COLUMN content bytea; -- a keyed hash of the data, of which an erasure has taken something away
INSERT INTO migrations (migration, least_worker) VALUES (88, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 88;
ALTER TABLE requests DROP COLUMN content;
ALTER TABLE invites DROP COLUMN erased;
DROP TABLE erasure_key;
DROP TABLE erasures;
