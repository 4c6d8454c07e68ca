-- How far a recovery has entered what it has read, so that a call goes on where the one before it has ended. And since
-- when a recovered outcome is here, so that it is pruned like anything else (ADR 103).

-- +goose Up
ALTER TABLE outcome_streams ADD COLUMN entered_to uuid; -- the last invite; NULL: none yet
ALTER TABLE recovered_outcomes ADD COLUMN recovered_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX recovered_outcomes_at ON recovered_outcomes (recovered_at);
INSERT INTO migrations (migration, least_worker) VALUES (48, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 48;
ALTER TABLE recovered_outcomes DROP COLUMN recovered_at;
ALTER TABLE outcome_streams DROP COLUMN entered_to;
