-- How far each firm's facts are applied. Any worker may apply a firm's facts out of turn: the facts stage, or a stage
-- whose request waits for them. Whoever applies facts that say who has access locks the firm's row, so these facts are
-- applied in the stream's order. A firm has no row before that. The row lags behind where other facts were applied.

-- +goose Up
CREATE TABLE fact_floors (
    firm_id  text COLLATE "C" PRIMARY KEY,
    stream   timestamptz NOT NULL, -- every fact of the firm up to this position is applied
    sequence bigint NOT NULL
);

-- +goose Down
DROP TABLE fact_floors;
