-- How many mails each firm has sent in the last hour, if that is limited, and when the next ones may leave (ADR 153). A
-- claim passes over firms whose time has not come.

-- +goose Up
CREATE TABLE firm_rates (
    firm_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,            -- a transaction that has read another version decides again
    rate jsonb NOT NULL,                -- rules.FirmRate
    individual_at timestamptz NOT NULL, -- when the next individual mail may leave
    bulk_at timestamptz NOT NULL,       -- when the next mail of a run or a reminder may leave
    until timestamptz NOT NULL
);
CREATE INDEX firm_rates_individual_at ON firm_rates (individual_at);
CREATE INDEX firm_rates_bulk_at ON firm_rates (bulk_at);
INSERT INTO migrations (migration, least_worker) VALUES (71, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 71;
DROP TABLE firm_rates;
