-- What could not be taken as it was told: facts that were refused, fields that were left out, and logins from the future
-- (ADR 128).

-- +goose Up
ALTER TABLE dead_letters ADD COLUMN about text COLLATE "C" NOT NULL DEFAULT ''; -- the thing that a refused fact is about; '' for none
CREATE INDEX dead_letters_by_thing ON dead_letters (firm_id, about, stream, sequence) WHERE about <> '';
ALTER TABLE firms ADD COLUMN left_out text NOT NULL DEFAULT '';    -- a line for each field: its name, and what is wrong with it
ALTER TABLE contacts ADD COLUMN left_out text NOT NULL DEFAULT ''; -- the same
ALTER TABLE access ADD COLUMN login_told timestamptz;              -- of the last login, if it was told with a time in the future
INSERT INTO migrations (migration, least_worker) VALUES (43, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 43;
ALTER TABLE access DROP COLUMN login_told;
ALTER TABLE contacts DROP COLUMN left_out;
ALTER TABLE firms DROP COLUMN left_out;
ALTER TABLE dead_letters DROP COLUMN about;
