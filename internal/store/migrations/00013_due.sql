-- A claim takes the first few invites of a run that are due. They are sorted by invite_id within one moment, since the invites of a
-- page are all due at the same one: with the id in the index, a claim reads those it takes and no others.

-- +goose Up
CREATE INDEX invites_due_in_order ON invites (lane, run_id, next_attempt_at, invite_id) WHERE state = 'queued';
DROP INDEX invites_due;

-- +goose Down
CREATE INDEX invites_due ON invites (lane, run_id, next_attempt_at) WHERE state = 'queued';
DROP INDEX invites_due_in_order;
