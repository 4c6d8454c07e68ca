-- How many of a run's skips no replay decides again. The first reason of a skip is not enough to know it: a settled
-- reason after a fixable one settles the skip, too. For runs from before this migration, only the first reason is
-- known.

-- +goose Up
ALTER TABLE run_reasons ADD COLUMN settled integer NOT NULL DEFAULT 0 CONSTRAINT settled_are_among_them CHECK (settled BETWEEN 0 AND count);
UPDATE run_reasons SET settled = count WHERE reason IN (
    'already_invited', 'already_has_access', 'not_invited', 'access_removed', 'resend_too_soon', 'duplicate_recipient');

-- +goose Down
ALTER TABLE run_reasons DROP COLUMN settled;
