-- One lane of a firm can be paused (ADR 174). Workers from before would take that for a pause of both lanes, and could
-- pause no firm any more, so they must not run.

-- +goose Up
ALTER TABLE firm_pauses ADD COLUMN lane text COLLATE "C" NOT NULL DEFAULT ''   -- '': both
    CHECK (lane IN ('', 'individual', 'bulk'));
ALTER TABLE firm_pauses DROP CONSTRAINT firm_pauses_pkey, ADD PRIMARY KEY (firm_id, lane);
INSERT INTO migrations (migration, least_worker) VALUES (91, 91);

-- +goose Down
DELETE FROM migrations WHERE migration = 91;
DELETE FROM firm_pauses WHERE lane <> '';
ALTER TABLE firm_pauses DROP CONSTRAINT firm_pauses_pkey, ADD PRIMARY KEY (firm_id);
ALTER TABLE firm_pauses DROP COLUMN lane;
