-- One function says what time it is for the ledger, so that a test can move the time (ADR 176). Postgres replaces a call
-- of it by now() before it plans a statement.

-- +goose Up
CREATE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE RETURN now();
ALTER TABLE requests ALTER COLUMN recorded_at SET DEFAULT ledger_now();
ALTER TABLE mail_reports ALTER COLUMN recorded_at SET DEFAULT ledger_now();
ALTER TABLE merged_contacts ALTER COLUMN merged_at SET DEFAULT ledger_now();
ALTER TABLE recovered_outcomes ALTER COLUMN recovered_at SET DEFAULT ledger_now();
INSERT INTO migrations (migration, least_worker) VALUES (94, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 94;
ALTER TABLE recovered_outcomes ALTER COLUMN recovered_at SET DEFAULT now();
ALTER TABLE merged_contacts ALTER COLUMN merged_at SET DEFAULT now();
ALTER TABLE mail_reports ALTER COLUMN recorded_at SET DEFAULT now();
ALTER TABLE requests ALTER COLUMN recorded_at SET DEFAULT now();
DROP FUNCTION ledger_now();
