-- A claim takes the first few due invites of a run. All invites of a page are due at the same time, and are sorted by
-- invite_id within it. With the id in the index, a claim reads the invites that it takes and no others.

-- +goose Up
CREATE INDEX invites_due_in_order ON invites (lane, run_id, next_attempt_at, invite_id) WHERE state = 'queued';
DROP INDEX invites_due;

-- +goose Down
CREATE INDEX invites_due ON invites (lane, run_id, next_attempt_at) WHERE state = 'queued';
DROP INDEX invites_due_in_order;
