-- A page of a dry run looks for earlier candidates that have the same email as one of its own. This index finds those
-- who were added by email. Contacts are found by invites_by_person.

-- +goose Up
CREATE INDEX invites_fixable_by_email ON invites (firm_id, email_normal) WHERE contact_id = '' AND state IN ('skipped', 'failed') AND NOT settled;

-- +goose Down
DROP INDEX invites_fixable_by_email;
