-- The hours in which a firm's bulk mails and reminders may leave (ADR 139), and the present or next window of them.
-- Only firms with such hours have a window. While it is not known, their mails wait.

-- +goose Up
ALTER TABLE firms
    ADD COLUMN send_hours text NOT NULL DEFAULT '',
    ADD COLUMN opens_at timestamptz,
    ADD COLUMN closes_at timestamptz;
CREATE INDEX firms_with_hours ON firms (firm_id) WHERE send_hours <> '';
INSERT INTO migrations (migration, least_worker) VALUES (58, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 58;
DROP INDEX firms_with_hours;
ALTER TABLE firms DROP COLUMN send_hours, DROP COLUMN opens_at, DROP COLUMN closes_at;
