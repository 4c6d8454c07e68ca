-- What the facts on the stream say about the contact of a recovered outcome, whose email the outcome only shows masked.
-- And reminders: no stream has them, since they are requests of the pipeline's own. A reminder that comes due again finds
-- by its id that it was sent before the database went back (ADR 104).

-- +goose Up
ALTER TABLE recovered_outcomes ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE recovered_outcomes ADD COLUMN email text NOT NULL DEFAULT ''; -- '' if no fact has one that looks like this
CREATE INDEX recovered_contacts ON recovered_outcomes (firm_id, contact_id);
CREATE INDEX recovered_causes ON recovered_outcomes ((data->'cause'->>'id'))
	WHERE data->'cause'->>'source' = 'portal-invites';
INSERT INTO migrations (migration, least_worker) VALUES (49, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 49;
DROP INDEX recovered_causes;
DROP INDEX recovered_contacts;
ALTER TABLE recovered_outcomes DROP COLUMN email;
ALTER TABLE recovered_outcomes DROP COLUMN name;
