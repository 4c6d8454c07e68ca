-- What of a firm has not left yet, for whoever asks how long its mails wait.

-- +goose Up
CREATE INDEX invites_waiting ON invites (firm_id, lane) WHERE state IN ('queued', 'sending');

-- +goose Down
DROP INDEX invites_waiting;
