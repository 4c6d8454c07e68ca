-- A status of a client also shows what did not go out to people whom the client does not list: who was added by email, or
-- everybody, if the client or the firm is not known. Few invites are in this index.

-- +goose Up
CREATE INDEX invites_unlisted ON invites (firm_id, client_id)
    WHERE state IN ('skipped', 'failed') AND NOT settled
      AND (contact_id = '' OR reason IN ('firm_not_found', 'license_required', 'client_not_found'));
INSERT INTO migrations (migration, least_worker) VALUES (46, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 46;
DROP INDEX invites_unlisted;
