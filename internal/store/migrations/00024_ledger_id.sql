-- The id of this database as a ledger (ADR 92). The streams of the broker carry it, too. So a worker with another
-- database notices that the streams are not its own. The first worker chooses the id.

-- +goose Up
CREATE TABLE ledger (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id       uuid NOT NULL
);

-- +goose Down
DROP TABLE ledger;
