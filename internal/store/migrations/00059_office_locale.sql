-- The language in which the services answer a firm's office, if a call names none (ADR 137). '': English.

-- +goose Up
ALTER TABLE firms ADD COLUMN office_locale text NOT NULL DEFAULT '';
INSERT INTO migrations (migration, least_worker) VALUES (59, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 59;
ALTER TABLE firms DROP COLUMN office_locale;
