-- How many of a run's skips no replay decides again. Their first reason does not say it: a settled reason behind one that can be
-- fixed settles the skip as well. Of runs from before, the first reason is all there is to go by.

-- +goose Up
ALTER TABLE run_reasons ADD COLUMN settled integer NOT NULL DEFAULT 0 CONSTRAINT settled_are_among_them CHECK (settled BETWEEN 0 AND count);
UPDATE run_reasons SET settled = count WHERE reason IN (
    'already_invited', 'already_has_access', 'not_invited', 'access_removed', 'resend_too_soon', 'duplicate_recipient');

-- +goose Down
ALTER TABLE run_reasons DROP COLUMN settled;
