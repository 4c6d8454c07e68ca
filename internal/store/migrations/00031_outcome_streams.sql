-- How far the outcomes on the stream are known to have been in this database, to notice that the database went back
-- (ADR 87): after a restored backup, the stream has outcomes that the database never heard of.

-- +goose Up
CREATE TABLE outcome_streams (
    created       timestamptz PRIMARY KEY, -- when the broker created the stream
    last_sequence bigint NOT NULL,     -- the highest of any outcome that was deleted from the outbox
    reached_at    timestamptz NOT NULL -- when it was reached
);
-- Workers from before delete outcomes without saying how far they came. Until they have stopped, nothing is judged.
ALTER TABLE ledger ADD COLUMN judged_from timestamptz NOT NULL DEFAULT '-infinity';
UPDATE ledger SET judged_from = now() + interval '10 minutes';
INSERT INTO ledger (id, judged_from)
SELECT gen_random_uuid(), now() + interval '10 minutes' WHERE EXISTS (SELECT FROM requests)
ON CONFLICT DO NOTHING;
INSERT INTO migrations (migration, least_worker) VALUES (31, 31);

-- +goose Down
DELETE FROM migrations WHERE migration = 31;
ALTER TABLE ledger DROP COLUMN judged_from;
DROP TABLE outcome_streams;
