-- Each firm's mails leave by its sender (ADR 113), and the senders stand apart in the queue. Workers from before claim
-- without looking at the sender, and would send by the default sender. So they must not run any more.

-- +goose Up
ALTER TABLE firms ADD COLUMN sender text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE invites ADD COLUMN sender text COLLATE "C" NOT NULL DEFAULT ''; -- '': the default sender
DROP INDEX invites_in_turns;
CREATE INDEX invites_in_turns ON invites
    (lane, sender, firm_id, (coalesce(run_id, '00000000-0000-0000-0000-000000000000'::uuid)), next_attempt_at, invite_id)
    WHERE state = 'queued';
-- Each sender has its own rates.
ALTER TABLE lane_rates
    ADD COLUMN sender text COLLATE "C" NOT NULL DEFAULT '',
    DROP CONSTRAINT lane_rates_pkey,
    ADD PRIMARY KEY (lane, sender);
ALTER TABLE domain_rates
    ADD COLUMN sender text COLLATE "C" NOT NULL DEFAULT '',
    DROP CONSTRAINT domain_rates_pkey,
    ADD PRIMARY KEY (domain, sender);
INSERT INTO migrations (migration, least_worker) VALUES (51, 51);

-- +goose Down
DELETE FROM migrations WHERE migration = 51;
DELETE FROM domain_rates WHERE sender <> '';
ALTER TABLE domain_rates DROP CONSTRAINT domain_rates_pkey, DROP COLUMN sender, ADD PRIMARY KEY (domain);
DELETE FROM lane_rates WHERE sender <> '';
ALTER TABLE lane_rates DROP CONSTRAINT lane_rates_pkey, DROP COLUMN sender, ADD PRIMARY KEY (lane);
DROP INDEX invites_in_turns;
CREATE INDEX invites_in_turns ON invites
    (lane, firm_id, (coalesce(run_id, '00000000-0000-0000-0000-000000000000'::uuid)), next_attempt_at, invite_id)
    WHERE state = 'queued';
ALTER TABLE invites DROP COLUMN sender;
ALTER TABLE firms DROP COLUMN sender;
