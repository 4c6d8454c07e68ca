-- Finds the dead letters of an event by its source and id, to say what became of it (ADR 161).

-- +goose Up
CREATE INDEX dead_letters_by_event ON dead_letters (firm_id, source, event_id);
INSERT INTO migrations (migration, least_worker) VALUES (85, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 85;
DROP INDEX dead_letters_by_event;
