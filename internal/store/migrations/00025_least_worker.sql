-- Which workers may run on this schema (ADR 96). Each migration from this one on adds a row. A worker of an older
-- version does not have the newer files. It learns from the rows whether it may run.

-- +goose Up
CREATE TABLE migrations (
    migration    bigint PRIMARY KEY,
    least_worker bigint NOT NULL -- the migration that a worker must know to run from now on; 0: any worker may run
);
INSERT INTO migrations (migration, least_worker) VALUES (25, 0);

-- +goose Down
DROP TABLE migrations;
