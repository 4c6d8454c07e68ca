-- An index gets no entries that no query looks for.

-- +goose Up
ALTER TABLE outbox DROP CONSTRAINT outbox_pkey, ADD PRIMARY KEY (worker_id, outbox_id);
DROP INDEX outbox_by_worker;

DROP INDEX invites_fixable_of_run;
CREATE INDEX invites_fixable_of_run ON invites (run_id, invite_id) WHERE run_id IS NOT NULL AND state IN ('skipped', 'failed') AND NOT settled;

-- +goose Down
DROP INDEX invites_fixable_of_run;
CREATE INDEX invites_fixable_of_run ON invites (run_id, invite_id) WHERE state IN ('skipped', 'failed') AND NOT settled;

ALTER TABLE outbox DROP CONSTRAINT outbox_pkey, ADD PRIMARY KEY (outbox_id);
CREATE INDEX outbox_by_worker ON outbox (worker_id, outbox_id);
