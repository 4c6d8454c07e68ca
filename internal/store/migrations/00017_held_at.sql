-- Since when an invite waits for a ruling (INVITE_ON_UNKNOWN=hold). It stays queued, and does not come due. Before, it
-- was due in the year 9999, which was written in two indexes and in every query for held invites.

-- +goose Up
ALTER TABLE invites ADD COLUMN held_at timestamptz,
    ADD CONSTRAINT held_is_queued_and_never_due CHECK (held_at IS NULL OR state = 'queued' AND next_attempt_at IS NULL);
UPDATE invites i SET next_attempt_at = NULL, held_at = coalesce(
    (SELECT finished_at FROM attempts a WHERE a.invite_id = i.invite_id AND a.attempt = i.attempt), now())
WHERE state = 'queued' AND next_attempt_at >= '9999-01-01Z';
DROP INDEX invites_held, invites_held_by_firm;
CREATE INDEX invites_held ON invites (lane, invite_id) WHERE held_at IS NOT NULL;
CREATE INDEX invites_held_by_firm ON invites (firm_id) WHERE held_at IS NOT NULL;

-- +goose Down
DROP INDEX invites_held_by_firm, invites_held;
ALTER TABLE invites DROP CONSTRAINT held_is_queued_and_never_due;
UPDATE invites SET next_attempt_at = '9999-01-01Z' WHERE held_at IS NOT NULL;
ALTER TABLE invites DROP COLUMN held_at;
CREATE INDEX invites_held ON invites (lane, invite_id) WHERE state = 'queued' AND next_attempt_at >= '9999-01-01Z';
CREATE INDEX invites_held_by_firm ON invites (firm_id) WHERE state = 'queued' AND next_attempt_at >= '9999-01-01Z';
