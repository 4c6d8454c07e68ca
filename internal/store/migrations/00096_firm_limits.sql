-- A firm's own limits, which hold where they are lower than the operator's (ADR 152).

-- +goose Up
ALTER TABLE firms ADD COLUMN limits jsonb NOT NULL DEFAULT '{}'; -- rules.Limits
INSERT INTO migrations (migration, least_worker) VALUES (96, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 96;
ALTER TABLE firms DROP COLUMN limits;
