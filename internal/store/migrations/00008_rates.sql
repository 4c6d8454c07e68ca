-- How fast mails may leave, for all processes together.

-- +goose Up
-- A token bucket for each lane. Each mail takes a token, and SMTP_RATE says how fast tokens come. The table is
-- unlogged, because workers ask several times a second. A crash of Postgres loses no more than the tokens of one
-- second.
CREATE UNLOGGED TABLE lane_rates (
    lane        text PRIMARY KEY,
    tokens      double precision NOT NULL,
    granted     integer NOT NULL,    -- to the worker that asked last
    refilled_at timestamptz NOT NULL
);

-- When the next mail to a recipient domain may leave. A worker that takes mails to the domain moves this time on, for
-- each mail by the pause that SMTP_DOMAIN_RATE sets (the generic cell rate algorithm, with the time as its only state).
CREATE TABLE domain_rates (
    domain    text COLLATE "C" PRIMARY KEY,
    first     timestamptz NOT NULL, -- the first of the times that were reserved last
    next_free timestamptz NOT NULL
);
-- The time that was reserved for a mail. A mail with such a time does not queue for its domain a second time.
ALTER TABLE invites ADD COLUMN slot_at timestamptz;

-- +goose Down
ALTER TABLE invites DROP COLUMN slot_at;
DROP TABLE domain_rates, lane_rates;
