-- Access that ended long ago is deleted with the invite behind it, so that nothing stays of people who have left (ADR 145).

-- +goose Up
CREATE INDEX access_over ON access (firm_id, client_id, person) WHERE state IN ('expired', 'removed');
INSERT INTO migrations (migration, least_worker) VALUES (66, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 66;
DROP INDEX access_over;
