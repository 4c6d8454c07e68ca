-- A firm may want that somebody whose email changes before they come is invited again, at the new email (ADR 129).

-- +goose Up
ALTER TABLE firms ADD COLUMN invite_again boolean NOT NULL DEFAULT false;
-- Of an access that a new email has ended, if the firm wanted it then: the email (normal form) at which the person was
-- invited again, '' if they were not yet.
ALTER TABLE access ADD COLUMN again text;
CREATE INDEX access_to_invite_again ON access (firm_id) WHERE again IS NOT NULL;
INSERT INTO migrations (migration, least_worker) VALUES (56, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 56;
DROP INDEX access_to_invite_again;
ALTER TABLE access DROP COLUMN again;
ALTER TABLE firms DROP COLUMN invite_again;
