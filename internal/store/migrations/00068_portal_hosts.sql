-- A portal whose host changed: all links of new mails lead to the new one, so the firm is told (ADR 148).

-- +goose Up
ALTER TABLE firms ADD COLUMN portal_host_before text NOT NULL DEFAULT ''; -- before the last change; '' for none
ALTER TABLE firms ADD COLUMN portal_host_changed_at timestamptz;
INSERT INTO migrations (migration, least_worker) VALUES (68, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 68;
ALTER TABLE firms DROP COLUMN portal_host_changed_at;
ALTER TABLE firms DROP COLUMN portal_host_before;
