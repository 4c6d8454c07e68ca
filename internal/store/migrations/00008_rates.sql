-- How fast mails leave, over all processes together.

-- +goose Up
-- A token bucket for each lane: a mail takes a token, and SMTP_RATE says how fast they come. Unlogged, since workers ask several
-- times a second: what a crash of Postgres loses is a second's worth of rate.
CREATE UNLOGGED TABLE lane_rates (
    lane        text PRIMARY KEY,
    tokens      double precision NOT NULL,
    granted     integer NOT NULL,    -- to whoever asked last
    refilled_at timestamptz NOT NULL
);

-- When the next mail may leave for a recipient domain. Whoever takes mails for it moves this on by SMTP_DOMAIN_RATE's share
-- for each (the generic cell rate algorithm, with the time as its only state).
CREATE TABLE domain_rates (
    domain    text COLLATE "C" PRIMARY KEY,
    first     timestamptz NOT NULL, -- of the times reserved last
    next_free timestamptz NOT NULL
);
-- The time that was reserved for a mail, so that it does not queue for its domain a second time.
ALTER TABLE invites ADD COLUMN slot_at timestamptz;

-- +goose Down
ALTER TABLE invites DROP COLUMN slot_at;
DROP TABLE domain_rates, lane_rates;
