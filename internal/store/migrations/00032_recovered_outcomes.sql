-- What an operator's recover has read from the stream of outcomes, because this database went back and had lost it
-- (ADR 107). The rows stay: a decision that finds its outcome here takes it, and an outcome that is here is not published
-- again.

-- +goose Up
CREATE TABLE recovered_outcomes (
    event_id   text COLLATE "C" PRIMARY KEY,
    sequence   bigint NOT NULL, -- in the stream of outcomes
    type       text NOT NULL,
    about      uuid NOT NULL, -- the invite, or the run
    firm_id    text COLLATE "C" NOT NULL,
    client_id  text COLLATE "C" NOT NULL,
    contact_id text COLLATE "C" NOT NULL,
    number     integer NOT NULL, -- an invite's revision, or the number of a run's event; 0: neither
    data       jsonb NOT NULL
);
CREATE INDEX recovered_outcomes_about ON recovered_outcomes (about);
CREATE INDEX recovered_removals ON recovered_outcomes (firm_id, client_id, contact_id) WHERE type = 'AccessRemoved';
ALTER TABLE outcome_streams ADD COLUMN recovered_to bigint; -- how far the lost outcomes are read; NULL: none are being read
ALTER TABLE runs ADD COLUMN reported boolean NOT NULL DEFAULT false; -- its completion is among the recovered outcomes

-- Up to where everything that a durable has delivered is in this database. In a backup, it is true as well.
CREATE TABLE durable_floors (
    created  timestamptz NOT NULL, -- when the broker created the stream of events
    durable  text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (created, durable)
);
INSERT INTO migrations (migration, least_worker) VALUES (32, 32);

-- +goose Down
DELETE FROM migrations WHERE migration = 32;
DROP TABLE durable_floors;
ALTER TABLE runs DROP COLUMN reported;
ALTER TABLE outcome_streams DROP COLUMN recovered_to;
DROP TABLE recovered_outcomes;
