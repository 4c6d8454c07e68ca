-- Each row of the outbox lives for some milliseconds, and leaves its space to a later vacuum. By default that starts when
-- a fifth of the table has changed, and rests after each few pages. Here it starts after 1,000 rows, however large the
-- table was before, and does not rest: the table has a few pages.

-- +goose Up
ALTER TABLE outbox SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);
INSERT INTO migrations (migration, least_worker) VALUES (64, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 64;
ALTER TABLE outbox RESET (
    autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay
);
