-- What the stream of events has deleted before it was handled, because no worker ran for as long as it keeps events, or
-- because one stood still (ADR 144).

-- +goose Up
ALTER TABLE durable_floors
    ADD COLUMN place bigint,         -- what the durable gets of the stream is handled up to here; NULL: not noted yet
    ADD COLUMN place_at timestamptz; -- when that was noted
CREATE TABLE event_gaps (
    created         timestamptz NOT NULL, -- when the broker created the stream
    durable         text NOT NULL,
    first_sequence  bigint NOT NULL,      -- the first that the durable had not handled,
    last_sequence   bigint NOT NULL,      -- and the last before what the stream still has
    handled_at      timestamptz NOT NULL, -- when the durable was last known to be at the first
    kept_from       timestamptz,          -- when the oldest event came that the stream still has; NULL: it had none
    noticed_at      timestamptz NOT NULL DEFAULT now(),
    acknowledged_at timestamptz,
    acknowledged_by text NOT NULL DEFAULT '',
    PRIMARY KEY (created, durable, first_sequence)
);
INSERT INTO migrations (migration, least_worker) VALUES (65, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 65;
DROP TABLE event_gaps;
ALTER TABLE durable_floors DROP COLUMN place_at, DROP COLUMN place;
