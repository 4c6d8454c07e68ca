-- What a page of a dry run asks for: those in front of it who were added by an email that somebody on it has. Contacts are found
-- through invites_by_person.

-- +goose Up
CREATE INDEX invites_fixable_by_email ON invites (firm_id, email_normal) WHERE contact_id = '' AND state IN ('skipped', 'failed') AND NOT settled;

-- +goose Down
DROP INDEX invites_fixable_by_email;
