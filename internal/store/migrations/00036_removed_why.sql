-- Why an access ended by itself: its contact's email is no longer the login, or the client no longer lists the contact
-- (ADR 120). A queued invite whose access ended for such a reason may still leave, and status says the reason.

-- +goose Up
ALTER TABLE access ADD COLUMN removed_why text NOT NULL DEFAULT ''; -- '' if somebody removed the access
INSERT INTO migrations (migration, least_worker) VALUES (36, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 36;
ALTER TABLE access DROP COLUMN removed_why;
