-- Claims take turns among firms, in both lanes (ADR 81). A claim finds the firms and runs that have something to send by
-- jumping from one to the next in this index. Individual invites have no run, and a comparison of rows can't jump over
-- NULL. So the index has the smallest uuid in its place.

-- +goose Up
CREATE INDEX invites_in_turns ON invites
    (lane, firm_id, (coalesce(run_id, '00000000-0000-0000-0000-000000000000'::uuid)), next_attempt_at, invite_id)
    WHERE state = 'queued';
DROP INDEX invites_due_in_order;

-- +goose Down
CREATE INDEX invites_due_in_order ON invites (lane, run_id, next_attempt_at, invite_id) WHERE state = 'queued';
DROP INDEX invites_in_turns;
