-- A completed run whose sums have changed since the last event about it (ADR 110). A worker publishes RunRevised, and takes
-- the mark away. A worker of an older version leaves no mark, so a change that it makes is told with the next one.

-- +goose Up
ALTER TABLE runs ADD COLUMN to_revise boolean NOT NULL DEFAULT false;
CREATE INDEX runs_to_revise ON runs (progressed_at) WHERE to_revise;
INSERT INTO migrations (migration, least_worker) VALUES (33, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 33;
DROP INDEX runs_to_revise;
ALTER TABLE runs DROP COLUMN to_revise;
