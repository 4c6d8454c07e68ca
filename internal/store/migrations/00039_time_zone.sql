-- The time zone in which a firm's mails and sentences say dates. A firm from before this column has none.

-- +goose Up
ALTER TABLE firms ADD COLUMN time_zone text NOT NULL DEFAULT '';
INSERT INTO migrations (migration, least_worker) VALUES (39, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 39;
ALTER TABLE firms DROP COLUMN time_zone;
