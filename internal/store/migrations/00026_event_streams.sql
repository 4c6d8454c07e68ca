-- What the ledger knows about the stream of events, to notice that the stream went back (ADR 98). A broker that was
-- restored, or that lost its last messages in a power cut, gives sequences again that were used before.

-- +goose Up
CREATE TABLE event_streams (
    created       timestamptz PRIMARY KEY, -- when the broker created the stream
    last_sequence bigint NOT NULL, -- the highest that a worker has been given
    last_time     bigint NOT NULL, -- when the broker stored that message, in nanoseconds
    newest_time   bigint NOT NULL, -- the greatest such time of any message: they need not rise with the sequences
    -- The epochs of the stream, the oldest first. A position has the epoch's time before its sequence.
    firsts        bigint[] NOT NULL,      -- the first sequence of each epoch
    begins        timestamptz[] NOT NULL, -- when each epoch began; the first one with the stream
    CHECK (cardinality(firsts) = cardinality(begins) AND cardinality(firsts) > 0)
);
INSERT INTO migrations (migration, least_worker) VALUES (26, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 26;
DROP TABLE event_streams;
