-- A firm may remove a message template. Its row stays, so that an older fact does not bring it back.

-- +goose Up
ALTER TABLE templates ADD COLUMN removed boolean NOT NULL DEFAULT false;
-- Finds the recipients of a replay. Those of any other run are found by their ids, which begin with the run's time.
CREATE INDEX invites_of_replay ON invites (replay_id, invite_id) WHERE replay_id IS NOT NULL;
INSERT INTO migrations (migration, least_worker) VALUES (84, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 84;
DROP INDEX invites_of_replay;
ALTER TABLE templates DROP COLUMN removed;
