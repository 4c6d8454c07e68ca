-- Finds a firm's invites that have not left yet, to answer how long its mails wait.

-- +goose Up
CREATE INDEX invites_waiting ON invites (firm_id, lane) WHERE state IN ('queued', 'sending');

-- +goose Down
DROP INDEX invites_waiting;
