-- What a login means that is applied after facts which the stream has behind it (ADR 127): the emails that a contact had
-- before, and who was on a client's list before. Each is [{"was", "stream", "sequence"}]: what was, and the place of the
-- fact that ended it. And for an access that ended by itself, the place of the fact that ended it.

-- +goose Up
ALTER TABLE contacts ADD COLUMN emails_before jsonb;   -- normal forms, the last few, the oldest first
ALTER TABLE clients ADD COLUMN contacts_before jsonb;  -- ids of contacts that are no longer on the list
ALTER TABLE access ADD COLUMN ended_stream timestamptz; -- both only say something while removed_why is not ''
ALTER TABLE access ADD COLUMN ended_sequence bigint;
CREATE INDEX access_ended ON access (firm_id, email) WHERE removed_why <> '';
INSERT INTO migrations (migration, least_worker) VALUES (55, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 55;
DROP INDEX access_ended;
ALTER TABLE access DROP COLUMN ended_sequence;
ALTER TABLE access DROP COLUMN ended_stream;
ALTER TABLE clients DROP COLUMN contacts_before;
ALTER TABLE contacts DROP COLUMN emails_before;
