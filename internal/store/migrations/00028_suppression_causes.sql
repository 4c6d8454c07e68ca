-- Each cause of a suppression is a row of its own (ADR 102). Otherwise lifting what a bounce blocked lifts a complaint as
-- well. Workers from before write one row for each email, so they must not run any more.

-- +goose Up
ALTER TABLE suppressions
    ADD COLUMN suppressed_at timestamptz,          -- when the cause arose; NULL in rows from before this migration
    ADD COLUMN lifted_by text NOT NULL DEFAULT '', -- who lifted it by the service
    DROP CONSTRAINT suppressions_pkey,
    ADD PRIMARY KEY (firm_id, email, cause);
-- Until now, lifting any cause lifted them all. An older fact that comes again must not bring one back.
INSERT INTO suppressions (firm_id, email, cause, lifted, stream, sequence)
SELECT firm_id, email, other, true, stream, sequence
FROM suppressions, unnest(ARRAY['bounce', 'complaint', 'manual']) AS other
WHERE lifted
ON CONFLICT DO NOTHING;
INSERT INTO migrations (migration, least_worker) VALUES (28, 28);

-- +goose Down
DELETE FROM migrations WHERE migration = 28;
DELETE FROM suppressions s USING suppressions other
WHERE s.firm_id = other.firm_id AND s.email = other.email
  AND (NOT s.lifted, s.cause) < (NOT other.lifted, other.cause);
ALTER TABLE suppressions
    DROP CONSTRAINT suppressions_pkey,
    ADD PRIMARY KEY (firm_id, email),
    DROP COLUMN lifted_by,
    DROP COLUMN suppressed_at;
