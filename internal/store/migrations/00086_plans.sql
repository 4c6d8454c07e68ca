-- A plan keeps whom an explanation of a selection would have mailed. A run with a plan, or with max_recipients, holds
-- its mails until its walk has ended (ADR 169). Workers from before would send them at once, so they must not run any
-- more.

-- +goose Up
CREATE TABLE plans (
    plan_id    uuid PRIMARY KEY,
    firm_id    text COLLATE "C" NOT NULL,
    selection  bytea NOT NULL,             -- a hash of what was explained
    recipients bytea NOT NULL,             -- a keyed hash of 16 octets for each, sorted
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
ALTER TABLE plans ALTER COLUMN recipients SET STORAGE EXTERNAL; -- hashes can't be compressed
CREATE INDEX plans_of_firm ON plans (firm_id, created_at);
CREATE INDEX plans_expired ON plans (expires_at);

ALTER TABLE runs
    ADD COLUMN plan_id             uuid,                              -- NULL: none
    ADD COLUMN max_recipients      integer NOT NULL DEFAULT 0,        -- 0: as many as there are
    ADD COLUMN holds               boolean NOT NULL DEFAULT false,    -- no mail of it leaves before its walk has ended
    ADD COLUMN not_planned         integer NOT NULL DEFAULT 0,        -- recipients who are not in the plan
    ADD COLUMN not_planned_invites uuid[] NOT NULL DEFAULT '{}';      -- the first of them
CREATE INDEX runs_holding ON runs (run_id) WHERE holds;
INSERT INTO migrations (migration, least_worker) VALUES (86, 86);

-- +goose Down
DELETE FROM migrations WHERE migration = 86;
DROP INDEX runs_holding;
ALTER TABLE runs DROP COLUMN plan_id, DROP COLUMN max_recipients, DROP COLUMN holds, DROP COLUMN not_planned,
    DROP COLUMN not_planned_invites;
DROP TABLE plans;
